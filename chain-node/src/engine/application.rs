//! How blocks are built and executed: the state machine under the engine.
//!
//! The same block on the same parent gives the same state on every node. A candidate is checked in full; a block that
//! the network finalized is only executed. Bodies and versions of a finalized block are on the disk before the engine
//! may acknowledge it. Panics where the node's own storage contradicts itself: such a node must stop.

use super::{
    block::Block,
    epochs::{self, Boundary, Epochs},
    types::{Cell as CellBytes, Consensus, Databases, Digest, Environment, Marshal, Scheme},
};
use crate::{
    bodies::Bodies,
    execution::{self, Executed, Execution, Place, Replayed},
    head::Head,
    kinds::Counts,
    mempool::Mempool,
    progress::milliseconds,
    store::Additions,
};
use chain_state::Unloaded;
use commonware_codec::Encode as _;
use commonware_consensus::{Heightable as _, marshal::ancestry::Ancestry, types::Height};
use commonware_cryptography::{Digested, Digestible as _};
use commonware_glue::stateful::{
    self, Finality, Input, Proposed,
    db::{DatabaseSet, Merkleized as _, Unmerkleized as _},
};
use commonware_runtime::Clock;
use futures::StreamExt as _;
use ledger::{
    Hash,
    block::{Context, Header, Operations, transactions_root},
    canonical,
    cell::{Cell, Subject},
    genesis::Genesis,
    limits::{MAX_BLOCK_BYTES, MAX_BLOCK_TRANSACTIONS},
    transaction::{Body, Transaction},
};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

type Batch<E> = <Databases<E> as DatabaseSet<E>>::Unmerkleized;
type Merkleized<E> = <Databases<E> as DatabaseSet<E>>::Merkleized;
type Readers<E> = <Databases<E> as DatabaseSet<E>>::Readers;

/// Bytes of a block that are not transactions, at most.
const HEADER_BYTES: usize = 1_024;

/// The application: cheap to clone, every clone the same.
#[derive(Clone)]
pub struct Application(Arc<Inner>);

struct Inner {
    genesis: Genesis,
    genesis_hash: Hash,
    genesis_block: Block,
    bodies: Bodies,
    mempool: Arc<Mempool>,
    head: Arc<Head>,
    epochs: Arc<Epochs>,
    /// Results of blocks that are not final yet, by digest.
    executed: Mutex<HashMap<Digest, (u64, Arc<Executed>)>>,
}

impl Application {
    /// The state machine of the ledger that `genesis` begins.
    pub fn new(
        genesis: Genesis,
        genesis_block: Block,
        bodies: impl Into<Bodies>,
        mempool: Arc<Mempool>,
        head: Arc<Head>,
        epochs: Arc<Epochs>,
    ) -> Self {
        let (bodies, genesis_hash) = (bodies.into(), genesis.hash());
        let executed = Mutex::default();
        Self(Arc::new(Inner { genesis, genesis_hash, genesis_block, bodies, mempool, head, epochs, executed }))
    }

    /// The block at height 0.
    pub fn genesis_block(&self) -> &Block {
        &self.0.genesis_block
    }

    fn executed(&self) -> MutexGuard<'_, HashMap<Digest, (u64, Arc<Executed>)>> {
        self.0.executed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The record body that a cell of the state names: of a block that is being finalized, on the disk, or another validator's.
    ///
    /// # Panics
    /// When the store cannot be read, or nobody else has what it lacks: such a node must stop.
    pub async fn body(&self, clock: &impl Clock, hash: &Hash) -> Arc<[u8]> {
        let pending = self.executed().values().find_map(|(_, executed)| executed.bodies.get(hash).cloned());
        match pending {
            Some(body) => body,
            None => self.0.bodies.get(clock, hash).await.expect("the body store can be read"),
        }
    }

