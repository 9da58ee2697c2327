//! Recover: whoever holds the recovery key makes one device the identity's only one. The key is used up by it.

use identity::PublicKey;
use identity::did::IdentityId;
use ledger::cell::Subject;
use ledger::records::IdentityRecord;

use super::rotate_recovery;
use crate::senders::Authenticated;
use crate::stop::Stop;
use crate::view::{Put, View};

pub(super) fn decide(
    view: &View,
    sender: &Authenticated,
    id: IdentityId,
    device: &PublicKey,
    next_recovery: &[u8; 32],
) -> Result<Vec<Put>, Stop> {
    let record = rotate_recovery::recoverable(view, sender, id, next_recovery)?;
    let record = IdentityRecord { inception: record.inception, devices: vec![*device] };
    Ok(vec![Put::new(&Subject::Identity(id), &record), Put::new(&Subject::Recovery(id), next_recovery)])
}
