//! `GET` and `POST /requests/{id}`: the signed request object, fetched by wallets (RFC 9101 section 5.2.3, OpenID4VP 1.0 section 5.10).

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use service_kit::address::ClientAddress;
use url::form_urlencoded;
use wire::oid4vp::REQUEST_OBJECT_TYPE;

use super::stage::Stage;
use super::{MAX_FETCHES, begin, request_object, store};
use crate::app::{App, Shared, database_error};
use crate::presentations::WalletProblem;
use crate::presentations::answer::Unreadable;

/// The request object.
#[utoipa::path(
    get,
    path = "/requests/{id}",
    tag = "wallet",
    params(("id" = String, Path, description = "The request's id, as in `request_uri`")),
    responses(
        (status = 200, description = "The signed request object", content_type = "application/oauth-authz-req+jwt", body = String),
        (status = 404, description = "No such request", body = crate::presentations::WalletErrorBody),
        (status = 410, description = "Answered, expired, or fetched too often", body = crate::presentations::WalletErrorBody),
    )
)]
#[tracing::instrument(name = "logins.fetch_request", skip_all, fields(request = %id))]
pub async fn get(State(app): State<Shared>, Path(id): Path<String>, address: ClientAddress) -> Result<Response, WalletProblem> {
    app.take_wallet(&address)?;
    fetch(&app, &id, None).await
}

/// The request object, with the wallet's nonce in it.
#[utoipa::path(
    post,
    path = "/requests/{id}",
    tag = "wallet",
    params(("id" = String, Path, description = "The request's id, as in `request_uri`")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`wallet_nonce`, `wallet_metadata`; both optional"),
    responses(
        (status = 200, description = "The signed request object", content_type = "application/oauth-authz-req+jwt", body = String),
        (status = 400, description = "The wallet's nonce cannot be repeated", body = crate::presentations::WalletErrorBody),
        (status = 404, description = "No such request", body = crate::presentations::WalletErrorBody),
        (status = 410, description = "Answered, expired, or fetched too often", body = crate::presentations::WalletErrorBody),
    )
)]
#[tracing::instrument(name = "logins.post_request", skip_all, fields(request = %id))]
pub async fn post(
    State(app): State<Shared>,
    Path(id): Path<String>,
    address: ClientAddress,
    body: Bytes,
) -> Result<Response, WalletProblem> {
    app.take_wallet(&address)?;
    // `wallet_metadata` is not needed: what we ask for is what every wallet of HAIP 1.0 can do.
    let mut nonces = form_urlencoded::parse(&body).filter(|(name, _)| name == "wallet_nonce").map(|(_, value)| value);
    let nonce = nonces.next();
    if nonces.next().is_some() || nonce.as_deref().is_some_and(|nonce| !request_object::is_wallet_nonce(nonce)) {
        return Err(Unreadable::Form.into());
    }
    fetch(&app, &id, nonce.as_deref()).await
}

async fn fetch(app: &App, id: &str, wallet_nonce: Option<&str>) -> Result<Response, WalletProblem> {
    let request = store::find_request(&app.parts.database, id).await.map_err(database_error)?;
    let request = request.ok_or(WalletProblem::Unknown)?;
    let login = store::find(&app.parts.database, &request.login).await.map_err(database_error)?;
    let login = login.ok_or(WalletProblem::Unknown)?;
    match login.stage(app.now()) {
        Stage::Waiting | Stage::Opened => {}
        Stage::Expired => return Err(WalletProblem::Gone("request-expired")),
        Stage::Recording | Stage::Ready | Stage::ReadyInRedirect | Stage::Completed | Stage::Declined | Stage::Failed => {
            return Err(WalletProblem::Gone("request-answered"));
        }
    }
    let signed = begin::sign(app, &login, &request, wallet_nonce).ok_or(WalletProblem::Gone("request-expired"))?;

    let mut database = app.parts.database.begin().await.map_err(database_error)?;
    let counted = store::count_fetch(&mut database, id, MAX_FETCHES).await.map_err(database_error)?;
    let first = store::mark_opened(&mut database, &login.id, app.now()).await.map_err(database_error)?;
    database.commit().await.map_err(database_error)?;
    if !counted {
        return Err(WalletProblem::Gone("request-fetched-too-often"));
    }
    // How often a code is scanned tells of a relay (W4).
    tracing::info!(channel = request.channel.as_str(), fetches = request.fetches + 1, "a request object was fetched");
    if first {
        app.changed(&login.id);
    }
    let media_type = format!("application/{REQUEST_OBJECT_TYPE}");
    Ok(([(header::CONTENT_TYPE, media_type)], signed).into_response())
}
