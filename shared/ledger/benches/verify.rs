//! What it costs to check the ledger's answers: certificates at 4, 22 and 31 validators, a whole answer at 22, proofs of presence and
//! absence alone, a transaction's path, and one transaction's signature, which is the unit of the ledger's throughput.
//!
//! Proofs are the engine's, of a state with 10,000 entries.

#![expect(clippy::unwrap_used, reason = "a bench fails by panicking")]

use std::hint::black_box;

use commonware_codec::Encode as _;
use commonware_cryptography::{Sha256, sha256};
use commonware_parallel::Sequential;
use commonware_runtime::{Runner as _, Supervisor as _, buffer::paged::CacheRef, deterministic};
use commonware_storage::qmdb::current::FixedConfig;
use commonware_storage::qmdb::current::ordered::fixed;
use commonware_storage::qmdb::floor::Proportional;
use commonware_storage::translator::EightCap;
use commonware_storage::{journal::contiguous::fixed::Config as LogConfig, mmr, mmr::full::Config as TreeConfig};
use commonware_utils::sequence::FixedBytes;
use commonware_utils::{NZU16, NZU64, NZUsize};
use criterion::{Criterion, criterion_group, criterion_main};
use identity::keys::{Algorithm, SecretKey};
use identity::{Commitment, Localized};
use ledger::TrustRoot;
use ledger::block::{Context, Header, Operations, transactions_root};
use ledger::canonical::{Hash, encode};
use ledger::cell::{Cell, Subject, body_hash};
use ledger::finality::{namespace, verify_certificate};
use ledger::genesis::{Genesis, Validator};
use ledger::merkle;
use ledger::proof::{Bundle, verify_answer, verify_cell};
use ledger::records::RecordId;
use ledger::transaction::{Body, NewReceipt, Sender, Unsigned};

type State = fixed::Db<mmr::Family, deterministic::Context, sha256::Digest, FixedBytes<64>, Sha256, EightCap, 32, Sequential>;

const ENTRIES: u64 = 10_000;

struct City {
    root: TrustRoot,
    keys: Vec<SecretKey>,
}

/// A ledger of `n` validators, with their keys in the order of the public ones.
fn city(n: u8) -> City {
    let mut keys: Vec<SecretKey> = (1..=n).map(|seed| SecretKey::from_bytes(Algorithm::Ed25519, &[seed; 32]).unwrap()).collect();
    keys.sort_by_key(|key| key.public_key());
    let validator = |key: &SecretKey| Validator {
        name: key.public_key().to_string(),
        authority: "bureau".parse().unwrap(),
        key: key.public_key(),
        cluster: "a".to_owned(),
        address: None,
    };
    let genesis = Genesis {
        network: "bench".parse().unwrap(),
        name: Localized::new("测", "Bench"),
        started_at: 1_700_000_000,
        governance: None,
        validators: keys.iter().map(validator).collect(),
        authorities: Vec::new(),
    };
    City { root: TrustRoot::from_genesis(genesis).unwrap(), keys }
}

fn header(genesis: Hash, state_root: Hash) -> Header {
    Header {
        genesis,
        height: 9,
        parent: [3; 32],
        context: Context { epoch: 0, view: 100, leader: [1; 32], parent_view: 99 },
        timestamp_ms: 1_700_000_000_000,
        transactions_root: [4; 32],
        state_root,
        operations: Operations { root: [6; 32], start: 0, end: 10 },
    }
}

/// A certificate by exactly a quorum, as `ledger::finality` describes it.
fn certificate(city: &City, header: &Header) -> Vec<u8> {
    let proposal = [&[0, 100, 99][..], &header.digest()].concat();
    let space = [&namespace(city.root.hash())[..], b"_FINALIZE"].concat();
    let message = [&[u8::try_from(space.len()).unwrap()][..], &space, &proposal].concat();
    let (n, quorum) = (city.keys.len(), city.root.quorum());
    let bits = (1_u64 << quorum) - 1;
    let bitmap: Vec<u8> = bits.to_le_bytes().into_iter().take(n.div_ceil(8)).collect();
    let mut bytes = [&proposal[..], &u64::try_from(n).unwrap().to_be_bytes(), &bitmap].concat();
    bytes.push(u8::try_from(quorum).unwrap());
    city.keys.iter().take(quorum).for_each(|key| bytes.extend_from_slice(&key.sign(&message).bytes));
    bytes
}

fn certificates(c: &mut Criterion) {
    for n in [4, 22, 31] {
        let city = city(n);
        let header = header(*city.root.hash(), [5; 32]);
        let made = certificate(&city, &header);
        c.bench_function(&format!("certificate of a quorum of {n}"), |b| {
            b.iter(|| verify_certificate(black_box(&city.root), black_box(&header), black_box(&made)).unwrap());
        });
    }
}

