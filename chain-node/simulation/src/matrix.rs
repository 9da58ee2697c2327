//! Many seeds at once: each draws its scenario, runs it, and is summed up under each of its kinds of faults.
//!
//! What is kept of a run is counts, so that ten thousand need no more memory than ten.

use crate::{
    draw,
    record::Line,
    report::Outcome,
    run::{self, RunError},
    scenario::{Kind, Mode, Moment, Scenario},
};
use std::{
    collections::BTreeMap,
    fmt,
    num::NonZeroUsize,
    sync::{Mutex, PoisonError, mpsc},
    thread,
};

/// Broken runs that are shown.
const SHOWN: usize = 100;

/// What is wrong with a run, with the command that shows it again.
pub fn failure(scenario: &Scenario, outcome: &Result<Outcome, RunError>) -> Option<String> {
    let what = match outcome {
        Err(error) => error.to_string(),
        Ok(outcome) => {
            let violations = outcome.violations();
            if violations.is_empty() {
                return None;
            }
            let all = violations.iter().map(|(rule, what)| format!("{}: {what}", rule.sentence()));
            all.collect::<Vec<_>>().join("; ")
        }
    };
    Some(format!("seed {}: {what}\n  again: {scenario}", scenario.seed))
}

/// Figures of one kind of fault.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// Runs.
    pub runs: u64,
    /// Final blocks of all of them.
    pub blocks: u64,
    /// Final transactions of all of them.
    pub transactions: u64,
    /// How many transactions took so many milliseconds.
    latencies: BTreeMap<u64, u64>,
    /// The longest that a run took until, after its faults, everybody had a new transaction.
    pub longest_recovery: Moment,
    /// Runs in which a rule was broken.
    pub broken: u64,
}

impl Row {
    fn add(&mut self, line: &Line) {
        self.runs += 1;
        self.blocks += line.blocks;
        self.transactions += line.transactions;
        for (latency, count) in &line.latencies {
            *self.latencies.entry(*latency).or_default() += count;
        }
        self.longest_recovery = self.longest_recovery.max(Moment(line.recovery_ms));
        self.broken += u64::from(line.failure.is_some());
    }

    /// The finality that this share of the transactions did not exceed.
    pub fn finality(&self, percent: u64) -> Moment {
        let needed = (self.latencies.values().sum::<u64>() * percent).div_ceil(100);
        let mut counted = 0;
        let found = self.latencies.iter().find(|(_, count)| {
            counted += **count;
            counted >= needed
        });
        Moment(found.map_or(0, |(latency, _)| *latency))
    }
}

/// All runs.
#[derive(Debug, Default)]
pub struct Matrix {
    rows: BTreeMap<Kind, Row>,
    all: Row,
    sizes: BTreeMap<usize, u64>,
    failures: Vec<String>,
}

impl Matrix {
    /// What went wrong, each with its command, as far as it is shown.
    pub fn failures(&self) -> &[String] {
        &self.failures
    }

    /// How many runs broke a rule.
    pub fn broken(&self) -> u64 {
        self.all.broken
    }

    /// The figures by kind of fault. A run counts under each of its kinds.
    pub fn rows(&self) -> &BTreeMap<Kind, Row> {
        &self.rows
    }

    /// Counts a run.
    pub fn add(&mut self, line: &Line) {
        for kind in Kind::ALL.into_iter().filter(|kind| line.kinds.iter().any(|name| name == kind.name())) {
            self.rows.entry(kind).or_default().add(line);
        }
        self.all.add(line);
        *self.sizes.entry(line.validators).or_default() += 1;
        if let Some(failure) = line.failure.clone().filter(|_| self.failures.len() < SHOWN) {
            self.failures.push(failure);
        }
    }
}

/// Runs the scenarios that `seeds` draw, so many at a time. `tell` hears of each when it has ended, in no particular order.
///
/// # Errors
/// The first that `tell` gives; what runs then is finished, and nothing more is begun.
pub fn run<E>(
    seeds: impl Iterator<Item = u64> + Send,
    (largest, mode): (usize, Mode),
    threads: NonZeroUsize,
    mut tell: impl FnMut(Line) -> Result<(), E>,
) -> Result<(), E> {
    let seeds = Mutex::new(seeds);
    let (sender, lines) = mpsc::sync_channel(threads.get());
    thread::scope(|scope| {
        for _ in 0..threads.get() {
            let (sender, seeds) = (sender.clone(), &seeds);
            scope.spawn(move || {
                loop {
                    let Some(seed) = seeds.lock().unwrap_or_else(PoisonError::into_inner).next() else { return };
                    let scenario = draw::scenario(seed, largest, mode);
                    let outcome = run::run(&scenario, |_| ());
                    if sender.send(Line::new(largest, &scenario, &outcome)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let told = lines.iter().try_for_each(&mut tell);
        drop(lines);
        told
    })
}

impl fmt::Display for Matrix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes = self.sizes.iter().map(|(size, runs)| format!("{runs} of {size}"));
        writeln!(formatter, "{} runs ({} validators)", self.all.runs, sizes.collect::<Vec<_>>().join(", "))?;
        writeln!(formatter)?;
        writeln!(formatter, "| fault | runs | blocks | transactions | finality p50 | p99 | longest recovery | broken |")?;
        writeln!(formatter, "|---|---|---|---|---|---|---|---|")?;
        for (kind, row) in &self.rows {
            writeln!(formatter, "| `{kind}` | {row}")?;
        }
        write!(formatter, "| all | {}", self.all)?;
        self.failures.iter().try_for_each(|failure| write!(formatter, "\n{failure}"))
    }
}

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, blocks, transactions, latencies: _, longest_recovery, broken } = self;
        let (half, most) = (self.finality(50).0, self.finality(99).0);
        write!(formatter, "{runs} | {blocks} | {transactions} | {half} ms | {most} ms | {longest_recovery} s | {broken} |")
    }
}
