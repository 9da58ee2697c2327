//! Attribute requests from wallets.

use std::sync::atomic::Ordering;

use blobs::{BlobKey, EnvelopeContents};
use identity::{Algorithm, CommitmentKey, SecretKey};
use ledger::records::RecordId;
use ledger::transaction::{Anchor, Body, Sender};
use serde_json::json;
use sha2::{Digest, Sha256};
use wire::issuer::{ATTRIBUTE_REQUEST_TYPE, AttributeKind, AttributeRequest};

use crate::support::{Answer, CIVIL_TYPE, Citizen, Declared, NOW, World, claims};

async fn count(world: &World) -> i64 {
    use sqlx::Row as _;
    let row = sqlx::query("SELECT COUNT(*) AS n FROM attribute_requests").fetch_one(world.app.database.pool()).await.unwrap();
    row.get("n")
}

#[track_caller]
fn refused(answer: &Answer, status: u16, slug: &str) {
    assert_eq!((answer.status, answer.error().as_str()), (status, slug), "{}", answer.text());
}

#[tokio::test]
async fn the_department_says_what_it_attests() {
    let world = World::new().await;
    insta::assert_json_snapshot!("department", world.get("/v1/department").await.json());
}

/// X055, X056, X058, I035, I072: what the citizen declared is taken, and waits for a clerk.
#[tokio::test]
async fn a_declared_request_is_taken_and_its_state_is_for_its_sender_only() {
    let world = World::new().await;
    let citizen = Citizen::new(&world);
    let declared = citizen.declare_all(&world, &claims()).await;
    let answer = citizen.submit(&world, &citizen.sign(&citizen.request(&declared))).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    insta::assert_json_snapshot!("accepted", answer.json(), { ".id" => "[id]", ".state_token" => "[token]" });
    let (id, token) = (answer.json()["id"].clone(), answer.json()["state_token"].clone());
    let path = format!("/v1/attribute-requests/{}", id.as_str().unwrap());
    let state = world.get_as(&path, token.as_str().unwrap()).await;
    assert_eq!(state.json()["state"], json!({ "state": "pending" }));
    assert_eq!(state.header("cache-control"), "no-store");
    refused(&world.get(&path).await, 401, "not-signed-in");
    refused(&world.get_as(&path, &"A".repeat(43)).await, 404, "not-found");
}

/// REL-E1: the same request again, at once or after an hour, has the same answer; nothing is stored twice.
#[tokio::test]
async fn the_same_request_again_gets_the_same_answer() {
    let world = World::new().await;
    let citizen = Citizen::new(&world);
    let declared = citizen.declare_all(&world, &claims()).await;
    let request = citizen.request(&declared);
    let first = citizen.submit(&world, &citizen.sign(&request)).await;
    let second = citizen.submit(&world, &citizen.sign(&request)).await;
    assert_eq!((first.status, second.status), (201, 201));
    assert_eq!(first.json(), second.json());
    world.clock.advance(3600);
    assert_eq!(citizen.submit(&world, &citizen.sign(&request)).await.json(), first.json());
    assert_eq!(count(&world).await, 1);
    let other = AttributeRequest { attributes: request.attributes[..1].to_vec(), ..request };
    refused(&citizen.submit(&world, &citizen.sign(&other)).await, 409, "conflict");
}

/// REL-E1: two at once are one.
#[tokio::test]
async fn the_same_request_twice_at_once_is_stored_once() {
    let world = World::new().await;
    let citizen = Citizen::new(&world);
    let declared = citizen.declare_all(&world, &claims()).await;
    let jws = citizen.sign(&citizen.request(&declared));
    let (one, other) = tokio::join!(citizen.submit(&world, &jws), citizen.submit(&world, &jws));
    assert_eq!((one.status, other.status), (201, 201), "{} {}", one.text(), other.text());
    assert_eq!(one.json(), other.json());
    assert_eq!(count(&world).await, 1);
}

