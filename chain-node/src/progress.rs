//! Whether blocks are being finalized, and if not, why: named so that an operator knows what to do.

use crate::{engine::members::Role, peers::Peers};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Why nothing is being finalized.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stall {
    /// The node has not opened its storage or seen a block yet.
    #[error("starting: no block was finalized since this node started")]
    Starting,
    /// Nobody speaks to this node, and as far as it knows nobody should.
    #[error(
        "not admitted: this node's key is neither a validator's nor an observer's in epoch {epoch}, the newest that it knows; it serves \
         what it has, and follows once the members admit it"
    )]
    NotAdmitted {
        /// The newest epoch that this node knows.
        epoch: u64,
    },
    /// Too few validators are heard.
    #[error("quorum away: {here} of {validators} validators are heard and {quorum} are needed")]
    QuorumAway {
        /// Validators heard, this one included.
        here: usize,
        /// Validators of the epoch.
        validators: usize,
        /// How many are needed.
        quorum: usize,
    },
    /// The others are ahead, and none of them gives this node its next block.
    #[error(
        "behind: this node has block {own}, the others have final blocks up to {others}, and none of them gives it the next one. If they          keep only their last blocks, let it reach an archive node, or stop it and empty its data folder (never its vote guard): it          then begins with their state"
    )]
    Behind {
        /// The last block here.
        own: u64,
        /// What another proved.
        others: u64,
    },
    /// Enough validators are heard, yet no block came for a while.
    #[error("no progress: the last block was finalized {0} seconds ago")]
    NoProgress(u64),
}

/// Watches the finalized tip.
#[derive(Debug)]
pub struct Progress {
    peers: Arc<Peers>,
    patience: Duration,
    finalized_at_ms: AtomicU64,
    /// The last block here and what another proved, while none of the others gives the next one.
    behind: Mutex<Option<(u64, u64)>>,
}

impl Progress {
    /// `patience` is how long the longest honest gap between two blocks is.
    pub fn new(peers: Arc<Peers>, patience: Duration) -> Self {
        Self { peers, patience, finalized_at_ms: AtomicU64::new(0), behind: Mutex::default() }
    }

    /// A block became final on this node.
    pub fn finalized(&self, now: SystemTime) {
        self.finalized_at_ms.store(milliseconds(now), Ordering::Relaxed);
        *self.behind() = None;
    }

    fn behind(&self) -> MutexGuard<'_, Option<(u64, u64)>> {
        self.behind.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This node stands at `own` for a while although another proved a block at `others`.
    pub fn fell_behind(&self, own: u64, others: u64) {
        *self.behind() = Some((own, others));
    }

    /// The longest honest gap between two blocks.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// How many validators are heard, this one included.
    pub fn here(&self, now: SystemTime) -> usize {
        self.peers.here(now)
    }

    /// What keeps the ledger from moving, if anything does.
    ///
    /// # Errors
    /// The reason, by name.
    pub fn check(&self, now: SystemTime) -> Result<(), Stall> {
        let (here, validators, quorum) = (self.peers.here(now), self.peers.validators(), self.peers.quorum());
        if here < quorum && self.peers.role() == Role::Standby {
            return Err(Stall::NotAdmitted { epoch: self.peers.membership().epoch });
        }
        if here < quorum {
            return Err(Stall::QuorumAway { here, validators, quorum });
        }
        if let Some((own, others)) = *self.behind() {
            return Err(Stall::Behind { own, others });
        }
        let finalized_at_ms = self.finalized_at_ms.load(Ordering::Relaxed);
        if finalized_at_ms == 0 {
            return Err(Stall::Starting);
        }
        let age = Duration::from_millis(milliseconds(now).saturating_sub(finalized_at_ms));
        if age > self.patience { Err(Stall::NoProgress(age.as_secs())) } else { Ok(()) }
    }
}

/// Milliseconds since the Unix epoch.
pub fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::members::{Members, Membership};
    use commonware_cryptography::{Signer as _, ed25519::PrivateKey};
    use tokio::sync::watch;

    #[test]
    fn a_missing_quorum_is_named_before_missing_progress() {
        let key = |seed: u64| PrivateKey::from_seed(seed).public_key();
        let (sender, membership) = watch::channel(Membership::fixed(Members::named((0..4).map(key))));
        let peers = Arc::new(Peers::new(key(0), membership));
        let progress = Progress::new(peers.clone(), Duration::from_secs(10));
        let at = |seconds: u64| UNIX_EPOCH + Duration::from_secs(1_000 + seconds);
        assert_eq!(progress.check(at(0)), Err(Stall::QuorumAway { here: 1, validators: 4, quorum: 3 }));
        peers.hear(key(1), at(0));
        peers.hear(key(2), at(0));
        assert_eq!(progress.check(at(1)), Err(Stall::Starting));
        progress.finalized(at(1));
        assert_eq!(progress.check(at(1)), Ok(()));
        assert_eq!(progress.check(at(9)), Err(Stall::QuorumAway { here: 1, validators: 4, quorum: 3 }));
        peers.hear(key(1), at(20));
        peers.hear(key(2), at(20));
        assert_eq!(progress.check(at(20)), Err(Stall::NoProgress(19)));
        progress.fell_behind(7, 90);
        assert_eq!(progress.check(at(20)), Err(Stall::Behind { own: 7, others: 90 }));
        progress.finalized(at(20));
        assert_eq!(progress.check(at(20)), Ok(()));
        progress.finalized(at(1));

        // Another set: this node is not in it, and hears nobody who is.
        let others = Members::named((10..14).map(key));
        sender.send_replace(Membership { epoch: 7, ..Membership::fixed(others) });
        assert_eq!(progress.check(at(20)), Err(Stall::NotAdmitted { epoch: 7 }));
    }
}
