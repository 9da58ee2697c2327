//! Who takes part: keys, genesis and transactions, all of them derived from words, so that every run has the same ones.

use chain_node::genesis::{Checked, GenesisError};
use commonware_codec::{Copying, DecodeExt as _};
use commonware_cryptography::ed25519::PrivateKey;
use identity::{Localized, SecretKey, Signer as _, did::Inception, keys::Algorithm};
use ledger::{
    Hash,
    genesis::{Genesis, Validator},
    records::{AuthorityId, AuthorityRecord},
    transaction::{Body, Sender, Transaction, Unsigned},
};
use sha2::{Digest as _, Sha256};

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

/// The genesis of a ledger with this many validators.
pub fn genesis(validators: usize) -> Genesis {
    let id: AuthorityId = "e-government".parse().expect("an authority's id");
    Genesis {
        network: "simulation".parse().expect("a network's name"),
        name: Localized::new("模拟", "Simulation"),
        started_at: STARTED_AT.into(),
        governance: None,
        validators: (0..validators)
            .map(|place| Validator {
                name: validator_name(place),
                authority: id,
                key: secret(&format!("validator {place}")).public_key(),
                cluster: cluster(place, validators),
                address: None,
            })
            .collect(),
        authorities: vec![AuthorityRecord {
            id,
            name: Localized::new("政务云", "E-government cloud"),
            ledger_keys: vec![secret("e-government").public_key()],
            credential_keys: Vec::new(),
            reader_key: None,
            issuer_url: None,
            accredited_types: Vec::new(),
            may_sponsor: false,
        }],
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
pub fn checked(validators: usize) -> Result<Checked, GenesisError> {
    Checked::new(genesis(validators))
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
