//! The database: SQLite by default, PostgreSQL where one machine is not enough, by the same queries.
//!
//! Queries have `$1` placeholders and only TEXT and BIGINT values. SQLite runs with a write-ahead log, full synchronisation and
//! a wait for locks; migrations are embedded and forward only.

use std::time::Duration;

use sqlx::Executor as _;
use sqlx::any::AnyPoolOptions;

/// A pool of connections to either database.
pub type Database = sqlx::AnyPool;

/// How long a request waits for a connection before it is told to come back.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
const MAX_CONNECTIONS: u32 = 8;

/// Settings of each SQLite connection: what was committed survives a power cut, and writers wait for each other.
const SQLITE_SETTINGS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000; \
                               PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;";

/// Why there is no database.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// It cannot be opened.
    #[error("the database cannot be opened")]
    Open(#[source] sqlx::Error),
    /// Its tables cannot be brought to this version.
    #[error("the database cannot be brought to this version's tables")]
    Migrate(#[source] sqlx::migrate::MigrateError),
}

/// Opens the database at `url` (`sqlite:` or `postgres:`) and brings its tables up to date.
///
/// # Errors
/// [`DatabaseError`].
pub async fn open(url: &str) -> Result<Database, DatabaseError> {
    sqlx::any::install_default_drivers();
    let sqlite = url.starts_with("sqlite:");
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
        .connect(url)
        .await
        .map_err(DatabaseError::Open)?;
    sqlx::migrate!("./migrations").run(&pool).await.map_err(DatabaseError::Migrate)?;
    Ok(pool)
}
