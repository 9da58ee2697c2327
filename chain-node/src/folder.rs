//! The data folder: whose it is, which format it has, and that one process alone uses it and the validator's key.
//!
//! Refuses a folder of another ledger or of a format that this version does not know, a folder in use, and a key in use.

use crate::{
    durable::{self, FileError},
    engine::Files,
    guard::{self, Data},
};
use data_encoding::HEXLOWER;
use ledger::Hash;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, TryLockError},
    num::NonZeroU64,
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixDatagram},
    },
    path::{Path, PathBuf},
};

/// The format of the folder that this version writes. A change that an older version cannot read raises it.
///
/// 2 may have another number of items in the engine's files than [`ITEMS_PER_FILE`], which is all that 1 has; from 3 on the newest record
/// bodies may be in a journal beside their tables.
pub const FORMAT: u32 = 3;
const FORMAT_FILE: &str = "format.json";
const LOCK_FILE: &str = "lock";

/// Record bodies and old versions.
pub const BODIES: &str = "bodies.redb";
/// What the engine keeps.
pub const ENGINE: &str = "engine";
/// What the engine's partitions' names begin with.
pub const PARTITION: &str = "chain";
/// Blocks, certificates or operations in one of the engine's files, unless the folder was made with another number.
pub const ITEMS_PER_FILE: NonZeroU64 = NonZeroU64::new(16_384).expect("16,384 is not 0");
const TOKEN: &str = "vote-token.json";

/// Why a folder or key is not used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file cannot be read, written or locked.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another process uses the folder.
    #[error("the data folder {} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// Another process on this machine votes with this key.
    #[error("the validator key {} is in use by another process on this machine; one key votes in one process only", .0.display())]
    KeyInUse(PathBuf),
    /// The format file is damaged.
    #[error("{} is not a format file: {reason}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A newer version wrote it.
    #[error("the data folder {} has format {found} and this version knows formats up to {FORMAT}: run the version that wrote it, or restore a backup of the older format", path.display())]
    Newer {
        /// Which folder.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// It is another ledger's.
    #[error("the data folder {} belongs to another ledger than the genesis file's", .0.display())]
    OtherLedger(PathBuf),
}

#[derive(Serialize, Deserialize)]
struct Format {
    format: u32,
    ledger: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    items_per_file: Option<NonZeroU64>,
}

/// A data folder that this process alone uses.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    found: Data,
    /// What its format file says, if it has one.
    format: Option<u32>,
    ledger: Hash,
    items_per_file: NonZeroU64,
    _lock: File,
}

impl DataFolder {
    /// Makes the folder if needed, locks it and looks at its format. The engine's files of a new folder have `items_per_file` items.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn open(path: &Path, ledger: &Hash, items_per_file: NonZeroU64) -> Result<Self, FolderError> {
        fs::create_dir_all(path).map_err(|source| FileError::new(path, "made", source))?;
        let lock = lock(&path.join(LOCK_FILE), true)?.ok_or_else(|| FolderError::InUse(path.to_owned()))?;
        let file = path.join(FORMAT_FILE);
        let (found, format, items_per_file) = match durable::read(&file)? {
            Some(content) => {
                let malformed = |reason: serde_json::Error| FolderError::Malformed { path: file, reason: reason.to_string() };
                let format: Format = serde_json::from_slice(&content).map_err(malformed)?;
                if format.format > FORMAT {
                    return Err(FolderError::Newer { path: path.to_owned(), found: format.format });
                }
                if format.ledger != HEXLOWER.encode(ledger) {
                    return Err(FolderError::OtherLedger(path.to_owned()));
                }
                (Data::Current, Some(format.format), format.items_per_file.unwrap_or(ITEMS_PER_FILE))
            }
            None if path.join(ENGINE).exists() => (Data::BeforeGuards, None, ITEMS_PER_FILE),
            None => (Data::Empty, None, items_per_file),
        };
        Ok(Self { path: path.to_owned(), found, format, ledger: *ledger, items_per_file, _lock: lock })
    }

    /// What was in it.
    pub fn found(&self) -> Data {
        self.found
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where record bodies are.
    pub fn bodies(&self) -> PathBuf {
        self.path.join(BODIES)
    }

    /// Where the engine's storage is.
    pub fn engine(&self) -> PathBuf {
        self.path.join(ENGINE)
    }

    /// The engine's files.
    pub fn files(&self) -> Files {
        Files { prefix: PARTITION.to_owned(), items_per_file: self.items_per_file }
    }

    /// The guard's two files.
    pub fn guard_files(&self, guard: &Path) -> guard::Files {
        guard::Files { guard: guard.to_owned(), token: token(&self.path) }
    }

    /// Writes the format, after the guard is there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn mark(&self) -> Result<(), FileError> {
        if self.format == Some(FORMAT) {
            return Ok(());
        }
        let items_per_file = Some(self.items_per_file).filter(|items| *items != ITEMS_PER_FILE);
        let format = Format { format: FORMAT, ledger: HEXLOWER.encode(&self.ledger), items_per_file };
        durable::replace(&self.path.join(FORMAT_FILE), &serde_json::to_vec(&format).expect("a format is JSON"))
    }
}

/// Where the token of a data folder is.
pub fn token(data_dir: &Path) -> PathBuf {
    data_dir.join(TOKEN)
}

/// The right to vote with a key on this machine, while it lives.
#[derive(Debug)]
pub struct KeyLock {
    _file: File,
    _name: UnixDatagram,
}

/// Takes the key for this process: by its file, and by the key itself, so that a copy of the file is the same key.
///
/// # Errors
/// When another process has it.
pub fn take_key(key_file: &Path, ledger: &Hash, public: &[u8]) -> Result<KeyLock, FolderError> {
    let in_use = || FolderError::KeyInUse(key_file.to_owned());
    let file = lock(key_file, false)?.ok_or_else(in_use)?;
    // An abstract name: the system gives it to one process and takes it back when that ends. A name has 107 bytes at most.
    let name = format!("yufu-{}-{}", HEXLOWER.encode(ledger.get(..8).unwrap_or_default()), HEXLOWER.encode(public));
    let address = SocketAddr::from_abstract_name(name).map_err(|source| FileError::new(key_file, "locked", source))?;
    let name = UnixDatagram::bind_addr(&address).map_err(|_| in_use())?;
    Ok(KeyLock { _file: file, _name: name })
}

fn lock(path: &Path, create: bool) -> Result<Option<File>, FileError> {
    let locked = |source| FileError::new(path, "locked", source);
    let mut options = File::options();
    options.read(true);
    if create {
        options.write(true).create(true).truncate(false);
    }
    let file = options.open(path).map_err(locked)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(locked(source)),
    }
}
