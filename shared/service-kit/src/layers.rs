//! What every request passes through: an id, a span, a place among those in flight, a time limit, a body limit, security headers,
//! metrics, and a problem instead of a dropped connection when a handler panics or a route does not exist.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderValue, Method};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument as _;
use url::Url;

use crate::address::TrustedProxies;
use crate::headers::{self, Csp};
use crate::problem::ApiError;
use crate::request_id;
use wire::problem::Slug;

/// The limits and headers of a service.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of a body, where a route does not set its own ([`DefaultBodyLimit`]).
    pub body_bytes: usize,
    /// Time to the response's head. Streams (SSE) go on after it.
    pub request: Duration,
    /// Requests in flight; more are told to come back.
    pub in_flight: usize,
    /// The policy of responses that do not set their own.
    pub csp: Csp,
    /// Reverse proxies that are believed about client addresses.
    pub trusted_proxies: Vec<IpAddr>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 256 * 1024,
            request: Duration::from_secs(30),
            in_flight: 1024,
            csp: Csp::strict(),
            trusted_proxies: Vec::new(),
        }
    }
}

struct Passage {
    limits: Limits,
    csp: HeaderValue,
    https: bool,
    places: Semaphore,
    proxies: TrustedProxies,
}

/// Puts the layers around a service's routes.
pub fn apply(router: Router, public_url: &Url, limits: Limits) -> Router {
    let passage = Arc::new(Passage {
        csp: limits.csp.value(),
        https: public_url.scheme() == "https",
        places: Semaphore::new(limits.in_flight),
        proxies: TrustedProxies(limits.trusted_proxies.clone().into()),
        limits,
    });
    router
        .fallback(|| async { ApiError::new(Slug::NotFound).detail("there is no such route") })
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(passage.limits.body_bytes))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(passage, pass))
}

async fn method_not_allowed() -> Response {
    let mut response = ApiError::new(Slug::BadRequest).detail("this route does not take this method").into_response();
    *response.status_mut() = axum::http::StatusCode::METHOD_NOT_ALLOWED;
    response
}

/// The payload of a panic may quote anything, so it is not logged: the panic hook has written where it happened.
fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    ApiError::new(Slug::Internal).caused_by("a handler panicked").into_response()
}

async fn pass(State(passage): State<Arc<Passage>>, mut request: Request, next: Next) -> Response {
    let id = request_id::next();
    let method = request.method().clone();
    // The route's pattern and not the path: paths hold ids.
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("http.request", request_id = %id, %method, route);
    request.extensions_mut().insert(passage.proxies.clone());
    let started = tokio::time::Instant::now();
    let answer = async {
        let Ok(_place) = passage.places.try_acquire() else {
            return ApiError::new(Slug::Busy).detail("too many requests are in flight").into_response();
        };
        match tokio::time::timeout(passage.limits.request, next.run(request)).await {
            Ok(response) => response,
            Err(_) => ApiError::new(Slug::Busy).detail("the request took longer than allowed").into_response(),
        }
    };
    let mut response = request_id::scope(id.clone(), answer.instrument(span.clone())).await;
    headers::set(response.headers_mut(), &passage.csp, passage.https);
    let value = HeaderValue::try_from(id).expect("a request id is hexadecimal");
    response.headers_mut().insert(request_id::HEADER, value);
    record(&method, route, response.status().as_u16(), started.elapsed(), &span);
    response
}

fn record(method: &Method, route: String, status: u16, elapsed: Duration, span: &tracing::Span) {
    // Methods are a closed set for the labels, whatever somebody sends.
    let method = match method.as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "OPTIONS") => known.to_owned(),
        _ => "other".to_owned(),
    };
    let labels = [("method", method.clone()), ("route", route.clone()), ("status", status.to_string())];
    metrics::counter!("http_requests_total", &labels).increment(1);
    metrics::histogram!("http_request_duration_seconds", "method" => method, "route" => route).record(elapsed.as_secs_f64());
    let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| tracing::info!(status, elapsed_ms, "answered"));
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::routing::{get, post};
    use tower::ServiceExt as _;
    use wire::problem::Problem;

    use super::*;
    use crate::extract::JsonBody;

    fn router() -> Router {
        let routes = Router::new()
            .route(
                "/panic",
                get(|| async {
                    if true {
                        panic!("canary-5519")
                    }
                }),
            )
            .route("/slow", get(std::future::pending::<()>))
            .route("/json", post(|JsonBody(_): JsonBody<serde_json::Value>| async {}));
        let limits = Limits { body_bytes: 100, request: Duration::from_millis(20), ..Limits::default() };
        apply(routes, &"https://issuer.example".parse().unwrap(), limits)
    }

    async fn answer(request: Request) -> (u16, Problem, axum::http::HeaderMap) {
        let response = router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 100_000).await.unwrap();
        (parts.status.as_u16(), serde_json::from_slice(&body).unwrap(), parts.headers)
    }

    fn get_request(path: &str) -> Request {
        Request::get(path).body(Body::empty()).unwrap()
    }

    #[tokio::test]
    async fn an_unknown_route_a_panic_and_a_slow_handler_are_problems_with_the_id_of_the_header() {
        for (path, status) in [("/nowhere", 404), ("/panic", 500), ("/slow", 503)] {
            let (actual, problem, headers) = answer(get_request(path)).await;
            assert_eq!(actual, status, "{path}");
            assert_eq!(problem.request_id.as_deref(), headers["x-request-id"].to_str().ok());
            assert_eq!(headers["x-content-type-options"], "nosniff");
            assert_eq!(headers["strict-transport-security"], "max-age=31536000");
            assert!(headers["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
            assert!(!problem.detail.unwrap_or_default().contains("canary"));
        }
    }

    #[tokio::test]
    async fn a_body_that_is_too_large_or_malformed_is_a_problem() {
        let json =
            |body: String| Request::post("/json").header("content-type", "application/json").body(Body::from(body)).unwrap();
        let (status, problem, _) = answer(json("{\"canary\":".to_owned())).await;
        assert_eq!((status, problem.slug()), (400, Some(Slug::BadRequest)));
        let (status, problem, _) = answer(json(format!("\"{}\"", "x".repeat(200)))).await;
        assert_eq!((status, problem.slug()), (413, Some(Slug::TooLarge)));
        let (status, ..) = answer(get_request("/json")).await;
        assert_eq!(status, 405);
    }
}
