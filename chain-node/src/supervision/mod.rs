//! Continuous supervision: every node re-verifies its own copy of the ledger, from the genesis to the tip and round again.
//!
//! Blocks: links, heights, order of times, times against when this node saw them, transactions roots, signatures, certificates,
//! receipts. Records: every kept version and its bytes, and the newest against the authenticated state by proof. Takes a bounded
//! share of one core. Repairs nothing and stops nothing: it says what it found and where.

pub mod checks;
pub mod findings;

use self::{checks::Fault, findings::Findings};
use crate::{
    engine::{certificate, types::Environment},
    node::Node,
    progress::milliseconds,
    store::{Store, StoreError},
};
use data_encoding::BASE64URL_NOPAD;
use ledger::{
    Hash,
    block::{Block, Header},
    cell::{CELL_BYTES, Cell, Subject},
    proof,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use wire::chain;

/// How a node supervises itself.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The share of one core that it may take, in thousandths; 0 turns it off.
    pub core_permille: u32,
    /// How far a block's time may be from when this node first saw it, in seconds.
    pub time_bound_s: u64,
    /// The pause after each round, in seconds.
    pub pause_s: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { core_permille: 5, time_bound_s: 90, pause_s: 60 }
    }
}

/// Records checked between two rests.
const RECORDS_AT_ONCE: usize = 16;
/// The shortest rest.
const SHORTEST_REST: Duration = Duration::from_millis(1);

/// How far supervision is, and what it found.
#[derive(Debug)]
pub struct Supervision {
    /// What is or was wrong.
    pub findings: Findings,
    running: bool,
    rounds: AtomicU64,
    height: AtomicU64,
    records: AtomicU64,
}

impl Supervision {
    /// Nothing was checked yet; what earlier runs found is known.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open(store: Arc<Store>, settings: Option<&Settings>) -> Result<Self, StoreError> {
        Ok(Self {
            findings: Findings::open(store)?,
            running: settings.is_some_and(|settings| settings.core_permille > 0),
            rounds: AtomicU64::new(0),
            height: AtomicU64::new(0),
            records: AtomicU64::new(0),
        })
    }

    /// What the API says.
    pub fn report(&self) -> chain::Supervision {
        chain::Supervision {
            running: self.running,
            rounds: self.rounds.load(Ordering::Relaxed),
            height: self.height.load(Ordering::Relaxed),
            records: self.records.load(Ordering::Relaxed),
            findings: self.findings.list(),
        }
    }
}

/// Supervises `node` until it ends.
pub async fn run<E: Environment>(context: E, node: Arc<Node<E>>, settings: Settings) {
    let mut rounds = Rounds {
        context,
        settings,
        parent: None,
        newest: node.head.tip().borrow().height,
        next: 1,
        records: Some(([0; 32], 0)),
        before: None,
        node,
    };
    loop {
        let started = rounds.context.current();
        // A store that cannot be read is the node's end elsewhere; here it is one round given up.
        let more = rounds.step().await.unwrap_or_else(|error| {
            tracing::error!(%error, "supervision could not read or write the store");
            false
        });
        let took = rounds.context.current().duration_since(started).unwrap_or_default();
        rounds.rest(took, more).await;
    }
}

struct Rounds<E: Environment> {
    context: E,
    node: Arc<Node<E>>,
    settings: Settings,
    /// The header below the next block of the round.
    parent: Option<Header>,
    /// The newest block that was checked when it came.
    newest: u64,
    /// The next block of the round.
    next: u64,
    /// Where the walk over the records goes on; `None` when this round's is over.
    records: Option<(Hash, u32)>,
    /// The version before that.
    before: Option<(Hash, Cell)>,
}

impl<E: Environment> Rounds<E> {
    fn findings(&self) -> &Findings {
        &self.node.supervision.findings
    }

    fn now_ms(&self) -> u64 {
        milliseconds(self.context.current())
    }

    /// Rests so long that the work before took no more than its share.
    async fn rest(&self, took: Duration, more: bool) {
        let share = self.settings.core_permille.clamp(1, 1_000);
        let rest = took.saturating_mul(1_000 / share).saturating_sub(took).max(SHORTEST_REST);
        let pause = if more { Duration::ZERO } else { Duration::from_secs(self.settings.pause_s) };
        let mut tip = self.node.head.tip();
        tip.mark_unchanged();
        self.context.sleep(rest).await;
        if !pause.is_zero() {
            // A new block ends the pause between rounds: what comes is checked when it comes.
            commonware_macros::select! {
                _ = self.context.sleep(pause) => {},
                _ = tip.changed() => {},
            }
        }
    }

    /// One unit of work: new blocks first, then the round's blocks, then its records. `false` when a round is complete.
    async fn step(&mut self) -> Result<bool, StoreError> {
        let tip = self.node.head.tip().borrow().height;
        if self.newest < tip {
            self.newest += 1;
            let parent = self.header(self.newest - 1).await;
            self.check(self.newest, parent).await?;
            return Ok(true);
        }
        if self.next <= tip {
            let oldest = self.node.reads.oldest();
            if self.next < oldest {
                // Pruned, or never here.
                (self.next, self.parent) = (oldest, None);
            }
            if self.parent.is_none() {
                self.parent = self.header(self.next - 1).await;
            }
            let parent = self.parent.take();
            self.parent = self.check(self.next, parent).await?;
            self.node.supervision.height.store(self.next, Ordering::Relaxed);
            self.next += 1;
            return Ok(true);
        }
        if let Some((key, version)) = self.records {
            self.check_records(key, version).await?;
            return Ok(true);
        }
        self.node.supervision.rounds.fetch_add(1, Ordering::Relaxed);
        metrics::counter!("ledger_supervision_rounds_total").increment(1);
        self.node.supervision.records.store(0, Ordering::Relaxed);
        (self.next, self.parent, self.records, self.before) = (1, None, Some(([0; 32], 0)), None);
        Ok(false)
    }

