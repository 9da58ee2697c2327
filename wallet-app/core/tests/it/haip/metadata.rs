//! What the department and its authorization server say of themselves.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use identity::jose::jws::{self, JwsHeader};
use serde_json::{Value, json};

use super::{Issuer, PRE, issuer_key};
use crate::city::{MARITAL, VCT, p256};

pub(super) async fn issuer(State(haip): Issuer, headers: HeaderMap) -> Response {
    let behaviour = haip.behaviour();
    let base = &haip.base;
    let mut configuration = json!({
        "format": "dc+sd-jwt",
        "vct": VCT,
        "scope": "resident",
        "proof_types_supported": { "jwt": { "proof_signing_alg_values_supported": ["ES256"] } },
    });
    if behaviour.attested {
        let required = behaviour.requires.clone().unwrap_or_else(|| json!({}));
        configuration["proof_types_supported"]["jwt"]["key_attestations_required"] = required;
    }
    if behaviour.by_attestation {
        let types = configuration["proof_types_supported"].as_object_mut().unwrap();
        let jwt = types.remove("jwt").unwrap();
        types.insert("attestation".to_owned(), jwt);
    }
    if behaviour.by_details {
        configuration.as_object_mut().unwrap().remove("scope");
    }
    let mut configurations = json!({ "resident-identity": configuration });
    if behaviour.second {
        (configuration["vct"], configuration["scope"]) = (json!(MARITAL), json!("marital"));
        if behaviour.by_details || behaviour.lie == "no second scope" {
            configuration.as_object_mut().unwrap().remove("scope");
        }
        configurations["marital-status"] = configuration;
    }
    let mut metadata = json!({
        "credential_issuer": base,
        "credential_endpoint": format!("{base}/credential"),
        "nonce_endpoint": format!("{base}/nonce"),
        "deferred_credential_endpoint": format!("{base}/deferred"),
        "notification_endpoint": format!("{base}/notify"),
        "batch_credential_issuance": { "batch_size": 2 },
        "credential_configurations_supported": configurations,
    });
    if !behaviour.elsewhere.is_empty() {
        metadata["authorization_servers"] = json!([base, haip.other]);
    }
    if behaviour.encrypted {
        let key = issuer_key().to_jwk("issuer-1").to_value();
        metadata["credential_request_encryption"] =
            json!({ "jwks": { "keys": [key] }, "enc_values_supported": ["A256GCM"], "encryption_required": true });
        metadata["credential_response_encryption"] =
            json!({ "alg_values_supported": ["ECDH-ES"], "enc_values_supported": ["A256GCM"], "encryption_required": true });
    }
    if behaviour.lie == "encryption nobody does" {
        metadata["credential_response_encryption"] =
            json!({ "alg_values_supported": ["RSA-OAEP"], "enc_values_supported": ["A256GCM"], "encryption_required": true });
    }
    if behaviour.lie == "no deferred endpoint" {
        metadata.as_object_mut().unwrap().remove("deferred_credential_endpoint");
    }
    if !behaviour.signed_metadata {
        return Json(metadata).into_response();
    }
    assert!(headers[header::ACCEPT].to_str().unwrap().contains("application/jwt"));
    metadata["sub"] = if behaviour.lie == "metadata of another" { json!("https://other.example") } else { json!(base) };
    metadata["iat"] = json!(haip.department.clock.now());
    let chain = if behaviour.lie == "metadata by a stranger" { &haip.department.stranger } else { &haip.department.chain };
    let header = JwsHeader { x5c: Some(chain.clone()), ..JwsHeader::typ("openidvci-issuer-metadata+jwt") };
    let signed = jws::sign_compact(&p256(1), &header, metadata.to_string().as_bytes());
    ([(header::CONTENT_TYPE, "application/jwt")], signed).into_response()
}

pub(super) async fn server(State(haip): Issuer, headers: HeaderMap) -> Json<Value> {
    let (base, behaviour) = (format!("http://{}", headers[header::HOST].to_str().unwrap()), haip.behaviour());
    let mut metadata = json!({
        "issuer": base,
        "authorization_endpoint": format!("{base}/authorize"),
        "pushed_authorization_request_endpoint": format!("{base}/par"),
        "require_pushed_authorization_requests": true,
        "token_endpoint": format!("{base}/token"),
        "response_types_supported": ["code"],
        "grant_types_supported": if base == haip.server() { vec!["authorization_code", PRE, "refresh_token"] } else { vec!["refresh_token"] },
        "code_challenge_methods_supported": ["S256"],
        "dpop_signing_alg_values_supported": ["ES256"],
        "authorization_response_iss_parameter_supported": true,
        "authorization_details_types_supported": ["openid_credential"],
        "token_endpoint_auth_methods_supported": [if behaviour.attested { "attest_jwt_client_auth" } else { "none" }],
    });
    let members = metadata.as_object_mut().unwrap();
    if behaviour.attested {
        members.insert("challenge_endpoint".to_owned(), format!("{base}/challenge").into());
    }
    match behaviour.lie {
        "no PKCE" => drop(members.insert("code_challenge_methods_supported".to_owned(), json!(["plain"]))),
        "no DPoP" => drop(members.remove("dpop_signing_alg_values_supported")),
        "no PAR" => drop(members.remove("pushed_authorization_request_endpoint")),
        "no iss" => drop(members.remove("authorization_response_iss_parameter_supported")),
        "elsewhere" => drop(members.insert("token_endpoint".to_owned(), json!("http://evil.example/token"))),
        _ => {}
    }
    Json(metadata)
}
