//! `GET /.well-known/yufu-rights` and `POST /rights`.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use identity::jose::jws::{self, JwsHeader};
use service_kit::address::ClientAddress;
use service_kit::extract::TextBody;
use service_kit::{ApiError, Slug};
use wire::rights::{ACKNOWLEDGEMENT_TYPE, RightsMetadata};

use super::rules::{self, Asked, RightsError};
use super::store;
use crate::app::{Shared, database_error};
use crate::{logins, site};

/// Where requests are posted.
pub const PATH: &str = "/rights";
const MEDIA_TYPE: &str = "application/jwt";

/// Says where requests are posted.
#[utoipa::path(
    get,
    path = "/.well-known/yufu-rights",
    tag = "wallet",
    responses((status = 200, description = "`rights_endpoint`: where requests are posted"))
)]
pub async fn metadata(State(app): State<Shared>) -> Json<RightsMetadata> {
    Json(RightsMetadata { rights_endpoint: app.url(PATH).to_string() })
}

/// A citizen takes a consent back, or wants what was shown to be deleted.
#[utoipa::path(
    post,
    path = "/rights",
    tag = "wallet",
    request_body(content = String, content_type = "application/jwt", description = "A JWS of `wire::rights::RightsRequest`, signed by the key of the copy that was shown"),
    responses(
        (status = 200, description = "Done: a JWS of `wire::rights::Acknowledgement`, signed by the party's ledger key; the same for the same", content_type = "application/jwt", body = String),
        (status = 400, description = "Not a request of this kind", body = wire::problem::Problem),
        (status = 403, description = "The key in the header did not sign it", body = wire::problem::Problem),
        (status = 404, description = "No presentation of this digest that this key has shown", body = wire::problem::Problem),
        (status = 409, description = "The jti was used for another request", body = wire::problem::Problem),
        (status = 413, description = "Too large", body = wire::problem::Problem),
        (status = 422, description = "For another site, or too old", body = wire::problem::Problem),
    )
)]
#[tracing::instrument(name = "rights.exercise", skip_all)]
pub async fn exercise(
    State(app): State<Shared>,
    address: ClientAddress,
    headers: HeaderMap,
    TextBody(body): TextBody,
) -> Result<Response, ApiError> {
    app.take_wallet(&address)?;
    if headers.get(header::CONTENT_TYPE).is_none_or(|value| value != MEDIA_TYPE) {
        return Err(ApiError::new(Slug::BadRequest).detail("the body must be an application/jwt"));
    }
    let (party, now) = (&app.parts.party, app.now());
    let asked = Asked::read(body.trim(), &party.client_id, now)?;
    let (request, kind) = (&asked.request, asked.request.kind);

    let mut reading = app.parts.database.acquire().await.map_err(database_error)?;
    let receipt = store::receipt(&mut reading, &request.presentation).await.map_err(database_error)?;
    let receipt = receipt.filter(|receipt| asked.showed(&receipt.key_bindings)).ok_or(RightsError::UnknownPresentation)?;
    drop(reading);
    let acknowledgement = rules::acknowledge(request, &receipt, &party.client_id, now);
    let payload = serde_json::to_vec(&acknowledgement).map_err(ApiError::internal)?;
    // What is signed of a JWS begins with "ey", and of a transaction with its context string: neither passes for the other.
    let signed = jws::sign_compact(&party.ledger_key, &JwsHeader::typ(ACKNOWLEDGEMENT_TYPE), &payload);

    // The transaction begins with a write: of two that race, SQLite lets the other wait instead of refusing it.
    let mut database = app.parts.database.begin().await.map_err(database_error)?;
    if !store::insert(&mut database, request, &receipt, &signed, now).await.map_err(database_error)? {
        // Either the same was asked before, whoever was first, or the jti belongs to something else.
        let before = store::answered(&mut database, &receipt, kind).await.map_err(database_error)?;
        return Ok(answer(before.ok_or(RightsError::JtiUsed)?));
    }
    logins::store::erase(&mut database, &receipt.login).await.map_err(database_error)?;
    site::sessions::delete_of_login(&mut database, &receipt.login).await.map_err(database_error)?;
    database.commit().await.map_err(database_error)?;
    app.changed(&receipt.login);
    metrics::counter!("verifier_rights_total", "kind" => kind.as_str()).increment(1);
    tracing::info!(kind = kind.as_str(), "what a presentation had shown was erased on its holder's wish");
    Ok(answer(signed))
}

fn answer(acknowledgement: String) -> Response {
    ([(header::CONTENT_TYPE, MEDIA_TYPE), (header::CACHE_CONTROL, "no-store")], acknowledgement).into_response()
}
