//! The configuration: one strict TOML file, read once in `main`. `config.example.toml` shows every key.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use identity::Localized;
use identity::jose::TrustAnchors;
use ledger::TrustRoot;
use ledger::genesis::Genesis;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use service_kit::config::{self, ConfigError, Loaded};
use service_kit::fetch::Loopback;
use url::Url;
use zeroize::Zeroizing;

use crate::logins::{MAX_LIFETIME_SECONDS, MatchCodePolicy};
use crate::parties::{self, Party};
use crate::policies::{Policy, PurposeConfig};
use crate::sealing::StorageKey;

/// The file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the website and the wallet's routes are served.
    pub listen: SocketAddr,
    /// Where health and metrics are served.
    pub admin_listen: SocketAddr,
    /// The website's origin as browsers and wallets see it.
    pub public_url: Url,
    /// Where the SQLite database is.
    pub data_directory: PathBuf,
    /// A file with a PostgreSQL URL; SQLite without it.
    #[serde(default)]
    pub database_url_file: Option<PathBuf>,
    /// File with 32 bytes in hexadecimal: the key for what is sealed in the database.
    pub storage_key_file: PathBuf,
    /// The city's trust anchors, PEM: for issuers, and for this site's own certificate.
    pub trust_anchors_file: PathBuf,
    /// Whether status lists may be fetched from this very machine: only for the pilot city.
    #[serde(default)]
    pub loopback: Loopback,
    /// Reverse proxies that are believed about client addresses.
    #[serde(default)]
    pub trusted_proxies: Vec<IpAddr>,
    /// Seconds that a login request lives, 30 to 120.
    #[serde(default = "default_lifetime")]
    pub request_lifetime_seconds: u32,
    /// What a missing match code means.
    #[serde(default)]
    pub match_code: MatchCodePolicy,
    /// Logins that one client address may begin in a minute. Many citizens can share an address.
    #[serde(default = "default_logins")]
    pub logins_per_minute: u32,
    /// Requests that wallets of one client address may fetch or answer in a minute.
    #[serde(default = "default_wallet_requests")]
    pub wallet_requests_per_minute: u32,
    /// The name at the top of the pages.
    pub site_name: Localized,
    /// Who this site is on the ledger.
    pub party: PartyConfig,
    /// The ledger.
    pub ledger: LedgerConfig,
    /// What is asked for; the first is the login of the home page.
    pub purposes: Vec<PurposeConfig>,
}

/// Who this site is on the ledger.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartyConfig {
    /// The party's id.
    pub id: String,
    /// The Ed25519 key that signs receipts: 32 bytes in hexadecimal.
    pub ledger_key_file: PathBuf,
    /// The certificate that signs requests and its intermediates, PEM, without the trust anchor.
    pub certificate_file: PathBuf,
    /// Its P-256 key: 32 bytes in hexadecimal, or PKCS#8 in PEM.
    pub certificate_key_file: PathBuf,
}

/// The ledger.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerConfig {
    /// Nodes to ask; none is believed.
    pub nodes: Vec<Url>,
    /// The genesis file: the trust root.
    pub genesis: PathBuf,
    /// Seconds that the newest proved block may be old.
    #[serde(default = "default_max_age")]
    pub max_age_seconds: u32,
}

fn default_lifetime() -> u32 {
    MAX_LIFETIME_SECONDS
}

fn default_logins() -> u32 {
    600
}

fn default_wallet_requests() -> u32 {
    3_000
}

fn default_max_age() -> u32 {
    120
}

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The file, or one that it names.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A key file.
    #[error(transparent)]
    Key(#[from] parties::KeyError),
}

/// Everything that the configuration says, read and checked.
pub struct Setup {
    /// The file itself.
    pub config: Config,
    /// The database's URL.
    pub database_url: SecretString,
    /// The key for what is sealed.
    pub storage_key: StorageKey,
    /// The city's anchors.
    pub anchors: TrustAnchors,
    /// Where the anchors were read from, for `request`.
    pub anchors_path: PathBuf,
    /// The ledger's genesis.
    pub root: TrustRoot,
    /// Where it is kept what was followed of the ledger's validators.
    pub followed_path: PathBuf,
    /// Who this site is.
    pub party: Party,
    /// What it asks for.
    pub policies: Vec<Policy>,
}

