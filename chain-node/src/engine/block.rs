//! The ledger's block in the form that the engine carries.
//!
//! On the wire and on disk: a length and the block's Borsh bytes. A block exists here only if its body is the one
//! that its header commits to, so a digest stands for exactly one block. Refuses everything else while decoding.

use super::types::{Consensus, Digest, PublicKey};
use commonware_codec::{Buf, Copying, DecodeExt as _, EncodeSize, Error, RangeCfg, Read, Write};
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
    limits::{MAX_BLOCK_BYTES, MAX_BLOCK_TRANSACTIONS},
    transaction::Transaction,
};
use std::sync::Arc;

/// A location in the log of state operations.
pub type Location = mmr::Location;

/// A block whose body matches its header.
#[derive(Clone, Debug)]
pub struct Block {
    inner: Arc<ledger::block::Block>,
    digest: Digest,
    leader: PublicKey,
    ids: Arc<[Hash]>,
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
    pub fn new(inner: ledger::block::Block) -> Result<Self, BlockError> {
        if inner.transactions.len() > MAX_BLOCK_TRANSACTIONS || canonical::encode(&inner).len() > MAX_BLOCK_BYTES {
            return Err(BlockError::TooLarge);
        }
        let leaves: Vec<Hash> = inner.transactions.iter().map(Transaction::leaf).collect();
        if transactions_root(&leaves) != inner.header.transactions_root {
            return Err(BlockError::TransactionsRoot);
        }
        operations(&inner.header).ok_or(BlockError::Operations)?;
        let leader = PublicKey::decode(Copying(&inner.header.context.leader)).map_err(|_| BlockError::Leader)?;
        let ids = inner.transactions.iter().map(|transaction| transaction.id().0).collect();
        Ok(Self { digest: Digest::from(inner.header.digest()), leader, ids, inner: Arc::new(inner) })
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.inner.header
    }

    /// The transactions, in order.
    pub fn transactions(&self) -> &[Transaction] {
        &self.inner.transactions
    }

    /// The ids of the transactions, in order.
    pub fn transaction_ids(&self) -> &[Hash] {
        &self.ids
    }

    /// The block as the ledger's type.
    pub fn ledger(&self) -> &ledger::block::Block {
        &self.inner
    }

    /// Milliseconds since the Unix epoch by the leader's clock.
    pub fn timestamp_ms(&self) -> u64 {
        self.inner.header.timestamp_ms
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
        let bytes = canonical::encode(&*self.inner);
        bytes.len().write(buf);
        buf.put_slice(&bytes);
    }
}

impl EncodeSize for Block {
    fn encode_size(&self) -> usize {
        let length = borsh::object_length(&*self.inner).expect("counting does not fail");
        length.encode_size() + length
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
        Height::new(self.inner.header.height)
    }
}

impl commonware_consensus::Block for Block {
    fn parent(&self) -> Digest {
        Digest::from(self.inner.header.parent)
    }
}

impl CertifiableBlock for Block {
    type Context = Consensus;

    fn context(&self) -> Consensus {
        let context = &self.inner.header.context;
        Consensus {
            round: Round::new(Epoch::new(context.epoch), View::new(context.view)),
            leader: self.leader.clone(),
            parent: (View::new(context.parent_view), Digest::from(self.inner.header.parent)),
        }
    }
}

impl BoundedBlock for Block {
    fn max_encode_size(_: &()) -> usize {
        MAX_BLOCK_BYTES.encode_size() + MAX_BLOCK_BYTES
    }
}
