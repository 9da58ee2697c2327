//! The device's secret: 32 random bytes in the operating system's key store, without which the vault's file and the PIN together open
//! nothing. A vault that is bound to it can have a short PIN; where there is no key store, a passphrase is required.

use zeroize::Zeroizing;

/// Bytes of a device's secret.
pub const SECRET_BYTES: usize = 32;

/// The key store did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[error("the operating system's key store cannot be used: {0}")]
pub struct DeviceStoreError(pub String);

/// Where secrets of this device are kept, by name.
pub trait DeviceStore: Send + Sync {
    /// A secret, if it is there.
    ///
    /// # Errors
    /// When there is no key store, or it is locked.
    fn load(&self, name: &str) -> Result<Option<Zeroizing<[u8; SECRET_BYTES]>>, DeviceStoreError>;

    /// Keeps a secret.
    ///
    /// # Errors
    /// When there is no key store, or it is locked or full.
    fn save(&self, name: &str, secret: &[u8; SECRET_BYTES]) -> Result<(), DeviceStoreError>;

    /// Forgets a secret; whether it was there does not matter.
    ///
    /// # Errors
    /// When there is no key store, or it is locked.
    fn forget(&self, name: &str) -> Result<(), DeviceStoreError>;
}

/// What is written, read and forgotten to see whether a key store works.
const TRIAL: &str = "trial";

/// Whether a key store gives back what it was given. One that only answers could lose the secret, and the wallet with it.
pub fn works(store: &dyn DeviceStore) -> bool {
    let secret = [0x5a; SECRET_BYTES];
    let kept = store.save(TRIAL, &secret).is_ok();
    let found = kept && store.load(TRIAL).is_ok_and(|found| found.is_some_and(|found| *found == secret));
    let forgotten = store.forget(TRIAL).is_ok();
    found && forgotten
}

/// A device without a key store: nothing can be kept, and what was kept elsewhere is not here.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoKeyStore;

impl NoKeyStore {
    fn missing<T>() -> Result<T, DeviceStoreError> {
        Err(DeviceStoreError("this device has none".to_owned()))
    }
}

impl DeviceStore for NoKeyStore {
    fn load(&self, _: &str) -> Result<Option<Zeroizing<[u8; SECRET_BYTES]>>, DeviceStoreError> {
        Self::missing()
    }

    fn save(&self, _: &str, _: &[u8; SECRET_BYTES]) -> Result<(), DeviceStoreError> {
        Self::missing()
    }

    fn forget(&self, _: &str) -> Result<(), DeviceStoreError> {
        Self::missing()
    }
}

/// The operating system's key store: Keychain, Credential Manager, or the Secret Service of a desktop.
#[cfg(feature = "os-key-store")]
#[derive(Clone, Copy, Debug, Default)]
pub struct OsKeyStore;

#[cfg(feature = "os-key-store")]
impl OsKeyStore {
    /// The service under which secrets are kept.
    const SERVICE: &'static str = "yufu-wallet";

    fn entry(name: &str) -> Result<keyring::Entry, DeviceStoreError> {
        keyring::Entry::new(Self::SERVICE, name).map_err(|error| DeviceStoreError(error.to_string()))
    }
}

#[cfg(feature = "os-key-store")]
impl DeviceStore for OsKeyStore {
    fn load(&self, name: &str) -> Result<Option<Zeroizing<[u8; SECRET_BYTES]>>, DeviceStoreError> {
        match Self::entry(name)?.get_secret().map(Zeroizing::new) {
            Ok(bytes) => {
                let secret: &[u8; SECRET_BYTES] =
                    bytes.as_slice().try_into().map_err(|_| DeviceStoreError("the secret has another length".to_owned()))?;
                Ok(Some(Zeroizing::new(*secret)))
            }
            Err(keyring::Error::NoEntry) => Ok(None),
            Err(error) => Err(DeviceStoreError(error.to_string())),
        }
    }

    fn save(&self, name: &str, secret: &[u8; SECRET_BYTES]) -> Result<(), DeviceStoreError> {
        Self::entry(name)?.set_secret(secret).map_err(|error| DeviceStoreError(error.to_string()))
    }

    fn forget(&self, name: &str) -> Result<(), DeviceStoreError> {
        match Self::entry(name)?.delete_credential() {
            Ok(()) | Err(keyring::Error::NoEntry) => Ok(()),
            Err(error) => Err(DeviceStoreError(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, MutexGuard};

    use super::*;

    type Kept = Option<[u8; SECRET_BYTES]>;

    /// A key store that may forget what it was given.
    struct Store {
        forgets: bool,
        kept: Mutex<Kept>,
    }

    impl Store {
        fn kept(&self) -> MutexGuard<'_, Kept> {
            self.kept.lock().unwrap()
        }
    }

    impl DeviceStore for Store {
        fn load(&self, _: &str) -> Result<Option<Zeroizing<[u8; SECRET_BYTES]>>, DeviceStoreError> {
            Ok(self.kept().map(Zeroizing::new))
        }

        fn save(&self, _: &str, secret: &[u8; SECRET_BYTES]) -> Result<(), DeviceStoreError> {
            *self.kept() = (!self.forgets).then_some(*secret);
            Ok(())
        }

        fn forget(&self, _: &str) -> Result<(), DeviceStoreError> {
            *self.kept() = None;
            Ok(())
        }
    }

    #[test]
    fn a_key_store_that_is_away_or_forgets_does_not_work() {
        let good = Store { forgets: false, kept: Mutex::default() };
        assert!(works(&good));
        assert_eq!(*good.kept(), None, "the trial leaves nothing behind");
        assert!(!works(&Store { forgets: true, kept: Mutex::default() }));
        assert!(!works(&NoKeyStore));
    }
}
