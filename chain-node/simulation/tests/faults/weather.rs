//! Machines that fail and networks that lose: nobody lies.

use crate::{cut_off, holds};

/// INV-I2: who loses power and what its disk had not synced comes back, keeps what was acknowledged, and catches up. What only waited
/// with it is lost; the clients ask again after five seconds, so the run is long enough for that.
#[test]
fn a_validator_that_loses_power_comes_back_with_what_it_acknowledged() {
    let outcome = holds(1, 4, 16, &["crash:1@2.35..5", "crash:2@6.1..7"]);
    assert_eq!(outcome.transactions.0, outcome.transactions.1);
}

/// REL-A5, INV-I2: the power goes everywhere at once, and comes back.
#[test]
fn all_lose_power_at_once_and_the_ledger_resumes() {
    let outcome = holds(2, 4, 8, &["crash:0-3@3.1..4"]);
    assert_eq!(outcome.transactions.0, outcome.transactions.1);
}

/// A validator whose disk was replaced replays the ledger from the others.
#[test]
fn a_validator_with_an_empty_disk_replays_the_ledger() {
    holds(3, 4, 8, &["wipe:2@3..4"]);
}

/// REL-C1, INV-I9: the smaller side stops and does not fork; the larger goes on; after it the smaller side catches up.
#[test]
fn the_smaller_side_of_a_partition_stops_and_catches_up() {
    let outcome = holds(4, 7, 12, &["partition:0-1@2..8"]);
    assert_eq!(outcome.transactions.0, outcome.transactions.1);
}

/// REL-C1: no side has a quorum, nothing is final until they hear each other again.
#[test]
fn with_no_quorum_on_either_side_nothing_is_final_until_they_meet() {
    let outcome = holds(5, 4, 12, &["partition:0-1@2..8"]);
    assert!(outcome.blocks.longest_gap.0 >= 6_000, "{outcome}");
    assert!(outcome.recovery.unwrap().missing.is_empty());
}

/// REL-C1: a partition that comes and goes every two seconds.
#[test]
fn a_flapping_partition_does_not_stop_the_others() {
    holds(6, 7, 12, &["flap:5-6@1..10"]);
}

/// REL-C2: a validator that is not heard, and one that does not hear.
#[test]
fn one_way_partitions_within_the_model_stop_nobody_else() {
    let outcome = holds(7, 7, 10, &["silent:3@1", "deaf:4@1"]);
    assert!(outcome.transactions.1 * 10 >= outcome.transactions.0 * 9, "{outcome}");
}

/// REL-B1, INV-I9: f validators say nothing for the whole run.
#[test]
fn f_silent_validators_do_not_stop_the_ledger() {
    let outcome = holds(8, 7, 20, &["silent:0-1"]);
    assert!(outcome.recovery.unwrap().missing.is_empty());
}

/// REL-C3: a round trip of a quarter of a second, 256 kbit/s, and loss. A lost message is lost here, which TCP would send again.
#[test]
fn bad_lines_slow_the_ledger_and_do_not_stop_it() {
    for (seed, fault, given_up_of_views) in [(9, "lossy:0-3@1..8", 5), (10, "far:0-3@0", 10), (11, "narrow:0-3@0", 10)] {
        let outcome = holds(seed, 4, 9, &[fault]);
        assert!(outcome.blocks.nullified * given_up_of_views <= outcome.blocks.views, "{outcome}");
    }
}

/// A disk that takes its time delays its validator only.
#[test]
fn slow_disks_delay_and_do_not_stop() {
    holds(12, 4, 6, &["slow-disk:0-1@0=15"]);
}

/// REL-E3: clocks up to a minute apart work together, and a step in the run harms nobody; who is a day off is alone with it.
#[test]
fn clocks_a_minute_apart_work_together_and_one_a_day_off_stays_alone() {
    let together = holds(13, 4, 8, &["clock:0@0=29", "clock:1@3=-29"]);
    assert_eq!(together.transactions.0, together.transactions.1);
    for (seed, fault) in [(14, "clock:3@2=86400"), (15, "clock:3@2=-86400")] {
        let alone = holds(seed, 4, 12, &[fault]);
        assert!(cut_off(&alone).is_empty(), "{alone}");
    }
}
