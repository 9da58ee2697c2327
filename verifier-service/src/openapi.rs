//! The API description at `/openapi.json`.

use axum::Json;
use utoipa::OpenApi;

/// The description.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Yufu verifier",
        description = "Logs citizens in at a government website by OpenID4VP 1.0 with HAIP 1.0. The wallet's routes answer errors \
                       as OAuth 2.0 does; the website's routes as RFC 9457 problems, or as pages for browsers."
    ),
    paths(
        crate::logins::http::login,
        crate::logins::events::events,
        crate::logins::http::complete,
        crate::logins::requests::get,
        crate::logins::requests::post,
        crate::presentations::http::respond,
        crate::rights::http::metadata,
        crate::rights::http::exercise,
    )
)]
pub struct Document;

/// `/openapi.json`
pub async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}
