//! What this node measures of the ledger while it runs: how long transactions and blocks take, who led, what kinds there were.
//!
//! Counts kinds and validators, never people. Everything here is bounded, lives in memory, and is this node's own view: another
//! node measures other times.

use crate::{head::Finalized, kinds::Counts, resources::Resources};
use ledger::{Hash, block::Header};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Blocks that are remembered.
pub const BLOCKS: usize = 5_000;
/// Durations that are remembered.
const LATENCIES: usize = 10_000;
/// Transactions under way whose arrival is remembered.
const ARRIVALS: usize = 50_000;

/// A block as statistics remember it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// Height.
    pub height: u64,
    /// Milliseconds since the Unix epoch by its leader's clock.
    pub timestamp_ms: u64,
    /// Epoch.
    pub epoch: u64,
    /// View.
    pub view: u64,
    /// The parent's view.
    pub parent_view: u64,
    /// The leader's key.
    pub leader: [u8; 32],
    /// Its transactions by kind.
    pub kinds: Counts,
}

impl Observed {
    /// What is remembered of a block.
    pub fn new(header: &Header, kinds: Counts) -> Self {
        let context = &header.context;
        Self {
            height: header.height,
            timestamp_ms: header.timestamp_ms,
            epoch: context.epoch,
            view: context.view,
            parent_view: context.parent_view,
            leader: context.leader,
            kinds,
        }
    }
}

/// A distribution of durations in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantiles {
    /// How many were measured.
    pub count: u64,
    /// The median.
    pub p50_ms: u64,
    /// The 99th percentile.
    pub p99_ms: u64,
}

/// The nearest-rank quantiles of durations; `None` of none.
pub fn quantiles(mut durations_ms: Vec<u64>) -> Option<Quantiles> {
    durations_ms.sort_unstable();
    let rank = |percent: usize| durations_ms.get((durations_ms.len() * percent).div_ceil(100).checked_sub(1)?).copied();
    let (p50_ms, p99_ms) = (rank(50)?, rank(99)?);
    Some(Quantiles { count: u64::try_from(durations_ms.len()).unwrap_or(u64::MAX), p50_ms, p99_ms })
}

/// What one validator did in the blocks counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Turns {
    /// Blocks that it led.
    pub blocks: u64,
    /// Views that were its turn and ended without a final block.
    pub missed: u64,
}

/// A summary of the last blocks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// The first and last height counted.
    pub heights: Option<(u64, u64)>,
    /// Blocks counted.
    pub blocks: u64,
    /// Transactions by kind.
    pub kinds: Counts,
    /// Between the times of consecutive blocks.
    pub intervals: Option<Quantiles>,
    /// By validator key.
    pub turns: BTreeMap<[u8; 32], Turns>,
    /// Views without a final block.
    pub skipped_views: u64,
}

/// Whose turn a view of an epoch is, given that epoch's validators in the order of their keys. This is the engine's rotation.
pub fn leader(validators: &[[u8; 32]], epoch: u64, view: u64) -> Option<[u8; 32]> {
    let count = u64::try_from(validators.len()).ok().filter(|count| *count > 0)?;
    let place = usize::try_from(epoch.wrapping_add(view) % count).ok()?;
    validators.get(place).copied()
}

/// Views between a block and its parent that are counted one by one; a longer gap is a halt and nobody's turn.
const MAX_GAP: u64 = 256;

#[derive(Debug, Default)]
struct Inner {
    blocks: VecDeque<Observed>,
    latencies_ms: VecDeque<u64>,
    arrivals_ms: HashMap<Hash, u64>,
    arrival_order: VecDeque<Hash>,
    transactions: u64,
}

/// The measurements of one node.
#[derive(Debug, Default)]
pub struct Observations {
    /// What this process takes of its machine.
    pub resources: Resources,
    inner: Mutex<Inner>,
}

impl Observations {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A transaction was first seen here, from a client or another validator.
    pub fn arrived(&self, id: Hash, now_ms: u64) {
        let mut inner = self.inner();
        if inner.arrivals_ms.contains_key(&id) {
            return;
        }
        inner.arrivals_ms.insert(id, now_ms);
        inner.arrival_order.push_back(id);
        if inner.arrival_order.len() > ARRIVALS
            && let Some(oldest) = inner.arrival_order.pop_front()
        {
            inner.arrivals_ms.remove(&oldest);
        }
    }

    /// A block became final; gives how long each of its transactions took that had been seen here before, in milliseconds.
    pub fn finalized(&self, block: &Finalized, now_ms: u64) -> Vec<u64> {
        let mut inner = self.inner();
        let arrived = block.transactions.iter().filter_map(|id| inner.arrivals_ms.remove(&id.0)).collect::<Vec<u64>>();
        let took: Vec<u64> = arrived.into_iter().map(|at| now_ms.saturating_sub(at)).collect();
        inner.latencies_ms.extend(&took);
        let excess = inner.latencies_ms.len().saturating_sub(LATENCIES);
        inner.latencies_ms.drain(..excess);
        inner.transactions += block.kinds.total();
        if inner.blocks.back().is_none_or(|last| last.height < block.height) {
            inner.blocks.push_back(Observed::new(&block.header, block.kinds.clone()));
        }
        if inner.blocks.len() > BLOCKS {
            inner.blocks.pop_front();
        }
        took
    }

