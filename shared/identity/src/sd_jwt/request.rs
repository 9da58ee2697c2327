//! Verification behind one JSON object, so that vectors written by strangers can be run.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::MAX_BYTES;
use super::error::SdJwtError;
use super::key_binding::{Expected, KeyBindingPolicy};
use super::verify::{Audience, Policy, Profile, SdJwt};
use crate::UnixSeconds;
use crate::jose::Jwk;
use crate::json::{self, Limits};

/// Seconds that a key binding JWT may be old where the request does not say it: five minutes.
pub const DEFAULT_MAX_AGE_SECONDS: u32 = 300;

const REQUEST: Limits = Limits { bytes: 2 * MAX_BYTES, depth: 8, names: 64 };

/// What to verify, and what is expected. Members that are not known are ignored, so that a vector may carry its own notes.
#[derive(Clone, Debug, Deserialize)]
pub struct Request {
    /// The SD-JWT or SD-JWT+KB.
    pub sd_jwt: String,
    /// The issuer's public key as a JWK: EC P-256 or OKP Ed25519.
    pub issuer_jwk: Map<String, Value>,
    /// The time of the check, Unix seconds.
    pub now: UnixSeconds,
    /// Whether a key binding JWT must be there. Where it is absent: if `nonce` or `aud` is given.
    pub require_kb: Option<bool>,
    /// The nonce that the key binding JWT must have; needed where key binding is required.
    pub nonce: Option<String>,
    /// The audience that the key binding JWT must have; needed where key binding is required.
    pub aud: Option<String>,
    /// Seconds that a required key binding JWT may be old; [`DEFAULT_MAX_AGE_SECONDS`] where absent.
    pub max_kb_age: Option<u32>,
}

/// Reads a [`Request`] and verifies; gives the Processed SD-JWT Payload.
pub fn verify_request(request: &str) -> Result<Value, SdJwtError> {
    let malformed = |why: &dyn std::fmt::Display| SdJwtError::Request(why.to_string());
    let value = json::parse_within(request.as_bytes(), &REQUEST).map_err(|error| malformed(&error))?;
    let request: Request = serde_json::from_value(value).map_err(|error| malformed(&error))?;
    request.verify().map(Value::Object)
}

impl Request {
    /// Verifies; gives the Processed SD-JWT Payload.
    pub fn verify(&self) -> Result<Map<String, Value>, SdJwtError> {
        // A private key in the request is the caller's carelessness, and no reason to doubt the SD-JWT.
        let mut jwk = self.issuer_jwk.clone();
        jwk.remove("d");
        let jwk = Jwk::from_value(&Value::Object(jwk));
        let issuer = jwk.map_err(|error| SdJwtError::Request(format!("issuer_jwk: {error}")))?.key;
        let (aud, nonce) = (self.aud.as_deref(), self.nonce.as_deref());
        let required = self.require_kb.unwrap_or(aud.is_some() || nonce.is_some());
        let key_binding = if required {
            KeyBindingPolicy::Required(Expected {
                aud: aud.ok_or(SdJwtError::KeyBindingExpectation("aud"))?,
                nonce: nonce.ok_or(SdJwtError::KeyBindingExpectation("nonce"))?,
                max_age_seconds: self.max_kb_age.unwrap_or(DEFAULT_MAX_AGE_SECONDS),
            })
        } else {
            KeyBindingPolicy::NotRequired { aud, nonce }
        };
        let policy = Policy {
            profile: Profile::Any,
            now: self.now,
            leeway_seconds: 0,
            audience: aud.map_or(Audience::Nobody, Audience::Is),
            required: &[],
            key_binding,
        };
        Ok(SdJwt::parse_for_known_issuer(&self.sd_jwt)?.verify(&issuer, &policy)?.claims)
    }
}
