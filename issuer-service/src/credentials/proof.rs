//! Key proofs: JWT proof type (appendix F.1), verified by appendix F.4.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identity::jose::jws::{self, JwsError, Parsed};
use identity::{PublicKey, UnixSeconds};
use serde_json::{Map, Value};

/// `alg` values of proofs. RFC 9864 names Ed25519 anew; wallets write either.
pub const PROOF_ALGORITHMS: [&str; 3] = ["ES256", "EdDSA", "Ed25519"];
/// The claim with which Yufu's wallet chooses the hash lock of the attestation record.
const LOCK_CLAIM: &str = "yufu_lock";
/// How old a proof may be, and by how much clocks may differ. The nonce is the measure of freshness; this only refuses nonsense.
const MAX_AGE_SECONDS: i64 = 10 * 60;
const SKEW_SECONDS: i64 = 60;

/// A proof that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The key that the credential is to be bound to.
    pub key: PublicKey,
    /// The nonce; whether it is one of ours is not checked here.
    pub nonce: String,
    /// The lock that the wallet chose.
    pub lock: Option<[u8; 32]>,
}

/// Why a proof is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Not a JWS of type `openid4vci-proof+jwt` with a public key in `jwk`, or it does not verify.
    #[error("the proof is not accepted")]
    Jws(#[from] JwsError),
    /// A claim is missing or of another type.
    #[error("the claim {0} of the proof is missing or malformed")]
    Claim(&'static str),
    /// `aud` is somebody else.
    #[error("the proof is made for another issuer")]
    Audience,
    /// `iat` is not around now.
    #[error("the proof is too old or from the future")]
    NotFresh,
}

/// Checks a proof for the credential issuer `issuer`.
pub fn check(jwt: &str, issuer: &str, now: UnixSeconds) -> Result<Proof, ProofError> {
    let (verified, jwk) = Parsed::parse(jwt, &jws::Policy::KEY_PROOF)?.verify_with_embedded_key()?;
    let claims = verified.claims()?;
    if text(&claims, "aud")? != issuer {
        return Err(ProofError::Audience);
    }
    let issued_at = claims.get("iat").and_then(Value::as_f64).ok_or(ProofError::Claim("iat"))?;
    // Seconds since 1970 are far below 2⁵³.
    #[expect(clippy::cast_precision_loss, reason = "a time in seconds is exact in a double")]
    let age = now as f64 - issued_at;
    #[expect(clippy::cast_precision_loss, reason = "small constants")]
    let window = -(SKEW_SECONDS as f64)..=(MAX_AGE_SECONDS + SKEW_SECONDS) as f64;
    if !window.contains(&age) {
        return Err(ProofError::NotFresh);
    }
    let lock = match claims.get(LOCK_CLAIM) {
        None => None,
        Some(lock) => Some(read_lock(lock).ok_or(ProofError::Claim(LOCK_CLAIM))?),
    };
    Ok(Proof { key: jwk.key, nonce: text(&claims, "nonce")?.to_owned(), lock })
}

fn text<'a>(claims: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, ProofError> {
    claims.get(name).and_then(Value::as_str).ok_or(ProofError::Claim(name))
}

fn read_lock(lock: &Value) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(lock.as_str()?).ok()?.try_into().ok()
}
