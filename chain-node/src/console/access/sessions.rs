//! Who waits to log in and who is logged in, in this node's memory: a restart logs everybody out.
//!
//! Tokens are kept as their hashes. Time is an argument. Everything is bounded: who was away longest is forgotten first.

use super::{
    challenge::{CHALLENGE_SECONDS, Challenge},
    roles::{Refused, Role},
};
use identity::{Localized, PublicKey, UnixSeconds};
use ledger::records::AuthorityId;
use service_kit::session::Token;
use std::collections::HashMap;

/// How long a session lasts without a request of a person, in seconds.
pub const IDLE_SECONDS: UnixSeconds = 15 * 60;
/// How long a session lasts at most, in seconds.
pub const SESSION_SECONDS: UnixSeconds = 8 * 60 * 60;
/// Challenges that wait at most.
const MAX_WAITING: usize = 256;
/// Sessions at most.
const MAX_SESSIONS: usize = 64;
/// A challenge that has less time left than this is not shown again.
const SHOWN_AGAIN_SECONDS: UnixSeconds = 60;

/// Somebody who is logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The authority.
    pub authority: AuthorityId,
    /// What people call it.
    pub name: Localized,
    /// The key that logged in.
    pub key: PublicKey,
    /// What it is here.
    pub role: Role,
    /// When it logged in.
    pub began_at: UnixSeconds,
    /// When a person asked last.
    pub seen_at: UnixSeconds,
}

impl Session {
    /// Whether its time is over.
    fn is_over(&self, now: UnixSeconds) -> bool {
        now >= self.seen_at.saturating_add(IDLE_SECONDS) || now >= self.began_at.saturating_add(SESSION_SECONDS)
    }
}

/// Challenges and sessions by the hash of their token.
#[derive(Debug, Default)]
pub struct Logins {
    waiting: HashMap<String, Challenge>,
    sessions: HashMap<String, Session>,
}

impl Logins {
    /// The challenge that waits for this browser, if it has time enough left.
    pub fn waiting(&self, token: &Token, now: UnixSeconds) -> Option<&Challenge> {
        self.waiting.get(&token.hash()).filter(|challenge| challenge.expires_at - now >= SHOWN_AGAIN_SECONDS)
    }

    /// A challenge for the browser that gets this token.
    pub fn wait(&mut self, token: &Token, challenge: Challenge, now: UnixSeconds) {
        // What expired is kept for as long again, so that its browser is told why.
        self.waiting.retain(|_, other| other.expires_at.saturating_add(CHALLENGE_SECONDS) > now);
        make_room(&mut self.waiting, MAX_WAITING, |challenge| challenge.expires_at);
        self.waiting.insert(token.hash(), challenge);
    }

    /// The challenge that waits for this browser; it waits no longer.
    ///
    /// # Errors
    /// When none does, or it is too old.
    pub fn take(&mut self, token: Option<&Token>, now: UnixSeconds) -> Result<Challenge, Refused> {
        let challenge = token.and_then(|token| self.waiting.remove(&token.hash())).ok_or(Refused::Challenge)?;
        if now >= challenge.expires_at { Err(Refused::Expired) } else { Ok(challenge) }
    }

    /// A session begins under a fresh token.
    pub fn begin(&mut self, token: &Token, session: Session) {
        let now = session.began_at;
        self.sessions.retain(|_, other| !other.is_over(now));
        make_room(&mut self.sessions, MAX_SESSIONS, |session| session.seen_at);
        self.sessions.insert(token.hash(), session);
    }

    /// The session of this token, if its time is not over; `seen` when a person asks.
    pub fn session(&mut self, token: &Token, now: UnixSeconds, seen: bool) -> Option<Session> {
        let hash = token.hash();
        if self.sessions.get(&hash)?.is_over(now) {
            self.sessions.remove(&hash);
            return None;
        }
        let session = self.sessions.get_mut(&hash)?;
        if seen {
            session.seen_at = now;
        }
        Some(session.clone())
    }

    /// Ends a session.
    pub fn end(&mut self, token: &Token) -> Option<Session> {
        self.sessions.remove(&token.hash())
    }

    /// Ends every session of an authority; gives how many there were.
    pub fn end_of(&mut self, authority: &AuthorityId) -> usize {
        let before = self.sessions.len();
        self.sessions.retain(|_, session| session.authority != *authority);
        before - self.sessions.len()
    }
}

/// Forgets those with the least of `time` until one more fits.
fn make_room<T>(entries: &mut HashMap<String, T>, most: usize, time: impl Fn(&T) -> UnixSeconds) {
    while entries.len() >= most {
        let Some(oldest) = entries.iter().min_by_key(|(_, entry)| time(entry)).map(|(hash, _)| hash.clone()) else { return };
        entries.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use identity::{Algorithm, SecretKey};

    fn token(seed: u64) -> Token {
        let mut entropy = [0; 32];
        entropy[..8].copy_from_slice(&seed.to_le_bytes());
        Token::from_entropy(entropy)
    }

    fn session(now: UnixSeconds) -> Session {
        let key = SecretKey::from_bytes(Algorithm::Ed25519, &[1; 32]).unwrap().public_key();
        let name = Localized::new("监督办公室", "Supervisor");
        Session { authority: "supervisor".parse().unwrap(), name, key, role: Role::Supervisor, began_at: now, seen_at: now }
    }

    #[test]
    fn memory_is_bounded_and_the_newest_stay() {
        let mut logins = Logins::default();
        let node = session(0).key;
        for number in 0..1_000_u64 {
            let now = i64::try_from(number).unwrap();
            let challenge =
                Challenge { genesis: [0; 32], node, origin: String::new(), nonce: [0; 32], expires_at: now + CHALLENGE_SECONDS };
            logins.wait(&token(number), challenge, 0);
            logins.begin(&token(number), Session { seen_at: now, ..session(0) });
        }
        assert_eq!((logins.waiting.len(), logins.sessions.len()), (MAX_WAITING, MAX_SESSIONS));
        assert!(logins.session(&token(999), 999, false).is_some() && logins.session(&token(1), 2, false).is_none());
        assert!(logins.take(Some(&token(999)), 999).is_ok());
        assert_eq!(logins.take(Some(&token(1)), 2), Err(Refused::Challenge));
    }

    #[test]
    fn a_session_ends_when_nobody_asks_and_after_its_longest_time() {
        let mut logins = Logins::default();
        logins.begin(&token(1), session(0));
        assert!(logins.session(&token(1), IDLE_SECONDS - 1, false).is_some(), "what a page asks by itself does not count");
        assert!(logins.session(&token(1), IDLE_SECONDS, true).is_none());
        assert!(logins.session(&token(1), 1, true).is_none(), "it does not come back with the clock");
        logins.begin(&token(2), session(0));
        let mut now = 0;
        while now + IDLE_SECONDS - 1 < SESSION_SECONDS {
            now += IDLE_SECONDS - 1;
            assert!(logins.session(&token(2), now, true).is_some(), "{now}");
        }
        assert!(logins.session(&token(2), SESSION_SECONDS, true).is_none());
    }
}
