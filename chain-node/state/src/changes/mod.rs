//! What a change does to the ledger as it stands, or why it cannot be: asked when it is proposed and again when it is enacted, so that a
//! configuration that does not work never takes effect.

mod accreditations;
mod authorities;
mod members;

use ledger::cell::Subject;
use ledger::governance::{Change, Parameters, Placement, ValidatorSet};
use ledger::receipt::Refusal;

use crate::BlockContext;
use crate::governance::{self, consensus_key};
use crate::stop::Stop;
use crate::view::{Put, View};

/// The ledger that a change meets.
pub(crate) struct Scene<'a> {
    pub(crate) view: &'a View,
    pub(crate) context: &'a BlockContext,
    pub(crate) parameters: Parameters,
    pub(crate) set: ValidatorSet,
}

impl<'a> Scene<'a> {
    /// Reads what every change is checked against.
    pub(crate) fn read(view: &'a View, context: &'a BlockContext) -> Result<Self, Stop> {
        Ok(Self { view, context, parameters: governance::parameters(view)?, set: governance::set(view)? })
    }

    /// Checks a set that would be the next epoch's.
    fn check_set(&self, set: &ValidatorSet) -> Result<(), Stop> {
        set.check().map_err(|_| Refusal::BadConfiguration)?;
        governance::check_voters(self.view, &self.parameters, set, None)
    }

    /// Checks where the validators of a set are.
    fn check_placement(&self, set: &ValidatorSet) -> Result<(), Refusal> {
        match self.parameters.placement {
            Placement::Advisory => Ok(()),
            Placement::Enforced => set.placement().map_err(|_| Refusal::PlacementBroken),
        }
    }
}

/// The subjects that a change reads or writes, as far as the change alone says; the rest is found on the way.
pub(crate) fn subjects(change: &Change) -> Vec<Subject> {
    match change {
        Change::AdmitValidator { validator: member, proof: _ } | Change::AdmitObserver { observer: member, proof: _ } => {
            vec![Subject::Authority(member.authority), consensus_key(&member.key)]
        }
        Change::RotateValidatorKey { name: _, key, proof: _ } => vec![consensus_key(key)],
        Change::RemoveValidator { name: _ } | Change::RemoveObserver { name: _ } | Change::SetParameters(_) => Vec::new(),
        Change::AdmitAuthority(record) => vec![Subject::Authority(record.id)],
        Change::ReplaceAuthorityKeys { authority, .. }
        | Change::SuspendAuthority(authority)
        | Change::RestoreAuthority(authority)
        | Change::AllowSponsoring { authority, allowed: _ } => vec![Subject::Authority(*authority)],
        Change::Accredit { authority, attestation_type } => {
            vec![Subject::Authority(*authority), Subject::Accreditation(attestation_type.clone())]
        }
        Change::SuspendAccreditation(name) | Change::RestoreAccreditation(name) | Change::WithdrawAccreditation(name) => {
            vec![Subject::Accreditation(name.clone())]
        }
    }
}

/// What the change puts.
pub(crate) fn effects(scene: &Scene<'_>, change: &Change) -> Result<Vec<Put>, Stop> {
    let puts = match change {
        Change::AdmitValidator { validator, proof } => members::admit_validator(scene, validator, proof),
        Change::RemoveValidator { name } => members::remove_validator(scene, name),
        Change::RotateValidatorKey { name, key, proof } => members::rotate_key(scene, name, key, proof),
        Change::AdmitObserver { observer, proof } => members::admit_observer(scene, observer, proof),
        Change::RemoveObserver { name } => members::remove_observer(scene, name),
        Change::AdmitAuthority(record) => authorities::admit(scene, record),
        Change::ReplaceAuthorityKeys { authority, ledger_keys, credential_keys } => {
            authorities::replace_keys(scene, *authority, ledger_keys, credential_keys)
        }
        Change::SuspendAuthority(authority) => authorities::suspend(scene, *authority),
        Change::RestoreAuthority(authority) => authorities::restore(scene, *authority),
        Change::AllowSponsoring { authority, allowed } => authorities::allow_sponsoring(scene, *authority, *allowed),
        Change::Accredit { authority, attestation_type } => accreditations::accredit(scene, *authority, attestation_type),
        Change::SuspendAccreditation(name) => accreditations::suspend(scene, name),
        Change::RestoreAccreditation(name) => accreditations::restore(scene, name),
        Change::WithdrawAccreditation(name) => accreditations::withdraw(scene, name),
        Change::SetParameters(parameters) => set_parameters(scene, parameters),
    }?;
    // A record that grew beyond its bound could not be proven to anybody.
    if puts.iter().all(Put::fits) { Ok(puts) } else { Err(Refusal::BadConfiguration.into()) }
}

fn set_parameters(scene: &Scene<'_>, parameters: &Parameters) -> Result<Vec<Put>, Stop> {
    if *parameters == scene.parameters || parameters.check().is_err() {
        return Err(Refusal::BadConfiguration.into());
    }
    let after = Scene { view: scene.view, context: scene.context, parameters: parameters.clone(), set: scene.set.clone() };
    after.check_placement(&after.set)?;
    governance::check_voters(scene.view, parameters, &scene.set, None)?;
    Ok(vec![Put::new(&Subject::Parameters, parameters)])
}

/// What a validator or observer of the set puts by leaving it.
pub(crate) fn leave(set: &ValidatorSet, name: &str) -> Result<Vec<Put>, Refusal> {
    if set.observers.iter().any(|observer| observer.name == name) {
        return Ok(vec![members::without_observer(set, name)?]);
    }
    members::without_validator(set, name).map(|(_, puts)| puts)
}
