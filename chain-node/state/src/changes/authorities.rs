//! Authorities: who may act, with which keys, and whether it may sponsor.

use identity::PublicKey;
use ledger::cell::{Cell, Subject};
use ledger::receipt::Refusal;
use ledger::records::{AuthorityId, AuthorityRecord};

use super::Scene;
use crate::governance::check_voters;
use crate::senders::SUSPENDED;
use crate::stop::Stop;
use crate::view::Put;

/// The authority as the state has it.
pub(super) fn read(scene: &Scene<'_>, id: AuthorityId) -> Result<(Cell, AuthorityRecord), Stop> {
    scene.view.record(&Subject::Authority(id))?.ok_or(Refusal::NotFound.into())
}

/// The same, refused while it is suspended.
pub(super) fn in_force(scene: &Scene<'_>, id: AuthorityId) -> Result<AuthorityRecord, Stop> {
    let (cell, record) = read(scene, id)?;
    if cell.status == SUSPENDED { Err(Refusal::Suspended.into()) } else { Ok(record) }
}

/// The changed record under the status that it has.
pub(super) fn put(cell: &Cell, record: &AuthorityRecord) -> Put {
    Put::new(&Subject::Authority(record.id), record).with_status(cell.status)
}

pub(super) fn admit(scene: &Scene<'_>, record: &AuthorityRecord) -> Result<Vec<Put>, Stop> {
    let subject = Subject::Authority(record.id);
    if scene.view.has(&subject)? {
        return Err(Refusal::AlreadyExists.into());
    }
    Ok(vec![Put::new(&subject, record)])
}

pub(super) fn replace_keys(
    scene: &Scene<'_>,
    id: AuthorityId,
    ledger_keys: &[PublicKey],
    credential_keys: &[PublicKey],
) -> Result<Vec<Put>, Stop> {
    let (cell, before) = read(scene, id)?;
    let after =
        AuthorityRecord { ledger_keys: ledger_keys.to_vec(), credential_keys: credential_keys.to_vec(), ..before.clone() };
    changed(&cell, &before, &after)
}

/// Refuses a change that would change nothing.
fn changed(cell: &Cell, before: &AuthorityRecord, after: &AuthorityRecord) -> Result<Vec<Put>, Stop> {
    if before == after { Err(Refusal::BadConfiguration.into()) } else { Ok(vec![put(cell, after)]) }
}

pub(super) fn suspend(scene: &Scene<'_>, id: AuthorityId) -> Result<Vec<Put>, Stop> {
    let record = in_force(scene, id)?;
    check_voters(scene.view, &scene.parameters, &scene.set, Some(id))?;
    Ok(vec![Put::new(&Subject::Authority(id), &record).with_status(SUSPENDED)])
}

pub(super) fn restore(scene: &Scene<'_>, id: AuthorityId) -> Result<Vec<Put>, Stop> {
    let (cell, record) = read(scene, id)?;
    if cell.status != SUSPENDED {
        return Err(Refusal::BadConfiguration.into());
    }
    Ok(vec![Put::new(&Subject::Authority(id), &record)])
}

pub(super) fn allow_sponsoring(scene: &Scene<'_>, id: AuthorityId, allowed: bool) -> Result<Vec<Put>, Stop> {
    let (cell, before) = read(scene, id)?;
    let after = AuthorityRecord { may_sponsor: allowed, ..before.clone() };
    changed(&cell, &before, &after)
}
