//! What a request must be, and what is answered: decided without asking anybody.

use identity::jose::jws::{JwsError, Parsed, Policy};
use identity::{Localized, PublicKey, UnixSeconds, json};
use serde_json::Value;
use service_kit::{ApiError, Slug};
use sha2::{Digest, Sha256};
use wire::rights::{self, Acknowledgement, Done, Kept, PresentationDigest, Right, RightsRequest};

use crate::receipts::Receipt;

/// Why a request is refused. None quotes anything of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RightsError {
    /// Not a JWS of the right kind, or the key in its header did not sign it.
    #[error("the request is not a signed request of this kind")]
    Jws(#[from] JwsError),
    /// The payload has other members, or values of other types.
    #[error("the payload is not a request of this kind")]
    Payload,
    /// `aud` names somebody else.
    #[error("the request is addressed to another site")]
    Audience,
    /// Too old, or from the future.
    #[error("the request was not signed within the last five minutes, or the device's clock is wrong")]
    NotFresh,
    /// `jti` is too short or too long.
    #[error("jti has not 16 to 64 characters")]
    Jti,
    /// There is no such presentation here, or another key showed it.
    #[error("this site keeps no presentation of this digest that the key of the request has shown")]
    UnknownPresentation,
    /// The `jti` was used for something else.
    #[error("the jti was used for another request")]
    JtiUsed,
}

impl From<RightsError> for ApiError {
    fn from(error: RightsError) -> Self {
        let (slug, detail) = match &error {
            RightsError::Jws(error @ JwsError::BadSignature) => (Slug::NotAllowed, error.slug()),
            RightsError::Jws(error) => (Slug::BadRequest, error.slug()),
            RightsError::Payload => (Slug::BadRequest, "rights-payload"),
            RightsError::Jti => (Slug::BadRequest, "rights-jti"),
            RightsError::Audience => (Slug::Refused, "rights-audience"),
            RightsError::NotFresh => (Slug::Refused, "rights-not-fresh"),
            RightsError::UnknownPresentation => (Slug::NotFound, "rights-unknown-presentation"),
            RightsError::JtiUsed => (Slug::Conflict, "rights-jti-used"),
        };
        Self::new(slug).detail(format!("{detail}: {error}"))
    }
}

/// A request that the key in its header signed. Whose key that is, the evidence says.
pub struct Asked {
    /// What it says.
    pub request: RightsRequest,
    key: PublicKey,
}

impl Asked {
    /// Reads a compact JWS, and checks its signature, for whom it is, and its age.
    ///
    /// # Errors
    /// [`RightsError`].
    pub fn read(jws: &str, client_id: &str, now: UnixSeconds) -> Result<Self, RightsError> {
        let (verified, jwk) = Parsed::parse(jws, &rights::REQUEST)?.verify_with_embedded_key()?;
        let object = json::parse_object(&verified.payload).map_err(|_| RightsError::Payload)?;
        let request: RightsRequest = serde_json::from_value(Value::Object(object)).map_err(|_| RightsError::Payload)?;
        if request.aud != client_id {
            return Err(RightsError::Audience);
        }
        let age = now.saturating_sub(request.iat);
        if !(-rights::SKEW_SECONDS..=rights::FRESH_SECONDS + rights::SKEW_SECONDS).contains(&age) {
            return Err(RightsError::NotFresh);
        }
        if !rights::JTI_CHARACTERS.contains(&request.jti.len()) {
            return Err(RightsError::Jti);
        }
        Ok(Self { request, key: jwk.key })
    }

    /// Whether the key of the request signed the key binding JWT that it names. The evidence was checked against the credential's `cnf` when
    /// it came, and nobody can find a second key for a given ECDSA or Ed25519 signature whose secret they know.
    pub fn showed(&self, evidence: &[String]) -> bool {
        let named = evidence.iter().find(|jwt| digest(jwt) == self.request.presentation);
        let parsed = named.and_then(|jwt| Parsed::parse(jwt, &Policy::KEY_BINDING).ok());
        parsed.is_some_and(|parsed| parsed.verify(&self.key).is_ok())
    }
}

/// By what a request names a key binding JWT.
pub fn digest(key_binding_jwt: &str) -> PresentationDigest {
    PresentationDigest(Sha256::digest(key_binding_jwt).into())
}

/// What this site did, and what it keeps: this website has attributes in logins and sessions only, and both are erased for either kind.
pub fn acknowledge(request: &RightsRequest, receipt: &Receipt, client_id: &str, now: UnixSeconds) -> Acknowledgement {
    let done = match request.kind {
        Right::Withdrawal => vec![Done::ConsentMarkedWithdrawn, Done::SessionsEnded, Done::AttributesDeleted],
        Right::Deletion => vec![Done::SessionsEnded, Done::AttributesDeleted],
    };
    let evidence = Kept {
        what: Localized::new(
            "您签名的出示证明（不含任何信息内容）",
            "What you signed when you showed it (it holds none of your data)",
        ),
        why: Localized::new("用于证明当时的使用已得到您的同意", "To prove that you had agreed to the use at the time"),
        until: Some(receipt.delete_after),
    };
    let on_ledger = Kept {
        what: Localized::new(
            "账本上的回执（不含任何信息内容和身份）",
            "The receipt on the ledger (it holds neither your data nor who you are)",
        ),
        why: Localized::new("账本不能删除记录，您也需要它来核实", "The ledger forgets nothing, and you can check by it"),
        until: None,
    };
    Acknowledgement {
        iss: client_id.to_owned(),
        iat: now,
        kind: request.kind,
        presentation: request.presentation,
        done,
        kept: vec![evidence, on_ledger],
    }
}
