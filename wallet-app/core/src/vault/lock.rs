//! One process at a time: an exclusive lock on a file in the wallet's directory, which the system drops when the process ends.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;

use super::VaultError;

/// The lock's file. It is empty, and stays when the process ends.
const FILE: &str = "wallet.lock";

/// The lock, held while this lives.
#[derive(Debug)]
pub(super) struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Makes the directory, for its owner only, and takes the lock.
    pub(super) fn create(dir: &Path) -> Result<Self, VaultError> {
        if !dir.is_dir() {
            fs::create_dir_all(dir).map_err(VaultError::disk)?;
            restrict(dir, 0o700)?;
        }
        Self::take(dir)
    }

    /// Takes the lock of an existing directory.
    pub(super) fn take(dir: &Path) -> Result<Self, VaultError> {
        let path = dir.join(FILE);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(VaultError::disk)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(VaultError::InUse(dir.to_owned())),
            Err(TryLockError::Error(error)) => Err(VaultError::disk(error)),
        }
    }
}

/// Keeps other users out, where the system knows modes.
#[cfg(unix)]
pub(super) fn restrict(path: &Path, mode: u32) -> Result<(), VaultError> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(VaultError::disk)
}

/// Elsewhere the directory has the protection of the user's profile.
#[cfg(not(unix))]
pub(super) fn restrict(_path: &Path, _mode: u32) -> Result<(), VaultError> {
    Ok(())
}

/// Makes a rename in the directory survive a power cut.
#[cfg(unix)]
pub(super) fn sync_directory(dir: &Path) -> Result<(), VaultError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(VaultError::disk)
}

/// Elsewhere directories cannot be synchronised by themselves.
#[cfg(not(unix))]
pub(super) fn sync_directory(_dir: &Path) -> Result<(), VaultError> {
    Ok(())
}
