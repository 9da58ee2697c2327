//! RecordBatch: one root stands for many attestations or receipts. Attestations need the accreditation that each of them would need.

use ledger::cell::Subject;
use ledger::receipt::Refusal;
use ledger::records::{BatchKind, BatchRecord};
use ledger::transaction::NewBatch;

use crate::governance::check_accredited;
use crate::senders::Authenticated;
use crate::stop::Stop;
use crate::view::{Put, View};

pub(super) fn decide(view: &View, sender: &Authenticated, batch: &NewBatch) -> Result<Vec<Put>, Stop> {
    match &batch.kind {
        BatchKind::Receipts => {}
        BatchKind::Attestations { attestation_type, .. } => check_accredited(view, sender.authority()?, attestation_type)?,
    }
    let subject = Subject::Batch(batch.id);
    if view.has(&subject)? {
        return Err(Refusal::AlreadyExists.into());
    }
    let issuer = match sender {
        Authenticated::Authority(record) => Some(record.id),
        Authenticated::Key(_) | Authenticated::Device(..) | Authenticated::Party => None,
    };
    let record = BatchRecord { issuer, kind: batch.kind.clone(), root: batch.root, count: batch.count };
    Ok(vec![Put::new(&subject, &record)])
}
