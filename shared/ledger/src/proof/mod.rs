//! State proofs: that the state under a root holds a cell at a key, or nothing. Checked here without the storage engine.
//!
//! The state is the engine's `qmdb::current::ordered::fixed` (commonware 2026.10.0) with 32-byte keys, 64-byte values, SHA-256, chunks
//! of 32 bytes and a Merkle mountain range; a header's `state_root` is its canonical root. That database is a log of operations. An
//! update says `key, value, next key`: which key is the next in order (the first after the last). One activity bit per operation says
//! whether it still holds; at most one update of a key does. So one active update proves both that its key has its value, and that
//! no key between it and the next one exists. The root is
//!
//! ```text
//! H(root of the log alone ‖ root of the log with activity bits grafted in [‖ bits of the last chunk (u64) ‖ H(that chunk)])
//! ```
//!
//! with the part in brackets while the last chunk of 256 operations is not full (see `tree` for the second root; nothing is proven
//! against the first, which only synchronisation uses). The bytes of a proof are the engine's, byte for byte:
//!
//! ```text
//! location (varint) ‖ its chunk of activity bits (32) ‖ operations (varint) ‖ inactive peaks (varint) ‖ number of hashes (varint) ‖ hashes
//!   ‖ 0, or 1 ‖ hash of the last chunk (32) ‖ root of the log alone (32)
//! inclusion  that ‖ next key (32)
//! exclusion  0 ‖ that ‖ key (32) ‖ value (64) ‖ next key (32)      of the key before the absent one
//!            1 ‖ that ‖ 0, or 1 ‖ metadata (64)                    of the commit of a state without any key
//! ```

mod answer;
mod transaction;
mod tree;

use identity::canonical::Hash;

use crate::cell::{CELL_BYTES, StateKey};
use crate::codec::{Malformed, Reader};
use crate::limits::MAX_PROOF_BYTES;

pub use answer::{Answer, AnswerError, Bundle, MAX_BUNDLE_BYTES, Proven, verify_answer, verify_version};
pub use transaction::{MAX_LINKS, TransactionProof, TransactionProofError, verify_transaction};

use tree::{CHUNK_HEIGHT, MAX_HASHES, MAX_OPERATIONS, Path, hash};

/// Bytes of one encoded operation: the length of the longest, an update; shorter ones end in zeros.
const OPERATION_BYTES: usize = 1 + 32 + CELL_BYTES + 32;
const UPDATE: u8 = 0xd2;
const COMMIT: u8 = 0xd3;

/// Why a proof shows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Longer than [`MAX_PROOF_BYTES`].
    #[error("the proof has {0} bytes, more than the {MAX_PROOF_BYTES} allowed")]
    TooLong(usize),
    /// The bytes are not a proof.
    #[error("the bytes are not a state proof")]
    Malformed(#[from] Malformed),
    /// The location is not in the log, or the log is longer than a log can be.
    #[error("the proven operation is not in the log")]
    Location,
    /// The operation was superseded.
    #[error("the proven operation is no longer active")]
    Inactive,
    /// More inactive peaks than peaks.
    #[error("the number of inactive peaks does not fit the log")]
    InactivePeaks,
    /// Too many hashes or too few.
    #[error("the number of hashes does not fit the log")]
    HashCount,
    /// The hash of the last chunk is missing, there without need, or not that of the chunk.
    #[error("the last chunk of activity bits is not the one that the proof names")]
    LastChunk,
    /// The absent key is not between the two keys of the proof.
    #[error("the proof says nothing of this key")]
    OtherKey,
    /// The hashes lead to another root.
    #[error("the proof is of another state")]
    Root,
}

/// Checks that the state under `state_root` holds `cell` at `key`, or holds nothing there when `cell` is `None`.
///
/// # Errors
/// See [`ProofError`].
pub fn verify_cell(state_root: &Hash, key: &StateKey, cell: Option<&[u8; CELL_BYTES]>, proof: &[u8]) -> Result<(), ProofError> {
    if proof.len() > MAX_PROOF_BYTES {
        return Err(ProofError::TooLong(proof.len()));
    }
    let mut reader = Reader::new(proof);
    let (operation, proof) = match cell {
        Some(cell) => {
            let proof = OperationProof::parse(&mut reader)?;
            (update(key, cell, &reader.array("next key")?), proof)
        }
        None => absence(&mut reader, key)?,
    };
    reader.finish()?;
    proof.verify(&operation, state_root)
}

