//! The key binding JWT: RFC 9901 section 4.3, and step 5 of section 7.3.

use serde_json::{Map, Value};

use super::disclosure::HashAlgorithm;
use super::error::SdJwtError;
use super::verify::{Policy, SdJwt, date};
use crate::UnixSeconds;
use crate::jose::Jwk;
use crate::jose::jws::{self, JwsHeader};
use crate::json;
use crate::keys::{PublicKey, SecretKey, SignError, Signer};

/// The type of a key binding JWT.
pub(super) const TYP: &str = "kb+jwt";

/// What a holder binds a presentation to.
#[derive(Clone, Copy, Debug)]
pub struct KeyBinding<'a> {
    /// `aud`: the verifier, as the protocol names it (OpenID4VP: the full `client_id`).
    pub aud: &'a str,
    /// `nonce`: the transaction, as the verifier named it.
    pub nonce: &'a str,
    /// `iat`: now.
    pub issued_at: UnixSeconds,
    /// More claims, such as `transaction_data_hashes`. Must not hold `iat`, `aud`, `nonce` or `sd_hash`: these win.
    pub extra: &'a Map<String, Value>,
}

/// What a verifier expects of the key binding JWT.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// `aud`: the verifier itself.
    pub aud: &'a str,
    /// `nonce`: of this transaction.
    pub nonce: &'a str,
    /// Seconds that `iat` may lie in the past.
    pub max_age_seconds: u32,
}

/// Whether key binding is required (section 9.5: decided by policy, not by what was presented).
#[derive(Clone, Copy, Debug)]
pub enum KeyBindingPolicy<'a> {
    /// There must be a key binding JWT, and it must be as expected.
    Required(Expected<'a>),
    /// There must be none: what an issuer hands to a holder (section 7.2).
    Forbidden,
    /// There may be one. Its form, signature and `sd_hash` are checked, and `aud` and `nonce` where they are named; its age
    /// is not, since nothing depends on it.
    NotRequired {
        /// `aud`, if known.
        aud: Option<&'a str>,
        /// `nonce`, if known.
        nonce: Option<&'a str>,
    },
}

/// Adds a key binding JWT to an SD-JWT with the disclosures to present. `key` is the one that `cnf` names.
pub fn bind(sd_jwt: &str, binding: &KeyBinding<'_>, key: &SecretKey) -> Result<String, SdJwtError> {
    let parsed = SdJwt::parse(sd_jwt)?;
    if parsed.has_key_binding() {
        return Err(SdJwtError::KeyBindingUnexpected);
    }
    if holder_key(parsed.unverified_claims())? != key.public_key() {
        return Err(SdJwtError::NoHolderKey);
    }
    let algorithm = HashAlgorithm::of_payload(parsed.unverified_claims())?;
    let jwt = jws::sign_compact(key, &header(), &claims(sd_jwt, algorithm, binding));
    Ok(format!("{sd_jwt}{jwt}"))
}

pub(super) fn append(
    sd_jwt: &str,
    algorithm: HashAlgorithm,
    binding: &KeyBinding<'_>,
    signer: &dyn Signer,
) -> Result<String, SignError> {
    let jwt = jws::sign_compact_with(signer, &header(), &claims(sd_jwt, algorithm, binding))?;
    Ok(format!("{sd_jwt}{jwt}"))
}

fn header() -> JwsHeader {
    JwsHeader::typ(TYP)
}

fn claims(sd_jwt: &str, algorithm: HashAlgorithm, binding: &KeyBinding<'_>) -> Vec<u8> {
    let mut claims = binding.extra.clone();
    claims.insert("iat".to_owned(), binding.issued_at.into());
    claims.insert("aud".to_owned(), binding.aud.into());
    claims.insert("nonce".to_owned(), binding.nonce.into());
    claims.insert("sd_hash".to_owned(), algorithm.digest(sd_jwt).into());
    serde_json::to_vec(&claims).expect("a JSON map is always JSON")
}

/// The holder's key in `cnf.jwk` (section 4.1.2, RFC 7800 section 3.2).
pub fn holder_key(claims: &Map<String, Value>) -> Result<PublicKey, SdJwtError> {
    let jwk = claims.get("cnf").and_then(|cnf| cnf.get("jwk")).ok_or(SdJwtError::NoHolderKey)?;
    Jwk::from_value(jwk).map(|jwk| jwk.key).map_err(SdJwtError::HolderKey)
}

/// Checks a key binding JWT against the processed claims and the text that it is bound to; gives its payload and the key.
pub(super) fn check(
    jwt: &str,
    bound_text: &str,
    algorithm: HashAlgorithm,
    claims: &Map<String, Value>,
    policy: &Policy<'_>,
) -> Result<(Map<String, Value>, PublicKey), SdJwtError> {
    let holder = holder_key(claims)?;
    let parsed = jws::Parsed::parse(jwt, &jws::Policy::KEY_BINDING).map_err(SdJwtError::KeyBindingJwt)?;
    let verified = parsed.verify(&holder).map_err(SdJwtError::KeyBindingJwt)?;
    let payload = json::parse_object(&verified.payload).map_err(SdJwtError::KeyBindingPayload)?;

    let issued_at = date(&payload, "iat").ok().flatten().ok_or(SdJwtError::KeyBindingClaim("iat"))?;
    let [aud, nonce, sd_hash] = ["aud", "nonce", "sd_hash"].map(|name| text(&payload, name));
    let (aud, nonce, sd_hash) = (aud?, nonce?, sd_hash?);
    let (expected_aud, expected_nonce, max_age) = match policy.key_binding {
        KeyBindingPolicy::Required(expected) => (Some(expected.aud), Some(expected.nonce), Some(expected.max_age_seconds)),
        KeyBindingPolicy::NotRequired { aud, nonce } => (aud, nonce, None),
        KeyBindingPolicy::Forbidden => return Err(SdJwtError::KeyBindingUnexpected),
    };
    if let Some(max_age) = max_age {
        check_period(&payload, issued_at, max_age, policy)?;
    }
    if expected_nonce.is_some_and(|expected| expected != nonce) {
        return Err(SdJwtError::KeyBindingNonce);
    }
    if expected_aud.is_some_and(|expected| expected != aud) {
        return Err(SdJwtError::KeyBindingAudience);
    }
    if sd_hash != algorithm.digest(bound_text) {
        return Err(SdJwtError::KeyBindingHash);
    }
    Ok((payload, holder))
}

fn text<'p>(payload: &'p Map<String, Value>, name: &'static str) -> Result<&'p str, SdJwtError> {
    payload.get(name).and_then(Value::as_str).ok_or(SdJwtError::KeyBindingClaim(name))
}

/// `iat` within the window; `exp` and `nbf`, which are allowed though unusual, as in any JWT (step 5.h).
fn check_period(
    payload: &Map<String, Value>,
    issued_at: f64,
    max_age_seconds: u32,
    policy: &Policy<'_>,
) -> Result<(), SdJwtError> {
    let (now, leeway) = (policy.now as f64, f64::from(policy.leeway_seconds));
    let optional = |name| date(payload, name).map_err(|_| SdJwtError::KeyBindingClaim(name));
    if issued_at > now + leeway || optional("nbf")?.is_some_and(|nbf| nbf > now + leeway) {
        return Err(SdJwtError::KeyBindingFromFuture);
    }
    if issued_at + f64::from(max_age_seconds) < now - leeway {
        return Err(SdJwtError::KeyBindingTooOld);
    }
    if optional("exp")?.is_some_and(|exp| now >= exp + leeway) {
        return Err(SdJwtError::KeyBindingExpired);
    }
    Ok(())
}
