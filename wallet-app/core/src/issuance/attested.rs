//! What a wallet provider's word must be before an issuer sees it (OpenID4VCI appendices D and E, HAIP 1.0 sections 4.4.1 and 4.5.1): the
//! issuer would refuse it, or worse, take it for another wallet's. The provider's certificate is the issuer's to trust; the wallet
//! looks whether it is there, in force, and the one that signed.

use identity::UnixSeconds;
use identity::jose::Jwk;
use identity::jose::jws::{JwsAlg, Parsed, Policy, Presence, Typ};
use identity::keys::PublicKey;
use serde_json::{Map, Value};

use super::{IssuanceError, KeyRequirements, ProviderError, WalletAttestation};

const MAX_ATTESTATION_BYTES: usize = 64 * 1024;
const WALLET: Policy = policy(&["oauth-client-attestation+jwt"]);
const KEYS: Policy = policy(&["key-attestation+jwt"]);

const fn policy(typ: &'static [&'static str]) -> Policy {
    let (jwk, x5c, max_bytes) = (Presence::Refused, Presence::Required, MAX_ATTESTATION_BYTES);
    Policy { typ: Typ::OneOf(typ), algs: &[JwsAlg::Es256], jwk, x5c, max_bytes }
}

/// Checks the word for this wallet: for this key and no other, in the provider's name, not over.
pub(super) fn check_wallet(attested: &WalletAttestation, key: &PublicKey, now: UnixSeconds) -> Result<(), ProviderError> {
    let claims = read(&attested.jwt, &WALLET, now)?;
    if claims.get("sub").and_then(Value::as_str) != Some(attested.client_id.as_str()) {
        return Err(refused("the attestation is for another client"));
    }
    let confirmed = claims.get("cnf").and_then(|cnf| Jwk::from_value(cnf.get("jwk")?).ok());
    if confirmed.is_none_or(|jwk| jwk.key != *key) {
        return Err(refused("the attestation is for another key"));
    }
    let is_in_force = claims.get("exp").and_then(Value::as_i64).is_some_and(|exp| exp > now);
    if is_in_force { Ok(()) } else { Err(refused("the attestation is over, or never ends")) }
}

/// Checks the word for keys: for all of these and no others, with the issuer's nonce, not over, and as strong as the issuer asks.
pub(super) fn check_keys(
    attestation: &str,
    keys: &[PublicKey],
    nonce: Option<&str>,
    required: &KeyRequirements,
    now: UnixSeconds,
) -> Result<(), IssuanceError> {
    let claims = read(attestation, &KEYS, now).map_err(IssuanceError::Provider)?;
    let refused = |why| Err(IssuanceError::Provider(refused(why)));
    let attested = claims.get("attested_keys").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let attested: Vec<PublicKey> = attested.iter().filter_map(|jwk| Jwk::from_value(jwk).ok()).map(|jwk| jwk.key).collect();
    if attested.len() != keys.len() || !keys.iter().all(|key| attested.contains(key)) {
        return refused("the attestation is for other keys");
    }
    if claims.get("nonce").and_then(Value::as_str) != nonce {
        return refused("the attestation has another nonce");
    }
    // Appendix D.1: demanded with the proof type `jwt`; a word without end is given to nobody.
    if claims.get("exp").and_then(Value::as_i64).is_none_or(|exp| exp <= now) {
        return refused("the attestation of keys is over, or never ends");
    }
    let says = |name: &str, accepted: &[String]| {
        let said = claims.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        accepted.is_empty() || said.iter().filter_map(Value::as_str).any(|one| accepted.iter().any(|taken| taken == one))
    };
    if says("key_storage", &required.key_storage) && says("user_authentication", &required.user_authentication) {
        Ok(())
    } else {
        Err(IssuanceError::KeyAttestation)
    }
}

/// The claims, signed with the key of the certificate that is in the header.
fn read(token: &str, policy: &Policy, now: UnixSeconds) -> Result<Map<String, Value>, ProviderError> {
    let parsed =
        Parsed::parse(token, policy).map_err(|error| refused(&format!("no attestation with its certificate: {error}")))?;
    let leaf = parsed.header().x5c.as_ref().and_then(|chain| chain.unverified_leaf().ok());
    let leaf = leaf.ok_or_else(|| refused("the attestation has no certificate"))?;
    if now < leaf.not_before || leaf.not_after <= now {
        return Err(refused("the provider's certificate is not in force"));
    }
    let verified = parsed.verify(&leaf.public_key).map_err(|_| refused("its certificate did not sign the attestation"))?;
    verified.claims().map_err(|_| refused("the attestation says nothing"))
}

fn refused(why: &str) -> ProviderError {
    ProviderError(why.to_owned())
}
