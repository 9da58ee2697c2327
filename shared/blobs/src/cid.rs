//! The content identifiers that Yufu accepts: CIDv1, codec `raw` or `dag-pb`, SHA-256.
//!
//! A [`Cid`] is valid by construction. Everything else that the CID specification allows (version 0, the identity hash that
//! carries its content, other hashes and codecs) is refused when it is parsed, so that nothing behind this type asks again.

use std::fmt;
use std::str::FromStr;

use ::cid::multihash::Multihash;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Multicodec `raw`.
const RAW: u64 = 0x55;
/// Multicodec `dag-pb`.
const DAG_PB: u64 = 0x70;
/// Multihash `sha2-256`.
const SHA2_256: u64 = 0x12;
/// The longest text of a CID that is read at all; base32 needs 59 characters, base16 73.
const MAX_TEXT_BYTES: usize = 100;

/// How a block's bytes are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// The bytes are content.
    Raw,
    /// The bytes are a UnixFS node that links to content.
    DagPb,
}

impl Codec {
    fn code(self) -> u64 {
        match self {
            Self::Raw => RAW,
            Self::DagPb => DAG_PB,
        }
    }
}

/// Why a content identifier is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CidError {
    /// Not a CID at all.
    #[error("this is not a content identifier (CID)")]
    Malformed,
    /// A CIDv0 (`Qm…`).
    #[error("only version 1 content identifiers are accepted")]
    Version,
    /// Neither `raw` nor `dag-pb`.
    #[error("only content identifiers with the codecs raw and dag-pb are accepted")]
    Codec,
    /// Not SHA-256 with 32 bytes: the identity hash among others.
    #[error("only content identifiers with a SHA-256 hash are accepted")]
    Hash,
}

/// The name of a block: its codec and the SHA-256 of its bytes. The CID of a blob's root block is the blob's name.
///
/// Text is multibase base32 (`bafkrei…`, `bafybei…`); binary is the 36 bytes of the CID specification.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cid {
    codec: Codec,
    digest: [u8; 32],
}

impl Cid {
    /// Length of the binary form.
    pub const BYTES: usize = 36;

    /// The name of these bytes as one block.
    pub fn of_block(codec: Codec, bytes: &[u8]) -> Self {
        Self { codec, digest: Sha256::digest(bytes).into() }
    }

    /// Codec and digest together.
    pub fn from_parts(codec: Codec, digest: [u8; 32]) -> Self {
        Self { codec, digest }
    }

    /// Reads the binary form.
    ///
    /// # Errors
    /// A [`CidError`] for everything but a CIDv1 of codec raw or dag-pb with SHA-256.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CidError> {
        if bytes.len() > MAX_TEXT_BYTES {
            return Err(CidError::Malformed);
        }
        ::cid::Cid::try_from(bytes).map_err(|_| CidError::Malformed)?.try_into()
    }

    /// The binary form.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let bytes = ::cid::Cid::from(*self).to_bytes();
        bytes.try_into().expect("version, codec, hash and length take one byte each, the digest 32")
    }

    /// How the block is to be read.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// The SHA-256 of the block. For a blob of up to 1 MiB: of the blob itself.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

impl TryFrom<::cid::Cid> for Cid {
    type Error = CidError;

    fn try_from(cid: ::cid::Cid) -> Result<Self, CidError> {
        if cid.version() != ::cid::Version::V1 {
            return Err(CidError::Version);
        }
        let codec = match cid.codec() {
            RAW => Codec::Raw,
            DAG_PB => Codec::DagPb,
            _ => return Err(CidError::Codec),
        };
        if cid.hash().code() != SHA2_256 {
            return Err(CidError::Hash);
        }
        let digest = cid.hash().digest().try_into().map_err(|_| CidError::Hash)?;
        Ok(Self { codec, digest })
    }
}

impl From<Cid> for ::cid::Cid {
    fn from(cid: Cid) -> Self {
        let hash = Multihash::wrap(SHA2_256, &cid.digest).expect("a multihash holds 64 bytes, the digest has 32");
        Self::new_v1(cid.codec.code(), hash)
    }
}

impl fmt::Display for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ::cid::Cid::from(*self).fmt(f)
    }
}

impl fmt::Debug for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Cid {
    type Err = CidError;

    fn from_str(text: &str) -> Result<Self, CidError> {
        // The `cid` crate also takes `/ipfs/…` paths and `Qm…`; a CID here is the CID alone.
        if text.len() > MAX_TEXT_BYTES || text.contains('/') {
            return Err(CidError::Malformed);
        }
        ::cid::Cid::try_from(text).map_err(|_| CidError::Malformed)?.try_into()
    }
}

impl Serialize for Cid {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cid {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str> as Deserialize>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl BorshSerialize for Cid {
    fn serialize<W: std::io::Write>(&self, writer: &mut W) -> std::io::Result<()> {
        writer.write_all(&self.to_bytes())
    }
}

impl BorshDeserialize for Cid {
    fn deserialize_reader<R: std::io::Read>(reader: &mut R) -> std::io::Result<Self> {
        let bytes = <[u8; Self::BYTES]>::deserialize_reader(reader)?;
        Self::from_bytes(&bytes).map_err(|e| std::io::Error::new(std::io::ErrorKind::InvalidData, e))
    }
}
