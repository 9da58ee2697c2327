//! Keys and signatures: Ed25519 (RFC 8032) and ECDSA P-256 with SHA-256 (FIPS 186-5), each tagged with its algorithm so that
//! others can join later.
//!
//! [`PublicKey::verify`] is the strict rule of the ledger: one signature has one encoding (Ed25519 `verify_strict`, ECDSA low-S
//! only). [`PublicKey::verify_jose`] is the rule of JWS and X.509, where RFC 7518 section 3.4 allows a high S too. A public key is
//! checked when it is made: on the curve, canonical, not of small order.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use borsh::{BorshDeserialize, BorshSerialize};
use ed25519_dalek::Signer as _;
use p256::ecdsa::signature::Verifier as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A signature algorithm and its tag on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Algorithm {
    /// Ed25519, RFC 8032.
    Ed25519 = 1,
    /// ECDSA over P-256 with SHA-256.
    P256 = 2,
}

/// What is wrong with a key or signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a canonical point of the curve, or of small order.
    #[error("the bytes are not a valid public key of this algorithm")]
    PublicKey,
    /// Not a usable secret key (for P-256: zero or not below the group order).
    #[error("the bytes are not a valid secret key of this algorithm")]
    SecretKey,
    /// Key and signature are of different algorithms.
    #[error("the signature's algorithm is not the key's")]
    Algorithm,
    /// The signature does not verify, or is not in its one canonical form.
    #[error("the signature does not verify")]
    Signature,
}

/// A public key, valid by construction. Encoded as algorithm tag and bytes: 32 for Ed25519, 33 (SEC 1 compressed) for P-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(Bytes);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Bytes {
    Ed25519([u8; 32]),
    P256([u8; 33]),
}

impl PublicKey {
    /// Checks and takes the encoded key: 32 bytes for Ed25519; for P-256 33 (compressed) or 65 (uncompressed) SEC 1 bytes.
    pub fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, KeyError> {
        match algorithm {
            Algorithm::Ed25519 => {
                let bytes: [u8; 32] = bytes.try_into().map_err(|_| KeyError::PublicKey)?;
                if !recent::knows(&bytes) {
                    let key = ed25519_dalek::VerifyingKey::from_bytes(&bytes).map_err(|_| KeyError::PublicKey)?;
                    if key.is_weak() || !is_reduced(&bytes) {
                        return Err(KeyError::PublicKey);
                    }
                    recent::remember(&bytes);
                }
                Ok(Self(Bytes::Ed25519(bytes)))
            }
            Algorithm::P256 => {
                // The library also reads the compact form (tag 5), which would give a key a second encoding.
                if !matches!((bytes.first(), bytes.len()), (Some(2 | 3), 33) | (Some(4), 65)) {
                    return Err(KeyError::PublicKey);
                }
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(bytes).map_err(|_| KeyError::PublicKey)?;
                Ok(Self::from_p256(&key))
            }
        }
    }

    fn from_p256(key: &p256::ecdsa::VerifyingKey) -> Self {
        let point = key.to_sec1_point(true);
        let bytes = point.as_bytes().try_into().expect("a compressed P-256 point has 33 bytes");
        Self(Bytes::P256(bytes))
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        match self.0 {
            Bytes::Ed25519(_) => Algorithm::Ed25519,
            Bytes::P256(_) => Algorithm::P256,
        }
    }

    /// 32 bytes for Ed25519, 33 compressed SEC 1 bytes for P-256.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Bytes::Ed25519(bytes) => bytes,
            Bytes::P256(bytes) => bytes,
        }
    }

    /// The affine coordinates of a P-256 key, for a JWK; `None` for Ed25519.
    pub fn p256_coordinates(&self) -> Option<([u8; 32], [u8; 32])> {
        let Bytes::P256(bytes) = &self.0 else { return None };
        let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(bytes).expect("checked when made");
        let point = key.to_sec1_point(false);
        let (x, y) = (point.x()?, point.y()?);
        Some(((*x).into(), (*y).into()))
    }

    /// Verifies by the ledger's strict rule.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), KeyError> {
        match (&self.0, signature.algorithm) {
            (Bytes::Ed25519(key), Algorithm::Ed25519) => {
                let key = ed25519_dalek::VerifyingKey::from_bytes(key).expect("checked when made");
                let signature = ed25519_dalek::Signature::from_bytes(&signature.bytes);
                key.verify_strict(message, &signature).map_err(|_| KeyError::Signature)
            }
            (Bytes::P256(_), Algorithm::P256) => {
                let parsed = p256::ecdsa::Signature::from_slice(&signature.bytes).map_err(|_| KeyError::Signature)?;
                if parsed.normalize_s() != parsed {
                    return Err(KeyError::Signature);
                }
                self.verify_jose(message, signature)
            }
            (Bytes::Ed25519(_), Algorithm::P256) | (Bytes::P256(_), Algorithm::Ed25519) => Err(KeyError::Algorithm),
        }
    }

    /// Verifies by the rule of JWS and X.509: as [`Self::verify`], but an ECDSA signature may have a high S.
    pub fn verify_jose(&self, message: &[u8], signature: &Signature) -> Result<(), KeyError> {
        match (&self.0, signature.algorithm) {
            (Bytes::P256(key), Algorithm::P256) => {
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(key).expect("checked when made");
                let signature = p256::ecdsa::Signature::from_slice(&signature.bytes).map_err(|_| KeyError::Signature)?;
                key.verify(message, &signature).map_err(|_| KeyError::Signature)
            }
            _ => self.verify(message, signature),
        }
    }

    /// SHA-256 of the canonical bytes of the key: its name in an index.
    pub fn fingerprint(&self) -> [u8; 32] {
        Sha256::digest(crate::canonical::encode(self)).into()
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_string())
    }
}

