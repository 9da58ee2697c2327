//! More liars than the model allows: the same attack that fails within it succeeds, and is proven against those who made it.

use crate::{holds, outcome};
use std::collections::BTreeSet;

/// REL-B5: f + 1 plotters fork the ledger. It is found, the signatures under both certificates name nobody but them, and every
/// certificate that a light client believed had a quorum. An honest validator that is shown the other side of the fork stops. That the attack succeeds here shows that it is one where it fails.
#[test]
fn f_and_one_more_plotters_fork_and_are_proven_guilty() {
    let outcome = outcome(43, 4, 8, &["equivocate:2-3"]);
    assert_eq!(outcome.violations(), Default::default(), "{outcome}");
    let fork = outcome.forks.first().expect("two of four can fork");
    assert_eq!(fork.guilty, BTreeSet::from([2, 3]));
    let within = holds(43, 4, 8, &["equivocate:3"]);
    assert_eq!(within.forks, []);
}
