//! What a device of a citizen's identity signed: requests for attestation, and reports.

use identity::jose::jwk;
use identity::jose::jws::{JwsError, Parsed, Policy};
use identity::{Did, PublicKey, json};
use ledger::records::IdentityRecord;
use serde::de::DeserializeOwned;
use serde_json::Value;
use service_kit::Slug;

/// Why it is not believed. None quotes anything of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignedError {
    /// Not a JWS of the right kind, or the signature is wrong.
    #[error("it is not a JWS of the right kind, or its signature is wrong")]
    Jws(#[from] JwsError),
    /// The payload has other members, or values of other types.
    #[error("the payload is not of the kind that its header names")]
    Payload,
    /// `kid` is not a DID URL of `iss`.
    #[error("the header's kid is not a verification method of the DID in iss")]
    Kid,
    /// The identity has no such device now.
    #[error("no live device of the identity has this key")]
    NoSuchDevice,
}

impl SignedError {
    /// What kind of problem it is.
    pub fn slug(&self) -> Slug {
        match self {
            Self::Jws(JwsError::BadSignature) | Self::NoSuchDevice => Slug::NotAllowed,
            Self::Jws(_) | Self::Payload | Self::Kid => Slug::BadRequest,
        }
    }
}

/// A JWS whose signature was not checked yet.
pub struct Unverified<T> {
    parsed: Parsed,
    /// What it says.
    pub says: T,
    thumbprint: String,
}

impl<T: DeserializeOwned> Unverified<T> {
    /// Reads a compact JWS; `iss` finds whose it says to be.
    ///
    /// # Errors
    /// [`SignedError`].
    pub fn parse(jws: &str, policy: &Policy, iss: fn(&T) -> &Did) -> Result<Self, SignedError> {
        let parsed = Parsed::parse(jws, policy)?;
        let object = json::parse_object(parsed.unverified_payload()).map_err(|_| SignedError::Payload)?;
        let says: T = serde_json::from_value(Value::Object(object)).map_err(|_| SignedError::Payload)?;
        let kid = parsed.header().kid.as_deref().ok_or(SignedError::Kid)?;
        let (did, thumbprint) = kid.split_once('#').ok_or(SignedError::Kid)?;
        if did != iss(&says).to_string() {
            return Err(SignedError::Kid);
        }
        let thumbprint = thumbprint.to_owned();
        Ok(Self { parsed, says, thumbprint })
    }

    /// Checks the signature with the live device that `kid` names.
    ///
    /// # Errors
    /// [`SignedError::NoSuchDevice`], [`SignedError::Jws`].
    pub fn verify(self, identity: Option<&IdentityRecord>) -> Result<T, SignedError> {
        let devices: &[PublicKey] = identity.map_or(&[], |record| &record.devices);
        let device = devices.iter().find(|key| jwk::thumbprint_text(key) == self.thumbprint);
        self.parsed.verify(device.ok_or(SignedError::NoSuchDevice)?)?;
        Ok(self.says)
    }
}
