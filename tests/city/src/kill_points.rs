//! `cargo city soak --points`: validators end themselves at the worst moments, one point after the other, while clients write.
//!
//! A round kills a validator, starts it again so that it ends itself at a point, and starts it a last time. Then it must be back at the
//! tip, all validators have the same blocks, everything that was acknowledged is proven by the killed one alone, and no key
//! has sent two votes for one view that differ: of all the votes that any validator received from another.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clients::Clock;
use ledger::records::RecordId;

use crate::observe::now;
use crate::plan::{Plan, Size, write_secret};
use crate::soak::{CLIENTS, Dice, Ground, REJOIN_LIMIT, Soak, write_until};
use crate::votes::Votes;
use crate::world::{self, World};
use crate::{build, configs};

/// How long a validator may take until it comes to the point at which it ends: the end of an epoch, or the mark of its vote guard.
const POINT_LIMIT: Duration = Duration::from_secs(180);
/// How long a validator that took its state from the others may take until it has every record of it.
const RECORDS_LIMIT: Duration = Duration::from_secs(60);
/// Blocks of an epoch.
const EPOCH_BLOCKS: u64 = 24;
/// How a process ends that ends itself (SIGABRT).
const ENDED_ITSELF: Option<i32> = Some(6);
/// The validators' own variables.
const KILL_AT: &str = "CHAIN_NODE_KILL_AT";
const VOTES_HEARD: &str = "CHAIN_NODE_VOTES_HEARD";

/// What a round does beside ending a validator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scene {
    /// Nothing.
    Ordinary,
    /// Another validator is dead, so that its turns as leader are given up.
    DeadLeader,
    /// The validator's data is gone, so that it takes its state from the others. Its points follow each other in one sync.
    Wiped,
}

/// A point of the node (`chain-node/src/kill_points.rs`).
#[derive(Debug)]
struct Place {
    name: &'static str,
    scene: Scene,
    /// It ends at one of so many times that it comes there.
    hits: u64,
    /// Points of one part are one round of a short soak.
    part: &'static str,
}

const fn place(part: &'static str, name: &'static str, scene: Scene, hits: u64) -> Place {
    Place { name, scene, hits, part }
}

/// In this order a sync comes to them; the others are in no order.
const PLACES: [Place; 19] = [
    place("vote", "block-proposed", Scene::Ordinary, 3),
    place("vote", "notarize-written", Scene::Ordinary, 8),
    place("vote", "notarize-sent", Scene::Ordinary, 8),
    place("vote", "finalize-written", Scene::Ordinary, 8),
    place("vote", "finalize-sent", Scene::Ordinary, 8),
    place("commit", "commit-begins", Scene::Ordinary, 6),
    place("commit", "store-written", Scene::Ordinary, 6),
    place("commit", "store-committed", Scene::Ordinary, 6),
    place("epoch", "epoch-stored", Scene::Ordinary, 1),
    place("epoch", "epoch-entered", Scene::Ordinary, 1),
    place("guard", "file-beside", Scene::Ordinary, 2),
    place("guard", "guard-half-written", Scene::Ordinary, 1),
    place("guard", "guard-written", Scene::Ordinary, 1),
    place("view", "nullify-written", Scene::DeadLeader, 2),
    place("view", "nullify-sent", Scene::DeadLeader, 2),
    place("sync", "sync-begun", Scene::Wiped, 1),
    place("sync", "state-arrives", Scene::Wiped, 1),
    place("sync", "bodies-fetched", Scene::Wiped, 1),
    place("sync", "bodies-kept", Scene::Wiped, 1),
];

/// So many rounds at each point.
pub(crate) async fn run(soak: &Soak, say: &(dyn Fn(&str) + Sync)) -> Result<()> {
    for name in &soak.at {
        let known = || PLACES.map(|place| place.name).join(", ");
        ensure!(PLACES.iter().any(|place| place.name == name), "there is no point {name}; there are {}", known());
    }
    let chosen = PLACES.iter().filter(|place| soak.at.is_empty() || soak.at.iter().any(|name| name == place.name));
    let rounds: Vec<Vec<&Place>> = in_rounds(chosen, |place| match place.scene {
        Scene::Wiped => "sync",
        Scene::Ordinary | Scene::DeadLeader => place.name,
    });
    let seed = soak.seed()?;
    say(&format!("seed {seed}; {} validators; {} rounds at each point; {CLIENTS} clients write", soak.validators, soak.rounds));
    let mut stage = Stage::open(soak.validators, seed, soak.rejoin_limit()).await?;
    for number in 1..=soak.rounds {
        for places in &rounds {
            match stage.round(places).await {
                Ok(line) => say(&format!("round {number:>3}: {line}")),
                Err(error) => return Err(error.context(format!("round {number} of seed {seed}; {}", stage.world.keep()))),
            }
        }
    }
    match stage.close(say).await {
        Ok(()) => Ok(()),
        Err(error) => Err(error.context(format!("after the last round of seed {seed}; {}", stage.world.keep()))),
    }
}

