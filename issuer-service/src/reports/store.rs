//! Reports in the database.

use identity::UnixSeconds;
use sqlx::any::AnyRow;
use sqlx::{Any, AnyPool, Row as _, Transaction};

/// A report as it is kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Its id.
    pub id: String,
    /// The JWS, sealed.
    pub jws_sealed: String,
    /// When it came.
    pub received_at: UnixSeconds,
}

/// Keeps a report. False when it was there.
pub async fn insert(transaction: &mut Transaction<'_, Any>, report: &Kept) -> sqlx::Result<bool> {
    let query = sqlx::query("INSERT INTO reports (id, jws_sealed, received_at) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING");
    let query = query.bind(report.id.as_str()).bind(report.jws_sealed.as_str()).bind(report.received_at);
    Ok(query.execute(&mut **transaction).await?.rows_affected() == 1)
}

/// The report of this id.
pub async fn find(pool: &AnyPool, id: &str) -> sqlx::Result<Option<Kept>> {
    let row = sqlx::query("SELECT * FROM reports WHERE id = $1").bind(id).fetch_optional(pool).await?;
    row.as_ref().map(kept).transpose()
}

/// The newest reports.
pub async fn latest(pool: &AnyPool, limit: i64) -> sqlx::Result<Vec<Kept>> {
    let query = sqlx::query("SELECT * FROM reports ORDER BY received_at DESC, id LIMIT $1").bind(limit);
    query.fetch_all(pool).await?.iter().map(kept).collect()
}

fn kept(row: &AnyRow) -> sqlx::Result<Kept> {
    Ok(Kept { id: row.try_get("id")?, jws_sealed: row.try_get("jws_sealed")?, received_at: row.try_get("received_at")? })
}
