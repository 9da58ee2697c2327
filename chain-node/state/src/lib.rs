//! The ledger's state machine: the same transactions on the same state give the same state on every node.
//!
//! Pure: no I/O, no clock, no randomness, no logging. A node loads what [`touched`] names into a [`View`], calls [`apply`] for each
//! transaction of a block in order, and stores what [`View::into_writes`] gives.
//!
//! May assume: signatures were verified (`Transaction::verify_signature`), and the view holds every touched key that the state
//! has. Refuses, with a receipt: a transaction that is malformed, expired, for another ledger, from somebody who may not send it, or
//! in conflict with what exists. A refused transaction changes nothing but its own [`Subject::Transaction`] cell, which is also
//! what keeps it from being applied again.

#![deny(clippy::arithmetic_side_effects, clippy::float_arithmetic, clippy::wildcard_enum_match_arm)]

mod genesis;
mod kinds;
mod senders;
mod view;

use identity::did::Network;
use ledger::canonical::{self, Hash};
use ledger::cell::{StateKey, Subject};
use ledger::limits::{MAX_EXPIRY_BLOCKS, MAX_RECORD_BYTES};
use ledger::receipt::{Outcome, Receipt, Refusal};
use ledger::transaction::{Transaction, TransactionId};

pub use genesis::genesis;
pub use view::{View, ViewError, Write};

use view::Change;

/// The block that transactions are applied in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockContext {
    /// The hash of the ledger's genesis.
    pub genesis: Hash,
    /// The network's name in DIDs.
    pub network: Network,
    /// The block's height, from 1.
    pub height: u64,
    /// The block's timestamp, milliseconds since the Unix epoch. The only time that the state machine knows.
    pub timestamp_ms: u64,
}

/// Every key that [`apply`] may read or write for this transaction, in order, none twice.
pub fn touched(transaction: &Transaction) -> Vec<StateKey> {
    let mut subjects = vec![Subject::Transaction(transaction.id())];
    subjects.extend(senders::subject(&transaction.unsigned.sender));
    subjects.extend(kinds::subjects(&transaction.unsigned.body));
    let mut keys: Vec<StateKey> = subjects.iter().map(Subject::key).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The receipt of a transaction that was applied or refused before. A block should not repeat one.
///
/// # Panics
/// When the view holds a body under the transaction's key that this crate did not write.
pub fn receipt(view: &View, transaction: &TransactionId) -> Option<Receipt> {
    let (_, body) = view.get(&Subject::Transaction(*transaction).key())?;
    Some(canonical::decode(body, MAX_RECORD_BYTES).expect("a transaction's cell names its receipt"))
}

/// Applies the transaction at place `index` of the block.
///
/// Applied or refused, the receipt becomes the body of the transaction's cell. A transaction that has such a cell already
/// changes nothing and gets its first receipt again.
///
/// # Panics
/// Only when the view holds bodies that this crate did not write: the node's storage is corrupt, and the node must stop. No
/// transaction can cause it.
pub fn apply(view: &mut View, context: &BlockContext, index: u32, transaction: &Transaction) -> Receipt {
    let id = transaction.id();
    if let Some(earlier) = receipt(view, &id) {
        return earlier;
    }
    let outcome = match decide(view, context, transaction) {
        Ok(changes) => {
            changes.into_iter().for_each(|change| view.write(context.height, change));
            Outcome::Applied
        }
        Err(refusal) => Outcome::Refused(refusal),
    };
    let receipt = Receipt { transaction: id, height: context.height, index, outcome };
    view.write(context.height, Change::new(&Subject::Transaction(id), &receipt));
    receipt
}

/// What the transaction changes, or why it changes nothing. Reads the view only.
fn decide(view: &View, context: &BlockContext, transaction: &Transaction) -> Result<Vec<Change>, Refusal> {
    let unsigned = &transaction.unsigned;
    if unsigned.genesis != context.genesis {
        return Err(Refusal::OtherLedger);
    }
    let last_allowed = context.height.saturating_add(MAX_EXPIRY_BLOCKS);
    if unsigned.expiry_height < context.height || unsigned.expiry_height > last_allowed {
        return Err(Refusal::Expired);
    }
    transaction.check_bounds()?;
    let sender = senders::authenticate(view, &unsigned.sender)?;
    kinds::decide(view, context, &sender, &unsigned.body)
}
