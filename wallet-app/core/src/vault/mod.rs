//! The vault: one file in which every record is sealed under a random data key, which a passphrase unwraps.
//!
//! Each record is XChaCha20-Poly1305 under the data key, with table, key and schema version as associated data, so that a record
//! moved to another place does not open. Several records change together or not at all ([`Vault::write`]): a commit is on the
//! disk before it returns. The directory belongs to one process at a time.
//!
//! It may assume that the operating system keeps other users out of the directory (mode 0700). It does not notice when the whole
//! file is put back to an earlier state, and it does not hide how many records there are or how long they are. It refuses a
//! wrong passphrase, slowly (see [`attempts`]), and every record that was changed.

pub mod attempts;
pub mod device;
mod error;
mod file;
pub mod key;
mod lock;

use std::path::Path;
use std::sync::Arc;

use borsh::BorshSerialize;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use clients::{Environment, Random};
use identity::{UnixSeconds, canonical};
use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use self::attempts::Attempts;
use self::device::DeviceStore;
pub use self::error::VaultError;
use self::key::{DeviceSecret, Passphrase, Strength, WrappedKey};
use self::lock::DirectoryLock;

/// The vault's file in the wallet's directory.
pub const FILE: &str = "vault.redb";
/// The file while it is being made.
const UNFINISHED: &str = "vault.redb.unfinished";
/// The newest format of the header that this software knows: 2 is bound to the device.
pub const SCHEMA_VERSION: u32 = 2;
/// The format of a vault that is not bound to its device, as all earlier versions made it.
const UNBOUND_SCHEMA: u32 = 1;
/// The format of the records, in their associated data. A change of any record's shape that older code would misread raises it.
const RECORD_SCHEMA: u32 = 1;
/// Most bytes of one sealed record: the ciphertext of the largest declared picture, and then some.
pub const MAX_RECORD_BYTES: usize = 16 * 1024 * 1024;

/// Context string of a record's associated data.
const RECORD_CONTEXT: &str = "yufu/vault/record/v1";
const NONCE_BYTES: usize = 24;
/// What is not sealed: the wrapped key and the counter of attempts.
const HEADER: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("header");
const HEADER_KEY: &str = "key";
const HEADER_ATTEMPTS: &str = "attempts";

/// The tables of sealed records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// What the wallet began with: the trust root and the identity's keys.
    Identity,
    /// Declarations under way and done.
    Declarations,
    /// The citizen's own copies of what they declared, by CID.
    Documents,
    /// Ciphertexts that still have to be uploaded, by CID.
    Uploads,
    /// Issuances under way: keys that exist before the credential does.
    Issuances,
    /// Credentials, each with its keys.
    Credentials,
    /// What the citizen consented to.
    Consents,
    /// Responses that were not acknowledged yet.
    Outbox,
    /// Receipts of what was released.
    Receipts,
    /// What happened, in order.
    History,
    /// Words to issuers that they have not taken yet.
    Notices,
    /// Credentials of another device, which a backup brought: to be asked for again.
    Moved,
    /// What the citizen stated towards sites and departments.
    Statements,
    /// By which key something was shown, by consent: for what the citizen asks of the site later. It never leaves the device.
    Shown,
}

impl Table {
    const ALL: [Self; 14] = [
        Self::Identity,
        Self::Declarations,
        Self::Documents,
        Self::Uploads,
        Self::Issuances,
        Self::Credentials,
        Self::Consents,
        Self::Outbox,
        Self::Receipts,
        Self::History,
        Self::Notices,
        Self::Moved,
        Self::Statements,
        Self::Shown,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Declarations => "declarations",
            Self::Documents => "documents",
            Self::Uploads => "uploads",
            Self::Issuances => "issuances",
            Self::Credentials => "credentials",
            Self::Consents => "consents",
            Self::Outbox => "outbox",
            Self::Receipts => "receipts",
            Self::History => "history",
            Self::Notices => "notices",
            Self::Moved => "moved",
            Self::Statements => "statements",
            Self::Shown => "shown",
        }
    }

    fn definition(self) -> TableDefinition<'static, &'static str, &'static [u8]> {
        TableDefinition::new(self.name())
    }
}

/// Opens the database in the vault's file. Tests take another one than the default, whose disk fails.
pub type Disk = Arc<dyn Fn(&Path) -> Result<Database, DatabaseError> + Send + Sync>;

/// An open vault.
pub struct Vault {
    database: Database,
    cipher: XChaCha20Poly1305,
    /// For wrapping it anew; wiped with the vault.
    data_key: Zeroizing<[u8; 32]>,
    random: Random,
    lock: DirectoryLock,
}