/// `ed25519:<base64url>` or `p256:<base64url>`.
impl std::fmt::Display for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self.algorithm() {
            Algorithm::Ed25519 => "ed25519",
            Algorithm::P256 => "p256",
        };
        write!(f, "{name}:{}", URL_SAFE_NO_PAD.encode(self.as_bytes()))
    }
}

impl std::str::FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (name, encoded) = text.split_once(':').ok_or(KeyError::PublicKey)?;
        let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| KeyError::PublicKey)?;
        match name {
            "ed25519" => Self::from_bytes(Algorithm::Ed25519, &bytes),
            // Only the compressed form, so that a key has one text.
            "p256" if bytes.len() == 33 => Self::from_bytes(Algorithm::P256, &bytes),
            _ => Err(KeyError::PublicKey),
        }
    }
}

impl Serialize for PublicKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str> as Deserialize>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl BorshSerialize for PublicKey {
    fn serialize<W: std::io::Write>(&self, writer: &mut W) -> std::io::Result<()> {
        writer.write_all(&[self.algorithm() as u8])?;
        writer.write_all(self.as_bytes())
    }
}

impl BorshDeserialize for PublicKey {
    fn deserialize_reader<R: std::io::Read>(reader: &mut R) -> std::io::Result<Self> {
        let invalid = |e: KeyError| std::io::Error::new(std::io::ErrorKind::InvalidData, e);
        let algorithm = Algorithm::deserialize_reader(reader)?;
        match algorithm {
            Algorithm::Ed25519 => {
                let bytes = <[u8; 32]>::deserialize_reader(reader)?;
                Self::from_bytes(algorithm, &bytes).map_err(invalid)
            }
            Algorithm::P256 => {
                let bytes = <[u8; 33]>::deserialize_reader(reader)?;
                Self::from_bytes(algorithm, &bytes).map_err(invalid)
            }
        }
    }
}

/// Ed25519 keys that were found valid lately. A validator reads a transaction's key when it is gossiped and again in its block, and finding out
/// whether 32 bytes are a point costs a tenth of a signature check. Only a whole match counts, so who chooses keys can make this forget and
/// nothing else.
mod recent {
    use std::sync::{Mutex, PoisonError};

    /// Keys remembered at most; a power of two.
    const KEYS: usize = 16_384;
    /// No key: this point has small order.
    const NONE: [u8; 32] = [0; 32];

    static VALID: [Mutex<[u8; 32]>; KEYS] = [const { Mutex::new(NONE) }; KEYS];

    fn place(key: &[u8; 32]) -> Option<&'static Mutex<[u8; 32]>> {
        let [first, second, ..] = key;
        VALID.get(usize::from(u16::from_le_bytes([*first, *second])) % KEYS)
    }

    pub(super) fn knows(key: &[u8; 32]) -> bool {
        *key != NONE && place(key).is_some_and(|place| *place.lock().unwrap_or_else(PoisonError::into_inner) == *key)
    }

    pub(super) fn remember(key: &[u8; 32]) {
        if let Some(place) = place(key) {
            *place.lock().unwrap_or_else(PoisonError::into_inner) = *key;
        }
    }
}

/// Whether the y coordinate of an encoded Ed25519 point is below the field's prime 2²⁵⁵ − 19: the one encoding of its point, but for
/// points of small order, which are refused anyway.
fn is_reduced(bytes: &[u8; 32]) -> bool {
    let [lowest, middle @ .., highest] = bytes;
    highest & 0x7f != 0x7f || middle.iter().any(|byte| *byte != 0xff) || *lowest < 0xed
}

