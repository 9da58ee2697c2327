//! Issuances, their copies and nonces in the database.

use identity::UnixSeconds;
use sqlx::any::AnyRow;
use sqlx::{Any, AnyPool, Row as _, Transaction};

/// Where an issuance stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Its records are not final on the ledger.
    Recording,
    /// They are.
    Recorded,
    /// The ledger refused them.
    Denied,
}

impl Progress {
    fn from_name(name: &str) -> Self {
        match name {
            "recorded" => Self::Recorded,
            "denied" => Self::Denied,
            _ => Self::Recording,
        }
    }
}

/// An issuance.
#[derive(Clone, Debug)]
pub struct Issuance {
    /// Its id.
    pub id: String,
    /// The request that it answers.
    pub request: Option<String>,
    /// What was issued.
    pub attestation_type: String,
    /// Hash of the holder's keys.
    pub proofs_hash: String,
    /// The response, sealed; empty once forgotten.
    pub response_sealed: String,
    /// Where it stands.
    pub progress: Progress,
    /// `active`, `suspended`, `revoked`.
    pub status: String,
    /// Copies.
    pub copies: i64,
    /// When.
    pub created_at: UnixSeconds,
    /// Until when the copies are good.
    pub valid_until: UnixSeconds,
    /// Who changed the status last, and when.
    pub status_changed: Option<(String, UnixSeconds)>,
}

/// An issuance to store.
pub struct NewIssuance<'a> {
    /// Its id.
    pub id: &'a str,
    /// The offer.
    pub offer: &'a str,
    /// The request.
    pub request: Option<&'a str>,
    /// What is issued.
    pub attestation_type: &'a str,
    /// Hash of the holder's keys.
    pub proofs_hash: &'a str,
    /// The response, sealed.
    pub response_sealed: &'a str,
    /// Its copies: record id, status list, index.
    pub copies: &'a [(String, i64, i64)],
    /// Now.
    pub now: UnixSeconds,
    /// Until when the copies are good.
    pub valid_until: UnixSeconds,
}

const COLUMNS: &str = "SELECT id, request_id, attestation_type, proofs_hash, response_sealed, state, status, copies, created_at,
    valid_until, status_changed_by, status_changed_at FROM issuances";

fn read(row: &AnyRow) -> sqlx::Result<Issuance> {
    let state: String = row.try_get("state")?;
    let changed_by: Option<String> = row.try_get("status_changed_by")?;
    let changed_at: Option<UnixSeconds> = row.try_get("status_changed_at")?;
    Ok(Issuance {
        id: row.try_get("id")?,
        request: row.try_get("request_id")?,
        attestation_type: row.try_get("attestation_type")?,
        proofs_hash: row.try_get("proofs_hash")?,
        response_sealed: row.try_get("response_sealed")?,
        progress: Progress::from_name(&state),
        status: row.try_get("status")?,
        copies: row.try_get("copies")?,
        created_at: row.try_get("created_at")?,
        valid_until: row.try_get("valid_until")?,
        status_changed: changed_by.zip(changed_at),
    })
}

/// Stores an issuance and its copies; `false` when the offer has one already.
pub async fn insert(transaction: &mut Transaction<'_, Any>, new: &NewIssuance<'_>) -> sqlx::Result<bool> {
    let inserted = sqlx::query(
        "INSERT INTO issuances (id, offer_id, request_id, attestation_type, proofs_hash, response_sealed, state, status, copies,
         created_at, valid_until) VALUES ($1, $2, $3, $4, $5, $6, 'recording', 'active', $7, $8, $9)
         ON CONFLICT (offer_id) DO NOTHING",
    )
    .bind(new.id)
    .bind(new.offer)
    .bind(new.request)
    .bind(new.attestation_type)
    .bind(new.proofs_hash)
    .bind(new.response_sealed)
    .bind(i64::try_from(new.copies.len()).unwrap_or(i64::MAX))
    .bind(new.now)
    .bind(new.valid_until)
    .execute(&mut **transaction)
    .await?;
    if inserted.rows_affected() == 0 {
        return Ok(false);
    }
    for (record, list, index) in new.copies {
        sqlx::query("INSERT INTO credentials (record_id, issuance_id, status_list, status_index) VALUES ($1, $2, $3, $4)")
            .bind(record)
            .bind(new.id)
            .bind(list)
            .bind(index)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(true)
}

