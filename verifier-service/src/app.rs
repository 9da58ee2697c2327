//! What every handler has at hand.

use std::sync::Arc;

use clients::{Clock, Environment};
use identity::UnixSeconds;
use identity::jose::TrustAnchors;
use ledger::Hash;
use service_kit::address::ClientAddress;
use service_kit::cookies::Cookies;
use service_kit::fetch::Fetcher;
use service_kit::rate::{Rate, RateLimiter};
use service_kit::{ApiError, Shutdown, Slug};
use tokio::sync::{Semaphore, broadcast};
use url::Url;

use crate::chain::Chain;
use crate::config::Config;
use crate::database::Database;
use crate::parties::{Party, Registry};
use crate::policies::Policy;
use crate::presentations::status::StatusLists;
use crate::sealing::StorageKey;

/// Addresses that are remembered.
const MAX_ADDRESSES: usize = 10_000;
/// Pages that may wait for events.
const MAX_STREAMS: usize = 512;
/// Changes that a slow listener may miss before it looks for itself.
const MAX_CHANGES: usize = 256;

/// What an application is made of.
pub struct Parts {
    /// The configuration.
    pub config: Config,
    /// Key for what is sealed.
    pub storage_key: StorageKey,
    /// The city's anchors.
    pub anchors: TrustAnchors,
    /// Hash of the ledger's genesis.
    pub genesis: Hash,
    /// Who this site is.
    pub party: Party,
    /// What it asks for.
    pub policies: Vec<Policy>,
    /// The database.
    pub database: Database,
    /// The ledger.
    pub chain: Arc<dyn Chain>,
    /// Time and randomness.
    pub environment: Environment,
    /// When to end.
    pub shutdown: Shutdown,
}

/// The application.
pub struct App {
    /// What it is made of.
    pub parts: Parts,
    /// The registration.
    pub registry: Registry,
    /// Status lists.
    pub statuses: StatusLists,
    /// How cookies are named.
    pub cookies: Cookies,
    /// Ids of logins that have changed, for the browsers that wait.
    pub changes: broadcast::Sender<String>,
    /// Places for pages that wait.
    pub streams: Arc<Semaphore>,
    login_rate: RateLimiter<ClientAddress>,
    wallet_rate: RateLimiter<ClientAddress>,
}

/// The application as handlers share it.
pub type Shared = Arc<App>;

impl App {
    /// Puts it together.
    pub fn new(parts: Parts) -> Shared {
        Arc::new(Self {
            registry: Registry::new(Arc::clone(&parts.chain)),
            statuses: StatusLists::new(Fetcher::new(parts.config.loopback)),
            cookies: Cookies::for_url(&parts.config.public_url),
            changes: broadcast::channel(MAX_CHANGES).0,
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            login_rate: RateLimiter::new(rate(parts.config.logins_per_minute), MAX_ADDRESSES),
            wallet_rate: RateLimiter::new(rate(parts.config.wallet_requests_per_minute), MAX_ADDRESSES),
            parts,
        })
    }

    /// Seconds since the Unix epoch.
    pub fn now(&self) -> UnixSeconds {
        self.clock().now()
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.parts.environment.clock
    }

    /// 32 fresh bytes.
    pub fn entropy(&self) -> [u8; 32] {
        self.parts.environment.entropy()
    }

    /// The policy of a purpose; without a name the first, which is the login of the home page.
    pub fn policy(&self, purpose: Option<&str>) -> Option<&Policy> {
        match purpose {
            None => self.parts.policies.first(),
            Some(id) => self.parts.policies.iter().find(|policy| policy.purpose.as_str() == id),
        }
    }

    /// A URL of this site.
    pub fn url(&self, path: &str) -> Url {
        let mut url = self.parts.config.public_url.clone();
        url.set_path(path);
        url
    }

    /// Tells the browsers that wait. Nobody may be waiting.
    pub fn changed(&self, login: &str) {
        let _nobody_waits = self.changes.send(login.to_owned());
    }

    /// Counts a login that a browser begins.
    ///
    /// # Errors
    /// [`Slug::TooManyRequests`].
    pub fn take_login(&self, address: &ClientAddress) -> Result<(), ApiError> {
        Ok(self.login_rate.take(address, self.clock().now_ms())?)
    }

    /// Counts a request of a wallet.
    ///
    /// # Errors
    /// [`Slug::TooManyRequests`].
    pub fn take_wallet(&self, address: &ClientAddress) -> Result<(), ApiError> {
        Ok(self.wallet_rate.take(address, self.clock().now_ms())?)
    }
}

/// Ten seconds' worth at once.
fn rate(per_minute: u32) -> Rate {
    Rate { burst: (per_minute / 6).max(1), per_minute }
}

/// A failure of the database: full, away, or ours.
pub fn database_error(error: sqlx::Error) -> ApiError {
    let text = error.as_database_error().map(|e| e.message().to_ascii_lowercase()).unwrap_or_default();
    let slug = match &error {
        sqlx::Error::PoolTimedOut | sqlx::Error::Io(_) | sqlx::Error::PoolClosed => Slug::Busy,
        // SQLite says "database or disk is full", PostgreSQL "could not extend file: No space left on device".
        _ if text.contains("disk is full") || text.contains("no space left") => Slug::StorageFull,
        _ if text.contains("database is locked") => Slug::Busy,
        _ => Slug::Internal,
    };
    ApiError::new(slug).caused_by(error)
}
