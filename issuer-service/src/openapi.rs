//! `GET /openapi.json`: the routes for programs. The OpenID4VCI routes are described by their specification; they are listed here.

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::app::Issuer;

/// The route of the description.
pub fn routes() -> Router<Arc<Issuer>> {
    Router::new().route("/openapi.json", get(|| async { Json(document()) }))
}

fn operation(summary: &str, answers: &[(&str, &str)]) -> Value {
    let responses: serde_json::Map<String, Value> =
        answers.iter().map(|(status, what)| ((*status).to_owned(), json!({ "description": what }))).collect();
    json!({ "summary": summary, "responses": responses })
}

/// The description.
pub fn document() -> Value {
    let problem = ("default", "application/problem+json (RFC 9457)");
    let oauth = ("400", "an error of OpenID4VCI 1.0 or RFC 6749");
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Yufu issuer service", "version": env!("CARGO_PKG_VERSION"), "license": { "name": "Apache-2.0" } },
        "paths": {
            "/v1/department": { "get": operation("What the department attests", &[("200", "the department"), problem]) },
            "/v1/uploads": { "post": operation("A permission to upload ciphertext", &[("200", "the grant"), problem]) },
            "/v1/attribute-requests": { "post": operation("Asks for an attestation; the body is a signed application/jwt", &[("201", "the state, with its token"), problem]) },
            "/v1/attribute-requests/{id}": { "get": operation("How a request stands; Bearer state token", &[("200", "the state"), problem]) },
            "/v1/reports": { "post": operation("Reports a website that the department sponsors; the body is a signed application/jwt", &[("201", "its reference"), problem]) },
            "/blobs/{cid}": { "put": operation("Stores a blob; Bearer upload token", &[("201", "stored"), problem]) },
            "/ipfs/{cid}": { "get": operation("IPFS trustless gateway, raw and CAR", &[("200", "the block or CAR"), problem]) },
            "/.well-known/openid-credential-issuer": { "get": operation("OpenID4VCI 1.0, section 12.2", &[("200", "the metadata")]) },
            "/.well-known/oauth-authorization-server": { "get": operation("RFC 8414", &[("200", "the metadata")]) },
            "/offers/{id}": { "get": operation("OpenID4VCI 1.0, section 4.1.3", &[("200", "the offer"), problem]) },
            "/token": { "post": operation("OpenID4VCI 1.0, section 6", &[("200", "the access token"), oauth]) },
            "/nonce": { "post": operation("OpenID4VCI 1.0, section 7", &[("200", "the nonce")]) },
            "/credential": { "post": operation("OpenID4VCI 1.0, section 8", &[("200", "the credentials"), oauth, ("503", "not final on the ledger yet; ask again")]) },
            "/status-lists/{list}": { "get": operation("Token Status List", &[("200", "application/statuslist+jwt"), problem]) },
        },
    })
}
