//! The pages.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use identity::UnixSeconds;
use ledger::records::PartyRecord;
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use serde::Deserialize;
use service_kit::extract::FormBody;
use service_kit::{ApiError, Language, Slug, csrf};

use super::sessions::{self, Session};
use super::{Frame, day, labels, moment, render};
use crate::app::{App, Shared, database_error};
use crate::logins::begin::{Begun, link};
use crate::logins::events::Progress;
use crate::logins::stage::Stage;
use crate::policies::Policy;
use crate::receipts;

/// What a purpose asks for, in words.
pub struct Asked {
    purpose: String,
    why: String,
    keep_days: Option<u32>,
    credentials: Vec<AskedCredential>,
}

struct AskedCredential {
    name: String,
    claims: Vec<String>,
}

impl Asked {
    /// What for and for how long comes from the ledger; nothing is promised that is not registered.
    fn of(policy: &Policy, party: Option<&PartyRecord>, language: Language) -> Self {
        let registered = party.and_then(|party| policy.allowed_by(party).ok());
        let credential = |query: &identity::dcql::CredentialQuery| AskedCredential {
            name: query.types().map(|vct| labels::credential(vct, language)).collect::<Vec<_>>().join(" / "),
            claims: query.claims.iter().flatten().map(|claim| labels::claim(&dotted(&claim.path), language)).collect(),
        };
        Self {
            purpose: policy.purpose.to_string(),
            why: registered.map(|purpose| purpose.text.in_language(language.tag()).to_owned()).unwrap_or_default(),
            keep_days: registered.map(|purpose| purpose.retention_days),
            credentials: policy.query.credentials.iter().map(credential).collect(),
        }
    }
}

fn dotted(path: &identity::dcql::ClaimPath) -> String {
    let name = |part: &identity::dcql::PathPart| match part {
        identity::dcql::PathPart::Name(name) => name.clone(),
        identity::dcql::PathPart::Index(index) => index.to_string(),
        identity::dcql::PathPart::All => "*".to_owned(),
    };
    path.parts().iter().map(name).collect::<Vec<_>>().join(".")
}

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    frame: Frame,
    asked: Vec<Asked>,
}

/// `/`
#[tracing::instrument(name = "site.home", skip_all)]
pub async fn home(State(app): State<Shared>, language: Language, headers: HeaderMap) -> Result<Response, ApiError> {
    let signed_in = sessions::current(&app, &headers).await?.is_some();
    // The home page is there without the ledger; it only says less.
    let party = app.registry.recent(app.now()).await.ok().flatten();
    let asked = app.parts.policies.iter().map(|policy| Asked::of(policy, party.as_ref(), language)).collect();
    Ok(render(&HomePage { frame: Frame::new(&app, language, "/", signed_in), asked }, language))
}

/// `/login` and `/login/{id}`
#[derive(Template)]
#[template(path = "login.html")]
pub struct LoginPage {
    frame: Frame,
    login: String,
    purpose: String,
    stage: &'static str,
    sentence: String,
    open: bool,
    waiting: bool,
    same_device_link: String,
    cross_device_link: String,
    qr: String,
    match_code: String,
    now: UnixSeconds,
    expires_at: UnixSeconds,
    expires_text: String,
    lifetime_seconds: i64,
    asked: Asked,
}

impl LoginPage {
    /// The page of a login.
    ///
    /// # Errors
    /// When the link does not fit into a QR code: a mistake in the set-up.
    pub fn of(app: &App, begun: &Begun, language: Language) -> Result<Self, ApiError> {
        let now = app.now();
        let login = &begun.login;
        let stage = login.stage(now);
        let cross_device_link = link(app, &begun.cross_device);
        let policy = app.policy(Some(&login.purpose)).ok_or(ApiError::new(Slug::Gone))?;
        let progress = Progress::of(login, now, language);
        Ok(Self {
            frame: Frame::new(app, language, format!("/login/{}", login.id), false),
            login: login.id.clone(),
            purpose: login.purpose.clone(),
            stage: progress.stage,
            sentence: progress.sentence,
            open: matches!(stage, Stage::Waiting | Stage::Opened),
            waiting: !stage.is_final(),
            same_device_link: link(app, &begun.same_device),
            qr: qr_svg(&cross_device_link)?,
            cross_device_link,
            match_code: begun.cross_device.match_code.clone(),
            now,
            expires_at: login.expires_at,
            expires_text: moment(login.expires_at),
            lifetime_seconds: login.expires_at.saturating_sub(login.created_at),
            asked: Asked::of(policy, app.registry.known().as_ref(), language),
        })
    }
}

