//! The Merkle mountain range under the state: where nodes stand, and the root that one operation and a proof's hashes lead to.
//!
//! The log of `n` operations is cut into perfect binary trees, one for each bit of `n` from the highest; their tops are the
//! peaks. Nodes are numbered in the order in which they come into being: the leaf at location `l` has position `2l − popcount(l)`, the
//! top of a tree of height `h` whose first leaf is at `s` the position of that leaf plus `2^(h+1) − 2`. A hash covers its position:
//!
//! ```text
//! leaf    H(position ‖ operation)
//! node    H(position ‖ left ‖ right)
//! graft   at height 8, over 256 operations: H(activity bits ‖ node), or the node itself where no bit is set
//! fold    H(a ‖ b)
//! root    H(0 ‖ 1 ‖ n [‖ inactive peaks, if any] ‖ folded peaks)
//! ```
//!
//! Peaks are folded from the last to the first, except that the first `inactive` ones, whose operations are all superseded, are
//! folded from the first on. A proof therefore carries, in this order: one hash for the inactive peaks before the proven one, each
//! other peak before it, each inactive peak after it, one hash for the active peaks after it, and the siblings on the path in the
//! order of a walk from the left.

use identity::canonical::Hash;
use sha2::{Digest, Sha256};

use super::ProofError;

/// Operations that one chunk of activity bits covers, as a power of two.
pub(super) const CHUNK_HEIGHT: u32 = 8;
/// Operations in a log, at most: 2⁶².
pub(super) const MAX_OPERATIONS: u64 = 1 << 62;
/// Hashes in a proof at most: 61 siblings and 61 peaks.
pub(super) const MAX_HASHES: usize = 122;
/// The tags of a mountain range and of folding backwards in a root.
const ROOT_TAGS: [u8; 2] = [0, 1];

/// SHA-256 of the parts, one after the other.
pub(super) fn hash(parts: &[&[u8]]) -> Hash {
    parts.iter().fold(Sha256::new(), |hasher, part| hasher.chain_update(part)).finalize().into()
}

/// One operation among `operations`, and the proof's hashes.
pub(super) struct Path<'a> {
    /// Operations in the log.
    pub(super) operations: u64,
    /// Peaks that the root folds as inactive.
    pub(super) inactive_peaks: u64,
    /// Where the operation stands, from 0.
    pub(super) location: u64,
    /// The activity bits of its chunk.
    pub(super) chunk: &'a [u8; 32],
    /// The hashes, in the order of the module.
    pub(super) hashes: &'a [Hash],
}

impl Path<'_> {
    /// The root that the operation's bytes lead to. Every hash is used, once.
    pub(super) fn root(&self, operation: &[u8]) -> Result<Hash, ProofError> {
        if self.operations > MAX_OPERATIONS || self.location >= self.operations {
            return Err(ProofError::Location);
        }
        let peaks = peaks(self.operations);
        let inactive = usize::try_from(self.inactive_peaks).ok().filter(|count| *count <= peaks.len());
        let inactive = inactive.ok_or(ProofError::InactivePeaks)?;
        let place = peaks.iter().position(|peak| self.location < peak.end()).ok_or(ProofError::Location)?;
        let peak = peaks.get(place).ok_or(ProofError::Location)?;

        // Counts of the proof's parts, and of what the proof folded of the inactive peaks.
        let folded = inactive.min(place);
        let (before, after) = (place - folded, peaks.len() - place - 1);
        let single_after = inactive.saturating_sub(place + 1).min(after);
        let mut hashes = Hashes(self.hashes);
        let mut tops = Vec::with_capacity(peaks.len());
        tops.extend_from_slice(hashes.take(usize::from(folded > 0) + before)?);
        let later = hashes.take(single_after + usize::from(after > single_after))?;
        tops.push(self.climb(peak, operation, &mut hashes)?);
        tops.extend_from_slice(later);
        if !hashes.0.is_empty() {
            return Err(ProofError::HashCount);
        }
        // What came folded counts as one.
        let inactive_left = if folded > 0 { inactive - folded + 1 } else { inactive };
        let folded_tops = fold(&tops, inactive_left).ok_or(ProofError::InactivePeaks)?;
        let leaves = self.operations.to_be_bytes();
        Ok(match self.inactive_peaks {
            0 => hash(&[&ROOT_TAGS, &leaves, &folded_tops]),
            count => hash(&[&ROOT_TAGS, &leaves, &count.to_be_bytes(), &folded_tops]),
        })
    }

    /// The hash at the top of `tree`, which holds the operation. As deep as the tree is high: 62 at most.
    fn climb(&self, tree: &Tree, operation: &[u8], siblings: &mut Hashes<'_>) -> Result<Hash, ProofError> {
        let position = tree.position().to_be_bytes();
        let Some((left, right)) = tree.halves() else { return Ok(hash(&[&position, operation])) };
        let node = if self.location < left.end() {
            let below = self.climb(&left, operation, siblings)?;
            hash(&[&position, &below, siblings.next()?])
        } else {
            let sibling = siblings.next()?;
            hash(&[&position, sibling, &self.climb(&right, operation, siblings)?])
        };
        let grafted = tree.height == CHUNK_HEIGHT && self.chunk.iter().any(|bits| *bits != 0);
        Ok(if grafted { hash(&[self.chunk, &node]) } else { node })
    }
}

/// Folds the first `inactive` hashes forwards, then all others onto that backwards. `None` if there are not so many.
fn fold(tops: &[Hash], inactive: usize) -> Option<Hash> {
    let (first, rest) = tops.split_first()?;
    let (inactive, active) = rest.split_at_checked(inactive.saturating_sub(1))?;
    let folded = inactive.iter().fold(*first, |all, peak| hash(&[&all, peak]));
    let bag = active.iter().rev().copied().reduce(|bag, peak| hash(&[&peak, &bag]));
    Some(bag.map_or(folded, |bag| hash(&[&folded, &bag])))
}

/// The hashes of a proof that were not used yet.
struct Hashes<'a>(&'a [Hash]);

impl<'a> Hashes<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [Hash], ProofError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(ProofError::HashCount)?;
        self.0 = rest;
        Ok(taken)
    }

    fn next(&mut self) -> Result<&'a Hash, ProofError> {
        self.take(1)?.first().ok_or(ProofError::HashCount)
    }
}

/// A perfect binary tree over `2^height` operations.
struct Tree {
    start: u64,
    height: u32,
}

impl Tree {
    /// One past its last location.
    fn end(&self) -> u64 {
        self.start + (1 << self.height)
    }

    /// The number of its top node.
    fn position(&self) -> u64 {
        2 * self.start - u64::from(self.start.count_ones()) + (2 << self.height) - 2
    }

    /// Its two halves; a leaf has none.
    fn halves(&self) -> Option<(Self, Self)> {
        let height = self.height.checked_sub(1)?;
        Some((Self { start: self.start, height }, Self { start: self.start + (1 << height), height }))
    }
}

/// The trees of a log of `operations`, at most [`MAX_OPERATIONS`], in order: the highest first.
fn peaks(operations: u64) -> Vec<Tree> {
    let mut start = 0;
    let mut trees = Vec::new();
    for height in (0..u64::BITS - 1).rev().filter(|height| operations >> height & 1 == 1) {
        trees.push(Tree { start, height });
        start += 1 << height;
    }
    trees
}
