//! What every client here does with HTTP: limits on time and size, no redirects, and errors that name the other side.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::{RequestBuilder, Response};
use serde::de::DeserializeOwned;
use url::Url;
use wire::oid4vci::OAuthError;
use wire::problem::Problem;

/// How long a connection may take to be made.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long an exchange may take, unless its function says otherwise.
pub const TOTAL_TIMEOUT: Duration = Duration::from_secs(10);
/// The most bytes of an answer, unless its function says otherwise.
pub const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// An HTTP client with the time limits of this crate, which follows no redirect and does not say what software it is (OpenID4VP 1.0 sections
/// 15.6 and 15.8: a wallet should send nothing by which it can be told from others).
///
/// # Errors
/// When the system's TLS roots cannot be loaded.
pub fn client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TOTAL_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
}

/// Why another side gave no usable answer. `host` names that side.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// No connection, or it broke.
    #[error("{host} cannot be reached")]
    Unreachable {
        /// The other side.
        host: String,
        /// What happened.
        #[source]
        source: reqwest::Error,
    },
    /// No answer in time.
    #[error("{host} did not answer in time")]
    TimedOut {
        /// The other side.
        host: String,
    },
    /// The answer is longer than this client takes.
    #[error("the answer of {host} is too long")]
    TooLong {
        /// The other side.
        host: String,
    },
    /// The answer is not what the protocol says.
    #[error("the answer of {host} is not {expected}")]
    Malformed {
        /// The other side.
        host: String,
        /// What it should have been.
        expected: &'static str,
    },
    /// The other side answered with a problem of Yufu's.
    #[error("{host} answered: {}", .problem.title)]
    Problem {
        /// The other side.
        host: String,
        /// The problem.
        problem: Box<Problem>,
        /// When to try again, if it says so.
        retry_after: Option<Duration>,
    },
    /// The other side answered with an OAuth or OpenID error.
    #[error("{host} answered {}", .error.error)]
    OAuth {
        /// The other side.
        host: String,
        /// The HTTP status.
        status: u16,
        /// The error.
        error: Box<OAuthError>,
        /// When to try again, if it says so.
        retry_after: Option<Duration>,
    },
    /// The other side answered with an error in no form known here.
    #[error("{host} answered with status {status}")]
    Status {
        /// The other side.
        host: String,
        /// The HTTP status.
        status: u16,
        /// When to try again, if it says so.
        retry_after: Option<Duration>,
    },
}

impl HttpError {
    /// The other side's name.
    pub fn host(&self) -> &str {
        match self {
            Self::Unreachable { host, .. }
            | Self::TimedOut { host }
            | Self::TooLong { host }
            | Self::Malformed { host, .. }
            | Self::Problem { host, .. }
            | Self::OAuth { host, .. }
            | Self::Status { host, .. } => host,
        }
    }

    /// The HTTP status, if there was an answer with one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Problem { problem, .. } => Some(problem.status),
            Self::OAuth { status, .. } | Self::Status { status, .. } => Some(*status),
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::TooLong { .. } | Self::Malformed { .. } => None,
        }
    }

    /// When the other side asks to be tried again.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Problem { retry_after, .. } | Self::OAuth { retry_after, .. } | Self::Status { retry_after, .. } => {
                *retry_after
            }
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::TooLong { .. } | Self::Malformed { .. } => None,
        }
    }

    /// Whether the same request can succeed later.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } => true,
            Self::TooLong { .. } | Self::Malformed { .. } => false,
            Self::Problem { .. } | Self::OAuth { .. } | Self::Status { .. } => {
                self.status().is_some_and(|status| status == 429 || status >= 500)
            }
        }
    }

    /// The OAuth or OpenID error code, if the other side named one.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::OAuth { error, .. } => Some(&error.error),
            Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::TooLong { .. }
            | Self::Malformed { .. }
            | Self::Problem { .. }
            | Self::Status { .. } => None,
        }
    }

    /// The machine's word for this error.
    pub fn slug(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::TimedOut { .. } => "timed-out",
            Self::TooLong { .. } | Self::Malformed { .. } => "bad-answer",
            Self::Problem { problem, .. } => problem.slug().map_or("refused", |slug| slug.as_str()),
            Self::OAuth { .. } | Self::Status { .. } => "refused",
        }
    }
}

/// The name of a URL's host for messages: no path, no query, no credentials.
pub(crate) fn host(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{port}", url.host_str().unwrap_or("?"))
}

/// The error of an exchange that broke. The URL is left out: it may hold a token.
pub(crate) fn failed(host: &str, source: reqwest::Error) -> HttpError {
    let host = host.to_owned();
    if source.is_timeout() { HttpError::TimedOut { host } } else { HttpError::Unreachable { host, source: source.without_url() } }
}

/// Sends a request; an answer that is not a success becomes the error that it says it is.
pub(crate) async fn send(host: &str, request: RequestBuilder) -> Result<Response, HttpError> {
    let response = request.send().await.map_err(|e| failed(host, e))?;
    if response.status().is_success() { Ok(response) } else { Err(refusal(host, response).await) }
}

/// The error that an answer says it is: a problem, an OAuth error in its body or in `WWW-Authenticate` (RFC 6750 section 3), or a status.
pub(crate) async fn refusal(host: &str, response: Response) -> HttpError {
    let status = response.status().as_u16();
    let challenged = challenge_error(&response);
    let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let retry_after = seconds.map(Duration::from_secs);
    let is_problem = has_media_type(&response, wire::problem::MEDIA_TYPE);
    let host = host.to_owned();
    let Ok(body) = read(&host, response, MAX_ANSWER_BYTES).await else {
        return HttpError::Status { host, status, retry_after };
    };
    if is_problem && let Ok(problem) = serde_json::from_slice::<Problem>(&body) {
        let problem = Box::new(Problem { status, ..problem });
        return HttpError::Problem { host, problem, retry_after };
    }
    let error = serde_json::from_slice::<OAuthError>(&body).ok();
    match error.or_else(|| challenged.map(|error| OAuthError { error, error_description: None })) {
        Some(error) => HttpError::OAuth { host, status, error: Box::new(error), retry_after },
        None => HttpError::Status { host, status, retry_after },
    }
}

/// The `error` parameter of the first challenge that has one.
fn challenge_error(response: &Response) -> Option<String> {
    let challenges = response.headers().get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    let named = challenges.filter_map(|challenge| challenge.split_once("error=\"")?.1.split_once('"'));
    let mut codes = named.map(|(code, _)| code);
    let is_code = |code: &&str| code.len() <= 64 && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    codes.find(is_code).map(str::to_owned)
}

/// Whether the answer's media type is this one, parameters aside.
pub(crate) fn has_media_type(response: &Response, media_type: &str) -> bool {
    let given = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case(media_type))
}

/// Reads a body of at most `limit` bytes; memory grows with what arrives, not with what is announced.
pub(crate) async fn read(host: &str, mut response: Response, limit: usize) -> Result<Vec<u8>, HttpError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| failed(host, e))? {
        if chunk.len() > limit - body.len() {
            return Err(HttpError::TooLong { host: host.to_owned() });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Sends a request and reads its JSON answer.
pub(crate) async fn json<T: DeserializeOwned>(
    host: &str,
    request: RequestBuilder,
    expected: &'static str,
) -> Result<T, HttpError> {
    let response = send(host, request).await?;
    let body = read(host, response, MAX_ANSWER_BYTES).await?;
    serde_json::from_slice(&body).map_err(|_| HttpError::Malformed { host: host.to_owned(), expected })
}
