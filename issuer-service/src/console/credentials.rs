//! Issued credentials: the list, and changes of status.

use std::sync::Arc;

use axum::extract::{OriginalUri, Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use service_kit::extract::FormBody;
use service_kit::{Language, Slug};

use super::answers::{check_id, page, see, shown};
use super::pages::{CredentialsPage, Frame, IssuanceLine};
use super::sign_in::check_form;
use super::words::{Tongue, number};
use crate::app::{Issuer, refuse};
use crate::credentials::store::{self, Issuance, Progress};
use crate::requests::store as requests;
use crate::staff::Session;
use crate::status::{self, Action};

/// Issuances on one page.
const PAGE: i64 = 100;

#[derive(Deserialize)]
pub(super) struct StatusForm {
    csrf: String,
    action: String,
}

pub(super) async fn list(
    State(app): State<Arc<Issuer>>,
    language: Language,
    session: Session,
    OriginalUri(uri): OriginalUri,
) -> Response {
    let result = async {
        let pool = app.database.pool();
        let waiting = requests::count_pending(pool).await?;
        let issuances = store::latest(pool, PAGE).await?;
        let template = CredentialsPage {
            frame: Frame::inside(&app, language, &session, "credentials", waiting),
            issuances: issuances.iter().map(|issuance| line(&app, language, issuance)).collect(),
        };
        page(language, uri.query(), &template)
    };
    shown(&app, language, result.await)
}

pub(super) async fn change(
    State(app): State<Arc<Issuer>>,
    language: Language,
    session: Session,
    Path(id): Path<String>,
    headers: HeaderMap,
    FormBody(form): FormBody<StatusForm>,
) -> Response {
    let result = async {
        check_id(&id)?;
        check_form(&app, &session, &headers, &form.csrf)?;
        if form.action == status::END_RENEWALS {
            status::end_renewals(&app, &session.staff, &id).await?;
            return Ok(see("/console/credentials"));
        }
        let action = Action::from_name(&form.action);
        let action = action.ok_or_else(|| refuse(Slug::BadRequest, "there is no such action"))?;
        status::change(&app, &session.staff, &id, action).await?;
        Ok(see("/console/credentials"))
    };
    shown(&app, language, result.await)
}

/// An issuance as a line.
pub(super) fn line(app: &Issuer, language: Language, issuance: &Issuance) -> IssuanceLine {
    let l = Tongue(language);
    let kind = app.config.attestation(&issuance.attestation_type);
    IssuanceLine {
        number: number(&issuance.id),
        id: issuance.id.clone(),
        kind: kind.map_or_else(|| issuance.attestation_type.clone(), |kind| l.of(&kind.name)),
        request: issuance.request.clone(),
        copies: issuance.copies,
        batches: issuance.batches,
        renewable: issuance.renewable,
        created: issuance.created_at.into(),
        valid_until: issuance.valid_until.into(),
        progress: match issuance.progress {
            Progress::Recording => "recording",
            Progress::Recorded => "recorded",
            Progress::Denied => "denied",
        },
        status_name: l.status(&issuance.status),
        status: issuance.status.clone(),
        changed: issuance.status_changed.as_ref().map(|(staff, at)| (staff.clone(), (*at).into())),
    }
}
