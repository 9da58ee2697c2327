//! Where the pilot keeps the device's secret: files of one folder, readable by their owner only. It stands in for the operating
//! system's key store, which the pilot's machines often have not; the application uses that one.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;

use wallet_core::vault::device::SECRET_BYTES;
use wallet_core::{DeviceStore, DeviceStoreError};
use zeroize::Zeroizing;

/// Secrets by name, in a folder.
#[derive(Clone, Debug)]
pub struct FileStore {
    folder: PathBuf,
}

impl FileStore {
    /// The secrets of a folder, which is made when the first one is kept.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    fn path(&self, name: &str) -> Result<PathBuf, DeviceStoreError> {
        let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if plain { Ok(self.folder.join(name)) } else { Err(DeviceStoreError("a secret's name is no file's name".to_owned())) }
    }
}

fn failed(error: std::io::Error) -> DeviceStoreError {
    DeviceStoreError(error.to_string())
}

impl DeviceStore for FileStore {
    fn load(&self, name: &str) -> Result<Option<Zeroizing<[u8; SECRET_BYTES]>>, DeviceStoreError> {
        let bytes = match fs::read(self.path(name)?) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let secret: &[u8; SECRET_BYTES] =
            bytes.as_slice().try_into().map_err(|_| DeviceStoreError("the secret has another length".to_owned()))?;
        Ok(Some(Zeroizing::new(*secret)))
    }

    fn save(&self, name: &str, secret: &[u8; SECRET_BYTES]) -> Result<(), DeviceStoreError> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let path = self.path(name)?;
        fs::create_dir_all(&self.folder).map_err(failed)?;
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).map_err(failed)?;
        file.write_all(secret).and_then(|()| file.sync_all()).map_err(failed)
    }

    fn forget(&self, name: &str) -> Result<(), DeviceStoreError> {
        match fs::remove_file(self.path(name)?) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_kept_for_its_owner_and_forgotten() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::new(folder.path().join("device"));
        assert_eq!(store.load("one").unwrap(), None);
        store.save("one", &[7; SECRET_BYTES]).unwrap();
        assert_eq!(store.load("one").unwrap().unwrap().as_ref(), &[7; SECRET_BYTES]);
        let mode = fs::metadata(folder.path().join("device/one")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        store.forget("one").unwrap();
        store.forget("one").unwrap();
        assert_eq!(store.load("one").unwrap(), None);
        assert!(store.save("../one", &[7; SECRET_BYTES]).is_err());
    }
}