/// What opens a vault.
#[derive(Clone, Copy)]
pub struct Secrets<'a> {
    /// The passphrase, or the PIN of a vault that is bound to its device.
    pub passphrase: &'a Passphrase,
    /// Where the device's secret is. With it a new vault is bound to the device; without it a bound one does not open.
    pub device: Option<&'a dyn DeviceStore>,
}

impl std::fmt::Debug for Secrets<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(…)")
    }
}

impl<'a> From<&'a Passphrase> for Secrets<'a> {
    fn from(passphrase: &'a Passphrase) -> Self {
        Self { passphrase, device: None }
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault(…)")
    }
}

#[derive(BorshSerialize)]
struct Place<'a> {
    table: &'a str,
    key: &'a str,
    schema: u32,
}

fn associated_data(table: Table, key: &str) -> Vec<u8> {
    canonical::with_context(RECORD_CONTEXT, &Place { table: table.name(), key, schema: RECORD_SCHEMA })
}

impl Vault {
    /// Makes a vault in `dir`, which is created if need be, with its first record of the table [`Table::Identity`]. Takes as long
    /// as the passphrase's derivation.
    ///
    /// # Errors
    /// [`VaultError::Exists`], [`VaultError::InUse`], [`VaultError::PassphraseTooShort`], [`VaultError::Device`],
    /// [`VaultError::Disk`].
    pub fn create<'a, T: Serialize>(
        dir: &Path,
        secrets: impl Into<Secrets<'a>>,
        strength: Strength,
        environment: &Environment,
        first: (&str, &T),
    ) -> Result<Self, VaultError> {
        let lock = DirectoryLock::create(dir)?;
        let path = dir.join(FILE);
        if path.exists() {
            return Err(VaultError::Exists(dir.to_owned()));
        }
        let data_key = Zeroizing::new(environment.entropy());
        let secrets = secrets.into();
        // In the key store before the file names it: a process that dies between leaves a secret of nothing.
        let device = secrets.device.map(|store| new_device_secret(store, &environment.random)).transpose()?;
        let wrapped = WrappedKey::wrap(&data_key, secrets.passphrase, strength, device.as_ref(), &environment.random)?;
        // Made under another name: a file of this name is a whole vault, whenever the process dies.
        let unfinished = dir.join(UNFINISHED);
        match std::fs::remove_file(&unfinished) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(VaultError::disk(error)),
            _ => {}
        }
        let database = Database::create(&unfinished).map_err(VaultError::disk)?;
        lock::restrict(&unfinished, 0o600)?;
        let vault = Self::with_key(database, &data_key, environment, lock);
        vault.write::<_, VaultError>(|batch| {
            for table in Table::ALL {
                batch.transaction.open_table(table.definition()).map_err(VaultError::disk)?;
            }
            let (key, record) = first;
            batch.put(Table::Identity, key, record)?;
            put_header(&batch.transaction, HEADER_KEY, &wrapped)?;
            put_header(&batch.transaction, HEADER_ATTEMPTS, &Attempts::default())
        })?;
        let Self { database, lock, .. } = vault;
        drop(database);
        std::fs::rename(&unfinished, &path).map_err(VaultError::disk)?;
        lock::sync_directory(dir)?;
        let database = Database::open(&path).map_err(VaultError::disk)?;
        Ok(Self::with_key(database, &data_key, environment, lock))
    }

    /// Opens the vault in `dir`. A wrong passphrase takes as long as a right one, is counted before it is looked at, and after
    /// some of them the next attempts are not looked at for a while.
    ///
    /// # Errors
    /// [`VaultError::NotFound`], [`VaultError::InUse`], [`VaultError::WrongPassphrase`], [`VaultError::LockedOut`] and those of the
    /// disk.
    pub fn unlock<'a>(dir: &Path, secrets: impl Into<Secrets<'a>>, environment: &Environment) -> Result<Self, VaultError> {
        Self::unlock_on(dir, secrets.into(), environment, None)
    }

    /// As [`Self::unlock`], on another disk than the system's: for tests.
    ///
    /// # Errors
    /// As [`Self::unlock`].
    pub fn unlock_on(
        dir: &Path,
        secrets: Secrets<'_>,
        environment: &Environment,
        disk: Option<&Disk>,
    ) -> Result<Self, VaultError> {
        let path = dir.join(FILE);
        if !path.is_file() {
            return Err(VaultError::NotFound(dir.to_owned()));
        }
        let lock = DirectoryLock::take(dir)?;
        let database = file::open(&path, disk)?;
        let wrapped = read_wrapped(&database)?;
        // Before an attempt is counted: without the device's secret no passphrase is right.
        let device = device_secret(&wrapped, secrets.device)?;
        let data_key = open_counted(&database, &wrapped, secrets.passphrase, device.as_deref(), environment.now())?;
        let vault = Self::with_key(database, &data_key, environment, lock);
        vault.make_tables()?;
        Ok(vault)
    }

    /// Makes the tables that a vault of an earlier version has not got.
    fn make_tables(&self) -> Result<(), VaultError> {
        self.write(|batch| {
            for table in Table::ALL {
                batch.transaction.open_table(table.definition()).map_err(VaultError::disk)?;
            }
            Ok(())
        })
    }

    fn with_key(database: Database, key: &[u8; 32], environment: &Environment, lock: DirectoryLock) -> Self {
        let cipher = XChaCha20Poly1305::new(key.into());
        Self { database, cipher, data_key: Zeroizing::new(*key), random: environment.random.clone(), lock }
    }

    /// Whether it opens on this device only.
    ///
    /// # Errors
    /// [`VaultError::Header`], [`VaultError::Disk`].
    pub fn is_bound(&self) -> Result<bool, VaultError> {
        Ok(read_wrapped(&self.database)?.device.is_some())
    }

    /// Whether these secrets open the vault, which is open: before what only the citizen may see is shown. Counted as an attempt to open
    /// it is.
    ///
    /// # Errors
    /// [`VaultError::WrongPassphrase`], [`VaultError::LockedOut`], [`VaultError::Device`], [`VaultError::Disk`].
    pub fn confirm(&self, secrets: Secrets<'_>, now: UnixSeconds) -> Result<(), VaultError> {
        let wrapped = read_wrapped(&self.database)?;
        let device = device_secret(&wrapped, secrets.device)?;
        let opened = open_counted(&self.database, &wrapped, secrets.passphrase, device.as_deref(), now)?;
        if *opened == *self.data_key { Ok(()) } else { Err(VaultError::Header) }
    }

    /// Wraps the data key anew: another passphrase or PIN, bound to the device or not, another strength. The records stay as they
    /// are; one change of the header does it, so that the vault opens by the old or by the new at any moment.
    ///
    /// # Errors
    /// [`VaultError::WrongPassphrase`] when the old secrets are not the vault's, [`VaultError::LockedOut`],
    /// [`VaultError::PassphraseTooShort`], [`VaultError::Device`], [`VaultError::Disk`].
    pub fn rewrap(&self, old: Secrets<'_>, new: Secrets<'_>, strength: Strength, now: UnixSeconds) -> Result<(), VaultError> {
        let wrapped = read_wrapped(&self.database)?;
        let device = device_secret(&wrapped, old.device)?;
        let opened = open_counted(&self.database, &wrapped, old.passphrase, device.as_deref(), now)?;
        if *opened != *self.data_key {
            return Err(VaultError::Header);
        }
        let device = new.device.map(|store| new_device_secret(store, &self.random)).transpose()?;
        let anew = WrappedKey::wrap(&self.data_key, new.passphrase, strength, device.as_ref(), &self.random)?;
        self.write::<_, VaultError>(|batch| put_header(&batch.transaction, HEADER_KEY, &anew))?;
        if let (Some(name), Some(store)) = (wrapped.device, old.device) {
            // The old secret opens nothing any more; if it stays, it does no harm.
            let _forgotten = store.forget(&name);
        }
        Ok(())
    }

    /// A record, if it is there.
    ///
    /// # Errors
    /// [`VaultError::Tampered`] when it does not open, [`VaultError::Disk`].
    pub fn get<T: DeserializeOwned>(&self, table: Table, key: &str) -> Result<Option<T>, VaultError> {
        let transaction = self.database.begin_read().map_err(VaultError::disk)?;
        let rows = transaction.open_table(table.definition()).map_err(VaultError::disk)?;
        let Some(sealed) = rows.get(key).map_err(VaultError::disk)? else { return Ok(None) };
        open(&self.cipher, table, key, sealed.value()).map(Some)
    }

    /// All records of a table, in the order of their keys.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn list<T: DeserializeOwned>(&self, table: Table) -> Result<Vec<T>, VaultError> {
        Ok(self.entries(table)?.into_iter().map(|(_, record)| record).collect())
    }

    /// All records of a table with their keys, in the order of these.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn entries<T: DeserializeOwned>(&self, table: Table) -> Result<Vec<(String, T)>, VaultError> {
        let transaction = self.database.begin_read().map_err(VaultError::disk)?;
        let rows = transaction.open_table(table.definition()).map_err(VaultError::disk)?;
        let mut records = Vec::new();
        for row in rows.iter().map_err(VaultError::disk)? {
            let (key, sealed) = row.map_err(VaultError::disk)?;
            records.push((key.value().to_owned(), open(&self.cipher, table, key.value(), sealed.value())?));
        }
        Ok(records)
    }

    /// Changes records: all that `change` does, or nothing. Once this returns, it is on the disk. Changes wait for one another.
    ///
    /// # Errors
    /// What `change` returns, with nothing changed; [`VaultError::Disk`].
    pub fn write<T, E: From<VaultError>>(&self, change: impl FnOnce(&mut Batch<'_>) -> Result<T, E>) -> Result<T, E> {
        let transaction = self.database.begin_write().map_err(VaultError::disk)?;
        let mut batch = Batch { vault: self, transaction };
        // An error drops the transaction, which undoes it.
        let value = change(&mut batch)?;
        batch.transaction.commit().map_err(VaultError::disk)?;
        Ok(value)
    }
}

