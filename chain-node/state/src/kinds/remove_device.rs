//! RemoveDevice: a live device ends another, or itself. The key is dead for every transaction that comes after, in this block too.

use identity::PublicKey;
use ledger::cell::Subject;
use ledger::receipt::Refusal;
use ledger::records::IdentityRecord;

use crate::senders::Authenticated;
use crate::stop::Stop;
use crate::view::Put;

pub(super) fn decide(sender: &Authenticated, key: &PublicKey) -> Result<Vec<Put>, Stop> {
    let (id, record) = sender.identity()?;
    if !record.devices.contains(key) {
        return Err(Refusal::NotFound.into());
    }
    let devices: Vec<PublicKey> = record.devices.iter().filter(|device| *device != key).copied().collect();
    if devices.is_empty() {
        return Err(Refusal::DeviceBound.into());
    }
    let record = IdentityRecord { inception: record.inception.clone(), devices };
    Ok(vec![Put::new(&Subject::Identity(*id), &record)])
}
