//! Nodes that stop around the end of an epoch, come late, or only look on.

use crate::world::{EPOCH, link, public, run, word};
use chain_node::engine::members::Role;
use commonware_p2p::simulated::Link;
use ledger::governance::Change;
use std::time::Duration;

/// So often a state is asked for where an epoch may end meanwhile.
const ASKED: usize = 16;

/// A node that is killed around the end of an epoch, before or after its last block is acknowledged, begins in the right epoch again and votes on.
#[test]
fn a_node_killed_around_a_boundary_recovers_on_either_side_of_it() {
    run(4, 21, |mut world| async move {
        let mut killed_in = Vec::new();
        for (round, ahead) in [2, 1, 1, 0, 0, 0].into_iter().enumerate() {
            let place = word(round % 4);
            let epoch = world.node(&place).peers.membership().epoch;
            let last = (epoch + 1) * EPOCH - 1;
            world.reach(&place, last - ahead).await;
            world.sleep(u64::try_from(round).unwrap() * 3).await;
            killed_in.push((world.height(&place) % EPOCH, world.node(&place).peers.membership().epoch - epoch));
            world.kill(&place).await;
            world.start(&place).await;
            world.reach(&place, last + 2).await;
            assert_eq!(world.node(&place).peers.membership().epoch, epoch + 1);
            assert_eq!(world.node(&place).peers.role(), Role::Validator);
        }
        // All at once, on the boundary.
        let epoch = world.node(&word(0)).peers.membership().epoch;
        world.reach(&word(0), (epoch + 1) * EPOCH - 1).await;
        for place in 0..4 {
            world.kill(&word(place)).await;
        }
        for place in 0..4 {
            world.start(&word(place)).await;
        }
        let end = (epoch + 2) * EPOCH;
        for place in 0..4 {
            world.reach(&word(place), end).await;
        }
        println!("killed at (height in its epoch, epochs entered): {killed_in:?}");
        world.check(end, 10_000).await;
    });
}

/// A validator that was away for many epochs walks through them when it returns, and votes again.
#[test]
fn a_validator_that_was_away_walks_through_the_epochs() {
    run(4, 22, |mut world| async move {
        world.reach(&word(3), 3).await;
        world.kill(&word(3)).await;
        let admit = world.admit("guest", &word(4));
        world.start(&word(4)).await;
        world.decide(admit).await;
        let epoch = world.next_epoch(&word(0)).await;
        world.enter(&word(0), epoch + 4).await;
        world.start(&word(3)).await;
        world.enter(&word(3), epoch + 4).await;
        // Now its vote is needed: five validators tolerate one fault.
        world.kill(&word(1)).await;
        let height = world.height(&word(0));
        world.reach(&word(3), height + 2 * EPOCH).await;
        world.check(height, 10_000).await;
    });
}

/// REL-C6: epochs go on while a wiped validator asks for a state. On a long line one ends between what it heard of the validators and
/// the certificate that it is given; it hears of the next and begins with a state all the same.
#[test]
fn an_epoch_that_ends_while_a_state_is_asked_for_is_learned() {
    run(4, 27, |mut world| async move {
        let (late, far) = (public(&word(3)), Link { latency: Duration::from_millis(220), ..link() });
        for place in 0..3 {
            for (from, to) in [(late.clone(), public(&word(place))), (public(&word(place)), late.clone())] {
                world.oracle.remove_link(from.clone(), to.clone()).await.unwrap();
                world.oracle.add_link(from, to, far.clone()).await.unwrap();
            }
        }
        for _ in 0..ASKED {
            let tip = world.height(&word(0));
            world.wipe(&word(3)).await;
            world.start_asking(&word(3), Some(Duration::from_secs(20))).await;
            let oldest = world.node(&word(3)).reads.oldest();
            assert!(oldest > tip, "it began with block {oldest}, and the others had {tip}");
            world.reach(&word(3), oldest + EPOCH).await;
        }
    });
}

/// REL-C6: who serves now is asked for a state, also where most of those who began the ledger are gone for good.
#[test]
fn a_state_is_had_from_those_who_serve_now() {
    run(4, 28, |mut world| async move {
        for place in 1..4 {
            let (old, new) = (word(place), word(place + 3));
            world.start(&new).await;
            let admit = world.admit(&format!("new-{place}"), &new);
            world.decide(admit).await;
            world.next_epoch(&word(0)).await;
            world.decide(Change::RemoveValidator { name: old.clone() }).await;
            world.next_epoch(&word(0)).await;
            world.kill(&old).await;
        }
        let tip = world.height(&word(0));
        world.wipe(&word(6)).await;
        world.start_asking(&word(6), Some(Duration::from_secs(20))).await;
        let oldest = world.node(&word(6)).reads.oldest();
        assert!(oldest >= tip, "it began with block {oldest}, and the others had {tip}");
        world.reach(&word(6), oldest + EPOCH).await;
    });
}

/// REL-C6: whichever block of an epoch the state is of that a wiped validator begins with, it goes on; after an epoch's last block, too, which
/// it never executes and which says who serves next.
#[test]
fn a_state_of_any_block_of_an_epoch_is_one_to_begin_with() {
    run(4, 24, |mut world| async move {
        let mut began_at = Vec::new();
        // Which block it will be is not for the test to choose.
        while !began_at.contains(&(EPOCH - 1)) && began_at.len() < 150 {
            let tip = world.height(&word(0));
            world.wipe(&word(3)).await;
            world.start_asking(&word(3), Some(Duration::from_secs(20))).await;
            began_at.push(world.node(&word(3)).reads.oldest() % EPOCH);
            world.reach(&word(3), tip + EPOCH).await;
            world.reach(&word(0), tip + EPOCH + 1).await;
        }
        println!("began with the state of these blocks of an epoch: {began_at:?}");
        assert!(began_at.contains(&(EPOCH - 1)), "an epoch's last block was one of them: {began_at:?}");
    });
}

/// X009, N067: an observer follows with a verifier's key only, is not counted, and becomes a validator at the end of an epoch.
#[test]
fn an_observer_follows_and_is_promoted() {
    run(4, 23, |mut world| async move {
        let observe = world.observe("looker", &word(4));
        world.decide(observe).await;
        world.start(&word(4)).await;
        let epoch = world.next_epoch(&word(0)).await;
        world.enter(&word(4), epoch).await;
        assert_eq!(world.node(&word(4)).peers.role(), Role::Observer);
        assert_eq!(world.node(&word(4)).peers.validators(), 4);
        let height = world.height(&word(0));
        world.reach(&word(4), height + 3).await;
        // What it hears from its own clients reaches the validators.
        let transaction = world.load(1).await;
        world.receipt(&transaction).await;

        let admit = world.admit("looker", &word(4));
        world.decide(admit).await;
        let epoch = world.next_epoch(&word(4)).await;
        assert_eq!(world.node(&word(4)).peers.role(), Role::Validator);
        assert_eq!(world.validators(&word(4), epoch).len(), 5);
        world.kill(&word(0)).await;
        let height = world.height(&word(4));
        world.reach(&word(4), height + EPOCH).await;
        world.check(height, 10_000).await;
    });
}
