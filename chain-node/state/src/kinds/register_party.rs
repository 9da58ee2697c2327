//! RegisterParty: an authority that may sponsor answers for a website or counter. Neither its id nor its client identifier was taken.

use ledger::cell::Subject;
use ledger::receipt::Refusal;
use ledger::records::PartyRecord;

use crate::senders::Authenticated;
use crate::stop::Stop;
use crate::view::{Put, View};

pub(super) fn decide(view: &View, sender: &Authenticated, record: &PartyRecord) -> Result<Vec<Put>, Stop> {
    let authority = sender.authority()?;
    if record.sponsor != authority.id {
        return Err(Refusal::NotOwner.into());
    }
    if !authority.may_sponsor {
        return Err(Refusal::MayNotSponsor.into());
    }
    let party = Subject::Party(record.id);
    let client = Subject::Client(record.client_id.clone());
    if view.has(&party)? || view.has(&client)? {
        return Err(Refusal::AlreadyExists.into());
    }
    Ok(vec![Put::new(&party, record), Put::new(&client, &record.id)])
}
