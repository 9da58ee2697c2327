//! Batches: many receipts or attestations that the ledger holds as one Merkle root, and what shows one of them.
//!
//! The tree is RFC 6962's ([`crate::merkle`]) over these 32 bytes of each item, where `context` begins with its length (1 byte):
//!
//! ```text
//! receipt       SHA-256(context "yufu/ledger/batch-receipt/v1" ‖ batch id (32) ‖ place (u32) ‖ commitment (32))
//! attestation   SHA-256(context "yufu/ledger/batch-attestation/v1" ‖ batch id (32) ‖ place (u32) ‖ Borsh(AttestationRecord))
//! ```
//!
//! An item stands for one batch and one place, so that no item is shown as another's or as two. The batch's record (`Subject::Batch`)
//! has root, count and what its items are; the number of items is thereby fixed, and a path for another is refused. An attestation's status
//! is the cell at `Subject::BatchItem`: proved absent, it is active.
//!
//! The ledger has not seen the items. What it vouches for is who recorded the root and when; that an item says what it may is checked
//! here: its issuer, type and validity are those of the batch.

use borsh::{BorshDeserialize, BorshSerialize};
use identity::Commitment;
use identity::canonical::{self, Hash};

use crate::cell::Cell;
use crate::limits::MAX_BATCH_ITEMS;
use crate::merkle::{self, Inclusion, InclusionError};
use crate::records::{AttestationRecord, AttestationStatus, BatchKind, BatchRecord, RecordId};

/// Context string of a receipt's leaf.
pub const RECEIPT_CONTEXT: &str = "yufu/ledger/batch-receipt/v1";
/// Context string of an attestation's leaf.
pub const ATTESTATION_CONTEXT: &str = "yufu/ledger/batch-attestation/v1";

/// What is hashed of an item.
#[derive(BorshSerialize, BorshDeserialize)]
struct Placed<T> {
    batch: RecordId,
    index: u32,
    item: T,
}

/// The leaf of a receipt: its commitment at a place of a batch.
pub fn receipt_leaf(batch: RecordId, index: u32, commitment: &Commitment) -> Hash {
    canonical::hash(RECEIPT_CONTEXT, &Placed { batch, index, item: *commitment })
}

/// The leaf of an attestation: its record at a place of a batch.
pub fn attestation_leaf(batch: RecordId, index: u32, record: &AttestationRecord) -> Hash {
    canonical::hash(ATTESTATION_CONTEXT, &Placed { batch, index, item: record.clone() })
}

/// The leaves of a batch that its sender makes: the root to record, and a proof for every item's holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaves(Vec<Hash>);

/// No items, or more than [`MAX_BATCH_ITEMS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a batch has 1 to {MAX_BATCH_ITEMS} items")]
pub struct CountError;

impl Leaves {
    /// Of receipts, in order.
    ///
    /// # Errors
    /// When there are none or too many.
    pub fn of_receipts(batch: RecordId, commitments: &[Commitment]) -> Result<Self, CountError> {
        Self::new(commitments, |index, commitment| receipt_leaf(batch, index, commitment))
    }

    /// Of attestations, in order.
    ///
    /// # Errors
    /// When there are none or too many.
    pub fn of_attestations(batch: RecordId, records: &[AttestationRecord]) -> Result<Self, CountError> {
        Self::new(records, |index, record| attestation_leaf(batch, index, record))
    }

    fn new<T>(items: &[T], leaf: impl Fn(u32, &T) -> Hash) -> Result<Self, CountError> {
        let count = u32::try_from(items.len()).ok().filter(|count| (1..=MAX_BATCH_ITEMS).contains(count)).ok_or(CountError)?;
        Ok(Self((0..count).zip(items).map(|(index, item)| leaf(index, item)).collect()))
    }

    /// The root to record.
    pub fn root(&self) -> Hash {
        merkle::root(&self.0)
    }

    /// The number of items to record.
    pub fn count(&self) -> u32 {
        u32::try_from(self.0.len()).expect("made with a bounded number of items")
    }

    /// The proof of the item at a place, if there is one.
    pub fn prove(&self, index: u32) -> Option<Inclusion> {
        merkle::prove(&self.0, usize::try_from(index).ok()?)
    }
}

/// Why an item is not one of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ItemError {
    /// The batch has items of another kind, type, issuer or validity.
    #[error("the batch is not one of such items")]
    OtherKind,
    /// The path does not lead to the batch's root.
    #[error("the item is not in the batch")]
    Inclusion(#[from] InclusionError),
    /// The cell's status is none that an item can have.
    #[error("the item's status is none that this program knows")]
    Status,
}

/// Checks that a receipt is at the path's place of a batch, whose record the caller has proved (`Subject::Batch(id)`).
///
/// # Errors
/// See [`ItemError`].
pub fn verify_receipt(
    id: RecordId,
    batch: &BatchRecord,
    commitment: &Commitment,
    inclusion: &Inclusion,
) -> Result<(), ItemError> {
    match &batch.kind {
        BatchKind::Receipts => {
            let leaf = receipt_leaf(id, inclusion.index, commitment);
            Ok(inclusion.verify_at(batch.count, &leaf, &batch.root)?)
        }
        BatchKind::Attestations { .. } => Err(ItemError::OtherKind),
    }
}

/// Checks that an attestation is at the path's place of a batch, whose record the caller has proved (`Subject::Batch(id)`). Its status is
/// another question: [`item_status`].
///
/// # Errors
/// See [`ItemError`].
pub fn verify_attestation(
    id: RecordId,
    batch: &BatchRecord,
    record: &AttestationRecord,
    inclusion: &Inclusion,
) -> Result<(), ItemError> {
    match &batch.kind {
        BatchKind::Attestations { attestation_type, valid_from, valid_until } => {
            let as_recorded = batch.issuer == Some(record.issuer)
                && *attestation_type == record.attestation_type
                && (*valid_from, *valid_until) == (record.valid_from, record.valid_until);
            if !as_recorded {
                return Err(ItemError::OtherKind);
            }
            let leaf = attestation_leaf(id, inclusion.index, record);
            Ok(inclusion.verify_at(batch.count, &leaf, &batch.root)?)
        }
        BatchKind::Receipts => Err(ItemError::OtherKind),
    }
}

/// The status of an item by what was proved at `Subject::BatchItem`: active while nothing is there.
///
/// # Errors
/// [`ItemError::Status`].
pub fn item_status(cell: Option<&Cell>) -> Result<AttestationStatus, ItemError> {
    match cell.map_or(0, |cell| cell.status) {
        0 => Ok(AttestationStatus::Active),
        1 => Ok(AttestationStatus::Suspended),
        2 => Ok(AttestationStatus::Revoked),
        3 => Ok(AttestationStatus::Superseded),
        4 => Ok(AttestationStatus::BrokenByHolder),
        _ => Err(ItemError::Status),
    }
}
