//! The ledger's console for operators and supervisors: pages that the node renders itself.
//!
//! They only read. Nothing inline, nothing from elsewhere; the overview keeps itself up to date with one small script. The console is
//! either behind the login of [`access`], on an address of its own, or on the admin listener without one: whoever reaches that may look,
//! so it belongs on loopback or in the operators' network.

pub mod access;
mod assets;
mod details;
mod directory;
mod door;
mod lists;
pub mod map;
mod members;
mod overview;
pub mod pages;
mod peers;
mod proposals;
pub mod words;

use self::{
    access::{Gate, Ledger, Visitor},
    pages::{ErrorPage, Frame, VisitorLine},
    words::Tongue,
};
use crate::rpc::Node;
use askama::Template;
use axum::{
    Router,
    extract::{FromRequestParts, State},
    http::{StatusCode, header, request::Parts},
    response::{
        Html, IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
    routing::get,
};
use clients::Environment;
use futures::{FutureExt as _, Stream, StreamExt as _, stream};
use ledger::cell::Subject;
use service_kit::{Language, Shutdown, headers::Csp, layers};
use std::{convert::Infallible, net::IpAddr, sync::Arc};
use tokio::sync::{Semaphore, broadcast::error::RecvError};
use url::Url;

/// Open overviews that are kept up to date at a time.
const STREAMS: usize = 64;

/// What every page has.
#[derive(Clone)]
pub(crate) struct Console {
    node: Arc<Node>,
    streams: Arc<Semaphore>,
    shutdown: Shutdown,
}

/// Who reads, and in which language.
#[derive(Debug, Clone)]
struct Reader {
    language: Language,
    /// Who is logged in; nobody on a console without a login.
    visitor: Option<Visitor>,
}

impl<S: Send + Sync> FromRequestParts<S> for Reader {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let language = Language::of(parts.uri.query(), &parts.headers);
        Ok(Self { language, visitor: parts.extensions.get::<Visitor>().cloned() })
    }
}

/// The pages without a login, with the headers that pages need.
pub fn router(node: Arc<Node>, shutdown: Shutdown, url: &Url) -> Router {
    dressed(pages(node, shutdown), url, &[])
}

/// The pages behind a login, for the console at `url`.
pub fn guarded(node: Arc<Node>, shutdown: Shutdown, url: &Url, trusted_proxies: &[IpAddr], environment: Environment) -> Router {
    let store = node.store.clone();
    let gate = Gate::new(url.clone(), ledger(node.clone()), environment, store);
    dressed(gate.protect(pages(node, shutdown)), url, trusted_proxies)
}

/// What the way in asks this node.
fn ledger(node: Arc<Node>) -> Ledger {
    let me = node.epochs.me();
    let key = identity::PublicKey::from_bytes(identity::Algorithm::Ed25519, me.as_ref());
    let running = node.clone();
    let operator = move || running.peers.membership().find(&me).map(|member| member.record.authority);
    Ledger {
        genesis: node.genesis_hash,
        name: node.genesis.name.clone(),
        node: key.expect("what a secret key makes is a public key"),
        node_name: node.name.clone(),
        operator: Arc::new(operator),
        authority: Arc::new(move |id| {
            let node = node.clone();
            async move { members::record_with_cell(&node, &Subject::Authority(id)).await }.boxed()
        }),
    }
}

fn pages(node: Arc<Node>, shutdown: Shutdown) -> Router {
    let console = Console { node, streams: Arc::new(Semaphore::new(STREAMS)), shutdown };
    Router::new()
        .route("/console", get(overview::page))
        .route("/console/live", get(overview::live))
        .route("/console/events", get(events))
        .route("/console/members", get(members::members))
        .route("/console/peers", get(peers::peers))
        .route("/console/directory", get(directory::authorities))
        .route("/console/directory/{authority}", get(directory::parties))
        .route("/console/blocks", get(lists::blocks))
        .route("/console/blocks/{height}", get(details::block))
        .route("/console/transactions/{id}", get(details::transaction))
        .route("/console/records/{key}", get(details::record))
        .route("/console/search", get(lists::search))
        .route("/console/findings", get(lists::findings))
        .route("/console/evidence", get(lists::evidence))
        .route("/console/access", get(door::accesses))
        .route("/console/assets/{name}", get(assets::show))
        .with_state(console)
}

fn dressed(routes: Router, url: &Url, trusted_proxies: &[IpAddr]) -> Router {
    let csp = Csp::strict().allow("script-src", "'self'").allow("connect-src", "'self'");
    let limits = layers::Limits { csp, in_flight: 128, trusted_proxies: trusted_proxies.to_vec(), ..layers::Limits::default() };
    layers::apply(routes, url, limits)
}

impl Console {
    /// The frame of a page.
    fn frame(&self, reader: &Reader, here: &'static str, switch: &str) -> Frame {
        let l = Tongue(reader.language);
        Frame {
            l,
            ledger: l.of(&self.node.genesis.name),
            node: self.node.name.clone(),
            here,
            switch: format!("{switch}{}", if switch.contains('?') { "&" } else { "?" }),
            query: String::new(),
            findings: self.node.supervision.findings.open_count(),
            visitor: reader.visitor.as_ref().map(|visitor| VisitorLine::new(visitor, l)),
        }
    }

    /// A page that says why there is nothing.
    fn missing(&self, reader: &Reader, zh: &str, en: &str) -> Response {
        let frame = self.frame(reader, "", "/console");
        let sentence = frame.l.t(zh, en).to_owned();
        let html = ErrorPage { frame, sentence }.render().unwrap_or_default();
        (StatusCode::NOT_FOUND, Html(html)).into_response()
    }
}

/// Renders a page and remembers the language that the link asked for.
fn show(reader: &Reader, query: Option<&str>, template: &impl Template) -> Response {
    let Ok(html) = template.render() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = Html(html).into_response();
    if query.unwrap_or_default().split('&').any(|pair| pair.starts_with("lang=")) {
        response.headers_mut().append(header::SET_COOKIE, reader.language.cookie());
    }
    response
}

/// A `finalized` event for each block, without its content: the page asks for what it shows. Ends with the session of who listens.
async fn events(
    State(console): State<Console>,
    reader: Reader,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, StatusCode> {
    let place = console.streams.clone().try_acquire_owned().map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    let shutdown = console.shutdown.clone();
    let blocks = stream::unfold((console.node.head.events(), reader.visitor), async |(mut events, visitor)| {
        loop {
            match events.recv().await {
                Ok(block) => {
                    let here = match &visitor {
                        Some(visitor) => visitor.still_here().await,
                        None => true,
                    };
                    return here.then_some((block.height, (events, visitor)));
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    });
    let blocks = blocks.take_until(async move { shutdown.requested().await }).map(move |height| {
        // The place is given back when the stream is dropped.
        let _place = &place;
        Ok(Event::default().event("finalized").id(height.to_string()).data(height.to_string()))
    });
    Ok(Sse::new(blocks).keep_alive(KeepAlive::default()))
}
