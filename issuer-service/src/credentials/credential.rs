//! `POST /credential`: the credential endpoint (section 8).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identity::jose::jwk;
use identity::json;
use ledger::records::RecordId;
use ledger::transaction::{Body, NewAttestation};
use serde_json::{Map, Value};
use service_kit::ApiError;
use service_kit::address::ClientAddress;
use service_kit::extract::TextBody;
use service_kit::session::Token;
use sha2::{Digest, Sha256};
use wire::oid4vci::{CredentialResponse, IssuedCredential};

use super::BATCH_SIZE;
use super::issue::{self, Copy, Dataset};
use super::proof::{self, Proof, ProofError};
use super::store::{self, Inserted, Issuance, NewCopy, Progress};
use crate::anchoring::outbox::{self, Purpose};
use crate::app::Issuer;
use crate::attestations::rules::is_entitled;
use crate::config::AttestationConfig;
use crate::dpop;
use crate::failure::Failure;
use crate::offers::{OAuthFailure, Scheme, store as offers};
use crate::renewals::store::Grant;
use crate::renewals::{self, RenewalError};
use crate::secrets::{DATASET, KEY_NONCE, RESPONSE};
use crate::status;

/// How often the database is looked at while waiting, in case another process delivers.
const LOOK: Duration = Duration::from_millis(500);
/// When a wallet is told to try again.
const RETRY_SECONDS: u64 = 2;
/// The largest request.
const REQUEST: json::Limits = json::Limits { bytes: 256 * 1024, depth: 8, names: 64 };

#[tracing::instrument(name = "credentials.issue", skip_all)]
pub(super) async fn credential(
    State(app): State<Arc<Issuer>>,
    client: ClientAddress,
    headers: HeaderMap,
    TextBody(body): TextBody,
) -> Result<Response, OAuthFailure> {
    app.limit(&app.rates.issuance, client)?;
    let offer = authorize(&app, &headers).await?;
    let (attestation, jwts) = read_request(&app, &offer, &body)?;
    let proofs = check_proofs(&app, &jwts)?;
    let keys_hash = hash_of_keys(&proofs);
    let issuance = match store::by_keys(app.database.pool(), &offer, &keys_hash).await? {
        Some(issuance) => issuance,
        None => begin(&app, &offer, attestation, &proofs, &keys_hash).await?,
    };
    if issuance.proofs_hash != keys_hash {
        return Err(used_for_others(&offer));
    }
    respond(&app, issuance).await
}

/// An access token is good for one set of keys. Who has a grant gets another one for more (OpenID4VCI section 13.2).
fn used_for_others(offer: &offers::Offer) -> OAuthFailure {
    if offer.grant.is_some() {
        let description = "the access token was used for other keys; get a new one with the refresh token";
        return OAuthFailure::of_resource(scheme(offer), StatusCode::UNAUTHORIZED, "invalid_token", description);
    }
    OAuthFailure::bad("credential_request_denied", "the offer was used for other keys")
}

/// How the access token of an offer is presented.
fn scheme(offer: &offers::Offer) -> Scheme {
    if offer.dpop_key.is_some() { Scheme::Dpop } else { Scheme::Bearer }
}

/// The offer behind the access token (RFC 6750; RFC 9449 section 7). A token that is bound to a key is worth nothing without a proof of
/// that key, and no other one becomes bound by a proof.
async fn authorize(app: &Issuer, headers: &HeaderMap) -> Result<offers::Offer, OAuthFailure> {
    let refused = |scheme, description| OAuthFailure::of_resource(scheme, StatusCode::UNAUTHORIZED, "invalid_token", description);
    let missing = |scheme| refused(scheme, "the access token is missing or has ended");
    let (scheme, token, key) = match Token::of_scheme(headers, "DPoP") {
        None => (Scheme::Bearer, Token::bearer(headers).ok_or_else(|| missing(Scheme::Bearer))?, None),
        Some(token) => {
            let key = dpop::check(app, headers, "/credential", Some(token.secret())).await;
            let key = key.map_err(OAuthFailure::of_proof_at_resource)?;
            let none = || {
                let description = "the token goes with a DPoP proof";
                OAuthFailure::of_resource(Scheme::Dpop, StatusCode::UNAUTHORIZED, "invalid_dpop_proof", description)
            };
            (Scheme::Dpop, token, Some(key.ok_or_else(none)?))
        }
    };
    let offer = offers::by_token(app.database.pool(), &token.hash(), app.now()).await?.ok_or_else(|| missing(scheme))?;
    if offer.dpop_key != key {
        return Err(refused(Scheme::Dpop, "the access token is bound to a key that the request does not prove"));
    }
    Ok(offer)
}

