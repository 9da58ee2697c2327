//! Items of batches: shown at their place of their batch, and at no other.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use identity::canonical;
use identity::{Algorithm, Commitment, SecretKey};
use ledger::batch::{
    CountError, ItemError, Leaves, attestation_leaf, item_status, receipt_leaf, verify_attestation, verify_receipt,
};
use ledger::cell::Cell;
use ledger::limits::{MAX_BATCH_ITEMS, MAX_BLOCK_BYTES, MAX_BLOCK_TRANSACTIONS};
use ledger::merkle::{Inclusion, InclusionError};
use ledger::records::{AttestationRecord, AttestationStatus, BatchKind, BatchRecord, RecordId};
use ledger::transaction::{Body, NewBatch, Sender, Unsigned};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

const BATCH: RecordId = RecordId([7; 32]);

fn record(number: u8) -> AttestationRecord {
    AttestationRecord {
        issuer: "police".parse().unwrap(),
        attestation_type: "urn:yufu:vct:resident-identity:1".to_owned(),
        credential: Commitment([number; 32]),
        holder_key: Commitment([2; 32]),
        lock: [3; 32],
        valid_from: 100,
        valid_until: 200,
    }
}

fn attestations(leaves: &Leaves) -> BatchRecord {
    let attestation_type = "urn:yufu:vct:resident-identity:1".to_owned();
    let kind = BatchKind::Attestations { attestation_type, valid_from: 100, valid_until: 200 };
    BatchRecord { issuer: Some("police".parse().unwrap()), kind, root: leaves.root(), count: leaves.count() }
}

fn receipts(leaves: &Leaves) -> BatchRecord {
    BatchRecord { issuer: None, kind: BatchKind::Receipts, root: leaves.root(), count: leaves.count() }
}

/// What is hashed is written down in the module; these were computed outside of Rust from those words.
#[test]
fn leaves_have_these_bytes() {
    let hex = |hash: [u8; 32]| data_encoding::HEXLOWER.encode(&hash);
    assert_eq!(
        hex(receipt_leaf(BATCH, 258, &Commitment([9; 32]))),
        "304c96a072a4bd6906d35a8066db24d7103a0fe5d5e6a86d79c478debdf11e4c"
    );
    assert_eq!(hex(attestation_leaf(BATCH, 1, &record(5))), "6a9558ff2362f2186ebff9d85c88a609b46149d5882d826659d1f18617dd7b93");
}

/// Hazard-21: an item of a batch is proved on its own, with a path and the batch's record, and without its neighbours.
#[test]
fn every_item_is_shown_at_its_place_and_nowhere_else() {
    for count in [1_u8, 2, 3, 7, 8, 33] {
        let records: Vec<AttestationRecord> = (0..count).map(record).collect();
        let commitments: Vec<Commitment> = (0..count).map(|number| Commitment([number; 32])).collect();
        let (of_records, of_receipts) =
            (Leaves::of_attestations(BATCH, &records).unwrap(), Leaves::of_receipts(BATCH, &commitments).unwrap());
        assert_eq!((of_records.count(), of_receipts.count()), (u32::from(count), u32::from(count)));
        let (attested, received) = (attestations(&of_records), receipts(&of_receipts));
        for ((index, record), commitment) in (0..).zip(&records).zip(&commitments) {
            let (proof, path) = (of_records.prove(index).unwrap(), of_receipts.prove(index).unwrap());
            assert_eq!(verify_attestation(BATCH, &attested, record, &proof), Ok(()));
            assert_eq!(verify_receipt(BATCH, &received, commitment, &path), Ok(()));
            for other in (0..u32::from(count)).filter(|other| *other != index) {
                let moved = Inclusion { index: other, ..proof.clone() };
                assert!(verify_attestation(BATCH, &attested, record, &moved).is_err(), "{index} as {other} of {count}");
            }
        }
        assert_eq!(of_records.prove(u32::from(count)), None);
    }
}

