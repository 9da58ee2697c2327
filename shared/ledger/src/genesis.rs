//! The genesis: what the ledger begins with, and the trust root of everybody who checks it.

use std::collections::BTreeSet;

use borsh::{BorshDeserialize, BorshSerialize};
use identity::canonical::{self, Hash};
use identity::did::Network;
use identity::keys::{Algorithm, PublicKey};
use identity::{Localized, UnixSeconds};
use serde::{Deserialize, Serialize};

use crate::bounds;
use crate::governance::{Governance, ParametersError, Placement, PlacementError, SetError, ValidatorSet};
use crate::limits::{MAX_AUTHORITIES, MAX_VALIDATORS};
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
    /// How the members may change all this. Without it the ledger has one endless epoch and stays as it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub governance: Option<Governance>,
}

/// A validator, or an observer.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
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
    /// `host:port` in the network of validators, unless a node's configuration says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
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
    /// The address is not `host:port`.
    #[error("the address of validator {0} is not host:port")]
    ValidatorAddress(String),
    /// The section on governance is outside its bounds.
    #[error("the genesis's section on governance is outside its bounds")]
    Governance(#[from] ParametersError),
    /// With governance, the validators must be able to vote: their authorities stand in the genesis.
    #[error("validator {0} is run by an authority that the genesis does not name")]
    ValidatorAuthority(String),
    /// With governance, one type has one authority.
    #[error("more than one authority is accredited for {0}")]
    AccreditedTwice(String),
    /// With governance, all validators must fit one record.
    #[error("the validators of the genesis do not make a set")]
    Set(#[from] SetError),
    /// With enforced placement, no cluster may hold more than may fail together.
    #[error("the validators of the genesis are badly placed")]
    Placement(#[from] PlacementError),
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
            if !validator.address.as_deref().is_none_or(bounds::address) {
                return Err(GenesisError::ValidatorAddress(validator.name.clone()));
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
            if !bounds::authority(authority) {
                return Err(GenesisError::AuthorityBounds(authority.id));
            }
        }
        self.governance.as_ref().map_or(Ok(()), |governance| self.check_governance(governance))
    }

    /// What else a governed ledger cannot begin with.
    fn check_governance(&self, governance: &Governance) -> Result<(), GenesisError> {
        governance.check()?;
        let set = self.validator_set();
        set.check()?;
        match governance.parameters.placement {
            Placement::Enforced => set.placement()?,
            Placement::Advisory => {}
        }
        let authorities: BTreeSet<AuthorityId> = self.authorities.iter().map(|authority| authority.id).collect();
        if let Some(stranger) = self.validators.iter().find(|validator| !authorities.contains(&validator.authority)) {
            return Err(GenesisError::ValidatorAuthority(stranger.name.clone()));
        }
        let mut types = BTreeSet::new();
        match self.authorities.iter().flat_map(|authority| &authority.accredited_types).find(|name| !types.insert(*name)) {
            Some(twice) => Err(GenesisError::AccreditedTwice(twice.clone())),
            None => Ok(()),
        }
    }

    /// The validators of epoch 0 as a set: what a governed ledger's state begins with.
    pub fn validator_set(&self) -> ValidatorSet {
        ValidatorSet::new(self.validators.clone(), Vec::new())
    }

    /// The hash of the genesis: SHA-256 over the context and the RFC 8785 canonical JSON.
    pub fn hash(&self) -> Hash {
        let json = serde_json_canonicalizer::to_vec(self).expect("a genesis has only text, whole numbers and lists");
        canonical::hash(CONTEXT, &json)
    }
}
