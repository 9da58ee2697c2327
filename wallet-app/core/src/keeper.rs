//! Auto-lock: the open wallet in the hands of an application. After a time without use it is closed, its keys are wiped, and the
//! passphrase is asked for again; a story that is under way ends first.

use std::sync::{Arc, Mutex, PoisonError, Weak};

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
    /// Keeps a wallet open for so many seconds after each use.
    pub fn new(wallet: Wallet, clock: Clock, idle_seconds: u32) -> Self {
        let open = Open { wallet: Arc::new(wallet), used_at: clock.now() };
        Self { clock, idle_seconds, open: Mutex::new(Some(open)) }
    }

    /// The wallet, for one story; `None` once it is closed. This counts as use.
    pub fn wallet(&self) -> Option<Arc<Wallet>> {
        let mut open = self.lock_state();
        Self::close_if_idle(&mut open, self.clock.now(), self.idle_seconds);
        let open = open.as_mut()?;
        open.used_at = self.clock.now();
        Some(Arc::clone(&open.wallet))
    }

    /// The wallet for as long as it is open, for what goes on by itself. This counts as no use.
    pub fn watch(&self) -> Weak<Wallet> {
        self.lock_state().as_ref().map_or_else(Weak::new, |open| Arc::downgrade(&open.wallet))
    }

    /// Closes the wallet if it was not used for long enough; whether it is closed then. An application calls it every few seconds.
    pub fn tick(&self) -> bool {
        let mut open = self.lock_state();
        Self::close_if_idle(&mut open, self.clock.now(), self.idle_seconds);
        open.is_none()
    }

    /// Closes the wallet now.
    pub fn lock(&self) {
        *self.lock_state() = None;
    }

    /// A clock that was set back closes it too: how long it was unused cannot be told.
    fn close_if_idle(open: &mut Option<Open>, now: UnixSeconds, idle_seconds: u32) {
        let is_idle = |open: &Open| {
            let unused = now.saturating_sub(open.used_at);
            unused < 0 || unused >= i64::from(idle_seconds)
        };
        if open.as_ref().is_some_and(is_idle) {
            *open = None;
        }
    }

    fn lock_state(&self) -> std::sync::MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
