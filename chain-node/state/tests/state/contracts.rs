//! The kinds of transaction as the ledger's contracts: each is executed because somebody asked for it, the same on every node, within
//! bounds that do not grow with the ledger, and nothing happens by itself.

use std::collections::{BTreeMap, BTreeSet};

use chain_state::touched;
use identity::did::Inception;
use ledger::cell::Subject;
use ledger::evidence::Offence;
use ledger::governance::Change;
use ledger::limits::{MAX_BATCH, MAX_PURPOSES, MAX_RECORD_BYTES, MAX_VALIDATORS};
use ledger::receipt::{Outcome, Receipt};
use ledger::records::{AttestationStatus, BatchKind, PartyRecord, Purpose};
use ledger::transaction::{Body, NewBatch, Sender, StatusChange, Transaction};

use crate::city::*;
use crate::ledger_in_memory::*;
use crate::registers::{evidence, proposal};

/// The names of the kinds. A new one does not compile until it has a name here and a request in [`requests`].
fn kind(body: &Body) -> &'static str {
    match body {
        Body::CreateIdentity(_) => "CreateIdentity",
        Body::AddDevice(_) => "AddDevice",
        Body::RemoveDevice(_) => "RemoveDevice",
        Body::Deactivate => "Deactivate",
        Body::AnchorAttributes(_) => "AnchorAttributes",
        Body::RecordAttestations(_) => "RecordAttestations",
        Body::SetAttestationStatus(_) => "SetAttestationStatus",
        Body::BreakLock { .. } => "BreakLock",
        Body::RecordReceipts(_) => "RecordReceipts",
        Body::RegisterParty(_) => "RegisterParty",
        Body::SetPurposes { .. } => "SetPurposes",
        Body::Recover { .. } => "Recover",
        Body::RotateRecovery { .. } => "RotateRecovery",
        Body::Propose(_) => "Propose",
        Body::Vote { .. } => "Vote",
        Body::Enact { .. } => "Enact",
        Body::Withdraw { .. } => "Withdraw",
        Body::Leave { .. } => "Leave",
        Body::SetPartyStatus { .. } => "SetPartyStatus",
        Body::RecordBatch(_) => "RecordBatch",
        Body::SetBatchItemStatus { .. } => "SetBatchItemStatus",
        Body::RecordEvidence(_) => "RecordEvidence",
    }
}

const KINDS: usize = 22;

fn by(key: u8) -> Sender {
    Sender::Key(public(key))
}

/// What people and departments ask of a ledger, every kind at least once and the lists as long as they may be.
fn requests(ledger: &Ledger) -> Vec<(Sender, u8, Body)> {
    let many = 1..=u8::try_from(MAX_BATCH).unwrap();
    let inception = Inception { recovery_commitment: public(40).fingerprint(), ..inception(2) };
    let id = inception.id();
    let status = |status| move |id| StatusChange { record: record_id(id), status };
    let two_votes = Offence::two_notarizes(proposal(ledger, 1, "_NOTARIZE", 1), proposal(ledger, 1, "_NOTARIZE", 2));
    let purposes = (0..MAX_PURPOSES).map(|number| purpose(&format!("purpose-{number}"))).collect::<Vec<Purpose>>();
    let portal_id = || "portal".parse().unwrap();
    let kinds = BatchKind::Attestations { attestation_type: RESIDENT.to_owned(), valid_from: 1, valid_until: 2 };
    let items = (0..u32::from(*many.end())).map(|index| (index, AttestationStatus::Suspended)).collect();
    vec![
        (by(2), 2, Body::CreateIdentity(inception)),
        (device(id, 2), 2, Body::AddDevice(public(3))),
        (device(id, 3), 3, Body::RemoveDevice(public(2))),
        (by(40), 40, Body::RotateRecovery { identity: id, next_recovery: public(41).fingerprint() }),
        (by(41), 41, Body::Recover { identity: id, device: public(4), next_recovery: public(42).fingerprint() }),
        (device(id, 4), 4, Body::Deactivate),
        (by(5), 5, Body::AnchorAttributes(many.clone().map(anchor).collect())),
        (police(), POLICE, Body::RecordAttestations(many.clone().map(|id| attestation(id, "police", RESIDENT)).collect())),
        (police(), POLICE, Body::SetAttestationStatus(many.clone().map(status(AttestationStatus::Suspended)).collect())),
        (by(6), 6, Body::BreakLock { record: record_id(1), preimage: SECRET }),
        (tax(), TAX, Body::RegisterParty(PartyRecord { purposes: purposes.clone(), ..party("portal", 'a') })),
        (tax(), TAX, Body::SetPurposes { party: portal_id(), purposes }),
        (portal(), PORTAL, Body::RecordReceipts(many.map(new_receipt).collect())),
        (tax(), TAX, Body::SetPartyStatus { party: portal_id(), suspended: true }),
        (police(), POLICE, Body::RecordBatch(NewBatch { id: record_id(1), kind: kinds, root: [7; 32], count: 1_000_000 })),
        (police(), POLICE, Body::SetBatchItemStatus { batch: record_id(1), changes: items }),
        (by(7), 7, Body::RecordEvidence(evidence(1, two_votes))),
        (member(1), member_key(1), Body::Leave { validator: "v1".to_owned() }),
    ]
}

