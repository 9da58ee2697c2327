//! Every reason for which the state machine refuses, each with the state unchanged (`Ledger::refused` checks it).

use identity::Localized;
use identity::did::{Inception, MAX_DEVICES};
use ledger::cell::Subject;
use ledger::limits::{MAX_BATCH, MAX_EXPIRY_BLOCKS, MAX_PURPOSES, MAX_TEXT_BYTES};
use ledger::receipt::{Outcome, Refusal};
use ledger::records::{AllowedData, AttestationRecord, AttestationStatus, PartyRecord, Purpose};
use ledger::transaction::{Anchor, Body, NewAttestation, Sender, StatusChange, Unsigned};

use crate::ledger_in_memory::*;

fn set(id: u8, status: AttestationStatus) -> Body {
    Body::SetAttestationStatus(vec![StatusChange { record: record_id(id), status }])
}

/// SEC-C2: a second ledger with the same keys and authorities takes nothing that was signed for the first.
#[test]
fn a_transaction_for_another_genesis_is_refused() {
    let mut first = Ledger::new();
    let mut second = Ledger::of(a_genesis("Other"));
    assert_eq!(first.genesis.authorities, second.genesis.authorities);
    let transaction = first.transaction(police(), POLICE, Body::AnchorAttributes(vec![anchor(1)]));
    assert_eq!(second.refuses(&transaction), Refusal::OtherLedger);
    assert_eq!(first.submit(&transaction).outcome, Outcome::Applied);
}

/// I010 (non-repudiation), SEC-C2: who signed has signed everything that counts. Putting the other genesis hash in makes the signature worthless.
#[test]
fn a_signature_covers_genesis_sender_sequence_expiry_and_body() {
    let mut ledger = Ledger::new();
    let signed = ledger.transaction(police(), POLICE, Body::AnchorAttributes(vec![anchor(1)]));
    assert!(signed.verify_signature().is_ok());
    let changes: [fn(&mut Unsigned); 5] = [
        |unsigned| unsigned.genesis = a_genesis("Other").hash(),
        |unsigned| unsigned.sender = from("civil", POLICE),
        |unsigned| unsigned.sequence += 1,
        |unsigned| unsigned.expiry_height += 1,
        |unsigned| unsigned.body = Body::AnchorAttributes(vec![anchor(2)]),
    ];
    for change in changes {
        let mut changed = signed.clone();
        change(&mut changed.unsigned);
        assert!(changed.verify_signature().is_err());
        assert_ne!(changed.id(), signed.id());
    }
}

/// SEC-C2: a transaction that nobody put into a block in time never gets in, and none is good for ever.
#[test]
fn an_expired_transaction_is_refused_and_one_that_expires_too_late_too() {
    let mut ledger = Ledger::new();
    ledger.height = 500;
    for (expiry, expected) in [
        (500, Some(Refusal::Expired)),
        (501, None),
        (501 + MAX_EXPIRY_BLOCKS, None),
        (502 + MAX_EXPIRY_BLOCKS, Some(Refusal::Expired)),
        (u64::MAX, Some(Refusal::Expired)),
        (0, Some(Refusal::Expired)),
    ] {
        let mut ledger = ledger.clone();
        let transaction = ledger.transaction(police(), POLICE, Body::AnchorAttributes(vec![anchor(1)]));
        let transaction = Unsigned { expiry_height: expiry, ..transaction.unsigned }.sign(&key(POLICE));
        match expected {
            Some(refusal) => assert_eq!(ledger.refuses(&transaction), refusal),
            None => assert_eq!(ledger.submit(&transaction).outcome, Outcome::Applied),
        }
    }
}

