//! The service's state, and its routes.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use blobs::{BlobStore, ReaderSecretKey};
use clients::Environment;
use identity::SecretKey;
use identity::jose::Chain;
use service_kit::address::ClientAddress;
use service_kit::cookies::Cookies;
use service_kit::headers::Csp;
use service_kit::layers::{self, Limits};
use service_kit::rate::{Rate, RateLimiter};
use service_kit::{ApiError, Slug};
use url::Url;

use crate::anchoring::{Bell, Ledger};
use crate::attestations::Registers;
use crate::config::Config;
use crate::database::Database;
use crate::failure::Failure;
use crate::secrets::Secrets;
use crate::status::SignedLists;
use crate::{console, credentials, offers, openapi, reports, requests, status, uploads};

/// Clients whose rates are remembered.
const MAX_CLIENTS: usize = 20_000;

/// The keys that the service itself uses. The ledger key is the ledger client's.
pub struct Keys {
    /// Signs credentials and status lists.
    pub credential: SecretKey,
    /// Its certificates.
    pub chain: Chain,
    /// Opens envelopes.
    pub reader: ReaderSecretKey,
}

/// Everything that a handler needs.
pub struct Issuer {
    /// The configuration.
    pub config: Config,
    /// The public URL, parsed.
    pub public_url: Url,
    /// Time and randomness.
    pub environment: Environment,
    /// The database.
    pub database: Database,
    /// The ledger.
    pub ledger: Arc<dyn Ledger>,
    /// Blobs.
    pub blobs: Arc<dyn BlobStore>,
    /// Keys.
    pub keys: Keys,
    /// What is derived from the reader key.
    pub secrets: Secrets,
    /// The department's registers.
    pub registers: Registers,
    /// Between handlers and the outbox task.
    pub bell: Bell,
    /// Signed status lists.
    pub lists: SignedLists,
    /// Cookies of the console.
    pub cookies: Cookies,
    /// Rates of wallets and browsers, by client address.
    pub rates: Rates,
    /// How long a credential request waits until its records are final.
    pub patience: Duration,
}

/// What an [`Issuer`] is made of.
pub struct Parts {
    /// The configuration, checked.
    pub config: Config,
    /// Time and randomness.
    pub environment: Environment,
    /// The database, up to date.
    pub database: Database,
    /// The ledger.
    pub ledger: Arc<dyn Ledger>,
    /// Blobs.
    pub blobs: Arc<dyn BlobStore>,
    /// Keys.
    pub keys: Keys,
    /// The department's registers.
    pub registers: Registers,
    /// How long a credential request waits until its records are final.
    pub patience: Duration,
}

/// How long a credential request waits in production: a wallet's own limit is longer.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Limits by client address: generous to a counter with many people behind one address, and still a limit.
pub struct Rates {
    /// Upload grants and attribute requests.
    pub submissions: RateLimiter<ClientAddress>,
    /// Token, nonce and credential requests.
    pub issuance: RateLimiter<ClientAddress>,
    /// Sign-ins to the console.
    pub sign_ins: RateLimiter<ClientAddress>,
}

impl Default for Rates {
    fn default() -> Self {
        let limiter = |burst, per_minute| RateLimiter::new(Rate { burst, per_minute }, MAX_CLIENTS);
        Self { submissions: limiter(60, 120), issuance: limiter(200, 600), sign_ins: limiter(10, 20) }
    }
}

impl Issuer {
    /// Puts the parts together.
    ///
    /// # Panics
    /// When the public URL is not one: [`crate::config::load`] has refused that.
    pub fn new(parts: Parts) -> Arc<Self> {
        let public_url: Url = parts.config.public_url.parse().expect("the configuration was checked");
        Arc::new(Self {
            secrets: Secrets::from_reader_key(&parts.keys.reader),
            cookies: Cookies::for_url(&public_url),
            bell: Bell::default(),
            lists: SignedLists::default(),
            rates: Rates::default(),
            patience: parts.patience,
            public_url,
            config: parts.config,
            environment: parts.environment,
            database: parts.database,
            ledger: parts.ledger,
            blobs: parts.blobs,
            keys: parts.keys,
            registers: parts.registers,
        })
    }

