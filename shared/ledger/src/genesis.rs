//! The genesis: what the ledger begins with, and the trust root of everybody who checks it.

use std::collections::BTreeSet;

use identity::canonical::{self, Hash};
use identity::did::Network;
use identity::keys::{Algorithm, PublicKey};
use identity::{Localized, UnixSeconds};
use serde::{Deserialize, Serialize};

use crate::bounds;
use crate::limits::{MAX_AUTHORITIES, MAX_AUTHORITY_KEYS, MAX_RECORD_BYTES, MAX_VALIDATORS};
use crate::records::{AuthorityId, AuthorityRecord};

/// Context string of the genesis hash.
pub const CONTEXT: &str = "yufu/ledger/genesis/v1";

/// The genesis file (JSON).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// The network's name in DIDs.
    pub network: Network,
    /// The name that people read.
    pub name: Localized,
    /// When the ledger began.
    pub started_at: UnixSeconds,
    /// The validators of the first epoch.
    pub validators: Vec<Validator>,
    /// The authorities and their accreditations.
    pub authorities: Vec<AuthorityRecord>,
}

/// A validator of the first epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validator {
    /// Its name, unique.
    pub name: String,
    /// The authority that runs it.
    pub authority: AuthorityId,
    /// Its Ed25519 consensus key.
    pub key: PublicKey,
    /// Its cluster, for placement.
    pub cluster: String,
}

/// What makes a genesis unusable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// None, or more than [`MAX_VALIDATORS`].
    #[error("the genesis names no validator, or more than {MAX_VALIDATORS}")]
    ValidatorCount,
    /// Consensus keys are Ed25519.
    #[error("the key of validator {0} is not an Ed25519 key")]
    ValidatorKey(String),
    /// A name or key stands twice.
    #[error("the name or the key of validator {0} stands twice in the genesis")]
    ValidatorTwice(String),
    /// More than [`MAX_AUTHORITIES`].
    #[error("the genesis names more than {MAX_AUTHORITIES} authorities")]
    AuthorityCount,
    /// An id stands twice.
    #[error("authority {0} stands twice in the genesis")]
    AuthorityTwice(AuthorityId),
    /// A text, a list of keys or the whole record is outside its bounds.
    #[error("the record of authority {0} is outside its bounds")]
    AuthorityBounds(AuthorityId),
    /// A name is empty, too long, or holds what nobody can see.
    #[error("a name in the genesis is empty, too long or not plain text")]
    Name,
}

impl Genesis {
    /// Checks everything that a ledger cannot begin with. A node refuses to start, and a client to trust, what fails here.
    ///
    /// # Errors
    /// See [`GenesisError`].
    pub fn check(&self) -> Result<(), GenesisError> {
        if !bounds::localized(&self.name) {
            return Err(GenesisError::Name);
        }
        if !(1..=MAX_VALIDATORS).contains(&self.validators.len()) {
            return Err(GenesisError::ValidatorCount);
        }
        let (mut names, mut keys) = (BTreeSet::new(), BTreeSet::new());
        for validator in &self.validators {
            if !bounds::text(&validator.name) || !bounds::text(&validator.cluster) {
                return Err(GenesisError::Name);
            }
            if validator.key.algorithm() != Algorithm::Ed25519 {
                return Err(GenesisError::ValidatorKey(validator.name.clone()));
            }
            if !names.insert(&validator.name) || !keys.insert(&validator.key) {
                return Err(GenesisError::ValidatorTwice(validator.name.clone()));
            }
        }
        if self.authorities.len() > MAX_AUTHORITIES {
            return Err(GenesisError::AuthorityCount);
        }
        let mut ids = BTreeSet::new();
        for authority in &self.authorities {
            if !ids.insert(authority.id) {
                return Err(GenesisError::AuthorityTwice(authority.id));
            }
            if !authority_fits(authority) {
                return Err(GenesisError::AuthorityBounds(authority.id));
            }
        }
        Ok(())
    }

    /// The hash of the genesis: SHA-256 over the context and the RFC 8785 canonical JSON.
    pub fn hash(&self) -> Hash {
        let json = serde_json_canonicalizer::to_vec(self).expect("a genesis has only text, whole numbers and lists");
        canonical::hash(CONTEXT, &json)
    }
}

fn authority_fits(authority: &AuthorityRecord) -> bool {
    let types: BTreeSet<&String> = authority.accredited_types.iter().collect();
    bounds::localized(&authority.name)
        && authority.ledger_keys.len() <= MAX_AUTHORITY_KEYS
        && authority.credential_keys.len() <= MAX_AUTHORITY_KEYS
        && authority.issuer_url.as_deref().is_none_or(bounds::identifier)
        && types.len() == authority.accredited_types.len()
        && types.iter().all(|name| bounds::identifier(name))
        && canonical::encode(authority).len() <= MAX_RECORD_BYTES
}
