//! One node: its parts opened in order, run together, stopped together.

use crate::{
    admission::{self, AdmissionError},
    bodies::Bodies,
    config::{self, Config},
    disk::{Condition, Disk},
    engine::{
        self, Files, Timing,
        application::Application,
        epochs::{self, Boundary, Epochs},
        members::{Admitted, Membership},
        network::{self, Directory},
        pacing::Pace,
        reads::Reads,
        types::{Environment, PublicKey},
        witness,
    },
    epoch_changes::Learning,
    evidence::Prosecution,
    fork::Forks,
    gauges,
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
    pruning,
    store::Store,
    supervision::{self, Supervision},
    upkeep,
};
use commonware_cryptography::ed25519::PrivateKey;
use commonware_p2p::{Blocker, Provider, Receiver, Sender};
use data_encoding::BASE64URL_NOPAD;
use ledger::{
    Hash,
    cell::{Cell, StateKey, Subject},
    encoded::Encoded,
    evidence::Evidence,
    finality,
    genesis::Genesis,
    receipt::Receipt,
    transaction::{Transaction, TransactionId},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::{broadcast::error::RecvError, mpsc};

/// The longest honest gap between blocks beyond heartbeat and leader timeout: one skipped leader, votes, a slow disk.
const GRACE: Duration = Duration::from_secs(3);

/// Characters of a key that stand for the name of a node that has none.
const SHORT_KEY: usize = 12;
/// How often a missing certificate of an epoch's last block is asked for.
const CERTIFICATE_AGAIN: Duration = Duration::from_secs(1);

/// Why a node does not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The key is not a validator's, and never can be.
    #[error("the key file's public key {0} is not a validator of this genesis, which has no governance that could admit it")]
    NotAValidator(String),
    /// The configuration names a validator that the genesis does not have, and that nobody can admit.
    #[error("the configured peer {0} is not a validator of this genesis, which has no governance that could admit it")]
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
    /// Record bodies, and what is known about epochs.
    pub store: Arc<Store>,
    /// Pacing and timeouts.
    pub consensus: config::Consensus,
    /// Mempool limits.
    pub mempool: config::Mempool,
    /// The engine's files.
    pub files: Files,
    /// What protects votes and data; by default nothing does.
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
    /// Continuous re-verification of what this node keeps.
    pub supervision: Option<supervision::Settings>,
    /// The last blocks that it keeps at least; an archive keeps all.
    pub keep_blocks: Option<u64>,
    /// Where the proof of a fork goes.
    pub forks: Forks,
}