    /// Runs `transactions` on the state under `batch`.
    async fn execute<E: Environment>(
        &self,
        clock: &E,
        place: Place,
        (transactions, ids): (&[Transaction], &[Hash]),
        batch: &Batch<E>,
    ) -> Result<Executed, Replayed> {
        let mut execution = Execution::new(&self.0.genesis, place, transactions, ids);
        let mut keys = execution::reads(transactions, ids);
        loop {
            let digests: Vec<Digest> = keys.iter().copied().map(Digest::from).collect();
            let wanted: Vec<&Digest> = digests.iter().collect();
            let values = batch.get_many(&wanted).await.expect("the state can be read");
            let mut found = Vec::new();
            for (key, value) in keys.iter().zip(values) {
                if let Some(value) = value {
                    let cell = Cell::from_bytes(&array(&value)).expect("the state holds encoded cells only");
                    found.push((*key, cell, self.body(clock, &cell.body).await));
                }
            }
            execution.load(&keys, found);
            match execution.advance() {
                Ok(()) => return execution.finish(),
                Err(Unloaded(more)) => keys = more,
            }
        }
    }

    async fn merkleize<E: Environment>(&self, executed: &Executed, batch: Batch<E>) -> Merkleized<E> {
        let mut batch = batch;
        for (key, cell) in &executed.cells {
            batch = batch.write(Digest::from(*key), Some(CellBytes::new(cell.to_bytes())));
        }
        batch.merkleize().await.expect("the state can be read")
    }

    /// Who serves the next epoch, proved on the state of this epoch's last block, which is the current state.
    async fn boundary<E: Environment>(&self, clock: &E, block: &Block, readers: &Readers<E>) -> Boundary {
        let key = Digest::from(Epochs::key());
        let state = readers.read().await;
        assert_eq!(state.root().0, block.header().state_root, "a block's own state is the current one while it is finalized");
        let value = state.get(&key).await.expect("the state can be read").expect("a governed ledger's state names its members");
        let proof = state.key_value_proof(key).await.expect("a key with a value can be proved").encode().to_vec();
        let cell = array(&value);
        let body = Cell::from_bytes(&cell).expect("the state holds encoded cells only").body;
        let body = self.body(clock, &body).await.to_vec();
        Boundary { header: block.header().clone(), cell, body, proof }
    }

    /// A state that came from the others may be that of an epoch's last block, which nobody executes here: what introduces the next epoch
    /// is then read from the state itself.
    pub(super) async fn introduce<E: Environment>(&self, clock: &E, marshal: &Marshal, state: &Databases<E>) {
        let newest = *self.0.epochs.newest().borrow();
        let Some(last) = self.0.epochs.last_height_of(newest) else { return };
        let Some(block) = marshal.get_block(Height::new(last)).await else { return };
        let readers = state.readers();
        let root = readers.read().await.root().0;
        if root == block.inner().header().state_root {
            self.0.epochs.ended(&self.boundary::<E>(clock, block.inner(), &readers).await);
        }
    }

    fn remember(&self, block: &Block, executed: Executed) {
        self.executed().insert(block.digest(), (block.header().height, Arc::new(executed)));
    }

    /// The rules that need no state. Signatures that this node has checked before are not checked again.
    fn well_formed(&self, block: &Block, parent: &Block) -> bool {
        let header = block.header();
        let mine = |transaction: &Transaction| transaction.unsigned.genesis == self.0.genesis_hash;
        let verifies = |place: usize| block.transactions().get(place).is_some_and(|one| one.verify_signature().is_ok());
        header.genesis == self.0.genesis_hash
            && header.timestamp_ms >= parent.timestamp_ms()
            && block.transactions().iter().all(mine)
            && self.0.mempool.unchecked(block.transaction_ids(), block.transaction_leaves()).into_iter().all(verifies)
    }

    fn header<E: Environment>(
        &self,
        consensus: &Consensus,
        parent: &Block,
        timestamp_ms: u64,
        leaves: &[Hash],
        merkleized: &Merkleized<E>,
    ) -> Header {
        Header {
            genesis: self.0.genesis_hash,
            height: parent.header().height + 1,
            parent: parent.digest().0,
            context: Context {
                epoch: consensus.round.epoch().get(),
                view: consensus.round.view().get(),
                leader: array(&consensus.leader),
                parent_view: consensus.parent.0.get(),
            },
            timestamp_ms,
            transactions_root: transactions_root(leaves),
            state_root: merkleized.root().0,
            operations: operations::<E>(merkleized),
        }
    }
}

