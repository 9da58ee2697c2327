//! What happens in a run: everything that, with the program, decides every byte of it.
//!
//! A scenario is written as flags or as TOML, and prints as the command that replays it. Refuses what cannot happen: a validator
//! that is not there, a fault that ends before it begins, a member that nobody admits.

pub use crate::fault::{Fault, Kind, Moment, shown_places};

use ledger::limits::{MAX_VALIDATORS, MIN_EPOCH_BLOCKS};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt};

/// Blocks of an epoch where members change and nothing else is said: short, so that a run has several.
const EPOCH_BLOCKS: u64 = 12;

/// What is promised of a run, and so checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Nothing wrong is ever final (I1, I2). Faults may be as many as they like, but for liars and the wiped, and may stay: the run
    /// ends in the middle of them.
    Safety,
    /// And the ledger goes on (I9): faults that end have ended, those that stay leave a quorum that hears each other, and everybody
    /// who is not away has a new transaction. Where too few are left, the ledger halts and says who is missing.
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
    /// Blocks of an epoch. Without it the ledger is not governed, unless its members change.
    pub epoch_blocks: Option<u64>,
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
            epoch_blocks: None,
            faults: Vec::new(),
        }
    }
}

/// One decision of the members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Which sort of.
    pub kind: Kind,
    /// Who comes, goes, or gets another key.
    pub place: usize,
    /// Where the node with the other key is.
    pub successor: Option<usize>,
    /// When it is proposed.
    pub at: Moment,
    /// Whether the old key goes on voting.
    pub haunts: bool,
}

impl Change {
    /// Whose node starts with it.
    pub fn newcomer(&self) -> Option<usize> {
        if self.kind == Kind::Admit { Some(self.place) } else { self.successor }
    }

