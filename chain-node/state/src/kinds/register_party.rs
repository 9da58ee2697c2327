//! RegisterParty: an authority that may sponsor answers for a website or counter. Neither its id nor its client identifier was taken.

use ledger::cell::Subject;
use ledger::receipt::Refusal;
use ledger::records::PartyRecord;

use crate::senders::Authenticated;
use crate::view::{Change, View};

pub(super) fn decide(view: &View, sender: &Authenticated, record: &PartyRecord) -> Result<Vec<Change>, Refusal> {
    let authority = sender.authority()?;
    if record.sponsor != authority.id {
        return Err(Refusal::NotOwner);
    }
    if !authority.may_sponsor {
        return Err(Refusal::MayNotSponsor);
    }
    let party = Subject::Party(record.id);
    let client = Subject::Client(record.client_id.clone());
    if view.has(&party) || view.has(&client) {
        return Err(Refusal::AlreadyExists);
    }
    Ok(vec![Change::new(&party, record), Change::new(&client, &record.id)])
}