#[test]
fn an_identity_is_not_made_by_another_key_nor_for_another_network_nor_twice() {
    let mut ledger = Ledger::new();
    let create = |device| Body::CreateIdentity(inception(device));
    assert_eq!(ledger.refused(Sender::Key(public(4)), 4, create(2)), Refusal::UnknownKey);
    let elsewhere = Inception { network: "other".parse().unwrap(), ..inception(2) };
    assert_eq!(ledger.refused(Sender::Key(public(2)), 2, Body::CreateIdentity(elsewhere)), Refusal::OtherLedger);
    let id = ledger.identity(2);
    assert_eq!(ledger.refused(Sender::Key(public(2)), 2, create(2)), Refusal::AlreadyExists);
    // Not even after it ended.
    ledger.applied(device(id, 2), 2, Body::Deactivate);
    assert_eq!(ledger.refused(Sender::Key(public(2)), 2, create(2)), Refusal::AlreadyExists);
}

/// X062, X072: only a live device of this identity acts for it; a lost one is dead at once.
#[test]
fn a_key_that_is_not_a_live_device_does_nothing() {
    let mut ledger = Ledger::new();
    let (id, other) = (ledger.identity(2), ledger.identity(3));
    let bodies = [Body::AddDevice(public(4)), Body::RemoveDevice(public(2)), Body::Deactivate];
    for body in bodies.clone() {
        assert_eq!(ledger.refused(device(inception(9).id(), 9), 9, body.clone()), Refusal::NotFound);
        assert_eq!(ledger.refused(device(id, 3), 3, body.clone()), Refusal::UnknownKey);
        assert_eq!(ledger.refused(device(other, 2), 2, body), Refusal::UnknownKey);
    }
    ledger.applied(device(id, 2), 2, Body::AddDevice(public(4)));
    ledger.applied(device(id, 4), 4, Body::RemoveDevice(public(2)));
    for body in bodies.clone() {
        assert_eq!(ledger.refused(device(id, 2), 2, body), Refusal::UnknownKey);
    }
    ledger.applied(device(id, 4), 4, Body::Deactivate);
    for body in bodies {
        assert_eq!(ledger.refused(device(id, 4), 4, body), Refusal::Deactivated);
    }
}

#[test]
fn the_number_of_devices_has_its_bounds() {
    let mut ledger = Ledger::new();
    let id = ledger.identity(2);
    assert_eq!(ledger.refused(device(id, 2), 2, Body::RemoveDevice(public(2))), Refusal::DeviceBound);
    assert_eq!(ledger.refused(device(id, 2), 2, Body::RemoveDevice(public(3))), Refusal::NotFound);
    assert_eq!(ledger.refused(device(id, 2), 2, Body::AddDevice(public(2))), Refusal::AlreadyExists);
    for seed in 1..u8::try_from(MAX_DEVICES).unwrap() {
        ledger.applied(device(id, 2), 2, Body::AddDevice(public(10 + seed)));
    }
    assert_eq!(ledger.refused(device(id, 2), 2, Body::AddDevice(public(30))), Refusal::DeviceBound);
}

/// Z020: who may ask for what is decided by the ledger itself, for every kind of request and of sender.
#[test]
fn each_kind_is_for_its_kinds_of_sender_only() {
    let mut ledger = Ledger::new();
    let id = ledger.identity(2);
    ledger.applied(tax(), TAX, Body::RegisterParty(party("portal", 'a')));
    // By whom: key, device, authority, party.
    let senders = [(Sender::Key(public(2)), 2), (device(id, 2), 2), (tax(), TAX), (portal(), PORTAL)];
    let kinds = [
        (Body::CreateIdentity(inception(2)), [true, false, false, false]),
        (Body::AddDevice(public(3)), [false, true, false, false]),
        (Body::RemoveDevice(public(3)), [false, true, false, false]),
        (Body::Deactivate, [false, true, false, false]),
        (Body::AnchorAttributes(vec![anchor(1)]), [true, false, true, false]),
        (Body::RecordAttestations(vec![attestation(1, "tax", RESIDENT)]), [false, false, true, false]),
        (set(1, AttestationStatus::Revoked), [false, false, true, false]),
        (Body::BreakLock { record: record_id(1), preimage: SECRET }, [true, false, false, false]),
        (Body::RecordReceipts(vec![new_receipt(1)]), [true, false, true, true]),
        (Body::RegisterParty(party("other", 'b')), [false, false, true, false]),
        (Body::SetPurposes { party: "portal".parse().unwrap(), purposes: vec![] }, [false, false, true, false]),
    ];
    for (body, may) in kinds {
        for ((sender, by), may) in senders.into_iter().zip(may) {
            let mut ledger = ledger.clone();
            let outcome = ledger.send(sender, by, body.clone());
            assert_eq!(outcome != Outcome::Refused(Refusal::WrongSender), may, "{sender:?} {body:?}");
        }
    }
}

