//! Answers of the console: pages, redirects, and errors as pages.

use askama::Template;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use service_kit::{ApiError, Language, Slug, request_id};

use super::pages::{ErrorPage, Frame};
use crate::app::Issuer;
use crate::failure::Failure;
use crate::staff::NoSession;

/// Renders a page and remembers the language that the link asked for.
pub(super) fn page(language: Language, query: Option<&str>, template: &impl Template) -> Result<Response, Failure> {
    let html = template.render().map_err(ApiError::internal)?;
    let mut response = Html(html).into_response();
    if query.unwrap_or_default().split('&').any(|pair| pair.starts_with("lang=")) {
        response.headers_mut().append(header::SET_COOKIE, language.cookie());
    }
    Ok(response)
}

/// After a form: the page that shows what it did (POST, redirect, GET).
pub(super) fn see(path: &str) -> Response {
    Redirect::to(path).into_response()
}

/// A failure as a page, with the sentence, the detail and the request's id.
pub(super) fn shown(app: &Issuer, language: Language, result: Result<Response, Failure>) -> Response {
    let error = match result {
        Ok(response) => return response,
        Err(failure) => ApiError::from(failure),
    };
    error.log();
    let sentence = error.slug().sentence();
    let template = ErrorPage {
        // The address of a form that failed is no page.
        frame: Frame { switch: "/console", ..Frame::outside(app, language) },
        sentence: sentence.in_language(language.tag()).to_owned(),
        detail: error.detail_text().unwrap_or_default().to_owned(),
        request_id: request_id::current().unwrap_or_default(),
    };
    let html = template.render().unwrap_or_else(|_| sentence.zh.clone());
    let mut response = (error.status(), Html(html)).into_response();
    if let Some(seconds) = error.retry_after_seconds() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

impl IntoResponse for NoSession {
    fn into_response(self) -> Response {
        match self {
            Self::SignIn => Redirect::to("/console/sign-in").into_response(),
            Self::Failed(failure) => failure.into_response(),
        }
    }
}

/// A path segment that cannot be an id is not looked up.
pub(super) fn check_id(id: &str) -> Result<(), Failure> {
    let fits = (8..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if fits { Ok(()) } else { Err(Slug::NotFound.into()) }
}

/// A file or picture, with its media type. A stranger made it, so opened by itself it may do nothing: no script, no form, an origin of its
/// own. The common headers forbid guessing another type.
pub(super) fn file(media_type: &'static str, bytes: impl Into<axum::body::Body>) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    let policy = "default-src 'none'; frame-ancestors 'none'; sandbox";
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    (StatusCode::OK, headers, bytes.into()).into_response()
}

/// A file that is saved and not shown.
pub(super) fn attachment(media_type: &'static str, name: &str, bytes: impl Into<axum::body::Body>) -> Response {
    let mut response = file(media_type, bytes);
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{name}\""));
    let disposition = disposition.unwrap_or(HeaderValue::from_static("attachment"));
    response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
    response
}
