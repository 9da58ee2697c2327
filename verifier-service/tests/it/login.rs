//! Logins that succeed, over both channels.

use serde_json::json;
use verifier_service::receipts;

use crate::browser::Browser;
use crate::city::{City, claims, p256};
use crate::wallet::{self, Answering};

/// X060, X061, X063: the page shows a QR code, the wallet answers, the browser that began has a session and its receipt.
#[tokio::test]
async fn a_citizen_scans_the_qr_code_and_the_browser_that_showed_it_is_logged_in() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let mut browser = Browser::default();
    let page = browser.get(&city.app, "/login?lang=en").await;
    assert_eq!(page.status, 200, "{}", page.body);
    let login = page.attribute("#login", "data-login");
    assert_eq!(page.attribute("#login", "data-stage"), "waiting");

    let request = wallet::fetch(&city.app, &page.attribute("#qr", "data-link"), &city.root.anchors()).await;
    let registration = &request.claims["verifier_info"][0]["data"];
    assert_eq!(registration["party"], "tax-portal");
    let shown = page.text("#match-code");
    assert!(registration["match_codes"].as_array().unwrap().contains(&json!(shown)));
    let events = browser.events(&city.app, &page.attribute("#login", "data-events"), 1).await;
    assert_eq!(events[0]["stage"], "opened");

    let answer = request.answer(&city.app, &held, &Answering::with_match_code(&shown)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json().get("redirect_uri"), None, "another device's browser has nothing to go on in");
    let events = browser.events(&city.app, &page.attribute("#login", "data-events"), 1).await;
    assert_eq!(events[0]["stage"], "ready");
    let next = events[0]["next"].as_str().unwrap().to_owned();
    assert_eq!(next, format!("/login/{login}/complete"));

    let completed = browser.get(&city.app, &next).await;
    assert_eq!((completed.status, completed.location()), (303, "/account"));
    let account = browser.get(&city.app, "/account").await;
    assert_eq!(account.status, 200);
    assert_eq!(account.text("h1"), "Welcome, canary-Mei canary-Zhang");
    for name in ["family_name", "given_name", "id_number"] {
        assert!(account.body.contains(claims()[name].as_str().unwrap()), "{name}");
    }
    for name in ["birth_date", "gender", "address"] {
        assert!(!account.body.contains(claims()[name].as_str().unwrap()), "{name}");
    }
    assert_eq!(account.text("#purpose"), "Log in and handle your own taxes");
    assert_eq!(account.text("#receipt-height"), "41");
}

/// I6: what the wallet gets opens the commitment that the ledger finalized, and it is to what the citizen signed.
#[tokio::test]
async fn the_wallet_gets_the_opening_of_a_receipt_that_is_final() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let begun = Browser::default().get_json(&city.app, "/login").await.json();
    let request = wallet::fetch(&city.app, begun["cross_device_link"].as_str().unwrap(), &city.root.anchors()).await;
    let answering = Answering::with_match_code(begun["match_code"].as_str().unwrap());
    let presented = request.present(&held, &answering);
    let vp_token = json!({ "identity": [presented] });
    let answer = request.post(&city.app, wallet::form(&[("response", &request.encrypt(&vp_token, &answering))])).await;

    let accepted: wire::oid4vp::ResponseAccepted = serde_json::from_str(&answer.body).unwrap();
    let opening = accepted.yufu_receipt.unwrap();
    let on_ledger = city.ledger.receipts();
    assert_eq!(on_ledger.len(), 1);
    assert_eq!((on_ledger[0].id, on_ledger[0].commitment), (opening.id, opening.commitment));
    let key_binding = presented.rsplit('~').next().unwrap();
    let digest: [u8; 32] = <sha2::Sha256 as sha2::Digest>::digest(key_binding).into();
    assert!(opening.commitment_key.verify(ledger::transaction::RECEIPT_CONTEXT, &digest, &opening.commitment));
    let kept = receipts::store::of_login(&city.app.parts.database, begun["login"].as_str().unwrap()).await.unwrap().unwrap();
    assert_eq!(kept.opening(), opening);
    assert_eq!(kept.key_bindings, [key_binding]);
}