/// Reads the request (section 8.2) and finds what it asks for. Members that are not known are ignored.
fn read_request<'a>(
    app: &'a Issuer,
    offer: &offers::Offer,
    body: &str,
) -> Result<(&'a AttestationConfig, Vec<String>), OAuthFailure> {
    let malformed = |description: &'static str| OAuthFailure::bad("invalid_credential_request", description);
    let Ok(Value::Object(request)) = json::parse_within(body.as_bytes(), &REQUEST) else {
        return Err(malformed("the body is not a JSON object"));
    };
    if request.contains_key("credential_response_encryption") {
        return Err(OAuthFailure::bad("invalid_encryption_parameters", "encrypted responses are not supported"));
    }
    if request.contains_key("credential_identifier") {
        return Err(OAuthFailure::bad("unknown_credential_identifier", "credential identifiers are not used here"));
    }
    let id = request.get("credential_configuration_id").and_then(Value::as_str);
    let id = id.ok_or_else(|| malformed("credential_configuration_id is missing"))?;
    let attestation = app
        .config
        .configuration(id)
        .ok_or_else(|| OAuthFailure::bad("unknown_credential_configuration", "there is no such configuration"))?;
    if attestation.attestation_type != offer.attestation_type {
        let description = "the access token is for another credential configuration";
        return Err(OAuthFailure::of_resource(scheme(offer), StatusCode::FORBIDDEN, "insufficient_scope", description));
    }
    Ok((attestation, read_proofs(&request)?))
}

fn read_proofs(request: &Map<String, Value>) -> Result<Vec<String>, OAuthFailure> {
    let invalid = |description: &'static str| OAuthFailure::bad("invalid_proof", description);
    let proofs = request.get("proofs").and_then(Value::as_object).ok_or_else(|| invalid("proofs are missing"))?;
    if proofs.len() != 1 {
        return Err(invalid("proofs must have exactly one proof type"));
    }
    let jwts = proofs.get("jwt").and_then(Value::as_array).ok_or_else(|| invalid("only proofs of type jwt are supported"))?;
    if jwts.is_empty() || jwts.len() > BATCH_SIZE {
        return Err(invalid("there must be 1 to 10 proofs"));
    }
    let texts: Option<Vec<String>> = jwts.iter().map(|jwt| jwt.as_str().map(str::to_owned)).collect();
    texts.ok_or_else(|| invalid("a proof is not a text"))
}

/// Verifies the proofs (appendix F.4). Their nonces must be ours; whether they are fresh is decided where they are used.
fn check_proofs(app: &Issuer, jwts: &[String]) -> Result<Vec<Proof>, OAuthFailure> {
    let now = app.now();
    let invalid = |error: ProofError| OAuthFailure::bad("invalid_proof", service_kit::problem::chain(&error));
    let proofs: Vec<Proof> =
        jwts.iter().map(|jwt| proof::check(jwt, &app.config.public_url, now)).collect::<Result<_, _>>().map_err(invalid)?;
    let keys: BTreeSet<_> = proofs.iter().map(|proof| proof.key).collect();
    if keys.len() != proofs.len() {
        return Err(OAuthFailure::bad("invalid_proof", "two proofs are for the same key"));
    }
    if proofs.iter().any(|proof| app.secrets.nonce_expiry(KEY_NONCE, &proof.nonce).is_none()) {
        return Err(wrong_nonce());
    }
    Ok(proofs)
}

fn wrong_nonce() -> OAuthFailure {
    OAuthFailure::bad("invalid_nonce", "a nonce was used, has ended or is not of this issuer; get a new one")
}

/// What makes two requests the same: the keys, in their order. A wallet that lost the answer proves them again with a new nonce.
fn hash_of_keys(proofs: &[Proof]) -> String {
    let hash = proofs.iter().fold(Sha256::new(), |hash, proof| hash.chain_update(jwk::thumbprint(&proof.key)));
    URL_SAFE_NO_PAD.encode(hash.finalize())
}

