//! Our verification of certificates and state proofs against the engine's own: whatever the engine proves we accept, and on every
//! changed byte both say the same.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, in its helpers too")]

mod bundles;
mod certificates;
mod epochs;
mod transactions;

use crate::certificates::{certificate, header, proposal, trust};
use commonware_codec::{Decode as _, Encode as _};
use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_consensus::simplex::types::Finalization;
use commonware_cryptography::{Hasher as _, Sha256, sha256};
use commonware_parallel::Sequential;
use commonware_runtime::{Runner as _, Supervisor as _, buffer::paged::CacheRef, deterministic};
use commonware_storage::merkle::{Location, Proof};
use commonware_storage::qmdb::any::ordered::Operation;
use commonware_storage::qmdb::any::value::FixedEncoding;
use commonware_storage::qmdb::current::FixedConfig;
use commonware_storage::qmdb::current::grafting::Verifier;
use commonware_storage::qmdb::current::ordered::fixed;
use commonware_storage::qmdb::current::ordered::proof::constant::{ExclusionProof, KeyValueProof};
use commonware_storage::qmdb::current::proof::RangeProof;
use commonware_storage::qmdb::current::proof::constant::OperationProof;
use commonware_storage::qmdb::floor::{Hold, Proportional};
use commonware_storage::translator::EightCap;
use commonware_storage::{journal::contiguous::fixed::Config as LogConfig, mmr, mmr::full::Config as TreeConfig};
use commonware_utils::sequence::FixedBytes;
use commonware_utils::{NZU16, NZU64, NZUsize};
use ledger::block::Header;
use ledger::canonical::encode;
use ledger::cell::{Cell, Subject, body_hash};
use ledger::finality::{FinalityError, namespace};
use ledger::proof::{Answer, AnswerError, ProofError, verify_answer, verify_cell};
use proptest::prelude::*;

type Family = mmr::Family;
type Digest = sha256::Digest;
type Value = FixedBytes<64>;
type Encoding = FixedEncoding<Value>;
type State = fixed::Db<Family, deterministic::Context, Digest, Value, Sha256, EightCap, 32, Sequential>;
type Inclusion = KeyValueProof<Family, Digest, Digest, 32>;
type Exclusion = ExclusionProof<Family, Digest, Encoding, Digest, 32>;
type Final = Finalization<Scheme, Digest>;

/// Hashes that the engine allows in a proof of one operation.
const MAX_HASHES: usize = mmr::MAX_PROOF_DIGESTS_PER_ELEMENT;

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.next().to_le_bytes()[0])
    }
}

fn engine_accepts(root: &Digest, key: &[u8; 32], cell: Option<&[u8; 64]>, proof: &[u8]) -> bool {
    let key = sha256::Digest(*key);
    match cell {
        Some(cell) => Inclusion::decode_cfg(proof.to_vec(), &(MAX_HASHES, ()))
            .is_ok_and(|proof| proof.verify::<Sha256, Encoding>(key, Value::new(*cell), root)),
        None => {
            Exclusion::decode_cfg(proof.to_vec(), &(MAX_HASHES, (), ())).is_ok_and(|proof| proof.verify::<Sha256>(&key, root))
        }
    }
}

fn we_accept(root: &Digest, key: &[u8; 32], cell: Option<&[u8; 64]>, proof: &[u8]) -> bool {
    verify_cell(&root.0, key, cell, proof).is_ok()
}

/// Both say the same of these bytes, and it is what we expect.
fn both(expected: bool, root: &Digest, key: &[u8; 32], cell: Option<&[u8; 64]>, proof: &[u8]) {
    let (engine, we) = (engine_accepts(root, key, cell, proof), we_accept(root, key, cell, proof));
    assert_eq!(engine, we, "engine {engine}, we {we}: {proof:02x?}");
    assert_eq!(we, expected, "{:?}", verify_cell(&root.0, key, cell, proof));
}

