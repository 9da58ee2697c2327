//! The few questions that this service asks of the ledger, and the one act that it sends there.
//!
//! A trait, because tests put a ledger of their own in its place. Answers are the ledger's own record types; whoever implements
//! it has checked certificate and proof, and says of which moment the answer is.

use futures::future::BoxFuture;
use ledger::receipt::{Receipt, Refusal};
use ledger::records::{AttestationRecord, AttestationStatus, AuthorityId, AuthorityRecord, PartyRecord, RecordId};
use ledger::transaction::{NewReceipt, Transaction};

/// Why the ledger gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// No node answered, or none with an answer that is proved and fresh: try again later.
    #[error("the ledger cannot answer now: {0}")]
    Away(&'static str),
    /// The ledger refused what this service sent: a mistake in its set-up.
    #[error("the ledger refuses the receipt: {0}")]
    Refused(Refusal),
}

/// An attestation as it stands on the ledger.
#[derive(Clone, Debug)]
pub struct Attested {
    /// Its status in the last finalized block.
    pub status: AttestationStatus,
    /// The record.
    pub record: AttestationRecord,
}

/// An authority as it stands on the ledger.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The members have suspended it: nothing that it signed counts until they restore it.
    pub suspended: bool,
    /// The record.
    pub record: AuthorityRecord,
}

/// What is asked of the ledger.
pub trait Chain: Send + Sync + 'static {
    /// An authority; `None` when there is none of this id.
    fn authority<'a>(&'a self, id: &'a AuthorityId) -> BoxFuture<'a, Result<Option<Standing>, ChainError>>;

    /// An attestation; `None` when there is none of this id.
    fn attestation<'a>(&'a self, id: &'a RecordId) -> BoxFuture<'a, Result<Option<Attested>, ChainError>>;

    /// The party that this service is; `None` while it is not registered, or suspended.
    fn party(&self) -> BoxFuture<'_, Result<Option<PartyRecord>, ChainError>>;

    /// Makes and signs the transaction that records a receipt. It is good for some time, and the same one may be sent again.
    fn prepare(&self, receipt: NewReceipt) -> BoxFuture<'_, Result<Transaction, ChainError>>;

    /// Sends the transaction and waits until a finalized block has applied it.
    fn record<'a>(&'a self, transaction: &'a Transaction) -> BoxFuture<'a, Result<Receipt, ChainError>>;
}
