//! Credential offers and the token endpoint.

use serde_json::json;

use crate::support::wallet_tools::code;
use crate::support::{Answer, World, form};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:pre-authorized_code";

#[track_caller]
fn refused(answer: &Answer, code: &str) {
    assert_eq!((answer.status, answer.error().as_str()), (400, code), "{}", answer.text());
    assert_eq!(answer.header("cache-control"), "no-store");
}

async fn post(world: &World, fields: &[(&str, &str)]) -> Answer {
    world.post("/token", "application/x-www-form-urlencoded", form(fields)).await
}

#[tokio::test]
async fn an_offer_is_given_by_reference_and_by_value() {
    let world = World::new().await;
    let (made, pin) = world.offer().await;
    assert_eq!(pin.len(), 6);
    let uri = made["credential_offer_uri"].as_str().unwrap();
    let answer = world.get(uri.trim_start_matches("http://127.0.0.1:7301")).await;
    assert_eq!(answer.json(), made["credential_offer"]);
    assert_eq!(answer.header("content-type"), "application/json");
    assert!(made["link"].as_str().unwrap().starts_with("openid-credential-offer://?credential_offer_uri=http%3A%2F%2F127.0.0.1"));
    insta::assert_json_snapshot!("offer", answer.json(), { ".grants.*[\"pre-authorized_code\"]" => "[code]" });
}

/// SEC-W2: who has the link has the code and not the PIN; three wrong PINs end the offer.
#[tokio::test]
async fn three_wrong_pins_burn_the_offer() {
    let world = World::new().await;
    let (made, pin) = world.offer().await;
    let code = code(&made["credential_offer"]);
    let wrong = if pin == "000000" { "000001" } else { "000000" };
    for _ in 0..3 {
        refused(&world.token(&code, wrong).await, "invalid_grant");
    }
    refused(&world.token(&code, &pin).await, "invalid_grant");
    let uri = made["credential_offer_uri"].as_str().unwrap();
    assert_eq!(world.get(uri.trim_start_matches("http://127.0.0.1:7301")).await.status, 410);
}

/// SEC-W2: guesses at the same time are not more than three either.
#[tokio::test]
async fn guesses_at_once_are_three_too() {
    let world = World::new().await;
    let (made, pin) = world.offer().await;
    let code = code(&made["credential_offer"]);
    let wrong = if pin == "000000" { "000001" } else { "000000" };
    let answers = futures::future::join_all((0..8).map(|_| world.token(&code, wrong))).await;
    let counted = answers.iter().filter(|a| a.text().contains("transaction code is wrong")).count();
    assert_eq!(counted, 3);
    refused(&world.token(&code, &pin).await, "invalid_grant");
}

#[tokio::test]
async fn the_right_pin_on_the_third_try_is_right() {
    let world = World::new().await;
    let (made, pin) = world.offer().await;
    let code = code(&made["credential_offer"]);
    let wrong = if pin == "000000" { "000001" } else { "000000" };
    refused(&world.token(&code, wrong).await, "invalid_grant");
    refused(&world.token(&code, wrong).await, "invalid_grant");
    let answer = world.token(&code, &pin).await;
    assert_eq!(answer.status, 200);
    insta::assert_json_snapshot!("token", answer.json(), { ".access_token" => "[token]" });
}

/// REL-I3: a code is used once, even by two at the same time, and after a restart.
#[tokio::test]
async fn a_code_is_used_once() {
    let mut world = World::new().await;
    let (made, pin) = world.offer().await;
    let code = code(&made["credential_offer"]);
    let (one, other) = tokio::join!(world.token(&code, &pin), world.token(&code, &pin));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400]);
    world.restart().await;
    refused(&world.token(&code, &pin).await, "invalid_grant");
}

#[tokio::test]
async fn an_offer_ends_after_ten_minutes() {
    let world = World::new().await;
    let (made, pin) = world.offer().await;
    let code = code(&made["credential_offer"]);
    world.clock.advance(600);
    refused(&world.token(&code, &pin).await, "invalid_grant");
    let uri = made["credential_offer_uri"].as_str().unwrap();
    assert_eq!(world.get(uri.trim_start_matches("http://127.0.0.1:7301")).await.error(), "gone");
}

/// OpenID4VCI section 6.3: each mistake has the code of the specification.
#[tokio::test]
async fn mistakes_in_token_requests_have_their_codes() {
    let world = World::new().await;
    let (made, pin) = world.offer().await;
    let code = code(&made["credential_offer"]);
    let (code, pin) = (code.as_str(), pin.as_str());
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[], "invalid_request"),
        (&[("grant_type", GRANT), ("tx_code", pin)], "invalid_request"),
        (&[("grant_type", GRANT), ("pre-authorized_code", code)], "invalid_request"),
        (&[("grant_type", "authorization_code"), ("code", code)], "unsupported_grant_type"),
        (&[("grant_type", GRANT), ("pre-authorized_code", code), ("tx_code", pin), ("tx_code", pin)], "invalid_request"),
        (&[("grant_type", GRANT), ("pre-authorized_code", "nonsense"), ("tx_code", pin)], "invalid_grant"),
        (&[("grant_type", GRANT), ("pre-authorized_code", &"A".repeat(43)), ("tx_code", pin)], "invalid_grant"),
    ];
    for (fields, error) in cases {
        refused(&post(&world, fields).await, error);
    }
    refused(&world.post("/token", "application/json", json!({ "grant_type": GRANT }).to_string()).await, "invalid_request");
    // None of these used up a try.
    assert_eq!(world.token(code, pin).await.status, 200);
}

#[tokio::test]
async fn unknown_parameters_are_ignored() {
    let world = World::new().await;
    let (made, pin) = world.offer().await;
    let code = code(&made["credential_offer"]);
    let fields = [("grant_type", GRANT), ("pre-authorized_code", &code), ("tx_code", &pin), ("client_id", "w"), ("x", "y")];
    assert_eq!(post(&world, &fields).await.status, 200);
}

/// SEC-D2: once nobody can redeem it, an offer's claims are gone from the database, sealed or not.
#[tokio::test]
async fn the_claims_of_ended_offers_are_forgotten() {
    use sqlx::Row as _;
    let world = World::new().await;
    world.offer().await;
    world.access_token().await;
    let kept = async || {
        let row = sqlx::query("SELECT COUNT(*) AS n FROM offers WHERE dataset_sealed <> ''").fetch_one(world.app.database.pool());
        row.await.unwrap().get::<i64, _>("n")
    };
    world.clock.advance(601);
    issuer_service::app::tidy_once(&world.app).await.unwrap();
    assert_eq!(kept().await, 1, "the redeemed one is still needed");
    world.clock.advance(3600);
    issuer_service::app::tidy_once(&world.app).await.unwrap();
    assert_eq!(kept().await, 0);
}
