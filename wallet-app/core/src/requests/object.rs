//! A request by itself: who it names, when it ends, where the response goes and how, what is asked for, and what is to be agreed to.
//! OpenID4VP 1.0 sections 5 and 8, RFC 9101, HAIP 1.0 section 5.

use std::collections::BTreeMap;

use clients::Environment;
use identity::dcql::Query;
use identity::jose::Jwk;
use identity::jose::jwe::ContentEncryption;
use identity::keys::Algorithm;
use identity::{UnixSeconds, json};
use serde_json::{Map, Value};
use url::Url;
use wire::link::is_on_this_machine;
use wire::oid4vp::{ClientMetadata, Registration, SELF_ISSUED_AUDIENCE, VerifierInfo, YUFU_REGISTRATION};

use super::RequestError;
use super::client::{Client, Prefix, prefix};
use super::transaction::{self, Transaction};

/// Seconds that a request may live.
pub(crate) const MAX_LIFETIME_SECONDS: i64 = 120;
/// Seconds by which the site's clock may be ahead.
const LEEWAY_SECONDS: i64 = 30;
/// Characters of a nonce: 128 bits in base64url are 22.
const NONCE_CHARACTERS: std::ops::RangeInclusive<usize> = 22..=256;
/// Bytes of `state` at most.
const MAX_STATE_BYTES: usize = 512;
/// Parameters that would change what the response means, and that this wallet does not do.
const UNSUPPORTED: [&str; 3] = ["redirect_uri", "scope", "presentation_definition"];
/// Parameters of an unsigned request that are JSON.
const JSON_PARAMETERS: [&str; 4] = ["dcql_query", "client_metadata", "transaction_data", "verifier_info"];

/// A request that was verified by itself; whether the party may ask is not said yet.
#[derive(Clone, Debug)]
pub(crate) struct RequestObject {
    pub(crate) client_id: String,
    pub(crate) client: Client,
    pub(crate) response_uri: Url,
    pub(crate) nonce: String,
    pub(crate) state: Option<String>,
    pub(crate) expires_at: UnixSeconds,
    pub(crate) query: Query,
    /// The key that the response is encrypted to; without one it is protected by TLS alone (`direct_post`).
    pub(crate) encryption: Option<(Jwk, ContentEncryption)>,
    pub(crate) registration: Option<Registration>,
    pub(crate) transactions: Vec<Transaction>,
}

impl RequestObject {
    /// Whether a party of the city asks, or somebody who says so: what the city demands of its parties is demanded of it.
    fn is_of_the_city(&self) -> bool {
        match &self.client {
            Client::Certified(_) | Client::Named(..) => true,
            Client::Identity(..) | Client::Nobody => self.registration.is_some(),
        }
    }
}

/// What the wallet knows when it reads a request object.
pub(super) struct Expected<'a> {
    /// The client identifier in the link.
    pub(super) client_id: &'a str,
    /// The nonce that the wallet sent when it fetched the object.
    pub(super) wallet_nonce: Option<&'a str>,
    pub(super) now: UnixSeconds,
}

/// A nonce for fetching by POST (section 5.10).
pub(super) fn wallet_nonce(environment: &Environment) -> String {
    crate::records::base64url(&environment.entropy())
}

/// Reads the claims of a signed request object. `iss` is not looked at (OpenID4VP 1.0 section 5): who asks is `client_id`.
pub(super) fn signed(
    claims: &Map<String, Value>,
    client: Client,
    expected: &Expected<'_>,
) -> Result<RequestObject, RequestError> {
    let client_id = text(claims, "client_id")?;
    if client_id != expected.client_id {
        return Err(RequestError::ClientId("it is not the one in the link"));
    }
    if text(claims, "aud")? != SELF_ISSUED_AUDIENCE {
        return Err(RequestError::Claim("aud"));
    }
    check_wallet_nonce(claims, expected.wallet_nonce)?;
    let mut object = read(claims, client, expected.now.saturating_add(MAX_LIFETIME_SECONDS))?;
    object.expires_at = check_time(claims, expected.now, object.is_of_the_city())?;
    match &object.client {
        // What a DNS name answers for is what is at that name (section 5.9.3).
        Client::Named(_, name) if object.response_uri.host_str() != Some(name) => {
            Err(RequestError::ClientId("its answers go to another host"))
        }
        // A party of the city says for which of its purposes it asks.
        Client::Certified(_) | Client::Named(..) if object.registration.is_none() => Err(RequestError::Claim("verifier_info")),
        Client::Certified(_) | Client::Named(..) | Client::Identity(..) | Client::Nobody => Ok(object),
    }
}

