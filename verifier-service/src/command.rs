//! What the binary does: `run`, `check-config`, `request`.

use std::path::Path;
use std::sync::Arc;

use clients::{ChainClient, Environment};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use service_kit::health::Check;
use service_kit::session::Token;
use service_kit::{Service, Shutdown};

use crate::app::{App, Parts, Shared};
use crate::chain_client::Ledger;
use crate::config::{self, Setup, SetupError};
use crate::database::{self, DatabaseError};
use crate::logins::Channel;
use crate::logins::begin::{self, link};
use crate::{housekeeping, parties, router};

/// Why a command fails.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The configuration.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The HTTP client cannot be made.
    #[error("the HTTP client cannot be made")]
    Http(#[source] reqwest::Error),
    /// This site's own certificate does not lead to the city's anchors.
    #[error("this site's certificate would not be believed by wallets")]
    Certificate(#[source] identity::jose::X509Error),
    /// Serving.
    #[error(transparent)]
    Serve(#[from] service_kit::serve::ServeError),
    /// A login request could not be made.
    #[error("no login request could be made: {0}")]
    Request(String),
}

/// An application from its configuration, with the real ledger, clock and randomness.
async fn assemble(setup: Setup, shutdown: Shutdown) -> Result<Shared, CommandError> {
    let environment = Environment::system();
    setup.party.chain.verify(&setup.anchors, environment.now()).map_err(CommandError::Certificate)?;
    let http = clients::http::client().map_err(CommandError::Http)?;
    let genesis = *setup.root.hash();
    let ledger_config = &setup.config.ledger;
    let client = ChainClient::new(http, ledger_config.nodes.clone(), setup.root, environment.random.clone())
        .with_clock(environment.clock.clone(), u64::from(ledger_config.max_age_seconds) * 1_000)
        .with_trust_file(setup.followed_path, &environment.clock);
    let key = setup.party.ledger_key.clone();
    let ledger = Ledger::new(client, setup.party.id, key, environment.clock.clone(), ledger_config.max_age_seconds);
    let database = database::open(setup.database_url.expose_secret()).await?;
    Ok(App::new(Parts {
        storage_key: setup.storage_key,
        anchors: setup.anchors,
        genesis,
        party: setup.party,
        policies: setup.policies,
        database,
        chain: Arc::new(ledger),
        environment,
        shutdown,
        config: setup.config,
    }))
}

/// Serves until SIGTERM.
///
/// # Errors
/// [`CommandError`]; nothing was served then.
pub async fn run(file: &Path) -> Result<(), CommandError> {
    let setup = config::load(file)?;
    let config = &setup.config;
    let url = config.public_url.as_str().trim_end_matches('/').to_owned();
    let service = Service::new("verifier", url, config.listen, config.admin_listen);
    let app = assemble(setup, service.shutdown()).await?;
    tokio::spawn(housekeeping::run(app.clone()));
    let (database, ledger, registration, certificate) = (app.clone(), app.clone(), app.clone(), app.clone());
    let service = service
        .check(Check::new("database", move || ask_database(database.clone())))
        .check(Check::new("ledger", move || ask_ledger(ledger.clone())))
        .check(Check::new("registration", move || ask_registration(registration.clone())))
        .check(Check::new("certificate", move || ask_certificate(certificate.clone())));
    service.run(router(&app)).await?;
    Ok(())
}

async fn ask_database(app: Shared) -> Result<(), String> {
    let asked = sqlx::query("SELECT id FROM logins LIMIT 1").fetch_optional(&app.parts.database).await;
    asked.map(|_| ()).map_err(|error| format!("the database does not answer: {error}"))
}

async fn ask_ledger(app: Shared) -> Result<(), String> {
    app.parts.chain.party().await.map(|_| ()).map_err(|error| error.to_string())
}

async fn ask_registration(app: Shared) -> Result<(), String> {
    let record = app.registry.recent(app.now()).await.map_err(|error| error.to_string())?;
    let parts = &app.parts;
    parties::check(record.as_ref(), &parts.party, &parts.config.public_url, &parts.policies)
        .map(|_| ())
        .map_err(|mismatch| mismatch.to_string())
}

async fn ask_certificate(app: Shared) -> Result<(), String> {
    let verified = app.parts.party.chain.verify(&app.parts.anchors, app.now());
    verified.map(|_| ()).map_err(|error| format!("wallets would not believe this site's certificate: {error}"))
}

/// Reads the configuration and everything that it names.
///
/// # Errors
/// [`CommandError`], with the file and the key.
pub fn check_config(file: &Path) -> Result<String, CommandError> {
    let setup = config::load(file)?;
    setup.party.chain.verify(&setup.anchors, Environment::system().now()).map_err(CommandError::Certificate)?;
    let party = &setup.party;
    Ok(format!("{} is right: party {}, {}", file.display(), party.id, party.client_id))
}

/// A request that a wallet can be pointed at.
#[derive(Debug, Serialize)]
pub struct OpenRequest {
    /// The link that a wallet opens.
    pub request_link: String,
    /// Our client identifier.
    pub client_id: String,
    /// Where the request object is.
    pub request_uri: String,
    /// The login, for the service's log.
    pub login: String,
    /// The match code that the login page would show; absent for the same device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub match_code: Option<String>,
    /// When it ends, seconds since the Unix epoch.
    pub expires_at: i64,
    /// The PEM of the anchors that the request's certificate leads to.
    pub trust_root: std::path::PathBuf,
}

/// Makes an open login request in the database, beside the running service. No browser can complete it.
///
/// # Errors
/// [`CommandError`].
pub async fn request(file: &Path, channel: Channel, purpose: Option<&str>) -> Result<OpenRequest, CommandError> {
    let setup = config::load(file)?;
    let trust_root = setup.anchors_path.clone();
    let app = assemble(setup, Shutdown::default()).await?;
    let nobody = Token::from_entropy(app.entropy());
    let begun = begin::begin(&app, purpose, &nobody).await;
    let begun = begun.map_err(|error| CommandError::Request(error.to_string()))?;
    let request = match channel {
        Channel::SameDevice => &begun.same_device,
        Channel::CrossDevice => &begun.cross_device,
    };
    Ok(OpenRequest {
        request_link: link(&app, request),
        client_id: app.parts.party.client_id.clone(),
        request_uri: app.url(&format!("/requests/{}", request.id)).to_string(),
        login: begun.login.id.clone(),
        match_code: Some(request.match_code.clone()).filter(|code| !code.is_empty()),
        expires_at: begun.login.expires_at,
        trust_root,
    })
}
