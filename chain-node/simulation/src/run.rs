//! One run of a scenario: clients send, faults happen, members decide; in liveness mode everything that ends then has ended and the
//! ledger must go on.

use crate::{
    cast,
    clients::Clients,
    council::Council,
    examine,
    log::Rule,
    report::{Halt, Outcome, Recovery},
    scenario::{Kind, Mode, Moment, Scenario},
    world::{World, WorldError},
};
use commonware_runtime::{
    Clock as _, Runner as _,
    deterministic::{self, Context},
};
use ledger::evidence::EvidenceId;
use sha2::{Digest as _, Sha256};
use std::{
    collections::BTreeSet,
    panic::{self, AssertUnwindSafe},
    time::{Duration, UNIX_EPOCH},
};

/// How often clients send and look.
const TICK: Moment = Moment(100);
/// How long after the last fault a ledger with a quorum may take until everybody has a new transaction: beyond it the run stops waiting.
const RECOVERY_LIMIT: Moment = Moment::seconds(120);
/// How long after it the members' decisions may take until they are in force, and evidence until it is on the ledger: the validators take turns
/// of four seconds in bringing it, and the first may have lost it.
const DECISION_LIMIT: Moment = Moment::seconds(400);
/// How long a ledger without a quorum is watched.
const HALT_WATCH: Moment = Moment::seconds(20);
/// Of which the first seconds may still finish what had a quorum.
const HALT_GRACE: Moment = Moment::seconds(5);
/// Virtual time that no run needs: a run that reaches it hangs.
const TIMEOUT: Duration = Duration::from_hours(2);

/// Why there is no outcome.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The simulation could not begin or go on.
    #[error(transparent)]
    World(#[from] WorldError),
    /// A task panicked: an honest validator stopped, or the simulator has a bug.
    #[error("a validator or the simulator panicked: {0}")]
    Panicked(String),
}

