//! Validators, observers and authorities: who comes and goes, and what no vote can bring about.

use identity::SecretKey;
use identity::keys::Algorithm;
use ledger::cell::Subject;
use ledger::genesis::Validator;
use ledger::governance::{Change, Parameters, Placement};
use ledger::limits::MAX_VALIDATORS;
use ledger::receipt::{Outcome, Refusal};
use ledger::records::AuthorityRecord;
use ledger::transaction::Body;

use crate::city::*;
use crate::ledger_in_memory::*;

fn names(ledger: &Ledger) -> Vec<String> {
    ledger.set().validators.into_iter().map(|validator| validator.name).collect()
}

fn key_status(ledger: &Ledger, i: u8) -> Option<u8> {
    ledger.cells.get(&Subject::ConsensusKey(consensus_bytes(i)).key()).map(|(cell, _)| cell.status)
}

/// N053: the members admit a validator together; the set of the next epoch has it.
#[test]
fn validators_are_admitted_and_removed_by_the_members() {
    let mut ledger = Ledger::governed(4);
    let change = admit(&ledger, 9, 1, "c9");
    ledger.decided(change);
    assert_eq!(names(&ledger), ["v0", "v1", "v2", "v3", "v9"]);
    assert_eq!(key_status(&ledger, 9), Some(0));
    ledger.decided(Change::RemoveValidator { name: "v0".to_owned() });
    assert_eq!(names(&ledger), ["v1", "v2", "v3", "v9"]);
    assert_eq!(key_status(&ledger, 0), Some(1), "retired, and known for ever");
}

/// Nobody has a key admitted that it does not hold, or that stands for something else.
#[test]
fn a_consensus_key_must_sign_that_it_stands_for_this_validator_on_this_ledger() {
    let mut ledger = Ledger::governed(4);
    let good = validator(9, 1, "c9");
    let other_name = Validator { name: "v8".to_owned(), ..good.clone() };
    let other_authority = Validator { authority: "m2".parse().unwrap(), ..good.clone() };
    let elsewhere = Ledger::of(governed_genesis(5, parameters()));
    let proofs = [
        proof(&ledger, &good, 8),
        proof(&ledger, &other_name, 9),
        proof(&ledger, &other_authority, 9),
        proof(&elsewhere, &good, 9),
    ];
    for proof in proofs {
        let change = Change::AdmitValidator { validator: good.clone(), proof };
        assert_eq!(ledger.no_proposal(change), Refusal::KeyNotProven);
        let change = Change::AdmitObserver { observer: good.clone(), proof };
        assert_eq!(ledger.no_proposal(change), Refusal::KeyNotProven);
        let name = "v0".to_owned();
        assert_eq!(ledger.no_proposal(Change::RotateValidatorKey { name, key: good.key, proof }), Refusal::KeyNotProven);
    }
}

#[test]
fn a_validator_that_does_not_fit_the_ledger_is_not_even_proposed() {
    let mut ledger = Ledger::governed(4);
    let p256 = SecretKey::from_bytes(Algorithm::P256, &[7; 32]).unwrap().public_key();
    let mut changed = |change: fn(&mut Validator, identity::PublicKey)| {
        let mut validator = validator(9, 1, "c9");
        change(&mut validator, p256);
        let proof = proof(&ledger, &validator, 9);
        ledger.no_proposal(Change::AdmitValidator { validator, proof })
    };
    assert_eq!(changed(|v, _| v.name = "v0".to_owned()), Refusal::AlreadyExists);
    assert_eq!(changed(|v, _| v.authority = "nobody".parse().unwrap()), Refusal::NotFound);
    assert_eq!(changed(|v, p256| v.key = p256), Refusal::Malformed);
    assert_eq!(changed(|v, _| v.name = String::new()), Refusal::Malformed);
    assert_eq!(changed(|v, _| v.cluster = "a\nb".to_owned()), Refusal::Malformed);
    assert_eq!(changed(|v, _| v.address = Some("10.0.0.1".to_owned())), Refusal::Malformed);
    assert_eq!(changed(|v, _| v.address = Some("10.0.0.1:0".to_owned())), Refusal::Malformed);
    let mut taken = validator(0, 1, "c9");
    taken.name = "another".to_owned();
    let proof = proof(&ledger, &taken, 0);
    assert_eq!(ledger.no_proposal(Change::AdmitValidator { validator: taken, proof }), Refusal::KeyUsed);
}

