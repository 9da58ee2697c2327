//! The part of the state that a block's transactions see, with what they have changed so far.
//!
//! Filled by the node with what the parent's state has under each key, and with the news that it has nothing there. A key of which the view
//! was told neither is not taken for absent: whoever asks for it gets [`Unloaded`]. Bodies are checked against their cells when they come
//! in, so that a node with corrupt storage finds out here.

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

/// These keys must be loaded into the view, found or not, before it can be said what happens.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} keys of the state are not loaded", .0.len())]
pub struct Unloaded(pub Vec<StateKey>);

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
    /// `None`: the state has nothing there.
    entries: BTreeMap<StateKey, Option<Entry>>,
    superseded: Vec<Write>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    cell: Cell,
    body: Arc<[u8]>,
    written: bool,
}

impl View {
    /// An empty view, which knows of no key.
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
        self.entries.insert(key, Some(Entry { cell, body, written: false }));
        Ok(())
    }

    /// Takes that the state holds nothing under a key before the block. What the view holds there already stays.
    pub fn insert_absent(&mut self, key: StateKey) {
        self.entries.entry(key).or_insert(None);
    }

    /// What stands under a key now.
    ///
    /// # Errors
    /// When the view does not know.
    pub fn get(&self, key: &StateKey) -> Result<Option<(&Cell, &[u8])>, Unloaded> {
        let entry = self.entries.get(key).ok_or_else(|| Unloaded(vec![*key]))?;
        Ok(entry.as_ref().map(|entry| (&entry.cell, entry.body.as_ref())))
    }

    /// Everything that was written, in the order of the keys; for a key written more than once, its last value.
    pub fn into_writes(self) -> Vec<Write> {
        let entries = self.entries.into_iter().filter_map(|(key, entry)| entry.map(|entry| (key, entry)));
        let written = entries.filter(|(_, entry)| entry.written);
        written.map(|(key, entry)| Write { key, cell: entry.cell, body: entry.body.to_vec() }).collect()
    }

    /// Versions that were written and replaced by a later transaction of the same block: no state holds them, the history does.
    pub fn superseded(&self) -> &[Write] {
        &self.superseded
    }

    /// What stands at a subject, decoded.
    pub(crate) fn record<T: BorshDeserialize>(&self, subject: &Subject) -> Result<Option<(Cell, T)>, Unloaded> {
        let found = self.get(&subject.key())?;
        Ok(found.map(|(cell, body)| {
            let record = canonical::decode(body, MAX_RECORD_BYTES).expect("the state holds only records that this crate wrote");
            (*cell, record)
        }))
    }

    /// Whether something stands at a subject.
    pub(crate) fn has(&self, subject: &Subject) -> Result<bool, Unloaded> {
        Ok(self.get(&subject.key())?.is_some())
    }

    /// Asks for all of these keys at once, so that they are read together.
    pub(crate) fn require(&self, keys: impl IntoIterator<Item = StateKey>) -> Result<(), Unloaded> {
        let missing: Vec<StateKey> = keys.into_iter().filter(|key| !self.entries.contains_key(key)).collect();
        if missing.is_empty() { Ok(()) } else { Err(Unloaded(missing)) }
    }

    /// Writes what a block of this height puts. The key is loaded.
    pub(crate) fn write(&mut self, height: u64, put: Put) {
        let Put { key, status, body } = put;
        let before = self.entries.get(&key).and_then(Option::as_ref);
        if let Some(entry) = before.filter(|entry| entry.written) {
            self.superseded.push(Write { key, cell: entry.cell, body: entry.body.to_vec() });
        }
        let before = before.map(|entry| entry.cell);
        let cell = Cell {
            // A record cannot change four billion times: each change is a transaction in a block.
            version: before.map_or(1, |cell| cell.version.saturating_add(1)),
            status,
            created_height: before.map_or(height, |cell| cell.created_height),
            updated_height: height,
            body: body_hash(&body),
        };
        self.entries.insert(key, Some(Entry { cell, body: body.into(), written: true }));
    }
}

/// What a transaction wants written at one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Put {
    key: StateKey,
    status: u8,
    body: Vec<u8>,
}

impl Put {
    /// A record with status 0.
    pub(crate) fn new<T: BorshSerialize>(subject: &Subject, record: &T) -> Self {
        Self { key: subject.key(), status: 0, body: canonical::encode(record) }
    }

    /// The same with another status.
    pub(crate) fn with_status(self, status: u8) -> Self {
        Self { status, ..self }
    }

    /// Where it will stand.
    pub(crate) fn key(&self) -> StateKey {
        self.key
    }

    /// Whether the record is as short as a record must be.
    pub(crate) fn fits(&self) -> bool {
        self.body.len() <= MAX_RECORD_BYTES
    }
}
