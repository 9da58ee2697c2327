//! `cargo city soak`: validators are killed at moments that a seed decides, round after round, while clients write.
//!
//! After each round: everything that was acknowledged is there and proven by the killed one alone, all have the same block at every
//! height, nobody saw two votes of one validator that contradict each other, and the killed ones are back.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use clients::chain::ChainClient;
use identity::keys::{Algorithm, SecretKey};
use ledger::records::RecordId;
use ledger::transaction::{Body, Sender};

use crate::kill_points;
use crate::observe::{Observer, anchor, now};
use crate::plan::{Plan, Size, entropy};
use crate::world::{self, World};

/// Clients that write at a time.
pub(crate) const CLIENTS: usize = 6;
/// How long a killed validator may take until it is at the tip: ten block intervals of a second (REL-A4).
pub(crate) const REJOIN_LIMIT: Duration = Duration::from_secs(10);
/// What a node logs when somebody votes twice.
const TWO_VOTES: &str = "two votes that contradict each other";

/// What to do.
#[derive(Clone, Debug, Args)]
pub struct Soak {
    /// How often somebody is killed.
    #[arg(long, default_value_t = 20)]
    pub rounds: u32,
    /// Decides who is killed and when; another each time when left out.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Validators.
    #[arg(long, default_value_t = 4)]
    pub validators: usize,
    /// Ends validators at every named point of their work instead, as often at each; builds a node that can be ended so.
    #[arg(long)]
    pub points: bool,
    /// Only at this point; can be repeated.
    #[arg(long, requires = "points")]
    pub at: Vec<String>,
    /// Seconds that a killed validator may take until it is at the tip; ten are asked of it, and a machine with much else to do may need
    /// more.
    #[arg(long, default_value_t = REJOIN_LIMIT.as_secs())]
    pub rejoin_seconds: u64,
}

impl Soak {
    /// The seed, drawn if none was given.
    pub(crate) fn seed(&self) -> Result<u64> {
        self.seed.map_or_else(|| entropy().map(u64::from_le_bytes), Ok)
    }

    /// How long a killed validator may take until it is at the tip.
    pub(crate) fn rejoin_limit(&self) -> Duration {
        Duration::from_secs(self.rejoin_seconds)
    }
}

/// Runs all rounds on a ledger of its own; says each.
///
/// # Errors
/// The first thing that is not as it must be, with the seed.
pub async fn run(soak: &Soak, say: &(dyn Fn(&str) + Sync)) -> Result<()> {
    if soak.points {
        return kill_points::run(soak, say).await;
    }
    let seed = soak.seed()?;
    say(&format!("seed {seed}; {} validators; {} rounds; {CLIENTS} clients write all the time", soak.validators, soak.rounds));
    let mut world = World::ledger_of(Size { validators: soak.validators, ..Size::default() }).await?;
    let mut ground = Ground::of(&world, seed, soak.rejoin_limit())?;
    for number in 1..=soak.rounds {
        match ground.round(&mut world).await {
            Ok(round) => say(&format!("round {number:>3}: {round}")),
            Err(error) => return Err(error.context(format!("round {number} of seed {seed}; {}", world.keep()))),
        }
    }
    let slowest = ground.rejoined.iter().max().copied().unwrap_or_default();
    say(&format!(
        "{} transactions acknowledged and none lost; {} kills; the same {} blocks on all; no validator voted twice; slowest rejoin {:.1} s",
        ground.acknowledged.len(),
        ground.rejoined.len(),
        ground.compared,
        slowest.as_secs_f64()
    ));
    world.stop().await
}

/// A seeded sequence (SplitMix64): the same seed kills the same ones after the same delays.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }
}

pub(crate) struct Ground {
    pub(crate) dice: Dice,
    pub(crate) observer: Observer,
    plan: Plan,
    pub(crate) acknowledged: Vec<RecordId>,
    rejoined: Vec<Duration>,
    /// How long a killed validator may take until it is at the tip.
    pub(crate) rejoin_limit: Duration,
    /// Up to this height all blocks are the same.
    pub(crate) compared: u64,
}

impl Ground {
    pub(crate) fn of(world: &World, seed: u64, rejoin_limit: Duration) -> Result<Self> {
        Ok(Self {
            dice: Dice(seed),
            observer: Observer::of(world.plan())?,
            plan: world.plan().clone(),
            acknowledged: Vec::new(),
            rejoined: Vec::new(),
            rejoin_limit,
            compared: 0,
        })
    }

    /// One, or two, or all of them: a crash, a lost quorum, a power cut.
    fn victims(&mut self, names: &[String]) -> Vec<String> {
        let count = match self.dice.below(10) {
            0..=5 => 1,
            6..=7 => 2,
            _ => names.len(),
        };
        let mut chosen = BTreeSet::new();
        while chosen.len() < count.min(names.len()) {
            let place = self.dice.below(names.len() as u64);
            chosen.extend(usize::try_from(place).ok().and_then(|place| names.get(place)).cloned());
        }
        chosen.into_iter().collect()
    }