/// Hazard-21: the arithmetic of a city of five million whose people make sixteen requests a day, as Estonia's do: one transaction for each
/// request would be more than a ledger takes; one batch for each gateway and block is a small part of a block, and every receipt of it is
/// shown with a short path.
#[test]
fn a_citys_requests_are_a_small_part_of_each_block_when_each_gateway_records_one_batch() {
    const REQUESTS_PER_SECOND: usize = 5_000_000 * 16 / 86_400;
    const BUSIEST: usize = 5 * REQUESTS_PER_SECOND;
    const GATEWAYS: usize = 40;
    // With blocks a second apart.
    const BATCH_ITEMS: usize = BUSIEST.div_ceil(GATEWAYS);
    const { assert!(REQUESTS_PER_SECOND > 900) };
    const { assert!(BUSIEST > MAX_BLOCK_TRANSACTIONS, "one by one they do not even fit into the blocks") };
    const { assert!(GATEWAYS * 20 <= MAX_BLOCK_TRANSACTIONS, "a twentieth of the transactions of a block") };

    let commitment = |number: usize| Commitment(Sha256::digest(number.to_be_bytes()).into());
    let commitments: Vec<Commitment> = (0..BATCH_ITEMS).map(commitment).collect();
    let leaves = Leaves::of_receipts(BATCH, &commitments).unwrap();
    let key = SecretKey::from_bytes(Algorithm::Ed25519, &[1; 32]).unwrap();
    let sender = Sender::Party { party: "gateway-1".parse().unwrap(), key: key.public_key() };
    let batch = NewBatch { id: BATCH, kind: BatchKind::Receipts, root: leaves.root(), count: leaves.count() };
    let unsigned = Unsigned { genesis: [1; 32], sender, sequence: 1, expiry_height: 100, body: Body::RecordBatch(batch) };
    let bytes = canonical::encode(&unsigned.sign(&key)).len();
    assert!(GATEWAYS * bytes * 100 <= MAX_BLOCK_BYTES, "a hundredth of its bytes: {bytes} for each batch");

    let depth = usize::try_from(BATCH_ITEMS.next_power_of_two().ilog2()).unwrap();
    let recorded = receipts(&leaves);
    for (index, commitment) in (0..).zip(&commitments) {
        let inclusion = leaves.prove(index).unwrap();
        assert_eq!(verify_receipt(BATCH, &recorded, commitment, &inclusion), Ok(()));
        let neighbour = &commitments[(usize::try_from(index).unwrap() + 1) % BATCH_ITEMS];
        assert!(verify_receipt(BATCH, &recorded, neighbour, &inclusion).is_err(), "{index} shows its own receipt only");
        assert!(inclusion.to_bytes().len() <= 32 * depth + 16, "{} bytes at {index}", inclusion.to_bytes().len());
    }
    // A gateway that could not reach the ledger for an hour still records what it did as one batch.
    assert!(3_600 * BATCH_ITEMS <= usize::try_from(MAX_BATCH_ITEMS).unwrap());
}

