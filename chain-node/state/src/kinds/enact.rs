//! Enact: any authority puts an approved proposal into effect after its notice, if the change still fits the ledger as it stands then.

use ledger::cell::Subject;
use ledger::governance::{ProposalId, ProposalRecord, Stage};
use ledger::receipt::Refusal;

use crate::changes::{self, Scene};
use crate::senders::Authenticated;
use crate::stop::Stop;
use crate::view::Put;

pub(super) fn decide(scene: &Scene<'_>, sender: &Authenticated, id: ProposalId) -> Result<Vec<Put>, Stop> {
    sender.authority()?;
    let subject = Subject::Proposal(id);
    let (_, record) = scene.view.record::<ProposalRecord>(&subject)?.ok_or(Refusal::NotFound)?;
    let (first, last) = record.enactment(&scene.parameters).ok_or(Refusal::ProposalClosed)?;
    let height = scene.context.height;
    if height < first {
        return Err(Refusal::NoticeNotOver.into());
    }
    if height > last {
        return Err(Refusal::ProposalClosed.into());
    }
    let mut puts = changes::effects(scene, &record.change)?;
    puts.push(Put::new(&subject, &ProposalRecord { stage: Stage::Enacted { height }, ..record }));
    Ok(puts)
}
