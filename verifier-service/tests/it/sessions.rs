//! Who gets a session, and for how long.

use serde_json::json;

use crate::browser::Browser;
use crate::city::{City, PUBLIC_URL, p256};
use crate::refusals::{Begun, begin};
use crate::wallet::Answering;

async fn answered(city: &City, link: &str) -> (Begun, Option<String>) {
    let held = city.issue(&p256(0x41));
    let begun = begin(city, link).await;
    let answer = begun.request.answer(&city.app, &held, &Answering::default()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let redirect = answer.json()["redirect_uri"].as_str().map(|uri| uri.replace(PUBLIC_URL, ""));
    (begun, redirect)
}

async fn logged_in(city: &City) -> Browser {
    let (mut begun, redirect) = answered(city, "same_device_link").await;
    assert_eq!(begun.browser.get(&city.app, &redirect.unwrap()).await.location(), "/account");
    begun.browser
}

/// SEC-W1: a second browser with the same login id gets nothing: no page, no events, no session, whatever it sends.
#[tokio::test]
async fn a_second_browser_with_the_same_login_gets_nothing() {
    let city = City::new().await;
    let (mut begun, _) = answered(&city, "cross_device_link").await;
    let mut nobody = Browser::default();
    let mut other = Browser::default();
    other.get(&city.app, "/login").await;
    let login = begun.answer["login"].as_str().unwrap();
    for browser in [&mut nobody, &mut other] {
        for path in [format!("/login/{login}"), format!("/login/{login}/events"), format!("/login/{login}/complete")] {
            let answer = browser.get(&city.app, &path).await;
            assert_eq!(answer.status, 404, "{path}");
            assert!(!answer.body.contains("canary"));
        }
        assert_eq!(browser.get(&city.app, "/account").await.location(), "/login");
    }
    let complete = begun.browser.get(&city.app, begun.answer["complete"].as_str().unwrap()).await;
    assert_eq!(complete.location(), "/account");
}

/// SEC-W3: an attacker's same-device link, answered by a victim, logs the attacker in nowhere: the response code went to the
/// victim's browser, and the victim's browser has no cookie.
#[tokio::test]
async fn session_fixation_with_the_same_device_link_fails() {
    let city = City::new().await;
    let (mut attacker, redirect) = answered(&city, "same_device_link").await;
    let redirect = redirect.unwrap();
    let complete = attacker.answer["complete"].as_str().unwrap().to_owned();
    for path in
        [complete.clone(), format!("{complete}?response_code=guess"), format!("{complete}?response_code={}", "A".repeat(43))]
    {
        assert_eq!(attacker.browser.get(&city.app, &path).await.status, 403, "{path}");
    }
    assert_eq!(attacker.browser.get(&city.app, "/account").await.location(), "/login");
    let mut victim = Browser::default();
    assert_eq!(victim.get(&city.app, &redirect).await.status, 404);
    victim.get(&city.app, "/login").await;
    assert_eq!(victim.get(&city.app, &redirect).await.status, 404);
    assert_eq!(victim.get(&city.app, "/account").await.location(), "/login");
}

/// I3: the response code works once; a second session does not come of it.
#[tokio::test]
async fn a_response_code_works_once() {
    let city = City::new().await;
    let (mut begun, redirect) = answered(&city, "same_device_link").await;
    let mut copy = begun.browser.clone();
    let redirect = redirect.unwrap();
    let first = begun.browser.get(&city.app, &redirect).await;
    assert!(first.headers.get_all("set-cookie").iter().any(|c| c.to_str().unwrap().starts_with("yufu-site-session=")));
    let second = copy.get(&city.app, &redirect).await;
    assert!(second.headers.get("set-cookie").is_none());
    assert_eq!(copy.get(&city.app, "/account").await.location(), "/login");
}

/// I3: two completions at once: one session.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_completions_at_once_one_gets_a_session() {
    for _ in 0..6 {
        let city = City::new().await;
        let (begun, _) = answered(&city, "cross_device_link").await;
        let path = begun.answer["complete"].as_str().unwrap().to_owned();
        let tries = (0..6).map(|_| {
            let (mut browser, app, path) = (begun.browser.clone(), city.app.clone(), path.clone());
            tokio::spawn(async move {
                browser.get(&app, &path).await;
                browser.cookies.contains_key("yufu-site-session")
            })
        });
        let got = futures::future::join_all(tries).await.into_iter().filter(|got| *got.as_ref().unwrap()).count();
        assert_eq!(got, 1);
    }
}