/// SEC-P1, X046: only a live device of the very identity signs, in the one form.
#[tokio::test]
async fn only_a_live_device_of_the_identity_signs_a_request() {
    let world = World::new().await;
    let citizen = Citizen::new(&world);
    let stranger = Citizen::with_device(&world, 77);
    let declared = citizen.declare_all(&world, &claims()).await;
    let request = citizen.request(&declared);
    let submit = |jws: String| citizen_submit(&world, jws);

    let by_stranger = citizen.sign_with(&stranger.device, &citizen.kid(), ATTRIBUTE_REQUEST_TYPE, &request);
    refused(&submit(by_stranger).await, 403, "not-allowed");
    let kid = stranger.kid();
    let other_kid = citizen.sign_with(&stranger.device, &kid, ATTRIBUTE_REQUEST_TYPE, &request);
    refused(&submit(other_kid).await, 400, "bad-request");
    let mixed = format!("{}#{}", citizen.did, kid.split_once('#').unwrap().1);
    let mixed = citizen.sign_with(&stranger.device, &mixed, ATTRIBUTE_REQUEST_TYPE, &request);
    refused(&submit(mixed).await, 403, "not-allowed");
    let typ = citizen.sign_with(&citizen.device, &citizen.kid(), "JWT", &request);
    refused(&submit(typ).await, 400, "bad-request");

    let good = citizen.sign(&request);
    let (head, signature) = good.rsplit_once('.').unwrap();
    let mut flipped = signature.to_owned();
    flipped.replace_range(10..11, if &flipped[10..11] == "A" { "B" } else { "A" });
    refused(&submit(format!("{head}.{flipped}")).await, 403, "not-allowed");
    refused(&submit("not a jws".to_owned()).await, 400, "bad-request");
    refused(&world.post("/v1/attribute-requests", "text/plain", good).await, 400, "bad-request");
    assert_eq!(count(&world).await, 0);
}

async fn citizen_submit(world: &World, jws: String) -> Answer {
    world.post("/v1/attribute-requests", "application/jwt", jws).await
}

/// X062: a device that was removed, and an identity that is not on the ledger, are nobody.
#[tokio::test]
async fn a_removed_device_and_an_unknown_identity_are_refused() {
    let world = World::new().await;
    let citizen = Citizen::new(&world);
    let declared = citizen.declare_all(&world, &claims()).await;
    let jws = citizen.sign(&citizen.request(&declared));
    let second = SecretKey::from_bytes(Algorithm::Ed25519, &[99; 32]).unwrap();
    let sender = Sender::Device { identity: citizen.did.id, key: citizen.device.public_key() };
    world.ledger.send(sender, &citizen.device, Body::AddDevice(second.public_key()));
    let sender = Sender::Device { identity: citizen.did.id, key: second.public_key() };
    world.ledger.send(sender, &second, Body::RemoveDevice(citizen.device.public_key()));
    refused(&citizen.submit(&world, &jws).await, 403, "not-allowed");

    let mut elsewhere = citizen.request(&declared);
    elsewhere.iss.network = "othercity".parse().unwrap();
    let kid = citizen.kid().replace("riverside", "othercity");
    let jws = citizen.sign_with(&second, &kid, ATTRIBUTE_REQUEST_TYPE, &elsewhere);
    refused(&citizen.submit(&world, &jws).await, 422, "refused");
}

