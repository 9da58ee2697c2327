//! What this service keeps secret at rest: released claims are sealed, decryption keys are derived and can be erased.
//!
//! Everything hangs on the storage key, which lies outside the database. A stolen database gives nothing; a stolen storage key
//! gives nothing without the database, and nothing of what was erased from it. Purposes are kept apart by context strings.

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use identity::jose::jwe::DecryptionKey;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const SEAL_CONTEXT: &[u8] = b"yufu/verifier/seal/v1";
const RESPONSE_KEY_CONTEXT: &[u8] = b"yufu/verifier/response-key/v1";
const SALT_BYTES: usize = 32;

/// The key that everything at rest hangs on. It is never printed.
pub struct StorageKey(Zeroizing<[u8; 32]>);

/// A sealed value does not open: another key, another place, or changed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value of the database does not open: the storage key is another one, or the value was changed")]
pub struct SealError;

impl StorageKey {
    /// Takes 32 secret bytes.
    pub fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// Seals `plaintext` for one place (`place` names table and row) under this key and `secret`, which may be empty or a
    /// session's token. `entropy` is fresh: each seal has a key of its own, so the nonce can be constant.
    pub fn seal(&self, place: &str, secret: &[u8], plaintext: &[u8], entropy: &[u8; SALT_BYTES]) -> String {
        let key = self.derive(SEAL_CONTEXT, &[entropy, secret]);
        let message = Payload { msg: plaintext, aad: place.as_bytes() };
        let sealed = cipher(&key).encrypt(&[0; 12].into(), message).expect("AES-GCM takes any message that fits in memory");
        let mut bytes = entropy.to_vec();
        bytes.extend_from_slice(&sealed);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Opens what [`Self::seal`] made with the same place and secret.
    pub fn open(&self, place: &str, secret: &[u8], sealed: &str) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| SealError)?;
        let (salt, sealed) = bytes.split_at_checked(SALT_BYTES).ok_or(SealError)?;
        let key = self.derive(SEAL_CONTEXT, &[salt, secret]);
        let message = Payload { msg: sealed, aad: place.as_bytes() };
        cipher(&key).decrypt(&[0; 12].into(), message).map(Zeroizing::new).map_err(|_| SealError)
    }

    /// The decryption key of one request, from its seed: erasing the seed erases the key. `None` for the one seed in 2³² that
    /// gives no key: draw another.
    pub fn response_key(&self, seed: &[u8; 32]) -> Option<DecryptionKey> {
        DecryptionKey::from_bytes(&self.derive(RESPONSE_KEY_CONTEXT, &[seed])).ok()
    }

    fn derive(&self, context: &[u8], parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
        let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(self.0.as_slice()).expect("HMAC takes a key of any length");
        for part in std::iter::once(&context).chain(parts) {
            // Lengths keep the parts apart.
            mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part);
        }
        Zeroizing::new(mac.finalize().into_bytes().into())
    }
}

fn cipher(key: &[u8; 32]) -> Aes256Gcm {
    Aes256Gcm::new_from_slice(key).expect("the key has 32 bytes")
}

/// A secret text as the database knows it: SHA-256, base64url. Only for secrets of at least 128 random bits.
pub fn digest(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(secret))
}

/// 256 fresh bits as text.
pub fn token(entropy: [u8; 32]) -> String {
    URL_SAFE_NO_PAD.encode(entropy)
}

/// A 128-bit id as text: 22 characters.
pub fn id(entropy: [u8; 32]) -> String {
    let (half, _) = entropy.split_at(16);
    URL_SAFE_NO_PAD.encode(half)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> StorageKey {
        StorageKey::new(Zeroizing::new([byte; 32]))
    }

    #[test]
    fn a_sealed_value_opens_with_its_key_place_and_secret_only() {
        let sealed = key(1).seal("logins/a", b"token", b"value", &[7; 32]);
        assert_eq!(key(1).open("logins/a", b"token", &sealed).unwrap().as_slice(), b"value");
        assert!(key(2).open("logins/a", b"token", &sealed).is_err());
        assert!(key(1).open("logins/b", b"token", &sealed).is_err());
        assert!(key(1).open("logins/a", b"", &sealed).is_err());
        assert!(key(1).open("logins/a", b"token", "AAAA").is_err());
    }

    #[test]
    fn a_response_key_follows_from_its_seed_and_the_storage_key() {
        let one = key(1).response_key(&[3; 32]).unwrap();
        assert_eq!(one.public_key(), key(1).response_key(&[3; 32]).unwrap().public_key());
        assert_ne!(one.public_key(), key(1).response_key(&[4; 32]).unwrap().public_key());
        assert_ne!(one.public_key(), key(2).response_key(&[3; 32]).unwrap().public_key());
    }
}
