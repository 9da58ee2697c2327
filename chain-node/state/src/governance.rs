//! What the kinds of governance share: the parameters and the set in the state, who votes, and who is accredited.

use identity::PublicKey;
use ledger::cell::Subject;
use ledger::genesis::Validator;
use ledger::governance::{
    AccreditationRecord, AccreditationStatus, ConsensusKeyRecord, Parameters, ProposalRecord, Stage, ValidatorSet,
};
use ledger::receipt::Refusal;
use ledger::records::{AuthorityId, AuthorityRecord};

use crate::senders::SUSPENDED;
use crate::stop::Stop;
use crate::view::View;

/// A consensus key's cell status once the key is retired.
pub(crate) const RETIRED: u8 = 1;

/// The parameters in force. A ledger without them is not governed.
pub(crate) fn parameters(view: &View) -> Result<Parameters, Stop> {
    let found = view.record(&Subject::Parameters)?;
    found.map(|(_, parameters)| parameters).ok_or(Refusal::NotGoverned.into())
}

/// The validators and observers of the next epoch, as of now.
pub(crate) fn set(view: &View) -> Result<ValidatorSet, Stop> {
    let found = view.record(&Subject::Validators)?;
    found.map(|(_, set)| set).ok_or(Refusal::NotGoverned.into())
}

/// Where a consensus key stands. An Ed25519 key has 32 bytes; a key of another algorithm, which every bound refuses, has no place of its own.
pub(crate) fn consensus_key(key: &PublicKey) -> Subject {
    Subject::ConsensusKey(key.as_bytes().try_into().unwrap_or_default())
}

/// What stands there.
pub(crate) fn key_record(validator: &Validator) -> ConsensusKeyRecord {
    ConsensusKeyRecord { validator: validator.name.clone(), authority: validator.authority }
}

/// How far a proposal is after its last ballot. Ballots of authorities that run no validator any more do not count.
pub(crate) fn tally(proposal: &ProposalRecord, parameters: &Parameters, set: &ValidatorSet, height: u64) -> Stage {
    let voters = set.voters();
    let ballots = |approve| {
        let counted = proposal.ballots.iter().filter(|ballot| ballot.approve == approve && voters.contains(&ballot.authority));
        counted.count()
    };
    let needed = parameters.approval.needed(voters.len());
    if ballots(true) >= needed {
        Stage::Approved { height }
    } else if voters.len().saturating_sub(ballots(false)) < needed {
        Stage::Rejected { height }
    } else {
        Stage::Open
    }
}

/// Refuses a configuration in which the voters that are not suspended are too few to approve anything, among them the vote that would
/// mend it. `suspended` is about to be.
pub(crate) fn check_voters(
    view: &View,
    parameters: &Parameters,
    set: &ValidatorSet,
    suspended: Option<AuthorityId>,
) -> Result<(), Stop> {
    let voters = set.voters();
    let subject = |voter: &AuthorityId| Subject::Authority(*voter);
    view.require(voters.iter().map(|voter| subject(voter).key()))?;
    let mut able = 0_usize;
    for voter in &voters {
        let cell = view.get(&subject(voter).key())?.map(|(cell, _)| *cell);
        if cell.is_some_and(|cell| cell.status != SUSPENDED) && Some(*voter) != suspended {
            able = able.saturating_add(1);
        }
    }
    if parameters.approval.reached(able, voters.len()) { Ok(()) } else { Err(Refusal::BadConfiguration.into()) }
}

/// Checks that the authority may attest this type now. Where the ledger is not governed, the authority's record says so; else the type's
/// accreditation.
pub(crate) fn check_accredited(view: &View, authority: &AuthorityRecord, attestation_type: &str) -> Result<(), Stop> {
    let subject = Subject::Accreditation(attestation_type.to_owned());
    let accredited = match view.record::<AccreditationRecord>(&subject)? {
        None => authority.accredited_types.iter().any(|name| name == attestation_type),
        Some((_, record)) if record.authority != authority.id => false,
        Some((cell, _)) if cell.status == AccreditationStatus::Suspended as u8 => return Err(Refusal::Suspended.into()),
        Some((cell, _)) => cell.status == AccreditationStatus::InForce as u8,
    };
    if accredited { Ok(()) } else { Err(Refusal::NotAccredited.into()) }
}
