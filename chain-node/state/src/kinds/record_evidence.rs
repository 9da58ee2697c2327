//! RecordEvidence: two signatures of a validator that contradict each other are written down, once. What follows from it is for the
//! members to vote on.

use ledger::cell::Subject;
use ledger::evidence::Evidence;
use ledger::receipt::Refusal;

use crate::BlockContext;
use crate::governance;
use crate::stop::Stop;
use crate::view::{Put, View};

pub(super) fn decide(view: &View, context: &BlockContext, evidence: &Evidence) -> Result<Vec<Put>, Stop> {
    governance::parameters(view)?;
    let subject = Subject::Evidence(evidence.id());
    if view.has(&subject)? {
        return Err(Refusal::AlreadyExists.into());
    }
    // The key was a validator's at some time; one that never was has nothing to betray.
    if !view.has(&Subject::ConsensusKey(evidence.validator))? {
        return Err(Refusal::BadEvidence.into());
    }
    evidence.verify(&context.genesis).map_err(|_| Refusal::BadEvidence)?;
    Ok(vec![Put::new(&subject, evidence)])
}
