//! Governance: who validates, who may decide about it, and what a decision may change.
//!
//! Everything here hangs on the genesis's optional [`Governance`] section. Without it a ledger has one endless epoch and the validators of
//! its genesis. Checks what can be said of these objects alone; whether they fit the ledger as it stands is for the state machine.

use std::collections::{BTreeMap, BTreeSet};

use borsh::{BorshDeserialize, BorshSerialize};
use identity::canonical::{self, Hash};
use identity::keys::{Algorithm, KeyError, PublicKey, SecretKey, Signature};
use serde::{Deserialize, Serialize};

use crate::bounds;
use crate::genesis::Validator;
use crate::limits::{
    MAX_AUTHORITY_KEYS, MAX_CHANGE_BYTES, MAX_GOVERNANCE_BLOCKS, MAX_RECORD_BYTES, MAX_VALIDATORS, MIN_EPOCH_BLOCKS,
};
use crate::quorum::faults_tolerated;
use crate::records::{AuthorityId, AuthorityRecord};
use crate::transaction::TransactionId;

/// Context string of the proof that a validator's or observer's key is in its operator's hands.
pub const ADMISSION_CONTEXT: &str = "yufu/ledger/validator-admission/v1";

/// The genesis's section on governance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Governance {
    /// Blocks of one epoch, the term of one set of validators: 4 to 1,000,000.
    pub epoch_blocks: u64,
    /// The parameters that the ledger begins with.
    pub parameters: Parameters,
}

/// What the members may change by a vote.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// The share of the voters that must approve.
    pub approval: Fraction,
    /// Blocks after a proposal in which it may be voted on; and, after the notice, in which it may be enacted. From 1.
    pub voting_blocks: u64,
    /// Blocks between approval and enactment, so that everybody can see what comes. From 1.
    pub notice_blocks: u64,
    /// Whether the clusters of the validators are watched over.
    pub placement: Placement,
}

/// A share above one half, at most one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fraction {
    /// Above the line.
    pub numerator: u8,
    /// Below the line.
    pub denominator: u8,
}

/// What the ledger does about validators of which too many are in one cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// Nothing: clusters are for people to read.
    Advisory,
    /// No change by vote may leave a cluster with more than f = ⌊(n − 1) / 3⌋ validators, so that the loss of any one is survived.
    Enforced,
}

/// The parameters or the epoch's length are outside their bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParametersError {
    /// Not in 4 to 1,000,000.
    #[error("an epoch has {MIN_EPOCH_BLOCKS} to {MAX_GOVERNANCE_BLOCKS} blocks")]
    EpochBlocks,
    /// Not above one half, or above one.
    #[error("the share that approves is above one half and at most one")]
    Approval,
    /// Not in 1 to 1,000,000.
    #[error("the blocks for voting and for notice are 1 to {MAX_GOVERNANCE_BLOCKS}")]
    Blocks,
}

impl Governance {
    /// Checks the bounds.
    ///
    /// # Errors
    /// See [`ParametersError`].
    pub fn check(&self) -> Result<(), ParametersError> {
        if !(MIN_EPOCH_BLOCKS..=MAX_GOVERNANCE_BLOCKS).contains(&self.epoch_blocks) {
            return Err(ParametersError::EpochBlocks);
        }
        self.parameters.check()
    }

    /// The epoch that the block of this height is of: ⌊height / epoch_blocks⌋, as the engine's `FixedEpocher` counts. Epoch 0 begins
    /// with the genesis at height 0, and so has one block less to agree on.
    pub fn epoch_of(&self, height: u64) -> u64 {
        // A checked section has no zero here; one that nobody checked has one epoch.
        height.checked_div(self.epoch_blocks).unwrap_or_default()
    }

    /// The height of the last block of an epoch: the one whose state names the validators of the next. It is
    /// `(epoch + 1) × epoch_blocks − 1`, or the last height there can be.
    pub fn last_height_of(&self, epoch: u64) -> u64 {
        let next = epoch.checked_add(1).and_then(|next| next.checked_mul(self.epoch_blocks));
        next.map_or(u64::MAX, |first_of_next| first_of_next.saturating_sub(1))
    }
}

