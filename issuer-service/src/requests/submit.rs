//! `POST /v1/attribute-requests`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use service_kit::address::ClientAddress;
use service_kit::extract::TextBody;
use service_kit::{ApiError, Slug};
use sha2::{Digest, Sha256};
use wire::issuer::AttributeRequest;

use super::opening::{self, Opening};
use super::rules::{self, RequestError};
use super::{state, store};
use crate::app::{Issuer, refuse};
use crate::failure::Failure;
use crate::uploads;

#[tracing::instrument(name = "requests.submit", skip_all)]
pub(super) async fn submit(
    State(app): State<Arc<Issuer>>,
    client: ClientAddress,
    headers: HeaderMap,
    TextBody(jws): TextBody,
) -> Result<Response, Failure> {
    app.limit(&app.rates.submissions, client)?;
    if headers.get(header::CONTENT_TYPE).is_none_or(|value| value != "application/jwt") {
        return Err(refuse(Slug::BadRequest, "the body must be an application/jwt"));
    }
    let request = verified(&app, &jws).await?;
    if let Some(answer) = answered_before(&app, &request, &jws).await? {
        return Ok(answer);
    }
    let attestation = app.config.attestation(&request.attestation_type);
    let now = app.now();
    rules::check(&request, &app.config.public_url, attestation, now).map_err(ApiError::from)?;
    let attestation = attestation.ok_or(RequestError::UnknownType).map_err(ApiError::from)?;
    let opening = opening::open(&app, attestation, &request).await?;
    let blobs = match opening {
        Opening::Whole(_) => store::Blobs::Here,
        Opening::Waiting => store::Blobs::Missing,
    };

    let id = reference(&request);
    let mut transaction = app.database.begin().await?;
    let new = store::NewRequest { id: &id, request: &request, jws: &jws, blobs, now };
    if !store::insert(&mut transaction, &new).await? {
        // The same request came twice at the same time; the other one is committed.
        drop(transaction);
        return answered_before(&app, &request, &jws).await?.ok_or_else(|| Slug::Conflict.into());
    }
    for attribute in &request.attributes {
        uploads::reference(&mut transaction, &attribute.cid, now).await?;
    }
    transaction.commit().await?;
    metrics::counter!("issuer_attribute_requests_total", "blobs" => blobs.as_str()).increment(1);
    tracing::info!(request = id, blobs = blobs.as_str(), "an attribute request was taken");
    let row = store::load(app.database.pool(), &id).await?.ok_or(Slug::NotFound)?;
    accepted(&app, &row)
}

/// The request, signed by a live device of its identity on the ledger.
async fn verified(app: &Issuer, jws: &str) -> Result<AttributeRequest, Failure> {
    let unverified = rules::parse(jws).map_err(ApiError::from)?;
    let did = &unverified.says.iss;
    if did.network != *app.ledger.network() {
        return Err(ApiError::from(RequestError::OtherNetwork).into());
    }
    let identity = app.ledger.identity(did.id).await?;
    Ok(unverified.verify(identity.as_ref()).map_err(RequestError::from).map_err(ApiError::from)?)
}

/// The same `jti` with the same content has the same answer, whenever it comes; with other content it is a conflict.
async fn answered_before(app: &Issuer, request: &AttributeRequest, jws: &str) -> Result<Option<Response>, Failure> {
    let Some(row) = store::find(app.database.pool(), &request.iss.to_string(), &request.jti).await? else {
        return Ok(None);
    };
    let same = rules::stored(&row.jws).is_ok_and(|stored| same_content(&stored, request)) || row.jws == jws;
    if !same {
        return Err(refuse(Slug::Conflict, "another request with this jti was made before"));
    }
    accepted(app, &row).map(Some)
}

fn same_content(one: &AttributeRequest, other: &AttributeRequest) -> bool {
    let encode = |request: &AttributeRequest| serde_json::to_vec(request).expect("a request is always JSON");
    encode(one) == encode(other)
}

/// The id follows from who asked and under which `jti`: it needs no randomness and tells nobody anything.
fn reference(request: &AttributeRequest) -> String {
    let digest = Sha256::new()
        .chain_update(b"yufu/issuer/request-id/v1")
        .chain_update(request.iss.id.0)
        .chain_update(request.jti.as_bytes())
        .finalize();
    URL_SAFE_NO_PAD.encode(digest.iter().take(18).copied().collect::<Vec<u8>>())
}

fn accepted(app: &Issuer, row: &store::Request) -> Result<Response, Failure> {
    let mut state = state::of(app, row)?;
    state.state_token = Some(app.secrets.state_token(&row.id).secret().to_owned());
    Ok((StatusCode::CREATED, Json(state)).into_response())
}
