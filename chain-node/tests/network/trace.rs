//! What was recorded is followed to who did it and when, cannot be changed, says nothing to who may not know it, and is carried from one
//! ledger to another by its proof.

use crate::city::{City, key};
use crate::governance::governed;
use data_encoding::BASE64URL_NOPAD;
use identity::{Commitment, CommitmentKey, Localized, canonical};
use ledger::{
    cell::Subject,
    genesis::Genesis,
    governance::{Change, ProposalRecord, Stage},
    proof::{Bundle, TransactionProof, verify_answer, verify_transaction},
    receipt::{Outcome, Refusal},
    records::{AllowedData, AuthorityRecord, PartyId, PartyRecord, Purpose, RecordId},
    transaction::{ANCHOR_CONTEXT, Anchor, Body, NewReceipt, RECEIPT_CONTEXT, Sender, Transaction, Unsigned},
};
use reqwest::StatusCode;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::{fs, path::Path};
use wire::chain::{History, ProvenState, TransactionAnswer};

const PORTAL: &str = "portal";

async fn signed(city: &City, sender: Sender, signer: &str, sequence: u64, body: Body) -> Transaction {
    let expiry_height = city.height(0).await + 1_000;
    Unsigned { genesis: *city.root.hash(), sender, sequence, expiry_height, body }.sign(&key(signer))
}

fn authority(id: &str) -> Sender {
    Sender::Authority { authority: id.parse().unwrap(), key: key(id).public_key() }
}

fn anyone(word: &str) -> Sender {
    Sender::Key(key(word).public_key())
}

fn purpose(id: &str) -> Purpose {
    Purpose {
        id: id.parse().unwrap(),
        text: Localized::new("为您登录", "To log you in"),
        data: vec![AllowedData { attestation_type: "urn:resident".to_owned(), claims: vec!["family_name".to_owned()] }],
        retention_days: 30,
    }
}

fn portal() -> PartyRecord {
    PartyRecord {
        id: PORTAL.parse().unwrap(),
        sponsor: "e-government".parse().unwrap(),
        name: Localized::new("税务网", "Tax portal"),
        origin: "https://tax.example.gov".to_owned(),
        client_id: format!("x509_hash:{}A", "a".repeat(42)),
        ledger_key: key(PORTAL).public_key(),
        purposes: vec![purpose("login")],
    }
}

/// The CIDv1 of a raw block.
fn raw_cid(bytes: &[u8]) -> Vec<u8> {
    [[1, 0x55, 0x12, 0x20].as_slice(), &Sha256::digest(bytes)].concat()
}

/// Every version of a subject has the transactions that wrote it, each proved by a node that was not asked for the history; gives their
/// senders, newest first.
async fn traced(city: &City, subject: &Subject) -> Vec<Sender> {
    let (status, history) = city.json::<History>(1, &format!("/v1/history/{}", BASE64URL_NOPAD.encode(&subject.key()))).await;
    assert_eq!(status, StatusCode::OK);
    let mut senders = Vec::new();
    for version in &history.versions {
        let [id] = version.transactions[..] else { panic!("one transaction wrote this: {version:?}") };
        let path = format!("/v1/transactions/{}", BASE64URL_NOPAD.encode(&id.0));
        city.wait_until("a certificate over the block", async |city| {
            city.json::<TransactionAnswer>(2, &path).await.1.certificate.is_some()
        })
        .await;
        let answer = city.json::<TransactionAnswer>(2, &path).await.1.to_bytes().unwrap();
        let proof = TransactionProof {
            transaction: &answer.transaction,
            inclusion: &answer.inclusion,
            header: &answer.header,
            links: &answer.links,
            certificate: &answer.certificate,
        };
        let (transaction, header) = verify_transaction(&city.root, &id, &proof).unwrap();
        transaction.verify_signature().unwrap();
        assert_eq!((header.height, Some(header.timestamp_ms)), (version.updated_height, version.updated_at_ms), "dated");
        senders.push(transaction.unsigned.sender);
    }
    senders
}