/// Makes the copies, stores them with the transaction that records them, and rings the outbox.
async fn begin(
    app: &Issuer,
    offer: &offers::Offer,
    attestation: &AttestationConfig,
    proofs: &[Proof],
    keys_hash: &str,
) -> Result<Issuance, OAuthFailure> {
    let now = app.now();
    if proofs.iter().any(|proof| app.secrets.nonce_expiry(KEY_NONCE, &proof.nonce).is_none_or(|expiry| now >= expiry)) {
        return Err(wrong_nonce());
    }
    let mut transaction = app.database.begin().await?;
    let allowed_now = allowed(app, &mut transaction, offer, proofs.len(), keys_hash).await?;
    transaction.rollback().await?;
    let grant = match allowed_now {
        Allowed::Issued(issuance) => return Ok(*issuance),
        Allowed::Issue(grant) => grant,
    };
    let claims = attested(app, offer).await?;
    // What the ledger would refuse is not signed, and the offer stays for when it would not.
    let authority = app.ledger.authority().await.map_err(Failure::from)?;
    is_entitled(authority.as_ref(), &attestation.attestation_type)
        .map_err(|error| OAuthFailure::bad("credential_request_denied", error.to_string()))?;
    let made = make_copies(app, attestation, (&claims, grant.as_ref()), proofs).await?;
    let body = Body::RecordAttestations(made.records.clone());
    let transaction_to_send = app.ledger.prepare(body).await.map_err(Failure::from)?;
    let id = app.environment.random.token();
    let response = serde_json::to_vec(&made.response).map_err(|e| Failure::Api(ApiError::internal(e)))?;
    let response_sealed = app.secrets.seal(RESPONSE, &id, &response).map_err(Failure::from)?;

    let mut transaction = app.database.begin().await?;
    let copies = made.copies.len();
    // Again, and alone with the grant until the end: another request, or a clerk, may have been faster.
    if let Allowed::Issued(issuance) = allowed(app, &mut transaction, offer, copies, keys_hash).await? {
        return Ok(*issuance);
    }
    let new = store::NewIssuance {
        id: &id,
        offer,
        proofs_hash: keys_hash,
        response_sealed: &response_sealed,
        copies: &made.copies,
        now,
        valid_until: made.valid_until,
    };
    match store::insert(&mut transaction, &new).await? {
        Inserted::Stored => {
            use_nonces(app, &mut transaction, proofs, now).await?;
            let entry = app.environment.random.token();
            outbox::insert(&mut transaction, &entry, Purpose::Recording, &id, &transaction_to_send, now).await?;
            transaction.commit().await?;
            metrics::counter!("issuer_credentials_total").increment(u64::try_from(copies).unwrap_or(0));
            tracing::info!(issuance = id, copies, "an issuance is being recorded");
            app.bell.ring();
        }
        // The same wallet asked twice at the same time; the other request has stored its copies.
        Inserted::There => drop(transaction),
        Inserted::KeyUsed => {
            return Err(OAuthFailure::bad("invalid_proof", "a key has a copy already; every copy needs a new key"));
        }
    }
    let issuance = store::by_keys(app.database.pool(), offer, keys_hash).await?;
    issuance.ok_or_else(|| OAuthFailure::later("the issuance is being stored", RETRY_SECONDS))
}

/// What may be done for an access token.
enum Allowed {
    /// Issue, under a grant if there is one.
    Issue(Option<Grant>),
    /// Nothing is to be done: it was issued a moment ago.
    Issued(Box<Issuance>),
}

/// Takes the grant of the offer, if it has one, and decides whether so many copies may be issued under it.
async fn allowed(
    app: &Issuer,
    transaction: &mut sqlx::Transaction<'_, sqlx::Any>,
    offer: &offers::Offer,
    copies: usize,
    keys_hash: &str,
) -> Result<Allowed, OAuthFailure> {
    let Some(id) = offer.grant.as_deref() else { return Ok(Allowed::Issue(None)) };
    let now = app.now();
    let grant = renewals::store::take_by_offer(transaction, id, now).await?;
    let grant = grant.ok_or_else(|| renewals::denied(RenewalError::Ended))?;
    if let Some(issuance) = store::by_keys(&mut **transaction, offer, keys_hash).await? {
        return Ok(Allowed::Issued(Box::new(issuance)));
    }
    let usage = renewals::store::usage(transaction, id, now).await?;
    let copies = i64::try_from(copies).unwrap_or(i64::MAX);
    renewals::may_issue(&grant, &usage, copies, now).map_err(renewals::denied)?;
    Ok(Allowed::Issue(Some(grant)))
}

/// The claims to issue: those of the offer, or of the one that it renews.
async fn attested(app: &Issuer, offer: &offers::Offer) -> Result<BTreeMap<String, String>, OAuthFailure> {
    let id = offer.grant.as_ref().unwrap_or(&offer.id);
    let first = offers::load(app.database.pool(), id).await?.filter(|first| !first.dataset_sealed.is_empty());
    let first = first.ok_or_else(|| OAuthFailure::bad("credential_request_denied", "the offer has ended"))?;
    let claims = app.secrets.open(DATASET, &first.id, &first.dataset_sealed).map_err(Failure::from)?;
    Ok(serde_json::from_slice(&claims).map_err(|e| Failure::Api(ApiError::internal(e)))?)
}

