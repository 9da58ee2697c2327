//! What must be true of every stored block and record. Pure: decides, and neither reads nor logs.

use identity::canonical;
use ledger::{
    Hash,
    block::{Block, Header, transactions_root},
    cell::{CELL_BYTES, Cell},
    limits::MAX_RECORD_BYTES,
    receipt::Receipt,
    transaction::Transaction,
};

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Fault {
    /// The block of a height below the tip is not there.
    #[error("the block is missing")]
    BlockMissing,
    /// It is for another ledger.
    #[error("the block is for another ledger")]
    OtherLedger,
    /// Its height does not follow its parent's.
    #[error("the block's height does not follow its parent's")]
    HeightOrder,
    /// It does not name the block below it as its parent.
    #[error("the block does not name the block below it as its parent")]
    BrokenLink,
    /// Its time is before its parent's.
    #[error("the block's time is before its parent's")]
    TimeOrder,
    /// Its time is long before this node first saw it.
    #[error("the block was made much later than its time says: it is back-dated")]
    BackDated,
    /// Its time is long after this node first saw it.
    #[error("the block was made much earlier than its time says: it is post-dated")]
    PostDated,
    /// Its transactions are not those that its header commits to.
    #[error("the block's transactions are not those that its header commits to")]
    TransactionsRoot,
    /// Its certificate does not make it final.
    #[error("the block's certificate does not verify")]
    Certificate,
    /// A transaction's signature does not verify.
    #[error("the transaction's signature does not verify")]
    Signature,
    /// A transaction of the block has no receipt, or another's.
    #[error("the transaction's receipt is missing or not its own")]
    Receipt,
    /// The bytes of a record are missing, or are not those that its cell names.
    #[error("the record's bytes are missing or altered")]
    Body,
    /// A kept version is not a cell, or not of this version.
    #[error("the kept version is not what was written")]
    Version,
    /// The times of versions do not follow each other.
    #[error("the heights of the record's versions are out of order")]
    VersionOrder,
    /// The authenticated state says something else, or does not prove what it says.
    #[error("the state does not prove this record")]
    State,
}

impl Fault {
    /// The slug in the API and on pages.
    pub fn slug(self) -> &'static str {
        match self {
            Self::BlockMissing => "block_missing",
            Self::OtherLedger => "other_ledger",
            Self::HeightOrder => "height_order",
            Self::BrokenLink => "broken_link",
            Self::TimeOrder => "time_order",
            Self::BackDated => "back_dated",
            Self::PostDated => "post_dated",
            Self::TransactionsRoot => "transactions_root",
            Self::Certificate => "certificate",
            Self::Signature => "signature",
            Self::Receipt => "receipt",
            Self::Body => "body",
            Self::Version => "version",
            Self::VersionOrder => "version_order",
            Self::State => "state",
        }
    }
}

/// What a block's header must be after the header of the block below it.
pub fn header(genesis: &Hash, parent: &Header, header: &Header) -> Vec<Fault> {
    let rules = [
        (header.genesis == *genesis, Fault::OtherLedger),
        (Some(header.height) == parent.height.checked_add(1), Fault::HeightOrder),
        (header.parent == parent.digest(), Fault::BrokenLink),
        (header.timestamp_ms >= parent.timestamp_ms, Fault::TimeOrder),
    ];
    rules.into_iter().filter(|(holds, _)| !holds).map(|(_, fault)| fault).collect()
}

/// Whether a block's time is near the time at which this node first saw it as a proposal.
pub fn time(timestamp_ms: u64, first_seen_ms: u64, bound_ms: u64) -> Option<Fault> {
    if timestamp_ms.saturating_add(bound_ms) < first_seen_ms {
        Some(Fault::BackDated)
    } else if first_seen_ms.saturating_add(bound_ms) < timestamp_ms {
        Some(Fault::PostDated)
    } else {
        None
    }
}

/// Whether the transactions are those that the header commits to.
pub fn body(block: &Block) -> Option<Fault> {
    let leaves: Vec<Hash> = block.transactions.iter().map(Transaction::leaf).collect();
    (transactions_root(&leaves) != block.header.transactions_root).then_some(Fault::TransactionsRoot)
}

