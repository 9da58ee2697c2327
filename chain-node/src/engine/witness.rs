//! Watches what consensus reports for votes that contradict each other, and turns them into evidence that proves itself.
//!
//! The engine itself sees two votes that come to this node. Who votes for one block before these and for another before those is seen
//! here: a certificate holds the signatures that others got, and they are compared with the votes that came to this node.
//! Everything goes on to the engine's own reporter untouched. Refuses to accuse anybody without two signatures that verify.

use super::types::{Digest, PublicKey, Scheme};
use bytes::Bytes;
use commonware_actor::Feedback;
use commonware_codec::{Encode, ReadExt as _};
use commonware_consensus::{
    Reporter,
    simplex::types::{Activity, Finalize, Notarize, Nullify, Proposal},
    types::{Participant, Round},
};
use commonware_cryptography::{
    certificate::{Attestation, Scheme as _},
    ed25519::certificate::Certificate,
};
use ledger::{
    Hash,
    evidence::{Evidence, Offence, SignedProposal},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::mpsc;

/// Accusations that wait to be kept: a validator that equivocates is cut off at once, so they are few.
pub const QUEUE: usize = 256;

/// Views whose votes are remembered: as many as the engine keeps.
const VIEWS: usize = 64;

/// A vote as it was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ballot {
    Notarize(SignedProposal),
    Finalize(SignedProposal),
    Nullify([u8; 64]),
}

/// The votes of the last views, by view and validator; one of each kind.
#[derive(Debug, Default)]
struct Memory(BTreeMap<u64, BTreeMap<usize, Ballots>>);

#[derive(Debug, Default)]
struct Ballots {
    cast: Vec<Ballot>,
    accused: bool,
}

impl Memory {
    /// Remembers a vote, and gives the offence that it is together with an earlier one; once for a validator and view.
    fn remember(&mut self, view: u64, signer: usize, ballot: Ballot) -> Option<Offence> {
        let ballots = self.0.entry(view).or_default().entry(signer).or_default();
        let offence = ballots.cast.iter().find_map(|earlier| conflict(earlier, &ballot)).filter(|_| !ballots.accused);
        ballots.accused |= offence.is_some();
        let kind = std::mem::discriminant(&ballot);
        if ballots.cast.iter().all(|earlier| std::mem::discriminant(earlier) != kind) {
            ballots.cast.push(ballot);
        }
        while self.0.len() > VIEWS {
            self.0.pop_first();
        }
        offence
    }
}

fn conflict(one: &Ballot, other: &Ballot) -> Option<Offence> {
    let differ =
        |one: &SignedProposal, other: &SignedProposal| (one.payload, one.parent_view) != (other.payload, other.parent_view);
    match (one, other) {
        (Ballot::Notarize(one), Ballot::Notarize(other)) => {
            differ(one, other).then(|| Offence::two_notarizes(one.clone(), other.clone()))
        }
        (Ballot::Finalize(one), Ballot::Finalize(other)) => {
            differ(one, other).then(|| Offence::two_finalizes(one.clone(), other.clone()))
        }
        (Ballot::Nullify(nullify), Ballot::Finalize(finalize)) | (Ballot::Finalize(finalize), Ballot::Nullify(nullify)) => {
            Some(Offence::NullifyAndFinalize { nullify: *nullify, finalize: finalize.clone() })
        }
        (Ballot::Notarize(_), Ballot::Finalize(_) | Ballot::Nullify(_))
        | (Ballot::Finalize(_) | Ballot::Nullify(_), Ballot::Notarize(_))
        | (Ballot::Nullify(_), Ballot::Nullify(_)) => None,
    }
}

/// A reporter in front of another.
pub(super) struct Witness<R> {
    inner: R,
    genesis: Hash,
    scheme: Arc<Scheme>,
    accusations: mpsc::Sender<Evidence>,
    memory: Arc<Mutex<Memory>>,
}

impl<R: Clone> Clone for Witness<R> {
    fn clone(&self) -> Self {
        let Self { inner, genesis, scheme, accusations, memory } = self;
        let (inner, scheme, accusations, memory) = (inner.clone(), scheme.clone(), accusations.clone(), memory.clone());
        Self { inner, genesis: *genesis, scheme, accusations, memory }
    }
}

