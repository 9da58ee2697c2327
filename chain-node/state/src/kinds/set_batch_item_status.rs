//! SetBatchItemStatus: the authority that recorded a batch of attestations changes the status of single ones. One bad entry refuses all.

use ledger::cell::Subject;
use ledger::receipt::Refusal;
use ledger::records::{AttestationStatus, BatchItemRecord, BatchKind, BatchRecord, RecordId};

use super::set_attestation_status::may_change;
use crate::senders::Authenticated;
use crate::stop::Stop;
use crate::view::{Put, View};

pub(super) fn decide(
    view: &View,
    sender: &Authenticated,
    batch: RecordId,
    changes: &[(u32, AttestationStatus)],
) -> Result<Vec<Put>, Stop> {
    let authority = sender.authority()?;
    let (_, record) = view.record::<BatchRecord>(&Subject::Batch(batch))?.ok_or(Refusal::NotFound)?;
    if record.issuer != Some(authority.id) {
        return Err(Refusal::NotOwner.into());
    }
    match record.kind {
        BatchKind::Attestations { .. } => {}
        BatchKind::Receipts => return Err(Refusal::NotFound.into()),
    }
    let set = |(index, status): &(u32, AttestationStatus)| -> Result<Put, Stop> {
        if *index >= record.count {
            return Err(Refusal::NotFound.into());
        }
        let subject = Subject::BatchItem { batch, index: *index };
        let now = view.get(&subject.key())?.map_or(AttestationStatus::Active as u8, |(cell, _)| cell.status);
        if !may_change(now) {
            return Err(Refusal::StatusFinal.into());
        }
        Ok(Put::new(&subject, &BatchItemRecord { batch, index: *index }).with_status(*status as u8))
    };
    changes.iter().map(set).collect()
}
