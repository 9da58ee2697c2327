//! AnchorAttributes: commitments to encrypted attributes, written once and never changed. Their time is the block's.

use ledger::cell::Subject;
use ledger::receipt::Refusal;
use ledger::transaction::Anchor;

use crate::stop::Stop;
use crate::view::{Put, View};

pub(super) fn decide(view: &View, anchors: &[Anchor]) -> Result<Vec<Put>, Stop> {
    let create = |anchor: &Anchor| -> Result<Put, Stop> {
        let subject = Subject::Anchor(anchor.id);
        if view.has(&subject)? { Err(Refusal::AlreadyExists.into()) } else { Ok(Put::new(&subject, anchor)) }
    };
    anchors.iter().map(create).collect()
}
