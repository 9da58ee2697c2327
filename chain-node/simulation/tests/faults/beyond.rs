//! More liars than the model allows: the same attack that fails within it succeeds, and is proven against those who made it.

use crate::{holds, outcome};
use chain_node::{
    engine::types::{Finalization, Scheme},
    fork::{Proof, Side},
};
use chain_simulation::{Scenario, cast};
use commonware_codec::{Copying, Decode as _};
use commonware_cryptography::certificate::Verifier as _;
use data_encoding::BASE64URL_NOPAD;
use ledger::{TrustRoot, block::Header, canonical, finality, limits::MAX_HEADER_BYTES};
use std::collections::BTreeSet;

/// REL-B5, I006: f + 1 plotters fork the ledger. It is found, the signatures under both certificates name nobody but them, and every
/// certificate that a light client believed had a quorum. An honest validator that is shown the other side of the fork writes both
/// certificates down and stops. That the attack succeeds here shows that it is one where it fails.
#[test]
fn f_and_one_more_plotters_fork_and_are_proven_guilty() {
    let (mut forks, mut proofs) = (0, 0);
    // Whether both halves vote in time is the seed's matter.
    for seed in 41..=46 {
        let outcome = outcome(seed, 4, 6, &["equivocate:2-3"]);
        assert_eq!(outcome.violations(), Default::default(), "{outcome}");
        forks += outcome.forks.len();
        assert!(outcome.forks.iter().all(|fork| fork.guilty == BTreeSet::from([2, 3])), "{outcome}");
        for proof in &outcome.fork_proofs {
            proofs += 1;
            holds_up(proof, &outcome.scenario);
        }
        let within = holds(seed, 4, 6, &["equivocate:3"]);
        assert_eq!((within.forks, within.fork_proofs), (Vec::new(), Vec::new()));
    }
    assert!(forks > 0, "two of four can fork");
    assert!(proofs > 0, "an honest validator that is shown a fork proves it");
}

/// Checks a proof with the genesis alone, as the members would: two certified histories that cannot both be, and whose they are.
fn holds_up(proof: &Proof, scenario: &Scenario) {
    let root = TrustRoot::from_genesis(cast::checked(scenario).unwrap().genesis).unwrap();
    assert_ne!(proof.ours.digest, proof.theirs.digest);
    assert!(proof.what.contains(&format!("at height {}", proof.height)) && proof.what.contains("the members must"));
    let signers = |side: &Side| -> BTreeSet<usize> {
        let bytes = |text: &String| BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
        let headers: Vec<Header> =
            side.headers.iter().map(|header| canonical::decode(&bytes(header), MAX_HEADER_BYTES).unwrap()).collect();
        let digest = |header: &Header| BASE64URL_NOPAD.encode(&header.digest());
        let first = headers.first().unwrap();
        // The block at the height itself, or one that builds on it.
        let leads = digest(first) == side.digest || BASE64URL_NOPAD.encode(&first.parent) == side.digest;
        assert!(leads && headers.windows(2).all(|pair| matches!(pair, [one, next] if next.parent == one.digest())));
        let certificate = bytes(side.certificate.as_ref().expect("both sides are certified"));
        finality::verify_certificate(&root, headers.last().unwrap(), &certificate).unwrap();
        let decoded = Finalization::decode_cfg(Copying(&certificate), &Scheme::certificate_codec_config_unbounded()).unwrap();
        decoded.certificate.signers.iter().map(usize::from).collect()
    };
    let guilty: Vec<usize> = signers(&proof.ours).intersection(&signers(&proof.theirs)).copied().collect();
    assert!(guilty.len() >= 2, "more than a third signed both: {guilty:?}");
}
