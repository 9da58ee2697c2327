//! Asking several nodes: the one that answered last first, the next when it failed, is slow, or knows less than was known.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::ChainError;
use crate::http::{self, HttpError};

/// How long a node may be silent before the next one is asked too. The first is still listened to.
pub const HEDGE_DELAY: Duration = Duration::from_millis(700);
/// How long others are waited for once an answer is there that is true but old.
pub const NEWER_TIMEOUT: Duration = Duration::from_secs(2);

/// The nodes that a client was given.
pub(super) struct Nodes {
    nodes: Vec<Node>,
    /// The one that answered last.
    preferred: AtomicUsize,
    /// The greatest height with a certificate that was checked.
    height: AtomicU64,
}

pub(super) struct Node {
    url: Url,
    pub(super) host: String,
}

impl Node {
    pub(super) fn path(&self, segments: &[&str]) -> Result<Url, ChainError> {
        let mut url = self.url.clone();
        match url.path_segments_mut() {
            Ok(mut path) => {
                path.pop_if_empty().extend(segments);
            }
            Err(()) => {
                return Err(HttpError::Malformed { host: self.host.clone(), expected: "at a web address" }.into());
            }
        }
        Ok(url)
    }
}

/// What became of a question.
pub(super) struct Asked<T> {
    /// The first answer that was good enough.
    pub(super) answer: Option<T>,
    /// Answers that were not.
    pub(super) others: Vec<T>,
    /// What the other side's failures come to.
    pub(super) failure: Option<ChainError>,
}

impl Nodes {
    pub(super) fn new(urls: Vec<Url>) -> Self {
        let nodes = urls.into_iter().map(|url| Node { host: http::host(&url), url }).collect();
        Self { nodes, preferred: AtomicUsize::default(), height: AtomicU64::default() }
    }

    pub(super) fn count(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn node(&self, index: usize) -> Result<&Node, ChainError> {
        self.nodes.get(index).ok_or(ChainError::NoNodes)
    }

    pub(super) fn host(&self, index: usize) -> &str {
        self.nodes.get(index).map_or("?", |node| &node.host)
    }

    /// The indexes, beginning with one.
    pub(super) fn from(&self, first: usize) -> impl Iterator<Item = usize> + use<> {
        let count = self.nodes.len();
        (0..count).map(move |offset| (first + offset) % count)
    }

    /// The greatest height that was proved to this client.
    pub(super) fn seen(&self) -> u64 {
        self.height.load(Ordering::Relaxed)
    }

    pub(super) fn saw(&self, height: u64) {
        self.height.fetch_max(height, Ordering::Relaxed);
    }

    /// Puts a question to the nodes until one answers well enough: the next one at once when one fails or knows too little, and after
    /// [`HEDGE_DELAY`] when one is silent. Answers that are not good enough are kept, and bound the wait for better ones.
    pub(super) async fn ask<T, F>(&self, question: impl Fn(usize) -> F, good_enough: impl Fn(&T) -> bool) -> Asked<T>
    where
        F: Future<Output = Result<T, ChainError>>,
    {
        let mut asked = Asked { answer: None, others: Vec::new(), failure: None };
        let mut order = self.from(self.preferred.load(Ordering::Relaxed));
        let question = &question;
        let put = |index: usize| async move { (index, question(index).await) };
        let mut pending: FuturesUnordered<_> = order.next().map(put).into_iter().collect();
        let mut others_until = None;
        while !pending.is_empty() {
            let hedge = Instant::now() + HEDGE_DELAY;
            let until = others_until.map_or(hedge, |limit: Instant| limit.min(hedge));
            match timeout_at(until, pending.next()).await {
                Ok(Some((index, Ok(answer)))) if good_enough(&answer) => {
                    self.preferred.store(index, Ordering::Relaxed);
                    asked.answer = Some(answer);
                    return asked;
                }
                Ok(Some((_, Ok(answer)))) => {
                    asked.others.push(answer);
                    others_until.get_or_insert(Instant::now() + NEWER_TIMEOUT);
                }
                Ok(Some((index, Err(error)))) => {
                    let failure = &error as &dyn std::error::Error;
                    tracing::warn!(node = self.host(index), error = failure, "a ledger node gave no usable answer");
                    asked.failure = Some(graver(asked.failure.take(), error));
                }
                Ok(None) => break,
                Err(_) if others_until.is_some_and(|limit| Instant::now() >= limit) => break,
                Err(_) => {}
            }
            pending.extend(order.next().map(put));
        }
        asked
    }
}

/// A lie is worth more to whoever reads the error than a node that has forgotten, and that more than a silence.
fn graver(kept: Option<ChainError>, new: ChainError) -> ChainError {
    let weight = |error: &ChainError| match error {
        ChainError::Unproven { .. } | ChainError::Forked { .. } | ChainError::UnprovenTransaction { .. } => 2,
        ChainError::Pruned { .. } => 1,
        _ => 0,
    };
    match kept {
        Some(kept) if weight(&kept) > weight(&new) || weight(&kept) == 2 => kept,
        Some(_) | None => new,
    }
}
