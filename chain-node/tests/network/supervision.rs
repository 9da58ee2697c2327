//! Supervision: a node finds what was changed in its own copy, says where, and says when it is right again.

use crate::city::{City, key};
use data_encoding::BASE64URL_NOPAD;
use ledger::{
    cell::{CELL_BYTES, Cell, Subject},
    transaction::{Body, Sender, Unsigned},
};
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use wire::chain::{Finding, Supervision};

const BODIES: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("bodies");
const VERSIONS: TableDefinition<'_, (&[u8; 32], u32), &[u8; CELL_BYTES]> = TableDefinition::new("versions");
const SEEN: TableDefinition<'_, u64, u64> = TableDefinition::new("seen");
const EAGER: &str = "[supervision]\ncore_permille = 200\ntime_bound_s = 90\npause_s = 1\n";

async fn report(city: &City) -> Supervision {
    city.json(0, "/v1/findings").await.1
}

/// Waits for a complete round.
async fn round(city: &City) -> Supervision {
    let rounds = report(city).await.rounds;
    city.wait_until("another round", async |city| report(city).await.rounds > rounds + 1).await;
    report(city).await
}

fn held(report: &Supervision) -> Vec<(u64, &str, &str)> {
    let held = report.findings.iter().filter(|finding: &&Finding| finding.cleared_ms.is_none());
    held.map(|finding| (finding.height, finding.subject.as_str(), finding.what.as_str())).collect()
}

/// X005, X008, X011, I009, N003, I024, I038, I070, I071: an administrator changes a record's bytes, an old version and the time at which a
/// block was seen in the files of a stopped node; the running node finds each with its place, keeps the finding over a restart, and shows it
/// in its metrics; what is put right is over. An untouched copy has no finding.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_changes_a_copy_on_the_disk_is_found_out_with_the_place() {
    let mut city = City::prepare(1).await;
    city.configure(0, EAGER);
    city.spawn(0).await;
    let (create, inception) = city.new_identity("citizen").await;
    let created = city.finalize(0, &create).await;
    let sender = Sender::Device { identity: inception.id(), key: inception.device };
    let body = Body::AddDevice(key("another phone").public_key());
    let expiry_height = created.height + 1_000;
    let add = Unsigned { genesis: *city.root.hash(), sender, sequence: 2, expiry_height, body }.sign(&key("citizen"));
    city.finalize(0, &add).await;
    city.wait_until("two more blocks", async |city| city.height(0).await > created.height + 3).await;
    let clean = round(&city).await;
    assert_eq!((held(&clean), clean.running), (vec![], true));
    assert!(clean.height >= created.height, "{clean:?}");
    city.wait_until("a gauge that says so", async |city| city.metrics(0).await.contains("ledger_findings 0")).await;

    assert_eq!(city.terminate(0).await, Some(0));
    let identity = Subject::Identity(inception.id()).key();
    let (old_body, seen_at) = tamper(&city, &identity);
    city.spawn(0).await;
    let text = BASE64URL_NOPAD.encode(&identity);
    let record = format!("record {text}");
    city.wait_until("the findings", async |city| report(city).await.findings.len() >= 2).await;
    let found = round(&city).await;
    let held_now = held(&found);
    assert!(held_now.contains(&(created.height, record.as_str(), "body")), "{held_now:?}");
    assert!(held_now.contains(&(seen_at, "block", "back_dated")), "{held_now:?}");
    assert_eq!(held_now.len(), 2, "and nothing else: {held_now:?}");
    city.wait_until("a gauge that says so", async |city| city.metrics(0).await.contains("ledger_findings 2")).await;
    assert!(city.log(0).contains("supervision found that this node's copy of the ledger is wrong"));

    assert_eq!(city.terminate(0).await, Some(0));
    repair(&city, &old_body, seen_at);
    city.spawn(0).await;
    assert_eq!(held(&report(&city).await).len(), 2, "a restart forgets no finding");
    city.wait_until("the findings to be over", async |city| held(&report(city).await).is_empty()).await;
    assert!(report(&city).await.findings.iter().all(|finding| finding.cleared_ms >= Some(finding.since_ms)));
}

type Kept = ([u8; 32], Vec<u8>, Option<u64>);

/// Changes the bytes of an identity's first version, and makes a block that was seen live seem made ten minutes before it was seen.
fn tamper(city: &City, identity: &[u8; 32]) -> (Kept, u64) {
    let database = Database::open(city.bodies(0)).unwrap();
    let read = database.begin_read().unwrap();
    let first = *read.open_table(VERSIONS).unwrap().get((identity, 1)).unwrap().unwrap().value();
    let hash = Cell::from_bytes(&first).unwrap().body;
    let bytes = read.open_table(BODIES).unwrap().get(&hash).unwrap().unwrap().value().to_vec();
    let (height, seen) = {
        let table = read.open_table(SEEN).unwrap();
        let (height, seen) = table.last().unwrap().expect("a live node notes when it saw blocks");
        (height.value(), seen.value())
    };
    let write = database.begin_write().unwrap();
    let mut changed = bytes.clone();
    changed[40] ^= 1;
    write.open_table(BODIES).unwrap().insert(&hash, changed.as_slice()).unwrap();
    write.open_table(SEEN).unwrap().insert(height, seen + 600_000).unwrap();
    write.commit().unwrap();
    ((hash, bytes, Some(seen)), height)
}

fn repair(city: &City, (hash, bytes, seen): &Kept, height: u64) {
    let database = Database::open(city.bodies(0)).unwrap();
    let write = database.begin_write().unwrap();
    write.open_table(BODIES).unwrap().insert(hash, bytes.as_slice()).unwrap();
    write.open_table(SEEN).unwrap().insert(height, seen.unwrap()).unwrap();
    write.commit().unwrap();
}
