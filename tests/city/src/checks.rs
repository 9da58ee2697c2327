//! `cargo city-test`: says what the tests need, installs it, and runs every test.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{build, setup};

/// Runs everything, and fails if any test does.
pub fn run() -> Result<()> {
    let missing = setup::missing();
    if missing.is_empty() {
        say("Everything that the tests need is installed.");
    } else {
        say("The tests need, and this installs now:");
        missing.iter().for_each(|what| say(&format!("  - {what}")));
        setup::install()?;
    }
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
    test(&["test", "--workspace", "--features", "blobs/kubo,chain-node/faults", "--no-fail-fast"])?;
    say("\nEvery test passed.");
    Ok(())
}

#[expect(clippy::print_stdout, reason = "this program's output is for the person at the terminal")]
fn say(text: &str) {
    println!("{text}");
}
