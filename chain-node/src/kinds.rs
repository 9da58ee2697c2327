//! The kinds of transactions by name, and how many of each: what monitoring may know of what people do.

use ledger::transaction::{Body, Transaction};
use std::collections::BTreeMap;

/// The name of a transaction's kind: its variant in snake case, the same in the API, in metrics and on pages.
pub fn name(body: &Body) -> &'static str {
    match body {
        Body::CreateIdentity(_) => "create_identity",
        Body::AddDevice(_) => "add_device",
        Body::RemoveDevice(_) => "remove_device",
        Body::Deactivate => "deactivate",
        Body::AnchorAttributes(_) => "anchor_attributes",
        Body::RecordAttestations(_) => "record_attestations",
        Body::SetAttestationStatus(_) => "set_attestation_status",
        Body::BreakLock { .. } => "break_lock",
        Body::RecordReceipts(_) => "record_receipts",
        Body::RegisterParty(_) => "register_party",
        Body::SetPurposes { .. } => "set_purposes",
        Body::Recover { .. } => "recover",
        Body::RotateRecovery { .. } => "rotate_recovery",
        Body::Propose(_) => "propose",
        Body::Vote { .. } => "vote",
        Body::Enact { .. } => "enact",
        Body::Withdraw { .. } => "withdraw",
        Body::Leave { .. } => "leave",
        Body::SetPartyStatus { .. } => "set_party_status",
        Body::RecordBatch(_) => "record_batch",
        Body::SetBatchItemStatus { .. } => "set_batch_item_status",
        Body::RecordEvidence(_) => "record_evidence",
    }
}

/// How many transactions are of which kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<&'static str, u64>);

impl Counts {
    /// Counts the transactions of a block.
    pub fn of(transactions: &[Transaction]) -> Self {
        let mut counts = Self::default();
        for transaction in transactions {
            *counts.0.entry(name(&transaction.unsigned.body)).or_default() += 1;
        }
        counts
    }

    /// Adds what another count has.
    pub fn add(&mut self, other: &Self) {
        for (kind, count) in &other.0 {
            *self.0.entry(kind).or_default() += count;
        }
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Kinds with their counts, most first, then by name.
    pub fn most_first(&self) -> Vec<(&'static str, u64)> {
        let mut kinds: Vec<(&'static str, u64)> = self.0.iter().map(|(kind, count)| (*kind, *count)).collect();
        kinds.sort_by_key(|(kind, count)| (std::cmp::Reverse(*count), *kind));
        kinds
    }
}
