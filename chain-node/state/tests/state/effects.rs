//! What each kind of transaction does.

use chain_state::{genesis, receipt, touched};
use ledger::canonical::{Hash, encode};
use ledger::cell::{Cell, Subject};
use ledger::receipt::{Outcome, Refusal};
use ledger::records::{AttestationRecord, AttestationStatus, AuthorityRecord, IdentityRecord, PartyId, PartyRecord};
use ledger::transaction::{Body, Sender, StatusChange, Transaction};

use crate::ledger_in_memory::*;

#[test]
fn the_ledger_begins_with_the_authorities_of_the_genesis_at_height_0() {
    let file = a_genesis("Test");
    let writes = genesis(&file);
    assert_eq!(writes.len(), 3);
    let ledger = Ledger::new();
    let (cell, record) = ledger.record::<AuthorityRecord>(&Subject::Authority("police".parse().unwrap())).unwrap();
    assert_eq!(record, file.authorities[0]);
    assert_eq!((cell.version, cell.created_height, cell.updated_height), (1, 0, 0));
}

/// X054, X072: the holder's own key makes the identity; the DID document is made of the record.
#[test]
fn an_identity_comes_into_being_by_its_first_device() {
    let mut ledger = Ledger::new();
    let id = ledger.identity(2);
    let (cell, record) = ledger.record::<IdentityRecord>(&Subject::Identity(id)).unwrap();
    assert_eq!(record, IdentityRecord { inception: inception(2), devices: vec![public(2)] });
    assert_eq!((cell.version, cell.status, cell.created_height, cell.updated_height), (1, 0, 1, 1));
}

/// X062: devices come and go by the devices that are there.
#[test]
fn devices_are_added_and_removed_by_live_devices() {
    let mut ledger = Ledger::new();
    let id = ledger.identity(2);
    ledger.applied(device(id, 2), 2, Body::AddDevice(public(3)));
    ledger.applied(device(id, 3), 3, Body::AddDevice(public(4)));
    ledger.applied(device(id, 4), 4, Body::RemoveDevice(public(2)));
    let (cell, record) = ledger.record::<IdentityRecord>(&Subject::Identity(id)).unwrap();
    assert_eq!(record.devices, vec![public(3), public(4)]);
    assert_eq!(record.inception, inception(2), "the beginning never changes");
    assert_eq!((cell.version, cell.created_height, cell.updated_height), (4, 1, 4));
}

#[test]
fn a_device_may_remove_itself_while_another_is_left() {
    let mut ledger = Ledger::new();
    let id = ledger.identity(2);
    ledger.applied(device(id, 2), 2, Body::AddDevice(public(3)));
    ledger.applied(device(id, 2), 2, Body::RemoveDevice(public(2)));
    assert_eq!(ledger.refused(device(id, 2), 2, Body::AddDevice(public(2))), Refusal::UnknownKey);
}

#[test]
fn a_deactivated_identity_has_no_device_and_says_so_in_its_status() {
    let mut ledger = Ledger::new();
    let id = ledger.identity(2);
    ledger.applied(device(id, 2), 2, Body::Deactivate);
    let (cell, record) = ledger.record::<IdentityRecord>(&Subject::Identity(id)).unwrap();
    assert_eq!((cell.status, cell.version, record.devices), (1, 2, Vec::new()));
}

/// X044, X057: the commitment and the CID of every attribute stand on the ledger, dated by the block.
#[test]
fn anchors_are_recorded_by_a_fresh_key_or_an_authority() {
    let mut ledger = Ledger::new();
    ledger.applied(Sender::Key(public(5)), 5, Body::AnchorAttributes(vec![anchor(1), anchor(2)]));
    ledger.applied(police(), POLICE, Body::AnchorAttributes(vec![anchor(3)]));
    for (id, height) in [(1, 1), (2, 1), (3, 2)] {
        let (cell, record) = ledger.record::<ledger::transaction::Anchor>(&Subject::Anchor(record_id(id))).unwrap();
        assert_eq!(record, anchor(id));
        assert_eq!((cell.version, cell.created_height), (1, height));
    }
}