/// I035: a personal user submits in the specified format, and what is in another or not permitted is refused.
#[tokio::test]
async fn a_request_that_is_stale_or_for_others_or_incomplete_is_refused() {
    let world = World::new().await;
    let citizen = Citizen::new(&world);
    let declared = citizen.declare_all(&world, &claims()).await;
    let change = |change: &dyn Fn(&mut AttributeRequest)| {
        let mut request = citizen.request(&declared);
        change(&mut request);
        citizen.sign(&request)
    };
    for jws in [
        change(&|r| r.aud = "http://127.0.0.1:7302".to_owned()),
        change(&|r| r.iat = NOW - 361),
        change(&|r| r.iat = NOW + 61),
        change(&|r| r.attestation_type = "urn:example:unknown".to_owned()),
        change(&|r| drop(r.attributes.remove(0))),
        change(&|r| r.attributes.push(r.attributes[0].clone())),
        change(&|r| r.attributes.push(r.attributes[1].clone())),
        change(&|r| r.attributes[1].kind = AttributeKind::MarriageCertificate),
        change(&|r| r.attributes.iter_mut().for_each(|a| a.kind = AttributeKind::Claims)),
        change(&|r| r.attributes[1].media_type = "image/svg+xml".to_owned()),
    ] {
        refused(&citizen.submit(&world, &jws).await, 422, "refused");
    }
    refused(&citizen.submit(&world, &change(&|r| r.jti = "short".to_owned())).await, 400, "bad-request");
    assert_eq!(count(&world).await, 0);
    for (jti, iat) in [("accepted-at-the-edge-1", NOW - 360), ("accepted-at-the-edge-2", NOW + 60)] {
        let jws = change(&|r| (r.jti, r.iat) = (jti.to_owned(), iat));
        assert_eq!(citizen.submit(&world, &jws).await.status, 201);
    }
}

/// X044, X045: a blob that is not what was anchored is refused, wherever the difference is.
#[tokio::test]
async fn what_was_not_anchored_is_refused() {
    let world = World::new().await;
    let citizen = Citizen::new(&world);
    let declared = citizen.declare_all(&world, &claims()).await;
    let document = declared[0].clone();
    let with = |first: Declared| citizen.sign(&citizen.request(&[first, declared[1].clone()]));

    // A flipped bit in the CID: the anchor is for another blob.
    let mut cid = document.sealed.cid.to_bytes();
    cid[20] ^= 1;
    let mut flipped = document.clone();
    flipped.attribute.cid = blobs::Cid::from_bytes(&cid).unwrap().to_string();
    refused(&citizen.submit(&world, &with(flipped)).await, 422, "refused");

    // No such anchor.
    let mut nowhere = document.clone();
    nowhere.attribute.anchor = RecordId([5; 32]);
    refused(&citizen.submit(&world, &with(nowhere)).await, 422, "refused");

    // The anchor commits to something else: the same blob, anchored with another commitment.
    let mut other = document.clone();
    other.attribute.anchor = RecordId([6; 32]);
    let commitment = CommitmentKey::from_entropy([8; 32]).commit(ledger::transaction::ANCHOR_CONTEXT, &[0_u8; 32]);
    citizen.anchor(&world, Anchor { id: RecordId([6; 32]), commitment, cid: document.sealed.cid.to_bytes().to_vec() });
    refused(&citizen.submit(&world, &with(other)).await, 422, "refused");

    // The anchor commits to the same content, and names another ciphertext of it.
    let mut twin = document.clone();
    twin.attribute.anchor = RecordId([7; 32]);
    let digest: [u8; 32] = Sha256::digest(serde_json::to_vec(&claims()).unwrap()).into();
    let commitment = document.commitment_key.commit(ledger::transaction::ANCHOR_CONTEXT, &digest);
    citizen.anchor(&world, Anchor { id: RecordId([7; 32]), commitment, cid: declared[1].sealed.cid.to_bytes().to_vec() });
    refused(&citizen.submit(&world, &with(twin)).await, 422, "refused");

    // An envelope for another purpose, with another key, or to another reader.
    let contents = |key: &BlobKey| EnvelopeContents { blob_key: key.clone(), commitment_key: document.commitment_key.clone() };
    let mut purpose = document.clone();
    purpose.attribute.envelope = citizen.envelope(&world, &contents(&document.sealed.key), document.sealed.cid, CIVIL_TYPE);
    refused(&citizen.submit(&world, &with(purpose)).await, 422, "refused");
    let mut key = document.clone();
    let wrong = BlobKey::from_entropy([1; 32]);
    key.attribute.envelope = citizen.envelope(&world, &contents(&wrong), document.sealed.cid, crate::support::TYPE);
    refused(&citizen.submit(&world, &with(key)).await, 422, "refused");
    let mut garbage = document.clone();
    garbage.attribute.envelope = "AAAA".to_owned();
    refused(&citizen.submit(&world, &with(garbage)).await, 422, "refused");
    assert_eq!(count(&world).await, 0);
    assert_eq!(citizen.submit(&world, &with(document)).await.status, 201);
}

