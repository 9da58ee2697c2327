//! The ledger's console for operators and supervisors: pages that the node renders itself, on its admin listener.
//!
//! Only reads. Nothing inline, nothing from elsewhere; the overview keeps itself up to date with one small script. Whoever reaches the
//! admin listener may look: it belongs on loopback or in the operators' network.

mod assets;
mod details;
mod lists;
pub mod map;
mod members;
mod overview;
pub mod pages;
mod proposals;
pub mod words;

use self::{
    pages::{ErrorPage, Frame},
    words::Tongue,
};
use crate::rpc::Node;
use askama::Template;
use axum::{
    Router,
    extract::{RawQuery, State},
    http::{StatusCode, header},
    response::{
        Html, IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
    routing::get,
};
use futures::{Stream, StreamExt as _, stream};
use service_kit::{Language, Shutdown, headers::Csp, layers};
use std::{convert::Infallible, sync::Arc};
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

/// The pages, with the headers that pages need.
pub fn router(node: Arc<Node>, shutdown: Shutdown, url: &Url) -> Router {
    let console = Console { node, streams: Arc::new(Semaphore::new(STREAMS)), shutdown };
    let routes = Router::new()
        .route("/console", get(overview::page))
        .route("/console/live", get(overview::live))
        .route("/console/events", get(events))
        .route("/console/members", get(members::members))
        .route("/console/blocks", get(lists::blocks))
        .route("/console/blocks/{height}", get(details::block))
        .route("/console/transactions/{id}", get(details::transaction))
        .route("/console/records/{key}", get(details::record))
        .route("/console/search", get(lists::search))
        .route("/console/findings", get(lists::findings))
        .route("/console/evidence", get(lists::evidence))
        .route("/console/assets/{name}", get(assets::show))
        .with_state(console);
    let csp = Csp::strict().allow("script-src", "'self'").allow("connect-src", "'self'");
    layers::apply(routes, url, layers::Limits { csp, in_flight: 128, ..layers::Limits::default() })
}

impl Console {
    /// The frame of a page.
    fn frame(&self, language: Language, here: &'static str, switch: &str) -> Frame {
        let l = Tongue(language);
        Frame {
            l,
            ledger: l.of(&self.node.genesis.name),
            node: self.node.name.clone(),
            here,
            switch: format!("{switch}{}", if switch.contains('?') { "&" } else { "?" }),
            query: String::new(),
            findings: self.node.supervision.findings.open_count(),
        }
    }

    /// A page that says why there is nothing.
    fn missing(&self, language: Language, zh: &str, en: &str) -> Response {
        let frame = self.frame(language, "", "/console");
        let sentence = frame.l.t(zh, en).to_owned();
        let html = ErrorPage { frame, sentence }.render().unwrap_or_default();
        (StatusCode::NOT_FOUND, Html(html)).into_response()
    }
}

/// Renders a page and remembers the language that the link asked for.
fn show(language: Language, query: Option<&str>, template: &impl Template) -> Response {
    let Ok(html) = template.render() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = Html(html).into_response();
    if query.unwrap_or_default().split('&').any(|pair| pair.starts_with("lang=")) {
        response.headers_mut().append(header::SET_COOKIE, language.cookie());
    }
    response
}

/// A `finalized` event for each block, without its content: the page asks for what it shows.
async fn events(
    State(console): State<Console>,
    RawQuery(_): RawQuery,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, StatusCode> {
    let place = console.streams.clone().try_acquire_owned().map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    let shutdown = console.shutdown.clone();
    let blocks = stream::unfold(console.node.head.events(), async |mut events| {
        loop {
            match events.recv().await {
                Ok(block) => return Some((block.height, events)),
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
