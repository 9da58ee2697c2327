//! Uploads of ciphertext and the blob gateway: who may store how much, who may read, and what becomes of blobs that no request names.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use blobs::Cid;
use blobs::gateway::{self, Access, Attempt, Denied};
use identity::UnixSeconds;
use service_kit::address::ClientAddress;
use service_kit::session::Token;
use sqlx::Row as _;
use subtle::ConstantTimeEq as _;
use wire::issuer::UploadGrant;

use crate::app::Issuer;
use crate::failure::Failure;

/// How long a grant is good.
const GRANT_SECONDS: i64 = 10 * 60;
/// What one grant may store.
const GRANT_BYTES: i64 = 32 * 1024 * 1024;
/// How long a blob waits for a request that names it.
const ABANDONED_SECONDS: i64 = 24 * 60 * 60;
/// Abandoned blobs removed in one round.
const FORGET_BATCH: i64 = 100;

/// `POST /v1/uploads`, `PUT /blobs/{cid}`, `GET /ipfs/{cid}`.
pub fn routes(app: &Arc<Issuer>) -> Router {
    let gatekeeper = Arc::clone(app);
    let authorize: gateway::Authorize = Arc::new(move |attempt| {
        let app = Arc::clone(&gatekeeper);
        Box::pin(async move { authorize(&app, attempt).await })
    });
    Router::new()
        .route("/v1/uploads", post(grant))
        .with_state(Arc::clone(app))
        .merge(gateway::router(Arc::clone(&app.blobs), authorize))
}

async fn grant(State(app): State<Arc<Issuer>>, client: ClientAddress) -> Result<Response, Failure> {
    app.limit(&app.rates.submissions, client)?;
    let token = Token::from_entropy(app.environment.entropy());
    let expires_at = app.now() + GRANT_SECONDS;
    sqlx::query("INSERT INTO upload_grants (token_hash, bytes_left, expires_at) VALUES ($1, $2, $3)")
        .bind(token.hash())
        .bind(GRANT_BYTES)
        .bind(expires_at)
        .execute(app.database.pool())
        .await?;
    let bytes = u64::try_from(GRANT_BYTES).unwrap_or_default();
    Ok(Json(UploadGrant { upload_token: token.secret().to_owned(), expires_at, bytes }).into_response())
}

async fn authorize(app: &Issuer, attempt: Attempt) -> Result<(), Denied> {
    let token = Token::bearer(&attempt.headers);
    let decision = match attempt.access {
        Access::Read if app.config.public_gateway => return Ok(()),
        Access::Read => may_read(app, token.as_ref()).await,
        Access::Upload { bytes } => may_upload(app, token.as_ref(), attempt.cid, bytes).await,
    };
    decision.map_err(|error| {
        tracing::error!(error = %service_kit::problem::chain(&error), "upload grants cannot be read");
        Denied::Unavailable
    })?
}

async fn may_read(app: &Issuer, token: Option<&Token>) -> sqlx::Result<Result<(), Denied>> {
    let Some(hash) = token.map(Token::hash) else { return Ok(Err(Denied::Unauthenticated)) };
    if app.config.gateway_peers.iter().any(|peer| bool::from(peer.as_bytes().ct_eq(hash.as_bytes()))) {
        return Ok(Ok(()));
    }
    let grant = sqlx::query("SELECT 1 FROM upload_grants WHERE token_hash = $1 AND expires_at > $2")
        .bind(hash)
        .bind(app.now())
        .fetch_optional(app.database.pool())
        .await?;
    Ok(grant.map(drop).ok_or(Denied::Forbidden))
}

async fn may_upload(app: &Issuer, token: Option<&Token>, cid: Cid, bytes: u64) -> sqlx::Result<Result<(), Denied>> {
    let Some(hash) = token.map(Token::hash) else { return Ok(Err(Denied::Unauthenticated)) };
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    let now = app.now();
    let mut transaction = app.database.begin().await?;
    let taken = sqlx::query(
        "UPDATE upload_grants SET bytes_left = bytes_left - $1 WHERE token_hash = $2 AND bytes_left >= $1 AND expires_at > $3",
    )
    .bind(bytes)
    .bind(&hash)
    .bind(now)
    .execute(&mut *transaction)
    .await?;
    if taken.rows_affected() == 0 {
        let grant = sqlx::query("SELECT 1 FROM upload_grants WHERE token_hash = $1 AND expires_at > $2")
            .bind(&hash)
            .bind(now)
            .fetch_optional(&mut *transaction)
            .await?;
        return Ok(Err(if grant.is_some() { Denied::OverQuota } else { Denied::Unauthenticated }));
    }
    sqlx::query("INSERT INTO uploads (cid, referenced, uploaded_at) VALUES ($1, 0, $2) ON CONFLICT (cid) DO NOTHING")
        .bind(cid.to_string())
        .bind(now)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(Ok(()))
}

/// Marks a blob as named by a request, in the transaction that stores the request.
pub async fn reference(transaction: &mut sqlx::Transaction<'_, sqlx::Any>, cid: &str, now: UnixSeconds) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO uploads (cid, referenced, uploaded_at) VALUES ($1, 1, $2) ON CONFLICT (cid) DO UPDATE SET referenced = 1",
    )
    .bind(cid)
    .bind(now)
    .execute(&mut **transaction)
    .await
    .map(drop)
}

/// Ends grants, and lets go of blobs that no request has named for a day.
pub(crate) async fn forget(app: &Issuer, now: UnixSeconds) -> Result<(), Failure> {
    let pool = app.database.pool();
    sqlx::query("DELETE FROM upload_grants WHERE expires_at <= $1").bind(now).execute(pool).await?;
    let abandoned =
        sqlx::query("SELECT cid FROM uploads WHERE referenced = 0 AND uploaded_at < $1 ORDER BY uploaded_at LIMIT $2")
            .bind(now - ABANDONED_SECONDS)
            .bind(FORGET_BATCH)
            .fetch_all(pool)
            .await?;
    for row in &abandoned {
        let cid: String = row.try_get("cid")?;
        // Only what is still unnamed: a request may have come in between.
        let gone = sqlx::query("DELETE FROM uploads WHERE cid = $1 AND referenced = 0").bind(&cid).execute(pool).await?;
        if let (1, Ok(cid)) = (gone.rows_affected(), cid.parse::<Cid>()) {
            app.blobs.unpin(cid).await?;
        }
    }
    if !abandoned.is_empty() {
        let collected = app.blobs.collect_garbage().await?;
        tracing::info!(blobs = abandoned.len(), blocks = collected.blocks, "removed blobs that no request named");
    }
    Ok(())
}
