//! RecordAttestations: an authority attests, in its own name, types that it is accredited for. One bad entry refuses all.

use ledger::cell::Subject;
use ledger::receipt::Refusal;
use ledger::records::AttestationStatus;
use ledger::transaction::NewAttestation;

use crate::governance::check_accredited;
use crate::senders::Authenticated;
use crate::stop::Stop;
use crate::view::{Put, View};

pub(super) fn decide(view: &View, sender: &Authenticated, attestations: &[NewAttestation]) -> Result<Vec<Put>, Stop> {
    let authority = sender.authority()?;
    let record = |new: &NewAttestation| -> Result<Put, Stop> {
        if new.record.issuer != authority.id {
            return Err(Refusal::NotOwner.into());
        }
        check_accredited(view, authority, &new.record.attestation_type)?;
        let subject = Subject::Attestation(new.id);
        if view.has(&subject)? {
            return Err(Refusal::AlreadyExists.into());
        }
        Ok(Put::new(&subject, &new.record).with_status(AttestationStatus::Active as u8))
    };
    attestations.iter().map(record).collect()
}
