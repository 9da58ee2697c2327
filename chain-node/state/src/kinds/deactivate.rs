//! Deactivate: a live device ends its identity for good. No key is left that could act for it.

use ledger::cell::Subject;
use ledger::records::IdentityRecord;

use crate::senders::{Authenticated, DEACTIVATED};
use crate::stop::Stop;
use crate::view::Put;

pub(super) fn decide(sender: &Authenticated) -> Result<Vec<Put>, Stop> {
    let (id, record) = sender.identity()?;
    let record = IdentityRecord { inception: record.inception.clone(), devices: Vec::new() };
    Ok(vec![Put::new(&Subject::Identity(*id), &record).with_status(DEACTIVATED)])
}
