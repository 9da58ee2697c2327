//! What is kept of an encoding is what the encoding gives.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use identity::{Algorithm, Commitment, SecretKey, Signature};
use ledger::block::{Block, Context, Header, Operations};
use ledger::canonical;
use ledger::encoded::{self, Encoded};
use ledger::records::RecordId;
use ledger::transaction::{Anchor, Body, NewReceipt, Sender, Transaction, Unsigned};
use proptest::prelude::*;

fn transaction(algorithm: Algorithm, seed: u8, receipts: u8, sequence: u64) -> Transaction {
    // Neither zero nor all ones is a key of P-256.
    let key = SecretKey::from_bytes(algorithm, &[seed.clamp(1, 254); 32]).unwrap();
    let receipt = |number| NewReceipt { id: RecordId([number; 32]), commitment: Commitment([seed; 32]) };
    let body = match receipts {
        0 => Body::AnchorAttributes(vec![Anchor {
            id: RecordId([seed; 32]),
            commitment: Commitment([1; 32]),
            cid: vec![seed; usize::from(seed)],
        }]),
        count => Body::RecordReceipts((0..count).map(receipt).collect()),
    };
    let sender = match seed % 2 {
        0 => Sender::Key(key.public_key()),
        _ => Sender::Party { party: "portal".parse().unwrap(), key: key.public_key() },
    };
    Unsigned { genesis: [seed; 32], sender, sequence, expiry_height: sequence / 2, body }.sign(&key)
}

fn any_transaction() -> impl Strategy<Value = Transaction> {
    let algorithm = prop_oneof![Just(Algorithm::Ed25519), Just(Algorithm::P256)];
    (algorithm, any::<u8>(), 0_u8..4, any::<u64>())
        .prop_map(|(algorithm, seed, receipts, sequence)| transaction(algorithm, seed, receipts, sequence))
}

fn header() -> Header {
    Header {
        genesis: [1; 32],
        height: 2,
        parent: [3; 32],
        context: Context { epoch: 4, view: 5, leader: [6; 32], parent_view: 7 },
        timestamp_ms: 8,
        transactions_root: [9; 32],
        state_root: [10; 32],
        operations: Operations { root: [11; 32], start: 12, end: 13 },
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn bytes_id_and_leaf_are_the_transactions_own(transaction in any_transaction()) {
        let encoded = Encoded::new(transaction.clone());
        prop_assert_eq!(encoded.bytes(), canonical::encode(&transaction));
        prop_assert_eq!(encoded.id(), transaction.id());
        prop_assert_eq!(encoded.leaf(), transaction.leaf());
        prop_assert_eq!(encoded.transaction(), &transaction);
        prop_assert_eq!(encoded::hashes(&canonical::encode(&transaction)), (transaction.id(), transaction.leaf()));
    }

    #[test]
    fn a_block_has_its_canonical_bytes_and_each_transaction_stands_where_it_says(
        transactions in prop::collection::vec(any_transaction(), 0..6)
    ) {
        let block = Block { header: header(), transactions };
        let (bytes, places) = encoded::block(&block);
        prop_assert_eq!(&bytes, &canonical::encode(&block));
        let found: Vec<Transaction> = places.into_iter().map(|place| canonical::decode(&bytes[place], 65_536).unwrap()).collect();
        prop_assert_eq!(found, block.transactions);
    }
}

/// SEC-C3: what verifies by the kept bytes verifies by the transaction, and nothing else does.
#[test]
fn a_signature_is_judged_as_it_is_without_kept_bytes() {
    for algorithm in [Algorithm::Ed25519, Algorithm::P256] {
        let good = transaction(algorithm, 2, 1, 9);
        let mut altered = good.clone();
        altered.unsigned.sequence += 1;
        let mut other = good.clone();
        other.signature = transaction(algorithm, 2, 1, 10).signature;
        let mut flipped = good.clone();
        flipped.signature = Signature { algorithm: good.signature.algorithm, bytes: [0xff; 64] };
        assert!(Encoded::new(good.clone()).verify_signature().is_ok());
        for transaction in [good, altered, other, flipped] {
            assert_eq!(Encoded::new(transaction.clone()).verify_signature(), transaction.verify_signature());
        }
    }
}
