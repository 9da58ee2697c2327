//! When a sign-in is locked and when a session ends. Pure.

use identity::UnixSeconds;

/// A session ends after so long without a request.
pub const IDLE_SECONDS: i64 = 15 * 60;
/// A session ends after so long in any case.
pub const SESSION_SECONDS: i64 = 8 * 60 * 60;
/// Wrong passwords for one account from one address before it is locked for that address.
const ADDRESS_FAILURES: i64 = 5;
/// Wrong passwords for one account from anywhere before it is locked for everybody.
const ACCOUNT_FAILURES: i64 = 20;
/// How long a lock lasts after the last failure; failures count as long.
pub const LOCK_SECONDS: i64 = 15 * 60;

/// What is remembered of failed sign-ins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// How many.
    pub count: i64,
    /// The last one.
    pub last_at: UnixSeconds,
}

impl Failures {
    /// As they count now.
    pub fn now(self, now: UnixSeconds) -> i64 {
        if now.saturating_sub(self.last_at) < LOCK_SECONDS { self.count } else { 0 }
    }
}

/// Whether a sign-in may be tried.
pub fn may_try(account: Failures, account_and_address: Failures, now: UnixSeconds) -> bool {
    account.now(now) < ACCOUNT_FAILURES && account_and_address.now(now) < ADDRESS_FAILURES
}

/// Whether a session is live.
pub fn is_live(created_at: UnixSeconds, seen_at: UnixSeconds, now: UnixSeconds) -> bool {
    now.saturating_sub(created_at) < SESSION_SECONDS && now.saturating_sub(seen_at) < IDLE_SECONDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_failures_lock_the_address_and_twenty_the_account_for_a_quarter_of_an_hour() {
        let failures = |count| Failures { count, last_at: 1000 };
        assert!(may_try(failures(4), failures(4), 1000));
        assert!(!may_try(failures(5), failures(5), 1000));
        assert!(may_try(failures(19), failures(0), 1000));
        assert!(!may_try(failures(20), failures(0), 1000));
        assert!(!may_try(failures(5), failures(5), 1000 + LOCK_SECONDS - 1));
        assert!(may_try(failures(5), failures(5), 1000 + LOCK_SECONDS));
    }

    #[test]
    fn a_session_ends_when_idle_and_after_eight_hours() {
        assert!(is_live(0, 0, IDLE_SECONDS - 1));
        assert!(!is_live(0, 0, IDLE_SECONDS));
        assert!(is_live(0, SESSION_SECONDS - 2, SESSION_SECONDS - 1));
        assert!(!is_live(0, SESSION_SECONDS - 1, SESSION_SECONDS));
    }
}
