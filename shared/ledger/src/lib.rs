//! The ledger's objects: transactions, blocks, receipts, finality certificates and state proofs, checked without a node.
//!
//! Pure: no async, no I/O, no clock, no randomness, no logging, and no type of the consensus engine. A wallet or a browser that
//! has the genesis file and this crate can check any answer of any node.
//!
//! # How to check an answer with nothing but the genesis file
//!
//! 1. [`TrustRoot::from_genesis`]: the genesis comes from a place of one's own, never from a node. With what was kept of an earlier run
//!    [`TrustRoot::from_bytes`]; with a checkpoint from somebody trusted [`TrustRoot::from_checkpoint`].
//! 2. What is asked for is a [`cell::Subject`]; the SHA-256 of `length of context (1) ‖ "yufu/ledger/state-key/v1" ‖ Borsh(subject)` is the
//!    key. `GET /v1/state/{key}` gives header, certificate, cell, body and proof: a [`proof::Bundle`].
//! 3. [`proof::verify_answer`] gives what is proved, or the reason why nothing is. It checks, in this order:
//!    - the header is Borsh of [`block::Header`] and names this genesis; its digest is the SHA-256 of
//!      `length of context (1) ‖ "yufu/ledger/header/v1" ‖ header`;
//!    - the validators of its epoch are known, and its height and time are the epoch's ([`trust`]);
//!    - a quorum of them signed that digest in its round ([`finality`] has the bytes);
//!    - the cell, or its absence, leads to the header's state root ([`proof`] has the bytes);
//!    - the body hashes to what the cell names.
//! 4. `FinalityError::UnknownEpoch(e)` with e beyond the newest known epoch means that the validators have changed: fetch
//!    `GET /v1/epochs/{newest + 1}` and [`TrustRoot::follow`] it, until e is known; then check the answer again.
//! 5. A proof says what was so at the header's height and time, not that nothing came after: compare `timestamp_ms` with a clock.
//!
//! A transaction in a block is checked with [`proof::verify_transaction`], an item of a batch with [`batch`].
//!
//! | encoding | bytes |
//! |---|---|
//! | header | genesis 32 ‖ height 8 ‖ parent 32 ‖ epoch 8 ‖ view 8 ‖ leader 32 ‖ parent's view 8 ‖ time 8 ‖ transactions root 32 ‖ state root 32 ‖ operations: root 32, start 8, end 8; integers little endian: 248 in all |
//! | cell | version 4 ‖ status 1 ‖ created 8 ‖ updated 8 ‖ SHA-256 of the body 32 ‖ zeros to 64 |
//! | certificate, state proof | [`finality`], [`proof`] |
//! | path in a tree | [`merkle::Inclusion`] |
//! | item of a batch | [`batch`] |
//! | kept answer | [`proof::Bundle`] |
//! | kept trust root | version 1 ‖ genesis 32 ‖ sets: count 4, each a count 4 and keys of 32 ‖ epochs: count 4, each number 8, time since 8, set 2 |

pub mod batch;
pub mod block;
mod bounds;
pub mod cell;
mod codec;
pub mod encoded;
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
