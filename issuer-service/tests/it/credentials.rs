//! Issuance: metadata, nonces, key proofs, credentials.

use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identity::jose::jwk;
use identity::sd_jwt::{KeyBindingPolicy, SdJwt};
use identity::sd_jwt_vc::{self, Demand, VerifiedCredential};
use identity::{Algorithm, CommitmentKey, SecretKey};
use ledger::cell::Subject;
use ledger::records::{AttestationRecord, CREDENTIAL_CONTEXT, HOLDER_KEY_CONTEXT, RecordId};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::wallet_tools::{ISSUER, LOCK, credential_request, credentials, proof};
use crate::support::{Answer, CIVIL_TYPE, Citizen, Clerk, NOW, TYPE, WalletKeys, World, claims};

fn verify(world: &World, credential: &str) -> VerifiedCredential {
    let sd_jwt = SdJwt::parse(credential).unwrap();
    let chain = sd_jwt.header().x5c.clone().unwrap();
    let key = chain.verify(&world.anchors, NOW).unwrap().public_key;
    let demand = Demand { now: NOW, leeway_seconds: 0, key_binding: KeyBindingPolicy::Forbidden };
    sd_jwt_vc::verify(sd_jwt, &key, &demand).unwrap()
}

fn record_id(claims: &serde_json::Map<String, Value>) -> RecordId {
    let text = claims["yufu"]["record"].as_str().unwrap();
    RecordId(URL_SAFE_NO_PAD.decode(text).unwrap().try_into().unwrap())
}

#[track_caller]
fn refused(answer: &Answer, code: &str) {
    assert_eq!((answer.status, answer.error().as_str()), (400, code), "{}", answer.text());
}

