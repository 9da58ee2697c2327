//! The simulated city: one network, the validators on it, and what is done to them.

use crate::{
    cast,
    disk::Disk,
    drawer::Drawer,
    flood::{Flood, Sort},
    log::{Final, Log, Rule},
    machine::{Device, Machine},
    manners::Manners,
    plot::Plot,
    scenario::{Fault, Kind, Moment, Scenario},
    voice::{self, Line, Voice, Wicked, Wire},
};
use chain_node::{
    config,
    engine::{
        self,
        network::{Channels, Links},
        types::{PublicKey, Scheme},
    },
    fork::{self, Forks},
    genesis::Checked,
    guard::{Data, VoteGuard},
    node::{self, Node, Parts, Protection},
    store::Store,
};
use commonware_p2p::{
    Manager as _,
    simulated::{self, Control, Link, Manager, Network, Oracle, Receiver},
};
use commonware_runtime::{Clock as _, Handle, Quota, Spawner as _, Supervisor as _, deterministic::Context};
use commonware_utils::{NZU32, NZUsize, Probability, ordered::Set};
use ledger::{Hash, TrustRoot, finality};
use std::{
    collections::{BTreeMap, BTreeSet},
    num::{NonZeroU32, NonZeroUsize},
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::sync::{broadcast::error::RecvError, mpsc};

/// A node of the simulation.
pub type SimulatedNode = Node<Machine>;
type SimulatedLinks = Links<Voice, Receiver<PublicKey>, Manager<PublicKey, Context>, Control<PublicKey, Context>, ()>;

/// Messages per second and peer on a channel, as in the production network.
const MESSAGES_PER_SECOND: NonZeroU32 = NZU32!(256);
/// A wicked validator's words are counted when its engine says them and again when they leave.
const WICKED_MESSAGES_PER_SECOND: NonZeroU32 = NZU32!(512);

/// The amount of a wipe in which the vote guard is lost as well.
const GUARD_TOO: i64 = 1;

struct Slot {
    device: Arc<Device>,
    disk: Disk,
    /// The records of its votes.
    drawer: Drawer,
    /// What a process that starts finds on its disk.
    found: Data,
    /// How many times its disk was emptied.
    wiped: u32,
    running: Option<Running>,
    manners: Option<Arc<Manners>>,
}

struct Running {
    node: Arc<OnceLock<Arc<SimulatedNode>>>,
    task: Handle<()>,
}

/// The network and everybody on it.
pub struct World {
    context: Context,
    oracle: Oracle<PublicKey, Context>,
    genesis: Checked,
    scenario: Scenario,
    slots: Vec<Slot>,
    links: BTreeMap<(usize, usize), Wiring>,
    log: Arc<Log>,
    plot: Arc<Plot>,
    /// What honest validators wrote down before they stopped.
    forks: Forks,
    started: SystemTime,
}

/// One direction between two validators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wiring {
    latency_ms: u64,
    jitter_ms: u64,
    loss_percent: u64,
}

