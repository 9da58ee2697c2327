//! Recorded evidence of equivocation.

use super::{Node, Rpc, encode};
use axum::{Json, extract::State};
use identity::canonical;
use ledger::{
    cell::Subject,
    evidence::{Evidence, Offence},
    limits::MAX_RECORD_BYTES,
};
use wire::chain::{EvidenceEntry, EvidenceList};

/// Offences that are listed: the first ones. A validator is voted out long before it has as many.
const MAX_LISTED: usize = 1_000;

/// The offences of validators that are recorded on the ledger. `/v1/state/{key}` proves each.
#[utoipa::path(get, path = "/v1/evidence", tag = "governance", responses((status = 200, body = EvidenceList)))]
pub(super) async fn evidence(State(rpc): State<Rpc>) -> Json<EvidenceList> {
    Json(EvidenceList { evidence: list(&rpc.node).await })
}

/// What this node keeps of evidence, as far as the ledger has it, in the order of recording.
pub(crate) async fn list(node: &Node) -> Vec<EvidenceEntry> {
    let mut entries = Vec::new();
    let kept = node.store.evidence().expect("the body store can be read");
    for (_, bytes) in kept.into_iter().take(MAX_LISTED) {
        let evidence: Evidence = canonical::decode(&bytes, MAX_RECORD_BYTES).expect("the store holds evidence under its id");
        let subject = Subject::Evidence(evidence.id());
        let Some(cell) = node.cell(&subject).await else { continue };
        let offence = match evidence.offence {
            Offence::TwoNotarizes { .. } => "two_notarizes",
            Offence::TwoFinalizes { .. } => "two_finalizes",
            Offence::NullifyAndFinalize { .. } => "nullify_and_finalize",
        };
        entries.push(EvidenceEntry {
            key: encode(&subject.key()),
            validator: node.validator_name(&evidence.validator),
            epoch: evidence.epoch,
            view: evidence.view,
            offence: offence.to_owned(),
            height: cell.created_height,
            evidence: encode(&bytes),
        });
    }
    entries.sort_by(|one, other| (one.height, &one.key).cmp(&(other.height, &other.key)));
    entries
}
