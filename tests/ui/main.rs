//! The user interface in a real browser and in the application's own window: every screen against axe, and the first login told in both.
//!
//! The tests are scripts for Node, beside this file; here the city is started and the scripts are run. `cargo city-test` installs what
//! they need; by themselves they say what is missing.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use city::browser_wallet::{self, BrowserWallet};
use city::plan::{CLERK, Plan, RESIDENT_IDENTITY, Size};
use city::world::World;
use city::{application, build, citizen, configs, npm, package, setup};
use clients::Clock;
use serde_json::Value;
use tokio::process::Command;
use tokio::sync::Mutex;

/// How long one script may take.
const LIMIT: Duration = Duration::from_secs(900);

/// What opens the wallet in the window.
const PASSPHRASE: &str = "tally of the fish 483726";

/// One at a time: each fills both cores of a small machine.
static ALONE: Mutex<()> = Mutex::const_new(());

/// Runs one of the scripts by Node's test runner.
async fn script(name: &str, environment: &[(&str, String)]) -> Result<()> {
    script_in(&["node"], name, environment).await
}

/// The same by a program that starts Node in surroundings of its own.
async fn script_in(program: &[&str], name: &str, environment: &[(&str, String)]) -> Result<()> {
    let folder = build::workspace().join("tests/ui");
    npm::install(&folder)?;
    let chromium = setup::chromium().context("Chromium is not installed (apt-get install chromium)")?;
    let (first, rest) = program.split_first().context("a program has a name")?;
    let mut node = Command::new(first);
    node.args(rest).args(["--test", "--test-reporter=spec", name]).current_dir(&folder).env("YUFU_CHROMIUM", chromium);
    node.envs(environment.iter().cloned()).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(LIMIT, node.output()).await.with_context(|| format!("{name} took more than {LIMIT:?}"))?;
    let output = output.context(npm::NO_NODE)?;
    if !output.status.success() {
        bail!("{name}:\n{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// Where the clerk and the visitor of the story go, and what the citizen declares.
fn people(plan: &Plan, folder: &Path) -> Result<Vec<(&'static str, String)>> {
    let portrait = folder.join("portrait.png");
    std::fs::write(&portrait, citizen::portrait()?)?;
    Ok(vec![
        ("YUFU_CONSOLE", plan.issuer_url(plan.issuer_of(RESIDENT_IDENTITY)?)),
        ("YUFU_SITE", plan.site_url()),
        ("YUFU_CLERK", CLERK.to_owned()),
        ("YUFU_PASSWORD", plan.clerk_password.clone()),
        ("YUFU_RESIDENT", configs::resident().to_string()),
        ("YUFU_PORTRAIT", portrait.display().to_string()),
    ])
}

/// Other wallets of the same city, in a terminal, and where the story keeps files.
fn others(plan: &Plan, folder: &Path) -> Result<Vec<(&'static str, String)>> {
    let kept = folder.join("kept");
    std::fs::create_dir_all(&kept)?;
    let passphrase = kept.join("passphrase");
    std::fs::write(&passphrase, "another device's passphrase")?;
    Ok(vec![
        ("YUFU_KEPT", kept.display().to_string()),
        ("YUFU_PASSPHRASE_FILE", passphrase.display().to_string()),
        ("YUFU_CLI", build::binary("yufu-wallet")?.display().to_string()),
        ("YUFU_NODES", serde_json::to_string(&plan.node_urls())?),
        ("YUFU_GENESIS", plan.genesis_path().display().to_string()),
        ("YUFU_ANCHORS", plan.trust_root_path().display().to_string()),
    ])
}

/// A desktop of its own for the window: a bus, a display that nobody sees, and a home that is thrown away. `timeout` ends all of it
/// together, whatever hangs.
const DESKTOP: [&str; 8] = ["timeout", "--kill-after=5", "400", "dbus-run-session", "--", "xvfb-run", "--auto-servernum", "node"];
/// The same with a key store, which its password has opened.
const DESKTOP_WITH_KEY_STORE: [&str; 9] = [
    "timeout",
    "--kill-after=5",
    "230",
    "dbus-run-session",
    "--",
    "sh",
    "-c",
    "printf password | gnome-keyring-daemon --unlock --components=secrets >/dev/null && exec xvfb-run --auto-servernum node \"$@\"",
    "sh",
];

/// What the window's desktop is told.
fn desktop(home: &Path) -> Result<Vec<(&'static str, String)>> {
    let driver = setup::tauri_driver().context("tauri-driver is not installed (cargo install tauri-driver)")?;
    let runtime = home.join("runtime");
    std::fs::create_dir_all(&runtime)?;
    std::fs::set_permissions(&runtime, std::fs::Permissions::from_mode(0o700))?;
    let mut environment = vec![
        ("YUFU_TAURI_DRIVER", driver.display().to_string()),
        ("YUFU_APP", application::program(|_| ())?.display().to_string()),
        ("YUFU_FOLDER", home.join("wallet").display().to_string()),
        ("HOME", home.display().to_string()),
        ("XDG_RUNTIME_DIR", runtime.display().to_string()),
    ];
    for (name, folder) in [("XDG_CONFIG_HOME", "config"), ("XDG_DATA_HOME", "data"), ("XDG_CACHE_HOME", "cache")] {
        environment.push((name, home.join(folder).display().to_string()));
    }
    Ok(environment)
}

/// The interface compiles in strict TypeScript, a word that is missing in a language among what would not; its pure parts are right; and
/// its scripts stay below their budget of 62 kB, which the build checks.
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
    let mut environment = people(plan, folder.path())?;
    environment.extend([("YUFU_WALLET", door.link()), ("YUFU_WALLET_AGAIN", door.link())]);
    environment.extend(others(plan, folder.path())?);
    script("browser.test.mjs", &environment).await?;
    serving.abort();
    world.stop().await
}

/// X038, X052, X053–X063 in the application's own window: the same story, on a desktop without a key store, where the wallet wants a
/// passphrase. The site serves the citizen by what was agreed to in the app; no document is shown.
/// Afterwards the same wallet, opened in a terminal, holds the receipt that the ledger has.
#[tokio::test]
async fn the_first_login_is_told_in_the_applications_window() -> Result<()> {
    let _alone = ALONE.lock().await;
    let world = World::fresh().await?;
    let plan = world.plan();
    let folder = tempfile::tempdir()?;
    let mut environment = people(plan, folder.path())?;
    environment.extend(others(plan, folder.path())?);
    environment.extend(desktop(folder.path())?);
    environment.push(("YUFU_SETUP", application::set_up(plan, folder.path())?.display().to_string()));
    environment.push(("YUFU_PASSPHRASE", PASSPHRASE.to_owned()));
    script_in(&DESKTOP, "window.test.mjs", &environment).await?;
    let receipts = in_a_terminal(folder.path(), &["receipts"]).await?;
    let verdict = receipts.pointer("/receipts/0/verdict").or_else(|| receipts.pointer("/0/verdict"));
    ensure!(verdict.and_then(Value::as_str) == Some("verified"), "the wallet in a terminal says: {receipts}");
    world.stop().await
}

/// SEC-W5. What keeps the page in the window is shown by its absence: weakened for this test, the same program lets out all that is in vain in
/// the story above. And the isolation frame's hook, by itself, against hostile calls.
#[tokio::test]
async fn each_measure_of_the_window_is_what_keeps_the_page_in() -> Result<()> {
    let _alone = ALONE.lock().await;
    script("isolation.test.mjs", &[]).await?;
    let folder = tempfile::tempdir()?;
    let mut environment = desktop(folder.path())?;
    let setup = folder.path().join("setup.toml");
    std::fs::write(&setup, "nodes = [\"http://127.0.0.1:9\"]\ngenesis = \"g\"\ntrust_anchors = \"t\"\ndepartments = []\n")?;
    environment.push(("YUFU_SETUP", setup.display().to_string()));
    script_in(&DESKTOP, "weakened.test.mjs", &environment).await
}

/// Where the system has a key store, a PIN of six characters is enough, and a copy of the vault's file opens nowhere else.
#[tokio::test]
async fn the_applications_wallet_is_bound_to_the_key_store_of_its_desktop() -> Result<()> {
    let _alone = ALONE.lock().await;
    let world = World::fresh().await?;
    let folder = tempfile::tempdir()?;
    let mut environment = desktop(folder.path())?;
    environment.push(("YUFU_SETUP", application::set_up(world.plan(), folder.path())?.display().to_string()));
    script_in(&DESKTOP_WITH_KEY_STORE, "keystore.test.mjs", &environment).await?;
    world.stop().await
}

/// The package for Debian: no error of lintian, the links of a desktop, nothing of the bridge; and the program in it, unpacked, opens the
/// wallet. So does `cargo city wallet`, beside a city. The program is the one that the tests have built, so that this takes seconds;
/// `cargo city package` builds the one that people install, and looks it over by the same rules.
#[tokio::test]
async fn the_package_is_sound_and_the_wallet_opens_from_it_and_beside_the_city() -> Result<()> {
    let _alone = ALONE.lock().await;
    let folder = tempfile::tempdir()?;
    let mut environment = desktop(folder.path())?;
    let built = package::of_what_is_built(&folder.path().join("target"))?;
    let unpacked = package::look_over(&built, &folder.path().join("unpacked"))?;
    let city = folder.path().join("city");
    let plan = Plan::open_or_create(&city, Size::default(), Clock::system().now())?;
    let setup = application::set_up(&plan, folder.path())?;
    let wallet = folder.path().join("packaged");
    // The city's is the last: the driver ends what it started and not what that started, which ends with its display.
    let opens = serde_json::json!([
        ["the program in the package", unpacked, "--setup", setup, "--folder", wallet],
        ["cargo city wallet", build::city()?, "--directory", city, "wallet"],
    ]);
    environment.push(("YUFU_OPENS", opens.to_string()));
    environment.push((build::ALREADY_BUILT, "1".to_owned()));
    script_in(&DESKTOP, "opens.test.mjs", &environment).await
}

/// What `yufu-wallet` says of the wallet that the window made.
async fn in_a_terminal(folder: &Path, arguments: &[&str]) -> Result<Value> {
    let passphrase = folder.join("passphrase");
    std::fs::write(&passphrase, PASSPHRASE)?;
    let mut wallet = Command::new(build::binary("yufu-wallet")?);
    wallet.arg("--dir").arg(folder.join("wallet")).arg("--passphrase-file").arg(&passphrase).arg("--json").args(arguments);
    let output = wallet.stdin(Stdio::null()).kill_on_drop(true).output().await?;
    ensure!(output.status.success(), "yufu-wallet: {}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}
