//! The issuer service over HTTP: a real database, request in, answer out. Refusals as much as successes.
//!
//! The ledger is the real state machine in memory; nothing else is replaced. `YUFU_TEST_POSTGRES` with the URL of a PostgreSQL
//! server runs the same tests there, each in a schema of its own; without it they run on SQLite.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, in its helpers too")]

mod canary;
mod configuration;
mod console;
mod credentials;
mod dpop;
mod offers;
mod outbox;
mod papers;
mod renewals;
mod reports;
mod requests;
mod status;
mod support;
