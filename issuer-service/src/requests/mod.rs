//! Attribute requests: a citizen asks the department to attest what they declared.
//!
//! A request is believed when a live device of the citizen's identity on the ledger signed it; its attributes are believed when the blob
//! decrypts with the keys in the envelope and opens the commitment that was anchored. [`opening`] does that whenever a document is
//! shown or attested, not only once.

mod department;
pub mod opening;
pub mod rules;
mod state;
pub mod store;
mod submit;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::app::Issuer;

/// The routes for wallets.
pub fn routes() -> Router<Arc<Issuer>> {
    Router::new()
        .route("/v1/department", get(department::show))
        .route("/v1/attribute-requests", post(submit::submit))
        .route("/v1/attribute-requests/{id}", get(state::show))
}
