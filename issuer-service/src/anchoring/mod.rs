//! Writing to the ledger: the seam to it, and the outbox.
//!
//! Nothing is sent to the ledger from a handler. A handler stores a prepared, signed transaction in the database transaction that it
//! belongs to; a task submits it until its outcome is final and proven, over restarts. The same transaction sent again is the same
//! transaction, so it takes effect at most once.

mod chain;
mod delivery;
mod ledger;
pub mod outbox;

pub use chain::{ChainLedger, MAX_AGE_MS};
pub use delivery::{Bell, run};
pub use ledger::{Ledger, LedgerError, LedgerFuture, Outcomes};