/// SEC-K2: the token is new with each login, and the older session of the browser ends.
#[tokio::test]
async fn a_login_rotates_the_session() {
    let city = City::new().await;
    let mut browser = logged_in(&city).await;
    let older = browser.clone();
    let held = city.issue_with(&p256(0x41), &crate::city::Issue { serial: 2, ..Default::default() }, &city.department);
    let begun = browser.get_json(&city.app, "/login").await.json();
    let link = begun["cross_device_link"].as_str().unwrap();
    let request = crate::wallet::fetch(&city.app, link, &city.root.anchors()).await;
    assert_eq!(request.answer(&city.app, &held, &Answering::default()).await.status, 200);
    browser.get(&city.app, begun["complete"].as_str().unwrap()).await;
    assert_ne!(older.cookies["yufu-site-session"], browser.cookies["yufu-site-session"]);
    assert_eq!(browser.get(&city.app, "/account").await.status, 200);
    assert_eq!(older.clone().get(&city.app, "/account").await.location(), "/login");
}

/// SEC-K2: 15 idle minutes, 8 hours in any case; and the sweep leaves nothing behind.
#[tokio::test]
async fn a_session_ends_by_itself() {
    let city = City::new().await;
    let mut browser = logged_in(&city).await;
    city.clock.advance(14 * 60);
    assert_eq!(browser.get(&city.app, "/account").await.status, 200);
    city.clock.advance(15 * 60);
    assert_eq!(browser.get(&city.app, "/account").await.location(), "/login");

    let city = City::new().await;
    let mut browser = logged_in(&city).await;
    for _ in 0..34 {
        city.clock.advance(14 * 60);
        assert_eq!(browser.get(&city.app, "/account").await.status, 200);
    }
    city.clock.advance(5 * 60);
    assert_eq!(browser.get(&city.app, "/account").await.location(), "/login");
    verifier_service::housekeeping::sweep(&city.app).await.unwrap();
    let left: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM sessions").fetch_one(&city.app.parts.database).await.unwrap();
    assert_eq!(left, 0);
}

/// SEC-K2: logout needs a form of this very session from this very site, and then the session is gone for good.
#[tokio::test]
async fn logout_ends_the_session_and_cannot_be_forged() {
    let city = City::new().await;
    let mut browser = logged_in(&city).await;
    let csrf = browser.get(&city.app, "/account").await.attribute("input[name=csrf]", "value");
    let form = format!("csrf={csrf}");
    assert_eq!(browser.post(&city.app, "/logout", &form, "https://evil.example").await.status, 403);
    assert_eq!(browser.post(&city.app, "/logout", "csrf=guess", PUBLIC_URL).await.status, 403);
    let before = browser.clone();
    assert_eq!(browser.post(&city.app, "/logout", &form, PUBLIC_URL).await.location(), "/");
    assert!(!browser.cookies.contains_key("yufu-site-session"));
    assert_eq!(before.clone().get(&city.app, "/account").await.location(), "/login", "the token itself is dead");
}

/// A cookie that somebody planted is not taken over for a login.
#[tokio::test]
async fn a_planted_login_cookie_is_replaced() {
    let city = City::new().await;
    let mut browser = Browser::default();
    browser.cookies.insert("yufu-site-login".into(), "A".repeat(43));
    browser.get(&city.app, "/login").await;
    assert_ne!(browser.cookies["yufu-site-login"], "A".repeat(43));
    assert_eq!(city.app.parts.config.public_url.as_str(), format!("{PUBLIC_URL}/"));
}

/// Cookies are marked as they must be.
#[tokio::test]
async fn cookies_are_http_only_and_bound_to_the_host() {
    let city = City::with(|config| config.public_url = "https://tax.riverside.example".parse().unwrap()).await;
    let mut party = city.registration();
    party.origin = "https://tax.riverside.example".into();
    city.ledger.state.lock().unwrap().party = Some(party);
    let page = Browser::default().get(&city.app, "/login").await;
    let cookie = page.headers["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.starts_with("__Host-yufu-site-login="), "{cookie}");
    for attribute in ["; HttpOnly", "; Secure", "; SameSite=Lax", "; Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert_eq!(json!(page.status), 200);
}
