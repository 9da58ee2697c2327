//! A validator loses its data, its guard, its exclusiveness, or its room on the disk.

use crate::city::{City, digest};
#[cfg(feature = "faults")]
use data_encoding::HEXLOWER;
#[cfg(feature = "faults")]
use ledger::{cell::Subject, receipt::Outcome};
use std::{fs, time::Duration};
use tokio::time::Instant;

const LOST: &str = "the vote guard was lost";

/// Whether the last validator has said that it votes since it said `text`.
fn votes_since(city: &City, text: &str) -> bool {
    city.log(3).rsplit_once(text).unwrap().1.contains("this validator votes")
}

/// Finalizes transactions on the first validator until the height is passed.
async fn finalize_past(city: &City, word: &str, height: u64) {
    for number in 0.. {
        if city.height(0).await > height {
            return;
        }
        let (transaction, _) = city.new_identity(&format!("{word} {number}")).await;
        assert_eq!(city.finalize(0, &transaction).await.outcome, Outcome::Applied);
    }
}

/// REL-C6, I006: a validator whose data folder is gone gets the state and every record from the others without replaying the
/// ledger, proves what they prove, and votes again once the mark of its guard is passed.
#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_validator_gets_the_state_from_the_others_and_votes_again_after_its_guards_mark() {
    let mut city = City::start(4).await;
    let mut known = Vec::new();
    for number in 0..12 {
        let (transaction, inception) = city.new_identity(&format!("before {number}")).await;
        known.push((city.finalize(number % 4, &transaction).await, transaction, inception));
    }
    city.kill(3).await;
    fs::remove_dir_all(city.folder(3).join("data")).unwrap();
    finalize_past(&city, "while away", known.len() as u64 + 3).await;
    let tip = city.height(0).await;

    city.spawn(3).await;
    let started = Instant::now();
    city.wait_until("the tip on the wiped validator", async |city| city.height(3).await >= tip).await;
    let took = started.elapsed();
    assert!(took < Duration::from_secs(15), "at the tip after {took:?}");
    assert!(city.log(3).contains("the state of this block is fetched"), "it asked for the state");
    city.wait_until("every body", async |city| city.log(3).contains("every record body of the state is here")).await;
    for (receipt, transaction, inception) in &known {
        assert_eq!(city.receipt(3, transaction, 0).await.as_ref(), Ok(receipt));
        assert_eq!(
            city.proven(3, &Subject::Identity(inception.id())).await.body,
            city.proven(0, &Subject::Identity(inception.id())).await.body
        );
    }
    // Its vote is needed once another is away: the ledger goes on only after the mark.
    finalize_past(&city, "past the mark", tip + 80).await;
    city.kill(2).await;
    let (last, _) = city.new_identity("with the vote of the wiped one").await;
    assert_eq!(city.finalize(0, &last).await.outcome, Outcome::Applied);
    let height = city.height(0).await;
    city.wait_until("the same height", async |city| city.height(3).await >= height).await;
    assert_eq!(digest(&city.block(3, height).await), digest(&city.block(0, height).await));
}

/// REL-C6: with the guard lost too the validator follows, says so, and votes only after what the others proved and a margin.
#[tokio::test(flavor = "multi_thread")]
async fn a_validator_that_lost_its_guard_follows_and_does_not_vote_before_the_margin_is_over() {
    let mut city = City::start(4).await;
    let (transaction, _) = city.new_identity("early").await;
    city.finalize(0, &transaction).await;
    city.kill(3).await;
    fs::remove_dir_all(city.folder(3).join("data")).unwrap();
    fs::remove_file(city.folder(3).join("key.guard")).unwrap();
    city.spawn(3).await;
    city.wait_until("the answers of the others", async |city| city.log(3).contains(LOST)).await;
    city.wait_until("the receipt", async |city| city.receipt(3, &transaction, 1_000).await.is_ok()).await;
    assert!(!votes_since(&city, LOST));
    // Without its vote there is no quorum when another is away.
    city.kill(2).await;
    let (stuck, _) = city.new_identity("without quorum").await;
    city.submit(0, &stuck).await;
    assert!(city.receipt(0, &stuck, 5_000).await.is_err());
    city.spawn(2).await;
    finalize_past(&city, "past the margin", city.height(0).await + 90).await;
    city.wait_until("its vote", async |city| votes_since(city, LOST)).await;
}

/// REL-C7: a second process with the same key refuses, also with a data folder of its own and a copy of the key file.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_with_the_same_key_refuses_whatever_folder_it_has() {
    let mut city = City::prepare(1).await;
    city.spawn(0).await;
    let folder = city.folder(0);
    let config = fs::read_to_string(folder.join("config.toml")).unwrap();
    fs::copy(folder.join("key"), folder.join("copy")).unwrap();
    for key in ["key", "copy"] {
        let text = config.replace("key_file = \"key\"", &format!("key_file = \"{key}\"")).replace("\"data\"", "\"other\"");
        fs::write(folder.join("second.toml"), text).unwrap();
        let said = city.refused(&["run", "--config", folder.join("second.toml").to_str().unwrap()]).await;
        assert!(said.contains("is in use by another process on this machine"), "{key}: {said}");
    }
    let (transaction, _) = city.new_identity("undisturbed").await;
    assert_eq!(city.finalize(0, &transaction).await.outcome, Outcome::Applied);
}