impl Parameters {
    /// Checks the bounds.
    ///
    /// # Errors
    /// See [`ParametersError`].
    pub fn check(&self) -> Result<(), ParametersError> {
        let Fraction { numerator, denominator } = self.approval;
        if numerator > denominator || u16::from(numerator) * 2 <= u16::from(denominator) {
            return Err(ParametersError::Approval);
        }
        let blocks = |count: u64| (1..=MAX_GOVERNANCE_BLOCKS).contains(&count);
        if blocks(self.voting_blocks) && blocks(self.notice_blocks) { Ok(()) } else { Err(ParametersError::Blocks) }
    }
}

impl Fraction {
    /// Whether `approvals` of `voters` are this share or more.
    pub fn reached(self, approvals: usize, voters: usize) -> bool {
        approvals >= self.needed(voters)
    }

    /// The least number of approvals among `voters` that is this share: the quotient, rounded up.
    pub fn needed(self, voters: usize) -> usize {
        let denominator = usize::from(self.denominator).max(1);
        voters.saturating_mul(usize::from(self.numerator)).div_ceil(denominator)
    }
}

/// The validators and observers of the next epoch as of a block: the body at `Subject::Validators`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidatorSet {
    /// Who will vote, sorted by name.
    pub validators: Vec<Validator>,
    /// Who will follow without a vote, sorted by name.
    pub observers: Vec<Validator>,
}

/// What makes a set unusable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// No validator, or more than [`MAX_VALIDATORS`] validators and observers.
    #[error("a set has at least one validator, and at most {MAX_VALIDATORS} validators and observers")]
    Count,
    /// Consensus keys are Ed25519.
    #[error("the key of {0} is not an Ed25519 key")]
    Key(String),
    /// A name or key stands twice.
    #[error("the name or the key of {0} stands twice")]
    Twice(String),
    /// A name or cluster is not plain text, or an address is not `host:port`.
    #[error("a name, cluster or address of '{0}' is outside its bounds")]
    Text(String),
    /// A list is not in the order of the names.
    #[error("the set is not in the order of the names")]
    Order,
    /// The whole is longer than a record may be.
    #[error("the set has more than {MAX_RECORD_BYTES} bytes")]
    TooLong,
}

/// A cluster holds more validators than may fail.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cluster '{cluster}' holds {held} validators, and only {tolerated} may fail together")]
pub struct PlacementError {
    /// The cluster.
    pub cluster: String,
    /// Its validators.
    pub held: usize,
    /// How many may fail: f.
    pub tolerated: usize,
}

impl ValidatorSet {
    /// A set in its order.
    pub fn new(validators: Vec<Validator>, observers: Vec<Validator>) -> Self {
        let mut set = Self { validators, observers };
        set.validators.sort_by(|one, other| one.name.cmp(&other.name));
        set.observers.sort_by(|one, other| one.name.cmp(&other.name));
        set
    }

    /// Checks count, names, keys, addresses and order.
    ///
    /// # Errors
    /// See [`SetError`].
    pub fn check(&self) -> Result<(), SetError> {
        if self.validators.is_empty() || self.validators.len().saturating_add(self.observers.len()) > MAX_VALIDATORS {
            return Err(SetError::Count);
        }
        let (mut names, mut keys) = (BTreeSet::new(), BTreeSet::new());
        for member in self.validators.iter().chain(&self.observers) {
            if !validator_fits(member) {
                return Err(SetError::Text(member.name.clone()));
            }
            if member.key.algorithm() != Algorithm::Ed25519 {
                return Err(SetError::Key(member.name.clone()));
            }
            if !names.insert(&member.name) || !keys.insert(&member.key) {
                return Err(SetError::Twice(member.name.clone()));
            }
        }
        if !self.validators.is_sorted_by_key(|member| &member.name) || !self.observers.is_sorted_by_key(|member| &member.name) {
            return Err(SetError::Order);
        }
        if canonical::encode(self).len() > MAX_RECORD_BYTES { Err(SetError::TooLong) } else { Ok(()) }
    }

    /// Checks that no cluster holds more validators than may fail.
    ///
    /// # Errors
    /// The first cluster that does, by name.
    pub fn placement(&self) -> Result<(), PlacementError> {
        let tolerated = faults_tolerated(self.validators.len());
        let mut clusters = BTreeMap::<&str, usize>::new();
        for validator in &self.validators {
            let held = clusters.entry(&validator.cluster).or_default();
            *held = held.saturating_add(1);
        }
        match clusters.into_iter().find(|(_, held)| *held > tolerated) {
            Some((cluster, held)) => Err(PlacementError { cluster: cluster.to_owned(), held, tolerated }),
            None => Ok(()),
        }
    }

