//! Opening the database in the vault's file, which a disk may have damaged.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use redb::{Database, DatabaseError, StorageError};

use super::{Disk, VaultError};

/// Opens the database and checks all of it before any of it is believed. A commit that was torn is undone.
///
/// # Errors
/// [`VaultError::Damaged`] when it is not whole, [`VaultError::Disk`] when it cannot be read.
pub(super) fn open(path: &Path, disk: Option<&Disk>) -> Result<Database, VaultError> {
    let open = || -> Result<Database, DatabaseError> {
        let mut database = disk.map_or_else(|| Database::open(path), |disk| disk(path))?;
        // False: it was repaired, to the last commit that is whole.
        let _was_whole = database.check_integrity()?;
        Ok(database)
    };
    // The database's code panics on some files: a number in them is a place outside. Nothing of it is used after that.
    match catch_unwind(AssertUnwindSafe(open)) {
        Ok(Ok(database)) => Ok(database),
        Err(_) | Ok(Err(DatabaseError::Storage(StorageError::Corrupted(_)))) => Err(VaultError::Damaged(path.to_owned())),
        Ok(Err(error)) => Err(VaultError::disk(error)),
    }
}
