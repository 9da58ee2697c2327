//! When a leader builds its block: at once when a transaction waits, else a heartbeat every few seconds.
//!
//! Sits outside the stateful actor, because whoever sleeps inside it delays finalization on this node. Also the
//! only place that compares a block's time with the local clock: it delays the vote and never refuses.

use super::{block::Block, types::{Consensus, Environment, Scheme, Stateful}};
use crate::mempool::Mempool;
use commonware_consensus::{Application, Handoff, Heightable as _, marshal::ancestry::Ancestry};
use commonware_cryptography::Digested;
use commonware_macros::select;
use commonware_runtime::Clock;
use futures::StreamExt as _;
use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// How fast blocks follow each other.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// The least time between two blocks under load.
    pub min_interval: Duration,
    /// The time between blocks when nothing waits. Must be less than the leader timeout.
    pub heartbeat: Duration,
}

/// How far ahead of the local clock a block's time may be before this node waits with its vote.
const CLOCK_DRIFT: Duration = Duration::from_secs(2);
/// Unfinalized ancestors looked at to see which waiting transactions are already in a block.
const MAX_UNFINALIZED_ANCESTORS: usize = 64;

/// The stateful application, paced.
pub struct Paced<E: Environment> {
    inner: Stateful<E>,
    mempool: Arc<Mempool>,
    pace: Pace,
}

impl<E: Environment> Clone for Paced<E> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), mempool: self.mempool.clone(), pace: self.pace }
    }
}

impl<E: Environment> Paced<E> {
    /// Paces `inner` by what waits in `mempool`.
    pub fn new(inner: Stateful<E>, mempool: Arc<Mempool>, pace: Pace) -> Self {
        Self { inner, mempool, pace }
    }

    /// Returns when it is time to build on the tip of `ancestry`.
    async fn wait(&self, clock: &impl Clock, ancestry: impl Ancestry<Block>) {
        let Some(line) = unfinalized(ancestry, self.mempool.finalized_height()).await else {
            return;
        };
        let now = clock.current();
        let parent = SystemTime::UNIX_EPOCH + Duration::from_millis(line.parent_timestamp_ms);
        let parent = parent.min(now);
        let mut changes = self.mempool.subscribe();
        loop {
            if self.mempool.waits(&line.included) {
                clock.sleep_until(parent + self.pace.min_interval).await;
                return;
            }
            select! {
                _ = clock.sleep_until(parent + self.pace.heartbeat) => return,
                changed = changes.changed() => if changed.is_err() {
                    return;
                },
            }
        }
    }
}

/// The line from the parent of a new block back to the finalized tip.
struct Line {
    parent_timestamp_ms: u64,
    included: HashSet<[u8; 32]>,
}

async fn unfinalized(ancestry: impl Ancestry<Block>, finalized: u64) -> Option<Line> {
    let mut ancestry = ancestry;
    let parent = ancestry.next().await?;
    let mut line = Line { parent_timestamp_ms: parent.inner().timestamp_ms(), included: HashSet::new() };
    let mut block = parent;
    for _ in 0..MAX_UNFINALIZED_ANCESTORS {
        if block.height().get() <= finalized {
            break;
        }
        line.included.extend(block.inner().transaction_ids());
        match ancestry.next().await {
            Some(next) => block = next,
            None => break,
        }
    }
    Some(line)
}

impl<E: Environment> Application<E> for Paced<E> {
    type SigningScheme = Scheme;
    type Context = Consensus;
    type Block = Block;
    type Input = ();

    async fn prepare(&mut self, context: (E, Consensus), ancestry: impl Ancestry<Block>, input: ()) -> Handoff<Digested<Block>> {
        self.inner.prepare(context, ancestry, input).await
    }

    async fn propose(&mut self, context: (E, Consensus), ancestry: impl Ancestry<Block>, input: ()) -> Option<Digested<Block>> {
        self.wait(&context.0, ancestry.clone()).await;
        self.inner.propose(context, ancestry, input).await
    }

    async fn verify(&mut self, context: (E, Consensus), ancestry: impl Ancestry<Block>) -> bool {
        if let Some(block) = ancestry.peek() {
            let time = SystemTime::UNIX_EPOCH + Duration::from_millis(block.inner().timestamp_ms());
            context.0.sleep_until(time.checked_sub(CLOCK_DRIFT).unwrap_or(SystemTime::UNIX_EPOCH)).await;
        }
        self.inner.verify(context, ancestry).await
    }
}
