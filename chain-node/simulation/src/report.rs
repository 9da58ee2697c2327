//! What a run was: figures in virtual time, every rule with its verdict, and the fingerprint that two equal runs share.

use crate::{
    clients::Clients,
    council::Decided,
    log::{Rule, Seen},
    scenario::{Moment, Scenario, shown_places},
    world::World,
};
use chain_node::{
    fork::Proof,
    guard::{Start, VoteGuard},
};
use data_encoding::HEXLOWER;
use ledger::Hash;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

/// After the last fault, and once every decision of the members is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// How long until every healthy validator had a new transaction.
    pub took: Moment,
    /// Who never had it.
    pub missing: Vec<usize>,
}

/// With too few validators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Halt {
    /// What a node says is missing.
    pub reason: Option<String>,
    /// Who made something final nevertheless.
    pub grown: Option<usize>,
}

/// A validator whose disk was emptied and that has a vote guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Returned {
    /// It votes after this view; none while it has not found out.
    pub votes_after: Option<u64>,
    /// Whether it has voted since.
    pub voted: bool,
}

/// Blocks of a run, in short.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blocks {
    /// How many became final.
    pub count: usize,
    /// Their last height.
    pub height: u64,
    /// Its digest.
    pub digest: Hash,
    /// The state's root after it.
    pub state_root: Hash,
    /// Views that they took.
    pub views: u64,
    /// Views that were given up.
    pub nullified: u64,
    /// The longest time between two of them.
    pub longest_gap: Moment,
}

/// A height with two blocks, both with a quorum's certificate: whoever signed both is proven guilty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    /// The height.
    pub height: u64,
    /// The places of the validators whose signatures are under both.
    pub guilty: BTreeSet<usize>,
}

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What was run.
    pub scenario: Scenario,
    /// Its blocks.
    pub blocks: Blocks,
    /// Transactions sent, and how many became final.
    pub transactions: (usize, usize),
    /// From sending to final, shortest first.
    pub latencies: Vec<Moment>,
    /// Times between two blocks while clients sent, shortest first.
    pub intervals: Vec<Moment>,
    /// What the members decided, and since when it is in force.
    pub decided: Vec<Decided>,
    /// Validators that honest ones saw contradict themselves, and in how many views.
    pub evidence: BTreeMap<usize, usize>,
    /// After the last fault, if a quorum was left.
    pub recovery: Option<Recovery>,
    /// If none was.
    pub halt: Option<Halt>,
    /// Who was emptied and has a vote guard, and what it may do since.
    pub returned: BTreeMap<usize, Returned>,
    /// Who was cut off by whom.
    pub cut_off: BTreeSet<(usize, usize)>,
    /// Views in which the wicked made two blocks.
    pub plotted_views: usize,
    /// Heights with two blocks, and the places of those whose signatures are under both.
    pub forks: Vec<Fork>,
    /// What honest validators wrote down when they were shown the second block, before they stopped.
    pub fork_proofs: Vec<Proof>,
    /// Finality certificates that the light client checked.
    pub certificates: u64,
    /// Rules that were broken, with what was seen.
    pub broken: BTreeMap<Rule, String>,
    /// The same for equal runs, and only for them.
    pub fingerprint: Hash,
}

impl Outcome {
    /// Gathers what was seen.
    pub fn new(world: &World, clients: &Clients, recovery: Option<Recovery>, halt: Option<Halt>) -> Self {
        let scenario = world.scenario().clone();
        let place = |key: &[u8; 32]| world.place_of(key);
        let forks = world.log().forks();
        let forks = forks
            .iter()
            .map(|fork| Fork { height: fork.height, guilty: fork.guilty.iter().filter_map(place).collect() })
            .collect();
        // While members change it may be that those who are left are enough for the set of the moment.
        if let Some(Halt { grown: Some(place), .. }) = &halt
            && scenario.byzantine().len() <= scenario.tolerated()
            && scenario.changes().is_empty()
        {
            world.log().breaks(Rule::Halt, format!("validator {place} made a block final without a quorum"));
        }
        let seen = world.log().blocks();
        Self {
            blocks: blocks(&seen),
            intervals: intervals(&seen, Moment::seconds(scenario.seconds)),
            transactions: clients.counts(),
            latencies: clients.latencies(),
            recovery,
            halt,
            returned: returned(world),
            decided: Vec::new(),
            evidence: BTreeMap::new(),
            cut_off: BTreeSet::new(),
            plotted_views: world.plotted_views(),
            forks,
            fork_proofs: world.fork_proofs(),
            certificates: world.log().certificates(),
            broken: world.log().broken(),
            fingerprint: [0; 32],
            scenario,
        }
    }

    /// The rules that were broken although the scenario is one in which they hold.
    pub fn violations(&self) -> BTreeMap<Rule, String> {
        let mut violations = self.broken.clone();
        if !self.scenario.is_safe() {
            // More than f contradict themselves: agreement is lost. What remains is that it is seen, and by whom it was broken.
            violations.retain(|rule, _| *rule == Rule::LightClient);
            let innocent =
                self.forks.iter().find(|fork| fork.guilty.is_empty() || !fork.guilty.is_subset(&self.scenario.byzantine()));
            if let Some(fork) = innocent {
                violations.insert(Rule::Agreement, format!("the fork at height {} does not prove who made it", fork.height));
            }
        }
        violations
    }

    /// A latency that this share of the transactions did not exceed.
    pub fn quantile(&self, percent: usize) -> Option<Moment> {
        quantile(&self.latencies, percent)
    }

    /// A time between blocks that this share of them did not exceed, while clients sent.
    pub fn interval(&self, percent: usize) -> Option<Moment> {
        quantile(&self.intervals, percent)
    }
}

