//! Tokens that only the holder of a key can use: DPoP (RFC 9449), as HAIP 1.0 section 4 asks of issuers.
//!
//! Every proof has a nonce of this service (sections 8 and 9), is young, and is used once, whichever process of the service it reaches: used
//! ones are in the database. A wallet without DPoP sends no proof and has Bearer tokens.

pub mod proof;

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use identity::jose::jws::JwsAlg;
use url::Url;

use self::proof::{ProofError, REMEMBERED_SECONDS, Request};
use crate::app::Issuer;
use crate::credentials::{NONCE_SECONDS, store};
use crate::secrets::DPOP_NONCE;

/// The header of a proof.
const HEADER: &str = "dpop";
/// The header of a nonce.
pub const NONCE_HEADER: &str = "dpop-nonce";

/// The algorithms of proofs, as metadata and challenges name them.
pub fn algorithms() -> Vec<&'static str> {
    JwsAlg::ALL.iter().map(|alg| alg.name()).collect()
}

/// Why a request's proof does not count.
#[derive(Debug, thiserror::Error)]
pub enum DpopError {
    /// `invalid_dpop_proof`.
    #[error("the DPoP proof is not accepted")]
    Invalid(#[from] ProofError),
    /// `use_dpop_nonce`: the proof has no nonce of ours, or an old one. The answer brings a new one.
    #[error("the DPoP proof needs the nonce in the DPoP-Nonce header of this answer")]
    UseNonce,
    /// The database failed.
    #[error("the use of a DPoP proof could not be noted")]
    Database(#[from] sqlx::Error),
}

/// The thumbprint of the key that a POST request to `path` proves (section 4.3); `None` when it has no proof.
///
/// # Errors
/// [`DpopError`].
pub async fn check(
    app: &Issuer,
    headers: &HeaderMap,
    path: &str,
    access_token: Option<&str>,
) -> Result<Option<String>, DpopError> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(ProofError::Several.into());
    }
    let jwt = value.to_str().map_err(|_| ProofError::Several)?;
    let url: Url = app.url(path).parse().map_err(|_| ProofError::Request("htu"))?;
    let now = app.now();
    let proof = proof::check(jwt, &Request { method: "POST", url: &url, access_token }, now)?;
    let expiry = proof.nonce.as_deref().and_then(|nonce| app.secrets.nonce_expiry(DPOP_NONCE, nonce));
    if expiry.is_none_or(|expiry| now >= expiry) {
        return Err(DpopError::UseNonce);
    }
    if !store::use_nonce(app.database.pool(), &proof.id, now.saturating_add(REMEMBERED_SECONDS)).await? {
        return Err(ProofError::Used.into());
    }
    Ok(Some(proof.key))
}

/// Gives every answer of an endpoint a nonce for the next proof (section 8.2; OpenID4VCI 1.0 section 7.2).
pub async fn give_nonce(State(app): State<Arc<Issuer>>, mut response: Response) -> Response {
    let nonce = app.secrets.nonce(DPOP_NONCE, app.environment.random.bytes(), app.now() + NONCE_SECONDS);
    let value = HeaderValue::try_from(nonce).expect("base64url is visible ASCII");
    response.headers_mut().insert(NONCE_HEADER, value);
    response
}
