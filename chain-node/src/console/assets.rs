//! The console's style sheet, picture and script, compiled in.

use axum::{
    extract::Path,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};

pub(super) async fn show(Path(name): Path<String>) -> Response {
    let (media_type, text): (&'static str, &'static str) = match name.as_str() {
        "console.css" => ("text/css; charset=utf-8", include_str!("../../console/console.css")),
        "live.js" => ("text/javascript; charset=utf-8", include_str!("../../console/live.js")),
        "seal.svg" => ("image/svg+xml", include_str!("../../console/seal.svg")),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
    ];
    (headers, text).into_response()
}
