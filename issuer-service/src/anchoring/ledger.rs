//! The ledger as this service uses it: a few reads, all of them proven, and transactions of the department.
//!
//! Two implementations: [`super::ChainLedger`] over `clients`, and the one of the tests over the ledger's state machine in memory.

use futures::future::BoxFuture;
use identity::canonical::Hash;
use identity::did::{IdentityId, Network};
use ledger::cell::Cell;
use ledger::receipt::{Outcome, Receipt};
use ledger::records::{AttestationRecord, AttestationStatus, AuthorityRecord, IdentityRecord, RecordId};
use ledger::transaction::{Anchor, Body, Transaction, TransactionId};

/// The ledger cannot be asked now, or its answers are not proven. Trying again later helps, or an operator must look.
#[derive(Debug, thiserror::Error)]
#[error("the ledger gave no answer that can be believed")]
pub struct LedgerError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// An answer to come.
pub type LedgerFuture<'a, T> = BoxFuture<'a, Result<T, LedgerError>>;

/// What the finalized state says about a transaction.
#[derive(Clone, Debug)]
pub struct Outcomes {
    /// The height of the state that was asked.
    pub height: u64,
    /// What became of the transaction; `None` when no block up to that height has it.
    pub receipt: Option<Receipt>,
}

/// The ledger.
pub trait Ledger: Send + Sync + 'static {
    /// The hash of its genesis.
    fn genesis(&self) -> Hash;

    /// Its network's name.
    fn network(&self) -> &Network;

    /// An identity's record.
    fn identity(&self, id: IdentityId) -> LedgerFuture<'_, Option<IdentityRecord>>;

    /// An anchor.
    fn anchor(&self, id: RecordId) -> LedgerFuture<'_, Option<Anchor>>;

    /// This department as it stands: its record, and the cell that says whether it is in force.
    fn authority(&self) -> LedgerFuture<'_, Option<(Cell, AuthorityRecord)>>;

    /// An attestation and its status.
    fn attestation(&self, id: RecordId) -> LedgerFuture<'_, Option<(AttestationStatus, AttestationRecord)>>;

    /// What became of a transaction.
    fn outcome(&self, id: TransactionId) -> LedgerFuture<'_, Outcomes>;

    /// Makes and signs a transaction of the department. Nothing is sent.
    fn prepare(&self, body: Body) -> LedgerFuture<'_, Transaction>;

    /// Sends a transaction and waits, for some seconds, until its outcome is final.
    fn submit<'a>(&'a self, transaction: &'a Transaction) -> LedgerFuture<'a, Outcome>;
}
