//! A ledger in memory: one transaction a block, and the actors of the tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use borsh::BorshDeserialize;
use chain_state::{BlockContext, Unloaded, View, Write, apply, genesis, touched};
use identity::did::{IdentityId, Inception};
use identity::keys::{Algorithm, PublicKey};
use identity::{Commitment, Localized, SecretKey};
use ledger::cell::{Cell, StateKey, Subject};
use ledger::genesis::{Genesis, Validator};
use ledger::receipt::{Outcome, Receipt, Refusal};
use ledger::records::{AllowedData, AttestationRecord, AuthorityRecord, PartyRecord, Purpose, RecordId};
use ledger::transaction::{Anchor, Body, NewAttestation, NewReceipt, Sender, Transaction, Unsigned};

pub(crate) const RESIDENT: &str = "urn:yufu:vct:resident-identity:1";
pub(crate) const MARITAL: &str = "urn:yufu:vct:marital-status:1";
pub(crate) const SECRET: [u8; 32] = [0x5e; 32];

/// The key with this seed: odd seeds are P-256, even ones Ed25519, so that both are used everywhere.
pub(crate) fn key(seed: u8) -> SecretKey {
    let algorithm = if seed % 2 == 1 { Algorithm::P256 } else { Algorithm::Ed25519 };
    SecretKey::from_bytes(algorithm, &[seed; 32]).unwrap()
}

pub(crate) fn public(seed: u8) -> PublicKey {
    key(seed).public_key()
}

pub(crate) const POLICE: u8 = 101;
pub(crate) const CIVIL: u8 = 102;
pub(crate) const TAX: u8 = 103;
pub(crate) const PORTAL: u8 = 104;

fn authority(id: &str, key: u8, types: &[&str], may_sponsor: bool) -> AuthorityRecord {
    AuthorityRecord {
        id: id.parse().unwrap(),
        name: Localized::new("某局", "A bureau"),
        ledger_keys: vec![public(key), public(key + 100)],
        credential_keys: vec![public(key + 50)],
        reader_key: None,
        issuer_url: Some(format!("https://{id}.example.gov")),
        accredited_types: types.iter().map(|name| (*name).to_owned()).collect(),
        may_sponsor,
    }
}

pub(crate) fn a_genesis(name: &str) -> Genesis {
    Genesis {
        network: "test".parse().unwrap(),
        name: Localized::new("测试", name),
        started_at: 1_700_000_000,
        governance: None,
        validators: vec![Validator {
            name: "one".to_owned(),
            authority: "tax".parse().unwrap(),
            key: public(200),
            cluster: "a".to_owned(),
            address: None,
        }],
        authorities: vec![
            authority("police", POLICE, &[RESIDENT], false),
            authority("civil", CIVIL, &[MARITAL], false),
            authority("tax", TAX, &[], true),
        ],
    }
}

