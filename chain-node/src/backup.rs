//! Backups: the ledger's blocks and certificates in one file, and a manifest that says what is in it.
//!
//! Blocks are the source of truth: a node that gets them executes them again and arrives at the same state, whatever its
//! format on the disk. A backup holds no key and no vote guard. It is checked against the genesis in full before it is used.

use crate::{
    durable::{self, FileError},
    engine::{
        archive::{ArchiveFault, Ledger},
        block::Block,
        types::Environment,
    },
    epoch_changes::EpochChange,
    genesis::Checked,
    store::{Store, StoreError},
    verify::{Chain, Fault},
};
use borsh::{BorshDeserialize, BorshSerialize};
use data_encoding::HEXLOWER;
use identity::canonical;
use ledger::limits::MAX_BLOCK_BYTES;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

/// The format of the manifest and of the file of blocks.
const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";
const BLOCKS: &str = "blocks";
const EPOCHS: &str = "epochs";
/// Bytes of the file of epochs at most.
const MAX_EPOCHS_BYTES: usize = 1024 * 1024 * 1024;
/// Bytes of one entry at most: a block and a certificate.
const MAX_ENTRY_BYTES: usize = MAX_BLOCK_BYTES + 256 * 1024;
/// Blocks written before they are synced.
const SYNC_EVERY: u64 = 4_096;

/// One finalized block.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Entry {
    /// The block, in its canonical form.
    pub block: Vec<u8>,
    /// Its certificate, if it has one of its own.
    pub certificate: Option<Vec<u8>>,
}

impl Entry {
    /// A block with its certificate.
    pub fn new(block: &Block, certificate: Option<Vec<u8>>) -> Self {
        Self { block: block.bytes().to_vec(), certificate }
    }

    /// The block, checked against its own header.
    ///
    /// # Errors
    /// When the bytes are no block.
    pub fn block(&self) -> Result<Block, String> {
        let block = canonical::decode(&self.block, MAX_BLOCK_BYTES).map_err(|error| error.to_string())?;
        Block::new(block).map_err(|error| error.to_string())
    }
}

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: u32,
    /// The genesis hash, in hex.
    pub ledger: String,
    /// The height of the last block.
    pub height: u64,
    /// The digest of the last block, in hex.
    pub tip: String,
}

/// Why there is no backup, or why one is not used.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The folder for a new backup has something in it.
    #[error("{} is not empty; every backup needs a folder of its own", .0.display())]
    NotEmpty(PathBuf),
    /// The folder to restore into has data.
    #[error("{} has data already; restore into a new or emptied data folder", .0.display())]
    HasData(PathBuf),
    /// The body store.
    #[error("bodies.redb cannot be read: {0}")]
    Store(#[from] StoreError),
    /// The engine's files.
    #[error(transparent)]
    Archive(#[from] ArchiveFault),
    /// The node has not every block.
    #[error(
        "this node has no block of height {0}, because it began with a state from other validators: back up one that has every block"
    )]
    Incomplete(u64),
    /// The manifest is not one, or not of this version.
    #[error("{MANIFEST} is not a manifest that this version reads: {0}")]
    Manifest(String),
    /// It is another ledger's.
    #[error("the backup is of another ledger than the genesis file's")]
    OtherLedger,
    /// The file of blocks is damaged.
    #[error("the file {BLOCKS} of the backup is damaged after height {after}: {reason}")]
    Damaged {
        /// The last good block.
        after: u64,
        /// What is wrong.
        reason: String,
    },
    /// The blocks are not a ledger of this genesis.
    #[error("the backup is not this ledger: {0}")]
    Wrong(#[from] Fault),
}

fn damaged(after: u64, reason: impl std::fmt::Display) -> BackupError {
    BackupError::Damaged { after, reason: reason.to_string() }
}

/// Writes a backup, block by block.
pub struct Writer {
    folder: PathBuf,
    blocks: BufWriter<File>,
    tip: Option<(u64, String)>,
    ledger: String,
}

