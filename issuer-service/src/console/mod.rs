//! The clerk's console: server-rendered pages, Chinese first. No script, nothing inline: the strict Content-Security-Policy holds.
//!
//! A document is opened only on its own page, for a clerk who is signed in, and every such view is in the staff's log.

mod answers;
mod assets;
mod credentials;
mod pages;
mod reports;
mod requests;
mod sign_in;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::app::Issuer;

/// The pages.
pub fn routes() -> Router<Arc<Issuer>> {
    Router::new()
        .route("/", get(|| async { axum::response::Redirect::to("/console") }))
        .route("/console", get(requests::list))
        .route("/console/sign-in", get(sign_in::form).post(sign_in::submit))
        .route("/console/sign-out", post(sign_in::sign_out))
        .route("/console/requests/{id}", get(requests::show))
        .route("/console/requests/{id}/portrait", get(requests::portrait))
        .route("/console/requests/{id}/papers/{number}", get(requests::paper))
        .route("/console/requests/{id}/offer.svg", get(requests::offer_code))
        .route("/console/requests/{id}/attest", post(requests::attest))
        .route("/console/requests/{id}/refuse", post(requests::refuse))
        .route("/console/requests/{id}/offer", post(requests::offer_again))
        .route("/console/requests/{id}/lost-phone", post(requests::lost_phone))
        .route("/console/credentials", get(credentials::list))
        .route("/console/credentials/{id}/status", post(credentials::change))
        .route("/console/reports", get(reports::list))
        .route("/console/assets/{name}", get(assets::show))
}
