//! The simulated city: one network, the validators on it, and what is done to them.

use crate::{
    cast, disk,
    doors::{Door, Doors, Peers, Porter},
    drawer::Drawer,
    flood::{Flood, Sort},
    log::{Log, Rule},
    machine::{Device, Machine},
    manners::{Manners, Pen},
    plot::Plot,
    scenario::{Fault, Kind, Moment, Scenario},
    voice::{self, Line, Voice, Wicked, Wire},
    watcher::Watcher,
};
use chain_node::{
    config,
    engine::{
        self,
        members::Role,
        network::{Channels, Links},
        types::PublicKey,
    },
    fork::{self, Forks},
    genesis::Checked,
    guard::{Data, VoteGuard},
    node::{self, Node, Parts, Protection},
};
use commonware_cryptography::Signer as _;
use commonware_p2p::{
    Manager as _,
    simulated::{self, Control, Link, Network, Oracle, Receiver},
};
use commonware_runtime::{Clock as _, Handle, Quota, Spawner as _, Supervisor as _, deterministic::Context};
use commonware_utils::{NZU32, NZUsize, Probability, ordered::Set};
use ledger::{Hash, TrustRoot, finality};
use std::{
    collections::{BTreeMap, BTreeSet},
    num::{NonZeroU32, NonZeroUsize},
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};
use tokio::sync::mpsc;

/// A node of the simulation.
pub type SimulatedNode = Node<Machine>;
type SimulatedLinks = Links<Voice, Receiver<PublicKey>, Peers, Control<PublicKey, Context>, Porter>;

/// Messages per second and peer on a channel, as in the production network.
const MESSAGES_PER_SECOND: NonZeroU32 = NZU32!(256);
/// A wicked validator's words are counted when its engine says them and again when they leave.
const WICKED_MESSAGES_PER_SECOND: NonZeroU32 = NZU32!(512);

/// The amount of a wipe in which the vote guard is lost as well.
const GUARD_TOO: i64 = 1;

