//! A ledger that is forked: more validators than the model allows begin it again and sign another history, with the keys that signed the
//! first one.

use crate::city::{City, LIMIT, digest, header};
use chain_node::fork::{Proof, Side};
use data_encoding::BASE64URL_NOPAD;
use ledger::{block::Header, canonical, finality};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Output,
};
use tokio::{process::Command, time::timeout};

/// The one that stays honest.
const HONEST: usize = 3;
/// Blocks of the first history at least.
const BLOCKS: u64 = 6;
/// How much longer the other history becomes, so that it is past the honest one's view.
const LONGER: u64 = 10;

/// Finalizes transactions on the first validator until the height is passed.
async fn finalize_past(city: &City, word: &str, height: u64) {
    for number in 0.. {
        if city.height(0).await > height {
            return;
        }
        let (transaction, _) = city.new_identity(&format!("{word} {number}")).await;
        city.finalize(0, &transaction).await;
    }
}

/// The others forget everything, what they voted too, and agree on other blocks. Gives the first history's last block that the honest one
/// had, which must not run meanwhile.
async fn begin_again(city: &mut City) {
    for place in 0..HONEST {
        city.kill(place).await;
        fs::remove_dir_all(city.folder(place).join("data")).unwrap();
        fs::remove_file(city.folder(place).join("key.guard")).unwrap();
    }
    for place in 0..HONEST {
        city.spawn(place).await;
    }
}

/// Runs the honest one until it ends.
async fn run(city: &City) -> Output {
    let config = city.folder(HONEST).join("config.toml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_chain-node"));
    timeout(LIMIT, command.args(["run", "--config"]).arg(config).kill_on_drop(true).output()).await.expect("it ends").unwrap()
}

fn proofs(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder.join("data")).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|file| file.file_name().unwrap().to_str().unwrap().starts_with("fork-at-")).collect()
}

/// The headers of a side, of which a quorum certifies the last.
fn certified(city: &City, side: &Side) -> Vec<Header> {
    let bytes = |text: &String| BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
    let headers: Vec<Header> = side.headers.iter().map(|text| canonical::decode(&bytes(text), 1_024).unwrap()).collect();
    let certificate = bytes(side.certificate.as_ref().expect("both sides have a certificate"));
    finality::verify_certificate(&city.root, headers.last().unwrap(), &certificate).unwrap();
    for pair in headers.windows(2) {
        assert_eq!(pair[1].parent, pair[0].digest());
    }
    headers
}

/// The file in the honest one's folder proves with the genesis alone that a quorum made two blocks of one height final.
async fn proves_both_histories(city: &City, known: &[Header]) -> PathBuf {
    let files = proofs(&city.folder(HONEST));
    assert_eq!(files.len(), 1, "{files:?}");
    let proof: Proof = serde_json::from_slice(&fs::read(&files[0]).unwrap()).unwrap();
    assert!(files[0].ends_with(format!("fork-at-{}.json", proof.height)));
    assert!(proof.height >= BLOCKS && proof.what.contains(&format!("at height {}", proof.height)), "{}", proof.what);

    let (ours, theirs) = (certified(city, &proof.ours), certified(city, &proof.theirs));
    assert_eq!(ours[0].height, proof.height);
    assert_eq!(proof.ours.digest, BASE64URL_NOPAD.encode(&ours[0].digest()));
    if let Some(known) = known.iter().find(|header| header.height == proof.height) {
        assert_eq!(ours[0].digest(), known.digest(), "its own history is the first one");
    }
    let other = city.block(0, proof.height).await;
    assert_eq!(proof.theirs.digest, BASE64URL_NOPAD.encode(&digest(&other)));
    assert_eq!((theirs[0].height, theirs[0].parent), (proof.height + 1, digest(&other)));
    assert_ne!(proof.ours.digest, proof.theirs.digest);
    files[0].clone()
}

/// A city whose four validators have a history, and what the honest one has of it.
async fn with_a_history() -> (City, Vec<Header>) {
    let city = City::start(4).await;
    finalize_past(&city, "the first history", BLOCKS).await;
    city.wait_until("the same blocks on the honest one", async |city| city.height(HONEST).await >= BLOCKS).await;
    let mut known = Vec::new();
    for height in 1..=city.height(HONEST).await {
        known.push(header(&city.block(HONEST, height).await));
    }
    (city, known)
}

/// REL-B5, I006: a validator was down while the others began the ledger again and signed other blocks. When it returns it goes on with neither
/// history: it leaves the certificates of both in a file, says what happened, ends with 70, and stays down while the file is there.
#[tokio::test(flavor = "multi_thread")]
async fn a_validator_that_returns_to_a_forked_ledger_proves_it_and_ends_with_70() {
    let (mut city, known) = with_a_history().await;
    city.kill(HONEST).await;
    begin_again(&mut city).await;
    finalize_past(&city, "the other history", known.len() as u64 + LONGER).await;

    let ended = run(&city).await;
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(70), "{said}");
    let file = proves_both_histories(&city, &known).await;
    assert!(said.contains("the ledger is forked") && said.contains(file.to_str().unwrap()), "{said}");

    let again = run(&city).await;
    let said = String::from_utf8(again.stderr).unwrap();
    assert_eq!(again.status.code(), Some(70), "{said}");
    assert!(!String::from_utf8(again.stdout).unwrap().contains("READY") && said.contains(file.to_str().unwrap()), "{said}");
}

/// REL-B5, I006: the same to a validator that runs and hangs while the others begin again. The engine may end it before the file is written;
/// then the next start writes it.
#[tokio::test(flavor = "multi_thread")]
async fn a_running_validator_that_is_shown_another_history_proves_the_fork_and_ends_with_70() {
    let (mut city, known) = with_a_history().await;
    city.signal(HONEST, "STOP").await;
    begin_again(&mut city).await;
    finalize_past(&city, "the other history", known.len() as u64 + LONGER).await;
    city.signal(HONEST, "CONT").await;
    assert_eq!(city.ended(HONEST).await, Some(70), "{}", city.log(HONEST));
    assert!(city.log(HONEST).contains("the ledger is forked") || proofs(&city.folder(HONEST)).is_empty());
    if proofs(&city.folder(HONEST)).is_empty() {
        assert_eq!(run(&city).await.status.code(), Some(70));
    }
    proves_both_histories(&city, &known).await;
}
