//! The engine's Ed25519 scheme with the vote guard before every signature.
//!
//! Certificates, signatures and their checks are the engine's own. A vote that the guard refuses is never signed, so it
//! cannot be journaled, sent, or counted. Without a guard every vote is signed.

use super::types::PublicKey;
use crate::guard::{Round, VoteGuard};
use commonware_codec::Read;
use commonware_consensus::simplex::{scheme::Namespace, types::Subject};
use commonware_cryptography::{
    Digest,
    certificate::{self, AssemblyError, Attestation, Membership, Verification, Verifier},
    ed25519::{
        PrivateKey, Signature,
        certificate::{Certificate, Generic},
    },
};
use commonware_parallel::Strategy;
use commonware_utils::{N3f1, iter::NonEmpty, ordered::Set};
use rand_core::CryptoRng;
use std::sync::Arc;

/// Signs and checks votes.
#[derive(Debug, Clone)]
pub struct Scheme {
    generic: Generic<Namespace>,
    guard: Option<Arc<VoteGuard>>,
}

impl Scheme {
    /// Signs votes of `key`, which must be one of `participants`; otherwise `None`.
    pub fn signer(namespace: &[u8], participants: Set<PublicKey>, key: PrivateKey) -> Option<Self> {
        Some(Self { generic: Generic::signer(namespace, participants, key)?, guard: None })
    }

    /// Only checks votes.
    pub fn verifier(namespace: &[u8], participants: Set<PublicKey>) -> Self {
        Self { generic: Generic::verifier(namespace, participants), guard: None }
    }

    /// Asks `guard` before every signature.
    #[must_use]
    pub fn guarded(self, guard: Option<Arc<VoteGuard>>) -> Self {
        Self { guard, ..self }
    }
}

impl Verifier for Scheme {
    type Subject<'a, D: Digest> = Subject<'a, D>;
    type Faults = N3f1;
    type PublicKey = PublicKey;
    type Certificate = Certificate;

    fn verify_certificate<R: CryptoRng, D: Digest>(
        &self,
        rng: &mut R,
        subject: Subject<'_, D>,
        certificate: &Certificate,
        strategy: &impl Strategy,
    ) -> bool {
        self.generic.verify_certificate::<Self, _>(rng, subject, certificate, strategy)
    }

    fn verify_certificates<'a, R, D, I>(&self, rng: &mut R, certificates: NonEmpty<I>, strategy: &impl Strategy) -> bool
    where
        R: CryptoRng,
        D: Digest,
        I: Iterator<Item = (Subject<'a, D>, &'a Certificate)>,
    {
        self.generic.verify_certificates::<Self, _, _, _>(rng, certificates, strategy)
    }

    fn is_batchable() -> bool {
        Generic::<Namespace>::is_batchable()
    }

    fn max_certificate_size(participants: u32) -> usize {
        Generic::<Namespace>::max_certificate_size(participants)
    }

    fn certificate_codec_config(&self) -> <Certificate as Read>::Cfg {
        self.generic.certificate_codec_config()
    }

    fn certificate_codec_config_unbounded() -> <Certificate as Read>::Cfg {
        Generic::<Namespace>::certificate_codec_config_unbounded()
    }
}

impl certificate::Scheme for Scheme {
    type Signature = Signature;

    fn me(&self) -> Option<Membership> {
        self.generic.signer_index().map(Membership::Signer)
    }

    fn participants(&self) -> &Set<PublicKey> {
        &self.generic.participants
    }

    fn sign<D: Digest>(&self, subject: Subject<'_, D>) -> Option<Attestation<Self>> {
        let round = match &subject {
            Subject::Notarize { proposal } | Subject::Finalize { proposal } => proposal.round,
            Subject::Nullify { round } => *round,
        };
        let round = Round { epoch: round.epoch().get(), view: round.view().get() };
        let may = self.generic.signer_index().is_some() && self.guard.as_ref().is_none_or(|guard| guard.may_vote(round));
        if may { self.generic.sign(subject) } else { None }
    }

    fn verify_attestation<R: CryptoRng, D: Digest>(
        &self,
        _rng: &mut R,
        subject: Subject<'_, D>,
        attestation: &Attestation<Self>,
        _strategy: &impl Strategy,
    ) -> bool {
        self.generic.verify_attestation(subject, attestation)
    }

    fn verify_attestations<R, D, I>(
        &self,
        rng: &mut R,
        subject: Subject<'_, D>,
        attestations: I,
        strategy: &impl Strategy,
    ) -> Verification<Self>
    where
        R: CryptoRng,
        D: Digest,
        I: IntoIterator<Item = Attestation<Self>>,
        I::IntoIter: Send,
    {
        self.generic.verify_attestations(rng, subject, attestations, strategy)
    }

    fn optimistic_assemble<'a, R, D, I, J>(
        &self,
        rng: &mut R,
        subject: Subject<'_, D>,
        pending: I,
        verified: J,
        strategy: &impl Strategy,
    ) -> Result<Certificate, Verification<Self>>
    where
        R: CryptoRng,
        D: Digest,
        I: IntoIterator<Item = Attestation<Self>>,
        I::IntoIter: ExactSizeIterator + Send,
        J: IntoIterator<Item = &'a Attestation<Self>>,
        J::IntoIter: Send,
    {
        certificate::verify_then_assemble::<Self, _, D, _, _>(self, rng, subject, pending, verified, strategy)
    }

    fn assemble<I>(&self, attestations: NonEmpty<I>, _strategy: &impl Strategy) -> Result<Certificate, AssemblyError>
    where
        I: Iterator<Item = Attestation<Self>> + Send,
    {
        self.generic.assemble::<Self, _>(attestations)
    }

    fn is_attributable() -> bool {
        Generic::<Namespace>::is_attributable()
    }
}
