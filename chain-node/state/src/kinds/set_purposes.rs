//! SetPurposes: the sponsor of a party says what the party may ask for from now on.

use ledger::canonical;
use ledger::cell::Subject;
use ledger::limits::MAX_RECORD_BYTES;
use ledger::receipt::Refusal;
use ledger::records::{PartyId, PartyRecord, Purpose};

use crate::senders::Authenticated;
use crate::stop::Stop;
use crate::view::{Put, View};

pub(super) fn decide(view: &View, sender: &Authenticated, party: PartyId, purposes: &[Purpose]) -> Result<Vec<Put>, Stop> {
    let authority = sender.authority()?;
    let subject = Subject::Party(party);
    let (cell, record) = view.record::<PartyRecord>(&subject)?.ok_or(Refusal::NotFound)?;
    if record.sponsor != authority.id {
        return Err(Refusal::NotOwner.into());
    }
    if !authority.may_sponsor {
        return Err(Refusal::MayNotSponsor.into());
    }
    let record = PartyRecord { purposes: purposes.to_vec(), ..record };
    if canonical::encode(&record).len() > MAX_RECORD_BYTES {
        return Err(Refusal::Malformed.into());
    }
    Ok(vec![Put::new(&subject, &record).with_status(cell.status)])
}
