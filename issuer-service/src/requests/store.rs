//! Attribute requests in the database.

use identity::UnixSeconds;
use sqlx::any::AnyRow;
use sqlx::{Any, AnyPool, Row as _, Transaction};
use wire::issuer::AttributeRequest;

use crate::attestations::{Channel, RegisterMatch};

/// Requests on one page of the console.
pub const PAGE: i64 = 50;

/// Whether the blobs of a request have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blobs {
    /// All.
    Here,
    /// Not all.
    Missing,
}

impl Blobs {
    /// As in the database and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Here => "here",
            Self::Missing => "missing",
        }
    }
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nobody has decided.
    Pending,
    /// Attested.
    Attested {
        /// The latest offer.
        offer: String,
        /// How it was verified.
        channel: Option<Channel>,
        /// By which document, card or witness, sealed.
        reference_sealed: Option<String>,
    },
    /// Refused.
    Refused {
        /// The clerk's words, sealed.
        reason_sealed: String,
    },
}

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its id.
    pub id: String,
    /// As it was signed.
    pub jws: String,
    /// What is to be attested.
    pub attestation_type: String,
    /// What became of it.
    pub decision: Decision,
    /// Whether its blobs have arrived.
    pub blobs: Blobs,
    /// Who decided.
    pub decided_by: Option<String>,
    /// What the register said when it was decided.
    pub register_match: Option<RegisterMatch>,
    /// When it came.
    pub received_at: UnixSeconds,
    /// When it last changed.
    pub changed_at: UnixSeconds,
}

/// A request to store.
pub struct NewRequest<'a> {
    /// Its id.
    pub id: &'a str,
    /// What it says.
    pub request: &'a AttributeRequest,
    /// As it was signed.
    pub jws: &'a str,
    /// Whether its blobs have arrived.
    pub blobs: Blobs,
    /// Now.
    pub now: UnixSeconds,
}

const COLUMNS: &str =
    "SELECT id, jws, attestation_type, state, blobs, channel, reference_sealed, register_match, reason_sealed, decided_by,
    offer_id, received_at, changed_at FROM attribute_requests";

fn read(row: &AnyRow) -> sqlx::Result<Request> {
    let state: String = row.try_get("state")?;
    let channel: Option<String> = row.try_get("channel")?;
    let register_match: Option<String> = row.try_get("register_match")?;
    let text = |name| row.try_get::<Option<String>, _>(name).map(Option::unwrap_or_default);
    let decision = match state.as_str() {
        "attested" => Decision::Attested {
            offer: text("offer_id")?,
            channel: channel.as_deref().and_then(Channel::from_name),
            reference_sealed: row.try_get("reference_sealed")?,
        },
        "refused" => Decision::Refused { reason_sealed: text("reason_sealed")? },
        _ => Decision::Pending,
    };
    let blobs: String = row.try_get("blobs")?;
    Ok(Request {
        id: row.try_get("id")?,
        jws: row.try_get("jws")?,
        attestation_type: row.try_get("attestation_type")?,
        decision,
        blobs: if blobs == Blobs::Here.as_str() { Blobs::Here } else { Blobs::Missing },
        decided_by: row.try_get("decided_by")?,
        register_match: register_match.as_deref().and_then(RegisterMatch::from_name),
        received_at: row.try_get("received_at")?,
        changed_at: row.try_get("changed_at")?,
    })
}

/// Stores a request; `false` when one with its id or `jti` is there.
pub async fn insert(transaction: &mut Transaction<'_, Any>, new: &NewRequest<'_>) -> sqlx::Result<bool> {
    let result = sqlx::query(
        "INSERT INTO attribute_requests (id, holder, jti, jws, attestation_type, state, blobs, received_at, changed_at)
         VALUES ($1, $2, $3, $4, $5, 'pending', $6, $7, $7) ON CONFLICT DO NOTHING",
    )
    .bind(new.id)
    .bind(new.request.iss.to_string())
    .bind(&new.request.jti)
    .bind(new.jws)
    .bind(&new.request.attestation_type)
    .bind(new.blobs.as_str())
    .bind(new.now)
    .execute(&mut **transaction)
    .await?;
    Ok(result.rows_affected() == 1)
}

