//! Drills on a running city: what its operators rehearse. Each says what it does, what is expected and what was seen, and fails when the
//! two differ.
//!
//! A drill is a client like any other: it believes what is proven with the genesis. It leaves the city as its text says; `heal` ends all.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Subcommand;

use crate::control::{self, Desk, Order, Running};
use crate::members::tolerated;
use crate::membership;
use crate::observe::{Observer, Writer, now, percentile};
use crate::plan::Plan;
use crate::world::World;

/// How long a ledger without a quorum is watched.
const HALT_WATCH: Duration = Duration::from_secs(8);
/// How long a healed member may take to be where the others are.
const CATCH_UP_LIMIT: Duration = Duration::from_secs(60);
/// How long anything else may take.
const LIMIT: Duration = Duration::from_secs(30);

/// A drill.
#[derive(Clone, Debug, Subcommand)]
pub enum Drill {
    /// Cuts the power of a whole cluster: service goes on.
    ClusterLoss {
        /// The cluster; else the first.
        cluster: Option<String>,
    },
    /// With a cluster lost, cuts one more: the ledger halts, says who is away, and loses nothing.
    OneMore,
    /// Starts and resumes all that is down; everybody catches up and everything acknowledged is there.
    Heal,
    /// Cuts a cluster off by pausing its processes (their connections stay open and silent), then lets them go on: no fork.
    SitePartition {
        /// The cluster; else the first.
        cluster: Option<String>,
    },
    /// Kills the leader in its turn: its turn is given up and another leads.
    KillLeader,
    /// Removes a validator's data: it comes back by what the others have.
    Wipe {
        /// The validator.
        validator: String,
    },
    /// The departments admit a new validator and let an old one go, while clients write. Needs a city with short epochs
    /// (`cargo city --epoch-blocks 20 --directory …`).
    Members,
}

/// What a drill prints, and whether all was as expected.
pub struct Log<'a> {
    say: &'a (dyn Fn(&str) + Sync),
    differs: Vec<String>,
}

impl<'a> Log<'a> {
    /// An empty log that is said as it grows.
    pub fn new(say: &'a (dyn Fn(&str) + Sync)) -> Self {
        Self { say, differs: Vec::new() }
    }

    /// What is done now.
    pub fn does(&self, text: &str) {
        (self.say)(&format!("does      {text}"));
    }

    /// What should come of it.
    pub fn expects(&self, text: &str) {
        (self.say)(&format!("expects   {text}"));
    }

    /// What was seen, and whether it is what was expected.
    pub fn sees(&mut self, holds: bool, text: &str) {
        (self.say)(&format!("sees    {} {text}", if holds { "✓" } else { "✗" }));
        if !holds {
            self.differs.push(text.to_owned());
        }
    }

    /// The verdict.
    pub fn verdict(self, meaning: &str) -> Result<()> {
        if !self.differs.is_empty() {
            bail!("the drill failed: {}", self.differs.join("; "));
        }
        (self.say)(&format!("verdict   passed: {meaning}"));
        Ok(())
    }
}

/// Runs a drill on the running city of a plan.
///
/// # Errors
/// When the city does not run, the drill does not fit its present state, or something else was seen than expected.
pub async fn run(plan: &Plan, drill: &Drill, say: &(dyn Fn(&str) + Sync)) -> Result<()> {
    let stage = Stage { plan, desk: Desk::of(plan)?, observer: Observer::of(plan)? };
    let log = Log::new(say);
    match drill {
        Drill::ClusterLoss { cluster } => stage.cluster_loss(log, cluster.as_deref()).await,
        Drill::OneMore => stage.one_more(log).await,
        Drill::Heal => stage.heal(log).await,
        Drill::SitePartition { cluster } => stage.site_partition(log, cluster.as_deref()).await,
        Drill::KillLeader => stage.kill_leader(log).await,
        Drill::Wipe { validator } => stage.wipe(log, validator).await,
        Drill::Members => membership::rehearse(plan, &stage.desk, log).await,
    }
}

/// Runs drills on a city that this process holds, and obeys their orders meanwhile.
///
/// # Errors
/// The first drill's that fails.
pub async fn rehearse(world: &mut World, drills: &[Drill], say: &(dyn Fn(&str) + Sync)) -> Result<()> {
    let directory = world.plan().directory().to_owned();
    let all = async {
        for drill in drills {
            // Anew, for a drill may have changed it.
            let plan = Plan::open(&directory)?.context("the city has a plan")?;
            run(&plan, drill, say).await?;
        }
        Ok(())
    };
    tokio::select! {
        // First, so that the desk is open when the first drill comes.
        biased;
        served = control::serve(world) => served,
        done = all => done,
    }
}