/// A running node, as RPC sees it.
pub struct Node<E: Environment> {
    /// The genesis that the ledger began with.
    pub genesis: Genesis,
    /// Its hash.
    pub genesis_hash: Hash,
    /// This node's name on the ledger, or the beginning of its key while the ledger does not name it.
    pub name: String,
    /// Who serves which epoch.
    pub epochs: Arc<Epochs>,
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
    /// What this node found wrong with its own copy.
    pub supervision: Supervision,
    /// Record bodies and old versions.
    pub store: Arc<Store>,
    /// Questions to the other validators.
    pub neighbours: Arc<Neighbours>,
    /// What protects votes and data.
    pub protection: Protection,
    /// Finalized state and blocks.
    pub reads: Reads<E>,
    application: Application,
    submissions: mpsc::Sender<Arc<Encoded>>,
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
/// When the key is not a validator's and nobody can admit it.
///
/// # Panics
/// When storage is corrupt.
pub async fn start<E, S, R, P, B, D>(
    context: E,
    parts: Parts,
    links: network::Links<S, R, P, B, D>,
) -> Result<(Arc<Node<E>>, commonware_runtime::Handle<()>), StartError>
where
    E: Environment,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
    P: Provider<PublicKey = PublicKey>,
    B: Blocker<PublicKey = PublicKey>,
    D: Directory,
{
    let genesis = parts.genesis.genesis.clone();
    let store = opened(parts.store, &parts.protection);
    let epochs = Arc::new(Epochs::open(&parts.genesis, parts.key.clone(), store.clone(), parts.protection.guard.clone()));
    let name = name(&epochs)?;

    let protection = parts.protection;
    let mempool = Arc::new(Mempool::new(limits(&parts.mempool)));
    let first = parts.genesis.block::<E>();
    let head = Arc::new(Head::new(first.header().clone()));
    let (peers, progress) = attention(&context, &epochs, &parts.consensus, links.blocker.clone());
    let (outgoing, sent) = mpsc::channel(neighbours::QUEUE);
    let neighbours = acquaint(&context, &epochs, outgoing.clone());
    let bodies = Bodies { store: store.clone(), neighbours: neighbours.clone() };
    let application = Application::new(genesis.clone(), first, bodies, mempool.clone(), head.clone(), epochs.clone());
    let (accusations, accused) = mpsc::channel(witness::QUEUE);
    let node = engine::Node {
        epochs: epochs.clone(),
        application: application.clone(),
        mempool: mempool.clone(),
        peers: peers.clone(),
        timing: timing(&parts.consensus),
        sync_patience: protection.sync_patience,
        keeping: keeping(&parts.files, &protection),
        accusations,
    };
    let (submissions, submitted) = mpsc::channel(gossip::QUEUE);
    let (questions, asked) = mpsc::channel(neighbours::QUEUE);
    let observations = Arc::new(Observations::default());
    let gossip = Gossip {
        genesis: *epochs.genesis(),
        mempool: mempool.clone(),
        peers: peers.clone(),
        observations: observations.clone(),
        blocker: links.blocker.clone(),
        submitted,
        outgoing: sent,
        neighbours: neighbours.clone(),
        questions,
    };
    let prepare = |channel| drop(context.child("gossip").spawn(|context| gossip.run(context, channel)));
    let learning = Learning::new(&genesis, (&epochs, &store), &neighbours, protection.sync_patience);
    let learn = || learning.go_on(&context);
    let engine = Box::pin(engine::start(context.child("engine"), node, links, prepare, learn)).await;
    let reads = Reads::open(context.child("reads"), &engine, head.clone(), epochs.clone()).await;
    mempool.finalized(head.tip().borrow().height, []);
    let node = Arc::new(Node {
        genesis,
        genesis_hash: *epochs.genesis(),
        name,
        epochs,
        clock: context.child("clock"),
        mempool,
        head,
        peers,
        progress,
        observations,
        supervision: Supervision::open(store.clone(), protection.supervision.as_ref()).expect("the body store can be read"),
        store,
        neighbours,
        protection,
        reads,
        application,
        submissions,
    });
    node.recall_members().await;
    prosecute(&context, &node, &parts.key, accused);
    keep_up(&context, &node, &parts.files, asked, outgoing);
    Ok((node, engine.consensus))
}

fn keeping(files: &Files, protection: &Protection) -> engine::Keeping {
    engine::Keeping { files: files.clone(), keep_blocks: protection.keep_blocks, forks: protection.forks.clone() }
}

/// Starts pruning, unless this node is an archive.
fn prune<E: Environment>(context: &E, node: &Arc<Node<E>>, files: &Files) {
    if let Some(keep_blocks) = node.protection.keep_blocks {
        let (node, settings) = (node.clone(), pruning::Settings { keep_blocks, items_per_file: files.items_per_file });
        context.child("pruning").spawn(move |context| async move {
            pruning::run(context, node, settings).await.expect("the body store can be read and written");
        });
    }
}

fn prosecute<E: Environment>(context: &E, node: &Arc<Node<E>>, key: &PrivateKey, accused: mpsc::Receiver<Evidence>) {
    let prosecution = Prosecution::new(node.clone(), key, context.current());
    context.child("evidence").spawn(|context| prosecution.run(context, accused));
}

/// Who is heard and who is cut off, and whether the ledger moves.
fn attention<E: Environment, B: Blocker<PublicKey = PublicKey>>(
    context: &E,
    epochs: &Epochs,
    consensus: &config::Consensus,
    blocker: B,
) -> (Arc<Peers>, Arc<Progress>) {
    let peers = Arc::new(Peers::new(epochs.me(), epochs.membership()));
    watch_cut_off(context, blocker, peers.clone());
    let patience = consensus.heartbeat() + consensus.leader_timeout() + GRACE;
    let progress = Arc::new(Progress::new(peers.clone(), patience));
    (peers, progress)
}

/// Notes whom the network cuts off and lets in again.
fn watch_cut_off<E: Environment, B: Blocker<PublicKey = PublicKey>>(context: &E, mut blocker: B, peers: Arc<Peers>) {
    context.child("cut_off").spawn(move |context| async move {
        let mut blocked = blocker.blocked();
        while let Some(now_blocked) = blocked.recv().await {
            let keys: Vec<PublicKey> = now_blocked.iter().cloned().collect();
            peers.cut_off_now(&keys, context.current());
        }
    });
}

/// Questions to the other members, whoever they are in each epoch.
fn acquaint<E: Environment>(context: &E, epochs: &Arc<Epochs>, outgoing: mpsc::Sender<neighbours::Outgoing>) -> Arc<Neighbours> {
    let neighbours = Arc::new(Neighbours::new(outgoing, Vec::new(), upkeep::check_tips(epochs.clone())));
    follow_members(context, epochs, neighbours.clone());
    neighbours
}

/// Tells who the other members are, whenever they change.
fn follow_members<E: Environment>(context: &E, epochs: &Epochs, neighbours: Arc<Neighbours>) {
    let (me, mut membership) = (epochs.me(), epochs.membership());
    let tell = move |membership: &Membership| {
        let Admitted { primary, secondary } = membership.admitted();
        let keys = primary.into_iter().chain(secondary).map(|member| member.key);
        neighbours.set_others(keys.filter(|key| *key != me).collect());
    };
    tell(&membership.borrow_and_update());
    context.child("members").spawn(move |_| async move {
        while membership.changed().await.is_ok() {
            tell(&membership.borrow_and_update());
        }
    });
}

/// Starts what a node does beside consensus.
fn keep_up<E: Environment>(
    context: &E,
    node: &Arc<Node<E>>,
    files: &Files,
    asked: mpsc::Receiver<(PublicKey, neighbours::Question)>,
    outgoing: mpsc::Sender<neighbours::Outgoing>,
) {
    observe(context, node.clone());
    prune(context, node, files);
    let measured = node.clone();
    context.child("progress").spawn(move |context| gauges::run(context, measured));
    if let Some(settings) = node.protection.supervision.filter(|settings| settings.core_permille > 0) {
        let supervised = node.clone();
        context.child("supervision").spawn(move |context| supervision::run(context, supervised, settings));
    }
    let answering = node.clone();
    context.child("answers").spawn(|_| upkeep::answer(answering, asked, outgoing));
    if !node.is_complete() {
        let incomplete = node.clone();
        context.child("bodies").spawn(|context| async move {
            upkeep::complete_bodies(context, incomplete).await.expect("the body store can be read and written");
        });
    }
    if let Some(guard) = node.protection.guard.clone() {
        let (asking, margin_views) = (node.clone(), node.protection.margin_views);
        context.child("guard").spawn(move |context| upkeep::find_out_where_voting_begins(context, asking, guard, margin_views));
    }
    let late = node.clone();
    context.child("lateness").spawn(|context| upkeep::watch_lateness(context, late));
    let certified = node.clone();
    context.child("epoch_certificates").spawn(|context| async move { certified.join_certificates(context).await });
}

/// The store, with a note for the next start if the state may come without its bodies.
fn opened(store: Arc<Store>, protection: &Protection) -> Arc<Store> {
    if protection.sync_patience.is_some() {
        store.set_incomplete(true).expect("the body store can be written");
    }
    store
}

/// What the ledger calls this node, as far as the node knows.
fn name(epochs: &Epochs) -> Result<String, StartError> {
    match epochs.myself() {
        Some(member) => Ok(member.record.name),
        None if epochs.governed() => {
            let key = epochs.me().to_string();
            tracing::warn!(
                %key,
                epoch = *epochs.newest().borrow(),
                "this key is neither a validator's nor an observer's in the newest epoch that this node knows; it serves what it has, and \
                 follows once the members admit it"
            );
            Ok(key.chars().take(SHORT_KEY).collect())
        }
        None => Err(StartError::NotAValidator(epochs.me().to_string())),
    }
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
            let now = context.current();
            let took_ms = observed.observations.finalized(&block, milliseconds(now));
            gauges::count(&block, &took_ms, now);
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

/// How the network of validators is reached, from configuration and the newest members that this node knows.
///
/// # Errors
/// When a peer is unknown or has no address, and no vote can change that.
pub fn network_settings(config: &Config, epochs: &Epochs) -> Result<network::Settings, StartError> {
    let Admitted { primary, secondary } = epochs.membership().borrow().admitted();
    let configured = config.network.peers.iter().filter_map(|peer| Some((peer.name.clone(), config::ingress(&peer.address)?)));
    let addresses = network::Addresses { me: (epochs.me(), config.network.listen), configured: configured.collect() };
    if !epochs.governed() {
        let named = |name: &str| primary.iter().any(|member| member.record.name == name);
        if let Some(peer) = config.network.peers.iter().find(|peer| !named(&peer.name)) {
            return Err(StartError::UnknownPeer(peer.name.clone()));
        }
        if let Some(member) = primary.iter().find(|member| addresses.of(member).is_none()) {
            return Err(StartError::MissingPeer(member.record.name.clone()));
        }
    }
    Ok(network::Settings {
        namespace: finality::namespace(epochs.genesis()),
        listen: config.network.listen,
        members: Admitted { primary, secondary },
        addresses,
        governed: epochs.governed(),
        allow_private_addresses: config.network.allow_private_addresses,
    })
}

impl<E: Environment> Node<E> {
    /// Takes a transaction from a client and tells the other validators. Taking one twice is taking it once.
    ///
    /// # Errors
    /// When it breaks a rule or does not fit.
    pub async fn submit(&self, transaction: Transaction) -> Result<TransactionId, SubmitError> {
        let transaction = Encoded::new(transaction);
        let id = transaction.id();
        if self.protection.disk.as_ref().is_some_and(|disk| disk.seen() != Condition::Fine) {
            return Err(SubmitError::NoSpace);
        }
        if self.mempool.knows(&id.0) || self.receipt(&id).await.is_some() {
            return Ok(id);
        }
        let screened = admission::screen(&self.genesis_hash, self.mempool.finalized_height(), transaction)?;
        self.mempool.room_for(screened.candidate())?;
        let candidate = screened.verify()?;
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
    pub fn validators_of(&self, epoch: u64) -> Vec<[u8; 32]> {
        self.epochs.keys_sorted(epoch)
    }

    /// The name of the validator with this consensus key; the key in base64url if this node knows none.
    pub fn validator_name(&self, key: &[u8; 32]) -> String {
        self.epochs.name_of(key).unwrap_or_else(|| BASE64URL_NOPAD.encode(key))
    }

    /// The time of a finalized block, in milliseconds since the Unix epoch; `None` if this node has no block of this height.
    pub async fn block_time_ms(&self, height: u64) -> Option<u64> {
        self.reads.block(height).await.map(|block| block.inner().timestamp_ms())
    }

    /// Whether this node has every block since the genesis, and keeps them.
    pub fn is_archive(&self) -> bool {
        self.protection.keep_blocks.is_none() && self.reads.oldest() <= 1
    }

    /// Whether every record of the state is on this node's disk.
    pub fn is_complete(&self) -> bool {
        !self.store.incomplete().expect("the body store can be read")
    }

    /// A summary of the last blocks, at most `count`.
    pub fn summary(&self, count: usize) -> observations::Summary {
        self.observations.summary(count, |epoch| self.validators_of(epoch))
    }

    /// The record that a cell names.
    pub async fn body(&self, cell: &Cell) -> Arc<[u8]> {
        self.application.body(&self.clock, &cell.body).await
    }

    /// What introduced an epoch, from 1, with the finality certificate of that block once this node has it.
    pub async fn epoch_change(&self, epoch: u64) -> Option<(Boundary, Arc<[u8]>)> {
        let boundary = self.epochs.boundary(epoch)?;
        if let Some(certificate) = self.store.epoch_certificate(epoch).expect("the store can be read") {
            return Some((boundary, certificate.into()));
        }
        let certificate = self.reads.certificate(&boundary.header).await?;
        self.store.put_epoch_certificate(epoch, &certificate).expect("the store can be written");
        Some((boundary, certificate))
    }

    /// After a start: the members that the state on the disk names for the next epoch.
    async fn recall_members(&self) {
        if !self.epochs.governed() {
            return;
        }
        if let Some(cell) = self.cell(&Subject::Validators).await {
            self.epochs.changed(Arc::new(epochs::decode(&self.body(&cell).await)));
        }
    }

    /// Sees to it that every epoch's end has its certificate in the store, for as long as the node runs.
    async fn join_certificates(&self, clock: E) {
        let mut newest = self.epochs.newest();
        loop {
            let epoch = *newest.borrow_and_update();
            let missing = if epoch == 0 { None } else { self.epochs.boundary(epoch) };
            if let Some(boundary) = missing {
                while self.epoch_change(epoch).await.is_none() && *newest.borrow() == epoch {
                    self.reads.ask_for_certificate(boundary.header.height);
                    clock.sleep(CERTIFICATE_AGAIN).await;
                }
            }
            if newest.changed().await.is_err() {
                return;
            }
        }
    }
}
