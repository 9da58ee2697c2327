//! The RPC's own description.

use axum::Json;
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(
    info(title = "Yufu ledger node", description = "State with proofs, transactions, DID resolution"),
    paths(
        super::transactions::submit,
        super::transactions::submit_batch,
        super::transactions::receipt,
        super::state::state,
        super::state::genesis,
        super::state::status,
        super::transactions::transaction,
        super::blocks::blocks,
        super::blocks::block,
        super::history::history,
        super::history::search,
        super::findings::findings,
        super::evidence::evidence,
        super::statistics::statistics,
        super::epochs::epoch,
        super::events::events,
        super::governance::governance,
        super::identifiers::resolve,
    )
)]
struct Description;

/// The OpenAPI document.
pub(super) async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Description::openapi())
}
