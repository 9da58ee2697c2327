//! What can go wrong in a handler, and which problem it becomes.

use axum::response::{IntoResponse, Response};
use blobs::StoreError;
use service_kit::{ApiError, Slug};

use crate::anchoring::LedgerError;
use crate::secrets::SecretsError;

/// A handler's error.
#[derive(Debug)]
pub enum Failure {
    /// A refusal that the handler decided on.
    Api(ApiError),
    /// The database failed.
    Database(sqlx::Error),
    /// The ledger did not answer, or refused.
    Ledger(LedgerError),
    /// The blob store failed.
    Blobs(StoreError),
    /// Something of ours does not open with our keys.
    Secrets(SecretsError),
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl From<Slug> for Failure {
    fn from(slug: Slug) -> Self {
        Self::Api(slug.into())
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Blobs(error)
    }
}

impl From<SecretsError> for Failure {
    fn from(error: SecretsError) -> Self {
        Self::Secrets(error)
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Api(error) => error,
            Failure::Database(error) => database(error),
            Failure::Ledger(error) => Self::new(Slug::LedgerUnavailable).caused_by(error),
            Failure::Blobs(error) => match &error {
                StoreError::Full(_) => Self::new(Slug::StorageFull).caused_by(error),
                StoreError::Missing { .. }
                | StoreError::Bad { .. }
                | StoreError::Unfit(_)
                | StoreError::Disk { .. }
                | StoreError::Pins { .. }
                | StoreError::Unreachable { .. }
                | StoreError::Daemon { .. } => Self::new(Slug::BlobsUnavailable).caused_by(error),
            },
            Failure::Secrets(error) => Self::internal(error),
        }
    }
}

/// SQLite's `SQLITE_FULL`, `SQLITE_BUSY` and `SQLITE_LOCKED`, and PostgreSQL's classes 53 (resources) and 57 (shutting down).
fn database(error: sqlx::Error) -> ApiError {
    let code = error.as_database_error().and_then(|e| e.code()).map(|code| code.into_owned()).unwrap_or_default();
    let slug = match &error {
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) => Slug::Busy,
        _ if code == "13" || code == "53100" => Slug::StorageFull,
        _ if code == "5" || code == "6" || code.starts_with("53") || code.starts_with("57") => Slug::Busy,
        _ => Slug::Internal,
    };
    ApiError::new(slug).caused_by(error)
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        ApiError::from(self).into_response()
    }
}