async fn use_nonces(
    app: &Issuer,
    transaction: &mut sqlx::Transaction<'_, sqlx::Any>,
    proofs: &[Proof],
    now: i64,
) -> Result<(), OAuthFailure> {
    for nonce in proofs.iter().map(|proof| &proof.nonce).collect::<BTreeSet<_>>() {
        let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(nonce.as_bytes()));
        let expiry = app.secrets.nonce_expiry(KEY_NONCE, nonce).unwrap_or(now);
        if !store::use_nonce(&mut **transaction, &hash, expiry).await? {
            return Err(wrong_nonce());
        }
    }
    Ok(())
}

struct Made {
    response: CredentialResponse,
    records: Vec<NewAttestation>,
    copies: Vec<NewCopy>,
    valid_until: i64,
}

/// A copy for every proof. Copies of a renewal are good as long as the first ones and not longer.
async fn make_copies(
    app: &Issuer,
    attestation: &AttestationConfig,
    (claims, grant): (&BTreeMap<String, String>, Option<&Grant>),
    proofs: &[Proof],
) -> Result<Made, Failure> {
    let (valid_from, valid_until) = issue::validity(app.now(), attestation.validity_days);
    let valid_until = grant.map_or(valid_until, |grant| grant.valid_until);
    let dataset = Dataset {
        issuer: &app.config.public_url,
        authority: app.config.authority.id,
        genesis: app.ledger.genesis(),
        vct: &attestation.attestation_type,
        claims,
        valid_from,
        valid_until,
    };
    let entries = status::allocate(app, proofs.len()).await?;
    let mut made = Made { response: CredentialResponse::default(), records: Vec::new(), copies: Vec::new(), valid_until };
    for (proof, entry) in proofs.iter().zip(entries) {
        let copy = Copy {
            key: proof.key,
            record: RecordId(app.environment.entropy()),
            // A wallet that knows no locks gets one that nobody can break.
            lock: proof.lock.unwrap_or_else(|| app.environment.entropy()),
            status: status::reference(app, &entry),
            commitment_entropy: app.environment.entropy(),
            salt_entropy: app.environment.entropy(),
        };
        let (credential, record) = issue::issue(&dataset, &copy, &app.keys).map_err(ApiError::internal)?;
        made.copies.push(NewCopy {
            record: URL_SAFE_NO_PAD.encode(record.id.0),
            list: entry.list,
            index: entry.index,
            holder_key: grant.map(|_| jwk::thumbprint_text(&copy.key)),
        });
        made.response.credentials.push(IssuedCredential { credential });
        made.records.push(record);
    }
    Ok(made)
}

/// Answers when the records are final; before that nothing leaves.
async fn respond(app: &Issuer, mut issuance: Issuance) -> Result<Response, OAuthFailure> {
    let mut settled = app.bell.settled();
    let deadline = tokio::time::Instant::now() + app.patience;
    loop {
        match issuance.progress {
            Progress::Recorded => break,
            Progress::Denied => {
                return Err(OAuthFailure::bad("credential_request_denied", "the ledger refused the attestation"));
            }
            Progress::Recording if tokio::time::Instant::now() >= deadline => {
                let description =
                    "the ledger has not confirmed the attestation yet; nothing is lost, ask again with the same keys";
                return Err(OAuthFailure::later(description, RETRY_SECONDS));
            }
            Progress::Recording => {
                tokio::select! {
                    _ = settled.changed() => {}
                    () = tokio::time::sleep(LOOK) => {}
                }
            }
        }
        let id = issuance.id;
        let loaded = store::load(app.database.pool(), &id).await?;
        issuance = loaded.ok_or_else(|| OAuthFailure::later("the issuance is being stored", RETRY_SECONDS))?;
    }
    if issuance.status == "revoked" {
        return Err(OAuthFailure::bad("credential_request_denied", "the credential was revoked"));
    }
    if issuance.response_sealed.is_empty() {
        return Err(OAuthFailure::bad("credential_request_denied", "the offer has ended"));
    }
    let response = app.secrets.open(RESPONSE, &issuance.id, &issuance.response_sealed).map_err(Failure::from)?;
    let response: CredentialResponse = serde_json::from_slice(&response).map_err(|e| Failure::Api(ApiError::internal(e)))?;
    Ok(Json(response).into_response())
}
