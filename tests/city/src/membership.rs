//! The drill of the members: the departments admit a validator and let another go, by their rules, while clients write.
//!
//! Everything that is decided goes through `chain-node govern`, as at a department's desk. What is seen is proven with the genesis alone,
//! except for what a node says of its own role.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clients::chain::ChainClient;
use identity::canonical;
use ledger::cell::Subject;
use ledger::governance::{Governance, ValidatorSet};
use ledger::limits::MAX_RECORD_BYTES;
use serde_json::Value;

use crate::control::{Desk, Order};
use crate::drills::Log;
use crate::members::tolerated;
use crate::observe::{Observer, Writer, now, percentile};
use crate::plan::{Plan, ValidatorPlan, loopback};
use crate::{build, configs, world};

/// Clients that write all the while, each one transaction after the other.
const CLIENTS: usize = 4;
/// The longest that the ledger may seem to stand still: two turns given up, on a machine that does everything at once.
const GAP_LIMIT: Duration = Duration::from_secs(10);
/// How long anything may take that waits for the end of an epoch, beside the time of its blocks.
const EPOCH_LIMIT: Duration = Duration::from_secs(90);
/// How long a block may take under load on a machine that does everything at once.
const BLOCK_LIMIT: Duration = Duration::from_millis(500);
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// Runs the drill.
pub(crate) async fn rehearse(plan: &Plan, desk: &Desk, mut log: Log<'_>) -> Result<()> {
    let count = plan.validators.len();
    ensure!(tolerated(count) > 0, "{count} validators survive no change that goes wrong; start a city of 4 or more");
    ensure!(world::genesis(plan)?.governance.is_some(), "this city is not governed; start a new one with --epoch-blocks 20");
    let names: Vec<String> = plan.validators.iter().map(|v| v.name.clone()).collect();
    let running = desk.processes().await?;
    ensure!(names.iter().all(|name| running.contains_key(name)), "a validator is away; run `cargo city drill heal` first");
    let leaver = plan.validators.first().context("a plan has validators")?;
    let staying: Vec<String> = names.into_iter().filter(|name| *name != leaver.name).collect();
    let traffic = Traffic::through(plan, &staying)?;
    let changes = async {
        let newcomer = admission(plan, desk, &mut log).await?;
        removal(plan, &newcomer, leaver, desk, &mut log).await?;
        anyhow::Ok(newcomer)
    };
    let newcomer = tokio::select! {
        written = traffic.flow() => bail!("the clients ended before the drill: {written:?}"),
        changed = changes => changed?,
    };
    traffic.seen(&mut log);
    log.sees(true, &newcomer.longest_block_gap().await?);
    everything_stands(&newcomer, &mut log).await?;
    log.verdict("the departments changed the ledger's validators while it ran, and no client noticed more than a pause")
}

/// What clients do meanwhile, and what they notice.
struct Traffic {
    writer: Writer,
    noticed: RefCell<Noticed>,
}

#[derive(Default)]
struct Noticed {
    times: Vec<Duration>,
    last: Option<std::time::Instant>,
    longest_gap: Duration,
}

impl Traffic {
    fn through(plan: &Plan, names: &[String]) -> Result<Self> {
        Ok(Self { writer: Writer::through(plan, names)?, noticed: RefCell::default() })
    }

    /// Writes until it is dropped, or a transaction is not final in time.
    async fn flow(&self) -> Result<()> {
        self.noticed.borrow_mut().last = Some(now());
        let client = async || -> Result<()> {
            loop {
                let took = self.writer.write().await?;
                self.noticed.borrow_mut().final_after(took);
            }
        };
        futures::future::try_join_all((0..CLIENTS).map(|_| client())).await?;
        Ok(())
    }

    fn seen(&self, log: &mut Log<'_>) {
        let noticed = self.noticed.borrow();
        let (count, p50, p99) = (noticed.times.len(), percentile(&noticed.times, 50), percentile(&noticed.times, 99));
        let gap = noticed.longest_gap.max(noticed.last.map(|last| last.elapsed()).unwrap_or_default());
        let figures = format!(
            "{count} transactions of {CLIENTS} clients became final meanwhile, p50 {p50:.0} ms, p99 {p99:.0} ms; the longest gap between two was {:.1} s",
            gap.as_secs_f64()
        );
        log.sees(gap < GAP_LIMIT && count > 0, &figures);
    }
}

impl Noticed {
    fn final_after(&mut self, took: Duration) {
        let at = now();
        let gap = self.last.map(|last| at.duration_since(last)).unwrap_or_default();
        self.longest_gap = self.longest_gap.max(gap);
        self.last = Some(at);
        self.times.push(took);
    }
}

