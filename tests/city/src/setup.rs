//! Set-up for the tests: what they need beyond a Rust toolchain, a C compiler and Node, installed from the ordinary package
//! registries, and said before it is done.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::{build, npm};

/// The Kubo release that the blob store is tested against. (0.43.1 replaces a dependency by a fork that the module proxy does not have.)
const KUBO: &str = "github.com/ipfs/kubo@v0.43.0";

/// Where Debian's package puts fonts for Chinese: without them a screen shows boxes.
const CJK_FONTS: &str = "/usr/share/fonts/opentype/noto";
/// Folders whose npm packages the tests need.
const NPM_FOLDERS: [&str; 2] = ["wallet-app/ui", "tests/ui"];
/// The tauri-driver that the window is tested with.
const TAURI_DRIVER: &str = "2.1.0";

/// Packages of Debian, and what for.
struct Tool {
    packages: &'static [&'static str],
    purpose: &'static str,
    installed: fn() -> bool,
}

/// What the application's window is built with.
const WINDOW: Tool = Tool {
    packages: &[
        "libwebkit2gtk-4.1-dev",
        "libgtk-3-dev",
        "libsoup-3.0-dev",
        "libjavascriptcoregtk-4.1-dev",
        "librsvg2-dev",
        "libssl-dev",
        "patchelf",
        "xdg-utils",
    ],
    purpose: "the application's window",
    installed: || {
        let found =
            Command::new("pkg-config").args(["--exists", "webkit2gtk-4.1", "javascriptcoregtk-4.1", "librsvg-2.0"]).status();
        found.is_ok_and(|status| status.success()) && in_path("xdg-open")
    },
};

/// What the package is looked over with.
const LINTIAN: Tool = Tool { packages: &["lintian"], purpose: "looking the package over", installed: || in_path("lintian") };

/// What the tests do to validators by the system's own means, and to the window without a screen.
const TOOLS: [Tool; 7] = [
    Tool { packages: &["libfaketime"], purpose: "tests of wrong clocks", installed: || faketime().is_some() },
    Tool { packages: &["iproute2"], purpose: "tests of network namespaces", installed: || in_path("ip") },
    Tool { packages: &["nftables"], purpose: "tests of cut lines", installed: || in_path("nft") },
    Tool { packages: &["strace"], purpose: "tests of failing system calls", installed: || in_path("strace") },
    WINDOW,
    LINTIAN,
    Tool {
        packages: &[
            "webkit2gtk-driver",
            "xvfb",
            "xauth",
            "dbus",
            "dbus-x11",
            "at-spi2-core",
            "gnome-keyring",
            "dbus-bin",
            "xclip",
        ],
        purpose: "tests of the application's window",
        installed: || {
            ["WebKitWebDriver", "xvfb-run", "xauth", "dbus-run-session", "gnome-keyring-daemon", "dbus-monitor", "xclip"]
                .into_iter()
                .all(in_path)
        },
    },
];

/// Those that are not there.
fn missing_tools() -> impl Iterator<Item = &'static Tool> {
    TOOLS.iter().filter(|tool| !(tool.installed)())
}

/// What to install, if anything, as sentences.
pub fn missing() -> Vec<String> {
    let mut missing: Vec<String> = missing_tools()
        .map(|tool| {
            let packages = tool.packages.join(" ");
            format!("Debian's packages for {} (apt-get install {packages})", tool.purpose)
        })
        .collect();
    if tauri_driver().is_none() {
        missing.push(format!("tauri-driver {TAURI_DRIVER}, built by cargo (a minute)"));
    }
    if postgres_binaries().is_none() {
        missing.push("PostgreSQL server, from Debian's packages (apt-get install postgresql)".to_owned());
    }
    if kubo().is_none() {
        missing.push(format!("Kubo, the IPFS daemon, built by Go from {KUBO} (some minutes)"));
    }
    if chromium().is_none() || !Path::new(CJK_FONTS).is_dir() {
        missing.push("Chromium and Chinese fonts, from Debian's packages (apt-get install chromium fonts-noto-cjk)".to_owned());
    }
    for folder in NPM_FOLDERS {
        if !npm::is_current(&build::workspace().join(folder)) {
            missing.push(format!("the npm packages of {folder}/package-lock.json"));
        }
    }
    missing
}

