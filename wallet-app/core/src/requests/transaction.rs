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

#[derive(Deserialize)]
struct Sent {
    #[serde(rename = "type")]
    kind: String,
    credential_ids: Vec<String>,
    transaction_data_hashes_alg: Option<Vec<String>>,
    text: Option<Localized>,
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

fn decode(one: &Value) -> Option<(&str, Sent)> {
    let encoded = one.as_str().filter(|text| text.len() <= MAX_BYTES)?;
    let decoded = URL_SAFE_NO_PAD.decode(encoded).ok()?;
    let sent = serde_json::from_value(json::parse_strict(&decoded).ok()?).ok()?;
    Some((encoded, sent))
}

fn check(encoded: &str, sent: Sent, query: &Query) -> Result<Transaction, RequestError> {
    let known = |id: &String| query.credential(id).is_some();
    if sent.credential_ids.is_empty() || !sent.credential_ids.iter().all(known) {
        return Err(RequestError::Claim("transaction_data"));
    }
    if sent.transaction_data_hashes_alg.as_ref().is_some_and(|algs| !algs.iter().any(|alg| alg == SHA_256)) {
        return Err(RequestError::Transaction("its hash is not SHA-256"));
    }
    let text = sent.text.filter(|_| sent.kind == CONFIRMATION);
    let text = text.ok_or(RequestError::Transaction("its kind is not one that this wallet can put into words"))?;
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