/// X059: what the authority found out is written to the ledger.
#[test]
fn attestations_are_recorded_by_either_key_of_the_accredited_authority() {
    let mut ledger = Ledger::new();
    let both = vec![attestation(1, "police", RESIDENT), attestation(2, "police", RESIDENT)];
    ledger.applied(police(), POLICE, Body::RecordAttestations(both));
    let third = vec![attestation(3, "police", RESIDENT)];
    ledger.applied(from("police", POLICE + 100), POLICE + 100, Body::RecordAttestations(third));
    for id in 1..4 {
        let (cell, record) = ledger.record::<AttestationRecord>(&Subject::Attestation(record_id(id))).unwrap();
        assert_eq!(record, attestation(id, "police", RESIDENT).record);
        assert_eq!(cell.status, AttestationStatus::Active as u8);
    }
}

#[test]
fn a_status_changes_until_it_is_final_and_the_record_stays_as_it_was() {
    let mut ledger = Ledger::new();
    let subject = ledger.attested(1);
    let body = ledger.cell(&subject).body;
    let steps = [AttestationStatus::Suspended, AttestationStatus::Active, AttestationStatus::Superseded];
    for (step, status) in steps.into_iter().enumerate() {
        ledger.applied(police(), POLICE, Body::SetAttestationStatus(vec![StatusChange { record: record_id(1), status }]));
        let cell = ledger.cell(&subject);
        let height = 2 + step as u64;
        let expected = Cell {
            version: u32::try_from(height).unwrap(),
            status: status as u8,
            created_height: 1,
            updated_height: height,
            body,
        };
        assert_eq!(cell, expected);
    }
}

/// An authority that lost its accreditation must still be able to revoke what it attested.
#[test]
fn an_authority_without_accreditation_still_revokes_its_own() {
    let mut file = a_genesis("Test");
    let mut ledger = Ledger::of(file.clone());
    let subject = ledger.attested(1);
    file.authorities[0].accredited_types.clear();
    ledger.store(genesis(&file));
    let revoke = StatusChange { record: record_id(1), status: AttestationStatus::Revoked };
    ledger.applied(police(), POLICE, Body::SetAttestationStatus(vec![revoke]));
    assert_eq!(ledger.cell(&subject).status, AttestationStatus::Revoked as u8);
}

#[test]
fn whoever_knows_the_secret_breaks_the_lock_even_of_a_suspended_attestation() {
    let mut ledger = Ledger::new();
    for (id, suspended) in [(1, false), (2, true)] {
        let subject = ledger.attested(id);
        if suspended {
            let change = StatusChange { record: record_id(id), status: AttestationStatus::Suspended };
            ledger.applied(police(), POLICE, Body::SetAttestationStatus(vec![change]));
        }
        ledger.applied(Sender::Key(public(77)), 77, Body::BreakLock { record: record_id(id), preimage: SECRET });
        assert_eq!(ledger.cell(&subject).status, AttestationStatus::BrokenByHolder as u8);
    }
}

/// I054: the control data of a website, what it may ask for, is created and updated in blocks.
#[test]
fn parties_are_registered_with_their_client_identifier_and_get_other_purposes() {
    let mut ledger = Ledger::new();
    ledger.applied(tax(), TAX, Body::RegisterParty(party("portal", 'a')));
    let (_, holder) = ledger.record::<PartyId>(&Subject::Client(client_id('a'))).unwrap();
    assert_eq!(holder, "portal".parse().unwrap());
    let purposes = vec![purpose("login"), purpose("refund")];
    ledger.applied(tax(), TAX, Body::SetPurposes { party: holder, purposes: purposes.clone() });
    let (cell, record) = ledger.record::<PartyRecord>(&Subject::Party(holder)).unwrap();
    assert_eq!(record, PartyRecord { purposes, ..party("portal", 'a') });
    assert_eq!(cell.version, 2);
    // No purpose at all: the sponsor's way to stop a party.
    ledger.applied(tax(), TAX, Body::SetPurposes { party: holder, purposes: Vec::new() });
}