/// X045: a bit that flips on the department's own disk is found, and nothing is decrypted.
#[tokio::test]
async fn a_blob_that_was_damaged_in_the_store_is_refused() {
    let world = World::new().await;
    let citizen = Citizen::new(&world);
    let declared = citizen.declare_all(&world, &claims()).await;
    let file = find_block(&world, &declared[0].sealed.cid.to_string());
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let answer = citizen.submit(&world, &citizen.sign(&citizen.request(&declared))).await;
    refused(&answer, 422, "refused");
    assert!(answer.text().contains("damaged"), "{}", answer.text());
}

fn find_block(world: &World, cid: &str) -> std::path::PathBuf {
    let mut waiting = vec![world.directory.join("blobs")];
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.file_name().unwrap().to_str().unwrap().contains(cid) {
                return path;
            }
        }
    }
    panic!("no block {cid}");
}

#[tokio::test]
async fn claims_and_portraits_that_do_not_fit_the_type_are_refused() {
    let world = World::new().await;
    let citizen = Citizen::new(&world);
    let portrait = citizen.declare(&world, AttributeKind::Portrait, "image/png", b"\x89PNG\r\n\x1a\n picture");
    citizen.upload(&world, &portrait.sealed).await;
    let mut more = claims();
    more.insert("surprise".to_owned(), "x".to_owned());
    let mut fewer = claims();
    fewer.remove("gender");
    let mut empty = claims();
    empty.insert("gender".to_owned(), String::new());
    let mut long = claims();
    long.insert("address".to_owned(), "路".repeat(513));
    let documents = [more, fewer, empty, long].map(|claims| serde_json::to_string(&claims).unwrap());
    let duplicated = documents[1].replace('{', "{\"gender\":\"男\",\"gender\":\"女\",");
    let number = serde_json::to_string(&claims()).unwrap().replace("\"男\"", "1");
    for document in documents.iter().chain([&duplicated, &number, &"[]".to_owned(), &"nonsense".to_owned()]) {
        let declared = citizen.declare(&world, AttributeKind::Claims, "application/json", document.as_bytes());
        citizen.upload(&world, &declared.sealed).await;
        let jws = citizen.sign(&citizen.request(&[declared, portrait.clone()]));
        refused(&citizen.submit(&world, &jws).await, 422, "refused");
    }
    let document = citizen.declare(&world, AttributeKind::Claims, "application/json", &serde_json::to_vec(&claims()).unwrap());
    citizen.upload(&world, &document.sealed).await;
    for (media_type, bytes) in [("image/png", b"\xff\xd8\xff jpeg".as_slice()), ("image/jpeg", b"<svg onload=alert(1)>")] {
        let portrait = citizen.declare(&world, AttributeKind::Portrait, media_type, bytes);
        citizen.upload(&world, &portrait.sealed).await;
        let jws = citizen.sign(&citizen.request(&[document.clone(), portrait]));
        refused(&citizen.submit(&world, &jws).await, 422, "refused");
    }
}

