//! The ledger's state machine: the same transactions on the same state give the same state on every node.
//!
//! Pure: no I/O, no clock, no randomness, no logging. A node loads what [`touched`] names into a [`View`], calls [`apply`] for each
//! transaction of a block in order, and stores what [`View::into_writes`] gives. Where a transaction needs more than it says itself (a
//! proposal's content, say), [`apply`] changes nothing and names the keys; the node loads them and calls it again.
//!
//! May assume: signatures were verified (`Transaction::verify_signature`), and what the view was told of a key is what the state
//! has. Refuses, with a receipt: a transaction that is malformed, expired, for another ledger, from somebody who may not send it, or
//! in conflict with what exists. A refused transaction changes nothing but its own [`Subject::Transaction`] cell, which is also
//! what keeps it from being applied again.

#![deny(clippy::arithmetic_side_effects, clippy::float_arithmetic, clippy::wildcard_enum_match_arm)]

mod changes;
mod genesis;
mod governance;
mod kinds;
mod senders;
mod stop;
mod view;

use identity::did::Network;
use ledger::canonical::{self, Hash};
use ledger::cell::{StateKey, Subject};
use ledger::limits::{MAX_EXPIRY_BLOCKS, MAX_RECORD_BYTES};
use ledger::receipt::{Outcome, Receipt, Refusal};
use ledger::transaction::{Transaction, TransactionId};

pub use genesis::genesis;
pub use view::{Unloaded, View, ViewError, Write};

use stop::Stop;
use view::Put;

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

/// Every key that [`apply`] may read or write for this transaction, as far as the transaction alone says, in order, none twice. Only governance
/// asks for more.
pub fn touched(transaction: &Transaction) -> Vec<StateKey> {
    touched_by(transaction.id(), transaction)
}

/// As [`touched`], of a transaction whose id the caller has computed.
pub fn touched_by(id: TransactionId, transaction: &Transaction) -> Vec<StateKey> {
    let mut subjects = vec![Subject::Transaction(id)];
    subjects.extend(senders::subject(&transaction.unsigned.sender));
    subjects.extend(kinds::subjects(id, &transaction.unsigned.body));
    let mut keys: Vec<StateKey> = subjects.iter().map(Subject::key).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The receipt of a transaction that was applied or refused before. A block should not repeat one.
///
/// # Errors
/// When the view does not know the transaction's key.
///
/// # Panics
/// When the view holds a body under the transaction's key that this crate did not write.
pub fn receipt(view: &View, transaction: &TransactionId) -> Result<Option<Receipt>, Unloaded> {
    let found = view.get(&Subject::Transaction(*transaction).key())?;
    let read = |body| canonical::decode(body, MAX_RECORD_BYTES).expect("a transaction's cell names its receipt");
    Ok(found.map(|(_, body)| read(body)))
}

/// Applies the transaction at place `index` of the block.
///
/// Applied or refused, the receipt becomes the body of the transaction's cell. A transaction that has such a cell already
/// changes nothing and gets its first receipt again.
///
/// # Errors
/// When keys must be loaded first. The view is as it was; load them, and apply again.
///
/// # Panics
/// Only when the view holds bodies that this crate did not write: the node's storage is corrupt, and the node must stop. No
/// transaction can cause it.
pub fn apply(view: &mut View, context: &BlockContext, index: u32, transaction: &Transaction) -> Result<Receipt, Unloaded> {
    apply_as(transaction.id(), view, context, index, transaction)
}

/// As [`apply`], of a transaction whose id the caller has computed.
///
/// # Errors
/// As [`apply`].
///
/// # Panics
/// As [`apply`].
pub fn apply_as(
    id: TransactionId,
    view: &mut View,
    context: &BlockContext,
    index: u32,
    transaction: &Transaction,
) -> Result<Receipt, Unloaded> {
    if let Some(earlier) = receipt(view, &id)? {
        return Ok(earlier);
    }
    let (outcome, puts) = match decide(view, context, id, transaction) {
        Ok(puts) => (Outcome::Applied, puts),
        Err(Stop::Refused(refusal)) => (Outcome::Refused(refusal), Vec::new()),
        Err(Stop::Unloaded(unloaded)) => return Err(unloaded),
    };
    // What a key had decides its version, so it must be known before it is written.
    view.require(puts.iter().map(Put::key))?;
    puts.into_iter().for_each(|put| view.write(context.height, put));
    let receipt = Receipt { transaction: id, height: context.height, index, outcome };
    view.write(context.height, Put::new(&Subject::Transaction(id), &receipt));
    Ok(receipt)
}

/// What the transaction puts, or why it changes nothing. Reads the view only.
fn decide(view: &View, context: &BlockContext, id: TransactionId, transaction: &Transaction) -> Result<Vec<Put>, Stop> {
    let unsigned = &transaction.unsigned;
    if unsigned.genesis != context.genesis {
        return Err(Refusal::OtherLedger.into());
    }
    let last_allowed = context.height.saturating_add(MAX_EXPIRY_BLOCKS);
    if unsigned.expiry_height < context.height || unsigned.expiry_height > last_allowed {
        return Err(Refusal::Expired.into());
    }
    transaction.check_bounds()?;
    let sender = senders::authenticate(view, &unsigned.sender)?;
    kinds::decide(view, context, &sender, id, &unsigned.body)
}