/// The proof is accepted by both, and no longer after any change of a byte of proof, value or root, cut or appended to.
fn mutate(numbers: &mut Numbers, root: &Digest, key: &[u8; 32], cell: Option<&[u8; 64]>, proof: &[u8]) {
    both(true, root, key, cell, proof);
    for place in 0..proof.len() {
        let mut changed = proof.to_vec();
        changed[place] ^= 1 << numbers.below(8);
        // A neighbour's key may move and still enclose the absent key; then the hashes must refuse it.
        both(false, root, key, cell, &changed);
        if place % 16 == 0 {
            both(false, root, key, cell, &proof[..place]);
            changed.remove(place);
            both(false, root, key, cell, &changed);
        }
    }
    both(false, root, key, cell, &[proof, &[0]].concat());
    for place in 0..32 {
        let mut other = *root;
        other.0[place] ^= 1 << numbers.below(8);
        both(false, &other, key, cell, proof);
    }
    if let Some(cell) = cell {
        for place in 0..64 {
            let mut other = *cell;
            other[place] ^= 1 << numbers.below(8);
            both(false, root, key, Some(&other), proof);
        }
        for place in 0..32 {
            let mut other = *key;
            other[place] ^= 1 << numbers.below(8);
            both(false, root, &other, Some(cell), proof);
        }
    }
}

fn config(prefix: &str) -> FixedConfig<EightCap, Sequential> {
    let cache = CacheRef::new(NZU16!(4_096), NZUsize!(64));
    FixedConfig {
        merkle_config: TreeConfig {
            journal_partition: format!("{prefix}-tree"),
            metadata_partition: format!("{prefix}-peaks"),
            items_per_blob: NZU64!(1_024),
            write_buffer: NZUsize!(4_096),
            replay_buffer: NZUsize!(4_096),
            strategy: Sequential,
            page_cache: cache.clone(),
        },
        journal_config: LogConfig {
            partition: format!("{prefix}-log"),
            items_per_blob: NZU64!(1_024),
            page_cache: cache,
            write_buffer: NZUsize!(4_096),
            replay_buffer: NZUsize!(4_096),
        },
        grafted_metadata_partition: format!("{prefix}-grafted"),
        translator: EightCap,
        init_cache: Some(NZUsize!(1_024)),
        init_buffer: NZUsize!(1 << 16),
        init_concurrency: (),
    }
}

type Writes = Vec<([u8; 32], Option<[u8; 64]>)>;

async fn write(state: State, writes: &Writes, hold: bool) -> State {
    let mut batch = state.new_batch();
    for (key, value) in writes {
        batch = batch.write(sha256::Digest(*key), value.map(Value::new));
    }
    let merkleized = if hold {
        batch.merkleize(&state, None, &mut Hold).await.unwrap()
    } else {
        batch.merkleize(&state, None, &mut Proportional).await.unwrap()
    };
    state.apply_batch(merkleized).await.unwrap()
}

async fn inclusion(state: &State, key: &[u8; 32]) -> ([u8; 64], Vec<u8>) {
    let key = sha256::Digest(*key);
    let value = state.get(&key).await.unwrap().unwrap();
    (value.as_ref().try_into().unwrap(), state.key_value_proof(key).await.unwrap().encode().to_vec())
}

async fn exclusion(state: &State, key: &[u8; 32]) -> Vec<u8> {
    state.exclusion_proof(&sha256::Digest(*key)).await.unwrap().encode().to_vec()
}

/// Checks `samples` keys of the state, present and absent, and every byte of a few of the proofs.
async fn check(numbers: &mut Numbers, state: &State, present: &[[u8; 32]], samples: u64, mutated: u64) {
    let root = state.root();
    for sample in 0..samples.min(present.len() as u64) {
        let key = present[usize::try_from(numbers.below(present.len() as u64)).unwrap()];
        let (value, proof) = inclusion(state, &key).await;
        both(true, &root, &key, Some(&value), &proof);
        both(false, &root, &key, None, &proof);
        if sample < mutated {
            mutate(numbers, &root, &key, Some(&value), &proof);
        }
        // The neighbour's proof shows nothing of a key that exists.
        let mut beside = key;
        beside[31] ^= 1;
        let absent = exclusion(state, &beside).await;
        both(false, &root, &key, None, &absent);
    }
    let extremes = [[0; 32], [0xff; 32]];
    for sample in 0..samples + 2 {
        let key = extremes.get(usize::try_from(sample).unwrap()).copied().unwrap_or_else(|| numbers.array());
        let proof = exclusion(state, &key).await;
        both(true, &root, &key, None, &proof);
        both(false, &root, &key, Some(&[0; 64]), &proof);
        if sample < mutated {
            mutate(numbers, &root, &key, None, &proof);
        }
    }
}

