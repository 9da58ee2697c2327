//! Who takes part: keys, genesis and transactions, all of them derived from words, so that every run has the same ones.

use crate::scenario::{self, Kind, Scenario};
use chain_node::genesis::{Checked, GenesisError};
use commonware_codec::{Copying, DecodeExt as _};
use commonware_cryptography::ed25519::PrivateKey;
use identity::{Localized, SecretKey, did::Inception, keys::Algorithm};
use ledger::{
    Hash,
    genesis::{Genesis, Validator},
    governance::{Admission, Change, Fraction, Governance, Parameters, Placement},
    records::{AuthorityId, AuthorityRecord},
    transaction::{Body, Sender, Transaction, Unsigned},
};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;

/// When every simulation begins, in seconds since the Unix epoch.
pub const STARTED_AT: u32 = 1_767_225_600;

/// Blocks for which a simulated transaction is valid: more than a simulation makes.
const VALID_BLOCKS: u64 = 10_000;

fn secret(word: &str) -> SecretKey {
    SecretKey::from_bytes(Algorithm::Ed25519, &Sha256::digest(word).into()).expect("a digest is a secret")
}

/// The consensus key of the validator at `place`.
pub fn validator_key(place: usize) -> PrivateKey {
    PrivateKey::decode(Copying(&*secret(&format!("validator {place}")).to_bytes())).expect("a secret is a key")
}

/// The name of the validator at `place`.
pub fn validator_name(place: usize) -> String {
    format!("validator-{place}")
}

/// Blocks in which members may vote, and may enact: more than a simulation makes.
const VOTING_BLOCKS: u64 = 10_000;
/// Blocks between an approval and its enactment.
pub const NOTICE_BLOCKS: u64 = 1;

/// The genesis of a scenario's ledger. A governed one is run by an authority for each cluster, and needs two thirds of them.
pub fn genesis(scenario: &Scenario) -> Genesis {
    let governance = scenario.epoch_blocks().map(|epoch_blocks| Governance {
        epoch_blocks,
        parameters: Parameters {
            approval: Fraction { numerator: 2, denominator: 3 },
            voting_blocks: VOTING_BLOCKS,
            notice_blocks: NOTICE_BLOCKS,
            placement: Placement::Advisory,
        },
    });
    let validators: Vec<Validator> = (0..scenario.validators).map(|place| validator(scenario, place)).collect();
    let authorities: BTreeSet<AuthorityId> = validators.iter().map(|validator| validator.authority).collect();
    Genesis {
        network: "simulation".parse().expect("a network's name"),
        name: Localized::new("模拟", "Simulation"),
        started_at: STARTED_AT.into(),
        governance,
        validators,
        authorities: authorities.into_iter().map(authority).collect(),
    }
}

fn authority(id: AuthorityId) -> AuthorityRecord {
    AuthorityRecord {
        id,
        name: Localized::new("政务云", "E-government cloud"),
        ledger_keys: vec![secret(id.as_str()).public_key()],
        credential_keys: Vec::new(),
        reader_key: None,
        issuer_url: None,
        accredited_types: Vec::new(),
        may_sponsor: false,
    }
}

/// What the ledger says about the validator at `place`; a newcomer stands beside one of the genesis.
fn validator(scenario: &Scenario, place: usize) -> Validator {
    let beside = cluster(place.checked_rem(scenario.validators).unwrap_or(0), scenario.validators);
    let authority = if scenario.epoch_blocks().is_some() { format!("department-of-{beside}") } else { "e-government".to_owned() };
    Validator {
        name: validator_name(place),
        authority: authority.parse().expect("an authority's id"),
        key: secret(&format!("validator {place}")).public_key(),
        cluster: beside,
        address: None,
    }
}

/// The change of a governed ledger's members that a scenario has.
pub fn change(scenario: &Scenario, genesis: Hash, change: &scenario::Change) -> Change {
    let named = validator(scenario, change.place);
    let (name, authority) = (named.name.clone(), named.authority);
    let proof = |place: usize| Admission { genesis, name: name.clone(), authority }.sign(&secret(&format!("validator {place}")));
    match (change.kind, change.successor) {
        (Kind::Admit, _) => Change::AdmitValidator { proof: proof(change.place), validator: named },
        (_, Some(successor)) => {
            let key = secret(&format!("validator {successor}")).public_key();
            Change::RotateValidatorKey { proof: proof(successor), name, key }
        }
        (_, None) => Change::RemoveValidator { name },
    }
}

/// Three clusters of f and the rest in a fourth: with 22 validators the reference city, 7 + 7 + 7 + 1.
fn cluster(place: usize, validators: usize) -> String {
    let size = (validators.saturating_sub(1) / 3).max(1);
    format!("cluster-{}", (place / size).min(3))
}

/// The genesis, checked.
///
/// # Errors
/// When there are more or fewer validators than a genesis may have.
pub fn checked(scenario: &Scenario) -> Result<Checked, GenesisError> {
    Checked::new(genesis(scenario))
}

/// What an authority of the genesis does; the same number again is the same transaction.
pub fn act(genesis: Hash, authority: AuthorityId, number: u64, body: Body) -> Transaction {
    let key = secret(authority.as_str());
    let sender = Sender::Authority { authority, key: key.public_key() };
    Unsigned { genesis, sender, sequence: number, expiry_height: VALID_BLOCKS, body }.sign(&key)
}

/// A transaction that no other number gives: a citizen's new identity.
pub fn create_identity(genesis: Hash, number: u64) -> Transaction {
    let device = secret(&format!("citizen {number}"));
    let inception = Inception {
        network: "simulation".parse().expect("a network's name"),
        device: device.public_key(),
        recovery_commitment: [0; 32],
    };
    let sender = Sender::Key(device.public_key());
    let body = Body::CreateIdentity(inception);
    Unsigned { genesis, sender, sequence: number, expiry_height: VALID_BLOCKS, body }.sign(&device)
}
