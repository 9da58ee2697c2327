//! The RPC: what wallets, services and operators ask a node. Routes and bodies are `wire::chain`'s.
//!
//! Assumes nothing of its callers: bodies are bounded, addresses rate-limited, waits limited. Never asks anybody to
//! believe it: state goes out with its proof.

mod blocks;
mod epochs;
mod events;
mod evidence;
mod findings;
mod governance;
mod history;
mod identifiers;
mod openapi;
mod state;
mod statistics;
mod transactions;

use crate::node;
use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use commonware_runtime::{Clock as _, tokio::Context};
use data_encoding::BASE64URL_NOPAD;
use service_kit::{
    ApiError, Shutdown, Slug,
    address::ClientAddress,
    rate::{Rate, RateLimiter},
};
use std::sync::Arc;
use tokio::sync::Semaphore;

pub(crate) use blocks::list as blocks;
pub(crate) use evidence::list as evidence;
pub(crate) use transactions::find as transaction;

/// The node that RPC runs on.
pub type Node = node::Node<Context>;

/// Bytes of a submitted body at most: a transaction in base64url, and room for JSON.
const SUBMIT_BYTES: usize = ledger::limits::MAX_TRANSACTION_BYTES * 4 / 3 + 4 * 1024;
/// Bytes of a body with several transactions at most: a hundred of usual size.
const SUBMIT_BATCH_BYTES: usize = 256 * 1024;
/// Client addresses whose rate is remembered.
const REMEMBERED_CLIENTS: usize = 16_384;

/// What every handler has.
#[derive(Clone)]
struct Rpc {
    node: Arc<Node>,
    limiter: Arc<RateLimiter<ClientAddress>>,
    streams: Arc<Semaphore>,
    shutdown: Shutdown,
}

/// The limits of the RPC.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Requests per second of one client address.
    pub requests_per_second: u32,
    /// Event streams open at a time.
    pub event_streams: usize,
}

/// The routes, without the layers that every service has.
pub fn router(node: Arc<Node>, limits: Limits, shutdown: Shutdown) -> Router {
    let rate =
        Rate { burst: limits.requests_per_second.saturating_mul(2), per_minute: limits.requests_per_second.saturating_mul(60) };
    let rpc = Rpc {
        node,
        limiter: Arc::new(RateLimiter::new(rate, REMEMBERED_CLIENTS)),
        streams: Arc::new(Semaphore::new(limits.event_streams)),
        shutdown,
    };
    Router::new()
        .route("/v1/transactions", post(transactions::submit).layer(DefaultBodyLimit::max(SUBMIT_BYTES)))
        .route("/v1/transactions/batch", post(transactions::submit_batch).layer(DefaultBodyLimit::max(SUBMIT_BATCH_BYTES)))
        .route("/v1/transactions/{id}", get(transactions::transaction))
        .route("/v1/transactions/{id}/receipt", get(transactions::receipt))
        .route("/v1/history/{key}", get(history::history))
        .route("/v1/search", get(history::search))
        .route("/v1/evidence", get(evidence::evidence))
        .route("/v1/findings", get(findings::findings))
        .route("/v1/statistics", get(statistics::statistics))
        .route("/v1/state/{key}", get(state::state))
        .route("/v1/genesis", get(state::genesis))
        .route("/v1/status", get(state::status))
        .route("/v1/blocks", get(blocks::blocks))
        .route("/v1/blocks/{height}", get(blocks::block))
        .route("/v1/epochs/{epoch}", get(epochs::epoch))
        .route("/v1/governance", get(governance::governance))
        .route("/v1/events", get(events::events))
        .route("/1.0/identifiers/{did}", get(identifiers::resolve))
        .route("/openapi.json", get(openapi::document))
        .layer(middleware::from_fn_with_state(rpc.clone(), limit))
        .with_state(rpc)
}

async fn limit(State(rpc): State<Rpc>, client: ClientAddress, request: Request, next: Next) -> Response {
    let now_ms = crate::progress::milliseconds(rpc.node.clock.current());
    match rpc.limiter.take(&client, now_ms) {
        Ok(()) => next.run(request).await,
        Err(limited) => ApiError::from(limited).into_response(),
    }
}

/// Bytes as text: base64url without padding.
fn encode(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

/// The size of a page or window: what was asked for, if it is from 1 to `most`.
fn page(asked: Option<usize>, default: usize, most: usize) -> Result<usize, ApiError> {
    let size = asked.unwrap_or(default);
    if (1..=most).contains(&size) {
        Ok(size)
    } else {
        Err(ApiError::new(Slug::BadRequest).detail(format!("the size must be 1 to {most}")))
    }
}

/// The 32 bytes of an id or key in a path.
fn hash(text: &str) -> Result<[u8; 32], ApiError> {
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok();
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| ApiError::new(Slug::BadRequest).detail("the path must end in 32 bytes of base64url without padding"))
}