/// C8: states of many sizes, with updates and deletions, before and after pruning.
#[test]
fn whatever_the_engine_proves_of_a_state_we_accept_and_whatever_it_refuses_we_refuse() {
    deterministic::Runner::default().start(|context| async move {
        let mut numbers = Numbers(7);
        let mut state = State::init(context.child("state"), config("state"), None).await.unwrap();
        let mut present: Vec<[u8; 32]> = Vec::new();
        check(&mut numbers, &state, &present, 2, 1).await;
        // Writes per block: the sizes of the log cross those of a chunk and of several peaks.
        let blocks = [1, 1, 2, 5, 50, 90, 60, 30, 1, 1, 40, 200, 300, 7, 1, 500];
        for (block, new) in blocks.into_iter().enumerate() {
            let mut writes: Writes = (0..new).map(|_| (numbers.array(), Some(numbers.array()))).collect();
            let old = present.len() as u64 / 3;
            for _ in 0..old.min(40) {
                let place = usize::try_from(numbers.below(present.len() as u64)).unwrap();
                let deleted = numbers.below(4) == 0;
                let key = if deleted { present.swap_remove(place) } else { present[place] };
                if writes.iter().all(|(written, _)| *written != key) {
                    writes.push((key, (!deleted).then(|| numbers.array())));
                } else if deleted {
                    present.push(key);
                }
            }
            present.extend(writes.iter().take(new).map(|(key, _)| *key));
            state = write(state, &writes, block % 3 == 1).await;
            check(&mut numbers, &state, &present, 12, u64::from(block % 4 == 0)).await;
        }
        let boundary = state.sync_boundary();
        state = state.prune(boundary).await.unwrap();
        check(&mut numbers, &state, &present, 20, 1).await;

        // All gone: the commit proves it.
        state = write(state, &present.iter().map(|key| (*key, None)).collect(), false).await;
        check(&mut numbers, &state, &[], 2, 2).await;
    });
}

/// Chunks of 256 operations exactly full, and one operation less and more.
#[test]
fn the_last_chunk_is_right_when_it_is_full_and_around_it() {
    deterministic::Runner::default().start(|context| async move {
        let mut numbers = Numbers(11);
        let mut state = State::init(context.child("state"), config("chunks"), None).await.unwrap();
        let mut present = Vec::new();
        for _ in 0..270 {
            let key = numbers.array();
            present.push(key);
            // Each block has an update, its neighbour's new link and a commit.
            state = write(state, &vec![(key, Some(numbers.array()))], true).await;
            let size = *state.bounds().end;
            if size % 256 < 3 || size % 256 > 253 {
                check(&mut numbers, &state, &present, 6, u64::from(size % 256 == 0)).await;
            }
        }
    });
}

