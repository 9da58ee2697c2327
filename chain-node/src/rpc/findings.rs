//! What the continuous re-verification of this node's own copy found.

use super::Rpc;
use axum::{Json, extract::State};
use wire::chain::Supervision;

/// How far the re-verification is, and what it found: height, subject and since when.
#[utoipa::path(get, path = "/v1/findings", tag = "state", responses((status = 200, body = Supervision)))]
pub(super) async fn findings(State(rpc): State<Rpc>) -> Json<Supervision> {
    Json(rpc.node.supervision.report())
}
