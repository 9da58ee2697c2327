//! Beginning a login: two requests, each with secrets of its own.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identity::jose::Jwk;
use serde::Serialize;
use service_kit::session::Token;
use service_kit::{ApiError, Slug};
use wire::oid4vp::Registration;

use super::Channel;
use super::match_code::MatchCode;
use super::request_object::{self, Signing};
use super::stage::State;
use super::store::{self, Login, Request};
use crate::app::{App, database_error};
use crate::chain::ChainError;
use crate::parties;
use crate::presentations::http::response_key;
use crate::sealing;

/// A login that has begun.
pub struct Begun {
    /// The login.
    pub login: Login,
    /// The request for a wallet on the same device.
    pub same_device: Request,
    /// The request for a wallet on another device.
    pub cross_device: Request,
}

/// The same for programs (`Accept: application/json`), with the cookie beside it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct BegunAnswer {
    /// The login's id.
    pub login: String,
    /// Link for a wallet on the same device.
    pub same_device_link: String,
    /// Link for a wallet on another device: what the QR code holds.
    pub cross_device_link: String,
    /// The match code to show beside the QR code.
    pub match_code: String,
    /// When the requests end.
    pub expires_at: i64,
    /// Path of the events (SSE).
    pub events: String,
    /// Path that completes the login.
    pub complete: String,
}

impl Begun {
    /// The form for programs.
    pub fn answer(&self, app: &App) -> BegunAnswer {
        BegunAnswer {
            login: self.login.id.clone(),
            same_device_link: link(app, &self.same_device),
            cross_device_link: link(app, &self.cross_device),
            match_code: self.cross_device.match_code.clone(),
            expires_at: self.login.expires_at,
            events: format!("/login/{}/events", self.login.id),
            complete: format!("/login/{}/complete", self.login.id),
        }
    }
}

/// The link of a request.
pub fn link(app: &App, request: &Request) -> String {
    request_object::link(&app.parts.party.client_id, &app.url(&format!("/requests/{}", request.id)))
}

/// Begins a login for the browser that has the cookie `browser`.
///
/// # Errors
/// [`Slug::NotFound`] for a purpose that is not configured, [`Slug::Refused`] when the registration does not allow it,
/// [`Slug::LedgerUnavailable`] when the ledger cannot say.
pub async fn begin(app: &App, purpose: Option<&str>, browser: &Token) -> Result<Begun, ApiError> {
    let policy = app.policy(purpose).ok_or(ApiError::new(Slug::NotFound).detail("this site has no such purpose"))?;
    let now = app.now();
    let record = app.registry.recent(now).await.map_err(ledger_error)?;
    let public_url = &app.parts.config.public_url;
    parties::check(record.as_ref(), &app.parts.party, public_url, std::slice::from_ref(policy)).map_err(|mismatch| {
        ApiError::new(Slug::Refused).detail("this website is not registered for what it asks").caused_by(mismatch)
    })?;
    let login = Login {
        id: sealing::id(app.entropy()),
        browser: browser.hash(),
        purpose: policy.purpose.to_string(),
        state: State::Open,
        failure: String::new(),
        created_at: now,
        expires_at: now.saturating_add(i64::from(app.parts.config.request_lifetime_seconds)),
        opened_at: 0,
        answered_request: String::new(),
        answered_channel: None,
        answer_digest: String::new(),
        released: String::new(),
        response_code: String::new(),
    };
    let same_device = request(app, &login.id, Channel::SameDevice);
    let cross_device = request(app, &login.id, Channel::CrossDevice);
    let mut database = app.parts.database.begin().await.map_err(database_error)?;
    store::insert(&mut database, &login).await.map_err(database_error)?;
    store::insert_request(&mut database, &same_device).await.map_err(database_error)?;
    store::insert_request(&mut database, &cross_device).await.map_err(database_error)?;
    database.commit().await.map_err(database_error)?;
    metrics::counter!("verifier_logins_total", "outcome" => "begun").increment(1);
    Ok(Begun { login, same_device, cross_device })
}

/// The ledger's failure as a problem.
pub fn ledger_error(error: ChainError) -> ApiError {
    ApiError::new(Slug::LedgerUnavailable).caused_by(error)
}

fn request(app: &App, login: &str, channel: Channel) -> Request {
    let (match_code, match_codes) = match channel {
        Channel::SameDevice => (String::new(), Vec::new()),
        Channel::CrossDevice => {
            let code = MatchCode::draw(&app.entropy());
            (code.shown, code.candidates)
        }
    };
    Request {
        id: sealing::id(app.entropy()),
        login: login.to_owned(),
        channel,
        nonce: sealing::token(app.entropy()),
        state_token: sealing::token(app.entropy()),
        key_seed: key_seed(app),
        match_code,
        match_codes,
        fetches: 0,
        unreadable_answers: 0,
    }
}

/// A seed that gives a key: nearly every one does.
fn key_seed(app: &App) -> String {
    loop {
        let seed = app.entropy();
        if app.parts.storage_key.response_key(&seed).is_some() {
            return URL_SAFE_NO_PAD.encode(seed);
        }
    }
}

/// The signed request object of a request; `None` when its key is erased.
pub fn sign(app: &App, login: &Login, request: &Request, wallet_nonce: Option<&str>) -> Option<String> {
    let party = &app.parts.party;
    let policy = app.policy(Some(&login.purpose))?;
    let encryption_key: Jwk = response_key(app, &request.key_seed)?.to_jwk(&request.id);
    let object = request_object::Request {
        response_uri: &app.url(&format!("/responses/{}", request.id)),
        nonce: &request.nonce,
        state: &request.state_token,
        issued_at: login.created_at,
        expires_at: login.expires_at,
        query: &policy.query,
        encryption_key,
        registration: Registration { party: party.id, purpose: policy.purpose, match_codes: request.match_codes.clone() },
        wallet_nonce,
    };
    let signing = Signing { signer: &party.certificate_key, chain: &party.chain, client_id: &party.client_id };
    Some(object.sign(&signing))
}
