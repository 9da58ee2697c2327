//! What is over goes: decryption keys, released values that nobody fetched, sessions, evidence past its retention.

use std::time::Duration;

use crate::app::Shared;
use crate::logins::{self, GRACE_SECONDS};
use crate::{receipts, site};

/// How often.
const INTERVAL: Duration = Duration::from_secs(15);

/// One round.
///
/// # Errors
/// When the database fails; the next round tries again.
pub async fn sweep(app: &Shared) -> Result<(), sqlx::Error> {
    let now = app.now();
    let mut database = app.parts.database.begin().await?;
    logins::store::sweep(&mut database, now, GRACE_SECONDS).await?;
    site::sessions::sweep(&mut database, now).await?;
    receipts::store::sweep(&mut database, now).await?;
    database.commit().await
}

/// Rounds until the service ends.
pub async fn run(app: Shared) {
    loop {
        if let Err(error) = sweep(&app).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "nothing could be swept; trying again");
        }
        tokio::select! {
            () = app.parts.shutdown.requested() => return,
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
}