/// What a state of many entries proves: its root, the proof of a cell, and that of an absence.
struct Proofs {
    root: Hash,
    present: Vec<u8>,
    absent: Vec<u8>,
}

fn config() -> FixedConfig<EightCap, Sequential> {
    let page_cache = CacheRef::new(NZU16!(4_096), NZUsize!(64));
    FixedConfig {
        merkle_config: TreeConfig {
            journal_partition: "tree".to_owned(),
            metadata_partition: "peaks".to_owned(),
            items_per_blob: NZU64!(1_024),
            write_buffer: NZUsize!(4_096),
            replay_buffer: NZUsize!(4_096),
            strategy: Sequential,
            page_cache: page_cache.clone(),
        },
        journal_config: LogConfig {
            partition: "log".to_owned(),
            items_per_blob: NZU64!(1_024),
            page_cache,
            write_buffer: NZUsize!(4_096),
            replay_buffer: NZUsize!(4_096),
        },
        grafted_metadata_partition: "grafted".to_owned(),
        translator: EightCap,
        init_cache: Some(NZUsize!(1_024)),
        init_buffer: NZUsize!(1 << 16),
        init_concurrency: (),
    }
}

fn proofs(subject: &Subject, cell: [u8; 64], absent: &Subject) -> Proofs {
    let (key, absent) = (sha256::Digest(subject.key()), sha256::Digest(absent.key()));
    deterministic::Runner::default().start(|context| async move {
        let state = State::init(context.child("state"), config(), None).await.unwrap();
        let mut batch = state.new_batch().write(key, Some(FixedBytes::new(cell)));
        for number in 0..ENTRIES {
            let key = ledger::canonical::hash("bench", &number);
            batch = batch.write(sha256::Digest(key), Some(FixedBytes::new([7; 64])));
        }
        let merkleized = batch.merkleize(&state, None, &mut Proportional).await.unwrap();
        let state = state.apply_batch(merkleized).await.unwrap();
        Proofs {
            root: state.root().0,
            present: state.key_value_proof(key).await.unwrap().encode().to_vec(),
            absent: state.exclusion_proof(&absent).await.unwrap().encode().to_vec(),
        }
    })
}

fn answers(c: &mut Criterion) {
    let city = city(22);
    let body = vec![9; 160];
    let cell = Cell { version: 1, status: 0, created_height: 1, updated_height: 1, body: body_hash(&body) }.to_bytes();
    let (subject, absent) = (Subject::Attestation(RecordId([1; 32])), Subject::Attestation(RecordId([2; 32])));
    let proofs = proofs(&subject, cell, &absent);
    let header = header(*city.root.hash(), proofs.root);
    let (key, absent_key) = (subject.key(), absent.key());
    c.bench_function("proof that a cell is in the state", |b| {
        b.iter(|| verify_cell(&proofs.root, black_box(&key), Some(&cell), black_box(&proofs.present)).unwrap());
    });
    c.bench_function("proof that nothing is in the state", |b| {
        b.iter(|| verify_cell(&proofs.root, black_box(&absent_key), None, black_box(&proofs.absent)).unwrap());
    });
    let bundle = Bundle {
        header: encode(&header),
        certificate: certificate(&city, &header),
        cell: Some(cell),
        body: Some(body),
        proof: proofs.present.clone(),
    };
    c.bench_function("whole answer at 22 validators", |b| {
        b.iter(|| verify_answer(&city.root, black_box(&subject), &black_box(&bundle).answer()).unwrap());
    });
}

fn transactions(c: &mut Criterion) {
    for (name, algorithm) in [("Ed25519", Algorithm::Ed25519), ("P-256", Algorithm::P256)] {
        let key = SecretKey::from_bytes(algorithm, &[9; 32]).unwrap();
        let receipts = vec![NewReceipt { id: RecordId([1; 32]), commitment: Commitment([2; 32]) }];
        let sender = Sender::Key(key.public_key());
        let body = Body::RecordReceipts(receipts);
        let transaction = Unsigned { genesis: [1; 32], sender, sequence: 1, expiry_height: 9, body }.sign(&key);
        c.bench_function(&format!("signature of one transaction, {name}"), |b| {
            b.iter(|| black_box(&transaction).verify_signature().unwrap());
        });
    }
    let leaves: Vec<Hash> = (0..1_000_u64).map(|number| ledger::canonical::hash("bench", &number)).collect();
    let (root, proof) = (transactions_root(&leaves), merkle::prove(&leaves, 7).unwrap());
    let leaf = ledger::canonical::hash("bench", &7_u64);
    c.bench_function("path of one transaction of 1,000", |b| {
        b.iter(|| proof.verify(black_box(&leaf), &root).unwrap());
    });
}

criterion_group!(benches, certificates, answers, transactions);
criterion_main!(benches);
