//! The console's style sheet and pictures, compiled in.

use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use service_kit::{ApiError, Slug};

use super::answers::file;

pub(super) async fn show(Path(name): Path<String>) -> Response {
    let (media_type, bytes): (_, &'static str) = match name.as_str() {
        "console.css" => ("text/css; charset=utf-8", include_str!("../../console/console.css")),
        "tally.svg" => ("image/svg+xml", include_str!("../../console/tally.svg")),
        "tally-open.svg" => ("image/svg+xml", include_str!("../../console/tally-open.svg")),
        "tally-half.svg" => ("image/svg+xml", include_str!("../../console/tally-half.svg")),
        _ => return ApiError::new(Slug::NotFound).into_response(),
    };
    let mut response = file(media_type, bytes);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}
