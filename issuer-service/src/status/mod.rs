//! The status of credentials: Token Status Lists (draft-ietf-oauth-status-list), and changes of status by a clerk.
//!
//! A copy's index is drawn at random and given out once. A change of status is in the list with the next request for it, and on the
//! ledger through the outbox. Lists have two bits per entry, for suspension.

mod change;
mod lists;
mod store;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use tower_http::cors::{Any, CorsLayer};

pub use change::{Action, END_RENEWALS, change, end_renewals, lost_phone};
pub use lists::{SignedLists, reference};
pub use store::{Entry, allocate};

use crate::app::Issuer;

/// The route for verifiers and wallets.
pub fn routes() -> Router<Arc<Issuer>> {
    let cors = CorsLayer::new().allow_origin(Any);
    Router::new().route("/status-lists/{list}", get(lists::show)).layer(cors)
}