/// Z065, Z079, I009, I011, N003: the registration of an account, an authentication and an authorisation are recorded in blocks after
/// consensus; each version is traced, on other nodes than the one that took it, to the signed transaction, its sender and its time; and
/// nobody can write them again, not even who wrote them.
#[tokio::test(flavor = "multi_thread")]
async fn accounts_logins_and_rights_are_traced_to_who_did_what_when_and_stay() {
    let city = City::start(4).await;
    let (create, inception) = city.new_identity("citizen").await;
    let receipt = NewReceipt { id: RecordId([1; 32]), commitment: Commitment([2; 32]) };
    let set = |id: &str| Body::SetPurposes { party: PORTAL.parse::<PartyId>().unwrap(), purposes: vec![purpose(id)] };
    let events = [
        create,
        signed(&city, authority("e-government"), "e-government", 1, Body::RegisterParty(portal())).await,
        signed(&city, authority("e-government"), "e-government", 2, set("refund")).await,
        signed(&city, anyone("a login's key"), "a login's key", 1, Body::RecordReceipts(vec![receipt])).await,
    ];
    let mut last = 0;
    for event in &events {
        let done = city.finalize(0, event).await;
        assert_eq!(done.outcome, Outcome::Applied);
        last = done.height;
    }
    for place in 1..4 {
        city.wait_until("the blocks everywhere", async |city| city.height(place).await >= last).await;
    }
    let account = Subject::Identity(inception.id());
    let (login, right) = (Subject::Receipt(receipt.id), Subject::Party(PORTAL.parse().unwrap()));
    assert_eq!(traced(&city, &account).await, [anyone("citizen")]);
    assert_eq!(traced(&city, &login).await, [anyone("a login's key")]);
    assert_eq!(traced(&city, &right).await, [authority("e-government"), authority("e-government")]);

    let before = [city.proven(3, &account).await, city.proven(3, &login).await, city.proven(3, &right).await];
    let other = NewReceipt { commitment: Commitment([3; 32]), ..receipt };
    let again = [
        (anyone("a login's key"), "a login's key", Body::RecordReceipts(vec![other]), Refusal::AlreadyExists),
        (anyone("citizen"), "citizen", Body::CreateIdentity(inception.clone()), Refusal::AlreadyExists),
        (authority("e-government"), "a stranger", set("other"), Refusal::UnknownKey),
        (authority("e-government"), "e-government", Body::RegisterParty(portal()), Refusal::AlreadyExists),
    ];
    for (sequence, (sender, signer, body, refusal)) in (10..).zip(again) {
        let sender = match (sender, signer) {
            (Sender::Authority { authority, .. }, signer) => Sender::Authority { authority, key: key(signer).public_key() },
            (sender, _) => sender,
        };
        let attempt = signed(&city, sender, signer, sequence, body).await;
        assert_eq!(city.finalize(1, &attempt).await.outcome, Outcome::Refused(refusal));
    }
    let after = [city.proven(0, &account).await, city.proven(0, &login).await, city.proven(0, &right).await];
    for (before, after) in before.iter().zip(&after) {
        assert_eq!((before.cell, &before.body), (after.cell, &after.body));
    }
}

fn holds(folder: &Path, needle: &[u8]) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, needle);
        }
        // The socket of `backup` holds nothing.
        path.is_file() && fs::read(&path).unwrap().windows(needle.len()).any(|window| window == needle)
    })
}

/// Z022, I010 (confidentiality): the whole of what a validator keeps about a citizen's attribute and login is commitments and the CID of a
/// ciphertext: neither the values nor their plain hashes, from which a short value could be guessed, are in any of its files.
#[tokio::test(flavor = "multi_thread")]
async fn a_validators_files_hold_commitments_and_never_a_value_or_its_hash() {
    let mut city = City::start(1).await;
    let values = ["canary-110101199003071234", "canary-Zhang-San"];
    let opening = CommitmentKey::from_entropy([0x77; 32]);
    let digest = |value: &str| <[u8; 32]>::from(Sha256::digest(value));
    let anchor = Anchor {
        id: RecordId([5; 32]),
        commitment: opening.commit(ANCHOR_CONTEXT, &digest(values[0])),
        cid: raw_cid(b"the ciphertext of it"),
    };
    let receipt = NewReceipt { id: RecordId([6; 32]), commitment: opening.commit(RECEIPT_CONTEXT, &digest(values[1])) };
    for (sequence, body) in [(1, Body::AnchorAttributes(vec![anchor.clone()])), (2, Body::RecordReceipts(vec![receipt]))] {
        let transaction = city.transaction(&key("a fresh key"), sequence, body).await;
        assert_eq!(city.finalize(0, &transaction).await.outcome, Outcome::Applied);
    }
    let party = signed(&city, authority("e-government"), "e-government", 3, Body::RegisterParty(portal())).await;
    assert_eq!(city.finalize(0, &party).await.outcome, Outcome::Applied);
    assert_eq!(city.terminate(0).await, Some(0), "everything is on the disk");

    let folder = city.folder(0);
    for public in [anchor.commitment.0.as_slice(), &receipt.commitment.0, &anchor.cid, b"Tax portal"] {
        assert!(holds(&folder, public), "what is public is found, so this search finds");
    }
    for value in values {
        assert!(!holds(&folder, value.as_bytes()), "{value} stands in the clear");
        assert!(!holds(&folder, &digest(value)), "the plain hash of {value}");
    }
    assert!(!holds(&folder, opening.as_bytes()), "the key of the commitments");
}

