//! `cargo city bench-ledger`: what the ledger does per second and what it costs, at several numbers of validators, in one run.
//!
//! Every figure of a size comes from the same processes on the same machine minutes apart, and so do the two it is compared with: the time
//! of one signature check, and the engine alone. Prints; asserts nothing.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use identity::keys::{Algorithm, SecretKey};
use ledger::genesis::Genesis;
use tokio::process::Command;

use crate::load::{Load, Outcome, Pace, Prepared, prepare};
use crate::members::tolerated;
use crate::observe::{Observer, now, percentile, processor_seconds, resident_mib};
use crate::plan::{Size, entropy};
use crate::world::World;
use crate::{build, configs};

/// Transactions per second that are prepared for, at most.
const PREPARED_PER_SECOND: usize = 8_000;
/// Unfinished transactions when going flat out.
const WINDOW: f64 = 3_000.0;
/// Transactions per second that hardly load anything: what a block costs apart from what is in it.
const LIGHT: f64 = 50.0;
/// What is not counted at the beginning of each stretch.
const WARM_UP: Duration = Duration::from_secs(2);
/// Bytes of a block that are not transactions.
const HEADER_BYTES: f64 = 252.0;
/// Keys of the state that one of the load's transactions writes: the identity and the transaction's receipt.
const WRITES: f64 = 2.0;
/// How long idleness is watched.
const IDLE: Duration = Duration::from_secs(10);
/// How long a node may take to come back.
const CATCH_UP_LIMIT: Duration = Duration::from_secs(120);

/// What to measure.
#[derive(Clone, Debug, Args)]
pub struct Bench {
    /// Numbers of validators.
    #[arg(long, value_delimiter = ',', default_value = "4,7,13,22,31")]
    validators: Vec<usize>,
    /// Seconds of each stretch of load.
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    /// Transactions that one request may carry: those that are due at the moment. With 1 each has a request of its own.
    #[arg(long, default_value_t = 1)]
    batch: usize,
    /// Leaves the engine alone out.
    #[arg(long)]
    without_engine: bool,
}

/// Measures each size in turn and prints.
pub async fn run(bench: &Bench) -> Result<()> {
    build::binaries()?;
    if !bench.without_engine {
        build::example("engine_alone")?;
    }
    let cores = std::thread::available_parallelism().map(std::num::NonZero::get).unwrap_or(1);
    let profile = if cfg!(debug_assertions) { "development build" } else { "release build" };
    let verify = verification()?;
    say(&format!(
        "{cores} cores shared by all validators and this client; {profile}; one Ed25519 check {:.1} µs; every transaction has its own key",
        verify.as_secs_f64() * 1e6
    ));
    let mut rows = Vec::new();
    for validators in &bench.validators {
        say(&format!("\n{validators} validators"));
        let measured = measure(bench, *validators, cores, verify).await;
        match measured {
            Ok(row) => rows.push(row),
            // One size that fails must not lose the others' figures.
            Err(error) => say(&format!("  failed: {error:#}")),
        }
    }
    say(
        "\n| n | final tx/s | ÷ goal's unit | block p50/p99 ms | finality p50/p99 ms | ours ÷ engine, half and light | µs CPU per tx, all nodes | idle CPU % | RSS MiB |",
    );
    say("|---|---|---|---|---|---|---|---|---|");
    rows.iter().for_each(|row| say(row));
    Ok(())
}

/// The time of one signature check of a transaction, by the median of many.
fn verification() -> Result<Duration> {
    let key = SecretKey::from_bytes(Algorithm::Ed25519, &entropy()?)?;
    let message = [7; 200];
    let signature = key.sign(&message);
    let public = key.public_key();
    let mut times = Vec::new();
    for _ in 0..2_000 {
        let started = now();
        public.verify(&message, &signature)?;
        times.push(started.elapsed());
    }
    times.sort_unstable();
    times.get(1_000).copied().context("some were measured")
}

struct Site {
    world: World,
    observer: Observer,
    genesis: [u8; 32],
    ports: Vec<u16>,
}

impl Site {
    async fn open(validators: usize) -> Result<Self> {
        let started = now();
        let world = World::ledger_of(Size { validators, ..Size::default() }).await?;
        say(&format!("  started in {:.1} s", started.elapsed().as_secs_f64()));
        let genesis: Genesis = serde_json::from_slice(&std::fs::read(world.plan().genesis_path())?)?;
        let ports = world.plan().validators.iter().map(|v| v.ports.main).collect();
        Ok(Self { observer: Observer::of(world.plan())?, genesis: genesis.hash(), ports, world })
    }

