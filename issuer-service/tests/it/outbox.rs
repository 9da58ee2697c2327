//! The outbox: what was promised to the ledger gets there, once.

use std::sync::atomic::Ordering;

use crate::support::wallet_tools::credential_request;
use crate::support::{Answer, WalletKeys, World};

async fn ask(world: &World) -> (String, serde_json::Value, Answer) {
    let token = world.access_token().await;
    let request = credential_request(&WalletKeys::new(1).proofs(&world.nonce().await));
    let answer = world.credential(&token, &request).await;
    (token, request, answer)
}

/// REL-E1: the ledger took it and the answer was lost. The proven state says so, and nothing is recorded twice.
#[tokio::test]
async fn a_lost_answer_is_found_in_the_proven_state() {
    let world = World::new().await;
    world.ledger.loses_answers.store(true, Ordering::SeqCst);
    let (.., answer) = ask(&world).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// A transaction that expired in a ledger that stood still is signed again, and only when no block can have it any more.
#[tokio::test]
async fn an_expired_transaction_is_signed_again() {
    let world = World::new().await;
    world.ledger.halted.store(true, Ordering::SeqCst);
    let (token, request, answer) = ask(&world).await;
    assert_eq!(answer.status, 503);
    let first = *world.ledger.sent.lock().unwrap().first().unwrap();
    world.ledger.pass(crate::support::EXPIRY_BLOCKS + 1);
    let ledger = &world.ledger;
    world.until("another transaction is sent", || async { ledger.sent.lock().unwrap().iter().any(|id| *id != first) }).await;
    world.ledger.halted.store(false, Ordering::SeqCst);
    let answer = world.credential_in_the_end(&token, &request).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// As above, but the ledger takes transactions and says itself that this one has expired.
#[tokio::test]
async fn a_transaction_that_the_ledger_calls_expired_is_signed_again() {
    let world = World::new().await;
    world.ledger.halted.store(true, Ordering::SeqCst);
    let (token, request, answer) = ask(&world).await;
    assert_eq!(answer.status, 503);
    world.ledger.pass(crate::support::EXPIRY_BLOCKS);
    world.ledger.halted.store(false, Ordering::SeqCst);
    let answer = world.credential_in_the_end(&token, &request).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// Were a record on the ledger although its transaction was signed anew, the id is taken by the very same record: that is success.
#[tokio::test]
async fn a_record_that_is_there_already_is_final() {
    let world = World::new().await;
    world.ledger.halted.store(true, Ordering::SeqCst);
    let (token, request, _) = ask(&world).await;
    // The same records come to the ledger by another transaction of the department.
    let pending = issuer_service::anchoring::outbox::pending(world.app.database.pool(), 10).await.unwrap();
    let body = pending[0].transaction.unsigned.body.clone();
    let again = issuer_service::anchoring::Ledger::prepare(&*world.ledger, body).await.unwrap();
    world.ledger.block(&again);
    world.ledger.halted.store(false, Ordering::SeqCst);
    let answer = world.credential_in_the_end(&token, &request).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}
