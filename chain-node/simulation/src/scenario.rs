//! What happens in a run: everything that, with the program, decides every byte of it.
//!
//! A scenario is written as flags or as TOML, and prints as the command that replays it. Refuses what cannot happen: a validator
//! that is not there, a fault that ends before it begins.

use ledger::limits::MAX_VALIDATORS;
use serde::Deserialize;
use std::{collections::BTreeSet, fmt, ops::RangeInclusive, str::FromStr};

/// A time or duration of the simulation, in milliseconds; written in seconds, at most three decimals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub u64);

impl Moment {
    /// Whole seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(seconds * 1_000)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 1_000, self.0 % 1_000) {
            (seconds, 0) => write!(formatter, "{seconds}"),
            (seconds, rest) => {
                let decimals = format!("{rest:03}");
                write!(formatter, "{seconds}.{}", decimals.trim_end_matches('0'))
            }
        }
    }
}

impl FromStr for Moment {
    type Err = ScenarioError;

    fn from_str(text: &str) -> Result<Self, ScenarioError> {
        let error = || ScenarioError::Time(text.to_owned());
        let (seconds, decimals) = text.split_once('.').unwrap_or((text, ""));
        if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(error());
        }
        let seconds: u64 = seconds.parse().map_err(|_| error())?;
        let rest: u64 = format!("{decimals:0<3}").parse().map_err(|_| error())?;
        seconds.checked_mul(1_000).and_then(|ms| ms.checked_add(rest)).map(Self).ok_or_else(error)
    }
}

/// What is promised of a run, and so checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Nothing wrong is ever final.
    Safety,
    /// And, once faults have ended or are within the model, the ledger goes on.
    Liveness,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The machine loses power and what its disk had not synced; it starts again at the end.
    Crash,
    /// As a crash, and it starts again with an empty disk; with the amount 1 its vote guard, on another disk, is lost too.
    Wipe,
    /// These and the others do not hear each other.
    Partition,
    /// As a partition that comes and goes; the amount is its period in seconds.
    Flap,
    /// Nobody hears these; they hear all.
    Silent,
    /// These hear nobody; all hear them.
    Deaf,
    /// Messages from and to these are lost; the amount is in percent.
    Lossy,
    /// Messages from and to these are late; the amount is the one-way delay in milliseconds.
    Far,
    /// These have little bandwidth; the amount is in kbit/s.
    Narrow,
    /// Their disks are slow; the amount is in milliseconds for each sync.
    SlowDisk,
    /// Their clocks are wrong; the amount is in seconds.
    Clock,
    /// As leaders they propose two blocks, one to each half of the others; together they vote for both.
    Equivocate,
    /// They send everybody two votes for every one.
    DoubleVote,
    /// As leaders they keep the block to themselves.
    Withhold,
    /// As leaders they send the block to one fewer than a quorum, and answer nobody who asks for it.
    Partial,
    /// As leaders they send the block late; the amount is in milliseconds.
    Late,
    /// They do not lead when it is their turn.
    SkipTurn,
    /// They send garbage, oversized messages, votes for another ledger, votes of far views, forged certificates and
    /// blocks; the amount chooses one of these, from 1, and with 0 each validator has another.
    Garbage,
    /// Who asks them for blocks, certificates or state gets altered ones.
    Lie,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 19] = [
        Self::Crash,
        Self::Wipe,
        Self::Partition,
        Self::Flap,
        Self::Silent,
        Self::Deaf,
        Self::Lossy,
        Self::Far,
        Self::Narrow,
        Self::SlowDisk,
        Self::Clock,
        Self::Equivocate,
        Self::DoubleVote,
        Self::Withhold,
        Self::Partial,
        Self::Late,
        Self::SkipTurn,
        Self::Garbage,
        Self::Lie,
    ];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Wipe => "wipe",
            Self::Partition => "partition",
            Self::Flap => "flap",
            Self::Silent => "silent",
            Self::Deaf => "deaf",
            Self::Lossy => "lossy",
            Self::Far => "far",
            Self::Narrow => "narrow",
            Self::SlowDisk => "slow-disk",
            Self::Clock => "clock",
            Self::Equivocate => "equivocate",
            Self::DoubleVote => "double-vote",
            Self::Withhold => "withhold",
            Self::Partial => "partial",
            Self::Late => "late",
            Self::SkipTurn => "skip-turn",
            Self::Garbage => "garbage",
            Self::Lie => "lie",
        }
    }

    /// Whether it is a validator's own wickedness, for the whole run.
    pub const fn is_byzantine(self) -> bool {
        match self {
            Self::Equivocate
            | Self::DoubleVote
            | Self::Withhold
            | Self::Partial
            | Self::Late
            | Self::SkipTurn
            | Self::Garbage
            | Self::Lie => true,
            Self::Crash
            | Self::Wipe
            | Self::Partition
            | Self::Flap
            | Self::Silent
            | Self::Deaf
            | Self::Lossy
            | Self::Far
            | Self::Narrow
            | Self::SlowDisk
            | Self::Clock => false,
        }
    }

    /// What the amount may be.
    pub const fn amounts(self) -> RangeInclusive<i64> {
        match self {
            Self::Clock => -86_400..=86_400,
            Self::Lossy => 0..=100,
            Self::Flap => 1..=3_600,
            Self::Narrow => 1..=1_000_000,
            Self::Far | Self::SlowDisk | Self::Late => 0..=60_000,
            Self::Garbage => 0..=6,
            Self::Wipe => 0..=1,
            Self::Crash
            | Self::Partition
            | Self::Silent
            | Self::Deaf
            | Self::Equivocate
            | Self::DoubleVote
            | Self::Withhold
            | Self::Partial
            | Self::SkipTurn
            | Self::Lie => 0..=0,
        }
    }

    /// What the amount is if none is given.
    pub const fn usual_amount(self) -> i64 {
        match self {
            Self::Flap => 2,
            Self::Lossy => 5,
            Self::Far => 125,
            Self::Narrow => 256,
            Self::SlowDisk => 20,
            Self::Clock => 50,
            Self::Late => 2_500,
            Self::Crash
            | Self::Wipe
            | Self::Partition
            | Self::Silent
            | Self::Deaf
            | Self::Equivocate
            | Self::DoubleVote
            | Self::Withhold
            | Self::Partial
            | Self::SkipTurn
            | Self::Garbage
            | Self::Lie => 0,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = ScenarioError;

    fn from_str(text: &str) -> Result<Self, ScenarioError> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| ScenarioError::Kind(text.to_owned()))
    }
}

