//! Disclosures and their digests (RFC 9901 sections 4.2.1 to 4.2.3).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::error::SdJwtError;
use crate::json;

/// Claim that names the hash algorithm (section 4.1.1).
pub(super) const SD_ALG: &str = "_sd_alg";
/// Claim that holds the digests of an object's members (section 4.2.4.1).
pub(super) const SD: &str = "_sd";
/// Only member of the object that stands for an array element (section 4.2.4.2).
pub(super) const ELLIPSIS: &str = "...";

/// Whether a claim must not have this name (section 4.1 rule 7; `_sd_alg` stands at the top level only).
pub(super) fn is_reserved(name: &str) -> bool {
    matches!(name, SD | ELLIPSIS | SD_ALG)
}

/// The hash algorithms that are deemed secure: at least 256 bits, not truncated (section 9.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashAlgorithm {
    /// `sha-256`, the default, and what we issue.
    Sha256,
    /// `sha-384`.
    Sha384,
    /// `sha-512`.
    Sha512,
}

impl HashAlgorithm {
    /// The algorithm that a payload names by `_sd_alg`; SHA-256 where it names none.
    pub fn of_payload(payload: &Map<String, Value>) -> Result<Self, SdJwtError> {
        match payload.get(SD_ALG) {
            None => Ok(Self::Sha256),
            Some(Value::String(name)) => match name.as_str() {
                "sha-256" => Ok(Self::Sha256),
                "sha-384" => Ok(Self::Sha384),
                "sha-512" => Ok(Self::Sha512),
                _ => Err(SdJwtError::HashAlgorithm),
            },
            Some(_) => Err(SdJwtError::HashAlgorithm),
        }
    }

    /// The base64url digest of ASCII text: a disclosure as it is encoded (section 4.2.3), or an SD-JWT (section 4.3.1).
    pub fn digest(self, text: &str) -> String {
        match self {
            Self::Sha256 => URL_SAFE_NO_PAD.encode(Sha256::digest(text)),
            Self::Sha384 => URL_SAFE_NO_PAD.encode(Sha384::digest(text)),
            Self::Sha512 => URL_SAFE_NO_PAD.encode(Sha512::digest(text)),
        }
    }
}

/// What a disclosure says.
pub(super) struct Content {
    /// The claim name; `None` for an array element.
    pub(super) name: Option<String>,
    /// The claim or element.
    pub(super) value: Value,
}

/// Reads the encoded disclosure strictly. Whether it has two or three elements must fit the place of its digest.
pub(super) fn decode(encoded: &str) -> Result<Content, SdJwtError> {
    let text = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| SdJwtError::DisclosureEncoding)?;
    let Value::Array(elements) = json::parse_strict(&text).map_err(SdJwtError::DisclosureJson)? else {
        return Err(SdJwtError::DisclosureArity);
    };
    let (salt, name, value) = match <[Value; 3]>::try_from(elements) {
        Ok([salt, name, value]) => (salt, Some(name), value),
        Err(elements) => {
            let [salt, value] = <[Value; 2]>::try_from(elements).map_err(|_| SdJwtError::DisclosureArity)?;
            (salt, None, value)
        }
    };
    if !salt.is_string() {
        return Err(SdJwtError::DisclosureSalt);
    }
    let name = match name {
        None => None,
        Some(Value::String(name)) => Some(name),
        Some(_) => return Err(SdJwtError::DisclosureName),
    };
    Ok(Content { name, value })
}

/// Writes a disclosure.
pub(super) fn encode(salt: &str, name: Option<&str>, value: &Value) -> String {
    let json = match name {
        Some(name) => serde_json::to_vec(&(salt, name, value)),
        None => serde_json::to_vec(&(salt, value)),
    };
    URL_SAFE_NO_PAD.encode(json.expect("JSON values are always JSON"))
}
