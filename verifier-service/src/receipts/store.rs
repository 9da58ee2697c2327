//! Receipts in the database.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identity::{Commitment, CommitmentKey, UnixSeconds};
use ledger::records::RecordId;
use ledger::transaction::{Transaction, TransactionId};
use sqlx::any::AnyRow;
use sqlx::{Any, AnyConnection, Executor, Row as _};

use super::Receipt;

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decoded(text: &str) -> Result<Vec<u8>, sqlx::Error> {
    URL_SAFE_NO_PAD.decode(text).map_err(|error| sqlx::Error::Decode(error.into()))
}

fn decoded32(row: &AnyRow, column: &str) -> Result<[u8; 32], sqlx::Error> {
    let bytes = decoded(&row.try_get::<String, _>(column)?)?;
    bytes.try_into().map_err(|_| sqlx::Error::Decode("the database holds an id or key that has not 32 bytes".into()))
}

/// A new receipt, with the transaction that is to record it.
pub async fn insert(connection: &mut AnyConnection, receipt: &Receipt, transaction: &Transaction) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO receipts (id, login, purpose, transaction_id, transaction_bytes, height, commitment, commitment_key, \
         key_bindings, consent, created_at, delete_after) VALUES ($1, $2, $3, $4, $5, 0, $6, $7, $8, $9, $10, $11)",
    )
    .bind(encoded(&receipt.id.0))
    .bind(receipt.login.clone())
    .bind(receipt.purpose.clone())
    .bind(encoded(&receipt.transaction.0))
    .bind(encoded(&super::encode(transaction)))
    .bind(encoded(&receipt.commitment.0))
    .bind(encoded(receipt.commitment_key.as_bytes()))
    .bind(receipt.key_bindings.join(" "))
    .bind(receipt.consent.clone().unwrap_or_default())
    .bind(receipt.created_at)
    .bind(receipt.delete_after)
    .execute(connection)
    .await?;
    Ok(())
}

/// The receipt of a login.
pub async fn of_login<'e, E: Executor<'e, Database = Any>>(executor: E, login: &str) -> Result<Option<Receipt>, sqlx::Error> {
    let row = sqlx::query("SELECT * FROM receipts WHERE login = $1").bind(login.to_owned()).fetch_optional(executor).await?;
    row.as_ref().map(receipt).transpose()
}

/// The transaction of a receipt that is not known to be final yet.
pub async fn pending_transaction<'e, E: Executor<'e, Database = Any>>(
    executor: E,
    login: &str,
) -> Result<Option<Transaction>, sqlx::Error> {
    let query = sqlx::query("SELECT transaction_bytes FROM receipts WHERE login = $1 AND transaction_bytes <> ''");
    let Some(row) = query.bind(login.to_owned()).fetch_optional(executor).await? else { return Ok(None) };
    let bytes = decoded(&row.try_get::<String, _>(0)?)?;
    super::decode(&bytes).map(Some).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// The receipt is final at this height.
pub async fn mark_final(connection: &mut AnyConnection, login: &str, height: u64) -> Result<(), sqlx::Error> {
    let query = sqlx::query("UPDATE receipts SET height = $2, transaction_bytes = '' WHERE login = $1");
    query.bind(login.to_owned()).bind(i64::try_from(height).unwrap_or(i64::MAX)).execute(connection).await?;
    Ok(())
}

/// Deletes the evidence whose time is over.
pub async fn sweep(connection: &mut AnyConnection, now: UnixSeconds) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM receipts WHERE delete_after <= $1").bind(now).execute(connection).await?;
    Ok(())
}

fn receipt(row: &AnyRow) -> Result<Receipt, sqlx::Error> {
    let (key_bindings, consent): (String, String) = (row.try_get("key_bindings")?, row.try_get("consent")?);
    let height: i64 = row.try_get("height")?;
    Ok(Receipt {
        id: RecordId(decoded32(row, "id")?),
        login: row.try_get("login")?,
        purpose: row.try_get("purpose")?,
        transaction: TransactionId(decoded32(row, "transaction_id")?),
        height: u64::try_from(height).unwrap_or_default(),
        commitment: Commitment(decoded32(row, "commitment")?),
        commitment_key: CommitmentKey::from_entropy(decoded32(row, "commitment_key")?),
        key_bindings: key_bindings.split_ascii_whitespace().map(str::to_owned).collect(),
        consent: Some(consent).filter(|consent| !consent.is_empty()),
        created_at: row.try_get("created_at")?,
        delete_after: row.try_get("delete_after")?,
    })
}
