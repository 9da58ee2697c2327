//! AnchorAttributes: commitments to encrypted attributes, written once and never changed. Their time is the block's.

use ledger::cell::Subject;
use ledger::receipt::Refusal;
use ledger::transaction::Anchor;

use crate::view::{Change, View};

pub(super) fn decide(view: &View, anchors: &[Anchor]) -> Result<Vec<Change>, Refusal> {
    let create = |anchor: &Anchor| {
        let subject = Subject::Anchor(anchor.id);
        if view.has(&subject) { Err(Refusal::AlreadyExists) } else { Ok(Change::new(&subject, anchor)) }
    };
    anchors.iter().map(create).collect()
}
