//! The part of the state that a block's transactions see, with what they have changed so far.
//!
//! Filled by the node with the touched keys that exist; a key that is not here does not exist. Bodies are checked against their
//! cells when they come in, so that a node with corrupt storage finds out here.

use std::collections::BTreeMap;
use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};
use ledger::canonical;
use ledger::cell::{Cell, StateKey, Subject, body_hash};
use ledger::limits::MAX_RECORD_BYTES;

/// The cell and the body do not belong together: the node's storage is corrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record's body is not the one that its cell names")]
pub struct ViewError;

/// A cell to be stored, and the body that its hash names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Where it stands.
    pub key: StateKey,
    /// The cell.
    pub cell: Cell,
    /// The record's canonical bytes.
    pub body: Vec<u8>,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    entries: BTreeMap<StateKey, Entry>,
    superseded: Vec<Write>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    cell: Cell,
    body: Arc<[u8]>,
    written: bool,
}

impl View {
    /// An empty view.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what the state holds under a key before the block.
    ///
    /// # Errors
    /// When the body does not hash to what the cell says.
    pub fn insert(&mut self, key: StateKey, cell: Cell, body: Arc<[u8]>) -> Result<(), ViewError> {
        if body_hash(&body) != cell.body {
            return Err(ViewError);
        }
        self.entries.insert(key, Entry { cell, body, written: false });
        Ok(())
    }

    /// What stands under a key now.
    pub fn get(&self, key: &StateKey) -> Option<(&Cell, &[u8])> {
        self.entries.get(key).map(|entry| (&entry.cell, entry.body.as_ref()))
    }

    /// Everything that was written, in the order of the keys; for a key written more than once, its last value.
    pub fn into_writes(self) -> Vec<Write> {
        let written = self.entries.into_iter().filter(|(_, entry)| entry.written);
        written.map(|(key, entry)| Write { key, cell: entry.cell, body: entry.body.to_vec() }).collect()
    }

    /// Versions that were written and replaced by a later transaction of the same block: no state holds them, the history does.
    pub fn superseded(&self) -> &[Write] {
        &self.superseded
    }

    /// What stands at a subject, decoded.
    pub(crate) fn record<T: BorshDeserialize>(&self, subject: &Subject) -> Option<(Cell, T)> {
        let (cell, body) = self.get(&subject.key())?;
        let record = canonical::decode(body, MAX_RECORD_BYTES).expect("the state holds only records that this crate wrote");
        Some((*cell, record))
    }

    /// Whether something stands at a subject.
    pub(crate) fn has(&self, subject: &Subject) -> bool {
        self.entries.contains_key(&subject.key())
    }

    /// Writes a change that a block of this height makes.
    pub(crate) fn write(&mut self, height: u64, change: Change) {
        let Change { key, status, body } = change;
        let before = self.entries.get(&key).map(|entry| entry.cell);
        if let Some(entry) = self.entries.get(&key).filter(|entry| entry.written) {
            self.superseded.push(Write { key, cell: entry.cell, body: entry.body.to_vec() });
        }
        let cell = Cell {
            // A record cannot change four billion times: each change is a transaction in a block.
            version: before.map_or(1, |cell| cell.version.saturating_add(1)),
            status,
            created_height: before.map_or(height, |cell| cell.created_height),
            updated_height: height,
            body: body_hash(&body),
        };
        self.entries.insert(key, Entry { cell, body: body.into(), written: true });
    }
}

/// What a transaction wants written at one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    key: StateKey,
    status: u8,
    body: Vec<u8>,
}

impl Change {
    /// A record with status 0.
    pub(crate) fn new<T: BorshSerialize>(subject: &Subject, record: &T) -> Self {
        Self { key: subject.key(), status: 0, body: canonical::encode(record) }
    }

    /// The same with another status.
    pub(crate) fn with_status(self, status: u8) -> Self {
        Self { status, ..self }
    }
}
