//! Issuances, their copies and nonces in the database.

use identity::UnixSeconds;
use sqlx::any::AnyRow;
use sqlx::{Any, AnyPool, Executor, Row as _, Transaction};

use crate::offers::store::Offer;

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
    /// The grant under which it was issued.
    pub grant: Option<String>,
    /// How many issuances there are under the grant.
    pub batches: i64,
    /// Whether a wallet can still renew it.
    pub renewable: bool,
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
    pub offer: &'a Offer,
    /// Hash of the holder's keys.
    pub proofs_hash: &'a str,
    /// The response, sealed.
    pub response_sealed: &'a str,
    /// Its copies.
    pub copies: &'a [NewCopy],
    /// Now.
    pub now: UnixSeconds,
    /// Until when the copies are good.
    pub valid_until: UnixSeconds,
}

/// A copy to store.
pub struct NewCopy {
    /// The id of its record.
    pub record: String,
    /// Its status list.
    pub list: i64,
    /// Its place there.
    pub index: i64,
    /// Thumbprint of its key, under a grant.
    pub holder_key: Option<String>,
}

/// What became of storing an issuance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It is stored.
    Stored,
    /// The offer has one already.
    There,
    /// One of the keys has a copy already. What was stored is to be rolled back.
    KeyUsed,
}

const COLUMNS: &str =
    "SELECT issuances.id, issuances.request_id, offers.grant_id, issuances.attestation_type, issuances.proofs_hash,
    issuances.response_sealed, issuances.state, issuances.status, issuances.copies, issuances.created_at, issuances.valid_until,
    issuances.status_changed_by, issuances.status_changed_at,
    (SELECT COUNT(*) FROM issuances AS batch JOIN offers AS of_batch ON of_batch.id = batch.offer_id
        WHERE of_batch.grant_id = offers.grant_id AND batch.state <> 'denied') AS batches,
    (SELECT COUNT(*) FROM grants WHERE grants.offer_id = offers.grant_id AND grants.ended_at IS NULL) AS open_grants
    FROM issuances JOIN offers ON offers.id = issuances.offer_id";

/// One issuance stands for all under its grant: the first that the ledger did not refuse. Clerks see and change them as one. Only the
/// first renewal can be of the same second as what it renews.
const SHOWN: &str = "NOT EXISTS (SELECT 1 FROM issuances AS earlier JOIN offers AS of_earlier ON of_earlier.id = earlier.offer_id
    WHERE of_earlier.grant_id = offers.grant_id AND earlier.state <> 'denied' AND (earlier.created_at < issuances.created_at
        OR (earlier.created_at = issuances.created_at AND earlier.id <> issuances.id AND earlier.offer_id = of_earlier.grant_id)))";

