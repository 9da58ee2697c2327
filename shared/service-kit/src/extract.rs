//! Extractors whose refusals are problems: axum's own answer in plain text and would quote the body.

use axum::extract::rejection::{BytesRejection, FormRejection, JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::ApiError;
use wire::problem::Slug;

fn refused(status: StatusCode, what: &'static str) -> ApiError {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(Slug::TooLarge).detail("the body is larger than this route takes"),
        _ => ApiError::new(Slug::BadRequest).detail(what),
    }
}

/// A JSON body.
#[derive(Clone, Copy, Debug)]
pub struct JsonBody<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let body = axum::Json::<T>::from_request(request, state).await;
        body.map(|json| Self(json.0))
            .map_err(|e: JsonRejection| refused(e.status(), "the body is not the JSON that this route takes"))
    }
}

/// A form body.
#[derive(Clone, Copy, Debug)]
pub struct FormBody<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for FormBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let body = axum::Form::<T>::from_request(request, state).await;
        body.map(|form| Self(form.0))
            .map_err(|e: FormRejection| refused(e.status(), "the body is not the form that this route takes"))
    }
}

/// A body of text in UTF-8, whatever its media type; the caller checks that.
#[derive(Clone, Debug)]
pub struct TextBody(pub String);

impl<S: Send + Sync> FromRequest<S> for TextBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = axum::body::Bytes::from_request(request, state)
            .await
            .map_err(|e: BytesRejection| refused(e.status(), "the body did not arrive whole"))?;
        let text = String::from_utf8(bytes.into());
        text.map(Self).map_err(|_| ApiError::new(Slug::BadRequest).detail("the body is not UTF-8"))
    }
}

/// The query of the URL.
#[derive(Clone, Copy, Debug)]
pub struct QueryOf<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for QueryOf<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let query = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        query
            .map(|query| Self(query.0))
            .map_err(|e: QueryRejection| refused(e.status(), "the URL's query is not what this route takes"))
    }
}
