//! Validators that lie, within the model.

use crate::{cut_off, holds};

/// REL-B2, INV-I1: two valid blocks, one for each half, and every liar votes for both.
#[test]
fn a_leader_with_two_blocks_makes_no_fork() {
    let outcome = holds(21, 4, 10, &["equivocate:3"]);
    assert!(outcome.plotted_views >= 1, "{outcome}");
}

/// REL-B2: two votes to everybody is seen, and costs the connection.
#[test]
fn who_votes_twice_is_cut_off() {
    let outcome = holds(22, 4, 6, &["double-vote:2"]);
    assert_eq!(cut_off(&outcome), [2], "{outcome}");
}

/// REL-B3, INV-I9: the block is kept back, sent to too few, sent too late, or not made at all; the turn passes to the next within the
/// certification timeout of five seconds, twice if the engine also passes over a leader that it has not heard since the start.
#[test]
fn a_leader_that_keeps_its_block_back_loses_its_turn() {
    for (seed, fault) in [(23, "withhold:1"), (24, "partial:1"), (25, "late:1"), (26, "skip-turn:1")] {
        let outcome = holds(seed, 4, 10, &[fault]);
        assert!(outcome.blocks.longest_gap.0 <= 10_500, "{outcome}");
    }
}

/// REL-B4: each sort of rubbish: its sender is cut off if it shows by itself, and nobody honest is; the ledger loses the sender's own
/// turns and no more.
#[test]
fn rubbish_costs_its_sender_the_connection_and_nobody_else_anything() {
    for (number, sort) in chain_simulation::flood::Sort::ALL.into_iter().enumerate() {
        let outcome = holds(3, 4, 5, &[&format!("garbage:3@0={}", number + 1)]);
        assert_eq!(cut_off(&outcome), if sort.shows() { vec![3] } else { vec![] }, "{sort:?}: {outcome}");
        assert!(outcome.blocks.longest_gap.0 <= 10_500, "{sort:?}: {outcome}");
    }
}

/// REL-C9: who comes back with an empty disk asks a liar too, and ends with the same ledger.
#[test]
fn a_liar_does_not_keep_a_late_validator_from_catching_up() {
    let outcome = holds(28, 7, 10, &["lie:6", "wipe:2@4..5"]);
    assert!(outcome.recovery.unwrap().missing.is_empty());
}
