//! Validators die and come back: nothing acknowledged is lost, and a ledger without quorum says so.

use crate::city::{City, digest};
use ledger::{cell::Subject, receipt::Outcome};
use reqwest::StatusCode;
use std::time::Duration;
use tokio::time::Instant;

/// REL-B1, REL-D7: one dead validator is survived; with two the ledger waits, says so by name, and goes on when one returns.
#[tokio::test(flavor = "multi_thread")]
async fn one_dead_validator_is_survived_and_two_stop_the_ledger_until_one_returns() {
    let mut city = City::start(4).await;
    city.kill(3).await;
    let (during, _) = city.new_identity("while one is away").await;
    assert_eq!(city.finalize(0, &during).await.outcome, Outcome::Applied);

    city.kill(2).await;
    city.wait_until("readiness that names the missing quorum", async |city| {
        let (status, body) = city.readyz(0).await;
        let consensus = body["checks"]["consensus"].as_str().unwrap_or_default().to_owned();
        status == StatusCode::SERVICE_UNAVAILABLE && consensus.contains("quorum away: 2 of 4")
    })
    .await;
    assert!(!city.status(0).await.progressing);
    let (stuck, inception) = city.new_identity("while two are away").await;
    city.submit(0, &stuck).await;
    let answer = city.receipt(0, &stuck, 1_000).await.unwrap_err();
    assert!(answer["detail"].as_str().unwrap().contains("quorum away"), "{answer}");
    // What was final before is still proved.
    assert!(city.proven(1, &Subject::Transaction(during.id())).await.cell.is_some());

    city.spawn(2).await;
    city.wait_until("the waiting transaction", async |city| city.receipt(1, &stuck, 1_000).await.is_ok()).await;
    city.wait_until("it on the node that was away", async |city| city.receipt(2, &stuck, 1_000).await.is_ok()).await;
    assert!(city.proven(2, &Subject::Identity(inception.id())).await.cell.is_some());
    city.wait_until("readiness", async |city| city.readyz(0).await.0 == StatusCode::OK).await;
}

/// REL-A5, INV-I1, INV-I2: all validators are killed at once and started again.
#[tokio::test(flavor = "multi_thread")]
async fn all_validators_killed_at_once_lose_nothing_acknowledged() {
    let mut city = City::start(4).await;
    let mut receipts = Vec::new();
    for number in 0..10 {
        let (transaction, inception) = city.new_identity(&format!("citizen {number}")).await;
        receipts.push((city.finalize(number % 4, &transaction).await, transaction, inception));
    }
    let height = receipts.last().unwrap().0.height;
    city.wait_until("the block on node 0", async |city| city.height(0).await >= height).await;
    let before = digest(&city.block(0, height).await);
    // Killed with blocks under way: these may be final or not, but the same on all.
    let mut under_way = Vec::new();
    for number in 10..30 {
        under_way.push(city.new_identity(&format!("citizen {number}")).await.0);
    }
    for (number, transaction) in under_way.iter().enumerate() {
        city.submit(number % 4, transaction).await;
    }
    for place in 0..4 {
        city.kill(place).await;
    }
    for place in 0..4 {
        city.spawn(place).await;
    }
    let resumed = Instant::now();
    let (after, _) = city.new_identity("afterwards").await;
    assert_eq!(city.finalize(1, &after).await.outcome, Outcome::Applied);
    assert!(resumed.elapsed() < Duration::from_secs(10), "resumed after {:?}", resumed.elapsed());
    for place in 0..4 {
        city.wait_until("the old height", async |city| city.height(place).await >= height).await;
        assert_eq!(digest(&city.block(place, height).await), before);
        for (receipt, transaction, inception) in &receipts {
            assert_eq!(city.receipt(place, transaction, 0).await.as_ref(), Ok(receipt));
            assert!(city.proven(place, &Subject::Identity(inception.id())).await.cell.is_some());
        }
    }
    for transaction in under_way {
        let receipt = city.finalize(2, &transaction).await;
        assert_eq!(receipt.outcome, Outcome::Applied);
        city.wait_until("the same receipt", async |city| city.receipt(3, &transaction, 1_000).await == Ok(receipt.clone())).await;
    }
    let top = city.height(0).await.min(city.height(3).await);
    for height in 1..=top {
        assert_eq!(digest(&city.block(0, height).await), digest(&city.block(3, height).await));
    }
}

