//! The trust root: a genesis that somebody decided to trust, and who may finalize blocks by it, epoch by epoch.
//!
//! The genesis names the validators of epoch 0. The state after the last block of an epoch names those of the next, and the validators
//! of the epoch made that block final. So an answer about `Subject::Validators` as of that block ([`TrustRoot::follow`]) leads from one
//! set to the next, from the genesis or from a [`Checkpoint`] to today. A ledger without governance has the one epoch 0, for ever; the
//! validators of any other are unknown.
//!
//! # What following cannot show: weak subjectivity
//!
//! Whoever holds the keys of a quorum of an *old* set can sign another history from there: other successors, other blocks, any time. No
//! signature tells it from the true one (a long-range attack). What is done about it here:
//!
//! - A root that followed the ledger past an epoch takes nothing from that epoch's validators but the past: a header must have a height
//!   of its epoch and a time between its epoch's beginning and the next known epoch's. Old keys cannot speak of today.
//! - Two last blocks of one epoch that name different successors are never merged: the second is [`TrustError::Fork`], a proof that a
//!   quorum broke the rules or lost its keys.
//! - A root that has not followed for longer than [`TRUST_PERIOD_MS`] says so ([`TrustRoot::needs_checkpoint`]). Its owner then takes a
//!   checkpoint (or confirms the newest epoch) from somebody whom they trust outside of the ledger, as they took the genesis: a
//!   department's counter, the program's release, several nodes' operators. For as long, retired validators must guard or destroy
//!   their keys; after it, their keys harm nobody who follows.
//!
//! A root made from a checkpoint knows nothing of the epochs before it, and believes nothing about them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};
use identity::canonical::{self, DecodeError, Hash};
use identity::keys::{Algorithm, PublicKey};
use serde::{Deserialize, Serialize};

use crate::cell::Subject;
use crate::genesis::{Genesis, GenesisError};
use crate::governance::{SetError, ValidatorSet};
use crate::limits::{MAX_RECORD_BYTES, MAX_VALIDATORS};
use crate::proof::{Answer, AnswerError, verify_answer};
use crate::quorum::quorum;

/// Epochs that a root knows at most. The oldest is forgotten first; a certificate of it is then one of an unknown epoch.
pub const MAX_EPOCHS: usize = 8_192;
/// Runs of epochs with the same validators that a kept root has at most; the newest are kept.
const MAX_SETS: usize = 256;
/// How long a root may go without following before its owner should confirm it from outside the ledger, in milliseconds: 30 days.
pub const TRUST_PERIOD_MS: u64 = 30 * 24 * 60 * 60 * 1_000;
/// Bytes of a kept root at most; one of 8,192 epochs with the same 22 validators has 148 kB.
pub const MAX_ROOT_BYTES: usize = 64 + MAX_SETS * (4 + MAX_VALIDATORS * 32) + MAX_EPOCHS * (8 + 8 + 2);
/// The first byte of a kept root.
const KEPT_VERSION: u8 = 1;

/// A checked genesis with what verification needs of it: the validators of each epoch that is known. Everything else that a client
/// believes follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustRoot {
    genesis: Arc<Genesis>,
    hash: Hash,
    /// By number; never empty.
    epochs: BTreeMap<u64, Epoch>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Epoch {
    /// The time of the last block before the epoch; 0 where that is the genesis.
    since_ms: u64,
    keys: Arc<[[u8; 32]]>,
}

/// Who may finalize the blocks of one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committee<'a> {
    /// The Ed25519 keys, sorted: a validator's place here is its number in a certificate.
    pub keys: &'a [[u8; 32]],
    /// No block of the epoch has an earlier time, in milliseconds since the Unix epoch.
    pub since_ms: u64,
    /// Nor a later one, where a later epoch is known.
    pub until_ms: Option<u64>,
}

impl Committee<'_> {
    /// Signatures that make a block final.
    pub fn quorum(&self) -> usize {
        quorum(self.keys.len())
    }
}

