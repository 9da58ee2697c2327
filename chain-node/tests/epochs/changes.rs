//! Validators come, go and change keys while the ledger runs.

use crate::world::{EPOCH, public, run, word};
use chain_node::engine::members::Role;
use commonware_runtime::Clock as _;
use ledger::{governance::Change, transaction::Body};

/// The longest gap between two blocks that all live validators may leave here, with a heartbeat of 300 ms: one turn given up.
const GAP_MS: u64 = 1_600;

/// X009, N054: one validator is admitted, one leaves, one gets another key, under load and without a halt; the sets take turns at the
/// epochs' ends, and what the one that left has signed stays valid.
#[test]
fn a_validator_is_admitted_one_leaves_and_one_gets_another_key_while_blocks_go_on() {
    run(4, 11, |mut world| async move {
        let mut load = Vec::new();
        for number in 0..10 {
            load.push(world.load(number).await);
        }
        // It waits outside until it is admitted.
        world.start(&word(4)).await;
        assert_eq!(world.node(&word(4)).peers.role(), Role::Standby);
        let admit = world.admit(&word(4), &word(4));
        world.decide(admit).await;
        let epoch = world.next_epoch(&word(0)).await;
        assert_eq!(world.validators(&word(0), epoch).len(), 5);
        assert_eq!(world.validators(&word(0), epoch - 1).len(), 4, "nobody votes before the epoch ends");
        world.enter(&word(4), epoch).await;
        assert_eq!(world.node(&word(4)).peers.role(), Role::Validator);

        world.act(Body::Leave { validator: word(0) }).await;
        let rotate = world.rotate(&word(1), "validator-1 again");
        world.decide(rotate).await;
        world.start("validator-1 again").await;
        for number in 10..20 {
            load.push(world.load(number).await);
        }
        let epoch = world.next_epoch(&word(2)).await;
        assert_eq!(world.validators(&word(2), epoch), [word(1), word(2), word(3), word(4)]);
        world.enter("validator-1 again", epoch).await;
        assert_eq!(world.node("validator-1 again").peers.role(), Role::Validator);
        world.enter(&word(0), epoch).await;
        assert_eq!(world.node(&word(0)).peers.role(), Role::Standby, "it follows for one epoch more, without a vote");
        world.enter(&word(1), epoch).await;
        assert_eq!(world.node(&word(1)).peers.role(), Role::Standby, "the old key is nobody's");

        // Without both of them the ledger goes on.
        world.kill(&word(0)).await;
        world.kill(&word(1)).await;
        let end = (epoch + 2) * EPOCH;
        world.reach(&word(2), end).await;
        for transaction in &load {
            world.receipt(transaction).await;
        }
        let height = world.height(&word(2));
        for word in [word(2), word(3), word(4), "validator-1 again".to_owned()] {
            world.reach(&word, height).await;
        }
        world.check(end - 1, GAP_MS).await;
        let old = world.node(&word(2)).epochs.keys_sorted(epoch);
        assert!(!old.contains(public(&word(0)).as_ref().try_into().unwrap()));
    });
}

/// REL-C5: twenty changes of the set in a row, two of them in some epochs, with traffic all the while: no halt, no two sets, one history.
#[test]
fn twenty_changes_of_the_set_leave_no_gap_and_one_history() {
    run(5, 12, |mut world| async move {
        let began = world.context.current();
        let mut number = 0;
        for round in 0..10 {
            let admit = world.admit(&format!("guest-{round}"), &format!("guest {round}"));
            // A guest has a vote and no node: it is the one fault that six validators tolerate.
            world.decide(admit).await;
            world.load(number).await;
            number += 1;
            world.next_epoch(&word(0)).await;
            world.decide(Change::RemoveValidator { name: format!("guest-{round}") }).await;
            world.load(number).await;
            number += 1;
            world.next_epoch(&word(0)).await;
        }
        let epoch = world.next_epoch(&word(0)).await;
        assert_eq!(world.validators(&word(0), epoch), (0..5).map(word).collect::<Vec<_>>());
        let sizes: Vec<usize> = (0..=epoch).map(|epoch| world.validators(&word(0), epoch).len()).collect();
        assert_eq!(sizes.windows(2).filter(|pair| pair[0] != pair[1]).count(), 20, "{sizes:?}");
        let end = epoch * EPOCH;
        for place in 0..5 {
            world.reach(&word(place), end).await;
        }
        // A dead guest costs its turns: at most two in a row can be given up.
        world.check(end, 2 * GAP_MS).await;
        assert!(world.context.current().duration_since(began).unwrap().as_secs() < 600);
    });
}
