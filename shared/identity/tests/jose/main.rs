//! JOSE through its public boundary: keys, signatures, encryption and certificate chains, with what strangers may send.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, in its helpers too")]

mod authority;
mod hostile;
mod jwe;
mod jwk;
mod jws;
mod x509;

use identity::{Algorithm, SecretKey};

/// The time of verification in these tests: 2027-01-15.
const NOW: i64 = 1_800_000_000;

/// A test key: one byte repeated, as in `vectors/jose_interop.py`.
fn secret(algorithm: Algorithm, byte: u8) -> SecretKey {
    SecretKey::from_bytes(algorithm, &[byte; 32]).expect("in range")
}