/// Why a simulation does not begin.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// No ledger can begin with so many validators.
    #[error(transparent)]
    Genesis(#[from] chain_node::genesis::GenesisError),
    /// No client can trust that genesis.
    #[error(transparent)]
    Root(#[from] ledger::genesis::GenesisError),
    /// The simulated network is gone.
    #[error("the simulated network ended")]
    Network(#[from] simulated::Error),
}

impl World {
    /// The network is there, and nobody on it runs yet.
    ///
    /// # Errors
    /// When no ledger can begin with so many validators.
    pub fn new(context: Context, scenario: Scenario) -> Result<Self, WorldError> {
        let genesis = cast::checked(scenario.validators)?;
        let participants = NonZeroUsize::new(scenario.validators).unwrap_or(NonZeroUsize::MIN);
        let (network, oracle) = Network::new(
            context.child("network"),
            simulated::Config {
                // Twice what the engine sends, so that oversized messages can be sent at all.
                max_size: u32::try_from(longest(scenario.validators)).unwrap_or(u32::MAX),
                max_peers_per_set: participants,
                disconnect_on_block: true,
                tracked_peer_sets: NZUsize!(2),
            },
        );
        network.start();
        let _ = oracle.manager().track(0, Set::from_iter_dedup(genesis.keys.iter().cloned()));
        let byzantine = scenario.byzantine();
        let honest = genesis.keys.iter().enumerate().filter(|(place, _)| !byzantine.contains(place));
        let governed = genesis.genesis.governance.is_some();
        let plot =
            Arc::new(Plot::new(honest.map(|(_, key)| key.clone()).collect(), byzantine.len(), scenario.quorum(), governed));
        let slots = (0..scenario.validators).map(|place| slot(place, &scenario, &genesis, &plot)).collect();
        let log = Arc::new(Log::new(TrustRoot::from_genesis(genesis.genesis.clone())?));
        let started = context.current();
        Ok(Self {
            context,
            oracle,
            genesis,
            scenario,
            slots,
            links: BTreeMap::new(),
            log,
            plot,
            forks: Forks::default(),
            started,
        })
    }

    /// The record of what the honest finalize.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The ledger's hash.
    pub fn genesis_hash(&self) -> Hash {
        self.genesis.genesis.hash()
    }

    /// Views in which the wicked made two blocks.
    pub fn plotted_views(&self) -> usize {
        self.plot.views()
    }

    /// Virtual time since the start.
    pub fn now(&self) -> Moment {
        let since = self.context.current().duration_since(self.started).unwrap_or_default();
        Moment(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// Waits until a time.
    pub async fn wait_until(&self, at: Moment) {
        self.context.sleep_until(self.started + Duration::from_millis(at.0)).await;
    }

    /// The node at a place, if it runs and has opened its state.
    pub fn node(&self, place: usize) -> Option<&Arc<SimulatedNode>> {
        self.slots.get(place)?.running.as_ref()?.node.get()
    }

    /// Starts the validator at `place` on what its disk has.
    ///
    /// # Errors
    /// When the simulated network is gone.
    pub async fn start(&mut self, place: usize) -> Result<(), WorldError> {
        let (Some(key), Some(slot)) = (self.genesis.keys.get(place).cloned(), self.slots.get(place)) else {
            return Ok(());
        };
        if slot.running.is_some() {
            return Ok(());
        }
        // A process that starts has cut off nobody yet.
        for (from, to) in self.oracle.blocked().await? {
            if from == key {
                self.oracle.unblock(from, to).await?;
            }
        }
        let (links, wires) = links(&self.context, &self.oracle, &key, slot.manners.clone()).await?;
        let flood = slot.manners.as_ref().and_then(|manners| manners.amount(Kind::Garbage)).map(|amount| Flood {
            place,
            sort: Sort::of(amount, place),
            lines: wires,
            genesis: self.genesis.genesis.clone(),
            keys: self.genesis.keys.clone(),
            longest: longest(self.scenario.validators),
            block: self.genesis.block::<Machine>(),
        });
        let parts = Parts {
            genesis: self.genesis.clone(),
            key: cast::validator_key(place),
            store: Arc::new(Store::on(slot.disk.clone()).expect("a disk of the simulation opens")),
            consensus: config::Consensus::default(),
            mempool: config::Mempool::default(),
            files: engine::Files::new(&format!("validator-{place}-{}", slot.wiped)),
            protection: self.protection(slot, &key),
        };
        let watch = (slot.manners.is_none()).then(|| (self.log.clone(), self.started));
        let cell = Arc::new(OnceLock::new());
        let (tell, device) = (cell.clone(), slot.device.clone());
        let context = self.context.child("validator").with_attribute("place", place);
        let task = context.spawn(move |context| async move {
            let truth = context.child("truth");
            if let Some(flood) = flood {
                truth.child("flood").spawn(|context| flood.run(context));
            }
            let machine = Machine::new(context, device);
            let (node, consensus) = Box::pin(node::start(machine, parts, links)).await.expect("a validator of the genesis");
            if let Some((log, started)) = &watch {
                let watcher = Watcher { place, node: node.clone(), log: log.clone(), started: *started };
                truth.child("watcher").spawn(|context| watcher.run(context));
            }
            let _ = tell.set(node);
            let end = consensus.await;
            if let Some((log, _)) = watch {
                log.breaks(Rule::Alive, format!("consensus of validator {place} ended by itself: {end:?}"));
            }
        });
        if let Some(slot) = self.slots.get_mut(place) {
            slot.found = Data::Current;
            slot.running = Some(Running { node: cell, task });
        }
        Ok(())
    }

    fn protection(&self, slot: &Slot, key: &PublicKey) -> Protection {
        let guard = || VoteGuard::open(slot.drawer.clone(), &self.genesis_hash(), key.as_ref(), slot.found);
        Protection {
            guard: self.scenario.guarded.then(|| Arc::new(guard().expect("the drawer holds this validator's records"))),
            margin_views: config::Storage::default().vote_guard_margin_views,
            forks: if slot.manners.is_none() { self.forks.clone() } else { Forks::default() },
            ..Protection::default()
        }
    }

    /// What honest validators wrote down when they were shown a second history.
    pub fn fork_proofs(&self) -> Vec<fork::Proof> {
        self.forks.seen()
    }

    /// The vote guards of those whose disks were emptied.
    pub fn returned(&self) -> BTreeMap<usize, Arc<VoteGuard>> {
        let wiped = self.slots.iter().enumerate().filter(|(_, slot)| slot.wiped > 0);
        wiped.filter_map(|(place, _)| Some((place, self.node(place)?.protection.guard.clone()?))).collect()
    }

    /// Cuts the power of a machine: what its disk has not synced is lost.
    pub fn crash(&mut self, place: usize) {
        let Some(slot) = self.slots.get_mut(place) else { return };
        if let Some(running) = slot.running.take() {
            slot.disk = slot.disk.crash();
            running.task.abort();
        }
    }

    /// Replaces its disk by an empty one. The vote guard is on another disk, which may be lost as well.
    pub fn wipe(&mut self, place: usize, guard_too: bool) {
        if let Some(slot) = self.slots.get_mut(place) {
            slot.disk = Disk::default();
            slot.drawer.wipe(guard_too);
            slot.found = Data::Empty;
            slot.wiped += 1;
        }
    }

    /// Makes machines and network as the faults that are on have them.
    ///
    /// # Errors
    /// When the simulated network is gone.
    pub async fn apply(&mut self, now: Moment) -> Result<(), WorldError> {
        let faults = self.scenario.faults.clone();
        let on: Vec<&Fault> = faults.iter().filter(|fault| fault.is_on(now)).collect();
        for place in 0..self.scenario.validators {
            let of = |kind| on.iter().filter(move |fault| fault.kind == kind && fault.who.contains(&place));
            let (down, wiped) = (of(Kind::Crash).next().is_some(), of(Kind::Wipe).next().is_some());
            let runs = self.slots.get(place).is_some_and(|slot| slot.running.is_some());
            match (down || wiped, runs) {
                (true, true) => {
                    self.crash(place);
                    if wiped {
                        self.wipe(place, of(Kind::Wipe).any(|fault| fault.amount == GUARD_TOO));
                    }
                }
                (false, false) => self.start(place).await?,
                (true, false) | (false, true) => {}
            }
            if let Some(slot) = self.slots.get(place) {
                slot.device.set_skew_ms(of(Kind::Clock).map(|fault| fault.amount * 1_000).sum());
                slot.device.set_disk_delay_ms(of(Kind::SlowDisk).map(|fault| fault.amount.unsigned_abs()).sum());
            }
            if faults.iter().any(|fault| fault.kind == Kind::Narrow) {
                let narrow = of(Kind::Narrow).map(|fault| usize::try_from(fault.amount).unwrap_or(1) * 125).min();
                if let Some(key) = self.genesis.keys.get(place) {
                    self.oracle.limit_bandwidth(key.clone(), narrow, narrow).await?;
                }
            }
        }
        self.wire(&on, now).await
    }

    async fn wire(&mut self, on: &[&Fault], now: Moment) -> Result<(), WorldError> {
        for (from, sender) in self.genesis.keys.iter().enumerate() {
            for (to, receiver) in self.genesis.keys.iter().enumerate().filter(|(to, _)| *to != from) {
                let wiring = wiring(&self.scenario, on, now, from, to);
                if self.links.get(&(from, to)) == wiring.as_ref() {
                    continue;
                }
                if self.links.remove(&(from, to)).is_some() {
                    self.oracle.remove_link(sender.clone(), receiver.clone()).await?;
                }
                if let Some(wiring) = wiring {
                    let link = Link {
                        latency: Duration::from_millis(wiring.latency_ms),
                        jitter: Duration::from_millis(wiring.jitter_ms),
                        success_rate: Probability::new(100 - wiring.loss_percent.min(100), 100).expect("a hundred is not zero"),
                    };
                    self.oracle.add_link(sender.clone(), receiver.clone(), link).await?;
                    self.links.insert((from, to), wiring);
                }
            }
        }
        Ok(())
    }

    /// Who was cut off by whom, as places.
    ///
    /// # Errors
    /// When the simulated network is gone.
    pub async fn cut_off(&self) -> Result<BTreeSet<(usize, usize)>, WorldError> {
        let place = |key: &PublicKey| self.genesis.keys.iter().position(|other| other == key);
        let blocked = self.oracle.blocked().await?;
        Ok(blocked.iter().filter_map(|(from, to)| Some((place(from)?, place(to)?))).collect())
    }

    /// The place of the validator with this number among the sorted keys.
    pub fn place_of_number(&self, number: usize) -> Option<usize> {
        let mut keys: Vec<&PublicKey> = self.genesis.keys.iter().collect();
        keys.sort();
        let key = keys.get(number)?;
        self.genesis.keys.iter().position(|other| other == *key)
    }
}

/// Bytes of the longest message that the simulated network carries.
fn longest(validators: usize) -> usize {
    let engine = engine::max_message_size(u32::try_from(validators).unwrap_or(u32::MAX));
    usize::try_from(engine).unwrap_or(usize::MAX / 2) * 2
}

fn slot(place: usize, scenario: &Scenario, genesis: &Checked, plot: &Arc<Plot>) -> Slot {
    let ways = scenario.faults.iter().filter(|fault| fault.kind.is_byzantine() && fault.who.contains(&place));
    let kinds: BTreeMap<Kind, i64> = ways.map(|fault| (fault.kind, fault.amount)).collect();
    let manners = (!kinds.is_empty()).then(|| {
        let key = cast::validator_key(place);
        let namespace = finality::namespace(&genesis.genesis.hash());
        let keys = Set::from_iter_dedup(genesis.keys.iter().cloned());
        let scheme = Scheme::signer(&namespace, keys, key).expect("a validator of the genesis");
        let me = genesis.keys.get(place).cloned().expect("a validator of the genesis");
        Arc::new(Manners::new(kinds, me, scheme, scenario.quorum(), plot.clone()))
    });
    let drawer = Drawer::of(genesis.keys.get(place).expect("a validator of the genesis").as_ref());
    Slot { device: Arc::default(), disk: Disk::default(), drawer, found: Data::Empty, wiped: 0, running: None, manners }
}

async fn links(
    context: &Context,
    oracle: &Oracle<PublicKey, Context>,
    key: &PublicKey,
    manners: Option<Arc<Manners>>,
) -> Result<(SimulatedLinks, Vec<(Line, Wire)>), WorldError> {
    let control = oracle.control(key.clone());
    let per_second = if manners.is_some() { WICKED_MESSAGES_PER_SECOND } else { MESSAGES_PER_SECOND };
    let quota = Quota::per_second(per_second);
    let wicked = manners.map(|manners| {
        let (courier, parcels) = mpsc::unbounded_channel();
        let carried = manners.clone();
        context.child("courier").spawn(|context| voice::deliver(context, carried, parcels));
        Wicked { manners, courier }
    });
    let mut wires = Vec::new();
    let mut line = async |line: Line, number: u64| -> Result<(Voice, Receiver<PublicKey>), WorldError> {
        let (wire, receiver): (Wire, _) = control.register(number, quota).await?;
        wires.push((line, wire.clone()));
        Ok((Voice::new(wire, line, wicked.clone()), receiver))
    };
    let channels = Channels {
        votes: line(Line::Votes, 0).await?,
        certificates: line(Line::Certificates, 1).await?,
        resolver: line(Line::Resolver, 2).await?,
        backfill: line(Line::Backfill, 3).await?,
        broadcast: line(Line::Broadcast, 4).await?,
        state_sync: line(Line::StateSync, 5).await?,
        probe: line(Line::Probe, 6).await?,
        mempool: line(Line::Mempool, 7).await?,
    };
    Ok((Links { channels, peers: oracle.manager(), blocker: control, directory: () }, wires))
}

/// How messages go from one place to another now, if they do.
fn wiring(scenario: &Scenario, on: &[&Fault], now: Moment, from: usize, to: usize) -> Option<Wiring> {
    let mut wiring =
        Wiring { latency_ms: scenario.latency_ms, jitter_ms: scenario.jitter_ms, loss_percent: scenario.loss_percent };
    for fault in on {
        let (has_from, has_to) = (fault.who.contains(&from), fault.who.contains(&to));
        let amount = fault.amount.unsigned_abs();
        match fault.kind {
            Kind::Partition if has_from != has_to => return None,
            Kind::Flap if has_from != has_to && is_apart(fault, now) => return None,
            Kind::Silent if has_from => return None,
            Kind::Deaf if has_to => return None,
            Kind::Lossy if has_from || has_to => wiring.loss_percent = wiring.loss_percent.max(amount),
            Kind::Far if has_from || has_to => wiring.latency_ms = wiring.latency_ms.max(amount),
            Kind::Partition | Kind::Flap | Kind::Silent | Kind::Deaf | Kind::Lossy | Kind::Far => {}
            // A machine's own, or a liar's.
            Kind::Crash | Kind::Wipe | Kind::Narrow | Kind::SlowDisk | Kind::Clock => {}
            Kind::Equivocate | Kind::DoubleVote | Kind::Withhold | Kind::Partial => {}
            Kind::Late | Kind::SkipTurn | Kind::Garbage | Kind::Lie => {}
        }
    }
    Some(wiring)
}

/// Whether a partition that comes and goes is there now: in the first half of each period.
pub fn is_apart(fault: &Fault, now: Moment) -> bool {
    let period = fault.amount.unsigned_abs().max(1) * 1_000;
    now.0.saturating_sub(fault.from.0) % period < period / 2
}

/// Sees what one validator finalizes.
struct Watcher {
    place: usize,
    node: Arc<SimulatedNode>,
    log: Arc<Log>,
    started: SystemTime,
}

impl Watcher {
    async fn run(self, truth: Context) {
        let mut events = self.node.head.events();
        let mut seen = self.node.head.tip().borrow().height;
        loop {
            let height = match events.recv().await {
                Ok(event) => event.height,
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return,
            };
            // Blocks between were missed by a watcher that lagged.
            for height in seen + 1..=height {
                self.record(&truth, height).await;
            }
            seen = height;
        }
    }

    async fn record(&self, truth: &Context, height: u64) {
        let Some(block) = self.node.reads.block(height).await else {
            self.log.breaks(Rule::Kept, format!("validator {} does not have its final block {height}", self.place));
            return;
        };
        let now = truth.current();
        let ms = |since: Duration| u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        let header = block.inner().header().clone();
        let certificate = self.node.reads.certificate(&header).await;
        self.log.record(Final {
            place: self.place,
            transactions: block.inner().transaction_ids().to_vec(),
            header,
            certificate,
            at_ms: ms(now.duration_since(self.started).unwrap_or_default()),
            now_ms: ms(now.duration_since(UNIX_EPOCH).unwrap_or_default()),
        });
    }
}
