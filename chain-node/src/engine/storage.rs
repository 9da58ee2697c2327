//! Where the engine keeps blocks, certificates and state: names and sizes of its partitions.
//!
//! Names and section sizes are part of the format on disk: never change one for an existing node.

use super::{
    block::Block,
    epochs::{Epochs, Schemes},
    limits::{CACHED_PAGES, IO_BUFFER, ITEMS_PER_FILE, MAILBOX, PAGE_BYTES},
    types::{Digest, Environment, Finalization, Marshal, Scheme, Variant},
};
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
use std::sync::Arc;

pub(super) const FINALIZATIONS: &str = "finalizations";
pub(super) const BLOCKS: &str = "blocks";

pub(super) type Finalizations<E> = Archive<EightCap, E, Digest, Finalization>;
pub(super) type Blocks<E> = Archive<EightCap, E, Digest, Arc<Block>>;
/// The actor that orders blocks.
pub(super) type MarshalActor<E> = Actor<E, Variant, Schemes, Finalizations<E>, Blocks<E>, FixedEpocher, Sequential>;

/// The page cache that all journals share.
pub(super) fn cache() -> CacheRef {
    CacheRef::new(PAGE_BYTES, CACHED_PAGES)
}

fn archive<C>(prefix: &str, name: &str, cache: CacheRef, codec_config: C) -> prunable::Config<EightCap, C> {
    prunable::Config {
        translator: EightCap,
        metadata_partition: format!("{prefix}-{name}-metadata"),
        key_partition: format!("{prefix}-{name}-key"),
        key_page_cache: cache,
        value_partition: format!("{prefix}-{name}-value"),
        compression: None,
        codec_config,
        items_per_section: ITEMS_PER_FILE,
        key_write_buffer: IO_BUFFER,
        value_write_buffer: IO_BUFFER,
        replay_buffer: IO_BUFFER,
    }
}

/// Opens the archive of certificates.
pub(super) async fn open_finalizations<E: Environment>(
    context: &E,
    prefix: &str,
    cache: CacheRef,
) -> Result<Finalizations<E>, ArchiveError> {
    let codec_config = Scheme::certificate_codec_config_unbounded();
    Finalizations::init(context.child("finalizations"), archive(prefix, FINALIZATIONS, cache, codec_config)).await
}

/// Opens the archive of blocks.
pub(super) async fn open_blocks<E: Environment>(context: &E, prefix: &str, cache: CacheRef) -> Result<Blocks<E>, ArchiveError> {
    Blocks::init(context.child("blocks"), archive(prefix, BLOCKS, cache, ())).await
}

/// Where in the storage folder the item of this height is: for messages to an operator.
pub(super) fn file_of(prefix: &str, name: &str, height: u64) -> String {
    format!("{prefix}-{name}-value/{:016x}", height / ITEMS_PER_FILE)
}

/// Opens the block and certificate archives and the actor over them.
///
/// # Panics
/// When an archive cannot be opened or is corrupt: the node stops rather than vote without its history.
pub(super) async fn open_marshal<E: Environment>(
    context: &E,
    prefix: &str,
    epochs: &Arc<Epochs>,
    start: marshal::Start<Scheme, Digest, Digested<Block>>,
    cache: CacheRef,
) -> (MarshalActor<E>, Marshal, marshal::core::Floor) {
    let finalizations = open_finalizations(context, prefix, cache.clone()).await.expect("the archive of certificates opens");
    let blocks = open_blocks(context, prefix, cache.clone()).await.expect("the archive of blocks opens");
    let config = marshal::Config {
        provider: Schemes(epochs.clone()),
        epocher: epochs.epocher(),
        start,
        partition_prefix: prefix.to_owned(),
        mailbox_size: MAILBOX,
        view_retention: ViewDelta::new(64),
        prunable_items_per_section: ITEMS_PER_FILE,
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
pub(super) fn state(prefix: &str, cache: CacheRef) -> FixedConfig<EightCap, Sequential> {
    FixedConfig {
        merkle_config: TreeConfig {
            journal_partition: format!("{prefix}-state-nodes"),
            metadata_partition: format!("{prefix}-state-boundary"),
            items_per_blob: ITEMS_PER_FILE,
            write_buffer: IO_BUFFER,
            replay_buffer: IO_BUFFER,
            strategy: Sequential,
            page_cache: cache.clone(),
        },
        journal_config: LogConfig {
            partition: format!("{prefix}-state-operations"),
            items_per_blob: ITEMS_PER_FILE,
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