/// Once at each point of voting, committing and passing an epoch, with what must hold checked after each part. A state sync is left to
/// the soak.
///
/// # Errors
/// The first thing that is not as it must be.
pub async fn once_each(say: &(dyn Fn(&str) + Sync)) -> Result<()> {
    let seed = u64::from_le_bytes(crate::plan::entropy()?);
    say(&format!("seed {seed}"));
    let mut stage = Stage::open(4, seed, REJOIN_LIMIT).await?;
    for places in in_rounds(PLACES.iter().filter(|place| place.scene != Scene::Wiped), |place| place.part) {
        let line = stage.round(&places).await.with_context(|| format!("seed {seed}"))?;
        say(&line);
    }
    stage.close(say).await
}

/// Neighbours with the same name are one round.
fn in_rounds(places: impl Iterator<Item = &'static Place>, name: impl Fn(&Place) -> &'static str) -> Vec<Vec<&'static Place>> {
    let mut rounds: Vec<(&str, Vec<&Place>)> = Vec::new();
    for place in places {
        match rounds.last_mut() {
            Some((last, round)) if *last == name(place) => round.push(place),
            Some(_) | None => rounds.push((name(place), vec![place])),
        }
    }
    rounds.into_iter().map(|(_, round)| round).collect()
}

struct Stage {
    world: World,
    ground: Ground,
    votes: Votes,
    /// Kills at each point, and the slowest return after one.
    kills: BTreeMap<&'static str, (u32, Duration)>,
}

/// What a round is about.
struct Cast {
    victim: String,
    /// One that is dead meanwhile.
    dead: Option<String>,
    /// The points, and at which time that the victim comes there it ends.
    ends: Vec<(&'static str, u64)>,
    wiped: bool,
}

impl Stage {
    async fn open(validators: usize, seed: u64, rejoin_limit: Duration) -> Result<Self> {
        build::with_kill_points()?;
        let directory = tempfile::tempdir()?;
        let size = Size { validators, epoch_blocks: Some(EPOCH_BLOCKS), ..Size::default() };
        let plan = Plan::open_or_create(directory.path(), size, Clock::system().now())?;
        quicken(&plan)?;
        let mut environments = BTreeMap::new();
        for validator in &plan.validators {
            environments.insert(validator.name.clone(), vec![heard(&plan, &validator.name)?]);
        }
        let books = plan.validators.iter().map(|v| book(&plan, &v.name)).collect::<Result<_>>()?;
        let world = World::ledger_with(directory, plan, environments).await?;
        let ground = Ground::of(&world, seed, rejoin_limit)?;
        let stage = Self { world, ground, votes: Votes::of(books), kills: BTreeMap::new() };
        stage.the_node_knows_these_points()?;
        Ok(stage)
    }

    /// The node says all of its points when it starts: none may be left out here.
    fn the_node_knows_these_points(&self) -> Result<()> {
        let name = self.world.validator_names().into_iter().next().context("a ledger has validators")?;
        let log = self.log(&name)?;
        let line = log.lines().find(|line| line.contains("this build can be made to end itself"));
        let line = line.context("this node has no kill points: build it with `--features chain-node/faults`")?;
        let line: serde_json::Value = serde_json::from_str(line).context("the log is JSON")?;
        let points = crate::text(&line, "/fields/points").or_else(|_| crate::text(&line, "/points"))?;
        let known: BTreeSet<&str> = points.split(' ').collect();
        let here: BTreeSet<&str> = PLACES.iter().map(|place| place.name).collect();
        ensure!(known == here, "the node's points and the soak's differ: {known:?} and {here:?}");
        Ok(())
    }

