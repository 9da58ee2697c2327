//! Clients of the ledger, blob stores, issuers and verifiers that check what they fetch.
//!
//! - [`environment`]: time and randomness, given as arguments to everything else.
//! - [`chain`]: the ledger, believed by proof and not by node.
//! - [`blobs`]: encrypted blobs, believed by hash.
//! - [`issuer`], [`verifier`]: the protocols of wallets with departments and websites; [`dpop`]: tokens bound to a key.
//! - [`http`]: the limits that all of them share.
//!
//! May assume that its caller verifies credentials and request objects. Refuses answers that are late, too long, not about what was
//! asked, or that send a wallet to an address that is neither https nor this machine.

pub mod blobs;
pub mod chain;
pub mod dpop;
pub mod environment;
pub mod http;
pub mod issuer;
pub mod verifier;

pub use chain::{AsOf, ChainClient, ChainError};
pub use environment::{Clock, Environment, Random};
