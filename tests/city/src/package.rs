//! The package for Debian: built, looked over, and unpacked.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::browser_wallet::{self, Transport};
use crate::{build, npm, setup};

/// Bytes of the package at most.
const MAX_PACKAGE_BYTES: u64 = 8_000_000;
/// A text that only the pilot's bridge has.
const OF_THE_BRIDGE: &str = "yufu-proof";
/// One that every build of the application has: not a name that is only compared, which an optimized one keeps as numbers.
const OF_THE_APPLICATION: &str = "address-not-opened";
/// One that only a build for tests of the window has.
const OF_TESTS: &str = "YUFU_TEST_WITHOUT";

/// Builds the package that people install, checks it, and says how large it is.
pub fn build(say: impl Fn(&str)) -> Result<()> {
    setup::window_libraries(&say)?;
    setup::lintian(&say)?;
    npm::install(&browser_wallet::folder())?;
    say("Building the package (an optimized build: many minutes the first time) …");
    let bundled = build::workspace().join("target/installed/bundle/deb");
    drop(std::fs::remove_dir_all(&bundled));
    run(tauri()?.args(["build", "--bundles", "deb", "--", "--profile", "installed"]))?;
    let package = finished(&bundled, "-z9")?;
    let unpacked = tempfile::tempdir()?;
    let program = look_over(&package, unpacked.path())?;
    ensure!(!contains(&std::fs::read(program)?, OF_TESTS), "the program was built for tests, which can weaken it");
    let bytes = std::fs::metadata(&package)?.len();
    say(&format!("{}: {bytes} bytes.", package.display()));
    ensure!(bytes <= MAX_PACKAGE_BYTES, "the package is larger than {MAX_PACKAGE_BYTES} bytes");
    Ok(())
}

/// Packs the program that is built already, in seconds: what is around it is the same as in the package that people install.
pub fn of_what_is_built(folder: &Path) -> Result<PathBuf> {
    setup::lintian(|_| ())?;
    browser_wallet::interface_for(Transport::Application, |_| ())?;
    let programs = folder.join("debug");
    std::fs::create_dir_all(&programs)?;
    run(Command::new("strip").arg("-o").arg(programs.join("yufu-app")).arg(build::binary("yufu-app")?))?;
    run(tauri()?.args(["bundle", "--debug", "--bundles", "deb", "--features", "window"]).env("CARGO_TARGET_DIR", folder))?;
    finished(&programs.join("bundle/deb"), "-z1")
}

/// Looks a package over and unpacks it; gives the program in it. Lintian finds no error, a desktop hands it the links that it is registered
/// for, and it has nothing of the bridge.
pub fn look_over(package: &Path, unpacked: &Path) -> Result<PathBuf> {
    let lintian = Command::new("lintian").args(["--fail-on", "error"]).arg(package).status();
    ensure!(lintian.context("lintian could not be started")?.success(), "lintian finds errors, which it names above");
    run(Command::new("dpkg-deb").arg("--extract").arg(package).arg(unpacked))?;
    let entry = unpacked.join("usr/share/applications/Yufu.desktop");
    let entry = std::fs::read_to_string(&entry).with_context(|| format!("reading {}", entry.display()))?;
    ensure!(entry.lines().any(|line| line == "Exec=yufu-app %u"), "a desktop would drop the links: {entry}");
    let handled = entry.lines().find_map(|line| line.strip_prefix("MimeType=")).context("the entry handles nothing")?;
    for scheme in ["openid4vp", "haip-vp", "openid-credential-offer", "haip-vci", "yufu-wallet"] {
        ensure!(handled.split(';').any(|one| one == format!("x-scheme-handler/{scheme}")), "{scheme} is not among {handled}");
    }
    let program = unpacked.join("usr/bin/yufu-app");
    let bytes = std::fs::read(&program).with_context(|| format!("reading {}", program.display()))?;
    ensure!(contains(&bytes, OF_THE_APPLICATION), "the program's texts cannot be found");
    ensure!(!contains(&bytes, OF_THE_BRIDGE), "the program has the bridge's proof in it");
    Ok(program)
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Tauri's own tool, in the application's folder.
fn tauri() -> Result<Command> {
    npm::install(&browser_wallet::folder())?;
    let mut tauri = Command::new(browser_wallet::folder().join("node_modules/.bin/tauri"));
    tauri.current_dir(application());
    Ok(tauri)
}

fn application() -> PathBuf {
    build::workspace().join("wallet-app/src-tauri")
}

/// The package in Tauri's folder, packed as Debian does.
fn finished(bundled: &Path, effort: &str) -> Result<PathBuf> {
    let mut files = std::fs::read_dir(bundled)?.filter_map(|file| Some(file.ok()?.path()));
    let package = files.find(|path| path.extension().is_some_and(|e| e == "deb")).context("there is no package")?;
    repack(&package, &application().join("linux/changelog"), effort)?;
    Ok(package)
}

/// Packs a package again as Debian does: Tauri compresses by gzip, which makes it half as large again, and leaves the list of changes out of
/// the folder where Debian looks for it.
fn repack(package: &Path, changes: &Path, effort: &str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let unpacked = folder.path().join("unpacked");
    run(Command::new("dpkg-deb").arg("--raw-extract").arg(package).arg(&unpacked))?;
    let listed = unpacked.join("usr/share/doc/yufu/changelog.gz");
    let compressed = std::fs::File::create(&listed).with_context(|| format!("writing {}", listed.display()))?;
    run(Command::new("gzip").args(["-9", "--no-name", "--stdout"]).arg(changes).stdout(compressed))?;
    let sums = std::fs::OpenOptions::new().append(true).open(unpacked.join("DEBIAN/md5sums"))?;
    run(Command::new("md5sum").arg("usr/share/doc/yufu/changelog.gz").current_dir(&unpacked).stdout(sums))?;
    let pack = ["--root-owner-group", "-Zxz", effort, "--build"];
    run(Command::new("dpkg-deb").args(pack).arg(&unpacked).arg(package))
}

fn run(program: &mut Command) -> Result<()> {
    let status = program.status().with_context(|| format!("running {program:?}"))?;
    ensure!(status.success(), "{program:?} ended with {status}; its messages above say why");
    Ok(())
}
