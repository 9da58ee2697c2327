//! The node's parts without a network: admission, mempool, blocks, execution, configuration.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod admission;
mod block;
mod configuration;
mod door;
mod execution;
mod guard;
mod mempool;
mod topology;

use identity::{SecretKey, did::Inception, keys::Algorithm};
use ledger::transaction::{Body, Sender, Transaction, Unsigned};
use sha2::{Digest as _, Sha256};

/// The genesis hash that these tests' transactions are for.
const GENESIS: [u8; 32] = [9; 32];

fn secret(word: &str) -> SecretKey {
    SecretKey::from_bytes(Algorithm::Ed25519, &Sha256::digest(word).into()).unwrap()
}

fn unsigned(word: &str, sequence: u64, expiry_height: u64) -> Unsigned {
    let device = secret(word).public_key();
    let inception = Inception { network: "test".parse().unwrap(), device, recovery_commitment: [0; 32] };
    let body = Body::CreateIdentity(inception);
    Unsigned { genesis: GENESIS, sender: Sender::Key(device), sequence, expiry_height, body }
}

fn transaction(word: &str, sequence: u64) -> Transaction {
    unsigned(word, sequence, 100).sign(&secret(word))
}
