//! `chain-node-simulate`: runs one scenario, or many drawn from seeds. `chain-node simulate` starts it.

use anyhow::Context as _;
use chain_simulation::{
    draw,
    matrix::{self, Matrix},
    record::{Line, Record},
    scenario::{Fault, Kind, Mode, Moment, Scenario},
};
use clap::Parser;
use std::{collections::BTreeSet, fs, io, num::NonZeroUsize, path::PathBuf, process::ExitCode};
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

/// A ledger in virtual time: its validators, and what goes wrong. The same flags give the same bytes on standard output.
///
/// A fault is written KIND:PLACES[@FROM[..UNTIL]][=AMOUNT], times in seconds: partition:0-6@10..20, clock:3=-40, equivocate:15-21.
/// Kinds: crash, wipe (1: the vote guard too), partition, flap (s), silent, deaf, lossy (%), far (ms), narrow (kbit/s), slow-disk (ms), clock (s);
/// for the whole run: equivocate, double-vote, withhold, partial, late (ms), skip-turn, garbage, lie;
/// and, decided by the members at their time: admit (places after the others), remove and rotate (1: the old key goes on voting).
///
/// Exits with 1 when a rule is broken, and prints the command that shows it again.
#[derive(Parser)]
#[command(name = "chain-node simulate", version, verbatim_doc_comment)]
struct Arguments {
    /// Decides every random choice of the run.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many validators.
    #[arg(long)]
    validators: Option<usize>,
    /// Seconds of virtual time during which clients send and faults happen.
    #[arg(long)]
    seconds: Option<u64>,
    /// Transactions per second.
    #[arg(long)]
    rate: Option<u64>,
    /// What is promised: `liveness` (when none is given) that the ledger goes on after the faults, or with those that stay if a quorum is left;
    /// `safety` that nothing wrong is ever final, whatever stays. Decides how --seeds and --drawn draw, too.
    #[arg(long)]
    mode: Option<Mode>,
    /// Mean one-way delay between two validators.
    #[arg(long)]
    latency_ms: Option<u64>,
    /// Its standard deviation.
    #[arg(long)]
    jitter_ms: Option<u64>,
    /// Messages that are lost.
    #[arg(long)]
    loss_percent: Option<u64>,
    /// Takes the validators' vote guards away, to see what these are for.
    #[arg(long)]
    unguarded: bool,
    /// Blocks of an epoch: the ledger is governed, as it is when members change (12 then).
    #[arg(long, value_name = "BLOCKS")]
    epoch_blocks: Option<u64>,
    /// Something that goes wrong; may be repeated.
    #[arg(long = "fault", value_name = "FAULT")]
    faults: Vec<Fault>,
    /// So many validators, the last ones, are wicked for the whole run.
    #[arg(long, value_name = "COUNT")]
    byzantine: Option<usize>,
    /// How those are wicked.
    #[arg(long, default_value = "equivocate")]
    behaviour: Kind,
    /// Short for `--fault partition:…`.
    #[arg(long, value_name = "PLACES@FROM..UNTIL")]
    partition: Vec<String>,
    /// A scenario in TOML; the other flags change it.
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Runs the drawn scenarios of so many seeds instead of one scenario.
    #[arg(long, value_name = "COUNT")]
    seeds: Option<u64>,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    start: u64,
    /// Keeps a line for every run of --seeds in this file, leaves out what is in it already, and sums up all of it: to go on another day.
    #[arg(long, value_name = "FILE", requires = "seeds")]
    record: Option<PathBuf>,
    /// Runs the one scenario that this seed draws.
    #[arg(long, value_name = "SEED", conflicts_with_all = ["seeds", "scenario"])]
    drawn: Option<u64>,
    /// How many validators drawn scenarios have at most.
    #[arg(long, default_value_t = 22)]
    largest: usize,
    /// Runs at a time; as many as there are cores if not given.
    #[arg(long)]
    threads: Option<NonZeroUsize>,
    /// Prints a line for every second of virtual time.
    #[arg(long)]
    verbose: bool,
}

