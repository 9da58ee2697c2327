//! One node: its parts opened in order, run together, stopped together.

use crate::{
    admission::{self, AdmissionError},
    bodies::Bodies,
    config::{self, Config},
    disk::{Condition, Disk},
    engine::{
        self, Timing,
        application::Application,
        network,
        pacing::Pace,
        reads::Reads,
        types::{Environment, PublicKey, Scheme},
    },
    genesis::Checked,
    gossip::{self, Gossip},
    guard::VoteGuard,
    head::Head,
    kinds::Counts,
    mempool::{self, Mempool, Origin, Refusal},
    neighbours::{self, Neighbours},
    observations::{self, Observations, Observed},
    peers::Peers,
    progress::{Progress, milliseconds},
    store::Store,
    upkeep,
};
use commonware_cryptography::{Signer as _, ed25519::PrivateKey};
use commonware_p2p::{Blocker, Provider, Receiver, Sender};
use commonware_utils::ordered::Set;
use data_encoding::BASE64URL_NOPAD;
use ledger::{
    Hash,
    cell::{Cell, StateKey, Subject},
    finality,
    genesis::Genesis,
    receipt::Receipt,
    transaction::{Transaction, TransactionId},
};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::sync::{broadcast::error::RecvError, mpsc};

/// The longest honest gap between blocks beyond heartbeat and leader timeout: one skipped leader, votes, a slow disk.
const GRACE: Duration = Duration::from_secs(3);

/// How often gauges are set when no block comes.
const GAUGES_EVERY: Duration = Duration::from_secs(1);

/// Why a node does not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The key is not a validator's.
    #[error("the key file's public key {0} is not a validator of this genesis")]
    NotAValidator(String),
    /// The configuration names a validator that the genesis does not have.
    #[error("the configured peer {0} is not a validator of this genesis")]
    UnknownPeer(String),
    /// The configuration does not say where a validator is reached.
    #[error("no address is configured for validator {0}")]
    MissingPeer(String),
}

/// What a node is made of before it runs.
#[derive(Debug)]
pub struct Parts {
    /// The ledger.
    pub genesis: Checked,
    /// This validator's key.
    pub key: PrivateKey,
    /// Record bodies.
    pub store: Store,
    /// Pacing and timeouts.
    pub consensus: config::Consensus,
    /// Mempool limits.
    pub mempool: config::Mempool,
    /// What the engine's partitions' names begin with.
    pub partition: String,
    /// What protects votes and data; by default nothing does, as in a simulation.
    pub protection: Protection,
}

/// What protects a validator's votes and data.
#[derive(Debug, Clone, Default)]
pub struct Protection {
    /// Asked before every vote.
    pub guard: Option<Arc<VoteGuard>>,
    /// Views that must pass after the latest known one before a node without its guard votes.
    pub margin_views: u64,
    /// The disk of the data folder.
    pub disk: Option<Arc<Disk>>,
    /// How long a node without data asks the others for a state to begin with, before it replays the ledger instead.
    pub sync_patience: Option<Duration>,
}

/// A running node, as RPC sees it.
pub struct Node<E: Environment> {
    /// The genesis that the ledger began with.
    pub genesis: Genesis,
    /// Its hash.
    pub genesis_hash: Hash,
    /// This validator's name.
    pub name: String,
    /// The validators' consensus keys, in the order of the genesis.
    pub keys: Vec<PublicKey>,
    /// The runtime's clock.
    pub clock: E,
    /// Waiting transactions.
    pub mempool: Arc<Mempool>,
    /// The finalized tip.
    pub head: Arc<Head>,
    /// Who is heard.
    pub peers: Arc<Peers>,
    /// Whether blocks are being finalized.
    pub progress: Arc<Progress>,
    /// What this node measured.
    pub observations: Arc<Observations>,
    /// Record bodies and old versions.
    pub store: Arc<Store>,
    /// Questions to the other validators.
    pub neighbours: Arc<Neighbours>,
    /// What protects votes and data.
    pub protection: Protection,
    /// Finalized state and blocks.
    pub reads: Reads<E>,
    application: Application,
    submissions: mpsc::Sender<Arc<Transaction>>,
    roll: Roll,
}

/// The validators by name and in their order.
struct Roll {
    names: HashMap<[u8; 32], String>,
    keys: Vec<[u8; 32]>,
}

