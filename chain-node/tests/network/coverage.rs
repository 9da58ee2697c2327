//! Full coverage of supervision: whatever kind a transaction is of, it is counted, it is found, and what the node keeps of it is verified
//! again.

use crate::city::{City, key};
use data_encoding::BASE64URL_NOPAD;
use identity::{Commitment, Localized, did::Inception};
use ledger::{
    cell::{CELL_BYTES, Cell, Subject},
    evidence::{Evidence, Offence, SignedProposal},
    governance::Change,
    records::{AttestationRecord, AttestationStatus, BatchKind, PartyRecord, RecordId},
    transaction::{
        Anchor, Body, NewAttestation, NewBatch, NewReceipt, Sender, StatusChange, Transaction, TransactionId, Unsigned,
    },
};
use redb::{Database, ReadableDatabase as _, TableDefinition};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use wire::chain::{FoundKind, SearchAnswer, Statistics, Supervision};

const BODIES: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("bodies");
const VERSIONS: TableDefinition<'_, (&[u8; 32], u32), &[u8; CELL_BYTES]> = TableDefinition::new("versions");
const EAGER: &str = "[supervision]\ncore_permille = 300\ntime_bound_s = 90\npause_s = 1\n";
const SOMEBODY: TransactionId = TransactionId([5; 32]);

fn attestation() -> AttestationRecord {
    AttestationRecord {
        issuer: "e-government".parse().unwrap(),
        attestation_type: "urn:yufu:vct:test:1".to_owned(),
        credential: Commitment([5; 32]),
        holder_key: Commitment([6; 32]),
        lock: [7; 32],
        valid_from: 1_700_000_000,
        valid_until: 1_800_000_000,
    }
}

fn party() -> PartyRecord {
    PartyRecord {
        id: "portal".parse().unwrap(),
        sponsor: "e-government".parse().unwrap(),
        name: Localized::new("税务网", "Tax portal"),
        origin: "https://tax.example.gov".to_owned(),
        client_id: format!("x509_hash:{}A", "a".repeat(42)),
        ledger_key: key("portal").public_key(),
        purposes: Vec::new(),
    }
}

fn evidence() -> Evidence {
    let vote = |digest| SignedProposal { parent_view: 1, payload: [digest; 32], signature: [0; 64] };
    let offence = Offence::TwoNotarizes { first: vote(1), second: vote(2) };
    Evidence { validator: [3; 32], epoch: 0, view: 2, offence }
}

/// The kind after this one; the first after nothing. A new kind does not compile until it has its place in the round.
fn after(body: Option<&Body>) -> Option<Body> {
    let (id, batch) = (RecordId([4; 32]), RecordId([8; 32]));
    let (identity, other) = (inception().id(), key("another phone").public_key());
    let Some(body) = body else { return Some(Body::CreateIdentity(inception())) };
    Some(match body {
        Body::CreateIdentity(_) => Body::AddDevice(other),
        Body::AddDevice(_) => Body::RemoveDevice(other),
        Body::RemoveDevice(_) => {
            let cid = [&[0x01, 0x55, 0x12, 0x20][..], &[3; 32]].concat();
            Body::AnchorAttributes(vec![Anchor { id, commitment: Commitment([2; 32]), cid }])
        }
        Body::AnchorAttributes(_) => Body::RecordAttestations(vec![NewAttestation { id, record: attestation() }]),
        Body::RecordAttestations(_) => {
            Body::SetAttestationStatus(vec![StatusChange { record: id, status: AttestationStatus::Revoked }])
        }
        Body::SetAttestationStatus(_) => Body::BreakLock { record: id, preimage: [10; 32] },
        Body::BreakLock { .. } => Body::RecordReceipts(vec![NewReceipt { id, commitment: Commitment([9; 32]) }]),
        Body::RecordReceipts(_) => Body::RegisterParty(party()),
        Body::RegisterParty(_) => Body::SetPurposes { party: party().id, purposes: Vec::new() },
        Body::SetPurposes { .. } => Body::SetPartyStatus { party: party().id, suspended: true },
        Body::SetPartyStatus { .. } => Body::Recover { identity, device: other, next_recovery: [1; 32] },
        Body::Recover { .. } => Body::RotateRecovery { identity, next_recovery: [2; 32] },
        Body::RotateRecovery { .. } => Body::Propose(Change::RemoveObserver { name: "nobody".to_owned() }),
        Body::Propose(_) => Body::Vote { proposal: SOMEBODY, approve: true },
        Body::Vote { .. } => Body::Enact { proposal: SOMEBODY },
        Body::Enact { .. } => Body::Withdraw { proposal: SOMEBODY },
        Body::Withdraw { .. } => Body::Leave { validator: "validator-9".to_owned() },
        Body::Leave { .. } => Body::RecordBatch(NewBatch { id: batch, kind: BatchKind::Receipts, root: [0; 32], count: 3 }),
        Body::RecordBatch(_) => Body::SetBatchItemStatus { batch, changes: vec![(0, AttestationStatus::Revoked)] },
        Body::SetBatchItemStatus { .. } => Body::RecordEvidence(evidence()),
        Body::RecordEvidence(_) => Body::Deactivate,
        Body::Deactivate => return None,
    })
}

