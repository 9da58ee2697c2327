//! Problems as pages: a browser that would get `application/problem+json` from a page of the site gets a page that says the same,
//! with the request's id and the way on.

use askama::Template;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use service_kit::{ApiError, Language, Slug};
use wire::problem::{MEDIA_TYPE, Problem};

use super::{Frame, render};
use crate::app::Shared;

const MAX_PROBLEM_BYTES: usize = 64 * 1024;

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    frame: Frame,
    sentence: String,
    detail: Option<String>,
    request_id: Option<String>,
    retry: bool,
}

/// Turns problems into pages for browsers, and remembers a language that was chosen.
pub async fn layer(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let language = Language::of(request.uri().query(), request.headers());
    let chosen = request.uri().query().is_some_and(|query| query.split('&').any(|pair| pair.starts_with("lang=")));
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let browser = accept.contains("text/html");
    let mut response = next.run(request).await;
    let is_problem = response.headers().get(header::CONTENT_TYPE).is_some_and(|value| value == MEDIA_TYPE);
    if browser && is_problem {
        response = as_page(&app, language, response).await;
    }
    if chosen {
        response.headers_mut().append(header::SET_COOKIE, language.cookie());
    }
    response
}

async fn as_page(app: &Shared, language: Language, response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let problem = to_bytes(body, MAX_PROBLEM_BYTES).await.ok().and_then(|body| serde_json::from_slice::<Problem>(&body).ok());
    let slug = problem.as_ref().and_then(Problem::slug).unwrap_or(Slug::Internal);
    let page = ProblemPage {
        frame: Frame::new(app, language, "/", false),
        sentence: slug.sentence().in_language(language.tag()).to_owned(),
        detail: problem.as_ref().and_then(|problem| problem.detail.clone()),
        request_id: problem.and_then(|problem| problem.request_id),
        retry: parts.status == StatusCode::SERVICE_UNAVAILABLE || parts.status == StatusCode::TOO_MANY_REQUESTS,
    };
    let mut page = render(&page, language);
    *page.status_mut() = parts.status;
    if let Some(after) = parts.headers.get(header::RETRY_AFTER) {
        page.headers_mut().insert(header::RETRY_AFTER, after.clone());
    }
    for cookie in parts.headers.get_all(header::SET_COOKIE) {
        page.headers_mut().append(header::SET_COOKIE, HeaderValue::clone(cookie));
    }
    page
}

/// A page that is not there.
pub async fn not_found() -> ApiError {
    ApiError::new(Slug::NotFound).detail("there is no such page")
}