#[tokio::test]
async fn the_metadata_is_that_of_openid4vci() {
    let world = World::new().await;
    let answer = world.get("/.well-known/openid-credential-issuer").await;
    insta::assert_json_snapshot!("credential_issuer_metadata", answer.json());
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    assert_eq!(answer.header("content-type"), "application/json");
    let server = world.get("/.well-known/oauth-authorization-server").await;
    insta::assert_json_snapshot!("authorization_server_metadata", server.json());
    let cors = axum::http::Request::get("/.well-known/openid-credential-issuer").header("origin", "https://wallet.example");
    let answer = world.call(cors.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(answer.header("access-control-allow-origin"), "*");
}

/// X059, X072: each copy is bound to a key of the wallet, and to a record on the ledger that names nobody.
#[tokio::test]
async fn copies_are_issued_with_final_records_that_open_their_commitments() {
    let world = World::new().await;
    let keys = WalletKeys::new(3);
    let issued = world.receive(&keys).await;
    assert_eq!(issued.credentials.len(), 3);
    for (credential, key) in issued.credentials.iter().zip(&keys.0) {
        let verified = verify(&world, credential);
        assert_eq!((verified.vct.as_str(), verified.issuer.as_deref()), (TYPE, Some(ISSUER)));
        assert_eq!(verified.holder, Some(key.public_key()));
        let all = &verified.verified.claims;
        assert!(claims().iter().all(|(name, value)| all[name] == *value));
        assert_eq!(verified.verified.disclosed.len(), claims().len());
        assert_eq!(verified.issued_at.unwrap() % 3600, 0, "the second of issuance would link copies");

        let (cell, record): (_, AttestationRecord) = world.ledger.record(&Subject::Attestation(record_id(all))).unwrap();
        let opening = URL_SAFE_NO_PAD.decode(all["yufu"]["commitment_key"].as_str().unwrap()).unwrap();
        let opening = CommitmentKey::from_entropy(opening.try_into().unwrap());
        let digest: [u8; 32] = Sha256::digest(SdJwt::parse(credential).unwrap().issuer_jwt()).into();
        assert!(opening.verify(CREDENTIAL_CONTEXT, &digest, &record.credential));
        assert!(opening.verify(HOLDER_KEY_CONTEXT, &jwk::thumbprint(&key.public_key()), &record.holder_key));
        assert_eq!((cell.status, record.attestation_type.as_str(), record.lock), (0, TYPE, [1; 32]));
        assert_eq!((record.valid_from, record.valid_until), (verified.issued_at.unwrap(), verified.expires_at.unwrap()));
    }
    let records: std::collections::BTreeSet<_> =
        issued.credentials.iter().map(|credential| record_id(&verify(&world, credential).verified.claims)).collect();
    let entries: std::collections::BTreeSet<_> =
        issued.credentials.iter().map(|credential| verify(&world, credential).status.unwrap().index).collect();
    assert_eq!((records.len(), entries.len()), (3, 3));
}

#[tokio::test]
async fn a_strangers_wallet_without_a_lock_gets_a_random_one() {
    let world = World::new().await;
    let key = SecretKey::from_bytes(Algorithm::Ed25519, &[55; 32]).unwrap();
    let token = world.access_token().await;
    let proof = proof(&key, &json!({ "aud": ISSUER, "iat": NOW, "nonce": world.nonce().await, "iss": "a-client" }));
    let answer = world.credential(&token, &credential_request(&[proof])).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let verified = verify(&world, &credentials(&answer)[0]);
    let (_, record): (_, AttestationRecord) =
        world.ledger.record(&Subject::Attestation(record_id(&verified.verified.claims))).unwrap();
    assert!(record.lock != [0; 32] && record.lock != [1; 32]);
}

/// REL-E1, REL-A1: a wallet that lost the answer asks again with the same keys, also after a restart, and gets the same credentials.
#[tokio::test]
async fn the_same_keys_again_get_the_same_credentials() {
    let mut world = World::new().await;
    let keys = WalletKeys::new(2);
    let issued = world.receive(&keys).await;
    world.restart().await;
    let again = credential_request(&keys.proofs(&world.nonce().await));
    let answer = world.credential(&issued.access_token, &again).await;
    assert_eq!(credentials(&answer), issued.credentials);
    assert_eq!(world.ledger.sent.lock().unwrap().len(), 1);
    // Other keys under the same token are another wallet's, or a second helping.
    let other = WalletKeys(vec![SecretKey::from_bytes(Algorithm::P256, &[77; 32]).unwrap()]);
    let answer = world.credential(&issued.access_token, &credential_request(&other.proofs(&world.nonce().await))).await;
    refused(&answer, "credential_request_denied");
}

/// REL-I4, SEC-P3: two requests at once make one issuance.
#[tokio::test]
async fn two_requests_at_once_are_one_issuance() {
    let world = World::new().await;
    let keys = WalletKeys::new(2);
    let token = world.access_token().await;
    let request = credential_request(&keys.proofs(&world.nonce().await));
    let (one, other) = tokio::join!(world.credential(&token, &request), world.credential(&token, &request));
    assert_eq!((one.status, other.status), (200, 200), "{} {}", one.text(), other.text());
    assert_eq!(credentials(&one), credentials(&other));
    use sqlx::Row as _;
    let row = sqlx::query("SELECT COUNT(*) AS n FROM credentials").fetch_one(world.app.database.pool()).await.unwrap();
    assert_eq!(row.get::<i64, _>("n"), 2);
}

/// SEC-P3: a nonce is used once, is ours, and ends.
#[tokio::test]
async fn nonces_are_single_use_ours_and_short_lived() {
    let world = World::new().await;
    let keys = WalletKeys::new(1);
    let nonce = world.nonce().await;
    let first = world.access_token().await;
    assert_eq!(world.credential(&first, &credential_request(&keys.proofs(&nonce))).await.status, 200);
    let second = world.access_token().await;
    refused(&world.credential(&second, &credential_request(&keys.proofs(&nonce))).await, "invalid_nonce");
    refused(&world.credential(&second, &credential_request(&keys.proofs("made-up"))).await, "invalid_nonce");
    let old = world.nonce().await;
    world.clock.advance(300);
    refused(&world.credential(&second, &credential_request(&keys.proofs(&old))).await, "invalid_nonce");
    let fresh = credential_request(&keys.proofs(&world.nonce().await));
    assert_eq!(world.credential(&second, &fresh).await.status, 200);
}

/// SEC-P1, SEC-P5: the checks of appendix F.4, one by one.
#[tokio::test]
async fn proofs_that_are_not_by_the_book_are_invalid() {
    let world = World::new().await;
    let token = world.access_token().await;
    let nonce = world.nonce().await;
    let key = SecretKey::from_bytes(Algorithm::P256, &[100; 32]).unwrap();
    let good = json!({ "aud": ISSUER, "iat": NOW, "nonce": nonce, "yufu_lock": LOCK });
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        proof(&key, &claims)
    };
    let without = |name: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(name);
        proof(&key, &claims)
    };
    let mut cases = vec![
        with("aud", json!("https://other.example")),
        with("aud", json!([ISSUER])),
        with("iat", json!(NOW - 661)),
        with("iat", json!(NOW + 61)),
        with("iat", json!("now")),
        with("nonce", json!(1)),
        with("yufu_lock", json!("short")),
        without("aud"),
        without("iat"),
        without("nonce"),
        "not.a.jwt".to_owned(),
        String::new(),
    ];
    let signed = proof(&key, &good);
    let [header, payload, signature] = signed.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut header = header.clone();
        change(&mut header);
        let head = URL_SAFE_NO_PAD.encode(header.to_string());
        // Signed again, so that only the header is at fault.
        let input = format!("{head}.{payload}");
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(key.sign(input.as_bytes()).bytes))
    };
    cases.push(changed(&|h| h["typ"] = json!("JWT")));
    cases.push(changed(&|h| h["alg"] = json!("none")));
    cases.push(changed(&|h| h["alg"] = json!("HS256")));
    cases.push(changed(&|h| h["alg"] = json!("EdDSA")));
    cases.push(changed(&|h| h["kid"] = json!("did:yufu:riverside:x#y")));
    cases.push(changed(&|h| h["jwk"]["d"] = json!("AAAA")));
    cases.push(changed(&|h| drop(h.as_object_mut().unwrap().remove("jwk"))));
    cases.push(changed(&|h| h["crit"] = json!(["x"])));
    cases.push(changed(&|h| h["jku"] = json!("https://evil.example")));
    cases.push(format!("{}.{payload}.{}", signed.split('.').next().unwrap(), "A".repeat(signature.len())));
    for case in &cases {
        refused(&world.credential(&token, &credential_request(std::slice::from_ref(case))).await, "invalid_proof");
    }
    // Another key's proof beside a good one spoils the batch.
    refused(&world.credential(&token, &credential_request(&[signed.clone(), cases[0].clone()])).await, "invalid_proof");
    refused(&world.credential(&token, &credential_request(&[signed.clone(), signed.clone()])).await, "invalid_proof");
    assert_eq!(world.credential(&token, &credential_request(&[signed])).await.status, 200);
}

