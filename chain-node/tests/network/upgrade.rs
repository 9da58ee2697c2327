//! Data that earlier versions wrote: today's program opens it, goes on, and refuses what a later one wrote.
//!
//! `tests/fixtures/data-before-guards.tar.gz` is the folder of one validator of commit 2165e49, stopped by SIGTERM after six
//! identities: `City::start(1)`, six times `finalize` of `new_identity("fixture citizen N")`, `terminate`, then
//! `tar --sort=name --owner=0 --group=0 --numeric-owner -czf data-before-guards.tar.gz .` in the city's folder without its log.

use crate::city::City;
use ledger::{TrustRoot, cell::Subject, receipt::Outcome};
use std::{fs, path::Path, process::Command};

/// Puts the fixture's genesis, key and data into the folder of a prepared city.
fn unpack(city: &mut City) {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/data-before-guards.tar.gz");
    let root = city.folder(0).parent().unwrap().to_owned();
    let names = ["./genesis.json", "./validator-1/key", "./validator-1/data"];
    let status = Command::new("tar").arg("-xzf").arg(fixture).arg("-C").arg(&root).args(names).status().unwrap();
    assert!(status.success());
    let genesis = fs::read(root.join("genesis.json")).unwrap();
    city.root = TrustRoot::from_genesis(serde_json::from_slice(&genesis).unwrap()).unwrap();
}

/// REL-E4: the data folder of the version before vote guards is opened as it is, goes on from its last block, and stays good.
#[tokio::test(flavor = "multi_thread")]
async fn the_data_of_the_version_before_guards_goes_on() {
    let mut city = City::prepare(1).await;
    unpack(&mut city);
    fs::remove_file(city.folder(0).join("key.guard")).unwrap();
    // The size of files is the folder's, whatever the configuration says for new ones.
    city.configure(0, "[storage]\nitems_per_file = 128\nkeep_blocks = 1024\n");
    city.spawn(0).await;
    city.wait_until("the old blocks and a new one", async |city| city.height(0).await > 6).await;
    for number in 0..6 {
        let (_, inception) = city.new_identity(&format!("fixture citizen {number}")).await;
        assert!(city.proven(0, &Subject::Identity(inception.id())).await.cell.is_some(), "{number}");
    }
    let (transaction, _) = city.new_identity("after the upgrade").await;
    assert_eq!(city.finalize(0, &transaction).await.outcome, Outcome::Applied);
    assert!(city.folder(0).join("key.guard").exists(), "it is guarded from now on");
    let file = city.folder(0).join("data/format.json");
    let format = fs::read_to_string(&file).unwrap();
    assert!(format.contains("\"format\":3") && !format.contains("items_per_file"), "{format}");
    assert_eq!(city.terminate(0).await, Some(0));
    // The format of versions that had no journal: they must not open the folder again.
    fs::write(&file, format.replace("\"format\":3", "\"format\":1")).unwrap();
    city.spawn(0).await;
    assert_eq!(city.terminate(0).await, Some(0));
    assert_eq!(fs::read_to_string(&file).unwrap(), format);
    let config = city.folder(0).join("config.toml");
    let seen = city.done(&["verify", "--config", config.to_str().unwrap()]).await;
    assert!(seen["last"].as_u64().unwrap() > 6 && seen["first"] == 0, "{seen}");
}

/// REL-E4: a folder of a later format, and one of another ledger, are refused cleanly and left as they are.
#[tokio::test(flavor = "multi_thread")]
async fn a_later_format_and_another_ledger_are_refused() {
    let city = City::prepare(1).await;
    let data = city.folder(0).join("data");
    fs::create_dir(&data).unwrap();
    let config = city.folder(0).join("config.toml");
    let ledger = data_encoding::HEXLOWER.encode(city.root.hash());
    for (format, expected) in [
        (format!("{{\"format\":9,\"ledger\":\"{ledger}\"}}"), "has format 9"),
        (format!("{{\"format\":1,\"ledger\":\"{}\"}}", "00".repeat(32)), "belongs to another ledger"),
        ("{".to_owned(), "is not a format file"),
    ] {
        fs::write(data.join("format.json"), &format).unwrap();
        let said = city.refused(&["run", "--config", config.to_str().unwrap()]).await;
        assert!(said.contains(expected), "{said}");
        assert_eq!(fs::read_to_string(data.join("format.json")).unwrap(), format);
    }
}
