//! Issuers that take longer are asked while the wallet is open; the page and the host hear how that ended.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::task::AbortHandle;
use wallet_core::{IssuanceEnd, Wallet, ask_when_due};

/// How often it is looked whether a question is due. Issuers count in seconds, persons in minutes.
const LOOK: Duration = Duration::from_secs(5);
/// Ends that a listener may be behind.
const BEHIND: usize = 16;

/// Tells of ends, and counts them.
#[derive(Clone)]
pub(crate) struct Ended {
    tell: broadcast::Sender<IssuanceEnd>,
    count: Arc<AtomicU64>,
}

impl Default for Ended {
    fn default() -> Self {
        Self { tell: broadcast::Sender::new(BEHIND), count: Arc::default() }
    }
}

impl Ended {
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<IssuanceEnd> {
        self.tell.subscribe()
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    fn say(&self, end: IssuanceEnd) {
        self.count.fetch_add(1, Ordering::SeqCst);
        // Nobody needs to listen.
        let _listeners = self.tell.send(end);
    }

    /// Asks for this wallet until it is closed, or the handle is used.
    pub(crate) fn ask(&self, wallet: Weak<Wallet>) -> AbortHandle {
        let ended = self.clone();
        tokio::spawn(ask_when_due(wallet, LOOK, move |end| ended.say(end))).abort_handle()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_counted_for_the_page_and_told_to_who_listens() {
        let ended = Ended::default();
        ended.say(IssuanceEnd::Refused);
        let mut heard = ended.subscribe();
        ended.say(IssuanceEnd::Ready);
        assert_eq!((ended.count(), heard.try_recv().unwrap()), (2, IssuanceEnd::Ready));
        assert!(heard.try_recv().is_err());
    }
}
