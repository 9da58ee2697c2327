//! What introduced an epoch: the proof of who its validators are, for clients that follow the set from the genesis.

use super::{Rpc, encode};
use axum::{
    Json,
    extract::{Path, State},
};
use identity::canonical;
use service_kit::{ApiError, Slug};
use wire::chain::EpochChange;

/// The validators of an epoch, proved by the certificate of the epoch before.
#[utoipa::path(
    get, path = "/v1/epochs/{epoch}", tag = "state",
    params(("epoch" = u64, Path, description = "epoch, from 1; the validators of epoch 0 are those of the genesis")),
    responses(
        (status = 200, body = EpochChange),
        (status = 400, description = "not an epoch", body = wire::problem::Problem),
        (status = 404, description = "the epoch has not begun, as far as this node knows", body = wire::problem::Problem),
        (status = 503, description = "the finality certificate is not at hand yet", body = wire::problem::Problem),
    )
)]
pub(super) async fn epoch(State(rpc): State<Rpc>, Path(epoch): Path<String>) -> Result<Json<EpochChange>, ApiError> {
    let epoch: u64 =
        epoch.parse().map_err(|_| ApiError::new(Slug::BadRequest).detail("the path must end in the number of an epoch"))?;
    if rpc.node.epochs.boundary(epoch).is_none() {
        return Err(ApiError::new(Slug::NotFound).detail("this node knows no change that introduced this epoch"));
    }
    let (boundary, certificate) = rpc.node.epoch_change(epoch).await.ok_or_else(|| {
        ApiError::new(Slug::LedgerUnavailable).detail("the certificate of the epoch's first validators is not at hand yet")
    })?;
    Ok(Json(EpochChange {
        header: encode(&canonical::encode(&boundary.header)),
        certificate: encode(&certificate),
        cell: Some(encode(&boundary.cell)),
        body: Some(encode(&boundary.body)),
        proof: encode(&boundary.proof),
    }))
}
