//! What is posted to the response endpoint: once, readable, for this request; the wallet's own refusals; races and restarts.

use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};

use crate::browser;
use crate::city::{City, NOW, p256};
use crate::refusals::{Begun, begin};
use crate::wallet::{self, Answering};

/// REL-E1, I3: the same answer again, and another answer, after it was accepted.
#[tokio::test]
async fn a_request_is_answered_once() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let begun = begin(&city, "same_device_link").await;
    let form = begun.request.form(&held, &Answering::default());
    let first = begun.request.post(&city.app, form.clone()).await;
    assert_eq!(first.status, 200);
    let other = begun.request.form(&held, &Answering { entropy: 2, ..Answering::default() });
    for (form, receipt) in [(form, first.json().get("yufu_receipt").cloned()), (other, None)] {
        let again = begun.request.post(&city.app, form).await;
        assert_eq!((again.status, &again.json()["yufu_reason"]), (410, &json!("request-answered")));
        assert_eq!(again.json().get("redirect_uri"), None);
        assert_eq!(again.json().get("yufu_receipt").cloned(), receipt, "who lost the acknowledgement still gets the receipt");
    }
    assert_eq!(city.ledger.receipts().len(), 1);
}

/// I3: the other channel's request of the same login is over too.
#[tokio::test]
async fn the_other_channel_ends_with_the_first() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let begun = begin(&city, "same_device_link").await;
    let other = wallet::fetch(&city.app, begun.answer["cross_device_link"].as_str().unwrap(), &city.root.anchors()).await;
    assert_eq!(begun.request.answer(&city.app, &held, &Answering::default()).await.status, 200);
    assert_eq!(other.answer(&city.app, &held, &Answering::default()).await.status, 410);
}

/// SEC-P3, I3: many at once, over two replicas, the same bytes and other bytes: exactly one succeeds.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_answers_at_once_exactly_one_succeeds() {
    for round in 0..8_u8 {
        let city = City::new().await;
        let replica = city.replica().await;
        let held = city.issue(&p256(0x41));
        let begun = begin(&city, "same_device_link").await;
        let answers = (0..8_u8).map(|n| {
            // Half of them are the same bytes.
            let answering = Answering { entropy: if n % 2 == 0 { 1 } else { n + 1 }, ..Answering::default() };
            let form = begun.request.form(&held, &answering);
            let app = if n % 3 == 0 { replica.clone() } else { city.app.clone() };
            let request = begun.request.clone();
            tokio::spawn(async move { request.post(&app, form).await.status })
        });
        let statuses = futures::future::join_all(answers).await;
        let statuses: Vec<u16> = statuses.into_iter().map(|status| status.unwrap()).collect();
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "round {round}: {statuses:?}");
        assert!(statuses.iter().all(|status| matches!(status, 200 | 410 | 503)), "round {round}: {statuses:?}");
        assert_eq!(city.ledger.receipts().len(), 1, "round {round}");
    }
}

/// REL-A2, I3: killed after the answer was stored and before the receipt was final; the same answer goes on, another does not.
#[tokio::test]
async fn an_answer_survives_a_restart_and_is_still_used_once() {
    let mut city = City::new().await;
    let held = city.issue(&p256(0x41));
    let Begun { mut browser, answer, request } = begin(&city, "same_device_link").await;
    let form = request.form(&held, &Answering::default());
    city.ledger.stalled.store(true, Ordering::SeqCst);
    assert_eq!(request.post(&city.app, form.clone()).await.status, 503);
    city.restart().await;
    city.ledger.stalled.store(false, Ordering::SeqCst);
    let other = request.form(&held, &Answering { entropy: 2, ..Answering::default() });
    assert_eq!(request.post(&city.app, other).await.status, 410);
    let accepted = request.post(&city.app, form.clone()).await;
    assert_eq!(accepted.status, 200, "{}", accepted.body);
    city.restart().await;
    assert_eq!(request.post(&city.app, form).await.status, 410);
    let redirect = accepted.json()["redirect_uri"].as_str().unwrap().replace("http://127.0.0.1:7300", "");
    assert_eq!(browser.get(&city.app, &redirect).await.location(), "/account");
    city.restart().await;
    assert_eq!(browser.get(&city.app, "/account").await.status, 200);
    assert_ne!(browser.get(&city.app, answer["complete"].as_str().unwrap()).await.status, 200);
}