    /// A block from before this node started. They come newest first, each the parent of the one before.
    pub fn earlier(&self, block: Observed) {
        let mut inner = self.inner();
        if inner.blocks.len() < BLOCKS && inner.blocks.front().is_none_or(|first| first.height == block.height + 1) {
            inner.blocks.push_front(block);
        }
    }

    /// Transactions finalized since the node started.
    pub fn transactions(&self) -> u64 {
        self.inner().transactions
    }

    /// From first seen to final, of recent transactions.
    pub fn finality(&self) -> Option<Quantiles> {
        quantiles(self.inner().latencies_ms.iter().copied().collect())
    }

    /// The last blocks, at most `count` of them. `validators` gives an epoch's validators in the order of their keys.
    pub fn summary(&self, count: usize, validators: impl Fn(u64) -> Vec<[u8; 32]>) -> Summary {
        let inner = self.inner();
        let mut summary = Summary::default();
        let mut intervals = Vec::new();
        let mut parent: Option<&Observed> = None;
        for block in inner.blocks.iter().skip(inner.blocks.len().saturating_sub(count)) {
            let from = summary.heights.map_or(block.height, |(from, _)| from);
            summary.heights = Some((from, block.height));
            summary.blocks += 1;
            summary.kinds.add(&block.kinds);
            summary.turns.entry(block.leader).or_default().blocks += 1;
            if let Some(parent) = parent.filter(|parent| parent.height + 1 == block.height) {
                intervals.push(block.timestamp_ms.saturating_sub(parent.timestamp_ms));
            }
            let skipped = block.view.saturating_sub(block.parent_view.saturating_add(1));
            summary.skipped_views += skipped;
            if skipped <= MAX_GAP {
                let validators = if skipped == 0 { Vec::new() } else { validators(block.epoch) };
                let missed = (block.parent_view + 1..block.view).filter_map(|view| leader(&validators, block.epoch, view));
                missed.for_each(|key| summary.turns.entry(key).or_default().missed += 1);
            }
            parent = Some(block);
        }
        summary.intervals = quantiles(intervals);
        summary
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::{
        block::{Context, Operations},
        transaction::TransactionId,
    };

    fn header(height: u64, view: u64, parent_view: u64, leader: u8) -> Header {
        Header {
            genesis: [0; 32],
            height,
            parent: [0; 32],
            context: Context { epoch: 0, view, leader: [leader; 32], parent_view },
            timestamp_ms: height * 1_000,
            transactions_root: [0; 32],
            state_root: [0; 32],
            operations: Operations { root: [0; 32], start: 0, end: 1 },
        }
    }

    fn finalized(header: Header, transactions: &[Hash]) -> Finalized {
        Finalized {
            height: header.height,
            timestamp_ms: header.timestamp_ms,
            transactions: transactions.iter().copied().map(TransactionId).collect(),
            header,
            kinds: Counts::default(),
        }
    }

    #[test]
    fn quantiles_are_of_the_nearest_rank() {
        assert_eq!(quantiles(Vec::new()), None);
        assert_eq!(quantiles(vec![7]), Some(Quantiles { count: 1, p50_ms: 7, p99_ms: 7 }));
        assert_eq!(quantiles((1..=200).rev().collect()), Some(Quantiles { count: 200, p50_ms: 100, p99_ms: 198 }));
    }

    #[test]
    fn latency_is_from_the_first_sight_and_only_of_what_was_seen() {
        let observations = Observations::default();
        observations.arrived([1; 32], 100);
        observations.arrived([1; 32], 900);
        let took = observations.finalized(&finalized(header(1, 1, 0, 1), &[[1; 32], [2; 32]]), 1_000);
        assert_eq!(took, [900]);
        assert_eq!(observations.finality().map(|quantiles| quantiles.p50_ms), Some(900));
    }

    #[test]
    fn a_gap_of_views_is_a_missed_turn_of_those_whose_turns_they_were() {
        let observations = Observations::default();
        let validators = [[0; 32], [1; 32], [2; 32], [3; 32]];
        observations.finalized(&finalized(header(1, 1, 0, 1), &[]), 0);
        // Views 2 and 3 passed: turns of validators 2 and 3.
        observations.finalized(&finalized(header(2, 4, 1, 0), &[]), 0);
        let summary = observations.summary(10, |_| validators.to_vec());
        assert_eq!(summary.heights, Some((1, 2)));
        assert_eq!((summary.blocks, summary.skipped_views), (2, 2));
        assert_eq!(summary.turns.get(&[2; 32]), Some(&Turns { blocks: 0, missed: 1 }));
        assert_eq!(summary.turns.get(&[3; 32]), Some(&Turns { blocks: 0, missed: 1 }));
        assert_eq!(summary.turns.get(&[1; 32]), Some(&Turns { blocks: 1, missed: 0 }));
        assert_eq!(summary.intervals.map(|quantiles| quantiles.p50_ms), Some(1_000));
        assert_eq!(observations.summary(1, |_| validators.to_vec()).blocks, 1);
    }
}
