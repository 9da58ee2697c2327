//! The genesis file, checked, and the block at height 0 that it makes.
//!
//! Refuses a genesis that no ledger could start from. Who the validators and authorities are is agreed outside.

use crate::engine::{
    application::no_operations,
    block::Block,
    types::{Environment, PublicKey},
};
use commonware_codec::{Copying, DecodeExt as _};
use identity::{Algorithm, UnixSeconds};
use ledger::{
    block::{Context, Header, transactions_root},
    genesis::Genesis,
};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Bytes of a genesis file at most.
pub const MAX_GENESIS_BYTES: u64 = 4 * 1024 * 1024;

/// Why a genesis is refused.
#[derive(Debug, thiserror::Error)]
pub enum GenesisError {
    /// The file cannot be read.
    #[error("the genesis file {} cannot be read: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not the JSON of a genesis.
    #[error("the genesis file is not a genesis: {0}")]
    Malformed(String),
    /// No ledger can begin with it.
    #[error("no ledger can begin with this genesis: {0}")]
    Unusable(#[from] ledger::genesis::GenesisError),
    /// The engine does not take a validator's key.
    #[error("the key of validator {0} is not an Ed25519 key")]
    Key(String),
    /// The start is before 1970 or beyond all calendars.
    #[error("the genesis starts at {0} seconds since the Unix epoch, which is no usable time")]
    Start(UnixSeconds),
}

/// A checked genesis.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The genesis as in the file.
    pub genesis: Genesis,
    /// The validators' consensus keys, in the file's order.
    pub keys: Vec<PublicKey>,
    started_at_ms: u64,
}

/// Reads and checks a genesis file.
///
/// # Errors
/// When it cannot be read or no ledger could start from it.
pub fn load(path: &Path) -> Result<Checked, GenesisError> {
    let io = |source| GenesisError::Io { path: path.to_owned(), source };
    if fs::metadata(path).map_err(io)?.len() > MAX_GENESIS_BYTES {
        return Err(GenesisError::Malformed(format!("it has more than {MAX_GENESIS_BYTES} bytes")));
    }
    let bytes = fs::read(path).map_err(io)?;
    let genesis = serde_json::from_slice(&bytes).map_err(|error| GenesisError::Malformed(error.to_string()))?;
    Checked::new(genesis)
}

impl Checked {
    /// Checks a genesis.
    ///
    /// # Errors
    /// When no ledger could start from it.
    pub fn new(genesis: Genesis) -> Result<Self, GenesisError> {
        genesis.check()?;
        let started_at_ms = u64::try_from(genesis.started_at)
            .ok()
            .and_then(|seconds| seconds.checked_mul(1_000))
            .ok_or(GenesisError::Start(genesis.started_at))?;
        let keys = genesis
            .validators
            .iter()
            .map(|validator| consensus_key(&validator.key).ok_or_else(|| GenesisError::Key(validator.name.clone())));
        let keys = keys.collect::<Result<_, _>>()?;
        Ok(Self { genesis, keys, started_at_ms })
    }

    /// The block at height 0. Its state is empty: the records of the genesis are written by the first block.
    pub fn block<E: Environment>(&self) -> Block {
        let leader = self.keys.first().expect("a checked genesis has a validator");
        let header = Header {
            genesis: self.genesis.hash(),
            height: 0,
            parent: [0; 32],
            context: Context {
                epoch: 0,
                view: 0,
                leader: leader.as_ref().try_into().expect("an Ed25519 key has 32 bytes"),
                parent_view: 0,
            },
            timestamp_ms: self.started_at_ms,
            transactions_root: transactions_root(&[]),
            state_root: [0; 32],
            operations: no_operations::<E>(),
        };
        Block::new(ledger::block::Block { header, transactions: Vec::new() }).expect("an empty block is within its bounds")
    }
}

/// A validator's key as the engine's type.
pub fn consensus_key(key: &identity::PublicKey) -> Option<PublicKey> {
    match key.algorithm() {
        Algorithm::Ed25519 => PublicKey::decode(Copying(key.as_bytes())).ok(),
        Algorithm::P256 => None,
    }
}
