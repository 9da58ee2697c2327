//! How the ledger is used and how quick it is, as this node measures it.

use super::{Node, Rpc};
use crate::observations::{self, Quantiles};
use axum::{Json, extract::State};
use serde::Deserialize;
use service_kit::{ApiError, extract::QueryOf};
use wire::chain::{Durations, KindCount, LeaderCount, Statistics};

/// Blocks counted where none are asked for.
const DEFAULT_BLOCKS: usize = 1_000;

/// How far back.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Window {
    /// The last blocks to count: 1 to 5,000, 1,000 without it.
    blocks: Option<usize>,
}

/// Transactions by kind, blocks by leader, finality latency and block interval over the last blocks. Nothing is by person.
#[utoipa::path(
    get, path = "/v1/statistics", tag = "blocks", params(Window),
    responses((status = 200, body = Statistics), (status = 400, description = "not a window", body = wire::problem::Problem))
)]
pub(super) async fn statistics(State(rpc): State<Rpc>, QueryOf(window): QueryOf<Window>) -> Result<Json<Statistics>, ApiError> {
    let blocks = super::page(window.blocks, DEFAULT_BLOCKS, observations::BLOCKS)?;
    Ok(Json(of(&rpc.node, blocks)))
}

/// The statistics of the last blocks.
pub(crate) fn of(node: &Node, blocks: usize) -> Statistics {
    let summary = node.summary(blocks);
    let (from_height, to_height) = summary.heights.unwrap_or_default();
    let mut leaders: Vec<LeaderCount> = summary
        .turns
        .iter()
        .map(|(key, turns)| LeaderCount { validator: node.validator_name(key), blocks: turns.blocks, missed_turns: turns.missed })
        .collect();
    leaders.sort_by(|one, other| one.validator.cmp(&other.validator));
    let kinds = summary.kinds.most_first().into_iter();
    Statistics {
        from_height,
        to_height,
        blocks: summary.blocks,
        kinds: kinds.map(|(kind, transactions)| KindCount { kind: kind.to_owned(), transactions }).collect(),
        finality: node.observations.finality().map(durations),
        block_interval: summary.intervals.map(durations),
        leaders,
        skipped_views: summary.skipped_views,
        cost: node.observations.resources.taken().cost(node.observations.transactions()),
    }
}

fn durations(Quantiles { count, p50_ms, p99_ms }: Quantiles) -> Durations {
    Durations { count, p50_ms, p99_ms }
}