/// Changes that are made together.
pub struct Batch<'v> {
    vault: &'v Vault,
    transaction: WriteTransaction,
}

impl std::fmt::Debug for Batch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Batch(…)")
    }
}

impl Batch<'_> {
    /// A record as this batch sees it.
    ///
    /// # Errors
    /// As [`Vault::get`].
    pub fn get<T: DeserializeOwned>(&self, table: Table, key: &str) -> Result<Option<T>, VaultError> {
        let rows = self.transaction.open_table(table.definition()).map_err(VaultError::disk)?;
        let Some(sealed) = rows.get(key).map_err(VaultError::disk)? else { return Ok(None) };
        open(&self.vault.cipher, table, key, sealed.value()).map(Some)
    }

    /// Writes a record, new or not.
    ///
    /// # Errors
    /// [`VaultError::TooLarge`], [`VaultError::Disk`].
    pub fn put<T: Serialize>(&mut self, table: Table, key: &str, record: &T) -> Result<(), VaultError> {
        let sealed = seal(&self.vault.cipher, &self.vault.random, table, key, record)?;
        let mut rows = self.transaction.open_table(table.definition()).map_err(VaultError::disk)?;
        rows.insert(key, sealed.as_slice()).map_err(VaultError::disk)?;
        Ok(())
    }

    /// Writes a record under a new key that sorts after all others; gives the key.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub fn append<T: Serialize>(&mut self, table: Table, record: &T) -> Result<String, VaultError> {
        let last = {
            let rows = self.transaction.open_table(table.definition()).map_err(VaultError::disk)?;
            let last = rows.last().map_err(VaultError::disk)?;
            last.map(|(key, _)| key.value().parse::<u64>()).transpose().map_err(|_| VaultError::Tampered(table.name()))?
        };
        let key = format!("{:020}", last.map_or(0, |last| last.saturating_add(1)));
        self.put(table, &key, record)?;
        Ok(key)
    }

    /// Removes a record; whether there was one.
    ///
    /// # Errors
    /// [`VaultError::Disk`].
    pub fn remove(&mut self, table: Table, key: &str) -> Result<bool, VaultError> {
        let mut rows = self.transaction.open_table(table.definition()).map_err(VaultError::disk)?;
        let removed = rows.remove(key).map_err(VaultError::disk)?;
        Ok(removed.is_some())
    }
}

