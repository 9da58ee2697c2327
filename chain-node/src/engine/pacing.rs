//! When a leader builds its block: at once when a transaction waits, else a heartbeat every few seconds.
//!
//! Sits outside the stateful actor, because whoever sleeps inside it delays finalization on this node. Also the
//! only place that compares a block's time with the local clock: it delays the vote and never refuses.

use super::{
    application::included,
    block::Block,
    types::{Consensus, Environment, Scheme, Stateful},
};
use crate::{
    kill_points::{self, Point},
    mempool::Mempool,
};
use commonware_consensus::{Application, Handoff, marshal::ancestry::Ancestry};
use commonware_cryptography::Digested;
use commonware_macros::select;
use commonware_runtime::Clock;
use futures::StreamExt as _;
use std::{
    future::pending,
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

/// How far ahead of the local clock a block's time may be before this node waits with its vote: clocks that are less than a
/// minute apart work together.
const CLOCK_DRIFT: Duration = Duration::from_secs(60);
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
        let mut ancestry = ancestry;
        let Some(parent) = ancestry.next().await else {
            return;
        };
        // A leader whose clock runs ahead must not make this one wait longer than its own pace.
        let built = time(parent.inner()).min(clock.current());
        let included = included(parent, ancestry, self.mempool.finalized_height()).await;
        let mut changes = self.mempool.subscribe();
        loop {
            if self.mempool.waits(&included) {
                clock.sleep_until(built + self.pace.min_interval).await;
                return;
            }
            select! {
                _ = clock.sleep_until(built + self.pace.heartbeat) => return,
                changed = changes.changed() => if changed.is_err() {
                    return;
                },
            }
        }
    }
}

fn time(block: &Block) -> SystemTime {
    // A time that no clock can show is never reached: the view ends without this node's vote.
    const NEVER: Duration = Duration::from_secs(u32::MAX as u64 * 4);
    SystemTime::UNIX_EPOCH + Duration::from_millis(block.timestamp_ms()).min(NEVER)
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
        let proposed = self.inner.propose(context, ancestry, input).await;
        kill_points::reach(Point::BlockProposed);
        proposed
    }

    async fn verify(&mut self, context: (E, Consensus), ancestry: impl Ancestry<Block>) -> bool {
        if let Some(block) = ancestry.peek() {
            let earliest = time(block.inner()).checked_sub(CLOCK_DRIFT).unwrap_or(SystemTime::UNIX_EPOCH);
            context.0.sleep_until(earliest).await;
        }
        // The state's actor ends when the node stops, and its mailbox panics for who still waits: such a block gets no vote. The signal is let
        // go at once, because the runtime waits for all who hold it.
        let stopped = context.0.stopped();
        select! {
            _ = stopped => {},
            valid = self.inner.verify(context, ancestry) => return valid,
        }
        pending().await
    }
}
