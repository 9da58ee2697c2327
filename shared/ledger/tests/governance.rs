//! The arithmetic of quorums, shares and epochs, and what a governed ledger can begin with.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, in its helpers too")]

use commonware_consensus::types::{Epoch, Epocher as _, FixedEpocher, Height};
use commonware_utils::NZU64;
use identity::{Algorithm, Localized, SecretKey};
use ledger::genesis::{Genesis, GenesisError, Validator};
use ledger::governance::{Fraction, Governance, Parameters, ParametersError, Placement, PlacementError};
use ledger::quorum::{faults_tolerated, quorum};
use ledger::records::AuthorityRecord;

/// Hazard-1, X049, SEC-B3: any two quorums share an honest validator: also for 20 and 21, where two sets of 2f + 1 could share liars only.
#[test]
fn two_quorums_always_share_an_honest_validator_and_the_honest_ones_are_a_quorum() {
    for n in 1..=128 {
        let (f, q) = (faults_tolerated(n), quorum(n));
        assert!(3 * f < n && 3 * (f + 1) >= n, "f is the most that n = {n} can tolerate");
        // The least that two sets of q among n share is 2q − n.
        assert!(2 * q - n > f, "n = {n}: {} shared, {f} liars", 2 * q - n);
        assert!(n - f >= q, "n = {n}: without its liars it still decides");
        assert!(q > 2 * f, "n = {n}");
    }
    for (n, f, q) in [(20, 6, 14), (21, 6, 15), (22, 7, 15)] {
        assert_eq!((faults_tolerated(n), quorum(n)), (f, q));
    }
    // Why it is not 2f + 1: two such sets of 20 or of 21 can share liars only.
    for (n, shared) in [(20_usize, 6), (21, 5)] {
        let f = faults_tolerated(n);
        assert_eq!((2 * (2 * f + 1)) - n, shared);
        assert!(shared <= f);
    }
    assert_eq!(2 * faults_tolerated(22) + 1, quorum(22), "22 = 3f + 1: here both are the same");
    assert_eq!((faults_tolerated(0), quorum(0)), (0, 0));
}

/// The share is rounded up, and never reached by fewer.
#[test]
fn a_share_needs_the_quotient_rounded_up() {
    for denominator in 1..=20_u8 {
        for numerator in 1..=denominator {
            let share = Fraction { numerator, denominator };
            for voters in 1..=22_usize {
                let needed = share.needed(voters);
                assert!(needed * usize::from(denominator) >= voters * usize::from(numerator));
                assert!((needed - 1) * usize::from(denominator) < voters * usize::from(numerator));
                assert!(share.reached(needed, voters) && !share.reached(needed - 1, voters));
            }
        }
    }
}

/// A block is of the epoch that the engine says, from the genesis on.
#[test]
fn heights_fall_into_epochs_as_the_engine_counts_them() {
    for blocks in [4_u64, 10, 60, 1_000_000] {
        let governance = Governance { epoch_blocks: blocks, parameters: parameters() };
        let engine = FixedEpocher::new(NZU64!(blocks));
        for height in (0..200).chain([blocks - 1, blocks, 7 * blocks - 1, 7 * blocks, u64::from(u32::MAX)]) {
            let epoch = governance.epoch_of(height);
            assert_eq!(engine.containing(Height::new(height)).unwrap().epoch(), Epoch::new(epoch));
            let last = engine.last(Epoch::new(epoch)).unwrap().get();
            assert_eq!(governance.last_height_of(epoch), last);
            assert_eq!((governance.epoch_of(last), governance.epoch_of(last + 1)), (epoch, epoch + 1));
        }
    }
    let governance = Governance { epoch_blocks: 1_000_000, parameters: parameters() };
    assert_eq!(governance.last_height_of(u64::MAX), u64::MAX);
}

fn parameters() -> Parameters {
    let approval = Fraction { numerator: 2, denominator: 3 };
    Parameters { approval, voting_blocks: 100, notice_blocks: 10, placement: Placement::Advisory }
}