/// A new validator is made, admitted and at work.
async fn admission(plan: &Plan, desk: &Desk, log: &mut Log<'_>) -> Result<City> {
    log.does("makes a key with its vote guard, and starts a validator that nobody has admitted and that knows nobody's address");
    desk.order(&Order::Join).await?;
    let plan = Plan::open(plan.directory())?.context("the city has a plan")?;
    let validator = plan.validators.last().context("a validator was added")?.clone();
    let city = City { observer: Observer::of(&plan)?, plan, validator };
    let (name, authority) = (city.validator.name.as_str(), city.validator.authority);
    let role = city.observer.status(name).await?.role;
    let (ready, said) = world::readiness(&city.plan, name).await?;
    log.sees(role == "standby" && !ready && said.contains("not admitted"), &format!("{name} is {role} and not ready"));

    log.does(&format!("{authority} proposes to admit {name}; the departments vote"));
    log.expects("after the notice it is enacted; from the next epoch on the newcomer votes and leads");
    let change = city.admit_arguments()?;
    let height = city.decide(&change, log).await?;
    let epoch = city.epoch_after(height)?;
    let started = now();
    city.wait_for(&format!("{name} is a validator"), async || {
        let status = city.observer.status(name).await?;
        Ok(status.role == "validator" && status.epoch >= epoch)
    })
    .await?;
    let took = started.elapsed().as_secs_f64();
    let chain = city.chain(&city.others(&[]))?;
    city.wait_for("a proof of the next epoch", async || Ok(city.committee(&chain).await?.0 >= epoch)).await?;
    let (first, members) = city.committee(&chain).await?;
    let key = city.validator.key.as_bytes().to_vec();
    log.sees(
        members.contains(&key),
        &format!("epoch {first} has {} validators, {name} among them, {took:.1} s later", members.len()),
    );
    city.wait_for(&format!("{name} signs and leads blocks that become final"), async || {
        let (signers, leaders) = city.at_work(height).await?;
        Ok(signers.contains(&key) && leaders.contains(&key))
    })
    .await?;
    log.sees(true, &format!("{name}'s signature is in certificates, and a block that it led is final"));
    Ok(city)
}

/// An old validator is voted out, stops, and goes.
async fn removal(before: &Plan, city: &City, leaver: &ValidatorPlan, desk: &Desk, log: &mut Log<'_>) -> Result<()> {
    let name = leaver.name.as_str();
    log.does(&format!("the departments vote {name} out"));
    log.expects("from the next epoch on it neither votes nor leads, says so itself, and the others go on without it");
    let height = city.decide(&["remove-validator", "--name", name].map(str::to_owned), log).await?;
    let epoch = city.epoch_after(height)?;
    city.wait_for(&format!("{name} is a validator no more"), async || Ok(city.observer.status(name).await?.role == "standby"))
        .await?;
    let others = city.others(&[name]);
    let chain = city.chain(&others)?;
    city.wait_for("the next epoch", async || Ok(city.committee(&chain).await?.0 >= epoch)).await?;
    let (first, members) = city.committee(&chain).await?;
    let key = leaver.key.as_bytes().to_vec();
    let count = before.validators.len();
    log.sees(
        members.len() == count && !members.contains(&key),
        &format!("epoch {first} has {count} validators, without {name}, which calls itself standby"),
    );
    city.wait_for(&format!("{name} says that it is not admitted"), async || {
        let (ready, said) = world::readiness(&city.plan, name).await?;
        Ok(!ready && said.contains("not admitted"))
    })
    .await?;
    let witness = others.first().context("nobody is left")?;
    let (from, tip) = (city.first_height(epoch)?, city.observer.status(witness).await?.height);
    let (signers, leaders) = city.signed(witness, from, tip).await?;
    log.sees(
        !signers.contains(&key) && !leaders.contains(&key),
        &format!("{name} signed and led none of the {} blocks since; it is not let in any more, and says so", tip + 1 - from),
    );
    log.does(&format!("ends {name} for good"));
    desk.order(&Order::Retire(name.to_owned())).await?;
    Ok(())
}