impl Writer {
    /// A new backup in a new or empty folder.
    ///
    /// # Errors
    /// When there is something in it, or it cannot be written.
    pub fn new(folder: &Path, genesis: &Checked) -> Result<Self, BackupError> {
        let written = |source| FileError::new(folder, "written", source);
        fs::create_dir_all(folder).map_err(written)?;
        if fs::read_dir(folder).map_err(written)?.next().is_some() {
            return Err(BackupError::NotEmpty(folder.to_owned()));
        }
        let blocks = BufWriter::new(File::create_new(folder.join(BLOCKS)).map_err(written)?);
        Ok(Self { folder: folder.to_owned(), blocks, tip: None, ledger: HEXLOWER.encode(&genesis.genesis.hash()) })
    }

    /// The next block.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add(&mut self, block: &Block, certificate: Option<Vec<u8>>) -> Result<(), BackupError> {
        let entry = Entry::new(block, certificate);
        write_entry(&mut self.blocks, &entry).map_err(|source| FileError::new(&self.folder.join(BLOCKS), "written", source))?;
        self.tip = Some((block.header().height, HEXLOWER.encode(&block.header().digest())));
        Ok(())
    }

    /// Brings the backup to the disk; without this there is none.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self, epochs: &[EpochChange]) -> Result<Manifest, BackupError> {
        durable::replace(&self.folder.join(EPOCHS), &canonical::encode(&epochs.to_vec()))?;
        let blocks = self.folder.join(BLOCKS);
        let written = |source| FileError::new(&blocks, "written", source);
        let file = self.blocks.into_inner().map_err(|error| written(error.into_error()))?;
        file.sync_all().map_err(written)?;
        let (height, tip) = self.tip.unwrap_or_default();
        let manifest = Manifest { format: FORMAT, ledger: self.ledger, height, tip };
        let json = serde_json::to_vec_pretty(&manifest).expect("a manifest is JSON");
        durable::replace(&self.folder.join(MANIFEST), &json)?;
        Ok(manifest)
    }
}

/// An entry on a stream: its length in four bytes, and its canonical bytes.
///
/// # Errors
/// When the stream does not take it.
pub fn write_entry(to: &mut impl Write, entry: &Entry) -> io::Result<()> {
    let bytes = canonical::encode(entry);
    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(&bytes)
}

/// The next entry, or `None` at the end of the stream.
///
/// # Errors
/// When the stream ends within an entry, or it is too long or malformed.
pub fn read_entry(from: &mut impl Read) -> io::Result<Option<Entry>> {
    let mut length = [0; 4];
    let mut filled = 0;
    while let Some(rest) = length.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match from.read(rest)? {
            0 if filled == 0 => return Ok(None),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => filled += read,
        }
    }
    let length = usize::try_from(u32::from_le_bytes(length)).map_err(io::Error::other)?;
    if length > MAX_ENTRY_BYTES {
        return Err(io::Error::other("an entry is longer than a block can be"));
    }
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes)?;
    canonical::decode(&bytes, MAX_ENTRY_BYTES).map(Some).map_err(io::Error::other)
}

/// Backs up a stopped node.
///
/// # Errors
/// When a block is missing or damaged, or the backup cannot be written.
pub async fn of_stopped<E: Environment>(
    context: &E,
    prefix: &str,
    genesis: &Checked,
    (store, folder): (&Store, &Path),
) -> Result<Manifest, BackupError> {
    let archive = Ledger::open(context, prefix).await?;
    let mut writer = Writer::new(folder, genesis)?;
    let last = archive.ranges().last().map_or(0, |range| range.1);
    for height in 0..=last {
        let block = match archive.block(height).await? {
            Some(block) => block,
            None if height == 0 => std::sync::Arc::new(genesis.block::<E>()),
            None => return Err(BackupError::Incomplete(height)),
        };
        let certificate = archive.certificate(height).await?.map(|(_, certificate)| certificate);
        writer.add(&block, certificate)?;
    }
    writer.finish(&epochs(store)?)
}

