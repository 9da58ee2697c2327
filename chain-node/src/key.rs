//! The validator's key file: 32 bytes of Ed25519 seed in hex, readable by its owner only.
//!
//! Refuses a file that others may read: whoever holds this key votes in the validator's name.

use commonware_codec::{Copying, DecodeExt as _, Encode as _};
use commonware_cryptography::{Signer as _, ed25519::PrivateKey};
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// Why a key file is not used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file cannot be read or written.
    #[error("the key file {path} cannot be used")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Someone other than the owner may read or write it.
    #[error("the key file {path} has mode {mode:03o}; only its owner may read it: chmod 600 {path}")]
    Readable {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not 64 hexadecimal digits.
    #[error("the key file {path} does not hold 32 bytes in hexadecimal")]
    Malformed {
        /// Which file.
        path: PathBuf,
    },
}

/// Reads a key file.
///
/// # Errors
/// When the file is missing, readable by others, or not 64 hexadecimal digits.
pub fn load(path: &Path) -> Result<PrivateKey, KeyFileError> {
    let io = |source| KeyFileError::Io { path: path.to_owned(), source };
    let mode = fs::metadata(path).map_err(io)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Readable { path: path.to_owned(), mode });
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(io)?);
    let malformed = || KeyFileError::Malformed { path: path.to_owned() };
    let seed = Zeroizing::new(HEXLOWER_PERMISSIVE.decode(text.trim().as_bytes()).map_err(|_| malformed())?);
    PrivateKey::decode(Copying(&seed)).map_err(|_| malformed())
}

/// Writes `key` to a new file with mode 0600 and returns the public key in hex.
///
/// # Errors
/// When the file exists already (a key is never overwritten) or cannot be written.
pub fn create(path: &Path, key: &PrivateKey) -> Result<String, KeyFileError> {
    let io = |source| KeyFileError::Io { path: path.to_owned(), source };
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(io)?;
    let seed = Zeroizing::new(HEXLOWER.encode(&key.encode()));
    file.write_all(seed.as_bytes()).map_err(io)?;
    file.write_all(b"\n").map_err(io)?;
    file.sync_all().map_err(io)?;
    Ok(HEXLOWER.encode(key.public_key().as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_created_key_loads_again_and_is_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("validator.key");
        let key = PrivateKey::from_seed(7);
        let public = create(&path, &key).unwrap();
        assert_eq!(public, HEXLOWER.encode(load(&path).unwrap().public_key().as_ref()));
        assert!(matches!(create(&path, &key), Err(KeyFileError::Io { .. })));
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("validator.key");
        create(&path, &PrivateKey::from_seed(7)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(load(&path), Err(KeyFileError::Readable { mode: 0o640, .. })));
    }

    #[test]
    fn a_file_that_is_not_a_key_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("validator.key");
        for text in ["", "zz", "00ff", &"00".repeat(33)] {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            assert!(matches!(load(&path), Err(KeyFileError::Malformed { .. })), "{text}");
        }
    }
}