/// One member decides alone who takes part: a private ledger.
fn private(mut genesis: Genesis) -> Genesis {
    let consortium = governed(genesis.clone());
    genesis.governance = consortium.governance;
    genesis
}

async fn proposed(city: &City) -> Stage {
    let newcomer = AuthorityRecord {
        id: "health".parse().unwrap(),
        name: Localized::new("卫健委", "Health"),
        ledger_keys: vec![key("health").public_key()],
        credential_keys: Vec::new(),
        reader_key: None,
        issuer_url: None,
        accredited_types: Vec::new(),
        may_sponsor: false,
    };
    let change = Body::Propose(Change::AdmitAuthority(newcomer));
    let proposal = signed(city, authority("e-government"), "e-government", 50, change).await;
    assert_eq!(city.finalize(0, &proposal).await.outcome, Outcome::Applied);
    let proven = city.proven(0, &Subject::Proposal(proposal.id())).await;
    canonical::decode::<ProposalRecord>(&proven.body.unwrap(), 32_000).unwrap().stage
}

/// X021, N052, N053: a private ledger, where one operator admits alone, and a consortium's, where the members decide, side by side. A fact
/// of the private one is carried into the other by its proof: the consortium anchors the bundle's bytes, and whoever has the two
/// genesis files checks both without asking anybody. Neither ledger takes the other's proofs or transactions for its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_private_and_a_consortium_ledger_prove_facts_to_each_other() {
    let hospital = City::start_of(1, private).await;
    let city = hospital.start_beside(4, governed).await;
    assert!(matches!(proposed(&hospital).await, Stage::Approved { .. }), "its one member decides alone");
    assert_eq!(proposed(&city).await, Stage::Open, "one of three is not enough");

    let fact = Anchor { id: RecordId([1; 32]), commitment: Commitment([2; 32]), cid: raw_cid(b"a finding") };
    let recorded = hospital.transaction(&key("a patient's key"), 1, Body::AnchorAttributes(vec![fact.clone()])).await;
    assert_eq!(hospital.finalize(0, &recorded).await.outcome, Outcome::Applied);
    let subject = Subject::Anchor(fact.id);
    let path = format!("/v1/state/{}", BASE64URL_NOPAD.encode(&subject.key()));
    let carried = hospital.json::<ProvenState>(0, &path).await.1.to_bundle().unwrap().to_bytes();
    let opening = CommitmentKey::from_entropy([9; 32]);
    let digest: [u8; 32] = Sha256::digest(&carried).into();
    let note = Anchor { id: RecordId([3; 32]), commitment: opening.commit(ANCHOR_CONTEXT, &digest), cid: raw_cid(&carried) };
    let noted = city.transaction(&key("a patient's other key"), 1, Body::AnchorAttributes(vec![note.clone()])).await;
    assert_eq!(city.finalize(0, &noted).await.outcome, Outcome::Applied);

    // Somebody with the bytes, the opening and the two genesis files, once another validator has it.
    city.final_receipt(2, &noted).await;
    let anchored = city.proven(2, &Subject::Anchor(note.id)).await;
    let anchor: Anchor = canonical::decode(&anchored.body.unwrap(), 1_000).unwrap();
    assert!(anchor.cid == raw_cid(&carried) && opening.verify(ANCHOR_CONTEXT, &digest, &anchor.commitment));
    let bundle = Bundle::from_bytes(&carried).unwrap();
    let proven = verify_answer(&hospital.root, &subject, &bundle.answer()).unwrap();
    assert_eq!(canonical::decode::<Anchor>(&proven.body.unwrap(), 1_000).unwrap(), fact);
    assert!(verify_answer(&city.root, &subject, &bundle.answer()).is_err(), "it is not a fact of this ledger");
    let mut forged = carried.clone();
    forged[100] ^= 1;
    let is_proved = |bundle: Bundle| verify_answer(&hospital.root, &subject, &bundle.answer()).is_ok();
    assert!(!Bundle::from_bytes(&forged).is_ok_and(is_proved));
    assert!(raw_cid(&forged) != anchor.cid);
    let (status, refused) = city.submit_bytes(0, &canonical::encode(&recorded)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{refused}");
    assert_eq!(city.json::<Value>(1, &path).await.1["cell"], Value::Null, "nothing came over by itself");
}