/// X008, I037: a change that fitted when it was proposed and no longer does is refused when it would take effect.
#[test]
fn what_no_longer_fits_when_it_is_enacted_changes_nothing() {
    let mut ledger = Ledger::governed(4);
    let change = admit(&ledger, 9, 1, "c9");
    let first = ledger.approved(change.clone());
    let second = ledger.approved(change);
    assert_eq!(ledger.enact(first), Outcome::Applied);
    let set = ledger.set();
    assert_eq!(ledger.refused(member(0), member_key(0), Body::Enact { proposal: second }), Refusal::AlreadyExists);
    assert_eq!(ledger.set(), set);
    // Its authority is suspended between the vote and the enactment.
    let late = ledger.approved(admit(&ledger, 10, 3, "c"));
    ledger.decided(Change::SuspendAuthority("m3".parse().unwrap()));
    assert_eq!(ledger.refused(member(0), member_key(0), Body::Enact { proposal: late }), Refusal::Suspended);
}

/// N054, Hazard-16: a member goes when it likes; who it was stays known, and its key never comes back.
#[test]
fn a_member_leaves_without_asking_and_its_key_never_returns() {
    let mut ledger = Ledger::governed(2);
    let leave = |name: &str| Body::Leave { validator: name.to_owned() };
    assert_eq!(ledger.refused(member(0), member_key(0), leave("v1")), Refusal::NotOwner);
    assert_eq!(ledger.refused(member(0), member_key(0), leave("v9")), Refusal::NotFound);
    ledger.applied(member(1), member_key(1), leave("v1"));
    assert_eq!(names(&ledger), ["v0"]);
    assert_eq!(key_status(&ledger, 1), Some(1));
    let cell = ledger.cell(&Subject::ConsensusKey(consensus_bytes(1)));
    assert_eq!((cell.created_height, cell.updated_height), (0, ledger.height), "since when, and until when");
    assert_eq!(ledger.refused(member(0), member_key(0), leave("v0")), Refusal::LastValidator);
    let again = admit(&ledger, 1, 1, "c1");
    assert_eq!(ledger.no_proposal(again), Refusal::KeyUsed);
    // With another key it may come back.
    let fresh = Validator { key: public_of(7), ..validator(1, 1, "c1") };
    let proof = proof(&ledger, &fresh, 7);
    ledger.decided(Change::AdmitValidator { validator: fresh, proof });
    assert_eq!(names(&ledger), ["v0", "v1"]);
}

#[test]
fn a_validators_key_is_rotated_and_the_old_one_is_retired() {
    let mut ledger = Ledger::governed(4);
    let rotate = |ledger: &Ledger, key: u8| Change::RotateValidatorKey {
        name: "v2".to_owned(),
        key: public_of(key),
        proof: proof(ledger, &validator(2, 2, "c2"), key),
    };
    let change = rotate(&ledger, 12);
    ledger.decided(change);
    let set = ledger.set();
    assert_eq!(set.validators[2], Validator { key: public_of(12), ..validator(2, 2, "c2") });
    assert_eq!((key_status(&ledger, 2), key_status(&ledger, 12)), (Some(1), Some(0)));
    let back = rotate(&ledger, 2);
    assert_eq!(ledger.no_proposal(back), Refusal::KeyUsed);
    let same = rotate(&ledger, 12);
    assert_eq!(ledger.no_proposal(same), Refusal::KeyUsed);
    let unknown = Change::RotateValidatorKey {
        name: "v9".to_owned(),
        key: public_of(13),
        proof: proof(&ledger, &validator(9, 1, "c"), 13),
    };
    assert_eq!(ledger.no_proposal(unknown), Refusal::NotFound);
}

