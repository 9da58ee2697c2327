//! A ledger whose genesis has no governance goes on as it began: the values here are those of the code before governance existed.

use data_encoding::HEXLOWER;
use ledger::cell::Subject;
use ledger::receipt::{Outcome, Refusal};
use ledger::records::AttestationStatus;
use ledger::transaction::{Body, Sender, StatusChange};
use sha2::{Digest as _, Sha256};

use crate::ledger_in_memory::*;

/// What became of one transaction of every kind that there was, refusals among them.
fn every_old_kind(ledger: &mut Ledger) -> Vec<Outcome> {
    let id = ledger.identity(2);
    let portal_id = || "portal".parse().unwrap();
    let status = |status| Body::SetAttestationStatus(vec![StatusChange { record: record_id(1), status }]);
    let steps = [
        (device(id, 2), 2, Body::AddDevice(public(3))),
        (device(id, 3), 3, Body::RemoveDevice(public(2))),
        (device(id, 2), 2, Body::AddDevice(public(4))),
        (Sender::Key(public(5)), 5, Body::AnchorAttributes(vec![anchor(1), anchor(2)])),
        (police(), POLICE, Body::RecordAttestations(vec![attestation(1, "police", RESIDENT)])),
        (police(), POLICE, Body::RecordAttestations(vec![attestation(2, "police", MARITAL)])),
        (police(), POLICE, status(AttestationStatus::Suspended)),
        (tax(), TAX, status(AttestationStatus::Revoked)),
        (Sender::Key(public(6)), 6, Body::BreakLock { record: record_id(1), preimage: SECRET }),
        (tax(), TAX, Body::RegisterParty(party("portal", 'a'))),
        (tax(), TAX, Body::SetPurposes { party: portal_id(), purposes: vec![purpose("refund")] }),
        (portal(), PORTAL, Body::RecordReceipts(vec![new_receipt(1)])),
        (device(id, 3), 3, Body::Deactivate),
    ];
    steps.into_iter().map(|(sender, by, body)| ledger.send(sender, by, body)).collect()
}

/// REL-E4: the data of yesterday's ledger has the same genesis hash, the same cells and the same bodies.
#[test]
fn a_ledger_without_governance_has_the_hash_and_the_state_that_it_had() {
    let mut ledger = Ledger::new();
    assert_eq!(HEXLOWER.encode(&ledger.genesis.hash()), "9c6d3e9d9c61ca35cd6bf98885ff284b0a2076db370eacfcd0f7b98f84f2e0ce");
    let outcomes = every_old_kind(&mut ledger);
    let refused: Vec<_> = outcomes.iter().filter(|outcome| **outcome != Outcome::Applied).copied().collect();
    let expected = [Refusal::UnknownKey, Refusal::NotAccredited, Refusal::NotOwner].map(Outcome::Refused);
    assert_eq!(refused, expected);
    let mut state = Sha256::new();
    for (key, (cell, body)) in &ledger.cells {
        state.update(key);
        state.update(cell.to_bytes());
        state.update(body);
    }
    assert_eq!(ledger.cells.len(), 24, "no cell more, none less");
    assert_eq!(HEXLOWER.encode(&state.finalize()), "47b96fbaa88a905c4826879b37eeb2fabc3d76addd1b14b3441b21f08007df5f");
    assert!(!ledger.cells.contains_key(&Subject::Validators.key()));
}
