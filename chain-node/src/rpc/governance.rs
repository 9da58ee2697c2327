//! Governance at a glance: parameters, the set of the next epoch, and the proposals. Unproven: each part is asked for with its proof.

use super::{Node, Rpc, hash};
use axum::{Json, extract::State};
use borsh::BorshDeserialize;
use identity::canonical;
use ledger::{
    cell::Subject,
    governance::{Parameters, ProposalRecord, ValidatorSet},
    limits::MAX_RECORD_BYTES,
    transaction::TransactionId,
};
use serde::Deserialize;
use service_kit::{ApiError, Slug, extract::QueryOf};
use wire::governance::{Epoch, Governance, Proposal};

/// Proposals of a page where none is asked for.
const DEFAULT_PAGE: usize = 20;
/// Proposals of a page at most: each is a record of up to 32 KiB.
const MAX_PAGE: usize = 50;
/// Blocks over which the interval between them is taken.
const INTERVAL_BLOCKS: u64 = 100;

/// Which proposals.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    /// Proposals older than this one (its id, base64url); without it, from the newest.
    before: Option<String>,
    /// How many at most: 1 to 50, 20 without it.
    limit: Option<usize>,
}

/// Parameters, the set of the next epoch, and proposals, newest first.
#[utoipa::path(
    get, path = "/v1/governance", tag = "governance", params(Page),
    responses(
        (status = 200, body = Governance),
        (status = 400, description = "not a page", body = wire::problem::Problem),
        (status = 404, description = "no such proposal to go on from", body = wire::problem::Problem),
    )
)]
pub(super) async fn governance(State(rpc): State<Rpc>, QueryOf(page): QueryOf<Page>) -> Result<Json<Governance>, ApiError> {
    let node = &rpc.node;
    let limit = super::page(page.limit, DEFAULT_PAGE, MAX_PAGE)?;
    let before = match page.before {
        None => None,
        Some(text) => {
            let id = hash(&text)?;
            let record: ProposalRecord = record(node, &Subject::Proposal(TransactionId(id)))
                .await
                .ok_or_else(|| ApiError::new(Slug::NotFound).detail("the finalized state has no such proposal"))?;
            Some((record.proposed_at, id))
        }
    };
    let height = node.head.tip().borrow().height;
    let parameters: Option<Parameters> = record(node, &Subject::Parameters).await;
    let mut proposals = Vec::new();
    if let Some(parameters) = &parameters {
        for id in node.store.proposals(before, limit).map_err(ApiError::internal)? {
            let id = TransactionId(id);
            if let Some(record) = record(node, &Subject::Proposal(id)).await {
                proposals.push(proposal(id, record, height, parameters));
            }
        }
    }
    let section = node.genesis.governance.as_ref();
    let epoch = section.map(|governance| {
        let number = governance.epoch_of(height);
        Epoch { number, last_height: governance.last_height_of(number) }
    });
    let next: Option<ValidatorSet> = record(node, &Subject::Validators).await;
    let block_interval_ms = interval(node, height).await;
    Ok(Json(Governance { height, block_interval_ms, epoch, parameters, next, proposals }))
}

fn proposal(id: TransactionId, record: ProposalRecord, height: u64, parameters: &Parameters) -> Proposal {
    let enactment = record.enactment(parameters);
    Proposal {
        id,
        expired: record.expired(height, parameters),
        last_vote: record.last_vote(parameters),
        first_enactment: enactment.map(|(first, _)| first),
        last_enactment: enactment.map(|(_, last)| last),
        record,
    }
}

/// The record of a subject in this node's finalized state.
async fn record<T: BorshDeserialize>(node: &Node, subject: &Subject) -> Option<T> {
    let cell = node.cell(subject).await?;
    let body = node.body(&cell).await;
    Some(canonical::decode(&body, MAX_RECORD_BYTES).expect("the state names records of the subject's kind"))
}

/// The mean time from block to block over the last ones.
async fn interval(node: &Node, height: u64) -> Option<u64> {
    let from = height.saturating_sub(INTERVAL_BLOCKS).max(1);
    let blocks = height.checked_sub(from).filter(|blocks| *blocks > 0)?;
    let (first, last) = (node.block_time_ms(from).await?, node.block_time_ms(height).await?);
    last.checked_sub(first)?.checked_div(blocks)
}
