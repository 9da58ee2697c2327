//! Accreditations, recovery, parties, batches and evidence.

use identity::did::{IdentityId, Inception};
use ledger::cell::Subject;
use ledger::evidence::{Evidence, Offence, SignedProposal};
use ledger::governance::Change;
use ledger::receipt::Refusal;
use ledger::records::{AttestationStatus, AuthorityRecord, BatchKind, BatchRecord, IdentityRecord};
use ledger::transaction::{Body, NewBatch, Sender};

use crate::city::*;
use crate::ledger_in_memory::*;

fn civil() -> Sender {
    from("civil", CIVIL)
}

fn types(ledger: &Ledger, id: &str) -> Vec<String> {
    ledger.record::<AuthorityRecord>(&Subject::Authority(id.parse().unwrap())).unwrap().1.accredited_types
}

/// Z025, X008, I054: the register of accreditations: one type of data, one authority, and the authority's record is in step.
#[test]
fn one_type_has_one_authority_whoever_it_is() {
    let mut ledger = Ledger::governed(4);
    let accredit = |id: &str| Change::Accredit { authority: id.parse().unwrap(), attestation_type: RESIDENT.to_owned() };
    let attest = |id: u8, issuer: &str| Body::RecordAttestations(vec![attestation(id, issuer, RESIDENT)]);
    assert_eq!(ledger.no_proposal(accredit("civil")), Refusal::AccreditedElsewhere);
    assert_eq!(ledger.no_proposal(accredit("police")), Refusal::AlreadyExists);
    assert_eq!(ledger.no_proposal(accredit("nobody")), Refusal::NotFound);
    ledger.applied(police(), POLICE, attest(1, "police"));

    ledger.decided(Change::SuspendAccreditation(RESIDENT.to_owned()));
    assert_eq!(ledger.refused(police(), POLICE, attest(2, "police")), Refusal::Suspended);
    assert_eq!(types(&ledger, "police"), Vec::<String>::new());
    assert_eq!(ledger.no_proposal(accredit("civil")), Refusal::AccreditedElsewhere, "suspended is not gone");
    assert_eq!(ledger.no_proposal(accredit("police")), Refusal::Suspended);
    assert_eq!(ledger.no_proposal(Change::SuspendAccreditation(RESIDENT.to_owned())), Refusal::Suspended);
    // What it attested before it still answers for.
    let revoke = ledger::transaction::StatusChange { record: record_id(1), status: AttestationStatus::Revoked };
    ledger.applied(police(), POLICE, Body::SetAttestationStatus(vec![revoke]));

    ledger.decided(Change::RestoreAccreditation(RESIDENT.to_owned()));
    assert_eq!(types(&ledger, "police"), [RESIDENT]);
    ledger.applied(police(), POLICE, attest(2, "police"));
    assert_eq!(ledger.no_proposal(Change::RestoreAccreditation(RESIDENT.to_owned())), Refusal::BadConfiguration);

    ledger.decided(Change::WithdrawAccreditation(RESIDENT.to_owned()));
    assert_eq!(ledger.refused(police(), POLICE, attest(3, "police")), Refusal::NotAccredited);
    for change in [Change::RestoreAccreditation, Change::SuspendAccreditation, Change::WithdrawAccreditation] {
        assert_eq!(ledger.no_proposal(change(RESIDENT.to_owned())), Refusal::StatusFinal);
        assert_eq!(ledger.no_proposal(change("unknown".to_owned())), Refusal::NotFound);
    }
    ledger.decided(accredit("civil"));
    assert_eq!((types(&ledger, "police"), types(&ledger, "civil")), (vec![], vec![MARITAL.to_owned(), RESIDENT.to_owned()]));
    ledger.applied(civil(), CIVIL, attest(3, "civil"));
    assert_eq!(ledger.refused(police(), POLICE, attest(4, "police")), Refusal::NotAccredited);
}

const RECOVERY: u8 = 40;

/// An identity whose recovery key is known.
fn recoverable(ledger: &mut Ledger) -> IdentityId {
    let inception = Inception { recovery_commitment: public(RECOVERY).fingerprint(), ..inception(2) };
    let id = inception.id();
    ledger.applied(Sender::Key(public(2)), 2, Body::CreateIdentity(inception));
    id
}

fn recover(identity: IdentityId, device: u8, next: u8) -> Body {
    Body::Recover { identity, device: public(device), next_recovery: public(next).fingerprint() }
}

