//! New copies of a credential without a clerk (OpenID4VCI 1.0 section 13.5): the grant that a wallet gets with its first token, the refresh
//! token that stands for it, and what may be issued under it.
//!
//! A grant is bound to the wallet's DPoP key and to the name that the client gave (RFC 9700 section 4.14.2). Being bound, the refresh
//! token stays the same, so that a copy of it in a backup is as good as the first; whoever has the copy without the key has nothing. A
//! grant is for one credential, ends with what the clerk attested and after a year at the latest (HAIP 1.0 section 4.4), and is ended by
//! revocation or by a clerk. What is issued under it are the claims that the clerk attested, and no copy outlives them.

mod refresh;
pub mod store;

use identity::UnixSeconds;

pub(crate) use refresh::{grant, refresh};

use self::store::{Grant, Usage};
use crate::offers::OAuthFailure;

/// Copies in force of one credential, at most: a wallet that shows a copy a day has enough for its year.
pub const MAX_LIVE_COPIES: i64 = 500;
/// The pause between two renewals. The first one need not wait: the wallet may have moved on the day it was set up.
pub const PAUSE_SECONDS: i64 = 10 * 60;
/// The longest life of a grant.
pub const MAX_GRANT_SECONDS: i64 = 366 * 24 * 60 * 60;

/// Why there are no new copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenewalError {
    /// Revoked, or a clerk ended the renewals.
    #[error("the department has ended the renewals of this credential; ask the department for a new one")]
    Ended,
    /// The grant is over.
    #[error("the time for renewals of this credential is over; ask the department for a new one")]
    Over,
    /// A clerk suspended the credential.
    #[error("the credential is suspended; ask again when the department has resumed it")]
    Suspended,
    /// The last copies are too young.
    #[error("new copies were issued a moment ago; ask again in {} min", seconds.div_ceil(60))]
    TooSoon {
        /// How long to wait.
        seconds: u64,
    },
    /// There are too many copies.
    #[error("there are {MAX_LIVE_COPIES} copies of this credential in force; ask the department for a new one")]
    TooMany,
}

/// Whether a token may be had with a grant.
///
/// # Errors
/// [`RenewalError::Ended`], [`RenewalError::Over`].
pub fn is_open(grant: &Grant, now: UnixSeconds) -> Result<(), RenewalError> {
    match grant.ended_at {
        Some(_) => Err(RenewalError::Ended),
        None if now >= grant.expires_at => Err(RenewalError::Over),
        None => Ok(()),
    }
}

/// Whether so many new copies may be issued under a grant.
///
/// # Errors
/// [`RenewalError`].
pub fn may_issue(grant: &Grant, usage: &Usage, copies: i64, now: UnixSeconds) -> Result<(), RenewalError> {
    is_open(grant, now)?;
    if usage.not_active > 0 {
        return Err(RenewalError::Suspended);
    }
    let wait = usage.last_at.map_or(0, |at| at.saturating_add(PAUSE_SECONDS).saturating_sub(now));
    if let Ok(seconds @ 1..) = u64::try_from(wait)
        && usage.batches > 1
    {
        return Err(RenewalError::TooSoon { seconds });
    }
    if usage.live.saturating_add(copies) > MAX_LIVE_COPIES {
        return Err(RenewalError::TooMany);
    }
    Ok(())
}

/// At the token endpoint (RFC 6749 section 5.2).
pub(crate) fn invalid_grant(error: RenewalError) -> OAuthFailure {
    OAuthFailure::bad("invalid_grant", error.to_string())
}

/// At the credential endpoint. `credential_request_denied` says that asking again is in vain (OpenID4VCI 1.0 section 8.3.1.2), which is not so
/// after a pause.
pub(crate) fn denied(error: RenewalError) -> OAuthFailure {
    match error {
        RenewalError::TooSoon { seconds } => OAuthFailure::bad("temporarily_unavailable", error.to_string()).retry_after(seconds),
        RenewalError::Ended | RenewalError::Over | RenewalError::Suspended | RenewalError::TooMany => {
            OAuthFailure::bad("credential_request_denied", error.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant() -> Grant {
        Grant {
            offer: "o".to_owned(),
            dpop_key: "k".to_owned(),
            client: None,
            valid_until: 100_000,
            expires_at: 50_000,
            ended_at: None,
        }
    }

    const FIRST: Usage = Usage { batches: 1, last_at: Some(1000), live: 10, not_active: 0 };

    #[test]
    fn the_first_renewal_need_not_wait_and_the_next_one_must() {
        assert_eq!(may_issue(&grant(), &FIRST, 10, 1001), Ok(()));
        let second = Usage { batches: 2, ..FIRST };
        assert_eq!(may_issue(&grant(), &second, 10, 1001), Err(RenewalError::TooSoon { seconds: 599 }));
        assert_eq!(may_issue(&grant(), &second, 10, 1599), Err(RenewalError::TooSoon { seconds: 1 }));
        assert_eq!(may_issue(&grant(), &second, 10, 1600), Ok(()));
    }

    #[test]
    fn copies_in_force_are_counted_with_those_asked_for() {
        let usage = Usage { live: MAX_LIVE_COPIES - 10, ..FIRST };
        assert_eq!(may_issue(&grant(), &usage, 10, 1001), Ok(()));
        assert_eq!(may_issue(&grant(), &usage, 11, 1001), Err(RenewalError::TooMany));
    }

    #[test]
    fn what_is_over_ended_or_suspended_gives_nothing() {
        assert_eq!(may_issue(&grant(), &FIRST, 1, 50_000), Err(RenewalError::Over));
        let ended = Grant { ended_at: Some(1), ..grant() };
        assert_eq!(may_issue(&ended, &FIRST, 1, 1001), Err(RenewalError::Ended));
        assert_eq!(may_issue(&grant(), &Usage { not_active: 1, ..FIRST }, 1, 1001), Err(RenewalError::Suspended));
    }
}
