//! Blocks as files. May assume that no other process writes to the directory.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::cid::Cid;
use crate::dag::{Block, max_block_bytes};
use crate::store::StoreError;

pub(super) struct Disk {
    blocks: PathBuf,
    temporary: PathBuf,
    next_temporary: AtomicU64,
}

/// The error of a failed action on a path: a full disk is told apart.
fn failed(action: &'static str, path: &Path, source: io::Error) -> StoreError {
    match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::Full(source),
        _ => StoreError::Disk { action, path: path.into(), source },
    }
}

impl Disk {
    pub(super) fn open(directory: &Path) -> Result<Self, StoreError> {
        let disk =
            Self { blocks: directory.join("blocks"), temporary: directory.join("temporary"), next_temporary: AtomicU64::new(0) };
        fs::create_dir_all(&disk.blocks).map_err(|e| failed("make", &disk.blocks, e))?;
        match fs::remove_dir_all(&disk.temporary) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(failed("empty", &disk.temporary, e)),
            Ok(()) | Err(_) => (),
        }
        fs::create_dir_all(&disk.temporary).map_err(|e| failed("make", &disk.temporary, e))?;
        sync_directory(directory)?;
        Ok(disk)
    }

    pub(super) fn directory(&self) -> &Path {
        &self.blocks
    }

    fn path(&self, cid: Cid) -> PathBuf {
        let [first, ..] = cid.digest();
        self.blocks.join(format!("{first:02x}")).join(cid.to_string())
    }

    /// Writes a block unless the same bytes are there already. The name is durable after [`Self::sync_directories`].
    pub(super) fn write(&self, block: &Block) -> Result<(), StoreError> {
        match self.read(block.cid()) {
            Ok(_) => return Ok(()),
            // Not there, or damaged: in both cases the good bytes are written now.
            Err(StoreError::Missing { .. } | StoreError::Bad { .. }) => (),
            Err(e) => return Err(e),
        }
        let path = self.path(block.cid());
        let parent = path.parent().unwrap_or(&self.blocks);
        if let Err(e) = fs::create_dir(parent) {
            if e.kind() != ErrorKind::AlreadyExists {
                return Err(failed("make", parent, e));
            }
        } else {
            sync_directory(&self.blocks)?;
        }
        let number = self.next_temporary.fetch_add(1, Ordering::Relaxed);
        let temporary = self.temporary.join(number.to_string());
        let written = write_synced(&temporary, block.bytes())
            .map_err(|e| failed("write", &temporary, e))
            .and_then(|()| fs::rename(&temporary, &path).map_err(|e| failed("name", &path, e)));
        if written.is_err() {
            // Best effort: what stays is removed when the store is next opened.
            drop(fs::remove_file(&temporary));
        }
        written
    }

    /// Makes the names of written blocks durable, each directory once.
    pub(super) fn sync_directories(&self, blocks: &[Block]) -> Result<(), StoreError> {
        let paths: Vec<_> = blocks.iter().map(|block| self.path(block.cid())).collect();
        let directories: BTreeSet<_> = paths.iter().filter_map(|path| path.parent()).collect();
        directories.into_iter().try_for_each(sync_directory)
    }

    /// Reads and verifies a block.
    pub(super) fn read(&self, cid: Cid) -> Result<Block, StoreError> {
        let path = self.path(cid);
        let file = File::open(&path).map_err(|e| match e.kind() {
            ErrorKind::NotFound => StoreError::Missing { cid },
            _ => failed("open", &path, e),
        })?;
        // One byte over the limit is enough for the check to refuse the block.
        let limit = max_block_bytes(cid.codec()) + 1;
        let expected = file.metadata().map_err(|e| failed("read", &path, e))?.len();
        let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(limit).min(limit) + 1);
        let limit = u64::try_from(limit).expect("the limit of a block fits 64 bits");
        file.take(limit).read_to_end(&mut bytes).map_err(|e| failed("read", &path, e))?;
        Block::verify(cid, bytes.into()).map_err(|source| {
            tracing::error!(path = %path.display(), "a stored block is damaged");
            StoreError::Bad { cid, source }
        })
    }

    /// The length of a block's file, without reading it.
    pub(super) fn length(&self, cid: Cid) -> Result<u64, StoreError> {
        let path = self.path(cid);
        match fs::metadata(&path) {
            Ok(metadata) => Ok(metadata.len()),
            Err(e) if e.kind() == ErrorKind::NotFound => Err(StoreError::Missing { cid }),
            Err(e) => Err(failed("look at", &path, e)),
        }
    }

    /// Every block that has a file. Names that are not CIDs are left alone: they are not ours.
    pub(super) fn list(&self) -> Result<Vec<Cid>, StoreError> {
        let mut cids = Vec::new();
        for shard in entries(&self.blocks)? {
            for file in entries(&shard)? {
                let name = file.file_name().and_then(|name| name.to_str());
                cids.extend(name.and_then(|name| name.parse::<Cid>().ok()));
            }
        }
        Ok(cids)
    }

    pub(super) fn remove(&self, cid: Cid) -> Result<(), StoreError> {
        let path = self.path(cid);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(failed("remove", &path, e)),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let list = || fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path())).collect();
    let found: io::Result<Vec<_>> = list();
    found.map_err(|e| failed("list", directory, e))
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync_directory(directory: &Path) -> Result<(), StoreError> {
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(|e| failed("sync", directory, e))
}
