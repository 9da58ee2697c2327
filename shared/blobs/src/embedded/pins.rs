//! The pinned CIDs, in a redb database: each change is durable when it returns.

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
            let database = Database::create(&path)?;
            let transaction = database.begin_write()?;
            transaction.open_table(PINS)?;
            transaction.commit()?;
            Ok(database)
        };
        let database: Result<_, redb::Error> = create();
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
                let (key, ()) = entry.map(|(key, value)| (key.value(), value.value()))?;
                cids.extend(Cid::from_bytes(&key));
            }
            Ok(cids)
        };
        all().map_err(|e| self.failed(e))
    }
}
