//! Withdraw: whoever proposed takes the proposal back before it takes effect.

use ledger::cell::Subject;
use ledger::governance::{ProposalId, ProposalRecord, Stage};
use ledger::receipt::Refusal;

use crate::changes::Scene;
use crate::senders::Authenticated;
use crate::stop::Stop;
use crate::view::Put;

pub(super) fn decide(scene: &Scene<'_>, sender: &Authenticated, id: ProposalId) -> Result<Vec<Put>, Stop> {
    let subject = Subject::Proposal(id);
    let (_, record) = scene.view.record::<ProposalRecord>(&subject)?.ok_or(Refusal::NotFound)?;
    if record.proposer != sender.authority()?.id {
        return Err(Refusal::NotOwner.into());
    }
    match record.stage {
        Stage::Open | Stage::Approved { .. } => {}
        Stage::Rejected { .. } | Stage::Withdrawn { .. } | Stage::Enacted { .. } => return Err(Refusal::ProposalClosed.into()),
    }
    let stage = Stage::Withdrawn { height: scene.context.height };
    Ok(vec![Put::new(&subject, &ProposalRecord { stage, ..record })])
}
