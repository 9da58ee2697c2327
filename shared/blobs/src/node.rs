//! UnixFS file nodes: blocks that link to chunks or to further nodes.
//!
//! They are written by `rust-unixfs`. They are read here, because the protobuf reader that it uses can be made to panic by a few
//! bytes, and these come from strangers. The reader knows the one form that the writer writes and nothing else: links without names,
//! then a file's size and its links' sizes. Whatever it took is written again and compared, so a node has one encoding.

use bytes::Bytes;
use multihash_codetable::Code;
use rust_unixfs::file::adder::{FileBranchLink, rebuild_file_branch};

use crate::cid::Cid;

/// A node's link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// The chunk or node below.
    pub(crate) cid: Cid,
    /// Bytes of content below it.
    pub(crate) length: u64,
    /// Bytes of all blocks below it, itself included.
    pub(crate) total: u64,
}

/// A file node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// Bytes of content below it.
    pub(crate) length: u64,
    /// What is below it, in order.
    pub(crate) links: Vec<Link>,
}

impl Node {
    /// The node's block.
    pub(crate) fn write(&self) -> (Cid, Bytes) {
        let link = |link: &Link| FileBranchLink { cid: link.cid.into(), blocksize: link.length, tsize: link.total };
        let links: Vec<_> = self.links.iter().map(link).collect();
        let (cid, bytes) = rebuild_file_branch(self.length, &links, ::cid::Version::V1, Code::Sha2_256);
        let cid = Cid::try_from(cid).expect("the node is dag-pb with SHA-256 by these arguments");
        (cid, bytes.into())
    }

    /// Reads a block; `None` when it is not exactly what [`Self::write`] writes.
    pub(crate) fn read(block: &[u8]) -> Option<Self> {
        let mut rest = Reader(block);
        let mut links = Vec::new();
        while let Some(link) = rest.field(0x12) {
            let mut link = Reader(link);
            let cid = Cid::from_bytes(link.field(0x0a)?).ok()?;
            link.field(0x12).filter(|name| name.is_empty())?;
            links.push(Link { cid, length: 0, total: link.number(0x18)? });
        }
        let mut data = Reader(rest.field(0x0a)?);
        data.number(0x08).filter(|kind| *kind == FILE)?;
        let length = data.number(0x18)?;
        for link in &mut links {
            link.length = data.number(0x20)?;
        }
        let node = Self { length, links };
        (!node.links.is_empty() && node.write().1 == block).then_some(node)
    }
}

/// UnixFS type `File`.
const FILE: u64 = 2;

/// Reads protobuf fields in the order in which they are asked for. What is left over is found by the comparison at the end.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn tag(&mut self, tag: u8) -> Option<()> {
        let (first, rest) = self.0.split_first()?;
        (*first == tag).then(|| self.0 = rest)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// A number under this tag.
    fn number(&mut self, tag: u8) -> Option<u64> {
        self.tag(tag)?;
        self.varint()
    }

    /// Bytes under this tag; takes nothing when another tag is next.
    fn field(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.tag(tag)?;
        let length = usize::try_from(self.varint()?).ok()?;
        let (field, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(field)
    }
}
