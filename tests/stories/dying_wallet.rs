//! `kill -9` of the wallet's process at random moments of receiving and presenting, against a city: whatever it was doing, the same command
//! again ends with one credential, one consent and no keys of anything else.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use city::citizen::Citizen;
use city::clerk::Clerk;
use city::configs::resident;
use city::plan::RESIDENT_IDENTITY;
use city::site::Visitor;
use city::world::World;
use wallet_core::Random;

use crate::{alone, say};

/// Kills of each command; `YUFU_KILLS` makes more.
const KILLS: usize = 12;
/// What a command takes at most, with a slow ledger: a later kill finds it done.
const LONGEST_MS: u64 = 2500;

/// Random moments; the seed is printed, and `YUFU_SEED` gives them again.
fn moments() -> Result<(Random, usize)> {
    let named = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>()).transpose();
    let seed = named("YUFU_SEED")?.unwrap_or(20_261_128);
    let kills = named("YUFU_KILLS")?.map_or(Ok(KILLS), usize::try_from)?;
    say(&format!("YUFU_SEED={seed} YUFU_KILLS={kills}"));
    let mut entropy = [0; 32];
    entropy[..8].copy_from_slice(&seed.to_be_bytes());
    Ok((Random::from_os_seed(entropy), kills))
}

/// Kills the command so often, each time at another moment; gives how often it was still running.
async fn kill(citizen: &Citizen, command: &[&str], random: &Random, kills: usize) -> Result<usize> {
    let mut killed = 0;
    for number in 1..=kills {
        // Longer and longer, or the first few would end the story.
        let longest = LONGEST_MS * u64::try_from(number)? / u64::try_from(kills)?;
        let life = Duration::from_millis(u64::from_be_bytes(random.bytes()) % longest.max(1));
        killed += usize::from(citizen.killed_after(command, life).await?);
        // The vault opens after each, and keys and credential are never both there.
        let (cards, under_way) = (citizen.wallet(&["credentials"]).await?, citizen.wallet(&["pending"]).await?);
        let count = |list: &serde_json::Value| list.as_array().map_or(0, Vec::len);
        ensure!(count(&cards) + count(&under_way) <= 1, "killed after {life:?}: {cards} {under_way}");
    }
    Ok(killed)
}

#[tokio::test]
async fn a_wallet_killed_at_any_moment_of_receiving_and_presenting_leaves_no_orphan() -> Result<()> {
    let _alone = alone().await;
    let world = World::fresh().await?;
    let plan = world.plan();
    let (random, kills) = moments()?;
    let citizen = Citizen::new(plan, "dying").await?;
    let request = citizen.declare(plan, RESIDENT_IDENTITY, &resident()).await?;
    let mut clerk = Clerk::sign_in(plan, plan.issuer_of(RESIDENT_IDENTITY)?).await?;
    let number = clerk.next_request().await?;
    let pin = clerk.attest(&number).await?;
    citizen.wallet(&["status", request["id"].as_str().context("an id")?, "--wait", "20"]).await?;

    let receive = ["receive", "--pin", &pin, "--yes"];
    let killed = kill(&citizen, &receive, &random, kills).await?;
    say(&format!("killed while receiving: {killed} of {kills}"));
    if citizen.wallet(&["credentials"]).await?.as_array().is_none_or(Vec::is_empty) {
        citizen.wallet(&receive).await?;
    }
    let pending = citizen.wallet(&["pending"]).await?;
    ensure!(pending.as_array().is_some_and(Vec::is_empty), "an orphan: {pending}");
    let cards = citizen.wallet(&["credentials"]).await?;
    ensure!(cards[0]["copies_left"] == cards[0]["copies"], "{cards}");

    let mut visitor = Visitor::at_login(plan).await?;
    let (link, code) = (visitor.qr_link()?, visitor.match_code()?);
    let scan = ["scan", &link, "--yes", "--match-code", &code];
    let killed = kill(&citizen, &scan, &random, kills).await?;
    say(&format!("killed while presenting: {killed} of {kills}"));
    if let Err(refusal) = citizen.try_wallet(&scan).await? {
        // Delivered before the last kill, and the site keeps no request that was answered.
        ensure!(matches!(refusal.slug.as_deref(), Some("already-answered" | "request-gone")), "{refusal:?}");
    }
    let account = visitor.outcome().await?;
    ensure!(account.url.path() == "/account", "{}", account.html);
    let history = citizen.wallet(&["history"]).await?.to_string();
    ensure!(history.matches("\"consented\"").count() == 1 && history.matches("\"released\"").count() == 1, "{history}");
    let unsent = citizen.wallet(&["unsent"]).await?;
    ensure!(unsent.as_array().is_some_and(Vec::is_empty), "{unsent}");
    world.stop().await
}
