//! The versions of a record, from what the store kept when each block became final.

use crate::{
    engine::{block::Block, types::Environment},
    node::Node,
    store::StoreError,
};
use data_encoding::BASE64URL_NOPAD;
use ledger::{
    cell::{Cell, StateKey},
    transaction::TransactionId,
};
use wire::chain::{History, RecordVersion};

/// Versions of a page at most.
pub const MAX_PAGE: usize = 100;

/// Versions of the record under `key` that are older than `before`, newest first, at most `limit`. `None` if there is no record.
///
/// # Errors
/// When the store cannot be read.
pub async fn history<E: Environment>(
    node: &Node<E>,
    key: &StateKey,
    before: Option<u32>,
    limit: usize,
) -> Result<Option<History>, StoreError> {
    let Some(latest) = node.cell_under(key).await else {
        return Ok(None);
    };
    let from = before.map_or(latest.version, |before| before.saturating_sub(1).min(latest.version));
    let mut versions = Vec::new();
    let (mut version, mut pruned) = (from, false);
    while version > 0 && versions.len() < limit.min(MAX_PAGE) {
        let Some((number, bytes)) = node.store.version_up_to(key, version)? else {
            pruned = !node.is_archive();
            break;
        };
        version = number;
        let cell = Cell::from_bytes(&bytes).expect("the store holds encoded cells only");
        let block = node.reads.block(cell.updated_height).await;
        versions.push(RecordVersion {
            version,
            status: cell.status,
            created_height: cell.created_height,
            updated_height: cell.updated_height,
            updated_at_ms: block.as_ref().map(|block| block.inner().timestamp_ms()),
            transactions: block.map(|block| touching(block.inner(), key)).unwrap_or_default(),
            body: node.store.body(&cell.body)?.map(|body| BASE64URL_NOPAD.encode(&body)),
        });
        version -= 1;
    }
    let next = versions.last().map(|oldest| oldest.version).filter(|oldest| *oldest > 1 && !pruned);
    Ok(Some(History { key: BASE64URL_NOPAD.encode(key), latest_version: latest.version, versions, next, pruned }))
}

/// The transactions of a block that may read or write the record under `key`.
fn touching(block: &Block, key: &StateKey) -> Vec<TransactionId> {
    let touching = block.transactions().iter().filter(|transaction| chain_state::touched(transaction).contains(key));
    touching.map(ledger::transaction::Transaction::id).collect()
}
