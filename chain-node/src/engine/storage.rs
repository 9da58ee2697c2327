//! Where the engine keeps blocks, certificates and state: names and sizes of its partitions.
//!
//! Names and section sizes are part of the format on disk: never change one for an existing node.

use super::{
    block::Block,
    limits::{CACHED_PAGES, EPOCH_LENGTH, IO_BUFFER, ITEMS_PER_FILE, MAILBOX, PAGE_BYTES},
    types::{Digest, Environment, Finalization, Marshal, Scheme, Variant},
};
use commonware_consensus::{
    marshal::{self, core::Actor},
    types::{Epoch, FixedEpocher, ViewDelta},
};
use commonware_cryptography::{Digested, certificate::ConstantProvider};
use commonware_parallel::Sequential;
use commonware_runtime::buffer::paged::CacheRef;
use commonware_storage::{
    archive::prunable::{self, Archive},
    journal::contiguous::fixed::Config as LogConfig,
    mmr::full::Config as TreeConfig,
    qmdb::current::FixedConfig,
    translator::EightCap,
};
use commonware_utils::NZUsize;
use std::sync::Arc;

/// The one prefix of every partition.
pub(super) const PARTITION: &str = "chain";

/// One validator set for every epoch.
pub(super) type Schemes = ConstantProvider<Scheme, Epoch>;
type Finalizations<E> = Archive<EightCap, E, Digest, Finalization>;
type Blocks<E> = Archive<EightCap, E, Digest, Arc<Block>>;
/// The actor that orders blocks.
pub(super) type MarshalActor<E> =
    Actor<E, Variant, Schemes, Finalizations<E>, Blocks<E>, FixedEpocher, Sequential>;

/// The page cache that all journals share.
pub(super) fn cache() -> CacheRef {
    CacheRef::new(PAGE_BYTES, CACHED_PAGES)
}

fn archive<C>(name: &str, cache: CacheRef, codec_config: C) -> prunable::Config<EightCap, C> {
    prunable::Config {
        translator: EightCap,
        metadata_partition: format!("{PARTITION}-{name}-metadata"),
        key_partition: format!("{PARTITION}-{name}-key"),
        key_page_cache: cache,
        value_partition: format!("{PARTITION}-{name}-value"),
        compression: None,
        codec_config,
        items_per_section: ITEMS_PER_FILE,
        key_write_buffer: IO_BUFFER,
        value_write_buffer: IO_BUFFER,
        replay_buffer: IO_BUFFER,
    }
}

/// Opens the block and certificate archives and the actor over them.
///
/// # Panics
/// When an archive cannot be opened or is corrupt: the node stops rather than vote without its history.
pub(super) async fn open_marshal<E: Environment>(
    context: &E,
    schemes: Schemes,
    start: marshal::Start<Scheme, Digest, Digested<Block>>,
    cache: CacheRef,
) -> (MarshalActor<E>, Marshal, marshal::core::Floor) {
    let certificate_config = {
        use commonware_cryptography::certificate::Scheme as _;
        Scheme::certificate_codec_config_unbounded()
    };
    let finalizations = Finalizations::init(
        context.child("finalizations"),
        archive("finalizations", cache.clone(), certificate_config),
    )
    .await
    .expect("the archive of certificates opens");
    let blocks = Blocks::init(context.child("blocks"), archive("blocks", cache.clone(), ()))
        .await
        .expect("the archive of blocks opens");
    let config = marshal::Config {
        provider: schemes,
        epocher: FixedEpocher::new(EPOCH_LENGTH),
        start,
        partition_prefix: PARTITION.to_owned(),
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
pub(super) fn state(cache: CacheRef) -> FixedConfig<EightCap, Sequential> {
    FixedConfig {
        merkle_config: TreeConfig {
            journal_partition: format!("{PARTITION}-state-tree"),
            metadata_partition: format!("{PARTITION}-state-tree-metadata"),
            items_per_blob: ITEMS_PER_FILE,
            write_buffer: IO_BUFFER,
            replay_buffer: IO_BUFFER,
            strategy: Sequential,
            page_cache: cache.clone(),
        },
        journal_config: LogConfig {
            partition: format!("{PARTITION}-state-log"),
            items_per_blob: ITEMS_PER_FILE,
            page_cache: cache,
            write_buffer: IO_BUFFER,
            replay_buffer: IO_BUFFER,
        },
        grafted_metadata_partition: format!("{PARTITION}-state-grafted"),
        translator: EightCap,
        init_cache: Some(NZUsize!(65_536)),
        init_buffer: NZUsize!(1 << 21),
        init_concurrency: (),
    }
}
