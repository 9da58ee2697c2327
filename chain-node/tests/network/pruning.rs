//! A node that keeps only its last blocks: on a real disk, killed at any moment, asked for what it no longer has.

use crate::{
    city::{City, LIMIT, follow},
    reads::two_versions,
};
use data_encoding::BASE64URL_NOPAD;
use ledger::cell::Subject;
use reqwest::StatusCode;
use serde_json::Value;
use std::{fs, path::Path, time::Duration};
use tokio::time::Instant;
use wire::chain::{Blocks, History};

/// The least that a node may keep, and the size of its files here.
const KEEP: u64 = 1_024;
const ITEMS: u64 = 128;
const EPOCH: u64 = 500;

const FAST: &str = "[consensus]\nmin_interval_ms = 1\nheartbeat_ms = 2\nleader_timeout_ms = 2000\n\
                    [supervision]\ncore_permille = 50\ntime_bound_s = 600\npause_s = 1\n\
                    [storage]\nkeep_blocks = 1024\nitems_per_file = 128\n";

/// Bytes of the files under the engine's folder whose partition's name contains one of the words.
fn bytes(engine: &Path, words: &[&str]) -> u64 {
    let mut sum = 0;
    for partition in fs::read_dir(engine).unwrap().map(Result::unwrap) {
        let name = partition.file_name().into_string().unwrap();
        if words.iter().any(|word| name.contains(word)) && partition.path().is_dir() {
            // A file may go while it is looked at.
            let files = fs::read_dir(partition.path()).unwrap().filter_map(Result::ok);
            sum += files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum::<u64>();
        }
    }
    sum
}

