//! The login page: begin, look again, complete.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use service_kit::address::ClientAddress;
use service_kit::cookies::SameSite;
use service_kit::extract::QueryOf;
use service_kit::session::Token;
use service_kit::{ApiError, Language, Slug};

use super::Channel;
use super::begin::{self, Begun};
use super::stage::Stage;
use super::store::{self, Login};
use crate::app::{App, Shared, database_error};
use crate::presentations::http::place;
use crate::site::pages::LoginPage;
use crate::site::{self, sessions};

/// Cookie that binds a login to the browser that began it.
const COOKIE: &str = "yufu-site-login";
/// Seconds that the browser keeps it.
const COOKIE_SECONDS: u32 = 600;

/// What a login is for.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    /// The purpose's id; the first purpose without it.
    purpose: Option<String>,
}

/// Begins a login.
#[utoipa::path(
    get,
    path = "/login",
    tag = "site",
    params(("purpose" = Option<String>, Query, description = "A purpose's id")),
    responses(
        (status = 200, description = "The login page; with `Accept: application/json` the links and the match code", body = begin::BegunAnswer),
        (status = 422, description = "This site is not registered for the purpose"),
        (status = 503, description = "The ledger is away"),
    )
)]
#[tracing::instrument(name = "logins.begin", skip_all)]
pub async fn login(
    State(app): State<Shared>,
    QueryOf(wanted): QueryOf<Wanted>,
    language: Language,
    address: ClientAddress,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    app.take_login(&address)?;
    let browser = browser(&app, &headers).await?;
    let begun = begin::begin(&app, wanted.purpose.as_deref(), &browser).await?;
    let cookie = app.cookies.set(COOKIE, browser.secret(), SameSite::Lax, Some(COOKIE_SECONDS));
    let mut response = if site::wants_json(&headers) {
        axum::Json(begun.answer(&app)).into_response()
    } else {
        let page = LoginPage::of(&app, &begun, language)?;
        site::render(&page, language)
    };
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

/// The browser's secret: the one that it has, if we gave it for a login not long ago, so that two tabs can log in; else a new
/// one. A secret that somebody planted is not taken over.
async fn browser(app: &App, headers: &HeaderMap) -> Result<Token, ApiError> {
    if let Some(known) = app.cookies.read(headers, COOKIE).as_deref().and_then(Token::presented) {
        let since = app.now().saturating_sub(i64::from(COOKIE_SECONDS));
        let is_ours = store::has_browser(&app.parts.database, &known.hash(), since).await.map_err(database_error)?;
        if is_ours {
            return Ok(known);
        }
    }
    Ok(Token::from_entropy(app.entropy()))
}

/// The login, if it is this browser's. Otherwise there is none, whatever exists.
pub(super) async fn own_login(app: &App, id: &str, headers: &HeaderMap) -> Result<Login, ApiError> {
    let unknown = || ApiError::new(Slug::NotFound).detail("this login was not begun in this browser, or is long over");
    let browser = app.cookies.read(headers, COOKIE).as_deref().and_then(Token::presented).ok_or_else(unknown)?;
    let login = store::find(&app.parts.database, id).await.map_err(database_error)?;
    login.filter(|login| login.browser == browser.hash()).ok_or_else(unknown)
}

/// The page of a login that has begun: for browsers without script, which load it again, and for the way back.
#[tracing::instrument(name = "logins.page", skip_all)]
pub async fn page(
    State(app): State<Shared>,
    Path(id): Path<String>,
    language: Language,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let login = own_login(&app, &id, &headers).await?;
    if login.stage(app.now()) == Stage::Ready {
        return Ok(Redirect::to(&format!("/login/{id}/complete")).into_response());
    }
    let requests = store::requests_of(&app.parts.database, &id).await.map_err(database_error)?;
    let of = |channel: Channel| requests.iter().find(|request| request.channel == channel).cloned();
    let (Some(same_device), Some(cross_device)) = (of(Channel::SameDevice), of(Channel::CrossDevice)) else {
        return Err(ApiError::new(Slug::NotFound));
    };
    let page = LoginPage::of(&app, &Begun { login, same_device, cross_device }, language)?;
    Ok(site::render(&page, language))
}

/// The wallet's redirect.
#[derive(Deserialize)]
pub struct Completion {
    /// Proof that the wallet that answered sent this browser here.
    response_code: Option<String>,
}

/// Gives the browser that began its session, once.
#[utoipa::path(
    get,
    path = "/login/{id}/complete",
    tag = "site",
    params(
        ("id" = String, Path, description = "The login's id"),
        ("response_code" = Option<String>, Query, description = "From the wallet's redirect; needed on the same device"),
    ),
    responses(
        (status = 303, description = "To the account, with the session's cookie; or back to the login page"),
        (status = 403, description = "The response code is missing or wrong"),
        (status = 404, description = "No such login, or not this browser's"),
    )
)]
#[tracing::instrument(name = "logins.complete", skip_all)]
pub async fn complete(
    State(app): State<Shared>,
    Path(id): Path<String>,
    QueryOf(completion): QueryOf<Completion>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let login = own_login(&app, &id, &headers).await?;
    match login.stage(app.now()) {
        Stage::Ready => {}
        Stage::ReadyInRedirect => {
            let code = completion.response_code.as_deref().and_then(Token::presented);
            if code.is_none_or(|code| code.hash() != login.response_code) {
                return Err(ApiError::new(Slug::NotAllowed).detail("the response code is missing or wrong"));
            }
        }
        Stage::Completed => return Ok(Redirect::to("/account").into_response()),
        Stage::Waiting | Stage::Opened | Stage::Recording | Stage::Declined | Stage::Failed | Stage::Expired => {
            return Ok(Redirect::to(&format!("/login/{id}")).into_response());
        }
    }
    let released = app.parts.storage_key.open(&place(&id), &[], &login.released).map_err(ApiError::internal)?;
    let session = Token::from_entropy(app.entropy());
    let sealed = sessions::seal(&app, &session, &released);

    let mut database = app.parts.database.begin().await.map_err(database_error)?;
    let won = store::complete(&mut database, &id, &login.browser).await.map_err(database_error)?;
    if !won {
        return Ok(Redirect::to("/account").into_response());
    }
    // The token is new with every login, and an older session of this browser ends.
    if let Some(older) = sessions::presented(&app, &headers) {
        sessions::delete(&mut database, &older).await.map_err(database_error)?;
    }
    sessions::insert(&mut database, &session, &id, &sealed, app.now()).await.map_err(database_error)?;
    database.commit().await.map_err(database_error)?;
    metrics::counter!("verifier_logins_total", "outcome" => "completed").increment(1);
    app.changed(&id);

    let mut response = Redirect::to("/account").into_response();
    response.headers_mut().append(header::SET_COOKIE, sessions::cookie(&app, &session));
    response.headers_mut().append(header::SET_COOKIE, app.cookies.clear(COOKIE));
    Ok(response)
}