fn read(row: &AnyRow) -> sqlx::Result<Issuance> {
    let state: String = row.try_get("state")?;
    let changed_by: Option<String> = row.try_get("status_changed_by")?;
    let changed_at: Option<UnixSeconds> = row.try_get("status_changed_at")?;
    Ok(Issuance {
        id: row.try_get("id")?,
        request: row.try_get("request_id")?,
        grant: row.try_get("grant_id")?,
        batches: row.try_get("batches")?,
        renewable: row.try_get::<i64, _>("open_grants")? > 0,
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

/// Stores an issuance and its copies.
pub async fn insert(transaction: &mut Transaction<'_, Any>, new: &NewIssuance<'_>) -> sqlx::Result<Inserted> {
    let inserted = sqlx::query(
        "INSERT INTO issuances (id, offer_id, request_id, attestation_type, proofs_hash, response_sealed, state, status, copies,
         created_at, valid_until) VALUES ($1, $2, $3, $4, $5, $6, 'recording', 'active', $7, $8, $9)
         ON CONFLICT (offer_id) DO NOTHING",
    )
    .bind(new.id)
    .bind(&new.offer.id)
    .bind(&new.offer.request)
    .bind(&new.offer.attestation_type)
    .bind(new.proofs_hash)
    .bind(new.response_sealed)
    .bind(i64::try_from(new.copies.len()).unwrap_or(i64::MAX))
    .bind(new.now)
    .bind(new.valid_until)
    .execute(&mut **transaction)
    .await?;
    if inserted.rows_affected() == 0 {
        return Ok(Inserted::There);
    }
    for copy in new.copies {
        let inserted = sqlx::query(
            "INSERT INTO credentials (record_id, issuance_id, status_list, status_index, holder_key)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (holder_key) DO NOTHING",
        )
        .bind(&copy.record)
        .bind(new.id)
        .bind(copy.list)
        .bind(copy.index)
        .bind(&copy.holder_key)
        .execute(&mut **transaction)
        .await?;
        if inserted.rows_affected() == 0 {
            return Ok(Inserted::KeyUsed);
        }
    }
    Ok(Inserted::Stored)
}

/// What was issued for these keys under the offer's grant, or for any keys under the offer's token.
pub async fn by_keys<'e>(
    executor: impl Executor<'e, Database = Any>,
    offer: &Offer,
    proofs_hash: &str,
) -> sqlx::Result<Option<Issuance>> {
    let sql = sqlx::AssertSqlSafe(format!(
        "{COLUMNS} WHERE issuances.offer_id = $1 OR (offers.grant_id = $2 AND issuances.proofs_hash = $3)
         ORDER BY CASE WHEN issuances.proofs_hash = $3 THEN 0 ELSE 1 END LIMIT 1"
    ));
    let row = sqlx::query(sql).bind(&offer.id).bind(&offer.grant).bind(proofs_hash).fetch_optional(executor).await?;
    row.as_ref().map(read).transpose()
}

/// The issuance with this id.
pub async fn load(pool: &AnyPool, id: &str) -> sqlx::Result<Option<Issuance>> {
    let sql = sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE issuances.id = $1"));
    sqlx::query(sql).bind(id).fetch_optional(pool).await?.as_ref().map(read).transpose()
}

/// The issuances of a request, latest first, without renewals.
pub async fn of_request(pool: &AnyPool, request: &str) -> sqlx::Result<Vec<Issuance>> {
    let sql = sqlx::AssertSqlSafe(format!(
        "{COLUMNS} WHERE issuances.request_id = $1 AND {SHOWN} ORDER BY issuances.created_at DESC LIMIT 20"
    ));
    sqlx::query(sql).bind(request).fetch_all(pool).await?.iter().map(read).collect()
}

/// The credentials that can still be shown of whoever made this request, without renewals: by all of their requests.
pub async fn live_of_holder(pool: &AnyPool, request: &str) -> sqlx::Result<Vec<Issuance>> {
    let sql = sqlx::AssertSqlSafe(format!(
        "{COLUMNS} WHERE issuances.status <> 'revoked' AND issuances.state <> 'denied' AND {SHOWN} AND issuances.request_id IN
            (SELECT id FROM attribute_requests WHERE holder = (SELECT holder FROM attribute_requests WHERE id = $1))
         ORDER BY issuances.created_at, issuances.id"
    ));
    sqlx::query(sql).bind(request).fetch_all(pool).await?.iter().map(read).collect()
}

/// Issuances, latest first, without renewals.
pub async fn latest(pool: &AnyPool, limit: i64) -> sqlx::Result<Vec<Issuance>> {
    let sql = sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE {SHOWN} ORDER BY issuances.created_at DESC, issuances.id LIMIT $1"));
    sqlx::query(sql).bind(limit).fetch_all(pool).await?.iter().map(read).collect()
}

/// What the status of an issuance is changed with: itself and all others under its grant, without what the ledger refused.
pub async fn batches<'e>(executor: impl Executor<'e, Database = Any>, issuance: &Issuance) -> sqlx::Result<Vec<Issuance>> {
    let sql = sqlx::AssertSqlSafe(format!(
        "{COLUMNS} WHERE (issuances.id = $1 OR offers.grant_id = $2) AND issuances.state <> 'denied' ORDER BY issuances.id"
    ));
    sqlx::query(sql).bind(&issuance.id).bind(&issuance.grant).fetch_all(executor).await?.iter().map(read).collect()
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

/// Changes the status of an issuance; `false` when it is not as the clerk saw it.
pub async fn set_status(
    transaction: &mut Transaction<'_, Any>,
    issuance: &str,
    (from, to): (&str, &str),
    staff: &str,
    now: UnixSeconds,
) -> sqlx::Result<bool> {
    let result = sqlx::query(
        "UPDATE issuances SET status = $1, status_changed_by = $2, status_changed_at = $3
         WHERE id = $4 AND status = $5 AND state <> 'denied'",
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

/// Uses a nonce, or a DPoP proof by its hash; `false` when it was used before.
pub async fn use_nonce<'e>(
    executor: impl Executor<'e, Database = Any>,
    nonce_hash: &str,
    expires_at: UnixSeconds,
) -> sqlx::Result<bool> {
    let result = sqlx::query("INSERT INTO used_nonces (nonce_hash, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(nonce_hash)
        .bind(expires_at)
        .execute(executor)
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