/// REL-D6: a request whose blob has not arrived is taken and waits; it opens when the blob comes.
#[tokio::test]
async fn a_request_whose_blob_is_missing_waits_for_it() {
    let world = World::new().await;
    let citizen = Citizen::new(&world);
    let document = citizen.declare(&world, AttributeKind::Claims, "application/json", &serde_json::to_vec(&claims()).unwrap());
    let portrait = citizen.declare(&world, AttributeKind::Portrait, "image/png", b"\x89PNG\r\n\x1a\n picture");
    citizen.upload(&world, &document.sealed).await;
    let answer = citizen.submit(&world, &citizen.sign(&citizen.request(&[document, portrait.clone()]))).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let id = answer.json()["id"].as_str().unwrap().to_owned();

    let clerk = crate::support::Clerk::sign_in(&world).await;
    let page = clerk.get(&world, &format!("/console/requests/{id}")).await.text();
    assert!(page.contains("文件尚未到达") && !page.contains("canary-4711"), "{page}");
    let attest = format!("/console/requests/{id}/attest");
    assert_eq!(clerk.post(&world, &attest, &[("channel", "counter")]).await.status, 409);

    assert_eq!(citizen.upload(&world, &portrait.sealed).await.status, 201);
    let page = clerk.get(&world, &format!("/console/requests/{id}")).await.text();
    assert!(page.contains("canary-4711"));
    assert_eq!(clerk.post(&world, &attest, &[("channel", "counter")]).await.status, 303);
}

/// REL-D7: without the ledger nothing can be believed, so nothing is taken; the wallet is told to come back.
#[tokio::test]
async fn without_the_ledger_nothing_is_taken() {
    let world = World::new().await;
    let citizen = Citizen::new(&world);
    let declared = citizen.declare_all(&world, &claims()).await;
    let jws = citizen.sign(&citizen.request(&declared));
    world.ledger.away.store(true, Ordering::SeqCst);
    let answer = citizen.submit(&world, &jws).await;
    refused(&answer, 503, "ledger-unavailable");
    assert_eq!(answer.header("retry-after"), "2");
    assert_eq!(count(&world).await, 0);
    world.ledger.away.store(false, Ordering::SeqCst);
    assert_eq!(citizen.submit(&world, &jws).await.status, 201);
}

#[tokio::test]
async fn uploads_need_a_grant_and_reads_too() {
    let world = World::new().await;
    let citizen = Citizen::new(&world);
    let declared = citizen.declare(&world, AttributeKind::Claims, "application/json", b"{}");
    let put = |token: &str| {
        axum::http::Request::put(format!("/blobs/{}", declared.sealed.cid))
            .header("authorization", format!("Bearer {token}"))
            .header("content-length", declared.sealed.ciphertext.len())
            .body(axum::body::Body::from(declared.sealed.ciphertext.clone()))
            .unwrap()
    };
    assert_eq!(world.call(put(&"A".repeat(43))).await.status, 401);
    let grant = world.post("/v1/uploads", "", "").await.json();
    let token = grant["upload_token"].as_str().unwrap();
    assert_eq!(world.call(put(token)).await.status, 201);
    let path = format!("/ipfs/{}?format=raw", declared.sealed.cid);
    assert_eq!(world.get(&path).await.status, 401);
    assert_eq!(world.get_as(&path, token).await.status, 200);
    assert_eq!(world.get_as(&path, &"B".repeat(43)).await.status, 403);
    world.clock.advance(601);
    assert_eq!(world.call(put(token)).await.status, 401);
}

/// Ciphertext that no request names is let go after a day; what a request names stays.
#[tokio::test]
async fn abandoned_blobs_are_removed_and_named_ones_stay() {
    let world = World::new().await;
    let citizen = Citizen::new(&world);
    citizen.ask(&world).await;
    let abandoned = citizen.declare(&world, AttributeKind::Claims, "application/json", b"nobody asks about this");
    citizen.upload(&world, &abandoned.sealed).await;
    let has = async || world.app.blobs.has(abandoned.sealed.cid).await.unwrap();
    issuer_service::app::tidy_once(&world.app).await.unwrap();
    assert!(has().await);
    world.clock.advance(24 * 3600 + 1);
    issuer_service::app::tidy_once(&world.app).await.unwrap();
    assert!(!has().await);
    assert_eq!(world.app.blobs.pins().await.unwrap().len(), 2);
}
