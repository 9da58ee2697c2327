//! The signed request object by itself: signature, certificate, who it names, when it ends, where the response goes, and the key
//! that the response is encrypted to. OpenID4VP 1.0 sections 5 and 8, RFC 9101, HAIP 1.0 section 5.

use clients::Environment;
use identity::UnixSeconds;
use identity::dcql::Query;
use identity::jose::jwe::ContentEncryption;
use identity::jose::jws::{JwsAlg, Parsed, Policy};
use identity::jose::{Certificate, Jwk, TrustAnchors};
use identity::keys::Algorithm;
use serde_json::{Map, Value};
use url::Url;
use wire::oid4vp::{ClientMetadata, Registration, SELF_ISSUED_AUDIENCE, VerifierInfo, YUFU_REGISTRATION};

use super::RequestError;

/// Seconds that a request may live.
pub(crate) const MAX_LIFETIME_SECONDS: i64 = 120;
/// Seconds by which the site's clock may be ahead.
const LEEWAY_SECONDS: i64 = 30;
/// Characters of a nonce: 128 bits in base64url are 22.
const NONCE_CHARACTERS: std::ops::RangeInclusive<usize> = 22..=256;
/// Bytes of `state` at most.
const MAX_STATE_BYTES: usize = 512;
/// The prefix of the only kind of client identifier that is taken (section 5.9.3).
const CLIENT_ID_PREFIX: &str = "x509_hash:";
/// Parameters that would change what the response means, and that this wallet does not do.
const UNSUPPORTED: [&str; 4] = ["transaction_data", "redirect_uri", "scope", "presentation_definition"];
/// HAIP section 5 asks for ES256; a certificate of the city may also hold an Ed25519 key.
const POLICY: Policy = Policy { algs: &[JwsAlg::Es256, JwsAlg::EdDsa, JwsAlg::Ed25519], ..Policy::REQUEST_OBJECT };

/// A request object that was verified by itself; whether the party may ask is not said yet.
#[derive(Clone, Debug)]
pub(crate) struct RequestObject {
    pub(crate) client_id: String,
    pub(crate) certificate: Certificate,
    pub(crate) response_uri: Url,
    pub(crate) nonce: String,
    pub(crate) state: String,
    pub(crate) expires_at: UnixSeconds,
    pub(crate) query: Query,
    pub(crate) encryption_key: Jwk,
    pub(crate) encryption: ContentEncryption,
    pub(crate) registration: Registration,
}

/// What the wallet knows when it reads a request object.
pub(super) struct Expected<'a> {
    /// The client identifier in the link.
    pub(super) client_id: &'a str,
    /// The nonce that the wallet sent when it fetched the object.
    pub(super) wallet_nonce: Option<&'a str>,
    pub(super) anchors: &'a TrustAnchors,
    pub(super) now: UnixSeconds,
}

/// A nonce for fetching by POST (section 5.10).
pub(super) fn wallet_nonce(environment: &Environment) -> String {
    crate::records::base64url(&environment.entropy())
}

/// Reads and verifies a request object.
pub(super) fn verify(token: &str, expected: &Expected<'_>) -> Result<RequestObject, RequestError> {
    let parsed = Parsed::parse(token, &POLICY).map_err(RequestError::Signature)?;
    // A certificate outside of the city's trust gets its own sentence.
    let chain = parsed.header().x5c.clone().ok_or(RequestError::Claim("x5c"))?;
    let certificate = chain.verify(expected.anchors, expected.now).map_err(RequestError::Certificate)?;
    let verified = parsed.verify(&certificate.public_key).map_err(RequestError::Signature)?;
    let claims = verified.claims().map_err(RequestError::Signature)?;
    let client_id = check_client(&claims, &certificate, expected.client_id)?;
    check_kind(&claims)?;
    let expires_at = check_time(&claims, expected.now)?;
    check_wallet_nonce(&claims, expected.wallet_nonce)?;
    let nonce = text(&claims, "nonce")?;
    let url_safe = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
    if !NONCE_CHARACTERS.contains(&nonce.len()) || !nonce.bytes().all(url_safe) {
        return Err(RequestError::Claim("nonce"));
    }
    let state = text(&claims, "state")?;
    if state.is_empty() || state.len() > MAX_STATE_BYTES {
        return Err(RequestError::Claim("state"));
    }
    let query = claims.get("dcql_query").ok_or(RequestError::Claim("dcql_query"))?;
    let (encryption_key, encryption) = encryption(&claims)?;
    Ok(RequestObject {
        client_id,
        response_uri: response_uri(&claims)?,
        nonce: nonce.to_owned(),
        state: state.to_owned(),
        expires_at,
        query: Query::from_value(query.clone()).map_err(RequestError::Query)?,
        encryption_key,
        encryption,
        registration: registration(&claims)?,
        certificate,
    })
}

fn text<'c>(claims: &'c Map<String, Value>, name: &'static str) -> Result<&'c str, RequestError> {
    claims.get(name).and_then(Value::as_str).ok_or(RequestError::Claim(name))
}

