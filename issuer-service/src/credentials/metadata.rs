//! Credential issuer metadata (section 12.2) and authorization server metadata (RFC 8414, section 12.3).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use identity::Localized;
use identity::sd_jwt_vc::FORMAT;
use serde_json::{Map, Value, json};
use wire::issuer::VERIFIED_BY_CLAIM;

use super::BATCH_SIZE;
use super::proof::PROOF_ALGORITHMS;
use crate::app::Issuer;
use crate::config::{AttestationConfig, PORTRAIT_CLAIM};
use crate::dpop;
use crate::offers::REFRESH_GRANT;

/// How long metadata may be kept.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("public, max-age=300");

pub(super) async fn credential_issuer(State(app): State<Arc<Issuer>>) -> Response {
    let config = &app.config;
    let configurations: Map<String, Value> =
        config.attestations.iter().map(|a| (a.configuration.clone(), configuration(a))).collect();
    let metadata = json!({
        "credential_issuer": config.public_url,
        "credential_endpoint": app.url("/credential"),
        "nonce_endpoint": app.url("/nonce"),
        "batch_credential_issuance": { "batch_size": BATCH_SIZE },
        "display": display(&config.authority.name),
        "credential_configurations_supported": configurations,
    });
    ([(header::CACHE_CONTROL, CACHE_CONTROL)], Json(metadata)).into_response()
}

/// `dpop_signing_alg_values_supported` is of RFC 9449 section 5.1.
///
/// Without `response_types_supported`: there is no authorization endpoint, RFC 8414 section 3.2 leaves out what is empty, and section 12.3
/// of OpenID4VCI allows it.
pub(super) async fn authorization_server(State(app): State<Arc<Issuer>>) -> Response {
    let metadata = json!({
        "issuer": app.config.public_url,
        "token_endpoint": app.url("/token"),
        "grant_types_supported": [wire::oid4vci::PRE_AUTHORIZED_CODE_GRANT, REFRESH_GRANT],
        "token_endpoint_auth_methods_supported": ["none"],
        "pre-authorized_grant_anonymous_access_supported": true,
        "dpop_signing_alg_values_supported": dpop::algorithms(),
    });
    ([(header::CACHE_CONTROL, CACHE_CONTROL)], Json(metadata)).into_response()
}

/// One entry of `credential_configurations_supported` (section 12.2.4, appendix A.3).
fn configuration(attestation: &AttestationConfig) -> Value {
    let portrait = Localized::new("照片指纹", "Portrait fingerprint");
    let mut claims: Vec<Value> = attestation.claims.iter().map(|claim| described(&claim.name, &claim.label, true)).collect();
    if attestation.has_portrait() {
        // An offer made by an operator has no portrait.
        claims.push(described(PORTRAIT_CLAIM, &portrait, false));
    }
    claims.push(described(VERIFIED_BY_CLAIM, &Localized::new("核验方式", "Verified by"), false));
    json!({
        "format": FORMAT,
        "vct": attestation.attestation_type,
        "cryptographic_binding_methods_supported": ["jwk"],
        "credential_signing_alg_values_supported": ["ES256"],
        "proof_types_supported": { "jwt": { "proof_signing_alg_values_supported": PROOF_ALGORITHMS } },
        "credential_metadata": { "display": display(&attestation.name), "claims": claims },
    })
}

/// A claims description object (appendix B.2).
fn described(name: &str, label: &Localized, mandatory: bool) -> Value {
    json!({ "path": [name], "mandatory": mandatory, "display": display(label) })
}

fn display(name: &Localized) -> Value {
    json!([{ "name": name.zh, "locale": "zh-CN" }, { "name": name.en, "locale": "en" }])
}