fn seal<T: Serialize>(
    cipher: &XChaCha20Poly1305,
    random: &Random,
    table: Table,
    key: &str,
    record: &T,
) -> Result<Vec<u8>, VaultError> {
    // The buffer is sized first, so that no grown-out-of copy of the plaintext stays in memory.
    let mut size = Length::default();
    serde_json::to_writer(&mut size, record).expect("records are maps with text keys, and counting does not fail");
    if size.0 > MAX_RECORD_BYTES {
        return Err(VaultError::TooLarge(size.0));
    }
    let mut plaintext = Zeroizing::new(Vec::with_capacity(size.0));
    serde_json::to_writer(&mut *plaintext, record).expect("records are maps with text keys, and memory does not fail");
    let nonce: [u8; NONCE_BYTES] = random.bytes();
    let message = Payload { msg: &plaintext, aad: &associated_data(table, key) };
    let ciphertext = cipher.encrypt(&XNonce::from(nonce), message).map_err(|_| VaultError::TooLarge(size.0))?;
    let mut sealed = nonce.to_vec();
    sealed.extend_from_slice(&ciphertext);
    Ok(sealed)
}

fn open<T: DeserializeOwned>(cipher: &XChaCha20Poly1305, table: Table, key: &str, sealed: &[u8]) -> Result<T, VaultError> {
    let tampered = || VaultError::Tampered(table.name());
    let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or_else(tampered)?;
    let message = Payload { msg: ciphertext, aad: &associated_data(table, key) };
    let plaintext = cipher.decrypt(&XNonce::from(*nonce), message).map(Zeroizing::new).map_err(|_| tampered())?;
    serde_json::from_slice(&plaintext).map_err(|_| tampered())
}

