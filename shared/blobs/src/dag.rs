//! Blobs as graphs of blocks: the UnixFS profile `unixfs-v1-2025` (CIDv1, raw leaves, chunks of 1 MiB, balanced).
//!
//! A blob of up to 1 MiB is one raw block, so its CID's digest is its SHA-256. A larger one is a root node with links to its
//! chunks. Reading is hostile ground: a [`Block`] is verified against its CID when it is made, and a [`Walk`] refuses nodes in any
//! but their one canonical form and everything over the limits below before it asks for another block.

use bytes::{Bytes, BytesMut};

use crate::cid::{Cid, Codec};
use crate::node::{Link, Node};

/// The size of every chunk but the last, in bytes; also the largest raw block.
pub const CHUNK_BYTES: usize = 1 << 20;
/// The most links in one node.
pub const MAX_LINKS: usize = 64;
/// The most levels of nodes above the chunks. Our own blobs have one.
pub const MAX_DEPTH: usize = 4;
/// The largest blob, in bytes: one node full of chunks.
pub const MAX_BLOB_BYTES: usize = MAX_LINKS * CHUNK_BYTES;
/// The largest node, in bytes. A node of [`MAX_LINKS`] links takes under 4 KiB.
pub const MAX_NODE_BYTES: usize = 8 * 1024;
/// The most blocks in one blob, nodes included and repeated ones counted each time. Our own largest blob has 65.
pub const MAX_BLOCKS: usize = 512;

/// Why bytes are not the block or the blob that a CID names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DagError {
    /// The SHA-256 of the bytes is not the CID's: they were changed.
    #[error("the bytes are not those that {cid} names")]
    WrongBytes {
        /// The CID asked for.
        cid: Cid,
    },
    /// A raw block over [`CHUNK_BYTES`] or a node over [`MAX_NODE_BYTES`].
    #[error("block {cid} has {length} bytes, more than a block may have")]
    BlockTooLarge {
        /// The block.
        cid: Cid,
        /// Its bytes.
        length: usize,
    },
    /// The blob is larger than [`MAX_BLOB_BYTES`], or says so.
    #[error("the blob has more than the {MAX_BLOB_BYTES} bytes that a blob may have")]
    BlobTooLarge,
    /// Not the canonical UnixFS file node with links (or with other data, names or metadata in it).
    #[error("block {cid} is not a file node of the profile unixfs-v1-2025")]
    NotAFileNode {
        /// The block.
        cid: Cid,
    },
    /// Over [`MAX_LINKS`] links, [`MAX_DEPTH`] levels or [`MAX_BLOCKS`] blocks.
    #[error("the blob under block {cid} has too many links, levels or blocks")]
    TooManyBlocks {
        /// The block at which the limit was passed.
        cid: Cid,
    },
    /// A node says that a link covers more or fewer bytes than it does.
    #[error("block {cid} does not have the length that its parent gives")]
    WrongLength {
        /// The child.
        cid: Cid,
    },
    /// A block that was not asked for.
    #[error("block {cid} is not the next block of the blob")]
    Unexpected {
        /// What came.
        cid: Cid,
    },
}

/// A block whose bytes are those that its CID names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    cid: Cid,
    bytes: Bytes,
}

impl Block {
    /// Takes bytes from anywhere, if they are the ones that `cid` names.
    ///
    /// # Errors
    /// [`DagError::BlockTooLarge`] before anything is hashed, [`DagError::WrongBytes`] after.
    pub fn verify(cid: Cid, bytes: Bytes) -> Result<Self, DagError> {
        let limit = max_block_bytes(cid.codec());
        if bytes.len() > limit {
            return Err(DagError::BlockTooLarge { cid, length: bytes.len() });
        }
        if Cid::of_block(cid.codec(), &bytes) != cid {
            return Err(DagError::WrongBytes { cid });
        }
        Ok(Self { cid, bytes })
    }

    fn raw(bytes: Bytes) -> Self {
        Self { cid: Cid::of_block(Codec::Raw, &bytes), bytes }
    }

    /// The block's name.
    pub fn cid(&self) -> Cid {
        self.cid
    }

    /// The block's bytes.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The block's bytes, taken.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }
}

/// The most bytes that a block of this codec may have.
pub fn max_block_bytes(codec: Codec) -> usize {
    match codec {
        Codec::Raw => CHUNK_BYTES,
        Codec::DagPb => MAX_NODE_BYTES,
    }
}

/// A blob cut into blocks, the root last.
#[derive(Clone, Debug)]
pub struct Dag {
    /// Chunks in order, then the node above them if there is more than one.
    pub blocks: Vec<Block>,
    /// The blob's name.
    pub root: Cid,
}

/// Cuts a blob into blocks without copying it.
///
/// # Errors
/// [`DagError::BlobTooLarge`] above [`MAX_BLOB_BYTES`].
pub fn build(blob: &Bytes) -> Result<Dag, DagError> {
    if blob.len() > MAX_BLOB_BYTES {
        return Err(DagError::BlobTooLarge);
    }
    if blob.len() <= CHUNK_BYTES {
        let block = Block::raw(blob.clone());
        return Ok(Dag { root: block.cid, blocks: vec![block] });
    }
    let mut rest = blob.clone();
    let mut blocks = Vec::with_capacity(MAX_LINKS + 1);
    while !rest.is_empty() {
        blocks.push(Block::raw(rest.split_to(rest.len().min(CHUNK_BYTES))));
    }
    let link = |chunk: &Block| Link { cid: chunk.cid, length: length(&chunk.bytes), total: length(&chunk.bytes) };
    let root = Node { length: length(blob), links: blocks.iter().map(link).collect() };
    let (cid, bytes) = root.write();
    blocks.push(Block { cid, bytes });
    Ok(Dag { blocks, root: cid })
}