#[test]
fn an_authority_or_party_that_is_unknown_or_has_other_keys_is_refused() {
    let mut ledger = Ledger::new();
    ledger.applied(tax(), TAX, Body::RegisterParty(party("portal", 'a')));
    let body = Body::RecordReceipts(vec![new_receipt(1)]);
    assert_eq!(ledger.refused(from("nobody", POLICE), POLICE, body.clone()), Refusal::NotFound);
    assert_eq!(ledger.refused(from("police", CIVIL), CIVIL, body.clone()), Refusal::UnknownKey);
    // The key for credentials is not a key for the ledger.
    assert_eq!(ledger.refused(from("police", POLICE + 50), POLICE + 50, body.clone()), Refusal::UnknownKey);
    let party = |id: &str, seed| Sender::Party { party: id.parse().unwrap(), key: public(seed) };
    assert_eq!(ledger.refused(party("nobody", PORTAL), PORTAL, body.clone()), Refusal::NotFound);
    assert_eq!(ledger.refused(party("portal", TAX), TAX, body), Refusal::UnknownKey);
}

/// SEC-C5: an anchor is never written again, and not by a party or in the name of an identity.
#[test]
fn an_anchor_is_not_rewritten_not_even_by_whoever_made_it() {
    let mut ledger = Ledger::new();
    ledger.applied(Sender::Key(public(5)), 5, Body::AnchorAttributes(vec![anchor(1)]));
    let poisoned = Anchor { id: record_id(1), ..anchor(2) };
    for (sender, by) in [(Sender::Key(public(5)), 5), (Sender::Key(public(6)), 6), (police(), POLICE)] {
        assert_eq!(ledger.refused(sender, by, Body::AnchorAttributes(vec![poisoned.clone()])), Refusal::AlreadyExists);
        // One taken id among new ones: none is recorded.
        let batch = vec![anchor(7), poisoned.clone(), anchor(8)];
        assert_eq!(ledger.refused(sender, by, Body::AnchorAttributes(batch)), Refusal::AlreadyExists);
    }
}

/// N003, SEC-C5: the date of a record is the block's; nothing that a sender writes can change it.
#[test]
fn an_anchor_cannot_be_back_dated() {
    let mut ledger = Ledger::new();
    let early = ledger.transaction(police(), POLICE, Body::AnchorAttributes(vec![anchor(1)]));
    ledger.height = 90;
    assert_eq!(ledger.submit(&early).outcome, Outcome::Applied);
    let cell = ledger.cell(&Subject::Anchor(record_id(1)));
    assert_eq!((cell.created_height, cell.updated_height), (91, 91));
}

/// Z079: what was done stays as it was recorded, also for who recorded it.
#[test]
fn a_receipt_is_not_rewritten() {
    let mut ledger = Ledger::new();
    ledger.applied(tax(), TAX, Body::RecordReceipts(vec![new_receipt(1)]));
    assert_eq!(ledger.refused(tax(), TAX, Body::RecordReceipts(vec![new_receipt(2), new_receipt(1)])), Refusal::AlreadyExists);
}

