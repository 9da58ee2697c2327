//! What a transaction must be before it may wait here: bounded, for this ledger, in time, well formed, and signed.
//!
//! Whether it will be applied is for the state machine to say, in a block.

use crate::mempool::Candidate;
use identity::{canonical, keys::KeyError};
use ledger::{
    Hash,
    encoded::Encoded,
    limits::{MAX_EXPIRY_BLOCKS, MAX_TRANSACTION_BYTES},
    receipt::Refusal,
    transaction::{Sender, Transaction},
};
use std::sync::Arc;

/// Context string of the hash that names whose quota a transaction counts against. Local to a node.
const QUOTA_CONTEXT: &str = "yufu/chain-node/quota/v1";

/// Why a transaction is refused at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AdmissionError {
    /// It is longer than a transaction may be.
    #[error("the transaction has {length} bytes, more than the {MAX_TRANSACTION_BYTES} allowed")]
    TooLarge {
        /// Its encoded bytes.
        length: usize,
    },
    /// It was signed for another ledger.
    #[error("the transaction is for another ledger: its genesis hash is not this one's")]
    OtherLedger,
    /// It would be valid for too long.
    #[error("the transaction expires at height {expires_at}, more than {MAX_EXPIRY_BLOCKS} blocks ahead of {height}")]
    ExpiryTooFar {
        /// The last height at which it is valid.
        expires_at: u64,
        /// The finalized height.
        height: u64,
    },
    /// Its sender may not send its kind, or a field is outside its bounds: no block would apply it.
    #[error("the transaction is not well formed: {0}")]
    IllFormed(Refusal),
    /// Its signature does not verify.
    #[error("the transaction's signature does not verify")]
    Signature(#[source] KeyError),
}

/// A transaction that keeps every rule but the dearest one: its signature is unchecked.
pub struct Screened(Candidate);

impl Screened {
    /// What would wait, to ask whether there is room before anybody pays for the signature.
    pub fn candidate(&self) -> &Candidate {
        &self.0
    }

    /// Checks the signature.
    ///
    /// # Errors
    /// When it does not verify.
    pub fn verify(self) -> Result<Candidate, AdmissionError> {
        self.0.transaction.verify_signature().map_err(AdmissionError::Signature)?;
        Ok(self.0)
    }
}

/// Checks a transaction that came from outside by every rule.
///
/// # Errors
/// When a rule is broken; see [`AdmissionError`].
pub fn admit(genesis: &Hash, height: u64, transaction: Transaction) -> Result<Candidate, AdmissionError> {
    screen(genesis, height, Encoded::new(transaction))?.verify()
}

/// Checks a transaction that came from outside by the cheap rules.
///
/// # Errors
/// When a rule is broken; see [`AdmissionError`].
pub fn screen(genesis: &Hash, height: u64, encoded: Encoded) -> Result<Screened, AdmissionError> {
    let length = encoded.bytes().len();
    if length > MAX_TRANSACTION_BYTES {
        return Err(AdmissionError::TooLarge { length });
    }
    let transaction = encoded.transaction();
    let unsigned = &transaction.unsigned;
    if unsigned.genesis != *genesis {
        return Err(AdmissionError::OtherLedger);
    }
    let expires_at = unsigned.expiry_height;
    if expires_at > height.saturating_add(MAX_EXPIRY_BLOCKS) {
        return Err(AdmissionError::ExpiryTooFar { expires_at, height });
    }
    transaction.check_bounds().map_err(AdmissionError::IllFormed)?;
    let (id, sender) = (encoded.id().0, quota(&unsigned.sender));
    Ok(Screened(Candidate { id, sender, expires_at, bytes: length, transaction: Arc::new(encoded) }))
}

/// One quota for each key of an identity, authority or party. Not one for all its keys: whether a key is its, only the state knows, and
/// a stranger who signs in its name with a key of their own must not use up its quota.
fn quota(sender: &Sender) -> Hash {
    canonical::hash(QUOTA_CONTEXT, sender)
}
