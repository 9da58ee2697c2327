//! Record bodies by their hash, and every version that a state key ever had.
//!
//! The authenticated state holds fixed cells; what they name lies here. Bodies are keyed by their own SHA-256, so a
//! fork cannot put a wrong one in place. A block's bodies are on the disk before the block is acknowledged: in a journal first, from
//! which they come into the tables many blocks at a time (`settle`). Reads see both.
//! The files can be thrown away: replaying the blocks fills them again.

mod journal;
mod recent;

pub use self::journal::JournalError;
use self::{
    journal::Journal,
    recent::{Batch, Recent},
};
use crate::{
    directory,
    kill_points::{self, Point},
};
use borsh::{BorshDeserialize as _, BorshSerialize as _};
use ledger::{
    Hash,
    cell::{CELL_BYTES, body_hash},
};
use redb::{
    Builder, Database, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _, StorageBackend, TableDefinition,
    WriteTransaction,
    backends::{FileBackend, InMemoryBackend},
};
use std::{
    fs, io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

pub(crate) const BODIES: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("bodies");
pub(crate) const VERSIONS: TableDefinition<'_, (&[u8; 32], u32), &[u8; CELL_BYTES]> = TableDefinition::new("versions");
/// Height → first seen here, in milliseconds since the Unix epoch.
pub(crate) const SEEN: TableDefinition<'_, u64, u64> = TableDefinition::new("seen");
const EPOCHS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("epochs");
const EPOCH_CERTIFICATES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("epoch certificates");
const EVIDENCE: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("evidence");
/// What supervision found, by the hash that names it.
const FINDINGS: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("findings");
/// (Height of the proposal, its id): the proposals in their order.
const PROPOSALS: TableDefinition<'_, (u64, &[u8; 32]), ()> = TableDefinition::new("proposals");
/// Bodies that lost a version, and may still be named by another: see `obsolete`.
pub(crate) const DOOMED: TableDefinition<'_, &[u8; 32], ()> = TableDefinition::new("doomed");
/// The authorities that this ledger ever had.
pub(crate) const AUTHORITIES: TableDefinition<'_, &str, ()> = TableDefinition::new("authorities");
/// (Authority, attestation type) for every type that an authority ever was accredited for.
pub(crate) const TYPES: TableDefinition<'_, (&str, &str), ()> = TableDefinition::new("types");
/// (Sponsor, party) for every website and counter.
pub(crate) const PARTIES: TableDefinition<'_, (&str, &str), ()> = TableDefinition::new("parties");
/// Who came to the console, and who was turned away, in order.
const ACCESS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("console access");
pub(crate) const FACTS: TableDefinition<'_, &str, u64> = TableDefinition::new("facts");
const HEIGHT: &str = "height";
/// 1 while bodies may be missing that the state names.
const INCOMPLETE: &str = "incomplete";

/// 1 once the directory's tables stand for everything that was written before they were there.
pub(crate) const DIRECTORY: &str = "directory";

/// Entries of the console's log that are kept; the oldest go first.
const MAX_ACCESS: u64 = 100_000;

/// Bytes of the file kept in memory.
const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// Bytes that a simulated store has in its journal alone at most: some blocks.
const SIMULATED_BYTES: usize = 16 * 1024;

/// The store failed. The node stops: it must not acknowledge what it could not write.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Its tables.
    #[error("the body store failed")]
    Tables(#[source] Box<redb::Error>),
    /// Its journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl<T: Into<redb::Error>> From<T> for StoreError {
    fn from(error: T) -> Self {
        Self::Tables(Box::new(error.into()))
    }
}

/// What a block adds.
#[derive(Debug, Clone, Default)]
pub struct Additions {
    /// Bodies under their hashes.
    pub bodies: Vec<(Hash, Arc<[u8]>)>,
    /// State keys that the block wrote, with version and encoded cell.
    pub cells: Vec<(Hash, u32, [u8; CELL_BYTES])>,
    /// When this node first saw the block as a proposal, in milliseconds since the Unix epoch; `None` if it came when it was final.
    pub first_seen_ms: Option<u64>,
    /// Proposals that the block made or moved on: the height at which each was proposed, and its id.
    pub proposals: Vec<(u64, Hash)>,
}

/// The store of one node.
#[derive(Debug)]
pub struct Store {
    pub(crate) tables: Database,
    journal: Mutex<Journal>,
    recent: RwLock<Recent>,
    /// Who has it writes a batch into the tables.
    settling: Mutex<()>,
    /// Bytes that are in the journal alone at most.
    max_bytes: usize,
}

impl Store {
    /// Opens or creates the store: tables in this file, and a journal in two files beside it.
    ///
    /// # Errors
    /// When a file cannot be opened, is used by another process, or is corrupt.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let tables = Builder::new().set_cache_size(CACHE_BYTES).create(path)?;
        let file = |extension: &str| -> Result<Box<dyn StorageBackend>, StoreError> {
            let mut options = fs::OpenOptions::new();
            let file = options.read(true).write(true).create(true).truncate(false).open(path.with_extension(extension));
            Ok(Box::new(FileBackend::new(file.map_err(JournalError::from)?)?))
        };
        Self::prepare(tables, [file("journal-1")?, file("journal-2")?], recent::MAX_BYTES)
    }

    /// A store that ends with the process, for simulations.
    ///
    /// # Errors
    /// Never in practice.
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::on(InMemoryBackend::new(), [Box::new(InMemoryBackend::new()), Box::new(InMemoryBackend::new())])
    }

    /// A store on disks of the caller's, for simulations in which a machine loses power. It settles by itself, and often.
    ///
    /// # Errors
    /// When a disk cannot be read or written, or is corrupt.
    pub fn on(tables: impl StorageBackend, journal: [Box<dyn StorageBackend>; 2]) -> Result<Self, StoreError> {
        Self::prepare(Builder::new().create_with_backend(tables)?, journal, SIMULATED_BYTES)
    }

    fn prepare(tables: Database, journal: [Box<dyn StorageBackend>; 2], max_bytes: usize) -> Result<Self, StoreError> {
        let transaction = tables.begin_write()?;
        transaction.open_table(BODIES)?;
        transaction.open_table(VERSIONS)?;
        transaction.open_table(SEEN)?;
        transaction.open_table(EPOCHS)?;
        transaction.open_table(EPOCH_CERTIFICATES)?;
        transaction.open_table(EVIDENCE)?;
        transaction.open_table(FINDINGS)?;
        transaction.open_table(PROPOSALS)?;
        transaction.open_table(DOOMED)?;
        transaction.open_table(AUTHORITIES)?;
        transaction.open_table(TYPES)?;
        transaction.open_table(PARTIES)?;
        transaction.open_table(ACCESS)?;
        transaction.open_table(FACTS)?;
        transaction.commit()?;
        let (journal, left) = Journal::open(journal)?;
        let (journal, recent) = (Mutex::new(journal), RwLock::default());
        let store = Self { tables, journal, recent, settling: Mutex::default(), max_bytes };
        store.replay(&left)?;
        store.complete_directory()?;
        Ok(store)
    }

    /// Brings what a crash left in the journal alone into the tables.
    fn replay(&self, left: &[Vec<u8>]) -> Result<(), StoreError> {
        let (settled, mut batch) = (self.height()?, Batch::default());
        for payload in left {
            let (height, additions) = decode(payload).map_err(JournalError::from)?;
            if height > settled {
                batch.add(height, &additions);
            }
        }
        if batch.is_empty() { Ok(()) } else { self.write(&batch) }
    }

    fn recent(&self) -> RwLockReadGuard<'_, Recent> {
        self.recent.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn recent_mut(&self) -> RwLockWriteGuard<'_, Recent> {
        self.recent.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The body with this hash. One that is damaged on the disk counts as missing.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn body(&self, hash: &Hash) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(body) = self.recent().body(hash) {
            return Ok(Some(body.to_vec()));
        }
        let table = self.tables.begin_read()?.open_table(BODIES)?;
        Ok(table.get(hash)?.map(|value| value.value().to_vec()).filter(|body| body_hash(body) == *hash))
    }

    /// The encoded cell that a key had at a version, from 1.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn version(&self, key: &Hash, version: u32) -> Result<Option<[u8; CELL_BYTES]>, StoreError> {
        if let Some(cell) = self.recent().version(key, version) {
            return Ok(Some(cell));
        }
        let table = self.tables.begin_read()?.open_table(VERSIONS)?;
        Ok(table.get((key, version))?.map(|value| *value.value()))
    }

    /// The newest version of a key that is not above `version`, with its number: the version itself wherever all were kept.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn version_up_to(&self, key: &Hash, version: u32) -> Result<Option<(u32, [u8; CELL_BYTES])>, StoreError> {
        // What leaves the journal meanwhile is in the tables by then.
        let recent = self.recent().version_up_to(key, version);
        let table = self.tables.begin_read()?.open_table(VERSIONS)?;
        let newest = table.range((key, 0)..=(key, version))?.next_back().transpose()?;
        let settled = newest.map(|(key, cell)| (key.value().1, *cell.value()));
        Ok(recent.into_iter().chain(settled).max_by_key(|(version, _)| *version))
    }

    /// Versions from a key and version on, in order, at most `count`: what a walk over everything kept goes by.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn versions_from(
        &self,
        key: &Hash,
        version: u32,
        count: usize,
    ) -> Result<Vec<(Hash, u32, [u8; CELL_BYTES])>, StoreError> {
        let mut found = self.recent().versions_from(key, version, count);
        let table = self.tables.begin_read()?.open_table(VERSIONS)?;
        for entry in table.range((key, version)..)?.take(count) {
            let (key, cell) = entry?;
            let (key, version) = key.value();
            found.insert((*key, version), *cell.value());
        }
        Ok(found.into_iter().take(count).map(|((key, version), cell)| (key, version, cell)).collect())
    }

    /// The ids of proposals, newest first, at most `count`; older than the one `before`, which is named by its height and id. A node that
    /// took its state from others knows those only that a block of its own touched.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn proposals(&self, before: Option<(u64, Hash)>, count: usize) -> Result<Vec<Hash>, StoreError> {
        let table = self.tables.begin_read()?.open_table(PROPOSALS)?;
        let end = before.unwrap_or((u64::MAX, [0xff; 32]));
        let mut found = Vec::new();
        for entry in table.range(..(end.0, &end.1))?.rev().take(count) {
            found.push(*entry?.0.value().1);
        }
        Ok(found)
    }

    /// When this node first saw the block at a height as a proposal, in milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn first_seen_ms(&self, height: u64) -> Result<Option<u64>, StoreError> {
        let recent = self.recent().first_seen_ms(height);
        let table = self.tables.begin_read()?.open_table(SEEN)?;
        // The first sight of a block that was applied twice is the older one.
        Ok(table.get(height)?.map(|value| value.value()).or(recent))
    }

    /// What supervision found and kept.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn findings(&self) -> Result<Vec<(Hash, Vec<u8>)>, StoreError> {
        let table = self.tables.begin_read()?.open_table(FINDINGS)?;
        let mut findings = Vec::new();
        for entry in table.iter()? {
            let (key, finding) = entry?;
            findings.push((*key.value(), finding.value().to_vec()));
        }
        Ok(findings)
    }

    /// Keeps a finding, in place of an earlier one of this name.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep_finding(&self, key: &Hash, finding: &[u8]) -> Result<(), StoreError> {
        let transaction = self.tables.begin_write()?;
        transaction.open_table(FINDINGS)?.insert(key, finding)?;
        transaction.commit()?;
        Ok(())
    }

    /// Adds an entry to the console's log; on the disk when this returns. Beyond `MAX_ACCESS` the oldest is dropped.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn note_access(&self, entry: &[u8]) -> Result<(), StoreError> {
        let transaction = self.tables.begin_write()?;
        {
            let mut table = transaction.open_table(ACCESS)?;
            let next = table.last()?.map_or(0, |(number, _)| number.value() + 1);
            table.insert(next, entry)?;
            if let Some(oldest) = next.checked_sub(MAX_ACCESS) {
                table.remove(oldest)?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// The newest entries of the console's log with their numbers, newest first, at most `count`; older than number `before`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn accesses(&self, before: Option<u64>, count: usize) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let table = self.tables.begin_read()?.open_table(ACCESS)?;
        let mut found = Vec::new();
        for entry in table.range(..before.unwrap_or(u64::MAX))?.rev().take(count) {
            let (number, bytes) = entry?;
            found.push((number.value(), bytes.value().to_vec()));
        }
        Ok(found)
    }

    /// The height of the last block written here.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn height(&self) -> Result<u64, StoreError> {
        let recent = self.recent().height();
        let table = self.tables.begin_read()?.open_table(FACTS)?;
        Ok(table.get(HEIGHT)?.map_or(0, |value| value.value()).max(recent))
    }

    /// Whether bodies may be missing that the state names, because the state came from other validators.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn incomplete(&self) -> Result<bool, StoreError> {
        let table = self.tables.begin_read()?.open_table(FACTS)?;
        Ok(table.get(INCOMPLETE)?.is_some_and(|value| value.value() != 0))
    }

    /// Notes whether bodies may be missing.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set_incomplete(&self, incomplete: bool) -> Result<(), StoreError> {
        let transaction = self.tables.begin_write()?;
        transaction.open_table(FACTS)?.insert(INCOMPLETE, u64::from(incomplete))?;
        transaction.commit()?;
        Ok(())
    }

    /// What introduced an epoch (`engine::epochs::Boundary`), from 1.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn epoch(&self, epoch: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let table = self.tables.begin_read()?.open_table(EPOCHS)?;
        Ok(table.get(epoch)?.map(|value| value.value().to_vec()))
    }

    /// The newest epoch that was introduced here; 0 if none was.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn newest_epoch(&self) -> Result<u64, StoreError> {
        let table = self.tables.begin_read()?.open_table(EPOCHS)?;
        Ok(table.last()?.map_or(0, |(epoch, _)| epoch.value()))
    }

    /// Writes what introduced an epoch; on the disk when this returns.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn put_epoch(&self, epoch: u64, boundary: &[u8]) -> Result<(), StoreError> {
        let transaction = self.tables.begin_write()?;
        transaction.open_table(EPOCHS)?.insert(epoch, boundary)?;
        Ok(transaction.commit()?)
    }

    /// The finality certificate of the block that introduced an epoch.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn epoch_certificate(&self, epoch: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let table = self.tables.begin_read()?.open_table(EPOCH_CERTIFICATES)?;
        Ok(table.get(epoch)?.map(|value| value.value().to_vec()))
    }

    /// Writes that certificate.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn put_epoch_certificate(&self, epoch: u64, certificate: &[u8]) -> Result<(), StoreError> {
        let transaction = self.tables.begin_write()?;
        transaction.open_table(EPOCH_CERTIFICATES)?.insert(epoch, certificate)?;
        Ok(transaction.commit()?)
    }

    /// Evidence of equivocation that this node holds, by the offence's id.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn evidence(&self) -> Result<Vec<(Hash, Vec<u8>)>, StoreError> {
        let table = self.tables.begin_read()?.open_table(EVIDENCE)?;
        let rows = table.iter()?.map(|row| row.map(|(id, value)| (*id.value(), value.value().to_vec())));
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Keeps evidence. Keeping it twice is keeping it once.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn put_evidence(&self, id: &Hash, evidence: &[u8]) -> Result<(), StoreError> {
        let transaction = self.tables.begin_write()?;
        transaction.open_table(EVIDENCE)?.insert(id, evidence)?;
        Ok(transaction.commit()?)
    }

    /// Every body, until one is refused.
    ///
    /// # Errors
    /// When the file cannot be read, or what `each` says.
    pub fn each_body<F: From<StoreError>>(&self, mut each: impl FnMut(&Hash, &[u8]) -> Result<(), F>) -> Result<(), F> {
        self.settle()?;
        let table = self.tables.begin_read().map_err(StoreError::from)?.open_table(BODIES).map_err(StoreError::from)?;
        for entry in table.iter().map_err(StoreError::from)? {
            let (hash, body) = entry.map_err(StoreError::from)?;
            each(hash.value(), body.value())?;
        }
        Ok(())
    }

    /// Every version of every cell, until one is refused.
    ///
    /// # Errors
    /// When the file cannot be read, or what `each` says.
    pub fn each_version<F: From<StoreError>>(
        &self,
        mut each: impl FnMut(&Hash, u32, &[u8; CELL_BYTES]) -> Result<(), F>,
    ) -> Result<(), F> {
        self.settle()?;
        let table = self.tables.begin_read().map_err(StoreError::from)?.open_table(VERSIONS).map_err(StoreError::from)?;
        for entry in table.iter().map_err(StoreError::from)? {
            let (place, cell) = entry.map_err(StoreError::from)?;
            let (key, version) = place.value();
            each(key, version, cell.value())?;
        }
        Ok(())
    }

    /// Writes what a finalized block adds; on the disk when this returns. Writing it again changes nothing.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn record(&self, height: u64, additions: &Additions) -> Result<(), StoreError> {
        kill_points::reach(Point::CommitBegins);
        let payload = encode(height, additions).map_err(JournalError::from)?;
        let full = {
            let mut journal = self.journal();
            journal.append(&payload, || kill_points::reach(Point::StoreWritten)).map_err(JournalError::from)?;
            let mut recent = self.recent_mut();
            recent.add(height, additions);
            recent.bytes() >= self.max_bytes
        };
        // Lists are read in the tables only, and what they list is rare.
        if full || !additions.proposals.is_empty() || directory::lists(additions) {
            self.settle()?;
        }
        kill_points::reach(Point::StoreCommitted);
        Ok(())
    }

    /// Whether the journal has so much that it is worth writing into the tables.
    pub fn is_worth_settling(&self) -> bool {
        self.recent().is_worth()
    }

    /// Writes what is in the journal alone into the tables. Blocks may be recorded meanwhile.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn settle(&self) -> Result<(), StoreError> {
        let _one = self.settling.lock().unwrap_or_else(PoisonError::into_inner);
        // One that did not arrive: the disk refused it.
        let late = self.recent().leaving();
        if let Some(batch) = late {
            self.arrive(&batch)?;
        }
        let batch = {
            let mut journal = self.journal();
            let batch = self.recent_mut().send();
            if batch.is_some() {
                journal.turn();
            }
            batch
        };
        batch.map_or(Ok(()), |batch| self.arrive(&batch))
    }

    fn arrive(&self, batch: &Batch) -> Result<(), StoreError> {
        self.write(batch)?;
        self.recent_mut().arrived();
        Ok(())
    }

    /// Puts back or brings bodies and versions of blocks that are final already; on the disk when this returns.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep(&self, additions: &Additions) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        batch.add(0, additions);
        self.write(&batch)
    }

    fn write(&self, batch: &Batch) -> Result<(), StoreError> {
        let transaction = self.tables.begin_write()?;
        insert(&transaction, batch)?;
        transaction.commit()?;
        Ok(())
    }
}

