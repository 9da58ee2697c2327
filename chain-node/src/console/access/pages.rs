//! The login page, logging in and out, and ending sessions.

use super::{Gate, LOGIN, Refused, SESSION, Session, Visitor, to};
use crate::console::words::Tongue;
use askama::Template;
use axum::{
    Extension,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse as _, Response},
};
use serde::Deserialize;
use service_kit::{ApiError, Language, address::ClientAddress, cookies::SameSite, csrf, extract::FormBody, session::Token};
use std::sync::Arc;

/// The login page stands alone: who is not in sees nothing of the ledger but its name.
#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    l: Tongue,
    ledger: String,
    node: String,
    challenge: String,
    message: Option<&'static str>,
}

#[derive(Deserialize)]
pub(super) struct LoginForm {
    code: String,
}

#[derive(Deserialize)]
pub(super) struct CsrfForm {
    csrf: String,
}

/// The page with the challenge of this browser.
fn page(gate: &Gate, language: Language, headers: &HeaderMap, refused: Option<Refused>) -> Response {
    let (challenge, cookie) = gate.challenge(headers);
    let l = Tongue(language);
    let template = LoginPage {
        l,
        ledger: l.of(&gate.ledger.name),
        node: gate.ledger.node_name.clone(),
        challenge: challenge.to_text(),
        message: refused.map(|refused| {
            let (zh, en) = refused.sentence();
            language.pick(zh, en)
        }),
    };
    let html = match template.render() {
        Ok(html) => html,
        Err(error) => return ApiError::internal(error).into_response(),
    };
    let status = match refused {
        None => StatusCode::OK,
        Some(Refused::Suspended | Refused::Role) => StatusCode::FORBIDDEN,
        Some(Refused::Challenge | Refused::Expired | Refused::Code | Refused::Authority | Refused::Key | Refused::Signature) => {
            StatusCode::UNAUTHORIZED
        }
    };
    let mut response = (status, Html(html)).into_response();
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

fn within_rate(gate: &Gate, client: ClientAddress) -> Result<(), ApiError> {
    gate.limiter.take(&client, gate.environment.clock.now_ms()).map_err(ApiError::from)
}

pub(super) async fn form(
    State(gate): State<Arc<Gate>>,
    language: Language,
    client: ClientAddress,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    if gate.visitor(&headers, false).await.is_some() {
        return to("/console");
    }
    if let Err(error) = within_rate(&gate, client) {
        return error.into_response();
    }
    let mut response = page(&gate, language, &headers, None);
    if query.unwrap_or_default().split('&').any(|pair| pair.starts_with("lang=")) {
        response.headers_mut().append(header::SET_COOKIE, language.cookie());
    }
    response
}

pub(super) async fn log_in(
    State(gate): State<Arc<Gate>>,
    language: Language,
    client: ClientAddress,
    headers: HeaderMap,
    FormBody(form): FormBody<LoginForm>,
) -> Response {
    if let Err(error) = csrf::check_origin(&headers, &gate.url).and_then(|()| within_rate(&gate, client)) {
        return error.into_response();
    }
    match gate.answered(&headers, &form.code).await {
        Ok(session) => begin(&gate, &headers, session).unwrap_or_else(ApiError::into_response),
        Err((refused, code)) => {
            let of = code.map(|code| (code.authority, code.key));
            match gate.note(refused.as_str(), of, None) {
                Ok(()) => page(&gate, language, &headers, Some(refused)),
                Err(error) => error.into_response(),
            }
        }
    }
}

/// A session under a token that nobody knew before. A login that cannot be written down does not happen.
fn begin(gate: &Gate, headers: &HeaderMap, session: Session) -> Result<Response, ApiError> {
    gate.note("login", Some((session.authority, session.key)), Some(session.role))?;
    let token = Token::from_entropy(gate.environment.entropy());
    let mut logins = gate.logins();
    if let Some(before) = gate.cookie(headers, SESSION) {
        logins.end(&before);
    }
    logins.begin(&token, session);
    let mut response = to("/console");
    let cookies = [gate.cookies.set(SESSION, token.secret(), SameSite::Strict, None), gate.cookies.clear(LOGIN)];
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// A form of a page that is logged in: of this origin, and of this session.
fn check_form(gate: &Gate, visitor: &Visitor, headers: &HeaderMap, form: &CsrfForm) -> Result<(), ApiError> {
    csrf::check_origin(headers, &gate.url)?;
    csrf::check_token(&visitor.token, &form.csrf)
}

fn out(gate: &Gate) -> Response {
    let mut response = to("/console/login");
    response.headers_mut().append(header::SET_COOKIE, gate.cookies.clear(SESSION));
    response
}

pub(super) async fn log_out(
    State(gate): State<Arc<Gate>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    FormBody(form): FormBody<CsrfForm>,
) -> Result<Response, ApiError> {
    check_form(&gate, &visitor, &headers, &form)?;
    // It ends also when that cannot be written down.
    gate.logins().end(&visitor.token);
    let Session { authority, key, role, .. } = visitor.session;
    gate.note("logout", Some((authority, key)), Some(role))?;
    Ok(out(&gate))
}

pub(super) async fn end_sessions(
    State(gate): State<Arc<Gate>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    FormBody(form): FormBody<CsrfForm>,
) -> Result<Response, ApiError> {
    check_form(&gate, &visitor, &headers, &form)?;
    let Session { authority, key, role, .. } = visitor.session;
    let ended = gate.logins().end_of(&authority);
    tracing::info!(ended, %authority, "an operator ended every session of its authority");
    gate.note("sessions_ended", Some((authority, key)), Some(role))?;
    Ok(out(&gate))
}