/// REL-D3: a record body that was damaged on the disk is noticed by its hash and fetched from another validator.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_store_of_bodies_is_filled_again_by_the_others() {
    let mut city = City::start(4).await;
    let (transaction, inception) = city.new_identity("kept by the others").await;
    let receipt = city.finalize(3, &transaction).await;
    city.terminate(3).await;
    for file in ["bodies.redb", "bodies.journal-1", "bodies.journal-2"] {
        fs::remove_file(city.folder(3).join("data").join(file)).unwrap();
    }
    city.spawn(3).await;
    assert_eq!(city.receipt(3, &transaction, 5_000).await.as_ref(), Ok(&receipt));
    assert!(city.proven(3, &Subject::Identity(inception.id())).await.body.is_some());
    assert!(city.metrics(3).await.contains("ledger_bodies_fetched"));
}

/// REL-C6: on a ledger with epochs a wiped validator first learns who served each epoch since the genesis, then gets the state, and
/// its consensus begins in the epoch that the ledger is in.
#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_validator_learns_the_epochs_before_it_gets_the_state() {
    let mut city = City::prepare_governed(4, 8).await;
    for place in 0..4 {
        city.spawn(place).await;
    }
    let (early, _) = city.new_identity("early").await;
    let receipt = city.finalize(3, &early).await;
    city.kill(3).await;
    fs::remove_dir_all(city.folder(3).join("data")).unwrap();
    finalize_past(&city, "while away", 30).await;
    let tip = city.height(0).await;
    city.spawn(3).await;
    city.wait_until("the tip on the wiped validator", async |city| city.height(3).await >= tip).await;
    let log = city.log(3);
    assert!(log.contains("the validators of this epoch are known") && log.contains("the state of this block is fetched"));
    assert_eq!(city.receipt(3, &early, 5_000).await.as_ref(), Ok(&receipt));
    finalize_past(&city, "over two more boundaries", city.height(0).await + 17).await;
    let height = city.height(0).await;
    city.wait_until("the same height", async |city| city.height(3).await >= height).await;
    assert_eq!(digest(&city.block(3, height).await), digest(&city.block(0, height).await));
    city.wait_until("every body", async |city| city.log(3).contains("every record body of the state is here")).await;
    assert_eq!(city.terminate(3).await, Some(0));
    let config = city.folder(3).join("config.toml");
    let seen = city.done(&["verify", "--config", config.to_str().unwrap()]).await;
    assert!(seen["certificates"].as_u64().unwrap() > 0 && seen["first"].as_u64().unwrap() > 1, "{seen}");
}

/// REL-C9: one of those that a wiped validator asks gives altered blocks, certificates and state, or stops in the middle. The sync is
/// finished by the others, everything is there, and one that alters is named in the log. (In a build with the feature `faults`.)
#[cfg(feature = "faults")]
#[tokio::test(flavor = "multi_thread")]
async fn a_wiped_validator_finishes_its_sync_beside_one_that_lies_and_names_it() {
    const LIAR: usize = 1;
    /// Whom a sync asks is chance: it is repeated until it asked the liar.
    const SYNCS: usize = 8;
    for manner in ["altered", "ending"] {
        let mut city = City::prepare(4).await;
        for place in [0, 2, 3] {
            city.spawn(place).await;
        }
        city.spawn_under(LIAR, &["env", &format!("CHAIN_NODE_ANSWERS={manner}")]).await;
        let liar = HEXLOWER.encode(city.validator_key(LIAR).public_key().as_bytes());
        let named = |city: &City| city.log(3).lines().any(|line| line.contains(&liar) && line.contains("invalid"));
        let mut known = Vec::new();
        for sync in 0..SYNCS {
            for number in 0..4 {
                let (transaction, _) = city.new_identity(&format!("before {sync} {number}")).await;
                known.push((city.finalize(0, &transaction).await, transaction));
            }
            city.kill(3).await;
            fs::remove_dir_all(city.folder(3).join("data")).unwrap();
            finalize_past(&city, &format!("while away {sync}"), city.height(0).await + 1).await;
            let tip = city.height(0).await;
            city.spawn(3).await;
            city.wait_until("the tip on the wiped validator", async |city| city.height(3).await >= tip).await;
            for (receipt, transaction) in &known {
                assert_eq!(city.receipt(3, transaction, 5_000).await.as_ref(), Ok(receipt));
            }
            let (after, _) = city.new_identity(&format!("after {sync}")).await;
            let receipt = city.finalize(0, &after).await;
            city.wait_until("the newest block", async |city| city.receipt(3, &after, 1_000).await.is_ok()).await;
            assert_eq!(digest(&city.block(3, receipt.height).await), digest(&city.block(0, receipt.height).await));
            if manner == "ending" || named(&city) {
                break;
            }
        }
        assert_eq!(named(&city), manner == "altered", "{manner}: {}", city.log(3));
    }
}
