//! What a clerk may decide. Pure.
//!
//! One clerk decides alone here; that two pairs of eyes are needed for some types is a later issue, and nothing here claims it.

use ledger::cell::Cell;
use ledger::records::AuthorityRecord;
use service_kit::{ApiError, Slug};

use crate::requests::store::Decision;

/// Why the department may not attest a type now: the ledger would refuse the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotEntitled {
    /// The members suspended it.
    #[error(
        "the department is suspended on the ledger: nothing that it attests counts until the members restore it; then ask again"
    )]
    Suspended,
    /// The ledger does not know it, or another department attests the type.
    #[error("the department is not accredited for this type on the ledger")]
    NotAccredited,
}

/// Whether the department, as it stands on the ledger, may attest a type.
///
/// # Errors
/// See [`NotEntitled`].
pub fn is_entitled(authority: Option<&(Cell, AuthorityRecord)>, attestation_type: &str) -> Result<(), NotEntitled> {
    let (cell, record) = authority.ok_or(NotEntitled::NotAccredited)?;
    if !cell.is_in_force() {
        return Err(NotEntitled::Suspended);
    }
    let accredited = record.accredited_types.iter().any(|name| name == attestation_type);
    if accredited { Ok(()) } else { Err(NotEntitled::NotAccredited) }
}

/// How a document was verified (X058).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// The citizen was at the counter with the originals.
    Counter,
    /// The department's register has the same, claim by claim.
    Register,
}

impl Channel {
    /// The name in forms and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Register => "register",
        }
    }

    /// From the name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Counter, Self::Register].into_iter().find(|channel| channel.name() == name)
    }
}

/// What the register said about a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegisterMatch {
    /// The same in every claim.
    Same,
    /// Another value in at least one claim.
    Different,
    /// It has no such record.
    Unknown,
    /// There is no register for the type.
    None,
}

impl RegisterMatch {
    /// The name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Different => "different",
            Self::Unknown => "unknown",
            Self::None => "none",
        }
    }

    /// From the name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Same, Self::Different, Self::Unknown, Self::None].into_iter().find(|m| m.name() == name)
    }
}

/// The longest reason, in characters.
pub const MAX_REASON_CHARS: usize = 500;

/// Why a decision is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecisionError {
    /// Somebody decided before.
    #[error("the request was decided before")]
    Decided,
    /// A blob has not arrived.
    #[error("a blob of the request has not arrived, so there is nothing to attest yet")]
    Waiting,
    /// The register does not say the same.
    #[error("the register channel needs a register that agrees in every claim")]
    RegisterDiffers,
    /// No channel was chosen.
    #[error("choose how the document was verified")]
    NoChannel,
    /// No reason, or one that is too long.
    #[error("a reason of 1 to {MAX_REASON_CHARS} characters is needed")]
    Reason,
    /// The ledger would refuse the record.
    #[error(transparent)]
    NotEntitled(#[from] NotEntitled),
}

impl From<DecisionError> for ApiError {
    fn from(error: DecisionError) -> Self {
        let slug = match error {
            DecisionError::Decided | DecisionError::Waiting => Slug::Conflict,
            DecisionError::RegisterDiffers | DecisionError::NoChannel | DecisionError::Reason | DecisionError::NotEntitled(_) => {
                Slug::Refused
            }
        };
        Self::new(slug).detail(error.to_string())
    }
}

/// Whether a request may be attested by a channel.
pub fn may_attest(decision: &Decision, channel: Option<Channel>, register: RegisterMatch) -> Result<Channel, DecisionError> {
    if *decision != Decision::Pending {
        return Err(DecisionError::Decided);
    }
    match channel.ok_or(DecisionError::NoChannel)? {
        Channel::Register if register != RegisterMatch::Same => Err(DecisionError::RegisterDiffers),
        channel => Ok(channel),
    }
}

/// Whether a request may be refused, and the reason as the citizen will read it.
pub fn may_refuse<'a>(decision: &Decision, reason: &'a str) -> Result<&'a str, DecisionError> {
    if *decision != Decision::Pending {
        return Err(DecisionError::Decided);
    }
    let reason = reason.trim();
    let length = reason.chars().count();
    let readable = !reason.chars().any(|c| c.is_control() && c != '\n' && c != '\r');
    if (1..=MAX_REASON_CHARS).contains(&length) && readable { Ok(reason) } else { Err(DecisionError::Reason) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_register_channel_needs_a_register_that_agrees() {
        let pending = Decision::Pending;
        assert_eq!(may_attest(&pending, Some(Channel::Register), RegisterMatch::Same), Ok(Channel::Register));
        for other in [RegisterMatch::Different, RegisterMatch::Unknown, RegisterMatch::None] {
            assert_eq!(may_attest(&pending, Some(Channel::Register), other), Err(DecisionError::RegisterDiffers));
            assert_eq!(may_attest(&pending, Some(Channel::Counter), other), Ok(Channel::Counter));
        }
        assert_eq!(may_attest(&pending, None, RegisterMatch::Same), Err(DecisionError::NoChannel));
    }

    #[test]
    fn what_was_decided_is_not_decided_again() {
        let refused = Decision::Refused { reason_sealed: String::new() };
        assert_eq!(may_attest(&refused, Some(Channel::Counter), RegisterMatch::Same), Err(DecisionError::Decided));
        assert_eq!(may_refuse(&refused, "no"), Err(DecisionError::Decided));
    }

    #[test]
    fn a_refusal_has_a_reason_that_can_be_read() {
        assert_eq!(may_refuse(&Decision::Pending, "  照片模糊 \n"), Ok("照片模糊"));
        for reason in ["", "  ", "\u{7}", &"长".repeat(501)] {
            assert_eq!(may_refuse(&Decision::Pending, reason), Err(DecisionError::Reason), "{reason:?}");
        }
    }
}