impl Roll {
    fn of(genesis: &Genesis, keys: &[PublicKey]) -> Self {
        let raw = keys.iter().map(|key| -> [u8; 32] { key.as_ref().try_into().expect("an Ed25519 key has 32 bytes") });
        let mut keys: Vec<[u8; 32]> = raw.collect();
        let names = keys.iter().copied().zip(genesis.validators.iter().map(|validator| validator.name.clone())).collect();
        keys.sort_unstable();
        Self { names, keys }
    }
}

/// Why a transaction is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// This node could not keep it.
    #[error("this node's disk is almost full: it takes no transactions until there is room; another node may")]
    NoSpace,
    /// It breaks a rule for good.
    #[error(transparent)]
    Admission(#[from] AdmissionError),
    /// It does not fit now, or has expired.
    #[error(transparent)]
    Mempool(#[from] Refusal),
}

/// Runs `parts` on `links`; returns once the state is open. The handle ends when consensus ends.
///
/// # Errors
/// When the key is not a validator's.
///
/// # Panics
/// When storage is corrupt.
pub async fn start<E, S, R, P, B>(
    context: E,
    parts: Parts,
    links: network::Links<S, R, P, B>,
) -> Result<(Arc<Node<E>>, commonware_runtime::Handle<()>), StartError>
where
    E: Environment,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
    P: Provider<PublicKey = PublicKey>,
    B: Blocker<PublicKey = PublicKey>,
{
    let Checked { genesis, keys, .. } = parts.genesis.clone();
    let genesis_hash = genesis.hash();
    let me = parts.key.public_key();
    let (name, scheme) = votes_as(&parts.genesis, parts.key).ok_or_else(|| StartError::NotAValidator(me.to_string()))?;

    let protection = parts.protection;
    let mempool = Arc::new(Mempool::new(limits(&parts.mempool)));
    let genesis_block = parts.genesis.block::<E>();
    let head = Arc::new(Head::new(genesis_block.header().clone()));
    let store = opened(parts.store, &protection);
    let peers = Arc::new(Peers::new(me.clone(), keys.len()));
    let patience = parts.consensus.heartbeat() + parts.consensus.leader_timeout() + GRACE;
    let progress = Arc::new(Progress::new(peers.clone(), patience));
    let (outgoing, sent) = mpsc::channel(neighbours::QUEUE);
    let others: Vec<PublicKey> = keys.iter().filter(|key| **key != me).cloned().collect();
    let neighbours = Arc::new(Neighbours::new(outgoing.clone(), others.clone(), upkeep::check_tips(&genesis)));
    let bodies = Bodies { store: store.clone(), neighbours: neighbours.clone() };
    let application = Application::new(genesis.clone(), genesis_block, bodies, mempool.clone(), head.clone());
    let node = engine::Node {
        scheme: scheme.guarded(protection.guard.clone()),
        me: me.clone(),
        application: application.clone(),
        mempool: mempool.clone(),
        timing: timing(&parts.consensus),
        sync_patience: protection.sync_patience,
        partition: parts.partition,
    };
    let blocker = links.blocker.clone();
    let (engine, channel) = Box::pin(engine::start(context.child("engine"), node, links)).await;

    let (submissions, submitted) = mpsc::channel(gossip::QUEUE);
    let (questions, asked) = mpsc::channel(neighbours::QUEUE);
    let observations = Arc::new(Observations::default());
    let gossip = Gossip {
        genesis: genesis_hash,
        mempool: mempool.clone(),
        peers: peers.clone(),
        observations: observations.clone(),
        blocker,
        submitted,
        outgoing: sent,
        neighbours: neighbours.clone(),
        questions,
    };
    context.child("gossip").spawn(|context| gossip.run(context, channel));
    let reads = Reads::open(context.child("reads"), &engine, head.clone(), others).await;
    mempool.finalized(head.tip().borrow().height, []);
    watch(context.child("progress"), head.clone(), progress.clone(), mempool.clone());
    let clock = context.child("clock");
    let node = Arc::new(Node {
        roll: Roll::of(&genesis, &keys),
        genesis,
        genesis_hash,
        name,
        keys,
        clock,
        mempool,
        head,
        peers,
        progress,
        observations,
        store,
        neighbours,
        protection,
        reads,
        application,
        submissions,
    });
    keep_up(&context, &node, asked, outgoing);
    Ok((node, engine.consensus))
}

/// Starts what a node does beside consensus.
fn keep_up<E: Environment>(
    context: &E,
    node: &Arc<Node<E>>,
    asked: mpsc::Receiver<(PublicKey, neighbours::Question)>,
    outgoing: mpsc::Sender<neighbours::Outgoing>,
) {
    observe(context, node.clone());
    let answering = node.clone();
    context.child("answers").spawn(|_| upkeep::answer(answering, asked, outgoing));
    if node.store.incomplete().expect("the body store can be read") {
        let incomplete = node.clone();
        context.child("bodies").spawn(|context| async move {
            upkeep::complete_bodies(context, incomplete).await.expect("the body store can be read and written");
        });
    }
    if let Some(guard) = node.protection.guard.clone() {
        let (asking, margin_views) = (node.clone(), node.protection.margin_views);
        context.child("guard").spawn(move |context| upkeep::find_out_where_voting_begins(context, asking, guard, margin_views));
    }
}

/// The name of the key's validator and what signs its votes; `None` if the key is not one of the validators'.
fn votes_as(checked: &Checked, key: PrivateKey) -> Option<(String, Scheme)> {
    let place = checked.keys.iter().position(|known| *known == key.public_key())?;
    let name = checked.genesis.validators.get(place)?.name.clone();
    let namespace = finality::namespace(&checked.genesis.hash());
    Some((name, Scheme::signer(&namespace, Set::from_iter_dedup(checked.keys.iter().cloned()), key)?))
}

/// The store, with a note for the next start if the state may come without its bodies.
fn opened(store: Store, protection: &Protection) -> Arc<Store> {
    if protection.sync_patience.is_some() {
        store.set_incomplete(true).expect("the body store can be written");
    }
    Arc::new(store)
}

fn limits(configured: &config::Mempool) -> mempool::Limits {
    let config::Mempool { transactions, bytes, per_sender } = *configured;
    mempool::Limits { transactions, bytes, per_sender }
}

fn timing(consensus: &config::Consensus) -> Timing {
    Timing {
        pace: Pace { min_interval: consensus.min_interval(), heartbeat: consensus.heartbeat() },
        leader_timeout: consensus.leader_timeout(),
    }
}

/// Keeps progress and metrics up to date.
fn watch<E: Environment>(context: E, head: Arc<Head>, progress: Arc<Progress>, mempool: Arc<Mempool>) {
    context.spawn(|context| async move {
        let mut tip = head.tip();
        loop {
            let now = context.current();
            metrics::gauge!("ledger_finalized_height").set(small(tip.borrow().height));
            metrics::gauge!("ledger_validators_heard").set(small(progress.here(now)));
            metrics::gauge!("ledger_waiting_transactions").set(small(mempool.size().0));
            metrics::gauge!("ledger_progressing").set(f64::from(u8::from(progress.check(now).is_ok())));
            commonware_macros::select! {
                changed = tip.changed() => match changed {
                    Ok(()) => progress.finalized(context.current()),
                    Err(_) => return,
                },
                _ = context.sleep(GAUGES_EVERY) => {},
            }
        }
    });
}

/// Blocks from before the start that statistics look back at.
const LOOK_BACK: u64 = 1_000;
/// The pause between two of them, so that looking back does not slow the start.
const LOOK_BACK_PAUSE: Duration = Duration::from_millis(2);

/// Measures every block that becomes final, and looks back at those from before the start.
fn observe<E: Environment>(context: &E, node: Arc<Node<E>>) {
    let mut events = node.head.events();
    let start = node.head.tip().borrow().height;
    let observed = node.clone();
    context.child("observe").spawn(move |context| async move {
        loop {
            let block = match events.recv().await {
                Ok(block) => block,
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return,
            };
            for took_ms in observed.observations.finalized(&block, milliseconds(context.current())) {
                metrics::histogram!("ledger_finality_seconds").record(Duration::from_millis(took_ms).as_secs_f64());
            }
            for (kind, count) in block.kinds.most_first() {
                metrics::counter!("ledger_transactions_total", "kind" => kind).increment(count);
            }
            metrics::counter!("ledger_blocks_total").increment(1);
        }
    });
    context.child("look_back").spawn(move |context| async move {
        for height in (start.saturating_sub(LOOK_BACK).max(1)..=start).rev() {
            let Some(block) = node.reads.block(height).await else { return };
            let block = block.inner();
            node.observations.earlier(Observed::new(block.header(), Counts::of(block.transactions())));
            context.sleep(LOOK_BACK_PAUSE).await;
        }
    });
}

/// A count as a gauge takes it: exact up to 2³².
fn small(count: impl TryInto<u32>) -> f64 {
    f64::from(count.try_into().unwrap_or(u32::MAX))
}

/// How the network of validators is reached, from configuration and genesis.
///
/// # Errors
/// When a peer is unknown or has no address.
pub fn network_settings(config: &Config, genesis: &Checked, me: &PublicKey) -> Result<network::Settings, StartError> {
    let names = || genesis.genesis.validators.iter().map(|validator| &validator.name);
    if let Some(peer) = config.network.peers.iter().find(|peer| !names().any(|name| *name == peer.name)) {
        return Err(StartError::UnknownPeer(peer.name.clone()));
    }
    let mut peers = Vec::new();
    for (key, name) in genesis.keys.iter().zip(names()) {
        let configured = config.network.peers.iter().find(|peer| peer.name == *name);
        let ingress = match configured.and_then(|peer| config::ingress(&peer.address)) {
            Some(ingress) => ingress,
            None if key == me => commonware_p2p::Ingress::Socket(config.network.listen),
            None => return Err(StartError::MissingPeer(name.clone())),
        };
        peers.push(network::Peer { key: key.clone(), ingress });
    }
    Ok(network::Settings {
        namespace: finality::namespace(&genesis.genesis.hash()),
        listen: config.network.listen,
        peers,
        allow_private_addresses: config.network.allow_private_addresses,
    })
}

impl<E: Environment> Node<E> {
    /// Takes a transaction from a client and tells the other validators. Taking one twice is taking it once.
    ///
    /// # Errors
    /// When it breaks a rule or does not fit.
    pub async fn submit(&self, transaction: Transaction) -> Result<TransactionId, SubmitError> {
        let id = transaction.id();
        if self.protection.disk.as_ref().is_some_and(|disk| disk.seen() != Condition::Fine) {
            return Err(SubmitError::NoSpace);
        }
        if self.mempool.knows(&id.0) || self.receipt(&id).await.is_some() {
            return Ok(id);
        }
        let candidate = admission::admit(&self.genesis_hash, self.mempool.finalized_height(), transaction)?;
        let transaction = candidate.transaction.clone();
        self.observations.arrived(id.0, milliseconds(self.clock.current()));
        if self.mempool.insert(candidate, Origin::Local)? {
            // When the queue is full the next sending of what is pending carries it.
            let _ = self.submissions.try_send(transaction);
        }
        Ok(id)
    }

    /// The receipt of a finalized transaction, once its block is on the disk.
    pub async fn receipt(&self, id: &TransactionId) -> Option<Receipt> {
        let cell = self.cell(&Subject::Transaction(*id)).await?;
        let body = self.application.body(&self.clock, &cell.body).await;
        Some(identity::canonical::decode(&body, ledger::limits::MAX_RECORD_BYTES).expect("the state names receipts"))
    }

    /// The cell of a subject in the finalized state, if its block is on the disk.
    pub async fn cell(&self, subject: &Subject) -> Option<Cell> {
        self.cell_under(&subject.key()).await
    }

    /// The cell under a state key in the finalized state, if its block is on the disk.
    pub async fn cell_under(&self, key: &StateKey) -> Option<Cell> {
        let bytes = self.reads.cell(key).await?;
        let cell = Cell::from_bytes(&bytes).expect("the state holds encoded cells only");
        (cell.updated_height <= self.head.tip().borrow().height).then_some(cell)
    }

    /// The keys of an epoch's validators in their order, by which turns go round.
    pub fn validators_of(&self, _epoch: u64) -> &[[u8; 32]] {
        &self.roll.keys
    }

    /// The name of the validator with this consensus key; the key in base64url if this node knows none.
    pub fn validator_name(&self, key: &[u8; 32]) -> String {
        self.roll.names.get(key).cloned().unwrap_or_else(|| BASE64URL_NOPAD.encode(key))
    }

    /// The time of a finalized block, in milliseconds since the Unix epoch; `None` if this node has no block of this height.
    pub async fn block_time_ms(&self, height: u64) -> Option<u64> {
        self.reads.block(height).await.map(|block| block.inner().timestamp_ms())
    }

    /// A summary of the last blocks, at most `count`.
    pub fn summary(&self, count: usize) -> observations::Summary {
        self.observations.summary(count, |epoch| self.validators_of(epoch))
    }

    /// The record that a cell names.
    pub async fn body(&self, cell: &Cell) -> Arc<[u8]> {
        self.application.body(&self.clock, &cell.body).await
    }
}
