//! Reader keys: what an [`Envelope`](crate::Envelope) is sealed to.
//!
//! X-Wing (ML-KEM-768 with X25519, KEM 0x647a of draft-ietf-hpke-pq): whoever records envelopes today cannot open them with a
//! quantum computer tomorrow, and a flaw in either half alone opens nothing. The secret key is a 32-byte seed.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hpke::kem::XWing;
use hpke::{Deserializable as _, Kem, Serializable as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

/// The bytes are not a reader key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReaderKeyError {
    /// Not base64url, of another length, or not a valid ML-KEM-768 key.
    #[error("the bytes are not a valid X-Wing public key of 1216 bytes")]
    PublicKey,
    /// Not 43 characters of base64url.
    #[error("the text is not a reader key id")]
    KeyId,
}

/// SHA-256 of a reader's public key: its name in envelopes and indexes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReaderKeyId(#[serde(with = "identity::keys::base64url_array")] pub [u8; 32]);

impl fmt::Display for ReaderKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for ReaderKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ReaderKeyId {
    type Err = ReaderKeyError;

    fn from_str(text: &str) -> Result<Self, ReaderKeyError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| ReaderKeyError::KeyId)?;
        bytes.try_into().map(Self).map_err(|_| ReaderKeyError::KeyId)
    }
}

/// A reader's public key, valid by construction. Text and JSON form: base64url without padding of the 1216 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct ReaderPublicKey {
    key: <XWing as Kem>::PublicKey,
    id: ReaderKeyId,
}

impl ReaderPublicKey {
    /// Length of the encoded key.
    pub const BYTES: usize = 1216;

    fn from_key(key: <XWing as Kem>::PublicKey) -> Self {
        let id = ReaderKeyId(Sha256::digest(key.to_bytes()).into());
        Self { key, id }
    }

    /// Checks and takes the encoded key.
    ///
    /// # Errors
    /// [`ReaderKeyError::PublicKey`] when it has another length or fails the modulus check of FIPS 203 section 7.2.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ReaderKeyError> {
        let key = <XWing as Kem>::PublicKey::from_bytes(bytes).map_err(|_| ReaderKeyError::PublicKey)?;
        Ok(Self::from_key(key))
    }

    /// The encoded key, 1216 bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.key.to_bytes().to_vec()
    }

    /// The key's name.
    pub fn id(&self) -> ReaderKeyId {
        self.id
    }

    pub(crate) fn kem(&self) -> &<XWing as Kem>::PublicKey {
        &self.key
    }
}

impl fmt::Display for ReaderPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.key.to_bytes()))
    }
}

impl fmt::Debug for ReaderPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReaderPublicKey({})", self.id)
    }
}

impl FromStr for ReaderPublicKey {
    type Err = ReaderKeyError;

    fn from_str(text: &str) -> Result<Self, ReaderKeyError> {
        // Bounded before it is decoded: 1216 bytes are 1622 characters.
        if text.len() > Self::BYTES * 2 {
            return Err(ReaderKeyError::PublicKey);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| ReaderKeyError::PublicKey)?;
        Self::from_bytes(&bytes)
    }
}

impl Serialize for ReaderPublicKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ReaderPublicKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A reader's secret key, wiped when dropped.
#[derive(Clone)]
pub struct ReaderSecretKey {
    key: <XWing as Kem>::PrivateKey,
    public: ReaderPublicKey,
}

impl ReaderSecretKey {
    /// A key from 32 bytes of fresh entropy, or of storage. The bytes are the X-Wing seed.
    pub fn from_entropy(mut entropy: [u8; 32]) -> Self {
        let key = <XWing as Kem>::PrivateKey::from_bytes(&entropy).expect("an X-Wing secret key is any 32 bytes");
        entropy.zeroize();
        let public = ReaderPublicKey::from_key(<XWing as Kem>::sk_to_pk(&key));
        Self { key, public }
    }

    /// The secret 32 bytes, to be stored sealed.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        let mut bytes = Zeroizing::new([0; 32]);
        self.key.write_exact(bytes.as_mut());
        bytes
    }

    /// The key to give away.
    pub fn public_key(&self) -> &ReaderPublicKey {
        &self.public
    }

    /// The key's name.
    pub fn id(&self) -> ReaderKeyId {
        self.public.id
    }

    pub(crate) fn kem(&self) -> &<XWing as Kem>::PrivateKey {
        &self.key
    }
}

impl fmt::Debug for ReaderSecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReaderSecretKey of {}", self.public.id)
    }
}
