//! The disk under a validator's body store: its files survive a crash, but for what was not synced.
//!
//! The engine's own files lose what was not synced by the rules of the deterministic runtime; this does the same for redb.

use chain_node::store::{Store, StoreError};
use redb::StorageBackend;
use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The three files of one store.
#[derive(Debug, Default)]
pub struct Files {
    tables: Disk,
    journal: [Disk; 2],
}

impl Files {
    /// The store that they have.
    ///
    /// # Errors
    /// When it is corrupt.
    pub fn open(&self) -> Result<Store, StoreError> {
        let [first, second] = self.journal.clone();
        Store::on(self.tables.clone(), [Box::new(first), Box::new(second)])
    }

    /// What is left of them when the machine loses power now. Whoever still has the old ones open writes into the void.
    pub fn crash(&self) -> Self {
        Self { tables: self.tables.crash(), journal: self.journal.each_ref().map(Disk::crash) }
    }
}

/// One of them.
#[derive(Debug, Clone, Default)]
struct Disk(Arc<Mutex<Contents>>);

#[derive(Debug, Default)]
struct Contents {
    /// What the store sees.
    live: Vec<u8>,
    /// What a crash leaves.
    synced: Vec<u8>,
    waiting: Vec<Change>,
    crashed: bool,
}

#[derive(Debug)]
enum Change {
    Length(usize),
    Write(usize, Vec<u8>),
}

fn apply(bytes: &mut Vec<u8>, change: &Change) -> io::Result<()> {
    match change {
        Change::Length(length) => bytes.resize(*length, 0),
        Change::Write(offset, data) => {
            let end = offset.saturating_add(data.len());
            bytes.get_mut(*offset..end).ok_or(io::ErrorKind::UnexpectedEof)?.copy_from_slice(data);
        }
    }
    Ok(())
}

fn place(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge.into())
}

impl Disk {
    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn crash(&self) -> Self {
        let mut contents = self.contents();
        contents.crashed = true;
        let synced = contents.synced.clone();
        Self(Arc::new(Mutex::new(Contents { live: synced.clone(), synced, waiting: Vec::new(), crashed: false })))
    }

    fn change(&self, change: Change) -> io::Result<()> {
        let mut contents = self.contents();
        if contents.crashed {
            return Ok(());
        }
        apply(&mut contents.live, &change)?;
        contents.waiting.push(change);
        Ok(())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        u64::try_from(self.contents().live.len()).map_err(|_| io::ErrorKind::FileTooLarge.into())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let (start, contents) = (place(offset)?, self.contents());
        let bytes = contents.live.get(start..start.saturating_add(out.len())).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.change(Change::Length(place(length)?))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut contents = self.contents();
        if contents.crashed {
            return Ok(());
        }
        let waiting = std::mem::take(&mut contents.waiting);
        waiting.iter().try_for_each(|change| apply(&mut contents.synced, change))
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(Change::Write(place(offset)?, data.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_loses_what_was_not_synced_and_nothing_else() {
        let disk = Disk::default();
        disk.set_len(4).unwrap();
        disk.write(0, b"kept").unwrap();
        disk.sync_data().unwrap();
        disk.write(0, b"lost").unwrap();
        let left = disk.crash();
        disk.write(0, b"void").unwrap();
        disk.sync_data().unwrap();
        let mut bytes = [0; 4];
        left.read(0, &mut bytes).unwrap();
        assert_eq!(&bytes, b"kept");
        assert!(left.read(1, &mut bytes).is_err(), "beyond the end");
    }
}
