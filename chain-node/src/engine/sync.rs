//! Where a node without data begins: at the first block, or at a recent finalized state that it gets from the others.
//!
//! The state is taken operation by operation with proofs against the root in a finalized header, so a peer can refuse
//! and cannot deceive. Believes a floor only with a certificate of the validators.

use super::types::{Digest, Scheme, Variant};
use crate::kill_points::{self, Point};
use commonware_glue::stateful::{SyncPlan, probe};
use commonware_macros::select;
use commonware_runtime::Clock;
use commonware_storage::Context;
use std::time::Duration;

/// The pause before a node that still asks for a state learns of new epochs again.
const LEARNING_PAUSE: Duration = Duration::from_millis(500);

/// Chooses the floor of a node that has no data: the latest finalization that enough validators prove within `patience`.
/// Without one, or without patience, the node replays the ledger. A floor chosen before a restart stays. The ledger goes on
/// meanwhile: `learn` makes the validators of new epochs known, who certify the floor.
pub(super) async fn choose_floor<E: Context, L: Future<Output = ()>>(
    clock: &impl Clock,
    plan: SyncPlan<E, Scheme, Variant>,
    probe: &probe::Mailbox<Scheme, Variant>,
    patience: Option<Duration>,
    learn: impl Fn() -> L,
) -> SyncPlan<E, Scheme, Variant> {
    let Some(patience) = patience.filter(|_| plan.may_sync() && plan.floor().is_none()) else {
        return plan;
    };
    let learning = async {
        loop {
            clock.sleep(LEARNING_PAUSE).await;
            learn().await;
        }
    };
    tracing::info!(patience_seconds = patience.as_secs(), "no data: the validators are asked for a state to begin with");
    select! {
        floor = probe.subscribe() => match floor {
            Ok(floor) => {
                let digest: Digest = floor.proposal.payload;
                tracing::info!(%digest, "the state of this block is fetched from the validators");
                let plan = plan.set_floor(floor).await;
                kill_points::reach(Point::SyncBegun);
                plan
            },
            Err(_closed) => plan,
        },
        () = learning => plan,
        _ = clock.sleep(patience) => {
            tracing::warn!("too few validators answered: the ledger is replayed from its first block");
            plan
        },
    }
}