impl<R> Witness<R> {
    /// Watches the votes of the validators that `scheme` names, and passes everything on to `inner`.
    pub(super) fn new(inner: R, genesis: Hash, scheme: Arc<Scheme>, accusations: mpsc::Sender<Evidence>) -> Self {
        Self { inner, genesis, scheme, accusations, memory: Arc::default() }
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

    /// A vote that came to this node, or stands in a certificate.
    fn note(&self, round: Round, signer: Participant, ballot: Option<Ballot>) {
        let Some(ballot) = ballot else { return };
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let offence = memory.remember(round.view().get(), signer.into(), ballot);
        drop(memory);
        self.accuse(offence.and_then(|offence| self.evidence(round, signer, offence)));
    }

    /// The votes in a certificate.
    fn note_all(&self, round: Round, certificate: &Certificate, ballot: impl Fn([u8; 64]) -> Ballot) {
        for (signer, signature) in certificate.signers.iter().zip(&certificate.signatures) {
            self.note(round, signer, bytes(&signature.encode()).map(&ballot));
        }
    }

    fn evidence(&self, round: Round, signer: Participant, offence: Offence) -> Option<Evidence> {
        let key: &PublicKey = self.scheme.participants().get(signer.into())?;
        Some(Evidence { validator: bytes(key)?, epoch: round.epoch().get(), view: round.view().get(), offence })
    }

    fn two_notarizes(&self, mut encoded: Bytes) -> Option<Evidence> {
        let one = Notarize::<Scheme, Digest>::read(&mut encoded).ok()?;
        let other = Notarize::<Scheme, Digest>::read(&mut encoded).ok()?;
        let offence =
            Offence::two_notarizes(signed(&one.proposal, &one.attestation)?, signed(&other.proposal, &other.attestation)?);
        self.evidence(one.proposal.round, one.attestation.signer, offence)
    }

    fn two_finalizes(&self, mut encoded: Bytes) -> Option<Evidence> {
        let one = Finalize::<Scheme, Digest>::read(&mut encoded).ok()?;
        let other = Finalize::<Scheme, Digest>::read(&mut encoded).ok()?;
        let offence =
            Offence::two_finalizes(signed(&one.proposal, &one.attestation)?, signed(&other.proposal, &other.attestation)?);
        self.evidence(one.proposal.round, one.attestation.signer, offence)
    }

    fn nullify_and_finalize(&self, mut encoded: Bytes) -> Option<Evidence> {
        let nullify = Nullify::<Scheme>::read(&mut encoded).ok()?;
        let finalize = Finalize::<Scheme, Digest>::read(&mut encoded).ok()?;
        let offence = Offence::NullifyAndFinalize {
            nullify: bytes(&nullify.attestation.signature.encode())?,
            finalize: signed(&finalize.proposal, &finalize.attestation)?,
        };
        self.evidence(nullify.round, nullify.attestation.signer, offence)
    }
}

fn signed(proposal: &Proposal<Digest>, attestation: &Attestation<Scheme>) -> Option<SignedProposal> {
    Some(as_signed(proposal, bytes(&attestation.signature.encode())?))
}

fn as_signed(proposal: &Proposal<Digest>, signature: [u8; 64]) -> SignedProposal {
    SignedProposal { parent_view: proposal.parent.get(), payload: proposal.payload.0, signature }
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
            Activity::Notarize(vote) => {
                let ballot = signed(&vote.proposal, &vote.attestation).map(Ballot::Notarize);
                self.note(vote.proposal.round, vote.attestation.signer, ballot);
            }
            Activity::Finalize(vote) => {
                let ballot = signed(&vote.proposal, &vote.attestation).map(Ballot::Finalize);
                self.note(vote.proposal.round, vote.attestation.signer, ballot);
            }
            Activity::Nullify(vote) => {
                let ballot = bytes(&vote.attestation.signature.encode()).map(Ballot::Nullify);
                self.note(vote.round, vote.attestation.signer, ballot);
            }
            Activity::Notarization(all) => {
                let ballot = |signature| Ballot::Notarize(as_signed(&all.proposal, signature));
                self.note_all(all.proposal.round, &all.certificate, ballot);
            }
            Activity::Finalization(all) => {
                let ballot = |signature| Ballot::Finalize(as_signed(&all.proposal, signature));
                self.note_all(all.proposal.round, &all.certificate, ballot);
            }
            Activity::Nullification(all) => self.note_all(all.round, &all.certificate, Ballot::Nullify),
            Activity::Certification(_) => {}
        }
        self.inner.report(activity)
    }
}
