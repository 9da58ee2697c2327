//! Sizes at which the arithmetic of quorums decides, and the reference city.

use crate::{holds, outcome};
use std::collections::BTreeSet;

/// X048, INV-I1: exactly f of 20, 21 and 22 plan together against the rest: two blocks in each of their views, and two votes of
/// each of them for every vote. With 20 or 21 two quorums of 2f + 1 would share liars only; n − f keeps agreement.
#[test]
fn f_plotters_of_20_21_and_22_make_no_fork_and_stop_nobody() {
    for (seed, validators, plotters) in [(31, 20, "equivocate:14-19"), (32, 21, "equivocate:15-20"), (33, 22, "equivocate:15-21")]
    {
        let outcome = holds(seed, validators, 6, &[plotters]);
        assert!(outcome.plotted_views >= 1 && outcome.recovery.as_ref().unwrap().missing.is_empty(), "{outcome}");
    }
}

/// X026, X048: the reference city of 7 + 7 + 7 + 1 goes on without any one of its clusters.
#[test]
fn the_city_of_22_goes_on_without_a_cluster() {
    let outcome = holds(34, 22, 6, &["crash:7-13@2"]);
    let genesis = chain_simulation::cast::genesis(&outcome.scenario);
    let clusters: BTreeSet<String> = genesis.validators.into_iter().map(|validator| validator.cluster).collect();
    assert_eq!(clusters.len(), 4);
    assert!(outcome.recovery.unwrap().missing.is_empty());
}

/// X048, INV-I10: without f + 1 the ledger halts, says how many it hears and how many it needs, and finalizes nothing.
#[test]
fn without_f_and_one_more_the_ledger_halts_and_names_what_is_missing() {
    let outcome = outcome(35, 22, 4, &["silent:0-7@2"]);
    assert_eq!(outcome.violations(), Default::default());
    let halt = outcome.halt.unwrap();
    assert_eq!(halt.grown, None);
    assert_eq!(halt.reason.unwrap(), "quorum away: 14 of 22 validators are heard and 15 are needed");
}
