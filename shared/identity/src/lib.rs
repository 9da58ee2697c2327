//! What an identity is made of: keys, canonical bytes, DIDs, commitments, attestations, SD-JWT, JOSE, presentations.
//!
//! Pure: no async, no I/O, no clock, no randomness, no logging. Entropy (32 bytes) and `now` (seconds since the Unix epoch)
//! are arguments. Everything from outside is bounded before it is parsed.

pub mod canonical;
pub mod commitment;
pub mod dcql;
pub mod did;
pub mod jose;
pub mod json;
pub mod keys;
pub mod localized;
pub mod sd_jwt;
pub mod sd_jwt_vc;
pub mod status_list;

pub use commitment::{Commitment, CommitmentKey};
pub use did::Did;
pub use keys::{Algorithm, PublicKey, SecretKey, SignError, Signature, Signer};
pub use localized::Localized;

/// Seconds since the Unix epoch.
pub type UnixSeconds = i64;