/// Z020: rights are records on the ledger: an accreditation is for a department and a type.
#[test]
fn an_authority_attests_only_in_its_own_name_and_only_what_it_is_accredited_for() {
    let mut ledger = Ledger::new();
    let good = attestation(1, "police", RESIDENT);
    let record = |new: NewAttestation| Body::RecordAttestations(vec![new]);
    assert_eq!(ledger.refused(police(), POLICE, record(attestation(1, "police", MARITAL))), Refusal::NotAccredited);
    assert_eq!(ledger.refused(tax(), TAX, record(attestation(1, "tax", RESIDENT))), Refusal::NotAccredited);
    assert_eq!(ledger.refused(from("civil", CIVIL), CIVIL, record(good.clone())), Refusal::NotOwner);
    // One of many is bad: all are refused.
    let batch = vec![good.clone(), attestation(2, "police", MARITAL), attestation(3, "police", RESIDENT)];
    assert_eq!(ledger.refused(police(), POLICE, Body::RecordAttestations(batch)), Refusal::NotAccredited);
    ledger.applied(police(), POLICE, record(good.clone()));
    assert_eq!(ledger.refused(police(), POLICE, record(good)), Refusal::AlreadyExists);
}

/// I057: an update is checked against what is there: who may change it, into what, and whether it is final.
#[test]
fn only_the_issuer_changes_a_status_and_a_final_one_stays() {
    let mut ledger = Ledger::new();
    ledger.attested(1);
    assert_eq!(ledger.refused(police(), POLICE, set(9, AttestationStatus::Revoked)), Refusal::NotFound);
    assert_eq!(ledger.refused(from("civil", CIVIL), CIVIL, set(1, AttestationStatus::Revoked)), Refusal::NotOwner);
    assert_eq!(ledger.refused(police(), POLICE, set(1, AttestationStatus::BrokenByHolder)), Refusal::Malformed);
    let mixed = [1, 9].map(|id| StatusChange { record: record_id(id), status: AttestationStatus::Revoked });
    assert_eq!(ledger.refused(police(), POLICE, Body::SetAttestationStatus(mixed.to_vec())), Refusal::NotFound);
    for (id, last) in [(2, AttestationStatus::Revoked), (3, AttestationStatus::Superseded)] {
        ledger.attested(id);
        ledger.applied(police(), POLICE, set(id, last));
        for status in [AttestationStatus::Active, AttestationStatus::Suspended, AttestationStatus::Revoked] {
            assert_eq!(ledger.refused(police(), POLICE, set(id, status)), Refusal::StatusFinal);
        }
        let broken = Body::BreakLock { record: record_id(id), preimage: SECRET };
        assert_eq!(ledger.refused(Sender::Key(public(5)), 5, broken), Refusal::StatusFinal);
    }
}

#[test]
fn a_lock_opens_to_its_secret_only_and_once() {
    let mut ledger = Ledger::new();
    ledger.attested(1);
    let broken = |id, preimage| Body::BreakLock { record: record_id(id), preimage };
    let anybody = Sender::Key(public(5));
    assert_eq!(ledger.refused(anybody, 5, broken(9, SECRET)), Refusal::NotFound);
    assert_eq!(ledger.refused(anybody, 5, broken(1, [0; 32])), Refusal::WrongSecret);
    // The lock itself, which everybody sees, does not open it.
    assert_eq!(ledger.refused(anybody, 5, broken(1, AttestationRecord::lock_of(&SECRET))), Refusal::WrongSecret);
    ledger.applied(anybody, 5, broken(1, SECRET));
    assert_eq!(ledger.refused(anybody, 5, broken(1, SECRET)), Refusal::StatusFinal);
    assert_eq!(ledger.refused(police(), POLICE, set(1, AttestationStatus::Active)), Refusal::StatusFinal);
}

#[test]
fn parties_are_for_sponsors_and_neither_id_nor_client_identifier_is_taken_twice() {
    let mut ledger = Ledger::new();
    let register = |record: PartyRecord| Body::RegisterParty(record);
    let by_police = PartyRecord { sponsor: "police".parse().unwrap(), ..party("portal", 'a') };
    assert_eq!(ledger.refused(police(), POLICE, register(by_police)), Refusal::MayNotSponsor);
    assert_eq!(ledger.refused(police(), POLICE, register(party("portal", 'a'))), Refusal::NotOwner);
    ledger.applied(tax(), TAX, register(party("portal", 'a')));
    assert_eq!(ledger.refused(tax(), TAX, register(party("portal", 'b'))), Refusal::AlreadyExists);
    assert_eq!(ledger.refused(tax(), TAX, register(party("other", 'a'))), Refusal::AlreadyExists);
    ledger.applied(tax(), TAX, register(party("other", 'b')));
}

