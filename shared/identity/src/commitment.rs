//! Salted commitments: what the ledger holds in place of data.
//!
//! A commitment is HMAC-SHA-256 under a random 256-bit key that stays off the ledger. With the key, anyone checks it; without
//! it, the commitment says nothing, even about a value with few possibilities. Destroying the key erases what was committed.

use borsh::{BorshDeserialize, BorshSerialize};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::canonical;

/// The secret key of one commitment. Use it for one record only.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[serde(transparent)]
pub struct CommitmentKey(#[serde(with = "crate::keys::base64url_array")] [u8; 32]);

impl std::fmt::Debug for CommitmentKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CommitmentKey(…)")
    }
}

impl CommitmentKey {
    /// A key from 32 bytes of fresh entropy.
    pub fn from_entropy(entropy: [u8; 32]) -> Self {
        Self(entropy)
    }

    /// The raw key, to be sealed to a reader.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Commits to a value under a context string.
    pub fn commit<T: BorshSerialize>(&self, context: &'static str, value: &T) -> Commitment {
        Commitment(self.mac(context, value).finalize().into_bytes().into())
    }

    /// Whether `commitment` was made with this key, context and value; in constant time.
    pub fn verify<T: BorshSerialize>(&self, context: &'static str, value: &T, commitment: &Commitment) -> bool {
        self.mac(context, value).verify_slice(&commitment.0).is_ok()
    }

    fn mac<T: BorshSerialize>(&self, context: &'static str, value: &T) -> Hmac<Sha256> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(&canonical::with_context(context, value));
        mac
    }
}

/// A commitment as it stands on the ledger: 32 bytes, base64url in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
#[serde(transparent)]
pub struct Commitment(#[serde(with = "crate::keys::base64url_array")] pub [u8; 32]);