/// The wrapped key. A header of a newer version may have members that are not known here: its version is read first.
fn read_wrapped(database: &Database) -> Result<WrappedKey, VaultError> {
    #[derive(serde::Deserialize)]
    struct Version {
        schema: u32,
    }

    let bytes = header(database, HEADER_KEY)?.ok_or(VaultError::Header)?;
    let version: Version = serde_json::from_slice(&bytes).map_err(|_| VaultError::Header)?;
    if version.schema > SCHEMA_VERSION {
        return Err(VaultError::NewerSchema(version.schema));
    }
    serde_json::from_slice(&bytes).map_err(|_| VaultError::Header)
}

fn new_device_secret(store: &dyn DeviceStore, random: &Random) -> Result<DeviceSecret, VaultError> {
    let name = format!("vault-{}", random.token());
    let device = DeviceSecret { name, secret: Zeroizing::new(random.entropy()) };
    store.save(&device.name, &device.secret).map_err(VaultError::Device)?;
    Ok(device)
}

/// The device's secret of a bound vault; `None` for one that is not bound.
fn device_secret(wrapped: &WrappedKey, store: Option<&dyn DeviceStore>) -> Result<Option<Zeroizing<[u8; 32]>>, VaultError> {
    let Some(name) = &wrapped.device else { return Ok(None) };
    let secret = store.ok_or(VaultError::DeviceSecretMissing)?.load(name).map_err(VaultError::Device)?;
    secret.map(Some).ok_or(VaultError::DeviceSecretMissing)
}

fn header(database: &Database, key: &str) -> Result<Option<Vec<u8>>, VaultError> {
    let transaction = database.begin_read().map_err(VaultError::disk)?;
    let rows = match transaction.open_table(HEADER) {
        Ok(rows) => rows,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
        Err(error) => return Err(VaultError::disk(error)),
    };
    let value = rows.get(key).map_err(VaultError::disk)?;
    Ok(value.map(|value| value.value().to_vec()))
}

fn put_header<T: Serialize>(transaction: &WriteTransaction, key: &str, value: &T) -> Result<(), VaultError> {
    let bytes = serde_json::to_vec(value).expect("the header's parts are plain structures");
    let mut rows = transaction.open_table(HEADER).map_err(VaultError::disk)?;
    rows.insert(key, bytes.as_slice()).map_err(VaultError::disk)?;
    Ok(())
}

/// Unwraps the data key. The attempt is counted as wrong before it is looked at; after some wrong ones the next is not looked at for a
/// while.
fn open_counted(
    database: &Database,
    wrapped: &WrappedKey,
    passphrase: &Passphrase,
    device: Option<&[u8; 32]>,
    now: UnixSeconds,
) -> Result<Zeroizing<[u8; 32]>, VaultError> {
    let attempts = header(database, HEADER_ATTEMPTS)?.ok_or(VaultError::Header)?;
    let attempts: Attempts = serde_json::from_slice(&attempts).map_err(|_| VaultError::Header)?;
    let counted = attempts.begin(now).map_err(|refused| {
        // A clock that was set back starts the wait anew; that has to be remembered too.
        let remembered = save_attempts(database, &refused.attempts);
        remembered.err().unwrap_or(VaultError::LockedOut { wait_seconds: refused.wait_seconds })
    })?;
    save_attempts(database, &counted)?;
    let data_key = wrapped.unwrap(passphrase, device).map_err(|error| match error {
        key::UnwrapError::Derivation => VaultError::Derivation,
        key::UnwrapError::Wrong => {
            VaultError::WrongPassphrase { attempts_left: counted.left(), wait_seconds: counted.wait_seconds(now) }
        }
    })?;
    save_attempts(database, &counted.succeeded())?;
    Ok(data_key)
}

fn save_attempts(database: &Database, attempts: &Attempts) -> Result<(), VaultError> {
    let transaction = database.begin_write().map_err(VaultError::disk)?;
    put_header(&transaction, HEADER_ATTEMPTS, attempts)?;
    transaction.commit().map_err(VaultError::disk)
}

/// Counts bytes and keeps none.
#[derive(Default)]
struct Length(usize);

impl std::io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
