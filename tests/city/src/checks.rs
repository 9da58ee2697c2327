//! `cargo city-test`: says what the tests need, installs it, and runs every test.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::browser_wallet::{self, Transport};
use crate::{build, setup};

/// Features of the workspace that only tests turn on, and the application's window, which needs libraries that this installs.
const FEATURES: &str = "blobs/kubo,chain-node/faults,yufu-app/window-tests";

/// Installs what the tests need, and builds the interface that the application is compiled with.
pub fn set_up() -> Result<()> {
    let missing = setup::missing();
    if missing.is_empty() {
        say("Everything that the tests need is installed.");
    } else {
        say("The tests need, and this installs now:");
        missing.iter().for_each(|what| say(&format!("  - {what}")));
        setup::install()?;
    }
    browser_wallet::interface_for(Transport::Application, say).map(drop)
}

/// Runs everything, and fails if any test does.
pub fn run() -> Result<()> {
    set_up()?;
    let postgres = setup::Postgres::start()?;
    let kubo = setup::kubo().context("Kubo was installed a moment ago and is gone")?;
    let test = |arguments: &[&str]| -> Result<()> {
        say(&format!("\ncargo {}", arguments.join(" ")));
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(build::workspace()).args(arguments);
        command.env("YUFU_TEST_POSTGRES", postgres.url()).env("YUFU_KUBO", &kubo).env(build::ALREADY_BUILT, "1");
        let status = command.status().context("cargo could not be started")?;
        if !status.success() {
            bail!("`cargo {}` failed; its output above says which test and why", arguments.join(" "));
        }
        Ok(())
    };
    // Every failure in one run: whoever mends the first should know of the second.
    test(&["test", "--workspace", "--features", FEATURES, "--no-fail-fast"])?;
    say("\nEvery test passed.");
    Ok(())
}

#[expect(clippy::print_stdout, reason = "this program's output is for the person at the terminal")]
fn say(text: &str) {
    println!("{text}");
}
