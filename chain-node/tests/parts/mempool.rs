//! Waiting transactions and their limits.

use crate::{GENESIS, secret, transaction, unsigned};
use chain_node::{
    admission::admit,
    mempool::{Candidate, Limits, Mempool, Origin, Refusal},
};
use ledger::transaction::{Body, Sender};
use std::collections::HashSet;

const ROOMY: Limits = Limits { transactions: 100, bytes: 1_000_000, per_sender: 100 };

fn candidate(word: &str, sequence: u64) -> Candidate {
    admit(&GENESIS, 0, transaction(word, sequence)).unwrap()
}

fn ids(chosen: &[Candidate]) -> Vec<[u8; 32]> {
    chosen.iter().map(|candidate| candidate.id).collect()
}

#[test]
fn what_waits_is_taken_oldest_first_within_count_and_bytes() {
    let pool = Mempool::new(ROOMY);
    let waiting: Vec<Candidate> = (0..5).map(|number| candidate("citizen", number)).collect();
    for candidate in &waiting {
        assert_eq!(pool.insert(candidate.clone(), Origin::Peer), Ok(true));
    }
    let none = HashSet::new();
    assert_eq!(ids(&pool.select(1, 100, 1_000_000, &none)), ids(&waiting));
    assert_eq!(ids(&pool.select(1, 2, 1_000_000, &none)), ids(&waiting[..2]));
    assert_eq!(pool.select(1, 100, waiting[0].bytes * 3, &none).len(), 3);
    let included: HashSet<_> = ids(&waiting[..3]).into_iter().collect();
    assert_eq!(ids(&pool.select(1, 100, 1_000_000, &included)), ids(&waiting[3..]));
    assert!(pool.waits(&included));
    assert!(!pool.waits(&ids(&waiting).into_iter().collect()));
}

/// SEC-C1: whoever has much waiting does not delay who has little.
#[test]
fn senders_take_turns_whatever_each_has_waiting() {
    let pool = Mempool::new(ROOMY);
    let flood: Vec<Candidate> = (0..50).map(|number| candidate("flood", number)).collect();
    for candidate in &flood {
        pool.insert(candidate.clone(), Origin::Peer).unwrap();
    }
    let others: Vec<Candidate> = ["a", "b", "c"].iter().map(|word| candidate(word, 1)).collect();
    for candidate in &others {
        pool.insert(candidate.clone(), Origin::Peer).unwrap();
    }
    let none = HashSet::new();
    let expected = [ids(&flood[..1]), ids(&others)].concat();
    assert_eq!(ids(&pool.select(1, 4, 1_000_000, &none)), expected, "the first of each sender, in the order of arrival");
    // A newcomer is next, however many blocks the flood has filled before.
    pool.finalized(1, ids(&flood[..20]).iter());
    let late = candidate("late", 1);
    pool.insert(late.clone(), Origin::Peer).unwrap();
    let chosen = ids(&pool.select(2, 5, 1_000_000, &none));
    assert!(chosen.contains(&late.id), "the newcomer waits behind the flood");
    assert_eq!(pool.select(2, 100, 1_000_000, &none).len(), 34, "nobody is left out when there is room");
}

/// SEC-C1: a large transaction counts for more than a small one.
#[test]
fn turns_are_by_bytes() {
    let pool = Mempool::new(ROOMY);
    let sized = |word: &str, sequence: u64, bytes: usize| Candidate { bytes, ..candidate(word, sequence) };
    for number in 0..4 {
        pool.insert(sized("large", number, 4_096), Origin::Peer).unwrap();
    }
    for number in 0..8 {
        pool.insert(sized("small", number, 200), Origin::Peer).unwrap();
    }
    let chosen = pool.select(1, 8, 1_000_000, &HashSet::new());
    let small = chosen.iter().filter(|candidate| candidate.bytes == 200).count();
    assert!(small >= 6, "{small} of the first 8 are small ones");
}

/// SEC-C1: a stranger who signs in another's name does not use up the other's share.
#[test]
fn a_strangers_key_in_anothers_name_has_a_quota_of_its_own() {
    let named = |word: &str| {
        let mut made = unsigned("anyone", 1, 100);
        made.sender = Sender::Authority { authority: "public-security".parse().unwrap(), key: secret(word).public_key() };
        made.body = Body::SetPurposes { party: "tax-portal".parse().unwrap(), purposes: Vec::new() };
        admit(&GENESIS, 0, made.sign(&secret(word))).unwrap()
    };
    let pool = Mempool::new(Limits { per_sender: 1, ..ROOMY });
    assert_eq!(pool.insert(named("impostor"), Origin::Peer), Ok(true));
    assert_eq!(pool.insert(named("the authority's own key"), Origin::Peer), Ok(true));
}

