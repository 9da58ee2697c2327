//! The engine's limits in one place: every queue, message and buffer has one.

use super::types::{Cell, Digest, Scheme, Variant};
use crate::gossip;
use commonware_codec::FixedSize as _;
use commonware_consensus::{marshal, simplex};
use commonware_glue::stateful::{db::p2p as state_sync, probe};
use commonware_storage::{mmr, qmdb::any::ordered::fixed::Operation};
use commonware_utils::{NZU16, NZU64, NZUsize};
use std::num::{NonZeroU16, NonZeroU64, NonZeroUsize};

/// Requests waiting in an actor's mailbox.
pub(super) const MAILBOX: NonZeroUsize = NZUsize!(1_024);
/// State operations served in one answer.
pub(super) const SYNC_BATCH: NonZeroU64 = NZU64!(512);
/// One page of the storage cache, in bytes.
pub(super) const PAGE_BYTES: NonZeroU16 = NZU16!(4_096);
/// Pages in the storage cache: 16 MiB.
pub(super) const CACHED_PAGES: NonZeroUsize = NZUsize!(4_096);
/// Read and write buffers of one journal, in bytes.
pub(super) const IO_BUFFER: NonZeroUsize = NZUsize!(65_536);

/// The largest message that any channel carries with `participants` validators.
pub fn max_message_size(participants: u32) -> u32 {
    let operation = Operation::<mmr::Family, Digest, Cell>::SIZE;
    commonware_p2p::max_message_size(&[
        // With governance these travel on the sub-channel of their epoch.
        commonware_p2p::utils::mux::prefixed(simplex::max_payload_size::<Scheme, Digest>(participants)),
        marshal::max_payload_size::<Variant, Scheme>(participants, &()),
        probe::max_payload_size::<Variant, Scheme>(participants),
        state_sync::max_payload_size::<mmr::Family, Digest>(SYNC_BATCH, operation),
        gossip::MAX_MESSAGE_BYTES,
    ])
}
