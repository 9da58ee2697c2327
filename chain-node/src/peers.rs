//! Which validators this node hears, and whether they are enough for a quorum.

use crate::engine::{
    members::{Members, Membership, Role},
    types::PublicKey,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};
use tokio::sync::watch;

/// Peers remembered at most: more than the members of three epochs.
const REMEMBERED: usize = 512;
/// A validator that was silent for longer counts as away. Validators speak twice a second.
pub const AWAY_AFTER: Duration = Duration::from_millis(1_800);

/// The validators of the epoch and when each was heard last.
#[derive(Debug)]
pub struct Peers {
    membership: watch::Receiver<Membership>,
    me: PublicKey,
    heard: Mutex<HashMap<PublicKey, SystemTime>>,
}

impl Peers {
    /// Nobody was heard yet. `membership` says who the validators are.
    pub fn new(me: PublicKey, membership: watch::Receiver<Membership>) -> Self {
        Self { membership, me, heard: Mutex::default() }
    }

    fn heard(&self) -> MutexGuard<'_, HashMap<PublicKey, SystemTime>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message of this peer arrived.
    pub fn hear(&self, peer: PublicKey, now: SystemTime) {
        let mut heard = self.heard();
        heard.insert(peer, now);
        if heard.len() > REMEMBERED {
            heard.retain(|_, at| recent(*at, now));
        }
    }

    /// Whether this peer is here: it is this node, or it was heard a moment ago.
    pub fn is_here(&self, peer: &PublicKey, now: SystemTime) -> bool {
        *peer == self.me || self.heard().get(peer).is_some_and(|at| recent(*at, now))
    }

    /// How many validators of the epoch are here, this node included if it is one.
    pub fn here(&self, now: SystemTime) -> usize {
        let current = self.members();
        current.validators.iter().filter(|validator| self.is_here(&validator.key, now)).count()
    }

    /// How many validators the epoch has.
    pub fn validators(&self) -> usize {
        self.members().validators.len()
    }

    /// How many must take part: n − f with f = ⌊(n − 1) / 3⌋.
    pub fn quorum(&self) -> usize {
        ledger::quorum::quorum(self.validators())
    }

    /// The members as of now.
    pub fn membership(&self) -> Membership {
        self.membership.borrow().clone()
    }

    /// What this node is.
    pub fn role(&self) -> Role {
        self.membership.borrow().role(&self.me)
    }

    fn members(&self) -> Arc<Members> {
        self.membership.borrow().current.clone()
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

    fn among(validators: u64) -> Peers {
        let membership = Membership::fixed(Members::named((0..validators).map(key)));
        Peers::new(key(0), watch::Sender::new(membership).subscribe())
    }

    #[test]
    fn a_silent_validator_is_away_and_the_quorum_is_n_minus_f() {
        let peers = among(4);
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        assert_eq!((peers.here(start), peers.quorum()), (1, 3));
        peers.hear(key(1), start);
        peers.hear(key(2), start);
        assert_eq!(peers.here(start), 3);
        assert!(peers.is_here(&key(0), start) && peers.is_here(&key(1), start) && !peers.is_here(&key(3), start));
        peers.hear(key(1), start + Duration::from_secs(5));
        assert_eq!(peers.here(start + Duration::from_secs(5)), 2);
        for (validators, quorum) in [(1, 1), (4, 3), (7, 5), (20, 14), (22, 15)] {
            assert_eq!(among(validators).quorum(), quorum, "{validators}");
        }
    }
}
