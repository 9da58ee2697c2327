//! What the wicked validators know together: which view has two blocks, and who is told which.

use chain_node::engine::{
    block::Block,
    types::{Digest, PublicKey},
};
use commonware_cryptography::Digestible as _;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The common plan of all wicked validators of a run.
#[derive(Debug)]
pub struct Plot {
    /// The honest, in a fixed order.
    honest: Vec<PublicKey>,
    /// How many of the honest are enough, with all the wicked, for a quorum.
    enough: usize,
    governed: bool,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Each of two rival blocks to both.
    pairs: BTreeMap<Digest, (Digest, Digest)>,
    /// Blocks of the wicked themselves.
    own: BTreeSet<Digest>,
}

impl Plot {
    /// A plan against `honest` of `wicked` validators.
    pub fn new(honest: Vec<PublicKey>, wicked: usize, quorum: usize, governed: bool) -> Self {
        Self { honest, enough: quorum.saturating_sub(wicked), governed, known: Mutex::default() }
    }

    /// Whether the ledger's members can change.
    pub fn governed(&self) -> bool {
        self.governed
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A leader has made two blocks for its view.
    pub fn propose(&self, first: &Block, second: &Block) {
        let pair = (first.digest(), second.digest());
        let mut known = self.known();
        known.pairs.insert(pair.0, pair);
        known.pairs.insert(pair.1, pair);
    }

    /// A wicked leader has made this block.
    pub fn own(&self, block: &Block) {
        self.known().own.insert(block.digest());
    }

    /// Whether a wicked leader made this block.
    pub fn is_own(&self, digest: &Digest) -> bool {
        self.known().own.contains(digest)
    }

    /// The two blocks of which this is one.
    pub fn pair(&self, digest: &Digest) -> Option<(Digest, Digest)> {
        self.known().pairs.get(digest).copied()
    }

    /// How many views have had two blocks.
    pub fn views(&self) -> usize {
        self.known().pairs.len() / 2
    }

    /// Who is told of the first block (the wicked among them) and who of the second. In even views the honest are halved; in odd ones
    /// just so many are told of the first that it can have a quorum.
    pub fn sides(&self, view: u64, to: Vec<PublicKey>) -> (Vec<PublicKey>, Vec<PublicKey>) {
        let first = if view.is_multiple_of(2) { self.honest.len() / 2 } else { self.enough };
        to.into_iter().partition(|key| self.honest.iter().position(|honest| honest == key).is_none_or(|place| place < first))
    }
}
