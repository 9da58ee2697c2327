//! The user interface in a real browser: every screen against axe, and the first login told through the pilot's wallet in a browser.
//!
//! The tests are scripts for Node, beside this file; here the city is started and the scripts are run. `cargo city-test` installs what
//! they need; by themselves they say what is missing.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use city::browser_wallet::{self, BrowserWallet};
use city::plan::{CLERK, RESIDENT_IDENTITY};
use city::world::World;
use city::{build, citizen, configs, npm, setup};
use tokio::process::Command;
use tokio::sync::Mutex;

/// How long one script may take.
const LIMIT: Duration = Duration::from_secs(900);

/// One at a time: each fills both cores of a small machine.
static ALONE: Mutex<()> = Mutex::const_new(());

/// Runs one of the scripts by Node's test runner.
async fn script(name: &str, environment: &[(&str, String)]) -> Result<()> {
    let folder = build::workspace().join("tests/ui");
    npm::install(&folder)?;
    let chromium = setup::chromium().context("Chromium is not installed (apt-get install chromium)")?;
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=spec", name]).current_dir(&folder).env("YUFU_CHROMIUM", chromium);
    node.envs(environment.iter().cloned()).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(LIMIT, node.output()).await.with_context(|| format!("{name} took more than {LIMIT:?}"))?;
    let output = output.context(npm::NO_NODE)?;
    if !output.status.success() {
        bail!("{name}:\n{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// The interface compiles in strict TypeScript, a word that is missing in a language among what would not; its pure parts are right; and
/// its scripts stay below their budget of 60 kB, which the build checks.
#[tokio::test]
async fn the_interface_is_sound_and_small() -> Result<()> {
    let _alone = ALONE.lock().await;
    browser_wallet::interface(|_| ())?;
    for name in ["check", "test"] {
        npm::run(&browser_wallet::folder(), &["run", name])?;
    }
    Ok(())
}

/// No violation of WCAG 2.2 AA that axe finds on any screen, in both languages, at 320, 768 and 1440 pixels, nor with text twice as
/// large; and no screen is wider than its window.
#[tokio::test]
async fn every_screen_can_be_used_by_everybody() -> Result<()> {
    let _alone = ALONE.lock().await;
    browser_wallet::interface(|_| ())?;
    script("screens.test.mjs", &[]).await
}

/// X053–X063, X072 in a browser: a citizen makes a wallet and an identity, is attested by a clerk, receives the card, and logs in at the
/// sample site with consent and match code; site and wallet hold the same receipt; each step by its state, not by its picture.
/// Then the day of need: words, backup, guardians' cards, another device; and a wallet in a terminal that joins, is removed, and
/// takes the identity over by what the browser's wallet wrote.
#[tokio::test]
async fn the_first_login_is_told_in_the_wallet_in_a_browser() -> Result<()> {
    let _alone = ALONE.lock().await;
    let interface = browser_wallet::interface(|_| ())?;
    let world = World::fresh().await?;
    let plan = world.plan();
    let wallet = BrowserWallet::open(plan, &interface).await?;
    let door = wallet.door();
    let serving = tokio::spawn(wallet.serve());
    let folder = tempfile::tempdir()?;
    let portrait = folder.path().join("portrait.png");
    std::fs::write(&portrait, citizen::portrait()?)?;
    let passphrase = folder.path().join("passphrase");
    std::fs::write(&passphrase, "another device's passphrase")?;
    let issuer = plan.issuer_of(RESIDENT_IDENTITY)?;
    let environment = [
        ("YUFU_WALLET", door.link()),
        ("YUFU_WALLET_AGAIN", door.link()),
        ("YUFU_CONSOLE", plan.issuer_url(issuer)),
        ("YUFU_SITE", plan.site_url()),
        ("YUFU_CLERK", CLERK.to_owned()),
        ("YUFU_PASSWORD", plan.clerk_password.clone()),
        ("YUFU_RESIDENT", configs::resident().to_string()),
        ("YUFU_PORTRAIT", portrait.display().to_string()),
        ("YUFU_FOLDER", folder.path().display().to_string()),
        ("YUFU_PASSPHRASE", passphrase.display().to_string()),
        ("YUFU_CLI", build::binary("yufu-wallet")?.display().to_string()),
        ("YUFU_NODES", serde_json::to_string(&plan.node_urls())?),
        ("YUFU_GENESIS", plan.genesis_path().display().to_string()),
        ("YUFU_ANCHORS", plan.trust_root_path().display().to_string()),
    ];
    script("story.test.mjs", &environment).await?;
    serving.abort();
    world.stop().await
}
