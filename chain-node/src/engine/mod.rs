//! Consensus, networking and authenticated storage, wired together.
//!
//! The only folder that knows commonware's types. Assumes a checked genesis and a storage directory of its own.
//! Written against release 2026.10.0: every crate of that family is pinned and upgraded as a change of its own.

pub mod application;
pub mod archive;
pub mod block;
pub mod certificate;
mod consensus;
mod early;
pub mod epochs;
pub mod kept;
mod liar;
mod limits;
mod lineage;
pub mod members;
pub mod network;
mod orchestrator;
pub mod pacing;
pub mod reads;
pub mod scheme;
mod storage;
mod sync;
pub mod types;
mod vote_tap;
pub mod witness;

use self::{
    application::Application,
    block::Block,
    consensus::{Consensus, FETCH_RETRY, FETCH_TIMEOUT},
    early::{Early, Resumed},
    epochs::{Epochs, Schemes},
    kept::Kept,
    limits::{MAILBOX, SYNC_BATCH},
    network::{Directory, Links},
    orchestrator::{Finalized, Orchestrator},
    pacing::{Pace, Paced},
    types::{Environment, Marshal, PublicKey, State, Stateful},
};
pub use self::{limits::max_message_size, storage::Files};
use crate::{fork::Forks, kill_points::Point, mempool::Mempool, peers::Peers};
use commonware_broadcast::buffered;
use commonware_consensus::{
    Reporters,
    marshal::{resolver::p2p as backfill, standard::Deferred},
    simplex::config::Floor,
    types::Epoch,
};
use commonware_cryptography::{Digested, Digestible as _};
use commonware_glue::stateful::{
    Config as StatefulConfig, PruneConfig, Stateful as StatefulActor, SyncPlan,
    db::{SyncEngineConfig, p2p as state_sync},
    probe::{Config as ProbeConfig, Probe},
};
use commonware_p2p::{Blocker, Provider, Receiver, Sender};
use commonware_parallel::Sequential;
use commonware_runtime::Handle;
use commonware_storage::mmr;
use commonware_utils::{NZDuration, NZUsize};
use ledger::evidence::Evidence;
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc;

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
    /// Who serves which epoch, and this node's key.
    pub epochs: Arc<Epochs>,
    /// Executes blocks.
    pub application: Application,
    /// Transactions that wait.
    pub mempool: Arc<Mempool>,
    /// Who is heard.
    pub peers: Arc<Peers>,
    /// Pacing and timeouts.
    pub timing: Timing,
    /// How long a node without data asks for a state to begin with; a node that replays the ledger does not ask.
    pub sync_patience: Option<Duration>,
    /// What it keeps.
    pub keeping: Keeping,
    /// Takes evidence against validators that equivocate.
    pub accusations: mpsc::Sender<Evidence>,
}

/// What a node keeps, and where.
pub struct Keeping {
    /// Its files. Nodes that share a storage, as in a simulation, need different names.
    pub files: Files,
    /// How many blocks a node that prunes keeps; an archive keeps all.
    pub keep_blocks: Option<u64>,
    /// Where the proof of a fork goes.
    pub forks: Forks,
}

/// A running engine.
pub struct Engine<E: Environment> {
    /// Ends when consensus ends: never, unless the node stops.
    pub consensus: Handle<()>,
    /// Finalized blocks and certificates.
    pub marshal: Marshal,
    /// The state of the last finalized block, for reads and proofs.
    pub state: Stateful<E>,
    /// Which blocks are here, and which may go.
    pub kept: Arc<Kept>,
}

