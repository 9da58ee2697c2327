//! RecordAttestations: an authority attests, in its own name, types that it is accredited for. One bad entry refuses all.

use ledger::cell::Subject;
use ledger::receipt::Refusal;
use ledger::records::AttestationStatus;
use ledger::transaction::NewAttestation;

use crate::senders::Authenticated;
use crate::view::{Change, View};

pub(super) fn decide(view: &View, sender: &Authenticated, attestations: &[NewAttestation]) -> Result<Vec<Change>, Refusal> {
    let authority = sender.authority()?;
    let record = |new: &NewAttestation| {
        if new.record.issuer != authority.id {
            return Err(Refusal::NotOwner);
        }
        if !authority.accredited_types.contains(&new.record.attestation_type) {
            return Err(Refusal::NotAccredited);
        }
        let subject = Subject::Attestation(new.id);
        if view.has(&subject) {
            return Err(Refusal::AlreadyExists);
        }
        Ok(Change::new(&subject, &new.record).with_status(AttestationStatus::Active as u8))
    };
    attestations.iter().map(record).collect()
}
