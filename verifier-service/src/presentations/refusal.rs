//! Why a presentation is refused: one variant for each check, with the slug that programs switch on and the sentence that the
//! citizen reads on the login page. No sentence and no detail holds anything of what was presented.

use identity::Localized;
use identity::dcql::ResponseError;
use identity::jose::X509Error;
use identity::sd_jwt::SdJwtError;
use ledger::records::AttestationStatus;

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $zh:literal, $en:literal;)*) => {
        /// A check that a presentation did not pass.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Refusal { $($(#[$doc])* $name,)* }

        impl Refusal {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The slug.
            pub fn slug(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// What happened, whose side it is on, and what to do next.
            pub fn sentence(self) -> Localized {
                match self { $(Self::$name => Localized::new($zh, $en),)* }
            }
        }
    };
}

refusals! {
    /// The VP token is not of the form of OpenID4VP 1.0 section 8.1.
    AnswerMalformed = "answer-malformed", "钱包的答复格式有误。请更新钱包后重新开始。", "The wallet's answer is malformed. Update the wallet and start again.";
    /// Not a readable SD-JWT VC, or one that breaks a rule of RFC 9901.
    CredentialMalformed = "credential-malformed", "出示的凭证格式不符合标准。请重新领取凭证，或联系签发部门。", "The credential is not in the standard form. Get it again, or ask the issuing department.";
    /// The certificate chain of the credential does not lead to the city's trust anchor.
    IssuerUntrusted = "issuer-untrusted", "凭证的签发方不在本市信任名单内，不能用于登录。", "The credential's issuer is not on the city's trust list, so it cannot be used here.";
    /// The issuer's signature does not verify.
    SignatureInvalid = "credential-signature-invalid", "凭证的签名无效，可能被篡改。请重新领取凭证。", "The credential's signature is not valid; it may have been tampered with. Get the credential again.";
    /// The credential's own period of validity is over, or has not begun.
    CredentialExpired = "credential-expired", "凭证不在有效期内。请向签发部门申请新的凭证。", "The credential is outside its period of validity. Ask the issuing department for a new one.";
    /// There is no key binding JWT (S4).
    KeyBindingMissing = "key-binding-missing", "出示中缺少持有人的签名，无法确认是本人出示。请用钱包重新扫码。", "The holder's signature is missing, so nobody shows that it is you. Scan again with your wallet.";
    /// The key binding JWT is for another request.
    KeyBindingNonce = "key-binding-nonce", "这份答复属于另一次请求，可能是重放。请重新开始登录。", "This answer belongs to another request and may be a replay. Start the login again.";
    /// The key binding JWT is for another verifier.
    KeyBindingAudience = "key-binding-audience", "这份答复是给另一个网站的，本站不接受。请重新开始登录。", "This answer was made for another website; this one does not accept it. Start the login again.";
    /// The key binding JWT is too old or from the future.
    KeyBindingTime = "key-binding-time", "答复的时间不对。请检查手机时间后重新开始。", "The answer's time is wrong. Check the clock of your phone and start again.";
    /// Another key, other disclosures, or a malformed key binding JWT.
    KeyBindingInvalid = "key-binding-invalid", "持有人的签名与凭证不符。请用领取凭证的设备重新扫码。", "The holder's signature does not fit the credential. Use the device that received the credential.";
    /// No `yufu` claim: the credential has no record on the ledger.
    NotOnLedger = "not-on-ledger", "凭证没有账本记录，不能用于登录。请向本市签发部门领取凭证。", "The credential has no record on the ledger and cannot be used here. Get one from a department of this city.";
    /// The record is on another ledger.
    OtherLedger = "other-ledger", "凭证属于另一个城市的账本，本站不接受。", "The credential belongs to another city's ledger; this website does not accept it.";
    /// The ledger does not know the authority.
    AuthorityUnknown = "authority-unknown", "账本上没有该签发部门。请向本市签发部门领取凭证。", "The ledger does not know the issuing department. Get a credential from a department of this city.";
    /// The signing key is not one of the authority's.
    IssuerKeyUnknown = "issuer-key-unknown", "签发凭证的密钥不属于该部门。请重新领取凭证。", "The key that signed the credential is not the department's. Get the credential again.";
    /// The authority is not accredited for the type.
    NotAccredited = "issuer-not-accredited", "该部门无权签发此类凭证。请向主管部门领取。", "The department is not accredited for this kind of credential. Get it from the department in charge.";
    /// The members of the ledger have suspended the authority.
    IssuerSuspended = "issuer-suspended", "签发部门目前被暂停，其凭证暂不能使用。请稍后再试，或向主管部门查询。", "The issuing department is suspended, so its credentials cannot be used for now. Try later, or ask the department in charge.";
    /// There is no attestation record.
    RecordUnknown = "record-unknown", "账本上没有这份凭证的记录。请重新领取凭证。", "The ledger has no record of this credential. Get the credential again.";
    /// The record is of another authority or another type, or its commitment does not open to this credential.
    RecordMismatch = "record-mismatch", "凭证与账本记录不符。请重新领取凭证。", "The credential does not match its record on the ledger. Get the credential again.";
    /// The holder key's commitment does not open to the key of this credential (X062).
    DeviceMismatch = "device-mismatch", "出示凭证的设备与账本登记的不符。请使用领取凭证的手机。", "The device is not the one that the ledger has for this credential. Use the phone that received it.";
    /// Suspended on the ledger or in the status list.
    Suspended = "attestation-suspended", "凭证已被签发部门暂停使用。请联系签发部门。", "The issuing department has suspended the credential. Contact the department.";
    /// Revoked on the ledger or in the status list.
    Revoked = "attestation-revoked", "凭证已被签发部门撤销。请联系签发部门。", "The issuing department has revoked the credential. Contact the department.";
    /// Replaced by a newer one.
    Superseded = "attestation-superseded", "凭证已有更新的版本。请使用新的凭证。", "The credential was replaced by a newer one. Use the newer one.";
    /// Killed by its holder.
    BrokenByHolder = "attestation-broken-by-holder", "持有人已注销这份凭证。请重新领取凭证。", "The holder has killed this credential. Get a new one.";
    /// The record's period is over, or has not begun.
    RecordExpired = "record-expired", "凭证的账本记录不在有效期内。请申请新的凭证。", "The credential's record on the ledger is outside its period. Ask for a new credential.";
    /// The credential names no status list.
    StatusMissing = "status-missing", "凭证没有状态信息，无法确认是否有效。请重新领取凭证。", "The credential says nothing about its status, so it cannot be checked. Get the credential again.";
    /// The status list is elsewhere than at the authority's.
    StatusElsewhere = "status-elsewhere", "凭证的状态列表不在签发部门处，不予采信。请重新领取凭证。", "The credential's status list is not at the issuing department. Get the credential again.";
    /// The status list is not signed by the authority.
    StatusUntrusted = "status-list-untrusted", "状态列表不是由签发部门签名的，不予采信。请稍后重试或联系签发部门。", "The status list is not signed by the issuing department. Try later or contact the department.";
    /// The status list is too old or from the future.
    StatusOutdated = "status-list-outdated", "签发部门的状态列表已过期，暂时无法确认凭证状态。请稍后重试。", "The department's status list is out of date, so the status cannot be checked now. Try again later.";
    /// The status list is malformed, too large, for other credentials, or has no such entry.
    StatusUnusable = "status-list-unusable", "签发部门的状态列表有误，无法确认凭证状态。请联系签发部门。", "The department's status list is faulty, so the status cannot be checked. Contact the department.";
    /// What was presented does not answer the query.
    QueryUnsatisfied = "query-unsatisfied", "出示的内容不满足本次请求。请重新开始，并选择所要求的凭证。", "What was presented does not answer the request. Start again and choose the credential that is asked for.";
    /// More was disclosed than was asked for.
    OverDisclosed = "over-disclosed", "钱包出示了超出请求的信息，本站未保存任何内容。请更新钱包后重试。", "The wallet disclosed more than was asked for. Nothing was kept. Update the wallet and try again.";
    /// The site's registered purpose does not allow the request (any more).
    PurposeNotRegistered = "purpose-not-registered", "本站的登记用途不允许此项请求，未读取您的信息。请联系网站管理员。", "This website's registered purpose does not allow the request. Nothing was kept. Contact the website.";
    /// The match code is missing although the site demands one.
    MatchCodeMissing = "match-code-missing", "钱包没有提供登录页上的核对码。请更新钱包，或在本机打开链接。", "The wallet did not give the match code. Update the wallet, or use the link on the same device.";
    /// Another match code than the login page shows.
    MatchCodeWrong = "match-code-wrong", "核对码与登录页不一致，可能有人在冒用您的二维码。请重新开始。", "The match code is not the one on the login page. Somebody may be misusing a QR code. Start again.";
}

