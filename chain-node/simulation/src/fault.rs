//! One thing that goes wrong, as text: what, to whom, when, and how much.
//!
//! Refuses what is not written so. Whether it can happen in a run is the scenario's to say.

use crate::scenario::ScenarioError;
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
    /// The members admit these, whose nodes start now.
    Admit,
    /// The members remove these; with the amount 1 they go on voting with their old keys.
    Remove,
    /// The members give these other keys, with which other nodes start now; with the amount 1 the old ones go on voting.
    Rotate,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 22] = [
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
        Self::Admit,
        Self::Remove,
        Self::Rotate,
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
            Self::Admit => "admit",
            Self::Remove => "remove",
            Self::Rotate => "rotate",
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
            | Self::Clock
            | Self::Admit
            | Self::Remove
            | Self::Rotate => false,
        }
    }

    /// Whether it is a decision of the members about who is one, which begins at its time and has no end.
    pub const fn changes_members(self) -> bool {
        matches!(self, Self::Admit | Self::Remove | Self::Rotate)
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
            Self::Wipe | Self::Remove | Self::Rotate => 0..=1,
            Self::Admit
            | Self::Crash
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
            | Self::Lie
            | Self::Admit
            | Self::Remove
            | Self::Rotate => 0,
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
