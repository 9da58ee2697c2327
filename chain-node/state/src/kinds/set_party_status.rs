//! SetPartyStatus: the sponsor of a party suspends it, or restores it while it may sponsor.

use ledger::cell::Subject;
use ledger::receipt::Refusal;
use ledger::records::{PartyId, PartyRecord};

use crate::senders::{Authenticated, SUSPENDED};
use crate::stop::Stop;
use crate::view::{Put, View};

pub(super) fn decide(view: &View, sender: &Authenticated, party: PartyId, suspended: bool) -> Result<Vec<Put>, Stop> {
    let authority = sender.authority()?;
    let subject = Subject::Party(party);
    let (cell, record) = view.record::<PartyRecord>(&subject)?.ok_or(Refusal::NotFound)?;
    if record.sponsor != authority.id {
        return Err(Refusal::NotOwner.into());
    }
    match (suspended, cell.status == SUSPENDED) {
        (true, true) => Err(Refusal::Suspended.into()),
        (false, false) => Err(Refusal::BadConfiguration.into()),
        (false, true) if !authority.may_sponsor => Err(Refusal::MayNotSponsor.into()),
        (true, false) => Ok(vec![Put::new(&subject, &record).with_status(SUSPENDED)]),
        (false, true) => Ok(vec![Put::new(&subject, &record)]),
    }
}
