//! The kinds of transaction, one file each: what it touches beyond its sender, and what it changes.

mod add_device;
mod anchor_attributes;
mod break_lock;
mod create_identity;
mod deactivate;
mod record_attestations;
mod record_receipts;
mod register_party;
mod remove_device;
mod set_attestation_status;
mod set_purposes;

use ledger::cell::Subject;
use ledger::receipt::Refusal;
use ledger::transaction::Body;

use crate::BlockContext;
use crate::senders::Authenticated;
use crate::view::{Change, View};

/// The subjects that the body reads or writes, beyond those of its sender.
pub(crate) fn subjects(body: &Body) -> Vec<Subject> {
    match body {
        Body::CreateIdentity(inception) => vec![Subject::Identity(inception.id())],
        // Their only subject is the sender's identity.
        Body::AddDevice(_) | Body::RemoveDevice(_) | Body::Deactivate => Vec::new(),
        Body::AnchorAttributes(anchors) => anchors.iter().map(|anchor| Subject::Anchor(anchor.id)).collect(),
        Body::RecordAttestations(attestations) => attestations.iter().map(|new| Subject::Attestation(new.id)).collect(),
        Body::SetAttestationStatus(changes) => changes.iter().map(|change| Subject::Attestation(change.record)).collect(),
        Body::BreakLock { record, preimage: _ } => vec![Subject::Attestation(*record)],
        Body::RecordReceipts(receipts) => receipts.iter().map(|receipt| Subject::Receipt(receipt.id)).collect(),
        Body::RegisterParty(record) => vec![Subject::Party(record.id), Subject::Client(record.client_id.clone())],
        Body::SetPurposes { party, purposes: _ } => vec![Subject::Party(*party)],
        Body::Recover { .. }
        | Body::RotateRecovery { .. }
        | Body::Propose(_)
        | Body::Vote { .. }
        | Body::Enact { .. }
        | Body::Withdraw { .. }
        | Body::Leave { .. }
        | Body::SetPartyStatus { .. }
        | Body::RecordBatch(_)
        | Body::SetBatchItemStatus { .. }
        | Body::RecordEvidence(_) => Vec::new(),
    }
}

/// What the body changes, asked by this sender.
pub(crate) fn decide(view: &View, context: &BlockContext, sender: &Authenticated, body: &Body) -> Result<Vec<Change>, Refusal> {
    match body {
        Body::CreateIdentity(inception) => create_identity::decide(view, context, sender, inception),
        Body::AddDevice(key) => add_device::decide(sender, key),
        Body::RemoveDevice(key) => remove_device::decide(sender, key),
        Body::Deactivate => deactivate::decide(sender),
        Body::AnchorAttributes(anchors) => anchor_attributes::decide(view, anchors),
        Body::RecordAttestations(attestations) => record_attestations::decide(view, sender, attestations),
        Body::SetAttestationStatus(changes) => set_attestation_status::decide(view, sender, changes),
        Body::BreakLock { record, preimage } => break_lock::decide(view, *record, preimage),
        Body::RecordReceipts(receipts) => record_receipts::decide(view, receipts),
        Body::RegisterParty(record) => register_party::decide(view, sender, record),
        Body::SetPurposes { party, purposes } => set_purposes::decide(view, sender, *party, purposes),
        Body::Recover { .. }
        | Body::RotateRecovery { .. }
        | Body::Propose(_)
        | Body::Vote { .. }
        | Body::Enact { .. }
        | Body::Withdraw { .. }
        | Body::Leave { .. }
        | Body::SetPartyStatus { .. }
        | Body::RecordBatch(_)
        | Body::SetBatchItemStatus { .. }
        | Body::RecordEvidence(_) => Err(Refusal::NotGoverned),
    }
}
