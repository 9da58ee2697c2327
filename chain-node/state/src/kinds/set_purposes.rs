//! SetPurposes: the sponsor of a party says what the party may ask for from now on.

use ledger::canonical;
use ledger::cell::Subject;
use ledger::limits::MAX_RECORD_BYTES;
use ledger::receipt::Refusal;
use ledger::records::{PartyId, PartyRecord, Purpose};

use crate::senders::Authenticated;
use crate::view::{Change, View};

pub(super) fn decide(view: &View, sender: &Authenticated, party: PartyId, purposes: &[Purpose]) -> Result<Vec<Change>, Refusal> {
    let authority = sender.authority()?;
    let subject = Subject::Party(party);
    let (_, record) = view.record::<PartyRecord>(&subject).ok_or(Refusal::NotFound)?;
    if record.sponsor != authority.id {
        return Err(Refusal::NotOwner);
    }
    if !authority.may_sponsor {
        return Err(Refusal::MayNotSponsor);
    }
    let record = PartyRecord { purposes: purposes.to_vec(), ..record };
    if canonical::encode(&record).len() > MAX_RECORD_BYTES {
        return Err(Refusal::Malformed);
    }
    Ok(vec![Change::new(&subject, &record)])
}