    async fn header(&self, height: u64) -> Option<Header> {
        Some(self.node.reads.block(height).await?.inner().header().clone())
    }

    /// Checks one block; gives its header.
    async fn check(&self, height: u64, parent: Option<Header>) -> Result<Option<Header>, StoreError> {
        let Some(block) = self.node.reads.block(height).await else {
            // A node that began with a later state has no blocks below some height: then there is no parent either. The parent of one
            // that is pruned may have been read before.
            let lost = parent.is_some() && height >= self.node.reads.oldest();
            let faults: &[Fault] = if lost { &[Fault::BlockMissing] } else { &[] };
            self.findings().set(height, "block", faults, self.now_ms())?;
            return Ok(None);
        };
        let block = block.inner().ledger();
        let mut faults = parent.map(|parent| checks::header(&self.node.genesis_hash, &parent, &block.header)).unwrap_or_default();
        faults.extend(checks::body(block));
        if let Some(first_seen_ms) = self.node.store.first_seen_ms(height)? {
            faults.extend(checks::time(
                block.header.timestamp_ms,
                first_seen_ms,
                self.settings.time_bound_s.saturating_mul(1_000),
            ));
        }
        faults.extend(self.certificate(&block.header).await);
        self.findings().set(height, "block", &faults, self.now_ms())?;
        self.transactions(block)?;
        metrics::counter!("ledger_supervised_blocks_total").increment(1);
        Ok(Some(block.header.clone()))
    }

    async fn certificate(&self, header: &Header) -> Option<Fault> {
        let certificate = self.node.reads.finalization(header.height).await?;
        // Without the epoch's validators nothing can be said.
        let scheme = self.node.epochs.scheme(header.context.epoch)?;
        (!certificate::holds(&scheme, header, &certificate)).then_some(Fault::Certificate)
    }

    fn transactions(&self, block: &Block) -> Result<(), StoreError> {
        let height = block.header.height;
        for (index, transaction) in (0_u32..).zip(&block.transactions) {
            let id = transaction.id();
            let cell = self.node.store.version(&Subject::Transaction(id).key(), 1)?;
            let cell = cell.and_then(|bytes| Cell::from_bytes(&bytes).ok());
            let receipt = cell.map(|cell| self.node.store.body(&cell.body)).transpose()?.flatten();
            let mut faults = Vec::from_iter(checks::receipt(transaction, height, index, receipt.as_deref()));
            if transaction.verify_signature().is_err() {
                faults.push(Fault::Signature);
            }
            let subject = format!("transaction {}", BASE64URL_NOPAD.encode(&id.0));
            self.findings().set(height, &subject, &faults, self.now_ms())?;
        }
        Ok(())
    }

    async fn check_records(&mut self, key: Hash, version: u32) -> Result<(), StoreError> {
        let found = self.node.store.versions_from(&key, version, RECORDS_AT_ONCE + 1)?;
        for (place, (key, number, bytes)) in found.iter().take(RECORDS_AT_ONCE).enumerate() {
            let newest = found.get(place + 1).is_none_or(|(next, ..)| next != key);
            self.check_record(key, *number, bytes, newest).await?;
        }
        let checked = u64::try_from(found.len().min(RECORDS_AT_ONCE)).unwrap_or(u64::MAX);
        self.node.supervision.records.fetch_add(checked, Ordering::Relaxed);
        self.records = found.get(RECORDS_AT_ONCE).map(|(key, number, _)| (*key, *number));
        Ok(())
    }

    async fn check_record(&mut self, key: &Hash, number: u32, bytes: &[u8; CELL_BYTES], newest: bool) -> Result<(), StoreError> {
        let before = self.before.take().filter(|(other, _)| other == key).map(|(_, cell)| cell);
        let mut faults = Vec::new();
        let mut height = before.map_or(0, |cell| cell.updated_height);
        match checks::version(number, bytes, before.as_ref()) {
            Ok(cell) => {
                height = cell.updated_height;
                self.before = Some((*key, cell));
                // A version that is pruned meanwhile takes its body along.
                if self.node.store.body(&cell.body)?.is_none() && self.node.store.version(key, number)?.is_some() {
                    faults.push(Fault::Body);
                }
                // A block may become final between the two reads: what differs is looked at once more.
                if newest && !self.proved(key, bytes).await && !self.still_newest(key, number, bytes).await? {
                    faults.push(Fault::State);
                }
            }
            Err(fault) => faults.push(fault),
        }
        let subject = format!("record {}", BASE64URL_NOPAD.encode(key));
        self.findings().set(height, &subject, &faults, self.now_ms())
    }

    /// Whether the state proves that this is what stands under the key.
    async fn proved(&self, key: &Hash, bytes: &[u8; CELL_BYTES]) -> bool {
        let Some((header, cell, proof)) = self.node.reads.current(key).await else { return true };
        cell.as_ref() == Some(bytes) && proof::verify_cell(&header.state_root, key, cell.as_ref(), &proof).is_ok()
    }

    /// After a difference: a newer version that was written meanwhile explains it, or the proof holds now.
    async fn still_newest(&self, key: &Hash, number: u32, bytes: &[u8; CELL_BYTES]) -> Result<bool, StoreError> {
        self.context.sleep(Duration::from_millis(500)).await;
        let newer = self.node.store.version_up_to(key, u32::MAX)?.is_some_and(|(newest, _)| newest > number);
        Ok(newer || self.proved(key, bytes).await)
    }
}
