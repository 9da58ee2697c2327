//! SetAttestationStatus: the authority that attested suspends, restores, revokes or supersedes. It needs no accreditation for that: an
//! authority that lost it must still be able to revoke. One bad entry refuses all.

use ledger::cell::Subject;
use ledger::receipt::Refusal;
use ledger::records::{AttestationRecord, AttestationStatus};
use ledger::transaction::StatusChange;

use crate::senders::Authenticated;
use crate::stop::Stop;
use crate::view::{Put, View};

/// Whether an attestation with this status byte may still change. Any other byte is one of the final ones.
pub(super) fn may_change(status: u8) -> bool {
    [AttestationStatus::Active, AttestationStatus::Suspended].iter().any(|open| *open as u8 == status)
}

pub(super) fn decide(view: &View, sender: &Authenticated, changes: &[StatusChange]) -> Result<Vec<Put>, Stop> {
    let authority = sender.authority()?;
    let set = |change: &StatusChange| -> Result<Put, Stop> {
        let subject = Subject::Attestation(change.record);
        let (cell, record) = view.record::<AttestationRecord>(&subject)?.ok_or(Refusal::NotFound)?;
        if record.issuer != authority.id {
            return Err(Refusal::NotOwner.into());
        }
        if !may_change(cell.status) {
            return Err(Refusal::StatusFinal.into());
        }
        Ok(Put::new(&subject, &record).with_status(change.status as u8))
    };
    changes.iter().map(set).collect()
}
