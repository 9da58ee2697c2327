//! What happens in a run: everything that, with the program, decides every byte of it.
//!
//! A scenario is written as flags or as TOML, and prints as the command that replays it. Refuses what cannot happen: a validator
//! that is not there, a fault that ends before it begins.

pub use crate::fault::{Fault, Kind, Moment, shown_places};

use ledger::limits::MAX_VALIDATORS;
use serde::Deserialize;
use std::{collections::BTreeSet, fmt};

/// What is promised of a run, and so checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Nothing wrong is ever final.
    Safety,
    /// And, once faults have ended or are within the model, the ledger goes on.
    Liveness,
}

/// A whole run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scenario {
    /// Decides every random choice: delays, losses, the order of tasks.
    pub seed: u64,
    /// How many validators.
    pub validators: usize,
    /// How long clients send transactions and faults happen, in seconds of virtual time.
    pub seconds: u64,
    /// Transactions per second.
    pub rate: u64,
    /// What is promised.
    pub mode: Mode,
    /// Mean one-way delay between two validators, in milliseconds.
    pub latency_ms: u64,
    /// Standard deviation of that delay, in milliseconds.
    pub jitter_ms: u64,
    /// Messages that are lost, in percent.
    pub loss_percent: u64,
    /// Whether validators have vote guards, as real ones do.
    pub guarded: bool,
    /// What goes wrong.
    pub faults: Vec<Fault>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            seed: 0,
            validators: 4,
            seconds: 30,
            rate: 2,
            mode: Mode::Liveness,
            latency_ms: 20,
            jitter_ms: 5,
            loss_percent: 0,
            guarded: true,
            faults: Vec::new(),
        }
    }
}

/// Why a scenario is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioError {
    /// Not a time.
    #[error("{0} is not a time in seconds with at most three decimals")]
    Time(String),
    /// Not a kind of fault.
    #[error("{0} is not a kind of fault; `chain-node simulate --help` lists them")]
    Kind(String),
    /// Not a fault.
    #[error("{0} is not a fault: it is written kind:places@from..until=amount, for example partition:0-6@10..20")]
    Fault(String),
    /// Not validators.
    #[error("{0} are not places of validators: they are written 0-6,9")]
    Places(String),
    /// Not an amount.
    #[error("{0} is not a whole number")]
    Amount(String),
    /// The fault happens to a validator that is not there.
    #[error("{fault} names a validator that is not there: there are {validators}, counted from 0")]
    NoSuchValidator {
        /// The fault.
        fault: String,
        /// How many there are.
        validators: usize,
    },
    /// The fault ends before it begins, or begins after the run.
    #[error("{0} does not happen within the run")]
    Never(String),
    /// The amount makes no sense for this kind.
    #[error("the amount of {0} is out of bounds")]
    OutOfBounds(String),
    /// Too many or too few validators, or a run too long or too fast.
    #[error("a simulation has 1 to {MAX_VALIDATORS} validators, 1 to 3600 seconds and at most 1000 transactions per second")]
    Size,
    /// Not the TOML of a scenario.
    #[error("the file is not a scenario: {0}")]
    File(String),
}

impl Scenario {
    /// Reads the TOML form.
    ///
    /// # Errors
    /// When it is not a scenario that can happen.
    pub fn from_toml(text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = toml::from_str(text).map_err(|error| ScenarioError::File(error.to_string()))?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Checks that it can happen.
    ///
    /// # Errors
    /// See [`ScenarioError`].
    pub fn check(&self) -> Result<(), ScenarioError> {
        let size = (1..=MAX_VALIDATORS).contains(&self.validators);
        if !size || !(1..=3_600).contains(&self.seconds) || self.rate > 1_000 || self.loss_percent > 100 {
            return Err(ScenarioError::Size);
        }
        for fault in &self.faults {
            let shown = || fault.to_string();
            if fault.who.is_empty() || fault.who.iter().any(|place| *place >= self.validators) {
                return Err(ScenarioError::NoSuchValidator { fault: shown(), validators: self.validators });
            }
            if fault.from >= Moment::seconds(self.seconds) || fault.until.is_some_and(|until| until <= fault.from) {
                return Err(ScenarioError::Never(shown()));
            }
            if !fault.kind.amounts().contains(&fault.amount) {
                return Err(ScenarioError::OutOfBounds(shown()));
            }
        }
        Ok(())
    }

    /// How many validators may be faulty: f = ⌊(n − 1) / 3⌋.
    pub fn tolerated(&self) -> usize {
        self.validators.saturating_sub(1) / 3
    }

    /// How many make a quorum: n − f.
    pub fn quorum(&self) -> usize {
        self.validators - self.tolerated()
    }

    /// Who is wicked.
    pub fn byzantine(&self) -> BTreeSet<usize> {
        self.faults.iter().filter(|fault| fault.kind.is_byzantine()).flat_map(|fault| fault.who.iter().copied()).collect()
    }

    /// Who counts as faulty for agreement: the wicked, and who lost its data. The vote guard keeps the latter from contradicting
    /// itself, and does not bring back what it alone may have kept.
    pub fn unsafe_validators(&self) -> BTreeSet<usize> {
        let wiped = self.faults.iter().filter(|fault| fault.kind == Kind::Wipe).flat_map(|fault| fault.who.iter().copied());
        self.byzantine().into_iter().chain(wiped).collect()
    }

    /// Whether agreement is promised: at most f validators are faulty in this way.
    pub fn is_safe(&self) -> bool {
        self.unsafe_validators().len() <= self.tolerated()
    }

    /// Who does not do its part at `now`; the smaller side of a partition.
    pub fn away(&self, now: Moment) -> BTreeSet<usize> {
        let mut away = self.byzantine();
        for fault in self.faults.iter().filter(|fault| fault.is_on(now)) {
            match fault.kind {
                Kind::Crash | Kind::Wipe | Kind::Silent | Kind::Deaf => away.extend(&fault.who),
                Kind::Clock if fault.amount.abs() > 60 => away.extend(&fault.who),
                Kind::Partition | Kind::Flap if fault.who.len() * 2 <= self.validators => away.extend(&fault.who),
                Kind::Partition | Kind::Flap => away.extend((0..self.validators).filter(|place| !fault.who.contains(place))),
                // Slowed, and there.
                Kind::Clock | Kind::Lossy | Kind::Far | Kind::Narrow | Kind::SlowDisk => {}
                // Counted above, for the whole run.
                Kind::Equivocate | Kind::DoubleVote | Kind::Withhold | Kind::Partial => {}
                Kind::Late | Kind::SkipTurn | Kind::Garbage | Kind::Lie => {}
            }
        }
        away
    }

    /// Who does not do its part when all that ends has ended.
    pub fn away_at_the_end(&self) -> BTreeSet<usize> {
        self.away(Moment::seconds(self.seconds.saturating_add(86_400)))
    }
}

impl fmt::Display for Scenario {
    /// The command that replays it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = match self.mode {
            Mode::Safety => "safety",
            Mode::Liveness => "liveness",
        };
        write!(
            formatter,
            "chain-node simulate --seed {} --validators {} --seconds {} --rate {} --mode {mode} --latency-ms {} --jitter-ms {} --loss-percent {}",
            self.seed, self.validators, self.seconds, self.rate, self.latency_ms, self.jitter_ms, self.loss_percent,
        )?;
        if !self.guarded {
            write!(formatter, " --unguarded")?;
        }
        self.faults.iter().try_for_each(|fault| write!(formatter, " --fault {fault}"))
    }
}

#[cfg(test)]
#[path = "scenario_tests.rs"]
mod tests;
