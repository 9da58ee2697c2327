//! Accreditations: one type of data has one authority. The authority's record lists the types in force, for those who read only that.

use ledger::cell::{Cell, Subject};
use ledger::governance::{AccreditationRecord, AccreditationStatus};
use ledger::receipt::Refusal;
use ledger::records::{AuthorityId, AuthorityRecord};

use super::{Scene, authorities};
use crate::stop::Stop;
use crate::view::Put;

fn subject(name: &str) -> Subject {
    Subject::Accreditation(name.to_owned())
}

pub(super) fn accredit(scene: &Scene<'_>, authority: AuthorityId, name: &str) -> Result<Vec<Put>, Stop> {
    authorities::in_force(scene, authority)?;
    if let Some((cell, record)) = scene.view.record::<AccreditationRecord>(&subject(name))?
        && cell.status != AccreditationStatus::Withdrawn as u8
    {
        let refusal = match record.authority == authority {
            false => Refusal::AccreditedElsewhere,
            true if cell.status == AccreditationStatus::Suspended as u8 => Refusal::Suspended,
            true => Refusal::AlreadyExists,
        };
        return Err(refusal.into());
    }
    set(scene, name, authority, AccreditationStatus::InForce)
}

pub(super) fn suspend(scene: &Scene<'_>, name: &str) -> Result<Vec<Put>, Stop> {
    let (cell, record) = read(scene, name)?;
    if cell.status != AccreditationStatus::InForce as u8 {
        return Err(Refusal::Suspended.into());
    }
    set(scene, name, record.authority, AccreditationStatus::Suspended)
}

pub(super) fn restore(scene: &Scene<'_>, name: &str) -> Result<Vec<Put>, Stop> {
    let (cell, record) = read(scene, name)?;
    if cell.status != AccreditationStatus::Suspended as u8 {
        return Err(Refusal::BadConfiguration.into());
    }
    set(scene, name, record.authority, AccreditationStatus::InForce)
}

pub(super) fn withdraw(scene: &Scene<'_>, name: &str) -> Result<Vec<Put>, Stop> {
    let (_, record) = read(scene, name)?;
    set(scene, name, record.authority, AccreditationStatus::Withdrawn)
}

/// The accreditation, unless it was withdrawn: then only a new one makes it anything again.
fn read(scene: &Scene<'_>, name: &str) -> Result<(Cell, AccreditationRecord), Stop> {
    let (cell, record) = scene.view.record::<AccreditationRecord>(&subject(name))?.ok_or(Refusal::NotFound)?;
    if cell.status == AccreditationStatus::Withdrawn as u8 { Err(Refusal::StatusFinal.into()) } else { Ok((cell, record)) }
}

fn set(scene: &Scene<'_>, name: &str, authority: AuthorityId, status: AccreditationStatus) -> Result<Vec<Put>, Stop> {
    let (cell, before) = authorities::read(scene, authority)?;
    let mut accredited_types: Vec<String> = before.accredited_types.iter().filter(|other| *other != name).cloned().collect();
    if status == AccreditationStatus::InForce {
        accredited_types.push(name.to_owned());
    }
    let accreditation = Put::new(&subject(name), &AccreditationRecord { authority }).with_status(status as u8);
    if accredited_types == before.accredited_types {
        return Ok(vec![accreditation]);
    }
    Ok(vec![accreditation, authorities::put(&cell, &AuthorityRecord { accredited_types, ..before })])
}
