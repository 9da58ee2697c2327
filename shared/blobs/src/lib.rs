//! Encrypted blobs on IPFS: what a citizen declares (a photo, a scan, a JSON document) leaves the device only as ciphertext under a
//! key of its own, named by its CID, and readable only with an envelope sealed to a named reader.
//!
//! - [`seal`]: payload encryption (age v1 STREAM) under a fresh [`BlobKey`] per blob.
//! - [`envelope`]: the blob key, sealed to one reader (HPKE, X-Wing). Kept off IPFS and off the ledger.
//! - [`reader_key`]: the keys that envelopes are sealed to.
//! - [`cid`], [`dag`]: content identifiers and the UnixFS profile `unixfs-v1-2025`; every block is verified before it is used.
//! - [`store`]: what a blob store does; [`embedded`] (files on disk) and [`kubo`] (a Kubo daemon) do it.
//! - [`gateway`], [`car`], [`remote`]: the IPFS trustless gateway, both ends.
//!
//! May assume nothing about bytes that come from a disk, a network or a caller. Refuses plaintext by having no way to store it under
//! a name: only [`seal::Sealed`] knows its CID.

mod answer;

pub mod car;
pub mod cid;
pub mod dag;
pub mod embedded;
pub mod envelope;
pub mod gateway;
pub mod kubo;
mod node;
pub mod reader_key;
pub mod remote;
pub mod seal;
pub mod store;

pub use cid::{Cid, Codec};
pub use dag::Block;
pub use embedded::EmbeddedStore;
pub use envelope::{Envelope, EnvelopeContents};
pub use kubo::KuboStore;
pub use reader_key::{ReaderKeyId, ReaderPublicKey, ReaderSecretKey};
pub use remote::GatewayClient;
pub use seal::{BlobKey, Sealed};
pub use store::{BlobStore, StoreError};
