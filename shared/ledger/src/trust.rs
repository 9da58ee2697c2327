//! The trust root: a genesis that somebody decided to trust, and who may finalize blocks by it.

use identity::canonical::Hash;

use crate::genesis::{Genesis, GenesisError};
use crate::quorum::quorum;

/// A checked genesis with what verification needs of it. Everything else that a client believes follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustRoot {
    genesis: Genesis,
    hash: Hash,
    validators: Vec<[u8; 32]>,
}

impl TrustRoot {
    /// Trusts a genesis, however it came here: the caller has it from a place of its own, never from a node that it asks.
    ///
    /// # Errors
    /// When no ledger can begin with it.
    pub fn from_genesis(genesis: Genesis) -> Result<Self, GenesisError> {
        genesis.check()?;
        let key = |bytes: &[u8]| bytes.try_into().expect("the check leaves only Ed25519 keys, which have 32 bytes");
        let mut validators: Vec<[u8; 32]> = genesis.validators.iter().map(|validator| key(validator.key.as_bytes())).collect();
        validators.sort_unstable();
        Ok(Self { hash: genesis.hash(), genesis, validators })
    }

    /// The genesis.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// Its hash, which stands in every header and every transaction.
    pub fn hash(&self) -> &Hash {
        &self.hash
    }

    /// The Ed25519 keys of the validators, sorted: a validator's place here is its number in a certificate.
    pub fn validators(&self) -> &[[u8; 32]] {
        &self.validators
    }

    /// Signatures that make a block final.
    pub fn quorum(&self) -> usize {
        quorum(self.validators.len())
    }
}