#[test]
fn purposes_are_set_by_the_sponsor_only_and_only_while_it_may_sponsor() {
    let mut file = a_genesis("Test");
    let mut ledger = Ledger::of(file.clone());
    let set = |id: &str| Body::SetPurposes { party: id.parse().unwrap(), purposes: vec![purpose("other")] };
    assert_eq!(ledger.refused(tax(), TAX, set("portal")), Refusal::NotFound);
    ledger.applied(tax(), TAX, Body::RegisterParty(party("portal", 'a')));
    assert_eq!(ledger.refused(police(), POLICE, set("portal")), Refusal::NotOwner);
    file.authorities[2].may_sponsor = false;
    ledger.store(chain_state::genesis(&file));
    assert_eq!(ledger.refused(tax(), TAX, set("portal")), Refusal::MayNotSponsor);
}

#[test]
fn lists_that_are_empty_too_long_or_name_an_id_twice_are_malformed() {
    let mut ledger = Ledger::new();
    let many = u8::try_from(MAX_BATCH + 1).unwrap();
    let batches = |ids: Vec<u8>| {
        let status = AttestationStatus::Suspended;
        [
            Body::AnchorAttributes(ids.iter().map(|id| anchor(*id)).collect()),
            Body::RecordAttestations(ids.iter().map(|id| attestation(*id, "police", RESIDENT)).collect()),
            Body::SetAttestationStatus(ids.iter().map(|id| StatusChange { record: record_id(*id), status }).collect()),
            Body::RecordReceipts(ids.iter().map(|id| new_receipt(*id)).collect()),
        ]
    };
    for ids in [Vec::new(), vec![1, 2, 1], (0..many).collect()] {
        for body in batches(ids) {
            assert_eq!(ledger.refused(police(), POLICE, body), Refusal::Malformed);
        }
    }
    // The longest list is fine.
    let [anchors, attestations, changes, receipts] = batches((1..many).collect());
    for body in [anchors, attestations, changes, receipts] {
        ledger.applied(police(), POLICE, body);
    }
}

#[test]
fn a_cid_that_is_not_a_sha256_of_raw_bytes_or_a_dag_is_malformed() {
    let mut ledger = Ledger::new();
    let good = anchor(1).cid;
    let changed = |place: usize, byte| {
        let mut cid = good.clone();
        cid[place] = byte;
        cid
    };
    let bad = [
        Vec::new(),
        good[..35].to_vec(),
        [good.as_slice(), &[0]].concat(),
        changed(0, 0),
        changed(1, 0x71),
        changed(2, 0x1e),
        changed(3, 0x1f),
        [&[0x12, 0x20][..], &[7; 32]].concat(),
        vec![0x01; 100],
    ];
    for cid in bad {
        let body = Body::AnchorAttributes(vec![Anchor { cid, ..anchor(1) }]);
        assert_eq!(ledger.refused(police(), POLICE, body), Refusal::Malformed);
    }
    let dag = Anchor { cid: changed(1, 0x70), ..anchor(1) };
    ledger.applied(police(), POLICE, Body::AnchorAttributes(vec![dag]));
}

#[test]
fn a_period_that_is_empty_or_a_type_that_is_no_identifier_is_malformed() {
    let mut ledger = Ledger::new();
    let changes: [fn(&mut AttestationRecord); 6] = [
        |record| record.valid_until = record.valid_from,
        |record| record.valid_until = 0,
        |record| record.valid_from = -1,
        |record| record.attestation_type = String::new(),
        |record| record.attestation_type = "two words".to_owned(),
        |record| record.attestation_type = "x".repeat(MAX_TEXT_BYTES + 1),
    ];
    for change in changes {
        let mut bad = attestation(2, "police", RESIDENT);
        change(&mut bad.record);
        let body = Body::RecordAttestations(vec![attestation(1, "police", RESIDENT), bad]);
        assert_eq!(ledger.refused(police(), POLICE, body), Refusal::Malformed);
    }
}