/// The client identifier is the hash of the certificate that signed, in the object as in the link.
fn check_client(claims: &Map<String, Value>, certificate: &Certificate, in_link: &str) -> Result<String, RequestError> {
    let client_id = text(claims, "client_id")?;
    if client_id != in_link {
        return Err(RequestError::ClientId("it is not the one in the link"));
    }
    let hash = client_id.strip_prefix(CLIENT_ID_PREFIX).ok_or(RequestError::ClientId("its kind is not x509_hash"))?;
    if hash != certificate.x509_hash() {
        return Err(RequestError::ClientId("it is not the hash of the certificate"));
    }
    // RFC 9101 section 4: where `iss` is there, it is the client.
    match claims.get("iss") {
        None => Ok(client_id.to_owned()),
        Some(Value::String(issuer)) if issuer == client_id => Ok(client_id.to_owned()),
        Some(_) => Err(RequestError::ClientId("its iss is another party")),
    }
}

fn check_kind(claims: &Map<String, Value>) -> Result<(), RequestError> {
    let must_be = |name, value| if text(claims, name)? == value { Ok(()) } else { Err(RequestError::Claim(name)) };
    must_be("response_type", "vp_token")?;
    must_be("response_mode", "direct_post.jwt")?;
    must_be("aud", SELF_ISSUED_AUDIENCE)?;
    match UNSUPPORTED.into_iter().find(|name| claims.contains_key(*name)) {
        Some(name) => Err(RequestError::Claim(name)),
        None => Ok(()),
    }
}

/// `iat ≤ now < exp ≤ iat + 120 s`; the site's clock may be a little ahead.
fn check_time(claims: &Map<String, Value>, now: UnixSeconds) -> Result<UnixSeconds, RequestError> {
    let seconds = |name| claims.get(name).and_then(Value::as_i64).ok_or(RequestError::Claim(name));
    let (issued_at, expires_at) = (seconds("iat")?, seconds("exp")?);
    if expires_at <= now {
        return Err(RequestError::Expired);
    }
    if issued_at > now.saturating_add(LEEWAY_SECONDS) {
        return Err(RequestError::Time("it was made in the future"));
    }
    if expires_at.saturating_sub(issued_at) > MAX_LIFETIME_SECONDS {
        return Err(RequestError::Time("it lives longer than 120 seconds"));
    }
    match claims.get("nbf") {
        None => Ok(expires_at),
        Some(nbf) if nbf.as_i64().is_some_and(|nbf| nbf <= now.saturating_add(LEEWAY_SECONDS)) => Ok(expires_at),
        Some(_) => Err(RequestError::Time("it is not valid yet")),
    }
}

fn check_wallet_nonce(claims: &Map<String, Value>, sent: Option<&str>) -> Result<(), RequestError> {
    match (claims.get("wallet_nonce"), sent) {
        (None, None) => Ok(()),
        (Some(Value::String(repeated)), Some(sent)) if repeated == sent => Ok(()),
        _ => Err(RequestError::Claim("wallet_nonce")),
    }
}

/// https, or http on this machine; no credentials, no fragment.
fn response_uri(claims: &Map<String, Value>) -> Result<Url, RequestError> {
    let refused = || RequestError::Claim("response_uri");
    let url = Url::parse(text(claims, "response_uri")?).map_err(|_| refused())?;
    let loopback = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    let secure = url.scheme() == "https" || (url.scheme() == "http" && loopback);
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if secure && plain && url.has_host() { Ok(url) } else { Err(refused()) }
}

/// The first key of the signed request that a response can be encrypted to, and how (section 8.3).
fn encryption(claims: &Map<String, Value>) -> Result<(Jwk, ContentEncryption), RequestError> {
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
    let encryption = ContentEncryption::ALL.iter().copied().find(|enc| supported.iter().any(|name| name == enc.name()));
    Ok((key, encryption.ok_or(RequestError::EncryptionKey)?))
}

/// The one entry of `verifier_info` that names party and purpose on the ledger.
fn registration(claims: &Map<String, Value>) -> Result<Registration, RequestError> {
    let refused = || RequestError::Claim("verifier_info");
    let entries = claims.get("verifier_info").cloned().ok_or_else(refused)?;
    let entries: Vec<VerifierInfo> = serde_json::from_value(entries).map_err(|_| refused())?;
    let mut ours = entries.into_iter().filter(|entry| entry.format == YUFU_REGISTRATION);
    let (first, second) = (ours.next().ok_or_else(refused)?, ours.next());
    if second.is_some() {
        return Err(refused());
    }
    let registration: Registration = serde_json::from_value(first.data).map_err(|_| refused())?;
    let two_digits = |code: &String| code.len() == 2 && code.bytes().all(|b| b.is_ascii_digit());
    let mut codes = registration.match_codes.clone();
    codes.sort();
    codes.dedup();
    let distinct = codes.len() == registration.match_codes.len();
    if (codes.is_empty() || codes.len() == 3) && distinct && codes.iter().all(two_digits) {
        Ok(registration)
    } else {
        Err(RequestError::Claim("match_codes"))
    }
}