/// A validator that was never there replays the ledger from its peers.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_validator_catches_up_from_the_first_block() {
    let mut city = City::prepare(4).await;
    for place in 0..3 {
        city.spawn(place).await;
    }
    let (transaction, inception) = city.new_identity("early").await;
    let receipt = city.finalize(0, &transaction).await;
    city.spawn(3).await;
    city.wait_until("the receipt on the late node", async |city| city.receipt(3, &transaction, 1_000).await.is_ok()).await;
    assert_eq!(digest(&city.block(3, receipt.height).await), digest(&city.block(0, receipt.height).await));
    assert!(city.proven(3, &Subject::Identity(inception.id())).await.cell.is_some());
}

/// REL-E7, REL-C7: SIGTERM ends with 0 and loses nothing; a second process on the same folder refuses to start.
#[tokio::test(flavor = "multi_thread")]
async fn sigterm_is_a_clean_stop_and_a_folder_serves_one_process() {
    let mut city = City::start(1).await;
    let (transaction, _) = city.new_identity("citizen").await;
    let receipt = city.finalize(0, &transaction).await;
    assert!(city.second_process(0).await.contains("in use"));
    assert_eq!(city.terminate(0).await, Some(0), "{}", city.log(0));
    city.spawn(0).await;
    assert_eq!(city.receipt(0, &transaction, 0).await, Ok(receipt));
}

/// REL-A4, INV-I2: a validator that is killed again and again while blocks are made comes back each time and votes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_validator_killed_at_any_moment_under_load_comes_back() {
    let mut city = City::start(4).await;
    let mut receipts = Vec::new();
    for round in 0_u64..10 {
        let mut transactions = Vec::new();
        for number in 0..20 {
            transactions.push(city.new_identity(&format!("citizen {round} {number}")).await.0);
        }
        for (number, transaction) in transactions.iter().enumerate() {
            city.submit(number % 3, transaction).await;
        }
        // Another moment of the block each time.
        tokio::time::sleep(Duration::from_millis(round * 17)).await;
        city.kill(3).await;
        city.spawn(3).await;
        for transaction in transactions {
            let receipt = city.finalize(0, &transaction).await;
            receipts.push((receipt, transaction));
        }
    }
    let height = receipts.iter().map(|(receipt, _)| receipt.height).max().unwrap();
    city.wait_until("the last block on the killed node", async |city| city.height(3).await >= height).await;
    for (receipt, transaction) in &receipts {
        assert_eq!(city.receipt(3, transaction, 0).await.as_ref(), Ok(receipt));
    }
    assert_eq!(digest(&city.block(3, height).await), digest(&city.block(0, height).await));
    // It votes: without it there is no quorum once another is away.
    city.kill(2).await;
    let (last, _) = city.new_identity("with the vote of the killed one").await;
    assert_eq!(city.finalize(0, &last).await.outcome, Outcome::Applied);
}

/// REL-A4: a validator that is killed again and again within seconds is soon in touch with all others each time. They dialed it in vain
/// meanwhile, and the network's rule against floods lets neither side in for a while after an attempt: with that rule's usual second this
/// takes three times as long.
#[tokio::test(flavor = "multi_thread")]
async fn a_validator_that_is_killed_again_and_again_is_soon_in_touch_with_all_others() {
    const KILLS: u32 = 8;
    let mut city = City::start(4).await;
    let mut alone = Duration::ZERO;
    for _ in 0..KILLS {
        city.kill(3).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        city.spawn(3).await;
        let started = Instant::now();
        city.wait_until("all others", async |city| {
            city.status(3).await.validators.iter().all(|validator| validator.connected == Some(true))
        })
        .await;
        alone += started.elapsed();
    }
    assert!(alone < KILLS * Duration::from_millis(1_500), "alone for {:?} after each start", alone / KILLS);
}
