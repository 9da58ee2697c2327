//! The error codes of OAuth 2.0, DPoP, wallet attestation and OpenID4VCI in words: what each means for the person, and what to do.

use crate::error::{Explained, Side};

/// Every code that a specification gives to an authorization server or credential issuer: code, slug, side, sentences.
const CODES: &[(&str, &str, Side, &str, &str)] = &[
    // RFC 6749 sections 4.1.2.1 and 5.2
    (
        "access_denied",
        "sign-in-declined",
        Side::You,
        "您或部门取消了登录，未领取任何凭证。如需领取，请重新开始。",
        "You or the department ended the sign-in, and nothing was received. Start again if you want the credential.",
    ),
    (
        "invalid_request",
        "issuer-invalid-request",
        Side::Wallet,
        "部门认为钱包的请求格式有误。请更新钱包后重试；如仍失败，请联系部门。",
        "The department finds the wallet's request malformed. Update the wallet and try again; if it persists, tell the department.",
    ),
    (
        "invalid_client",
        "issuer-invalid-client",
        Side::Department,
        "部门不认可此钱包。请询问部门支持哪些钱包。",
        "The department does not accept this wallet. Ask it which wallets it takes.",
    ),
    (
        "invalid_grant",
        "issuer-invalid-grant",
        Side::You,
        "领取授权已使用或已过期。请重新开始。",
        "The permission to receive was used or has expired. Start again.",
    ),
    (
        "unauthorized_client",
        "issuer-unauthorized-client",
        Side::Department,
        "部门不允许此钱包这样领取凭证。请询问部门。",
        "The department does not let this wallet receive credentials in this way. Ask it.",
    ),
    (
        "unsupported_grant_type",
        "issuer-unsupported-grant",
        Side::Department,
        "部门不支持这种领取方式。请向部门索取新的链接。",
        "The department does not support this way of receiving. Ask it for a new offer.",
    ),
    (
        "unsupported_response_type",
        "issuer-unsupported-response",
        Side::Department,
        "部门不支持钱包的登录方式。请联系部门。",
        "The department does not support the wallet's way of signing in. Tell it.",
    ),
    (
        "invalid_scope",
        "issuer-invalid-scope",
        Side::Department,
        "部门不提供所请求的凭证。请向部门确认。",
        "The department does not offer what was asked for. Ask it.",
    ),
    (
        "server_error",
        "issuer-server-error",
        Side::Department,
        "部门的系统出现错误。请稍后再试。",
        "The department's system failed. Try again later.",
    ),
    (
        "temporarily_unavailable",
        "issuer-busy",
        Side::Department,
        "部门的系统暂时繁忙。请稍后再试。",
        "The department's system is busy. Try again in a moment.",
    ),
    // RFC 6750 section 3.1
    (
        "invalid_token",
        "issuer-invalid-token",
        Side::Department,
        "领取授权已失效。请重新开始；如仍失败，请联系部门。",
        "The permission to receive is no longer good. Start again; if it persists, tell the department.",
    ),
    (
        "insufficient_scope",
        "issuer-insufficient-scope",
        Side::Department,
        "领取授权不包括这个凭证。请联系部门。",
        "The permission does not include this credential. Tell the department.",
    ),
    // RFC 8707, RFC 9126, RFC 9396
    (
        "invalid_target",
        "issuer-invalid-target",
        Side::Department,
        "部门的登录系统不认识签发方。请联系部门。",
        "The department's sign-in does not know the issuer. Tell the department.",
    ),
    (
        "invalid_authorization_details",
        "issuer-invalid-details",
        Side::Department,
        "部门不提供所请求的凭证。请向部门确认。",
        "The department does not offer what was asked for. Ask it.",
    ),
    // RFC 9449
    (
        "invalid_dpop_proof",
        "issuer-invalid-proof-of-token",
        Side::Wallet,
        "部门未接受钱包的密钥证明。请检查本机时间后重试。",
        "The department did not take the wallet's proof of its key. Check this device's clock and try again.",
    ),
    (
        "use_dpop_nonce",
        "issuer-nonce-loop",
        Side::Department,
        "部门反复要求新的随机数，已停止。请稍后再试；如仍失败，请联系部门。",
        "The department kept asking for new nonces, and the wallet stopped. Try again later; if it persists, tell it.",
    ),
    // draft-ietf-oauth-attestation-based-client-auth
    (
        "invalid_client_attestation",
        "wallet-attestation-refused",
        Side::Wallet,
        "部门未接受此钱包的证明。请更新钱包后重试。",
        "The department did not take this wallet's attestation. Update the wallet and try again.",
    ),
    (
        "use_attestation_challenge",
        "issuer-challenge-loop",
        Side::Department,
        "部门反复要求新的质询，已停止。请联系部门。",
        "The department kept asking for new challenges, and the wallet stopped. Tell the department.",
    ),
    (
        "use_fresh_attestation",
        "wallet-attestation-old",
        Side::Wallet,
        "此钱包的证明已过期。请联网更新后重试。",
        "This wallet's attestation is too old. Go online, update, and try again.",
    ),
    // OpenID4VCI section 8.3.1.2
    (
        "invalid_credential_request",
        "issuer-invalid-credential-request",
        Side::Wallet,
        "部门认为钱包的领取请求有误。请更新钱包后重试；如仍失败，请联系部门。",
        "The department finds the wallet's credential request wrong. Update the wallet and try again; if it persists, tell the department.",
    ),
    (
        "unknown_credential_configuration",
        "issuer-unknown-credential",
        Side::Department,
        "部门不再提供这种凭证。请向部门索取新的链接。",
        "The department does not issue this kind of credential any more. Ask it for a new offer.",
    ),
    (
        "unknown_credential_identifier",
        "issuer-unknown-credential",
        Side::Department,
        "部门找不到为您准备的凭证。请向部门索取新的链接。",
        "The department does not find the credential that it prepared. Ask it for a new offer.",
    ),
    (
        "invalid_proof",
        "issuer-invalid-proof",
        Side::Wallet,
        "部门未接受钱包的密钥证明。请检查本机时间后重试；如仍失败，请更新钱包。",
        "The department did not take the proofs of the wallet's keys. Check this device's clock and try again; if it persists, update the wallet.",
    ),
    (
        "invalid_nonce",
        "issuer-invalid-nonce",
        Side::Department,
        "部门一再认为随机数过期，已停止。请稍后再试。",
        "The department kept finding the nonce too old, and the wallet stopped. Try again in a moment.",
    ),
    (
        "invalid_encryption_parameters",
        "issuer-encryption",
        Side::Department,
        "部门要求的加密方式钱包不支持。请联系部门。",
        "The department wants an encryption that the wallet does not do. Tell the department.",
    ),
    (
        "credential_request_denied",
        "credential-denied",
        Side::Department,
        "部门拒绝签发这个凭证，再次尝试不会有不同结果。请向部门询问原因。",
        "The department will not issue this credential, and trying again will not change that. Ask it for the reason.",
    ),
    // OpenID4VCI section 9.3
    (
        "invalid_transaction_id",
        "issuance-unknown",
        Side::Department,
        "部门已不认识这次领取，或者凭证已被领取。请向部门询问。",
        "The department does not know this issuance any more, or the credential was fetched. Ask it.",
    ),
    // OpenID4VCI section 11.3
    (
        "invalid_notification_id",
        "issuer-notification",
        Side::Department,
        "部门未接受领取回执，您的凭证不受影响。",
        "The department did not take the word that you have the credential. Your credential is not affected.",
    ),
    (
        "invalid_notification_request",
        "issuer-notification",
        Side::Department,
        "部门未接受领取回执，您的凭证不受影响。",
        "The department did not take the word that you have the credential. Your credential is not affected.",
    ),
];

/// The code in words, if a specification has it.
pub(super) fn explain(code: &str) -> Option<Explained> {
    let known = CODES.iter().find(|(known, ..)| *known == code)?;
    let (_, slug, side, zh, en) = *known;
    Some(Explained::new(slug, side, zh, en))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_one_entry_with_both_sentences() {
        let mut codes: Vec<&str> = CODES.iter().map(|(code, ..)| *code).collect();
        codes.sort_unstable();
        let all = codes.len();
        codes.dedup();
        assert_eq!(codes.len(), all);
        assert!(CODES.iter().all(|(_, slug, _, zh, en)| !slug.is_empty() && zh.ends_with('。') && en.ends_with('.')));
        assert!(explain("invalid_nonce").is_some() && explain("made_up").is_none());
    }
}
