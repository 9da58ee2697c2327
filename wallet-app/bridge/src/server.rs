//! The server: pages, starting a session, commands.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path as Name, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use clients::Environment;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use url::Url;
use wallet_commands::{Commands, Failure, Host};
use wallet_core::{Explained, Side};

use crate::gate::{self, Session, Starts};
use crate::pages::Pages;

/// Bytes of a command's input at most: a backup file with the documents that were declared, in base64.
const MAX_BODY_BYTES: usize = 48 * 1024 * 1024;
/// How often it is looked whether the wallet was unused for long enough.
const TICK: Duration = Duration::from_secs(5);
/// What the page may do: its own scripts and styles, nothing inline, nothing from elsewhere, in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
    trusted-types svelte-trusted-html";
/// Headers of every answer.
const HEADERS: [(&str, &str); 7] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "geolocation=(), microphone=(), camera=(self), payment=(), usb=()"),
];

/// A body within its bounds, or not.
type Bounded = Result<Bytes, BytesRejection>;

/// Why the bridge cannot serve.
pub type BridgeError = anyhow::Error;

/// The wallet of one host, in a browser.
pub struct Bridge {
    commands: Commands,
    pages: Pages,
    starts: Starts,
    environment: Environment,
    /// `127.0.0.1:port`.
    host: String,
    session: Mutex<Option<Session>>,
}

impl Bridge {
    /// A bridge with the user interface that was built into `pages`, for a listener on this address.
    ///
    /// # Errors
    /// When there is no built user interface.
    pub fn new(host: Host, pages: &Path, starts: Starts, port: u16) -> Result<Self, BridgeError> {
        let environment = host.environment.clone();
        Ok(Self {
            commands: Commands::new(host).coming_back_to(Url::parse(&format!("http://127.0.0.1:{port}/"))?),
            pages: Pages::read(pages)?,
            starts,
            environment,
            host: format!("127.0.0.1:{port}"),
            session: Mutex::new(None),
        })
    }

    /// Serves until the task is dropped.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(self, listener: TcpListener) -> Result<(), BridgeError> {
        let bridge = Arc::new(self);
        let locking = Arc::clone(&bridge);
        let router = Router::new()
            .route("/start", post(start))
            .route("/commands/{name}", post(command))
            .fallback(get(page))
            .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
            .layer(from_fn_with_state(Arc::clone(&bridge), guard))
            .with_state(bridge);
        let closing = async {
            loop {
                tokio::time::sleep(TICK).await;
                locking.commands.tick();
            }
        };
        tokio::select! {
            served = async { axum::serve(listener, router).await } => Ok(served?),
            () = closing => Ok(()),
        }
    }

    fn session(&self) -> Option<Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The first gate, and the headers of every answer.
async fn guard(State(bridge): State<Arc<Bridge>>, request: Request, next: Next) -> Response {
    let mut response = if !gate::is_for(&bridge.host, request.headers()) {
        refuse(StatusCode::MISDIRECTED_REQUEST, "wrong-host")
    } else if request.method() == axum::http::Method::POST && !gate::is_from(&bridge.host, request.headers()) {
        refuse(StatusCode::FORBIDDEN, "foreign-page")
    } else {
        next.run(request).await
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

async fn page(State(bridge): State<Arc<Bridge>>, request: Request) -> Response {
    match bridge.pages.get(request.uri().path()) {
        Some((media_type, bytes)) => ([(header::CONTENT_TYPE, media_type)], bytes).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Start {
    token: String,
}

#[derive(Serialize)]
struct Started {
    proof: String,
}

/// Exchanges a start token for a session. The session before it ends, and the wallet is closed.
async fn start(State(bridge): State<Arc<Bridge>>, headers: HeaderMap, body: Bounded) -> Response {
    let Ok(body) = body else { return refuse(StatusCode::PAYLOAD_TOO_LARGE, "too-large") };
    let token = serde_json::from_slice::<Start>(&body).ok().filter(|_| is_json(&headers)).map(|start| start.token);
    if !token.is_some_and(|token| bridge.starts.take(&token)) {
        return refuse(StatusCode::UNAUTHORIZED, "start-over");
    }
    let session = Session::new(&bridge.environment);
    *bridge.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(session.clone());
    bridge.commands.close();
    let cookie = [(header::SET_COOKIE, session.set_cookie())];
    (cookie, axum::Json(Started { proof: session.proof })).into_response()
}

async fn command(State(bridge): State<Arc<Bridge>>, Name(name): Name<String>, headers: HeaderMap, body: Bounded) -> Response {
    if !bridge.session().is_some_and(|session| session.is_of(&headers)) {
        return refuse(StatusCode::UNAUTHORIZED, "start-over");
    }
    if !is_json(&headers) {
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-json");
    }
    let Ok(body) = body else { return refuse(StatusCode::PAYLOAD_TOO_LARGE, "too-large") };
    match bridge.commands.call(&name, &body).await {
        Ok(output) => json(StatusCode::OK, output),
        Err(failure) => fail(StatusCode::UNPROCESSABLE_ENTITY, &failure),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    matches!((types.next(), types.next()), (Some(found), None) if found.as_bytes() == b"application/json")
}

/// What the bridge itself refuses, in the form of every other failure.
fn refuse(status: StatusCode, slug: &'static str) -> Response {
    let (zh, en) = match slug {
        "start-over" => (
            "这个钱包链接已使用、已过期，或钱包已在另一个窗口打开。请从城市首页重新打开钱包。",
            "This link to the wallet was used, is too old, or the wallet was opened in another window. Open it again from the city's front page.",
        ),
        "too-large" => (
            "内容过大，未读取。图片请不超过 5 MiB，备份文件请不超过 32 MiB。",
            "This is too large and was not read. A picture has at most 5 MiB, a backup file 32 MiB.",
        ),
        _ => ("请求不是来自钱包自己的页面，已拒绝。", "The request does not come from the wallet's own page and was refused."),
    };
    fail(status, &Explained::new(slug, Side::You, zh, en).into())
}

fn fail(status: StatusCode, failure: &Failure) -> Response {
    let text = serde_json::to_vec(failure).expect("a failure of texts is always JSON");
    json(status, text)
}

fn json(status: StatusCode, bytes: Vec<u8>) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], Body::from(bytes)).into_response()
}
