//! A block's transactions run against the state: read ahead, applied in memory, written as one batch.
//!
//! The rules are `chain_state`'s. This module brings it the cells and bodies that the transactions may touch and
//! collects what they wrote. The records of the genesis are written by the first block. Assumes checked signatures.

use chain_state::{BlockContext, View};
use ledger::{
    Hash,
    cell::{Cell, StateKey, Subject},
    genesis::Genesis,
    transaction::Transaction,
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

/// What a block did to the state.
#[derive(Debug, Clone, Default)]
pub struct Executed {
    /// The cells that it wrote, in the order of their keys.
    pub cells: Vec<(StateKey, Cell)>,
    /// Versions that a later transaction of the block replaced: for the history only.
    pub superseded: Vec<(StateKey, Cell)>,
    /// The bodies that these cells name.
    pub bodies: HashMap<Hash, Arc<[u8]>>,
}

/// These transactions were in an earlier block, or stand twice in this one: no block may hold them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} transactions were final before", .0.len())]
pub struct Replayed(pub Vec<Hash>);

/// A cell and its body, as read from the parent's state.
pub type Found = (StateKey, Cell, Arc<[u8]>);

/// Where and when transactions are executed.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The block's height.
    pub height: u64,
    /// The block's timestamp, in milliseconds since the Unix epoch.
    pub timestamp_ms: u64,
}

/// Every key whose cell and body must be read before [`run`].
pub fn reads(transactions: &[Transaction]) -> Vec<StateKey> {
    let keys: BTreeSet<StateKey> = transactions.iter().flat_map(chain_state::touched).collect();
    keys.into_iter().collect()
}

/// Applies the transactions in order to what was `found` of the parent's state.
///
/// # Errors
/// When a transaction was applied or refused before.
///
/// # Panics
/// When a body does not hash to what its cell says: the node's storage is corrupt, and the node must stop.
pub fn run(
    genesis: &Genesis,
    place: Place,
    found: impl IntoIterator<Item = Found>,
    transactions: &[Transaction],
) -> Result<Executed, Replayed> {
    let mut view = View::default();
    let mut written = BTreeMap::new();
    if place.height == 1 {
        for write in chain_state::genesis(genesis) {
            let body: Arc<[u8]> = write.body.into();
            view.insert(write.key, write.cell, body.clone()).expect("the genesis writes what its cells name");
            written.insert(write.key, (write.cell, body));
        }
    }
    for (key, cell, body) in found {
        view.insert(key, cell, body).expect("the body store holds what the cells name");
    }
    let context = BlockContext {
        genesis: genesis.hash(),
        network: genesis.network.clone(),
        height: place.height,
        timestamp_ms: place.timestamp_ms,
    };
    let mut replayed = Vec::new();
    for (index, transaction) in (0_u32..).zip(transactions) {
        let id = transaction.id();
        if view.get(&Subject::Transaction(id).key()).is_some() {
            replayed.push(id.0);
        } else {
            chain_state::apply(&mut view, &context, index, transaction);
        }
    }
    if !replayed.is_empty() {
        return Err(Replayed(replayed));
    }
    let mut executed = Executed::default();
    for write in view.superseded() {
        executed.bodies.insert(write.cell.body, write.body.as_slice().into());
        executed.superseded.push((write.key, write.cell));
    }
    for write in view.into_writes() {
        // What the genesis wrote and the first block changed at once is history, too.
        if let Some((cell, body)) = written.insert(write.key, (write.cell, write.body.into())) {
            executed.bodies.insert(cell.body, body);
            executed.superseded.push((write.key, cell));
        }
    }
    for (key, (cell, body)) in written {
        executed.bodies.insert(cell.body, body);
        executed.cells.push((key, cell));
    }
    Ok(executed)
}