impl Arguments {
    fn scenario(&self) -> anyhow::Result<Scenario> {
        let mut scenario = match (&self.scenario, self.drawn) {
            (Some(path), _) => {
                let text = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
                Scenario::from_toml(&text)?
            }
            (None, Some(seed)) => draw::scenario(seed, self.largest, self.mode.unwrap_or(Mode::Liveness)),
            (None, None) => Scenario { seed: self.seed, ..Scenario::default() },
        };
        scenario.validators = self.validators.unwrap_or(scenario.validators);
        scenario.seconds = self.seconds.unwrap_or(scenario.seconds);
        scenario.rate = self.rate.unwrap_or(scenario.rate);
        scenario.mode = self.mode.unwrap_or(scenario.mode);
        scenario.latency_ms = self.latency_ms.unwrap_or(scenario.latency_ms);
        scenario.jitter_ms = self.jitter_ms.unwrap_or(scenario.jitter_ms);
        scenario.loss_percent = self.loss_percent.unwrap_or(scenario.loss_percent);
        scenario.guarded &= !self.unguarded;
        scenario.epoch_blocks = self.epoch_blocks.or(scenario.epoch_blocks);
        scenario.faults.extend(self.faults.iter().cloned());
        for partition in &self.partition {
            scenario.faults.push(format!("partition:{partition}").parse()?);
        }
        if let Some(count) = self.byzantine {
            anyhow::ensure!(self.behaviour.is_byzantine(), "--behaviour {}: not a wickedness; use --fault", self.behaviour);
            anyhow::ensure!(count <= scenario.validators, "--byzantine {count}: there are {}", scenario.validators);
            let who: BTreeSet<usize> = (scenario.validators - count..scenario.validators).collect();
            if !who.is_empty() {
                let (kind, amount) = (self.behaviour, self.behaviour.usual_amount());
                scenario.faults.push(Fault { kind, who, from: Moment(0), until: None, amount });
            }
        }
        scenario.check()?;
        Ok(scenario)
    }
}

fn main() -> anyhow::Result<ExitCode> {
    // Silent unless RUST_LOG asks; never on standard output, which is the same for equal runs.
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::OFF.into()).from_env_lossy();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).without_time().init();
    let arguments = Arguments::parse();
    match arguments.seeds {
        Some(count) => many(&arguments, count),
        None => one(&arguments),
    }
}

#[expect(clippy::print_stdout, reason = "the answer of a command belongs on standard output")]
fn one(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let scenario = arguments.scenario()?;
    println!("{scenario}");
    let outcome = chain_simulation::run(&scenario, |line| {
        if arguments.verbose {
            println!("{line}");
        }
    });
    let outcome = outcome.with_context(|| format!("again: {scenario}"))?;
    println!("{outcome}");
    if outcome.violations().is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!("again: {scenario}");
    Ok(ExitCode::FAILURE)
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "the answer of a command on one stream, its progress on the other")]
fn many(arguments: &Arguments, count: u64) -> anyhow::Result<ExitCode> {
    let threads = match arguments.threads {
        Some(threads) => threads,
        None => std::thread::available_parallelism().context("the number of cores is unknown: give --threads")?,
    };
    let mode = arguments.mode.unwrap_or(Mode::Liveness);
    let mut record = arguments.record.as_deref().map(Record::open).transpose()?;
    let mut matrix = Matrix::default();
    let known = record.iter().flat_map(Record::lines);
    let is_such = |line: &&Line| line.largest == arguments.largest && line.mode == mode;
    let run_before: BTreeSet<u64> = known.clone().filter(is_such).map(|line| line.seed).collect();
    known.for_each(|line| matrix.add(line));
    let seeds = (arguments.start..arguments.start.saturating_add(count)).filter(|seed| !run_before.contains(seed));
    let (due, mut done) = (seeds.clone().count(), 0);
    matrix::run(seeds, (arguments.largest, mode), threads, |line| -> anyhow::Result<()> {
        done += 1;
        if let Some(failure) = &line.failure {
            eprintln!("{failure}");
        }
        eprint!("\r{done} of {due} runs, the last one seed {} ", line.seed);
        matrix.add(&line);
        record.as_mut().map(|record| record.add(&line)).transpose()?;
        Ok(())
    })?;
    eprintln!();
    println!("{matrix}");
    Ok(if matrix.broken() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