/// Installs what is missing. Does nothing the second time.
pub fn install() -> Result<()> {
    for tool in missing_tools() {
        install_tool(tool)?;
    }
    if tauri_driver().is_none() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        run(Command::new(cargo).args(["install", "tauri-driver", "--version", TAURI_DRIVER, "--locked", "--quiet"]))?;
        tauri_driver().context("cargo installed tauri-driver, but it is not in its folder of binaries")?;
    }
    if postgres_binaries().is_none() {
        apt_install(&["postgresql"])?;
        postgres_binaries().context("apt-get installed postgresql, but initdb is not under /usr/lib/postgresql")?;
    }
    if kubo().is_none() {
        build_kubo()?;
        kubo().context("Kubo was built, but ipfs is neither in PATH nor in Go's binary folder")?;
    }
    if chromium().is_none() || !Path::new(CJK_FONTS).is_dir() {
        apt_install(&["chromium", "fonts-noto-cjk"])?;
        chromium().context("apt-get installed chromium, but it is not in PATH")?;
    }
    for folder in NPM_FOLDERS {
        npm::install(&build::workspace().join(folder))?;
    }
    Ok(())
}

fn install_tool(tool: &Tool) -> Result<()> {
    apt_install(tool.packages)?;
    anyhow::ensure!((tool.installed)(), "apt-get installed {}, but not all is where it is looked for", tool.packages.join(" "));
    Ok(())
}

/// Installs what the application's window is built with, saying so first. Does nothing the second time.
pub fn window_libraries(say: impl Fn(&str)) -> Result<()> {
    ensure_tool(&WINDOW, say)
}

/// Installs lintian, saying so first. Does nothing the second time.
pub fn lintian(say: impl Fn(&str)) -> Result<()> {
    ensure_tool(&LINTIAN, say)
}

fn ensure_tool(tool: &Tool, say: impl Fn(&str)) -> Result<()> {
    if (tool.installed)() {
        return Ok(());
    }
    say(&format!("Installing Debian's packages for {}: {} …", tool.purpose, tool.packages.join(" ")));
    install_tool(tool)
}

/// The tauri-driver that drives the window: in PATH, or where cargo installs programs.
pub fn tauri_driver() -> Option<PathBuf> {
    let in_path = std::env::var_os("PATH").into_iter().flat_map(|p| std::env::split_paths(&p).collect::<Vec<_>>());
    let cargo = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo"));
    let folders = in_path.chain(cargo.into_iter().chain(home).map(|folder| folder.join("bin")));
    folders.map(|folder| folder.join("tauri-driver")).find(|path| path.is_file())
}

/// Builds Kubo from its module, with its own go.sum: `go install` of a version wants a list that not every proxy gives.
fn build_kubo() -> Result<()> {
    let download = Command::new("go").args(["mod", "download", "-json", KUBO]).output();
    let Ok(download) = download else {
        bail!("Go is not installed; install Go 1.26.5 or newer (https://go.dev/dl), then run `cargo city-test` again");
    };
    let described: serde_json::Value =
        serde_json::from_slice(&download.stdout).context("go mod download does not say what it did")?;
    let module = described.get("Dir").and_then(serde_json::Value::as_str);
    let module = module.with_context(|| format!("Go could not download {KUBO}: {described}"))?;
    // The module cache is read-only, and Go writes nothing there: build in a copy.
    let copy = tempfile::tempdir()?;
    run(Command::new("cp").args(["-r", "--no-preserve=mode"]).arg(format!("{module}/.")).arg(copy.path()))?;
    let binaries = go_binaries().context("go env GOPATH says nothing")?;
    let mut build = Command::new("go");
    build.args(["build", "-o"]).arg(binaries.join("ipfs")).arg("./cmd/ipfs").current_dir(copy.path());
    let status = build.env("GOFLAGS", "-buildvcs=false").status()?;
    if !status.success() {
        bail!("Kubo did not build; go's messages above say why (it needs Go 1.26.5 or newer)");
    }
    Ok(())
}

/// Where Go puts binaries.
fn go_binaries() -> Option<PathBuf> {
    let output = Command::new("go").args(["env", "GOPATH"]).output().ok()?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()).join("bin"))
}