fn quantile(ascending: &[Moment], percent: usize) -> Option<Moment> {
    let place = (ascending.len() * percent).div_ceil(100).checked_sub(1)?;
    ascending.get(place).copied()
}

fn intervals(seen: &[Seen], until: Moment) -> Vec<Moment> {
    let under_load: Vec<u64> = seen.iter().map(|seen| seen.at_ms).filter(|at_ms| *at_ms <= until.0).collect();
    let pairs = under_load.iter().zip(under_load.iter().skip(1));
    let mut intervals: Vec<Moment> = pairs.map(|(before, after)| Moment(after.saturating_sub(*before))).collect();
    intervals.sort_unstable();
    intervals
}

fn returned(world: &World) -> BTreeMap<usize, Returned> {
    let returned = |(place, guard): (usize, Arc<VoteGuard>)| {
        let votes_after = match guard.start() {
            Start::After(round) => Some(round.view),
            Start::AskOthers => None,
        };
        (place, Returned { votes_after, voted: guard.has_voted() })
    };
    world.returned().into_iter().map(returned).collect()
}

fn blocks(seen: &[Seen]) -> Blocks {
    let Some(last) = seen.last() else { return Blocks::default() };
    // Between a block and its parent lie the views that were given up; the first of an epoch has no parent in it.
    let nullified = seen.iter().map(|seen| {
        let context = &seen.header.context;
        context.view.saturating_sub(context.parent_view).saturating_sub(1)
    });
    let nullified: u64 = nullified.sum();
    let gaps = seen.windows(2).map(|pair| match pair {
        [before, after] => after.at_ms.saturating_sub(before.at_ms),
        _ => 0,
    });
    Blocks {
        count: seen.len(),
        height: last.header.height,
        digest: last.digest,
        state_root: last.header.state_root,
        views: last.header.height + nullified,
        nullified,
        longest_gap: Moment(gaps.max().unwrap_or(0)),
    }
}

impl Outcome {
    fn show_members(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Decided { change, epoch } in &self.decided {
            let by = change.successor.map(|place| format!(", now validator {place},")).unwrap_or_default();
            writeln!(
                formatter,
                "members        to {} validator {}{by} is in force from epoch {epoch} on",
                change.kind, change.place
            )?;
        }
        for (place, offences) in &self.evidence {
            writeln!(formatter, "evidence       validator {place} contradicted itself in {offences} views")?;
        }
        let accused: BTreeSet<usize> = self.cut_off.iter().map(|(_, to)| *to).collect();
        writeln!(formatter, "cut off        {}", if accused.is_empty() { "nobody".to_owned() } else { shown_places(&accused) })?;
        Ok(())
    }

    fn show_rules(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let violations = self.violations();
        for rule in Rule::ALL {
            let verdict = match (violations.get(&rule), self.broken.get(&rule)) {
                (Some(what), _) => format!("BROKEN: {what}"),
                (None, Some(what)) => format!("not promised beyond the model: {what}"),
                (None, None) => "held".to_owned(),
            };
            writeln!(formatter, "  {:<52} {verdict}", rule.sentence())?;
        }
        Ok(())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sent, done) = self.transactions;
        let blocks = &self.blocks;
        writeln!(
            formatter,
            "blocks         {} final in {} views, {} views given up",
            blocks.count, blocks.views, blocks.nullified
        )?;
        writeln!(formatter, "transactions   {done} of {sent} final")?;
        if let (Some(half), Some(most)) = (self.quantile(50), self.quantile(99)) {
            let gap = blocks.longest_gap.0;
            writeln!(
                formatter,
                "finality       p50 {} ms, p99 {} ms, longest gap between blocks {gap} ms (virtual time)",
                half.0, most.0
            )?;
        }
        if let Some(Recovery { took, missing }) = &self.recovery {
            match missing.as_slice() {
                [] => writeln!(formatter, "after faults   every healthy validator had a new transaction in {took} s")?,
                missing => writeln!(formatter, "after faults   validators {missing:?} had no new transaction in {took} s")?,
            }
        }
        match &self.halt {
            Some(Halt { grown: Some(place), .. }) => writeln!(formatter, "not halted     validator {place} went on")?,
            Some(halt) => writeln!(formatter, "halted         {}", halt.reason.as_deref().unwrap_or("no reason is given"))?,
            None => {}
        }
        for (place, Returned { votes_after, voted }) in &self.returned {
            let again = if *voted { "and voted again" } else { "and has not voted again" };
            match votes_after {
                Some(view) => writeln!(formatter, "vote guard     validator {place} votes after view {view}, {again}")?,
                None => {
                    writeln!(formatter, "vote guard     validator {place} waits for the others to say how far the ledger is")?
                }
            }
        }
        self.show_members(formatter)?;
        if self.plotted_views > 0 {
            writeln!(formatter, "two blocks     in {} views", self.plotted_views)?;
        }
        for fork in &self.forks {
            writeln!(
                formatter,
                "FORK           at height {}; under both certificates: {}",
                fork.height,
                shown_places(&fork.guilty)
            )?;
        }
        writeln!(formatter, "certificates   {} checked by a light client", self.certificates)?;
        self.show_rules(formatter)?;
        writeln!(formatter, "height         {}", blocks.height)?;
        writeln!(formatter, "digest         {}", HEXLOWER.encode(&blocks.digest))?;
        writeln!(formatter, "state root     {}", HEXLOWER.encode(&blocks.state_root))?;
        write!(formatter, "fingerprint    {}", HEXLOWER.encode(&self.fingerprint))
    }
}