    async fn height(&self) -> Result<u64> {
        let heights = self.observer.heights(&self.world.validator_names()).await;
        heights.into_values().max().context("no validator answers")
    }

    async fn supply(&self, seconds: u64) -> Result<Vec<Prepared>> {
        prepare(&self.genesis, self.height().await?, usize::try_from(seconds)? * PREPARED_PER_SECOND)
    }

    fn processor_seconds(&self) -> Result<f64> {
        self.world.pids().iter().map(|(_, pid)| processor_seconds(*pid)).sum()
    }

    fn memory(&self) -> Result<f64> {
        let each = self.world.pids().iter().map(|(_, pid)| resident_mib(*pid)).collect::<Result<Vec<_>>>()?;
        Ok(each.into_iter().fold(0.0, f64::max))
    }
}

async fn measure(bench: &Bench, validators: usize, cores: usize, verify: Duration) -> Result<String> {
    let length = Duration::from_secs(bench.seconds);
    let mut site = Site::open(validators).await?;
    let before = site.processor_seconds()?;
    tokio::time::sleep(IDLE).await;
    let count = f64::from(u32::try_from(validators)?);
    let idle = (site.processor_seconds()? - before) / IDLE.as_secs_f64() / count * 100.0;
    let idle_memory = site.memory()?;
    say(&format!("  idle: {idle:.2} % of a core and {idle_memory:.0} MiB at most, each node"));

    // The last f places of the plan are the ones that will be killed: the client talks to the others.
    let lasting = site.ports.len() - tolerated(validators);
    let ports: Vec<u16> = site.ports.iter().take(lasting).copied().collect();
    let heard: Vec<u16> = ports.iter().take(3).copied().collect();
    let load = Load::open(ports, &heard).await?.in_batches(bench.batch);

    let mut supply = site.supply(bench.seconds + WARM_UP.as_secs()).await?;
    let before = site.processor_seconds()?;
    let started = now();
    let full = load.run(&mut supply, Pace::Window(WINDOW), WARM_UP, length).await?;
    load.drain(Duration::from_secs(20)).await;
    let (spent, took) = (site.processor_seconds()? - before, started.elapsed().as_secs_f64());
    let share = (length + WARM_UP).as_secs_f64() / took;
    // All that was sent is final by now, whether it counted for the rate or not.
    let per_transaction = spent / full.sent * 1e6;
    let unit = f64::from(u32::try_from(cores)?) / (count * verify.as_secs_f64());
    let ratio = full.rate() / unit;
    say(&format!(
        "  flat out: {:.0} final tx/s, {ratio:.2} of cores ÷ (n × one check); {per_transaction:.0} µs of CPU per transaction on all nodes; {} refused; {:.0} MiB; (load was {:.0} % of the stretch)",
        full.rate(),
        full.refused,
        site.memory()?,
        share * 100.0
    ));

    let mut supply = site.supply(bench.seconds + WARM_UP.as_secs()).await?;
    let bytes = f64::from(u32::try_from(supply.first().context("some were prepared")?.bytes)?);
    let half = load.run(&mut supply, Pace::Rate(full.rate() / 2.0), WARM_UP, length).await?;
    load.drain(Duration::from_secs(20)).await;
    say(&format!("  at half of it: {}", described(&half)));

    let mut supply = site.supply(bench.seconds + WARM_UP.as_secs()).await?;
    let light = load.run(&mut supply, Pace::Rate(LIGHT), WARM_UP, length).await?;
    load.drain(Duration::from_secs(20)).await;
    say(&format!("  hardly loaded: {}", described(&light)));

    failures(&mut site, &load, &full, bench).await?;
    site.world.stop().await?;

    let mut engine = "–".to_owned();
    if !bench.without_engine {
        let mut ratios = Vec::new();
        for (name, ours) in [("at half of it", &half), ("hardly loaded", &light)] {
            let interval = percentile(&ours.intervals, 50);
            let transactions = ours.rate() / 1_000.0 * interval;
            let block = (transactions * bytes + HEADER_BYTES, transactions * WRITES);
            let alone = engine_alone(validators, bench.seconds, block, interval).await?;
            let (mine, theirs) = (percentile(&ours.proposed_to_final, 50), percentile(&alone, 50));
            let ratio = format!("{:.2}", mine / theirs);
            say(&format!(
                "  proposed to final, p50/p99, {name}: ours {mine:.0}/{:.0} ms, the engine alone with as many bytes and keys {theirs:.0}/{:.0} ms: {ratio} ×",
                percentile(&ours.proposed_to_final, 99),
                percentile(&alone, 99)
            ));
            ratios.push(ratio);
        }
        engine = ratios.join(" / ");
    }
    Ok(format!(
        "| {validators} | {:.0} | {ratio:.2} | {:.0} / {:.0} | {:.0} / {:.0} | {engine} | {per_transaction:.0} | {idle:.2} | {idle_memory:.0} |",
        full.rate(),
        percentile(&half.intervals, 50),
        percentile(&half.intervals, 99),
        percentile(&half.finality, 50),
        percentile(&half.finality, 99)
    ))
}

