//! `POST /v1/reports`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use service_kit::address::ClientAddress;
use service_kit::extract::TextBody;
use service_kit::{ApiError, Slug};
use sha2::{Digest, Sha256};
use wire::reports::{Report, ReportTaken};

use super::rules::{self, ReportError};
use super::store::{self, Kept};
use crate::app::{Issuer, refuse};
use crate::failure::Failure;
use crate::secrets::REPORT;

#[tracing::instrument(name = "reports.submit", skip_all)]
pub(super) async fn submit(
    State(app): State<Arc<Issuer>>,
    client: ClientAddress,
    headers: HeaderMap,
    TextBody(jws): TextBody,
) -> Result<Response, Failure> {
    app.limit(&app.rates.submissions, client)?;
    if headers.get(header::CONTENT_TYPE).is_none_or(|value| value != "application/jwt") {
        return Err(refuse(Slug::BadRequest, "the body must be an application/jwt"));
    }
    let unverified = rules::parse(&jws).map_err(ApiError::from)?;
    let did = &unverified.says.iss;
    if did.network != *app.ledger.network() {
        return Err(ApiError::from(ReportError::OtherNetwork).into());
    }
    let identity = app.ledger.identity(did.id).await?;
    let report = unverified.verify(identity.as_ref()).map_err(ReportError::from).map_err(ApiError::from)?;
    rules::check(&report, &app.config.public_url, app.now()).map_err(ApiError::from)?;

    let id = reference(&report);
    let kept = Kept { jws_sealed: app.secrets.seal(REPORT, &id, jws.as_bytes())?, received_at: app.now(), id };
    let mut transaction = app.database.begin().await?;
    if store::insert(&mut transaction, &kept).await? {
        transaction.commit().await?;
        metrics::counter!("issuer_reports_total").increment(1);
        tracing::info!(report = kept.id, "a report was taken");
        return Ok(taken(&kept));
    }
    drop(transaction);
    // The same jti: the same answer for the same report, and a conflict for another one.
    let before = store::find(app.database.pool(), &kept.id).await?.ok_or(Slug::Conflict)?;
    let same = rules::is_same(&open(&app, &before)?, &report);
    if same { Ok(taken(&before)) } else { Err(refuse(Slug::Conflict, "another report with this jti was made before")) }
}

/// The report of a row.
///
/// # Errors
/// When it does not open, or is none.
pub(crate) fn open(app: &Issuer, kept: &Kept) -> Result<Report, Failure> {
    let jws = app.secrets.open(REPORT, &kept.id, &kept.jws_sealed)?;
    let read = rules::parse(&String::from_utf8_lossy(&jws)).map_err(ApiError::internal)?;
    Ok(read.says)
}

/// The id follows from who reported and under which jti: it needs no randomness and tells nobody anything.
fn reference(report: &Report) -> String {
    let digest = Sha256::new()
        .chain_update(b"yufu/issuer/report-id/v1")
        .chain_update(report.iss.id.0)
        .chain_update(report.jti.as_bytes())
        .finalize();
    URL_SAFE_NO_PAD.encode(digest.iter().take(18).copied().collect::<Vec<u8>>())
}

fn taken(kept: &Kept) -> Response {
    (StatusCode::CREATED, Json(ReportTaken { id: kept.id.clone(), received_at: kept.received_at })).into_response()
}