struct Stage<'a> {
    plan: &'a Plan,
    desk: Desk,
    observer: Observer,
}

impl Stage<'_> {
    fn validators(&self) -> Vec<String> {
        self.plan.validators.iter().map(|v| v.name.clone()).collect()
    }

    /// The validators that run and are not paused, and the others.
    async fn present(&self) -> Result<(Vec<String>, Vec<String>)> {
        let running = self.desk.processes().await?;
        let here = |name: &String| running.get(name).is_some_and(|process| !process.paused);
        Ok(self.validators().into_iter().partition(here))
    }

    fn cluster(&self, named: Option<&str>) -> Result<(String, Vec<String>)> {
        let mut clusters: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for validator in &self.plan.validators {
            clusters.entry(&validator.cluster).or_default().push(validator.name.clone());
        }
        let first = self.plan.validators.first().map(|v| v.cluster.as_str());
        let name = named.or(first).context("the city has no validators")?;
        let members = clusters.remove(name);
        let known = clusters.keys().copied().collect::<Vec<_>>().join(", ");
        let members = members.with_context(|| format!("there is no cluster {name}; there are {known}"))?;
        ensure!(!name.is_empty(), "this city is of an older version and knows no clusters; start a new one in another directory");
        Ok((name.to_owned(), members))
    }

    /// A few transactions, for the log.
    async fn figures(&self, names: &[String], count: usize) -> Result<String> {
        let times = Writer::through(self.plan, names)?.write_several(count).await?;
        let (p50, p99) = (percentile(&times, 50), percentile(&times, 99));
        Ok(format!("{count} of {count} transactions final, p50 {p50:.0} ms, p99 {p99:.0} ms"))
    }

    async fn highest(&self, names: &[String]) -> Result<u64> {
        self.observer.heights(names).await.into_values().max().context("no validator answers")
    }

    async fn cluster_loss(&self, mut log: Log<'_>, named: Option<&str>) -> Result<()> {
        let (name, members) = self.cluster(named)?;
        let (present, away) = self.present().await?;
        ensure!(away.is_empty(), "{} are away already; run `cargo city drill heal` first", away.join(", "));
        let rest: Vec<String> = present.into_iter().filter(|one| !members.contains(one)).collect();
        log.does(&format!("writes to the ledger with all {} validators", self.plan.validators.len()));
        let before = self.figures(&self.validators(), 10).await?;
        log.sees(true, &before);
        log.does(&format!("cuts the power of cluster {name}: kills {} at one moment", members.join(", ")));
        log.expects(&format!("the {} others go on: {} may fail", rest.len(), tolerated(self.plan.validators.len())));
        let height = self.highest(&rest).await?;
        self.desk.order(&Order::Kill(members)).await?;
        let writer = Writer::through(self.plan, &rest)?;
        let first = writer.write().await.context("the ledger stopped with the cluster")?;
        log.sees(true, &format!("the first transaction after the loss was final after {:.1} s", first.as_secs_f64()));
        log.sees(true, &self.figures(&rest, 15).await?);
        let after = self.highest(&rest).await?;
        log.sees(after > height, &format!("height {height} before, {after} now"));
        let stand = writer.all_stand().await;
        log.sees(stand.is_ok(), &all_there(&stand));
        log.verdict("service went on without the cluster. `cargo city drill one-more` goes further, `heal` brings it back")
    }

    async fn one_more(&self, mut log: Log<'_>) -> Result<()> {
        let (present, away) = self.present().await?;
        let (validators, tolerated) = (self.plan.validators.len(), tolerated(self.plan.validators.len()));
        let quorum = validators - tolerated;
        ensure!(
            away.len() == tolerated && tolerated > 0,
            "{} of {validators} are away; this drill begins when {tolerated} are: run `cargo city drill cluster-loss` first",
            away.len()
        );
        let (last, rest) = present.split_last().context("nobody is here")?;
        log.does(&format!("kills {last} too: {} of {validators} are left", rest.len()));
        log.expects(&format!("the ledger halts, for {quorum} are needed; it says who is away; what it acknowledged stays"));
        self.desk.order(&Order::Kill(vec![last.clone()])).await?;
        let witness = rest.first().context("nobody is left")?;
        let said = self.says_quorum_away(witness).await?;
        log.sees(said.contains(&format!("{quorum} are needed")), &format!("{witness} is not ready: {said}"));
        let height = self.highest(rest).await?;
        let refused = Writer::through(self.plan, rest)?.within(HALT_WATCH).write().await;
        log.sees(refused.is_err(), "a transaction is taken and does not become final");
        let still = self.highest(rest).await?;
        log.sees(height == still, &format!("height {height} stays for {} s", HALT_WATCH.as_secs()));
        let status = self.observer.status(witness).await?;
        let missing: Vec<String> =
            status.validators.iter().filter(|v| v.connected == Some(false)).map(|v| self.described(&v.name)).collect();
        log.sees(missing.len() == away.len() + 1, &format!("any one of these must return: {}", missing.join(", ")));
        let stand = Writer::through(self.plan, rest)?.all_stand().await;
        log.sees(stand.is_ok(), &all_there(&stand));
        log.verdict("the ledger waits for one member and lost nothing. `cargo city drill heal` brings all back")
    }

    fn described(&self, name: &str) -> String {
        let validator = self.plan.validators.iter().find(|v| v.name == name);
        validator.map_or_else(|| name.to_owned(), |v| format!("{name} of {} in {}", v.authority, v.cluster))
    }

    /// What a node's readiness says once it has noticed that the quorum is away.
    async fn says_quorum_away(&self, name: &str) -> Result<String> {
        let says = async {
            loop {
                let (ready, text) = crate::world::readiness(self.plan, name).await?;
                if !ready && text.contains("quorum away") {
                    let json: serde_json::Value = serde_json::from_str(&text)?;
                    let consensus = json.pointer("/checks/consensus").and_then(serde_json::Value::as_str);
                    return anyhow::Ok(consensus.unwrap_or(&text).to_owned());
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(LIMIT, says).await.with_context(|| format!("{name} did not say that the quorum is away"))?
    }

    async fn heal(&self, mut log: Log<'_>) -> Result<()> {
        let running = self.desk.processes().await?;
        let (paused, down) = absent(&self.validators(), &running);
        log.does(&format!("starts {} validators and lets {} go on", down.len(), paused.len()));
        log.expects("everybody is at the tip, with the same blocks, and everything acknowledged is there");
        let started = now();
        self.desk.order(&Order::Resume(paused)).await?;
        self.desk.order(&Order::Start(down)).await?;
        let all = self.validators();
        let first = Writer::through(self.plan, &all)?.write().await?;
        log.sees(true, &format!("the first transaction was final after {:.1} s", first.as_secs_f64()));
        self.sees_everybody(&mut log).await?;
        log.sees(true, &format!("all of this took {:.1} s", started.elapsed().as_secs_f64()));
        log.verdict("the ledger is whole")
    }

    /// Everybody reaches the tip, has the same blocks, and each alone proves what was acknowledged.
    async fn sees_everybody(&self, log: &mut Log<'_>) -> Result<()> {
        let all = self.validators();
        let tip = self.highest(&all).await?;
        for name in &all {
            let reached = self.observer.reaches(name, tip, CATCH_UP_LIMIT).await;
            if let Err(error) = reached {
                log.sees(false, &format!("{error:#}"));
            }
        }
        log.sees(true, &format!("{} validators have finalized height {tip}", all.len()));
        let sample = [tip, tip.saturating_sub(1), tip / 2, 1].map(|height| height.max(1));
        let same = self.observer.same_blocks(&all, sample).await;
        log.sees(same.is_ok(), &same.map_or_else(|error| format!("{error:#}"), |()| "the same blocks on all of them".to_owned()));
        let stand = Writer::through(self.plan, &all)?.all_stand().await;
        log.sees(stand.is_ok(), &all_there(&stand));
        Ok(())
    }

    async fn site_partition(&self, mut log: Log<'_>, named: Option<&str>) -> Result<()> {
        let (name, members) = self.cluster(named)?;
        let (_, away) = self.present().await?;
        ensure!(away.is_empty(), "{} are away already; run `cargo city drill heal` first", away.join(", "));
        let rest: Vec<String> = self.validators().into_iter().filter(|one| !members.contains(one)).collect();
        log.does(&format!(
            "cuts cluster {name} off: pauses its {} processes (SIGSTOP); connections stay open and silent",
            members.len()
        ));
        log.expects("the others go on; after the cut the cluster catches up, and nobody has another block");
        self.desk.order(&Order::Pause(members.clone())).await?;
        let figures = self.figures(&rest, 10).await;
        self.desk.order(&Order::Resume(members.clone())).await?;
        log.sees(figures.is_ok(), &figures.unwrap_or_else(|error| format!("{error:#}")));
        let tip = self.highest(&rest).await?;
        for member in &members {
            let took = self.observer.reaches(member, tip, CATCH_UP_LIMIT).await?;
            log.sees(true, &format!("{member} is at height {tip} {:.1} s after the cut ended", took.as_secs_f64()));
        }
        self.sees_everybody(&mut log).await?;
        log.verdict("no fork; the cluster is back. (Cuts that leave both sides running: `chain-node simulate`)")
    }

    async fn kill_leader(&self, mut log: Log<'_>) -> Result<()> {
        let (present, away) = self.present().await?;
        ensure!(
            away.len() < tolerated(self.plan.validators.len()).max(1),
            "nobody more may fail; run `cargo city drill heal` first"
        );
        let observed = present.first().context("nobody is here")?;
        let height = self.observer.status(observed).await?.height;
        let before = self.observer.block(observed, height).await?.header.context;
        let leader = self.next_leader(&before.leader)?;
        log.does(&format!("kills {leader}, whose turn to lead comes after view {}", before.view));
        log.expects("its turn is given up, the next leader goes on, and no transaction is lost");
        let rest: Vec<String> = present.into_iter().filter(|one| *one != leader).collect();
        self.desk.order(&Order::Kill(vec![leader.clone()])).await?;
        let took = Writer::through(self.plan, &rest)?.write().await?;
        let observed = rest.first().context("nobody is left")?;
        let tip = self.highest(&rest).await?;
        self.observer.reaches(observed, tip, LIMIT).await?;
        let mut skipped = None;
        for later in height + 1..=tip {
            let context = self.observer.block(observed, later).await?.header.context;
            if context.view > context.parent_view + 1 {
                skipped = Some(context.view - 1);
            }
        }
        let turn =
            skipped.map_or_else(|| "its turn had ended before it died".to_owned(), |view| format!("view {view} was given up"));
        log.sees(took < LIMIT, &format!("{turn}; a transaction was final {:.1} s after", took.as_secs_f64()));
        log.sees(true, &self.figures(&rest, 10).await?);
        self.desk.order(&Order::Start(vec![leader])).await?;
        self.sees_everybody(&mut log).await?;
        log.verdict("the ledger changed its leader, and the old one is back")
    }

    /// Leaders take turns in the order of their keys.
    fn next_leader(&self, last: &[u8; 32]) -> Result<String> {
        let mut keys: Vec<(&[u8], &str)> = self.plan.validators.iter().map(|v| (v.key.as_bytes(), v.name.as_str())).collect();
        keys.sort_unstable();
        let place =
            keys.iter().position(|(key, _)| *key == last.as_slice()).context("the last leader is no validator of the plan")?;
        let next = keys.iter().cycle().nth(place + 1).context("there are validators")?;
        Ok(next.1.to_owned())
    }

    async fn wipe(&self, mut log: Log<'_>, name: &str) -> Result<()> {
        let (present, _) = self.present().await?;
        let rest: Vec<String> = present.into_iter().filter(|one| one != name).collect();
        let tip = self.highest(&rest).await?;
        log.does(&format!("kills {name}, removes its data (its key stays) and starts it again; the tip is at {tip}"));
        log.expects("it comes back to the tip by what the others have, and proves the same state");
        self.desk.order(&Order::Wipe(name.to_owned())).await?;
        let started = now();
        self.desk.order(&Order::Start(vec![name.to_owned()])).await?;
        let served = started.elapsed();
        self.observer.reaches(name, tip, CATCH_UP_LIMIT).await?;
        let (served, reached) = (served.as_secs_f64(), started.elapsed().as_secs_f64());
        log.sees(true, &format!("it served after {served:.1} s and was at height {tip} after {reached:.1} s"));
        let alone = Writer::through(self.plan, &[name.to_owned()])?;
        let stand = alone.all_stand().await;
        log.sees(stand.is_ok(), &format!("it alone proves: {}", all_there(&stand)));
        log.sees(true, &self.figures(&self.validators(), 5).await?);
        log.verdict("the wiped validator is back")
    }
}

fn all_there(stand: &Result<usize>) -> String {
    match stand {
        Ok(count) => format!("all {count} transactions that drills ever got acknowledged are there, proven"),
        Err(error) => format!("something acknowledged is not there: {error:#}"),
    }
}

/// The validators that are paused, and those that do not run.
fn absent(validators: &[String], running: &BTreeMap<String, Running>) -> (Vec<String>, Vec<String>) {
    let paused = |name: &&String| running.get(*name).is_some_and(|process| process.paused);
    let down = |name: &&String| !running.contains_key(*name);
    (validators.iter().filter(paused).cloned().collect(), validators.iter().filter(down).cloned().collect())
}