/// Reads the parameters of a request that nobody signed: only the prefix `redirect_uri` has such, and the response goes to the address
/// that it names.
pub(super) fn unsigned(
    client_id: &str,
    parameters: &BTreeMap<String, String>,
    now: UnixSeconds,
) -> Result<RequestObject, RequestError> {
    let Prefix::RedirectUri(address) = prefix(client_id)? else {
        return Err(RequestError::ClientId("a request of this kind must be signed"));
    };
    let mut claims = Map::new();
    for (name, value) in parameters {
        let value = if JSON_PARAMETERS.contains(&name.as_str()) {
            json::parse_strict(value.as_bytes()).map_err(|_| RequestError::Claim("parameters"))?
        } else {
            Value::String(value.clone())
        };
        claims.insert(name.clone(), value);
    }
    if text(&claims, "response_uri")? != address {
        return Err(RequestError::ClientId("its answers go to another address"));
    }
    let object = read(&claims, Client::Nobody, now.saturating_add(MAX_LIFETIME_SECONDS))?;
    // Who signs nothing cannot claim a registration.
    if object.registration.is_some() { Err(RequestError::Claim("verifier_info")) } else { Ok(object) }
}

fn read(claims: &Map<String, Value>, client: Client, expires_at: UnixSeconds) -> Result<RequestObject, RequestError> {
    if text(claims, "response_type")? != "vp_token" {
        return Err(RequestError::Claim("response_type"));
    }
    if let Some(name) = UNSUPPORTED.into_iter().find(|name| claims.contains_key(*name)) {
        return Err(RequestError::Claim(name));
    }
    let nonce = text(claims, "nonce")?;
    let url_safe = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
    if !NONCE_CHARACTERS.contains(&nonce.len()) || !nonce.bytes().all(url_safe) {
        return Err(RequestError::Claim("nonce"));
    }
    let query = claims.get("dcql_query").ok_or(RequestError::Claim("dcql_query"))?;
    let query = Query::from_value(query.clone()).map_err(RequestError::Query)?;
    Ok(RequestObject {
        client_id: text(claims, "client_id")?.to_owned(),
        client,
        response_uri: response_uri(claims)?,
        nonce: nonce.to_owned(),
        state: state(claims)?,
        expires_at,
        encryption: encryption(claims)?,
        registration: registration(claims)?,
        transactions: transaction::read(claims, &query)?,
        query,
    })
}

fn text<'c>(claims: &'c Map<String, Value>, name: &'static str) -> Result<&'c str, RequestError> {
    claims.get(name).and_then(Value::as_str).ok_or(RequestError::Claim(name))
}

pub(super) fn state(claims: &Map<String, Value>) -> Result<Option<String>, RequestError> {
    match claims.get("state") {
        None => Ok(None),
        Some(Value::String(state)) if !state.is_empty() && state.len() <= MAX_STATE_BYTES => Ok(Some(state.clone())),
        Some(_) => Err(RequestError::Claim("state")),
    }
}

/// When the request ends. The city's parties say it: `iat ≤ now < exp ≤ iat + 120 s`, where the site's clock may be a little ahead. Of others
/// OpenID4VP demands neither `iat` nor `exp`: what they say must hold, and the wallet answers within 120 s of opening.
fn check_time(claims: &Map<String, Value>, now: UnixSeconds, is_of_the_city: bool) -> Result<UnixSeconds, RequestError> {
    let seconds = |name| match claims.get(name) {
        None if !is_of_the_city => Ok(None),
        claim => claim.and_then(Value::as_i64).map(Some).ok_or(RequestError::Claim(name)),
    };
    let (issued_at, expires_at, valid_from) = (seconds("iat")?, seconds("exp")?, claims.get("nbf"));
    if expires_at.is_some_and(|at| at <= now) {
        return Err(RequestError::Expired);
    }
    if issued_at.is_some_and(|at| at > now.saturating_add(LEEWAY_SECONDS)) {
        return Err(RequestError::Time("it was made in the future"));
    }
    if let (true, Some(from), Some(to)) = (is_of_the_city, issued_at, expires_at)
        && to.saturating_sub(from) > MAX_LIFETIME_SECONDS
    {
        return Err(RequestError::Time("it lives longer than 120 seconds"));
    }
    if valid_from.is_some_and(|nbf| nbf.as_i64().is_none_or(|nbf| nbf > now.saturating_add(LEEWAY_SECONDS))) {
        return Err(RequestError::Time("it is not valid yet"));
    }
    // A site whose clock is ahead gets no longer than what it may claim.
    let latest = now.saturating_add(MAX_LIFETIME_SECONDS + if is_of_the_city { LEEWAY_SECONDS } else { 0 });
    Ok(expires_at.map_or(latest, |at| at.min(latest)))
}

