//! The id of a request: in the response header `x-request-id`, in every log line of the request and in its problem, so that a person
//! who reports the one finds the other. Ids from outside are not taken over.

use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::HeaderName;

/// The response header.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static CURRENT: String;
}

/// The id of the request that this task answers, if it answers one.
pub fn current() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Runs a request under an id.
pub(crate) async fn scope<F: Future>(id: String, answer: F) -> F::Output {
    CURRENT.scope(id, answer).await
}

/// A new id: unique in this process, and unlikely to be that of another. It protects nothing and need not be unguessable.
pub(crate) fn next() -> String {
    static PROCESS: LazyLock<u64> = LazyLock::new(|| std::hash::RandomState::new().build_hasher().finish());
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{:08x}-{:06x}", *PROCESS >> 32, COUNT.fetch_add(1, Ordering::Relaxed))
}
