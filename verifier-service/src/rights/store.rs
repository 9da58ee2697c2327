//! Presentations by their digests, and what was answered about them, in the database.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identity::UnixSeconds;
use sqlx::{AnyConnection, Row as _};
use wire::rights::{PresentationDigest, Right, RightsRequest};

use super::rules;
use crate::receipts::{self, Receipt};

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Notes by which digests a receipt's evidence is found.
pub async fn index(connection: &mut AnyConnection, receipt: &Receipt) -> Result<(), sqlx::Error> {
    for key_binding in &receipt.key_bindings {
        sqlx::query("INSERT INTO presentations (digest, receipt) VALUES ($1, $2)")
            .bind(text(&rules::digest(key_binding).0))
            .bind(text(&receipt.id.0))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// The receipt whose evidence has a key binding JWT of this digest.
pub async fn receipt(connection: &mut AnyConnection, digest: &PresentationDigest) -> Result<Option<Receipt>, sqlx::Error> {
    let query = sqlx::query("SELECT r.login FROM receipts r JOIN presentations p ON p.receipt = r.id WHERE p.digest = $1");
    let Some(row) = query.bind(text(&digest.0)).fetch_optional(&mut *connection).await? else { return Ok(None) };
    receipts::store::of_login(connection, &row.try_get::<String, _>(0)?).await
}

/// What was answered about a receipt before.
pub async fn answered(connection: &mut AnyConnection, receipt: &Receipt, kind: Right) -> Result<Option<String>, sqlx::Error> {
    let query = sqlx::query("SELECT acknowledgement FROM rights WHERE receipt = $1 AND kind = $2");
    let row = query.bind(text(&receipt.id.0)).bind(kind.as_str()).fetch_optional(connection).await?;
    row.map(|row| row.try_get(0)).transpose()
}

/// Keeps an answer. False when the `jti` was used before, or the same was answered meanwhile.
pub async fn insert(
    connection: &mut AnyConnection,
    request: &RightsRequest,
    receipt: &Receipt,
    acknowledgement: &str,
    now: UnixSeconds,
) -> Result<bool, sqlx::Error> {
    let query = sqlx::query(
        "INSERT INTO rights (id, receipt, kind, acknowledgement, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
    );
    let query = query.bind(request.jti.clone()).bind(text(&receipt.id.0)).bind(request.kind.as_str());
    let done = query.bind(acknowledgement.to_owned()).bind(now).execute(connection).await?;
    Ok(done.rows_affected() == 1)
}
