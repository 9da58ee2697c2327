//! That a transaction stands in a final block: its path to the header's root of transactions, and what makes the header final.
//!
//! Not every block has a certificate of its own: one is final through the next block after it that has. So a proof may carry the headers
//! from the transaction's block up to one with a certificate, each naming the one before as its parent.
//!
//! What stands in a block was asked for; whether it was applied or refused is in the receipt, `Subject::Transaction` in the state. The
//! path does not say at which place in the block the transaction stands: the header does not say how many there are.

use identity::canonical::{self, DecodeError};
use identity::keys::KeyError;

use crate::block::Header;
use crate::finality::{FinalityError, verify_certificate};
use crate::limits::{MAX_HEADER_BYTES, MAX_TRANSACTION_BYTES};
use crate::merkle::{Inclusion, InclusionError};
use crate::transaction::{Transaction, TransactionId};
use crate::trust::TrustRoot;

/// Headers after the transaction's own, at most.
pub const MAX_LINKS: usize = 64;

/// What a node says about a transaction, as bytes.
#[derive(Clone, Copy, Debug)]
pub struct TransactionProof<'a> {
    /// The transaction's canonical bytes.
    pub transaction: &'a [u8],
    /// Its [`Inclusion`] among the leaves of its block.
    pub inclusion: &'a [u8],
    /// The header of its block.
    pub header: &'a [u8],
    /// The headers after that, in order, up to the one that the certificate is for; empty when it is for the block itself.
    pub links: &'a [Vec<u8>],
    /// The finality certificate of the last header.
    pub certificate: &'a [u8],
}

/// Why it is not shown that a transaction is in a final block.
#[derive(Debug, thiserror::Error)]
pub enum TransactionProofError {
    /// The transaction does not decode.
    #[error("the transaction does not decode")]
    Transaction(#[source] DecodeError),
    /// It is another one than was asked for.
    #[error("this is another transaction")]
    OtherTransaction,
    /// Its sender's key did not sign it.
    #[error("the transaction is not signed by its sender")]
    Signature(#[source] KeyError),
    /// The transaction is for another ledger.
    #[error("the transaction is for another ledger")]
    OtherLedger,
    /// A header does not decode.
    #[error("a header does not decode")]
    Header(#[source] DecodeError),
    /// The path does not decode.
    #[error("the path does not decode")]
    Path(#[source] DecodeError),
    /// The block's header does not commit to the transaction.
    #[error("the transaction is not in the block")]
    Inclusion(#[from] InclusionError),
    /// More than [`MAX_LINKS`] headers, or one that does not follow the one before.
    #[error("the headers do not follow each other")]
    Links,
    /// The last header is not final.
    #[error("the certificate does not make the header final")]
    Finality(#[from] FinalityError),
}

/// Checks that the transaction with this id is in a final block, and that its sender signed it. Gives it, and the block's header.
///
/// # Errors
/// See [`TransactionProofError`].
pub fn verify_transaction(
    root: &TrustRoot,
    id: &TransactionId,
    proof: &TransactionProof<'_>,
) -> Result<(Transaction, Header), TransactionProofError> {
    let decoded = canonical::decode(proof.transaction, MAX_TRANSACTION_BYTES);
    let transaction: Transaction = decoded.map_err(TransactionProofError::Transaction)?;
    if transaction.id() != *id {
        return Err(TransactionProofError::OtherTransaction);
    }
    if transaction.unsigned.genesis != *root.hash() {
        return Err(TransactionProofError::OtherLedger);
    }
    transaction.verify_signature().map_err(TransactionProofError::Signature)?;
    let header = decode_header(proof.header)?;
    let inclusion = Inclusion::from_bytes(proof.inclusion).map_err(TransactionProofError::Path)?;
    inclusion.verify(&transaction.leaf(), &header.transactions_root)?;
    if proof.links.len() > MAX_LINKS {
        return Err(TransactionProofError::Links);
    }
    let mut last = header.clone();
    for link in proof.links {
        let next = decode_header(link)?;
        if next.parent != last.digest() || last.height.checked_add(1) != Some(next.height) {
            return Err(TransactionProofError::Links);
        }
        last = next;
    }
    verify_certificate(root, &last, proof.certificate)?;
    Ok((transaction, header))
}

fn decode_header(bytes: &[u8]) -> Result<Header, TransactionProofError> {
    canonical::decode(bytes, MAX_HEADER_BYTES).map_err(TransactionProofError::Header)
}
