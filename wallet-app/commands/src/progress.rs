//! Which calls take longer than usual: what the core says of its stories, kept until the page asks.
//!
//! The core says it from within the story, so each call hears its own; what a screen asks quietly beside a long story does not hide it.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wallet_core::{ProgressSink, Slow};

tokio::task_local! {
    /// The number of the call that a task is in.
    static CALL: u64;
}

/// What was last heard of each call that is under way and slow.
#[derive(Clone, Default)]
pub(crate) struct SlowCalls(Arc<Mutex<Calls>>);

#[derive(Default)]
struct Calls {
    next: u64,
    slow: BTreeMap<u64, Slow>,
}

impl SlowCalls {
    /// What a wallet speaks to.
    pub(crate) fn sink(&self) -> ProgressSink {
        let calls = self.clone();
        Arc::new(move |slow| {
            if let Ok(call) = CALL.try_with(|call| *call) {
                calls.lock().slow.insert(call, slow.clone());
            }
        })
    }

    /// Runs a call, and forgets what was heard of it when it ends or is dropped.
    pub(crate) async fn heard<T>(&self, call: impl Future<Output = T>) -> T {
        let number = {
            let mut calls = self.lock();
            calls.next = calls.next.wrapping_add(1);
            calls.next
        };
        let _ended = Ended(self, number);
        CALL.scope(number, call).await
    }

    /// The one that is slow for the longest time.
    pub(crate) fn slowest(&self) -> Option<Slow> {
        self.lock().slow.values().max_by_key(|slow| slow.seconds).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Calls> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Ended<'c>(&'c SlowCalls, u64);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.lock().slow.remove(&self.1);
    }
}
