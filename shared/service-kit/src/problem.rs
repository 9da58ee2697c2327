//! Errors of an API: a slug, what exactly happened, and what caused it. As a response it is `application/problem+json` (RFC 9457)
//! with the request's id; making the response logs the failure, once.

use std::borrow::Cow;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use wire::problem::{MEDIA_TYPE, Problem, Slug};

use crate::request_id;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// An error that becomes a problem.
#[derive(Debug)]
pub struct ApiError {
    slug: Slug,
    detail: Option<Cow<'static, str>>,
    source: Option<Source>,
    retry_after_seconds: Option<u64>,
}

impl ApiError {
    /// A problem of this kind.
    pub fn new(slug: Slug) -> Self {
        Self { slug, detail: None, source: None, retry_after_seconds: None }
    }

    /// [`Slug::Internal`], with its cause for the log. The client learns nothing of it.
    pub fn internal(source: impl Into<Source>) -> Self {
        Self::new(Slug::Internal).caused_by(source)
    }

    /// Says what exactly happened, for the developer of the client. Never personal data.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The cause: it goes to the log and not to the client.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// When to try again, in seconds. Without it, problems with status 429 and 503 say 2.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// The slug.
    pub fn slug(&self) -> Slug {
        self.slug
    }

    /// The detail.
    pub fn detail_text(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.slug.status()).expect("every slug has a valid status")
    }

    /// The problem as it goes over the wire.
    pub fn to_problem(&self) -> Problem {
        let sentence = self.slug.sentence();
        Problem {
            kind: format!("urn:yufu:problem:{}", self.slug.as_str()),
            title: sentence.en,
            title_zh: sentence.zh,
            status: self.slug.status(),
            detail: self.detail.as_deref().map(str::to_owned),
            request_id: request_id::current(),
        }
    }

    /// Writes the failure to the log: own failures as errors, refusals for the record.
    pub fn log(&self) {
        let slug = self.slug.as_str();
        let cause = self.source.as_deref().map(chain).unwrap_or_default();
        let detail = self.detail.as_deref().unwrap_or_default();
        if self.slug.status() >= 500 {
            tracing::error!(slug, detail, cause, "the request failed");
        } else {
            tracing::info!(slug, detail, cause, "the request was refused");
        }
    }

    /// The seconds of the `Retry-After` header, where there is one.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after_seconds.or(match self.slug.status() {
            429 | 503 => Some(2),
            _ => None,
        })
    }
}

impl From<Slug> for ApiError {
    fn from(slug: Slug) -> Self {
        Self::new(slug)
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.slug.as_str())?;
        self.detail.as_deref().map_or(Ok(()), |detail| write!(f, ": {detail}"))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.log();
        let body = serde_json::to_vec(&self.to_problem()).expect("a problem has only text and a number");
        let mut response = (self.status(), body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_seconds() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// An error and its sources in one line.
pub fn chain(error: &(dyn std::error::Error + Send + Sync + 'static)) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        line.push_str(": ");
        line.push_str(&error.to_string());
        source = error.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_problem_has_its_slug_its_sentences_and_no_cause() {
        let error = ApiError::new(Slug::LedgerUnavailable).detail("node 1 of 1 is silent").caused_by("secret cause");
        let response = error.into_response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        let problem: Problem = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem.slug(), Some(Slug::LedgerUnavailable));
        assert!(problem.title_zh.contains("账本"));
        assert!(!String::from_utf8_lossy(&body).contains("secret cause"));
    }
}
