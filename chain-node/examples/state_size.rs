//! What a read costs as the state grows: the authenticated state filled in batches, then keys read and proved at random.
//!
//! `cargo run --release -p chain-node --example state_size -- --directory DIR --entries 10000,100000,1000000`. The same database and settings
//! as a node's. Reads of a record's body are apart: `Store` holds bodies by their hash in a B-tree.

#![expect(clippy::print_stdout, reason = "a measurement's result is what it prints")]

use chain_node::{
    engine::types::{Cell, Digest, State},
    store::{Additions, Store},
};
use clap::Parser;
use commonware_codec::Encode as _;
use commonware_cryptography::{Hasher as _, Sha256};
use commonware_parallel::Sequential;
use commonware_runtime::{
    Runner as _, Supervisor as _,
    buffer::paged::CacheRef,
    tokio::{self as runtime, Context},
};
use commonware_storage::{
    journal::contiguous::fixed::Config as LogConfig,
    mmr::full::Config as TreeConfig,
    qmdb::{current::FixedConfig, floor::Proportional},
    translator::EightCap,
};
use commonware_utils::{NZU16, NZU64, NZUsize};
use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

/// Entries written by one batch, as many as a full block writes.
const BATCH: u64 = 2_000;
/// Reads that are timed.
const READS: u64 = 5_000;
/// Bytes of a record's body: those of an identity.
const BODY_BYTES: usize = 180;

#[derive(Parser)]
struct Arguments {
    /// Where the files go: an empty directory.
    #[arg(long)]
    directory: PathBuf,
    /// Numbers of entries, rising.
    #[arg(long, value_delimiter = ',', default_value = "10000,100000,1000000")]
    entries: Vec<u64>,
}

fn main() {
    let arguments = Arguments::parse();
    let config = runtime::Config::new().with_worker_threads(2).with_storage_directory(arguments.directory.join("state"));
    runtime::Runner::new(config).start(|context| Box::pin(measure(context, arguments)));
}

async fn measure(context: Context, arguments: Arguments) {
    let mut state = State::<Context>::init(context.child("state"), config(), None).await.expect("the state opens");
    std::fs::create_dir_all(&arguments.directory).expect("the directory can be made");
    let store = Store::open(&arguments.directory.join("bodies.redb")).expect("the store opens");
    println!("| entries | read p50/p99 µs | proof p50/p99 µs | proof bytes | cell and body p50/p99 µs | filled per second |");
    println!("|---|---|---|---|---|---|");
    let mut filled = 0;
    for entries in arguments.entries {
        let (before, started) = (filled, now());
        while filled < entries {
            let upto = (filled + BATCH).min(entries);
            let mut batch = state.new_batch();
            let mut additions = Additions::default();
            for number in filled..upto {
                batch = batch.write(key(number), Some(Cell::new(cell(number))));
                additions.bodies.push((body_hash(number), body(number)));
            }
            let merkleized = batch.merkleize(&state, None, &mut Proportional).await.expect("the batch is hashed");
            state = state.apply_batch(merkleized).await.expect("the batch is applied");
            state = state.commit().await.expect("the batch is written");
            store.record(upto, &additions).expect("the bodies are written");
            filled = upto;
        }
        let per_second = (filled - before) as f64 / started.elapsed().as_secs_f64();
        let (mut reads, mut proofs, mut both) = (Vec::new(), Vec::new(), Vec::new());
        let mut proof_bytes = 0;
        for turn in 0..READS {
            // Spread over the whole state, and the same each time.
            let number = turn.wrapping_mul(0x9E37_79B9_7F4A_7C15) % filled;
            let started = now();
            let found = state.get(&key(number)).await.expect("the state can be read");
            reads.push(started.elapsed());
            assert!(found.is_some(), "every entry was written");
            let bytes = store.body(&body_hash(number)).expect("the store can be read");
            both.push(started.elapsed());
            assert!(bytes.is_some(), "every body was written");
            let started = now();
            let proof = state.key_value_proof(key(number)).await.expect("it can be proved");
            proof_bytes = proof_bytes.max(proof.encode().len());
            proofs.push(started.elapsed());
        }
        println!("| {filled} | {} | {} | {proof_bytes} | {} | {per_second:.0} |", figures(reads), figures(proofs), figures(both));
    }
}

fn figures(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |percent: usize| times.get(times.len() * percent / 100).map_or(0, Duration::as_micros);
    format!("{} / {}", at(50), at(99))
}

fn key(number: u64) -> Digest {
    Sha256::hash(&[b"key", &number.to_le_bytes()])
}

fn body(number: u64) -> Arc<[u8]> {
    number.to_le_bytes().repeat(BODY_BYTES / 8).into()
}

/// The store gives a body only if it hashes to what it stands under.
fn body_hash(number: u64) -> [u8; 32] {
    ledger::cell::body_hash(&body(number))
}

fn cell(number: u64) -> [u8; ledger::cell::CELL_BYTES] {
    let mut bytes = [0; ledger::cell::CELL_BYTES];
    bytes.iter_mut().zip(number.to_le_bytes()).for_each(|(to, from)| *to = from);
    bytes
}

/// The settings of a node.
fn config() -> FixedConfig<EightCap, Sequential> {
    let cache = CacheRef::new(NZU16!(4_096), NZUsize!(4_096));
    FixedConfig {
        merkle_config: TreeConfig {
            journal_partition: "nodes".to_owned(),
            metadata_partition: "boundary".to_owned(),
            items_per_blob: NZU64!(16_384),
            write_buffer: NZUsize!(65_536),
            replay_buffer: NZUsize!(65_536),
            strategy: Sequential,
            page_cache: cache.clone(),
        },
        journal_config: LogConfig {
            partition: "operations".to_owned(),
            items_per_blob: NZU64!(16_384),
            page_cache: cache,
            write_buffer: NZUsize!(65_536),
            replay_buffer: NZUsize!(65_536),
        },
        grafted_metadata_partition: "grafted".to_owned(),
        translator: EightCap,
        init_cache: Some(NZUsize!(65_536)),
        init_buffer: NZUsize!(1 << 21),
        init_concurrency: (),
    }
}

#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn now() -> Instant {
    Instant::now()
}
