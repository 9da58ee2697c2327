//! A governed ledger of several epochs, restored from a backup: checked before it was ever started, and started.

use crate::city::{City, digest, follow};
use ledger::{cell::Subject, receipt::Outcome};
use std::fs;

/// Epochs long enough that the members' signatures are not most of the ledger.
const EPOCH: u64 = 16;
/// More than the state may lag behind, and more than four epochs.
const BLOCKS: u64 = 90;

/// I006, REL-D3, REL-E6: a backup of a ledger with several epochs is restored; `verify` checks it before the node was ever started, epochs
/// and certificates included; the node starts on it, executes it, enters the epoch that the others are in, and is right.
#[tokio::test(flavor = "multi_thread")]
async fn a_restored_ledger_of_several_epochs_is_verified_unstarted_and_started() {
    let mut city = City::prepare_governed(4, EPOCH).await;
    for place in 0..4 {
        city.configure(place, "[consensus]\nmin_interval_ms = 20\nheartbeat_ms = 100\nleader_timeout_ms = 1500\n");
        city.spawn(place).await;
    }
    let (early, inception) = city.new_identity("early").await;
    let receipt = city.finalize(0, &early).await;
    city.wait_until("several epochs", async |city| city.height(3).await > BLOCKS).await;
    let folder = city.folder(3);
    let (config, to) = (folder.join("config.toml"), folder.join("backup"));
    let (config, to) = (config.to_str().unwrap().to_owned(), to.to_str().unwrap().to_owned());
    let said = city.done(&["backup", "--config", &config, "--to", &to]).await;
    let height = said["height"].as_u64().unwrap();
    assert!(height > BLOCKS);

    city.kill(3).await;
    fs::remove_dir_all(folder.join("data")).unwrap();
    city.done(&["restore", "--config", &config, "--from", &to]).await;
    let seen = city.done(&["verify", "--config", &config]).await;
    let number = |name: &str| seen[name].as_u64().unwrap();
    assert_eq!((number("first"), number("last"), number("state")), (0, height, 0), "{seen}");
    assert!(number("certificates") > BLOCKS / 2 && seen.get("older").is_none(), "{seen}");
    assert_eq!(city.done(&["verify", "--config", &config, "--quick"]).await["last"], height);

    city.spawn(3).await;
    let tip = city.height(0).await;
    city.wait_until("the tip on the restored node", async |city| city.height(3).await >= tip).await;
    assert!(!city.log(3).contains("the state of this block is fetched"), "it executed what was restored");
    for at in [1, EPOCH - 1, EPOCH, height] {
        assert_eq!(digest(&city.block(3, at).await), digest(&city.block(0, at).await));
    }
    assert_eq!(city.receipt(3, &early, 5_000).await.as_ref(), Ok(&receipt));
    city.root = follow(&city, 3).await;
    assert!(city.proven(3, &Subject::Identity(inception.id())).await.cell.is_some());
    let epoch = city.status(0).await.epoch;
    assert!(epoch >= BLOCKS / EPOCH);
    city.wait_until("the epoch of the others", async |city| city.status(3).await.epoch >= epoch).await;
    let (late, _) = city.new_identity("late").await;
    assert_eq!(city.finalize(3, &late).await.outcome, Outcome::Applied);
    assert_eq!(city.terminate(3).await, Some(0));
    let seen = city.done(&["verify", "--config", &config]).await;
    assert!(seen["state"].as_u64().unwrap() > height && seen["bodies"].as_u64().unwrap() > 0, "{seen}");
}
