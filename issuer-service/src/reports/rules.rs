//! What a report must be, decided without asking anybody.

use identity::UnixSeconds;
use service_kit::{ApiError, Slug};
use wire::reports::{self, Report};

use crate::signed::{SignedError, Unverified};

/// Why a report is not taken. None quotes anything of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// Not what a live device of the identity signed.
    #[error(transparent)]
    Signed(#[from] SignedError),
    /// The DID is of another ledger.
    #[error("the DID belongs to another ledger network")]
    OtherNetwork,
    /// `aud` names somebody else, or nobody.
    #[error("the report is addressed to another department")]
    Audience,
    /// Too old, or from the future.
    #[error("the report was not signed within the last five minutes, or the device's clock is wrong")]
    NotFresh,
    /// A member is longer than it may be, or there is no reason.
    #[error("a member of the report is missing or too long")]
    Bounds,
}

impl From<ReportError> for ApiError {
    fn from(error: ReportError) -> Self {
        let slug = match &error {
            ReportError::Signed(error) => error.slug(),
            ReportError::OtherNetwork | ReportError::Audience | ReportError::NotFresh | ReportError::Bounds => Slug::Refused,
        };
        Self::new(slug).detail(service_kit::problem::chain(&error))
    }
}

/// Reads a report, whose signature is not checked yet.
///
/// # Errors
/// [`ReportError`].
pub fn parse(jws: &str) -> Result<Unverified<Report>, ReportError> {
    Ok(Unverified::parse(jws, &reports::REPORT, |report: &Report| &report.iss)?)
}

/// Checks what a report says.
///
/// # Errors
/// [`ReportError`].
pub fn check(report: &Report, department: &str, now: UnixSeconds) -> Result<(), ReportError> {
    if report.aud.as_deref() != Some(department) {
        return Err(ReportError::Audience);
    }
    let age = now.saturating_sub(report.iat);
    if !(-reports::SKEW_SECONDS..=reports::FRESH_SECONDS + reports::SKEW_SECONDS).contains(&age) {
        return Err(ReportError::NotFresh);
    }
    let names = report.claims.iter().chain(&report.receipt).chain([&report.origin]);
    let fits = (16..=128).contains(&report.jti.len())
        && (1..=reports::MAX_REASON_CHARACTERS).contains(&report.reason.chars().count())
        && report.claims.len() <= reports::MAX_CLAIMS
        && names.into_iter().all(|name| name.len() <= reports::MAX_NAME_BYTES);
    if fits { Ok(()) } else { Err(ReportError::Bounds) }
}

/// Whether two reports say the same; when they were signed does not matter, for a wallet signs anew what it sends again.
pub fn is_same(one: &Report, other: &Report) -> bool {
    *one == Report { iat: one.iat, ..other.clone() }
}
