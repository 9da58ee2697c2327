//! Errors for wallets: the error bodies of OAuth 2.0 (RFC 6749 section 5.2), with the request's id, the slug for programs and the
//! sentence for the citizen in both languages. They quote nothing of what was posted.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use identity::Localized;
use serde::Serialize;
use service_kit::{ApiError, Slug};
use wire::oid4vp::ReceiptOpening;

use super::answer::Unreadable;
use super::refusal::Refused;

/// The body.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct WalletErrorBody {
    /// OAuth error code.
    pub error: &'static str,
    /// For the developer: slug and sentence in English.
    pub error_description: String,
    /// What programs switch on.
    pub yufu_reason: &'static str,
    /// The sentence for the citizen in Chinese.
    pub sentence_zh: String,
    /// The sentence for the citizen in English.
    pub sentence_en: String,
    /// The request's id, also in the service's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// For the very answer that was accepted, posted again: its receipt, in case the first acknowledgement got lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub yufu_receipt: Option<ReceiptOpening>,
}

/// Why a wallet's request is refused.
#[derive(Debug)]
pub enum WalletProblem {
    /// No such request.
    Unknown,
    /// The request is over: too late, answered, declined or failed.
    Gone(&'static str),
    /// The very answer that was accepted came again. It has no further effect, and its receipt is told again.
    Accepted(Box<ReceiptOpening>),
    /// The answer cannot be read.
    Unreadable(Unreadable),
    /// The presentation did not pass a check.
    Refused(Refused),
    /// The ledger or a status list is away: the same answer can be sent again.
    Away(&'static str),
    /// Something else, in the form of every API.
    Other(ApiError),
}

impl From<ApiError> for WalletProblem {
    fn from(error: ApiError) -> Self {
        Self::Other(error)
    }
}

impl From<Unreadable> for WalletProblem {
    fn from(error: Unreadable) -> Self {
        Self::Unreadable(error)
    }
}

impl WalletProblem {
    fn parts(&self) -> (StatusCode, &'static str, &'static str, Localized) {
        let sentence = |slug: Slug| slug.sentence();
        match self {
            Self::Unknown => (StatusCode::NOT_FOUND, "invalid_request", "request-unknown", sentence(Slug::NotFound)),
            Self::Gone(slug) => (StatusCode::GONE, "invalid_request", slug, sentence(Slug::Gone)),
            Self::Accepted(_) => (StatusCode::GONE, "invalid_request", "request-answered", sentence(Slug::Gone)),
            Self::Unreadable(error) => (StatusCode::BAD_REQUEST, "invalid_request", error.slug(), sentence(Slug::BadRequest)),
            Self::Refused(refused) => {
                (StatusCode::BAD_REQUEST, "access_denied", refused.refusal.slug(), refused.refusal.sentence())
            }
            Self::Away(slug) => {
                (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", slug, sentence(Slug::LedgerUnavailable))
            }
            Self::Other(error) => {
                let code = match error.status().as_u16() {
                    429 | 503 => "temporarily_unavailable",
                    500.. => "server_error",
                    _ => "invalid_request",
                };
                (error.status(), code, error.slug().as_str(), error.slug().sentence())
            }
        }
    }

    fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::Away(_) => Some(2),
            Self::Other(error) => error.retry_after_seconds(),
            Self::Unknown | Self::Gone(_) | Self::Accepted(_) | Self::Unreadable(_) | Self::Refused(_) => None,
        }
    }
}

impl IntoResponse for WalletProblem {
    fn into_response(self) -> Response {
        let (status, error, reason, sentence) = self.parts();
        let detail = match &self {
            Self::Refused(refused) => refused.detail,
            Self::Unknown | Self::Gone(_) | Self::Accepted(_) | Self::Unreadable(_) | Self::Away(_) | Self::Other(_) => reason,
        };
        match &self {
            Self::Other(error) => error.log(),
            Self::Unknown | Self::Gone(_) | Self::Accepted(_) | Self::Unreadable(_) | Self::Refused(_) | Self::Away(_) => {
                tracing::info!(reason, detail, status = status.as_u16(), "a wallet's request was refused");
            }
        }
        let retry_after_seconds = self.retry_after_seconds();
        let body = WalletErrorBody {
            error,
            error_description: format!("{detail}: {}", sentence.en),
            yufu_reason: reason,
            sentence_zh: sentence.zh,
            sentence_en: sentence.en,
            request_id: service_kit::request_id::current(),
            yufu_receipt: match self {
                Self::Accepted(receipt) => Some(*receipt),
                Self::Unknown | Self::Gone(_) | Self::Unreadable(_) | Self::Refused(_) | Self::Away(_) | Self::Other(_) => None,
            },
        };
        let mut response = (status, axum::Json(body)).into_response();
        if let Some(seconds) = retry_after_seconds {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
