//! Finalized blocks by height.

use super::{Rpc, encode};
use axum::{
    Json,
    extract::{Path, State},
};
use identity::canonical;
use service_kit::{ApiError, Slug};
use wire::chain::BlockAnswer;

/// A finalized block, with its certificate where the height has one of its own.
#[utoipa::path(
    get, path = "/v1/blocks/{height}", tag = "blocks",
    params(("height" = u64, Path, description = "height; the genesis block has 0")),
    responses(
        (status = 200, body = BlockAnswer),
        (status = 400, description = "not a height", body = wire::problem::Problem),
        (status = 404, description = "not final yet", body = wire::problem::Problem),
    )
)]
pub(super) async fn block(State(rpc): State<Rpc>, Path(height): Path<String>) -> Result<Json<BlockAnswer>, ApiError> {
    let height: u64 =
        height.parse().map_err(|_| ApiError::new(Slug::BadRequest).detail("the path must end in a block height"))?;
    let not_final = || ApiError::new(Slug::NotFound).detail("no block of this height is final");
    if height > rpc.node.head.tip().borrow().height {
        return Err(not_final());
    }
    let block = rpc.node.reads.block(height).await.ok_or_else(not_final)?;
    let certificate = rpc.node.reads.certificate(block.inner().header()).await;
    Ok(Json(BlockAnswer {
        block: encode(&canonical::encode(block.inner().ledger())),
        certificate: certificate.map(|certificate| encode(&certificate)),
    }))
}