/// A refusal with the slug of what lies below it, for the log and for the wallet's developer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the presentation is refused: {}", .refusal.slug())]
pub struct Refused {
    /// Which check.
    pub refusal: Refusal,
    /// What exactly, as a slug; equal to the refusal's where there is no more to say.
    pub detail: &'static str,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, detail: refusal.slug() }
    }
}

impl Refusal {
    /// The refusal of a slug, as the database keeps it.
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|refusal| refusal.slug() == slug)
    }

    /// With a detail.
    pub fn because(self, detail: &'static str) -> Refused {
        Refused { refusal: self, detail }
    }

    /// What a status on the ledger means; `None` for an attestation in force.
    pub fn of_status(status: AttestationStatus) -> Option<Self> {
        match status {
            AttestationStatus::Active => None,
            AttestationStatus::Suspended => Some(Self::Suspended),
            AttestationStatus::Revoked => Some(Self::Revoked),
            AttestationStatus::Superseded => Some(Self::Superseded),
            AttestationStatus::BrokenByHolder => Some(Self::BrokenByHolder),
        }
    }
}

impl From<SdJwtError> for Refused {
    fn from(error: SdJwtError) -> Self {
        use SdJwtError as E;
        let refusal = match &error {
            E::IssuerJwt(identity::jose::jws::JwsError::BadSignature) => Refusal::SignatureInvalid,
            E::Expired | E::NotYetValid => Refusal::CredentialExpired,
            E::WrongAudience | E::KeyBindingAudience => Refusal::KeyBindingAudience,
            E::KeyBindingMissing => Refusal::KeyBindingMissing,
            E::KeyBindingNonce => Refusal::KeyBindingNonce,
            E::KeyBindingTooOld | E::KeyBindingFromFuture | E::KeyBindingExpired => Refusal::KeyBindingTime,
            E::NoHolderKey
            | E::HolderKey(_)
            | E::KeyBindingUnexpected
            | E::KeyBindingJwt(_)
            | E::KeyBindingPayload(_)
            | E::KeyBindingClaim(_)
            | E::KeyBindingHash
            | E::KeyBindingExpectation(_) => Refusal::KeyBindingInvalid,
            E::TooLong { .. }
            | E::TooManyDisclosures { .. }
            | E::MissingTilde
            | E::EmptyDisclosure
            | E::IssuerJwt(_)
            | E::IssuerTyp(_)
            | E::IssuerPayload(_)
            | E::HashAlgorithm
            | E::DisclosureEncoding
            | E::DisclosureJson(_)
            | E::DisclosureArity
            | E::DisclosureSalt
            | E::DisclosureName
            | E::DisclosureWithoutName
            | E::DisclosureWithName
            | E::ReservedName
            | E::NameCollision
            | E::DuplicateDisclosure
            | E::UnreferencedDisclosure
            | E::DuplicateDigest
            | E::MalformedDigests
            | E::MalformedEllipsis
            | E::NestedHashAlgorithm
            | E::TooDeep { .. }
            | E::SelectivelyDisclosable(_)
            | E::MalformedClaim(_)
            | E::MissingClaim(_)
            | E::Request(_) => Refusal::CredentialMalformed,
        };
        refusal.because(error.slug())
    }
}

impl From<X509Error> for Refused {
    fn from(error: X509Error) -> Self {
        Refusal::IssuerUntrusted.because(error.slug())
    }
}

impl From<ResponseError> for Refused {
    fn from(error: ResponseError) -> Self {
        let refusal = match &error {
            ResponseError::Malformed => Refusal::AnswerMalformed,
            ResponseError::UnknownId(_)
            | ResponseError::NotMultiple(_)
            | ResponseError::Mismatch { .. }
            | ResponseError::Missing(_)
            | ResponseError::SetUnsatisfied(_) => Refusal::QueryUnsatisfied,
        };
        refusal.because(error.slug())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_a_slug_of_its_own_and_a_sentence_in_both_languages() {
        let mut slugs = std::collections::BTreeSet::new();
        for refusal in Refusal::ALL {
            assert!(slugs.insert(refusal.slug()), "{}", refusal.slug());
            let sentence = refusal.sentence();
            assert!(sentence.zh.ends_with('。') && sentence.en.ends_with('.'), "{}", refusal.slug());
            assert_eq!(Refusal::from_slug(refusal.slug()), Some(*refusal));
        }
    }
}
