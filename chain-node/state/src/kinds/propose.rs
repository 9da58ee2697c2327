//! Propose: a voter proposes a change that could take effect as the ledger stands, and votes for it.

use ledger::cell::Subject;
use ledger::governance::{Ballot, Change, ProposalId, ProposalRecord, Stage};
use ledger::receipt::Refusal;

use crate::changes::{self, Scene};
use crate::governance::tally;
use crate::senders::Authenticated;
use crate::stop::Stop;
use crate::view::Put;

pub(super) fn decide(scene: &Scene<'_>, sender: &Authenticated, id: ProposalId, change: &Change) -> Result<Vec<Put>, Stop> {
    let authority = sender.authority()?.id;
    if !scene.set.voters().contains(&authority) {
        return Err(Refusal::NotAVoter.into());
    }
    changes::effects(scene, change)?;
    let height = scene.context.height;
    let mut record = ProposalRecord {
        proposer: authority,
        change: change.clone(),
        proposed_at: height,
        ballots: vec![Ballot { authority, approve: true, height }],
        stage: Stage::Open,
    };
    record.stage = tally(&record, &scene.parameters, &scene.set, height);
    Ok(vec![Put::new(&Subject::Proposal(id), &record)])
}
