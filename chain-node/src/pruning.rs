//! Pruning: a node that keeps only its last blocks lets the older ones go, and old versions of records with them.
//!
//! What stays: the state with its proofs, every record and receipt that it names, and what introduced each epoch since the genesis.
//! So a client with the genesis alone checks every current fact, and a node without data gets the state. Blocks go by whole files,
//! records in small steps with pauses between, and nothing before its epoch's certificate is kept. What may go is noted on the
//! disk first: a node that is killed at any point goes on from there.

use crate::{engine::types::Environment, node::Node, obsolete::Place, progress::milliseconds, store::StoreError};
use commonware_macros::select;
use data_encoding::BASE64URL_NOPAD;
use std::{
    num::NonZeroU64,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// Blocks that a node keeps at least: what others that were away for some minutes need.
pub const MIN_KEEP_BLOCKS: u64 = 1_024;
/// How often a certificate that is missing is asked for again.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// Between two steps the node rests for so many times the time that the step took, and at least for the shortest rest.
const REST: u32 = 10;
const SHORTEST_REST: Duration = Duration::from_millis(2);

/// How much a node keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The last blocks that it keeps at least.
    pub keep_blocks: u64,
    /// Blocks in one file: so many go at a time.
    pub items_per_file: NonZeroU64,
}

impl Settings {
    /// The height below which nothing is needed any more when the ledger is at `tip`.
    pub fn target(&self, tip: u64) -> u64 {
        let unneeded = tip.saturating_add(1).saturating_sub(self.keep_blocks);
        unneeded - unneeded % self.items_per_file
    }
}

/// Prunes until the node ends.
///
/// # Errors
/// When the store cannot be read or written: the node must stop.
pub async fn run<E: Environment>(context: E, node: Arc<Node<E>>, settings: Settings) -> Result<(), StoreError> {
    let mut tip = node.head.tip();
    let done = node.store.pruned_below()?;
    node.reads.prune(done);
    loop {
        let target = settings.target(tip.borrow_and_update().height);
        let store = &node.store;
        if target > store.pruned_below()?.max(node.reads.oldest()) && !store.incomplete()? {
            certify(&context, &node, target).await;
            store.set_pruned_below(target)?;
        }
        let pruned = store.pruned_below()?;
        if pruned > store.records_pruned_below()? {
            let started = context.current();
            node.reads.prune(pruned);
            let versions = records(&context, &node, pruned).await?;
            let took_ms = milliseconds(context.current()).saturating_sub(milliseconds(started));
            tracing::info!(
                below = pruned,
                oldest = node.reads.oldest(),
                versions,
                took_ms,
                "old blocks and versions were pruned"
            );
        }
        if tip.changed().await.is_err() {
            return Ok(());
        }
    }
}

/// Sees to it that every epoch that ended below `height` has its certificate in the store, where it outlives the block.
async fn certify<E: Environment>(context: &E, node: &Node<E>, height: u64) {
    let newest = *node.epochs.newest().borrow();
    for epoch in 1..=newest {
        let Some(boundary) = node.epochs.boundary(epoch) else { continue };
        if boundary.header.height >= height {
            return;
        }
        if node.epoch_change(epoch).await.is_none() {
            tracing::warn!(epoch, "pruning waits for the certificate of the block that introduced this epoch");
        }
        while node.epoch_change(epoch).await.is_none() {
            node.reads.ask_for_certificate(boundary.header.height);
            context.sleep(ASK_AGAIN).await;
        }
    }
}

/// One round over versions and bodies. Gives how many versions were removed.
async fn records<E: Environment>(context: &E, node: &Node<E>, oldest: u64) -> Result<usize, StoreError> {
    let (store, begin): (_, Option<Place>) = (&node.store, Some(([0; 32], 0)));
    let (mut place, mut removed) = (begin, 0);
    store.settle()?;
    while let Some(from) = place {
        let started = context.current();
        let (next, count) = store.remove_obsolete(from, oldest)?;
        (place, removed) = (next, removed + count);
        rest(context, started).await;
    }
    place = begin;
    while let Some(from) = place {
        let started = context.current();
        place = store.spare_named(from)?;
        rest(context, started).await;
    }
    loop {
        let started = context.current();
        if store.remove_doomed()? + store.forget_seen(oldest)? == 0 {
            break;
        }
        rest(context, started).await;
    }
    metrics::counter!("ledger_pruned_versions_total").increment(u64::try_from(removed).unwrap_or(u64::MAX));
    forget_findings(node, oldest, milliseconds(context.current()))?;
    store.set_records_pruned_below(oldest)?;
    Ok(removed)
}

/// What was found wrong with what is gone is over.
fn forget_findings<E: Environment>(node: &Node<E>, oldest: u64, now_ms: u64) -> Result<(), StoreError> {
    let findings = &node.supervision.findings;
    for finding in findings.list().into_iter().filter(|finding| finding.cleared_ms.is_none() && finding.height < oldest) {
        let key =
            finding.subject.strip_prefix("record ").and_then(|key| BASE64URL_NOPAD.decode(key.as_bytes()).ok()?.try_into().ok());
        let gone = match key {
            Some(key) => !node.store.has_version_of(&key, finding.height)?,
            None => true,
        };
        if gone {
            findings.set(finding.height, &finding.subject, &[], now_ms)?;
        }
    }
    Ok(())
}

async fn rest<E: Environment>(context: &E, started: SystemTime) {
    let took = context.current().duration_since(started).unwrap_or_default();
    let stopped = context.stopped();
    select! {
        _ = stopped => {},
        _ = context.sleep(took.saturating_mul(REST).max(SHORTEST_REST)) => {},
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_files_go_and_the_last_blocks_never() {
        let settings = Settings { keep_blocks: 100, items_per_file: NonZeroU64::new(16).unwrap() };
        for (tip, target) in [(0, 0), (99, 0), (114, 0), (115, 16), (130, 16), (131, 32), (u64::MAX, u64::MAX - 111)] {
            assert_eq!(settings.target(tip), target, "{tip}");
            assert!(tip.saturating_sub(target) >= settings.keep_blocks.min(tip).saturating_sub(1));
        }
    }
}
