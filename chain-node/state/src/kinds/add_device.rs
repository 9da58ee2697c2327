//! AddDevice: a live device vouches for another key of the same identity.

use identity::PublicKey;
use identity::did::MAX_DEVICES;
use ledger::cell::Subject;
use ledger::receipt::Refusal;
use ledger::records::IdentityRecord;

use crate::senders::Authenticated;
use crate::stop::Stop;
use crate::view::Put;

pub(super) fn decide(sender: &Authenticated, key: &PublicKey) -> Result<Vec<Put>, Stop> {
    let (id, record) = sender.identity()?;
    if record.devices.contains(key) {
        return Err(Refusal::AlreadyExists.into());
    }
    if record.devices.len() >= MAX_DEVICES {
        return Err(Refusal::DeviceBound.into());
    }
    let devices = record.devices.iter().chain([key]).copied().collect();
    let record = IdentityRecord { inception: record.inception.clone(), devices };
    Ok(vec![Put::new(&Subject::Identity(*id), &record)])
}
