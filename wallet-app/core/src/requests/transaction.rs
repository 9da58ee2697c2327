//! What a request asks the citizen to agree to beside showing data: `transaction_data` (OpenID4VP 1.0 sections 5.1 and 8.4, appendix
//! B.3.3). What this wallet cannot put into words it refuses.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identity::dcql::Query;
use identity::{Localized, json};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use wire::oid4vp::CONFIRMATION;

use super::RequestError;
use crate::labels;

/// Most transactions in one request.
const MAX_TRANSACTIONS: usize = 8;
/// Bytes of one, encoded.
const MAX_BYTES: usize = 4096;
/// Characters of its text that are shown; a longer one is refused, so that everything that is agreed to is seen.
const MAX_CHARACTERS: usize = 400;
/// The only hash that is taken.
const SHA_256: &str = "sha-256";

/// Something to agree to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transaction {
    /// SHA-256 of the text as it was sent, base64url.
    pub(crate) hash: String,
    /// The ids of the Credential Queries of which one signs it.
    pub(crate) credential_ids: Vec<String>,
    /// What is agreed to.
    pub(crate) text: Localized,
    /// Whether the request named hash algorithms, so that the answer names one.
    pub(crate) names_hash: bool,
}

/// A [`CONFIRMATION`] as it is sent. What is in it beside this would be signed and never shown: section 8.5 has it refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    #[serde(rename = "type")]
    _kind: String,
    credential_ids: Vec<String>,
    transaction_data_hashes_alg: Option<Vec<String>>,
    text: Localized,
}

/// The claims of a key binding JWT that sign these transactions.
pub(crate) fn sign(transactions: &[&Transaction], claims: &mut Map<String, Value>) {
    if transactions.is_empty() {
        return;
    }
    let hashes: Vec<&str> = transactions.iter().map(|transaction| transaction.hash.as_str()).collect();
    claims.insert("transaction_data_hashes".to_owned(), hashes.into());
    if transactions.iter().any(|transaction| transaction.names_hash) {
        claims.insert("transaction_data_hashes_alg".to_owned(), SHA_256.into());
    }
}

pub(super) fn read(claims: &Map<String, Value>, query: &Query) -> Result<Vec<Transaction>, RequestError> {
    let refused = || RequestError::Claim("transaction_data");
    let Some(sent) = claims.get("transaction_data") else { return Ok(Vec::new()) };
    let sent = sent.as_array().filter(|list| !list.is_empty() && list.len() <= MAX_TRANSACTIONS).ok_or_else(refused)?;
    sent.iter().map(|one| decode(one).ok_or_else(refused).and_then(|(encoded, sent)| check(encoded, sent, query))).collect()
}

fn decode(one: &Value) -> Option<(&str, Value)> {
    let encoded = one.as_str().filter(|text| text.len() <= MAX_BYTES)?;
    let decoded = URL_SAFE_NO_PAD.decode(encoded).ok()?;
    Some((encoded, json::parse_strict(&decoded).ok().filter(Value::is_object)?))
}

fn check(encoded: &str, sent: Value, query: &Query) -> Result<Transaction, RequestError> {
    if sent.get("type").and_then(Value::as_str) != Some(CONFIRMATION) {
        return Err(RequestError::Transaction("its kind is not one that this wallet can put into words"));
    }
    let not_of_its_kind =
        |_| RequestError::Transaction("it is not as its kind must be, or has something in it that is not shown");
    let sent: Sent = serde_json::from_value(sent).map_err(not_of_its_kind)?;
    let named: Option<Vec<_>> = sent.credential_ids.iter().map(|id| query.credential(id)).collect();
    let named = named.filter(|named| !named.is_empty()).ok_or(RequestError::Claim("transaction_data"))?;
    // Appendix B.3.3: without the holder's key nobody signs it.
    if !named.iter().all(|credential| credential.require_cryptographic_holder_binding) {
        return Err(RequestError::Transaction("a credential without the holder's key would have to sign it"));
    }
    if sent.transaction_data_hashes_alg.as_ref().is_some_and(|algs| !algs.iter().any(|alg| alg == SHA_256)) {
        return Err(RequestError::Transaction("its hash is not SHA-256"));
    }
    let text = sent.text;
    let shown = |text: &str| labels::printable(text, MAX_CHARACTERS);
    let (zh, en) = (shown(&text.zh), shown(&text.en));
    if zh != text.zh || en != text.en || zh.is_empty() || en.is_empty() {
        return Err(RequestError::Transaction("its text is too long or cannot be shown as it is"));
    }
    Ok(Transaction {
        hash: URL_SAFE_NO_PAD.encode(Sha256::digest(encoded.as_bytes())),
        credential_ids: sent.credential_ids,
        text: Localized::new(zh, en),
        names_hash: sent.transaction_data_hashes_alg.is_some(),
    })
}