/// A stranger with the genesis and one node, the newcomer, gets all of it proven.
async fn everything_stands(city: &City, log: &mut Log<'_>) -> Result<()> {
    let name = &city.validator.name;
    let alone = Writer::through(&city.plan, std::slice::from_ref(name))?;
    let stand = alone.all_stand().await;
    let chain = city.chain(std::slice::from_ref(name))?;
    let (epoch, members) = city.committee(&chain).await?;
    let followed = chain.followed_root().newest_epoch();
    let holds = matches!(stand, Ok(count) if count > 0) && followed >= epoch && epoch > 0;
    let what = match stand {
        Ok(count) => format!("proves all {count} transactions that drills ever got acknowledged"),
        Err(error) => format!("does not prove what was acknowledged: {error:#}"),
    };
    log.sees(holds, &format!("to a client that has only the genesis and follows {followed} epochs, {name} alone {what}; {} validators vouch for it", members.len()));
    Ok(())
}

/// The city with its newcomer.
struct City {
    plan: Plan,
    observer: Observer,
    validator: ValidatorPlan,
}

impl City {
    fn others(&self, without: &[&str]) -> Vec<String> {
        let names = self.plan.validators.iter().map(|v| v.name.clone());
        names.filter(|name| !without.contains(&name.as_str()) && *name != self.validator.name).collect()
    }