fn insert(transaction: &WriteTransaction, batch: &Batch) -> Result<(), StoreError> {
    // Neighbours in the file are written one after the other.
    let mut sorted: Vec<_> = batch.bodies.iter().collect();
    sorted.sort_unstable_by_key(|(hash, _)| **hash);
    let mut bodies = transaction.open_table(BODIES)?;
    for (hash, body) in &sorted {
        bodies.insert(*hash, &***body)?;
    }
    let mut doomed = transaction.open_table(DOOMED)?;
    if !doomed.is_empty()? {
        // Named again: it stays.
        for (hash, _) in &sorted {
            doomed.remove(*hash)?;
        }
    }
    let mut versions = transaction.open_table(VERSIONS)?;
    for ((key, version), cell) in &batch.cells {
        versions.insert((key, *version), cell)?;
    }
    directory::note(transaction, batch.cells.iter().map(|((key, _), cell)| (key, cell)), &batch.bodies)?;
    let mut proposals = transaction.open_table(PROPOSALS)?;
    for (proposed_at, id) in &batch.proposals {
        proposals.insert((*proposed_at, id), ())?;
    }
    let mut seen = transaction.open_table(SEEN)?;
    for (height, first_seen_ms) in &batch.seen {
        // What is applied again after a crash keeps its first sight.
        if seen.get(height)?.is_none() {
            seen.insert(height, first_seen_ms)?;
        }
    }
    let mut facts = transaction.open_table(FACTS)?;
    let known = facts.get(HEIGHT)?.map_or(0, |value| value.value());
    if batch.height > known {
        facts.insert(HEIGHT, batch.height)?;
    }
    Ok(())
}

/// Additions as the journal has them: Borsh, in the order of the fields.
fn encode(height: u64, additions: &Additions) -> io::Result<Vec<u8>> {
    let Additions { bodies, cells, first_seen_ms, proposals } = additions;
    let bodies: Vec<(&Hash, &[u8])> = bodies.iter().map(|(hash, body)| (hash, &**body)).collect();
    let mut bytes = Vec::new();
    (height, bodies, cells, first_seen_ms, proposals).serialize(&mut bytes)?;
    Ok(bytes)
}

fn decode(payload: &[u8]) -> io::Result<(u64, Additions)> {
    type Entry = (u64, Vec<(Hash, Vec<u8>)>, Vec<(Hash, u32, [u8; CELL_BYTES])>, Option<u64>, Vec<(u64, Hash)>);
    let (height, bodies, cells, first_seen_ms, proposals) = Entry::try_from_slice(payload)?;
    let bodies = bodies.into_iter().map(|(hash, body)| (hash, Arc::from(body))).collect();
    Ok((height, Additions { bodies, cells, first_seen_ms, proposals }))
}

#[cfg(test)]
mod tests;