#[test]
fn an_observer_follows_without_a_vote_and_may_become_a_validator_or_leave() {
    let mut ledger = Ledger::governed(4);
    for i in [8, 9] {
        let observer = Validator { authority: "police".parse().unwrap(), ..validator(i, 0, "cloud") };
        let proof = proof(&ledger, &observer, i);
        ledger.decided(Change::AdmitObserver { observer, proof });
    }
    assert_eq!(ledger.set().observers.len(), 2);
    let no_vote = Body::Propose(Change::RemoveObserver { name: "v9".to_owned() });
    assert_eq!(ledger.refused(police(), POLICE, no_vote), Refusal::NotAVoter);
    // Another authority cannot take the observer's name or key for a validator.
    let taken = admit(&ledger, 9, 1, "cloud");
    assert_eq!(ledger.no_proposal(taken), Refusal::AlreadyExists);
    let promoted = Validator { authority: "police".parse().unwrap(), ..validator(9, 0, "cloud") };
    let proof = proof(&ledger, &promoted, 9);
    ledger.decided(Change::AdmitValidator { validator: promoted.clone(), proof });
    assert_eq!((ledger.set().observers.len(), ledger.set().validators.len()), (1, 5));
    assert_eq!(ledger.set().voters().len(), 5, "now its authority votes");
    ledger.applied(police(), POLICE, Body::Leave { validator: "v8".to_owned() });
    assert_eq!(ledger.set().observers, []);
    assert_eq!(ledger.no_proposal(Change::RemoveObserver { name: "v8".to_owned() }), Refusal::NotFound);
}

/// X008, X022: no change by vote puts more validators into a cluster than may fail together.
#[test]
fn where_placement_is_enforced_no_cluster_holds_more_than_may_fail() {
    let mut file = governed_genesis(7, Parameters { placement: Placement::Enforced, ..parameters() });
    for (validator, cluster) in file.validators.iter_mut().zip(["a", "a", "b", "b", "c", "c", "w"]) {
        validator.cluster = cluster.to_owned();
    }
    let mut ledger = Ledger::of(file.clone());
    let third = admit(&ledger, 9, 1, "a");
    assert_eq!(ledger.no_proposal(third), Refusal::PlacementBroken);
    let fits = admit(&ledger, 9, 1, "w");
    ledger.decided(fits);
    // Eight tolerate two; without two of them six tolerate one.
    ledger.decided(Change::RemoveValidator { name: "v6".to_owned() });
    assert_eq!(ledger.no_proposal(Change::RemoveValidator { name: "v9".to_owned() }), Refusal::PlacementBroken);
    // An actor leaves freely all the same.
    ledger.applied(member(1), member_key(1), Body::Leave { validator: "v9".to_owned() });
    file.validators[6].cluster = "a".to_owned();
    assert!(file.check().is_err(), "a genesis is held to it, too");
}

#[test]
fn a_set_does_not_grow_beyond_its_bound() {
    let mut ledger = Ledger::governed(2);
    let mut set = ledger.set();
    let many = u8::try_from(MAX_VALIDATORS).unwrap();
    set.observers = (2..many).map(|i| validator(i, 0, "c")).collect();
    set.observers.sort_by(|one, other| one.name.cmp(&other.name));
    assert!(set.check().is_ok());
    let more = validator(many, 0, "c");
    set.observers.push(more);
    set.observers.sort_by(|one, other| one.name.cmp(&other.name));
    assert!(set.check().is_err());
    let unsorted =
        ledger::governance::ValidatorSet { validators: ledger.set().validators.into_iter().rev().collect(), observers: vec![] };
    assert!(unsorted.check().is_err());
    assert_eq!(ledger.no_proposal(Change::RemoveValidator { name: "v7".to_owned() }), Refusal::NotFound);
}

