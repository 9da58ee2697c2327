//! `cargo city bench`: what a client of a running pilot sees. Prints figures; asserts nothing.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clients::{Clock, Environment, Random};
use identity::CommitmentKey;
use identity::keys::{Algorithm, SecretKey};
use ledger::records::RecordId;
use ledger::transaction::{ANCHOR_CONTEXT, Anchor, Body, Sender};
use wallet_core::{Passphrase, Wallet};

use crate::plan::entropy;
use crate::site::Visitor;
use crate::tour;
use crate::world::World;

/// Transactions whose finality is timed.
const TRANSACTIONS: usize = 100;
/// Logins that are timed.
const LOGINS: usize = 20;

/// Starts a city of its own, measures, and prints.
pub async fn run() -> Result<()> {
    let cores = std::thread::available_parallelism().map(std::num::NonZero::get).unwrap_or(1);
    let profile = if cfg!(debug_assertions) { "development build" } else { "release build" };
    say(&format!("Machine: {cores} cores; {profile}; 4 validators, 2 departments and 1 verifier as processes on loopback.\n"));

    crate::build::binaries()?;
    let started = now();
    let world = World::fresh().await?;
    say(&format!("from built to ready               {:>8.2} s", started.elapsed().as_secs_f64()));

    report("finality seen by a client", &finality(&world).await?);
    report("QR login, scan to session", &logins(&world).await?);
    say(&format!("resident memory, 7 processes      {:>8.0} MiB", memory_mib(&world)?));
    world.stop().await
}

/// From handing a transaction to a node to a proven receipt.
async fn finality(world: &World) -> Result<Vec<Duration>> {
    let chain = world.chain()?;
    let mut times = Vec::new();
    for _ in 0..TRANSACTIONS {
        let signer = SecretKey::from_bytes(Algorithm::Ed25519, &entropy()?)?;
        let anchor = Anchor {
            id: RecordId(entropy()?),
            commitment: CommitmentKey::from_entropy(entropy()?).commit(ANCHOR_CONTEXT, &entropy::<32>()?),
            cid: [[1, 0x55, 0x12, 0x20].as_slice(), entropy::<32>()?.as_slice()].concat(),
        };
        let started = now();
        chain.submit(&signer, Sender::Key(signer.public_key()), Body::AnchorAttributes(vec![anchor])).await?;
        times.push(started.elapsed());
    }
    Ok(times)
}

/// What the machines need for a login, in an open wallet, without the person's reading time: fetch and check the request, look the
/// site up on the ledger, present, be checked, the receipt final, the session in the browser.
async fn logins(world: &World) -> Result<Vec<Duration>> {
    let told = tour::tell(world.plan(), "bench", |_, _, _| ()).await?;
    let passphrase = Passphrase::new(std::fs::read_to_string(told.citizen.passphrase_file())?.trim().to_owned());
    let environment = Environment { clock: Clock::system(), random: Random::system() };
    let wallet = Wallet::unlock(told.citizen.wallet_folder(), &passphrase, environment)?;
    let mut times = Vec::new();
    for _ in 0..LOGINS {
        let mut visitor = Visitor::at_login(world.plan()).await?;
        let (link, code) = (visitor.qr_link()?, visitor.match_code()?);
        let started = now();
        let consent = wallet.open(&link).await?;
        wallet.approve(&consent, Some(&code)).await?;
        let page = visitor.outcome().await?;
        times.push(started.elapsed());
        anyhow::ensure!(page.url.path() == "/account", "a login failed: {}", page.html);
    }
    Ok(times)
}

fn memory_mib(world: &World) -> Result<f64> {
    let mut kib = 0.0;
    for (name, pid) in world.pids() {
        let status =
            std::fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("reading the memory of {name}"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS in /proc")?;
        kib += line.trim().trim_end_matches(" kB").trim().parse::<f64>()?;
    }
    Ok(kib / 1024.0)
}

fn report(what: &str, times: &[Duration]) {
    let mut times: Vec<f64> = times.iter().map(|t| t.as_secs_f64() * 1000.0).collect();
    times.sort_by(f64::total_cmp);
    let at =
        |percent: usize| times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied().unwrap_or(f64::NAN);
    say(&format!("{what:<33} p50 {:>6.0} ms   p95 {:>6.0} ms   p99 {:>6.0} ms   ({} runs)", at(50), at(95), at(99), times.len()));
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::print_stdout, reason = "the figures are for the person at the terminal")]
fn say(text: &str) {
    println!("{text}");
}