    fn cast(&mut self, places: &[&'static Place]) -> Result<Cast> {
        let mut names = self.world.validator_names();
        let mut draw = |dice: &mut Dice| -> Result<String> {
            let place = usize::try_from(dice.below(names.len() as u64))?;
            Ok(names.remove(place))
        };
        let dice = &mut self.ground.dice;
        let victim = draw(dice)?;
        let dead = places.iter().any(|place| place.scene == Scene::DeadLeader).then(|| draw(dice)).transpose()?;
        let ends = places.iter().map(|place| (place.name, 1 + dice.below(place.hits))).collect();
        Ok(Cast { victim, dead, ends, wiped: places.iter().any(|place| place.scene == Scene::Wiped) })
    }

    async fn round(&mut self, places: &[&'static Place]) -> Result<String> {
        let cast = self.cast(places)?;
        let names = self.world.validator_names();
        let over = AtomicBool::new(false);
        let chain = self.world.chain()?.with_finality_timeout(Duration::from_secs(20));
        let clients = futures::future::join_all((0..CLIENTS).map(|_| write_until(&chain, &over)));
        let ended = async {
            let rejoined = self.chaos(&cast, &names).await;
            over.store(true, Ordering::Relaxed);
            rejoined
        };
        let (written, rejoined) = futures::join!(clients, ended);
        let points: Vec<String> = cast.ends.iter().map(|(name, hits)| format!("{name} ({hits})")).collect();
        let what = format!("{} ended at {}", cast.victim, points.join(", "));
        let rejoined = rejoined.with_context(|| what.clone())?;
        let new: Vec<RecordId> = written.into_iter().flatten().collect();
        let young: Vec<String> = cast.wiped.then(|| cast.victim.clone()).into_iter().collect();
        self.ground.check(&names, std::slice::from_ref(&cast.victim), &new, &young).await.with_context(|| what.clone())?;
        self.votes.read_on().with_context(|| what.clone())?;
        for (name, _) in &cast.ends {
            let (kills, slowest) = self.kills.entry(name).or_default();
            *kills += 1;
            *slowest = rejoined.max(*slowest);
        }
        let line = format!("{what}; at the tip after {:.1} s; {} acknowledged", rejoined.as_secs_f64(), new.len());
        self.ground.acknowledged.extend(new);
        Ok(line)
    }

    /// Gives how long the victim took back to the tip after its last end.
    async fn chaos(&mut self, cast: &Cast, names: &[String]) -> Result<Duration> {
        let victim = &cast.victim;
        let mut killed = vec![victim.clone()];
        killed.extend(cast.dead.clone());
        self.world.kill_all(&killed).await?;
        if cast.wiped {
            self.world.wipe(victim).await?;
        }
        let heard = heard(self.world.plan(), victim)?;
        for (name, hits) in &cast.ends {
            self.world.set_environment(victim, vec![heard.clone(), (KILL_AT.to_owned(), format!("{name}:{hits}"))]);
            let status = self.world.start_until_it_ends(victim, POINT_LIMIT).await.with_context(|| format!("at {name}"))?;
            let log = self.log(victim)?;
            let said = log.lines().rev().find_map(|line| line.strip_prefix("KILLED at "));
            ensure!(
                status.signal() == ENDED_ITSELF && said == Some(*name),
                "{victim} ended with {status} and not at {name}; it had said {said:?}"
            );
        }
        self.world.set_environment(victim, vec![heard]);
        let started = now();
        self.world.start_all(&killed).await?;
        let tip = self.ground.observer.heights(names).await.into_values().max().context("no validator answers")? + 1;
        for name in &killed {
            self.ground.observer.reaches(name, tip, self.ground.rejoin_limit).await?;
        }
        Ok(started.elapsed())
    }

    /// Asks for everything once more, stops all as soon as they have every record, and has each check its own folder.
    async fn close(&mut self, say: &(dyn Fn(&str) + Sync)) -> Result<()> {
        let names = self.world.validator_names();
        let asked = usize::try_from(self.ground.dice.below(names.len() as u64))?;
        let one = names.get(asked).context("a ledger has validators")?;
        let chain = world::chain_of(self.world.plan(), &[one])?;
        for id in &self.ground.acknowledged {
            ensure!(chain.anchor(id).await?.value.is_some(), "an acknowledged transaction is gone");
        }
        for name in &names {
            self.ground.observer.has_every_record(name, RECORDS_LIMIT).await?;
        }
        self.world.terminate(&names).await?;
        self.votes.read_on()?;
        for validator in &self.world.plan().validators {
            let config = self.world.plan().validator_folder(validator)?.join("config.toml");
            let mut verify = Command::new(build::binary("chain-node")?);
            configs::run(verify.arg("verify").arg("--config").arg(config))
                .with_context(|| format!("the folder of {}", validator.name))?;
        }
        for (name, (kills, slowest)) in &self.kills {
            say(&format!("{name:<20} {kills:>3} kills, slowest return {:.1} s", slowest.as_secs_f64()));
        }
        let (received, views) = self.votes.counts();
        say(&format!(
            "{} kills; {} transactions acknowledged and none lost; the same {} blocks on all, and every folder verifies; {received} votes \
             received, of {views} keys in a view, and none contradicts another",
            self.kills.values().map(|(kills, _)| kills).sum::<u32>(),
            self.ground.acknowledged.len(),
            self.ground.compared,
        ));
        Ok(())
    }

    fn log(&self, name: &str) -> Result<String> {
        let log = std::fs::read(self.world.plan().folder("logs")?.join(format!("{name}.log")))?;
        Ok(String::from_utf8_lossy(&log).into_owned())
    }
}

/// Turns that are given up should not take most of a soak.
fn quicken(plan: &Plan) -> Result<()> {
    for validator in &plan.validators {
        let path = plan.validator_folder(validator)?.join("config.toml");
        let mut config: toml::Table = std::fs::read_to_string(&path)?.parse()?;
        let quick = toml::toml! {
            heartbeat_ms = 500
            leader_timeout_ms = 1_500
        };
        config.insert("consensus".to_owned(), quick.into());
        write_secret(&path, &toml::to_string_pretty(&config)?)?;
    }
    Ok(())
}

/// Where a validator writes down the votes that it received.
fn book(plan: &Plan, name: &str) -> Result<PathBuf> {
    Ok(plan.folder("votes")?.join(name))
}

fn heard(plan: &Plan, name: &str) -> Result<(String, String)> {
    Ok((VOTES_HEARD.to_owned(), book(plan, name)?.display().to_string()))
}
