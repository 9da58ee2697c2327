//! Sessions, failed sign-ins and the staff's log in the database.

use identity::UnixSeconds;
use sqlx::{Any, AnyPool, Row as _, Transaction};

use super::rules::{Failures, IDLE_SECONDS, LOCK_SECONDS, SESSION_SECONDS};

/// A session.
#[derive(Clone, Debug)]
pub struct SessionRow {
    /// Whose.
    pub staff: String,
    /// When it began.
    pub created_at: UnixSeconds,
    /// The last request.
    pub seen_at: UnixSeconds,
}

/// One line of the staff's log.
#[derive(Clone, Debug)]
pub struct Event {
    /// When.
    pub at: UnixSeconds,
    /// Who.
    pub staff: String,
    /// What.
    pub action: String,
    /// To what.
    pub subject: String,
}

/// Begins a session.
pub async fn begin(transaction: &mut Transaction<'_, Any>, token_hash: &str, staff: &str, now: UnixSeconds) -> sqlx::Result<()> {
    sqlx::query("INSERT INTO staff_sessions (token_hash, staff, created_at, seen_at) VALUES ($1, $2, $3, $3)")
        .bind(token_hash)
        .bind(staff)
        .bind(now)
        .execute(&mut **transaction)
        .await
        .map(drop)
}

/// The session of a token.
pub async fn session(pool: &AnyPool, token_hash: &str) -> sqlx::Result<Option<SessionRow>> {
    let row = sqlx::query("SELECT staff, created_at, seen_at FROM staff_sessions WHERE token_hash = $1")
        .bind(token_hash)
        .fetch_optional(pool)
        .await?;
    row.map(|row| {
        Ok(SessionRow { staff: row.try_get("staff")?, created_at: row.try_get("created_at")?, seen_at: row.try_get("seen_at")? })
    })
    .transpose()
}

/// Notes a request of a session.
pub async fn seen(pool: &AnyPool, token_hash: &str, now: UnixSeconds) -> sqlx::Result<()> {
    sqlx::query("UPDATE staff_sessions SET seen_at = $1 WHERE token_hash = $2")
        .bind(now)
        .bind(token_hash)
        .execute(pool)
        .await
        .map(drop)
}

/// Ends a session.
pub async fn end(pool: &AnyPool, token_hash: &str) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM staff_sessions WHERE token_hash = $1").bind(token_hash).execute(pool).await.map(drop)
}

/// Failed sign-ins of a subject.
pub async fn failures(pool: &AnyPool, subject: &str) -> sqlx::Result<Failures> {
    let row = sqlx::query("SELECT failures, last_at FROM sign_in_failures WHERE subject = $1")
        .bind(subject)
        .fetch_optional(pool)
        .await?;
    let read = |row: sqlx::any::AnyRow| {
        Ok::<_, sqlx::Error>(Failures { count: row.try_get("failures")?, last_at: row.try_get("last_at")? })
    };
    row.map(read).transpose().map(Option::unwrap_or_default)
}

/// Counts a failed sign-in. Failures from before the last lock ended do not count.
pub async fn failed(transaction: &mut Transaction<'_, Any>, subject: &str, now: UnixSeconds) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO sign_in_failures (subject, failures, last_at) VALUES ($1, 1, $2) ON CONFLICT (subject) DO UPDATE SET
         failures = CASE WHEN sign_in_failures.last_at <= $3 THEN 1 ELSE sign_in_failures.failures + 1 END, last_at = $2",
    )
    .bind(subject)
    .bind(now)
    .bind(now - LOCK_SECONDS)
    .execute(&mut **transaction)
    .await
    .map(drop)
}

/// Forgets the failures of a subject that has signed in.
pub async fn succeeded(transaction: &mut Transaction<'_, Any>, subject: &str) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM sign_in_failures WHERE subject = $1").bind(subject).execute(&mut **transaction).await.map(drop)
}

/// Writes a line of the staff's log, in the transaction of what was done.
pub async fn record(
    transaction: &mut Transaction<'_, Any>,
    id: &str,
    now: UnixSeconds,
    staff: &str,
    action: &str,
    subject: &str,
) -> sqlx::Result<()> {
    sqlx::query("INSERT INTO staff_events (id, at, staff, action, subject) VALUES ($1, $2, $3, $4, $5)")
        .bind(id)
        .bind(now)
        .bind(staff)
        .bind(action)
        .bind(subject)
        .execute(&mut **transaction)
        .await
        .map(drop)
}

/// What was done to a subject, first things first.
pub async fn events(pool: &AnyPool, subject: &str) -> sqlx::Result<Vec<Event>> {
    let rows = sqlx::query("SELECT at, staff, action, subject FROM staff_events WHERE subject = $1 ORDER BY at, id LIMIT 200")
        .bind(subject)
        .fetch_all(pool)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Event {
                at: row.try_get("at")?,
                staff: row.try_get("staff")?,
                action: row.try_get("action")?,
                subject: row.try_get("subject")?,
            })
        })
        .collect()
}

/// Forgets sessions that ended and failures that no longer count.
pub async fn forget(pool: &AnyPool, now: UnixSeconds) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM staff_sessions WHERE created_at <= $1 OR seen_at <= $2")
        .bind(now - SESSION_SECONDS)
        .bind(now - IDLE_SECONDS)
        .execute(pool)
        .await?;
    sqlx::query("DELETE FROM sign_in_failures WHERE last_at <= $1").bind(now - LOCK_SECONDS).execute(pool).await.map(drop)
}
