//! Everything without a face: no portrait is ever required, and one that is given leaves the device as ciphertext only.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identity::canonical;
use serde_json::json;
use sha2::{Digest, Sha256};
use wallet_core::{AttributeKind, Channel, Event, RequestStage, Verdict};

use crate::attributes::{files, picture};
use crate::base64url;
use crate::city::{City, VCT, only};
use crate::issuer::{PIN, claims};

/// X074: the whole first login with face disabled, though this department's offering insists on a portrait: declared without one, attested
/// by a trusted person's witness, received, logged in, receipted. The credential says how it was verified, and the citizen need not show it.
#[tokio::test]
async fn the_whole_first_login_needs_no_portrait() {
    let city = City::new().await;
    let mut attested = claims();
    attested.insert("verified_by".to_owned(), json!("witness"));
    city.issuer.behave(|behaviour| (behaviour.attest, behaviour.claims) = (true, Some(attested)));
    let wallet = city.create_wallet();
    wallet.create_identity().await.unwrap();
    let url = city.issuer.base().parse().unwrap();
    let department = wallet.department(&url).await.unwrap();
    let offering = &department.offerings[0];
    assert!(offering.needs.iter().all(|kind| kind.kind != AttributeKind::Portrait), "no screen insists on one");
    assert_eq!(offering.optional[0].kind, AttributeKind::Portrait);
    let channels: Vec<Channel> = offering.channels.iter().map(|one| one.channel).collect();
    assert_eq!(channels, [Channel::Counter, Channel::Card, Channel::Witness], "three ways, and none is a face");

    let preview = wallet.declare(&url, VCT, vec![files(&city)[0].clone()]).await.unwrap();
    let request = wallet.confirm_declaration(&preview.id).await.unwrap();
    let RequestStage::Attested { offer } = wallet.request_state(&request.id).await.unwrap().stage else { panic!() };
    let credential = only(wallet.receive(&offer, Some(PIN)).await.unwrap());
    let said = credential.claims.iter().find(|claim| claim.name == "verified_by").unwrap();
    assert_eq!((said.label.en.as_str(), said.value.as_str()), ("Verified by", "witness"));

    let consent = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
    assert_eq!(consent.view.claims.len(), 1);
    let outcome = wallet.approve(&consent, None).await.unwrap();
    assert_eq!(outcome.receipt.unwrap().verdict, Verdict::Verified);
    assert_eq!(wallet.history().unwrap().last().unwrap().event, Event::Released);
}

/// X074: a channel is one of a closed set: a department cannot say more about a person by it.
#[tokio::test]
async fn a_channel_that_nobody_knows_is_not_accepted() {
    let city = City::new().await;
    let mut attested = claims();
    attested.insert("verified_by".to_owned(), json!("face, score 0.97"));
    city.issuer.behave(|behaviour| (behaviour.attest, behaviour.claims) = (true, Some(attested)));
    let wallet = city.create_wallet();
    wallet.create_identity().await.unwrap();
    let url = city.issuer.base().parse().unwrap();
    let preview = wallet.declare(&url, VCT, vec![files(&city)[0].clone()]).await.unwrap();
    let request = wallet.confirm_declaration(&preview.id).await.unwrap();
    let RequestStage::Attested { offer } = wallet.request_state(&request.id).await.unwrap().stage else { panic!() };
    let error = wallet.receive(&offer, Some(PIN)).await.unwrap_err();
    assert_eq!(error.slug(), "credential-claim-differs");
    assert!(wallet.credentials().unwrap().is_empty());
}

/// X074: where a citizen does give a portrait, what leaves the device (every body that department and site get, as captured) has no part
/// of it in the clear or encoded, and what is on the ledger is neither it nor its hash.
#[tokio::test]
async fn no_biometric_leaves_the_device_in_the_clear_or_is_anchored() {
    let city = City::new().await;
    city.issuer.behave(|behaviour| behaviour.attest = true);
    let wallet = city.create_wallet();
    wallet.create_identity().await.unwrap();
    let url = city.issuer.base().parse().unwrap();
    let preview = wallet.declare(&url, VCT, files(&city)).await.unwrap();
    let request = wallet.confirm_declaration(&preview.id).await.unwrap();
    let RequestStage::Attested { offer } = wallet.request_state(&request.id).await.unwrap().stage else { panic!() };
    wallet.receive(&offer, Some(PIN)).await.unwrap();
    let consent = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
    wallet.approve(&consent, None).await.unwrap();

    let portrait = picture();
    let digest: [u8; 32] = Sha256::digest(&portrait).into();
    let middle = &portrait[portrait.len() / 3 / 3 * 3..][..48];
    let mut traces: Vec<Vec<u8>> = portrait.chunks_exact(24).map(<[u8]>::to_vec).collect();
    traces.extend([b"\x89PNG\r\n\x1a\n".to_vec(), digest.to_vec(), base64url(&digest).into_bytes()]);
    traces.push(base64url(middle).into_bytes());
    let find = |bytes: &[u8]| traces.iter().any(|trace| bytes.windows(trace.len()).any(|window| window == trace.as_slice()));
    assert!(find(&portrait) && find(base64url(&portrait).as_bytes()), "the search finds what it looks for");

    let bodies = city.issuer.seen(|seen| seen.bodies.clone());
    assert!(bodies.iter().any(|body| body.len() > portrait.len()), "the capture has the upload");
    let posted = city.site.seen(|seen| serde_json::to_vec(&seen.posted).unwrap());
    assert!(posted.len() > 1000, "and the answer");
    for body in bodies.iter().chain([&posted]) {
        assert!(!find(body), "a body of {} bytes has a trace of the portrait", body.len());
        // What a JWS says is there for everybody to read.
        for part in body.split(|byte| *byte == b'.').filter_map(|part| URL_SAFE_NO_PAD.decode(part).ok()) {
            assert!(!find(&part), "a signed text of {} bytes has a trace of the portrait", part.len());
        }
    }
    let transactions = city.ledger.transactions();
    assert!(transactions.len() > 1);
    for transaction in transactions {
        assert!(!find(&canonical::encode(&transaction)), "a transaction has a trace of the portrait");
    }
}