    /// The Ed25519 keys of the validators, sorted: a validator's place here is its number in a certificate. The set was checked;
    /// a key of another algorithm would be left out.
    pub fn keys_sorted(&self) -> Vec<[u8; 32]> {
        let mut keys: Vec<[u8; 32]> = self.validators.iter().filter_map(|member| member.key.as_bytes().try_into().ok()).collect();
        keys.sort_unstable();
        keys
    }

    /// The authorities that run a validator, each once: who may vote.
    pub fn voters(&self) -> BTreeSet<AuthorityId> {
        self.validators.iter().map(|validator| validator.authority).collect()
    }
}

/// What the key of a new validator or observer signs: that it agrees to stand for this name and authority on this ledger. Nobody
/// can have a key admitted that is not in the hands of who will run it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Admission {
    /// The ledger.
    pub genesis: Hash,
    /// The validator's or observer's name.
    pub name: String,
    /// The authority that will run it.
    pub authority: AuthorityId,
}

impl Admission {
    /// The proof of possession by the consensus key itself.
    pub fn sign(&self, key: &SecretKey) -> Signature {
        key.sign(&canonical::with_context(ADMISSION_CONTEXT, self))
    }

    /// Checks the proof.
    ///
    /// # Errors
    /// When it is not this key's over this admission.
    pub fn verify(&self, key: &PublicKey, proof: &Signature) -> Result<(), KeyError> {
        key.verify(&canonical::with_context(ADMISSION_CONTEXT, self), proof)
    }
}

/// What a proposal changes when it is enacted. The order of the variants is the wire format.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// A validator from the next epoch on. An observer of this name, authority and key becomes one.
    AdmitValidator {
        /// The validator.
        validator: Validator,
        /// Its key's signature over [`Admission`].
        proof: Signature,
    },
    /// No longer a validator from the next epoch on. Its key never returns.
    RemoveValidator {
        /// The validator.
        name: String,
    },
    /// Another consensus key from the next epoch on. The old one never returns.
    RotateValidatorKey {
        /// The validator.
        name: String,
        /// The new key.
        key: PublicKey,
        /// The new key's signature over [`Admission`].
        proof: Signature,
    },
    /// An observer from the next epoch on: it follows and serves, and has no vote.
    AdmitObserver {
        /// The observer.
        observer: Validator,
        /// Its key's signature over [`Admission`].
        proof: Signature,
    },
    /// No longer an observer from the next epoch on.
    RemoveObserver {
        /// The observer.
        name: String,
    },
    /// A new authority. It has no accreditation yet.
    AdmitAuthority(AuthorityRecord),
    /// Other keys for an authority, all at once.
    ReplaceAuthorityKeys {
        /// The authority.
        authority: AuthorityId,
        /// Its ledger keys from now on, at least one.
        ledger_keys: Vec<PublicKey>,
        /// Its credential keys from now on.
        credential_keys: Vec<PublicKey>,
    },
    /// The authority may send nothing and sign nothing that counts, until it is restored.
    SuspendAuthority(AuthorityId),
    /// The suspended authority acts again.
    RestoreAuthority(AuthorityId),
    /// The authority is the one that attests this type.
    Accredit {
        /// The authority.
        authority: AuthorityId,
        /// The attestation type.
        attestation_type: String,
    },
    /// Nobody attests this type for now.
    SuspendAccreditation(String),
    /// The authority that attested the suspended type does so again.
    RestoreAccreditation(String),
    /// Nobody attests this type, until somebody is accredited anew.
    WithdrawAccreditation(String),
    /// Whether the authority may register websites and counters.
    AllowSponsoring {
        /// The authority.
        authority: AuthorityId,
        /// Whether it may.
        allowed: bool,
    },
    /// Other parameters, all at once.
    SetParameters(Parameters),
}

