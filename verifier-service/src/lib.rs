//! The verifier of a government website: it asks a citizen's wallet for what its registered purpose allows, checks the answer
//! against the ledger, and gives the browser that asked a session (OpenID4VP 1.0, HAIP 1.0).
//!
//! - [`logins`]: from the QR code to the session. [`presentations`]: the check list. [`receipts`]: the evidence.
//! - [`rights`]: a consent is taken back, what was shown is deleted.
//! - [`parties`]: who this site is. [`policies`]: what it may ask for. [`site`]: the pages of the sample website.
//!
//! May assume that TLS ends before it and that the clock is right within a minute. Refuses whatever is not shown, and keeps
//! nothing of what it refuses.

pub mod app;
pub mod chain;
pub mod chain_client;
pub mod command;
pub mod config;
pub mod database;
pub mod housekeeping;
pub mod logins;
pub mod openapi;
pub mod parties;
pub mod policies;
pub mod presentations;
pub mod receipts;
pub mod rights;
pub mod sealing;
pub mod site;

pub use app::{App, Parts, Shared};

use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::{Router, middleware};
use service_kit::layers::{self, Limits};

/// The routes of the website and of the wallet's side, with every layer.
pub fn router(app: &Shared) -> Router {
    let site = Router::new()
        .route("/", get(site::pages::home))
        .route("/login", get(logins::http::login))
        .route("/login/{id}", get(logins::http::page))
        .route("/login/{id}/events", get(logins::events::events))
        .route("/login/{id}/complete", get(logins::http::complete))
        .route("/account", get(site::pages::account))
        .route("/logout", post(site::pages::logout))
        .route("/{*path}", get(site::problems::not_found))
        .layer(middleware::from_fn_with_state(app.clone(), site::problems::layer));
    let wallet = Router::new()
        .route("/requests/{id}", get(logins::requests::get).post(logins::requests::post))
        .route("/responses/{id}", post(presentations::http::respond))
        .layer(DefaultBodyLimit::max(presentations::answer::MAX_FORM_BYTES));
    let rights = Router::new()
        .route(wire::rights::WELL_KNOWN_PATH, get(rights::http::metadata))
        .route(rights::http::PATH, post(rights::http::exercise))
        .layer(DefaultBodyLimit::max(wire::rights::MAX_REQUEST_BYTES));
    let assets = Router::new()
        .route("/assets/site.css", get(site::assets::style))
        .route("/assets/login.js", get(site::assets::script))
        .route("/assets/tally.svg", get(site::assets::tally))
        .route("/assets/tally-open.svg", get(site::assets::tally_open))
        .route("/openapi.json", get(openapi::document));
    let limits = Limits {
        csp: site::content_security_policy(),
        trusted_proxies: app.parts.config.trusted_proxies.clone(),
        ..Limits::default()
    };
    let routes = site.merge(wallet).merge(rights).merge(assets).with_state(app.clone());
    layers::apply(routes, &app.parts.config.public_url, limits)
}
