//! The state machine through its public boundary: effects, refusals, and what holds for every sequence of transactions.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, in its helpers too")]

mod city;
mod compatibility;
mod contracts;
mod effects;
mod governed_properties;
mod ledger_in_memory;
mod members;
mod ownership;
mod properties;
mod refusals;
mod registers;
mod votes;
