//! The ledger node: consensus engine, mempool, store, and RPC.

pub mod admission;
pub mod bodies;
pub mod config;
pub mod disk;
pub mod durable;
pub mod engine;
pub mod execution;
pub mod folder;
pub mod genesis;
pub mod gossip;
pub mod guard;
pub mod head;
pub mod history;
pub mod key;
pub mod kinds;
pub mod mempool;
pub mod neighbours;
pub mod node;
pub mod observations;
pub mod peers;
pub mod progress;
pub mod rpc;
pub mod search;
pub mod store;
pub mod topology;
pub mod upkeep;
