//! The database: SQLite by default, PostgreSQL where a department outgrows one machine; the same queries for both.
//!
//! A handler that writes takes one [`Database::begin`] transaction. On SQLite it is `BEGIN IMMEDIATE`: a writer waits for its turn at
//! the start instead of failing half way.

use std::path::Path;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{Any, AnyPool, ConnectOptions as _, Executor as _, Transaction};

/// How long a request waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// Connections of one process.
const MAX_CONNECTIONS: u32 = 8;

/// Settings of every SQLite connection: what was committed is on the disk, readers do not wait for the writer.
const SQLITE_SETTINGS: &str =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON;";

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// Why the database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Neither `sqlite:` nor `postgres:`.
    #[error("the database URL must begin with sqlite: or postgres:")]
    Kind,
    /// It cannot be reached or created.
    #[error("the database cannot be opened")]
    Connect(#[source] sqlx::Error),
    /// Its tables cannot be brought up to date.
    #[error("the tables of the database cannot be brought up to date")]
    Migrate(#[source] sqlx::migrate::MigrateError),
}

/// The database of the service.
#[derive(Clone, Debug)]
pub struct Database {
    pool: AnyPool,
    begin: &'static str,
}

impl Database {
    /// The URL of the SQLite database in a data directory.
    pub fn sqlite_url(data_directory: &Path) -> String {
        format!("sqlite:{}?mode=rwc", data_directory.join("issuer.db").display())
    }

    /// Opens the database and brings its tables up to date.
    ///
    /// # Errors
    /// [`OpenError`]; it names no password.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        sqlx::any::install_default_drivers();
        let sqlite = url.starts_with("sqlite:");
        if !sqlite && !url.starts_with("postgres:") && !url.starts_with("postgresql:") {
            return Err(OpenError::Kind);
        }
        let options: AnyConnectOptions = url.parse().map_err(OpenError::Connect)?;
        let options = options.disable_statement_logging();
        let pool = AnyPoolOptions::new()
            .max_connections(MAX_CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    if sqlite {
                        connection.execute(SQLITE_SETTINGS).await?;
                    }
                    Ok(())
                })
            })
            .connect_with(options)
            .await
            .map_err(OpenError::Connect)?;
        MIGRATIONS.run(&pool).await.map_err(OpenError::Migrate)?;
        Ok(Self { pool, begin: if sqlite { "BEGIN IMMEDIATE" } else { "BEGIN" } })
    }

    /// For single reads.
    pub fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// A transaction for a handler that writes. It is rolled back unless it is committed.
    pub async fn begin(&self) -> sqlx::Result<Transaction<'static, Any>> {
        self.pool.begin_with(self.begin).await
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> sqlx::Result<()> {
        sqlx::query("SELECT 1").execute(&self.pool).await.map(drop)
    }

    /// Closes the connections: the WAL is written back.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}