#[test]
fn a_party_with_a_field_outside_its_bounds_is_malformed() {
    let mut ledger = Ledger::new();
    let changes: [fn(&mut PartyRecord); 15] = [
        |record| record.name.zh = String::new(),
        |record| record.name.en = "line\nbreak".to_owned(),
        |record| record.name.en = "looks \u{202e}backwards".to_owned(),
        |record| record.name.en = "x".repeat(MAX_TEXT_BYTES + 1),
        |record| record.origin = "tax.example.gov".to_owned(),
        |record| record.origin = "https://tax.example.gov/".to_owned(),
        |record| record.origin = "https://tax.example.gov:0".to_owned(),
        |record| record.origin = "https://user@tax.example.gov".to_owned(),
        |record| record.origin = "https://".to_owned(),
        |record| record.origin = "https://Tax.example.gov".to_owned(),
        |record| record.client_id = "x509_san_dns:tax.example.gov".to_owned(),
        |record| record.client_id.truncate(20),
        |record| record.client_id = record.client_id.replace('A', "B"),
        |record| record.purposes.push(record.purposes[0].clone()),
        |record| record.purposes = (0..=MAX_PURPOSES).map(|i| purpose(&format!("p{i}"))).collect(),
    ];
    for (place, change) in changes.into_iter().enumerate() {
        let mut record = party("portal", 'a');
        change(&mut record);
        assert_eq!(ledger.refused(tax(), TAX, Body::RegisterParty(record)), Refusal::Malformed, "change {place}");
    }
    for origin in ["http://127.0.0.1:8080", "http://localhost:3000", "https://[::1]:443", "https://tax.example.gov:8443"] {
        let record = PartyRecord { origin: origin.to_owned(), ..party("portal", 'a') };
        ledger.clone().applied(tax(), TAX, Body::RegisterParty(record));
    }
}

#[test]
fn a_purpose_with_a_field_outside_its_bounds_is_malformed() {
    let mut ledger = Ledger::new();
    ledger.applied(tax(), TAX, Body::RegisterParty(party("portal", 'a')));
    let data = |claims: usize| AllowedData {
        attestation_type: RESIDENT.to_owned(),
        claims: (0..claims).map(|i| format!("claim{i}")).collect(),
    };
    let long = || Localized::new("长".repeat(170), "x".repeat(510));
    let full = |id: usize| Purpose { text: long(), data: vec![data(64); 16], ..purpose(&format!("p{id}")) };
    let bad: Vec<Vec<Purpose>> = vec![
        vec![Purpose { text: Localized::new("", "x"), ..purpose("a") }],
        vec![Purpose { data: Vec::new(), ..purpose("a") }],
        vec![Purpose { data: vec![data(1); 17], ..purpose("a") }],
        vec![Purpose { data: vec![data(65)], ..purpose("a") }],
        vec![Purpose { data: vec![AllowedData { claims: vec![String::new()], ..data(1) }], ..purpose("a") }],
        vec![Purpose { data: vec![AllowedData { attestation_type: String::new(), ..data(1) }], ..purpose("a") }],
        vec![Purpose { retention_days: u32::MAX, ..purpose("a") }],
        // Each within its bounds, together longer than a record may be.
        (0..4).map(full).collect(),
    ];
    for purposes in bad {
        let party = "portal".parse().unwrap();
        assert_eq!(ledger.refused(tax(), TAX, Body::SetPurposes { party, purposes }), Refusal::Malformed);
    }
}

#[test]
fn a_transaction_that_is_too_long_is_malformed() {
    let mut ledger = Ledger::new();
    let long = |id: u8| {
        let mut new = attestation(id, "police", RESIDENT);
        new.record.attestation_type = "x".repeat(MAX_TEXT_BYTES);
        new
    };
    // 100 of 700 bytes.
    let body = Body::RecordAttestations((0..100).map(long).collect());
    assert_eq!(ledger.refused(police(), POLICE, body), Refusal::Malformed);
}
