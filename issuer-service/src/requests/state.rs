//! `GET /v1/attribute-requests/{id}`: how a request stands, for whoever has its state token.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use service_kit::Slug;
use service_kit::session::Token;
use subtle::ConstantTimeEq as _;
use wire::issuer::{AttributeRequestState, RequestState};

use super::store::{self, Decision};
use crate::app::Issuer;
use crate::failure::Failure;
use crate::secrets::REASON;

pub(super) async fn show(
    State(app): State<Arc<Issuer>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<AttributeRequestState>, Failure> {
    let token = Token::bearer(&headers).ok_or(Slug::NotSignedIn)?;
    let expected = app.secrets.state_token(&id);
    // The token is checked first: who does not have it does not learn whether the request exists.
    if !bool::from(expected.secret().as_bytes().ct_eq(token.secret().as_bytes())) {
        return Err(Slug::NotFound.into());
    }
    let row = store::load(app.database.pool(), &id).await?.ok_or(Slug::NotFound)?;
    Ok(Json(of(&app, &row)?))
}

/// The state as a wallet reads it.
pub(super) fn of(app: &Issuer, row: &store::Request) -> Result<AttributeRequestState, Failure> {
    let state = match &row.decision {
        Decision::Pending => RequestState::Pending,
        Decision::Attested { offer, .. } => RequestState::Attested { credential_offer_uri: app.url(&format!("/offers/{offer}")) },
        Decision::Refused { reason_sealed } => {
            let reason = app.secrets.open(REASON, &row.id, reason_sealed)?;
            RequestState::Refused { reason: String::from_utf8_lossy(&reason).into_owned() }
        }
    };
    Ok(AttributeRequestState { id: row.id.clone(), state_token: None, state, changed_at: row.changed_at })
}
