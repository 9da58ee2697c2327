//! Stories: what must be true of the whole system, told on real processes through what real people and programs use.
//!
//! A story starts a city of its own, on free ports, in a directory of its own. None sleeps: each waits for what it waits for, with a
//! limit. Cities are started one after the other, for a machine of two cores.

#![expect(clippy::indexing_slicing, reason = "a story that finds something else than it expects fails, and may panic")]

mod clusters;
mod dying_wallet;
mod first_login;
mod kill_points;
mod ledger;
mod new_copies;
mod overload;
mod refusals;
mod rights;
mod stranger;
mod strangers;

use std::sync::LazyLock;

use tokio::sync::{Mutex, MutexGuard};

/// What drills and soaks say goes to the test's output, which is shown when it fails.
#[expect(clippy::print_stdout, reason = "a test's output is kept by the harness")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// One city at a time.
pub(crate) async fn alone() -> MutexGuard<'static, ()> {
    static ALONE: LazyLock<Mutex<()>> = LazyLock::new(Mutex::default);
    ALONE.lock().await
}