#[test]
fn the_same_transaction_waits_once_and_not_again_after_it_was_final() {
    let pool = Mempool::new(ROOMY);
    let one = candidate("citizen", 1);
    assert_eq!(pool.insert(one.clone(), Origin::Local), Ok(true));
    assert_eq!(pool.insert(one.clone(), Origin::Peer), Ok(false));
    let places = |ids: &[[u8; 32]], leaves: &[[u8; 32]]| pool.unchecked(ids, leaves);
    let (other, leaf) = (candidate("citizen", 2), one.transaction.leaf());
    assert_eq!(places(&[one.id], &[leaf]), [0; 0]);
    // Another signature under the same id is another leaf, and was not checked.
    assert_eq!(places(&[other.id, one.id, one.id], &[other.transaction.leaf(), leaf, other.transaction.leaf()]), [0, 2]);
    pool.finalized(1, [&one.id]);
    assert_eq!(pool.size(), (0, 0));
    assert!(pool.knows(&one.id));
    assert_eq!(places(&[one.id], &[leaf]), [0]);
    assert_eq!(pool.insert(one, Origin::Peer), Ok(false));
    assert!(!pool.waits(&HashSet::new()));
}

#[test]
fn number_bytes_and_the_share_of_one_sender_are_limited() {
    let size = candidate("citizen", 0).bytes;
    let pool = Mempool::new(Limits { per_sender: 2, ..ROOMY });
    for number in 0..2 {
        pool.insert(candidate("citizen", number), Origin::Peer).unwrap();
    }
    assert_eq!(pool.room_for(&candidate("citizen", 2)), Err(Refusal::SenderFull), "before its signature is checked");
    assert_eq!(pool.insert(candidate("citizen", 2), Origin::Peer), Err(Refusal::SenderFull));
    assert_eq!(pool.insert(candidate("other", 0), Origin::Peer), Ok(true));
    pool.finalized(1, [&candidate("citizen", 0).id]);
    assert_eq!(pool.insert(candidate("citizen", 2), Origin::Peer), Ok(true));

    let pool = Mempool::new(Limits { transactions: 1, ..ROOMY });
    pool.insert(candidate("a", 0), Origin::Peer).unwrap();
    assert_eq!(pool.insert(candidate("b", 0), Origin::Peer), Err(Refusal::Full));
    let pool = Mempool::new(Limits { bytes: size * 2, ..ROOMY });
    pool.insert(candidate("a", 0), Origin::Peer).unwrap();
    pool.insert(candidate("b", 0), Origin::Peer).unwrap();
    assert_eq!(pool.insert(candidate("c", 0), Origin::Peer), Err(Refusal::Full));
}

#[test]
fn what_can_no_longer_be_in_a_block_leaves_and_is_not_taken() {
    let pool = Mempool::new(ROOMY);
    let short = admit(&GENESIS, 0, unsigned("citizen", 1, 10).sign(&secret("citizen"))).unwrap();
    pool.insert(short.clone(), Origin::Local).unwrap();
    pool.finalized(9, []);
    assert_eq!(pool.select(10, 10, 1_000_000, &HashSet::new()).len(), 1, "the last height at which it is valid");
    pool.finalized(10, []);
    assert_eq!(pool.size(), (0, 0));
    assert_eq!(pool.insert(short, Origin::Local), Err(Refusal::Expired { expired_at: 10, height: 10 }));
}

#[test]
fn only_the_transactions_of_own_clients_are_sent_again() {
    let pool = Mempool::new(ROOMY);
    let mine = candidate("mine", 1);
    pool.insert(mine.clone(), Origin::Local).unwrap();
    pool.insert(candidate("theirs", 1), Origin::Peer).unwrap();
    assert_eq!(pool.local(10), vec![mine.transaction]);
}

#[tokio::test]
async fn a_new_transaction_wakes_whoever_waits_for_one() {
    let pool = Mempool::new(ROOMY);
    let mut changes = pool.subscribe();
    assert!(!changes.has_changed().unwrap());
    pool.insert(candidate("citizen", 1), Origin::Peer).unwrap();
    changes.changed().await.unwrap();
}
