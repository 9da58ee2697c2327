//! Validators that lose what they signed: the vote guard keeps them honest.

use crate::{cut_off, parsed, run};
use chain_simulation::{Scenario, log::Rule, report::Returned};

/// A guard is advanced 64 views ahead of the first vote.
const FIRST_MARK: u64 = 65;
/// Views that a node waits that lost its guard.
const MARGIN: u64 = 64;

/// What seed 46 draws for at most seven validators: two of seven lose their disks while their lines are narrow, so that they hear
/// too late which view the others are in, and begin in the first one again.
fn narrow_and_wiped(guarded: bool) -> Scenario {
    let faults = parsed(&["narrow:1,3@7.96..21.761", "wipe:1,3@9.562..16.227"]);
    Scenario {
        seed: 46,
        validators: 7,
        seconds: 22,
        rate: 4,
        latency_ms: 50,
        jitter_ms: 0,
        guarded,
        faults,
        ..Scenario::default()
    }
}

/// REL-C6, INV-I9: with their guards they sign nothing up to the guards' mark, nobody cuts them off, and they catch up.
#[test]
fn wiped_validators_with_narrow_lines_sign_nothing_twice_and_catch_up() {
    let outcome = run(narrow_and_wiped(true));
    assert_eq!(outcome.violations(), Default::default(), "{outcome}");
    assert!(cut_off(&outcome).is_empty(), "{outcome}");
    let mark = Returned { votes_after: Some(FIRST_MARK), voted: outcome.blocks.views > FIRST_MARK };
    assert_eq!(outcome.returned, [(1, mark), (3, mark)].into(), "{outcome}");
}

/// The same without guards, to show what these are for: both sign in the first view again, something else, and are cut off for good.
#[test]
fn without_vote_guards_the_same_validators_contradict_themselves_and_are_cut_off() {
    let outcome = run(narrow_and_wiped(false));
    assert_eq!(cut_off(&outcome), [1, 3], "{outcome}");
    assert!(outcome.broken.contains_key(&Rule::Connected) && outcome.broken.contains_key(&Rule::Progress), "{outcome}");
    assert_eq!(outcome.recovery.unwrap().missing, [1, 3]);
}

/// REL-C6: who kept the guard votes again after its mark; who lost it waits for the others to say how far they are, and for 64 views
/// more. Until then their turns are lost, and nothing else.
#[test]
fn wiped_validators_vote_again_after_the_mark_or_what_the_others_proved_and_a_margin() {
    let faults = parsed(&["wipe:2@1..2=1", "wipe:3@1..2"]);
    // Enough transactions for a view to take as long as the network needs, and not as long as clients wait.
    let outcome = run(Scenario { seed: 47, validators: 7, seconds: 85, rate: 8, faults, ..Scenario::default() });
    assert_eq!(outcome.violations(), Default::default(), "{outcome}");
    let after = |place| outcome.returned.get(&place).filter(|returned| returned.voted).and_then(|returned| returned.votes_after);
    assert_eq!(after(3), Some(FIRST_MARK), "{outcome}");
    assert!(after(2).is_some_and(|view| view > MARGIN), "{outcome}");
    assert!(outcome.blocks.longest_gap.0 <= 10_500, "{outcome}");
}
