//! A department's issuer service: citizens declare, clerks verify and attest, wallets receive credentials.
//!
//! The folders are the story: [`requests`] (what citizens ask for), [`attestations`] (what a clerk decides), [`offers`] and
//! [`credentials`] (OpenID4VCI 1.0), [`renewals`] (new copies without a clerk, by tokens that [`dpop`] binds to a key), [`status`] (Token Status
//! List and revocation), [`anchoring`] (the outbox to the ledger), [`staff`], [`console`] (the clerk's pages), [`reports`] (about websites that
//! it sponsors), [`uploads`] (ciphertext in, the IPFS gateway out).
//!
//! A handler reads: parse, load, decide (`rules`, pure), save, commit, respond. What it acknowledged survives a crash; what goes to the
//! ledger goes through the outbox. No attribute value is in the database, a log, a metric or a URL in the clear.

pub mod anchoring;
pub mod app;
pub mod attestations;
pub mod config;
pub mod console;
pub mod credentials;
pub mod database;
pub mod dpop;
pub mod failure;
pub mod offers;
pub mod openapi;
pub mod renewals;
pub mod reports;
pub mod requests;
pub mod secrets;
pub mod signed;
pub mod staff;
pub mod start;
pub mod status;
pub mod uploads;
