//! The engine's types, named once: concrete everywhere but in the runtime, so that the same code runs on
//! tokio and in the deterministic simulator.

use super::{application::Application, block::Block};
use commonware_consensus::{marshal, simplex};
use commonware_cryptography::{Sha256, ed25519, sha256};
use commonware_glue::stateful::{self, db::Shared};
use commonware_parallel::Sequential;
use commonware_runtime::{Clock, Metrics, Spawner, Storage};
use commonware_storage::{mmr, qmdb::current::ordered::fixed, translator::EightCap};
use commonware_utils::sequence::FixedBytes;
use rand_core::CryptoRng;

/// A validator's identity in consensus and on the network.
pub type PublicKey = ed25519::PublicKey;
/// A block digest, a state key, a root.
pub type Digest = sha256::Digest;
/// A state value.
pub type Cell = FixedBytes<{ ledger::cell::CELL_BYTES }>;
/// Votes and certificates.
pub use super::scheme::Scheme;
/// A finality certificate.
pub type Finalization = simplex::types::Finalization<Scheme, Digest>;
/// What consensus says about a block: round, leader, parent.
pub type Consensus = simplex::types::Context<Digest, PublicKey>;
/// The authenticated state.
pub type State<E> = fixed::Db<mmr::Family, E, Digest, Cell, Sha256, EightCap, 32, Sequential>;
/// The state, shared between the engine and proofs.
pub type Databases<E> = Shared<State<E>>;
/// How marshal treats blocks: whole, not erasure coded.
pub type Variant = marshal::standard::Standard<Block>;
/// Ordered blocks and certificates.
pub type Marshal = marshal::core::Mailbox<Scheme, Variant>;
/// Speculative and finalized execution.
pub type Stateful<E> = stateful::Mailbox<E, Application>;

/// What the engine needs from a runtime: satisfied by tokio's and by the deterministic one.
pub trait Environment: CryptoRng + Spawner + Metrics + Clock + Storage {}
impl<T: CryptoRng + Spawner + Metrics + Clock + Storage> Environment for T {}
