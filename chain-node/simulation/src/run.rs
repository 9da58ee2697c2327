//! One run of a scenario: clients send, faults happen, then everything that ends has ended and the ledger must go on.

use crate::{
    cast,
    clients::Clients,
    log::Rule,
    report::{Halt, Outcome, Recovery},
    scenario::{Kind, Mode, Moment, Scenario},
    world::{World, WorldError},
};
use commonware_runtime::{
    Clock as _, Runner as _,
    deterministic::{self, Context},
};
use ledger::{TrustRoot, canonical, cell::Subject, proof};
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
        clients.act(&world, now).await;
        if now.0 / 1_000 > second {
            second = now.0 / 1_000;
            tell(line(&world, &clients, scenario, now));
        }
    }
    let (recovery, halt) = settle(&mut world, &mut clients, scenario, tell).await?;
    examine(&world, &clients, scenario).await?;
    let mut outcome = Outcome::new(scenario, &world, &clients, recovery, halt);
    outcome.cut_off = world.cut_off().await?;
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
    let tips = (0..scenario.validators).map(|place| world.log().tip(place));
    let (low, high) = tips.fold((u64::MAX, 0), |(low, high), tip| (low.min(tip), high.max(tip)));
    let away = crate::scenario::shown_places(&scenario.away(now));
    let (sent, done) = clients.counts();
    let away = if away.is_empty() { String::new() } else { format!("  away {away}") };
    format!("{:>5} s  heights {low}..{high}  transactions {done} of {sent} final{away}", now.0 / 1_000)
}

/// Ends every fault that ends; then the ledger goes on, or stays halted if too many remain away.
async fn settle(
    world: &mut World,
    clients: &mut Clients,
    scenario: &Scenario,
    tell: &mut dyn FnMut(String),
) -> Result<(Option<Recovery>, Option<Halt>), WorldError> {
    let end = Moment::seconds(scenario.seconds);
    // Far beyond every fault that has an end.
    world.apply(Moment::seconds(scenario.seconds + 86_400)).await?;
    let away = scenario.away_at_the_end();
    let healthy: Vec<usize> = (0..scenario.validators).filter(|place| !away.contains(place)).collect();
    if away.len() > scenario.tolerated() {
        return Ok((None, Some(watch_halt(world, &healthy, end, tell).await)));
    }
    let probe = loop {
        // A validator that has just started opens its state first.
        match clients.probe(world, &healthy).await {
            Some(probe) => break Some(probe),
            None if world.now().0 > end.0 + RECOVERY_LIMIT.0 => break None,
            None => world.wait_until(Moment(world.now().0 + TICK.0)).await,
        }
    };
    let mut missing: Vec<usize> = healthy.clone();
    while world.now().0 <= end.0 + RECOVERY_LIMIT.0 {
        missing
            .retain(|place| probe.is_none_or(|probe| world.log().finals(&probe).is_none_or(|(_, by)| !by.contains_key(place))));
        if missing.is_empty() {
            break;
        }
        world.wait_until(Moment(world.now().0 + TICK.0)).await;
        clients.look(world);
    }
    let took = Moment(world.now().0 - end.0);
    if scenario.mode == Mode::Liveness && !missing.is_empty() {
        world
            .log()
            .breaks(Rule::Progress, format!("{took} seconds after the last fault validators {missing:?} lack a transaction"));
    }
    tell(format!("{:>5} s  recovered in {took} s", world.now().0 / 1_000));
    Ok((Some(Recovery { took, missing }), None))
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

/// What every healthy validator must be able to show at the end.
async fn examine(world: &World, clients: &Clients, scenario: &Scenario) -> Result<(), WorldError> {
    let root = TrustRoot::from_genesis(cast::genesis(scenario.validators))?;
    let away = scenario.away_at_the_end();
    let promised = away.len() <= scenario.tolerated();
    for place in (0..scenario.validators).filter(|place| !away.contains(place)) {
        let Some(node) = world.node(place) else { continue };
        for (id, height) in clients.acknowledged() {
            if height > world.log().tip(place) {
                continue;
            }
            match node.receipt(&id).await {
                Some(receipt) if receipt.height == height => {}
                Some(receipt) => world.log().breaks(
                    Rule::Kept,
                    format!("validator {place} has at height {} what was seen final at {height}", receipt.height),
                ),
                None => world.log().breaks(Rule::Kept, format!("validator {place} lost what was final at height {height}")),
            }
        }
        let Some((id, _)) = clients.acknowledged().into_iter().next_back() else { continue };
        let subject = Subject::Transaction(id);
        let Ok(proven) = node.reads.prove(&subject.key()).await else {
            if promised && scenario.mode == Mode::Liveness {
                world.log().breaks(Rule::LightClient, format!("validator {place} proves nothing"));
            }
            continue;
        };
        let cell = node.cell(&subject).await;
        let body = match cell {
            Some(cell) => Some(node.body(&cell).await),
            None => None,
        };
        let answer = proof::Answer {
            header: &canonical::encode(&proven.header),
            certificate: &proven.certificate,
            cell: proven.cell.as_ref().map(<[u8; ledger::CELL_BYTES]>::as_slice),
            body: body.as_deref(),
            proof: &proven.proof,
        };
        if let Err(error) = proof::verify_answer(&root, &subject, &answer) {
            world.log().breaks(Rule::LightClient, format!("a light client refuses what validator {place} proves: {error}"));
        }
    }
    for (from, to) in world.cut_off().await? {
        let wicked = scenario.byzantine();
        if !wicked.contains(&from) && !wicked.contains(&to) && scenario.is_safe() {
            world.log().breaks(Rule::Connected, format!("validator {from} cut off validator {to}, and both are honest"));
        }
    }
    Ok(())
}
