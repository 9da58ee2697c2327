//! Reports about websites: the list, opened for a clerk.

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use axum::response::Response;
use service_kit::Language;

use super::answers::{page, shown};
use super::pages::{Frame, ReportLine, ReportsPage};
use super::words::number;
use crate::app::Issuer;
use crate::failure::Failure;
use crate::reports::{self, store};
use crate::requests::store as requests;
use crate::staff;
use crate::staff::Session;

/// Reports on the page.
const PAGE: i64 = 100;

pub(super) async fn list(
    State(app): State<Arc<Issuer>>,
    language: Language,
    session: Session,
    OriginalUri(uri): OriginalUri,
) -> Response {
    let result = async {
        let pool = app.database.pool();
        let waiting = requests::count_pending(pool).await?;
        let reports = store::latest(pool, PAGE).await?;
        let reports = reports.iter().map(|kept| line(&app, kept)).collect::<Result<Vec<_>, Failure>>()?;
        // X040: they name who reports, so every look leaves a trace.
        let event = app.environment.random.token();
        let mut transaction = app.database.begin().await?;
        staff::store::record(&mut transaction, &event, app.now(), &session.staff.name, "view", "reports").await?;
        transaction.commit().await?;
        let template = ReportsPage { frame: Frame::inside(&app, language, &session, "reports", waiting), reports };
        page(language, uri.query(), &template)
    };
    shown(&app, language, result.await)
}

fn line(app: &Issuer, kept: &store::Kept) -> Result<ReportLine, Failure> {
    let report = reports::open(app, kept)?;
    Ok(ReportLine {
        number: number(&kept.id),
        received: kept.received_at.into(),
        origin: report.origin,
        party: report.party.map(|party| party.to_string()),
        shown_at: report.shown_at.into(),
        claims: report.claims.join(", "),
        receipt: report.receipt,
        holder: report.iss.to_string(),
        reason: report.reason,
    })
}