/// Whether `receipt`, as stored, is that of the transaction at this place of a block.
pub fn receipt(transaction: &Transaction, height: u64, index: u32, receipt: Option<&[u8]>) -> Option<Fault> {
    let receipt: Option<Receipt> = receipt.and_then(|bytes| canonical::decode(bytes, MAX_RECORD_BYTES).ok());
    let own = |receipt: Receipt| receipt.transaction == transaction.id() && receipt.height == height && receipt.index == index;
    (!receipt.is_some_and(own)).then_some(Fault::Receipt)
}

/// What a kept version must be, after the version before it if that was kept, too.
///
/// # Errors
/// What is wrong with it.
pub fn version(number: u32, bytes: &[u8; CELL_BYTES], before: Option<&Cell>) -> Result<Cell, Fault> {
    let cell = Cell::from_bytes(bytes).map_err(|_| Fault::Version)?;
    if cell.version != number || cell.updated_height < cell.created_height {
        return Err(Fault::Version);
    }
    let ordered = |before: &Cell| before.created_height == cell.created_height && before.updated_height <= cell.updated_height;
    if before.is_none_or(ordered) { Ok(cell) } else { Err(Fault::VersionOrder) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::block::{Context, Operations};

    fn parent() -> Header {
        Header {
            genesis: [1; 32],
            height: 4,
            parent: [2; 32],
            context: Context { epoch: 0, view: 5, leader: [0; 32], parent_view: 4 },
            timestamp_ms: 1_000,
            transactions_root: transactions_root(&[]),
            state_root: [0; 32],
            operations: Operations { root: [0; 32], start: 0, end: 1 },
        }
    }

    fn child() -> Header {
        Header { height: 5, parent: parent().digest(), timestamp_ms: 1_000, ..parent() }
    }

    /// I070, X011: whoever changes a stored block, or puts one in with an earlier time, breaks a rule that is checked.
    #[test]
    fn every_change_of_a_header_is_found_and_an_honest_one_passes() {
        assert_eq!(header(&[1; 32], &parent(), &child()), []);
        let cases = [
            (Header { genesis: [9; 32], ..child() }, Fault::OtherLedger),
            (Header { height: 6, ..child() }, Fault::HeightOrder),
            (Header { parent: [9; 32], ..child() }, Fault::BrokenLink),
            (Header { timestamp_ms: 999, ..child() }, Fault::TimeOrder),
        ];
        for (changed, fault) in cases {
            assert_eq!(header(&[1; 32], &parent(), &changed), [fault]);
        }
        let rewritten = Header { state_root: [7; 32], ..parent() };
        assert_eq!(header(&[1; 32], &rewritten, &child()), [Fault::BrokenLink], "a rewritten parent breaks the link above it");
    }

    /// I070: a time far from when the node saw the block is flagged on both sides, and one within the bound is not.
    #[test]
    fn back_dated_and_post_dated_blocks_are_told_from_slow_clocks() {
        assert_eq!(time(1_000, 61_000, 60_000), None);
        assert_eq!(time(1_000, 61_001, 60_000), Some(Fault::BackDated));
        assert_eq!(time(61_000, 1_000, 60_000), None);
        assert_eq!(time(61_001, 1_000, 60_000), Some(Fault::PostDated));
    }

    #[test]
    fn a_version_must_be_its_own_and_follow_the_one_before() {
        let cell = Cell { version: 2, status: 0, created_height: 3, updated_height: 7, body: [0; 32] };
        let first = Cell { version: 1, updated_height: 3, ..cell };
        assert_eq!(version(2, &cell.to_bytes(), Some(&first)), Ok(cell));
        assert_eq!(version(3, &cell.to_bytes(), None), Err(Fault::Version));
        assert_eq!(version(2, &[255; CELL_BYTES], None), Err(Fault::Version));
        let late = Cell { updated_height: 8, ..first };
        assert_eq!(version(2, &cell.to_bytes(), Some(&late)), Err(Fault::VersionOrder));
    }
}
