//! Reports: citizens tell the department what was wrong at a website that it sponsors (`wire::reports`).
//!
//! A report is taken when a live device of the citizen's identity on the ledger signed it for this department, and is sealed at rest: it names
//! who reports. The console shows it to clerks; what is done about it is theirs.

pub mod rules;
pub mod store;
mod submit;

pub(crate) use submit::open;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::post;

use crate::app::Issuer;

/// The route for wallets.
pub fn routes() -> Router<Arc<Issuer>> {
    let limit = DefaultBodyLimit::max(wire::reports::REPORT.max_bytes);
    Router::new().route("/v1/reports", post(submit::submit).layer(limit))
}
