//! Validators and observers: who is of the next epoch's set. A consensus key is proven by its holder, and never returns once it is retired.

use identity::{PublicKey, Signature};
use ledger::cell::Subject;
use ledger::genesis::Validator;
use ledger::governance::{Admission, ValidatorSet};
use ledger::receipt::Refusal;

use super::Scene;
use super::authorities;
use crate::governance::{RETIRED, consensus_key, key_record};
use crate::stop::Stop;
use crate::view::Put;

pub(super) fn admit_validator(scene: &Scene<'_>, validator: &Validator, proof: &Signature) -> Result<Vec<Put>, Stop> {
    let mut set = scene.set.clone();
    // The observer that becomes a validator makes room for itself.
    set.observers.retain(|observer| {
        (&observer.name, observer.authority, observer.key) != (&validator.name, validator.authority, validator.key)
    });
    check_newcomer(scene, &set, validator, proof)?;
    set.validators.push(validator.clone());
    let set = ValidatorSet::new(set.validators, set.observers);
    scene.check_set(&set)?;
    scene.check_placement(&set)?;
    Ok(vec![Put::new(&Subject::Validators, &set), Put::new(&consensus_key(&validator.key), &key_record(validator))])
}

pub(super) fn remove_validator(scene: &Scene<'_>, name: &str) -> Result<Vec<Put>, Stop> {
    let (set, puts) = without_validator(&scene.set, name)?;
    scene.check_set(&set)?;
    scene.check_placement(&set)?;
    Ok(puts)
}

/// The set without one validator, whose key is retired, and what is put for that.
pub(super) fn without_validator(set: &ValidatorSet, name: &str) -> Result<(ValidatorSet, Vec<Put>), Refusal> {
    let gone = set.validators.iter().find(|validator| validator.name == name).ok_or(Refusal::NotFound)?;
    let left: Vec<Validator> = set.validators.iter().filter(|validator| validator.name != name).cloned().collect();
    if left.is_empty() {
        return Err(Refusal::LastValidator);
    }
    let after = ValidatorSet::new(left, set.observers.clone());
    let puts = vec![Put::new(&Subject::Validators, &after), retire(gone)];
    Ok((after, puts))
}

fn retire(validator: &Validator) -> Put {
    Put::new(&consensus_key(&validator.key), &key_record(validator)).with_status(RETIRED)
}

pub(super) fn rotate_key(scene: &Scene<'_>, name: &str, key: &PublicKey, proof: &Signature) -> Result<Vec<Put>, Stop> {
    let old = scene.set.validators.iter().find(|validator| validator.name == name).ok_or(Refusal::NotFound)?;
    let new = Validator { key: *key, ..old.clone() };
    check_key(scene, &scene.set, &new, proof)?;
    let others = scene.set.validators.iter().filter(|validator| validator.name != name).cloned();
    let set = ValidatorSet::new(others.chain([new.clone()]).collect(), scene.set.observers.clone());
    scene.check_set(&set)?;
    Ok(vec![Put::new(&Subject::Validators, &set), retire(old), Put::new(&consensus_key(key), &key_record(&new))])
}

pub(super) fn admit_observer(scene: &Scene<'_>, observer: &Validator, proof: &Signature) -> Result<Vec<Put>, Stop> {
    check_newcomer(scene, &scene.set, observer, proof)?;
    let observers = scene.set.observers.iter().chain([observer]).cloned().collect();
    let set = ValidatorSet::new(scene.set.validators.clone(), observers);
    scene.check_set(&set)?;
    Ok(vec![Put::new(&Subject::Validators, &set)])
}

pub(super) fn remove_observer(scene: &Scene<'_>, name: &str) -> Result<Vec<Put>, Stop> {
    Ok(vec![without_observer(&scene.set, name)?])
}

pub(super) fn without_observer(set: &ValidatorSet, name: &str) -> Result<Put, Refusal> {
    let left: Vec<Validator> = set.observers.iter().filter(|observer| observer.name != name).cloned().collect();
    if left.len() == set.observers.len() {
        return Err(Refusal::NotFound);
    }
    Ok(Put::new(&Subject::Validators, &ValidatorSet::new(set.validators.clone(), left)))
}

/// The authority exists and is not suspended, the name is free, and the key is the newcomer's and fresh.
fn check_newcomer(scene: &Scene<'_>, set: &ValidatorSet, member: &Validator, proof: &Signature) -> Result<(), Stop> {
    authorities::in_force(scene, member.authority)?;
    if set.validators.iter().chain(&set.observers).any(|other| other.name == member.name) {
        return Err(Refusal::AlreadyExists.into());
    }
    check_key(scene, set, member, proof)
}

fn check_key(scene: &Scene<'_>, set: &ValidatorSet, member: &Validator, proof: &Signature) -> Result<(), Stop> {
    let in_set = set.validators.iter().chain(&set.observers).any(|other| other.key == member.key);
    if in_set || scene.view.has(&consensus_key(&member.key))? {
        return Err(Refusal::KeyUsed.into());
    }
    let admission = Admission { genesis: scene.context.genesis, name: member.name.clone(), authority: member.authority };
    admission.verify(&member.key, proof).map_err(|_| Refusal::KeyNotProven.into())
}
