//! What can go wrong between an offer and a credential in the vault.

use clients::http::HttpError;
use identity::sd_jwt::SdJwtError;
use ledger::records::AttestationStatus;

use super::{ProviderError, codes};
use crate::error::{Explained, Side, explain_http};

/// Why no credential was received.
#[derive(Debug, thiserror::Error)]
pub enum IssuanceError {
    /// The offer cannot be used: no pre-authorized code, nothing offered, or malformed.
    #[error("the offer cannot be used: {0}")]
    Offer(&'static str),
    /// The offer needs a PIN and none was given.
    #[error("the offer needs a PIN")]
    PinNeeded,
    /// The PIN is wrong, or the offer is used up or over.
    #[error("the issuer did not take the code and PIN")]
    PinOrOffer,
    /// The credential is received by signing in at the department.
    #[error("the credential is received by signing in")]
    SignInNeeded,
    /// The department's permission is over.
    #[error("the permission to receive is over")]
    SignInAgain,
    /// The browser came back with an answer that no request of this wallet has, or twice with the same.
    #[error("the answer belongs to no request of this wallet")]
    UnknownAuthorization,
    /// The browser came back with an answer that is not the server's to the request.
    #[error("the answer is not the department's: {0}")]
    AuthorizationAnswer(&'static str),
    /// The department's sign-in ended with an error.
    #[error("the sign-in ended with {code}")]
    Authorization {
        /// The error code of OAuth or OpenID.
        code: String,
    },
    /// The issuer takes only wallets that a provider vouches for, or that have another way to authenticate.
    #[error("the issuer takes only wallets that a provider vouches for")]
    ClientAuthentication,
    /// The issuer takes only keys that a provider vouches for.
    #[error("the issuer takes only keys that a provider vouches for")]
    KeyAttestation,
    /// The wallet's provider did not vouch for it.
    #[error("the wallet's provider did not vouch for it")]
    Provider(#[source] ProviderError),
    /// The issuer makes the credential later; the wallet asks again.
    #[error("the issuer makes the credential later")]
    Deferred {
        /// Seconds until it may be asked.
        wait_seconds: u64,
    },
    /// No issuance of this id is under way.
    #[error("no such issuance is under way")]
    UnknownIssuance,
    /// The issuer gives new copies only for a new offer.
    #[error("the issuer gives no new copies without a new offer")]
    RenewalNotOffered,
    /// The issuer's metadata does not fit the offer.
    #[error("the issuer's metadata does not fit its offer: {0}")]
    Metadata(&'static str),
    /// The issuer did not answer, or refused.
    #[error("the issuer did not give the credential")]
    Issuer(#[source] HttpError),
    /// The attestation was not final in time; the same call goes on later.
    #[error("the issuer's attestation is not final yet")]
    NotYet,
    /// What the issuer sent is not accepted. Nothing of it was kept.
    #[error("the credential was refused: {0}")]
    Rejected(#[source] Rejection),
    /// No credential of this id.
    #[error("there is no credential {0}")]
    UnknownCredential(String),
}

/// Why a received credential is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum Rejection {
    /// Another number of credentials than keys were proven.
    #[error("the issuer sent another number of credentials than were asked for")]
    Count,
    /// It does not verify.
    #[error("it does not verify: {0}")]
    SdJwt(#[source] SdJwtError),
    /// Its certificate chain does not lead to a trust anchor of the city.
    #[error("its certificate is not trusted: {0}")]
    Chain(String),
    /// It is bound to a key that the wallet did not prove, or two are bound to the same.
    #[error("it is bound to another key")]
    HolderKey,
    /// It is of another type than was offered.
    #[error("it is of another type than was offered")]
    Type,
    /// It names another issuer than the offer.
    #[error("it names another issuer than the offer")]
    Issuer,
    /// It lacks the claims that tie it to the ledger, or they are malformed.
    #[error("it does not say where it stands on the ledger")]
    LedgerClaims,
    /// It belongs to another ledger.
    #[error("it belongs to another ledger")]
    OtherLedger,
    /// The ledger has no such authority.
    #[error("the ledger does not know its issuer")]
    UnknownAuthority,
    /// The authority's issuing service is elsewhere.
    #[error("its issuer's address is not the one on the ledger")]
    Address,
    /// The signing key is not one of the authority's.
    #[error("its signing key is not one of the authority's keys on the ledger")]
    SigningKey,
    /// The authority is not accredited for the type.
    #[error("its issuer is not accredited for this type")]
    NotAccredited,
    /// The ledger has no such attestation.
    #[error("the ledger has no record of it")]
    NoRecord,
    /// The record is about something else.
    #[error("the record on the ledger is about something else: {0}")]
    RecordDiffers(&'static str),
    /// The record is not active.
    #[error("the record on the ledger is not active")]
    Status(AttestationStatus),
    /// It is not valid now.
    #[error("it is not valid now")]
    Period,
    /// A claim about the citizen could not be withheld.
    #[error("the claim {0} could not be withheld from anybody")]
    AlwaysPlain(String),
    /// A claim is not what was declared.
    #[error("the claim {0} is not what was declared")]
    Claim(String),
}

impl Rejection {
    /// What programs switch on.
    pub fn slug(&self) -> &'static str {
        match self {
            Self::Count => "credential-count",
            Self::SdJwt(_) => "credential-does-not-verify",
            Self::Chain(_) => "credential-certificate-untrusted",
            Self::HolderKey => "credential-bound-to-another-key",
            Self::Type => "credential-of-another-type",
            Self::Issuer => "credential-of-another-issuer",
            Self::LedgerClaims => "credential-without-ledger-claims",
            Self::OtherLedger => "credential-of-another-ledger",
            Self::UnknownAuthority => "issuer-unknown",
            Self::Address => "issuer-address-differs",
            Self::SigningKey => "issuer-key-unknown",
            Self::NotAccredited => "issuer-not-accredited",
            Self::NoRecord => "attestation-missing",
            Self::RecordDiffers(_) => "attestation-differs",
            Self::Status(_) => "attestation-not-active",
            Self::Period => "credential-not-valid-now",
            Self::AlwaysPlain(_) => "credential-claim-always-plain",
            Self::Claim(_) => "credential-claim-differs",
        }
    }

    fn in_chinese(&self) -> String {
        match self {
            Self::Count => "数量与申请的不符".to_owned(),
            Self::SdJwt(error) => format!("验证未通过：{error}"),
            Self::Chain(why) => format!("证书不受信任：{why}"),
            Self::HolderKey => "绑定的不是本钱包的密钥".to_owned(),
            Self::Type => "类型与提供的不符".to_owned(),
            Self::Issuer => "签发方与提供方不符".to_owned(),
            Self::LedgerClaims => "缺少账本凭据".to_owned(),
            Self::OtherLedger => "属于另一个账本".to_owned(),
            Self::UnknownAuthority => "账本上没有该签发方".to_owned(),
            Self::Address => "签发方地址与账本不符".to_owned(),
            Self::SigningKey => "签名密钥不在账本登记之列".to_owned(),
            Self::NotAccredited => "签发方无权签发此类凭证".to_owned(),
            Self::NoRecord => "账本上没有对应的认证记录".to_owned(),
            Self::RecordDiffers(_) => "账本上的认证记录与之不符".to_owned(),
            Self::Status(_) => "账本上的认证记录不是有效状态".to_owned(),
            Self::Period => "不在有效期内".to_owned(),
            Self::AlwaysPlain(name) => format!("“{}”无法选择不出示", crate::labels::claim(name).zh),
            Self::Claim(name) => format!("“{}”与您申报的不一致", crate::labels::claim(name).zh),
        }
    }
}

impl IssuanceError {
    /// The error in words.
    pub fn explain(&self) -> Explained {
        match self {
            Self::SignInNeeded
            | Self::SignInAgain
            | Self::UnknownAuthorization
            | Self::AuthorizationAnswer(_)
            | Self::Authorization { .. } => self.explain_sign_in(),
            Self::ClientAuthentication | Self::KeyAttestation | Self::Provider(_) => self.explain_attestation(),
            Self::Deferred { .. } | Self::UnknownIssuance | Self::RenewalNotOffered => self.explain_later(),
            Self::Offer(why) => Explained::new(
                "offer-unusable",
                Side::Department,
                format!("这个领取链接无法使用（{why}）。请向部门索取新的链接。"),
                format!("This offer cannot be used: {why}. Ask the department for a new one."),
            ),
            Self::PinNeeded => Explained::new(
                "pin-needed",
                Side::You,
                "领取此凭证需要 PIN。请输入办事人员给您的 PIN。",
                "This credential needs a PIN. Enter the one that the clerk gave you.",
            ),
            Self::PinOrOffer => Explained::new(
                "pin-or-offer-refused",
                Side::You,
                "PIN 不正确，或者此链接已使用或已过期。请核对 PIN；多次错误后链接会失效，请向部门索取新的链接。",
                "The PIN is wrong, or the offer was used or has expired. Check the PIN; after several wrong ones the offer is void and the department must make a new one.",
            ),
            Self::Metadata(why) => Explained::new(
                "issuer-metadata",
                Side::Department,
                format!("签发方的说明与领取链接不符（{why}），已停止，未接收任何内容。请联系部门。"),
                format!(
                    "What the issuer says of itself does not fit its offer: {why}. The wallet stopped and took nothing. Tell the department."
                ),
            ),
            Self::Issuer(error) => error.code().and_then(codes::explain).unwrap_or_else(|| explain_http(Side::Department, error)),
            Self::NotYet => Explained::new(
                "attestation-not-final",
                Side::Department,
                "部门的认证尚未在账本上确认。您的密钥已保存，请稍候重试，不会重复签发。",
                "The department's attestation is not final on the ledger yet. Your keys are kept; try again in a moment, nothing is issued twice.",
            ),
            Self::Rejected(rejection) => Explained::new(
                rejection.slug(),
                Side::Department,
                format!("收到的凭证未被接受（{}），未保存。请联系签发部门。", rejection.in_chinese()),
                format!("The credential was refused and not kept: {rejection}. Tell the issuing department."),
            ),
            Self::UnknownCredential(_) => Explained::new(
                "credential-unknown",
                Side::You,
                "钱包中没有这个凭证。请查看凭证列表。",
                "The wallet has no such credential. See the list of credentials.",
            ),
        }
    }

    fn explain_sign_in(&self) -> Explained {
        match self {
            Self::Authorization { code } => codes::explain(code).unwrap_or_else(|| {
                Explained::new(
                    "sign-in-failed",
                    Side::Department,
                    format!("在部门的登录没有成功（{code}）。请重新开始；如仍失败，请联系部门。"),
                    format!("Signing in at the department failed ({code}). Start again; if it persists, tell the department."),
                )
            }),
            Self::AuthorizationAnswer(why) => Explained::new(
                "sign-in-answer-refused",
                Side::Department,
                format!("浏览器带回的答复不是部门对此请求的答复（{why}），已拒绝。请重新开始，并只使用钱包打开的页面。"),
                format!(
                    "What the browser brought back is not the department's answer to this request ({why}). It was refused. Start again, and use only the page that the wallet opens."
                ),
            ),
            Self::SignInNeeded => Explained::new(
                "sign-in-needed",
                Side::You,
                "领取此凭证需要先在部门的网页上登录。请选择“登录领取”。",
                "This credential is received by signing in on the department's page. Choose \"sign in\".",
            ),
            Self::SignInAgain => Explained::new(
                "sign-in-again",
                Side::You,
                "领取授权已过期或已使用。请重新登录或向部门索取新的链接。",
                "The permission to receive has expired or was used. Sign in again, or ask the department for a new offer.",
            ),
            _ => Explained::new(
                "sign-in-unknown",
                Side::You,
                "这个答复不属于本钱包的任何请求，或者已经使用过，已忽略。",
                "This answer belongs to no request of this wallet, or was used before. It was ignored.",
            ),
        }
    }

    fn explain_attestation(&self) -> Explained {
        match self {
            Self::Provider(_) => Explained::new(
                "wallet-provider",
                Side::Wallet,
                "钱包提供方暂时没有为此钱包作证。请检查网络，稍后再试。",
                "The wallet's provider did not vouch for this wallet now. Check the network and try again later.",
            ),
            Self::KeyAttestation => Explained::new(
                "key-attestation-needed",
                Side::Wallet,
                "部门要求密钥有安全硬件的证明，而此钱包没有。请在支持的设备上领取，或询问部门。",
                "The department wants keys that are attested to be in secure hardware, and this wallet has none. Use a device that has, or ask the department.",
            ),
            _ => Explained::new(
                "wallet-attestation-needed",
                Side::Wallet,
                "部门只接受经提供方证明的钱包，而此钱包没有证明。请询问部门支持哪些钱包。",
                "The department takes only wallets that a provider vouches for, and nobody vouches for this one. Ask it which wallets it takes.",
            ),
        }
    }

    fn explain_later(&self) -> Explained {
        match self {
            Self::Deferred { wait_seconds } => Explained::new(
                "issuance-deferred",
                Side::Department,
                format!("部门需要更多时间签发。钱包会在 {wait_seconds} 秒后再次询问，您无需做任何事。"),
                format!(
                    "The department needs more time. The wallet asks again in {wait_seconds} seconds; you need not do anything."
                ),
            ),
            Self::RenewalNotOffered => Explained::new(
                "renewal-not-offered",
                Side::Department,
                "部门不提供自动续领。请向部门索取新的领取链接。",
                "The department gives no new copies by itself. Ask it for a new offer.",
            ),
            _ => Explained::new(
                "issuance-unknown-here",
                Side::You,
                "钱包中没有这次领取。请查看正在进行的领取。",
                "The wallet has no such issuance. See the list of those under way.",
            ),
        }
    }
}