fn check_wallet_nonce(claims: &Map<String, Value>, sent: Option<&str>) -> Result<(), RequestError> {
    match (claims.get("wallet_nonce"), sent) {
        (None, None) => Ok(()),
        (Some(Value::String(repeated)), Some(sent)) if repeated == sent => Ok(()),
        _ => Err(RequestError::Claim("wallet_nonce")),
    }
}

/// https, or http on this machine, which only a pilot city may name; no credentials, no fragment.
pub(super) fn response_uri(claims: &Map<String, Value>) -> Result<Url, RequestError> {
    let refused = || RequestError::Claim("response_uri");
    let url = Url::parse(text(claims, "response_uri")?).map_err(|_| refused())?;
    let secure = url.scheme() == "https" || (url.scheme() == "http" && is_on_this_machine(&url));
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if secure && plain && url.has_host() { Ok(url) } else { Err(refused()) }
}

/// For `direct_post.jwt`, the first key of the request that a response can be encrypted to, and how (section 8.3).
fn encryption(claims: &Map<String, Value>) -> Result<Option<(Jwk, ContentEncryption)>, RequestError> {
    match text(claims, "response_mode")? {
        "direct_post" => return Ok(None),
        "direct_post.jwt" => {}
        _ => return Err(RequestError::Claim("response_mode")),
    }
    let metadata = claims.get("client_metadata").cloned().ok_or(RequestError::Claim("client_metadata"))?;
    let metadata: ClientMetadata = serde_json::from_value(metadata).map_err(|_| RequestError::Claim("client_metadata"))?;
    let keys = metadata.jwks.get("keys").and_then(Value::as_array).ok_or(RequestError::EncryptionKey)?;
    let usable = |jwk: &Jwk| {
        jwk.key.algorithm() == Algorithm::P256
            && jwk.public_key_use.as_deref().is_none_or(|used_for| used_for == "enc")
            && jwk.alg.as_deref().is_none_or(|alg| alg == "ECDH-ES")
    };
    let key = keys.iter().take(16).filter_map(|key| Jwk::from_value(key).ok()).find(usable);
    let key = key.ok_or(RequestError::EncryptionKey)?;
    let supported = &metadata.encrypted_response_enc_values_supported;
    // Section 8.3: without a list it is A128GCM.
    let encryption = if supported.is_empty() {
        Some(ContentEncryption::A128Gcm)
    } else {
        ContentEncryption::ALL.iter().copied().find(|enc| supported.iter().any(|name| name == enc.name()))
    };
    Ok(Some((key, encryption.ok_or(RequestError::EncryptionKey)?)))
}

/// The one entry of `verifier_info` that names party and purpose on the ledger; entries of others are ignored.
fn registration(claims: &Map<String, Value>) -> Result<Option<Registration>, RequestError> {
    let refused = || RequestError::Claim("verifier_info");
    let Some(entries) = claims.get("verifier_info").cloned() else { return Ok(None) };
    let entries: Vec<VerifierInfo> = serde_json::from_value(entries).map_err(|_| refused())?;
    let mut ours = entries.into_iter().filter(|entry| entry.format == YUFU_REGISTRATION);
    let Some(first) = ours.next() else { return Ok(None) };
    if ours.next().is_some() {
        return Err(refused());
    }
    let registration: Registration = serde_json::from_value(first.data).map_err(|_| refused())?;
    let two_digits = |code: &String| code.len() == 2 && code.bytes().all(|b| b.is_ascii_digit());
    let mut codes = registration.match_codes.clone();
    codes.sort();
    codes.dedup();
    let distinct = codes.len() == registration.match_codes.len();
    if (codes.is_empty() || codes.len() == 3) && distinct && codes.iter().all(two_digits) {
        Ok(Some(registration))
    } else {
        Err(RequestError::Claim("match_codes"))
    }
}
