//! Errors of the OAuth and OpenID4VCI endpoints: their own codes (RFC 6749 section 5.2, RFC 6750 section 3, RFC 9449 sections 5 to 9,
//! OpenID4VCI sections 6.3 and 8.3.1), `no-store`, and the request's id in the response header.

use std::borrow::Cow;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use service_kit::ApiError;
use wire::oid4vci::OAuthError;

use crate::dpop::{self, DpopError};
use crate::failure::Failure;

/// An error of such an endpoint.
#[derive(Debug)]
pub struct OAuthFailure {
    status: StatusCode,
    code: &'static str,
    /// ASCII without `"` and `\`.
    description: Cow<'static, str>,
    retry_after_seconds: Option<u64>,
    /// Of a protected resource: the scheme that the request used.
    challenge: Option<Scheme>,
}

/// How an access token is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// RFC 6750.
    Bearer,
    /// With a proof of the key that it is bound to (RFC 9449 section 7.1).
    Dpop,
}

impl OAuthFailure {
    /// Status 400 with a code.
    pub fn bad(code: &'static str, description: impl Into<Cow<'static, str>>) -> Self {
        let status = StatusCode::BAD_REQUEST;
        Self { status, code, description: description.into(), retry_after_seconds: None, challenge: None }
    }

    /// An authorization error of a protected resource (RFC 6750 section 3, RFC 9449 section 7.1).
    pub fn of_resource(
        scheme: Scheme,
        status: StatusCode,
        code: &'static str,
        description: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { status, code, description: description.into(), retry_after_seconds: None, challenge: Some(scheme) }
    }

    /// A DPoP proof that does not count, at the token endpoint (RFC 9449 sections 5 and 8).
    pub fn of_proof(error: DpopError) -> Self {
        let description = service_kit::problem::chain(&error);
        match error {
            DpopError::Invalid(_) => Self::bad("invalid_dpop_proof", description),
            DpopError::UseNonce => Self::bad("use_dpop_nonce", description),
            DpopError::Database(error) => error.into(),
        }
    }

    /// The same at a protected resource (RFC 9449 sections 7.1 and 9).
    pub fn of_proof_at_resource(error: DpopError) -> Self {
        match error {
            DpopError::Database(error) => error.into(),
            error @ (DpopError::Invalid(_) | DpopError::UseNonce) => {
                Self { status: StatusCode::UNAUTHORIZED, challenge: Some(Scheme::Dpop), ..Self::of_proof(error) }
            }
        }
    }

    /// The same, with the time when it may be otherwise.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after_seconds: Some(seconds), ..self }
    }

    /// Try again in some seconds.
    pub fn later(description: &'static str, seconds: u64) -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let description = description.into();
        Self { status, code: "temporarily_unavailable", description, retry_after_seconds: Some(seconds), challenge: None }
    }
}

impl From<Failure> for OAuthFailure {
    fn from(failure: Failure) -> Self {
        ApiError::from(failure).into()
    }
}

impl From<ApiError> for OAuthFailure {
    fn from(error: ApiError) -> Self {
        error.log();
        let status = error.status();
        let code = match status.as_u16() {
            429 | 503 | 507 => "temporarily_unavailable",
            500..=599 => "server_error",
            _ => "invalid_request",
        };
        let description = error.slug().sentence().en.into();
        Self { status, code, description, retry_after_seconds: error.retry_after_seconds(), challenge: None }
    }
}

impl From<sqlx::Error> for OAuthFailure {
    fn from(error: sqlx::Error) -> Self {
        Failure::Database(error).into()
    }
}

impl IntoResponse for OAuthFailure {
    fn into_response(self) -> Response {
        tracing::info!(code = self.code, description = %self.description, "an OAuth request was refused");
        let description: String =
            self.description.chars().map(|c| if matches!(c, ' '..='~') && c != '"' && c != '\\' { c } else { '\'' }).collect();
        let challenge = self.challenge.map(|scheme| challenge(scheme, self.code, &description));
        let body = OAuthError { error: self.code.to_owned(), error_description: Some(description) };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(challenge) = challenge {
            let value = HeaderValue::try_from(challenge).expect("code and description are visible ASCII");
            headers.insert(header::WWW_AUTHENTICATE, value);
        }
        response
    }
}

/// `WWW-Authenticate`: the scheme that was used, and DPoP beside Bearer, so that a client that came without a token hears of it.
fn challenge(scheme: Scheme, code: &str, description: &str) -> String {
    let error = format!("error=\"{code}\", error_description=\"{description}\"");
    let algorithms = dpop::algorithms().join(" ");
    match scheme {
        Scheme::Bearer => format!("Bearer {error}, DPoP algs=\"{algorithms}\""),
        Scheme::Dpop => format!("DPoP {error}, algs=\"{algorithms}\""),
    }
}
