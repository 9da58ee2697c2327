//! Key files: readable by their owner only, 32 bytes in hexadecimal or PKCS#8 in PEM.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use identity::keys::{Algorithm, SecretKey};
use p256::pkcs8::DecodePrivateKey as _;
use secrecy::ExposeSecret as _;
use service_kit::config::{self, ConfigError};
use zeroize::Zeroizing;

use crate::config::read_hex;

/// Why a key file is not used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] ConfigError),
    /// Others may read it.
    #[error("the key file {} has mode {mode:03o}; only its owner may read it: chmod 600 {}", path.display(), path.display())]
    Readable {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not a key of the form and algorithm.
    #[error("the key file {} does not hold 32 bytes in hexadecimal that are a key of its algorithm", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
}

/// Reads 32 secret bytes in hexadecimal.
///
/// # Errors
/// [`KeyError`]; never with anything of the key in it.
pub fn read_key(path: &Path) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    check_mode(path)?;
    read_hex(path)?.ok_or_else(|| KeyError::Malformed { path: path.to_owned() })
}

/// Reads a signing key: hexadecimal, or for P-256 PKCS#8 in PEM.
pub(super) fn read_signing_key(path: &Path, algorithm: Algorithm) -> Result<SecretKey, KeyError> {
    check_mode(path)?;
    let malformed = || KeyError::Malformed { path: path.to_owned() };
    let text = config::read_secret(path)?;
    if algorithm == Algorithm::P256 && text.expose_secret().starts_with("-----BEGIN") {
        let key = p256::SecretKey::from_pkcs8_pem(text.expose_secret()).map_err(|_| malformed())?;
        let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(key.to_bytes().into());
        return SecretKey::from_bytes(algorithm, &bytes).map_err(|_| malformed());
    }
    let bytes = read_hex(path)?.ok_or_else(malformed)?;
    SecretKey::from_bytes(algorithm, &bytes).map_err(|_| malformed())
}

fn check_mode(path: &Path) -> Result<(), KeyError> {
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    let mode = std::fs::metadata(path).map_err(unreadable)?.permissions().mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(KeyError::Readable { path: path.to_owned(), mode }) }
}
