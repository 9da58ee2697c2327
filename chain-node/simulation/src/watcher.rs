//! Sees what one honest validator finalizes, and writes it into the log of the run.

use crate::{
    log::{Final, Log, Rule},
    world::SimulatedNode,
};
use commonware_runtime::{Clock as _, deterministic::Context};
use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::sync::broadcast::error::RecvError;

/// Sees what one validator finalizes.
pub struct Watcher {
    /// Its place.
    pub place: usize,
    /// Its node.
    pub node: Arc<SimulatedNode>,
    /// What was seen so far.
    pub log: Arc<Log>,
    /// When the run began.
    pub started: SystemTime,
}

impl Watcher {
    /// Watches until the node is gone.
    pub async fn run(self, truth: Context) {
        let mut events = self.node.head.events();
        let mut seen = self.node.head.tip().borrow().height;
        loop {
            let height = match events.recv().await {
                Ok(event) => event.height,
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return,
            };
            // Blocks between were missed by a watcher that lagged.
            for height in seen + 1..=height {
                self.record(&truth, height).await;
            }
            seen = height;
        }
    }

    async fn record(&self, truth: &Context, height: u64) {
        let Some(block) = self.node.reads.block(height).await else {
            self.log.breaks(Rule::Kept, format!("validator {} does not have its final block {height}", self.place));
            return;
        };
        let now = truth.current();
        let ms = |since: Duration| u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        let header = block.inner().header().clone();
        let certificate = self.node.reads.certificate(&header).await;
        teach(&self.log, self.place, &self.node, header.context.epoch).await;
        self.log.record(Final {
            place: self.place,
            transactions: block.inner().transaction_ids().to_vec(),
            header,
            certificate,
            at_ms: ms(now.duration_since(self.started).unwrap_or_default()),
            now_ms: ms(now.duration_since(UNIX_EPOCH).unwrap_or_default()),
        });
    }
}

/// Lets the log's light client learn the validators of every epoch up to this one, as far as the node can prove them.
pub async fn teach(log: &Log, place: usize, node: &SimulatedNode, epoch: u64) {
    while log.newest_epoch() < epoch {
        let next = log.newest_epoch() + 1;
        let Some((boundary, certificate)) = node.epoch_change(next).await else { return };
        if !log.follow(place, &boundary, &certificate) {
            return;
        }
    }
}
