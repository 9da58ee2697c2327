//! What an attribute request must be, decided without asking anybody.

use identity::UnixSeconds;
use identity::jose::jws::{self, JwsAlg, Presence, Typ};
use service_kit::{ApiError, Slug};
use wire::issuer::{ATTRIBUTE_REQUEST_TYPE, AttributeKind, AttributeRequest, fits};

use crate::config::AttestationConfig;
use crate::signed::{SignedError, Unverified};

/// How long after `iat` a request is taken.
pub const FRESH_SECONDS: i64 = 5 * 60;
/// By how much clocks may differ.
pub const SKEW_SECONDS: i64 = 60;

const POLICY: jws::Policy = jws::Policy {
    typ: Typ::OneOf(&[ATTRIBUTE_REQUEST_TYPE]),
    algs: JwsAlg::ALL,
    jwk: Presence::Refused,
    x5c: Presence::Refused,
    max_bytes: 64 * 1024,
};

/// Why a request is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Not what a live device of the identity signed.
    #[error(transparent)]
    Signed(#[from] SignedError),
    /// The DID is of another ledger.
    #[error("the DID belongs to another ledger network")]
    OtherNetwork,
    /// `aud` names somebody else.
    #[error("the request is addressed to another department")]
    Audience,
    /// Too old, or from the future.
    #[error("the request was not signed within the last five minutes, or the device's clock is wrong")]
    NotFresh,
    /// `jti` is too short or too long.
    #[error("jti must have 16 to 128 characters")]
    Jti,
    /// The type is not attested here.
    #[error("this department does not attest this type")]
    UnknownType,
    /// Not the attributes that the type asks for.
    #[error("the declared attributes are not those that the type needs, or more than it takes")]
    Attributes,
    /// The media type does not fit.
    #[error("the media type of an attribute is not accepted")]
    MediaType,
}

impl From<RequestError> for ApiError {
    fn from(error: RequestError) -> Self {
        let slug = match &error {
            RequestError::Signed(error) => error.slug(),
            RequestError::Jti => Slug::BadRequest,
            RequestError::OtherNetwork
            | RequestError::Audience
            | RequestError::NotFresh
            | RequestError::UnknownType
            | RequestError::Attributes
            | RequestError::MediaType => Slug::Refused,
        };
        Self::new(slug).detail(service_kit::problem::chain(&error))
    }
}

/// Reads a request, whose signature is not checked yet.
///
/// # Errors
/// [`RequestError`].
pub fn parse(jws: &str) -> Result<Unverified<AttributeRequest>, RequestError> {
    Ok(Unverified::parse(jws, &POLICY, |request: &AttributeRequest| &request.iss)?)
}

/// Reads the payload of a request that was verified before.
pub fn stored(jws: &str) -> Result<AttributeRequest, RequestError> {
    parse(jws).map(|unverified| unverified.says)
}

/// Checks what a verified request says, other than its anchors and blobs.
pub fn check(
    request: &AttributeRequest,
    issuer: &str,
    attestation: Option<&AttestationConfig>,
    now: UnixSeconds,
) -> Result<(), RequestError> {
    if request.aud != issuer {
        return Err(RequestError::Audience);
    }
    let age = now.saturating_sub(request.iat);
    if !(-SKEW_SECONDS..=FRESH_SECONDS + SKEW_SECONDS).contains(&age) {
        return Err(RequestError::NotFresh);
    }
    if !(16..=128).contains(&request.jti.len()) {
        return Err(RequestError::Jti);
    }
    let attestation = attestation.ok_or(RequestError::UnknownType)?;
    let declared = &request.attributes;
    let kinds: Vec<AttributeKind> = declared.iter().map(|attribute| attribute.kind).collect();
    if !fits(&kinds, &attestation.needs, &attestation.optional) {
        return Err(RequestError::Attributes);
    }
    let typed = declared.iter().all(|attribute| attribute.kind.media_types().contains(&attribute.media_type.as_str()));
    if typed { Ok(()) } else { Err(RequestError::MediaType) }
}
