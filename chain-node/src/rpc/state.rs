//! State with its proof, the genesis, and how the node is.

use super::{Rpc, encode, hash};
use crate::engine::members::Member;
use axum::{
    Json,
    extract::{Path, State},
};
use commonware_runtime::Clock as _;
use identity::canonical;
use ledger::{cell::Cell, genesis::Genesis};
use service_kit::{ApiError, Slug};
use wire::chain::{ProvenState, Status, ValidatorStatus};

/// What the finalized state says under a key, with the header, its finality certificate and the proof.
#[utoipa::path(
    get, path = "/v1/state/{key}", tag = "state",
    params(("key" = String, Path, description = "state key, base64url")),
    responses(
        (status = 200, body = ProvenState),
        (status = 400, description = "not a key", body = wire::problem::Problem),
        (status = 503, description = "no certified block is at hand", body = wire::problem::Problem),
    )
)]
pub(super) async fn state(State(rpc): State<Rpc>, Path(key): Path<String>) -> Result<Json<ProvenState>, ApiError> {
    let key = hash(&key)?;
    let proven = rpc.node.reads.prove(&key).await.map_err(|error| {
        let stall = rpc.node.progress.check(rpc.node.clock.current()).err();
        let detail = stall.map_or_else(|| error.to_string(), |stall| stall.to_string());
        ApiError::new(Slug::LedgerUnavailable).detail(detail)
    })?;
    let body = match &proven.cell {
        Some(bytes) => {
            let cell = Cell::from_bytes(bytes).expect("the state holds encoded cells only");
            Some(encode(&rpc.node.body(&cell).await))
        }
        None => None,
    };
    Ok(Json(ProvenState {
        header: encode(&canonical::encode(&proven.header)),
        certificate: encode(&proven.certificate),
        cell: proven.cell.map(|cell| encode(&cell)),
        body,
        proof: encode(&proven.proof),
    }))
}

/// The genesis that the ledger began with.
#[utoipa::path(
    get, path = "/v1/genesis", tag = "state",
    responses((status = 200, description = "ledger::genesis::Genesis", body = serde_json::Value))
)]
pub(super) async fn genesis(State(rpc): State<Rpc>) -> Json<Genesis> {
    Json(rpc.node.genesis.clone())
}

/// How this node sees itself and the network.
#[utoipa::path(get, path = "/v1/status", tag = "state", responses((status = 200, body = Status)))]
pub(super) async fn status(State(rpc): State<Rpc>) -> Json<Status> {
    let node = &rpc.node;
    let now = node.clock.current();
    let tip = node.head.tip().borrow().clone();
    let (pending, _) = node.mempool.size();
    let membership = node.peers.membership();
    let seen = |members: &[Member]| {
        let member = |member: &Member| ValidatorStatus {
            name: member.record.name.clone(),
            authority: member.record.authority.to_string(),
            connected: Some(node.peers.is_here(&member.key, now)),
        };
        members.iter().map(member).collect()
    };
    Json(Status {
        network: node.genesis.network.as_str().to_owned(),
        genesis: encode(&node.genesis_hash),
        node: node.name.clone(),
        height: tip.height,
        finalized_at_ms: tip.timestamp_ms,
        pending_transactions: u64::try_from(pending).unwrap_or(u64::MAX),
        role: node.peers.role().as_str().to_owned(),
        epoch: membership.epoch,
        validators: seen(&membership.current.validators),
        observers: seen(&membership.current.observers),
        progressing: node.progress.check(now).is_ok(),
        oldest_height: node.reads.oldest(),
        archive: node.is_archive(),
        complete: node.is_complete(),
    })
}
