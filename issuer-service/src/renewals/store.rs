//! Grants in the database.

use identity::UnixSeconds;
use sqlx::any::AnyRow;
use sqlx::{Any, Row as _, Transaction};

/// A grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The offer that it came with.
    pub offer: String,
    /// Thumbprint of the wallet's DPoP key.
    pub dpop_key: String,
    /// The name that the client gave.
    pub client: Option<String>,
    /// The end of what the clerk attested.
    pub valid_until: UnixSeconds,
    /// The end of the grant.
    pub expires_at: UnixSeconds,
    /// When it was ended before.
    pub ended_at: Option<UnixSeconds>,
}

/// What was issued under a grant; what the ledger refused does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Issuances.
    pub batches: i64,
    /// When the last one was made.
    pub last_at: Option<UnixSeconds>,
    /// Copies whose time is not over.
    pub live: i64,
    /// Issuances that are suspended or revoked.
    pub not_active: i64,
}

fn read(row: &AnyRow) -> sqlx::Result<Grant> {
    Ok(Grant {
        offer: row.try_get("offer_id")?,
        dpop_key: row.try_get("dpop_key")?,
        client: row.try_get("client_id")?,
        valid_until: row.try_get("valid_until")?,
        expires_at: row.try_get("expires_at")?,
        ended_at: row.try_get("ended_at")?,
    })
}

/// Stores the grant of an offer that is redeemed in the same transaction.
pub async fn insert(
    transaction: &mut Transaction<'_, Any>,
    grant: &Grant,
    refresh_hash: &str,
    now: UnixSeconds,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO grants (offer_id, refresh_hash, dpop_key, client_id, valid_until, expires_at, used_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&grant.offer)
    .bind(refresh_hash)
    .bind(&grant.dpop_key)
    .bind(&grant.client)
    .bind(grant.valid_until)
    .bind(grant.expires_at)
    .bind(now)
    .execute(&mut **transaction)
    .await?;
    sqlx::query("UPDATE offers SET grant_id = id WHERE id = $1").bind(&grant.offer).execute(&mut **transaction).await.map(drop)
}

const TAKE: &str = "UPDATE grants SET used_at = $1 WHERE $column = $2
    RETURNING offer_id, dpop_key, client_id, valid_until, expires_at, ended_at";

/// The grant with this refresh token. Whoever takes a grant has it alone until the transaction ends.
pub async fn take_by_token(
    transaction: &mut Transaction<'_, Any>,
    refresh_hash: &str,
    now: UnixSeconds,
) -> sqlx::Result<Option<Grant>> {
    take(transaction, "refresh_hash", refresh_hash, now).await
}

/// The grant of this offer, alone until the transaction ends.
pub async fn take_by_offer(transaction: &mut Transaction<'_, Any>, offer: &str, now: UnixSeconds) -> sqlx::Result<Option<Grant>> {
    take(transaction, "offer_id", offer, now).await
}

async fn take(
    transaction: &mut Transaction<'_, Any>,
    column: &'static str,
    value: &str,
    now: UnixSeconds,
) -> sqlx::Result<Option<Grant>> {
    let sql = sqlx::AssertSqlSafe(TAKE.replace("$column", column));
    sqlx::query(sql).bind(now).bind(value).fetch_optional(&mut **transaction).await?.as_ref().map(read).transpose()
}

/// What was issued under a grant that was taken.
pub async fn usage(transaction: &mut Transaction<'_, Any>, grant: &str, now: UnixSeconds) -> sqlx::Result<Usage> {
    let row = sqlx::query(
        "SELECT COUNT(*) AS batches, MAX(issuances.created_at) AS last_at,
         CAST(COALESCE(SUM(CASE WHEN issuances.valid_until > $1 THEN issuances.copies ELSE 0 END), 0) AS BIGINT) AS live,
         CAST(COALESCE(SUM(CASE WHEN issuances.status = 'active' THEN 0 ELSE 1 END), 0) AS BIGINT) AS not_active
         FROM issuances JOIN offers ON offers.id = issuances.offer_id
         WHERE offers.grant_id = $2 AND issuances.state <> 'denied'",
    )
    .bind(now)
    .bind(grant)
    .fetch_one(&mut **transaction)
    .await?;
    Ok(Usage {
        batches: row.try_get("batches")?,
        last_at: row.try_get("last_at")?,
        live: row.try_get("live")?,
        not_active: row.try_get("not_active")?,
    })
}

/// Gives an access token for the next issuance under a grant that was taken: one that was never used takes the place of the last, so
/// that asking for tokens leaves nothing behind.
pub async fn give_token(
    transaction: &mut Transaction<'_, Any>,
    grant: &Grant,
    fresh_id: &str,
    (token_hash, token_expires_at): (&str, UnixSeconds),
    now: UnixSeconds,
) -> sqlx::Result<()> {
    let unused = sqlx::query(
        "UPDATE offers SET token_hash = $1, token_expires_at = $2
         WHERE grant_id = $3 AND NOT EXISTS (SELECT 1 FROM issuances WHERE issuances.offer_id = offers.id)",
    )
    .bind(token_hash)
    .bind(token_expires_at)
    .bind(&grant.offer)
    .execute(&mut **transaction)
    .await?;
    if unused.rows_affected() > 0 {
        return Ok(());
    }
    // No hash of a code has a colon: the new one is not found by any.
    sqlx::query(
        "INSERT INTO offers (id, code_hash, request_id, attestation_type, dataset_sealed, state, tries, created_at, expires_at,
         token_hash, token_expires_at, dpop_key, grant_id)
         SELECT $1, $2, request_id, attestation_type, '', 'redeemed', 0, $3, $3, $4, $5, dpop_key, grant_id FROM offers WHERE id = $6",
    )
    .bind(fresh_id)
    .bind(format!("renewal:{fresh_id}"))
    .bind(now)
    .bind(token_hash)
    .bind(token_expires_at)
    .bind(&grant.offer)
    .execute(&mut **transaction)
    .await
    .map(drop)
}

/// Ends a grant; `false` when it was ended before.
pub async fn end(transaction: &mut Transaction<'_, Any>, grant: &str, now: UnixSeconds) -> sqlx::Result<bool> {
    let ended = sqlx::query("UPDATE grants SET ended_at = $1 WHERE offer_id = $2 AND ended_at IS NULL")
        .bind(now)
        .bind(grant)
        .execute(&mut **transaction)
        .await?;
    Ok(ended.rows_affected() == 1)
}
