//! Which members serve which epoch, and what proves it.
//!
//! The set of epoch e + 1 is the record at `Subject::Validators` in the state of the last block of epoch e. That block's hook hands it over
//! with its proof, and it lies in the node's store before the engine may acknowledge the block: a node that stopped on either side of
//! the boundary finds it or makes it again. Without governance there is one epoch, and its members are those of the genesis.

use super::{
    members::{Member, Members, Membership},
    types::{PublicKey, Scheme},
};
use crate::{genesis::Checked, guard::VoteGuard, store::Store};
use borsh::{BorshDeserialize, BorshSerialize};
use commonware_codec::{Copying, DecodeExt as _};
use commonware_consensus::types::{Epoch, FixedEpocher};
use commonware_cryptography::{
    Signer as _,
    certificate::{self, Scoped},
    ed25519::PrivateKey,
};
use commonware_utils::ordered::Set;
use identity::canonical;
use ledger::{
    Hash,
    block::Header,
    cell::{CELL_BYTES, StateKey, Subject},
    finality,
    governance::{Governance, ValidatorSet},
    limits::{MAX_HEADER_BYTES, MAX_PROOF_BYTES, MAX_RECORD_BYTES},
};
use std::{
    collections::{BTreeMap, HashMap},
    num::NonZeroU64,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::watch;

/// Blocks of an epoch that does not end.
const ENDLESS: NonZeroU64 = NonZeroU64::MAX;
/// Schemes kept in memory; older ones are made again from the store.
const SCHEMES: usize = 32;
/// Bytes of a stored boundary at most.
const MAX_BOUNDARY_BYTES: usize = MAX_HEADER_BYTES + CELL_BYTES + MAX_RECORD_BYTES + MAX_PROOF_BYTES + 64;

/// The end of an epoch, and who is proved to serve the next: all but the finality certificate, which comes later.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Boundary {
    /// The header of the epoch's last block.
    pub header: Header,
    /// The cell of `Subject::Validators` in that block's state.
    pub cell: [u8; CELL_BYTES],
    /// The set that the cell names.
    pub body: Vec<u8>,
    /// The proof of the cell against the header's state root.
    pub proof: Vec<u8>,
}

impl Boundary {
    /// The epoch that it introduces.
    pub fn introduces(&self) -> u64 {
        self.header.context.epoch.saturating_add(1)
    }
}

/// What the node knows about epochs.
#[derive(Debug)]
pub struct Epochs {
    governance: Option<Governance>,
    genesis: Hash,
    first: Arc<Members>,
    key: PrivateKey,
    guard: Option<Arc<VoteGuard>>,
    store: Arc<Store>,
    schemes: Mutex<BTreeMap<u64, Arc<Scheme>>>,
    names: Mutex<HashMap<PublicKey, String>>,
    newest: watch::Sender<u64>,
    membership: watch::Sender<Membership>,
}

impl Epochs {
    /// What the genesis and the store say. `key` signs where it is a validator's and `guard` lets it.
    ///
    /// # Panics
    /// When the store cannot be read or holds what this node did not write.
    pub fn open(genesis: &Checked, key: PrivateKey, store: Arc<Store>, guard: Option<Arc<VoteGuard>>) -> Self {
        let first = Arc::new(Members::of(&genesis.genesis.validator_set()));
        let governance = genesis.genesis.governance.clone();
        let newest = store.newest_epoch().expect("the store can be read");
        let epochs = Self {
            genesis: genesis.genesis.hash(),
            first: first.clone(),
            key,
            guard,
            store,
            schemes: Mutex::default(),
            names: Mutex::default(),
            newest: watch::Sender::new(newest),
            membership: watch::Sender::new(Membership { epoch: 0, former: Arc::default(), current: first.clone(), next: first }),
            governance,
        };
        (0..=newest).filter_map(|epoch| epochs.members(epoch)).for_each(|members| epochs.remember(&members));
        epochs.enter(newest);
        if let Some(members) = epochs.members(newest) {
            epochs.changed(members);
        }
        epochs
    }

    /// Whether the set can change.
    pub fn governed(&self) -> bool {
        self.governance.is_some()
    }

    /// The hash of the ledger's genesis.
    pub fn genesis(&self) -> &Hash {
        &self.genesis
    }

    /// This node's key.
    pub fn me(&self) -> PublicKey {
        self.key.public_key()
    }

    /// The engine's way to cut heights into epochs.
    pub fn epocher(&self) -> FixedEpocher {
        let blocks = self.governance.as_ref().and_then(|governance| NonZeroU64::new(governance.epoch_blocks));
        FixedEpocher::new(blocks.unwrap_or(ENDLESS))
    }

    /// The epoch of the block at this height.
    pub fn epoch_of(&self, height: u64) -> u64 {
        self.governance.as_ref().map_or(0, |governance| governance.epoch_of(height))
    }

    /// The height of the last block of an epoch; none if it never ends.
    pub fn last_height_of(&self, epoch: u64) -> Option<u64> {
        self.governance.as_ref().map(|governance| governance.last_height_of(epoch))
    }

