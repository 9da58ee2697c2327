//! Small forms that sealed records share.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clients::Environment;
use identity::keys::{Algorithm, SecretKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// 32 secret bytes in a record: a key, or the preimage of a lock. Wiped when dropped, and shown by nobody.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Secret32(#[serde(with = "identity::keys::base64url_array")] [u8; 32]);

impl Secret32 {
    /// Fresh entropy.
    pub(crate) fn fresh(environment: &Environment) -> Self {
        Self(environment.entropy())
    }

    /// Fresh entropy that is a key of the algorithm (for P-256 one try in 2³² is not).
    pub(crate) fn fresh_key(environment: &Environment, algorithm: Algorithm) -> Self {
        loop {
            let candidate = Self::fresh(environment);
            if SecretKey::from_bytes(algorithm, &candidate.0).is_ok() {
                return candidate;
            }
        }
    }

    /// These bytes.
    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The bytes as a key; `None` when the record is damaged.
    pub(crate) fn key(&self, algorithm: Algorithm) -> Option<SecretKey> {
        SecretKey::from_bytes(algorithm, &self.0).ok()
    }
}

impl std::fmt::Debug for Secret32 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret32(…)")
    }
}

/// Serde form of byte strings: base64url without padding.
pub(crate) mod base64url_bytes {
    use base64::Engine as _;

    use super::{Deserialize, Deserializer, Serializer, URL_SAFE_NO_PAD};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = <std::borrow::Cow<'de, str> as Deserialize>::deserialize(deserializer)?;
        URL_SAFE_NO_PAD.decode(text.as_ref()).map_err(serde::de::Error::custom)
    }
}

/// A random id as text: 16 bytes, base64url. None begins with `-`, as an option of a command does.
pub(crate) fn fresh_id(environment: &Environment) -> String {
    loop {
        let entropy = environment.entropy();
        let id = URL_SAFE_NO_PAD.encode(entropy.first_chunk::<16>().expect("32 bytes begin with 16"));
        if !id.starts_with('-') {
            return id;
        }
    }
}

/// Bytes as base64url text.
pub(crate) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
