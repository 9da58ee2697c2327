//! From a configuration file to a running service.

use std::path::Path;
use std::sync::Arc;

use blobs::{EmbeddedStore, ReaderSecretKey};
use clients::Environment;
use clients::chain::ChainClient;
use data_encoding::HEXLOWER_PERMISSIVE;
use identity::jose::Chain;
use identity::{Algorithm, SecretKey};
use ledger::TrustRoot;
use ledger::genesis::Genesis;
use p256::pkcs8::DecodePrivateKey as _;
use secrecy::ExposeSecret as _;
use service_kit::config::{self as files, Loaded};
use service_kit::health::Check;
use service_kit::{Service, serve::ServeError};
use zeroize::Zeroizing;

use crate::anchoring::{self, ChainLedger};
use crate::app::{self, Issuer, Keys, Parts};
use crate::attestations::{Registers, register};
use crate::config::{self, Config};
use crate::database::{Database, OpenError};
use crate::offers::Desk;
use crate::offers::command::{self, CommandError};
use crate::secrets::Secrets;

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration, or a file that it names.
    #[error(transparent)]
    Config(#[from] files::ConfigError),
    /// The database.
    #[error(transparent)]
    Database(#[from] OpenError),
    /// The blob store.
    #[error("the blob store cannot be opened")]
    Blobs(#[source] blobs::StoreError),
    /// The data directory.
    #[error("the data directory {} cannot be made", path.display())]
    Directory {
        /// The directory.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The client of the ledger.
    #[error("the HTTP client cannot be made")]
    Http(#[source] reqwest::Error),
    /// The listeners.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

/// A configuration whose every file was read.
pub struct Checked {
    config: Loaded<Config>,
    keys: Keys,
    ledger_key: SecretKey,
    trust_root: TrustRoot,
    registers: Registers,
    database_url: Option<Zeroizing<String>>,
}

/// Reads a configuration file and every file that it names.
///
/// # Errors
/// A sentence that names file and key.
pub fn check(file: &Path) -> Result<Checked, StartError> {
    let config = config::load(file)?;
    let authority = &config.value.authority;
    let ledger_key = ed25519(&config, &authority.ledger_key_file)?;
    let keys = read_keys(&config)?;
    let registers = register::load(&config)?;
    let genesis_file = config.path(&config.value.ledger.genesis);
    let genesis: Genesis = serde_json::from_str(&files::read(&genesis_file)?)
        .map_err(|e| config.refuse("ledger.genesis", format!("{} is not a genesis file: {e}", genesis_file.display())))?;
    let trust_root = TrustRoot::from_genesis(genesis)
        .map_err(|e| config.refuse("ledger.genesis", format!("{}: {e}", genesis_file.display())))?;
    let database_url = match &config.value.database_url_file {
        Some(file) => Some(Zeroizing::new(files::read_secret(&config.path(file))?.expose_secret().to_owned())),
        None => None,
    };
    Ok(Checked { config, keys, ledger_key, trust_root, registers, database_url })
}

fn read_keys(config: &Loaded<Config>) -> Result<Keys, StartError> {
    let authority = &config.value.authority;
    let credential = p256_key(config, &authority.credential_key_file)?;
    let chain_file = config.path(&authority.credential_chain_file);
    let refuse_chain =
        |what: String| config.refuse("authority.credential_chain_file", format!("{}: {what}", chain_file.display()));
    let chain = Chain::from_pem(&files::read(&chain_file)?).map_err(|e| refuse_chain(e.to_string()))?;
    let leaf = chain.unverified_leaf().map_err(|e| refuse_chain(e.to_string()))?;
    if leaf.public_key != credential.public_key() {
        return Err(refuse_chain("its first certificate is not of the credential key".to_owned()).into());
    }
    let reader = ReaderSecretKey::from_entropy(*hex(config, &authority.reader_key_file, "authority.reader_key_file")?);
    Ok(Keys { credential, chain, reader })
}

fn hex(config: &Loaded<Config>, file: &Path, key: &'static str) -> Result<Zeroizing<[u8; 32]>, StartError> {
    let path = config.path(file);
    let text = files::read_secret(&path)?;
    let bytes = HEXLOWER_PERMISSIVE.decode(text.expose_secret().as_bytes()).map(Zeroizing::new).ok();
    let bytes = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok());
    let refuse = || config.refuse(key, format!("{} does not hold 32 bytes in hexadecimal", path.display()));
    Ok(bytes.map(Zeroizing::new).ok_or_else(refuse)?)
}

fn ed25519(config: &Loaded<Config>, file: &Path) -> Result<SecretKey, StartError> {
    let key = "authority.ledger_key_file";
    let bytes = hex(config, file, key)?;
    Ok(SecretKey::from_bytes(Algorithm::Ed25519, &bytes).map_err(|e| config.refuse(key, e.to_string()))?)
}

fn p256_key(config: &Loaded<Config>, file: &Path) -> Result<SecretKey, StartError> {
    let key = "authority.credential_key_file";
    let path = config.path(file);
    let text = files::read_secret(&path)?;
    if text.expose_secret().starts_with("-----BEGIN") {
        let refuse = |_| config.refuse(key, format!("{} is not a P-256 key in PKCS #8 PEM", path.display()));
        let secret = p256::SecretKey::from_pkcs8_pem(text.expose_secret()).map_err(refuse)?;
        return Ok(SecretKey::P256(p256::ecdsa::SigningKey::from(secret)));
    }
    let bytes = hex(config, file, key)?;
    Ok(SecretKey::from_bytes(Algorithm::P256, &bytes).map_err(|e| config.refuse(key, e.to_string()))?)
}

/// Opens the database of a configuration.
async fn open_database(checked: &Checked) -> Result<Database, StartError> {
    let directory = checked.config.path(&checked.config.value.data_directory);
    std::fs::create_dir_all(&directory).map_err(|source| StartError::Directory { path: directory.clone(), source })?;
    let url = checked.database_url.as_ref().map_or_else(|| Database::sqlite_url(&directory), |url| url.to_string());
    Ok(Database::open(&url).await?)
}

/// Puts the service together.
async fn assemble(checked: Checked, environment: Environment) -> Result<Arc<Issuer>, StartError> {
    let database = open_database(&checked).await?;
    let directory = checked.config.path(&checked.config.value.data_directory);
    let http = clients::http::client().map_err(StartError::Http)?;
    let nodes = checked.config.value.ledger.nodes.clone();
    let client = ChainClient::new(http, nodes, checked.trust_root, environment.random.clone())
        .with_clock(environment.clock.clone(), anchoring::MAX_AGE_MS)
        .with_trust_file(directory.join("ledger-validators"), &environment.clock);
    let authority = checked.config.value.authority.id;
    let ledger = ChainLedger::new(client, environment.clock.clone(), authority, checked.ledger_key);
    let blobs = EmbeddedStore::open(directory.join("blobs")).map_err(StartError::Blobs)?;
    Ok(Issuer::new(Parts {
        config: checked.config.value,
        environment,
        database,
        ledger: Arc::new(ledger),
        blobs: Arc::new(blobs),
        keys: checked.keys,
        registers: checked.registers,
        patience: app::PATIENCE,
    }))
}

/// Serves until the process is told to end.
///
/// # Errors
/// [`StartError`]; nothing was served then.
pub async fn run(file: &Path, environment: Environment) -> Result<(), StartError> {
    let app = assemble(check(file)?, environment).await?;
    let service = Service::new("issuer-service", app.config.public_url.clone(), app.config.listen, app.config.admin_listen);
    let (database, ledger, store) = (Arc::clone(&app), Arc::clone(&app), Arc::clone(&app));
    let service = service
        .check(Check::new("database", move || {
            let app = Arc::clone(&database);
            async move { app.database.ping().await.map_err(|e| service_kit::problem::chain(&e)) }
        }))
        .check(Check::new("ledger", move || {
            let app = Arc::clone(&ledger);
            async move { app.check_authority().await }
        }))
        .check(Check::new("blobs", move || {
            let app = Arc::clone(&store);
            async move { app.blobs.pins().await.map(drop).map_err(|e| service_kit::problem::chain(&e)) }
        }));
    let shutdown = service.shutdown();
    let delivery = tokio::spawn(anchoring::run(Arc::clone(&app), shutdown.clone()));
    let tidying = tokio::spawn(app::tidy(Arc::clone(&app), shutdown));
    service.run(app::router(&app)).await?;
    // What is under way is in the outbox: cutting it off loses nothing.
    let _ended = tokio::time::timeout(std::time::Duration::from_secs(2), delivery).await;
    tidying.abort();
    app.database.close().await;
    Ok(())
}

/// Makes an offer beside a running service; see [`crate::offers::command`].
///
/// # Errors
/// [`StartError`], or why there is no offer.
pub async fn offer(
    file: &Path,
    environment: Environment,
    attestation_type: &str,
    claims: &[u8],
) -> Result<Result<serde_json::Value, CommandError>, StartError> {
    let checked = check(file)?;
    let database = open_database(&checked).await?;
    let secrets = Secrets::from_reader_key(&checked.keys.reader);
    let desk = Desk { config: &checked.config.value, secrets: &secrets, environment: &environment };
    let made = command::offer(desk, &database, attestation_type, claims).await;
    database.close().await;
    Ok(made)
}
