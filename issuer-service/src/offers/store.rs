//! Offers and access tokens in the database.

use identity::UnixSeconds;
use sqlx::{Any, AnyPool, Row as _, Transaction};

use super::MAX_TRIES;

/// An offer to store.
#[derive(Clone, Debug)]
pub struct NewOffer {
    /// Its id, in its URI.
    pub id: String,
    /// Hash of its code.
    pub code_hash: String,
    /// The request that it answers, if any.
    pub request: Option<String>,
    /// What is offered.
    pub attestation_type: String,
    /// The claims, sealed.
    pub dataset_sealed: String,
    /// Now.
    pub created_at: UnixSeconds,
    /// When it ends.
    pub expires_at: UnixSeconds,
}

/// An offer.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Its id.
    pub id: String,
    /// The request that it answers.
    pub request: Option<String>,
    /// What is offered.
    pub attestation_type: String,
    /// The claims, sealed; empty once forgotten.
    pub dataset_sealed: String,
    /// `open`, `redeemed`, `burnt`, `replaced`.
    pub state: String,
    /// When it ends.
    pub expires_at: UnixSeconds,
    /// Thumbprint of the key that its access token is bound to.
    pub dpop_key: Option<String>,
    /// The offer whose grant it belongs to: itself, or the one that it renews.
    pub grant: Option<String>,
}

impl Offer {
    /// Whether a wallet can still redeem it.
    pub fn is_open(&self, now: UnixSeconds) -> bool {
        self.state == "open" && now < self.expires_at
    }
}

const COLUMNS: &str = "SELECT id, request_id, attestation_type, dataset_sealed, state, expires_at, dpop_key, grant_id
    FROM offers";

fn read(row: &sqlx::any::AnyRow) -> sqlx::Result<Offer> {
    Ok(Offer {
        id: row.try_get("id")?,
        request: row.try_get("request_id")?,
        attestation_type: row.try_get("attestation_type")?,
        dataset_sealed: row.try_get("dataset_sealed")?,
        state: row.try_get("state")?,
        expires_at: row.try_get("expires_at")?,
        dpop_key: row.try_get("dpop_key")?,
        grant: row.try_get("grant_id")?,
    })
}

/// Stores an offer.
pub async fn insert(transaction: &mut Transaction<'_, Any>, offer: &NewOffer) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO offers (id, code_hash, request_id, attestation_type, dataset_sealed, state, tries, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, 'open', 0, $6, $7)",
    )
    .bind(&offer.id)
    .bind(&offer.code_hash)
    .bind(&offer.request)
    .bind(&offer.attestation_type)
    .bind(&offer.dataset_sealed)
    .bind(offer.created_at)
    .bind(offer.expires_at)
    .execute(&mut **transaction)
    .await
    .map(drop)
}

/// The offer with this id.
pub async fn load(pool: &AnyPool, id: &str) -> sqlx::Result<Option<Offer>> {
    let sql = sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE id = $1"));
    sqlx::query(sql).bind(id).fetch_optional(pool).await?.as_ref().map(read).transpose()
}

/// The offer with this code.
pub async fn by_code(transaction: &mut Transaction<'_, Any>, code_hash: &str) -> sqlx::Result<Option<Offer>> {
    let sql = sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE code_hash = $1"));
    sqlx::query(sql).bind(code_hash).fetch_optional(&mut **transaction).await?.as_ref().map(read).transpose()
}

/// The offer of a live access token.
pub async fn by_token(pool: &AnyPool, token_hash: &str, now: UnixSeconds) -> sqlx::Result<Option<Offer>> {
    let sql = sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE token_hash = $1 AND token_expires_at > $2"));
    sqlx::query(sql).bind(token_hash).bind(now).fetch_optional(pool).await?.as_ref().map(read).transpose()
}

/// Takes one try of an open offer, before the PIN is compared; `false` when none is left. Two requests at once take two.
pub async fn take_try(transaction: &mut Transaction<'_, Any>, id: &str, now: UnixSeconds) -> sqlx::Result<bool> {
    let result = sqlx::query(
        "UPDATE offers SET tries = tries + 1, state = CASE WHEN tries + 1 >= $1 THEN 'burnt' ELSE state END
         WHERE id = $2 AND state = 'open' AND expires_at > $3",
    )
    .bind(MAX_TRIES)
    .bind(id)
    .bind(now)
    .execute(&mut **transaction)
    .await?;
    Ok(result.rows_affected() == 1)
}

/// Redeems an offer of which a try was just taken in the same transaction.
pub async fn redeem(
    transaction: &mut Transaction<'_, Any>,
    id: &str,
    token_hash: &str,
    token_expires_at: UnixSeconds,
    dpop_key: Option<&str>,
) -> sqlx::Result<()> {
    sqlx::query("UPDATE offers SET state = 'redeemed', token_hash = $1, token_expires_at = $2, dpop_key = $3 WHERE id = $4")
        .bind(token_hash)
        .bind(token_expires_at)
        .bind(dpop_key)
        .bind(id)
        .execute(&mut **transaction)
        .await
        .map(drop)
}

/// Ends an offer that another one replaces.
pub async fn replace(transaction: &mut Transaction<'_, Any>, id: &str) -> sqlx::Result<()> {
    sqlx::query("UPDATE offers SET state = 'replaced' WHERE id = $1 AND state = 'open'")
        .bind(id)
        .execute(&mut **transaction)
        .await
        .map(drop)
}

/// Forgets the claims of offers that nobody can redeem, fetch from or renew any more.
pub async fn forget(pool: &AnyPool, now: UnixSeconds) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE offers SET dataset_sealed = '' WHERE dataset_sealed <> '' AND expires_at <= $1
         AND (token_expires_at IS NULL OR token_expires_at <= $1)
         AND NOT EXISTS (SELECT 1 FROM grants
             WHERE grants.offer_id = offers.id AND grants.ended_at IS NULL AND grants.expires_at > $1)",
    )
    .bind(now)
    .execute(pool)
    .await
    .map(drop)
}