/// OpenID4VP 1.0 section 8.2: on the same device the wallet's redirect with its response code brings the browser back, without a match code.
#[tokio::test]
async fn on_the_same_device_the_redirect_completes_the_login() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let mut browser = Browser::default();
    let page = browser.get(&city.app, "/login").await;
    let link = page.attribute("#same-device-link", "href");
    let request = wallet::fetch(&city.app, &link, &city.root.anchors()).await;
    assert_eq!(request.claims["verifier_info"][0]["data"].get("match_codes"), None);

    let answer = request.answer(&city.app, &held, &Answering::default()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let redirect = answer.json()["redirect_uri"].as_str().unwrap().to_owned();
    let path = redirect.strip_prefix("http://127.0.0.1:7300").unwrap();
    let events = browser.events(&city.app, &page.attribute("#login", "data-events"), 1).await;
    assert_eq!((&events[0]["stage"], events[0].get("next")), (&json!("ready-in-redirect"), None));

    let completed = browser.get(&city.app, path).await;
    assert_eq!((completed.status, completed.location()), (303, "/account"));
    assert_eq!(browser.get(&city.app, "/account").await.status, 200);
}

#[tokio::test]
async fn both_content_encryptions_are_understood() {
    for enc in identity::jose::jwe::ContentEncryption::ALL {
        let city = City::new().await;
        let held = city.issue(&p256(0x41));
        let begun = Browser::default().get_json(&city.app, "/login").await.json();
        let request = wallet::fetch(&city.app, begun["same_device_link"].as_str().unwrap(), &city.root.anchors()).await;
        let answer = request.answer(&city.app, &held, &Answering { enc: *enc, ..Answering::default() }).await;
        assert_eq!(answer.status, 200, "{}", enc.name());
    }
}

/// A stranger's wallet that knows no match codes logs in when the policy lets it.
#[tokio::test]
async fn a_wallet_without_match_codes_may_log_in_by_policy() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let begun = Browser::default().get_json(&city.app, "/login").await.json();
    let request = wallet::fetch(&city.app, begun["cross_device_link"].as_str().unwrap(), &city.root.anchors()).await;
    assert_eq!(request.answer(&city.app, &held, &Answering::default()).await.status, 200);
}

/// The page without script: it reloads itself, says the same in words, and goes on when it can.
#[tokio::test]
async fn a_browser_without_script_is_led_through_by_reloading() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let mut browser = Browser::default();
    let page = browser.get(&city.app, "/login").await;
    let path = format!("/login/{}", page.attribute("#login", "data-login"));
    assert!(page.body.contains(&format!("<noscript><meta http-equiv=\"refresh\" content=\"4;url={path}\"></noscript>")));
    let request = wallet::fetch(&city.app, &page.attribute("#qr", "data-link"), &city.root.anchors()).await;
    let again = browser.get(&city.app, &path).await;
    assert_eq!(again.attribute("#login", "data-stage"), "opened");
    assert_eq!(again.text("#match-code"), page.text("#match-code"));
    let code = page.text("#match-code");
    request.answer(&city.app, &held, &Answering::with_match_code(&code)).await;
    let ready = browser.get(&city.app, &path).await;
    assert_eq!((ready.status, ready.location()), (303, format!("{path}/complete").as_str()));
}

/// Two tabs of one browser log in independently of each other.
#[tokio::test]
async fn two_tabs_of_a_browser_share_the_cookie_and_nothing_else() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let mut browser = Browser::default();
    let first = browser.get_json(&city.app, "/login").await.json();
    let cookie = browser.cookies.clone();
    let second = browser.get_json(&city.app, "/login").await.json();
    assert_eq!(cookie, browser.cookies);
    assert_ne!(first["login"], second["login"]);
    let request = wallet::fetch(&city.app, first["cross_device_link"].as_str().unwrap(), &city.root.anchors()).await;
    assert_eq!(request.answer(&city.app, &held, &Answering::default()).await.status, 200);
    let events = browser.events(&city.app, second["events"].as_str().unwrap(), 1).await;
    assert_eq!(events[0]["stage"], "waiting");
    assert_eq!(browser.get(&city.app, first["complete"].as_str().unwrap()).await.location(), "/account");
}