/// Who lost every device has one again by the recovery key, and whoever found the devices has none. On a ledger without
/// governance, too.
#[test]
fn the_recovery_key_makes_one_device_the_only_one_and_is_used_up() {
    let mut ledger = Ledger::new();
    let id = recoverable(&mut ledger);
    ledger.applied(device(id, 2), 2, Body::AddDevice(public(3)));
    let key = |seed: u8| Sender::Key(public(seed));
    assert_eq!(ledger.refused(key(2), 2, recover(id, 5, 41)), Refusal::WrongRecoveryKey, "a device is not the recovery key");
    assert_eq!(ledger.refused(key(41), 41, recover(id, 5, 42)), Refusal::WrongRecoveryKey);
    assert_eq!(ledger.refused(key(RECOVERY), RECOVERY, recover(id, 5, RECOVERY)), Refusal::Malformed, "a key is used once");
    assert_eq!(ledger.refused(key(RECOVERY), RECOVERY, recover(IdentityId([9; 32]), 5, 41)), Refusal::NotFound);
    ledger.applied(key(RECOVERY), RECOVERY, recover(id, 5, 41));
    let (cell, record) = ledger.record::<IdentityRecord>(&Subject::Identity(id)).unwrap();
    assert_eq!((record.devices, cell.version), (vec![public(5)], 3));
    assert_eq!(ledger.refused(device(id, 2), 2, Body::AddDevice(public(2))), Refusal::UnknownKey);
    assert_eq!(ledger.refused(key(RECOVERY), RECOVERY, recover(id, 6, 42)), Refusal::WrongRecoveryKey, "used up");
    // The next key commits to another one, and that one recovers.
    let rotate = |next: u8| Body::RotateRecovery { identity: id, next_recovery: public(next).fingerprint() };
    assert_eq!(ledger.refused(key(RECOVERY), RECOVERY, rotate(42)), Refusal::WrongRecoveryKey);
    ledger.applied(key(41), 41, rotate(42));
    assert_eq!(ledger.refused(key(41), 41, recover(id, 6, 43)), Refusal::WrongRecoveryKey);
    ledger.applied(key(42), 42, recover(id, 6, 43));
    ledger.applied(device(id, 6), 6, Body::Deactivate);
    assert_eq!(ledger.refused(key(43), 43, recover(id, 7, 44)), Refusal::Deactivated);
    assert_eq!(ledger.refused(key(43), 43, rotate(44)), Refusal::Deactivated);
}

/// Z014, I059: a party is suspended and restored by its sponsor; meanwhile nothing that it signs counts, and new purposes do not change that.
#[test]
fn a_party_is_suspended_and_restored_by_its_sponsor() {
    let mut ledger = Ledger::governed(4);
    ledger.applied(tax(), TAX, Body::RegisterParty(party("portal", 'a')));
    let set = |suspended| Body::SetPartyStatus { party: "portal".parse().unwrap(), suspended };
    let receipts = |id| Body::RecordReceipts(vec![new_receipt(id)]);
    assert_eq!(ledger.refused(police(), POLICE, set(true)), Refusal::NotOwner);
    assert_eq!(ledger.refused(tax(), TAX, set(false)), Refusal::BadConfiguration);
    ledger.applied(tax(), TAX, set(true));
    assert_eq!(ledger.refused(tax(), TAX, set(true)), Refusal::Suspended);
    assert_eq!(ledger.refused(portal(), PORTAL, receipts(1)), Refusal::Suspended);
    ledger.applied(tax(), TAX, Body::SetPurposes { party: "portal".parse().unwrap(), purposes: vec![] });
    assert_eq!(ledger.refused(portal(), PORTAL, receipts(1)), Refusal::Suspended);
    ledger.decided(Change::AllowSponsoring { authority: "tax".parse().unwrap(), allowed: false });
    assert_eq!(ledger.refused(tax(), TAX, set(false)), Refusal::MayNotSponsor);
    ledger.decided(Change::AllowSponsoring { authority: "tax".parse().unwrap(), allowed: true });
    ledger.applied(tax(), TAX, set(false));
    ledger.applied(portal(), PORTAL, receipts(1));
    let unknown = Body::SetPartyStatus { party: "nobody".parse().unwrap(), suspended: true };
    assert_eq!(ledger.refused(tax(), TAX, unknown), Refusal::NotFound);
}

fn batch(id: u8, kind: BatchKind) -> NewBatch {
    NewBatch { id: record_id(id), kind, root: [7; 32], count: 3 }
}