/// One thing that goes wrong, to whom, and when.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Fault {
    /// What.
    pub kind: Kind,
    /// Places of validators, from 0.
    pub who: BTreeSet<usize>,
    /// When it begins.
    pub from: Moment,
    /// When it ends, if it does before the run does.
    pub until: Option<Moment>,
    /// How much; the unit is the kind's.
    pub amount: i64,
}

impl Fault {
    /// Whether it is there at `now`.
    pub fn is_on(&self, now: Moment) -> bool {
        self.from <= now && self.until.is_none_or(|until| now < until)
    }
}

/// `kind:places[@from[..until]][=amount]`, for example `partition:0-6@10..20` or `clock:3@5=-40`.
impl FromStr for Fault {
    type Err = ScenarioError;

    fn from_str(text: &str) -> Result<Self, ScenarioError> {
        let (rest, amount) = match text.split_once('=') {
            Some((rest, amount)) => (rest, Some(amount.parse().map_err(|_| ScenarioError::Amount(amount.to_owned()))?)),
            None => (text, None),
        };
        let (rest, times) = rest.split_once('@').unwrap_or((rest, "0"));
        let (from, until) = times.split_once("..").map_or((times, None), |(from, until)| (from, Some(until)));
        let (kind, who) = rest.split_once(':').ok_or_else(|| ScenarioError::Fault(text.to_owned()))?;
        let kind: Kind = kind.parse()?;
        Ok(Self {
            kind,
            who: places(who)?,
            from: from.parse()?,
            until: until.map(str::parse).transpose()?,
            amount: amount.unwrap_or(kind.usual_amount()),
        })
    }
}

impl TryFrom<String> for Fault {
    type Error = ScenarioError;

    fn try_from(text: String) -> Result<Self, ScenarioError> {
        text.parse()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}@{}", self.kind, shown_places(&self.who), self.from)?;
        if let Some(until) = self.until {
            write!(formatter, "..{until}")?;
        }
        if self.amount != self.kind.usual_amount() {
            write!(formatter, "={}", self.amount)?;
        }
        Ok(())
    }
}

fn places(text: &str) -> Result<BTreeSet<usize>, ScenarioError> {
    let error = || ScenarioError::Places(text.to_owned());
    let mut places = BTreeSet::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().map_err(|_| error())?, last.parse().map_err(|_| error())?);
        if last >= MAX_VALIDATORS || first > last {
            return Err(error());
        }
        places.extend(first..=last);
    }
    Ok(places)
}

/// The places with runs drawn together: `0-6,9`.
pub fn shown_places(places: &BTreeSet<usize>) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for place in places {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *place => *last = *place,
            Some(_) | None => runs.push((*place, *place)),
        }
    }
    let run = |(first, last): (usize, usize)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    runs.into_iter().map(run).collect::<Vec<_>>().join(",")
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
