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

/// Why this node cut a peer off: it sent what no honest node sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offence {
    /// A message that does not decode.
    Message,
    /// A transaction that its own node must have refused.
    Transaction,
    /// A vote, block, certificate or answer that the engine does not take from an honest node; the log has the engine's words.
    Engine,
}

/// A peer that is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CutOff {
    /// Since when.
    pub since: SystemTime,
    /// Why.
    pub offence: Offence,
}

/// The validators of the epoch and when each was heard last.
#[derive(Debug)]
pub struct Peers {
    membership: watch::Receiver<Membership>,
    me: PublicKey,
    heard: Mutex<HashMap<PublicKey, SystemTime>>,
    /// What the network is about to cut off, and why.
    offences: Mutex<HashMap<PublicKey, Offence>>,
    cut_off: Mutex<HashMap<PublicKey, CutOff>>,
}

impl Peers {
    /// Nobody was heard yet. `membership` says who the validators are.
    pub fn new(me: PublicKey, membership: watch::Receiver<Membership>) -> Self {
        Self { membership, me, heard: Mutex::default(), offences: Mutex::default(), cut_off: Mutex::default() }
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

    /// When this peer was heard last, if it was since this node started.
    pub fn last_heard(&self, peer: &PublicKey) -> Option<SystemTime> {
        self.heard().get(peer).copied()
    }

    /// This peer is about to be cut off for this. Peers are members, so there are few.
    pub fn offends(&self, peer: PublicKey, offence: Offence) {
        self.offences.lock().unwrap_or_else(PoisonError::into_inner).insert(peer, offence);
    }

    /// The network cuts off these peers from `now` on, and no others.
    pub fn cut_off_now(&self, peers: &[PublicKey], now: SystemTime) {
        let mut offences = self.offences.lock().unwrap_or_else(PoisonError::into_inner);
        let mut cut_off = self.cut_off.lock().unwrap_or_else(PoisonError::into_inner);
        cut_off.retain(|peer, _| peers.contains(peer));
        for peer in peers {
            // What the engine cuts off it does not explain.
            let offence = offences.remove(peer).unwrap_or(Offence::Engine);
            cut_off.entry(peer.clone()).or_insert(CutOff { since: now, offence });
        }
    }

    /// Whether and why this peer is cut off now.
    pub fn cut_off(&self, peer: &PublicKey) -> Option<CutOff> {
        self.cut_off.lock().unwrap_or_else(PoisonError::into_inner).get(peer).copied()
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

    /// I104, Z015: who is cut off is known with the time and the cause, until the network lets it in again.
    #[test]
    fn a_peer_that_is_cut_off_is_known_with_its_cause_until_it_is_let_in_again() {
        let peers = among(4);
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        peers.hear(key(1), start);
        peers.offends(key(1), Offence::Transaction);
        assert_eq!(peers.cut_off(&key(1)), None, "not before the network did it");
        peers.cut_off_now(&[key(1)], start);
        peers.cut_off_now(&[key(1), key(2)], start + Duration::from_secs(7));
        assert_eq!(peers.cut_off(&key(1)), Some(CutOff { since: start, offence: Offence::Transaction }));
        assert_eq!(peers.cut_off(&key(2)).map(|cut_off| cut_off.offence), Some(Offence::Engine));
        assert_eq!((peers.last_heard(&key(1)), peers.last_heard(&key(2))), (Some(start), None));
        peers.cut_off_now(&[key(2)], start + Duration::from_secs(600));
        assert_eq!(peers.cut_off(&key(1)), None);
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