/// What one execution read and wrote.
struct Cost {
    keys: usize,
    writes: usize,
    largest_body: usize,
}

fn execute(ledger: &mut Ledger, transaction: &Transaction) -> (Receipt, Cost) {
    let declared = touched(transaction);
    let mut view = ledger.view(&declared);
    let (receipt, asked) = ledger.apply(&mut view, &ledger.context(), 0, transaction);
    let writes = view.into_writes();
    let keys: BTreeSet<_> = declared.iter().chain(&asked).collect();
    let largest_body = writes.iter().map(|write| write.body.len()).max().unwrap();
    let cost = Cost { keys: keys.len(), writes: writes.len(), largest_body };
    ledger.store(writes);
    ledger.height += 1;
    (receipt, cost)
}

/// The requests, then a proposal that is withdrawn and one that is enacted; what each cost, by kind.
fn everything(ledger: &mut Ledger) -> BTreeMap<&'static str, Cost> {
    let mut costs = BTreeMap::new();
    let mut run = |ledger: &mut Ledger, (sender, key, body): (Sender, u8, Body)| {
        let transaction = ledger.transaction(sender, key, body);
        let (receipt, cost) = execute(ledger, &transaction);
        assert_eq!(receipt.outcome, Outcome::Applied, "{:?}", transaction.unsigned.body);
        assert_eq!((receipt.transaction, receipt.height), (transaction.id(), ledger.height), "one request, one receipt");
        costs.insert(kind(&transaction.unsigned.body), cost);
        transaction.id()
    };
    for request in requests(ledger) {
        run(ledger, request);
    }
    let propose = |key| (member(0), member_key(0), Body::Propose(Change::AdmitAuthority(authority("health", key))));
    let taken_back = run(ledger, propose(90));
    run(ledger, (member(0), member_key(0), Body::Withdraw { proposal: taken_back }));
    let proposal = run(ledger, propose(92));
    // The member that left votes no more: 14 of 21.
    for voter in 2..15 {
        run(ledger, (member(voter), member_key(voter), Body::Vote { proposal, approve: true }));
    }
    ledger.height += NOTICE;
    run(ledger, (member(0), member_key(0), Body::Enact { proposal }));
    costs
}

/// Z017, I014, I015: smart contracts and what executes them. Every kind of request is executed when somebody asks for it, in a block, with
/// one receipt; two nodes that execute the same requests have the same state.
#[test]
fn every_kind_is_executed_on_request_and_alike_on_every_node() {
    let (mut one, mut other) = (Ledger::governed(22), Ledger::governed(22));
    let executed: Vec<&str> = everything(&mut one).into_keys().collect();
    assert_eq!(executed.len(), KINDS, "{executed:?}");
    everything(&mut other);
    assert_eq!(one, other);
}

/// Z017, I015: without a request nothing is executed, however much time passes: an approved proposal waits for whoever enacts it.
#[test]
fn nothing_is_executed_without_a_request() {
    let mut ledger = Ledger::governed(4);
    let approved = ledger.approved(Change::AdmitAuthority(authority("health", 90)));
    let health = Subject::Authority("health".parse().unwrap()).key();
    for (citizen, blocks) in [(2, 1), (3, NOTICE), (4, VOTING / 2)] {
        ledger.height += blocks;
        let before = ledger.cells.clone();
        ledger.identity(citizen);
        let written = ledger.cells.iter().filter(|(key, value)| before.get(*key) != Some(*value)).count();
        assert_eq!(written, 2, "what somebody else asks for executes that alone: the identity and the receipt");
        assert!(!ledger.cells.contains_key(&health));
    }
    assert_eq!(ledger.send(member(0), member_key(0), Body::Enact { proposal: approved }), Outcome::Applied);
    assert!(ledger.cells.contains_key(&health));
}

/// Z017, I014: what an execution costs is bounded by its kind: the keys that it reads, the records that it writes and their size, also with
/// the longest lists and 22 members. A ledger that holds everything twice costs no more.
#[test]
fn the_cost_of_every_kind_is_bounded_and_does_not_grow_with_the_ledger() {
    let mut small = Ledger::governed(22);
    let costs = everything(&mut small);
    for (kind, cost) in &costs {
        // The longest list names two subjects for each entry; governance also looks at every member.
        assert!(cost.keys <= 2 * MAX_BATCH + MAX_VALIDATORS + 4, "{kind} reads {}", cost.keys);
        assert!(cost.writes <= MAX_BATCH + 2, "{kind} writes {}", cost.writes);
        assert!(cost.largest_body <= MAX_RECORD_BYTES, "{kind} writes {} bytes", cost.largest_body);
    }
    let mut full = Ledger::governed(22);
    for id in 101..=250 {
        full.applied(by(5), 5, Body::AnchorAttributes(vec![anchor(id)]));
        full.applied(police(), POLICE, Body::RecordAttestations(vec![attestation(id, "police", RESIDENT)]));
        full.identity(id);
    }
    let again = everything(&mut full);
    for (kind, cost) in &again {
        assert_eq!((cost.keys, cost.writes), (costs[kind].keys, costs[kind].writes), "{kind} on a ledger that holds more");
    }
}