/// Runs a scenario that was checked. `tell` hears a line for every second of virtual time.
///
/// # Errors
/// When it cannot begin, or when something in it panics.
pub fn run(scenario: &Scenario, mut tell: impl FnMut(String)) -> Result<Outcome, RunError> {
    let start = UNIX_EPOCH + Duration::from_secs(cast::STARTED_AT.into());
    let config = deterministic::Config::new()
        .with_seed(scenario.seed)
        .with_start_time(start)
        .with_timeout(Some(TIMEOUT))
        // Beyond the model an honest validator may find its ledger forked, and stop.
        .with_catch_panics(!scenario.is_safe());
    let runner = deterministic::Runner::new(config);
    let result = panic::catch_unwind(AssertUnwindSafe(|| runner.start(|context| Box::pin(play(context, scenario, &mut tell)))));
    match result {
        Ok(outcome) => Ok(outcome?),
        Err(panic) => Err(RunError::Panicked(message(&*panic))),
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("without a message").to_owned()
}

async fn play(context: Context, scenario: &Scenario, tell: &mut dyn FnMut(String)) -> Result<Outcome, WorldError> {
    let auditor = context.auditor();
    let mut world = World::new(context, scenario.clone())?;
    let mut clients = Clients::new(scenario, world.genesis_hash());
    let mut council = Council::new(scenario, world.genesis_hash());
    let changes = boundaries(scenario);
    let end = Moment::seconds(scenario.seconds);
    world.apply(Moment(0)).await?;
    let (mut now, mut second) = (Moment(0), 0);
    while now < end {
        let tick = Moment(now.0 - now.0 % TICK.0 + TICK.0);
        let next = changes.range(Moment(now.0 + 1)..).next().map_or(tick, |change| tick.min(*change));
        world.wait_until(next).await;
        now = next;
        if changes.contains(&now) {
            world.apply(now).await?;
        }
        world.open_doors().await?;
        clients.act(&world, now).await;
        council.act(&mut world, &mut clients, now).await?;
        if now.0 / 1_000 > second {
            second = now.0 / 1_000;
            tell(line(&world, &clients, scenario, now));
        }
    }
    let Settled { recovery, halt, due } = match scenario.mode {
        Mode::Safety => Settled::default(),
        Mode::Liveness => settle(&mut world, &mut clients, &mut council, tell).await?,
    };
    council.look(&world).await;
    examine::ledger(&world, &clients).await?;
    examine::members(&world, &council, recovery.is_some()).await;
    let evidence = examine::evidence(&world, &due).await;
    let mut outcome = Outcome::new(&world, &clients, recovery, halt);
    outcome.cut_off = world.cut_off().await?;
    outcome.decided = council.decided();
    outcome.evidence = evidence;
    outcome.fingerprint = Sha256::digest(format!("{} {:?}", auditor.state(), outcome.blocks)).into();
    Ok(outcome)
}

/// Every time at which something changes.
fn boundaries(scenario: &Scenario) -> BTreeSet<Moment> {
    let end = Moment::seconds(scenario.seconds);
    let mut times = BTreeSet::new();
    for fault in &scenario.faults {
        times.insert(fault.from);
        times.extend(fault.until);
        if fault.kind == Kind::Flap {
            let half = fault.amount.unsigned_abs().max(1) * 500;
            let until = fault.until.unwrap_or(end).min(end);
            times.extend((fault.from.0..until.0).step_by(usize::try_from(half).unwrap_or(usize::MAX)).map(Moment));
        }
    }
    times.retain(|time| *time <= end);
    times
}

fn line(world: &World, clients: &Clients, scenario: &Scenario, now: Moment) -> String {
    // Who has left a governed ledger falls behind for good.
    let tips = (0..world.places()).filter(|place| scenario.epoch_blocks().is_none() || world.serves(*place));
    let tips = tips.map(|place| world.log().tip(place));
    let (low, high) = tips.fold((u64::MAX, 0), |(low, high), tip| (low.min(tip), high.max(tip)));
    let low = low.min(high);
    let away = crate::scenario::shown_places(&scenario.away(now));
    let (sent, done) = clients.counts();
    let away = if away.is_empty() { String::new() } else { format!("  away {away}") };
    format!("{:>5} s  heights {low}..{high}  transactions {done} of {sent} final{away}", now.0 / 1_000)
}

/// How a run came to rest.
#[derive(Default)]
struct Settled {
    /// If a quorum was left.
    recovery: Option<Recovery>,
    /// If none was.
    halt: Option<Halt>,
    /// Evidence that must be on the ledger.
    due: BTreeSet<EvidenceId>,
}

/// Ends every fault that ends; then the ledger goes on, or stays halted if too many remain away.
async fn settle(
    world: &mut World,
    clients: &mut Clients,
    council: &mut Council,
    tell: &mut dyn FnMut(String),
) -> Result<Settled, WorldError> {
    let scenario = world.scenario().clone();
    let end = Moment::seconds(scenario.seconds);
    // Far beyond every fault that has an end.
    world.apply(Moment::seconds(scenario.seconds + 86_400)).await?;
    let healthy = scenario.healthy_at_the_end();
    if scenario.away_at_the_end().len() > scenario.tolerated_at_the_end() {
        let halt = Some(watch_halt(world, &healthy, end, tell).await);
        return Ok(Settled { halt, ..Settled::default() });
    }
    decide(world, clients, council, end).await?;
    let begun = world.now();
    let probe = loop {
        // A validator that has just started opens its state first.
        match clients.probe(world, &healthy).await {
            Some(probe) => break Some(probe),
            None if world.now().0 > begun.0 + RECOVERY_LIMIT.0 => break None,
            None => world.wait_until(Moment(world.now().0 + TICK.0)).await,
        }
    };
    let mut missing: Vec<usize> = healthy.clone();
    while world.now().0 <= begun.0 + RECOVERY_LIMIT.0 {
        missing
            .retain(|place| probe.is_none_or(|probe| world.log().finals(&probe).is_none_or(|(_, by)| !by.contains_key(place))));
        if missing.is_empty() {
            break;
        }
        world.wait_until(Moment(world.now().0 + TICK.0)).await;
        world.open_doors().await?;
        clients.look(world);
    }
    let took = Moment(world.now().0 - begun.0);
    if !missing.is_empty() {
        world
            .log()
            .breaks(Rule::Progress, format!("{took} seconds after the last fault validators {missing:?} lack a transaction"));
    }
    tell(format!("{:>5} s  recovered in {took} s", world.now().0 / 1_000));
    let due = record_evidence(world, end).await?;
    Ok(Settled { recovery: Some(Recovery { took, missing }), halt: None, due })
}

/// Waits until every change of the members is in force.
async fn decide(world: &mut World, clients: &mut Clients, council: &mut Council, end: Moment) -> Result<(), WorldError> {
    if world.scenario().changes().is_empty() {
        return Ok(());
    }
    let in_force = |world: &World, council: &Council| {
        let first = council.settled_in().map(|epoch| world.first_height_of(epoch));
        first.is_some_and(|first| world.height() >= first)
    };
    while !in_force(world, council) && world.now().0 <= end.0 + DECISION_LIMIT.0 {
        world.wait_until(Moment(world.now().0 + TICK.0)).await;
        world.open_doors().await?;
        let now = world.now();
        clients.remind(world, now).await;
        council.act(world, clients, now).await?;
    }
    Ok(())
}

/// Waits until all evidence that there is now is on the ledger, and gives its names.
async fn record_evidence(world: &mut World, end: Moment) -> Result<BTreeSet<EvidenceId>, WorldError> {
    let kept: BTreeSet<EvidenceId> = examine::kept(world).into_keys().collect();
    while !examine::recorded(world, &kept).await && world.now().0 <= end.0 + DECISION_LIMIT.0 {
        world.wait_until(Moment(world.now().0 + TICK.0)).await;
        world.open_doors().await?;
    }
    Ok(kept)
}

/// Too few are there: nothing may become final, and whoever asks is told what is missing.
async fn watch_halt(world: &World, healthy: &[usize], end: Moment, tell: &mut dyn FnMut(String)) -> Halt {
    world.wait_until(Moment(end.0 + HALT_GRACE.0)).await;
    let before: Vec<u64> = healthy.iter().map(|place| world.log().tip(*place)).collect();
    world.wait_until(Moment(end.0 + HALT_WATCH.0)).await;
    let grown = healthy.iter().zip(&before).find(|(place, before)| world.log().tip(**place) > **before);
    let reason = healthy.iter().find_map(|place| {
        let node = world.node(*place)?;
        node.progress.check(node.clock.current()).err().map(|stall| stall.to_string())
    });
    tell(format!("{:>5} s  halted: {}", world.now().0 / 1_000, reason.as_deref().unwrap_or("no reason is given")));
    Halt { reason, grown: grown.map(|(place, _)| *place) }
}
