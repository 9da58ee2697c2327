//! One DPoP proof, by the list in RFC 9449 section 4.3. Pure: whether nonce and `jti` are new is asked of the database.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identity::jose::jwk;
use identity::jose::jws::{JwsError, Parsed, Policy};
use identity::{UnixSeconds, canonical};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use url::Url;

/// How old a proof may be, and by how much clocks may differ.
const MAX_AGE_SECONDS: i64 = 5 * 60;
const SKEW_SECONDS: i64 = 60;
/// How long a proof that was used is remembered: longer than it could be used, by the clock of any process of the service.
pub const REMEMBERED_SECONDS: i64 = MAX_AGE_SECONDS + 4 * SKEW_SECONDS;

/// What a proof must be for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The HTTP method.
    pub method: &'a str,
    /// The address, without query and fragment.
    pub url: &'a Url,
    /// The access token that came with it, at a resource.
    pub access_token: Option<&'a str>,
}

/// A proof that fits its request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Thumbprint of the key (RFC 7638), base64url.
    pub key: String,
    /// The server's nonce in it.
    pub nonce: Option<String>,
    /// What is the same only in the same proof: a hash of key, address and `jti`, which itself may be long (section 11.1).
    pub id: String,
}

/// Why a proof is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// There must be one.
    #[error("a request has exactly one DPoP proof")]
    Several,
    /// Not a JWS of type `dpop+jwt` with a public key in `jwk`, or it does not verify.
    #[error("the proof is malformed or does not verify")]
    Jws(#[from] JwsError),
    /// A claim is missing or of another type.
    #[error("the claim {0} is missing or malformed")]
    Claim(&'static str),
    /// `htm` or `htu` is of another request.
    #[error("the claim {0} is of another request")]
    Request(&'static str),
    /// `ath` is missing or of another token.
    #[error("the claim ath is not the hash of the access token")]
    Token,
    /// `iat` is not around now.
    #[error("the proof is too old or from the future")]
    NotFresh,
    /// It was used before.
    #[error("the proof was used before; make a new one for every request")]
    Used,
}

/// Checks a proof for a request.
///
/// # Errors
/// [`ProofError`].
pub fn check(jwt: &str, request: &Request<'_>, now: UnixSeconds) -> Result<Proof, ProofError> {
    let (verified, jwk) = Parsed::parse(jwt, &Policy::DPOP)?.verify_with_embedded_key()?;
    let claims = verified.claims()?;
    if text(&claims, "htm")? != request.method {
        return Err(ProofError::Request("htm"));
    }
    // Parsing normalizes both (RFC 3986 sections 6.2.2 and 6.2.3).
    let mut address: Url = text(&claims, "htu")?.parse().map_err(|_| ProofError::Claim("htu"))?;
    address.set_query(None);
    address.set_fragment(None);
    if address != *request.url {
        return Err(ProofError::Request("htu"));
    }
    check_age(&claims, now)?;
    if let Some(token) = request.access_token {
        let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(token));
        if claims.get("ath").and_then(Value::as_str) != Some(hash.as_str()) {
            return Err(ProofError::Token);
        }
    }
    let jti = text(&claims, "jti")?;
    if jti.is_empty() {
        return Err(ProofError::Claim("jti"));
    }
    let key = jwk::thumbprint_text(&jwk.key);
    let id = canonical::hash("yufu/issuer/dpop-proof/v1", &(key.as_str(), request.url.as_str(), jti));
    let nonce = claims.get("nonce").and_then(Value::as_str).map(str::to_owned);
    Ok(Proof { key, nonce, id: URL_SAFE_NO_PAD.encode(id) })
}

fn check_age(claims: &Map<String, Value>, now: UnixSeconds) -> Result<(), ProofError> {
    let issued_at = claims.get("iat").and_then(Value::as_f64).ok_or(ProofError::Claim("iat"))?;
    #[expect(clippy::cast_precision_loss, reason = "a time in seconds is exact in a double")]
    let (age, window) = (now as f64 - issued_at, -(SKEW_SECONDS as f64)..=(MAX_AGE_SECONDS + SKEW_SECONDS) as f64);
    if window.contains(&age) { Ok(()) } else { Err(ProofError::NotFresh) }
}

fn text<'a>(claims: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, ProofError> {
    claims.get(name).and_then(Value::as_str).ok_or(ProofError::Claim(name))
}