/// The state of a ledger, and its height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ledger {
    pub(crate) genesis: Genesis,
    pub(crate) height: u64,
    pub(crate) cells: BTreeMap<StateKey, (Cell, Vec<u8>)>,
    sequence: u64,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self::of(a_genesis("Test"))
    }

    pub(crate) fn of(genesis_file: Genesis) -> Self {
        genesis_file.check().unwrap();
        let mut ledger = Self { height: 0, cells: BTreeMap::new(), sequence: 0, genesis: genesis_file };
        let writes = genesis(&ledger.genesis);
        ledger.store(writes);
        ledger
    }

    pub(crate) fn store(&mut self, writes: Vec<Write>) {
        writes.into_iter().for_each(|write| drop(self.cells.insert(write.key, (write.cell, write.body))));
    }

    pub(crate) fn context(&self) -> BlockContext {
        BlockContext {
            genesis: self.genesis.hash(),
            network: self.genesis.network.clone(),
            height: self.height + 1,
            timestamp_ms: 1_700_000_000_000 + self.height * 1_000,
        }
    }

    /// The view of a node that has read these keys.
    pub(crate) fn view(&self, keys: &[StateKey]) -> View {
        let mut view = View::new();
        self.load(&mut view, keys);
        view
    }

    fn load(&self, view: &mut View, keys: &[StateKey]) {
        for key in keys {
            match self.cells.get(key) {
                Some((cell, body)) => view.insert(*key, *cell, Arc::from(body.as_slice())).unwrap(),
                None => view.insert_absent(*key),
            }
        }
    }

    /// Applies as a node does: whatever the state machine asks for is read, once. Gives what it asked for.
    pub(crate) fn apply(
        &self,
        view: &mut View,
        context: &BlockContext,
        index: u32,
        transaction: &Transaction,
    ) -> (Receipt, Vec<StateKey>) {
        let mut asked = Vec::new();
        loop {
            let before = view.clone();
            match apply(view, context, index, transaction) {
                Ok(receipt) => return (receipt, asked),
                Err(Unloaded(more)) => {
                    assert!(!more.is_empty() && more.iter().all(|key| !asked.contains(key)), "asked twice, or for nothing");
                    assert_eq!(*view, before, "what could not be decided changed the view");
                    self.load(view, &more);
                    asked.extend(more);
                }
            }
        }
    }

    /// A block with this one transaction.
    pub(crate) fn submit(&mut self, transaction: &Transaction) -> Receipt {
        let mut view = self.view(&touched(transaction));
        let (receipt, _) = self.apply(&mut view, &self.context(), 0, transaction);
        self.store(view.into_writes());
        self.height += 1;
        receipt
    }

    /// A transaction that nobody sent before, signed.
    pub(crate) fn transaction(&mut self, sender: Sender, by: u8, body: Body) -> Transaction {
        self.sequence += 1;
        let genesis = self.genesis.hash();
        Unsigned { genesis, sender, sequence: self.sequence, expiry_height: self.height + 100, body }.sign(&key(by))
    }

    pub(crate) fn send(&mut self, sender: Sender, by: u8, body: Body) -> Outcome {
        let transaction = self.transaction(sender, by, body);
        self.submit(&transaction).outcome
    }

    /// Sends, and checks that nothing changed but the transaction's own cell.
    pub(crate) fn refused(&mut self, sender: Sender, by: u8, body: Body) -> Refusal {
        let transaction = self.transaction(sender, by, body);
        self.refuses(&transaction)
    }

    pub(crate) fn refuses(&mut self, transaction: &Transaction) -> Refusal {
        let before = self.cells.clone();
        let receipt = self.submit(transaction);
        let own = Subject::Transaction(transaction.id()).key();
        let mut after = self.cells.clone();
        assert!(after.remove(&own).is_some());
        assert_eq!(after, before, "a refused transaction changed the state");
        match receipt.outcome {
            Outcome::Refused(refusal) => refusal,
            Outcome::Applied => panic!("the transaction was applied"),
        }
    }

    pub(crate) fn applied(&mut self, sender: Sender, by: u8, body: Body) {
        assert_eq!(self.send(sender, by, body), Outcome::Applied);
    }

    pub(crate) fn record<T: BorshDeserialize>(&self, subject: &Subject) -> Option<(Cell, T)> {
        let (cell, body) = self.cells.get(&subject.key())?;
        Some((*cell, T::try_from_slice(body).unwrap()))
    }

    pub(crate) fn cell(&self, subject: &Subject) -> Cell {
        self.cells[&subject.key()].0
    }

    /// An identity whose first device is the key with this seed.
    pub(crate) fn identity(&mut self, device: u8) -> IdentityId {
        let inception = inception(device);
        let id = inception.id();
        self.applied(Sender::Key(public(device)), device, Body::CreateIdentity(inception));
        id
    }

    pub(crate) fn attested(&mut self, id: u8) -> Subject {
        self.applied(police(), POLICE, Body::RecordAttestations(vec![attestation(id, "police", RESIDENT)]));
        Subject::Attestation(record_id(id))
    }
}

pub(crate) fn inception(device: u8) -> Inception {
    Inception { network: "test".parse().unwrap(), device: public(device), recovery_commitment: [9; 32] }
}

pub(crate) fn device(identity: IdentityId, key: u8) -> Sender {
    Sender::Device { identity, key: public(key) }
}

pub(crate) fn from(authority: &str, key: u8) -> Sender {
    Sender::Authority { authority: authority.parse().unwrap(), key: public(key) }
}

pub(crate) fn police() -> Sender {
    from("police", POLICE)
}

pub(crate) fn tax() -> Sender {
    from("tax", TAX)
}

pub(crate) fn portal() -> Sender {
    Sender::Party { party: "portal".parse().unwrap(), key: public(PORTAL) }
}

pub(crate) fn record_id(id: u8) -> RecordId {
    RecordId([id; 32])
}

pub(crate) fn anchor(id: u8) -> Anchor {
    let cid = [&[0x01, 0x55, 0x12, 0x20][..], &[id; 32]].concat();
    Anchor { id: record_id(id), commitment: Commitment([id; 32]), cid }
}

pub(crate) fn new_receipt(id: u8) -> NewReceipt {
    NewReceipt { id: record_id(id), commitment: Commitment([id; 32]) }
}

pub(crate) fn attestation(id: u8, issuer: &str, attestation_type: &str) -> NewAttestation {
    let record = AttestationRecord {
        issuer: issuer.parse().unwrap(),
        attestation_type: attestation_type.to_owned(),
        credential: Commitment([id; 32]),
        holder_key: Commitment([id; 32]),
        lock: AttestationRecord::lock_of(&SECRET),
        valid_from: 1_700_000_000,
        valid_until: 1_800_000_000,
    };
    NewAttestation { id: record_id(id), record }
}

pub(crate) fn purpose(id: &str) -> Purpose {
    Purpose {
        id: id.parse().unwrap(),
        text: Localized::new("为您登录", "To log you in"),
        data: vec![AllowedData { attestation_type: RESIDENT.to_owned(), claims: vec!["family_name".to_owned()] }],
        retention_days: 30,
    }
}

/// The client identifier with this digest, in which `letter` stands for 258 bits.
pub(crate) fn client_id(letter: char) -> String {
    format!("x509_hash:{}A", letter.to_string().repeat(42))
}

pub(crate) fn party(id: &str, letter: char) -> PartyRecord {
    PartyRecord {
        id: id.parse().unwrap(),
        sponsor: "tax".parse().unwrap(),
        name: Localized::new("税务网", "Tax portal"),
        origin: "https://tax.example.gov".to_owned(),
        client_id: client_id(letter),
        ledger_key: public(PORTAL),
        purposes: vec![purpose("login")],
    }
}
