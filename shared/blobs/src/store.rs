//! What a blob store does, whichever it is: [`EmbeddedStore`](crate::EmbeddedStore) on this machine's disk or
//! [`KuboStore`](crate::KuboStore) on a Kubo daemon.
//!
//! Every byte that a store gives out was hashed on its way out and is what its CID names. A blob is kept while it is pinned;
//! unpinned blobs go with the next garbage collection.

use bytes::Bytes;
use futures::future::BoxFuture;
use identity::Localized;

use crate::cid::Cid;
use crate::dag::{Block, DagError};

/// What went wrong in a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store has no such block.
    #[error("block {cid} is not in the store")]
    Missing {
        /// The block.
        cid: Cid,
    },
    /// What the store has under this name is not what the name says, or not a blob of ours. It is never given out.
    #[error("the store's data for {cid} is bad")]
    Bad {
        /// The block or blob asked for.
        cid: Cid,
        /// What is wrong.
        #[source]
        source: DagError,
    },
    /// The blob to add is over the limit.
    #[error("the blob cannot be stored")]
    Unfit(#[source] DagError),
    /// The disk is full. Nothing was stored; the store goes on when there is room again.
    #[error("the disk is full")]
    Full(#[source] std::io::Error),
    /// The disk failed.
    #[error("the store could not {action} {path}")]
    Disk {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: std::path::PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The database of pins failed; the file is named.
    #[error("the database of pins {path} failed")]
    Pins {
        /// The file.
        path: std::path::PathBuf,
        /// What the database said.
        #[source]
        source: Box<redb::Error>,
    },
    /// The store's daemon did not answer in time or at all.
    #[error("the IPFS daemon at {endpoint} does not answer")]
    Unreachable {
        /// Its address, without credentials.
        endpoint: String,
        /// What happened.
        #[source]
        source: reqwest::Error,
    },
    /// The store's daemon answered, but not with what was asked for.
    #[error("the IPFS daemon at {endpoint} refused {command}: {detail}")]
    Daemon {
        /// Its address, without credentials.
        endpoint: String,
        /// The RPC command.
        command: &'static str,
        /// Its answer, shortened.
        detail: String,
    },
}

impl StoreError {
    /// Whether trying again later can help without anybody changing the request.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Full(_) | Self::Disk { .. } | Self::Pins { .. } | Self::Unreachable { .. } | Self::Daemon { .. } => true,
            Self::Missing { .. } | Self::Bad { .. } | Self::Unfit(_) => false,
        }
    }

    /// The person's sentence for this error: what happened, whose side, what to do next.
    pub fn sentence(&self) -> Localized {
        match self {
            Self::Missing { .. } => Localized::new(
                "对方的存储中没有这份加密文件。请让持有人重新提交，或稍后再试。",
                "The encrypted document is not in the store. Ask its holder to submit it again, or try later.",
            ),
            Self::Bad { .. } => Localized::new(
                "存储中的文件与其登记的指纹不符，已被拒绝，未作任何解密。请让持有人重新提交。",
                "The stored document is not the one that was registered. It was refused and not decrypted. Ask its holder to submit it again.",
            ),
            Self::Unfit(_) => Localized::new(
                "文件太大。请选择不超过 63 MiB 的文件。",
                "The document is too large. Choose one of at most 63 MiB.",
            ),
            Self::Full(_) => Localized::new(
                "部门的存储空间已满，文件未保存。请稍后再试。",
                "The department's storage is full and the document was not saved. Try again later.",
            ),
            Self::Disk { .. } | Self::Pins { .. } | Self::Unreachable { .. } | Self::Daemon { .. } => Localized::new(
                "部门的文件存储暂时不可用。请稍后再试。",
                "The department's document store is not available at the moment. Try again later.",
            ),
        }
    }
}

/// A blob's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobStat {
    /// Bytes of content.
    pub bytes: u64,
    /// Blocks, repeated ones counted once.
    pub blocks: u64,
}

/// What a garbage collection removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Blocks removed.
    pub blocks: u64,
}

/// A store of blobs.
pub trait BlobStore: Send + Sync + 'static {
    /// Stores a blob and pins it. Once this returns, the blob survives a crash. Storing it again is harmless.
    fn add(&self, blob: Bytes) -> BoxFuture<'_, Result<Cid, StoreError>>;

    /// A whole blob, every block verified.
    fn get(&self, cid: Cid) -> BoxFuture<'_, Result<Bytes, StoreError>>;

    /// One block, verified.
    fn block(&self, cid: Cid) -> BoxFuture<'_, Result<Block, StoreError>>;

    /// Whether every block of the blob is here.
    fn has(&self, cid: Cid) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// The size of a blob that is here.
    fn stat(&self, cid: Cid) -> BoxFuture<'_, Result<BlobStat, StoreError>>;

    /// Keeps a blob that is here. [`StoreError::Missing`] when a block of it is not.
    fn pin(&self, cid: Cid) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Stops keeping a blob; whether it was pinned.
    fn unpin(&self, cid: Cid) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// The pinned blobs, in the order of their CIDs.
    fn pins(&self) -> BoxFuture<'_, Result<Vec<Cid>, StoreError>>;

    /// Removes every block that no pinned blob has.
    fn collect_garbage(&self) -> BoxFuture<'_, Result<Collected, StoreError>>;
}