    /// Whether the block at this height is the last of its epoch.
    pub fn ends_at(&self, height: u64) -> bool {
        self.last_height_of(self.epoch_of(height)) == Some(height)
    }

    /// The stored end of the epoch before `epoch`.
    pub fn boundary(&self, epoch: u64) -> Option<Boundary> {
        let bytes = self.store.epoch(epoch).expect("the store can be read")?;
        Some(canonical::decode(&bytes, MAX_BOUNDARY_BYTES).expect("the store holds boundaries under their epochs"))
    }

    /// The members of an epoch, if this node knows them.
    pub fn members(&self, epoch: u64) -> Option<Arc<Members>> {
        if epoch == 0 || !self.governed() {
            return Some(self.first.clone());
        }
        Some(Arc::new(decode(&self.boundary(epoch)?.body)))
    }

    /// What checks the votes of an epoch, and signs them if this node is one of its validators.
    pub fn scheme(&self, epoch: u64) -> Option<Arc<Scheme>> {
        let mut schemes = self.schemes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(scheme) = schemes.get(&epoch) {
            return Some(scheme.clone());
        }
        let keys = Set::from_iter_dedup(self.members(epoch)?.keys());
        let namespace = finality::namespace(&self.genesis);
        let signer = Scheme::signer(&namespace, keys.clone(), self.key.clone());
        let scheme = Arc::new(signer.unwrap_or_else(|| Scheme::verifier(&namespace, keys)).guarded(self.guard.clone()));
        schemes.insert(epoch, scheme.clone());
        if schemes.len() > SCHEMES {
            schemes.pop_first();
        }
        Some(scheme)
    }

    /// The Ed25519 keys of an epoch's validators, sorted; none if this node does not know them.
    pub fn keys_sorted(&self, epoch: u64) -> Vec<[u8; 32]> {
        let keys = self.members(epoch).map(|members| members.keys()).unwrap_or_default();
        let raw = |key: &PublicKey| -> [u8; 32] { key.as_ref().try_into().expect("an Ed25519 key has 32 bytes") };
        let mut keys: Vec<[u8; 32]> = keys.iter().map(raw).collect();
        keys.sort_unstable();
        keys
    }

    /// What the ledger called the member with this key, now or in an earlier epoch.
    pub fn name_of(&self, key: &[u8; 32]) -> Option<String> {
        let key = PublicKey::decode(Copying(key)).ok()?;
        self.names.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
    }

    fn remember(&self, members: &Members) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.extend(members.all().map(|member| (member.key.clone(), member.record.name.clone())));
    }

    /// The key of the state that names the members of the next epoch.
    pub fn key() -> StateKey {
        Subject::Validators.key()
    }

    /// The last finalized block names these members for the next epoch.
    pub fn changed(&self, members: Arc<Members>) {
        self.remember(&members);
        self.membership.send_if_modified(|membership| {
            let changed = membership.next != members;
            membership.next = members;
            changed
        });
    }

    /// An epoch ended: on the disk when this returns.
    ///
    /// # Panics
    /// When the store cannot be written: the node stops.
    pub fn ended(&self, boundary: &Boundary) {
        let epoch = boundary.introduces();
        self.store.put_epoch(epoch, &canonical::encode(boundary)).expect("the store can be written");
        self.newest.send_if_modified(|newest| {
            let newer = epoch > *newest;
            *newest = epoch.max(*newest);
            newer
        });
    }

    /// The newest epoch whose members are known, and its changes.
    pub fn newest(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// This node's consensus is in an epoch whose members are known.
    pub(crate) fn enter(&self, epoch: u64) {
        let Some(current) = self.members(epoch) else {
            return;
        };
        let former = epoch.checked_sub(1).and_then(|former| self.members(former)).unwrap_or_default();
        self.membership.send_modify(|membership| {
            membership.epoch = epoch;
            membership.former = former;
            membership.current = current;
        });
    }

    /// The members and their changes.
    pub fn membership(&self) -> watch::Receiver<Membership> {
        self.membership.subscribe()
    }

    /// What the ledger says about this node, if it names it.
    pub fn myself(&self) -> Option<Member> {
        self.membership.borrow().find(&self.me()).cloned()
    }
}

/// The members that a body of `Subject::Validators` names.
///
/// # Panics
/// When the body is not a set: the node's storage is corrupt, and the node must stop.
pub fn decode(body: &[u8]) -> Members {
    let set: ValidatorSet =
        canonical::decode(body, MAX_RECORD_BYTES).expect("the state holds sets of validators under their key");
    Members::of(&set)
}

/// The engine's way to ask for a scheme.
#[derive(Debug, Clone)]
pub(super) struct Schemes(pub(super) Arc<Epochs>);

impl certificate::Provider for Schemes {
    type Scope = Epoch;
    type Scheme = Scheme;

    fn scoped(&self, epoch: Epoch) -> Option<Scoped<Scheme>> {
        self.0.scheme(epoch.get()).map(Scoped::scheme)
    }
}
