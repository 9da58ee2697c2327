//! The same seed is the same run.

use crate::{holds, outcome};
use chain_simulation::scenario::Mode;

const ALL_AT_ONCE: [&str; 5] = ["equivocate:6", "crash:5@2.5..5", "lossy:0@1..6=10", "slow-disk:1@0", "clock:2@3=40"];

/// INV-I1, REL-C3: the fingerprint covers every task that ran, every byte on every disk and every block; it is the same twice, and
/// another for another seed.
#[test]
fn the_same_seed_is_the_same_run_to_the_last_byte() {
    let first = holds(4_711, 7, 8, &ALL_AT_ONCE);
    let second = holds(4_711, 7, 8, &ALL_AT_ONCE);
    assert_eq!(first.fingerprint, second.fingerprint);
    assert_eq!(first.to_string(), second.to_string());
    let other = holds(4_712, 7, 8, &ALL_AT_ONCE);
    assert_ne!(first.fingerprint, other.fingerprint);
    assert_ne!(first.blocks.digest, other.blocks.digest);
}

/// A scenario is replayed by the command that it prints, stays within the model, and in both modes members change in some of them.
#[test]
fn a_drawn_scenario_is_a_scenario_and_draws_the_same_again() {
    for mode in [Mode::Liveness, Mode::Safety] {
        let mut changing = 0;
        for seed in 0..500 {
            let drawn = chain_simulation::draw::scenario(seed, 22, mode);
            assert_eq!(drawn.check(), Ok(()), "seed {seed}: {drawn}");
            assert_eq!(drawn, chain_simulation::draw::scenario(seed, 22, mode));
            assert_eq!(drawn.mode, mode);
            assert!(drawn.is_safe(), "seed {seed}: {drawn}");
            let lively = drawn.away_at_the_end().len() <= drawn.tolerated_at_the_end();
            assert!(lively || mode == Mode::Safety, "seed {seed}: {drawn}");
            changing += usize::from(!drawn.changes().is_empty());
        }
        assert!((100..300).contains(&changing), "members change in {changing} of 500");
    }
}

#[test]
fn without_faults_a_transaction_is_final_within_a_round() {
    let outcome = outcome(1, 4, 5, &[]);
    assert_eq!(outcome.transactions.0, outcome.transactions.1);
    // Four messages of 20 ms, and the block interval of 100 ms.
    assert!(outcome.quantile(99).unwrap().0 <= 300, "{outcome}");
}

/// An engine that begins is told who is here. In these runs some validators once took a leader that they had not heard yet for an absent
/// one and some did not, and an early view waited five seconds for its last timeout.
#[test]
fn a_ledger_that_begins_waits_for_nobody_who_is_there() {
    for (seed, validators) in [(2, 4), (9, 4), (29, 4), (32, 4), (1, 7), (5, 7), (12, 7)] {
        let outcome = holds(seed, validators, 5, &[]);
        assert_eq!(outcome.transactions.0, outcome.transactions.1, "{outcome}");
        // Two transactions a second: a block for each, and no view is given up.
        assert!(outcome.blocks.longest_gap.0 <= 700 && outcome.blocks.nullified == 0, "{outcome}");
    }
}
