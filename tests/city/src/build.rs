//! Builds the binaries that the city runs, and finds them.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};

/// The packages whose binaries the city runs.
const PACKAGES: [&str; 4] = ["chain-node", "issuer-service", "verifier-service", "yufu-wallet"];

/// Set by `cargo city-test`, whose `cargo test --workspace` has built the binaries already, the node with its kill points: they are the
/// subjects of their packages' integration tests.
pub const ALREADY_BUILT: &str = "YUFU_PROGRAMS_BUILT";

/// Builds the binaries, once in a process; cargo shows its progress on standard error.
pub fn binaries() -> Result<()> {
    if std::env::var_os(ALREADY_BUILT).is_some() {
        return Ok(());
    }
    static BUILT: OnceLock<Result<(), String>> = OnceLock::new();
    BUILT.get_or_init(|| build(&PACKAGES, &[]).map_err(|e| format!("{e:#}"))).clone().map_err(anyhow::Error::msg)
}

/// Builds the binaries, and in place of the node one that ends itself at named points when its environment says so.
pub fn with_kill_points() -> Result<()> {
    binaries()?;
    if std::env::var_os(ALREADY_BUILT).is_some() {
        return Ok(());
    }
    build(&["chain-node"], &["--features", "chain-node/faults"])
}

/// Builds the application, whose interface must have been built.
pub fn application() -> Result<()> {
    if std::env::var_os(ALREADY_BUILT).is_some() {
        return Ok(());
    }
    build(&["yufu-app"], &["--features", "yufu-app/window"])
}

/// Builds `cargo city` itself.
pub fn city() -> Result<PathBuf> {
    if std::env::var_os(ALREADY_BUILT).is_none() {
        build(&["city"], &[])?;
    }
    binary("city")
}

fn build(packages: &[&str], features: &[&str]) -> Result<()> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace()).arg("build").arg("--bins").args(packages.iter().flat_map(|p| ["--package", p]));
    cargo.args(features);
    if release() {
        cargo.arg("--release");
    }
    let status = cargo.status().context("cargo could not be started; is a Rust toolchain installed?")?;
    if !status.success() {
        bail!("the city's programs did not build; cargo's messages above say why");
    }
    Ok(())
}

/// Builds an example of the node's package.
pub fn example(name: &str) -> Result<()> {
    if std::env::var_os(ALREADY_BUILT).is_some() {
        return Ok(());
    }
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace()).args(["build", "--package", "chain-node", "--example", name]);
    if release() {
        cargo.arg("--release");
    }
    if !cargo.status().context("cargo could not be started; is a Rust toolchain installed?")?.success() {
        bail!("{name} did not build; cargo's messages above say why");
    }
    Ok(())
}

/// The path of one of the binaries.
pub fn binary(name: &str) -> Result<PathBuf> {
    let path = output_directory()?.join(name);
    if !path.is_file() {
        bail!("{} is not built; run `cargo city`, which builds it", path.display());
    }
    Ok(path)
}

/// The root of the workspace.
pub fn workspace() -> PathBuf {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("tests/city is two levels below the root").to_owned()
}

/// Where cargo puts binaries of this profile: beside this program, or above it for a test.
fn output_directory() -> Result<PathBuf> {
    let program = std::env::current_exe().context("finding this program's path")?;
    let directory = program.parent().context("a program has a directory")?;
    let Some(above) = directory.ends_with("deps").then(|| directory.parent()).flatten() else {
        return Ok(directory.to_owned());
    };
    // With a build directory of their own, tests lie there, and binaries in the target directory.
    if std::env::var_os("CARGO_BUILD_BUILD_DIR").is_some() {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from);
        return Ok(target.join(above.file_name().context("a profile has a name")?));
    }
    Ok(above.to_owned())
}

fn release() -> bool {
    output_directory().is_ok_and(|path| path.ends_with("release"))
}
