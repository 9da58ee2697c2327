//! Which blocks this node keeps: what is in its archives, and below which height they may be let go.
//!
//! The engine asks for pruning by a window of its own, which is right for the state and too small for blocks: these wrappers let
//! nothing go above what `pruning` has allowed. An archive node allows nothing.

use super::{
    block::Block,
    storage,
    types::{Digest, Environment, Finalization, Scheme},
};
use commonware_consensus::{
    marshal::store::{Blocks, Certificates},
    types::Height,
};
use commonware_runtime::Handle;
use commonware_storage::archive::{Archive as _, Error, Identifier};
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

/// What is known about the kept blocks outside of the engine.
#[derive(Debug, Default)]
pub struct Kept {
    ranges: Mutex<Vec<(u64, u64)>>,
    may_go_below: AtomicU64,
}

impl Kept {
    /// The lowest height from which every block up to `tip` is here. The genesis block stands alone where the state came from others.
    pub fn oldest(&self, tip: u64) -> u64 {
        let ranges = self.ranges.lock().unwrap_or_else(PoisonError::into_inner);
        ranges.iter().find(|(first, last)| (*first..=*last).contains(&tip)).map_or(tip, |(first, _)| *first)
    }

    /// Blocks below this height may go from now on.
    pub fn let_go_below(&self, height: u64) {
        self.may_go_below.fetch_max(height, Ordering::Relaxed);
    }

    fn allowed(&self, asked: Height) -> u64 {
        asked.get().min(self.may_go_below.load(Ordering::Relaxed))
    }

    fn are(&self, ranges: impl Iterator<Item = (u64, u64)>) {
        *self.ranges.lock().unwrap_or_else(PoisonError::into_inner) = ranges.collect();
    }
}

/// The archive of blocks.
pub(super) struct KeptBlocks<E: Environment> {
    archive: storage::Blocks<E>,
    kept: Arc<Kept>,
}

impl<E: Environment> KeptBlocks<E> {
    pub(super) fn new(archive: storage::Blocks<E>, kept: Arc<Kept>) -> Self {
        kept.are(archive.ranges());
        Self { archive, kept }
    }
}

impl<E: Environment> Blocks for KeptBlocks<E> {
    type Block = Arc<Block>;
    type Error = Error;

    async fn put(self, digest: Digest, block: &Arc<Block>) -> Result<Self, Error> {
        let archive = Blocks::put(self.archive, digest, block).await?;
        self.kept.are(archive.ranges());
        Ok(Self { archive, ..self })
    }

    async fn sync(self) -> Result<Self, Error> {
        Ok(Self { archive: Blocks::sync(self.archive).await?, ..self })
    }

    async fn start_sync(self) -> Result<(Self, Handle<()>), Error> {
        let (archive, handle) = Blocks::start_sync(self.archive).await?;
        Ok((Self { archive, ..self }, handle))
    }

    async fn get(&self, id: Identifier<'_, Digest>) -> Result<Option<Arc<Block>>, Error> {
        Blocks::get(&self.archive, id).await
    }

    async fn prune(self, min: Height) -> Result<Self, Error> {
        let archive = self.archive.prune(self.kept.allowed(min)).await?;
        self.kept.are(archive.ranges());
        Ok(Self { archive, ..self })
    }

    fn missing_items(&self, start: Height, max: usize) -> Vec<Height> {
        Blocks::missing_items(&self.archive, start, max)
    }

    fn next_gap(&self, value: Height) -> (Option<Height>, Option<Height>) {
        Blocks::next_gap(&self.archive, value)
    }

    fn last_index(&self) -> Option<Height> {
        Blocks::last_index(&self.archive)
    }
}

/// The archive of certificates.
pub(super) struct KeptCertificates<E: Environment> {
    pub(super) archive: storage::Finalizations<E>,
    pub(super) kept: Arc<Kept>,
}

impl<E: Environment> Certificates for KeptCertificates<E> {
    type BlockDigest = Digest;
    type Commitment = Digest;
    type Scheme = Scheme;
    type Error = Error;

    async fn put(self, height: Height, digest: Digest, finalization: &Finalization) -> Result<Self, Error> {
        Ok(Self { archive: Certificates::put(self.archive, height, digest, finalization).await?, ..self })
    }

    async fn sync(self) -> Result<Self, Error> {
        Ok(Self { archive: Certificates::sync(self.archive).await?, ..self })
    }

    async fn start_sync(self) -> Result<(Self, Handle<()>), Error> {
        let (archive, handle) = Certificates::start_sync(self.archive).await?;
        Ok((Self { archive, ..self }, handle))
    }

    async fn get(&self, id: Identifier<'_, Digest>) -> Result<Option<Finalization>, Error> {
        Certificates::get(&self.archive, id).await
    }

    async fn has(&self, height: Height) -> Result<bool, Error> {
        Certificates::has(&self.archive, height).await
    }

    async fn prune(self, min: Height) -> Result<Self, Error> {
        Ok(Self { archive: self.archive.prune(self.kept.allowed(min)).await?, ..self })
    }

    fn last_index(&self) -> Option<Height> {
        Certificates::last_index(&self.archive)
    }

    fn ranges_from(&self, from: Height) -> impl Iterator<Item = (Height, Height)> {
        Certificates::ranges_from(&self.archive, from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_block_is_the_first_of_those_that_lead_to_the_tip_without_a_gap() {
        let kept = Kept::default();
        assert_eq!(kept.oldest(0), 0);
        for (ranges, tip, oldest) in [
            (vec![(0, 9)], 9, 0),
            (vec![(0, 0), (40, 90)], 88, 40),
            // A node that replays holds the newest blocks before those between.
            (vec![(0, 5), (40, 90)], 5, 0),
            (vec![(64, 90)], 90, 64),
        ] {
            kept.are(ranges.into_iter());
            assert_eq!(kept.oldest(tip), oldest);
        }
        kept.let_go_below(64);
        kept.let_go_below(32);
        assert_eq!((kept.allowed(Height::new(80)), kept.allowed(Height::new(10))), (64, 10));
    }
}