/// Reads the configuration and every file that it names.
///
/// # Errors
/// [`SetupError`], a sentence that names file and key.
pub fn load(file: &Path) -> Result<Setup, SetupError> {
    let loaded: Loaded<Config> = config::load(file)?;
    check(&loaded)?;
    let config = &loaded.value;
    let policies = config.purposes.iter().map(Policy::new).collect::<Result<Vec<_>, _>>();
    let policies = policies.map_err(|error| loaded.refuse("purposes", error.to_string()))?;
    let anchors_path = loaded.path(&config.trust_anchors_file);
    let anchors = TrustAnchors::from_pem(&config::read(&anchors_path)?);
    let anchors = anchors.map_err(|error| loaded.refuse("trust_anchors_file", error.to_string()))?;
    let genesis: Genesis = serde_json::from_str(&config::read(&loaded.path(&config.ledger.genesis))?)
        .map_err(|error| loaded.refuse("genesis", error.to_string()))?;
    let root = TrustRoot::from_genesis(genesis).map_err(|error| loaded.refuse("genesis", error.to_string()))?;
    let storage_key = parties::read_key(&loaded.path(&config.storage_key_file))?;
    let party = Party::load(&loaded)?;
    Ok(Setup {
        database_url: database_url(&loaded)?,
        storage_key: StorageKey::new(storage_key),
        anchors,
        anchors_path,
        root,
        followed_path: loaded.path(&config.data_directory).join("ledger-validators"),
        party,
        policies,
        config: loaded.value,
    })
}

/// What types do not express.
fn check(loaded: &Loaded<Config>) -> Result<(), ConfigError> {
    let config = &loaded.value;
    let url = &config.public_url;
    let loopback = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    if url.scheme() != "https" && !(url.scheme() == "http" && loopback) {
        return Err(loaded.refuse("public_url", "it must be https; http only on 127.0.0.1 or localhost"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
        return Err(loaded.refuse("public_url", "it must be an origin: scheme, host and port, nothing after"));
    }
    if !(30..=MAX_LIFETIME_SECONDS).contains(&config.request_lifetime_seconds) {
        return Err(loaded.refuse("request_lifetime_seconds", format!("it must be 30 to {MAX_LIFETIME_SECONDS}")));
    }
    if config.purposes.is_empty() {
        return Err(loaded.refuse("purposes", "there must be at least one"));
    }
    if config.ledger.nodes.is_empty() {
        return Err(loaded.refuse("nodes", "there must be at least one ledger node"));
    }
    Ok(())
}

fn database_url(loaded: &Loaded<Config>) -> Result<SecretString, ConfigError> {
    if let Some(file) = &loaded.value.database_url_file {
        return config::read_secret(&loaded.path(file));
    }
    let directory = loaded.path(&loaded.value.data_directory);
    std::fs::create_dir_all(&directory).map_err(|source| ConfigError::Unreadable { path: directory.clone(), source })?;
    Ok(format!("sqlite://{}?mode=rwc", directory.join("verifier.sqlite").display()).into())
}

/// Reads a secret of 32 bytes in hexadecimal.
pub(crate) fn read_hex(path: &Path) -> Result<Option<Zeroizing<[u8; 32]>>, ConfigError> {
    let text = config::read_secret(path)?;
    let mut bytes = Zeroizing::new([0; 32]);
    let text = text.expose_secret().as_bytes();
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    if text.len() != 64 {
        return Ok(None);
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let [high, low] = pair else { return Ok(None) };
        let (Some(high), Some(low)) = (digit(*high), digit(*low)) else { return Ok(None) };
        *byte = high << 4 | low;
    }
    Ok(Some(bytes))
}