fn attestations(name: &str) -> BatchKind {
    BatchKind::Attestations { attestation_type: name.to_owned(), valid_from: 1, valid_until: 2 }
}

#[test]
fn a_batch_is_recorded_by_who_may_record_its_items() {
    let mut ledger = Ledger::governed(4);
    let record = |id, kind| Body::RecordBatch(batch(id, kind));
    ledger.applied(Sender::Key(public(5)), 5, record(1, BatchKind::Receipts));
    ledger.applied(police(), POLICE, record(2, attestations(RESIDENT)));
    let (cell, stored) = ledger.record::<BatchRecord>(&Subject::Batch(record_id(2))).unwrap();
    let issuer = Some("police".parse().unwrap());
    assert_eq!((cell.status, stored), (0, BatchRecord { issuer, kind: attestations(RESIDENT), root: [7; 32], count: 3 }));
    assert_eq!(ledger.refused(police(), POLICE, record(1, BatchKind::Receipts)), Refusal::AlreadyExists);
    assert_eq!(ledger.refused(police(), POLICE, record(3, attestations(MARITAL))), Refusal::NotAccredited);
    assert_eq!(ledger.refused(Sender::Key(public(5)), 5, record(3, attestations(RESIDENT))), Refusal::WrongSender);
    let none = NewBatch { count: 0, ..batch(3, BatchKind::Receipts) };
    assert_eq!(ledger.refused(police(), POLICE, Body::RecordBatch(none)), Refusal::Malformed);
    let empty = BatchKind::Attestations { attestation_type: RESIDENT.to_owned(), valid_from: 2, valid_until: 2 };
    assert_eq!(ledger.refused(police(), POLICE, record(3, empty)), Refusal::Malformed);
    ledger.decided(Change::SuspendAccreditation(RESIDENT.to_owned()));
    assert_eq!(ledger.refused(police(), POLICE, record(3, attestations(RESIDENT))), Refusal::Suspended);
}

#[test]
fn the_status_of_one_item_is_set_by_who_recorded_the_batch() {
    let mut ledger = Ledger::new();
    ledger.applied(police(), POLICE, Body::RecordBatch(batch(1, attestations(RESIDENT))));
    ledger.applied(police(), POLICE, Body::RecordBatch(batch(2, BatchKind::Receipts)));
    let set =
        |id, changes: &[(u32, AttestationStatus)]| Body::SetBatchItemStatus { batch: record_id(id), changes: changes.to_vec() };
    let revoked = AttestationStatus::Revoked;
    assert_eq!(ledger.refused(civil(), CIVIL, set(1, &[(0, revoked)])), Refusal::NotOwner);
    assert_eq!(ledger.refused(police(), POLICE, set(1, &[(3, revoked)])), Refusal::NotFound, "the batch has three");
    assert_eq!(ledger.refused(police(), POLICE, set(2, &[(0, revoked)])), Refusal::NotFound, "receipts have no status");
    assert_eq!(ledger.refused(police(), POLICE, set(9, &[(0, revoked)])), Refusal::NotFound);
    for bad in [&[][..], &[(0, revoked), (0, revoked)], &[(0, AttestationStatus::BrokenByHolder)]] {
        assert_eq!(ledger.refused(police(), POLICE, set(1, bad)), Refusal::Malformed);
    }
    ledger.applied(police(), POLICE, set(1, &[(0, AttestationStatus::Suspended), (2, revoked)]));
    let status = |ledger: &Ledger, index| {
        ledger.cells.get(&Subject::BatchItem { batch: record_id(1), index }.key()).map(|(cell, _)| cell.status)
    };
    assert_eq!([0, 1, 2].map(|index| status(&ledger, index)), [Some(1), None, Some(2)], "an item that is not there is active");
    assert_eq!(ledger.refused(police(), POLICE, set(1, &[(0, AttestationStatus::Active), (2, revoked)])), Refusal::StatusFinal);
    ledger.applied(police(), POLICE, set(1, &[(0, AttestationStatus::Active)]));
}

/// The bytes of a vote as the engine signs them, written out by hand: the numbers are below 128, so that each is its own varint.
pub(crate) fn vote(ledger: &Ledger, key: u8, suffix: &str, message: &[u8]) -> [u8; 64] {
    let namespace = [b"yufu-consensus-v1".as_slice(), &ledger.genesis.hash(), suffix.as_bytes()].concat();
    let length = u8::try_from(namespace.len()).unwrap();
    consensus(key).sign(&[&[length][..], &namespace, message].concat()).bytes
}