    /// Who is no validator any more after it.
    pub fn leaver(&self) -> Option<usize> {
        (self.kind != Kind::Admit).then_some(self.place)
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
    /// The places of newcomers leave a gap, or stand twice.
    #[error("newcomers have the places after the validators of the genesis, each once: from {first} on, without a gap")]
    Newcomers {
        /// The first such place.
        first: usize,
    },
    /// Somebody would go twice, or nobody would stay.
    #[error("{0}: who is removed or gets another key is a validator once and goes once, and one of the genesis stays")]
    Leaver(String),
    /// A decision that ends.
    #[error("{0} is a decision of the members, which has no end")]
    Undecided(String),
    /// Too short an epoch.
    #[error("an epoch has at least {MIN_EPOCH_BLOCKS} blocks")]
    Epoch,
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
        self.check_members()?;
        let places = self.places();
        for fault in &self.faults {
            let shown = || fault.to_string();
            if fault.who.is_empty() || fault.who.iter().any(|place| *place >= places) {
                return Err(ScenarioError::NoSuchValidator { fault: shown(), validators: places });
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

    fn check_members(&self) -> Result<(), ScenarioError> {
        if self.epoch_blocks.is_some_and(|blocks| blocks < MIN_EPOCH_BLOCKS) {
            return Err(ScenarioError::Epoch);
        }
        let decided = |fault: &&Fault| fault.kind.changes_members();
        if let Some(fault) = self.faults.iter().filter(decided).find(|fault| fault.until.is_some()) {
            return Err(ScenarioError::Undecided(fault.to_string()));
        }
        let mut newcomers: Vec<usize> = self.of_kind(Kind::Admit).flat_map(|fault| fault.who.iter().copied()).collect();
        newcomers.sort_unstable();
        if newcomers.iter().zip(self.validators..).any(|(place, expected)| *place != expected) {
            return Err(ScenarioError::Newcomers { first: self.validators });
        }
        let known = self.validators + newcomers.len();
        let mut gone = BTreeSet::new();
        for fault in self.of_kind(Kind::Remove).chain(self.of_kind(Kind::Rotate)) {
            if fault.who.iter().any(|place| *place >= known || !gone.insert(*place)) {
                return Err(ScenarioError::Leaver(fault.to_string()));
            }
        }
        let removed: BTreeSet<usize> = self.of_kind(Kind::Remove).flat_map(|fault| fault.who.iter().copied()).collect();
        match self.of_kind(Kind::Remove).next() {
            Some(fault) if (0..self.validators).all(|place| removed.contains(&place)) => {
                Err(ScenarioError::Leaver(fault.to_string()))
            }
            Some(_) | None if self.places() > MAX_VALIDATORS => Err(ScenarioError::Size),
            Some(_) | None => Ok(()),
        }
    }

    fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Fault> {
        self.faults.iter().filter(move |fault| fault.kind == kind)
    }

    /// Blocks of an epoch, if the ledger is governed.
    pub fn epoch_blocks(&self) -> Option<u64> {
        let changes = self.faults.iter().any(|fault| fault.kind.changes_members());
        self.epoch_blocks.or(changes.then_some(EPOCH_BLOCKS))
    }

    /// What the members decide. Whoever gets another key has its new node in a place of its own, after those of the newcomers.
    pub fn changes(&self) -> Vec<Change> {
        let mut successor = self.validators + self.of_kind(Kind::Admit).map(|fault| fault.who.len()).sum::<usize>();
        let mut changes = Vec::new();
        for fault in self.faults.iter().filter(|fault| fault.kind.changes_members()) {
            for place in &fault.who {
                let rotates = (fault.kind == Kind::Rotate).then_some(successor);
                successor += usize::from(rotates.is_some());
                let (kind, at, haunts) = (fault.kind, fault.from, fault.amount == 1);
                changes.push(Change { kind, place: *place, successor: rotates, at, haunts });
            }
        }
        changes
    }

    /// How many nodes there are: those of the genesis, of newcomers, and with other keys.
    pub fn places(&self) -> usize {
        self.validators + self.changes().iter().filter(|change| change.newcomer().is_some()).count()
    }

    /// Who is a validator when every decision is in force.
    pub fn members_at_the_end(&self) -> BTreeSet<usize> {
        let changes = self.changes();
        let mut members: BTreeSet<usize> = (0..self.validators).chain(changes.iter().filter_map(Change::newcomer)).collect();
        changes.iter().filter_map(Change::leaver).for_each(|place| {
            members.remove(&place);
        });
        members
    }

    /// Whose old keys go on voting.
    pub fn ghosts(&self) -> BTreeSet<usize> {
        self.changes().iter().filter(|change| change.haunts).map(|change| change.place).collect()
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

    /// Whether agreement is promised: at most f validators are faulty in this way, in whatever order the members' decisions come into
    /// force. The worst set has every faulty newcomer and no other, and has lost every healthy leaver and no other.
    pub fn is_safe(&self) -> bool {
        let (faulty, changes) = (self.unsafe_validators(), self.changes());
        let admitted = |change: &&Change| change.kind == Kind::Admit && faulty.contains(&change.place);
        let lost = |change: &&Change| change.kind == Kind::Remove && !faulty.contains(&change.place);
        // A validator and its successor are never in one set.
        let twice = |change: &&Change| {
            faulty.contains(&change.place) && change.successor.is_some_and(|successor| faulty.contains(&successor))
        };
        let count = |which: &dyn Fn(&&Change) -> bool| changes.iter().filter(|change| which(change)).count();
        let size = (self.validators + count(&admitted)).saturating_sub(count(&lost));
        faulty.len() - count(&twice) <= size.saturating_sub(1) / 3
    }

    /// How many may be faulty when every decision is in force.
    pub fn tolerated_at_the_end(&self) -> usize {
        self.members_at_the_end().len().saturating_sub(1) / 3
    }

    /// Who does not do its part at `now`; the smaller side of a partition.
    pub fn away(&self, now: Moment) -> BTreeSet<usize> {
        let mut away = self.byzantine();
        for fault in self.faults.iter().filter(|fault| fault.is_on(now)) {
            match fault.kind {
                Kind::Crash | Kind::Wipe | Kind::Silent | Kind::Deaf => away.extend(&fault.who),
                Kind::Clock if fault.amount.abs() > 60 => away.extend(&fault.who),
                Kind::Partition | Kind::Flap if fault.who.len() * 2 <= self.validators => away.extend(&fault.who),
                Kind::Partition | Kind::Flap => away.extend((0..self.places()).filter(|place| !fault.who.contains(place))),
                // Slowed, and there.
                Kind::Clock | Kind::Lossy | Kind::Far | Kind::Narrow | Kind::SlowDisk => {}
                // Counted above, for the whole run.
                Kind::Equivocate | Kind::DoubleVote | Kind::Withhold | Kind::Partial => {}
                Kind::Late | Kind::SkipTurn | Kind::Garbage | Kind::Lie => {}
                // Who comes and goes is the members' to say, and does its part.
                Kind::Admit | Kind::Remove | Kind::Rotate => {}
            }
        }
        away
    }

    /// Which members do not do their part when all that ends has ended.
    pub fn away_at_the_end(&self) -> BTreeSet<usize> {
        let away = self.away(Moment::seconds(self.seconds.saturating_add(86_400)));
        away.intersection(&self.members_at_the_end()).copied().collect()
    }

    /// Which members do.
    pub fn healthy_at_the_end(&self) -> Vec<usize> {
        self.members_at_the_end().difference(&self.away_at_the_end()).copied().collect()
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
        if let Some(blocks) = self.epoch_blocks {
            write!(formatter, " --epoch-blocks {blocks}")?;
        }
        self.faults.iter().try_for_each(|fault| write!(formatter, " --fault {fault}"))
    }
}

#[cfg(test)]
#[path = "scenario_tests.rs"]
mod tests;
