//! Vote: a voter casts its one ballot while the proposal is open. The ballot that decides closes it.

use ledger::cell::Subject;
use ledger::governance::{Ballot, ProposalId, ProposalRecord, Stage};
use ledger::receipt::Refusal;

use crate::changes::Scene;
use crate::governance::tally;
use crate::senders::Authenticated;
use crate::stop::Stop;
use crate::view::Put;

pub(super) fn decide(scene: &Scene<'_>, sender: &Authenticated, id: ProposalId, approve: bool) -> Result<Vec<Put>, Stop> {
    let authority = sender.authority()?.id;
    if !scene.set.voters().contains(&authority) {
        return Err(Refusal::NotAVoter.into());
    }
    let subject = Subject::Proposal(id);
    let (_, mut record) = scene.view.record::<ProposalRecord>(&subject)?.ok_or(Refusal::NotFound)?;
    let height = scene.context.height;
    if record.stage != Stage::Open || record.expired(height, &scene.parameters) {
        return Err(Refusal::ProposalClosed.into());
    }
    if record.ballots.iter().any(|ballot| ballot.authority == authority) {
        return Err(Refusal::AlreadyVoted.into());
    }
    record.ballots.push(Ballot { authority, approve, height });
    record.stage = tally(&record, &scene.parameters, &scene.set, height);
    Ok(vec![Put::new(&subject, &record)])
}
