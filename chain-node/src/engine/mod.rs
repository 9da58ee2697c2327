//! Consensus, networking and authenticated storage, wired together.
//!
//! The only folder that knows commonware's types. Assumes a checked genesis and a storage directory of its own.
//! Written against release 2026.10.0: every crate of that family is pinned and upgraded as a change of its own.

pub mod application;
pub mod block;
mod limits;
pub mod network;
pub mod pacing;
pub mod reads;
pub mod scheme;
mod storage;
mod sync;
pub mod types;

pub use self::limits::max_message_size;
use self::{
    application::Application,
    block::Block,
    limits::{EPOCH_LENGTH, IO_BUFFER, MAILBOX, SYNC_BATCH},
    network::Links,
    pacing::{Pace, Paced},
    types::{Digest, Environment, Marshal, PublicKey, Scheme, State, Stateful},
};
use crate::mempool::Mempool;
use commonware_broadcast::buffered;
use commonware_consensus::{
    marshal::{resolver::p2p as backfill, standard::Deferred},
    simplex::{
        self, SkipBudget,
        config::{Floor, ForwardPolicy, SkipPolicy},
        elector::RoundRobin,
    },
    types::{Epoch, FixedEpocher, ViewDelta},
};
use commonware_cryptography::{Digested, Digestible as _, Sha256};
use commonware_glue::stateful::{
    Config as StatefulConfig, Stateful as StatefulActor, SyncPlan,
    db::{SyncEngineConfig, p2p as state_sync},
    probe::{Config as ProbeConfig, Probe},
};
use commonware_p2p::{Blocker, Provider, Receiver, Sender};
use commonware_parallel::Sequential;
use commonware_runtime::{Handle, buffer::paged::CacheRef};
use commonware_storage::mmr;
use commonware_utils::{NZDuration, NZUsize};
use std::{sync::Arc, time::Duration};

/// The numbers that an operator may set.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Block pacing.
    pub pace: Pace,
    /// How long a leader may take to propose: more than the heartbeat.
    pub leader_timeout: Duration,
}

/// What a node brings to the engine.
pub struct Node {
    /// Signs votes; its public key is one of the validators.
    pub scheme: Scheme,
    /// This node's key.
    pub me: PublicKey,
    /// Executes blocks.
    pub application: Application,
    /// Transactions that wait.
    pub mempool: Arc<Mempool>,
    /// Pacing and timeouts.
    pub timing: Timing,
    /// How long a node without data asks for a state to begin with; a node that replays the ledger does not ask.
    pub sync_patience: Option<Duration>,
    /// What its partitions' names begin with: nodes that share a storage, as in a simulation, need different ones.
    pub partition: String,
}

/// A running engine.
pub struct Engine<E: Environment> {
    /// Ends when consensus ends: never, unless the node stops.
    pub consensus: Handle<()>,
    /// Finalized blocks and certificates.
    pub marshal: Marshal,
    /// The state of the last finalized block, for reads and proofs.
    pub state: Stateful<E>,
}

type Automaton<E> = Deferred<E, Scheme, Paced<E>, Block, FixedEpocher>;
type ConsensusConfig<E, B> =
    simplex::Config<Scheme, RoundRobin<Sha256>, B, Digest, Automaton<E>, Automaton<E>, Automaton<E>, Sequential>;

const FETCH_TIMEOUT: Duration = Duration::from_secs(2);
const FETCH_RETRY: Duration = Duration::from_millis(100);