    async fn round(&mut self, world: &mut World) -> Result<String> {
        let names = world.validator_names();
        let victims = self.victims(&names);
        let (before, down) = (self.dice.below(1_500), self.dice.below(600));
        let over = AtomicBool::new(false);
        let chain = world.chain()?.with_finality_timeout(Duration::from_secs(20));
        let clients = futures::future::join_all((0..CLIENTS).map(|_| write_until(&chain, &over)));
        let chaos = async {
            tokio::time::sleep(Duration::from_millis(before)).await;
            world.kill_all(&victims).await?;
            tokio::time::sleep(Duration::from_millis(down)).await;
            let started = now();
            world.start_all(&victims).await?;
            let tip = self.observer.heights(&names).await.into_values().max().context("no validator answers")? + 1;
            for victim in &victims {
                self.observer.reaches(victim, tip, self.rejoin_limit).await?;
            }
            anyhow::Ok(started.elapsed())
        };
        let ended = async {
            let rejoined = chaos.await;
            over.store(true, Ordering::Relaxed);
            rejoined
        };
        let (written, rejoined) = futures::join!(clients, ended);
        let rejoined = rejoined?;
        let new: Vec<RecordId> = written.into_iter().flatten().collect();
        self.check(&names, &victims, &new, &[]).await?;
        self.rejoined.extend(victims.iter().map(|_| rejoined));
        let line = format!(
            "{} killed {before} ms in, down {down} ms, back at the tip after {:.1} s; {} acknowledged",
            victims.join(", "),
            rejoined.as_secs_f64(),
            new.len()
        );
        self.acknowledged.extend(new);
        Ok(line)
    }

    /// All that must hold after a round. Those that are `young` took their state from the others and have no blocks before it.
    pub(crate) async fn check(&mut self, names: &[String], victims: &[String], new: &[RecordId], young: &[String]) -> Result<()> {
        let heights = self.observer.heights(names).await;
        let tip = heights.values().max().copied().context("no validator answers")?;
        for name in names {
            self.observer.reaches(name, tip, self.rejoin_limit).await?;
        }
        let (young, whole): (Vec<String>, Vec<String>) = names.iter().cloned().partition(|name| young.contains(name));
        self.observer.same_blocks(&whole, self.compared + 1..=tip).await?;
        let at_the_tip: Vec<String> = whole.into_iter().take(1).chain(young).collect();
        self.observer.same_blocks(&at_the_tip, [tip]).await?;
        self.compared = tip;
        // What was acknowledged just now, and some of all that was acknowledged before, by a killed one alone.
        let victim: Vec<&str> = victims.iter().take(1).map(String::as_str).collect();
        let alone = world::chain_of(&self.plan, &victim)?;
        let count = self.acknowledged.len() as u64;
        let mut asked: Vec<RecordId> = new.to_vec();
        for _ in 0..count.min(20) {
            asked.extend(usize::try_from(self.dice.below(count)).ok().and_then(|place| self.acknowledged.get(place)).copied());
        }
        for id in asked {
            ensure!(alone.anchor(&id).await?.value.is_some(), "an acknowledged transaction is gone");
        }
        self.nobody_voted_twice(names)
    }

    /// Every node watches the votes of all; what it sees, it logs.
    fn nobody_voted_twice(&self, names: &[String]) -> Result<()> {
        for name in names {
            let log = std::fs::read(self.plan.folder("logs")?.join(format!("{name}.log")))?;
            if let Some(line) = String::from_utf8_lossy(&log).lines().find(|line| line.contains(TWO_VOTES)) {
                bail!("{name} saw a validator vote twice: {line}");
            }
        }
        Ok(())
    }
}

/// Writes until told otherwise; gives what was acknowledged with a proven receipt.
pub(crate) async fn write_until(chain: &ChainClient, over: &AtomicBool) -> Vec<RecordId> {
    let mut acknowledged = Vec::new();
    while !over.load(Ordering::Relaxed) {
        match write(chain).await {
            Ok(id) => acknowledged.push(id),
            // Not acknowledged: nothing is promised. The next one may find somebody.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    acknowledged
}

async fn write(chain: &ChainClient) -> Result<RecordId> {
    let signer = SecretKey::from_bytes(Algorithm::Ed25519, &entropy()?)?;
    let anchor = anchor()?;
    let id = anchor.id;
    chain.submit(&signer, Sender::Key(signer.public_key()), Body::AnchorAttributes(vec![anchor])).await?;
    Ok(id)
}
