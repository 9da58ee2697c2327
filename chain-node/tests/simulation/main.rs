//! Parts of the node in the deterministic runtime. Whole networks of nodes are simulated by the crate `chain-simulation`.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, in its helpers too")]

mod verification;

use commonware_codec::{Copying, DecodeExt as _};
use commonware_cryptography::ed25519::PrivateKey;
use identity::{Localized, SecretKey, did::Inception, keys::Algorithm};
use ledger::{
    Hash,
    genesis::{Genesis, Validator},
    records::AuthorityRecord,
    transaction::{Body, Sender, Transaction, Unsigned},
};
use sha2::{Digest as _, Sha256};

fn secret(word: &str) -> SecretKey {
    SecretKey::from_bytes(Algorithm::Ed25519, &Sha256::digest(word).into()).unwrap()
}

fn validator(place: usize) -> PrivateKey {
    PrivateKey::decode(Copying(&*secret(&format!("validator {place}")).to_bytes())).unwrap()
}

fn genesis(validators: usize) -> Genesis {
    let id: ledger::records::AuthorityId = "e-government".parse().unwrap();
    Genesis {
        network: "simulation".parse().unwrap(),
        name: Localized::new("模拟", "Simulation"),
        started_at: 0,
        governance: None,
        validators: (0..validators)
            .map(|place| Validator {
                name: format!("validator-{place}"),
                authority: id,
                key: secret(&format!("validator {place}")).public_key(),
                cluster: "one".to_owned(),
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

fn create_identity(genesis: Hash, number: u64) -> Transaction {
    let device = secret(&format!("citizen {number}"));
    let inception =
        Inception { network: "simulation".parse().unwrap(), device: device.public_key(), recovery_commitment: [0; 32] };
    let sender = Sender::Key(device.public_key());
    let body = Body::CreateIdentity(inception);
    Unsigned { genesis, sender, sequence: number, expiry_height: 10_000, body }.sign(&device)
}
