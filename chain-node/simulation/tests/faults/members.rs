//! Members that come, go and change keys while clients write and other faults run.

use crate::{cut_off, parsed, run};
use chain_simulation::{Outcome, Scenario};

/// A governed ledger under load, in epochs so short that every fault meets the end of one.
fn governed(seed: u64, validators: usize, epoch_blocks: u64, faults: &[&str]) -> Outcome {
    let scenario = Scenario {
        seed,
        validators,
        seconds: 24,
        rate: 6,
        epoch_blocks: Some(epoch_blocks),
        faults: parsed(faults),
        ..Scenario::default()
    };
    let outcome = run(scenario);
    assert_eq!(outcome.violations(), Default::default(), "{}", outcome.scenario);
    assert_eq!(outcome.decided.len(), outcome.scenario.changes().len(), "{outcome}");
    outcome
}

/// REL-C5: one is admitted, one removed and one gets another key, by proposals and votes, under load. No turn is lost for long, every
/// transaction becomes final, and the old keys, which go on voting, move nothing: whoever hears them cuts them off.
#[test]
fn members_come_go_and_change_keys_under_load_and_old_keys_are_useless() {
    let outcome = governed(61, 7, 12, &["admit:7@2", "remove:1@4=1", "rotate:2@6=1"]);
    assert_eq!(outcome.transactions.0, outcome.transactions.1, "{outcome}");
    assert!(outcome.blocks.longest_gap.0 <= 10_500, "{outcome}");
    assert_eq!(cut_off(&outcome), [1, 2], "{outcome}");
}

/// REL-C5, INV-I1, INV-I2, INV-I9: the same while validators lose power, disks and lines around the ends of epochs, the newcomer among them.
#[test]
fn members_change_while_others_fail_around_the_ends_of_epochs() {
    let mixes: [&[&str]; 3] = [
        &["admit:7@2", "crash:7@3..6", "rotate:0@3", "partition:0-1@4..7"],
        &["remove:6@2", "wipe:6@3..5", "admit:7@5", "silent:2@4..8"],
        &["rotate:3@2=1", "wipe:7@4..6=1", "crash:0-6@8..9", "lossy:0-6@2..10=10"],
    ];
    for (seed, faults) in (62..).zip(mixes) {
        governed(seed, 7, 5, faults);
    }
}

/// REL-B2, REL-C5: who votes twice is on the ledger of every validator, and is removed for it.
#[test]
fn who_votes_twice_is_recorded_everywhere_and_removed() {
    let outcome = governed(65, 4, 12, &["double-vote:2", "remove:2@5"]);
    assert!(outcome.evidence.get(&2).is_some_and(|offences| *offences > 0), "{outcome}");
    assert_eq!(outcome.evidence.len(), 1, "{outcome}");
}

/// REL-B2: so is a leader with two blocks of whom somebody has seen both.
#[test]
fn a_leader_with_two_blocks_is_recorded_where_both_were_seen() {
    let outcome = governed(66, 4, 12, &["equivocate:3"]);
    assert!(outcome.plotted_views >= 1, "{outcome}");
    assert_eq!(outcome.evidence.keys().copied().collect::<Vec<_>>(), [3], "{outcome}");
}
