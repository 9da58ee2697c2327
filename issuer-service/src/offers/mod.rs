//! Credential offers and the token endpoint: OpenID4VCI 1.0 sections 4 and 6, pre-authorized code with a transaction code (PIN).
//!
//! An offer lives ten minutes. Its code is used once; its PIN, which the clerk hands over at the counter, is tried three times at most
//! (FAULTS W2). Code and PIN follow from the offer's id and the service's secret: the database has neither.

pub mod command;
mod oauth;
pub mod store;
mod token;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::middleware::map_response_with_state;
use axum::routing::{get, post};
use axum::{Json, Router};
use clients::Environment;
use service_kit::{ApiError, Slug};
use wire::oid4vci::{CredentialOffer, Grants, PreAuthorizedCode, TxCode};

pub use oauth::{OAuthFailure, Scheme};
pub use token::{REFRESH_GRANT, TOKEN_SECONDS};

use crate::app::Issuer;
use crate::config::{AttestationConfig, Config};
use crate::dpop;
use crate::failure::Failure;
use crate::secrets::{DATASET, PIN_DIGITS, Secrets, SecretsError};

/// How long an offer can be redeemed.
pub const OFFER_SECONDS: i64 = 10 * 60;
/// How often a PIN may be tried.
pub const MAX_TRIES: i64 = 3;

/// The routes for wallets.
pub fn routes(app: &Arc<Issuer>) -> Router<Arc<Issuer>> {
    let nonces = map_response_with_state(Arc::clone(app), dpop::give_nonce);
    Router::new().route("/offers/{id}", get(show)).route("/token", post(token::token).layer(nonces))
}

/// What offers are made with.
#[derive(Clone, Copy)]
pub struct Desk<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// Codes, PINs and the key of the claims.
    pub secrets: &'a Secrets,
    /// Time and randomness.
    pub environment: &'a Environment,
}

impl Desk<'_> {
    /// A new offer of claims, not stored yet.
    ///
    /// # Errors
    /// When the claims cannot be sealed.
    pub fn new_offer(
        &self,
        request: Option<&str>,
        attestation: &AttestationConfig,
        claims: &BTreeMap<String, String>,
    ) -> Result<store::NewOffer, SecretsError> {
        let id = self.environment.random.token();
        let dataset = serde_json::to_vec(claims).expect("a map of texts is always JSON");
        let now = self.environment.now();
        Ok(store::NewOffer {
            code_hash: self.secrets.code(&id).hash(),
            request: request.map(str::to_owned),
            attestation_type: attestation.attestation_type.clone(),
            dataset_sealed: self.secrets.seal(DATASET, &id, &dataset)?,
            created_at: now,
            expires_at: now + OFFER_SECONDS,
            id,
        })
    }

    /// The offer as a wallet reads it (section 4.1.1).
    pub fn credential_offer(&self, id: &str, attestation: &AttestationConfig) -> CredentialOffer {
        let tx_code = TxCode {
            input_mode: Some("numeric".to_owned()),
            length: Some(PIN_DIGITS),
            description: Some("窗口工作人员告知您的六位数字 / The six digits that the clerk gave you".to_owned()),
        };
        let code = self.secrets.code(id).secret().to_owned();
        CredentialOffer {
            credential_issuer: self.config.public_url.clone(),
            credential_configuration_ids: vec![attestation.configuration.clone()],
            grants: Grants {
                pre_authorized_code: Some(PreAuthorizedCode { code, tx_code: Some(tx_code), ..PreAuthorizedCode::default() }),
                ..Grants::default()
            },
        }
    }

    /// The URI of an offer by reference (section 4.1.3).
    pub fn offer_uri(&self, id: &str) -> String {
        format!("{}/offers/{id}", self.config.public_url)
    }
}

/// The link that opens a wallet (section 4.1.3).
pub fn link(offer_uri: &str) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("credential_offer_uri", offer_uri).finish();
    format!("openid-credential-offer://?{query}")
}

/// `GET /offers/{id}`: the offer by reference. Knowing the link is not enough: the PIN comes another way.
async fn show(State(app): State<Arc<Issuer>>, Path(id): Path<String>) -> Result<Json<CredentialOffer>, Failure> {
    let offer = store::load(app.database.pool(), &id).await?.ok_or(Slug::NotFound)?;
    if !offer.is_open(app.now()) {
        return Err(ApiError::new(Slug::Gone).detail("the offer was used, has ended, or was replaced").into());
    }
    let attestation = app.config.attestation(&offer.attestation_type).ok_or(Slug::Gone)?;
    Ok(Json(app.desk().credential_offer(&id, attestation)))
}
