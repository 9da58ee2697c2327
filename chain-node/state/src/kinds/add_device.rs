//! AddDevice: a live device vouches for another key of the same identity.

use identity::PublicKey;
use identity::did::MAX_DEVICES;
use ledger::cell::Subject;
use ledger::receipt::Refusal;
use ledger::records::IdentityRecord;

use crate::senders::Authenticated;
use crate::view::Change;

pub(super) fn decide(sender: &Authenticated, key: &PublicKey) -> Result<Vec<Change>, Refusal> {
    let (id, record) = sender.identity()?;
    if record.devices.contains(key) {
        return Err(Refusal::AlreadyExists);
    }
    if record.devices.len() >= MAX_DEVICES {
        return Err(Refusal::DeviceBound);
    }
    let devices = record.devices.iter().chain([key]).copied().collect();
    let record = IdentityRecord { inception: record.inception.clone(), devices };
    Ok(vec![Change::new(&Subject::Identity(*id), &record)])
}
