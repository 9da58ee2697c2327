//! BreakLock: whoever knows the secret behind an attestation's hash lock ends the attestation. The key that signs says nothing.

use ledger::cell::Subject;
use ledger::receipt::Refusal;
use ledger::records::{AttestationRecord, AttestationStatus, RecordId};

use super::set_attestation_status::may_change;
use crate::stop::Stop;
use crate::view::{Put, View};

pub(super) fn decide(view: &View, id: RecordId, preimage: &[u8; 32]) -> Result<Vec<Put>, Stop> {
    let subject = Subject::Attestation(id);
    let (cell, record) = view.record::<AttestationRecord>(&subject)?.ok_or(Refusal::NotFound)?;
    if !may_change(cell.status) {
        return Err(Refusal::StatusFinal.into());
    }
    if AttestationRecord::lock_of(preimage) != record.lock {
        return Err(Refusal::WrongSecret.into());
    }
    Ok(vec![Put::new(&subject, &record).with_status(AttestationStatus::BrokenByHolder as u8)])
}
