//! The kinds of transaction, one file each: what it touches beyond its sender, and what it changes.

mod add_device;
mod anchor_attributes;
mod break_lock;
mod create_identity;
mod deactivate;
mod enact;
mod leave;
mod propose;
mod record_attestations;
mod record_batch;
mod record_evidence;
mod record_receipts;
mod recover;
mod register_party;
mod remove_device;
mod rotate_recovery;
mod set_attestation_status;
mod set_batch_item_status;
mod set_party_status;
mod set_purposes;
mod vote;
mod withdraw;

use ledger::cell::Subject;
use ledger::records::BatchKind;
use ledger::transaction::{Body, NewAttestation, TransactionId};

use crate::BlockContext;
use crate::changes::{self, Scene};
use crate::senders::Authenticated;
use crate::stop::Stop;
use crate::view::{Put, View};

/// The subjects that the body reads or writes, beyond those of its sender, as far as the transaction alone says.
pub(crate) fn subjects(id: TransactionId, body: &Body) -> Vec<Subject> {
    let scene = || vec![Subject::Parameters, Subject::Validators];
    match body {
        Body::CreateIdentity(inception) => vec![Subject::Identity(inception.id())],
        // Their only subject is the sender's identity.
        Body::AddDevice(_) | Body::RemoveDevice(_) | Body::Deactivate => Vec::new(),
        Body::AnchorAttributes(anchors) => anchors.iter().map(|anchor| Subject::Anchor(anchor.id)).collect(),
        Body::RecordAttestations(attestations) => {
            let subjects = |new: &NewAttestation| {
                [Subject::Attestation(new.id), Subject::Accreditation(new.record.attestation_type.clone())]
            };
            attestations.iter().flat_map(subjects).collect()
        }
        Body::SetAttestationStatus(changes) => changes.iter().map(|change| Subject::Attestation(change.record)).collect(),
        Body::BreakLock { record, preimage: _ } => vec![Subject::Attestation(*record)],
        Body::RecordReceipts(receipts) => receipts.iter().map(|receipt| Subject::Receipt(receipt.id)).collect(),
        Body::RegisterParty(record) => vec![Subject::Party(record.id), Subject::Client(record.client_id.clone())],
        Body::SetPurposes { party, purposes: _ } => vec![Subject::Party(*party)],
        Body::Recover { identity, .. } | Body::RotateRecovery { identity, .. } => {
            vec![Subject::Identity(*identity), Subject::Recovery(*identity)]
        }
        Body::Propose(change) => [scene(), vec![Subject::Proposal(id)], changes::subjects(change)].concat(),
        Body::Vote { proposal, approve: _ } | Body::Enact { proposal } | Body::Withdraw { proposal } => {
            [scene(), vec![Subject::Proposal(*proposal)]].concat()
        }
        Body::Leave { validator: _ } => scene(),
        Body::SetPartyStatus { party, suspended: _ } => vec![Subject::Party(*party)],
        Body::RecordBatch(batch) => match &batch.kind {
            BatchKind::Receipts => vec![Subject::Batch(batch.id)],
            BatchKind::Attestations { attestation_type, .. } => {
                vec![Subject::Batch(batch.id), Subject::Accreditation(attestation_type.clone())]
            }
        },
        Body::SetBatchItemStatus { batch, changes } => {
            let items = changes.iter().map(|(index, _)| Subject::BatchItem { batch: *batch, index: *index });
            [Subject::Batch(*batch)].into_iter().chain(items).collect()
        }
        Body::RecordEvidence(evidence) => {
            vec![Subject::Parameters, Subject::Evidence(evidence.id()), Subject::ConsensusKey(evidence.validator)]
        }
    }
}

/// What the body of this transaction puts, asked by this sender.
pub(crate) fn decide(
    view: &View,
    context: &BlockContext,
    sender: &Authenticated,
    id: TransactionId,
    body: &Body,
) -> Result<Vec<Put>, Stop> {
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
        Body::Recover { identity, device, next_recovery } => recover::decide(view, sender, *identity, device, next_recovery),
        Body::RotateRecovery { identity, next_recovery } => rotate_recovery::decide(view, sender, *identity, next_recovery),
        Body::Propose(change) => propose::decide(&Scene::read(view, context)?, sender, id, change),
        Body::Vote { proposal, approve } => vote::decide(&Scene::read(view, context)?, sender, *proposal, *approve),
        Body::Enact { proposal } => enact::decide(&Scene::read(view, context)?, sender, *proposal),
        Body::Withdraw { proposal } => withdraw::decide(&Scene::read(view, context)?, sender, *proposal),
        Body::Leave { validator } => leave::decide(&Scene::read(view, context)?, sender, validator),
        Body::SetPartyStatus { party, suspended } => set_party_status::decide(view, sender, *party, *suspended),
        Body::RecordBatch(batch) => record_batch::decide(view, sender, batch),
        Body::SetBatchItemStatus { batch, changes } => set_batch_item_status::decide(view, sender, *batch, changes),
        Body::RecordEvidence(evidence) => record_evidence::decide(view, context, evidence),
    }
}