/// The validators of one epoch, to begin from instead of the genesis: taken from a place that its owner trusts, as the genesis is.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// The genesis hash of the ledger.
    #[serde(with = "identity::keys::base64url_array")]
    pub genesis: Hash,
    /// The epoch.
    pub epoch: u64,
    /// The time of the last block before it, in milliseconds since the Unix epoch; 0 for epoch 0.
    pub since_ms: u64,
    /// The Ed25519 keys of its validators, in any order.
    pub validators: Vec<PublicKey>,
}

/// Why a trust root does not become another.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// No ledger can begin with the genesis.
    #[error("the genesis is none that a ledger can begin with")]
    Genesis(#[from] GenesisError),
    /// The checkpoint or the kept root is of another ledger.
    #[error("this is of another ledger")]
    OtherLedger,
    /// The ledger has one endless epoch.
    #[error("this ledger has no governance, and so one epoch only")]
    NotGoverned,
    /// The answer about the next validators is not believed.
    #[error("the change of validators is not proved")]
    Answer(#[from] AnswerError),
    /// The header is not the last of its epoch: a set may still change until then.
    #[error("block {height} is not the last of epoch {epoch}")]
    NotTheLastBlock {
        /// The header's height.
        height: u64,
        /// Its epoch.
        epoch: u64,
    },
    /// The state has no set of validators there, or one that does not decode.
    #[error("the state names no validators that this program can read")]
    NoSet,
    /// The set is one that the ledger would never have.
    #[error("the set of validators is outside its bounds")]
    Set(#[from] SetError),
    /// The known end of the epoch is another: a quorum of the epoch signed two.
    #[error("epoch {0} has two ends: its validators signed two histories, or somebody has their keys")]
    Fork(u64),
    /// The kept root or checkpoint does not hold together.
    #[error("the kept validators are not in their one form")]
    Malformed,
    /// The kept root does not decode.
    #[error("the kept root does not decode")]
    Decode(#[source] DecodeError),
}

impl TrustRoot {
    /// Trusts a genesis, however it came here: the caller has it from a place of its own, never from a node that it asks.
    ///
    /// # Errors
    /// When no ledger can begin with it.
    pub fn from_genesis(genesis: Genesis) -> Result<Self, GenesisError> {
        genesis.check()?;
        let keys = genesis.validator_set().keys_sorted();
        let first = Epoch { since_ms: 0, keys: keys.into() };
        Ok(Self { hash: genesis.hash(), genesis: Arc::new(genesis), epochs: BTreeMap::from([(0, first)]) })
    }

    /// Trusts a genesis and the validators of one epoch of its ledger. Nothing before that epoch is believed.
    ///
    /// # Errors
    /// When either cannot be, or they are of different ledgers.
    pub fn from_checkpoint(genesis: Genesis, checkpoint: &Checkpoint) -> Result<Self, TrustError> {
        let root = Self::from_genesis(genesis)?;
        if checkpoint.genesis != root.hash {
            return Err(TrustError::OtherLedger);
        }
        let key = |key: &PublicKey| <[u8; 32]>::try_from(key.as_bytes()).ok().filter(|_| key.algorithm() == Algorithm::Ed25519);
        let keys: BTreeSet<[u8; 32]> = checkpoint.validators.iter().filter_map(key).collect();
        if keys.len() != checkpoint.validators.len() {
            return Err(TrustError::Malformed);
        }
        let sets = vec![keys.into_iter().collect()];
        root.with_epochs(Kept { version: KEPT_VERSION, genesis: checkpoint.genesis, sets, epochs: vec![checkpoint.entry()] })
    }

    /// The newest known epoch as a checkpoint for somebody who trusts the holder of this root.
    pub fn checkpoint(&self) -> Checkpoint {
        let (epoch, newest) = self.newest();
        let key = |key: &[u8; 32]| PublicKey::from_bytes(Algorithm::Ed25519, key).ok();
        let validators = newest.keys.iter().filter_map(key).collect();
        Checkpoint { genesis: self.hash, epoch, since_ms: newest.since_ms, validators }
    }

    /// Learns the validators of the next epoch from the answer about `Subject::Validators` as of an epoch's last block. Gives the number
    /// of the epoch that is known now. The same again changes nothing.
    ///
    /// # Errors
    /// See [`TrustError`]. The root is then what it was.
    pub fn follow(&mut self, change: &Answer<'_>) -> Result<u64, TrustError> {
        let governance = self.genesis.governance.as_ref().ok_or(TrustError::NotGoverned)?;
        let proven = verify_answer(self, &Subject::Validators, change)?;
        let (height, epoch) = (proven.header.height, proven.header.context.epoch);
        if height != governance.last_height_of(epoch) {
            return Err(TrustError::NotTheLastBlock { height, epoch });
        }
        let body = proven.body.ok_or(TrustError::NoSet)?;
        let set: ValidatorSet = canonical::decode(&body, MAX_RECORD_BYTES).map_err(|_| TrustError::NoSet)?;
        set.check()?;
        let next = epoch.checked_add(1).ok_or(TrustError::NoSet)?;
        let mut keys: Arc<[[u8; 32]]> = set.keys_sorted().into();
        if let Some(known) = self.epochs.get(&epoch).filter(|known| known.keys == keys) {
            // Most epochs have the validators of the one before.
            keys = Arc::clone(&known.keys);
        }
        let learned = Epoch { since_ms: proven.header.timestamp_ms, keys };
        match self.epochs.get(&next) {
            Some(known) if *known == learned => {}
            Some(_) => return Err(TrustError::Fork(epoch)),
            None => {
                self.epochs.insert(next, learned);
                while self.epochs.len() > MAX_EPOCHS {
                    self.epochs.pop_first();
                }
            }
        }
        Ok(next)
    }

    /// The genesis.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// Its hash, which stands in every header and every transaction.
    pub fn hash(&self) -> &Hash {
        &self.hash
    }

    /// The validators of an epoch, if they are known.
    pub fn committee(&self, epoch: u64) -> Option<Committee<'_>> {
        let found = self.epochs.get(&epoch)?;
        let later = epoch.checked_add(1).and_then(|next| self.epochs.range(next..).next());
        Some(Committee { keys: &found.keys, since_ms: found.since_ms, until_ms: later.map(|(_, later)| later.since_ms) })
    }

    /// The numbers of the epochs that are known, ascending.
    pub fn known_epochs(&self) -> impl Iterator<Item = u64> {
        self.epochs.keys().copied()
    }

    /// The number of the newest known epoch.
    pub fn newest_epoch(&self) -> u64 {
        self.newest().0
    }

    /// The Ed25519 keys of the newest known validators, sorted.
    pub fn validators(&self) -> &[[u8; 32]] {
        &self.newest().1.keys
    }

    /// Signatures of the newest known validators that make a block final.
    pub fn quorum(&self) -> usize {
        quorum(self.validators().len())
    }

    /// Whether the newest known validators are from so long before `now_ms` (milliseconds since the Unix epoch) that retired ones among
    /// them may have lost their keys: see the module. Never so on a ledger without governance.
    pub fn needs_checkpoint(&self, now_ms: u64) -> bool {
        let begun_ms = u64::try_from(self.genesis.started_at).unwrap_or_default().saturating_mul(1_000);
        let since_ms = self.newest().1.since_ms.max(begun_ms);
        self.genesis.governance.is_some() && now_ms.saturating_sub(since_ms) > TRUST_PERIOD_MS
    }

    /// What a wallet keeps of what it has followed; the genesis is kept apart. Whoever can change these bytes can name the validators:
    /// they need the same care as the genesis file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut runs: Vec<Vec<(u64, &Epoch)>> = Vec::new();
        for (number, epoch) in &self.epochs {
            match runs.last_mut() {
                Some(run) if run.first().is_some_and(|(_, first)| first.keys == epoch.keys) => run.push((*number, epoch)),
                Some(_) | None => runs.push(vec![(*number, epoch)]),
            }
        }
        let kept_runs = runs.split_off(runs.len().saturating_sub(MAX_SETS));
        let sets = kept_runs.iter().filter_map(|run| run.first()).map(|(_, first)| first.keys.to_vec()).collect();
        let entries = |(run, place): (&Vec<(u64, &Epoch)>, u16)| -> Vec<(u64, u64, u16)> {
            run.iter().map(|(number, epoch)| (*number, epoch.since_ms, place)).collect()
        };
        let epochs = kept_runs.iter().zip(0..).flat_map(entries).collect();
        let kept = Kept { version: KEPT_VERSION, genesis: self.hash, sets, epochs };
        canonical::encode(&kept)
    }

    /// Reads what [`Self::to_bytes`] wrote for this genesis.
    ///
    /// # Errors
    /// When the bytes are not that, or for another genesis.
    pub fn from_bytes(genesis: Genesis, bytes: &[u8]) -> Result<Self, TrustError> {
        let root = Self::from_genesis(genesis)?;
        root.with_epochs(canonical::decode(bytes, MAX_ROOT_BYTES).map_err(TrustError::Decode)?)
    }

    /// The same genesis with these epochs instead.
    fn with_epochs(self, kept: Kept) -> Result<Self, TrustError> {
        if kept.genesis != self.hash {
            return Err(TrustError::OtherLedger);
        }
        let set_fits = |set: &Vec<[u8; 32]>| (1..=MAX_VALIDATORS).contains(&set.len()) && ascends(set);
        let numbers: Vec<u64> = kept.epochs.iter().map(|(number, _, _)| *number).collect();
        let times_ascend = kept.epochs.is_sorted_by_key(|(_, since_ms, _)| *since_ms);
        let bounded =
            (1..=MAX_EPOCHS).contains(&numbers.len()) && kept.sets.len() <= MAX_SETS && ascends(&numbers) && times_ascend;
        if kept.version != KEPT_VERSION || !bounded || !kept.sets.iter().all(set_fits) {
            return Err(TrustError::Malformed);
        }
        let sets: Vec<Arc<[[u8; 32]]>> = kept.sets.into_iter().map(Arc::from).collect();
        let mut epochs = BTreeMap::new();
        for (number, since_ms, set) in kept.epochs {
            let keys = Arc::clone(sets.get(usize::from(set)).ok_or(TrustError::Malformed)?);
            epochs.insert(number, Epoch { since_ms, keys });
        }
        // Epoch 0 is the genesis's, whoever kept it; and without governance there is no other.
        let first_is_the_genesis = epochs.get(&0).is_none_or(|first| self.epochs.get(&0) == Some(first));
        let governed = self.genesis.governance.is_some() || (epochs.len() == 1 && epochs.contains_key(&0));
        if !first_is_the_genesis || !governed {
            return Err(TrustError::Malformed);
        }
        Ok(Self { epochs, ..self })
    }

    fn newest(&self) -> (u64, &Epoch) {
        let (number, epoch) = self.epochs.last_key_value().expect("a root knows at least one epoch");
        (*number, epoch)
    }
}

impl Checkpoint {
    fn entry(&self) -> (u64, u64, u16) {
        (self.epoch, self.since_ms, 0)
    }
}

/// What is kept of a root: each run of equal sets once.
#[derive(BorshSerialize, BorshDeserialize)]
struct Kept {
    version: u8,
    genesis: Hash,
    sets: Vec<Vec<[u8; 32]>>,
    /// Number, time since, place among the sets.
    epochs: Vec<(u64, u64, u16)>,
}

/// Whether each entry is greater than the one before.
fn ascends<T: Ord>(entries: &[T]) -> bool {
    entries.is_sorted_by(|one, next| one < next)
}