/// Proofs about logs of any length up to 2⁶² and any number of inactive peaks, made up around random hashes: the root that the
/// engine derives is the one that we derive.
#[test]
fn we_derive_the_engines_root_for_any_shape_of_log() {
    let mut numbers = Numbers(23);
    let (mut proven, mut refused) = (0, 0);
    for round in 0..4_000_u64 {
        let operations = match round % 4 {
            0 => 1 + numbers.below(2_000),
            1 => 1 + numbers.below(1 << 62),
            2 => (1 << numbers.below(63)) - u64::from(numbers.below(2) == 0 && round > 8),
            _ => 256 * (1 + numbers.below(1 << 20)),
        }
        .clamp(1, 1 << 62);
        let location = numbers.below(operations);
        let peaks = u64::from(operations.count_ones());
        let inactive = numbers.below(peaks + 2);
        let mut chunk: [u8; 32] = numbers.array();
        let active = round % 8 != 5;
        let (byte, bit) = (usize::try_from(location / 8 % 32).unwrap(), 1 << (location % 8));
        chunk[byte] = if active { chunk[byte] | bit } else { chunk[byte] & !bit };
        let (key, value, next_key): ([u8; 32], [u8; 64], [u8; 32]) = (numbers.array(), numbers.array(), numbers.array());
        let operation = [&[0xd2][..], &key, &value, &next_key].concat();
        let hashes = 1 + peaks + 62;
        let merkle = |count: u64, numbers: &mut Numbers| Proof::<Family, Digest> {
            leaves: Location::new(operations),
            inactive_peaks: usize::try_from(inactive).unwrap(),
            digests: (0..count).map(|_| sha256::Digest(numbers.array())).collect(),
        };
        let verifier = Verifier::<Family, Sha256>::new(8, location / 256, vec![&chunk], operations / 256);
        // The right number of hashes is the one that the engine takes.
        let found = (0..hashes).find_map(|count| {
            let proof = merkle(count, &mut numbers);
            let root = proof.reconstruct_root(&verifier, &[&operation], Location::new(location)).ok()?;
            Some((proof, root))
        });
        let shaped = found.is_some();
        let (proof, grafted_root) = match found {
            Some((proof, root)) => (proof, root),
            None => (merkle(3, &mut numbers), sha256::Digest(numbers.array())),
        };
        let log_root = sha256::Digest(numbers.array());
        let last_bits = operations % 256;
        let last = (last_bits > 0)
            .then(|| if location / 256 == operations / 256 { Sha256::hash(&[&chunk]) } else { sha256::Digest(numbers.array()) });
        let root = match &last {
            Some(last) => Sha256::hash(&[&log_root, &grafted_root, &last_bits.to_be_bytes(), last]),
            None => Sha256::hash(&[&log_root, &grafted_root]),
        };
        let range_proof =
            RangeProof { proof, pending_chunk_digest: Default::default(), partial_chunk_digest: last, ops_root: log_root };
        let proof = OperationProof::<Family, Digest, 32> { loc: Location::new(location), chunk, range_proof };
        let mut parts = KeyValueProof { proof, next_key: sha256::Digest(next_key) };
        let proof = parts.encode().to_vec();
        assert_eq!(shaped, inactive <= peaks, "{operations} {inactive}");
        both(active && inactive <= peaks, &root, &key, Some(&value), &proof);
        // A hash more or less than the log's shape asks for.
        parts.proof.range_proof.proof.digests.push(sha256::Digest(next_key));
        both(false, &root, &key, Some(&value), &parts.encode());
        parts.proof.range_proof.proof.digests.truncate(parts.proof.range_proof.proof.digests.len().saturating_sub(2));
        both(parts.encode() == proof && active, &root, &key, Some(&value), &parts.encode());
        if active && inactive <= peaks {
            proven += 1
        } else {
            refused += 1
        }
        if round % 100 == 0 && active && inactive <= peaks {
            mutate(&mut numbers, &root, &key, Some(&value), &proof);
        }
    }
    assert!(proven > 2_000 && refused > 100);
}

#[test]
fn an_exclusion_proof_speaks_of_the_keys_between_its_two_and_of_no_other() {
    deterministic::Runner::default().start(|context| async move {
        let state = State::init(context.child("state"), config("between"), None).await.unwrap();
        let key = |first: u8| [first; 32];
        let state = write(state, &[10, 20, 30].map(|first| (key(first), Some([first; 64]))).to_vec(), false).await;
        let root = state.root();
        let (middle, around) = (exclusion(&state, &key(25)).await, exclusion(&state, &key(5)).await);
        for (proof, of, shown) in [
            (&middle, 25, true),
            (&middle, 15, false),
            (&middle, 20, false),
            (&middle, 30, false),
            (&around, 5, true),
            (&around, 35, true),
            (&around, 25, false),
            (&around, 10, false),
            (&around, 30, false),
        ] {
            both(shown, &root, &key(of), None, proof);
        }
        assert_eq!(verify_cell(&root.0, &key(15), None, &middle), Err(ProofError::OtherKey));
        assert_eq!(verify_cell(&root.0, &key(20), None, &middle), Err(ProofError::OtherKey));
    });
}

