//! Golden vectors of everything that the ledger hashes or signs: `objects.txt`, computed outside of Rust.

use crate::{RESIDENT, Vectors, edwards, inception, p256};

use identity::{Algorithm, Commitment, Localized, Signature};
use ledger::block::{Block, Context, Header, Operations, transactions_root};
use ledger::canonical::{self, Hash, encode};
use ledger::cell::{Cell, Subject};
use ledger::genesis::{Genesis, Validator};
use ledger::receipt::{Outcome, Receipt, Refusal};
use ledger::records::{
    AllowedData, AttestationRecord, AttestationStatus, AuthorityRecord, IdentityRecord, PartyRecord, Purpose, RecordId,
};
use ledger::transaction::{Anchor, Body, NewAttestation, NewReceipt, Sender, StatusChange, Transaction, Unsigned};

fn anchor() -> Anchor {
    let cid = [&[0x01, 0x55, 0x12, 0x20][..], &[3; 32]].concat();
    Anchor { id: RecordId([1; 32]), commitment: Commitment([2; 32]), cid }
}

fn attestation() -> AttestationRecord {
    AttestationRecord {
        issuer: "police".parse().unwrap(),
        attestation_type: RESIDENT.to_owned(),
        credential: Commitment([5; 32]),
        holder_key: Commitment([6; 32]),
        lock: [7; 32],
        valid_from: 1_700_000_000,
        valid_until: 1_800_000_000,
    }
}

fn purpose() -> Purpose {
    let claims = vec!["family_name".to_owned(), "address.locality".to_owned()];
    Purpose {
        id: "login".parse().unwrap(),
        text: Localized::new("为您登录", "To log you in"),
        data: vec![AllowedData { attestation_type: RESIDENT.to_owned(), claims }],
        retention_days: 30,
    }
}

fn client_id() -> String {
    format!("x509_hash:{}A", "a".repeat(42))
}

fn party() -> PartyRecord {
    PartyRecord {
        id: "portal".parse().unwrap(),
        sponsor: "tax".parse().unwrap(),
        name: Localized::new("税务网", "Tax portal"),
        origin: "https://tax.example.gov".to_owned(),
        client_id: client_id(),
        ledger_key: p256(),
        purposes: vec![purpose()],
    }
}

fn authority() -> AuthorityRecord {
    AuthorityRecord {
        id: "police".parse().unwrap(),
        name: Localized::new("公安局", "Public security"),
        ledger_keys: vec![p256()],
        credential_keys: vec![p256()],
        reader_key: None,
        issuer_url: Some("https://police.example.gov".to_owned()),
        accredited_types: vec![RESIDENT.to_owned()],
        may_sponsor: false,
    }
}

