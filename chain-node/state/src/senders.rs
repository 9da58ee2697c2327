//! Senders: whether the key that signed may act for who the transaction says it is from, by the state as it is now.

use identity::did::IdentityId;
use ledger::cell::Subject;
use ledger::receipt::Refusal;
use ledger::records::{AuthorityRecord, IdentityRecord, PartyRecord};
use ledger::transaction::Sender;

use crate::stop::Stop;
use crate::view::View;

/// A cell's status for a deactivated identity.
pub(crate) const DEACTIVATED: u8 = 1;
/// A cell's status for a suspended authority or party.
pub(crate) const SUSPENDED: u8 = 1;

/// A sender whose key was found in the state, with what the state says of it.
pub(crate) enum Authenticated {
    /// A key that nobody need know.
    Key(identity::PublicKey),
    /// A live device of this identity.
    Device(IdentityId, IdentityRecord),
    /// An authority.
    Authority(AuthorityRecord),
    /// A registered website or counter.
    Party,
}

/// The subject that says which keys the sender has; none for a bare key.
pub(crate) fn subject(sender: &Sender) -> Option<Subject> {
    match sender {
        Sender::Key(_) => None,
        Sender::Device { identity, key: _ } => Some(Subject::Identity(*identity)),
        Sender::Authority { authority, key: _ } => Some(Subject::Authority(*authority)),
        Sender::Party { party, key: _ } => Some(Subject::Party(*party)),
    }
}

/// Finds the sender's key among those that the state names for it.
pub(crate) fn authenticate(view: &View, sender: &Sender) -> Result<Authenticated, Stop> {
    match sender {
        Sender::Key(key) => Ok(Authenticated::Key(*key)),
        Sender::Device { identity, key } => {
            let found = view.record::<IdentityRecord>(&Subject::Identity(*identity))?;
            let (cell, record) = found.ok_or(Refusal::NotFound)?;
            if cell.status == DEACTIVATED {
                return Err(Refusal::Deactivated.into());
            }
            if !record.devices.contains(key) {
                return Err(Refusal::UnknownKey.into());
            }
            Ok(Authenticated::Device(*identity, record))
        }
        Sender::Authority { authority, key } => {
            let found = view.record::<AuthorityRecord>(&Subject::Authority(*authority))?;
            let (cell, record) = found.ok_or(Refusal::NotFound)?;
            if cell.status == SUSPENDED {
                return Err(Refusal::Suspended.into());
            }
            if record.ledger_keys.contains(key) { Ok(Authenticated::Authority(record)) } else { Err(Refusal::UnknownKey.into()) }
        }
        Sender::Party { party, key } => {
            let found = view.record::<PartyRecord>(&Subject::Party(*party))?;
            let (cell, record) = found.ok_or(Refusal::NotFound)?;
            if cell.status == SUSPENDED {
                return Err(Refusal::Suspended.into());
            }
            if record.ledger_key == *key { Ok(Authenticated::Party) } else { Err(Refusal::UnknownKey.into()) }
        }
    }
}

impl Authenticated {
    /// The identity whose device sent this.
    pub(crate) fn identity(&self) -> Result<(&IdentityId, &IdentityRecord), Refusal> {
        match self {
            Self::Device(id, record) => Ok((id, record)),
            Self::Key(_) | Self::Authority(_) | Self::Party => Err(Refusal::WrongSender),
        }
    }

    /// The authority that sent this.
    pub(crate) fn authority(&self) -> Result<&AuthorityRecord, Refusal> {
        match self {
            Self::Authority(record) => Ok(record),
            Self::Key(_) | Self::Device(..) | Self::Party => Err(Refusal::WrongSender),
        }
    }
}