/// The issuance of an offer.
pub async fn by_offer(pool: &AnyPool, offer: &str) -> sqlx::Result<Option<Issuance>> {
    let sql = sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE offer_id = $1"));
    sqlx::query(sql).bind(offer).fetch_optional(pool).await?.as_ref().map(read).transpose()
}

/// The issuance with this id.
pub async fn load(pool: &AnyPool, id: &str) -> sqlx::Result<Option<Issuance>> {
    let sql = sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE id = $1"));
    sqlx::query(sql).bind(id).fetch_optional(pool).await?.as_ref().map(read).transpose()
}

/// The issuances of a request, latest first.
pub async fn of_request(pool: &AnyPool, request: &str) -> sqlx::Result<Vec<Issuance>> {
    let sql = sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE request_id = $1 ORDER BY created_at DESC LIMIT 20"));
    sqlx::query(sql).bind(request).fetch_all(pool).await?.iter().map(read).collect()
}

/// Issuances, latest first.
pub async fn latest(pool: &AnyPool, limit: i64) -> sqlx::Result<Vec<Issuance>> {
    let sql = sqlx::AssertSqlSafe(format!("{COLUMNS} ORDER BY created_at DESC, id LIMIT $1"));
    sqlx::query(sql).bind(limit).fetch_all(pool).await?.iter().map(read).collect()
}

/// The copies of an issuance: record id, status list, index.
pub async fn copies(pool: &AnyPool, issuance: &str) -> sqlx::Result<Vec<(String, i64, i64)>> {
    let rows =
        sqlx::query("SELECT record_id, status_list, status_index FROM credentials WHERE issuance_id = $1 ORDER BY record_id")
            .bind(issuance)
            .fetch_all(pool)
            .await?;
    rows.iter().map(|row| Ok((row.try_get("record_id")?, row.try_get("status_list")?, row.try_get("status_index")?))).collect()
}

/// The records of an issuance are final, or refused for good.
pub async fn settle(transaction: &mut Transaction<'_, Any>, issuance: &str, recorded: bool) -> sqlx::Result<()> {
    let state = if recorded { "recorded" } else { "denied" };
    sqlx::query("UPDATE issuances SET state = $1 WHERE id = $2 AND state = 'recording'")
        .bind(state)
        .bind(issuance)
        .execute(&mut **transaction)
        .await
        .map(drop)
}

/// Changes the status of a recorded issuance; `false` when it is not as the clerk saw it.
pub async fn set_status(
    transaction: &mut Transaction<'_, Any>,
    issuance: &str,
    (from, to): (&str, &str),
    staff: &str,
    now: UnixSeconds,
) -> sqlx::Result<bool> {
    let result = sqlx::query(
        "UPDATE issuances SET status = $1, status_changed_by = $2, status_changed_at = $3
         WHERE id = $4 AND status = $5 AND state = 'recorded'",
    )
    .bind(to)
    .bind(staff)
    .bind(now)
    .bind(issuance)
    .bind(from)
    .execute(&mut **transaction)
    .await?;
    Ok(result.rows_affected() == 1)
}

/// Uses a nonce; `false` when it was used before.
pub async fn use_nonce(transaction: &mut Transaction<'_, Any>, nonce_hash: &str, expires_at: UnixSeconds) -> sqlx::Result<bool> {
    let result = sqlx::query("INSERT INTO used_nonces (nonce_hash, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(nonce_hash)
        .bind(expires_at)
        .execute(&mut **transaction)
        .await?;
    Ok(result.rows_affected() == 1)
}

/// Forgets responses whose access token has ended, and nonces that have.
pub async fn forget(pool: &AnyPool, now: UnixSeconds) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE issuances SET response_sealed = '' WHERE response_sealed <> '' AND offer_id IN
         (SELECT id FROM offers WHERE token_expires_at <= $1)",
    )
    .bind(now)
    .execute(pool)
    .await?;
    sqlx::query("DELETE FROM used_nonces WHERE expires_at <= $1").bind(now).execute(pool).await.map(drop)
}