/// Reads an exclusion proof, and gives the operation that must be in the log for it to hold.
fn absence(reader: &mut Reader<'_>, key: &StateKey) -> Result<([u8; OPERATION_BYTES], OperationProof), ProofError> {
    match reader.array("kind")? {
        [0] => {
            let proof = OperationProof::parse(reader)?;
            let before = reader.array("key")?;
            let value = reader.array("value")?;
            let after = reader.array("next key")?;
            if !between(&before, key, &after) {
                return Err(ProofError::OtherKey);
            }
            Ok((update(&before, &value, &after), proof))
        }
        [1] => {
            let proof = OperationProof::parse(reader)?;
            let metadata = if reader.bool("metadata")? { Some(reader.array("metadata")?) } else { None };
            // The commit of an empty state says that nothing before it is active: its floor is its own location.
            Ok((commit(metadata.as_ref(), proof.location), proof))
        }
        _ => Err(Malformed("kind").into()),
    }
}

/// Whether `key` lies strictly between two neighbours in the circle of keys. A key that is its own neighbour is the only one.
fn between(before: &StateKey, key: &StateKey, after: &StateKey) -> bool {
    if before < after { before < key && key < after } else { before < key || key < after }
}

fn update(key: &StateKey, value: &[u8; CELL_BYTES], next_key: &StateKey) -> [u8; OPERATION_BYTES] {
    operation(&[&[UPDATE], key, value, next_key])
}

fn commit(metadata: Option<&[u8; CELL_BYTES]>, floor: u64) -> [u8; OPERATION_BYTES] {
    let present = [u8::from(metadata.is_some())];
    operation(&[&[COMMIT], &present, metadata.unwrap_or(&[0; CELL_BYTES]), &floor.to_be_bytes()])
}

/// The parts, and zeros to the end.
fn operation(parts: &[&[u8]]) -> [u8; OPERATION_BYTES] {
    let mut bytes = [0; OPERATION_BYTES];
    bytes.iter_mut().zip(parts.iter().copied().flatten()).for_each(|(to, from)| *to = *from);
    bytes
}

/// That an operation stands at a location of the log and is active.
struct OperationProof {
    location: u64,
    chunk: [u8; 32],
    operations: u64,
    inactive_peaks: u64,
    hashes: Vec<Hash>,
    last_chunk: Option<Hash>,
    log_root: Hash,
}

impl OperationProof {
    fn parse(reader: &mut Reader<'_>) -> Result<Self, ProofError> {
        let location = location(reader, "location")?;
        let chunk = reader.array("activity bits")?;
        let operations = self::location(reader, "operations")?;
        let inactive_peaks = reader.varint("inactive peaks")?;
        let count = reader.count(MAX_HASHES, "number of hashes")?;
        let hashes = (0..count).map(|_| reader.array("hash")).collect::<Result<_, _>>()?;
        let last_chunk = if reader.bool("last chunk")? { Some(reader.array("last chunk")?) } else { None };
        let log_root = reader.array("root of the log")?;
        Ok(Self { location, chunk, operations, inactive_peaks, hashes, last_chunk, log_root })
    }

    /// Whether the operation's activity bit is set in its chunk: the lowest byte of the location says which it is.
    fn is_active(&self) -> bool {
        let [place, ..] = self.location.to_le_bytes();
        let bits = self.chunk.get(usize::from(place >> 3));
        bits.is_some_and(|bits| bits >> (place & 7) & 1 == 1)
    }

    fn verify(&self, operation: &[u8; OPERATION_BYTES], state_root: &Hash) -> Result<(), ProofError> {
        if !self.is_active() {
            return Err(ProofError::Inactive);
        }
        let path = Path {
            operations: self.operations,
            inactive_peaks: self.inactive_peaks,
            location: self.location,
            chunk: &self.chunk,
            hashes: &self.hashes,
        };
        let grafted_root = path.root(operation)?;
        // The bits of a chunk that is not full are not in the tree but here.
        let bits_in_last = self.operations % (1 << CHUNK_HEIGHT);
        let in_last = self.location >> CHUNK_HEIGHT == self.operations >> CHUNK_HEIGHT;
        let root = match &self.last_chunk {
            None if bits_in_last == 0 => hash(&[&self.log_root, &grafted_root]),
            Some(last) if bits_in_last > 0 && (!in_last || *last == hash(&[&self.chunk])) => {
                hash(&[&self.log_root, &grafted_root, &bits_in_last.to_be_bytes(), last])
            }
            None | Some(_) => return Err(ProofError::LastChunk),
        };
        if root == *state_root { Ok(()) } else { Err(ProofError::Root) }
    }
}

/// A location or a number of operations: at most [`MAX_OPERATIONS`].
fn location(reader: &mut Reader<'_>, field: &'static str) -> Result<u64, Malformed> {
    let location = reader.varint(field)?;
    if location <= MAX_OPERATIONS { Ok(location) } else { Err(Malformed(field)) }
}
