//! The ledger's block in the form that the engine carries.
//!
//! On the wire and on disk: a length and the block's Borsh bytes, which are kept with it: a block is sent, stored and counted many times. A
//! block exists here only if its body is the one that its header commits to, so a digest stands for exactly one block. Refuses everything
//! else while decoding.

use super::types::{Consensus, Digest, PublicKey};
use bytes::Bytes;
use commonware_codec::{Buf, BufsMut, Copying, DecodeExt as _, EncodeSize, Error, RangeCfg, Read, Write};
use commonware_consensus::{
    BoundedBlock, CertifiableBlock, Heightable,
    types::{Epoch, Height, Round, View},
};
use commonware_cryptography::Digestible;
use commonware_runtime::BufMut;
use commonware_storage::{mmr, qmdb::sync::Target};
use commonware_utils::{non_empty_range, range::NonEmptyRange};
use identity::canonical::{self, Hash};
use ledger::{
    block::{Header, transactions_root},
    encoded,
    limits::{MAX_BLOCK_BYTES, MAX_BLOCK_TRANSACTIONS},
    transaction::Transaction,
};
use std::sync::Arc;

/// A location in the log of state operations.
pub type Location = mmr::Location;

/// A block whose body matches its header.
#[derive(Clone, Debug)]
pub struct Block {
    inner: Arc<Inner>,
    digest: Digest,
    leader: PublicKey,
}

#[derive(Debug)]
struct Inner {
    block: ledger::block::Block,
    /// Its canonical bytes.
    bytes: Bytes,
    ids: Vec<Hash>,
    leaves: Vec<Hash>,
}

/// Why bytes or parts do not make a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// More transactions or bytes than a block may have.
    #[error("the block is larger than a block may be")]
    TooLarge,
    /// The leader's key is not an Ed25519 key.
    #[error("the leader's key is not a key")]
    Leader,
    /// The body is not the one that the header commits to.
    #[error("the transactions are not the ones that the header commits to")]
    TransactionsRoot,
    /// The range of state operations is empty or out of bounds.
    #[error("the range of state operations is not a range")]
    Operations,
}

impl Block {
    /// Checks that header and body belong together.
    ///
    /// # Errors
    /// When they do not, or a bound is exceeded.
    pub fn new(block: ledger::block::Block) -> Result<Self, BlockError> {
        if block.transactions.len() > MAX_BLOCK_TRANSACTIONS {
            return Err(BlockError::TooLarge);
        }
        let (bytes, places) = encoded::block(&block);
        if bytes.len() > MAX_BLOCK_BYTES {
            return Err(BlockError::TooLarge);
        }
        let hashes = places.into_iter().filter_map(|place| bytes.get(place)).map(encoded::hashes);
        let (ids, leaves): (Vec<Hash>, Vec<Hash>) = hashes.map(|(id, leaf)| (id.0, leaf)).unzip();
        let header = &block.header;
        if transactions_root(&leaves) != header.transactions_root {
            return Err(BlockError::TransactionsRoot);
        }
        operations(header).ok_or(BlockError::Operations)?;
        let leader = PublicKey::decode(Copying(&header.context.leader)).map_err(|_| BlockError::Leader)?;
        let digest = Digest::from(header.digest());
        Ok(Self { inner: Arc::new(Inner { block, bytes: bytes.into(), ids, leaves }), digest, leader })
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.inner.block.header
    }

    /// The transactions, in order.
    pub fn transactions(&self) -> &[Transaction] {
        &self.inner.block.transactions
    }

    /// The ids of the transactions, in order.
    pub fn transaction_ids(&self) -> &[Hash] {
        &self.inner.ids
    }

    /// The leaves of the transactions, in order: unlike the ids they cover the signatures.
    pub fn transaction_leaves(&self) -> &[Hash] {
        &self.inner.leaves
    }

    /// The block as the ledger's type.
    pub fn ledger(&self) -> &ledger::block::Block {
        &self.inner.block
    }

    /// Its canonical bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.inner.bytes
    }

    /// Milliseconds since the Unix epoch by the leader's clock.
    pub fn timestamp_ms(&self) -> u64 {
        self.inner.block.header.timestamp_ms
    }

    /// What a node that synchronises the state must arrive at.
    pub fn sync_target(&self) -> Target<mmr::Family, Digest> {
        let range = operations(self.header()).expect("checked when the block was made");
        Target::new(Digest::from(self.header().operations.root), range)
    }
}

fn operations(header: &Header) -> Option<NonEmptyRange<Location>> {
    let (start, end) = (Location::new(header.operations.start), Location::new(header.operations.end));
    (start < end && end.is_valid()).then(|| non_empty_range!(start, end))
}

impl PartialEq for Block {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Block {}

impl Write for Block {
    fn write(&self, buf: &mut impl BufMut) {
        self.inner.bytes.write(buf);
    }

    fn write_bufs(&self, buf: &mut impl BufsMut) {
        self.inner.bytes.write_bufs(buf);
    }
}

impl EncodeSize for Block {
    fn encode_size(&self) -> usize {
        self.inner.bytes.encode_size()
    }

    fn encode_inline_size(&self) -> usize {
        self.inner.bytes.encode_inline_size()
    }
}

impl Read for Block {
    type Cfg = ();

    fn read_cfg(buf: &mut impl Buf, _: &()) -> Result<Self, Error> {
        let bytes = bytes::Bytes::read_cfg(buf, &RangeCfg::from(0..=MAX_BLOCK_BYTES))?;
        let block = canonical::decode(&bytes, MAX_BLOCK_BYTES).map_err(|error| Error::Wrapped("Block", error.into()))?;
        Self::new(block).map_err(|error| Error::Wrapped("Block", error.into()))
    }
}

impl Digestible for Block {
    type Digest = Digest;

    fn digest(&self) -> Digest {
        self.digest
    }
}

impl Heightable for Block {
    fn height(&self) -> Height {
        Height::new(self.header().height)
    }
}

impl commonware_consensus::Block for Block {
    fn parent(&self) -> Digest {
        Digest::from(self.header().parent)
    }
}

impl CertifiableBlock for Block {
    type Context = Consensus;

    fn context(&self) -> Consensus {
        let header = self.header();
        let context = &header.context;
        Consensus {
            round: Round::new(Epoch::new(context.epoch), View::new(context.view)),
            leader: self.leader.clone(),
            parent: (View::new(context.parent_view), Digest::from(header.parent)),
        }
    }
}

impl BoundedBlock for Block {
    fn max_encode_size(_: &()) -> usize {
        MAX_BLOCK_BYTES.encode_size() + MAX_BLOCK_BYTES
    }
}
