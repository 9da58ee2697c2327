//! `POST /token`: the token endpoint (OpenID4VCI 1.0 section 6) for anonymous wallets with a pre-authorized code and a PIN,
//! or with the refresh token that a wallet with DPoP got with its first token.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use service_kit::address::ClientAddress;
use service_kit::extract::TextBody;
use service_kit::session::Token;
use wire::oid4vci::{PRE_AUTHORIZED_CODE_GRANT, TokenResponse};

use super::{OAuthFailure, store};
use crate::app::Issuer;
use crate::dpop;
use crate::renewals;

/// How long an access token is good. The ledger may take its time to record what is issued under it.
pub const TOKEN_SECONDS: i64 = 60 * 60;
/// The longest form.
const MAX_FORM_BYTES: usize = 16 * 1024;
/// The longest name of a client.
const MAX_CLIENT_BYTES: usize = 255;
/// RFC 6749 section 6.
pub const REFRESH_GRANT: &str = "refresh_token";

#[tracing::instrument(name = "offers.token", skip_all)]
pub(super) async fn token(
    State(app): State<Arc<Issuer>>,
    client: ClientAddress,
    headers: HeaderMap,
    TextBody(body): TextBody,
) -> Result<Json<TokenResponse>, OAuthFailure> {
    app.limit(&app.rates.issuance, client)?;
    let form = read_form(&headers, &body)?;
    let (request, client_id) = (read_request(&form)?, read_client(&form)?);
    // Before a try of the PIN is taken: asking for a nonce costs none.
    let dpop_key = dpop::check(&app, &headers, "/token", None).await.map_err(OAuthFailure::of_proof)?;
    match request {
        Request::Code { code, pin } => redeem(&app, code, pin, dpop_key, client_id).await.map(Json),
        Request::Refresh(token) => renewals::refresh(&app, token, dpop_key, client_id).await.map(Json),
    }
}

/// A token for a code and PIN. With a DPoP proof the token is bound to its key, and a grant for renewals comes with it.
async fn redeem(
    app: &Issuer,
    code: &str,
    pin: &str,
    dpop_key: Option<String>,
    client_id: Option<&str>,
) -> Result<TokenResponse, OAuthFailure> {
    let Some(code) = Token::presented(code) else { return Err(wrong_code()) };
    let now = app.now();

    let mut transaction = app.database.begin().await?;
    let offer = store::by_code(&mut transaction, &code.hash()).await?.ok_or_else(wrong_code)?;
    if !store::take_try(&mut transaction, &offer.id, now).await? {
        return Err(wrong_code());
    }
    if !app.secrets.is_pin(&offer.id, pin) {
        // The try counts: commit it.
        transaction.commit().await?;
        metrics::counter!("issuer_tokens_total", "outcome" => "wrong_pin").increment(1);
        return Err(OAuthFailure::bad("invalid_grant", "the transaction code is wrong; after three tries the offer ends"));
    }
    let token = Token::from_entropy(app.environment.entropy());
    store::redeem(&mut transaction, &offer.id, &token.hash(), now + TOKEN_SECONDS, dpop_key.as_deref()).await?;
    let refresh = match &dpop_key {
        Some(key) => renewals::grant(app, &mut transaction, &offer, key, client_id).await?,
        None => None,
    };
    transaction.commit().await?;
    metrics::counter!("issuer_tokens_total", "outcome" => "issued").increment(1);
    Ok(TokenResponse {
        access_token: token.secret().to_owned(),
        token_type: if dpop_key.is_some() { "DPoP" } else { "Bearer" }.to_owned(),
        expires_in: u64::try_from(TOKEN_SECONDS).ok(),
        refresh_token: refresh.map(|token| token.secret().to_owned()),
        ..TokenResponse::default()
    })
}

fn wrong_code() -> OAuthFailure {
    OAuthFailure::bad("invalid_grant", "the code is unknown, was used, has ended, or was tried too often")
}

/// The form's parameters: RFC 6749 section 3.2 refuses one that is given twice.
fn read_form(headers: &HeaderMap, body: &str) -> Result<BTreeMap<String, String>, OAuthFailure> {
    let invalid = |description| OAuthFailure::bad("invalid_request", description);
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") || body.len() > MAX_FORM_BYTES {
        return Err(invalid("the body must be a form of at most 16 KiB"));
    }
    let mut form = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(body.as_bytes()) {
        if form.insert(name.into_owned(), value.into_owned()).is_some() {
            return Err(invalid("a parameter is given twice"));
        }
    }
    Ok(form)
}

/// What is asked for.
enum Request<'a> {
    /// Section 6.1. All our offers have a PIN.
    Code { code: &'a str, pin: &'a str },
    /// RFC 6749 section 6.
    Refresh(&'a str),
}

fn read_request(form: &BTreeMap<String, String>) -> Result<Request<'_>, OAuthFailure> {
    let invalid = |description| OAuthFailure::bad("invalid_request", description);
    let field = |name: &str| form.get(name).map(String::as_str);
    let request = match field("grant_type") {
        Some(PRE_AUTHORIZED_CODE_GRANT) => Request::Code {
            code: field("pre-authorized_code").ok_or_else(|| invalid("pre-authorized_code is missing"))?,
            pin: field("tx_code").ok_or_else(|| invalid("the offer needs a tx_code"))?,
        },
        Some(REFRESH_GRANT) => Request::Refresh(field("refresh_token").ok_or_else(|| invalid("refresh_token is missing"))?),
        Some(_) => {
            let description = "only pre-authorized codes and refresh tokens are redeemed here";
            return Err(OAuthFailure::bad("unsupported_grant_type", description));
        }
        None => return Err(invalid("grant_type is missing")),
    };
    if form.contains_key("authorization_details") {
        return Err(OAuthFailure::bad("invalid_authorization_details", "authorization_details are not supported"));
    }
    Ok(request)
}

/// The name that the client gives itself, if any (section 6.1).
fn read_client(form: &BTreeMap<String, String>) -> Result<Option<&str>, OAuthFailure> {
    match form.get("client_id") {
        Some(name) if name.len() > MAX_CLIENT_BYTES => Err(OAuthFailure::bad("invalid_request", "client_id is too long")),
        name => Ok(name.map(String::as_str)),
    }
}