/// A signature with its algorithm's tag: 64 bytes, `R ‖ S` for Ed25519, `r ‖ s` for P-256 (as in JWS).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// Which algorithm made it.
    pub algorithm: Algorithm,
    /// The two scalars or point and scalar.
    #[serde(with = "base64url_array")]
    pub bytes: [u8; 64],
}

impl Signature {
    /// A signature of ECDSA on P-256 in the form of X9.62 (`ECDSA-Sig-Value`, RFC 3279 section 2.2.3), as key stores give it.
    ///
    /// # Errors
    /// [`KeyError::Signature`] when it is not one.
    pub fn from_ecdsa_der(der: &[u8]) -> Result<Self, KeyError> {
        p256::ecdsa::Signature::from_der(der).map(|signature| Self::low_s(&signature)).map_err(|_| KeyError::Signature)
    }

    fn low_s(signature: &p256::ecdsa::Signature) -> Self {
        Self { algorithm: Algorithm::P256, bytes: signature.normalize_s().to_bytes().into() }
    }
}

/// Something that holds a secret key and signs with it: a key in memory, a key store, a secure element.
pub trait Signer: Send + Sync {
    /// The key that verifies what this signs.
    fn public_key(&self) -> PublicKey;

    /// Signs the message. ECDSA signatures are low-S.
    ///
    /// # Errors
    /// [`SignError`] when what holds the key does not sign; a key in memory always does.
    fn sign(&self, message: &[u8]) -> Result<Signature, SignError>;
}

/// Why something that holds a key did not sign with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The person said no when asked to prove presence.
    #[error("signing was cancelled")]
    Cancelled,
    /// The key can be used once the device is unlocked.
    #[error("the device is locked")]
    Locked,
    /// The key is not there any more, or never was: another device, or one that was reset.
    #[error("the key is not on this device")]
    Gone,
    /// Anything else, in the words of what holds the key.
    #[error("the key store did not sign: {0}")]
    Failed(String),
}

/// A secret key in memory, wiped when dropped.
#[derive(Clone)]
pub enum SecretKey {
    /// Ed25519.
    Ed25519(ed25519_dalek::SigningKey),
    /// P-256.
    P256(p256::ecdsa::SigningKey),
}

impl SecretKey {
    /// A key from 32 bytes of entropy or of storage. For P-256 the bytes are the scalar; a value out of range (chance 2⁻³²) is refused.
    pub fn from_bytes(algorithm: Algorithm, bytes: &[u8; 32]) -> Result<Self, KeyError> {
        match algorithm {
            Algorithm::Ed25519 => Ok(Self::Ed25519(ed25519_dalek::SigningKey::from_bytes(bytes))),
            Algorithm::P256 => p256::ecdsa::SigningKey::from_slice(bytes).map(Self::P256).map_err(|_| KeyError::SecretKey),
        }
    }

    /// The secret 32 bytes, to be stored sealed.
    pub fn to_bytes(&self) -> zeroize::Zeroizing<[u8; 32]> {
        zeroize::Zeroizing::new(match self {
            Self::Ed25519(key) => key.to_bytes(),
            Self::P256(key) => key.to_bytes().into(),
        })
    }

    /// The key that verifies what this signs.
    pub fn public_key(&self) -> PublicKey {
        match self {
            Self::Ed25519(key) => PublicKey(Bytes::Ed25519(key.verifying_key().to_bytes())),
            Self::P256(key) => PublicKey::from_p256(key.verifying_key()),
        }
    }

    /// Signs the message. ECDSA signatures are low-S.
    pub fn sign(&self, message: &[u8]) -> Signature {
        match self {
            Self::Ed25519(key) => Signature { algorithm: Algorithm::Ed25519, bytes: key.sign(message).to_bytes() },
            Self::P256(key) => Signature::low_s(&key.sign(message)),
        }
    }
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretKey of {}", self.public_key())
    }
}

impl Signer for SecretKey {
    fn public_key(&self) -> PublicKey {
        self.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        Ok(self.sign(message))
    }
}

/// Serde form of byte arrays: base64url without padding (RFC 4648 section 5).
pub mod base64url_array {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes the array as base64url text.
    pub fn serialize<S: Serializer, const N: usize>(bytes: &[u8; N], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads exactly `N` bytes of base64url text.
    pub fn deserialize<'de, D: Deserializer<'de>, const N: usize>(deserializer: D) -> Result<[u8; N], D::Error> {
        let text = <std::borrow::Cow<'de, str> as Deserialize>::deserialize(deserializer)?;
        let bytes = URL_SAFE_NO_PAD.decode(text.as_ref()).map_err(serde::de::Error::custom)?;
        bytes.try_into().map_err(|_| serde::de::Error::custom(format!("expected {N} bytes of base64url")))
    }
}
