//! What each mode promises.

use crate::{parsed, run};
use chain_simulation::{Scenario, scenario::Mode};

fn parted(mode: Mode) -> Scenario {
    let faults = parsed(&["partition:0-3@2", "crash:6@3", "double-vote:5"]);
    Scenario { seed: 81, validators: 7, seconds: 8, mode, faults, ..Scenario::default() }
}

/// INV-I1, INV-I2: in safety mode faults stay, more than a quorum can bear, and the run ends in the middle of them. Nothing wrong is final.
#[test]
fn in_safety_mode_faults_stay_and_nothing_wrong_is_final() {
    let outcome = run(parted(Mode::Safety));
    assert_eq!(outcome.violations(), Default::default(), "{outcome}");
    assert_eq!((outcome.recovery.clone(), outcome.halt.clone()), (None, None), "{outcome}");
    assert!(outcome.blocks.count > 0 && outcome.transactions.1 < outcome.transactions.0, "{outcome}");
}

/// INV-I10: the same in liveness mode: no side has a quorum, so the ledger halts and says who is missing.
#[test]
fn in_liveness_mode_the_same_faults_halt_the_ledger_and_it_says_so() {
    let outcome = run(parted(Mode::Liveness));
    assert_eq!(outcome.violations(), Default::default(), "{outcome}");
    assert!(outcome.halt.unwrap().reason.unwrap().contains("quorum away"), "it names what is missing");
}

/// REL-C2, INV-I9: in liveness mode one-way partitions may stay, with a quorum that hears each other: one validator is not heard and another
/// does not hear, and everybody else goes on.
#[test]
fn in_liveness_mode_one_way_partitions_may_stay() {
    let faults = parsed(&["silent:0@1", "deaf:5@2"]);
    let outcome = run(Scenario { seed: 82, validators: 7, seconds: 10, faults, ..Scenario::default() });
    assert_eq!(outcome.violations(), Default::default(), "{outcome}");
    assert!(outcome.recovery.unwrap().missing.is_empty());
}
