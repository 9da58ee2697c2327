//! What a node offers to programs: transactions and queries over REST, events, what validators pass on to each other, and documents
//! of a bounded size.

use crate::city::{City, key};
use data_encoding::BASE64URL_NOPAD;
use identity::{
    canonical,
    did::{Inception, MAX_DEVICES},
};
use ledger::{
    cell::Subject,
    receipt::{Outcome, Refusal},
    records::IdentityRecord,
    transaction::{Body, Sender, Transaction, Unsigned},
};
use reqwest::StatusCode;
use serde_json::Value;
use std::collections::BTreeSet;
use wire::chain::Blocks;

/// I109, I107, I005: gossip and REST: what one validator was given over REST, another one puts into a block, although no client ever
/// talked to it; the answer to the query after it is proved, whoever gives it. User, security and integrity of what is submitted are verified
/// at the door: see `what_is_not_a_transaction_of_this_ledger_is_refused_with_its_reason`.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_validator_takes_another_puts_into_a_block() {
    let city = City::start(4).await;
    let taker = city.status(0).await.node;
    let mut leaders = BTreeSet::new();
    for number in 0..40 {
        let (transaction, inception) = city.new_identity(&format!("citizen {number}")).await;
        let receipt = city.finalize(0, &transaction).await;
        let (_, page) = city.json::<Blocks>(0, &format!("/v1/blocks?before={}&limit=1", receipt.height + 1)).await;
        assert_eq!(page.blocks[0].height, receipt.height);
        leaders.insert(page.blocks[0].leader.clone());
        if leaders.iter().any(|leader| *leader != taker) {
            city.wait_until("the block elsewhere", async |city| city.height(3).await >= receipt.height).await;
            let proven = city.proven(3, &Subject::Identity(inception.id())).await;
            assert_eq!(proven.cell.unwrap().created_height, receipt.height);
            return;
        }
    }
    panic!("forty blocks with transactions of one validator, all led by {leaders:?}");
}

/// I107, I010 (integrity): a byte that changes on the way, another user's name or another user's signature: none is taken for what was sent. Of every place of
/// the message one bit is turned.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_changed_on_the_way_is_never_taken() {
    let city = City::start(1).await;
    let (transaction, inception) = city.new_identity("citizen").await;
    let bytes = canonical::encode(&transaction);
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 1 << (place % 8);
        let (status, body) = city.submit_bytes(0, &changed).await;
        assert!([StatusCode::BAD_REQUEST, StatusCode::UNPROCESSABLE_ENTITY].contains(&status), "byte {place}: {status} {body}");
    }
    let other = key("somebody else");
    let in_its_name = Transaction { signature: other.sign(&transaction.unsigned.signed_bytes()), ..transaction.clone() };
    let (status, _) = city.submit_bytes(0, &canonical::encode(&in_its_name)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(city.proven(0, &Subject::Identity(inception.id())).await.cell, None);
    assert_eq!(city.finalize(0, &transaction).await.outcome, Outcome::Applied, "as it was sent it is taken");
}

async fn by_first_device(city: &City, inception: &Inception, sequence: u64, body: Body) -> Outcome {
    let sender = Sender::Device { identity: inception.id(), key: inception.device };
    let expiry_height = city.height(0).await + 1_000;
    let unsigned = Unsigned { genesis: *city.root.hash(), sender, sequence, expiry_height, body };
    city.finalize(0, &unsigned.sign(&key("citizen"))).await.outcome
}

/// SEC-F2: no document of this method is a bomb: the ledger takes so many devices and no more, a document has nothing but their keys, each
/// controlled by the identity itself, so there is nothing to follow; and the longest of them is far below what a resolver takes.
#[tokio::test(flavor = "multi_thread")]
async fn the_longest_document_of_a_did_is_short_and_refers_to_nobody() {
    let city = City::start(1).await;
    let (create, inception) = city.new_identity("citizen").await;
    city.finalize(0, &create).await;
    for device in 1..MAX_DEVICES {
        let body = Body::AddDevice(key(&format!("device {device}")).public_key());
        assert_eq!(by_first_device(&city, &inception, device as u64 + 1, body).await, Outcome::Applied);
    }
    let one_more = Body::AddDevice(key("one more").public_key());
    assert_eq!(by_first_device(&city, &inception, 100, one_more).await, Outcome::Refused(Refusal::DeviceBound));
    let proven = city.proven(0, &Subject::Identity(inception.id())).await;
    let record: IdentityRecord = canonical::decode(&proven.body.unwrap(), 10_000).unwrap();
    assert_eq!(record.devices.len(), MAX_DEVICES);

    let did = inception.did().to_string();
    let (status, resolved) = city.json::<Value>(0, &format!("/1.0/identifiers/{did}")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(resolved.to_string().len() <= 64 * 1024, "{} bytes", resolved.to_string().len());
    let document = resolved["didDocument"].as_object().unwrap();
    let methods = document["verificationMethod"].as_array().unwrap();
    assert!(methods.len() == MAX_DEVICES && methods.len() <= 32);
    for method in methods {
        assert_eq!(method["controller"], did.as_str(), "no other document is needed to read this one");
        assert!(method["id"].as_str().unwrap().starts_with(&format!("{did}#")));
    }
    let names: BTreeSet<&str> = document.keys().map(String::as_str).collect();
    let known = ["@context", "id", "authentication", "assertionMethod", "capabilityInvocation", "verificationMethod"]
        .into_iter()
        .collect();
    assert_eq!(names, known, "neither services nor controllers");
    // Names that are long or of other methods are refused before anything is looked up.
    for (text, status) in [
        (format!("did:web:{}", "a".repeat(2_000)), StatusCode::NOT_IMPLEMENTED),
        (format!("did:jwk:{}", BASE64URL_NOPAD.encode(&[b'{'; 3_000])), StatusCode::NOT_IMPLEMENTED),
        (format!("did:yufu:test:{}", "a".repeat(4_000)), StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(city.json::<Value>(0, &format!("/1.0/identifiers/{text}")).await.0, status, "{}", &text[..12]);
    }
}
