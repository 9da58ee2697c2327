//! The pinned CIDs, in a redb database: each change is durable when it returns. All of its checksums are verified when it is opened,
//! so that a bit that flipped on the disk cannot unpin a blob in silence.

use std::path::PathBuf;

use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};

use crate::cid::Cid;
use crate::store::StoreError;

const PINS: TableDefinition<'_, [u8; Cid::BYTES], ()> = TableDefinition::new("pins");

pub(super) struct Pins {
    database: Database,
    path: PathBuf,
}

impl Pins {
    pub(super) fn open(path: PathBuf) -> Result<Self, StoreError> {
        let create = || {
            let mut database = Database::create(&path)?;
            if !database.check_integrity()? {
                tracing::warn!(path = %path.display(), "the database of pins was damaged and went back to its last good state");
            }
            let transaction = database.begin_write()?;
            transaction.open_table(PINS)?;
            transaction.commit()?;
            Ok(database)
        };
        // On a damaged file redb can panic where it should fail: both are the same to whoever opens the store.
        let database: Result<_, redb::Error> = std::panic::catch_unwind(create)
            .unwrap_or_else(|_| Err(redb::Error::Corrupted("the file cannot be read as a database".to_owned())));
        match database {
            Ok(database) => Ok(Self { database, path }),
            Err(source) => Err(StoreError::Pins { path, source: Box::new(source) }),
        }
    }

    fn failed(&self, source: redb::Error) -> StoreError {
        match source {
            redb::Error::Io(e) if matches!(e.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded) => {
                StoreError::Full(e)
            }
            source => StoreError::Pins { path: self.path.clone(), source: Box::new(source) },
        }
    }

    pub(super) fn insert(&self, cid: Cid) -> Result<(), StoreError> {
        let insert = || {
            let transaction = self.database.begin_write()?;
            transaction.open_table(PINS)?.insert(cid.to_bytes(), ())?;
            transaction.commit()?;
            Ok(())
        };
        insert().map_err(|e| self.failed(e))
    }

    /// Whether it was pinned.
    pub(super) fn remove(&self, cid: Cid) -> Result<bool, StoreError> {
        let remove = || {
            let transaction = self.database.begin_write()?;
            let was_pinned = transaction.open_table(PINS)?.remove(cid.to_bytes())?.is_some();
            transaction.commit()?;
            Ok(was_pinned)
        };
        remove().map_err(|e| self.failed(e))
    }

    pub(super) fn all(&self) -> Result<Vec<Cid>, StoreError> {
        let all = || {
            let table = self.database.begin_read()?.open_table(PINS)?;
            let mut cids = Vec::new();
            for entry in table.iter()? {
                let (key, _) = entry?;
                let cid = Cid::from_bytes(&key.value());
                cids.push(cid.map_err(|e| redb::Error::Corrupted(format!("a pin is not a CID: {e}")))?);
            }
            Ok(cids)
        };
        all().map_err(|e| self.failed(e))
    }
}
