//! The pinned CIDs, in a redb database: each change is durable when it returns. All of its checksums are verified when it is opened,
//! so that a bit that flipped on the disk cannot unpin a blob in silence.
//!
//! After a failed write redb refuses everything until it is opened anew. So it is: a disk that was full needs room, not an operator.

use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use redb::{Database, Error, ReadableDatabase as _, ReadableTable as _, TableDefinition};

use crate::cid::Cid;
use crate::store::StoreError;

const PINS: TableDefinition<'_, [u8; Cid::BYTES], ()> = TableDefinition::new("pins");

pub(super) struct Pins {
    /// `None` from a failed write until the next use.
    database: RwLock<Option<Database>>,
    path: PathBuf,
}

fn open(path: &Path) -> Result<Database, Error> {
    let open = || {
        let mut database = Database::create(path)?;
        if !database.check_integrity()? {
            tracing::warn!(path = %path.display(), "the database of pins was damaged and went back to its last good state");
        }
        let transaction = database.begin_write()?;
        transaction.open_table(PINS)?;
        transaction.commit()?;
        Ok(database)
    };
    // On a damaged file redb can panic where it should fail: both are the same to whoever opens the store.
    let opened = std::panic::catch_unwind(open);
    opened.unwrap_or_else(|_| Err(Error::Corrupted("the file cannot be read as a database".to_owned())))
}

impl Pins {
    pub(super) fn open(path: PathBuf) -> Result<Self, StoreError> {
        let pins = Self { database: RwLock::default(), path };
        pins.with(|_| Ok(()))?;
        Ok(pins)
    }

    /// Works on the database, which is opened first if it is not open.
    fn with<T>(&self, work: impl Fn(&Database) -> Result<T, Error>) -> Result<T, StoreError> {
        let done = self.database.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(&work);
        let done = done.unwrap_or_else(|| {
            let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
            if database.is_none() {
                *database = Some(open(&self.path)?);
            }
            database.as_ref().map_or_else(|| Err(Error::DatabaseClosed), &work)
        });
        done.map_err(|source| match source {
            Error::Io(_) | Error::PreviousIo => {
                self.database.write().unwrap_or_else(PoisonError::into_inner).take();
                self.failed(source)
            }
            source => self.failed(source),
        })
    }

    fn failed(&self, source: Error) -> StoreError {
        match source {
            Error::Io(e) if matches!(e.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded) => {
                StoreError::Full(e)
            }
            source => StoreError::Pins { path: self.path.clone(), source: Box::new(source) },
        }
    }

    pub(super) fn insert(&self, cid: Cid) -> Result<(), StoreError> {
        self.with(|database| {
            let transaction = database.begin_write()?;
            transaction.open_table(PINS)?.insert(cid.to_bytes(), ())?;
            Ok(transaction.commit()?)
        })
    }

    /// Whether it was pinned.
    pub(super) fn remove(&self, cid: Cid) -> Result<bool, StoreError> {
        self.with(|database| {
            let transaction = database.begin_write()?;
            let was_pinned = transaction.open_table(PINS)?.remove(cid.to_bytes())?.is_some();
            transaction.commit()?;
            Ok(was_pinned)
        })
    }

    pub(super) fn all(&self) -> Result<Vec<Cid>, StoreError> {
        self.with(|database| {
            let table = database.begin_read()?.open_table(PINS)?;
            let mut cids = Vec::new();
            for entry in table.iter()? {
                let (key, _) = entry?;
                let cid = Cid::from_bytes(&key.value());
                cids.push(cid.map_err(|e| Error::Corrupted(format!("a pin is not a CID: {e}")))?);
            }
            Ok(cids)
        })
    }
}
