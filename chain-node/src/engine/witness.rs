//! Watches what consensus reports for votes that contradict each other, and turns them into evidence that proves itself.
//!
//! Everything goes on to the engine's own reporter untouched. Refuses to accuse anybody without two signatures that verify.

use super::types::{Digest, PublicKey, Scheme};
use bytes::Bytes;
use commonware_actor::Feedback;
use commonware_codec::{Encode, ReadExt as _};
use commonware_consensus::{
    Reporter,
    simplex::types::{Activity, Finalize, Notarize, Nullify, Proposal},
    types::Round,
};
use commonware_cryptography::certificate::{Attestation, Scheme as _};
use ledger::{
    Hash,
    evidence::{Evidence, Offence, SignedProposal},
};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Accusations that wait to be kept: a validator that equivocates is cut off at once, so they are few.
pub const QUEUE: usize = 256;

/// A reporter in front of another.
pub(super) struct Witness<R> {
    inner: R,
    genesis: Hash,
    scheme: Arc<Scheme>,
    accusations: mpsc::Sender<Evidence>,
}

impl<R: Clone> Clone for Witness<R> {
    fn clone(&self) -> Self {
        let Self { inner, genesis, scheme, accusations } = self;
        Self { inner: inner.clone(), genesis: *genesis, scheme: scheme.clone(), accusations: accusations.clone() }
    }
}

impl<R> Witness<R> {
    /// Watches the votes of the validators that `scheme` names, and passes everything on to `inner`.
    pub(super) fn new(inner: R, genesis: Hash, scheme: Arc<Scheme>, accusations: mpsc::Sender<Evidence>) -> Self {
        Self { inner, genesis, scheme, accusations }
    }

    fn accuse(&self, evidence: Option<Evidence>) {
        let Some(evidence) = evidence.filter(|evidence| evidence.verify(&self.genesis).is_ok()) else {
            return;
        };
        tracing::error!(
            validator = %data_encoding::HEXLOWER.encode(&evidence.validator),
            epoch = evidence.epoch,
            view = evidence.view,
            "a validator signed two votes that contradict each other"
        );
        // A full queue holds accusations enough.
        let _ = self.accusations.try_send(evidence);
    }

    fn evidence(&self, round: Round, attestation: &Attestation<Scheme>, offence: Offence) -> Option<Evidence> {
        let key: &PublicKey = self.scheme.participants().get(attestation.signer.into())?;
        Some(Evidence { validator: bytes(key)?, epoch: round.epoch().get(), view: round.view().get(), offence })
    }

    fn two_notarizes(&self, mut encoded: Bytes) -> Option<Evidence> {
        let one = Notarize::<Scheme, Digest>::read(&mut encoded).ok()?;
        let other = Notarize::<Scheme, Digest>::read(&mut encoded).ok()?;
        let offence =
            Offence::two_notarizes(signed(&one.proposal, &one.attestation)?, signed(&other.proposal, &other.attestation)?);
        self.evidence(one.proposal.round, &one.attestation, offence)
    }

    fn two_finalizes(&self, mut encoded: Bytes) -> Option<Evidence> {
        let one = Finalize::<Scheme, Digest>::read(&mut encoded).ok()?;
        let other = Finalize::<Scheme, Digest>::read(&mut encoded).ok()?;
        let offence =
            Offence::two_finalizes(signed(&one.proposal, &one.attestation)?, signed(&other.proposal, &other.attestation)?);
        self.evidence(one.proposal.round, &one.attestation, offence)
    }

    fn nullify_and_finalize(&self, mut encoded: Bytes) -> Option<Evidence> {
        let nullify = Nullify::<Scheme>::read(&mut encoded).ok()?;
        let finalize = Finalize::<Scheme, Digest>::read(&mut encoded).ok()?;
        let offence = Offence::NullifyAndFinalize {
            nullify: bytes(&nullify.attestation.signature.encode())?,
            finalize: signed(&finalize.proposal, &finalize.attestation)?,
        };
        self.evidence(nullify.round, &nullify.attestation, offence)
    }
}

fn signed(proposal: &Proposal<Digest>, attestation: &Attestation<Scheme>) -> Option<SignedProposal> {
    let signature = bytes(&attestation.signature.encode())?;
    Some(SignedProposal { parent_view: proposal.parent.get(), payload: proposal.payload.0, signature })
}

fn bytes<const N: usize>(bytes: &(impl AsRef<[u8]> + ?Sized)) -> Option<[u8; N]> {
    bytes.as_ref().try_into().ok()
}

impl<R: Reporter<Activity = Activity<Scheme, Digest>>> Reporter for Witness<R> {
    type Activity = Activity<Scheme, Digest>;

    fn report(&mut self, activity: Self::Activity) -> Feedback {
        // The engine does not show the two votes of a conflict, but it encodes them.
        match &activity {
            Activity::ConflictingNotarize(conflict) => self.accuse(self.two_notarizes(conflict.encode())),
            Activity::ConflictingFinalize(conflict) => self.accuse(self.two_finalizes(conflict.encode())),
            Activity::NullifyFinalize(conflict) => self.accuse(self.nullify_and_finalize(conflict.encode())),
            Activity::Notarize(_)
            | Activity::Notarization(_)
            | Activity::Certification(_)
            | Activity::Nullify(_)
            | Activity::Nullification(_)
            | Activity::Finalize(_)
            | Activity::Finalization(_) => {}
        }
        self.inner.report(activity)
    }
}
