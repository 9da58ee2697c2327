//! Style, script and picture of the pages, compiled in.

use axum::http::header;
use axum::response::{IntoResponse, Response};

fn asset(media_type: &'static str, content: &'static str) -> Response {
    ([(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, "public, max-age=300")], content).into_response()
}

/// `/assets/site.css`
pub async fn style() -> Response {
    asset("text/css; charset=utf-8", include_str!("../../site/site.css"))
}

/// `/assets/login.js`
pub async fn script() -> Response {
    asset("text/javascript; charset=utf-8", include_str!("../../site/login.js"))
}

/// `/assets/tally.svg`
pub async fn tally() -> Response {
    asset("image/svg+xml", include_str!("../../site/tally.svg"))
}

/// `/assets/tally-open.svg`
pub async fn tally_open() -> Response {
    asset("image/svg+xml", include_str!("../../site/tally-open.svg"))
}
