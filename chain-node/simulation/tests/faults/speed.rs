//! How fast the reference city is in virtual time: how many rounds a block takes, and not how fast this machine is.

use crate::{parsed, run};
use chain_simulation::{Outcome, Scenario};

fn city(seed: u64, faults: &[&str]) -> Outcome {
    let faults = parsed(faults);
    let scenario =
        Scenario { seed, validators: 22, seconds: 6, rate: 8, latency_ms: 50, jitter_ms: 5, faults, ..Scenario::default() };
    let outcome = run(scenario);
    assert_eq!(outcome.violations(), Default::default(), "{outcome}");
    outcome
}

/// X050, X023: 22 validators on links of 50 ms each way: 99 of 100 blocks come less than a second after the one before, and half of the
/// transactions are final within 350 ms.
#[test]
fn blocks_of_22_validators_with_links_of_50_ms_take_less_than_a_second() {
    let outcome = city(71, &[]);
    assert!(outcome.interval(99).unwrap().0 < 1_000, "{:?}", outcome.intervals);
    assert!(outcome.quantile(50).unwrap().0 < 350, "{:?}", outcome.latencies);
    assert_eq!(outcome.transactions.0, outcome.transactions.1);
}

/// X048, X049: the same city with exactly f = 7 of the 22 gone for good: the other 15, a quorum and no more, go on.
#[test]
fn the_city_of_22_goes_on_when_seven_crash_on_links_of_50_ms() {
    let outcome = city(72, &["crash:15-21@2"]);
    assert!(outcome.recovery.as_ref().unwrap().missing.is_empty(), "{outcome}");
    assert!(outcome.transactions.1 * 10 >= outcome.transactions.0 * 9, "{outcome}");
}
