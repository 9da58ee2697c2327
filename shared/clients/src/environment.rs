//! Time and randomness, as arguments: `main` chooses the system's, tests choose their own.
//!
//! Libraries take a [`Clock`] and a [`Random`] (or both, an [`Environment`]) and never ask the system themselves; clippy forbids it
//! everywhere but here. All three are cheap to clone, and clones share one clock and one generator.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identity::UnixSeconds;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// What time it is.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    /// Milliseconds since the Unix epoch.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The computer's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that shows `now` until it is set by hand.
    pub fn manual(now: UnixSeconds) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(now.saturating_mul(1000)))))
    }

    /// Seconds since the Unix epoch.
    pub fn now(&self) -> UnixSeconds {
        self.milliseconds().div_euclid(1000)
    }

    /// Milliseconds since the Unix epoch; 0 before it.
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.milliseconds()).unwrap_or_default()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place where the system is asked for the time")]
    fn milliseconds(&self) -> i64 {
        match &self.0 {
            Source::System => {
                // Before 1970 the clock is wrong anyway; zero makes everything expired or not yet valid.
                let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
                i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
            }
            Source::Manual(now) => now.load(Ordering::SeqCst),
        }
    }

    /// Sets a manual clock.
    ///
    /// # Panics
    /// On the computer's clock, which is not ours to set.
    pub fn set(&self, now: UnixSeconds) {
        self.by_hand().store(now.saturating_mul(1000), Ordering::SeqCst);
    }

    /// Moves a manual clock by so many seconds.
    ///
    /// # Panics
    /// On the computer's clock.
    pub fn advance(&self, seconds: i64) {
        self.by_hand().fetch_add(seconds.saturating_mul(1000), Ordering::SeqCst);
    }

    fn by_hand(&self) -> &AtomicI64 {
        match &self.0 {
            Source::System => panic!("only a manual clock can be set"),
            Source::Manual(now) => now,
        }
    }
}

/// Unpredictable bytes: ChaCha20 from a seed.
#[derive(Clone)]
pub struct Random(Arc<Mutex<ChaCha20Rng>>);

impl Random {
    /// A generator from 32 bytes of the operating system's entropy. The same seed gives the same bytes: a fixed one is for tests only.
    pub fn from_os_seed(seed: [u8; 32]) -> Self {
        Self(Arc::new(Mutex::new(ChaCha20Rng::from_seed(seed))))
    }

    /// A generator that is seeded by the operating system now.
    ///
    /// # Panics
    /// When the system has no random generator: it cannot keep secrets, and nothing may go on.
    #[expect(clippy::disallowed_methods, reason = "this is the one place where the system is asked for randomness")]
    pub fn system() -> Self {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).expect("the system has a random generator");
        Self::from_os_seed(seed)
    }

    /// Fills the buffer.
    pub fn fill(&self, buffer: &mut [u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(buffer);
    }

    /// Fresh bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// 32 fresh bytes, for a key, a nonce or a salt.
    pub fn entropy(&self) -> [u8; 32] {
        self.bytes()
    }

    /// 32 fresh bytes as base64url: a token, a nonce or an id in a URL.
    pub fn token(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.entropy())
    }
}

/// Says nothing of the generator's state.
impl std::fmt::Debug for Random {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Random(…)")
    }
}

/// Clock and randomness together.
#[derive(Clone, Debug)]
pub struct Environment {
    /// What time it is.
    pub clock: Clock,
    /// Unpredictable bytes.
    pub random: Random,
}

impl Environment {
    /// The computer's clock and generator.
    pub fn system() -> Self {
        Self { clock: Clock::system(), random: Random::system() }
    }

    /// Seconds since the Unix epoch.
    pub fn now(&self) -> UnixSeconds {
        self.clock.now()
    }

    /// 32 fresh bytes.
    pub fn entropy(&self) -> [u8; 32] {
        self.random.entropy()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_randomness_does_not_repeat() {
        assert_ne!(Random::system().entropy(), Random::system().entropy());
    }

    #[test]
    fn a_seed_gives_the_same_bytes_again_and_clones_never_the_same_twice() {
        let (first, second) = (Random::from_os_seed([1; 32]), Random::from_os_seed([1; 32]));
        let drawn = first.entropy();
        assert_eq!(drawn, second.entropy());
        assert_ne!(drawn, first.clone().entropy());
        assert_eq!(first.token().len(), 43);
    }

    #[test]
    fn clones_of_a_manual_clock_move_together_and_only_by_hand() {
        let clock = Clock::manual(100);
        let same = clock.clone();
        clock.advance(20);
        assert_eq!((same.now(), same.now_ms()), (120, 120_000));
        clock.set(7);
        assert_eq!(same.now(), 7);
    }
}