/// A QR code as an SVG element, without the XML declaration.
fn qr_svg(text: &str) -> Result<String, ApiError> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).map_err(ApiError::internal)?;
    let picture = code.render::<svg::Color<'_>>().dark_color(svg::Color("#14211d")).light_color(svg::Color("#ffffff")).build();
    let start = picture.find("<svg").unwrap_or_default();
    Ok(picture.split_at(start).1.to_owned())
}

struct ShownClaim {
    name: String,
    value: String,
}

struct ShownCredential {
    name: String,
    authority: String,
    claims: Vec<ShownClaim>,
}

struct ShownReceipt {
    id: String,
    transaction: String,
    height: u64,
    consent: Option<String>,
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    greeting: String,
    credentials: Vec<ShownCredential>,
    why: String,
    released_at: String,
    keep_until: String,
    receipt: Option<ShownReceipt>,
    csrf: String,
}

/// `/account`: exactly what was released, why, until when, and the receipt.
#[tracing::instrument(name = "site.account", skip_all)]
pub async fn account(State(app): State<Shared>, language: Language, headers: HeaderMap) -> Result<Response, ApiError> {
    let Some(session) = sessions::current(&app, &headers).await? else {
        return Ok(Redirect::to("/login").into_response());
    };
    let receipt = receipts::store::of_login(&app.parts.database, &session.login).await.map_err(database_error)?;
    let receipt = receipt.map(|receipt| ShownReceipt {
        id: crate::sealing::token(receipt.id.0),
        transaction: crate::sealing::token(receipt.transaction.0),
        height: receipt.height,
        consent: receipt.consent,
    });
    let page = account_page(&app, &session, receipt, language);
    Ok(render(&page, language))
}

fn account_page(app: &App, session: &Session, receipt: Option<ShownReceipt>, language: Language) -> AccountPage {
    let released = &session.released;
    let claim = |claim: &crate::presentations::released::ReleasedClaim| ShownClaim {
        name: labels::claim(&claim.path, language),
        value: claim.value.clone(),
    };
    let credential = |credential: &crate::presentations::released::ReleasedCredential| ShownCredential {
        name: labels::credential(&credential.vct, language),
        authority: credential.authority_name.in_language(language.tag()).to_owned(),
        claims: credential.claims.iter().map(claim).collect(),
    };
    AccountPage {
        frame: Frame::new(app, language, "/account", true),
        greeting: greeting(session, language),
        credentials: released.credentials.iter().map(credential).collect(),
        why: released.purpose_text.in_language(language.tag()).to_owned(),
        released_at: moment(released.released_at),
        keep_until: day(released.keep_until),
        receipt,
        csrf: csrf::token(&session.token),
    }
}

fn greeting(session: &Session, language: Language) -> String {
    let claims = || session.released.credentials.iter().flat_map(|credential| &credential.claims);
    let value = |path: &str| claims().find(|claim| claim.path == path).map(|claim| claim.value.as_str());
    match (value("family_name"), value("given_name")) {
        (Some(family), Some(given)) => match language {
            Language::Chinese => format!("{family}{given}，您好"),
            Language::English => format!("Welcome, {given} {family}"),
        },
        (Some(_) | None, _) => language.pick("您好", "Welcome").to_owned(),
    }
}

/// The form of the logout button.
#[derive(Deserialize)]
pub struct Logout {
    csrf: String,
}

/// `POST /logout`
#[tracing::instrument(name = "site.logout", skip_all)]
pub async fn logout(
    State(app): State<Shared>,
    headers: HeaderMap,
    FormBody(form): FormBody<Logout>,
) -> Result<Response, ApiError> {
    csrf::check_origin(&headers, &app.parts.config.public_url)?;
    if let Some(token) = sessions::presented(&app, &headers) {
        csrf::check_token(&token, &form.csrf)?;
        let mut database = app.parts.database.begin().await.map_err(database_error)?;
        sessions::delete(&mut database, &token).await.map_err(database_error)?;
        database.commit().await.map_err(database_error)?;
    }
    let mut response = Redirect::to("/").into_response();
    response.headers_mut().append(header::SET_COOKIE, sessions::clear(&app));
    Ok(response)
}
