//! Nodes that are told to stop while they work.

use crate::world::{link, public, run, word};
use commonware_p2p::simulated::Link;
use commonware_runtime::{Spawner as _, Supervisor as _};
use commonware_utils::probability;
use std::time::Duration;

const VALIDATORS: usize = 4;

/// REL-E7: a stop that comes while blocks are being verified ends in order. Blocks get lost on the way here, so that a verification
/// often waits for an earlier block.
#[test]
fn a_stop_amid_verifications_ends_in_order() {
    for seed in 0..48 {
        run(VALIDATORS, seed, async |mut world| {
            let keys: Vec<_> = (0..VALIDATORS).map(|place| public(&word(place))).collect();
            for from in &keys {
                for to in keys.iter().filter(|to| *to != from) {
                    world.oracle.remove_link(from.clone(), to.clone()).await.unwrap();
                    let lossy = Link { success_rate: probability!(0.6), ..link() };
                    world.oracle.add_link(from.clone(), to.clone(), lossy).await.unwrap();
                }
            }
            for number in 0..20 {
                world.load(number).await;
                world.sleep(60).await;
            }
            world.sleep(seed * 7).await;
            world.context.child("stop").stop(0, Some(Duration::from_secs(5))).await.unwrap();
            assert!(world.height(&word(0)) > 0, "there was something to verify");
        });
    }
}
