//! Many seeds at once: each draws its scenario, runs it, and is summed up under its main fault.

use crate::{
    draw,
    report::Outcome,
    run::{self, RunError},
    scenario::{Kind, Moment, Scenario},
};
use std::{
    collections::BTreeMap,
    fmt,
    num::NonZeroUsize,
    ops::Range,
    sync::{
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
};

/// What one seed gave.
#[derive(Debug)]
pub struct Result {
    /// What was run.
    pub scenario: Scenario,
    /// What came of it.
    pub outcome: std::result::Result<Outcome, RunError>,
}

impl Result {
    /// What is wrong with it, with the command that shows it again.
    pub fn failure(&self) -> Option<String> {
        let what = match &self.outcome {
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
        Some(format!("seed {}: {what}\n  again: {}", self.scenario.seed, self.scenario))
    }
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
    /// The worst 99th percentile of finality.
    pub worst_finality: Moment,
    /// The longest that a run took until, after its faults, everybody had a new transaction.
    pub worst_recovery: Moment,
    /// Runs in which a rule was broken.
    pub violations: u64,
}

/// All runs.
#[derive(Debug, Default)]
pub struct Matrix {
    rows: BTreeMap<Kind, Row>,
    failures: Vec<String>,
}

impl Matrix {
    /// What went wrong, each with its command.
    pub fn failures(&self) -> &[String] {
        &self.failures
    }

    /// The figures by main fault.
    pub fn rows(&self) -> &BTreeMap<Kind, Row> {
        &self.rows
    }

    fn add(&mut self, result: &Result) {
        let Some(kind) = result.scenario.faults.first().map(|fault| fault.kind) else { return };
        let row = self.rows.entry(kind).or_default();
        row.runs += 1;
        if let Ok(outcome) = &result.outcome {
            row.blocks += u64::try_from(outcome.blocks.count).unwrap_or(0);
            row.transactions += u64::try_from(outcome.transactions.1).unwrap_or(0);
            row.worst_finality = row.worst_finality.max(outcome.quantile(99).unwrap_or_default());
            row.worst_recovery = row.worst_recovery.max(outcome.recovery.as_ref().map(|r| r.took).unwrap_or_default());
        }
        if let Some(failure) = result.failure() {
            row.violations += 1;
            self.failures.push(failure);
        }
    }
}

/// Runs the scenarios that `seeds` draw, so many at a time. `tell` hears of each when it has ended, in no particular order.
pub fn run(seeds: Range<u64>, largest: usize, threads: NonZeroUsize, mut tell: impl FnMut(u64, &Result)) -> Matrix {
    let next = AtomicU64::new(seeds.start);
    let (sender, results) = mpsc::channel();
    let mut matrix = Matrix::default();
    thread::scope(|scope| {
        for _ in 0..threads.get() {
            let (sender, next, end) = (sender.clone(), &next, seeds.end);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let scenario = draw::scenario(seed, largest);
                    let outcome = run::run(&scenario, |_| ());
                    if sender.send(Result { scenario, outcome }).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut done = 0;
        for result in results {
            done += 1;
            matrix.add(&result);
            tell(done, &result);
        }
    });
    matrix.failures.sort();
    matrix
}

impl fmt::Display for Matrix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "| fault | runs | blocks | transactions | worst p99 | worst recovery | violations |")?;
        writeln!(formatter, "|---|---|---|---|---|---|---|")?;
        let mut all = Row::default();
        for (kind, row) in &self.rows {
            all.runs += row.runs;
            all.blocks += row.blocks;
            all.transactions += row.transactions;
            all.worst_finality = all.worst_finality.max(row.worst_finality);
            all.worst_recovery = all.worst_recovery.max(row.worst_recovery);
            all.violations += row.violations;
            writeln!(formatter, "| {kind} | {row}")?;
        }
        write!(formatter, "| all | {all}")?;
        self.failures.iter().try_for_each(|failure| write!(formatter, "\n{failure}"))
    }
}

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, blocks, transactions, worst_finality, worst_recovery, violations } = self;
        write!(formatter, "{runs} | {blocks} | {transactions} | {worst_finality} s | {worst_recovery} s | {violations} |")
    }
}
