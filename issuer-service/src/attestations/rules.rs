//! What a clerk may decide. Pure.
//!
//! One clerk decides alone here; that two pairs of eyes are needed for some types is a later issue, and nothing here claims it.

use ledger::cell::Cell;
use ledger::records::AuthorityRecord;
use service_kit::{ApiError, Slug};

use crate::requests::store::Decision;

pub use wire::issuer::Channel;

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

/// How a document was verified (X058), and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The channel.
    pub channel: Channel,
    /// The document, the card or the witness by which it was, as the clerk noted it: for the department's own file.
    pub reference: Option<String>,
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
/// The longest reference to a document, card or witness, in characters.
pub const MAX_REFERENCE_CHARS: usize = 120;

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
    /// No reference where one is needed, or one that is too long.
    #[error("this channel needs a reference of 1 to {MAX_REFERENCE_CHARS} characters: which card, or which witness")]
    Reference,
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
            DecisionError::RegisterDiffers
            | DecisionError::NoChannel
            | DecisionError::Reference
            | DecisionError::Reason
            | DecisionError::NotEntitled(_) => Slug::Refused,
        };
        Self::new(slug).detail(error.to_string())
    }
}

/// Whether a request may be attested by a channel. Who came with a card or a witness is attested by that card or witness, so the clerk
/// notes which; at the counter a document's number may be noted.
pub fn may_attest(
    decision: &Decision,
    channel: Option<Channel>,
    register: RegisterMatch,
    reference: &str,
) -> Result<Verified, DecisionError> {
    if *decision != Decision::Pending {
        return Err(DecisionError::Decided);
    }
    let channel = channel.ok_or(DecisionError::NoChannel)?;
    let reference = reference.trim();
    if reference.chars().count() > MAX_REFERENCE_CHARS || reference.chars().any(char::is_control) {
        return Err(DecisionError::Reference);
    }
    let reference = (!reference.is_empty()).then(|| reference.to_owned());
    match channel {
        Channel::Register if register != RegisterMatch::Same => Err(DecisionError::RegisterDiffers),
        Channel::Card | Channel::Witness if reference.is_none() => Err(DecisionError::Reference),
        Channel::Counter | Channel::Card | Channel::Witness | Channel::Register => Ok(Verified { channel, reference }),
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

    fn by(channel: Channel, register: RegisterMatch, reference: &str) -> Result<Channel, DecisionError> {
        may_attest(&Decision::Pending, Some(channel), register, reference).map(|verified| verified.channel)
    }

    #[test]
    fn the_register_channel_needs_a_register_that_agrees() {
        assert_eq!(by(Channel::Register, RegisterMatch::Same, ""), Ok(Channel::Register));
        for other in [RegisterMatch::Different, RegisterMatch::Unknown, RegisterMatch::None] {
            assert_eq!(by(Channel::Register, other, ""), Err(DecisionError::RegisterDiffers));
            assert_eq!(by(Channel::Counter, other, ""), Ok(Channel::Counter));
        }
        assert_eq!(may_attest(&Decision::Pending, None, RegisterMatch::Same, ""), Err(DecisionError::NoChannel));
    }

    /// X074: with a card or a witness nobody needs a register or a face, and the clerk says which card or witness it was.
    #[test]
    fn a_card_or_a_witness_is_named() {
        for channel in [Channel::Card, Channel::Witness] {
            assert_eq!(by(channel, RegisterMatch::None, "WH-2031"), Ok(channel));
            for bad in ["", "  ", "\u{7}", &"长".repeat(MAX_REFERENCE_CHARS + 1)] {
                assert_eq!(by(channel, RegisterMatch::Same, bad), Err(DecisionError::Reference), "{bad:?}");
            }
        }
        let noted = may_attest(&Decision::Pending, Some(Channel::Counter), RegisterMatch::None, " E1234 ").unwrap();
        assert_eq!(noted.reference.as_deref(), Some("E1234"));
    }

    #[test]
    fn what_was_decided_is_not_decided_again() {
        let refused = Decision::Refused { reason_sealed: String::new() };
        assert_eq!(may_attest(&refused, Some(Channel::Counter), RegisterMatch::Same, ""), Err(DecisionError::Decided));
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
