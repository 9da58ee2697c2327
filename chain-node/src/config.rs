//! The node's configuration file: strict TOML, read once. Paths are relative to the file's folder.

use crate::{folder, pruning, supervision};
use commonware_p2p::Ingress;
use serde::Deserialize;
use service_kit::config::{self, ConfigError, Loaded};
use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU64,
    path::{Path, PathBuf},
    time::Duration,
};
use url::{Host, Url};

/// One node.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The genesis file, the same on every node.
    pub genesis: PathBuf,
    /// The validator's key file: 32 bytes in hex, mode 0600.
    pub key_file: PathBuf,
    /// Where blocks and state are kept. One process at a time.
    pub data_dir: PathBuf,
    /// The network of validators.
    pub network: Network,
    /// The RPC that wallets and services use.
    pub rpc: Rpc,
    /// The console on an address of its own, behind a login. Without it the console is on the admin socket, without one.
    pub console: Option<Console>,
    /// Block production.
    #[serde(default)]
    pub consensus: Consensus,
    /// Waiting transactions.
    #[serde(default)]
    pub mempool: Mempool,
    /// Continuous re-verification of what this node keeps.
    #[serde(default)]
    pub supervision: supervision::Settings,
    /// What is kept, and what protects it.
    #[serde(default)]
    pub storage: Storage,
}

/// What is kept, and what protects it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Storage {
    /// Says how far the key may have voted; outside the data folder, best on another disk. By default it lies beside the
    /// key file, with `.guard` after its name.
    pub vote_guard: Option<PathBuf>,
    /// Views that must pass after the latest known one before a node that lost its guard votes.
    pub vote_guard_margin_views: u64,
    /// When a node without data gets the state from the others instead of replaying the ledger.
    pub state_sync: StateSync,
    /// How long it asks for that, in milliseconds, before it replays.
    pub state_sync_patience_ms: u64,
    /// The last blocks that this node keeps at least; 0: all of them, an archive.
    pub keep_blocks: u64,
    /// Blocks, certificates or operations of the state in one file, in a data folder that is new: as much as is pruned at a time.
    pub items_per_file: NonZeroU64,
    /// With less free space than this, in MiB, the node takes no transactions; 0: never.
    pub low_free_mib: u64,
    /// With less free space than this, in MiB, the node stops in order; 0: never. At most `low_free_mib`.
    pub stop_free_mib: u64,
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            vote_guard: None,
            vote_guard_margin_views: 64,
            state_sync: StateSync::Wiped,
            state_sync_patience_ms: 15_000,
            keep_blocks: 0,
            items_per_file: folder::ITEMS_PER_FILE,
            low_free_mib: 256,
            stop_free_mib: 64,
        }
    }
}

/// When a node without data gets the state from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StateSync {
    /// When its vote guard says that it took part before, or is missing.
    Wiped,
    /// Always: a node that joins a ledger which runs already.
    Always,
    /// Never: an archive that wants every block and every old version.
    Never,
}

impl Config {
    /// Where the vote guard is.
    pub fn vote_guard(&self) -> PathBuf {
        self.storage.vote_guard.clone().unwrap_or_else(|| guard_beside(&self.key_file))
    }
}

/// Where the guard of a key lies unless the configuration says otherwise.
pub fn guard_beside(key_file: &Path) -> PathBuf {
    let mut name = key_file.file_name().unwrap_or_default().to_owned();
    name.push(".guard");
    key_file.with_file_name(name)
}

/// The network of validators.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// The local socket for other validators.
    pub listen: SocketAddr,
    /// Whether loopback and private addresses are peers' addresses: true in a test city or a private network.
    #[serde(default)]
    pub allow_private_addresses: bool,
    /// Where each validator of the genesis is reached; this node may be left out.
    pub peers: Vec<Peer>,
}

/// Where a validator is reached.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Its name in the genesis.
    pub name: String,
    /// `address:port` or `host:port`.
    pub address: String,
}

/// The RPC.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rpc {
    /// Public socket.
    pub listen: SocketAddr,
    /// Socket for operators: health and metrics.
    pub admin_listen: SocketAddr,
    /// Where clients reach this node, if a proxy makes it another than `listen`.
    pub public_url: Option<Url>,
    /// Reverse proxies that are believed about client addresses.
    #[serde(default)]
    pub trusted_proxies: Vec<IpAddr>,
    /// Requests per second of one client address.
    #[serde(default = "default_requests_per_second")]
    pub requests_per_second: u32,
    /// Event streams open at a time.
    #[serde(default = "default_event_streams")]
    pub event_streams: usize,
}

fn default_requests_per_second() -> u32 {
    200
}

fn default_event_streams() -> usize {
    256
}

/// The console on an address of its own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Console {
    /// Its socket.
    pub listen: SocketAddr,
    /// Where browsers reach it, if a proxy makes it another than `listen`. Over `http` only on this machine.
    pub url: Option<Url>,
}

impl Console {
    /// Where browsers reach it.
    ///
    /// # Errors
    /// When there is no such URL.
    pub fn url(&self) -> Result<Url, url::ParseError> {
        self.url.clone().map_or_else(|| format!("http://{}/", self.listen).parse(), Ok)
    }
}

