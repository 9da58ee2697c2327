//! A stopped node's blocks, certificates and state, opened one by one: for checks, backups and restores.
//!
//! Opening finishes what a crash left unfinished, as the start of the node would, and changes nothing else. Assumes that
//! no node runs on the same folder: the caller holds its lock. Every error names the file.

use super::{
    block::Block,
    storage::{self, Files},
    types::{Digest, Environment, Finalization, Scheme, State},
};
use commonware_codec::{Copying, Decode as _, Encode as _};
use commonware_cryptography::{Digestible as _, certificate::Verifier as _};
use commonware_storage::archive::{Archive as _, Error as ArchiveError, Identifier};
use ledger::Hash;
use std::sync::Arc;

/// Something on the disk is not as it must be.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveFault {
    /// An archive does not open.
    #[error("{file} cannot be opened: {cause}")]
    Opening {
        /// Which partition of the storage folder.
        file: String,
        /// What the engine said.
        cause: String,
    },
    /// An item cannot be read or is damaged.
    #[error("{file} is damaged at height {height}: {cause}")]
    Item {
        /// Which file of the storage folder.
        file: String,
        /// Which block.
        height: u64,
        /// What the engine said.
        cause: String,
    },
    /// An item cannot be written.
    #[error("{file} cannot be written at height {height}: {cause}")]
    Writing {
        /// Which file of the storage folder.
        file: String,
        /// Which block.
        height: u64,
        /// What the engine said.
        cause: String,
    },
    /// A certificate is not one.
    #[error("the certificate of height {0} is not a certificate")]
    Certificate(u64),
}

/// Blocks and certificates of a stopped node.
pub struct Ledger<E: Environment> {
    files: Files,
    blocks: storage::Blocks<E>,
    finalizations: storage::Finalizations<E>,
}

impl<E: Environment> Ledger<E> {
    /// Opens both archives; makes them if they are not there.
    ///
    /// # Errors
    /// When one cannot be opened.
    pub async fn open(context: &E, files: &Files) -> Result<Self, ArchiveFault> {
        let cache = storage::cache();
        let opening = |name: &str, error: ArchiveError| ArchiveFault::Opening {
            file: format!("{}-{name}", files.prefix),
            cause: error.to_string(),
        };
        let blocks = storage::open_blocks(context, files, cache.clone()).await;
        let finalizations = storage::open_finalizations(context, files, cache).await;
        Ok(Self {
            files: files.clone(),
            blocks: blocks.map_err(|error| opening(storage::BLOCKS, error))?,
            finalizations: finalizations.map_err(|error| opening(storage::FINALIZATIONS, error))?,
        })
    }

    /// The ranges of heights that have blocks, in order.
    pub fn ranges(&self) -> Vec<(u64, u64)> {
        self.blocks.ranges().collect()
    }

    /// A block, if it is here.
    ///
    /// # Errors
    /// When it is here and cannot be read, or is no block.
    pub async fn block(&self, height: u64) -> Result<Option<Arc<Block>>, ArchiveFault> {
        self.blocks.get(Identifier::Index(height)).await.map_err(|error| self.item(storage::BLOCKS, height, &error))
    }

    /// The certificate that this node has of a height: of its block, in the encoding of proofs.
    ///
    /// # Errors
    /// When it is here and cannot be read.
    pub async fn certificate(&self, height: u64) -> Result<Option<(Hash, Vec<u8>)>, ArchiveFault> {
        let found: Option<Finalization> = self
            .finalizations
            .get(Identifier::Index(height))
            .await
            .map_err(|error| self.item(storage::FINALIZATIONS, height, &error))?;
        Ok(found.map(|finalization| (finalization.proposal.payload.0, finalization.encode().to_vec())))
    }

    fn item(&self, name: &str, height: u64, error: &ArchiveError) -> ArchiveFault {
        ArchiveFault::Item { file: storage::file_of(&self.files, name, height), height, cause: error.to_string() }
    }

    /// Adds a block and its certificate; on the disk after [`Self::sync`].
    ///
    /// # Errors
    /// When it cannot be written, or the certificate is none.
    pub async fn put(self, block: Block, certificate: Option<&[u8]>) -> Result<Self, ArchiveFault> {
        let (height, digest) = (block.header().height, block.digest());
        let Self { files, blocks, finalizations } = self;
        let writing = |name: &str, error: &ArchiveError| ArchiveFault::Writing {
            file: storage::file_of(&files, name, height),
            height,
            cause: error.to_string(),
        };
        let blocks = blocks.put(height, digest, &Arc::new(block)).await.map_err(|error| writing(storage::BLOCKS, &error))?;
        let finalizations = match certificate {
            Some(bytes) => {
                let finalization = Finalization::decode_cfg(Copying(bytes), &Scheme::certificate_codec_config_unbounded());
                let finalization = finalization.map_err(|_| ArchiveFault::Certificate(height))?;
                let put = finalizations.put(height, digest, &finalization).await;
                put.map_err(|error| writing(storage::FINALIZATIONS, &error))?
            }
            None => finalizations,
        };
        Ok(Self { files, blocks, finalizations })
    }

    /// Brings everything to the disk.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn sync(self, height: u64) -> Result<Self, ArchiveFault> {
        let Self { files, blocks, finalizations } = self;
        let writing = |name: &str, error: &ArchiveError| ArchiveFault::Writing {
            file: storage::file_of(&files, name, height),
            height,
            cause: error.to_string(),
        };
        let blocks = blocks.sync().await.map_err(|error| writing(storage::BLOCKS, &error))?;
        let finalizations = finalizations.sync().await.map_err(|error| writing(storage::FINALIZATIONS, &error))?;
        Ok(Self { files, blocks, finalizations })
    }
}

/// The roots of the state on the disk and of its operations.
///
/// # Errors
/// When the state cannot be opened.
pub async fn state_roots<E: Environment>(context: &E, files: &Files) -> Result<(Hash, Hash), ArchiveFault> {
    let state = State::<E>::init(context.child("state"), storage::state(files, storage::cache()), None).await;
    let state: State<E> = state.map_err(|error| ArchiveFault::Opening {
        file: format!("{}-state-operations", files.prefix),
        cause: error.to_string(),
    })?;
    let (root, operations): (Digest, Digest) = (state.root(), state.ops_root());
    Ok((root.0, operations.0))
}
