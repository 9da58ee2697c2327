//! Executing blocks: what is written, what stops the node.

use crate::{secret, transaction};
use chain_node::execution::{self, Executed, Execution, Found, Place, Replayed};
use identity::{Localized, canonical};
use ledger::{
    Hash,
    cell::Subject,
    genesis::{Genesis, Validator},
    receipt::{Outcome, Receipt, Refusal},
    records::AuthorityRecord,
    transaction::{Body, Sender, Transaction, Unsigned},
};

fn genesis() -> Genesis {
    Genesis {
        network: "test".parse().unwrap(),
        name: Localized::new("测试", "Test"),
        started_at: 0,
        governance: None,
        validators: vec![Validator {
            name: "one".to_owned(),
            authority: "tax".parse().unwrap(),
            key: secret("one").public_key(),
            cluster: "c".to_owned(),
            address: None,
        }],
        authorities: vec![AuthorityRecord {
            id: "tax".parse().unwrap(),
            name: Localized::new("税务", "Tax"),
            ledger_keys: vec![secret("tax").public_key()],
            credential_keys: Vec::new(),
            reader_key: None,
            issuer_url: None,
            accredited_types: Vec::new(),
            may_sponsor: true,
        }],
    }
}

fn signed(word: &str, sequence: u64) -> Transaction {
    let mut unsigned = transaction(word, sequence).unsigned;
    unsigned.genesis = genesis().hash();
    unsigned.sign(&secret(word))
}

const FIRST: Place = Place { height: 1, timestamp_ms: 1_000 };
const SECOND: Place = Place { height: 2, timestamp_ms: 2_000 };

fn ids(transactions: &[Transaction]) -> Vec<Hash> {
    transactions.iter().map(|transaction| transaction.id().0).collect()
}

/// Executes on a parent's state that has only what was `found`.
fn run(genesis: &Genesis, place: Place, found: Vec<Found>, transactions: &[Transaction]) -> Result<Executed, Replayed> {
    let ids = ids(transactions);
    let mut execution = Execution::new(genesis, place, transactions, &ids);
    execution.load(&execution::reads(transactions, &ids), found);
    while let Err(more) = execution.advance() {
        execution.load(&more.0, []);
    }
    execution.finish()
}

#[test]
fn the_first_block_writes_the_genesis_and_later_ones_do_not() {
    let authority = Subject::Authority("tax".parse().unwrap()).key();
    let first = run(&genesis(), FIRST, vec![], &[]).unwrap();
    assert!(first.cells.iter().any(|(key, cell)| *key == authority && cell.created_height == 0));
    assert!(first.cells.iter().all(|(_, cell)| first.bodies.contains_key(&cell.body)));
    assert!(run(&genesis(), SECOND, vec![], &[]).unwrap().cells.is_empty());
}

#[test]
fn every_transaction_leaves_a_receipt_applied_or_refused() {
    let transactions = [signed("citizen", 1), signed("citizen", 2)];
    let executed = run(&genesis(), SECOND, vec![], &transactions).unwrap();
    for (index, outcome) in [(0, Outcome::Applied), (1, Outcome::Refused(Refusal::AlreadyExists))] {
        let id = transactions[index].id();
        let key = Subject::Transaction(id).key();
        let (_, cell) = executed.cells.iter().find(|(at, _)| *at == key).unwrap();
        let receipt: Receipt = canonical::decode(&executed.bodies[&cell.body], 1_000).unwrap();
        let index = u32::try_from(index).unwrap();
        assert_eq!(receipt, Receipt { transaction: id, height: 2, index, outcome });
    }
}

/// N006: a record that one block writes twice has both versions in its history.
#[test]
fn what_a_later_transaction_of_the_block_replaces_is_kept_for_the_history() {
    let create = signed("citizen", 1);
    let Body::CreateIdentity(inception) = &create.unsigned.body else { panic!("the helper creates an identity") };
    let sender = Sender::Device { identity: inception.id(), key: inception.device };
    let body = Body::AddDevice(secret("another phone").public_key());
    let add = Unsigned { genesis: genesis().hash(), sender, sequence: 2, expiry_height: 100, body }.sign(&secret("citizen"));
    let executed = run(&genesis(), SECOND, vec![], &[create.clone(), add]).unwrap();
    let key = Subject::Identity(inception.id()).key();
    let versions: Vec<u32> = executed
        .superseded
        .iter()
        .chain(&executed.cells)
        .filter(|(at, _)| *at == key)
        .inspect(|(_, cell)| assert!(executed.bodies.contains_key(&cell.body)))
        .map(|(_, cell)| cell.version)
        .collect();
    assert_eq!(versions, [1, 2]);
}

/// A transaction that an earlier block holds, or that stands twice, makes no block.
#[test]
fn a_replay_makes_the_block_invalid_and_is_named() {
    let one = signed("citizen", 1);
    let twice = run(&genesis(), SECOND, vec![], &[one.clone(), one.clone()]);
    assert_eq!(twice.unwrap_err(), Replayed(vec![one.id().0]));

    let executed = run(&genesis(), FIRST, vec![], std::slice::from_ref(&one)).unwrap();
    let reads = execution::reads(std::slice::from_ref(&one), &[one.id().0]);
    let found = executed.cells.iter().filter(|(key, _)| reads.contains(key));
    let found: Vec<Found> = found.map(|(key, cell)| (*key, *cell, executed.bodies[&cell.body].clone())).collect();
    let again = run(&genesis(), SECOND, found, std::slice::from_ref(&one));
    assert_eq!(again.unwrap_err(), Replayed(vec![one.id().0]));
}

/// A key that was not read is not a key without a record: the block waits for it.
#[test]
fn what_was_not_loaded_is_asked_for_and_never_taken_for_absent() {
    let transactions = [signed("citizen", 1)];
    let ids = ids(&transactions);
    let mut execution = Execution::new(&genesis(), SECOND, &transactions, &ids);
    let mut asked = Vec::new();
    while let Err(more) = execution.advance() {
        assert!(!more.0.is_empty() && more.0.iter().all(|key| !asked.contains(key)), "asked twice, or for nothing");
        execution.load(&more.0, []);
        asked.extend(more.0);
    }
    asked.sort_unstable();
    assert_eq!(asked, execution::reads(&transactions, &ids));
    assert_eq!(execution.finish().unwrap().cells, run(&genesis(), SECOND, vec![], &transactions).unwrap().cells);
}