/// Whether what is sent to this address cannot be read on the way: it is encrypted, or stays on this machine.
fn is_private(url: &Url) -> bool {
    let local = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && local)
}

/// Block production.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Consensus {
    /// The least time between two blocks under load, in milliseconds.
    pub min_interval_ms: u64,
    /// The time between blocks when nothing waits, in milliseconds.
    pub heartbeat_ms: u64,
    /// How long a leader may take before its turn is skipped, in milliseconds; more than the heartbeat.
    pub leader_timeout_ms: u64,
    /// Threads of the runtime.
    pub worker_threads: usize,
}

impl Default for Consensus {
    fn default() -> Self {
        Self { min_interval_ms: 100, heartbeat_ms: 3_000, leader_timeout_ms: 4_000, worker_threads: 2 }
    }
}

impl Consensus {
    /// The least time between two blocks.
    pub fn min_interval(&self) -> Duration {
        Duration::from_millis(self.min_interval_ms)
    }

    /// The time between blocks when nothing waits.
    pub fn heartbeat(&self) -> Duration {
        Duration::from_millis(self.heartbeat_ms)
    }

    /// How long a leader may take.
    pub fn leader_timeout(&self) -> Duration {
        Duration::from_millis(self.leader_timeout_ms)
    }
}

/// Waiting transactions.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mempool {
    /// Transactions at most.
    pub transactions: usize,
    /// Bytes at most.
    pub bytes: usize,
    /// Transactions of one sender at most.
    pub per_sender: usize,
}

impl Default for Mempool {
    fn default() -> Self {
        Self { transactions: 20_000, bytes: 32 * 1024 * 1024, per_sender: 1_000 }
    }
}

/// Reads and checks a configuration; its paths become relative to the working folder.
///
/// # Errors
/// When the file cannot be read, has an unknown field, or contradicts itself.
pub fn load(file: &Path) -> Result<Config, ConfigError> {
    let loaded = config::load::<Config>(file)?;
    check(&loaded)?;
    let [genesis, key_file, data_dir] =
        [&loaded.value.genesis, &loaded.value.key_file, &loaded.value.data_dir].map(|path| loaded.path(path));
    let vote_guard = loaded.value.storage.vote_guard.as_ref().map(|path| loaded.path(path));
    let storage = Storage { vote_guard, ..loaded.value.storage.clone() };
    Ok(Config { genesis, key_file, data_dir, storage, ..loaded.value })
}

/// Fewer would make a file of every moment; more, and nothing would ever be pruned.
const MIN_ITEMS_PER_FILE: u64 = 64;
const MAX_ITEMS_PER_FILE: u64 = 1 << 20;

fn check(loaded: &Loaded<Config>) -> Result<(), ConfigError> {
    let Config { network, rpc, console, consensus, storage, .. } = &loaded.value;
    if let Some(console) = console
        && !console.url().is_ok_and(|url| is_private(&url))
    {
        let message = "must be https, or http on this machine: whoever can read the session's cookie on the way is logged in";
        return Err(loaded.refuse("console.url", message));
    }
    if consensus.leader_timeout_ms < consensus.heartbeat_ms.saturating_add(500) {
        return Err(loaded.refuse("consensus.leader_timeout_ms", "must exceed heartbeat_ms by 500 or more"));
    }
    if consensus.heartbeat_ms == 0 || consensus.heartbeat_ms < consensus.min_interval_ms {
        return Err(loaded.refuse("consensus.heartbeat_ms", "must be more than 0 and at least min_interval_ms"));
    }
    if consensus.worker_threads == 0 {
        return Err(loaded.refuse("consensus.worker_threads", "must be at least 1"));
    }
    if storage.keep_blocks > 0 && storage.keep_blocks < pruning::MIN_KEEP_BLOCKS {
        let least = pruning::MIN_KEEP_BLOCKS;
        return Err(loaded.refuse(
            "storage.keep_blocks",
            format!(
                "must be 0 (keep all) or at least {least}, so that others which were away for minutes can catch up from this node"
            ),
        ));
    }
    if !(MIN_ITEMS_PER_FILE..=MAX_ITEMS_PER_FILE).contains(&storage.items_per_file.get()) {
        return Err(loaded.refuse("storage.items_per_file", format!("must be {MIN_ITEMS_PER_FILE} to {MAX_ITEMS_PER_FILE}")));
    }
    if storage.stop_free_mib > storage.low_free_mib {
        return Err(loaded.refuse("storage.stop_free_mib", "must not exceed low_free_mib"));
    }
    if rpc.requests_per_second == 0 {
        return Err(loaded.refuse("rpc.requests_per_second", "must be at least 1"));
    }
    match network.peers.iter().find(|peer| ingress(&peer.address).is_none()) {
        Some(peer) => Err(loaded.refuse("network.peers", format!("{} is not address:port or host:port", peer.address))),
        None => Ok(()),
    }
}

/// A peer's address: a socket, or a name that is looked up at every dial.
pub fn ingress(address: &str) -> Option<Ingress> {
    if let Ok(socket) = address.parse() {
        return Some(Ingress::Socket(socket));
    }
    let (host, port) = address.rsplit_once(':')?;
    Some(Ingress::Dns { host: host.to_owned().try_into().ok()?, port: port.parse().ok()? })
}
