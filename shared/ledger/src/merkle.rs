//! The Merkle trees of RFC 6962 section 2.1 (RFC 9162 section 2.1): the root of a list, and proofs that an item is in it.
//!
//! ```text
//! item    H(0 ‖ item)
//! node    H(1 ‖ left ‖ right)        the left half holds the greatest power of two of items that is less than all
//! empty   H()
//! ```
//!
//! A root says neither how many items there are nor where one stands: a proof with another count can have the same path. Whoever needs
//! a place takes the count from a place that the ledger vouches for ([`Inclusion::verify_at`]); the same count gives every item one
//! place. Refuses a place outside the list, and a path of any other length than the place asks for.

use borsh::{BorshDeserialize, BorshSerialize};
use identity::canonical::{self, DecodeError, Hash};
use sha2::{Digest, Sha256};

/// Bytes of an encoded [`Inclusion`] at most: a list of 2³² items has paths of 32 hashes.
pub const MAX_INCLUSION_BYTES: usize = 4 + 4 + 4 + 32 * 32;

/// Why an item is not shown to be in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InclusionError {
    /// The place is not below the count.
    #[error("place {index} is not in a list of {count}")]
    Place {
        /// The place.
        index: u32,
        /// Items in the list.
        count: u32,
    },
    /// The list has another number of items.
    #[error("the path is for a list of {given} items, and the list has {count}")]
    Count {
        /// What the path is for.
        given: u32,
        /// Items in the list.
        count: u32,
    },
    /// Too many hashes or too few.
    #[error("the number of hashes does not fit the place")]
    HashCount,
    /// The hashes lead to another root.
    #[error("the path leads to another root")]
    Root,
}

/// That an item stands at a place of a list. The encoding is Borsh: place (u32) ‖ count (u32) ‖ number of hashes (u32) ‖ hashes, the
/// item's sibling first.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Inclusion {
    /// The item's place, from 0.
    pub index: u32,
    /// Items in the list.
    pub count: u32,
    /// The siblings, from the item up.
    pub path: Vec<Hash>,
}

impl Inclusion {
    /// Reads the encoding.
    ///
    /// # Errors
    /// When the bytes are more than [`MAX_INCLUSION_BYTES`] or not the encoding.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        canonical::decode(bytes, MAX_INCLUSION_BYTES)
    }

    /// The encoding.
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical::encode(self)
    }

    /// Checks that the item is in the list with this root (RFC 9162 section 2.1.3.2). Says nothing of the place: see the module.
    ///
    /// # Errors
    /// See [`InclusionError`].
    pub fn verify(&self, item: &[u8], root: &Hash) -> Result<(), InclusionError> {
        if self.index >= self.count {
            return Err(InclusionError::Place { index: self.index, count: self.count });
        }
        let (mut place, mut last, mut top) = (self.index, self.count - 1, item_hash(item));
        for sibling in &self.path {
            if last == 0 {
                return Err(InclusionError::HashCount);
            }
            if place & 1 == 1 || place == last {
                top = node(sibling, &top);
                // The last item of an uneven level has no sibling there and goes up alone.
                let alone = if place == 0 { 0 } else { place.trailing_zeros() };
                (place, last) = (place >> alone, last >> alone);
            } else {
                top = node(&top, sibling);
            }
            (place, last) = (place >> 1, last >> 1);
        }
        if last != 0 {
            return Err(InclusionError::HashCount);
        }
        if top == *root { Ok(()) } else { Err(InclusionError::Root) }
    }

    /// Checks that the item stands at this place of the list that has this root and, as the caller knows, `count` items.
    ///
    /// # Errors
    /// See [`InclusionError`].
    pub fn verify_at(&self, count: u32, item: &[u8], root: &Hash) -> Result<(), InclusionError> {
        if self.count != count {
            return Err(InclusionError::Count { given: self.count, count });
        }
        self.verify(item, root)
    }
}

/// The Merkle tree hash of the items.
pub fn root<T: AsRef<[u8]>>(items: &[T]) -> Hash {
    match items {
        [] => Sha256::digest([]).into(),
        [one] => item_hash(one.as_ref()),
        many => {
            let (left, right) = many.split_at(split(many.len()));
            node(&root(left), &root(right))
        }
    }
}

/// The proof for the item at a place; `None` if there is no such place, or there are more than 2³² items.
pub fn prove<T: AsRef<[u8]>>(items: &[T], index: usize) -> Option<Inclusion> {
    items.get(index)?;
    let mut path = Vec::new();
    let (mut rest, mut place) = (items, index);
    while rest.len() > 1 {
        let (left, right) = rest.split_at(split(rest.len()));
        if place < left.len() {
            path.push(root(right));
            rest = left;
        } else {
            path.push(root(left));
            place -= left.len();
            rest = right;
        }
    }
    path.reverse();
    Some(Inclusion { index: u32::try_from(index).ok()?, count: u32::try_from(items.len()).ok()?, path })
}

/// The greatest power of two below a length of 2 or more.
fn split(length: usize) -> usize {
    length.next_power_of_two() / 2
}

fn item_hash(item: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(item).finalize().into()
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}