/// Unfinalized ancestors looked at to see which waiting transactions are already in a block.
const MAX_UNFINALIZED_ANCESTORS: usize = 64;

/// The transactions between `parent` and the finalized height: they wait in the pool, yet are in a block already.
pub(super) async fn included(parent: Digested<Block>, ancestry: impl Ancestry<Block>, finalized: u64) -> HashSet<Hash> {
    let mut ancestry = ancestry;
    let mut block = parent;
    let mut included = HashSet::new();
    for _ in 0..MAX_UNFINALIZED_ANCESTORS {
        if block.height().get() <= finalized {
            break;
        }
        included.extend(block.inner().transaction_ids());
        match ancestry.next().await {
            Some(next) => block = next,
            None => break,
        }
    }
    included
}

/// The operations of a state that holds nothing yet: what the block at height 0 commits to.
pub fn no_operations<E: Environment>() -> Operations {
    let empty = <Databases<E> as DatabaseSet<E>>::initial_sync_targets();
    Operations { root: empty.root.0, start: *empty.range.start(), end: *empty.range.end() }
}

fn operations<E: Environment>(merkleized: &Merkleized<E>) -> Operations {
    Operations { root: merkleized.ops_root().0, start: *merkleized.sync_boundary(), end: *merkleized.bounds().tip.size }
}

/// The body that a block wrote under a key.
fn written<'a>(executed: &'a Executed, key: &Hash) -> Option<&'a [u8]> {
    let (_, cell) = executed.cells.iter().find(|(written, _)| written == key)?;
    executed.bodies.get(&cell.body).map(AsRef::as_ref)
}

/// The bytes of a fixed-size value of the engine.
fn array<const N: usize>(bytes: &(impl AsRef<[u8]> + ?Sized)) -> [u8; N] {
    bytes.as_ref().try_into().expect("the type has this size")
}

impl<E: Environment> stateful::Application<E> for Application {
    type SigningScheme = Scheme;
    type Context = Consensus;
    type Block = Block;
    type Databases = Databases<E>;
    type Captured = Arc<Executed>;
    type Provider = ();
    type Input = ();

    fn sync_targets(block: &Block) -> <Databases<E> as DatabaseSet<E>>::SyncTargets {
        block.sync_target()
    }

    async fn genesis(&mut self) -> Block {
        self.0.genesis_block.clone()
    }

    async fn propose(
        &mut self,
        (context, consensus): (E, Consensus),
        ancestry: impl Ancestry<Block>,
        batches: Batch<E>,
        _input: Input<(), ()>,
    ) -> Option<Proposed<Self, E>> {
        let mut ancestry = ancestry;
        let parent = ancestry.next().await?;
        let included = included(parent.clone(), ancestry, self.0.mempool.finalized_height()).await;
        let height = parent.height().get() + 1;
        let timestamp_ms = milliseconds(context.current()).max(parent.inner().timestamp_ms());
        let mut chosen = self.0.mempool.select(height, MAX_BLOCK_TRANSACTIONS, MAX_BLOCK_BYTES - HEADER_BYTES, &included);
        let place = Place { height, timestamp_ms };
        let (transactions, executed) = loop {
            let transactions: Vec<Transaction> = chosen.iter().map(|one| one.transaction.transaction().clone()).collect();
            let ids: Vec<Hash> = chosen.iter().map(|one| one.id).collect();
            match self.execute::<E>(&context, place, (&transactions, &ids), &batches).await {
                Ok(executed) => break (transactions, executed),
                Err(Replayed(ids)) => {
                    // Already final: a peer that had not heard sent them again. A block may not repeat them.
                    self.0.mempool.forget(&ids);
                    chosen.retain(|one| !ids.contains(&one.id));
                }
            }
        };
        let merkleized = self.merkleize::<E>(&executed, batches).await;
        let leaves: Vec<Hash> = chosen.iter().map(|one| one.transaction.leaf()).collect();
        let header = self.header::<E>(&consensus, parent.inner(), timestamp_ms, &leaves, &merkleized);
        let block = Block::new(ledger::block::Block { header, transactions }).expect("built within its bounds");
        self.0.head.saw(height, block.digest().0, milliseconds(context.current()));
        self.remember(&block, executed);
        Some(Proposed { block, merkleized })
    }

