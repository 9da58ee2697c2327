//! CARv1 (<https://ipld.io/specs/transport/car/carv1/>): a blob's blocks in one stream, as the trustless gateway sends them.
//!
//! Reading takes blocks in any order, verifies each against its CID before it is kept, and refuses a file that lacks a block of the
//! blob or holds more than a blob may have. The roots in its header are not looked at, as the trustless gateway's specification
//! advises: the caller knows which blob it asked for.

use std::collections::HashMap;

use bytes::{Buf as _, Bytes};

use crate::cid::Cid;
use crate::dag::{self, Block, DagError};

/// The most bytes of a CAR: the largest blob, and 128 bytes around each of its blocks and for the header.
pub const MAX_CAR_BYTES: usize = dag::MAX_BLOB_BYTES + dag::MAX_BLOCKS * 128 + dag::MAX_LINKS * dag::MAX_NODE_BYTES;

/// The longest header that is read: one root takes 59 bytes.
const MAX_HEADER_BYTES: usize = 1024;

/// Why a CAR is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CarError {
    /// Does not begin with the header of a CARv1.
    #[error("the bytes are not a CAR of version 1")]
    Header,
    /// Ends within a section, or a section does not begin with a CID that is accepted here.
    #[error("the CAR is cut off or malformed")]
    Malformed,
    /// More than [`MAX_CAR_BYTES`], or more blocks than a blob may have.
    #[error("the CAR holds more than a blob may have")]
    TooLarge,
    /// A block of the blob is not in it.
    #[error("block {cid} is missing in the CAR")]
    Missing {
        /// The block.
        cid: Cid,
    },
    /// A block is not what its CID names, or the blocks are not a blob.
    #[error("the CAR holds bad data")]
    Bad(#[source] DagError),
}

/// The header: the DAG-CBOR map `{"roots": [root], "version": 1}` and its length before it. It has one encoding.
pub fn header(root: Cid) -> Bytes {
    let mut cbor = Vec::with_capacity(64);
    cbor.extend_from_slice(b"\xa2\x65roots\x81\xd8\x2a\x58\x25\x00");
    cbor.extend_from_slice(&root.to_bytes());
    cbor.extend_from_slice(b"\x67version\x01");
    let mut bytes = varint(cbor.len());
    bytes.extend_from_slice(&cbor);
    bytes.into()
}

/// What comes before a block's bytes: the length of CID and bytes, then the CID.
pub fn section_prefix(block: &Block) -> Bytes {
    let mut bytes = varint(Cid::BYTES + block.bytes().len());
    bytes.extend_from_slice(&block.cid().to_bytes());
    bytes.into()
}

/// Reads a CAR into the blob that `root` names.
///
/// # Errors
/// A [`CarError`]; there is no blob then.
pub fn read_blob(root: Cid, mut car: Bytes) -> Result<Bytes, CarError> {
    if car.len() > MAX_CAR_BYTES {
        return Err(CarError::TooLarge);
    }
    let header_length = read_varint(&mut car)?;
    if header_length > MAX_HEADER_BYTES || header_length > car.len() {
        return Err(CarError::Header);
    }
    // In DAG-CBOR the key `roots` sorts before `version`, so every CARv1 header begins and ends like this.
    let header = car.split_to(header_length);
    if !(header.starts_with(b"\xa2\x65roots") && header.ends_with(b"\x67version\x01")) {
        return Err(CarError::Header);
    }
    let mut blocks = HashMap::new();
    let mut sections = 0;
    while !car.is_empty() {
        sections += 1;
        if sections > dag::MAX_BLOCKS {
            return Err(CarError::TooLarge);
        }
        let block = read_section(&mut car)?;
        blocks.insert(block.cid(), block);
    }
    let mut walk = dag::Walk::new(root);
    while let Some(cid) = walk.next_cid() {
        let block = blocks.get(&cid).ok_or(CarError::Missing { cid })?;
        walk.supply(block).map_err(CarError::Bad)?;
    }
    Ok(walk.into_blob())
}

fn read_section(car: &mut Bytes) -> Result<Block, CarError> {
    let length = read_varint(car)?;
    if length < Cid::BYTES || length > car.len() {
        return Err(CarError::Malformed);
    }
    let mut section = car.split_to(length);
    let cid = Cid::from_bytes(&section.split_to(Cid::BYTES)).map_err(|_| CarError::Malformed)?;
    Block::verify(cid, section).map_err(CarError::Bad)
}

/// An unsigned LEB128 number, as multiformats write it.
fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64);
    loop {
        let low = u8::try_from(value & 0x7f).expect("seven bits fit eight");
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// Reads a [`varint`] of at most four bytes (268 million, above every limit here) in its shortest form.
fn read_varint(bytes: &mut Bytes) -> Result<usize, CarError> {
    let mut value = 0_usize;
    for shift in [0, 7, 14, 21] {
        if bytes.is_empty() {
            return Err(CarError::Malformed);
        }
        let byte = bytes.get_u8();
        value |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let shortest = shift == 0 || byte != 0;
            return if shortest { Ok(value) } else { Err(CarError::Malformed) };
        }
    }
    Err(CarError::Malformed)
}
