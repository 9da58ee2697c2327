//! The embedded store: what it keeps, and what it does when the disk is not what it left there.

#![expect(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test fails by panicking, in its helpers too")]

use std::path::{Path, PathBuf};

use blobs::dag::{CHUNK_BYTES, DagError};
use blobs::{BlobStore as _, Cid, EmbeddedStore, StoreError, dag};
use bytes::Bytes;
use proptest::prelude::*;

fn blob(length: usize) -> Bytes {
    (0..length).map(|i| (i % 251) as u8).collect::<Vec<_>>().into()
}

fn file_of(directory: &Path, cid: Cid) -> PathBuf {
    directory.join("blocks").join(format!("{:02x}", cid.digest()[0])).join(cid.to_string())
}

fn files(directory: &Path) -> usize {
    let shards = std::fs::read_dir(directory.join("blocks")).unwrap();
    shards.map(|shard| std::fs::read_dir(shard.unwrap().path()).unwrap().count()).sum()
}

/// X042, X043, X056: a large file is added, found and read back as it was; after a restart too.
#[tokio::test]
async fn what_was_added_survives_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let (small, large) = (blob(1000), blob(3 * CHUNK_BYTES + 5));
    let store = EmbeddedStore::open(directory.path()).unwrap();
    let (small_cid, large_cid) = (store.add(small.clone()).await.unwrap(), store.add(large.clone()).await.unwrap());
    drop(store);
    let store = EmbeddedStore::open(directory.path()).unwrap();
    assert_eq!(store.get(small_cid).await.unwrap(), small);
    assert_eq!(store.get(large_cid).await.unwrap(), large);
    let stat = store.stat(large_cid).await.unwrap();
    assert_eq!((stat.bytes, stat.blocks), (large.len() as u64, 5));
    let mut expected = vec![small_cid, large_cid];
    expected.sort();
    assert_eq!(store.pins().await.unwrap(), expected);
}

#[tokio::test]
async fn adding_twice_is_adding_once() {
    let directory = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(directory.path()).unwrap();
    assert_eq!(store.add(blob(10)).await.unwrap(), store.add(blob(10)).await.unwrap());
    assert_eq!(store.pins().await.unwrap().len(), 1);
    assert_eq!(files(directory.path()), 1);
}

#[tokio::test]
async fn a_missing_block_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(directory.path()).unwrap();
    let cid = dag::cid_of(&blob(10)).unwrap();
    assert!(matches!(store.get(cid).await, Err(StoreError::Missing { cid: named }) if named == cid));
    assert!(!store.has(cid).await.unwrap());
    assert!(matches!(store.pin(cid).await, Err(StoreError::Missing { .. })));
    assert!(!store.unpin(cid).await.unwrap());
}

/// REL-D6: a block is deleted from the disk: the blob is said to be incomplete, the block is named, and adding it again repairs it.
#[tokio::test]
async fn a_dropped_chunk_is_named_and_repaired_by_adding_the_blob_again() {
    let directory = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(directory.path()).unwrap();
    let large = blob(3 * CHUNK_BYTES);
    let cid = store.add(large.clone()).await.unwrap();
    let chunk = dag::build(&large).unwrap().blocks[1].cid();
    std::fs::remove_file(file_of(directory.path(), chunk)).unwrap();
    assert!(matches!(store.get(cid).await, Err(StoreError::Missing { cid: named }) if named == chunk));
    assert!(!store.has(cid).await.unwrap());
    store.add(large.clone()).await.unwrap();
    assert_eq!(store.get(cid).await.unwrap(), large);
}

/// X045, REL-D6: another blob's bytes under a blob's name are refused, never given out.
#[tokio::test]
async fn wrong_bytes_are_never_given_out() {
    let directory = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(directory.path()).unwrap();
    let cid = store.add(blob(100)).await.unwrap();
    std::fs::write(file_of(directory.path(), cid), b"another citizen's photo").unwrap();
    let refused = store.get(cid).await;
    assert!(matches!(refused, Err(StoreError::Bad { source: DagError::WrongBytes { cid: named }, .. }) if named == cid));
    std::fs::write(file_of(directory.path(), cid), vec![0; 5 << 20]).unwrap();
    assert!(matches!(store.get(cid).await, Err(StoreError::Bad { source: DagError::BlockTooLarge { .. }, .. })));
    assert_eq!(store.add(blob(100)).await.unwrap(), cid);
    assert_eq!(store.get(cid).await.unwrap(), blob(100), "adding it again repairs it");
}

#[tokio::test]
async fn garbage_is_what_no_pin_reaches() {
    let directory = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(directory.path()).unwrap();
    let shared = blob(CHUNK_BYTES);
    let longer = Bytes::from([shared.as_ref(), b"and more"].concat());
    let (kept, dropped) = (store.add(longer.clone()).await.unwrap(), store.add(shared.clone()).await.unwrap());
    assert!(store.unpin(dropped).await.unwrap());
    assert_eq!(store.collect_garbage().await.unwrap().blocks, 0, "its one block is also the other blob's first");
    assert!(store.unpin(kept).await.unwrap());
    store.pin(dropped).await.unwrap();
    assert_eq!(store.collect_garbage().await.unwrap().blocks, 2);
    assert!(!store.has(kept).await.unwrap());
    assert_eq!(store.get(dropped).await.unwrap(), shared);
}

