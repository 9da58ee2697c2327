//! Finalized blocks as they come, as server-sent events.

use super::Rpc;
use crate::head;
use axum::{
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use futures::{Stream, StreamExt as _, stream};
use service_kit::{ApiError, Slug};
use std::convert::Infallible;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use wire::chain::Finalized;

/// A `finalized` event for each block from now on. A client that falls too far behind misses some and goes on.
#[utoipa::path(
    get, path = "/v1/events", tag = "blocks",
    responses(
        (status = 200, description = "text/event-stream of `finalized` events (wire::chain::Finalized)", body = Finalized),
        (status = 503, description = "too many streams are open", body = wire::problem::Problem),
    )
)]
pub(super) async fn events(State(rpc): State<Rpc>) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let busy = |_| ApiError::new(Slug::Busy).detail("too many event streams are open");
    let place = rpc.streams.clone().try_acquire_owned().map_err(busy)?;
    let shutdown = rpc.shutdown.clone();
    let blocks =
        stream::unfold(rpc.node.head.events(), next).take_until(async move { shutdown.requested().await }).map(move |block| {
            // The place is given back when the stream is dropped.
            let _place = &place;
            Ok(event(block))
        });
    Ok(Sse::new(blocks).keep_alive(KeepAlive::default()))
}

async fn next(mut events: Receiver<head::Finalized>) -> Option<(head::Finalized, Receiver<head::Finalized>)> {
    loop {
        match events.recv().await {
            Ok(block) => return Some((block, events)),
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return None,
        }
    }
}

fn event(block: head::Finalized) -> Event {
    let head::Finalized { height, timestamp_ms, transactions, .. } = block;
    let event = Event::default().event("finalized").id(height.to_string());
    let data = Finalized { height, timestamp_ms, transactions };
    event.json_data(data).expect("numbers and texts are JSON")
}