/// The request with this id.
pub async fn load(pool: &AnyPool, id: &str) -> sqlx::Result<Option<Request>> {
    let sql = sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE id = $1"));
    sqlx::query(sql).bind(id).fetch_optional(pool).await?.as_ref().map(read).transpose()
}

/// The request of this holder with this `jti`.
pub async fn find(pool: &AnyPool, holder: &str, jti: &str) -> sqlx::Result<Option<Request>> {
    let sql = sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE holder = $1 AND jti = $2"));
    sqlx::query(sql).bind(holder).bind(jti).fetch_optional(pool).await?.as_ref().map(read).transpose()
}

/// Pending requests, oldest first.
pub async fn pending(pool: &AnyPool) -> sqlx::Result<Vec<Request>> {
    let sql = sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE state = 'pending' ORDER BY received_at, id LIMIT $1"));
    sqlx::query(sql).bind(PAGE).fetch_all(pool).await?.iter().map(read).collect()
}

/// Decided requests, latest first.
pub async fn decided(pool: &AnyPool) -> sqlx::Result<Vec<Request>> {
    let sql = sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE state <> 'pending' ORDER BY changed_at DESC, id LIMIT $1"));
    sqlx::query(sql).bind(PAGE).fetch_all(pool).await?.iter().map(read).collect()
}

/// How many wait for a decision.
pub async fn count_pending(pool: &AnyPool) -> sqlx::Result<i64> {
    sqlx::query("SELECT COUNT(*) AS n FROM attribute_requests WHERE state = 'pending'").fetch_one(pool).await?.try_get("n")
}

/// Notes that all blobs have arrived.
pub async fn blobs_arrived(pool: &AnyPool, id: &str) -> sqlx::Result<()> {
    sqlx::query("UPDATE attribute_requests SET blobs = 'here' WHERE id = $1").bind(id).execute(pool).await.map(drop)
}

/// How a request was attested.
pub struct Attested<'a> {
    /// The offer.
    pub offer: &'a str,
    /// The channel.
    pub channel: Channel,
    /// The document, card or witness, sealed.
    pub reference_sealed: Option<&'a str>,
    /// What the register said.
    pub register_match: RegisterMatch,
    /// The clerk.
    pub staff: &'a str,
    /// Now.
    pub now: UnixSeconds,
}

/// Attests a pending request; `false` when somebody decided before.
pub async fn attest(transaction: &mut Transaction<'_, Any>, id: &str, attested: &Attested<'_>) -> sqlx::Result<bool> {
    let result = sqlx::query(
        "UPDATE attribute_requests SET state = 'attested', blobs = 'here', offer_id = $1, channel = $2, register_match = $3,
         decided_by = $4, changed_at = $5, reference_sealed = $6 WHERE id = $7 AND state = 'pending'",
    )
    .bind(attested.offer)
    .bind(attested.channel.name())
    .bind(attested.register_match.name())
    .bind(attested.staff)
    .bind(attested.now)
    .bind(attested.reference_sealed)
    .bind(id)
    .execute(&mut **transaction)
    .await?;
    Ok(result.rows_affected() == 1)
}

/// Points an attested request to another offer; `false` when the offer is not the one that the clerk saw.
pub async fn reoffer(
    transaction: &mut Transaction<'_, Any>,
    id: &str,
    old_offer: &str,
    offer: &str,
    now: UnixSeconds,
) -> sqlx::Result<bool> {
    let result = sqlx::query(
        "UPDATE attribute_requests SET offer_id = $1, changed_at = $2 WHERE id = $3 AND state = 'attested' AND offer_id = $4",
    )
    .bind(offer)
    .bind(now)
    .bind(id)
    .bind(old_offer)
    .execute(&mut **transaction)
    .await?;
    Ok(result.rows_affected() == 1)
}

/// Refuses a pending request; `false` when somebody decided before.
pub async fn refuse(
    transaction: &mut Transaction<'_, Any>,
    id: &str,
    reason_sealed: &str,
    staff: &str,
    now: UnixSeconds,
) -> sqlx::Result<bool> {
    let result = sqlx::query(
        "UPDATE attribute_requests SET state = 'refused', reason_sealed = $1, decided_by = $2, changed_at = $3
         WHERE id = $4 AND state = 'pending'",
    )
    .bind(reason_sealed)
    .bind(staff)
    .bind(now)
    .bind(id)
    .execute(&mut **transaction)
    .await?;
    Ok(result.rows_affected() == 1)
}