#[test]
fn an_item_that_is_not_the_batchs_is_refused_with_the_reason() {
    let records: Vec<AttestationRecord> = (0..5).map(record).collect();
    let leaves = Leaves::of_attestations(BATCH, &records).unwrap();
    let (batch, proof) = (attestations(&leaves), leaves.prove(3).unwrap());
    let verify =
        |batch: &BatchRecord, record: &AttestationRecord, proof: &Inclusion| verify_attestation(BATCH, batch, record, proof);
    let (root, count) = (ItemError::Inclusion(InclusionError::Root), |count| InclusionError::Count { given: 5, count });
    assert_eq!(verify(&batch, &record(4), &proof), Err(root));
    assert_eq!(verify_attestation(RecordId([8; 32]), &batch, &record(3), &proof), Err(root), "the same item of another batch");
    assert_eq!(verify(&BatchRecord { root: [0; 32], ..batch.clone() }, &record(3), &proof), Err(root));
    // The number of items is the ledger's word and not the path's.
    assert_eq!(verify(&BatchRecord { count: 6, ..batch.clone() }, &record(3), &proof), Err(count(6).into()));
    let longer = Inclusion { count: 6, ..proof.clone() };
    assert_eq!(verify(&batch, &record(3), &longer), Err(InclusionError::Count { given: 6, count: 5 }.into()));
    let outside = Inclusion { index: 5, ..proof.clone() };
    assert_eq!(verify(&batch, &record(3), &outside), Err(InclusionError::Place { index: 5, count: 5 }.into()));
    let short = Inclusion { path: Vec::new(), ..proof.clone() };
    assert_eq!(verify(&batch, &record(3), &short), Err(InclusionError::HashCount.into()));
    // What the ledger accredited the issuer for is the batch's type, and for its time; an item may say nothing else.
    let others = [
        AttestationRecord { issuer: "tax".parse().unwrap(), ..record(3) },
        AttestationRecord { attestation_type: "urn:yufu:vct:marriage:1".to_owned(), ..record(3) },
        AttestationRecord { valid_from: 99, ..record(3) },
        AttestationRecord { valid_until: 201, ..record(3) },
    ];
    for other in others {
        let mut with_other = records.clone();
        with_other[3] = other.clone();
        let leaves = Leaves::of_attestations(BATCH, &with_other).unwrap();
        let proof = leaves.prove(3).unwrap();
        assert_eq!(verify(&attestations(&leaves), &other, &proof), Err(ItemError::OtherKind));
    }
    let nobodys = BatchRecord { issuer: None, ..batch };
    assert_eq!(verify(&nobodys, &record(3), &proof), Err(ItemError::OtherKind));
    // A receipt is no attestation.
    let commitments = Leaves::of_receipts(BATCH, &[Commitment([1; 32])]).unwrap();
    let path = commitments.prove(0).unwrap();
    assert_eq!(verify(&receipts(&commitments), &record(3), &path), Err(ItemError::OtherKind));
    let as_attestations = attestations(&commitments);
    assert_eq!(verify_receipt(BATCH, &as_attestations, &Commitment([1; 32]), &path), Err(ItemError::OtherKind));
}

#[test]
fn a_batch_has_at_least_one_item_and_at_most_its_bound() {
    assert_eq!(Leaves::of_receipts(BATCH, &[]), Err(CountError));
    let most = usize::try_from(MAX_BATCH_ITEMS).unwrap();
    assert_eq!(Leaves::of_receipts(BATCH, &vec![Commitment([1; 32]); most + 1]), Err(CountError));
}

#[test]
fn an_item_is_active_until_the_ledger_says_otherwise() {
    let cell = |status| Cell { version: 1, status, created_height: 1, updated_height: 1, body: [0; 32] };
    assert_eq!(item_status(None), Ok(AttestationStatus::Active));
    for status in
        [AttestationStatus::Active, AttestationStatus::Suspended, AttestationStatus::Revoked, AttestationStatus::Superseded]
    {
        assert_eq!(item_status(Some(&cell(status as u8))), Ok(status));
    }
    assert_eq!(item_status(Some(&cell(9))), Err(ItemError::Status));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_path_shows_no_item(count in 1_u8..60, chosen: prop::sample::Index, place: prop::sample::Index, bit in 0..8_u32) {
        let records: Vec<AttestationRecord> = (0..count).map(record).collect();
        let leaves = Leaves::of_attestations(BATCH, &records).unwrap();
        let index = chosen.index(records.len());
        let mut bytes = leaves.prove(u32::try_from(index).unwrap()).unwrap().to_bytes();
        let at = place.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let shown = Inclusion::from_bytes(&bytes).is_ok_and(|p| verify_attestation(BATCH, &attestations(&leaves), &records[index], &p).is_ok());
        prop_assert!(!shown);
    }
}