/// C8: every operation of a log, superseded ones too, truly proven under the present root: only what is active shows anything. A
/// node that hides today's value has nothing else to show; nor does one that has the commit of a state that was empty once.
#[test]
fn a_superseded_operation_shows_nothing_though_it_is_in_the_log() {
    deterministic::Runner::default().start(|context| async move {
        let mut numbers = Numbers(41);
        let state = State::init(context.child("state"), config("log"), None).await.unwrap();
        let first: Writes = (0..3).map(|_| (numbers.array(), Some(numbers.array()))).collect();
        let state = write(state, &first, true).await;
        let state = write(state, &first.iter().map(|(key, _)| (*key, None)).collect(), true).await;
        let keys: Vec<[u8; 32]> = (0..150).map(|_| numbers.array()).collect();
        let mut state = state;
        for _ in 0..4 {
            state = write(state, &keys.iter().map(|key| (*key, Some(numbers.array()))).collect(), true).await;
        }
        let (root, size) = (state.root(), *state.bounds().end);
        let (mut current, mut superseded, mut commits) = (0, 0, 0);
        for location in *state.bounds().start..size {
            let (range_proof, operations, chunks) = state.range_proof(Location::new(location), NZU64!(1)).await.unwrap();
            let proof = OperationProof::<Family, Digest, 32> { loc: Location::new(location), chunk: chunks[0], range_proof };
            let active = chunks[0][usize::try_from(location / 8 % 32).unwrap()] >> (location % 8) & 1 == 1;
            match operations[0].clone() {
                Operation::Update(update) => {
                    let cell: [u8; 64] = update.value.as_ref().try_into().unwrap();
                    let inclusion = Inclusion { proof: proof.clone(), next_key: update.next_key }.encode();
                    both(active, &root, &update.key.0, Some(&cell), &inclusion);
                    if update.key.0[31] != 0xff {
                        let mut beside = update.key.0;
                        beside[31] += 1;
                        both(active, &root, &beside, None, &Exclusion::KeyValue(proof, update).encode());
                    }
                    if active { current += 1 } else { superseded += 1 }
                }
                Operation::CommitFloor(metadata, _) => {
                    both(false, &root, &[7; 32], None, &Exclusion::Commit(proof, metadata).encode());
                    commits += 1;
                }
                Operation::Delete(_) => {}
            }
        }
        assert_eq!((current, commits), (keys.len(), 7));
        assert!(superseded > 300 && size > 512);
    });
}

