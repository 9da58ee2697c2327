//! The counter of passphrase attempts: it survives restarts, goes up before an attempt is looked at, and never wipes anything.
//!
//! [`FREE_ATTEMPTS`] wrong ones are free but for the derivation's time. From then on each wrong one closes the vault for a
//! while: half a minute, then twice as long each time, up to an hour. A right one clears the count. A computer's clock can be
//! set by whoever has it: setting it back starts the wait anew; setting it forward skips a wait, and the derivation's time remains.

use identity::UnixSeconds;
use serde::{Deserialize, Serialize};

/// Wrong attempts before the first wait.
pub const FREE_ATTEMPTS: u32 = 5;
/// The first wait, in seconds.
pub const FIRST_WAIT_SECONDS: u64 = 30;
/// The longest wait, in seconds.
pub const LONGEST_WAIT_SECONDS: u64 = 3600;

/// How often the passphrase was wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempts {
    /// Attempts ever made; never goes down.
    pub total: u64,
    /// Wrong ones since the last right one.
    pub wrong: u32,
    /// When the last one was made.
    pub last_at: UnixSeconds,
}

/// An attempt that is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooEarly {
    /// Seconds to wait.
    pub wait_seconds: u64,
    /// The counter to remember.
    pub attempts: Attempts,
}

impl Attempts {
    /// Counts an attempt as wrong before it is looked at; or refuses it.
    ///
    /// # Errors
    /// [`TooEarly`] while a wait is on.
    pub fn begin(self, now: UnixSeconds) -> Result<Self, TooEarly> {
        let wait_seconds = self.wait_seconds(now);
        if wait_seconds > 0 {
            // After a jump back the wait counts from the new time.
            let last_at = self.last_at.min(now);
            return Err(TooEarly { wait_seconds, attempts: Self { last_at, ..self } });
        }
        Ok(Self { total: self.total.saturating_add(1), wrong: self.wrong.saturating_add(1), last_at: now })
    }

    /// The attempt was right.
    pub fn succeeded(self) -> Self {
        Self { wrong: 0, ..self }
    }

    /// Attempts left before the next wait.
    pub fn left(&self) -> u32 {
        FREE_ATTEMPTS.saturating_sub(self.wrong)
    }

    /// Seconds until the next attempt is looked at.
    pub fn wait_seconds(&self, now: UnixSeconds) -> u64 {
        let Some(over) = self.wrong.checked_sub(FREE_ATTEMPTS) else { return 0 };
        let doubled = FIRST_WAIT_SECONDS.checked_shl(over.min(16)).unwrap_or(LONGEST_WAIT_SECONDS);
        let wait = doubled.min(LONGEST_WAIT_SECONDS);
        // A clock that was set back has nothing passed.
        let passed = u64::try_from(now.saturating_sub(self.last_at)).unwrap_or(0);
        wait.saturating_sub(passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(times: u32, last_at: UnixSeconds) -> Attempts {
        Attempts { total: u64::from(times), wrong: times, last_at }
    }

    #[test]
    fn five_wrong_attempts_are_free_and_the_sixth_waits() {
        let mut attempts = Attempts::default();
        for left in [4, 3, 2, 1, 0] {
            attempts = attempts.begin(100).unwrap();
            assert_eq!(attempts.left(), left);
        }
        assert_eq!(attempts.begin(100).unwrap_err().wait_seconds, 30);
        assert_eq!(attempts.begin(129).unwrap_err().wait_seconds, 1);
        assert_eq!(attempts.begin(130).unwrap().wrong, 6);
    }

    #[test]
    fn waits_double_up_to_an_hour() {
        let waits: Vec<u64> = [5, 6, 7, 11, 12, 13, 100, u32::MAX].iter().map(|n| wrong(*n, 0).wait_seconds(0)).collect();
        assert_eq!(waits, [30, 60, 120, 1920, 3600, 3600, 3600, 3600]);
    }

    #[test]
    fn a_clock_set_back_starts_the_wait_anew() {
        let refused = wrong(5, 1000).begin(10).unwrap_err();
        assert_eq!((refused.wait_seconds, refused.attempts.last_at), (30, 10));
    }

    #[test]
    fn success_clears_the_wrong_ones_and_never_the_total() {
        let attempts = wrong(3, 0).begin(1).unwrap().succeeded();
        assert_eq!((attempts.wrong, attempts.total), (0, 4));
    }
}
