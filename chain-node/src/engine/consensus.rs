//! One Simplex engine: how it is configured and started. There is one for each epoch, or one for ever without governance.
//!
//! The partition that holds its own votes is named after the epoch: never change a name for an existing node.

use super::{
    Timing,
    limits::{IO_BUFFER, MAILBOX},
    pacing::Paced,
    types::{Digest, Environment, PublicKey, Scheme},
    vote_tap,
    witness::Witness,
};
use crate::engine::block::Block;
use commonware_consensus::{
    marshal::standard::Deferred,
    simplex::{
        self, SkipBudget,
        config::{Floor, ForwardPolicy, SkipPolicy},
        elector::RoundRobin,
    },
    types::{Epoch, FixedEpocher, ViewDelta},
};
use commonware_cryptography::Sha256;
use commonware_p2p::{Blocker, Receiver, Sender};
use commonware_parallel::Sequential;
use commonware_runtime::{Handle, buffer::paged::CacheRef};
use commonware_utils::NZDuration;
use ledger::{Hash, evidence::Evidence};
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc;

/// What builds and checks blocks for consensus.
pub(super) type Automaton<E> = Deferred<E, Scheme, Paced<E>, Block, FixedEpocher>;

/// How long a peer may take to answer.
pub(super) const FETCH_TIMEOUT: Duration = Duration::from_secs(2);
/// How soon the next peer is asked.
pub(super) const FETCH_RETRY: Duration = Duration::from_millis(100);
/// How much longer than its proposal a leader's block may take until it is certified.
const CERTIFICATION: Duration = Duration::from_secs(1);

/// What every engine of this node has in common.
pub(super) struct Consensus<E: Environment, B> {
    pub(super) genesis: Hash,
    pub(super) automaton: Automaton<E>,
    pub(super) blocker: B,
    pub(super) timing: Timing,
    pub(super) prefix: String,
    pub(super) cache: CacheRef,
    pub(super) accusations: mpsc::Sender<Evidence>,
}

/// The channels of one engine: votes, certificates, requests for certificates.
pub(super) struct Links<V, C, Q> {
    pub(super) votes: V,
    pub(super) certificates: C,
    pub(super) requests: Q,
}

impl<E: Environment, B: Blocker<PublicKey = PublicKey>> Consensus<E, B> {
    /// The partition of an epoch's votes.
    pub(super) fn partition(&self, epoch: u64) -> String {
        format!("{}-simplex-{epoch}", self.prefix)
    }

    /// Starts the engine of `epoch`, whose first block builds on what `floor` says. The scheme signs if this node is a
    /// validator of the epoch; else the engine follows.
    pub(super) fn start<SV, RV, SC, RC, SQ, RQ>(
        &self,
        context: E,
        epoch: u64,
        scheme: Arc<Scheme>,
        floor: Floor<Scheme, Digest>,
        links: Links<(SV, RV), (SC, RC), (SQ, RQ)>,
    ) -> Handle<()>
    where
        SV: Sender<PublicKey = PublicKey>,
        RV: Receiver<PublicKey = PublicKey>,
        SC: Sender<PublicKey = PublicKey>,
        RC: Receiver<PublicKey = PublicKey>,
        SQ: Sender<PublicKey = PublicKey>,
        RQ: Receiver<PublicKey = PublicKey>,
    {
        let certification_timeout = self.timing.leader_timeout + CERTIFICATION;
        let reporter = Witness::new(self.automaton.clone(), self.genesis, scheme.clone(), self.accusations.clone());
        let config = simplex::Config {
            scheme: scheme.as_ref().clone(),
            elector: RoundRobin::<Sha256>::default(),
            blocker: self.blocker.clone(),
            automaton: self.automaton.clone(),
            relay: self.automaton.clone(),
            reporter,
            // A vote that contradicts an earlier one is caught as long as the view is kept, and not only until its certificate.
            track_historical_votes: true,
            strategy: Sequential,
            partition: self.partition(epoch),
            mailbox_size: MAILBOX,
            epoch: Epoch::new(epoch),
            floor,
            replay_buffer: IO_BUFFER,
            write_buffer: IO_BUFFER,
            page_cache: self.cache.clone(),
            leader_timeout: self.timing.leader_timeout,
            certification_timeout,
            timeout_retry: Duration::from_millis(500),
            view_retention: ViewDelta::new(64),
            skip: SkipPolicy::Enabled {
                timeout: certification_timeout + Duration::from_secs(1),
                budget: SkipBudget::Participants,
            },
            fetch_timeout: NZDuration!(FETCH_TIMEOUT),
            fetch_retry_delay: FETCH_RETRY,
            forward: ForwardPolicy::SilentLeader,
        };
        simplex::Engine::new(context, config).start(vote_tap::around(links.votes), links.certificates, links.requests)
    }
}