    /// A URL of this service.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.config.public_url)
    }

    /// What offers are made with.
    pub fn desk(&self) -> offers::Desk<'_> {
        offers::Desk { config: &self.config, secrets: &self.secrets, environment: &self.environment }
    }

    /// Now, in seconds.
    pub fn now(&self) -> identity::UnixSeconds {
        self.environment.now()
    }

    /// Takes a token of a rate.
    pub(crate) fn limit(&self, rate: &RateLimiter<ClientAddress>, client: ClientAddress) -> Result<(), ApiError> {
        rate.take(&client, self.environment.clock.now_ms()).map_err(ApiError::from)
    }

    /// Whether the department's keys are those on the ledger: a service with others would issue what nobody accepts.
    ///
    /// # Errors
    /// A sentence for the operator, or that the ledger is away.
    pub async fn check_authority(&self) -> Result<(), String> {
        let id = self.config.authority.id;
        let record = self.ledger.authority().await.map_err(|e| service_kit::problem::chain(&e))?;
        let Some((cell, record)) = record else { return Err(format!("the ledger knows no authority '{id}'")) };
        if !cell.is_in_force() {
            return Err(format!(
                "'{id}' is suspended on the ledger; nothing that it attests counts until the members restore it"
            ));
        }
        if !record.credential_keys.contains(&self.keys.credential.public_key()) {
            return Err(format!("the credential key is not one of '{id}' on the ledger"));
        }
        if record.reader_key.as_deref() != Some(self.keys.reader.public_key().to_string().as_str()) {
            return Err(format!("the reader key is not that of '{id}' on the ledger"));
        }
        if record.issuer_url.as_deref() != Some(self.config.public_url.as_str()) {
            return Err(format!("public_url is not the issuer URL of '{id}' on the ledger"));
        }
        let missing = self.config.attestations.iter().find(|a| !record.accredited_types.contains(&a.attestation_type));
        match missing {
            Some(attestation) => Err(format!("'{id}' is not accredited for {}", attestation.attestation_type)),
            None => Ok(()),
        }
    }
}

/// The routes of the main listener, with all layers.
pub fn router(app: &Arc<Issuer>) -> Router {
    let routes = Router::new()
        .merge(requests::routes())
        .merge(reports::routes())
        .merge(offers::routes(app))
        .merge(credentials::routes(app))
        .merge(status::routes())
        .merge(console::routes())
        .merge(openapi::routes())
        .with_state(Arc::clone(app))
        .merge(uploads::routes(app));
    let limits = Limits {
        request: Duration::from_secs(75),
        csp: Csp::strict(),
        trusted_proxies: app.config.trusted_proxies.clone(),
        ..Limits::default()
    };
    layers::apply(routes, &app.public_url, limits)
}

/// Removes what has served its time, every minute, until the service ends.
pub async fn tidy(app: Arc<Issuer>, shutdown: service_kit::Shutdown) {
    loop {
        if let Err(failure) = tidy_once(&app).await {
            ApiError::from(failure).log();
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(60)) => {}
            () = shutdown.requested() => return,
        }
    }
}

/// Removes what has served its time: claims of ended offers, responses of ended tokens, sessions, nonces, grants, abandoned blobs.
///
/// # Errors
/// When the database or the blob store fails; the next round tries again.
pub async fn tidy_once(app: &Issuer) -> Result<(), Failure> {
    let now = app.now();
    offers::store::forget(app.database.pool(), now).await?;
    credentials::store::forget(app.database.pool(), now).await?;
    crate::staff::store::forget(app.database.pool(), now).await?;
    uploads::forget(app, now).await
}

/// A refusal with a developer's detail.
pub(crate) fn refuse(slug: Slug, detail: impl Into<std::borrow::Cow<'static, str>>) -> Failure {
    Failure::Api(ApiError::new(slug).detail(detail))
}