fn authority(id: &str, accredited_types: &[&str]) -> AuthorityRecord {
    AuthorityRecord {
        id: id.parse().unwrap(),
        name: Localized::new("某局", "A bureau"),
        ledger_keys: vec![],
        credential_keys: vec![],
        reader_key: None,
        issuer_url: None,
        accredited_types: accredited_types.iter().map(|name| (*name).to_owned()).collect(),
        may_sponsor: false,
    }
}

/// The reference city: three clusters of seven and a witness.
fn city() -> Genesis {
    let validator = |i: u8| Validator {
        name: format!("v{i}"),
        authority: "bureau".parse().unwrap(),
        key: SecretKey::from_bytes(Algorithm::Ed25519, &[i + 1; 32]).unwrap().public_key(),
        cluster: ["statistics", "cloud", "backup", "witness"][usize::from(i / 7)].to_owned(),
        address: None,
    };
    Genesis {
        network: "test".parse().unwrap(),
        name: Localized::new("测试", "Test"),
        started_at: 1_700_000_000,
        validators: (0..22).map(validator).collect(),
        authorities: vec![authority("bureau", &["a", "b"]), authority("other", &["c"])],
        governance: Some(Governance {
            epoch_blocks: 60,
            parameters: Parameters { placement: Placement::Enforced, ..parameters() },
        }),
    }
}

/// X022: three clusters of seven and a witness survive the loss of any one; no placement over three clusters alone does.
#[test]
fn a_governed_genesis_is_refused_when_a_cluster_holds_more_than_may_fail() {
    assert_eq!(city().check(), Ok(()));
    let mut without_witness = city();
    without_witness.validators.truncate(21);
    let broken = PlacementError { cluster: "backup".to_owned(), held: 7, tolerated: 6 };
    assert_eq!(without_witness.check(), Err(GenesisError::Placement(broken)));
    for section in without_witness.governance.iter_mut() {
        section.parameters.placement = Placement::Advisory;
    }
    assert_eq!(without_witness.check(), Ok(()), "clusters are for people to read there");
}

#[test]
fn a_governed_genesis_that_no_vote_could_work_with_is_refused() {
    type Break = fn(&mut Genesis);
    fn section(genesis: &mut Genesis) -> &mut Governance {
        genesis.governance.as_mut().unwrap()
    }
    let cases: [(Break, GenesisError); 8] = [
        (|g| section(g).epoch_blocks = 3, GenesisError::Governance(ParametersError::EpochBlocks)),
        (|g| section(g).epoch_blocks = 1_000_001, GenesisError::Governance(ParametersError::EpochBlocks)),
        (|g| section(g).parameters.notice_blocks = 0, GenesisError::Governance(ParametersError::Blocks)),
        (
            |g| section(g).parameters.approval = Fraction { numerator: 1, denominator: 2 },
            GenesisError::Governance(ParametersError::Approval),
        ),
        (
            |g| section(g).parameters.approval = Fraction { numerator: 0, denominator: 0 },
            GenesisError::Governance(ParametersError::Approval),
        ),
        (|g| g.validators[3].authority = "stranger".parse().unwrap(), GenesisError::ValidatorAuthority("v3".to_owned())),
        (|g| g.authorities[1].accredited_types.push("a".to_owned()), GenesisError::AccreditedTwice("a".to_owned())),
        (|g| g.validators[0].address = Some("no port".to_owned()), GenesisError::ValidatorAddress("v0".to_owned())),
    ];
    for (change, expected) in cases {
        let mut genesis = city();
        change(&mut genesis);
        assert_eq!(genesis.check(), Err(expected));
    }
    let mut ungoverned = city();
    ungoverned.governance = None;
    ungoverned.authorities[1].accredited_types.push("a".to_owned());
    assert_eq!(ungoverned.check(), Ok(()), "without governance a genesis is checked as before");
}