/// REL-A2: killed before anything was answered: the wallet and the page go on as if nothing had happened.
#[tokio::test]
async fn an_open_request_survives_a_restart() {
    let mut city = City::new().await;
    let held = city.issue(&p256(0x41));
    let mut begun = begin(&city, "cross_device_link").await;
    city.restart().await;
    let code = begun.answer["match_code"].as_str().unwrap().to_owned();
    let answer = begun.request.answer(&city.app, &held, &Answering::with_match_code(&code)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    city.restart().await;
    let complete = begun.browser.get(&city.app, begun.answer["complete"].as_str().unwrap()).await;
    assert_eq!(complete.location(), "/account");
}

/// An answer that comes too late; one that came in time and is recorded a moment later is good; one much later is not.
#[tokio::test]
async fn time_runs_out() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let begun = begin(&city, "same_device_link").await;
    let form = begun.request.form(&held, &Answering::default());
    city.clock.advance(120);
    let late = begun.request.post(&city.app, form).await;
    assert_eq!((late.status, &late.json()["yufu_reason"]), (410, &json!("request-expired")));

    for (wait, status) in [(130, 200), (120 + 90, 410)] {
        let city = City::new().await;
        let held = city.issue(&p256(0x41));
        let begun = begin(&city, "same_device_link").await;
        let form = begun.request.form(&held, &Answering::default());
        city.ledger.stalled.store(true, Ordering::SeqCst);
        assert_eq!(begun.request.post(&city.app, form.clone()).await.status, 503);
        city.ledger.stalled.store(false, Ordering::SeqCst);
        city.clock.advance(wait);
        assert_eq!(begun.request.post(&city.app, form).await.status, status, "{wait} s");
    }
}

/// OpenID4VP 1.0 section 8.5: the citizen says no, in the clear or encrypted; the browser is told, and the request is over.
#[tokio::test]
async fn a_wallets_refusal_is_noted_and_shown() {
    for encrypted in [false, true] {
        for (code, shown) in
            [("access_denied", "access_denied"), ("wallet_unavailable", "wallet_unavailable"), ("<script>", "other")]
        {
            let city = City::new().await;
            let mut begun = begin(&city, "cross_device_link").await;
            let state = begun.request.text("state").to_owned();
            let form = if encrypted {
                let payload = json!({ "error": code, "state": state }).to_string();
                wallet::form(&[("response", &begun.request.encrypt_text(&payload, &Answering::default()))])
            } else {
                wallet::form(&[("error", code), ("error_description", "canary-free text"), ("state", &state)])
            };
            let answer = begun.request.post(&city.app, form.clone()).await;
            assert_eq!((answer.status, answer.json()), (200, json!({})));
            let events = begun.browser.events(&city.app, begun.answer["events"].as_str().unwrap(), 1).await;
            assert_eq!((&events[0]["stage"], &events[0]["reason"]), (&json!("declined"), &json!(shown)));
            assert_eq!(begun.request.post(&city.app, form).await.status, 410);
        }
    }
}

/// Somebody who does not know the state can neither answer nor refuse for the citizen, and uses nothing up.
#[tokio::test]
async fn an_unreadable_answer_does_not_use_the_request_up() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let begun = begin(&city, "same_device_link").await;
    let other = begin(&city, "same_device_link").await;
    let good = begun.request.form(&held, &Answering::default());
    let jwe = good.strip_prefix("response=").unwrap();
    let mut tampered = jwe.to_owned();
    tampered.replace_range(
        tampered.len() - 5..tampered.len() - 4,
        if tampered.as_bytes()[tampered.len() - 5] == b'A' { "B" } else { "A" },
    );
    let wrong_state = Answering { state: Some("guess".into()), ..Answering::default() };
    for (form, reason) in [
        (format!("response={tampered}"), "jwe-decryption-failed"),
        (other.request.form(&held, &Answering::default()), "jwe-decryption-failed"),
        (begun.request.form(&held, &wrong_state), "state-unknown"),
        ("error=access_denied&state=guess".to_owned(), "state-unknown"),
        ("error=access_denied".to_owned(), "state-unknown"),
        (format!("{good}&{good}"), "form-malformed"),
    ] {
        let answer = begun.request.post(&city.app, form).await;
        assert_eq!((answer.status, answer.json()["yufu_reason"].as_str().unwrap()), (400, reason));
    }
    assert_eq!(begun.request.post(&city.app, good).await.status, 200);
}

