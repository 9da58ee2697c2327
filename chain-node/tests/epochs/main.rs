//! Membership by epochs, in the deterministic runtime: who is admitted, removed or given another key serves from the next epoch on,
//! nothing stops meanwhile, and everybody who comes late can follow.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, in its helpers too")]

mod changes;
mod equivocation;
mod late;
mod pruned;
mod stopping;
mod world;