#[tokio::test]
async fn a_batch_has_at_most_ten_keys() {
    let world = World::new().await;
    let token = world.access_token().await;
    let nonce = world.nonce().await;
    refused(&world.credential(&token, &credential_request(&WalletKeys::new(11).proofs(&nonce))).await, "invalid_proof");
    let answer = world.credential(&token, &credential_request(&WalletKeys::new(10).proofs(&nonce))).await;
    assert_eq!(credentials(&answer).len(), 10);
}

/// OpenID4VCI section 8.3.1: each mistake has the code of the specification.
#[tokio::test]
async fn mistakes_in_credential_requests_have_their_codes() {
    let world = World::new().await;
    let token = world.access_token().await;
    let proofs = WalletKeys::new(1).proofs(&world.nonce().await);
    let proofs = json!({ "jwt": proofs });
    let cases = [
        (json!([]), "invalid_credential_request"),
        (json!({ "proofs": proofs }), "invalid_credential_request"),
        (json!({ "credential_configuration_id": 1, "proofs": proofs }), "invalid_credential_request"),
        (json!({ "credential_configuration_id": "nothing", "proofs": proofs }), "unknown_credential_configuration"),
        (json!({ "credential_identifier": "x", "proofs": proofs }), "unknown_credential_identifier"),
        (json!({ "credential_configuration_id": "resident-identity" }), "invalid_proof"),
        (json!({ "credential_configuration_id": "resident-identity", "proofs": {} }), "invalid_proof"),
        (json!({ "credential_configuration_id": "resident-identity", "proofs": { "jwt": [] } }), "invalid_proof"),
        (json!({ "credential_configuration_id": "resident-identity", "proofs": { "jwt": [1] } }), "invalid_proof"),
        (json!({ "credential_configuration_id": "resident-identity", "proofs": { "di_vp": [{}] } }), "invalid_proof"),
        (
            json!({ "credential_configuration_id": "resident-identity", "proofs": proofs, "credential_response_encryption": {} }),
            "invalid_encryption_parameters",
        ),
    ];
    for (request, code) in cases {
        refused(&world.credential(&token, &request).await, code);
    }
    let extra = json!({ "credential_configuration_id": "resident-identity", "proofs": proofs, "unknown": true });
    assert_eq!(world.credential(&token, &extra).await.status, 200);
}

/// RFC 6750 section 3: no token, a wrong one, an old one, one for something else.
#[tokio::test]
async fn the_credential_endpoint_wants_a_live_token_for_this_credential() {
    let world = World::new().await;
    let request = credential_request(&WalletKeys::new(1).proofs(&world.nonce().await));
    let none = world.post("/credential", "application/json", request.to_string()).await;
    assert_eq!((none.status, none.error().as_str()), (401, "invalid_token"));
    assert!(none.header("www-authenticate").starts_with("Bearer error=\"invalid_token\""));
    assert_eq!(world.credential(&"A".repeat(43), &request).await.status, 401);
    let civil = world.access_token_of(CIVIL_TYPE).await;
    let other = world.credential(&civil, &request).await;
    assert_eq!((other.status, other.error().as_str()), (403, "insufficient_scope"));
    let token = world.access_token().await;
    world.clock.advance(3600);
    assert_eq!(world.credential(&token, &request).await.status, 401);
}