pub(crate) fn proposal(ledger: &Ledger, key: u8, suffix: &str, payload: u8) -> SignedProposal {
    let message = [&[2, 5, 4][..], &[payload; 32]].concat();
    SignedProposal { parent_view: 4, payload: [payload; 32], signature: vote(ledger, key, suffix, &message) }
}

pub(crate) fn evidence(key: u8, offence: Offence) -> Evidence {
    Evidence { validator: consensus_bytes(key), epoch: 2, view: 5, offence }
}

/// I037, SEC-C4: who contradicts itself is accused by its own signatures, once; anybody may bring them.
#[test]
fn two_votes_that_contradict_each_other_are_recorded_once() {
    let mut ledger = Ledger::governed(4);
    let two = |suffix, one, other| (proposal(&ledger, 1, suffix, one), proposal(&ledger, 1, suffix, other));
    let (first, second) = two("_NOTARIZE", 1, 2);
    let (third, fourth) = two("_FINALIZE", 3, 2);
    let nullify = vote(&ledger, 1, "_NULLIFY", &[2, 5]);
    let offences = [
        Offence::two_notarizes(second.clone(), first.clone()),
        Offence::two_finalizes(third.clone(), fourth),
        Offence::NullifyAndFinalize { nullify, finalize: third.clone() },
    ];
    let accuser = Sender::Key(public(77));
    let before = ledger.set();
    for offence in offences {
        let evidence = evidence(1, offence);
        ledger.applied(accuser, 77, Body::RecordEvidence(evidence.clone()));
        assert_eq!(ledger.record::<Evidence>(&Subject::Evidence(evidence.id())).unwrap().1, evidence);
        assert_eq!(ledger.refused(accuser, 77, Body::RecordEvidence(evidence)), Refusal::AlreadyExists);
    }
    // The same offence with another pair of votes is the same offence.
    let again = evidence(1, Offence::two_notarizes(first, proposal(&ledger, 1, "_NOTARIZE", 9)));
    assert_eq!(ledger.refused(accuser, 77, Body::RecordEvidence(again)), Refusal::AlreadyExists);
    assert_eq!(ledger.set(), before, "removing it is the members' vote");
    // Who left still answers for what it did.
    ledger.applied(member(2), member_key(2), Body::Leave { validator: "v2".to_owned() });
    let late = Offence::two_notarizes(proposal(&ledger, 2, "_NOTARIZE", 1), proposal(&ledger, 2, "_NOTARIZE", 2));
    ledger.applied(accuser, 77, Body::RecordEvidence(evidence(2, late)));
}

#[test]
fn evidence_that_does_not_prove_itself_accuses_nobody() {
    let mut ledger = Ledger::governed(4);
    let notarize = |key, payload| proposal(&ledger, key, "_NOTARIZE", payload);
    let elsewhere = Ledger::of(governed_genesis(5, parameters()));
    let (one, two) = (notarize(1, 1), notarize(1, 2));
    let other_view = Evidence { view: 6, ..evidence(1, Offence::two_notarizes(one.clone(), two.clone())) };
    let cases = [
        evidence(1, Offence::TwoNotarizes { first: two.clone(), second: one.clone() }),
        evidence(1, Offence::TwoNotarizes { first: one.clone(), second: one.clone() }),
        evidence(1, Offence::two_notarizes(one.clone(), notarize(2, 2))),
        evidence(2, Offence::two_notarizes(one.clone(), two.clone())),
        evidence(1, Offence::two_finalizes(one.clone(), two.clone())),
        evidence(1, Offence::two_notarizes(one.clone(), proposal(&elsewhere, 1, "_NOTARIZE", 2))),
        evidence(1, Offence::NullifyAndFinalize { nullify: one.signature, finalize: two.clone() }),
        other_view,
        // A key that never was a validator's.
        evidence(9, Offence::two_notarizes(notarize(9, 1), notarize(9, 2))),
    ];
    for (place, evidence) in cases.into_iter().enumerate() {
        let refusal = ledger.refused(Sender::Key(public(77)), 77, Body::RecordEvidence(evidence));
        assert_eq!(refusal, Refusal::BadEvidence, "case {place}");
    }
    let good = evidence(1, Offence::two_notarizes(one, two));
    let mut ungoverned = Ledger::new();
    assert_eq!(ungoverned.refused(Sender::Key(public(77)), 77, Body::RecordEvidence(good)), Refusal::NotGoverned);
}
