//! Where the engine keeps blocks, certificates and state: names and sizes of its partitions.
//!
//! Names and section sizes are part of the format on disk: never change one for an existing node.

use super::{
    block::Block,
    epochs::{Epochs, Schemes},
    kept::{Kept, KeptBlocks, KeptCertificates},
    limits::{CACHED_PAGES, IO_BUFFER, MAILBOX, PAGE_BYTES},
    types::{Digest, Environment, Finalization, Marshal, Scheme, Variant},
};
use crate::folder::ITEMS_PER_FILE;
use commonware_consensus::{
    marshal::{self, core::Actor},
    types::{FixedEpocher, ViewDelta},
};
use commonware_cryptography::{Digested, certificate::Verifier as _};
use commonware_parallel::Sequential;
use commonware_runtime::buffer::paged::CacheRef;
use commonware_storage::{
    archive::{
        Error as ArchiveError,
        prunable::{self, Archive},
    },
    journal::contiguous::fixed::Config as LogConfig,
    mmr::full::Config as TreeConfig,
    qmdb::current::FixedConfig,
    translator::EightCap,
};
use commonware_utils::NZUsize;
use std::{num::NonZeroU64, sync::Arc};

pub(super) const FINALIZATIONS: &str = "finalizations";
pub(super) const BLOCKS: &str = "blocks";

pub(super) type Finalizations<E> = Archive<EightCap, E, Digest, Finalization>;
pub(super) type Blocks<E> = Archive<EightCap, E, Digest, Arc<Block>>;
/// The actor that orders blocks.
pub(super) type MarshalActor<E> = Actor<E, Variant, Schemes, KeptCertificates<E>, KeptBlocks<E>, FixedEpocher, Sequential>;

/// The engine's files in a storage folder. Both parts are part of the format on disk: never change one for an existing node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// What the partitions' names begin with.
    pub prefix: String,
    /// Blocks, certificates or operations in one file: as much as pruning lets go at a time.
    pub items_per_file: NonZeroU64,
}

impl Files {
    /// Those of a folder in which nobody chose the size of files.
    pub fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), items_per_file: ITEMS_PER_FILE }
    }
}

/// The page cache that all journals share.
pub(super) fn cache() -> CacheRef {
    CacheRef::new(PAGE_BYTES, CACHED_PAGES)
}

fn archive<C>(files: &Files, name: &str, cache: CacheRef, codec_config: C) -> prunable::Config<EightCap, C> {
    let Files { prefix, items_per_file } = files;
    prunable::Config {
        translator: EightCap,
        metadata_partition: format!("{prefix}-{name}-metadata"),
        key_partition: format!("{prefix}-{name}-key"),
        key_page_cache: cache,
        value_partition: format!("{prefix}-{name}-value"),
        compression: None,
        codec_config,
        items_per_section: *items_per_file,
        key_write_buffer: IO_BUFFER,
        value_write_buffer: IO_BUFFER,
        replay_buffer: IO_BUFFER,
    }
}

/// Opens the archive of certificates.
pub(super) async fn open_finalizations<E: Environment>(
    context: &E,
    files: &Files,
    cache: CacheRef,
) -> Result<Finalizations<E>, ArchiveError> {
    let codec_config = Scheme::certificate_codec_config_unbounded();
    Finalizations::init(context.child("finalizations"), archive(files, FINALIZATIONS, cache, codec_config)).await
}

/// Opens the archive of blocks.
pub(super) async fn open_blocks<E: Environment>(context: &E, files: &Files, cache: CacheRef) -> Result<Blocks<E>, ArchiveError> {
    Blocks::init(context.child("blocks"), archive(files, BLOCKS, cache, ())).await
}

/// Where in the storage folder the item of this height is: for messages to an operator.
pub(super) fn file_of(files: &Files, name: &str, height: u64) -> String {
    format!("{}-{name}-value/{:016x}", files.prefix, height - height % files.items_per_file)
}

/// Opens the block and certificate archives and the actor over them.
///
/// # Panics
/// When an archive cannot be opened or is corrupt: the node stops rather than vote without its history.
pub(super) async fn open_marshal<E: Environment>(
    context: &E,
    (files, kept): (&Files, &Arc<Kept>),
    epochs: &Arc<Epochs>,
    start: marshal::Start<Scheme, Digest, Digested<Block>>,
    cache: CacheRef,
) -> (MarshalActor<E>, Marshal, marshal::core::Floor) {
    let archive = open_finalizations(context, files, cache.clone()).await.expect("the archive of certificates opens");
    let finalizations = KeptCertificates { archive, kept: kept.clone() };
    let blocks = open_blocks(context, files, cache.clone()).await.expect("the archive of blocks opens");
    let blocks = KeptBlocks::new(blocks, kept.clone());
    let config = marshal::Config {
        provider: Schemes(epochs.clone()),
        epocher: epochs.epocher(),
        start,
        partition_prefix: files.prefix.clone(),
        mailbox_size: MAILBOX,
        view_retention: ViewDelta::new(64),
        prunable_items_per_section: files.items_per_file,
        page_cache: cache,
        replay_buffer: IO_BUFFER,
        key_write_buffer: IO_BUFFER,
        value_write_buffer: IO_BUFFER,
        block_codec_config: (),
        max_repair: NZUsize!(32),
        max_pending_acks: NZUsize!(8),
        strategy: Sequential,
    };
    MarshalActor::init(context.child("marshal"), finalizations, blocks, config).await
}

/// The authenticated state.
pub(super) fn state(files: &Files, cache: CacheRef) -> FixedConfig<EightCap, Sequential> {
    let Files { prefix, items_per_file } = files;
    FixedConfig {
        merkle_config: TreeConfig {
            journal_partition: format!("{prefix}-state-nodes"),
            metadata_partition: format!("{prefix}-state-boundary"),
            items_per_blob: *items_per_file,
            write_buffer: IO_BUFFER,
            replay_buffer: IO_BUFFER,
            strategy: Sequential,
            page_cache: cache.clone(),
        },
        journal_config: LogConfig {
            partition: format!("{prefix}-state-operations"),
            items_per_blob: *items_per_file,
            page_cache: cache,
            write_buffer: IO_BUFFER,
            replay_buffer: IO_BUFFER,
        },
        grafted_metadata_partition: format!("{prefix}-state-grafted"),
        translator: EightCap,
        init_cache: Some(NZUsize!(65_536)),
        init_buffer: NZUsize!(1 << 21),
        init_concurrency: (),
    }
}