impl Change {
    /// Whether every field is within its bounds.
    pub(crate) fn fits(&self) -> bool {
        let keys =
            |keys: &[PublicKey]| keys.len() <= MAX_AUTHORITY_KEYS && keys.iter().collect::<BTreeSet<_>>().len() == keys.len();
        let fits = match self {
            Self::AdmitValidator { validator: member, proof: _ } | Self::AdmitObserver { observer: member, proof: _ } => {
                validator_fits(member) && member.key.algorithm() == Algorithm::Ed25519
            }
            Self::RemoveValidator { name } | Self::RemoveObserver { name } => bounds::text(name),
            Self::RotateValidatorKey { name, key, proof: _ } => bounds::text(name) && key.algorithm() == Algorithm::Ed25519,
            Self::AdmitAuthority(record) => bounds::authority(record) && record.accredited_types.is_empty(),
            Self::ReplaceAuthorityKeys { authority: _, ledger_keys, credential_keys } => {
                !ledger_keys.is_empty() && keys(ledger_keys) && keys(credential_keys)
            }
            Self::SuspendAuthority(_) | Self::RestoreAuthority(_) | Self::AllowSponsoring { authority: _, allowed: _ } => true,
            Self::Accredit { authority: _, attestation_type: name }
            | Self::SuspendAccreditation(name)
            | Self::RestoreAccreditation(name)
            | Self::WithdrawAccreditation(name) => bounds::identifier(name),
            Self::SetParameters(parameters) => parameters.check().is_ok(),
        };
        fits && canonical::encode(self).len() <= MAX_CHANGE_BYTES
    }
}

/// The texts of a validator or observer.
pub(crate) fn validator_fits(validator: &Validator) -> bool {
    bounds::text(&validator.name) && bounds::text(&validator.cluster) && validator.address.as_deref().is_none_or(bounds::address)
}

/// The id of a proposal: that of the transaction that proposed it.
pub type ProposalId = TransactionId;

/// A proposal and what became of it: the body at `Subject::Proposal`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProposalRecord {
    /// Who proposed it.
    pub proposer: AuthorityId,
    /// What it changes.
    pub change: Change,
    /// The height at which it was proposed.
    pub proposed_at: u64,
    /// The ballots in the order in which they were cast; the first is the proposer's.
    pub ballots: Vec<Ballot>,
    /// How far it is.
    pub stage: Stage,
}

/// One authority's ballot. It may not be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ballot {
    /// Whose it is.
    pub authority: AuthorityId,
    /// For or against.
    pub approve: bool,
    /// The height at which it was cast.
    pub height: u64,
}

/// How far a proposal is. That it expired is not written down: see [`ProposalRecord::expired`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Stage {
    /// It may be voted on.
    Open,
    /// Enough voters approved; after the notice it may be enacted.
    Approved {
        /// When.
        height: u64,
    },
    /// Enough voters were against it that it cannot be approved.
    Rejected {
        /// When.
        height: u64,
    },
    /// Its proposer took it back.
    Withdrawn {
        /// When.
        height: u64,
    },
    /// It took effect.
    Enacted {
        /// When.
        height: u64,
    },
}

impl ProposalRecord {
    /// The last height at which it may be voted on.
    pub fn last_vote(&self, parameters: &Parameters) -> u64 {
        self.proposed_at.saturating_add(parameters.voting_blocks)
    }

    /// The first and the last height at which it may be enacted; `None` unless it is approved.
    pub fn enactment(&self, parameters: &Parameters) -> Option<(u64, u64)> {
        match self.stage {
            Stage::Approved { height } => {
                let first = height.saturating_add(parameters.notice_blocks);
                Some((first, first.saturating_add(parameters.voting_blocks)))
            }
            Stage::Open | Stage::Rejected { .. } | Stage::Withdrawn { .. } | Stage::Enacted { .. } => None,
        }
    }

    /// Whether its time is over at this height without a decision, or without the enactment of one.
    pub fn expired(&self, height: u64, parameters: &Parameters) -> bool {
        match self.stage {
            Stage::Open => height > self.last_vote(parameters),
            Stage::Approved { .. } => self.enactment(parameters).is_some_and(|(_, last)| height > last),
            Stage::Rejected { .. } | Stage::Withdrawn { .. } | Stage::Enacted { .. } => false,
        }
    }
}

/// Who attests a type: the body at `Subject::Accreditation`. The cell's status is an [`AccreditationStatus`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccreditationRecord {
    /// The one authority.
    pub authority: AuthorityId,
}

/// The status of an accreditation. The numbers are the cell's `status` byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum AccreditationStatus {
    /// The authority attests the type.
    InForce = 0,
    /// It does not for now.
    Suspended = 1,
    /// It does no longer.
    Withdrawn = 2,
}

/// Whose consensus key it is or was: the body at `Subject::ConsensusKey`. The cell's status is 0 while it is of the next epoch's set, and 1
/// once it is retired; a retired key never returns.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsensusKeyRecord {
    /// The validator's name.
    pub validator: String,
    /// The authority that runs it.
    pub authority: AuthorityId,
}