/// Waits for a height: a thousand blocks may take a busy machine minutes.
async fn reach(city: &City, height: u64) {
    let deadline = Instant::now() + 10 * LIMIT;
    while city.height(0).await < height {
        assert!(Instant::now() < deadline, "height {height} is not reached");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// X079, N048, REL-A4, REL-D3: the disk stops growing with the blocks; killed again and again while it prunes, the node starts each time and
/// its copy is right; what is gone is answered with where it is, and every current fact is proved from the genesis on.
#[tokio::test(flavor = "multi_thread")]
async fn a_pruning_node_is_bounded_on_the_disk_survives_kills_and_says_what_it_no_longer_has() {
    let mut city = City::prepare_governed(1, EPOCH).await;
    city.configure(0, FAST);
    let config = city.folder(0).join("config.toml").to_str().unwrap().to_owned();
    let engine = city.folder(0).join("data/engine");
    city.spawn(0).await;
    let (did, identity) = two_versions(&city, "citizen").await;
    let (early, _) = city.new_identity("early").await;
    let receipt = city.finalize(0, &early).await;
    reach(&city, KEEP).await;
    assert!(city.block(0, 1).await.certificate.is_some() && city.status(0).await.oldest_height <= 1);
    let blocks = ["blocks-value", "blocks-key", "finalizations-value", "finalizations-key"];
    let before = bytes(&engine, &blocks);

    // Killed at other moments of pruning each time.
    for round in 0..12_u64 {
        let height = city.height(0).await;
        reach(&city, height + ITEMS / 2 + round * 7).await;
        tokio::time::sleep(Duration::from_millis(round * 3)).await;
        city.kill(0).await;
        city.spawn(0).await;
    }
    reach(&city, 2 * KEEP + 3 * ITEMS).await;
    city.wait_until("pruning", async |city| city.status(0).await.oldest_height >= KEEP).await;
    let after = bytes(&engine, &blocks);
    assert!(after < before + before / 2, "{before} bytes for {KEEP} blocks, then {after}");

    says_what_is_gone(&city, &did, &identity, &early).await;
    assert_eq!(city.receipt(0, &early, 0).await, Ok(receipt));
    city.root = follow(&city, 0).await;
    assert!(city.proven(0, &Subject::Transaction(early.id())).await.body.is_some());
    let supervised = city.json::<Value>(0, "/v1/findings").await.1;
    assert_eq!(supervised["findings"].as_array().map(Vec::len), Some(0), "{supervised}");

    let to = city.folder(0).join("backup").to_str().unwrap().to_owned();
    let refused = city.refused(&["backup", "--config", &config, "--to", &to]).await;
    assert!(refused.contains("no block of height 1") && refused.contains("an archive node"), "{refused}");
    assert_eq!(city.terminate(0).await, Some(0), "{}", city.log(0));
    let refused = city.refused(&["backup", "--config", &config, "--to", &to]).await;
    assert!(refused.contains("an archive node") && !Path::new(&to).exists(), "{refused}");
    let seen = city.done(&["verify", "--config", &config]).await;
    assert!(seen["first"].as_u64().unwrap() >= KEEP && seen["older"].as_str().unwrap().contains("pruned here"), "{seen}");
    lost_is_not_pruned(&city, &config, &engine, seen["first"].as_u64().unwrap()).await;
}

async fn says_what_is_gone(city: &City, did: &str, identity: &[u8; 32], early: &ledger::transaction::Transaction) {
    let status = city.status(0).await;
    assert!(!status.archive && status.oldest_height % ITEMS == 0 && status.height + 1 - status.oldest_height >= KEEP);
    let (code, problem) = city.json::<Value>(0, "/v1/blocks/1").await;
    assert_eq!((code, problem["type"].as_str()), (StatusCode::GONE, Some("urn:yufu:problem:pruned")), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("ask an archive node"));
    assert_eq!(city.json::<Value>(0, "/v1/blocks/99999999").await.0, StatusCode::NOT_FOUND);
    let id = BASE64URL_NOPAD.encode(&early.id().0);
    let (code, problem) = city.json::<Value>(0, &format!("/v1/transactions/{id}")).await;
    assert_eq!((code, problem["type"].as_str()), (StatusCode::GONE, Some("urn:yufu:problem:pruned")), "{problem}");
    let unknown = BASE64URL_NOPAD.encode(&[7; 32]);
    assert_eq!(city.json::<Value>(0, &format!("/v1/transactions/{unknown}")).await.0, StatusCode::NOT_FOUND);
    let page = city.json::<Blocks>(0, &format!("/v1/blocks?before={}", status.oldest_height + 1)).await.1;
    assert!(page.pruned && page.next.is_none() && page.blocks.len() <= 1, "{page:?}");

    let path = format!("/v1/history/{}", BASE64URL_NOPAD.encode(identity));
    city.wait_until("the old version to go", async |city| city.json::<History>(0, &path).await.1.pruned).await;
    let history = city.json::<History>(0, &path).await.1;
    assert_eq!((history.latest_version, history.versions.len(), history.next), (2, 1, None));
    let (code, now) = city.json::<Value>(0, &format!("/1.0/identifiers/{did}")).await;
    assert_eq!((code, now["didDocumentMetadata"]["versionId"].as_str()), (StatusCode::OK, Some("2")));
    for past in ["versionId=1", "versionTime=2001-01-01T00:00:00Z"] {
        let (code, answer) = city.json::<Value>(0, &format!("/1.0/identifiers/{did}?{past}")).await;
        let resolution = &answer["didResolutionMetadata"];
        assert_eq!((code, resolution["error"].as_str()), (StatusCode::SERVICE_UNAVAILABLE, Some("pruned")), "{answer}");
        assert!(resolution["errorMessage"].as_str().unwrap().contains("archive node"));
    }
    assert_eq!(city.json::<Value>(0, &format!("/1.0/identifiers/{did}?versionId=9")).await.0, StatusCode::NOT_FOUND);

    city.wait_until("the gauges", async |city| {
        let metrics = city.metrics(0).await;
        let oldest = metrics.lines().find_map(|line| line.strip_prefix("ledger_oldest_height "));
        oldest.is_some_and(|oldest| oldest.parse::<u64>().unwrap() >= KEEP) && metrics.contains("ledger_archive 0")
    })
    .await;
    let (_, _, html) = city.page(0, "/console?lang=en").await;
    assert!(html.contains("Blocks kept") && html.contains("at least the last 1024"), "{html}");
    let (_, _, html) = city.page(0, &format!("/console/blocks?lang=en&before={}", status.oldest_height + 1)).await;
    assert!(html.contains("ask an archive node"), "{html}");
}

/// A file that pruning did not remove is missed: it is not taken for pruned.
async fn lost_is_not_pruned(city: &City, config: &str, engine: &Path, first: u64) {
    for archive in ["chain-blocks-value", "chain-blocks-key"] {
        let file = engine.join(archive).join(format!("{first:016x}"));
        assert!(file.exists(), "{}", file.display());
        fs::remove_file(file).unwrap();
    }
    let said = city.refused(&["verify", "--config", config]).await;
    assert!(said.contains("chain-blocks cannot be opened"), "{said}");
}

/// N048: a configuration that keeps less than the ledger needs is refused with the number that would do.
#[tokio::test(flavor = "multi_thread")]
async fn keeping_less_than_an_epoch_or_a_thousand_blocks_is_refused() {
    let city = City::prepare_governed(1, 3_000).await;
    city.configure(0, "[storage]\nkeep_blocks = 2999\n");
    let config = city.folder(0).join("config.toml").to_str().unwrap().to_owned();
    let said = city.refused(&["run", "--config", &config]).await;
    assert!(said.contains("3000 blocks of an epoch") && said.contains("0 to keep every block"), "{said}");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("keep_blocks = 2999", "keep_blocks = 1000")).unwrap();
    let said = city.refused(&["run", "--config", &config]).await;
    assert!(said.contains("storage.keep_blocks") && said.contains("at least 1024"), "{said}");
}

/// I006: a node that was shown a fork does not start again while the proof lies in its folder: exit code 70, and the file is named.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_shown_a_fork_does_not_start_again() {
    let mut city = City::start(1).await;
    assert_eq!(city.terminate(0).await, Some(0));
    let proof = city.folder(0).join("data/fork-at-7.json");
    fs::write(&proof, "{}").unwrap();
    let config = city.folder(0).join("config.toml");
    let output =
        std::process::Command::new(env!("CARGO_BIN_EXE_chain-node")).args(["run", "--config"]).arg(&config).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(70), "{said}");
    assert!(said.contains("the ledger is forked") && said.contains("fork-at-7.json"), "{said}");
    fs::remove_file(proof).unwrap();
    city.spawn(0).await;
}
