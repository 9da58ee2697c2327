//! Which validators this node hears, and whether they are enough for a quorum.

use crate::engine::types::PublicKey;
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

/// A validator that was silent for longer counts as away. Validators speak twice a second.
pub const AWAY_AFTER: Duration = Duration::from_millis(1_800);

/// The other validators of the epoch and when each was heard last.
#[derive(Debug)]
pub struct Peers {
    validators: usize,
    me: PublicKey,
    heard: Mutex<HashMap<PublicKey, SystemTime>>,
}

impl Peers {
    /// Nobody was heard yet.
    pub fn new(me: PublicKey, validators: usize) -> Self {
        Self { validators, me, heard: Mutex::default() }
    }

    fn heard(&self) -> MutexGuard<'_, HashMap<PublicKey, SystemTime>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message of this validator arrived.
    pub fn hear(&self, peer: PublicKey, now: SystemTime) {
        self.heard().insert(peer, now);
    }

    /// Whether this validator is here: it is this node, or it was heard a moment ago.
    pub fn is_here(&self, peer: &PublicKey, now: SystemTime) -> bool {
        *peer == self.me || self.heard().get(peer).is_some_and(|at| recent(*at, now))
    }

    /// How many validators are here, this node included.
    pub fn here(&self, now: SystemTime) -> usize {
        1 + self.heard().values().filter(|at| recent(**at, now)).count()
    }

    /// How many validators there are.
    pub fn validators(&self) -> usize {
        self.validators
    }

    /// How many must take part: n − f with f = ⌊(n − 1) / 3⌋.
    pub fn quorum(&self) -> usize {
        ledger::quorum::quorum(self.validators)
    }
}

fn recent(at: SystemTime, now: SystemTime) -> bool {
    // A clock that was set back makes a peer look recent, never away.
    now.duration_since(at).is_ok_and(|age| age <= AWAY_AFTER) || at >= now
}

#[cfg(test)]
mod tests {
    use super::*;
    use commonware_cryptography::{Signer as _, ed25519::PrivateKey};

    fn key(seed: u64) -> PublicKey {
        PrivateKey::from_seed(seed).public_key()
    }

    #[test]
    fn a_silent_validator_is_away_and_the_quorum_is_n_minus_f() {
        let peers = Peers::new(key(0), 4);
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        assert_eq!((peers.here(start), peers.quorum()), (1, 3));
        peers.hear(key(1), start);
        peers.hear(key(2), start);
        assert_eq!(peers.here(start), 3);
        assert!(peers.is_here(&key(0), start) && peers.is_here(&key(1), start) && !peers.is_here(&key(3), start));
        peers.hear(key(1), start + Duration::from_secs(5));
        assert_eq!(peers.here(start + Duration::from_secs(5)), 2);
        for (validators, quorum) in [(1, 1), (4, 3), (7, 5), (20, 14), (22, 15)] {
            assert_eq!(Peers::new(key(0), validators).quorum(), quorum, "{validators}");
        }
    }
}
