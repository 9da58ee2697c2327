//! The embedded store: one file per block, pins in a small database, all in one directory of its own.
//!
//! ```text
//! <directory>/blocks/<first byte of the digest, hex>/<CID>
//! <directory>/temporary/      files being written; emptied when the store is opened
//! <directory>/pins.redb       pinned CIDs
//! ```
//! A block is written to a temporary file, synced, renamed and its directory synced: it is there whole or not at all. It is hashed
//! whenever it is read; a file that does not match its name is reported by name and never given out. The database's lock makes
//! a second process on the same directory fail when it opens the store.

mod disk;
mod pins;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::RwLock;

use self::disk::Disk;
use self::pins::Pins;
use crate::cid::{Cid, Codec};
use crate::dag::{self, Block, Walk};
use crate::store::{BlobStat, BlobStore, Collected, StoreError};

/// A blob store in a directory.
#[derive(Clone)]
pub struct EmbeddedStore {
    inner: Arc<Inner>,
    /// Held shared while blocks are written and pinned, alone while garbage is collected: no block goes between the two.
    collecting: Arc<RwLock<()>>,
}

struct Inner {
    disk: Disk,
    pins: Pins,
}

impl EmbeddedStore {
    /// Opens the store in `directory`, which is made if need be. Blocks the thread for some disk reads.
    ///
    /// # Errors
    /// [`StoreError::Disk`] when the directory cannot be used, [`StoreError::Pins`] when the database is damaged or another
    /// process has it.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, StoreError> {
        let directory: PathBuf = directory.as_ref().into();
        let disk = Disk::open(&directory)?;
        let pins = Pins::open(directory.join("pins.redb"))?;
        Ok(Self { inner: Arc::new(Inner { disk, pins }), collecting: Arc::default() })
    }

    /// Runs disk work on a thread that may block.
    async fn blocking<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Inner) -> Result<T, StoreError> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        match tokio::task::spawn_blocking(move || work(&inner)).await {
            Ok(result) => result,
            Err(e) if e.is_panic() => std::panic::resume_unwind(e.into_panic()),
            Err(e) => Err(StoreError::Disk {
                action: "finish its work in",
                path: self.inner.disk.directory().into(),
                source: std::io::Error::other(e),
            }),
        }
    }
}

impl Inner {
    fn add(&self, blob: &Bytes) -> Result<Cid, StoreError> {
        let dag = dag::build(blob).map_err(StoreError::Unfit)?;
        for block in &dag.blocks {
            self.disk.write(block)?;
        }
        self.disk.sync_directories(&dag.blocks)?;
        self.pins.insert(dag.root)?;
        Ok(dag.root)
    }

    fn get(&self, cid: Cid) -> Result<Bytes, StoreError> {
        let mut walk = Walk::new(cid);
        while let Some(next) = walk.next_cid() {
            let block = self.disk.read(next)?;
            walk.supply(&block).map_err(|source| StoreError::Bad { cid, source })?;
        }
        Ok(walk.into_blob())
    }

    /// Calls `each` for every block of the blob once, with the length of its file. Chunks are not read, only looked at.
    fn each_block(&self, root: Cid, mut each: impl FnMut(Cid, u64)) -> Result<(), StoreError> {
        let mut seen = HashSet::from([root]);
        let mut pending = vec![root];
        while let Some(cid) = pending.pop() {
            each(cid, self.disk.length(cid)?);
            if cid.codec() == Codec::Raw {
                continue;
            }
            let node = self.disk.read(cid)?;
            let children = dag::links(&node).map_err(|source| StoreError::Bad { cid: root, source })?;
            pending.extend(children.into_iter().filter(|child| seen.insert(*child)));
            if seen.len() > dag::MAX_BLOCKS {
                return Err(StoreError::Bad { cid: root, source: dag::DagError::TooManyBlocks { cid } });
            }
        }
        Ok(())
    }

    fn has(&self, cid: Cid) -> Result<bool, StoreError> {
        match self.each_block(cid, |_, _| ()) {
            Ok(()) => Ok(true),
            Err(StoreError::Missing { .. }) => Ok(false),
            Err(e) => Err(e),
        }
    }

    fn stat(&self, cid: Cid) -> Result<BlobStat, StoreError> {
        let mut stat = BlobStat { bytes: 0, blocks: 0 };
        self.each_block(cid, |block, length| {
            stat.blocks += 1;
            if block.codec() == Codec::Raw {
                stat.bytes += length;
            }
        })?;
        Ok(stat)
    }

    fn collect_garbage(&self) -> Result<Collected, StoreError> {
        let mut kept = HashSet::new();
        for root in self.pins.all()? {
            let walked = self.each_block(root, |cid, _| {
                kept.insert(cid);
            });
            match walked {
                // What is missing or damaged cannot be followed; what was reached is kept, for a repair by adding the blob again.
                Ok(()) | Err(StoreError::Missing { .. } | StoreError::Bad { .. }) => (),
                Err(e) => return Err(e),
            }
        }
        let mut collected = Collected::default();
        for cid in self.disk.list()? {
            if !kept.contains(&cid) {
                self.disk.remove(cid)?;
                collected.blocks += 1;
            }
        }
        Ok(collected)
    }
}

impl BlobStore for EmbeddedStore {
    fn add(&self, blob: Bytes) -> BoxFuture<'_, Result<Cid, StoreError>> {
        async move {
            let _shared = self.collecting.read().await;
            self.blocking(move |inner| inner.add(&blob)).await
        }
        .boxed()
    }

    fn get(&self, cid: Cid) -> BoxFuture<'_, Result<Bytes, StoreError>> {
        self.blocking(move |inner| inner.get(cid)).boxed()
    }

    fn block(&self, cid: Cid) -> BoxFuture<'_, Result<Block, StoreError>> {
        self.blocking(move |inner| inner.disk.read(cid)).boxed()
    }

    fn has(&self, cid: Cid) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.blocking(move |inner| inner.has(cid)).boxed()
    }

    fn stat(&self, cid: Cid) -> BoxFuture<'_, Result<BlobStat, StoreError>> {
        self.blocking(move |inner| inner.stat(cid)).boxed()
    }

    fn pin(&self, cid: Cid) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            let _shared = self.collecting.read().await;
            self.blocking(move |inner| {
                inner.each_block(cid, |_, _| ())?;
                inner.pins.insert(cid)
            })
            .await
        }
        .boxed()
    }

    fn unpin(&self, cid: Cid) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.blocking(move |inner| inner.pins.remove(cid)).boxed()
    }

    fn pins(&self) -> BoxFuture<'_, Result<Vec<Cid>, StoreError>> {
        self.blocking(|inner| inner.pins.all()).boxed()
    }

    fn collect_garbage(&self) -> BoxFuture<'_, Result<Collected, StoreError>> {
        async move {
            let _alone = self.collecting.write().await;
            self.blocking(Inner::collect_garbage).await
        }
        .boxed()
    }
}