/// f killed under full load, then back; one wiped.
async fn failures(site: &mut Site, load: &Load, full: &Outcome, bench: &Bench) -> Result<()> {
    let names = site.world.validator_names();
    let killed: Vec<String> = names.iter().rev().take(tolerated(names.len())).cloned().collect();
    if killed.is_empty() {
        return Ok(());
    }
    let mut supply = site.supply(bench.seconds + 10).await?;
    site.world.kill_all(&killed).await?;
    // The first ten seconds after the kill are the warm-up: the goal is about what comes after them.
    let without =
        load.run(&mut supply, Pace::Window(WINDOW), Duration::from_secs(10), Duration::from_secs(bench.seconds)).await?;
    load.drain(Duration::from_secs(20)).await;
    say(&format!(
        "  {} killed: {:.0} final tx/s from 10 s on, {:.2} of before",
        killed.len(),
        without.rate(),
        without.rate() / full.rate()
    ));
    let tip = site.height().await?;
    let one = killed.first().context("one was killed")?.clone();
    let started = now();
    site.world.start(&one).await?;
    site.observer.reaches(&one, tip, CATCH_UP_LIMIT).await?;
    say(&format!("  {one} killed and started again: at the tip after {:.1} s", started.elapsed().as_secs_f64()));
    site.world.wipe(&one).await?;
    let started = now();
    site.world.start(&one).await?;
    site.observer.reaches(&one, tip, CATCH_UP_LIMIT).await?;
    say(&format!("  {one} wiped and started again: at height {tip} after {:.1} s", started.elapsed().as_secs_f64()));
    let rest: Vec<String> = killed.into_iter().skip(1).collect();
    site.world.start_all(&rest).await
}

fn described(outcome: &Outcome) -> String {
    format!(
        "{:.0} tx/s; finality p50 {:.0} ms, p99 {:.0} ms; blocks every {:.0} ms, p99 {:.0} ms; proposed to final p50 {:.0} ms, p99 {:.0} ms; {} refused",
        outcome.rate(),
        percentile(&outcome.finality, 50),
        percentile(&outcome.finality, 99),
        percentile(&outcome.intervals, 50),
        percentile(&outcome.intervals, 99),
        percentile(&outcome.proposed_to_final, 50),
        percentile(&outcome.proposed_to_final, 99),
        outcome.refused
    )
}

/// As many processes of the engine alone, with blocks of as many bytes and keys at the same pace; the times of all of them.
async fn engine_alone(validators: usize, seconds: u64, (payload, writes): (f64, f64), interval_ms: f64) -> Result<Vec<Duration>> {
    let directory = tempfile::tempdir()?;
    let program = build::binary("examples/engine_alone")?;
    let first_port = 20_000 + u16::from_le_bytes(entropy()?) % 9_000;
    let threads = configs::worker_threads(validators);
    let mut running = Vec::new();
    for place in 0..validators {
        let arguments: BTreeMap<&str, String> = [
            ("--place", place.to_string()),
            ("--validators", validators.to_string()),
            ("--first-port", first_port.to_string()),
            ("--directory", directory.path().join(place.to_string()).display().to_string()),
            ("--seconds", (seconds + 4).to_string()),
            ("--payload", format!("{payload:.0}")),
            ("--writes", format!("{writes:.0}")),
            ("--interval-ms", format!("{interval_ms:.0}")),
            ("--worker-threads", threads.to_string()),
        ]
        .into();
        let mut command = Command::new(&program);
        command.args(arguments.into_iter().flat_map(|(name, value)| [name.to_owned(), value]));
        running.push(command.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn()?);
    }
    let mut times = Vec::new();
    for child in running {
        let output = child.wait_with_output().await?;
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).context("the engine alone said nothing")?;
        let list = answer.get("proposed_to_final_ms").and_then(serde_json::Value::as_array).context("it said no times")?;
        // The first blocks are made while the others still connect.
        times.extend(list.iter().skip(list.len() / 5).filter_map(serde_json::Value::as_u64).map(Duration::from_millis));
    }
    Ok(times)
}

#[expect(clippy::print_stdout, reason = "the figures are for the person at the terminal")]
fn say(text: &str) {
    println!("{text}");
}