#[test]
fn receipts_are_recorded_by_a_party_an_authority_or_a_fresh_key() {
    let mut ledger = Ledger::new();
    ledger.applied(tax(), TAX, Body::RegisterParty(party("portal", 'a')));
    ledger.applied(portal(), PORTAL, Body::RecordReceipts(vec![new_receipt(1), new_receipt(2)]));
    ledger.applied(tax(), TAX, Body::RecordReceipts(vec![new_receipt(3)]));
    ledger.applied(Sender::Key(public(8)), 8, Body::RecordReceipts(vec![new_receipt(4)]));
    for id in 1..5 {
        let (_, record) = ledger.record::<ledger::transaction::NewReceipt>(&Subject::Receipt(record_id(id))).unwrap();
        assert_eq!(record, new_receipt(id));
    }
}

/// REL-E1: the same transaction again changes nothing and says what it said.
#[test]
fn a_transaction_again_gets_its_first_receipt_and_changes_nothing() {
    let mut ledger = Ledger::new();
    let applied = ledger.transaction(police(), POLICE, Body::AnchorAttributes(vec![anchor(1)]));
    let refused = ledger.transaction(portal(), PORTAL, Body::RecordReceipts(vec![new_receipt(1)]));
    for transaction in [applied, refused] {
        let first = ledger.submit(&transaction);
        let cells = ledger.cells.clone();
        assert_eq!(receipt(&ledger.view(&touched(&transaction)), &transaction.id()), Ok(Some(first.clone())));
        ledger.height += 30_000;
        assert_eq!(ledger.submit(&transaction), first);
        assert_eq!(ledger.cells, cells);
        // Another signature over the same bytes is the same transaction.
        let malleated = Transaction { signature: key(9).sign_again(), ..transaction };
        assert_eq!(ledger.submit(&malleated), first);
        assert_eq!(ledger.cells, cells);
    }
}

trait SignAgain {
    fn sign_again(&self) -> identity::Signature;
}

impl SignAgain for identity::SecretKey {
    fn sign_again(&self) -> identity::Signature {
        self.sign(b"something else")
    }
}

/// A transaction sees what those before it in the block did; a receipt says its place.
#[test]
fn transactions_of_a_block_build_on_each_other() {
    let mut ledger = Ledger::new();
    let id = inception(2).id();
    let bodies = [
        (Sender::Key(public(2)), 2, Body::CreateIdentity(inception(2))),
        (device(id, 2), 2, Body::AddDevice(public(3))),
        (device(id, 3), 3, Body::RemoveDevice(public(2))),
        // Dead at once, in the same block.
        (device(id, 2), 2, Body::AddDevice(public(4))),
    ];
    let transactions: Vec<Transaction> = bodies.map(|(sender, by, body)| ledger.transaction(sender, by, body)).into();
    let keys: Vec<Hash> = transactions.iter().flat_map(touched).collect();
    let mut view = ledger.view(&keys);
    let context = ledger.context();
    let receipts: Vec<_> =
        (0..).zip(&transactions).map(|(index, transaction)| ledger.apply(&mut view, &context, index, transaction).0).collect();
    let outcomes: Vec<Outcome> = receipts.iter().map(|receipt| receipt.outcome).collect();
    assert_eq!(outcomes, [Outcome::Applied, Outcome::Applied, Outcome::Applied, Outcome::Refused(Refusal::UnknownKey)]);
    assert_eq!(receipts.iter().map(|receipt| receipt.index).collect::<Vec<_>>(), [0, 1, 2, 3]);
    let writes = view.into_writes();
    assert_eq!(writes.len(), 5, "the identity's last version and four receipts");
    let identity = writes.iter().find(|write| write.key == Subject::Identity(id).key()).unwrap();
    assert_eq!((identity.cell.version, identity.cell.created_height, identity.cell.updated_height), (3, 1, 1));
    let expected = IdentityRecord { inception: inception(2), devices: vec![public(3)] };
    assert_eq!(identity.body, encode(&expected));
}

/// A node whose storage is corrupt finds out before it executes.
#[test]
fn a_body_that_is_not_its_cells_is_refused_by_the_view() {
    let ledger = Ledger::new();
    let (key, (cell, body)) = ledger.cells.first_key_value().unwrap();
    let mut view = chain_state::View::new();
    let mut changed = body.clone();
    changed[0] ^= 1;
    assert!(view.insert(*key, *cell, changed.into()).is_err());
    assert!(view.insert(*key, *cell, body.clone().into()).is_ok());
}
