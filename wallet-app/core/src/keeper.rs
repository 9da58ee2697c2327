//! Auto-lock: the open wallet in the hands of an application. After a time without use it is closed, its keys are wiped, and the
//! passphrase is asked for again; a story that is under way ends first.
//!
//! Use is what a person does, and only the application can see that: it says so by [`Keeper::touch`]. A story is no sign of a person, because
//! screens ask by themselves, and none is missing while words are copied onto paper.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use clients::Clock;
use identity::UnixSeconds;

use crate::wallet::Wallet;

/// Seconds without use after which a wallet is closed, unless it is told otherwise.
pub const IDLE_SECONDS: u32 = 300;

/// Holds an open wallet until it is not used any more.
#[derive(Debug)]
pub struct Keeper {
    clock: Clock,
    idle_seconds: u32,
    open: Mutex<Option<Open>>,
}

#[derive(Debug)]
struct Open {
    wallet: Arc<Wallet>,
    used_at: UnixSeconds,
}

impl Keeper {
    /// Keeps a wallet open for so many seconds after it was opened, and after each use.
    pub fn new(wallet: Wallet, clock: Clock, idle_seconds: u32) -> Self {
        let open = Open { wallet: Arc::new(wallet), used_at: clock.now() };
        Self { clock, idle_seconds, open: Mutex::new(Some(open)) }
    }

    /// The wallet, for one story; `None` once it is closed. This does not count as use.
    pub fn wallet(&self) -> Option<Arc<Wallet>> {
        self.current().as_ref().map(|open| Arc::clone(&open.wallet))
    }

    /// A person used the wallet just now. It does not open one that is closed.
    pub fn touch(&self) {
        let now = self.clock.now();
        if let Some(open) = self.current().as_mut() {
            open.used_at = now;
        }
    }

    /// In how many seconds it closes unless it is used; `None` once it is closed.
    pub fn closes_in(&self) -> Option<u32> {
        let now = self.clock.now();
        let unused = now.saturating_sub(self.current().as_ref()?.used_at);
        Some(self.idle_seconds.saturating_sub(u32::try_from(unused).unwrap_or(u32::MAX)))
    }

    /// The wallet for as long as it is open, for what goes on by itself. This counts as no use.
    pub fn watch(&self) -> Weak<Wallet> {
        self.lock_state().as_ref().map_or_else(Weak::new, |open| Arc::downgrade(&open.wallet))
    }

    /// Closes the wallet if it was not used for long enough; whether it is closed then. An application calls it every few seconds.
    pub fn tick(&self) -> bool {
        self.current().is_none()
    }

    /// Closes the wallet now.
    pub fn lock(&self) {
        *self.lock_state() = None;
    }

    /// What is open now. A clock that was set back closes it too: how long it was unused cannot be told.
    fn current(&self) -> MutexGuard<'_, Option<Open>> {
        let (now, mut open) = (self.clock.now(), self.lock_state());
        let is_idle = |open: &Open| {
            let unused = now.saturating_sub(open.used_at);
            unused < 0 || unused >= i64::from(self.idle_seconds)
        };
        if open.as_ref().is_some_and(is_idle) {
            *open = None;
        }
        open
    }

    fn lock_state(&self) -> MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