struct Slot {
    device: Arc<Device>,
    disk: disk::Files,
    /// The records of its votes.
    drawer: Drawer,
    /// What a process that starts finds on its disk.
    found: Data,
    /// How many times its disk was emptied.
    wiped: u32,
    /// Whether its node was set up: newcomers' are when they are proposed.
    born: bool,
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
    /// The consensus keys of all places.
    keys: Vec<PublicKey>,
    doors: Doors,
    slots: Vec<Slot>,
    links: BTreeMap<(usize, usize), Wiring>,
    /// As of when faults are on.
    applied: Moment,
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
        let genesis = cast::checked(&scenario)?;
        let places = scenario.places();
        let keys: Vec<PublicKey> = (0..places).map(|place| cast::validator_key(place).public_key()).collect();
        let (network, oracle) = Network::new(
            context.child("network"),
            simulated::Config {
                // Twice what the engine sends, so that oversized messages can be sent at all.
                max_size: u32::try_from(longest(places)).unwrap_or(u32::MAX),
                max_peers_per_set: NonZeroUsize::new(places).unwrap_or(NonZeroUsize::MIN),
                disconnect_on_block: true,
                tracked_peer_sets: NZUsize!(2),
            },
        );
        network.start();
        let _ = oracle.manager().track(0, Set::from_iter_dedup(keys.iter().cloned()));
        let byzantine = scenario.byzantine();
        let honest = genesis.keys.iter().enumerate().filter(|(place, _)| !byzantine.contains(place));
        let governed = genesis.genesis.governance.is_some();
        let plot =
            Arc::new(Plot::new(honest.map(|(_, key)| key.clone()).collect(), byzantine.len(), scenario.quorum(), governed));
        let slots = (0..places).map(|place| slot(place, &scenario, &genesis, &plot)).collect();
        let log = Arc::new(Log::new(TrustRoot::from_genesis(genesis.genesis.clone())?));
        let (started, doors, links) = (context.current(), Doors::default(), BTreeMap::new());
        Ok(Self {
            context,
            oracle,
            genesis,
            scenario,
            keys,
            doors,
            slots,
            links,
            applied: Moment(0),
            log,
            plot,
            forks: Forks::default(),
            started,
        })
    }

    /// How many places there are.
    pub fn places(&self) -> usize {
        self.slots.len()
    }

    fn governed(&self) -> bool {
        self.genesis.genesis.governance.is_some()
    }

    /// The epoch of a height.
    pub fn epoch_of(&self, height: u64) -> u64 {
        self.genesis.genesis.governance.as_ref().map_or(0, |governance| governance.epoch_of(height))
    }

    /// The first height of an epoch.
    pub fn first_height_of(&self, epoch: u64) -> u64 {
        let governance = self.genesis.genesis.governance.as_ref();
        let last = epoch.checked_sub(1).zip(governance).map(|(before, governance)| governance.last_height_of(before));
        last.map_or(0, |last| last.saturating_add(1))
    }

    /// What is run.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// The consensus key at a place.
    pub fn key(&self, place: usize) -> Option<[u8; 32]> {
        self.keys.get(place)?.as_ref().try_into().ok()
    }

    /// Whether a client can ask the node at a place: it runs and, as far as it knows, votes.
    pub fn serves(&self, place: usize) -> bool {
        self.node(place).is_some_and(|node| !self.governed() || node.peers.role() == Role::Validator)
    }

    /// The honest node that is ahead of all others.
    pub fn foremost(&self) -> Option<&Arc<SimulatedNode>> {
        let honest = self.slots.iter().enumerate().filter(|(_, slot)| slot.manners.is_none());
        let nodes = honest.filter_map(|(place, _)| self.node(place));
        nodes.max_by_key(|node| node.head.tip().borrow().height)
    }

    /// Its height.
    pub fn height(&self) -> u64 {
        self.foremost().map_or(0, |node| node.head.tip().borrow().height)
    }

    /// Sets the node of a newcomer up, and starts it unless a fault forbids it.
    ///
    /// # Errors
    /// When the simulated network is gone.
    pub async fn bear(&mut self, place: usize) -> Result<(), WorldError> {
        if let Some(slot) = self.slots.get_mut(place) {
            slot.born = true;
        }
        self.apply(self.applied).await
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
        let (Some(key), Some(slot)) = (self.keys.get(place).cloned(), self.slots.get(place)) else {
            return Ok(());
        };
        if slot.running.is_some() || !slot.born {
            return Ok(());
        }
        // A process that starts has cut off nobody yet.
        for (from, to) in self.oracle.blocked().await? {
            if from == key {
                self.oracle.unblock(from, to).await?;
            }
        }
        let door = self.governed().then(|| self.doors.of(&key, &self.genesis.keys));
        let (links, wires) = links(&self.context, &self.oracle, (&key, door), slot.manners.clone()).await?;
        let cell = Arc::new(OnceLock::new());
        let flood = self.sort_of_flood(place, slot).map(|sort| Flood {
            place,
            sort,
            lines: wires,
            genesis: self.genesis.genesis.clone(),
            node: cell.clone(),
            log: self.log.clone(),
            longest: longest(self.slots.len()),
            block: self.genesis.block::<Machine>(),
        });
        let parts = Parts {
            genesis: self.genesis.clone(),
            key: cast::validator_key(place),
            store: Arc::new(slot.disk.open().expect("a disk of the simulation opens")),
            consensus: config::Consensus::default(),
            mempool: config::Mempool::default(),
            files: engine::Files::new(&format!("validator-{place}-{}", slot.wiped)),
            protection: self.protection(slot, &key),
        };
        let watch = (slot.manners.is_none()).then(|| (self.log.clone(), self.started));
        let (tell, device, manners) = (cell.clone(), slot.device.clone(), slot.manners.clone());
        let context = self.context.child("validator").with_attribute("place", place);
        let task = context.spawn(move |context| async move {
            let truth = context.child("truth");
            if let Some(flood) = flood {
                truth.child("flood").spawn(|context| flood.run(context));
            }
            let machine = Machine::new(context, device);
            let (node, consensus) = Box::pin(node::start(machine, parts, links)).await.expect("a validator, now or later");
            if let Some((log, started)) = &watch {
                let watcher = Watcher { place, node: node.clone(), log: log.clone(), started: *started };
                truth.child("watcher").spawn(|context| watcher.run(context));
            }
            if let Some(manners) = manners {
                manners.know(node.epochs.clone());
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

    /// What it sends beside what its engine says: a liar's garbage, or votes by a key that has gone.
    fn sort_of_flood(&self, place: usize, slot: &Slot) -> Option<Sort> {
        let garbage = slot.manners.as_ref().and_then(|manners| manners.amount(Kind::Garbage));
        let haunts = || self.scenario.ghosts().contains(&place).then_some(Sort::OldKey);
        garbage.map(|amount| Sort::of(amount, place)).or_else(haunts)
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
            slot.disk = disk::Files::default();
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
        self.applied = now;
        let faults = self.scenario.faults.clone();
        let on: Vec<&Fault> = faults.iter().filter(|fault| fault.is_on(now)).collect();
        for place in 0..self.slots.len() {
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
                if let Some(key) = self.keys.get(place) {
                    self.oracle.limit_bandwidth(key.clone(), narrow, narrow).await?;
                }
            }
        }
        self.wire(&on, now).await
    }

    /// Connects those who have just begun to let each other in, and parts those who no longer do.
    ///
    /// # Errors
    /// When the simulated network is gone.
    pub async fn open_doors(&mut self) -> Result<(), WorldError> {
        if !self.governed() {
            return Ok(());
        }
        let (faults, now) = (self.scenario.faults.clone(), self.applied);
        let on: Vec<&Fault> = faults.iter().filter(|fault| fault.is_on(now)).collect();
        self.wire(&on, now).await
    }

    async fn wire(&mut self, on: &[&Fault], now: Moment) -> Result<(), WorldError> {
        let pairs = (0..self.keys.len()).flat_map(|from| (0..self.keys.len()).map(move |to| (from, to)));
        for (from, to) in pairs.filter(|(from, to)| from != to) {
            let (Some(sender), Some(receiver)) = (self.keys.get(from), self.keys.get(to)) else { continue };
            let apart = self.governed() && !self.doors.open(sender, receiver);
            let wiring = if apart { None } else { wiring(&self.scenario, on, now, from, to) };
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
        Ok(())
    }

    /// Who was cut off by whom, as places.
    ///
    /// # Errors
    /// When the simulated network is gone.
    pub async fn cut_off(&self) -> Result<BTreeSet<(usize, usize)>, WorldError> {
        let place = |key: &PublicKey| self.keys.iter().position(|other| other == key);
        let blocked = self.oracle.blocked().await?;
        Ok(blocked.iter().filter_map(|(from, to)| Some((place(from)?, place(to)?))).collect())
    }

    /// The place of the validator with this consensus key.
    pub fn place_of(&self, key: &[u8; 32]) -> Option<usize> {
        self.keys.iter().position(|other| other.as_ref() == key)
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
    let key = cast::validator_key(place);
    let drawer = Drawer::of(key.public_key().as_ref());
    let manners = (!kinds.is_empty()).then(|| {
        let namespace = finality::namespace(&genesis.genesis.hash());
        let pen = Pen::new(key, namespace, Set::from_iter_dedup(genesis.keys.iter().cloned()));
        Arc::new(Manners::new(kinds, pen, scenario.quorum(), plot.clone()))
    });
    let born = place < scenario.validators;
    Slot {
        device: Arc::default(),
        disk: disk::Files::default(),
        drawer,
        found: Data::Empty,
        wiped: 0,
        born,
        running: None,
        manners,
    }
}

async fn links(
    context: &Context,
    oracle: &Oracle<PublicKey, Context>,
    (key, door): (&PublicKey, Option<Door>),
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
    let peers = door.clone().map_or_else(|| Peers::Everybody(oracle.manager()), Peers::Admitted);
    Ok((Links { channels, peers, blocker: control, directory: Porter(door) }, wires))
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
            // The members'.
            Kind::Admit | Kind::Remove | Kind::Rotate => {}
        }
    }
    Some(wiring)
}

/// Whether a partition that comes and goes is there now: in the first half of each period.
pub fn is_apart(fault: &Fault, now: Moment) -> bool {
    let period = fault.amount.unsigned_abs().max(1) * 1_000;
    now.0.saturating_sub(fault.from.0) % period < period / 2
}
