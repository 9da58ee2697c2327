//! Issuance: OpenID4VCI 1.0 metadata (section 12), nonce endpoint (section 7) and credential endpoint (section 8).
//!
//! One access token gives one issuance of up to ten copies, each bound to a key of its own, each with a record of its own on the ledger. The
//! copies leave only when the records are final (FAULTS I4); the same token with the same keys gets the same copies again (E1).

mod credential;
pub mod issue;
mod metadata;
mod nonce;
pub mod proof;
pub mod store;

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::http::{HeaderName, Method};
use axum::middleware::map_response_with_state;
use axum::routing::{get, post};
use tower_http::cors::{Any, CorsLayer};

use crate::app::Issuer;
use crate::dpop;

/// Copies of one credential in one response, at most.
pub const BATCH_SIZE: usize = 10;
/// How long a nonce can be used.
pub const NONCE_SECONDS: i64 = 5 * 60;

/// The routes for wallets. A wallet in a browser is of another origin; nothing here uses cookies.
pub fn routes(app: &Arc<Issuer>) -> Router<Arc<Issuer>> {
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, HeaderName::from_static("dpop")])
        .expose_headers([HeaderName::from_static(dpop::NONCE_HEADER), header::WWW_AUTHENTICATE]);
    let nonces = map_response_with_state(Arc::clone(app), dpop::give_nonce);
    Router::new()
        .route("/.well-known/openid-credential-issuer", get(metadata::credential_issuer))
        .route("/.well-known/oauth-authorization-server", get(metadata::authorization_server))
        .route("/nonce", post(nonce::nonce).layer(nonces.clone()))
        .route("/credential", post(credential::credential).layer(nonces))
        .layer(cors)
}