    /// A client that has only the genesis, and asks only these.
    fn chain(&self, names: &[String]) -> Result<ChainClient> {
        world::chain_of(&self.plan, &names.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn admit_arguments(&self) -> Result<Vec<String>> {
        let ValidatorPlan { name, authority, cluster, peer_port, .. } = &self.validator;
        let mut command = Command::new(build::binary("chain-node")?);
        command.arg("admission-proof").arg("--key-file").arg(self.plan.validator_folder(&self.validator)?.join("consensus.key"));
        command.arg("--genesis").arg(self.plan.genesis_path());
        command.args(["--name", name, "--authority", authority.as_str()]);
        let proof = configs::run(&mut command)?;
        let (key, proof) = (crate::text(&proof, "/key")?, crate::text(&proof, "/proof")?);
        let address = format!("127.0.0.1:{peer_port}");
        let flags = [("name", name.as_str()), ("authority", authority.as_str()), ("cluster", cluster)];
        let flags = flags.into_iter().chain([("address", address.as_str()), ("key", &key), ("proof", &proof)]);
        let flags = flags.flat_map(|(flag, value)| [format!("--{flag}"), value.to_owned()]);
        Ok(["admit-validator".to_owned()].into_iter().chain(flags).collect())
    }

    /// The departments that run a validator, each once; the newcomer's is one of them already.
    fn departments(&self) -> Vec<String> {
        let departments: BTreeSet<String> = self.plan.validators.iter().map(|v| v.authority.to_string()).collect();
        departments.into_iter().collect()
    }

    /// Proposes, votes until it is approved, and enacts after the notice; the height at which it took effect.
    async fn decide(&self, change: &[String], log: &mut Log<'_>) -> Result<u64> {
        let departments = self.departments();
        let (first, rest) = departments.split_first().context("the city has departments")?;
        let propose: Vec<&str> = ["propose"].into_iter().chain(change.iter().map(String::as_str)).collect();
        let proposed = self.govern(first, &propose).await?;
        let id = crate::text(&proposed, "/proposal/id")?;
        let (mut ballots, mut answer) = (1, proposed);
        for department in rest {
            if answer.to_string().contains("is approved") {
                break;
            }
            answer = self.govern(department, &["vote", &id, "approve"]).await?;
            ballots += 1;
        }
        let approved = height(&answer)?;
        let notice = self.governance()?.parameters.notice_blocks;
        let witness = self.others(&[]).last().context("nobody is left")?.clone();
        let early = self.govern(first, &["enact", &id]).await;
        let enacted = match early {
            // The notice may be over by the time that a program has started.
            Ok(enacted) => enacted,
            Err(_) => {
                self.observer.reaches(&witness, approved + notice, self.epoch_limit()?).await?;
                self.govern(first, &["enact", &id]).await?
            }
        };
        let enacted = height(&enacted)?;
        let of = departments.len();
        let text = format!(
            "{ballots} of {of} departments approved by height {approved}; enacted at height {enacted}, notice {notice} blocks"
        );
        log.sees(enacted >= approved + notice, &text);
        Ok(enacted)
    }

    /// A department at its desk.
    async fn govern(&self, authority: &str, rest: &[&str]) -> Result<Value> {
        let mut command = Command::new(build::binary("chain-node")?);
        command.arg("govern");
        for name in self.others(&[]) {
            let validator = self.plan.validators.iter().find(|v| v.name == name).context("a validator of the plan")?;
            command.arg("--node").arg(loopback(validator.ports.main));
        }
        command.arg("--genesis").arg(self.plan.genesis_path()).arg("--authority").arg(authority);
        command.arg("--key-file").arg(self.plan.ledger_key_path(authority)).args(rest);
        let what = rest.first().copied().unwrap_or_default().to_owned();
        // The clients go on while the program runs.
        let ran = tokio::task::spawn_blocking(move || configs::run(&mut command)).await?;
        ran.with_context(|| format!("{authority}: govern {what}"))
    }

    fn governance(&self) -> Result<Governance> {
        world::genesis(&self.plan)?.governance.context("the city is governed")
    }

    /// The epoch in which what took effect at a height is in force.
    fn epoch_after(&self, height: u64) -> Result<u64> {
        Ok(self.governance()?.epoch_of(height) + 1)
    }

    fn first_height(&self, epoch: u64) -> Result<u64> {
        Ok(self.governance()?.last_height_of(epoch - 1) + 1)
    }

    /// The epoch of the newest block that a client gets proven, and the keys of its validators, as the client followed them.
    async fn committee(&self, chain: &ChainClient) -> Result<(u64, BTreeSet<Vec<u8>>)> {
        let proven = chain.get(&Subject::Validators).await?;
        let next: ValidatorSet = canonical::decode(&proven.body.context("a governed ledger has a set")?, MAX_RECORD_BYTES)?;
        ensure!(!next.validators.is_empty(), "the next epoch has validators");
        let epoch = proven.header.context.epoch;
        let root = chain.followed_root();
        let committee = root.committee(epoch).context("the client knows the epoch that it was proven")?;
        Ok((epoch, committee.keys.iter().map(|key| key.to_vec()).collect()))
    }

    /// Who signed and who led since a height, as another validator has the blocks.
    async fn at_work(&self, since: u64) -> Result<(BTreeSet<Vec<u8>>, BTreeSet<Vec<u8>>)> {
        let witness = self.others(&[]).last().context("nobody is left")?.clone();
        let tip = self.observer.status(&witness).await?.height;
        self.signed(&witness, since, tip).await
    }

    async fn signed(&self, witness: &str, from: u64, to: u64) -> Result<(BTreeSet<Vec<u8>>, BTreeSet<Vec<u8>>)> {
        let chain = self.chain(&[witness.to_owned()])?;
        self.committee(&chain).await?;
        let root = chain.followed_root();
        let (mut signers, mut leaders) = (BTreeSet::new(), BTreeSet::new());
        for height in from..=to {
            let (block, certificate) = self.observer.certified(witness, height).await?;
            leaders.insert(block.header.context.leader.to_vec());
            let Some(certificate) = certificate else { continue };
            signers.extend(ledger::finality::signers(&root, &block.header, &certificate)?.iter().map(|key| key.to_vec()));
        }
        Ok((signers, leaders))
    }

    /// Between which two blocks the ledger took longest, by its leaders' clocks, and how many turns were given up there.
    async fn longest_block_gap(&self) -> Result<String> {
        let witness = self.others(&[]).last().context("nobody is left")?.clone();
        let mut longest = (0, String::new());
        let mut before = self.observer.block(&witness, 1).await?.header;
        for height in 2..=self.observer.status(&witness).await?.height {
            let header = self.observer.block(&witness, height).await?.header;
            let gap_ms = header.timestamp_ms.saturating_sub(before.timestamp_ms);
            if gap_ms > longest.0 {
                let context = &header.context;
                let turns = context.view.saturating_sub(context.parent_view + 1);
                longest = (
                    gap_ms,
                    format!("block {height}, at view {} of epoch {}, {turns} turns given up", context.view, context.epoch),
                );
            }
            before = header;
        }
        Ok(format!("the longest time between two blocks was {} ms: before {}", longest.0, longest.1))
    }

    async fn wait_for(&self, what: &str, so: impl AsyncFn() -> Result<bool>) -> Result<()> {
        let waited = async {
            while !so().await.unwrap_or(false) {
                tokio::time::sleep(ASK_AGAIN).await;
            }
        };
        let limit = self.epoch_limit()?;
        tokio::time::timeout(limit, waited).await.with_context(|| format!("not so after {limit:?}: {what}"))
    }

    /// How long anything may take that waits for the end of an epoch.
    fn epoch_limit(&self) -> Result<Duration> {
        let governance = world::genesis(&self.plan)?.governance.context("the ledger is governed")?;
        let blocks = u32::try_from(governance.epoch_blocks).context("an epoch has so many blocks")?;
        Ok(EPOCH_LIMIT + BLOCK_LIMIT * blocks)
    }
}

fn height(answer: &Value) -> Result<u64> {
    answer.pointer("/receipt/height").and_then(Value::as_u64).with_context(|| format!("no height in {answer}"))
}