/// Guessing is bounded: after a few unreadable answers the request is closed, and the citizen starts again.
#[tokio::test]
async fn a_request_takes_a_few_unreadable_answers_and_no_more() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let begun = begin(&city, "same_device_link").await;
    for _ in 0..8 {
        assert_eq!(begun.request.post(&city.app, "response=x".into()).await.status, 400);
    }
    let answer = begun.request.answer(&city.app, &held, &Answering::default()).await;
    assert_eq!((answer.status, &answer.json()["yufu_reason"]), (400, &json!("too-many-unreadable-answers")));
}

/// Bounded first: a huge body, another media type, an unknown request.
#[tokio::test]
async fn a_body_that_is_no_answer() {
    let city = City::new().await;
    let begun = begin(&city, "same_device_link").await;
    let huge = begun.request.post(&city.app, "a".repeat(800 * 1024)).await;
    assert_eq!(huge.status, 413);
    let request = Request::post(begun.request.response_path())
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from("{}"))
        .unwrap();
    assert_eq!(browser::send(&city.app, request).await.status, 400);
    let request = Request::post("/responses/AAAAAAAAAAAAAAAAAAAAAA")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from("response=x"))
        .unwrap();
    assert_eq!(browser::send(&city.app, request).await.status, 404);
    assert_eq!(city.clock.now(), NOW);
}

/// The decryption key is gone from the database with the first accepted answer, and with time.
#[tokio::test]
async fn decryption_keys_are_erased() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let count = || async {
        let query = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM requests WHERE key_seed <> ''");
        query.fetch_one(&city.app.parts.database).await.unwrap()
    };
    let begun = begin(&city, "same_device_link").await;
    assert_eq!(count().await, 2);
    begun.request.answer(&city.app, &held, &Answering::default()).await;
    assert_eq!(count().await, 0);
    begin(&city, "same_device_link").await;
    city.clock.advance(120);
    verifier_service::housekeeping::sweep(&city.app).await.unwrap();
    assert_eq!(count().await, 0);
}

/// REL-E1: the wallet's connection breaks while its answer is being recorded. The browser is let in all the same, and the wallet,
/// which comes again, gets its receipt.
#[tokio::test]
async fn a_broken_connection_does_not_leave_the_browser_waiting() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let mut begun = begin(&city, "cross_device_link").await;
    let form = begun.request.form(&held, &Answering::default());
    let pause = city.ledger.pause();
    let (request, app, body) = (begun.request.clone(), city.app.clone(), form.clone());
    let posting = tokio::spawn(async move { request.post(&app, body).await.status });
    pause.reached().await;
    posting.abort();
    assert!(posting.await.is_err());
    pause.resume();
    // The stream may begin before or after the receipt is final.
    let ready = |events: &[Value]| events.last().is_some_and(|event| event["stage"] == "ready");
    let events = begun.browser.events_until(&city.app, begun.answer["events"].as_str().unwrap(), ready).await;
    assert!(ready(&events), "{events:?}");
    assert_eq!(begun.browser.get(&city.app, begun.answer["complete"].as_str().unwrap()).await.location(), "/account");
    let again = begun.request.post(&city.app, form).await;
    assert_eq!(again.status, 410);
    assert!(again.json()["yufu_receipt"]["id"].is_string());
}

/// REL-D5: the database is away: everybody is told to come back, within a moment.
#[tokio::test]
async fn while_the_database_is_away_everything_is_told_to_come_back() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let mut begun = begin(&city, "same_device_link").await;
    city.app.parts.database.close().await;
    let answer = begun.request.answer(&city.app, &held, &Answering::default()).await;
    assert_eq!((answer.status, &answer.json()["error"]), (503, &json!("temporarily_unavailable")));
    assert!(answer.headers.contains_key("retry-after"));
    for path in ["/login", "/account", begun.answer["complete"].as_str().unwrap()] {
        begun.browser.cookies.entry("yufu-site-session".into()).or_insert_with(|| "A".repeat(43));
        let page = begun.browser.get(&city.app, path).await;
        assert_eq!((page.status, page.headers.contains_key("retry-after")), (503, true), "{path}");
    }
}

/// REL-E8: one address does not take everybody's place.
#[tokio::test]
async fn one_address_is_limited() {
    let city = City::with(|config| (config.logins_per_minute, config.wallet_requests_per_minute) = (12, 12)).await;
    let begun = begin(&city, "same_device_link").await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(browser::Browser::default().get(&city.app, "/login").await.status);
        statuses.push(begun.request.post(&city.app, "response=x".into()).await.status);
    }
    assert_eq!(statuses, [200, 400, 429, 429, 429, 429]);
    city.clock.advance(5);
    assert_eq!(browser::Browser::default().get(&city.app, "/login").await.status, 200);
}
