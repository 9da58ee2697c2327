//! What is in the journal and not in the tables yet, as reads see it.

use super::Additions;
use ledger::{Hash, cell::CELL_BYTES};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// Bytes of a batch from which on it is worth writing into the tables.
const WORTH_BYTES: usize = 4 * 1024 * 1024;
/// Blocks of a batch, likewise.
const WORTH_BLOCKS: usize = 1_024;
/// Bytes of a batch at which blocks wait for the tables.
pub(super) const MAX_BYTES: usize = 4 * WORTH_BYTES;

/// What several blocks add.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// The height of the last of them.
    pub(super) height: u64,
    pub(super) bodies: HashMap<Hash, Arc<[u8]>>,
    pub(super) cells: BTreeMap<(Hash, u32), [u8; CELL_BYTES]>,
    pub(super) seen: BTreeMap<u64, u64>,
    pub(super) proposals: Vec<(u64, Hash)>,
    bytes: usize,
    blocks: usize,
}

impl Batch {
    pub(super) fn add(&mut self, height: u64, additions: &Additions) {
        self.height = self.height.max(height);
        self.blocks += 1;
        for (hash, body) in &additions.bodies {
            self.bytes += size_of::<Hash>() + body.len();
            self.bodies.insert(*hash, body.clone());
        }
        self.bytes += additions.cells.len() * (size_of::<Hash>() + CELL_BYTES);
        self.cells.extend(additions.cells.iter().map(|(key, version, cell)| ((*key, *version), *cell)));
        if let Some(first_seen_ms) = additions.first_seen_ms {
            self.seen.entry(height).or_insert(first_seen_ms);
        }
        self.proposals.extend(&additions.proposals);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.blocks == 0
    }
}

/// The batch that grows, and the one that is being written into the tables.
#[derive(Debug, Default)]
pub(super) struct Recent {
    growing: Batch,
    leaving: Option<Arc<Batch>>,
}

impl Recent {
    pub(super) fn add(&mut self, height: u64, additions: &Additions) {
        self.growing.add(height, additions);
    }

    /// Whether the batch that grows is large enough for the tables.
    pub(super) fn is_worth(&self) -> bool {
        self.growing.bytes >= WORTH_BYTES || self.growing.blocks >= WORTH_BLOCKS
    }

    /// The bytes of the batch that grows.
    pub(super) fn bytes(&self) -> usize {
        self.growing.bytes
    }

    /// The batch that is on its way, if one is.
    pub(super) fn leaving(&self) -> Option<Arc<Batch>> {
        self.leaving.clone()
    }

    /// Sends the batch that grew on its way, if it has anything. None may be on its way.
    pub(super) fn send(&mut self) -> Option<Arc<Batch>> {
        if !self.growing.is_empty() {
            self.leaving = Some(Arc::new(std::mem::take(&mut self.growing)));
        }
        self.leaving()
    }

    /// It has arrived in the tables.
    pub(super) fn arrived(&mut self) {
        self.leaving = None;
    }

    /// The newest first.
    fn batches(&self) -> impl Iterator<Item = &Batch> {
        std::iter::once(&self.growing).chain(self.leaving.as_deref())
    }

    pub(super) fn height(&self) -> u64 {
        self.batches().map(|batch| batch.height).max().unwrap_or(0)
    }

    pub(super) fn body(&self, hash: &Hash) -> Option<&Arc<[u8]>> {
        self.batches().find_map(|batch| batch.bodies.get(hash))
    }

    pub(super) fn first_seen_ms(&self, height: u64) -> Option<u64> {
        self.batches().filter_map(|batch| batch.seen.get(&height).copied()).last()
    }

    pub(super) fn version(&self, key: &Hash, version: u32) -> Option<[u8; CELL_BYTES]> {
        self.batches().find_map(|batch| batch.cells.get(&(*key, version)).copied())
    }

    /// The newest version of a key that is not above `version`.
    pub(super) fn version_up_to(&self, key: &Hash, version: u32) -> Option<(u32, [u8; CELL_BYTES])> {
        let newest =
            |batch: &Batch| batch.cells.range((*key, 0)..=(*key, version)).next_back().map(|((_, at), cell)| (*at, *cell));
        self.batches().filter_map(newest).max_by_key(|(at, _)| *at)
    }

    /// Versions from a key and version on, in order, of each batch at most `count`.
    pub(super) fn versions_from(&self, key: &Hash, version: u32, count: usize) -> BTreeMap<(Hash, u32), [u8; CELL_BYTES]> {
        let range = |batch: &Batch| {
            let rows = batch.cells.range((*key, version)..).take(count);
            rows.map(|(place, cell)| (*place, *cell)).collect::<Vec<_>>()
        };
        self.batches().flat_map(range).collect()
    }
}
