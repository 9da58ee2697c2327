//! The one encoder of everything that Yufu hashes or signs.
//!
//! A value's canonical bytes are its Borsh encoding (<https://borsh.io>, specification 1.0): one value, one byte string.
//! What is hashed or signed is `length of context (1 byte) ‖ context ‖ Borsh(value)`, so that bytes made for one purpose never
//! pass for another. The golden vectors are in `tests/canonical.rs`; changing one approves a new format.

use borsh::{BorshDeserialize, BorshSerialize};
use sha2::{Digest, Sha256};

/// A SHA-256 digest.
pub type Hash = [u8; 32];

/// The bytes do not decode.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The input is longer than the caller's limit.
    #[error("the encoded value has {length} bytes, more than the {limit} allowed")]
    TooLong {
        /// Bytes given.
        length: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Not a Borsh encoding of the type, or bytes are left over.
    #[error("the bytes are not the canonical encoding of this type")]
    Malformed(#[source] std::io::Error),
}

/// Borsh bytes of a value.
pub fn encode<T: BorshSerialize>(value: &T) -> Vec<u8> {
    borsh::to_vec(value).expect("writing to memory fails only for collections over 4 GiB, which no bounded type holds")
}

/// Decodes at most `limit` bytes; refuses what `encode` would not have written (bytes left over included).
pub fn decode<T: BorshDeserialize>(bytes: &[u8], limit: usize) -> Result<T, DecodeError> {
    if bytes.len() > limit {
        return Err(DecodeError::TooLong { length: bytes.len(), limit });
    }
    T::try_from_slice(bytes).map_err(DecodeError::Malformed)
}

/// The bytes to sign or to hash for `value` under `context`, which has 1 to 255 bytes.
pub fn with_context<T: BorshSerialize>(context: &'static str, value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + context.len() + 128);
    bytes.push(length(context));
    bytes.extend_from_slice(context.as_bytes());
    borsh::to_writer(&mut bytes, value).expect("writing to memory does not fail");
    bytes
}

/// [`with_context`] of a value whose canonical bytes are at hand.
pub fn encoded_with_context(context: &'static str, encoded: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + context.len() + encoded.len());
    bytes.push(length(context));
    bytes.extend_from_slice(context.as_bytes());
    bytes.extend_from_slice(encoded);
    bytes
}

/// SHA-256 of [`with_context`].
pub fn hash<T: BorshSerialize>(context: &'static str, value: &T) -> Hash {
    Sha256::digest(with_context(context, value)).into()
}

/// [`hash()`] of a value whose canonical bytes are at hand.
pub fn hash_encoded(context: &'static str, encoded: &[u8]) -> Hash {
    let hasher = Sha256::new().chain_update([length(context)]).chain_update(context).chain_update(encoded);
    hasher.finalize().into()
}

fn length(context: &'static str) -> u8 {
    u8::try_from(context.len()).expect("a context string is a short literal")
}
