//! Checks, backups and restores of a node's data, through the program.

use crate::city::{City, digest};
use ledger::{cell::Subject, receipt::Outcome};
use std::{fs, os::unix::fs::FileExt as _, path::Path};

fn arguments<'a>(command: &'a str, config: &'a Path, rest: &[&'a str]) -> Vec<&'a str> {
    [&[command, "--config", config.to_str().unwrap()], rest].concat()
}

/// REL-E6, I006: a backup taken of a running node under load is checked, restored on another host's empty folder, and the node
/// there goes on with the ledger; its guard keeps it from voting where it may have voted.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_running_node_restores_it_and_the_guard_decides_when_it_votes() {
    let mut city = City::start(4).await;
    let mut known = Vec::new();
    for number in 0..8 {
        let (transaction, inception) = city.new_identity(&format!("citizen {number}")).await;
        known.push((city.finalize(number % 4, &transaction).await, transaction, inception));
    }
    let under_way = city.new_identity("under way").await.0;
    city.submit(0, &under_way).await;
    let (config, to) = (city.folder(3).join("config.toml"), city.folder(3).join("backup"));
    let said = city.done(&arguments("backup", &config, &["--to", to.to_str().unwrap()])).await;
    assert!(said["height"].as_u64().unwrap() >= known.last().unwrap().0.height, "{said}");
    // The node was not disturbed.
    assert_eq!(city.finalize(3, &under_way).await.outcome, Outcome::Applied);
    assert!(city.refused(&arguments("backup", &config, &["--to", to.to_str().unwrap()])).await.contains("is not empty"));

    city.kill(3).await;
    assert!(city.refused(&arguments("restore", &config, &["--from", to.to_str().unwrap()])).await.contains("has data already"));
    fs::remove_dir_all(city.folder(3).join("data")).unwrap();
    city.done(&arguments("restore", &config, &["--from", to.to_str().unwrap()])).await;
    let guard = city.done(&arguments("vote-guard", &config, &[])).await;
    assert!(guard["view"].as_u64().unwrap() > 0, "the mark stands: {guard}");
    city.spawn(3).await;
    let tip = city.height(0).await;
    city.wait_until("the tip", async |city| city.height(3).await >= tip).await;
    assert!(!city.log(3).contains("the state of this block is fetched"));
    for (receipt, transaction, inception) in &known {
        assert_eq!(city.receipt(3, transaction, 5_000).await.as_ref(), Ok(receipt));
        assert!(city.proven(3, &Subject::Identity(inception.id())).await.cell.is_some());
    }
    assert_eq!(digest(&city.block(3, 3).await), digest(&city.block(0, 3).await));
    assert_eq!(city.terminate(3).await, Some(0));
    let seen = city.done(&arguments("verify", &config, &[])).await;
    assert!(seen["last"].as_u64().unwrap() >= tip && seen["certificates"].as_u64().unwrap() > 0, "{seen}");
    assert!(seen["bodies"].as_u64().unwrap() > 8 && seen["versions"].as_u64().unwrap() > 8, "{seen}");
}

/// REL-E6: a damaged or foreign backup is refused before anything of it is used.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_backup_is_refused_with_the_height_after_which_it_is_bad() {
    let mut city = City::start(1).await;
    for number in 0..3 {
        let (transaction, _) = city.new_identity(&format!("citizen {number}")).await;
        city.finalize(0, &transaction).await;
    }
    city.terminate(0).await;
    let (config, to) = (city.folder(0).join("config.toml"), city.folder(0).join("backup"));
    city.done(&arguments("backup", &config, &["--to", to.to_str().unwrap()])).await;
    fs::remove_dir_all(city.folder(0).join("data")).unwrap();
    let blocks = fs::read(to.join("blocks")).unwrap();
    let restore = arguments("restore", &config, &["--from", to.to_str().unwrap()]);
    for damage in ["flipped", "cut", "cut to nothing"] {
        let mut bytes = blocks.clone();
        match damage {
            "flipped" => bytes[blocks.len() / 2] ^= 4,
            "cut" => bytes.truncate(blocks.len() - 7),
            _ => bytes.clear(),
        }
        fs::write(to.join("blocks"), bytes).unwrap();
        let said = city.refused(&restore).await;
        assert!(said.contains("damaged after height") || said.contains("is not this ledger"), "{damage}: {said}");
    }
    fs::write(to.join("blocks"), &blocks).unwrap();
    let manifest = fs::read_to_string(to.join("manifest.json")).unwrap();
    fs::write(to.join("manifest.json"), manifest.replace("\"format\": 1", "\"format\": 9")).unwrap();
    assert!(city.refused(&restore).await.contains("its format is 9"));
    fs::write(to.join("manifest.json"), &manifest).unwrap();
    city.done(&restore).await;
    assert!(city.done(&arguments("verify", &config, &["--quick"])).await["last"].as_u64().unwrap() >= 3);
}

/// REL-D3: `verify` names the file and the height of a flipped bit in an old block, and a damaged record.
#[tokio::test(flavor = "multi_thread")]
async fn verify_names_the_file_of_a_flipped_bit() {
    let mut city = City::start(1).await;
    for number in 0..4 {
        let (transaction, _) = city.new_identity(&format!("citizen {number}")).await;
        city.finalize(0, &transaction).await;
    }
    city.terminate(0).await;
    let config = city.folder(0).join("config.toml");
    city.done(&arguments("verify", &config, &[])).await;
    let file = city.folder(0).join("data/engine/chain-blocks-value/0000000000000000");
    let file = fs::File::options().read(true).write(true).open(file).unwrap();
    let at = file.metadata().unwrap().len() / 3;
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
    let said = city.refused(&arguments("verify", &config, &[])).await;
    assert!(said.contains("chain-blocks"), "{said}");
}