/// Z014: an authority's account on the ledger is created, suspended and restored; while it is suspended nothing that it signs counts.
#[test]
fn an_authority_is_admitted_suspended_and_restored() {
    let mut ledger = Ledger::governed(4);
    ledger.decided(Change::AdmitAuthority(authority("health", 90)));
    let receipts = |id| Body::RecordReceipts(vec![new_receipt(id)]);
    ledger.applied(from("health", 90), 90, receipts(1));
    assert_eq!(ledger.no_proposal(Change::AdmitAuthority(authority("health", 91))), Refusal::AlreadyExists);
    let accredited = AuthorityRecord { accredited_types: vec!["x".to_owned()], ..authority("other", 91) };
    assert_eq!(ledger.no_proposal(Change::AdmitAuthority(accredited)), Refusal::Malformed);
    let health = "health".parse().unwrap();
    assert_eq!(ledger.no_proposal(Change::RestoreAuthority(health)), Refusal::BadConfiguration);
    ledger.decided(Change::SuspendAuthority(health));
    assert_eq!(ledger.refused(from("health", 90), 90, receipts(2)), Refusal::Suspended);
    assert_eq!(ledger.no_proposal(Change::SuspendAuthority(health)), Refusal::Suspended);
    // Its keys may be replaced meanwhile, and it stays suspended.
    let (ledger_keys, credential_keys) = (vec![public(92)], vec![public(93)]);
    ledger.decided(Change::ReplaceAuthorityKeys { authority: health, ledger_keys, credential_keys });
    assert_eq!(ledger.refused(from("health", 92), 92, receipts(2)), Refusal::Suspended);
    ledger.decided(Change::RestoreAuthority(health));
    ledger.applied(from("health", 92), 92, receipts(2));
    assert_eq!(ledger.refused(from("health", 90), 90, receipts(3)), Refusal::UnknownKey, "the old key is dead");
    assert_eq!(ledger.no_proposal(Change::SuspendAuthority("nobody".parse().unwrap())), Refusal::NotFound);
}

#[test]
fn an_authority_keeps_a_key_and_no_key_stands_twice() {
    let mut ledger = Ledger::governed(4);
    let authority = "police".parse().unwrap();
    for ledger_keys in [vec![], vec![public(9), public(9)]] {
        let change = Change::ReplaceAuthorityKeys { authority, ledger_keys, credential_keys: vec![] };
        assert_eq!(ledger.no_proposal(change), Refusal::Malformed);
    }
}

/// Nobody is suspended whose vote would be needed to decide anything at all: who would restore it?
#[test]
fn the_members_cannot_suspend_so_many_that_nothing_can_be_decided() {
    let mut ledger = Ledger::governed(3);
    ledger.decided(Change::SuspendAuthority("m2".parse().unwrap()));
    assert_eq!(ledger.no_proposal(Change::SuspendAuthority("m1".parse().unwrap())), Refusal::BadConfiguration);
    let all = Parameters { approval: ledger::governance::Fraction { numerator: 1, denominator: 1 }, ..parameters() };
    assert_eq!(ledger.no_proposal(Change::SetParameters(all)), Refusal::BadConfiguration);
    assert_eq!(ledger.no_proposal(Change::RemoveValidator { name: "v1".to_owned() }), Refusal::BadConfiguration);
    ledger.decided(Change::RemoveValidator { name: "v2".to_owned() });
    ledger.decided(Change::RestoreAuthority("m2".parse().unwrap()));
}

#[test]
fn sponsoring_is_allowed_and_forbidden_by_the_members() {
    let mut ledger = Ledger::governed(4);
    let allow = |allowed| Change::AllowSponsoring { authority: "tax".parse().unwrap(), allowed };
    assert_eq!(ledger.no_proposal(allow(true)), Refusal::BadConfiguration);
    ledger.applied(tax(), TAX, Body::RegisterParty(party("portal", 'a')));
    ledger.decided(allow(false));
    assert_eq!(ledger.refused(tax(), TAX, Body::RegisterParty(party("other", 'b'))), Refusal::MayNotSponsor);
    ledger.decided(allow(true));
    ledger.applied(tax(), TAX, Body::RegisterParty(party("other", 'b')));
}
