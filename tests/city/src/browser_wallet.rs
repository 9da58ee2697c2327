//! The wallet in a browser: its interface is built when it is not current, and served beside the city with the wallet's commands.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use clients::Environment;
use tokio::net::TcpListener;
use url::Url;
use wallet_bridge::{Bridge, FileStore, Starts};
use wallet_commands::Host;
use wallet_core::{Language, WalletConfig};

use crate::plan::Plan;
use crate::{build, npm};

/// What the built interface is made of, within its folder.
const SOURCES: [&str; 7] =
    ["src", "public", "index.html", "package-lock.json", "svelte.config.js", "tsconfig.json", "vite.config.ts"];

/// The folder of the interface.
pub fn folder() -> PathBuf {
    build::workspace().join("wallet-app/ui")
}

/// How an interface reaches its wallet, which is decided when it is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// The pilot's bridge on loopback.
    Bridge,
    /// The application's own commands.
    Application,
}

impl Transport {
    /// The script that builds it, and the folder of what is built.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Bridge => ("build", "dist"),
            Self::Application => ("build:app", "dist-app"),
        }
    }
}

/// Builds the interface for a browser if it is not current, and gives the folder of its files. Says what it installs before it does.
pub fn interface(say: impl Fn(&str)) -> Result<PathBuf> {
    interface_for(Transport::Bridge, say)
}

/// The same for one of both transports.
pub fn interface_for(transport: Transport, say: impl Fn(&str)) -> Result<PathBuf> {
    let (script, output) = transport.names();
    let (folder, built) = (folder(), folder().join(output));
    if !npm::is_there() {
        if built.join("index.html").is_file() {
            return Ok(built);
        }
        bail!(npm::NO_NODE);
    }
    if !npm::is_current(&folder) {
        say("Installing the npm packages that build the wallet's interface, from wallet-app/ui/package-lock.json …");
        npm::install(&folder)?;
    }
    let newest = SOURCES.iter().filter_map(|name| newest(&folder.join(name))).max();
    let made = newest_or_none(&built.join("index.html"));
    if made.is_none() || made < newest {
        say("Building the wallet's interface …");
        npm::run(&folder, &["run", script])?;
    }
    Ok(built)
}

fn newest_or_none(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|file| file.modified()).ok()
}

/// When the youngest file at or below a path was changed.
fn newest(path: &Path) -> Option<SystemTime> {
    let Ok(entries) = std::fs::read_dir(path) else { return newest_or_none(path) };
    entries.filter_map(|entry| newest(&entry.ok()?.path())).max()
}

/// The wallet in a browser, ready to be served.
pub struct BrowserWallet {
    bridge: Bridge,
    listener: TcpListener,
    door: Door,
}

/// The way in: an address, and tokens that open it once.
#[derive(Clone, Debug)]
pub struct Door {
    url: String,
    starts: Starts,
}

impl Door {
    /// A new link, which works once.
    pub fn link(&self) -> String {
        format!("{}/#start={}", self.url, self.starts.make())
    }

    /// The address without the token, which opens nothing.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl BrowserWallet {
    /// The wallet of a city, with an interface that was built.
    pub async fn open(plan: &Plan, interface: &Path) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", plan.wallet_port)).await;
        let listener = listener.with_context(|| format!("the wallet's port {} is taken", plan.wallet_port))?;
        let port = listener.local_addr()?.port();
        let environment = Environment::system();
        let starts = Starts::new(environment.clone());
        let bridge = Bridge::new(host(plan, environment)?, interface, starts.clone(), port)?;
        Ok(Self { bridge, listener, door: Door { url: crate::plan::loopback(port), starts } })
    }

    /// The way in.
    pub fn door(&self) -> Door {
        self.door.clone()
    }

    /// Serves until the task is dropped.
    pub async fn serve(self) -> Result<()> {
        self.bridge.serve(self.listener).await
    }
}

fn host(plan: &Plan, environment: Environment) -> Result<Host> {
    let parse = |urls: Vec<String>| urls.iter().map(|url| Url::parse(url)).collect::<Result<Vec<_>, _>>();
    let folder = plan.folder("browser-wallet")?;
    let config = WalletConfig {
        nodes: parse(plan.node_urls())?,
        genesis: plan.genesis_path(),
        trust_anchors: plan.trust_root_path(),
        language: Language::Zh,
    };
    let departments = parse(plan.issuers.iter().map(|issuer| plan.issuer_url(issuer)).collect())?;
    let device = Arc::new(FileStore::new(folder.join("device")));
    Ok(Host { dir: folder.join("wallet"), config, departments, device, hardware: None, strength: None, environment })
}