/// The name that a blob has, without keeping its blocks.
///
/// # Errors
/// [`DagError::BlobTooLarge`] above [`MAX_BLOB_BYTES`].
pub fn cid_of(blob: &Bytes) -> Result<Cid, DagError> {
    build(blob).map(|dag| dag.root)
}

fn length(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).expect("lengths in memory fit 64 bits")
}

/// A block that a walk still has to see.
#[derive(Clone, Copy, Debug)]
struct Pending {
    cid: Cid,
    depth: usize,
    /// The bytes of content that the parent says are below; the root has no parent.
    length: Option<u64>,
}

/// Reads a blob block by block, depth first, without doing any input or output itself.
///
/// ```
/// use blobs::dag::{Walk, build};
/// let dag = build(&vec![7; 3_000_000].into()).unwrap();
/// let mut walk = Walk::new(dag.root);
/// while let Some(cid) = walk.next_cid() {
///     let block = dag.blocks.iter().find(|b| b.cid() == cid).unwrap(); // from a disk or a network
///     walk.supply(block).unwrap();
/// }
/// assert_eq!(walk.into_blob().len(), 3_000_000);
/// ```
#[derive(Debug)]
pub struct Walk {
    pending: Vec<Pending>,
    seen_blocks: usize,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// Chunks pass by and are not kept.
    Skipped,
    Empty,
    One(Bytes),
    Many(BytesMut),
}

impl Walk {
    /// A walk that begins at the blob's root.
    pub fn new(root: Cid) -> Self {
        Self { pending: vec![Pending { cid: root, depth: 0, length: None }], seen_blocks: 0, content: Content::Empty }
    }

    /// A walk for whoever handles each block as it comes: nothing is kept, [`Self::into_blob`] is empty.
    pub fn without_content(root: Cid) -> Self {
        Self { content: Content::Skipped, ..Self::new(root) }
    }

    /// The block to supply next; `None` when the blob is complete.
    pub fn next_cid(&self) -> Option<Cid> {
        self.pending.last().map(|pending| pending.cid)
    }

    /// Takes the next block.
    ///
    /// # Errors
    /// A [`DagError`] names the block that is not what the blob should have there. The walk is over then.
    pub fn supply(&mut self, block: &Block) -> Result<(), DagError> {
        let cid = block.cid;
        let expected = self.pending.pop_if(|pending| pending.cid == cid).ok_or(DagError::Unexpected { cid })?;
        self.seen_blocks += 1;
        match cid.codec() {
            Codec::Raw => self.chunk(expected, &block.bytes),
            Codec::DagPb => self.node(expected, &block.bytes),
        }
    }

    fn chunk(&mut self, expected: Pending, bytes: &Bytes) -> Result<(), DagError> {
        if expected.length.is_some_and(|given| given != length(bytes)) {
            return Err(DagError::WrongLength { cid: expected.cid });
        }
        self.content = match std::mem::replace(&mut self.content, Content::Empty) {
            Content::Skipped => Content::Skipped,
            Content::Empty => Content::One(bytes.clone()),
            Content::One(first) => {
                let mut many = BytesMut::with_capacity(first.len() + bytes.len());
                many.extend_from_slice(&first);
                many.extend_from_slice(bytes);
                Content::Many(many)
            }
            Content::Many(mut many) => {
                many.extend_from_slice(bytes);
                Content::Many(many)
            }
        };
        Ok(())
    }

    fn node(&mut self, expected: Pending, bytes: &Bytes) -> Result<(), DagError> {
        let cid = expected.cid;
        let node = Node::read(bytes).ok_or(DagError::NotAFileNode { cid })?;
        let too_many = self.seen_blocks + self.pending.len() + node.links.len() > MAX_BLOCKS;
        if node.links.len() > MAX_LINKS || expected.depth >= MAX_DEPTH || too_many {
            return Err(DagError::TooManyBlocks { cid });
        }
        let sum = node.links.iter().try_fold(0_u64, |sum, link| sum.checked_add(link.length));
        if sum != Some(node.length) || expected.length.is_some_and(|given| given != node.length) {
            return Err(DagError::WrongLength { cid });
        }
        // A child's length is checked against its parent's, so the root's bounds the whole blob.
        if usize::try_from(node.length).map_or(true, |size| size > MAX_BLOB_BYTES) {
            return Err(DagError::BlobTooLarge);
        }
        for link in node.links.iter().rev() {
            self.pending.push(Pending { cid: link.cid, depth: expected.depth + 1, length: Some(link.length) });
        }
        Ok(())
    }

    /// The content so far: the whole blob once [`Self::next_cid`] is `None`.
    pub fn into_blob(self) -> Bytes {
        match self.content {
            Content::Skipped | Content::Empty => Bytes::new(),
            Content::One(bytes) => bytes,
            Content::Many(bytes) => bytes.freeze(),
        }
    }
}

/// The CIDs of the blocks of a node's children; none for a chunk. For marking and counting, where the content is not read.
///
/// # Errors
/// [`DagError::NotAFileNode`] when the node does not parse or links to something that is not a [`Cid`] of ours.
pub fn links(block: &Block) -> Result<Vec<Cid>, DagError> {
    match block.cid.codec() {
        Codec::Raw => Ok(Vec::new()),
        Codec::DagPb => {
            let node = Node::read(&block.bytes).ok_or(DagError::NotAFileNode { cid: block.cid })?;
            Ok(node.links.into_iter().map(|link| link.cid).collect())
        }
    }
}
