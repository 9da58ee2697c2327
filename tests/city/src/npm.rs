//! Packages of npm that the repository's own scripts need: installed from their lock files, without running any script of theirs.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// What to do where Node is not there.
pub const NO_NODE: &str = "Node 20.19 or newer with npm is not installed (https://nodejs.org)";

/// Whether Node and npm can be started.
pub fn is_there() -> bool {
    ["node", "npm"].iter().all(|name| Command::new(name).arg("--version").output().is_ok_and(|said| said.status.success()))
}

/// Whether the packages of a folder are those of its lock file.
pub fn is_current(folder: &Path) -> bool {
    let changed = |name: &str| std::fs::metadata(folder.join(name)).and_then(|file| file.modified());
    match (changed("package-lock.json"), changed("node_modules/.package-lock.json")) {
        (Ok(lock), Ok(installed)) => installed >= lock,
        (Err(_), _) | (_, Err(_)) => false,
    }
}

/// Installs them, if they are not.
pub fn install(folder: &Path) -> Result<()> {
    if is_current(folder) {
        return Ok(());
    }
    run(folder, &["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
}

/// Runs npm in a folder.
pub fn run(folder: &Path, arguments: &[&str]) -> Result<()> {
    let output = Command::new("npm").args(arguments).current_dir(folder).output();
    let output = output.context(NO_NODE)?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).join("\n");
        bail!("`npm {}` failed in {}:\n{said}", arguments.join(" "), folder.display());
    }
    Ok(())
}
