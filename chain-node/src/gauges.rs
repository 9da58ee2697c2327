//! What this node exports for monitoring, set once a second: where the ledger is, who is heard, what waits, what was found.
//!
//! The names are in `chain-node/README.md`, in `monitoring/` and in a test that compares them. Labels are validators and kinds of
//! transactions: never people, keys or ids.

use crate::{
    engine::types::Environment,
    head::Finalized,
    node::Node,
    progress::{Stall, milliseconds},
    resources,
};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

/// How often gauges are set.
const EVERY: Duration = Duration::from_secs(1);
/// How often the machine is looked at, in settings of the gauges.
const RESOURCES_EVERY: u64 = 15;

/// A count as a gauge takes it: exact up to 2³².
fn small(count: impl TryInto<u32>) -> f64 {
    f64::from(count.try_into().unwrap_or(u32::MAX))
}

/// Sets the gauges until the node ends.
pub async fn run<E: Environment>(context: E, node: Arc<Node<E>>) {
    let mut tip = node.head.tip();
    let mut next = context.current();
    let mut ticks = 0_u64;
    loop {
        commonware_macros::select! {
            changed = tip.changed() => match changed {
                Ok(()) => node.progress.finalized(context.current()),
                Err(_) => return,
            },
            _ = context.sleep_until(next) => {
                next = context.current() + EVERY;
                set(&node, context.current());
                if ticks.is_multiple_of(RESOURCES_EVERY) {
                    look(&node, context.current());
                }
                ticks += 1;
            },
        }
    }
}

fn set<E: Environment>(node: &Node<E>, now: SystemTime) {
    let (height, timestamp_ms) = {
        let tip = node.head.tip();
        let tip = tip.borrow();
        (tip.height, tip.timestamp_ms)
    };
    let (count, bytes) = node.mempool.size();
    let membership = node.peers.membership();
    let stall = node.progress.check(now).err();
    metrics::gauge!("ledger_finalized_height").set(small(height));
    metrics::gauge!("ledger_finalized_age_seconds").set(age(timestamp_ms, now));
    metrics::gauge!("ledger_progressing").set(f64::from(u8::from(stall.is_none())));
    metrics::gauge!("ledger_quorum_away").set(f64::from(u8::from(matches!(stall, Some(Stall::QuorumAway { .. })))));
    metrics::gauge!("ledger_validators").set(small(node.peers.validators()));
    metrics::gauge!("ledger_validators_heard").set(small(node.progress.here(now)));
    metrics::gauge!("ledger_quorum").set(small(node.peers.quorum()));
    metrics::gauge!("ledger_epoch").set(small(membership.epoch));
    metrics::gauge!("ledger_waiting_transactions").set(small(count));
    metrics::gauge!("ledger_waiting_bytes").set(small(bytes));
    metrics::gauge!("ledger_oldest_height").set(small(node.reads.oldest()));
    metrics::gauge!("ledger_archive").set(f64::from(u8::from(node.is_archive())));
    metrics::gauge!("ledger_findings").set(small(node.supervision.findings.open_count()));
    for member in membership.current.validators.iter().chain(&membership.current.observers) {
        let here = node.peers.is_here(&member.key, now);
        metrics::gauge!("ledger_peer_up", "peer" => member.record.name.clone()).set(f64::from(u8::from(here)));
    }
}

fn look<E: Environment>(node: &Node<E>, now: SystemTime) {
    // Without a folder of its own, as in a simulation, a node says nothing about its machine.
    if let Some(disk) = &node.protection.disk {
        node.observations.resources.look(resources::usage(disk.folder()), milliseconds(now));
        resources::measure(&node.observations.resources.taken());
    }
    let evidence = node.store.evidence().map_or(0, |evidence| evidence.len());
    metrics::gauge!("ledger_evidence").set(small(evidence));
}

/// Counts a block that became final, and says how far its leader's clock is from this node's.
pub fn count(block: &Finalized, took_ms: &[u64], now: SystemTime) {
    for took_ms in took_ms {
        metrics::histogram!("ledger_finality_seconds").record(Duration::from_millis(*took_ms).as_secs_f64());
    }
    for (kind, count) in block.kinds.most_first() {
        metrics::counter!("ledger_transactions_total", "kind" => kind).increment(count);
    }
    let context = &block.header.context;
    let skipped = context.view.saturating_sub(context.parent_view.saturating_add(1));
    metrics::counter!("ledger_blocks_total").increment(1);
    metrics::counter!("ledger_skipped_views_total").increment(skipped);
    metrics::gauge!("ledger_clock_skew_seconds").set(-age(block.timestamp_ms, now));
}

/// Seconds since a time in milliseconds; negative if it is ahead.
fn age(timestamp_ms: u64, now: SystemTime) -> f64 {
    let now_ms = milliseconds(now);
    let seconds = |milliseconds: u64| Duration::from_millis(milliseconds).as_secs_f64();
    seconds(now_ms.saturating_sub(timestamp_ms)) - seconds(timestamp_ms.saturating_sub(now_ms))
}