/// REL-D7, REL-I4: while the ledger stands still no credential leaves; the wallet is told so, and gets it when the ledger goes on, even if the
/// service was restarted in between.
#[tokio::test]
async fn no_credential_leaves_before_its_record_is_final() {
    let mut world = World::new().await;
    let token = world.access_token().await;
    let request = credential_request(&WalletKeys::new(2).proofs(&world.nonce().await));
    world.ledger.halted.store(true, Ordering::SeqCst);
    let answer = world.credential(&token, &request).await;
    assert_eq!((answer.status, answer.error().as_str()), (503, "temporarily_unavailable"), "{}", answer.text());
    assert_eq!(answer.header("retry-after"), "2");
    world.restart().await;
    assert_eq!(world.credential(&token, &request).await.status, 503);
    world.ledger.halted.store(false, Ordering::SeqCst);
    let answer = world.credential_in_the_end(&token, &request).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    for credential in credentials(&answer) {
        let id = record_id(&verify(&world, &credential).verified.claims);
        assert!(world.ledger.record::<AttestationRecord>(&Subject::Attestation(id)).is_some());
    }
    let sent: std::collections::BTreeSet<_> = world.ledger.sent.lock().unwrap().iter().copied().collect();
    assert_eq!(sent.len(), 1, "it was the same transaction every time");
}

/// An issuer that is not accredited for the type gives out nothing.
#[tokio::test]
async fn a_type_without_accreditation_is_denied() {
    let world = World::new().await;
    let token = world.access_token_of(CIVIL_TYPE).await;
    let mut request = credential_request(&WalletKeys::new(1).proofs(&world.nonce().await));
    request["credential_configuration_id"] = json!("marital-status");
    refused(&world.credential(&token, &request).await, "credential_request_denied");
    refused(&world.credential(&token, &request).await, "credential_request_denied");
}

/// Z014, Z020: a department that the members have suspended says so to its operator, to the clerk and to the wallet, and signs nothing for
/// the ledger to refuse; what it offered can be had once it is restored.
#[tokio::test]
async fn a_suspended_department_says_so_and_attests_nothing_until_it_is_restored() {
    let world = World::new().await;
    let (id, _) = Citizen::new(&world).ask(&world).await;
    let clerk = Clerk::sign_in(&world).await;
    let attest = format!("/console/requests/{id}/attest");
    let token = world.access_token().await;
    let request = credential_request(&WalletKeys::new(1).proofs(&world.nonce().await));

    world.ledger.suspend(true);
    let answer = world.credential(&token, &request).await;
    refused(&answer, "credential_request_denied");
    let sentence = answer.json()["error_description"].as_str().unwrap().to_owned();
    assert!(sentence.contains("suspended on the ledger") && sentence.contains("ask again"), "{sentence}");
    let page = clerk.post(&world, &attest, &[("channel", "register")]).await;
    assert!(page.status == 422 && page.text().contains("suspended on the ledger"), "{}", page.text());
    assert!(world.ledger.sent.lock().unwrap().is_empty(), "nothing was sent");
    let ready = world.app.check_authority().await.unwrap_err();
    assert!(ready.contains("suspended on the ledger"), "{ready}");

    world.ledger.suspend(false);
    let ready = world.app.check_authority().await.unwrap_err();
    assert!(ready.contains(CIVIL_TYPE) && !ready.contains("suspended"), "{ready}");
    let answer = world.credential(&token, &request).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(clerk.post(&world, &attest, &[("channel", "register")]).await.status, 303);
}

/// After the token's end the response is gone from the database.
#[tokio::test]
async fn responses_are_forgotten_when_the_token_ends() {
    use sqlx::Row as _;
    let world = World::new().await;
    world.receive(&WalletKeys::new(1)).await;
    let kept = async || {
        let row = sqlx::query("SELECT COUNT(*) AS n FROM issuances WHERE response_sealed <> ''");
        row.fetch_one(world.app.database.pool()).await.unwrap().get::<i64, _>("n")
    };
    issuer_service::app::tidy_once(&world.app).await.unwrap();
    assert_eq!(kept().await, 1);
    world.clock.advance(3601);
    issuer_service::app::tidy_once(&world.app).await.unwrap();
    assert_eq!(kept().await, 0);
}
