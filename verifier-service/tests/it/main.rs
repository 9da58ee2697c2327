//! The service through its HTTP boundary, with a real database, a real status list server, a wallet made of the identity crate's
//! functions, and a ledger of the real record types that stands in for the nodes.
//!
//! `YUFU_TEST_POSTGRES` with the URL of a PostgreSQL server runs the same tests there, each in a schema of its own; without it
//! they run on SQLite.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, in its helpers too")]

mod browser;
mod city;
mod hostile;
mod ledger;
mod login;
mod privacy;
mod refusals;
mod requests;
mod responses;
mod rights;
mod sessions;
mod setup;
mod wallet;