fn senders() -> [(&'static str, Sender); 4] {
    [
        ("key", Sender::Key(edwards())),
        ("device", Sender::Device { identity: inception().id(), key: edwards() }),
        ("authority", Sender::Authority { authority: "police".parse().unwrap(), key: p256() }),
        ("party", Sender::Party { party: "portal".parse().unwrap(), key: p256() }),
    ]
}

/// Every kind of transaction, with the place of its sender in [`senders`].
fn kinds() -> [(&'static str, usize, Body); 11] {
    let changes = vec![StatusChange { record: RecordId([4; 32]), status: AttestationStatus::Revoked }];
    let receipts = vec![NewReceipt { id: RecordId([8; 32]), commitment: Commitment([9; 32]) }];
    let attestations = vec![NewAttestation { id: RecordId([4; 32]), record: attestation() }];
    [
        ("create_identity", 0, Body::CreateIdentity(inception())),
        ("add_device", 1, Body::AddDevice(p256())),
        ("remove_device", 1, Body::RemoveDevice(p256())),
        ("deactivate", 1, Body::Deactivate),
        ("anchor_attributes", 0, Body::AnchorAttributes(vec![anchor()])),
        ("record_attestations", 2, Body::RecordAttestations(attestations)),
        ("set_attestation_status", 2, Body::SetAttestationStatus(changes)),
        ("break_lock", 0, Body::BreakLock { record: RecordId([4; 32]), preimage: [0xa; 32] }),
        ("record_receipts", 3, Body::RecordReceipts(receipts)),
        ("register_party", 2, Body::RegisterParty(party())),
        ("set_purposes", 2, Body::SetPurposes { party: "portal".parse().unwrap(), purposes: vec![purpose()] }),
    ]
}

fn transactions() -> Vec<Transaction> {
    let sign = |(_, sender, body): (&str, usize, Body)| {
        let (_, sender) = senders().into_iter().nth(sender).unwrap();
        let unsigned = Unsigned { genesis: [0x77; 32], sender, sequence: 0x0102_0304_0506_0708, expiry_height: 20_000, body };
        Transaction { unsigned, signature: Signature { algorithm: Algorithm::P256, bytes: [0xcc; 64] } }
    };
    kinds().into_iter().map(sign).collect()
}

fn header() -> Header {
    Header {
        genesis: [0x77; 32],
        height: 42,
        parent: [0x10; 32],
        context: Context { epoch: 0, view: 300, leader: [0x11; 32], parent_view: 299 },
        timestamp_ms: 1_700_000_000_123,
        transactions_root: [0x12; 32],
        state_root: [0x13; 32],
        operations: Operations { root: [0x14; 32], start: 256, end: 700 },
    }
}

fn genesis() -> Genesis {
    let validator = Validator {
        name: "v1".to_owned(),
        authority: "police".parse().unwrap(),
        key: edwards(),
        cluster: "a".to_owned(),
        address: None,
    };
    Genesis {
        network: "pilot".parse().unwrap(),
        name: Localized::new("试点城市", "Pilot city"),
        started_at: 1_700_000_000,
        governance: None,
        validators: vec![validator],
        authorities: vec![authority()],
    }
}

#[test]
fn everything_hashed_or_signed_has_these_bytes() {
    let mut vectors = Vectors::of(include_str!("objects.txt"));
    for (name, sender) in senders() {
        vectors.value(&format!("sender {name}"), &sender);
    }
    for ((name, _, body), transaction) in kinds().into_iter().zip(transactions()) {
        vectors.value(&format!("body {name}"), &body);
        vectors.bytes(&format!("id {name}"), &transaction.id().0);
        vectors.bytes(&format!("leaf {name}"), &transaction.leaf());
        assert_eq!(canonical::decode::<Transaction>(&encode(&transaction), 64 * 1024).unwrap(), transaction);
    }
    let leaves: Vec<Hash> = transactions().iter().map(Transaction::leaf).collect();
    for count in [0, 1, 2, 3, 5, 11] {
        vectors.bytes(&format!("root {count}"), &transactions_root(leaves.get(..count).unwrap()));
    }
    let first = transactions().first().unwrap().id();
    let subjects = [
        ("identity", Subject::Identity(inception().id())),
        ("anchor", Subject::Anchor(RecordId([1; 32]))),
        ("attestation", Subject::Attestation(RecordId([4; 32]))),
        ("receipt", Subject::Receipt(RecordId([8; 32]))),
        ("authority", Subject::Authority("police".parse().unwrap())),
        ("party", Subject::Party("portal".parse().unwrap())),
        ("client", Subject::Client(client_id())),
        ("transaction", Subject::Transaction(first)),
    ];
    for (name, subject) in subjects {
        vectors.bytes(&format!("subject {name}"), &subject.key());
    }
    let (created_height, updated_height) = (0x1112_1314_1516_1718, 0x2122_2324_2526_2728);
    let cell = Cell { version: 0x0102_0304, status: 4, created_height, updated_height, body: [0xb; 32] };
    vectors.bytes("cell", &cell.to_bytes());
    assert_eq!(Cell::from_bytes(&cell.to_bytes()).unwrap(), cell);
    vectors.value("header bytes", &header());
    vectors.bytes("header digest", &header().digest());
    vectors.value("body of identity record", &IdentityRecord { inception: inception(), devices: vec![edwards(), p256()] });
    vectors.value("body of attestation record", &attestation());
    vectors.value("body of authority record", &authority());
    let receipt = |outcome| Receipt { transaction: first, height: 42, index: 7, outcome };
    vectors.value("body of receipt applied", &receipt(Outcome::Applied));
    vectors.value("body of receipt refused", &receipt(Outcome::Refused(Refusal::OtherLedger)));
    assert_eq!(String::from_utf8(serde_json_canonicalizer::to_vec(&genesis()).unwrap()).unwrap(), vectors.take("genesis json"));
    vectors.bytes("genesis hash", &genesis().hash());
    assert_eq!(vectors.0, std::collections::BTreeMap::new(), "vectors that nothing was checked against");
}

#[test]
fn a_genesis_file_is_read_strictly() {
    let json = serde_json::to_string(&genesis()).unwrap();
    assert_eq!(serde_json::from_str::<Genesis>(&json).unwrap(), genesis());
    let with_more = json.replacen('{', "{\"more\":1,", 1);
    assert!(serde_json::from_str::<Genesis>(&with_more).is_err());
}

#[test]
fn a_cell_with_padding_that_is_not_zero_is_refused() {
    let cell = Cell { version: 1, status: 0, created_height: 1, updated_height: 1, body: [1; 32] };
    for place in 53..64 {
        let mut bytes = cell.to_bytes();
        bytes.iter_mut().skip(place).take(1).for_each(|byte| *byte = 1);
        assert!(Cell::from_bytes(&bytes).is_err());
    }
}

/// One header stands for one body: a block with another signature, order or transaction has another root.
#[test]
fn the_root_of_the_transactions_covers_their_order_and_their_signatures() {
    let leaves = |transactions: &[Transaction]| -> Vec<Hash> { transactions.iter().map(Transaction::leaf).collect() };
    let all = transactions();
    let root = transactions_root(&leaves(&all));
    let mut reordered = all.clone();
    reordered.swap(0, 1);
    let mut resigned = all.clone();
    resigned.iter_mut().take(1).for_each(|transaction| transaction.signature.bytes = [0xdd; 64]);
    assert_eq!(resigned.first().unwrap().id(), all.first().unwrap().id());
    for other in [&reordered[..], &resigned, all.get(1..).unwrap(), &[&all[..], &all].concat()] {
        assert_ne!(transactions_root(&leaves(other)), root);
    }
    let block = Block { header: header(), transactions: all };
    assert_eq!(canonical::decode::<Block>(&encode(&block), 1 << 20).unwrap(), block);
}