/// Starts every actor of the engine, in the one order that works: network first, consensus last.
/// `prepare` has the mempool's channel before any state is chosen; `learn` makes the epochs known that others can prove.
///
/// # Panics
/// When storage cannot be opened: a node that cannot read its own votes must not vote.
pub async fn start<E, S, R, P, B, D, L>(
    context: E,
    node: Node,
    links: Links<S, R, P, B, D>,
    prepare: impl FnOnce((S, R)),
    learn: impl Fn() -> L,
) -> Engine<E>
where
    E: Environment,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
    P: Provider<PublicKey = PublicKey>,
    B: Blocker<PublicKey = PublicKey>,
    D: Directory,
    L: Future<Output = ()>,
{
    let Links { channels, peers, blocker, directory } = links;
    let Keeping { files, keep_blocks, forks } = node.keeping;
    let epochs = node.epochs;
    let prefix = files.prefix.clone();
    let me = epochs.me();
    let cache = storage::cache();
    let application = node.application.clone();
    let genesis = application.genesis_block().clone();

    let resolver = backfill::init(
        context.child("backfill"),
        backfill_config(&me, peers.clone(), blocker.clone()),
        liar::lying(channels.backfill),
    );
    let (broadcast, buffer) = buffered::Engine::new(context.child("broadcast"), broadcast_config(&me, peers.clone()));
    broadcast.start(channels.broadcast);

    prepare(channels.mempool);
    learn().await;
    let (probe, probe_mailbox) = Probe::new(probe_config(&context, &epochs, blocker.clone()));
    probe.start(liar::lying(channels.probe));
    let plan = SyncPlan::init(context.child("plan"), &prefix).await;
    let plan = sync::choose_floor(&context, plan, &probe_mailbox, node.sync_patience, learn).await;
    let from = plan.marshal_start(digested(genesis.clone()));
    let kept = Arc::new(Kept::default());
    let (marshal_actor, marshal, floor) = storage::open_marshal(&context, (&files, &kept), &epochs, from, cache.clone()).await;

    let (state_actor, state_resolver) = state_sync::Actor::<_, PublicKey, _, _, mmr::Family, State<E>>::new(
        context.child("state_sync"),
        state_sync_config(&me, peers, blocker.clone()),
    );
    state_actor.start(vote_tap::counted(liar::lying(channels.state_sync), Point::StateArrives));
    let (stateful_actor, stateful) = StatefulActor::new(
        context.child("stateful"),
        StatefulConfig {
            application: node.application,
            db_config: storage::state(&files, cache.clone()),
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
            prune_config: keep_blocks.map(state_pruning),
            strategy: Sequential,
        },
    );
    let paced = Paced::new(stateful.clone(), node.mempool, node.timing.pace);
    let automaton = Deferred::new(context.child("deferred"), paced, marshal.clone(), epochs.epocher());

    let (finalized, blocks) = Finalized::channel();
    let reporters = Reporters::<_, Finalized>::from((stateful.clone(), epochs.governed().then_some(finalized)));
    marshal_actor.start(lineage::watch(&context, reporters, marshal.clone(), forks), buffer, resolver);
    probe_mailbox.attach(marshal.clone());
    stateful_actor.start();
    let (timing, accusations) = (node.timing, node.accusations);
    let hash = *epochs.genesis();
    let consensus = Consensus { genesis: hash, automaton, blocker, timing, prefix, cache, accusations };
    let links = consensus::Links { votes: channels.votes, certificates: channels.certificates, requests: channels.resolver };
    let (peers, genesis) = (node.peers, genesis.digest());
    let parts = orchestrator::Parts { epochs, marshal: marshal.clone(), consensus, directory, peers, blocks, genesis };
    let consensus = begin(&context, parts, links, (stateful.clone(), application));
    Engine { consensus, marshal, state: stateful, kept }
}

/// Consensus: on a governed ledger one engine after another, else one for ever.
fn begin<E, S, R, B, D>(
    context: &E,
    parts: orchestrator::Parts<E, B, D>,
    links: consensus::Links<(S, R), (S, R), (S, R)>,
    (state, application): (Stateful<E>, Application),
) -> Handle<()>
where
    E: Environment,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
    B: Blocker<PublicKey = PublicKey>,
    D: Directory,
{
    if parts.epochs.governed() {
        let marshal = parts.marshal.clone();
        let orchestrator = Orchestrator::new(context.child("epochs"), parts, links);
        return context.child("orchestrator").spawn(|context| async move {
            // A state that comes from the others decides the first epoch here: it must be there before consensus is.
            let state = state.subscribe_databases().await;
            application.introduce(&context, &marshal, &state).await;
            orchestrator.run().await;
        });
    }
    let scheme = parts.epochs.scheme(0).expect("the genesis names the members of the only epoch");
    let mut early = Early::default();
    early.greet(0, &scheme, |_| true);
    let consensus::Links { votes: (sender, receiver), certificates, requests } = links;
    let links = consensus::Links { votes: (sender, Resumed::new(early, receiver)), certificates, requests };
    parts.consensus.start(context.child("simplex"), 0, scheme, Floor::Genesis(parts.genesis), links)
}

/// Blocks for which old operations of the state are kept: what others need that are getting this node's state.
const STATE_BLOCKS: usize = 1_024;
/// Blocks between two prunings of the state.
const STATE_INTERVAL: usize = 256;

/// How the engine prunes the state of a node that keeps so many blocks. It asks for the blocks of the same window to go, which `Kept`
/// refuses.
fn state_pruning(keep_blocks: u64) -> PruneConfig {
    let keep = usize::try_from(keep_blocks).unwrap_or(usize::MAX);
    let retained = keep.min(STATE_BLOCKS);
    PruneConfig {
        maintenance_interval: NZUsize!(keep.clamp(1, STATE_INTERVAL)),
        retained_marshal_blocks: retained,
        retained_qmdb_blocks: retained,
    }
}

fn probe_config<E, B>(context: &E, epochs: &Arc<Epochs>, blocker: B) -> ProbeConfig<E, Schemes, Sequential, PublicKey, B>
where
    E: Environment,
    B: Blocker<PublicKey = PublicKey>,
{
    ProbeConfig {
        context: context.child("probe"),
        provider: Schemes(epochs.clone()),
        strategy: Sequential,
        mailbox_size: MAILBOX,
        blocker,
        // Those who serve now are asked: who served first may be gone.
        minimum_epoch: Epoch::new(*epochs.newest().borrow()),
        retry_timeout: NZDuration!(Duration::from_secs(1)),
    }
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

fn digested(block: Block) -> Digested<Block> {
    let digest = block.digest();
    Digested::precomputed(block, digest)
}
