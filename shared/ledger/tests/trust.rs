//! What a ledger can begin with, and the quorum that follows from it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use identity::{Algorithm, Localized, PublicKey, SecretKey};
use ledger::TrustRoot;
use ledger::genesis::{Genesis, GenesisError, Validator};
use ledger::limits::{MAX_AUTHORITIES, MAX_AUTHORITY_KEYS, MAX_TEXT_BYTES, MAX_VALIDATORS};
use ledger::records::AuthorityRecord;

fn key(algorithm: Algorithm, seed: u16) -> PublicKey {
    let mut bytes = [7; 32];
    bytes[..2].copy_from_slice(&seed.to_le_bytes());
    SecretKey::from_bytes(algorithm, &bytes).unwrap().public_key()
}

fn validator(seed: u16) -> Validator {
    let key = key(Algorithm::Ed25519, seed);
    Validator { name: format!("v{seed}"), authority: "bureau".parse().unwrap(), key, cluster: "a".to_owned(), address: None }
}

fn authority(id: &str) -> AuthorityRecord {
    AuthorityRecord {
        id: id.parse().unwrap(),
        name: Localized::new("某局", "A bureau"),
        ledger_keys: vec![key(Algorithm::P256, 1)],
        credential_keys: vec![key(Algorithm::P256, 2)],
        reader_key: Some("AAAA".to_owned()),
        issuer_url: Some("https://bureau.example.gov".to_owned()),
        accredited_types: vec!["urn:yufu:vct:resident-identity:1".to_owned()],
        may_sponsor: true,
    }
}

fn genesis(validators: usize) -> Genesis {
    Genesis {
        network: "test".parse().unwrap(),
        name: Localized::new("测试", "Test"),
        started_at: 1_700_000_000,
        governance: None,
        validators: (0..u16::try_from(validators).unwrap()).map(validator).collect(),
        authorities: vec![authority("bureau")],
    }
}

#[test]
fn the_quorum_is_n_less_a_third_and_any_two_quorums_share_an_honest_validator() {
    for (n, quorum) in [(1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (6, 5), (7, 5), (10, 7), (20, 14), (21, 15), (22, 15)] {
        assert_eq!(TrustRoot::from_genesis(genesis(n)).unwrap().quorum(), quorum, "n = {n}");
    }
    for n in 1..=MAX_VALIDATORS {
        let quorum = TrustRoot::from_genesis(genesis(n)).unwrap().quorum();
        let faulty = (n - 1) / 3;
        assert!(2 * quorum > n + faulty && quorum <= n - faulty, "n = {n}");
    }
}

#[test]
fn a_trust_root_keeps_the_genesis_its_hash_and_the_keys_in_order() {
    let file = genesis(4);
    let root = TrustRoot::from_genesis(file.clone()).unwrap();
    assert_eq!((root.genesis(), *root.hash()), (&file, file.hash()));
    assert_eq!(root.validators().len(), 4);
    assert!(root.validators().is_sorted());
    let other = TrustRoot::from_genesis(Genesis { started_at: 1, ..file }).unwrap();
    assert_ne!(other.hash(), root.hash());
}

#[test]
fn a_genesis_that_no_ledger_can_begin_with_is_refused() {
    type Change = fn(&mut Genesis);
    let bureau = || "bureau".parse().unwrap();
    let cases: [(Change, GenesisError); 16] = [
        (|g| g.validators.clear(), GenesisError::ValidatorCount),
        (|g| g.validators = (0..).map(validator).take(MAX_VALIDATORS + 1).collect(), GenesisError::ValidatorCount),
        (|g| g.validators[1].key = key(Algorithm::P256, 9), GenesisError::ValidatorKey("v1".to_owned())),
        (|g| g.validators[1].key = g.validators[0].key, GenesisError::ValidatorTwice("v1".to_owned())),
        (|g| g.validators[1].name = "v0".to_owned(), GenesisError::ValidatorTwice("v0".to_owned())),
        (|g| g.validators[1].name = String::new(), GenesisError::Name),
        (|g| g.validators[1].cluster = "a\nb".to_owned(), GenesisError::Name),
        (|g| g.name.en = String::new(), GenesisError::Name),
        (|g| g.authorities = (0..=MAX_AUTHORITIES).map(|i| authority(&format!("a{i}"))).collect(), GenesisError::AuthorityCount),
        (|g| g.authorities.push(authority("bureau")), GenesisError::AuthorityTwice(bureau())),
        (|g| g.authorities[0].name.zh = String::new(), GenesisError::AuthorityBounds(bureau())),
        (
            |g| g.authorities[0].ledger_keys = vec![key(Algorithm::P256, 1); MAX_AUTHORITY_KEYS + 1],
            GenesisError::AuthorityBounds(bureau()),
        ),
        (|g| g.authorities[0].issuer_url = Some("not a URL".to_owned()), GenesisError::AuthorityBounds(bureau())),
        (|g| g.authorities[0].accredited_types.push(String::new()), GenesisError::AuthorityBounds(bureau())),
        (|g| g.authorities[0].accredited_types = vec!["x".to_owned(), "x".to_owned()], GenesisError::AuthorityBounds(bureau())),
        (
            |g| g.authorities[0].accredited_types = (0..99).map(|i| format!("{i:0>MAX_TEXT_BYTES$}")).collect(),
            GenesisError::AuthorityBounds(bureau()),
        ),
    ];
    for (change, error) in cases {
        let mut file = genesis(4);
        change(&mut file);
        assert_eq!(file.check(), Err(error.clone()));
        assert_eq!(TrustRoot::from_genesis(file), Err(error));
    }
    assert_eq!(genesis(MAX_VALIDATORS).check(), Ok(()));
}
