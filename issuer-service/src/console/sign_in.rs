//! Signing in and out of the console.

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use service_kit::address::ClientAddress;
use service_kit::cookies::SameSite;
use service_kit::extract::FormBody;
use service_kit::{Language, csrf};

use super::answers::{page, see, shown};
use super::pages::{Frame, SignInPage};
use crate::app::Issuer;
use crate::failure::Failure;
use crate::staff::rules::SESSION_SECONDS;
use crate::staff::{self, COOKIE, Session, SignInError};

#[derive(Deserialize)]
pub(super) struct SignInForm {
    name: String,
    password: String,
}

#[derive(Deserialize)]
pub(super) struct SignOutForm {
    csrf: String,
}

pub(super) async fn form(State(app): State<Arc<Issuer>>, language: Language, OriginalUri(uri): OriginalUri) -> Response {
    let template = SignInPage { frame: Frame::outside(&app, language), message: None };
    shown(&app, language, page(language, uri.query(), &template))
}

pub(super) async fn submit(
    State(app): State<Arc<Issuer>>,
    language: Language,
    client: ClientAddress,
    headers: HeaderMap,
    FormBody(form): FormBody<SignInForm>,
) -> Response {
    if let Err(error) = csrf::check_origin(&headers, &app.public_url) {
        return shown(&app, language, Err(error.into()));
    }
    let (status, message) = match staff::sign_in(&app, client, form.name.trim(), &form.password).await {
        Ok(token) => {
            let mut response = see("/console");
            let age = u32::try_from(SESSION_SECONDS).ok();
            let cookie = app.cookies.set(COOKIE, token.secret(), SameSite::Strict, age);
            response.headers_mut().append(header::SET_COOKIE, cookie);
            return response;
        }
        Err(SignInError::Wrong) => {
            (StatusCode::UNAUTHORIZED, language.pick("用户名或密码不正确。", "The name or the password is wrong."))
        }
        Err(SignInError::Locked) => (
            StatusCode::TOO_MANY_REQUESTS,
            language.pick(
                "错误次数过多，已暂时锁定。请 15 分钟后再试，或联系管理员。",
                "Too many wrong attempts; signing in is locked for a while. Try again in 15 minutes, or ask the administrator.",
            ),
        ),
        Err(SignInError::Failed(failure)) => return shown(&app, language, Err(failure)),
    };
    let template = SignInPage { frame: Frame::outside(&app, language), message: Some(message.to_owned()) };
    let response = page(language, None, &template).map(|mut response| {
        *response.status_mut() = status;
        response
    });
    shown(&app, language, response)
}

pub(super) async fn sign_out(
    State(app): State<Arc<Issuer>>,
    language: Language,
    session: Session,
    headers: HeaderMap,
    FormBody(form): FormBody<SignOutForm>,
) -> Response {
    let ended = async {
        check_form(&app, &session, &headers, &form.csrf)?;
        staff::sign_out(&app, &session).await?;
        let mut response = see("/console/sign-in");
        response.headers_mut().append(header::SET_COOKIE, app.cookies.clear(COOKIE));
        Ok(response)
    };
    shown(&app, language, ended.await)
}

/// Every form of a signed-in page: of this origin, and of this session.
pub(super) fn check_form(app: &Issuer, session: &Session, headers: &HeaderMap, token: &str) -> Result<(), Failure> {
    csrf::check_origin(headers, &app.public_url)?;
    csrf::check_token(&session.token, token)?;
    Ok(())
}
