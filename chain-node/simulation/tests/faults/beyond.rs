//! More liars than the model allows: the same attack that fails within it succeeds, and is proven against those who made it.

use crate::{holds, outcome};
use std::collections::BTreeSet;

/// REL-B5: f + 1 plotters fork the ledger. It is found, the signatures under both certificates name nobody but them, and every
/// certificate that a light client believed had a quorum. An honest validator that is shown the other side of the fork stops. That the attack succeeds here shows that it is one where it fails.
#[test]
fn f_and_one_more_plotters_fork_and_are_proven_guilty() {
    let mut forks = 0;
    // Whether both halves vote in time is the seed's matter.
    for seed in 41..=46 {
        let outcome = outcome(seed, 4, 6, &["equivocate:2-3"]);
        assert_eq!(outcome.violations(), Default::default(), "{outcome}");
        forks += outcome.forks.len();
        assert!(outcome.forks.iter().all(|fork| fork.guilty == BTreeSet::from([2, 3])), "{outcome}");
        let within = holds(seed, 4, 6, &["equivocate:3"]);
        assert_eq!(within.forks, []);
    }
    assert!(forks > 0, "two of four can fork");
}
