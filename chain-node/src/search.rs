//! What an id names: blocks, transactions, records, authorities, parties and identities.
//!
//! Only by id. There is no search by person, name or value, and no listing of identities: whoever has no id finds nobody.

use crate::{engine::types::Environment, node::Node};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
use identity::{canonical, did::Did};
use ledger::{
    Hash,
    cell::{StateKey, Subject},
    evidence::EvidenceId,
    limits::MAX_TEXT_BYTES,
    records::{Name32, PartyId, RecordId},
    transaction::TransactionId,
};
use wire::chain::{Found, FoundKind};

/// Bytes of a query at most: an id is never longer than a text on the ledger.
pub const MAX_QUERY_BYTES: usize = MAX_TEXT_BYTES;

/// Everything that `query` names in the finalized ledger, in a fixed order; empty if nothing.
pub async fn search<E: Environment>(node: &Node<E>, query: &str) -> Vec<Found> {
    let query = query.trim();
    let mut found = Vec::new();
    if query.is_empty() || query.len() > MAX_QUERY_BYTES {
        return found;
    }
    if let Ok(height) = query.parse::<u64>() {
        found.extend(block(node, height).await);
    }
    if let Ok(did) = query.parse::<Did>() {
        if did.network == node.genesis.network {
            found.extend(record(node, FoundKind::Identity, &Subject::Identity(did.id), query).await);
        }
        return found;
    }
    if let Some(hash) = hash(query) {
        found.extend(by_hash(node, hash).await);
    }
    if let Ok(name) = query.parse::<Name32>() {
        found.extend(record(node, FoundKind::Authority, &Subject::Authority(name), query).await);
        found.extend(record(node, FoundKind::Party, &Subject::Party(name), query).await);
    }
    if query.contains(':') {
        found.extend(by_client(node, query).await);
    }
    found
}

/// 32 bytes in base64url or hexadecimal.
fn hash(text: &str) -> Option<Hash> {
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).or_else(|_| HEXLOWER_PERMISSIVE.decode(text.as_bytes()));
    let short = bytes.ok().and_then(|bytes| bytes.try_into().ok());
    // 64 hexadecimal digits are also base64url, of 48 bytes.
    short.or_else(|| HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?.try_into().ok())
}

async fn by_hash<E: Environment>(node: &Node<E>, hash: Hash) -> Vec<Found> {
    let mut found = Vec::new();
    if let Some(block_found) = node.reads.block_with_digest(&hash).await {
        found.extend(block(node, block_found.inner().header().height).await);
    }
    let (id, text) = (RecordId(hash), BASE64URL_NOPAD.encode(&hash));
    let subjects = [
        (FoundKind::Transaction, Subject::Transaction(TransactionId(hash))),
        (FoundKind::Anchor, Subject::Anchor(id)),
        (FoundKind::Attestation, Subject::Attestation(id)),
        (FoundKind::Receipt, Subject::Receipt(id)),
        (FoundKind::Batch, Subject::Batch(id)),
        (FoundKind::Proposal, Subject::Proposal(TransactionId(hash))),
        (FoundKind::Evidence, Subject::Evidence(EvidenceId(hash))),
    ];
    for (kind, subject) in subjects {
        found.extend(record(node, kind, &subject, &text).await);
    }
    found.extend(under_key(node, FoundKind::Record, hash, &text).await);
    found
}

/// A client identifier names the party that has it.
async fn by_client<E: Environment>(node: &Node<E>, client: &str) -> Option<Found> {
    let cell = node.cell(&Subject::Client(client.to_owned())).await?;
    let party: PartyId = canonical::decode(&node.body(&cell).await, MAX_TEXT_BYTES).expect("a client's cell names its party");
    record(node, FoundKind::Party, &Subject::Party(party), party.as_str()).await
}

async fn block<E: Environment>(node: &Node<E>, height: u64) -> Option<Found> {
    let known = height <= node.head.tip().borrow().height && node.reads.block(height).await.is_some();
    known.then(|| Found {
        kind: FoundKind::Block,
        id: height.to_string(),
        key: None,
        height,
        path: format!("/v1/blocks/{height}"),
    })
}

async fn record<E: Environment>(node: &Node<E>, kind: FoundKind, subject: &Subject, id: &str) -> Option<Found> {
    under_key(node, kind, subject.key(), id).await
}

async fn under_key<E: Environment>(node: &Node<E>, kind: FoundKind, key: StateKey, id: &str) -> Option<Found> {
    let cell = node.cell_under(&key).await?;
    let key = BASE64URL_NOPAD.encode(&key);
    let path = match kind {
        FoundKind::Transaction => format!("/v1/transactions/{id}"),
        FoundKind::Identity => format!("/1.0/identifiers/{id}"),
        FoundKind::Block => format!("/v1/blocks/{id}"),
        FoundKind::Anchor
        | FoundKind::Attestation
        | FoundKind::Receipt
        | FoundKind::Authority
        | FoundKind::Party
        | FoundKind::Batch
        | FoundKind::Proposal
        | FoundKind::Evidence
        | FoundKind::Record => format!("/v1/history/{key}"),
    };
    Some(Found { kind, id: id.to_owned(), key: Some(key), height: cell.created_height, path })
}
