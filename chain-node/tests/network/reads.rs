//! What a node tells of the past: histories, searches by id, blocks in pages, transactions with their place, statistics.

use crate::city::{City, key};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use identity::{
    Commitment,
    canonical::{self, Hash},
};
use ledger::{
    cell::Subject,
    proof::{TransactionProof, verify_transaction},
    receipt::Outcome,
    records::{IdentityRecord, RecordId},
    transaction::{Anchor, Body, Sender, Unsigned},
};
use reqwest::StatusCode;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use wire::chain::{Blocks, Found, FoundKind, History, SearchAnswer, Statistics, TransactionAnswer};

fn text(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

fn bytes(text: &str) -> Vec<u8> {
    BASE64URL_NOPAD.decode(text.as_bytes()).unwrap()
}

async fn search(city: &City, query: &str) -> Vec<Found> {
    city.json::<SearchAnswer>(0, &format!("/v1/search?q={query}")).await.1.found
}

/// The identity of `word` with a second device: two versions.
pub(crate) async fn two_versions(city: &City, word: &str) -> (String, Hash) {
    let (create, inception) = city.new_identity(word).await;
    city.finalize(0, &create).await;
    let device = key(word);
    let sender = Sender::Device { identity: inception.id(), key: device.public_key() };
    let body = Body::AddDevice(key("another phone").public_key());
    let expiry_height = city.height(0).await + 1_000;
    let unsigned = Unsigned { genesis: *city.root.hash(), sender, sequence: 2, expiry_height, body };
    assert_eq!(city.finalize(0, &unsigned.sign(&device)).await.outcome, Outcome::Applied);
    (inception.did().to_string(), Subject::Identity(inception.id()).key())
}

/// Z030, N006: every version of a record is there with its height, its time and its bytes, newest first and in pages.
#[tokio::test(flavor = "multi_thread")]
async fn the_history_of_a_record_has_every_version_with_its_height_time_and_bytes() {
    let city = City::start(1).await;
    let (_, state_key) = two_versions(&city, "citizen").await;
    let path = format!("/v1/history/{}", text(&state_key));
    let (status, history) = city.json::<History>(0, &path).await;
    assert_eq!((status, history.latest_version, history.next), (StatusCode::OK, 2, None));
    let devices: Vec<usize> = history
        .versions
        .iter()
        .map(|version| {
            let record: IdentityRecord = canonical::decode(&bytes(version.body.as_ref().unwrap()), 10_000).unwrap();
            record.devices.len()
        })
        .collect();
    assert_eq!(devices, [2, 1], "the newest first");
    assert!(history.versions.iter().all(|version| version.transactions.len() == 1), "what changed it: {history:?}");
    let [new, old] = &history.versions[..] else { panic!("{history:?}") };
    assert_eq!((new.created_height, old.updated_height), (old.created_height, old.created_height));
    assert!(new.updated_height > old.updated_height && new.updated_at_ms >= old.updated_at_ms && old.updated_at_ms.is_some());

    let (_, first) = city.json::<History>(0, &format!("{path}?limit=1")).await;
    assert_eq!((first.versions.len(), first.next), (1, Some(2)));
    let (_, second) = city.json::<History>(0, &format!("{path}?limit=1&before=2")).await;
    assert_eq!((&second.versions[0], second.next), (old, None));

    assert_eq!(city.json::<Value>(0, &format!("{path}?limit=0")).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(city.json::<Value>(0, &format!("{path}?limit=101")).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(city.json::<Value>(0, &format!("/v1/history/{}", text(&[9; 32]))).await.0, StatusCode::NOT_FOUND);
    assert_eq!(city.json::<Value>(0, "/v1/history/nothing").await.0, StatusCode::BAD_REQUEST);
}

/// Z023, I025, I061, I062: whoever has an id finds what it names, and when it was made; a name, a value or a part finds nothing.
#[tokio::test(flavor = "multi_thread")]
async fn an_id_finds_what_it_names_and_nothing_else_finds_anybody() {
    let city = City::start(1).await;
    let (did, state_key) = two_versions(&city, "citizen").await;
    let anchor = Anchor { id: RecordId([5; 32]), commitment: Commitment([6; 32]), cid: cid() };
    let transaction = city.transaction(&key("a fresh key"), 1, Body::AnchorAttributes(vec![anchor.clone()])).await;
    let receipt = city.finalize(0, &transaction).await;

    let kinds = |found: &[Found]| found.iter().map(|found| found.kind).collect::<Vec<_>>();
    assert_eq!(kinds(&search(&city, &did).await), [FoundKind::Identity]);
    assert_eq!(kinds(&search(&city, &text(&state_key)).await), [FoundKind::Record]);
    let found = search(&city, &text(&anchor.id.0)).await;
    assert_eq!((kinds(&found), found[0].height), (vec![FoundKind::Anchor], receipt.height));
    assert_eq!(search(&city, &HEXLOWER.encode(&anchor.id.0)).await, found, "hexadecimal is as good");
    let found = search(&city, &text(&transaction.id().0)).await;
    assert_eq!(kinds(&found), [FoundKind::Transaction]);
    assert_eq!(city.json::<Value>(0, &found[0].path).await.0, StatusCode::OK, "the path leads there");
    assert_eq!(kinds(&search(&city, "e-government").await), [FoundKind::Authority]);
    assert_eq!(kinds(&search(&city, &receipt.height.to_string()).await), [FoundKind::Block]);
    let (_, page) = city.json::<Blocks>(0, "/v1/blocks?limit=1").await;
    let found = search(&city, &page.blocks[0].digest).await;
    assert_eq!((kinds(&found), found[0].height), (vec![FoundKind::Block], page.blocks[0].height));

    for nothing in
        ["citizen", "Zhang%20San", "110101199003071234", "x509_hash:unknown", "did:yufu:test", "", &did[..did.len() - 3]]
    {
        assert_eq!(search(&city, nothing).await, [], "{nothing}");
    }
    assert_eq!(city.json::<Value>(0, &format!("/v1/search?q={}", "x".repeat(600))).await.0, StatusCode::BAD_REQUEST);
}

fn cid() -> Vec<u8> {
    [vec![1, 0x55, 0x12, 0x20], Sha256::digest(b"ciphertext").to_vec()].concat()
}

/// I026, I063: a final transaction comes with its block, its receipt and an audit path that leads to the certified header.
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_given_with_its_place_and_a_path_to_its_header() {
    let city = City::start(4).await;
    let mut sent = Vec::new();
    for word in ["one", "two", "three", "four", "five"] {
        let (transaction, _) = city.new_identity(word).await;
        city.submit(0, &transaction).await;
        sent.push(transaction);
    }
    for transaction in &sent {
        let receipt = city.finalize(0, transaction).await;
        let (status, answer) =
            city.json::<TransactionAnswer>(0, &format!("/v1/transactions/{}", text(&transaction.id().0))).await;
        assert_eq!((status, &answer.receipt, answer.kind.as_str()), (StatusCode::OK, &receipt, "create_identity"));
        let proof = answer.to_bytes().unwrap();
        let proof = TransactionProof {
            transaction: &proof.transaction,
            inclusion: &proof.inclusion,
            header: &proof.header,
            links: &proof.links,
            certificate: &proof.certificate,
        };
        let (proven, header) = verify_transaction(&city.root, &transaction.id(), &proof).unwrap();
        assert_eq!((&proven, header.height), (transaction, receipt.height));
    }
    let unknown = city.json::<Value>(0, &format!("/v1/transactions/{}", text(&[3; 32]))).await;
    assert_eq!(unknown.0, StatusCode::NOT_FOUND);
}

/// I103, N020: blocks come in pages, and statistics count transactions by kind and blocks by leader, and measure latency.
#[tokio::test(flavor = "multi_thread")]
async fn blocks_come_in_pages_and_statistics_count_kinds_and_leaders() {
    let city = City::start(4).await;
    for word in ["one", "two", "three"] {
        let (transaction, _) = city.new_identity(word).await;
        city.finalize(0, &transaction).await;
    }
    let (_, page) = city.json::<Blocks>(0, "/v1/blocks?limit=2").await;
    let heights: Vec<u64> = page.blocks.iter().map(|block| block.height).collect();
    assert!(heights[0] >= 3 && heights[1] == heights[0] - 1, "{heights:?}");
    assert_eq!(page.next, Some(heights[1]));
    let (_, last) = city.json::<Blocks>(0, "/v1/blocks?before=2").await;
    assert_eq!((last.blocks.len(), last.blocks[0].height, last.next), (1, 1, None));
    assert!(last.blocks[0].leader.starts_with("validator-"), "{last:?}");
    assert_eq!(city.json::<Value>(0, "/v1/blocks?limit=1000").await.0, StatusCode::BAD_REQUEST);

    city.wait_until("statistics of all blocks", async |city| {
        let (_, statistics) = city.json::<Statistics>(0, "/v1/statistics").await;
        statistics.kinds.iter().any(|kind| kind.kind == "create_identity" && kind.transactions == 3)
    })
    .await;
    let (_, statistics) = city.json::<Statistics>(0, "/v1/statistics").await;
    assert_eq!(statistics.kinds.len(), 1, "{statistics:?}");
    assert_eq!(statistics.from_height, 1, "the blocks from before the node served are there too");
    let led: u64 = statistics.leaders.iter().map(|leader| leader.blocks).sum();
    assert_eq!((led, statistics.blocks), (statistics.to_height, statistics.to_height));
    let missed: u64 = statistics.leaders.iter().map(|leader| leader.missed_turns).sum();
    assert_eq!(missed, statistics.skipped_views, "every view that passed was somebody's turn");
    let finality = statistics.finality.unwrap();
    assert!(finality.count == 3 && finality.p50_ms <= finality.p99_ms && finality.p99_ms < 60_000, "{finality:?}");
    assert!(statistics.block_interval.unwrap().p50_ms > 0);
    let (_, one) = city.json::<Statistics>(0, "/v1/statistics?blocks=1").await;
    assert_eq!((one.blocks, one.from_height), (1, one.to_height));
}
