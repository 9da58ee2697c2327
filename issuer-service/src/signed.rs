//! What a device of a citizen's identity signed: requests for attestation, and reports.

use identity::jose::jwk;
use identity::jose::jws::{JwsError, Parsed, Policy};
use identity::{Did, PublicKey, json};
use ledger::records::IdentityRecord;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Why it is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignedError {
    /// Not a JWS of the right kind, or the signature is wrong.
    Jws(JwsError),
    /// The payload has other members, or values of other types.
    Payload,
    /// `kid` is not a DID URL of `iss`.
    Kid,
    /// The identity has no such device now.
    NoSuchDevice,
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
        let parsed = Parsed::parse(jws, policy).map_err(SignedError::Jws)?;
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
        self.parsed.verify(device.ok_or(SignedError::NoSuchDevice)?).map_err(SignedError::Jws)?;
        Ok(self.says)
    }
}
