//! Who answers for what: written down by the ledger's consensus when it begins, and the same whatever happens later.

use ledger::cell::Subject;
use ledger::governance::{AccreditationRecord, Change, ProposalRecord, Stage};
use ledger::receipt::{Outcome, Refusal};
use ledger::records::{AttestationRecord, AttestationStatus, IdentityRecord, PartyRecord};
use ledger::transaction::{Body, Sender, StatusChange};

use crate::city::*;
use crate::ledger_in_memory::*;

const LICENCE: &str = "urn:yufu:vct:driving-licence:1";

fn accredit(id: &str) -> Change {
    Change::Accredit { authority: id.parse().unwrap(), attestation_type: LICENCE.to_owned() }
}

fn civil() -> Sender {
    from("civil", CIVIL)
}

fn set(status: AttestationStatus) -> Body {
    Body::SetAttestationStatus(vec![StatusChange { record: record_id(1), status }])
}

/// N044, N051: which department answers for a type of data is decided by the members together, and who decided, and when, stands on the
/// ledger; when another department takes over, the decisions before stay, and so does who answers for what was attested under them.
#[test]
fn who_is_responsible_is_decided_together_and_its_whole_history_stays() {
    let mut ledger = Ledger::governed(4);
    let first = ledger.approved(accredit("civil"));
    assert_eq!(ledger.enact(first), Outcome::Applied);
    ledger.applied(civil(), CIVIL, Body::RecordAttestations(vec![attestation(1, "civil", LICENCE)]));
    let attested_at = ledger.height;
    ledger.decided(Change::WithdrawAccreditation(LICENCE.to_owned()));
    let second = ledger.approved(accredit("police"));
    assert_eq!(ledger.enact(second), Outcome::Applied);

    let (cell, now) = ledger.record::<AccreditationRecord>(&Subject::Accreditation(LICENCE.to_owned())).unwrap();
    assert_eq!((now.authority.as_str(), cell.version), ("police", 3), "accredited, withdrawn, accredited");
    for (proposal, change) in [(first, accredit("civil")), (second, accredit("police"))] {
        let (_, decision) = ledger.record::<ProposalRecord>(&Subject::Proposal(proposal)).unwrap();
        assert_eq!((decision.proposer.as_str(), &decision.change), ("m0", &change));
        let ballots: Vec<_> = decision.ballots.iter().map(|ballot| (ballot.authority.to_string(), ballot.approve)).collect();
        assert_eq!(ballots, [("m0".to_owned(), true), ("m1".to_owned(), true), ("m2".to_owned(), true)]);
        assert!(decision.ballots.is_sorted_by_key(|ballot| ballot.height), "each with its block");
        assert!(matches!(decision.stage, Stage::Enacted { .. }));
    }
    // What was attested before stays the first department's to answer for.
    assert_eq!(ledger.refused(police(), POLICE, set(AttestationStatus::Revoked)), Refusal::NotOwner);
    ledger.applied(civil(), CIVIL, set(AttestationStatus::Suspended));
    let (cell, record) = ledger.record::<AttestationRecord>(&Subject::Attestation(record_id(1))).unwrap();
    assert_eq!(record, attestation(1, "civil", LICENCE).record);
    assert_eq!((cell.created_height, cell.updated_height), (attested_at, ledger.height));
}

/// N044: an owner is never changed by what is done with the thing: not of an identity, not of a website, not of an attestation; and nobody
/// else can act on it.
#[test]
fn an_owner_stays_the_owner_whatever_is_done() {
    let mut ledger = Ledger::governed(4);
    let id = ledger.identity(2);
    ledger.applied(tax(), TAX, Body::RegisterParty(party("portal", 'a')));
    ledger.applied(police(), POLICE, Body::RecordAttestations(vec![attestation(1, "police", RESIDENT)]));
    ledger.decided(Change::AllowSponsoring { authority: "police".parse().unwrap(), allowed: true });
    ledger.decided(Change::AdmitAuthority(authority("health", 90)));

    let portal_id = "portal".parse().unwrap();
    let purposes = |id: &str| Body::SetPurposes { party: portal_id, purposes: vec![purpose(id)] };
    ledger.applied(device(id, 2), 2, Body::AddDevice(public(3)));
    ledger.applied(device(id, 3), 3, Body::RemoveDevice(public(2)));
    ledger.applied(tax(), TAX, purposes("refund"));
    ledger.applied(police(), POLICE, set(AttestationStatus::Suspended));
    for (sender, key) in [(police(), POLICE), (from("health", 90), 90), (civil(), CIVIL)] {
        assert!(matches!(ledger.refused(sender, key, purposes("other")), Refusal::NotOwner | Refusal::MayNotSponsor));
    }
    for (sender, key) in [(tax(), TAX), (from("health", 90), 90), (civil(), CIVIL)] {
        assert_eq!(ledger.refused(sender, key, set(AttestationStatus::Active)), Refusal::NotOwner);
    }
    let (_, identity) = ledger.record::<IdentityRecord>(&Subject::Identity(id)).unwrap();
    assert_eq!(identity.inception, inception(2));
    let (_, party) = ledger.record::<PartyRecord>(&Subject::Party(portal_id)).unwrap();
    assert_eq!(party.sponsor.as_str(), "tax");
    let (_, attested) = ledger.record::<AttestationRecord>(&Subject::Attestation(record_id(1))).unwrap();
    assert_eq!(attested.issuer.as_str(), "police");
}