/// Starts every actor of the engine, in the one order that works: network first, consensus last.
/// Gives the mempool's channel back.
///
/// # Panics
/// When storage cannot be opened: a node that cannot read its own votes must not vote.
pub async fn start<E, S, R, P, B>(context: E, node: Node, links: Links<S, R, P, B>) -> (Engine<E>, (S, R))
where
    E: Environment,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
    P: Provider<PublicKey = PublicKey>,
    B: Blocker<PublicKey = PublicKey>,
{
    let Links { channels, peers, blocker } = links;
    let prefix = node.partition;
    let cache = storage::cache();
    let schemes = storage::Schemes::new(node.scheme.clone());
    let genesis = node.application.genesis_block().clone();

    let resolver =
        backfill::init(context.child("backfill"), backfill_config(&node.me, peers.clone(), blocker.clone()), channels.backfill);
    let (broadcast, buffer) = buffered::Engine::new(context.child("broadcast"), broadcast_config(&node.me, peers.clone()));
    broadcast.start(channels.broadcast);
    let (probe, probe_mailbox) = Probe::new(ProbeConfig {
        context: context.child("probe"),
        provider: schemes.clone(),
        strategy: Sequential,
        mailbox_size: MAILBOX,
        blocker: blocker.clone(),
        minimum_epoch: Epoch::zero(),
        retry_timeout: NZDuration!(Duration::from_secs(1)),
    });
    probe.start(channels.probe);

    let plan = SyncPlan::init(context.child("plan"), &prefix).await;
    let plan = sync::choose_floor(&context, plan, &probe_mailbox, node.sync_patience).await;
    let from = plan.marshal_start(digested(genesis.clone()));
    let (marshal_actor, marshal, floor) = storage::open_marshal(&context, &prefix, schemes, from, cache.clone()).await;

    let (state_actor, state_resolver) = state_sync::Actor::<_, PublicKey, _, _, mmr::Family, State<E>>::new(
        context.child("state_sync"),
        state_sync_config(&node.me, peers, blocker.clone()),
    );
    state_actor.start(channels.state_sync);
    let (stateful_actor, stateful) = StatefulActor::new(
        context.child("stateful"),
        StatefulConfig {
            application: node.application,
            db_config: storage::state(&prefix, cache.clone()),
            provider: (),
            marshal: (marshal.clone(), floor),
            mailbox_size: MAILBOX,
            plan,
            resolvers: state_resolver,
            sync_config: SyncEngineConfig {
                fetch_batch_size: SYNC_BATCH,
                apply_batch_size: SYNC_BATCH,
                max_outstanding_requests: NZUsize!(8),
            },
            prune_config: None,
            strategy: Sequential,
        },
    );
    let paced = Paced::new(stateful.clone(), node.mempool, node.timing.pace);
    let automaton = Deferred::new(context.child("deferred"), paced, marshal.clone(), FixedEpocher::new(EPOCH_LENGTH));

    marshal_actor.start(stateful.clone(), buffer, resolver);
    probe_mailbox.attach(marshal.clone());
    stateful_actor.start();
    let config =
        consensus_config(node.scheme, blocker, automaton, genesis.digest(), node.timing, (format!("{prefix}-simplex-0"), cache));
    let consensus =
        simplex::Engine::new(context.child("simplex"), config).start(channels.votes, channels.certificates, channels.resolver);
    (Engine { consensus, marshal, state: stateful }, channels.mempool)
}

fn backfill_config<P, B>(me: &PublicKey, peers: P, blocker: B) -> backfill::Config<PublicKey, P, B>
where
    P: Provider<PublicKey = PublicKey>,
    B: Blocker<PublicKey = PublicKey>,
{
    backfill::Config {
        public_key: me.clone(),
        peer_provider: peers,
        blocker,
        mailbox_size: MAILBOX,
        fetch_timeout: NZDuration!(FETCH_TIMEOUT),
        fetch_retry_delay: FETCH_RETRY,
        priority_requests: false,
        priority_responses: false,
    }
}

fn broadcast_config<P>(me: &PublicKey, peers: P) -> buffered::Config<PublicKey, (), P, Sequential>
where
    P: Provider<PublicKey = PublicKey>,
{
    buffered::Config {
        public_key: me.clone(),
        mailbox_size: MAILBOX,
        deque_size: 16,
        priority: false,
        codec_config: (),
        peer_provider: peers,
        strategy: Sequential,
    }
}

fn state_sync_config<E, P, B>(me: &PublicKey, peers: P, blocker: B) -> state_sync::Config<PublicKey, P, B, State<E>>
where
    E: Environment,
    P: Provider<PublicKey = PublicKey>,
    B: Blocker<PublicKey = PublicKey>,
{
    state_sync::Config {
        peer_provider: peers,
        blocker,
        database: None,
        mailbox_size: MAILBOX,
        me: Some(me.clone()),
        fetch_timeout: NZDuration!(FETCH_TIMEOUT),
        fetch_retry_delay: FETCH_RETRY,
        max_serve_ops: SYNC_BATCH,
        priority_requests: false,
        priority_responses: false,
    }
}

fn consensus_config<E: Environment, B: Blocker<PublicKey = PublicKey>>(
    scheme: Scheme,
    blocker: B,
    automaton: Automaton<E>,
    genesis: Digest,
    timing: Timing,
    (partition, cache): (String, CacheRef),
) -> ConsensusConfig<E, B> {
    let certification_timeout = timing.leader_timeout + Duration::from_secs(1);
    simplex::Config {
        scheme,
        elector: RoundRobin::<Sha256>::default(),
        blocker,
        automaton: automaton.clone(),
        relay: automaton.clone(),
        reporter: automaton,
        track_historical_votes: false,
        strategy: Sequential,
        partition,
        mailbox_size: MAILBOX,
        epoch: Epoch::zero(),
        floor: Floor::Genesis(genesis),
        replay_buffer: IO_BUFFER,
        write_buffer: IO_BUFFER,
        page_cache: cache,
        leader_timeout: timing.leader_timeout,
        certification_timeout,
        timeout_retry: Duration::from_millis(500),
        view_retention: ViewDelta::new(64),
        skip: SkipPolicy::Enabled { timeout: certification_timeout + Duration::from_secs(1), budget: SkipBudget::Participants },
        fetch_timeout: NZDuration!(FETCH_TIMEOUT),
        fetch_retry_delay: FETCH_RETRY,
        forward: ForwardPolicy::SilentLeader,
    }
}

fn digested(block: Block) -> Digested<Block> {
    let digest = block.digest();
    Digested::precomputed(block, digest)
}