fn apt_install(packages: &[&str]) -> Result<()> {
    let root = Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout.trim_ascii() == b"0");
    let apt = |arguments: &[&str]| -> Result<()> {
        let mut command = if root { Command::new("apt-get") } else { Command::new("sudo") };
        if !root {
            command.arg("apt-get");
        }
        let status = command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").status();
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(_) => bail!("apt-get {} failed; its messages above say why", arguments.join(" ")),
            Err(_) => {
                bail!("apt-get cannot be run here; install {} by your system's means, then try again", packages.join(" and "))
            }
        }
    };
    apt(&["update", "-q"])?;
    apt(&[&["install", "-q", "-y", "--no-install-recommends"][..], packages].concat())
}

/// The `ipfs` binary: from YUFU_KUBO, PATH, or Go's binary folder.
pub fn kubo() -> Option<PathBuf> {
    let named = std::env::var_os("YUFU_KUBO").map(PathBuf::from);
    let in_path = std::env::var_os("PATH").into_iter().flat_map(|p| std::env::split_paths(&p).collect::<Vec<_>>());
    named.into_iter().chain(in_path.chain(go_binaries()).map(|folder| folder.join("ipfs"))).find(|path| path.is_file())
}

/// A Chromium: the program that YUFU_CHROMIUM names, or Debian's.
pub fn chromium() -> Option<PathBuf> {
    let named = std::env::var_os("YUFU_CHROMIUM").map(PathBuf::from);
    named.into_iter().chain(["/usr/bin/chromium".into(), "/usr/bin/google-chrome".into()]).find(|path| path.is_file())
}

/// Whether a program is installed: also where only root looks.
fn in_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]).any(|folder| folder.join(name).is_file())
}

/// The library that shows a process another time.
fn faketime() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?;
    let mut paths = folders.filter_map(|folder| Some(folder.ok()?.path().join("faketime/libfaketimeMT.so.1")));
    paths.find(|path| path.is_file())
}

/// The folder with `initdb` and `postgres`, the newest version first.
fn postgres_binaries() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut folders: Vec<PathBuf> = versions.filter_map(|v| v.ok().map(|v| v.path().join("bin"))).collect();
    folders.sort();
    folders.into_iter().rev().find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}

/// A PostgreSQL server of this run's own, in a temporary directory, on a free port of loopback. Dropping it ends it.
pub struct Postgres {
    server: Child,
    port: u16,
    _directory: tempfile::TempDir,
}

impl Postgres {
    /// Makes a cluster and starts the server.
    pub fn start() -> Result<Self> {
        let binaries = postgres_binaries().context("PostgreSQL is not installed")?;
        let directory = tempfile::tempdir()?;
        let data = directory.path().join("data");
        // The server refuses to run as root: Debian's package made a user for it.
        let root = Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout.trim_ascii() == b"0");
        if root {
            run(Command::new("chown").arg("postgres").arg(directory.path()))?;
        }
        let as_user = |program: &Path| {
            if !root {
                return Command::new(program);
            }
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        };
        run(as_user(&binaries.join("initdb")).args(["--auth=trust", "--username=yufu", "--no-sync", "--pgdata"]).arg(&data))?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let server = as_user(&binaries.join("postgres"))
            .arg("-D")
            .arg(&data)
            .args([
                "-p",
                &port.to_string(),
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "unix_socket_directories=",
                "-c",
                "fsync=off",
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("starting PostgreSQL")?;
        let postgres = Self { server, port, _directory: directory };
        postgres.wait_until_ready()?;
        Ok(postgres)
    }

    /// The URL of the server's maintenance database.
    pub fn url(&self) -> String {
        format!("postgres://yufu@127.0.0.1:{}/postgres", self.port)
    }

    fn wait_until_ready(&self) -> Result<()> {
        // pg_isready waits for nothing by itself: ask up to 60 times, half a second apart.
        let script =
            format!("for i in $(seq 60); do pg_isready -q -h 127.0.0.1 -p {} && exit 0; sleep 0.5; done; exit 1", self.port);
        run(Command::new("sh").args(["-c", &script])).context("PostgreSQL did not accept connections within 30 s")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // runuser passes SIGTERM on to the server it started, which then ends its own processes.
        let pid = self.server.id().to_string();
        if Command::new("kill").arg(&pid).status().is_ok_and(|s| s.success()) {
            drop(self.server.wait());
        }
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("running {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
