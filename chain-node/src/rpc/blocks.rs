//! Finalized blocks by height.

use super::{Node, Rpc, encode};
use axum::{
    Json,
    extract::{Path, State},
};
use serde::Deserialize;
use service_kit::{ApiError, Slug, extract::QueryOf};
use wire::chain::{BlockAnswer, BlockSummary, Blocks};

/// Blocks of a page where none is asked for, and at most.
const DEFAULT_PAGE: usize = 20;
const MAX_PAGE: usize = 100;

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
        block: encode(block.inner().bytes()),
        certificate: certificate.map(|certificate| encode(&certificate)),
    }))
}

/// Which blocks.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    /// Blocks lower than this height; without it, from the tip.
    before: Option<u64>,
    /// How many at most: 1 to 100, 20 without it.
    limit: Option<usize>,
}

/// Finalized blocks, newest first.
#[utoipa::path(
    get, path = "/v1/blocks", tag = "blocks", params(Page),
    responses((status = 200, body = Blocks), (status = 400, description = "not a page", body = wire::problem::Problem))
)]
pub(super) async fn blocks(State(rpc): State<Rpc>, QueryOf(page): QueryOf<Page>) -> Result<Json<Blocks>, ApiError> {
    let limit = super::page(page.limit, DEFAULT_PAGE, MAX_PAGE)?;
    Ok(Json(list(&rpc.node, page.before, limit).await))
}

/// Blocks lower than `before`, newest first. A block that this node no longer has ends the list.
pub(crate) async fn list(node: &Node, before: Option<u64>, limit: usize) -> Blocks {
    let tip = node.head.tip().borrow().height;
    let mut height = before.map_or(tip, |before| before.saturating_sub(1).min(tip));
    let mut blocks = Vec::new();
    while height > 0 && blocks.len() < limit {
        let Some(block) = node.reads.block(height).await else {
            return Blocks { blocks, next: None };
        };
        let (header, count) = (block.inner().header(), block.inner().transactions().len());
        blocks.push(BlockSummary {
            height,
            digest: encode(&header.digest()),
            timestamp_ms: header.timestamp_ms,
            epoch: header.context.epoch,
            view: header.context.view,
            leader: node.validator_name(&header.context.leader),
            transactions: u32::try_from(count).unwrap_or(u32::MAX),
        });
        height -= 1;
    }
    Blocks { blocks, next: (height > 0).then_some(height + 1) }
}
