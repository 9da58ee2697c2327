//! The state machine through its public boundary: effects, refusals, and what holds for every sequence of transactions.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, in its helpers too")]

mod compatibility;
mod effects;
mod ledger_in_memory;
mod properties;
mod refusals;
