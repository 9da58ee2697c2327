//! A block's transactions run against the state: read ahead, applied in memory, written as one batch.
//!
//! The rules are `chain_state`'s. This module brings it the cells and bodies that the transactions may touch and
//! collects what they wrote. The records of the genesis are written by the first block. Assumes checked signatures.

use chain_state::{BlockContext, Unloaded, View, Write};
use ledger::{
    Hash, canonical,
    cell::{Cell, StateKey, Subject},
    genesis::Genesis,
    governance::ProposalRecord,
    limits::MAX_RECORD_BYTES,
    transaction::{Body, Transaction, TransactionId},
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

/// Every key that is read ahead for these transactions, whose ids are `ids`. [`Execution::advance`] asks for the few that cannot be told
/// from them.
pub fn reads(transactions: &[Transaction], ids: &[Hash]) -> Vec<StateKey> {
    let touched = |(transaction, id): (&Transaction, &Hash)| chain_state::touched_by(TransactionId(*id), transaction);
    let keys: BTreeSet<StateKey> = transactions.iter().zip(ids).flat_map(touched).collect();
    keys.into_iter().collect()
}

/// A block's transactions on their way through the state machine.
///
/// [`Self::load`] what [`reads`] names, then [`Self::advance`]; as long as that asks for keys, load them and go on; then [`Self::finish`].
/// No key that was not loaded is taken for absent.
#[derive(Debug)]
pub struct Execution<'a> {
    view: View,
    context: BlockContext,
    transactions: &'a [Transaction],
    /// Their ids, in the same order.
    ids: &'a [Hash],
    /// The place of the transaction that is next.
    next: u32,
    /// What the genesis wrote, in the first block.
    genesis: Vec<Write>,
    replayed: Vec<Hash>,
}

impl<'a> Execution<'a> {
    /// At the first transaction, with nothing loaded but the records of the genesis in the first block.
    ///
    /// # Panics
    /// When there is not one id for each transaction.
    pub fn new(genesis: &Genesis, place: Place, transactions: &'a [Transaction], ids: &'a [Hash]) -> Self {
        assert_eq!(transactions.len(), ids.len(), "each transaction has an id");
        let mut view = View::new();
        let mut writes = Vec::new();
        if place.height == 1 {
            writes = chain_state::genesis(genesis);
            for write in &writes {
                let body = Arc::from(write.body.as_slice());
                view.insert(write.key, write.cell, body).expect("the genesis writes what its cells name");
            }
        }
        let context = BlockContext {
            genesis: genesis.hash(),
            network: genesis.network.clone(),
            height: place.height,
            timestamp_ms: place.timestamp_ms,
        };
        Self { view, context, transactions, ids, next: 0, genesis: writes, replayed: Vec::new() }
    }

    /// Takes what the parent's state has under these keys. A key without a cell among `found` has none.
    ///
    /// # Panics
    /// When a body does not hash to what its cell says: the node's storage is corrupt, and the node must stop.
    pub fn load(&mut self, keys: &[StateKey], found: impl IntoIterator<Item = Found>) {
        for (key, cell, body) in found {
            self.view.insert(key, cell, body).expect("the body store holds what the cells name");
        }
        keys.iter().for_each(|key| self.view.insert_absent(*key));
    }

    /// Applies transactions in order until all are, or one needs more of the state.
    ///
    /// # Errors
    /// The keys to load before going on.
    pub fn advance(&mut self) -> Result<(), Unloaded> {
        let remaining = self.transactions.iter().zip(self.ids).skip(usize::try_from(self.next).unwrap_or(usize::MAX));
        for (transaction, id) in remaining {
            let receipt = chain_state::apply_as(TransactionId(*id), &mut self.view, &self.context, self.next, transaction)?;
            // One that was applied or refused before, in this block or an earlier one, gives its first receipt again.
            if (receipt.height, receipt.index) != (self.context.height, self.next) {
                self.replayed.push(*id);
            }
            self.next += 1;
        }
        Ok(())
    }

    /// What the block writes.
    ///
    /// # Errors
    /// When a transaction was applied or refused before.
    pub fn finish(self) -> Result<Executed, Replayed> {
        if !self.replayed.is_empty() {
            return Err(Replayed(self.replayed));
        }
        let mut executed = Executed::default();
        let mut written: BTreeMap<StateKey, (Cell, Arc<[u8]>)> =
            self.genesis.into_iter().map(|write| (write.key, (write.cell, write.body.into()))).collect();
        for write in self.view.superseded() {
            executed.bodies.insert(write.cell.body, write.body.as_slice().into());
            executed.superseded.push((write.key, write.cell));
        }
        for write in self.view.into_writes() {
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
}

/// The proposals that these transactions made or moved on: the height at which each was proposed, and its id.
pub fn proposals(transactions: &[Transaction], ids: &[Hash], executed: &Executed) -> Vec<(u64, Hash)> {
    let named = transactions.iter().zip(ids).filter_map(|(transaction, id)| match &transaction.unsigned.body {
        Body::Propose(_) => Some(TransactionId(*id)),
        Body::Vote { proposal, approve: _ } | Body::Enact { proposal } | Body::Withdraw { proposal } => Some(*proposal),
        Body::CreateIdentity(_)
        | Body::AddDevice(_)
        | Body::RemoveDevice(_)
        | Body::Deactivate
        | Body::AnchorAttributes(_)
        | Body::RecordAttestations(_)
        | Body::SetAttestationStatus(_)
        | Body::BreakLock { .. }
        | Body::RecordReceipts(_)
        | Body::RegisterParty(_)
        | Body::SetPurposes { .. }
        | Body::Recover { .. }
        | Body::RotateRecovery { .. }
        | Body::Leave { .. }
        | Body::SetPartyStatus { .. }
        | Body::RecordBatch(_)
        | Body::SetBatchItemStatus { .. }
        | Body::RecordEvidence(_) => None,
    });
    let found = named.filter_map(|id| {
        let key = Subject::Proposal(id).key();
        let (_, cell) = executed.cells.iter().find(|(at, _)| *at == key)?;
        let record: ProposalRecord = canonical::decode(executed.bodies.get(&cell.body)?, MAX_RECORD_BYTES).ok()?;
        Some((record.proposed_at, id.0))
    });
    found.collect()
}
