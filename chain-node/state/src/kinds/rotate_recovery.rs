//! RotateRecovery: the recovery key commits to the one that comes after it, and is used up.

use identity::did::IdentityId;
use ledger::cell::Subject;
use ledger::receipt::Refusal;
use ledger::records::IdentityRecord;

use crate::senders::{Authenticated, DEACTIVATED};
use crate::stop::Stop;
use crate::view::{Put, View};

pub(super) fn decide(view: &View, sender: &Authenticated, id: IdentityId, next_recovery: &[u8; 32]) -> Result<Vec<Put>, Stop> {
    recoverable(view, sender, id, next_recovery)?;
    Ok(vec![Put::new(&Subject::Recovery(id), next_recovery)])
}

/// The identity that the sender holds the recovery key of. A key is used once: it cannot commit to itself.
pub(super) fn recoverable(
    view: &View,
    sender: &Authenticated,
    id: IdentityId,
    next_recovery: &[u8; 32],
) -> Result<IdentityRecord, Stop> {
    let key = match sender {
        Authenticated::Key(key) => key,
        Authenticated::Device(..) | Authenticated::Authority(_) | Authenticated::Party => return Err(Refusal::WrongSender.into()),
    };
    let (cell, record) = view.record::<IdentityRecord>(&Subject::Identity(id))?.ok_or(Refusal::NotFound)?;
    if cell.status == DEACTIVATED {
        return Err(Refusal::Deactivated.into());
    }
    let newest = view.record::<[u8; 32]>(&Subject::Recovery(id))?;
    let commitment = newest.map_or(record.inception.recovery_commitment, |(_, commitment)| commitment);
    if key.fingerprint() != commitment {
        return Err(Refusal::WrongRecoveryKey.into());
    }
    if *next_recovery == commitment { Err(Refusal::Malformed.into()) } else { Ok(record) }
}
