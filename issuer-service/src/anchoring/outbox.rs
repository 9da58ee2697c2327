//! The outbox in the database.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identity::{UnixSeconds, canonical};
use ledger::limits::MAX_TRANSACTION_BYTES;
use ledger::receipt::Refusal;
use ledger::transaction::Transaction;
use sqlx::{Any, AnyPool, Row as _};

/// What a transaction in the outbox is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It records the attestations of an issuance.
    Recording,
    /// It changes their status.
    Status,
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::Recording => "recording",
            Self::Status => "status",
        }
    }
}

/// A transaction that is not final yet.
#[derive(Clone, Debug)]
pub struct Pending {
    /// The entry.
    pub id: String,
    /// What for.
    pub purpose: Purpose,
    /// Of which issuance.
    pub issuance: String,
    /// The signed transaction.
    pub transaction: Transaction,
}

fn encode(transaction: &Transaction) -> (String, String, i64) {
    let id = URL_SAFE_NO_PAD.encode(transaction.id().0);
    let bytes = URL_SAFE_NO_PAD.encode(canonical::encode(transaction));
    (id, bytes, i64::try_from(transaction.unsigned.expiry_height).unwrap_or(i64::MAX))
}

/// Puts a transaction into the outbox, within the database transaction of what it belongs to.
pub async fn insert(
    connection: &mut sqlx::Transaction<'_, Any>,
    id: &str,
    purpose: Purpose,
    issuance: &str,
    transaction: &Transaction,
    now: UnixSeconds,
) -> sqlx::Result<()> {
    let (transaction_id, bytes, expiry_height) = encode(transaction);
    sqlx::query(
        "INSERT INTO outbox (id, purpose, issuance_id, transaction_id, transaction_bytes, expiry_height, state, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, 'pending', $7)",
    )
    .bind(id)
    .bind(purpose.as_str())
    .bind(issuance)
    .bind(transaction_id)
    .bind(bytes)
    .bind(expiry_height)
    .bind(now)
    .execute(&mut **connection)
    .await
    .map(drop)
}

/// The oldest pending transactions. Changes of status wait until the records that they change are final: the ledger would refuse them.
pub async fn pending(pool: &AnyPool, limit: i64) -> sqlx::Result<Vec<Pending>> {
    let rows = sqlx::query(
        "SELECT id, purpose, issuance_id, transaction_bytes FROM outbox WHERE state = 'pending'
         AND (purpose = 'recording' OR NOT EXISTS (SELECT 1 FROM outbox AS records
             WHERE records.issuance_id = outbox.issuance_id AND records.purpose = 'recording' AND records.state = 'pending'))
         ORDER BY created_at, id LIMIT $1",
    )
    .bind(limit)
    .fetch_all(pool)
    .await?;
    rows.iter()
        .map(|row| {
            let purpose: String = row.try_get("purpose")?;
            let bytes: String = row.try_get("transaction_bytes")?;
            let bytes = URL_SAFE_NO_PAD.decode(bytes).map_err(|e| sqlx::Error::Decode(e.into()))?;
            let transaction = canonical::decode(&bytes, MAX_TRANSACTION_BYTES).map_err(|e| sqlx::Error::Decode(e.into()))?;
            Ok(Pending {
                id: row.try_get("id")?,
                purpose: if purpose == Purpose::Recording.as_str() { Purpose::Recording } else { Purpose::Status },
                issuance: row.try_get("issuance_id")?,
                transaction,
            })
        })
        .collect()
}

/// Whether a change of status of an issuance is not final yet.
pub async fn is_changing(pool: &AnyPool, issuance: &str) -> sqlx::Result<bool> {
    let row = sqlx::query("SELECT 1 FROM outbox WHERE issuance_id = $1 AND purpose = 'status' AND state = 'pending' LIMIT 1")
        .bind(issuance)
        .fetch_optional(pool)
        .await?;
    Ok(row.is_some())
}

/// How many are pending, and the time of the oldest.
pub async fn backlog(pool: &AnyPool) -> sqlx::Result<(i64, Option<UnixSeconds>)> {
    let row = sqlx::query("SELECT COUNT(*) AS pending, MIN(created_at) AS oldest FROM outbox WHERE state = 'pending'")
        .fetch_one(pool)
        .await?;
    Ok((row.try_get("pending")?, row.try_get("oldest")?))
}

/// Replaces a transaction that no block can have any more; `false` when another process was faster.
pub async fn replace(pool: &AnyPool, old: &Pending, new: &Transaction) -> sqlx::Result<bool> {
    let (old_id, ..) = encode(&old.transaction);
    let (new_id, bytes, expiry_height) = encode(new);
    let result = sqlx::query(
        "UPDATE outbox SET transaction_id = $1, transaction_bytes = $2, expiry_height = $3
         WHERE id = $4 AND transaction_id = $5 AND state = 'pending'",
    )
    .bind(new_id)
    .bind(bytes)
    .bind(expiry_height)
    .bind(&old.id)
    .bind(old_id)
    .execute(pool)
    .await?;
    Ok(result.rows_affected() == 1)
}

/// Marks an entry as final, or as refused for good; `false` when it was settled before.
pub async fn settle(
    connection: &mut sqlx::Transaction<'_, Any>,
    id: &str,
    refusal: Option<Refusal>,
    now: UnixSeconds,
) -> sqlx::Result<bool> {
    let state = if refusal.is_none() { "final" } else { "refused" };
    let result = sqlx::query("UPDATE outbox SET state = $1, refusal = $2, settled_at = $3 WHERE id = $4 AND state = 'pending'")
        .bind(state)
        .bind(refusal.map(|refusal| refusal.to_string()))
        .bind(now)
        .bind(id)
        .execute(&mut **connection)
        .await?;
    Ok(result.rows_affected() == 1)
}