/// REL-D1: where the disk does not take the block, the error says so and no part of the block is to be seen.
#[tokio::test]
async fn a_failed_write_is_reported_and_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(directory.path()).unwrap();
    let cid = dag::cid_of(&blob(10)).unwrap();
    let shard = file_of(directory.path(), cid).parent().unwrap().to_owned();
    std::fs::write(&shard, b"a file where a directory should be").unwrap();
    let refused = store.add(blob(10)).await;
    assert!(matches!(refused, Err(StoreError::Disk { .. })), "{refused:?}");
    std::fs::remove_file(&shard).unwrap();
    assert!(!store.has(cid).await.unwrap());
    assert_eq!(store.pins().await.unwrap(), []);
    assert_eq!(std::fs::read_dir(directory.path().join("temporary")).unwrap().count(), 0);
    assert_eq!(store.add(blob(10)).await.unwrap(), cid, "it goes on when the disk does");
}

/// REL-D1: a crash in the middle of a write leaves a temporary file, which nobody sees and the next start removes.
#[tokio::test]
async fn what_a_crash_left_half_written_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    drop(EmbeddedStore::open(directory.path()).unwrap());
    std::fs::write(directory.path().join("temporary/0"), b"half a bl").unwrap();
    let store = EmbeddedStore::open(directory.path()).unwrap();
    assert_eq!(std::fs::read_dir(directory.path().join("temporary")).unwrap().count(), 0);
    store.add(blob(10)).await.unwrap();
}

#[tokio::test]
async fn two_processes_do_not_share_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let _first = EmbeddedStore::open(directory.path()).unwrap();
    assert!(matches!(EmbeddedStore::open(directory.path()), Err(StoreError::Pins { .. })));
}

#[tokio::test]
async fn many_writers_at_once_are_fine() {
    let directory = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(directory.path()).unwrap();
    let adds = (0..24).map(|i| store.add(blob(500 + i % 6)));
    let cids = futures::future::try_join_all(adds).await.unwrap();
    for (i, cid) in cids.into_iter().enumerate() {
        assert_eq!(store.get(cid).await.unwrap(), blob(500 + i % 6));
    }
    assert_eq!(store.pins().await.unwrap().len(), 6);
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_round_trip(bytes in prop::collection::vec(any::<u8>(), 0..10_000)) {
        let directory = tempfile::tempdir().unwrap();
        runtime().block_on(async {
            let store = EmbeddedStore::open(directory.path()).unwrap();
            let cid = store.add(Bytes::from(bytes.clone())).await.unwrap();
            assert_eq!(store.get(cid).await.unwrap(), bytes);
        });
    }

    /// REL-D3: a flipped bit in an old block is detected, and the block is named.
    #[test]
    fn a_flipped_bit_on_the_disk_is_detected(position: prop::sample::Index, bit in 0..8_u32, chunk: prop::sample::Index) {
        let directory = tempfile::tempdir().unwrap();
        runtime().block_on(async {
            let store = EmbeddedStore::open(directory.path()).unwrap();
            let large = blob(2 * CHUNK_BYTES + 100);
            let cid = store.add(large.clone()).await.unwrap();
            let blocks = dag::build(&large).unwrap().blocks;
            let path = file_of(directory.path(), chunk.get(&blocks).cid());
            let mut bytes = std::fs::read(&path).unwrap();
            let position = position.index(bytes.len());
            bytes[position] ^= 1 << bit;
            std::fs::write(&path, bytes).unwrap();
            assert!(matches!(store.get(cid).await, Err(StoreError::Bad { .. })));
        });
    }

    /// REL-D3: a flipped bit in the database of pins is detected when it is opened, or has changed nothing.
    #[test]
    fn a_flipped_bit_in_the_pins_is_detected_or_harmless(position: prop::sample::Index, bit in 0..8_u32) {
        let directory = tempfile::tempdir().unwrap();
        runtime().block_on(async {
            let store = EmbeddedStore::open(directory.path()).unwrap();
            for length in 0..5 {
                store.add(blob(length)).await.unwrap();
            }
            let pins = store.pins().await.unwrap();
            drop(store);
            let path = directory.path().join("pins.redb");
            let mut bytes = std::fs::read(&path).unwrap();
            let position = position.index(bytes.len());
            bytes[position] ^= 1 << bit;
            std::fs::write(&path, bytes).unwrap();
            match EmbeddedStore::open(directory.path()) {
                Ok(store) => assert_eq!(store.pins().await.unwrap(), pins),
                Err(StoreError::Pins { path: named, .. }) => assert_eq!(named, path),
                Err(other) => panic!("{other}"),
            }
        });
    }
}