/// What introduced every epoch, from the first on, as far as the store has it with its certificate.
///
/// # Errors
/// When the store cannot be read.
pub fn epochs(store: &Store) -> Result<Vec<EpochChange>, StoreError> {
    let mut changes = Vec::new();
    for epoch in 1..=store.newest_epoch()? {
        match EpochChange::of(store, epoch)? {
            Some(change) => changes.push(change),
            None => break,
        }
    }
    Ok(changes)
}

/// Checks a backup in full without using it.
///
/// # Errors
/// When it is damaged, of another ledger, or ends before its manifest says.
pub fn check<E: Environment>(folder: &Path, genesis: &Checked) -> Result<Manifest, BackupError> {
    let manifest = durable::read(&folder.join(MANIFEST))?.ok_or_else(|| BackupError::Manifest("there is none".to_owned()))?;
    let manifest: Manifest = serde_json::from_slice(&manifest).map_err(|error| BackupError::Manifest(error.to_string()))?;
    if manifest.format != FORMAT {
        return Err(BackupError::Manifest(format!("its format is {}", manifest.format)));
    }
    if manifest.ledger != HEXLOWER.encode(&genesis.genesis.hash()) {
        return Err(BackupError::OtherLedger);
    }
    let path = folder.join(BLOCKS);
    let mut file = BufReader::new(File::open(&path).map_err(|source| FileError::new(&path, "read", source))?);
    let genesis_block = genesis.block::<E>();
    let epochs =
        durable::read(&folder.join(EPOCHS))?.ok_or_else(|| BackupError::Manifest("the file epochs is missing".to_owned()))?;
    let epochs: Vec<EpochChange> =
        canonical::decode(&epochs, MAX_EPOCHS_BYTES).map_err(|error| BackupError::Manifest(error.to_string()))?;
    let changes = |epoch: u64| usize::try_from(epoch).ok().and_then(|epoch| epochs.get(epoch.checked_sub(1)?)).cloned();
    let mut chain = Chain::new(genesis, &changes);
    let height = |chain: &Chain<'_>| chain.tip().map_or(0, |tip| tip.height);
    let mut certified = 0;
    while let Some(entry) = read_entry(&mut file).map_err(|error| damaged(height(&chain), error))? {
        let block = entry.block().map_err(|error| damaged(height(&chain), error))?;
        if chain.tip().is_none() && block.header().height != 0 {
            return Err(damaged(0, "it does not begin with the block of the genesis"));
        }
        chain.next(&block, &genesis_block)?;
        if let Some(certificate) = &entry.certificate {
            chain.certificate(certificate)?;
            certified = height(&chain);
        }
    }
    let tip = chain.tip().map(|tip| (tip.height, HEXLOWER.encode(&tip.digest())));
    if tip != Some((manifest.height, manifest.tip.clone())) {
        return Err(damaged(height(&chain), "it does not end with the block that the manifest names"));
    }
    // Blocks after the last certificate have nothing but the folder's word for them.
    if certified < manifest.height.saturating_sub(UNCERTIFIED) {
        return Err(damaged(certified, "the blocks after this height have no certificate"));
    }
    Ok(manifest)
}

/// Blocks at the end of a backup that may lack a certificate: a block can be final through a descendant.
const UNCERTIFIED: u64 = 16;

/// Puts the blocks of a checked backup into an empty data folder. The node executes them when it starts.
///
/// # Errors
/// When the folder cannot be written.
pub async fn restore<E: Environment>(context: &E, prefix: &str, folder: &Path) -> Result<(), BackupError> {
    let mut archive = Ledger::open(context, prefix).await?;
    let path = folder.join(BLOCKS);
    let mut file = BufReader::new(File::open(&path).map_err(|source| FileError::new(&path, "read", source))?);
    let mut last = 0;
    while let Some(entry) = read_entry(&mut file).map_err(|error| damaged(last, error))? {
        let block = entry.block().map_err(|error| damaged(last, error))?;
        last = block.header().height;
        archive = archive.put(block, entry.certificate.as_deref()).await?;
        if last % SYNC_EVERY == 0 {
            archive = archive.sync(last).await?;
        }
    }
    archive.sync(last).await?;
    Ok(())
}
