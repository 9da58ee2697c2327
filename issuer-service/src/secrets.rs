//! What the service derives from its reader key, so that a copy of the database alone opens nothing: the key of sealed columns, the
//! codes and PINs of offers, state tokens, and the authenticity of nonces.
//!
//! Everything is HMAC-SHA-256 under a root secret with a context string of its own (`identity::commitment`). A changed reader key
//! makes open offers and state tokens void.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use blobs::seal::{self, SealError};
use blobs::{BlobKey, ReaderSecretKey};
use identity::{CommitmentKey, UnixSeconds, canonical};
use service_kit::session::Token;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// Digits of a PIN.
pub const PIN_DIGITS: u32 = 6;
/// Random bytes of a nonce, bytes of its expiry, bytes of its authenticator.
const NONCE_RANDOM: usize = 16;
const NONCE_BYTES: usize = NONCE_RANDOM + 8 + 16;

/// Why something sealed is not there.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// It could not be sealed.
    #[error("a value could not be sealed")]
    Seal(#[source] SealError),
    /// It does not open: the database is not this service's, or the reader key was changed.
    #[error("a sealed value does not open; was the reader key changed?")]
    Open,
}

/// A sealed column: what it is, which makes keys of different columns different.
#[derive(Clone, Copy, Debug)]
pub struct Column(&'static str);

/// The claims of an offer, by offer id.
pub const DATASET: Column = Column("yufu/issuer/dataset/v1");
/// The credential response, by issuance id.
pub const RESPONSE: Column = Column("yufu/issuer/response/v1");
/// The clerk's reason, by request id.
pub const REASON: Column = Column("yufu/issuer/reason/v1");
/// A report as it was signed, by its id.
pub const REPORT: Column = Column("yufu/issuer/report/v1");
/// The document, card or witness that a request was verified by.
pub const REFERENCE: Column = Column("yufu/issuer/reference/v1");

/// What a nonce is for: one kind is not taken for the other.
#[derive(Clone, Copy, Debug)]
pub struct NonceKind(&'static str);

/// `c_nonce`, in key proofs.
pub const KEY_NONCE: NonceKind = NonceKind("yufu/issuer/nonce/v1");
/// `DPoP-Nonce`, in DPoP proofs.
pub const DPOP_NONCE: NonceKind = NonceKind("yufu/issuer/dpop-nonce/v1");

/// The root secret.
pub struct Secrets {
    root: CommitmentKey,
}

impl Secrets {
    /// Derives the root from the reader key.
    pub fn from_reader_key(reader: &ReaderSecretKey) -> Self {
        Self { root: CommitmentKey::from_entropy(canonical::hash("yufu/issuer/root/v1", &*reader.to_bytes())) }
    }

    fn derive(&self, context: &'static str, id: &str) -> [u8; 32] {
        self.root.commit(context, &id).0
    }

    /// The token that reads the state of a request: the same for the same request, so that a repeated request gets the same answer.
    pub fn state_token(&self, request: &str) -> Token {
        Token::from_entropy(self.derive("yufu/issuer/state-token/v1", request))
    }

    /// The pre-authorized code of an offer.
    pub fn code(&self, offer: &str) -> Token {
        Token::from_entropy(self.derive("yufu/issuer/code/v1", offer))
    }

    /// The PIN of an offer.
    pub fn pin(&self, offer: &str) -> String {
        let derived = self.derive("yufu/issuer/pin/v1", offer);
        let number = derived.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        // 2⁶⁴ is so much larger than 10⁶ that the remainder is even to 5 · 10⁻¹⁴.
        format!("{:06}", number % 10_u64.pow(PIN_DIGITS))
    }

    /// Whether a PIN is that of the offer; in constant time.
    pub fn is_pin(&self, offer: &str, presented: &str) -> bool {
        self.pin(offer).as_bytes().ct_eq(presented.as_bytes()).into()
    }

    /// Seals a column's value. One value per column and id: the key is used once.
    ///
    /// # Errors
    /// [`SecretsError::Seal`].
    pub fn seal(&self, column: Column, id: &str, plaintext: &[u8]) -> Result<String, SecretsError> {
        let sealed = seal::seal(plaintext, self.derive(column.0, id)).map_err(SecretsError::Seal)?;
        Ok(URL_SAFE_NO_PAD.encode(&sealed.ciphertext))
    }

    /// Opens a column's value.
    ///
    /// # Errors
    /// [`SecretsError::Open`].
    pub fn open(&self, column: Column, id: &str, sealed: &str) -> Result<Zeroizing<Vec<u8>>, SecretsError> {
        let ciphertext = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| SecretsError::Open)?;
        let key = BlobKey::from_entropy(self.derive(column.0, id));
        seal::open(&key, &ciphertext).map_err(|_| SecretsError::Open)
    }

    /// A nonce that says itself when it ends. Nothing is stored until it is used.
    pub fn nonce(&self, kind: NonceKind, random: [u8; NONCE_RANDOM], expires_at: UnixSeconds) -> String {
        let mut bytes = Vec::with_capacity(NONCE_BYTES);
        bytes.extend_from_slice(&random);
        bytes.extend_from_slice(&expires_at.to_be_bytes());
        let authenticator = self.nonce_authenticator(kind, &bytes);
        bytes.extend_from_slice(&authenticator);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// When a nonce of ours ends; `None` when it is not of ours, or of another kind.
    pub fn nonce_expiry(&self, kind: NonceKind, nonce: &str) -> Option<UnixSeconds> {
        if nonce.len() > 2 * NONCE_BYTES {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(nonce).ok().filter(|bytes| bytes.len() == NONCE_BYTES)?;
        let (content, authenticator) = bytes.split_at_checked(NONCE_RANDOM + 8)?;
        let ours = bool::from(self.nonce_authenticator(kind, content).as_slice().ct_eq(authenticator));
        let expiry = content.get(NONCE_RANDOM..)?.try_into().ok()?;
        ours.then(|| UnixSeconds::from_be_bytes(expiry))
    }

    fn nonce_authenticator(&self, kind: NonceKind, content: &[u8]) -> Vec<u8> {
        let commitment = self.root.commit(kind.0, &content);
        commitment.0.into_iter().take(NONCE_BYTES - NONCE_RANDOM - 8).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(seed: u8) -> Secrets {
        Secrets::from_reader_key(&ReaderSecretKey::from_entropy([seed; 32]))
    }

    #[test]
    fn pins_have_six_digits_and_differ_by_offer() {
        let secrets = secrets(1);
        let pin = secrets.pin("a");
        assert!(pin.len() == 6 && pin.bytes().all(|b| b.is_ascii_digit()));
        assert!(secrets.is_pin("a", &pin) && !secrets.is_pin("b", &pin) && !secrets.is_pin("a", ""));
    }

    /// SEC-D2: what is sealed for one column and row opens for no other, and not with another key.
    #[test]
    fn a_sealed_value_opens_only_where_it_belongs() {
        let secrets = secrets(1);
        let sealed = secrets.seal(DATASET, "one", b"canary").unwrap();
        assert_eq!(secrets.open(DATASET, "one", &sealed).unwrap().as_slice(), b"canary");
        assert!(secrets.open(DATASET, "two", &sealed).is_err());
        assert!(secrets.open(REASON, "one", &sealed).is_err());
        assert!(super::tests::secrets(2).open(DATASET, "one", &sealed).is_err());
    }

    #[test]
    fn a_nonce_of_another_service_or_kind_or_with_another_expiry_is_not_ours() {
        let nonce = secrets(1).nonce(KEY_NONCE, [7; 16], 1000);
        assert_eq!(secrets(1).nonce_expiry(KEY_NONCE, &nonce), Some(1000));
        assert_eq!(secrets(1).nonce_expiry(DPOP_NONCE, &nonce), None);
        assert_eq!(secrets(2).nonce_expiry(KEY_NONCE, &nonce), None);
        let mut bytes = URL_SAFE_NO_PAD.decode(&nonce).unwrap();
        bytes[20] ^= 1;
        assert_eq!(secrets(1).nonce_expiry(KEY_NONCE, &URL_SAFE_NO_PAD.encode(bytes)), None);
        assert_eq!(secrets(1).nonce_expiry(KEY_NONCE, ""), None);
    }
}
