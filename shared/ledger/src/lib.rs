//! The ledger's objects: transactions, blocks, receipts, finality certificates and state proofs, checked without a node.
//!
//! Pure: no async, no I/O, no clock, no randomness, no logging, and no type of the consensus engine. A wallet or a browser that
//! has the genesis file and this crate can check any answer of any node.

pub mod batch;
pub mod block;
mod bounds;
pub mod cell;
mod codec;
pub mod evidence;
pub mod finality;
pub mod genesis;
pub mod governance;
pub mod limits;
pub mod merkle;
pub mod proof;
pub mod quorum;
pub mod receipt;
pub mod records;
pub mod transaction;
pub mod trust;

pub use cell::CELL_BYTES;
pub use codec::Malformed;
pub use identity::canonical::{self, Hash};
pub use trust::TrustRoot;
