//! Record bodies by their hash, and every version that a state key ever had.
//!
//! The authenticated state holds fixed cells; what they name lies here. Bodies are keyed by their own SHA-256, so a
//! fork cannot put a wrong one in place. A block's bodies are on the disk before the block is acknowledged.
//! The file can be thrown away: replaying the blocks fills it again.

use crate::{
    directory,
    kill_points::{self, Point},
};
use ledger::{
    Hash,
    cell::{CELL_BYTES, body_hash},
};
use redb::{
    Builder, Database, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _, StorageBackend, TableDefinition,
    backends::InMemoryBackend,
};
use std::{path::Path, sync::Arc};

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

/// The store failed. The node stops: it must not acknowledge what it could not write.
#[derive(Debug, thiserror::Error)]
#[error("the body store failed")]
pub struct StoreError(#[source] Box<redb::Error>);

impl<T: Into<redb::Error>> From<T> for StoreError {
    fn from(error: T) -> Self {
        Self(Box::new(error.into()))
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
pub struct Store(pub(crate) Database);

impl Store {
    /// Opens or creates the store in one file.
    ///
    /// # Errors
    /// When the file cannot be opened, is used by another process, or is corrupt.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::prepare(Builder::new().set_cache_size(CACHE_BYTES).create(path)?)
    }

    /// A store that ends with the process, for simulations.
    ///
    /// # Errors
    /// Never in practice.
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::on(InMemoryBackend::new())
    }

    /// A store on a disk of the caller's, for simulations in which a machine loses power.
    ///
    /// # Errors
    /// When the disk cannot be read or written, or is corrupt.
    pub fn on(disk: impl StorageBackend) -> Result<Self, StoreError> {
        Self::prepare(Builder::new().create_with_backend(disk)?)
    }

    fn prepare(database: Database) -> Result<Self, StoreError> {
        let transaction = database.begin_write()?;
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
        let store = Self(database);
        store.complete_directory()?;
        Ok(store)
    }

    /// The body with this hash. One that is damaged on the disk counts as missing.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn body(&self, hash: &Hash) -> Result<Option<Vec<u8>>, StoreError> {
        let table = self.0.begin_read()?.open_table(BODIES)?;
        Ok(table.get(hash)?.map(|value| value.value().to_vec()).filter(|body| body_hash(body) == *hash))
    }

    /// The encoded cell that a key had at a version, from 1.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn version(&self, key: &Hash, version: u32) -> Result<Option<[u8; CELL_BYTES]>, StoreError> {
        let table = self.0.begin_read()?.open_table(VERSIONS)?;
        Ok(table.get((key, version))?.map(|value| *value.value()))
    }

    /// The newest version of a key that is not above `version`, with its number: the version itself wherever all were kept.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn version_up_to(&self, key: &Hash, version: u32) -> Result<Option<(u32, [u8; CELL_BYTES])>, StoreError> {
        let table = self.0.begin_read()?.open_table(VERSIONS)?;
        let newest = table.range((key, 0)..=(key, version))?.next_back().transpose()?;
        Ok(newest.map(|(key, cell)| (key.value().1, *cell.value())))
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
        let table = self.0.begin_read()?.open_table(VERSIONS)?;
        let mut found = Vec::new();
        for entry in table.range((key, version)..)?.take(count) {
            let (key, cell) = entry?;
            let (key, version) = key.value();
            found.push((*key, version, *cell.value()));
        }
        Ok(found)
    }

    /// The ids of proposals, newest first, at most `count`; older than the one `before`, which is named by its height and id. A node that
    /// took its state from others knows those only that a block of its own touched.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn proposals(&self, before: Option<(u64, Hash)>, count: usize) -> Result<Vec<Hash>, StoreError> {
        let table = self.0.begin_read()?.open_table(PROPOSALS)?;
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
        let table = self.0.begin_read()?.open_table(SEEN)?;
        Ok(table.get(height)?.map(|value| value.value()))
    }

    /// What supervision found and kept.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn findings(&self) -> Result<Vec<(Hash, Vec<u8>)>, StoreError> {
        let table = self.0.begin_read()?.open_table(FINDINGS)?;
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
        let transaction = self.0.begin_write()?;
        transaction.open_table(FINDINGS)?.insert(key, finding)?;
        transaction.commit()?;
        Ok(())
    }

    /// Adds an entry to the console's log; on the disk when this returns. Beyond `MAX_ACCESS` the oldest is dropped.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn note_access(&self, entry: &[u8]) -> Result<(), StoreError> {
        let transaction = self.0.begin_write()?;
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
        let table = self.0.begin_read()?.open_table(ACCESS)?;
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
        let table = self.0.begin_read()?.open_table(FACTS)?;
        Ok(table.get(HEIGHT)?.map_or(0, |value| value.value()))
    }

    /// Whether bodies may be missing that the state names, because the state came from other validators.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn incomplete(&self) -> Result<bool, StoreError> {
        let table = self.0.begin_read()?.open_table(FACTS)?;
        Ok(table.get(INCOMPLETE)?.is_some_and(|value| value.value() != 0))
    }

    /// Notes whether bodies may be missing.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set_incomplete(&self, incomplete: bool) -> Result<(), StoreError> {
        let transaction = self.0.begin_write()?;
        transaction.open_table(FACTS)?.insert(INCOMPLETE, u64::from(incomplete))?;
        transaction.commit()?;
        Ok(())
    }

    /// What introduced an epoch (`engine::epochs::Boundary`), from 1.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn epoch(&self, epoch: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let table = self.0.begin_read()?.open_table(EPOCHS)?;
        Ok(table.get(epoch)?.map(|value| value.value().to_vec()))
    }

    /// The newest epoch that was introduced here; 0 if none was.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn newest_epoch(&self) -> Result<u64, StoreError> {
        let table = self.0.begin_read()?.open_table(EPOCHS)?;
        Ok(table.last()?.map_or(0, |(epoch, _)| epoch.value()))
    }

    /// Writes what introduced an epoch; on the disk when this returns.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn put_epoch(&self, epoch: u64, boundary: &[u8]) -> Result<(), StoreError> {
        let transaction = self.0.begin_write()?;
        transaction.open_table(EPOCHS)?.insert(epoch, boundary)?;
        Ok(transaction.commit()?)
    }

    /// The finality certificate of the block that introduced an epoch.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn epoch_certificate(&self, epoch: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let table = self.0.begin_read()?.open_table(EPOCH_CERTIFICATES)?;
        Ok(table.get(epoch)?.map(|value| value.value().to_vec()))
    }

    /// Writes that certificate.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn put_epoch_certificate(&self, epoch: u64, certificate: &[u8]) -> Result<(), StoreError> {
        let transaction = self.0.begin_write()?;
        transaction.open_table(EPOCH_CERTIFICATES)?.insert(epoch, certificate)?;
        Ok(transaction.commit()?)
    }

    /// Evidence of equivocation that this node holds, by the offence's id.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn evidence(&self) -> Result<Vec<(Hash, Vec<u8>)>, StoreError> {
        let table = self.0.begin_read()?.open_table(EVIDENCE)?;
        let rows = table.iter()?.map(|row| row.map(|(id, value)| (*id.value(), value.value().to_vec())));
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Keeps evidence. Keeping it twice is keeping it once.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn put_evidence(&self, id: &Hash, evidence: &[u8]) -> Result<(), StoreError> {
        let transaction = self.0.begin_write()?;
        transaction.open_table(EVIDENCE)?.insert(id, evidence)?;
        Ok(transaction.commit()?)
    }

    /// Every body, until one is refused.
    ///
    /// # Errors
    /// When the file cannot be read, or what `each` says.
    pub fn each_body<F: From<StoreError>>(&self, mut each: impl FnMut(&Hash, &[u8]) -> Result<(), F>) -> Result<(), F> {
        let table = self.0.begin_read().map_err(StoreError::from)?.open_table(BODIES).map_err(StoreError::from)?;
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
        let table = self.0.begin_read().map_err(StoreError::from)?.open_table(VERSIONS).map_err(StoreError::from)?;
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
    /// When the file cannot be written.
    pub fn record(&self, height: u64, additions: &Additions) -> Result<(), StoreError> {
        kill_points::reach(Point::CommitBegins);
        self.write(Some(height), additions)?;
        kill_points::reach(Point::StoreCommitted);
        Ok(())
    }

    /// Puts back or brings bodies and versions of blocks that are final already; on the disk when this returns.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep(&self, additions: &Additions) -> Result<(), StoreError> {
        self.write(None, additions)
    }

    fn write(&self, height: Option<u64>, additions: &Additions) -> Result<(), StoreError> {
        let transaction = self.0.begin_write()?;
        {
            let mut bodies = transaction.open_table(BODIES)?;
            for (hash, body) in &additions.bodies {
                bodies.insert(hash, &**body)?;
            }
            let mut doomed = transaction.open_table(DOOMED)?;
            if !doomed.is_empty()? {
                // Named again: it stays.
                for (hash, _) in &additions.bodies {
                    doomed.remove(hash)?;
                }
            }
            let mut versions = transaction.open_table(VERSIONS)?;
            for (key, version, cell) in &additions.cells {
                versions.insert((key, *version), cell)?;
            }
            directory::note(&transaction, additions)?;
            let mut proposals = transaction.open_table(PROPOSALS)?;
            for (proposed_at, id) in &additions.proposals {
                proposals.insert((*proposed_at, id), ())?;
            }
            if let Some(height) = height {
                if let Some(first_seen_ms) = additions.first_seen_ms {
                    let mut seen = transaction.open_table(SEEN)?;
                    // What is applied again after a crash keeps its first sight.
                    if seen.get(height)?.is_none() {
                        seen.insert(height, first_seen_ms)?;
                    }
                }
                transaction.open_table(FACTS)?.insert(HEIGHT, height)?;
            }
        }
        kill_points::reach(Point::StoreWritten);
        transaction.commit()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_recorded_is_there_after_reopening_and_twice_is_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bodies.redb");
        let hash = body_hash(b"body");
        let additions = Additions {
            bodies: vec![(hash, Arc::from(b"body".as_slice()))],
            cells: vec![([2; 32], 1, [3; CELL_BYTES])],
            first_seen_ms: Some(7),
            proposals: vec![(4, [1; 32]), (4, [2; 32]), (5, [0; 32])],
        };
        let store = Store::open(&path).unwrap();
        assert_eq!(store.height().unwrap(), 0);
        store.record(5, &additions).unwrap();
        store.record(5, &additions).unwrap();
        drop(store);

        let store = Store::open(&path).unwrap();
        assert_eq!(store.height().unwrap(), 5);
        assert_eq!(store.body(&hash).unwrap().as_deref(), Some(b"body".as_slice()));
        assert_eq!(store.body(&[9; 32]).unwrap(), None);
        assert_eq!(store.version(&[2; 32], 1).unwrap(), Some([3; CELL_BYTES]));
        assert_eq!(store.version(&[2; 32], 2).unwrap(), None);
        assert_eq!(store.version_up_to(&[2; 32], 9).unwrap(), Some((1, [3; CELL_BYTES])));
        assert_eq!(store.version_up_to(&[2; 32], 0).unwrap(), None);
        assert_eq!(store.proposals(None, 9).unwrap(), [[0; 32], [2; 32], [1; 32]]);
        assert_eq!(store.proposals(None, 1).unwrap(), [[0; 32]]);
        assert_eq!(store.proposals(Some((4, [2; 32])), 9).unwrap(), [[1; 32]]);
        assert_eq!(store.versions_from(&[0; 32], 0, 9).unwrap(), [([2; 32], 1, [3; CELL_BYTES])]);
        assert_eq!((store.first_seen_ms(5).unwrap(), store.first_seen_ms(6).unwrap()), (Some(7), None));
    }

    #[test]
    fn a_file_in_use_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bodies.redb");
        let _open = Store::open(&path).unwrap();
        assert!(Store::open(&path).is_err());
    }
}
