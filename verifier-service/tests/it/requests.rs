//! The request object, as wallets fetch it.

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::json;

use crate::browser::{self, Browser};
use crate::city::City;
use crate::wallet::{self, request_path};

/// OpenID4VP 1.0 section 5 and HAIP 1.0 section 5.1, as a whole.
#[tokio::test]
async fn the_request_object_is_as_the_profile_demands() {
    let city = City::new().await;
    let begun = Browser::default().get_json(&city.app, "/login").await.json();
    let request = wallet::fetch(&city.app, begun["cross_device_link"].as_str().unwrap(), &city.root.anchors()).await;
    insta::assert_json_snapshot!(request.claims, {
        ".client_id" => "[x509_hash]",
        ".client_metadata.jwks.keys[].x" => "[x]",
        ".client_metadata.jwks.keys[].y" => "[y]",
    });
    let header = request.text.split('.').next().unwrap();
    let header: serde_json::Value = {
        use base64::Engine as _;
        serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap()
    };
    assert_eq!((&header["alg"], &header["typ"]), (&json!("ES256"), &json!("oauth-authz-req+jwt")));
    assert_eq!(header["x5c"].as_array().unwrap().len(), 1, "the leaf, and not the trust anchor");
    assert!(request.text("nonce").len() >= 22, "at least 128 bits");
    let lives = request.claims["exp"].as_i64().unwrap() - request.claims["iat"].as_i64().unwrap();
    assert!(lives <= 120);
}

/// OpenID4VP 1.0 section 5.10: the wallet's nonce comes back in the signed request.
#[tokio::test]
async fn a_request_fetched_by_post_repeats_the_wallets_nonce() {
    let city = City::new().await;
    let begun = Browser::default().get_json(&city.app, "/login").await.json();
    let path = request_path(begun["cross_device_link"].as_str().unwrap());
    let post = |body: &'static str| {
        Request::post(&path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(Body::from(body)).unwrap()
    };
    let answer = browser::send(&city.app, post("wallet_nonce=qPmxiNFCR3QTm19POc8u&wallet_metadata=%7B%7D&other=1")).await;
    let request = wallet::verify(&answer, &city.root.anchors());
    assert_eq!(request.claims["wallet_nonce"], "qPmxiNFCR3QTm19POc8u");
    let answer = browser::send(&city.app, post("")).await;
    assert_eq!(wallet::verify(&answer, &city.root.anchors()).claims.get("wallet_nonce"), None);
    for bad in ["wallet_nonce=a&wallet_nonce=b", "wallet_nonce=", "wallet_nonce=%22%7D"] {
        assert_eq!(browser::send(&city.app, post(bad)).await.status, 400, "{bad}");
    }
}

/// P2: nonce, state and encryption key are of one request only, and the two channels share none of them.
#[tokio::test]
async fn no_two_requests_share_a_secret() {
    let city = City::new().await;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let begun = Browser::default().get_json(&city.app, "/login").await.json();
        for link in ["same_device_link", "cross_device_link"] {
            let request = wallet::fetch(&city.app, begun[link].as_str().unwrap(), &city.root.anchors()).await;
            let key = request.claims["client_metadata"]["jwks"]["keys"][0]["x"].as_str().unwrap().to_owned();
            for secret in [request.text("nonce").to_owned(), request.text("state").to_owned(), key] {
                assert!(seen.insert(secret));
            }
        }
    }
}

/// W1: an unknown request, an expired one and one that was fetched very often are refused with a reason that programs can read.
#[tokio::test]
async fn requests_that_are_over_are_refused() {
    let city = City::new().await;
    let begun = Browser::default().get_json(&city.app, "/login").await.json();
    let path = request_path(begun["cross_device_link"].as_str().unwrap());
    let get = |path: &str| Request::get(path.to_owned()).body(Body::empty()).unwrap();
    let unknown = browser::send(&city.app, get("/requests/AAAAAAAAAAAAAAAAAAAAAA")).await;
    assert_eq!((unknown.status, &unknown.json()["yufu_reason"]), (404, &json!("request-unknown")));
    for _ in 0..8 {
        assert_eq!(browser::send(&city.app, get(&path)).await.status, 200);
    }
    let often = browser::send(&city.app, get(&path)).await;
    assert_eq!((often.status, &often.json()["yufu_reason"]), (410, &json!("request-fetched-too-often")));
    let begun = Browser::default().get_json(&city.app, "/login").await.json();
    city.clock.advance(120);
    let late = browser::send(&city.app, get(&request_path(begun["same_device_link"].as_str().unwrap()))).await;
    assert_eq!((late.status, &late.json()["yufu_reason"]), (410, &json!("request-expired")));
    assert_eq!(late.json()["error"], "invalid_request");
}

/// P7: a site asks for nothing while it is not registered, or registered for less.
#[tokio::test]
async fn a_site_that_is_not_registered_for_what_it_asks_begins_no_login() {
    let city = City::new().await;
    let registered = city.registration();
    let edits: [fn(&mut ledger::records::PartyRecord); 5] = [
        |party| party.purposes[0].data[0].claims.retain(|claim| claim != "id_number"),
        |party| party.purposes.clear(),
        |party| party.client_id = "x509_hash:another".into(),
        |party| party.origin = "https://evil.example".into(),
        |party| party.ledger_key = crate::city::p256(3).clone_public(),
    ];
    for edit in edits {
        let mut party = registered.clone();
        edit(&mut party);
        city.ledger.state.lock().unwrap().party = Some(party);
        city.clock.advance(10);
        let refused = Browser::default().get_json(&city.app, "/login").await;
        assert_eq!((refused.status, &refused.json()["type"]), (422, &json!("urn:yufu:problem:refused")));
    }
    city.ledger.state.lock().unwrap().party = None;
    city.clock.advance(10);
    assert_eq!(Browser::default().get(&city.app, "/login").await.status, 422);
    city.ledger.state.lock().unwrap().party = Some(registered);
    city.clock.advance(10);
    assert_eq!(Browser::default().get(&city.app, "/login").await.status, 200);
}

/// D7: without the ledger no login begins, and the page says when to come back.
#[tokio::test]
async fn while_the_ledger_is_away_the_login_page_says_so() {
    let city = City::new().await;
    city.ledger.away.store(true, std::sync::atomic::Ordering::SeqCst);
    let page = Browser::default().get(&city.app, "/login").await;
    assert_eq!((page.status, page.headers["retry-after"].to_str().unwrap()), (503, "2"));
    assert!(page.text("main").contains("账本暂时无法确认"), "{}", page.body);
    assert_eq!(Browser::default().get(&city.app, "/").await.status, 200);
}

trait ClonePublic {
    fn clone_public(&self) -> identity::PublicKey;
}

impl ClonePublic for identity::SecretKey {
    fn clone_public(&self) -> identity::PublicKey {
        identity::Signer::public_key(self)
    }
}
