//! What a block's bytes must be.

use crate::{GENESIS, secret, transaction};
use chain_node::engine::{
    block::{Block, BlockError},
    types::PublicKey,
};
use commonware_codec::{Copying, Decode as _, DecodeExt as _, Encode as _};
use commonware_consensus::{Block as _, CertifiableBlock as _, Heightable as _};
use commonware_cryptography::Digestible as _;
use ledger::{
    block::{Context, Header, Operations, transactions_root},
    transaction::Transaction,
};

fn parts(transactions: Vec<Transaction>) -> ledger::block::Block {
    let leaves: Vec<_> = transactions.iter().map(Transaction::leaf).collect();
    let header = Header {
        genesis: GENESIS,
        height: 3,
        parent: [4; 32],
        context: Context {
            epoch: 0,
            view: 5,
            leader: secret("leader").public_key().as_bytes().try_into().unwrap(),
            parent_view: 4,
        },
        timestamp_ms: 1_000,
        transactions_root: transactions_root(&leaves),
        state_root: [6; 32],
        operations: Operations { root: [7; 32], start: 0, end: 9 },
    };
    ledger::block::Block { header, transactions }
}

#[test]
fn a_block_comes_back_from_its_bytes_with_the_digest_of_its_header() {
    let parts = parts(vec![transaction("a", 1), transaction("b", 2)]);
    let block = Block::new(parts.clone()).unwrap();
    let again = Block::decode(block.encode()).unwrap();
    assert_eq!(again.ledger(), &parts);
    assert_eq!(again.digest().0, parts.header.digest());
    assert_eq!((again.height().get(), again.parent().0), (3, [4; 32]));
    assert_eq!(again.context().round.view().get(), 5);
    assert_eq!(again.encode(), block.encode());
    assert!(Block::decode_cfg(again.encode(), &()).is_ok());
}

/// SEC-C3: a digest stands for one body. Not even a signature in it can be exchanged.
#[test]
fn a_body_that_the_header_does_not_commit_to_is_not_a_block() {
    let good = parts(vec![transaction("a", 1), transaction("b", 2)]);
    let mut missing = good.clone();
    missing.transactions.pop();
    let mut swapped = good.clone();
    swapped.transactions.swap(0, 1);
    let mut resigned = good.clone();
    resigned.transactions[0].signature = resigned.transactions[1].signature;
    for wrong in [missing, swapped, resigned] {
        assert_eq!(Block::new(wrong.clone()).unwrap_err(), BlockError::TransactionsRoot);
        let bytes = identity::canonical::encode(&wrong);
        let mut encoded = bytes.len().encode().to_vec();
        encoded.extend(bytes);
        assert!(Block::decode(encoded).is_err());
    }
}

#[test]
fn a_block_with_a_range_or_leader_that_is_none_is_refused() {
    let mut empty = parts(Vec::new());
    empty.header.operations.end = 0;
    assert_eq!(Block::new(empty).unwrap_err(), BlockError::Operations);
    let mut huge = parts(Vec::new());
    huge.header.operations.end = u64::MAX;
    assert_eq!(Block::new(huge).unwrap_err(), BlockError::Operations);
    let mut leader = parts(Vec::new());
    let mut encodings = (0..=u8::MAX).map(|byte| [byte; 32]);
    leader.header.context.leader = encodings.find(|bytes| PublicKey::decode(Copying(bytes)).is_err()).unwrap();
    assert_eq!(Block::new(leader).unwrap_err(), BlockError::Leader);
}

#[test]
fn a_block_over_its_bounds_is_refused() {
    let one = transaction("a", 1);
    let many = parts(vec![one; ledger::limits::MAX_BLOCK_TRANSACTIONS + 1]);
    assert_eq!(Block::new(many).unwrap_err(), BlockError::TooLarge);
}

#[test]
fn bytes_that_are_no_block_never_panic() {
    let bytes = Block::new(parts(vec![transaction("a", 1)])).unwrap().encode().to_vec();
    for length in 0..bytes.len() {
        assert!(Block::decode(bytes[..length].to_vec()).is_err());
    }
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 0x41;
        // Most changes are refused; one that is not must make another digest.
        if let Ok(block) = Block::decode(changed) {
            assert_ne!(block.digest(), Block::decode(bytes.clone()).unwrap().digest());
        }
    }
}
