//! Why an SD-JWT is refused, for machines (slugs) and for people (two languages).

use crate::Localized;
use crate::jose::JwkError;
use crate::jose::jws::JwsError;
use crate::json::JsonError;

/// Why an SD-JWT or a presentation is refused. Section numbers are those of RFC 9901.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdJwtError {
    /// The whole is longer than [`super::MAX_BYTES`].
    #[error("the SD-JWT has {length} bytes, more than the {limit} allowed")]
    TooLong {
        /// Bytes given.
        length: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// There are more disclosures than [`super::MAX_DISCLOSURES`].
    #[error("there are more than the {limit} disclosures allowed")]
    TooManyDisclosures {
        /// Disclosures allowed.
        limit: usize,
    },
    /// It ends neither with `~` nor with a key binding JWT (section 4).
    #[error("the SD-JWT does not end with '~' and carries no key binding JWT after it")]
    MissingTilde,
    /// Two `~` with nothing between them (section 4, ABNF).
    #[error("there is an empty disclosure")]
    EmptyDisclosure,

    /// The issuer-signed JWT is malformed, asks for what is refused, or its signature does not verify (7.1 step 2).
    #[error("the issuer-signed JWT is not accepted: {0}")]
    IssuerJwt(JwsError),
    /// `typ` says that the token is something else (section 9.11).
    #[error("the type {0:?} of the issuer-signed JWT is not that of an SD-JWT")]
    IssuerTyp(String),
    /// The payload is not an object of strict JSON.
    #[error("the payload of the issuer-signed JWT is not accepted: {0}")]
    IssuerPayload(JsonError),
    /// `_sd_alg` is not one that we deem secure (7.1 step 2.e).
    #[error("the hash algorithm named by _sd_alg is not accepted")]
    HashAlgorithm,

    /// A disclosure is not base64url without padding.
    #[error("a disclosure is not base64url")]
    DisclosureEncoding,
    /// A disclosure is not strict JSON.
    #[error("the JSON of a disclosure is not accepted: {0}")]
    DisclosureJson(JsonError),
    /// A disclosure is not an array of two or three elements.
    #[error("a disclosure is not an array of two or three elements")]
    DisclosureArity,
    /// The salt is not a string.
    #[error("the salt of a disclosure is not a string")]
    DisclosureSalt,
    /// The claim name is not a string.
    #[error("the claim name in a disclosure is not a string")]
    DisclosureName,
    /// The digest in `_sd` belongs to a disclosure of two elements (7.1 step 3.c.ii.1).
    #[error("a digest in _sd belongs to a disclosure without a claim name")]
    DisclosureWithoutName,
    /// The digest in an array belongs to a disclosure of three elements (7.1 step 3.c.iii.1).
    #[error("a digest in an array belongs to a disclosure with a claim name")]
    DisclosureWithName,
    /// A disclosed claim is called `_sd`, `...` or `_sd_alg` (7.1 step 3.c.ii.2).
    #[error("a disclosed claim has a reserved name")]
    ReservedName,
    /// A disclosed claim has the name of another at the same level (7.1 step 3.c.ii.3).
    #[error("a disclosed claim has a name that already exists at its level")]
    NameCollision,
    /// The same disclosure is given twice.
    #[error("a disclosure is given twice")]
    DuplicateDisclosure,
    /// No digest refers to a disclosure (7.1 step 5).
    #[error("a disclosure is not referenced by any digest")]
    UnreferencedDisclosure,

    /// The same digest stands at two places (7.1 step 4).
    #[error("a digest appears more than once")]
    DuplicateDigest,
    /// `_sd` is not an array of strings (section 4.2.4.1).
    #[error("_sd is not an array of strings")]
    MalformedDigests,
    /// `...` is not the only member of an array element, with a string (section 4.2.4.2).
    #[error("... is not the only member of an array element, referring to a string")]
    MalformedEllipsis,
    /// `_sd_alg` below the top level (section 4.1.1).
    #[error("_sd_alg appears below the top level")]
    NestedHashAlgorithm,
    /// The claims with the disclosures inserted nest too deep.
    #[error("the disclosed claims nest deeper than the {limit} levels allowed")]
    TooDeep {
        /// Levels allowed.
        limit: usize,
    },

    /// A claim that decides about validity, or something in it, is selectively disclosable (section 9.7).
    #[error("the claim {0:?} must not be selectively disclosable")]
    SelectivelyDisclosable(&'static str),
    /// A claim is not of the type that it must have.
    #[error("the claim {0:?} is malformed")]
    MalformedClaim(&'static str),
    /// A claim that the verifier needs is not there (7.1 step 6).
    #[error("the claim {0:?} is missing")]
    MissingClaim(&'static str),
    /// `exp` has passed.
    #[error("the SD-JWT has expired")]
    Expired,
    /// `nbf` is not reached.
    #[error("the SD-JWT is not valid yet")]
    NotYetValid,
    /// `aud` names others.
    #[error("the SD-JWT is meant for another audience")]
    WrongAudience,

    /// A key binding JWT is required and there is none (7.3 step 2).
    #[error("key binding is required, but there is no key binding JWT")]
    KeyBindingMissing,
    /// There is a key binding JWT where there must be none (7.2).
    #[error("there is a key binding JWT where there must be none")]
    KeyBindingUnexpected,
    /// `cnf` is missing, or has no `jwk`.
    #[error("the SD-JWT names no holder key that is understood (cnf.jwk)")]
    NoHolderKey,
    /// `cnf.jwk` is not a public key.
    #[error("the holder key in cnf.jwk is not accepted: {0}")]
    HolderKey(JwkError),
    /// The key binding JWT is malformed, has another `typ`, or is not signed by the holder's key (7.3 steps 5.b to 5.d).
    #[error("the key binding JWT is not accepted: {0}")]
    KeyBindingJwt(JwsError),
    /// The payload of the key binding JWT is not an object of strict JSON.
    #[error("the payload of the key binding JWT is not accepted: {0}")]
    KeyBindingPayload(JsonError),
    /// `iat`, `aud`, `nonce` or `sd_hash` of the key binding JWT is missing or of a wrong type (section 4.3).
    #[error("the claim {0:?} of the key binding JWT is missing or malformed")]
    KeyBindingClaim(&'static str),
    /// `iat` is longer ago than the verifier accepts (7.3 step 5.e).
    #[error("the key binding JWT is too old")]
    KeyBindingTooOld,
    /// `iat` or `nbf` is in the future (7.3 step 5.e).
    #[error("the key binding JWT is from the future")]
    KeyBindingFromFuture,
    /// `exp` of the key binding JWT has passed.
    #[error("the key binding JWT has expired")]
    KeyBindingExpired,
    /// `aud` is not the verifier (7.3 step 5.f).
    #[error("the key binding JWT is meant for another verifier")]
    KeyBindingAudience,
    /// `nonce` is not the transaction's (7.3 step 5.f).
    #[error("the key binding JWT belongs to another transaction")]
    KeyBindingNonce,
    /// `sd_hash` is not the hash of what was presented (7.3 step 5.g).
    #[error("the key binding JWT belongs to other disclosures")]
    KeyBindingHash,
    /// The verifier asked for a check of key binding without naming nonce or audience.
    #[error("key binding cannot be checked without {0}")]
    KeyBindingExpectation(&'static str),

    /// The request to verify is not of the form that is understood.
    #[error("the verification request is malformed: {0}")]
    Request(String),
}

impl SdJwtError {
    /// The slug of this error, for machines.
    pub fn slug(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "sd-jwt-too-long",
            Self::TooManyDisclosures { .. } => "sd-jwt-too-many-disclosures",
            Self::MissingTilde => "sd-jwt-missing-tilde",
            Self::EmptyDisclosure => "sd-jwt-empty-disclosure",
            Self::IssuerJwt(error) => jws_slug(error, &ISSUER_SLUGS),
            Self::IssuerTyp(_) => "issuer-typ",
            Self::IssuerPayload(error) => error.slug(),
            Self::HashAlgorithm => "hash-algorithm",
            Self::DisclosureEncoding => "disclosure-encoding",
            Self::DisclosureJson(error) => error.slug(),
            Self::DisclosureArity => "disclosure-arity",
            Self::DisclosureSalt => "disclosure-salt",
            Self::DisclosureName => "disclosure-name",
            Self::DisclosureWithoutName => "disclosure-without-name",
            Self::DisclosureWithName => "disclosure-with-name",
            Self::ReservedName => "reserved-name",
            Self::NameCollision => "name-collision",
            Self::DuplicateDisclosure => "duplicate-disclosure",
            Self::UnreferencedDisclosure => "unreferenced-disclosure",
            Self::DuplicateDigest => "duplicate-digest",
            Self::MalformedDigests => "malformed-digests",
            Self::MalformedEllipsis => "malformed-ellipsis",
            Self::NestedHashAlgorithm => "nested-hash-algorithm",
            Self::TooDeep { .. } => "claims-too-deep",
            Self::SelectivelyDisclosable(_) => "selectively-disclosable",
            Self::MalformedClaim(_) => "malformed-claim",
            Self::MissingClaim(_) => "missing-claim",
            Self::Expired => "expired",
            Self::NotYetValid => "not-yet-valid",
            Self::WrongAudience => "wrong-audience",
            Self::KeyBindingMissing => "key-binding-missing",
            Self::KeyBindingUnexpected => "key-binding-unexpected",
            Self::NoHolderKey => "no-holder-key",
            Self::HolderKey(_) => "holder-key",
            Self::KeyBindingJwt(error) => jws_slug(error, &KEY_BINDING_SLUGS),
            Self::KeyBindingPayload(_) => "key-binding-payload",
            Self::KeyBindingClaim(_) => "key-binding-claim",
            Self::KeyBindingTooOld => "key-binding-too-old",
            Self::KeyBindingFromFuture => "key-binding-from-future",
            Self::KeyBindingExpired => "key-binding-expired",
            Self::KeyBindingAudience => "key-binding-audience",
            Self::KeyBindingNonce => "key-binding-nonce",
            Self::KeyBindingHash => "key-binding-hash",
            Self::KeyBindingExpectation(_) => "key-binding-expectation",
            Self::Request(_) => "request-malformed",
        }
    }

    /// What happened, whose side it is on and what to do next, for a person.
    pub fn explain(&self) -> Localized {
        let (zh, en) = match self.side() {
            Side::Form => (
                "凭证的格式不符合标准,无法读取。问题出在签发方或出示方的软件。请重新获取凭证;若仍失败,请联系签发部门。",
                "The credential is not in the standard form and cannot be read. The fault is in the software of the issuer or of \
                 the presenting wallet. Get the credential again; if that fails, contact the issuing department.",
            ),
            Side::Issuer => (
                "凭证的签名或内容不可信,可能被篡改,或签发方有误。请勿使用,并联系签发部门。",
                "The signature or content of the credential cannot be trusted: it was tampered with, or its issuer made a \
                 mistake. Do not use it; contact the issuing department.",
            ),
            Side::Time => (
                "凭证不在有效期内。请向签发部门申请新的凭证。",
                "The credential is outside its period of validity. Ask the issuing department for a new one.",
            ),
            Side::Holder => (
                "无法确认出示者持有该凭证的密钥,或此出示属于另一次请求。请重新扫码后再试。",
                "It could not be shown that the presenter holds the credential's key, or the presentation belongs to another \
                 request. Scan again and retry.",
            ),
            Side::Caller => (
                "验证请求本身不完整或有误。请检查请求内容后重试。",
                "The request to verify is itself incomplete or wrong. Check it and try again.",
            ),
        };
        Localized::new(zh, en)
    }

    fn side(&self) -> Side {
        match self {
            Self::TooLong { .. }
            | Self::TooManyDisclosures { .. }
            | Self::MissingTilde
            | Self::EmptyDisclosure
            | Self::IssuerTyp(_)
            | Self::IssuerPayload(_)
            | Self::HashAlgorithm
            | Self::DisclosureEncoding
            | Self::DisclosureJson(_)
            | Self::DisclosureArity
            | Self::DisclosureSalt
            | Self::DisclosureName => Side::Form,
            Self::IssuerJwt(_)
            | Self::DisclosureWithoutName
            | Self::DisclosureWithName
            | Self::ReservedName
            | Self::NameCollision
            | Self::DuplicateDisclosure
            | Self::UnreferencedDisclosure
            | Self::DuplicateDigest
            | Self::MalformedDigests
            | Self::MalformedEllipsis
            | Self::NestedHashAlgorithm
            | Self::TooDeep { .. }
            | Self::SelectivelyDisclosable(_)
            | Self::MalformedClaim(_)
            | Self::MissingClaim(_)
            | Self::WrongAudience => Side::Issuer,
            Self::Expired | Self::NotYetValid => Side::Time,
            Self::KeyBindingMissing
            | Self::KeyBindingUnexpected
            | Self::NoHolderKey
            | Self::HolderKey(_)
            | Self::KeyBindingJwt(_)
            | Self::KeyBindingPayload(_)
            | Self::KeyBindingClaim(_)
            | Self::KeyBindingTooOld
            | Self::KeyBindingFromFuture
            | Self::KeyBindingExpired
            | Self::KeyBindingAudience
            | Self::KeyBindingNonce
            | Self::KeyBindingHash => Side::Holder,
            Self::KeyBindingExpectation(_) | Self::Request(_) => Side::Caller,
        }
    }
}

/// Whose turn it is.
enum Side {
    Form,
    Issuer,
    Time,
    Holder,
    Caller,
}

struct JwsSlugs {
    form: &'static str,
    alg: &'static str,
    typ: &'static str,
    header: &'static str,
    signature: &'static str,
}

const ISSUER_SLUGS: JwsSlugs = JwsSlugs {
    form: "issuer-jwt-malformed",
    alg: "issuer-alg",
    typ: "issuer-typ",
    header: "issuer-header",
    signature: "issuer-signature",
};

const KEY_BINDING_SLUGS: JwsSlugs = JwsSlugs {
    form: "key-binding-malformed",
    alg: "key-binding-alg",
    typ: "key-binding-typ",
    header: "key-binding-header",
    signature: "key-binding-signature",
};

fn jws_slug(error: &JwsError, slugs: &JwsSlugs) -> &'static str {
    match error {
        JwsError::TooLong { .. } | JwsError::NotCompact | JwsError::Payload(_) => slugs.form,
        JwsError::UnsupportedAlg(_) | JwsError::AlgKeyMismatch | JwsError::Missing("alg") => slugs.alg,
        JwsError::WrongTyp { .. } => slugs.typ,
        JwsError::Header(_)
        | JwsError::Malformed(_)
        | JwsError::Refused(_)
        | JwsError::Missing(_)
        | JwsError::Jwk(_)
        | JwsError::Chain(_) => slugs.header,
        JwsError::BadSignature => slugs.signature,
    }
}
