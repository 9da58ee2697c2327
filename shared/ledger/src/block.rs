//! Blocks: a header that commits to everything, and the transactions.

use borsh::{BorshDeserialize, BorshSerialize};
use identity::canonical::{self, Hash};

use crate::merkle;
use crate::transaction::Transaction;

/// Context string of a block's digest.
pub const HEADER_CONTEXT: &str = "yufu/ledger/header/v1";

/// A block's header. Its hash is what validators sign.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Header {
    /// The genesis that the chain began with.
    pub genesis: Hash,
    /// Height, from 1; the genesis block has 0.
    pub height: u64,
    /// Digest of the parent's header.
    pub parent: Hash,
    /// The consensus context in which the leader proposed it.
    pub context: Context,
    /// Milliseconds since the Unix epoch by the leader's clock; never before the parent's.
    pub timestamp_ms: u64,
    /// Root of the transactions: see [`transactions_root`].
    pub transactions_root: Hash,
    /// Root of the authenticated state after this block.
    pub state_root: Hash,
    /// Root and range of the state's operation log, for synchronisation.
    pub operations: Operations,
}

/// The round in which a block was proposed.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Context {
    /// The epoch: the term of one set of validators.
    pub epoch: u64,
    /// The view within the epoch.
    pub view: u64,
    /// The leader's Ed25519 key.
    pub leader: [u8; 32],
    /// The parent's view.
    pub parent_view: u64,
}

/// The state's operation log after a block.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Operations {
    /// Its root.
    pub root: Hash,
    /// First retained location.
    pub start: u64,
    /// One past the last location.
    pub end: u64,
}

impl Header {
    /// The block's digest.
    pub fn digest(&self) -> Hash {
        canonical::hash(HEADER_CONTEXT, self)
    }
}

/// A block.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Block {
    /// The header.
    pub header: Header,
    /// The transactions, in order.
    pub transactions: Vec<Transaction>,
}

/// The Merkle tree hash of RFC 6962 section 2.1 over the transactions' leaves (`Transaction::leaf`).
pub fn transactions_root(leaves: &[Hash]) -> Hash {
    merkle::root(leaves)
}
