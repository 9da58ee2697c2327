//! Transactions and blocks with their canonical bytes, so that nobody encodes and hashes the same thing twice.
//!
//! The bytes, ids and leaves are those of `transaction` and `block`: this module only keeps them. The fields are private, so that a value
//! and its bytes cannot come apart.

use std::ops::Range;

use borsh::BorshSerialize;
use identity::canonical::{self, Hash};
use identity::keys::KeyError;

use crate::block::Block;
use crate::transaction::{CONTEXT, LEAF_CONTEXT, Transaction, TransactionId};

/// Bytes of an encoded signature, the last of an encoded transaction: the algorithm's tag and 64 bytes.
const SIGNATURE_BYTES: usize = 65;

/// A transaction, its canonical bytes, and their two hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    transaction: Transaction,
    bytes: Box<[u8]>,
    id: TransactionId,
    leaf: Hash,
}

impl Encoded {
    /// Encodes and hashes a transaction.
    pub fn new(transaction: Transaction) -> Self {
        let bytes = canonical::encode(&transaction);
        let (id, leaf) = hashes(&bytes);
        Self { transaction, bytes: bytes.into(), id, leaf }
    }

    /// The transaction.
    pub fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    /// Its canonical bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its id ([`Transaction::id`]).
    pub fn id(&self) -> TransactionId {
        self.id
    }

    /// Its leaf in a block ([`Transaction::leaf`]).
    pub fn leaf(&self) -> Hash {
        self.leaf
    }

    /// Checks the signature ([`Transaction::verify_signature`]).
    ///
    /// # Errors
    /// When it does not verify.
    pub fn verify_signature(&self) -> Result<(), KeyError> {
        let message = canonical::encoded_with_context(CONTEXT, unsigned(&self.bytes));
        self.transaction.unsigned.sender.key().verify(&message, &self.transaction.signature)
    }
}

/// The canonical bytes of a block, and where in them each of its transactions stands.
pub fn block(block: &Block) -> (Vec<u8>, Vec<Range<usize>>) {
    let Block { header, transactions } = block;
    let count = u32::try_from(transactions.len()).expect("a block in memory has fewer than four billion transactions");
    let mut bytes = canonical::encode(&(header, count));
    let place = |transaction: &Transaction| {
        let start = bytes.len();
        transaction.serialize(&mut bytes).expect("writing to memory does not fail");
        start..bytes.len()
    };
    let places = transactions.iter().map(place).collect();
    (bytes, places)
}

/// The id and the leaf of a transaction whose canonical bytes these are.
pub fn hashes(bytes: &[u8]) -> (TransactionId, Hash) {
    (TransactionId(canonical::hash_encoded(CONTEXT, unsigned(bytes))), canonical::hash_encoded(LEAF_CONTEXT, bytes))
}

/// What of a transaction's canonical bytes is signed: all but the signature.
fn unsigned(bytes: &[u8]) -> &[u8] {
    bytes.get(..bytes.len().saturating_sub(SIGNATURE_BYTES)).unwrap_or_default()
}
