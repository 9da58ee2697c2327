//! Receipts: for every release one on the ledger before it is used (I6), and the evidence for it here until the purpose's
//! retention is over.
//!
//! The evidence is what the citizen signed (key binding JWTs, which hold no attribute) and the key that opens the commitment.

pub mod store;

use identity::canonical;
use identity::{Commitment, CommitmentKey, UnixSeconds};
use ledger::records::RecordId;
use ledger::transaction::{NewReceipt, RECEIPT_CONTEXT, Transaction, TransactionId};
use ledger::{Hash, limits};
use sha2::{Digest, Sha256};
use wire::oid4vp::ReceiptOpening;

/// A receipt with its evidence.
#[derive(Clone)]
pub struct Receipt {
    /// Its id on the ledger.
    pub id: RecordId,
    /// The login that it is for.
    pub login: String,
    /// The purpose's id.
    pub purpose: String,
    /// The transaction that records it.
    pub transaction: TransactionId,
    /// The block that has it; 0 before it is final.
    pub height: u64,
    /// The commitment on the ledger.
    pub commitment: Commitment,
    /// The key that opens it.
    pub commitment_key: CommitmentKey,
    /// The key binding JWTs; the commitment is to the first.
    pub key_bindings: Vec<String>,
    /// The hash of the consent that the citizen read, where the wallet gave one.
    pub consent: Option<String>,
    /// When it was made.
    pub created_at: UnixSeconds,
    /// When the evidence goes.
    pub delete_after: UnixSeconds,
}

impl Receipt {
    /// What the wallet needs to check the receipt.
    pub fn opening(&self) -> ReceiptOpening {
        ReceiptOpening {
            id: self.id,
            transaction: self.transaction,
            commitment: self.commitment,
            commitment_key: self.commitment_key.clone(),
        }
    }
}

/// Commits to what the citizen signed, under fresh entropy for the key and the id.
pub fn commit(key_binding_jwt: &str, key_entropy: [u8; 32], id_entropy: [u8; 32]) -> (NewReceipt, CommitmentKey) {
    let key = CommitmentKey::from_entropy(key_entropy);
    let digest: Hash = Sha256::digest(key_binding_jwt).into();
    let commitment = key.commit(RECEIPT_CONTEXT, &digest);
    (NewReceipt { id: RecordId(id_entropy), commitment }, key)
}

/// The transaction's bytes for the database.
pub fn encode(transaction: &Transaction) -> Vec<u8> {
    canonical::encode(transaction)
}

/// The transaction from the database.
pub fn decode(bytes: &[u8]) -> Result<Transaction, canonical::DecodeError> {
    canonical::decode(bytes, limits::MAX_TRANSACTION_BYTES)
}