    async fn process(
        &mut self,
        (context, _): (E, Consensus),
        ancestry: impl Ancestry<Block>,
        batches: Batch<E>,
        finality: Finality,
    ) -> Option<Merkleized<E>> {
        let mut ancestry = ancestry;
        let block = ancestry.next().await?;
        let block = block.inner();
        if finality == Finality::Candidate {
            self.0.head.saw(block.header().height, block.digest().0, milliseconds(context.current()));
            let parent = ancestry.next().await?;
            if !self.well_formed(block, parent.inner()) {
                return None;
            }
        }
        let place = Place { height: block.header().height, timestamp_ms: block.timestamp_ms() };
        let transactions = (block.transactions(), block.transaction_ids());
        let executed = self.execute::<E>(&context, place, transactions, &batches).await.ok()?;
        let merkleized = self.merkleize::<E>(&executed, batches).await;
        if merkleized.root().0 != block.header().state_root || operations::<E>(&merkleized) != block.header().operations {
            return None;
        }
        self.remember(block, executed);
        Some(merkleized)
    }

    async fn capture(
        &mut self,
        _context: (E, Consensus),
        block: &Block,
        _batches: &Merkleized<E>,
        _readers: Readers<E>,
    ) -> Arc<Executed> {
        self.0.head.will_apply(block.header().clone());
        let executed = self.executed().get(&block.digest()).map(|(_, executed)| executed.clone());
        executed.expect("a block is executed here before it is applied")
    }

    async fn finalized(&mut self, context: (E, Consensus), block: &Block, executed: Arc<Executed>, readers: Readers<E>) {
        let (context, _) = context;
        let height = block.header().height;
        let additions = Additions {
            bodies: executed.bodies.iter().map(|(hash, body)| (*hash, body.clone())).collect(),
            cells: executed
                .superseded
                .iter()
                .chain(&executed.cells)
                .map(|(key, cell)| (*key, cell.version, cell.to_bytes()))
                .collect(),
            first_seen_ms: self.0.head.first_seen(height, &block.digest().0),
            proposals: execution::proposals(block.transactions(), block.transaction_ids(), &executed),
        };
        // The disk takes its time: votes of the next block go on meanwhile.
        let store = self.0.bodies.store.clone();
        let recording = context.child("record").shared(true).spawn(move |_| async move { store.record(height, &additions) });
        match recording.await {
            Ok(written) => written.expect("the body store can be written"),
            // The runtime ends, and this task with it: what may not be on the disk is not acknowledged.
            Err(_ended) => return std::future::pending().await,
        }
        if let Some(body) = written(&executed, &Epochs::key()) {
            self.0.epochs.changed(Arc::new(epochs::decode(body)));
        }
        if self.0.epochs.ends_at(height) {
            self.0.epochs.ended(&self.boundary::<E>(&context, block, &readers).await);
        }
        for transaction in block.transactions() {
            if let Body::RecordEvidence(evidence) = &transaction.unsigned.body
                && executed.cells.iter().any(|(key, _)| *key == Subject::Evidence(evidence.id()).key())
            {
                // Whoever saw the offence: every node can list what the ledger has.
                let bytes = canonical::encode(evidence);
                self.0.bodies.store.put_evidence(&evidence.id().0, &bytes).expect("the body store can be written");
            }
        }
        self.executed().retain(|_, (at, _)| *at > height);
        self.0.mempool.finalized(height, block.transaction_ids());
        self.0.head.applied(block.header().clone(), block.transaction_ids(), Counts::of(block.transactions()));
    }
}