/// A proof of yesterday's value, by a node that hides today's.
#[test]
fn a_superseded_value_is_not_proven_to_the_new_root() {
    deterministic::Runner::default().start(|context| async move {
        let state = State::init(context.child("state"), config("superseded"), None).await.unwrap();
        let state = write(state, &vec![([1; 32], Some([1; 64])), ([2; 32], Some([2; 64]))], true).await;
        let (old, old_proof) = inclusion(&state, &[1; 32]).await;
        let old_root = state.root();
        let state = write(state, &vec![([1; 32], Some([9; 64]))], true).await;
        both(true, &old_root, &[1; 32], Some(&old), &old_proof);
        both(false, &state.root(), &[1; 32], Some(&old), &old_proof);
        // Even with the activity bit set back and the current hashes, the root does not follow.
        let (_, new_proof) = inclusion(&state, &[1; 32]).await;
        both(false, &state.root(), &[1; 32], Some(&old), &new_proof);
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_refused_as_the_engine_refuses_them(
        root: [u8; 32], key: [u8; 32], proof in prop::collection::vec(any::<u8>(), 0..1_200), absent: bool,
    ) {
        let cell = (!absent).then_some([7; 64]);
        both(false, &sha256::Digest(root), &key, cell.as_ref(), &proof);
    }
}

/// A whole answer as a node gives it, and what a lying node might put together from honest parts.
#[test]
fn an_answer_is_believed_only_when_all_its_parts_belong_together() {
    deterministic::Runner::default().start(|context| async move {
        let (root, keys) = trust(4, 6);
        let subject = |name: &str| Subject::Authority(name.parse().unwrap());
        let (tax, police, nobody) = (subject("tax"), subject("police"), subject("nobody"));
        let bodies = [b"the record of tax".to_vec(), b"the record of police".to_vec()];
        let cell = |body: &[u8]| Cell { version: 1, status: 0, created_height: 1, updated_height: 1, body: body_hash(body) };
        let cells = [cell(&bodies[0]).to_bytes(), cell(&bodies[1]).to_bytes()];
        let state = State::init(context.child("state"), config("answer"), None).await.unwrap();
        let state = write(state, &vec![(tax.key(), Some(cells[0])), (police.key(), Some(cells[1]))], false).await;
        let proofs = [inclusion(&state, &tax.key()).await.1, inclusion(&state, &police.key()).await.1];
        let absent = exclusion(&state, &nobody.key()).await;
        let header = Header { state_root: state.root().0, ..header(&root, 0, 9, 8) };
        let older = Header { state_root: [0; 32], ..header.clone() };
        let signed = |header: &Header| certificate(&namespace(root.hash()), &keys, proposal(header), &[0, 1, 2]);
        let (bytes, made, older_bytes, older_made) = (encode(&header), signed(&header), encode(&older), signed(&older));

        let good =
            Answer { header: &bytes, certificate: &made, cell: Some(&cells[0]), body: Some(&bodies[0]), proof: &proofs[0] };
        let proven = verify_answer(&root, &tax, &good).unwrap();
        assert_eq!((proven.header, proven.cell, proven.body), (header, Some(cell(&bodies[0])), Some(bodies[0].clone())));
        let nothing = Answer { cell: None, body: None, proof: &absent, ..good };
        let proven = verify_answer(&root, &nobody, &nothing).unwrap();
        assert_eq!((proven.cell, proven.body), (None, None));

        let ask = |subject: &Subject, answer: Answer<'_>| verify_answer(&root, subject, &answer).unwrap_err();
        assert!(matches!(ask(&police, good), AnswerError::Proof(ProofError::Root)));
        assert!(matches!(ask(&tax, nothing), AnswerError::Proof(_)), "hides what exists");
        assert!(matches!(ask(&nobody, good), AnswerError::Proof(_)), "invents what does not exist");
        assert!(matches!(ask(&tax, Answer { body: Some(&bodies[1]), ..good }), AnswerError::Body));
        assert!(matches!(ask(&tax, Answer { body: None, ..good }), AnswerError::Body));
        assert!(matches!(ask(&nobody, Answer { body: Some(&bodies[0]), ..nothing }), AnswerError::Body));
        assert!(matches!(ask(&tax, Answer { cell: Some(&cells[1]), ..good }), AnswerError::Proof(ProofError::Root)));
        assert!(matches!(ask(&tax, Answer { cell: Some(&cells[0][..63]), ..good }), AnswerError::Cell));
        assert!(matches!(ask(&tax, Answer { header: &older_bytes, ..good }), AnswerError::Finality(FinalityError::OtherHeader)));
        let stale = Answer { header: &older_bytes, certificate: &older_made, ..good };
        assert!(matches!(ask(&tax, stale), AnswerError::Proof(ProofError::Root)));
        assert!(matches!(ask(&tax, Answer { certificate: &older_made, ..good }), AnswerError::Finality(_)));
        assert!(matches!(ask(&tax, Answer { header: &bytes[1..], ..good }), AnswerError::Header(_)));
        let longer = [bytes.as_slice(), &[0]].concat();
        assert!(matches!(ask(&tax, Answer { header: &longer, ..good }), AnswerError::Header(_)));
        assert!(matches!(ask(&tax, Answer { header: &[0; 5_000], ..good }), AnswerError::Header(_)));
        assert!(matches!(ask(&tax, Answer { proof: &[0; 20_000], ..good }), AnswerError::Proof(ProofError::TooLong(20_000))));
    });
}
