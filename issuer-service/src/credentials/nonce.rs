//! `POST /nonce`: the nonce endpoint (section 7). A nonce says itself when it ends and is stored only when it is used, so asking for
//! many costs nothing.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use service_kit::address::ClientAddress;
use wire::oid4vci::NonceResponse;

use super::NONCE_SECONDS;
use crate::app::Issuer;
use crate::offers::OAuthFailure;
use crate::secrets::KEY_NONCE;

pub(super) async fn nonce(State(app): State<Arc<Issuer>>, client: ClientAddress) -> Result<Json<NonceResponse>, OAuthFailure> {
    app.limit(&app.rates.issuance, client)?;
    let c_nonce = app.secrets.nonce(KEY_NONCE, app.environment.random.bytes(), app.now() + NONCE_SECONDS);
    Ok(Json(NonceResponse { c_nonce }))
}