fn inception() -> Inception {
    let device = key("citizen").public_key();
    Inception { network: "test".parse().unwrap(), device, recovery_commitment: Sha256::digest("citizen").into() }
}

/// Signed by whoever may send its kind.
async fn signed(city: &City, body: Body) -> Transaction {
    let citizen = key("citizen");
    let (sender, signer) = match &body {
        Body::AddDevice(_) | Body::RemoveDevice(_) | Body::Deactivate => {
            (Sender::Device { identity: inception().id(), key: citizen.public_key() }, citizen)
        }
        Body::CreateIdentity(_)
        | Body::AnchorAttributes(_)
        | Body::BreakLock { .. }
        | Body::RecordReceipts(_)
        | Body::Recover { .. }
        | Body::RotateRecovery { .. }
        | Body::RecordEvidence(_) => (Sender::Key(citizen.public_key()), citizen),
        Body::RecordAttestations(_)
        | Body::SetAttestationStatus(_)
        | Body::RegisterParty(_)
        | Body::SetPurposes { .. }
        | Body::Propose(_)
        | Body::Vote { .. }
        | Body::Enact { .. }
        | Body::Withdraw { .. }
        | Body::Leave { .. }
        | Body::SetPartyStatus { .. }
        | Body::RecordBatch(_)
        | Body::SetBatchItemStatus { .. } => {
            let authority = key("e-government");
            (Sender::Authority { authority: "e-government".parse().unwrap(), key: authority.public_key() }, authority)
        }
    };
    let expiry_height = city.height(0).await + 1_000;
    Unsigned { genesis: *city.root.hash(), sender, sequence: 1, expiry_height, body }.sign(&signer)
}

/// X065: every kind of transaction is counted in the statistics and the metrics, is found by its id, and is re-verified by supervision:
/// when its receipt is changed in the stopped node's files, the running node finds that. A refused one is no exception.
#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_transaction_is_counted_found_and_verified_again() {
    let mut city = City::prepare_governed(1, 1_000).await;
    city.configure(0, EAGER);
    city.spawn(0).await;
    city.wait_until("a first block", async |city| city.height(0).await >= 1).await;
    let (mut sent, mut last) = (Vec::new(), None);
    while let Some(body) = after(last.as_ref()) {
        let transaction = signed(&city, body.clone()).await;
        city.finalize(0, &transaction).await;
        sent.push((chain_node::kinds::name(&body), transaction.id()));
        last = Some(body);
    }
    let kinds: BTreeSet<&str> = sent.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds.len(), sent.len(), "each kind once");

    city.wait_until("the statistics of every kind", async |city| {
        let (_, statistics) = city.json::<Statistics>(0, "/v1/statistics").await;
        let counted: BTreeSet<String> = statistics.kinds.into_iter().map(|kind| kind.kind).collect();
        kinds.iter().all(|kind| counted.contains(*kind))
    })
    .await;
    let (_, statistics) = city.json::<Statistics>(0, "/v1/statistics").await;
    assert!(statistics.kinds.iter().all(|kind| kind.transactions == 1), "{statistics:?}");
    for (kind, id) in &sent {
        let counted = format!("ledger_transactions_total{{kind=\"{kind}\"}} 1");
        city.wait_until(kind, async |city| city.metrics(0).await.contains(&counted)).await;
        let (_, answer) = city.json::<SearchAnswer>(0, &format!("/v1/search?q={}", BASE64URL_NOPAD.encode(&id.0))).await;
        assert!(answer.found.iter().any(|found| found.kind == FoundKind::Transaction), "{kind} is not found");
    }

    assert_eq!(city.terminate(0).await, Some(0));
    change_receipts(&city, &sent);
    city.spawn(0).await;
    let expected: BTreeSet<String> =
        sent.iter().map(|(_, id)| format!("transaction {}", BASE64URL_NOPAD.encode(&id.0))).collect();
    city.wait_until("a finding for every kind", async |city| {
        let (_, report) = city.json::<Supervision>(0, "/v1/findings").await;
        let found: BTreeSet<String> = report.findings.into_iter().map(|finding| finding.subject).collect();
        expected.is_subset(&found)
    })
    .await;
}

/// Changes the bytes of every receipt.
fn change_receipts(city: &City, sent: &[(&str, TransactionId)]) {
    let database = Database::open(city.bodies(0)).unwrap();
    let read = database.begin_read().unwrap();
    let (versions, bodies) = (read.open_table(VERSIONS).unwrap(), read.open_table(BODIES).unwrap());
    let write = database.begin_write().unwrap();
    for (_, id) in sent {
        let cell = *versions.get((&Subject::Transaction(*id).key(), 1)).unwrap().unwrap().value();
        let hash = Cell::from_bytes(&cell).unwrap().body;
        let mut receipt = bodies.get(&hash).unwrap().unwrap().value().to_vec();
        receipt[0] ^= 1;
        write.open_table(BODIES).unwrap().insert(&hash, receipt.as_slice()).unwrap();
    }
    write.commit().unwrap();
}
