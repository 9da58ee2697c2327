//! The clerk's console, as a browser sees it.

use crate::support::{Citizen, Clerk, PASSWORD, World, attribute, claims, count, text};

/// X058, N045: the clerk sees what was declared beside what the register says, attests, and the citizen's wallet is told.
#[tokio::test]
async fn a_clerk_sees_the_document_beside_the_register_and_attests_it() {
    let world = World::new().await;
    let citizen = Citizen::new(&world);
    let (id, token) = citizen.ask(&world).await;
    let clerk = Clerk::sign_in(&world).await;
    let list = clerk.get(&world, "/console").await.text();
    assert_eq!(attribute(&list, "a.card.row", "href"), format!("/console/requests/{id}"));
    assert!(!list.contains("canary-4711"), "the list opens no document");

    let path = format!("/console/requests/{id}");
    let page = clerk.get(&world, &path).await;
    assert_eq!(count(&page.text(), ".match.same"), claims().len());
    assert!(page.text().contains("三丰-canary-4711"));
    let portrait = clerk.get(&world, &attribute(&page.text(), "img.portrait", "src")).await;
    assert_eq!((portrait.status, portrait.header("content-type")), (200, "image/png"));
    assert_eq!(portrait.header("cache-control"), "no-store");

    let pin = clerk.attest(&world, &id).await;
    let state = world.get_as(&format!("/v1/attribute-requests/{id}"), &token).await.json();
    assert_eq!(state["state"]["state"], "attested");
    let offer = state["state"]["credential_offer_uri"].as_str().unwrap();
    let offer = world.get(offer.trim_start_matches("http://127.0.0.1:7301")).await.json();
    let answer = world.token(&crate::support::wallet_tools::code(&offer), &pin).await;
    assert_eq!(answer.status, 200);
    let page = clerk.get(&world, &path).await.text();
    assert!(page.contains("领取码已使用") && page.contains("与登记库比对一致"));
    assert!(clerk.get(&world, &format!("{path}/offer.svg")).await.text().contains("<svg"));
    // X040: every look left a trace.
    assert!(page.contains("查看材料") && page.contains("核验通过"));
}

#[tokio::test]
async fn the_register_is_a_channel_only_where_it_agrees() {
    let world = World::new().await;
    let citizen = Citizen::new(&world);
    let mut declared = claims();
    declared.insert("address".to_owned(), "别处".to_owned());
    let (id, _) = citizen.ask_with(&world, &declared).await;
    let clerk = Clerk::sign_in(&world).await;
    let page = clerk.get(&world, &format!("/console/requests/{id}")).await.text();
    assert_eq!((count(&page, ".match.different"), count(&page, "input[value=register][disabled]")), (1, 1));
    let attest = format!("/console/requests/{id}/attest");
    // The page does not offer it, and the service does not take it either.
    assert_eq!(clerk.post(&world, &attest, &[("channel", "register")]).await.status, 422);
    assert_eq!(clerk.post(&world, &attest, &[]).await.status, 422);
    assert_eq!(clerk.post(&world, &attest, &[("channel", "hearsay")]).await.status, 422);
    assert_eq!(clerk.post(&world, &attest, &[("channel", "counter")]).await.status, 303);
}

#[tokio::test]
async fn a_refusal_reaches_the_citizen_in_the_clerks_words() {
    let world = World::new().await;
    let citizen = Citizen::new(&world);
    let (id, token) = citizen.ask(&world).await;
    let clerk = Clerk::sign_in(&world).await;
    let refuse = format!("/console/requests/{id}/refuse");
    assert_eq!(clerk.post(&world, &refuse, &[("reason", "  ")]).await.status, 422);
    assert_eq!(clerk.post(&world, &refuse, &[("reason", "照片模糊，请重新拍摄 <b>canary-4714</b>")]).await.status, 303);
    let state = world.get_as(&format!("/v1/attribute-requests/{id}"), &token).await.json();
    assert_eq!(state["state"]["reason"], "照片模糊，请重新拍摄 <b>canary-4714</b>");
    let page = clerk.get(&world, &format!("/console/requests/{id}")).await.text();
    assert!(page.contains("&#60;b&#62;canary-4714") && !page.contains("<b>canary-4714"), "{page}");
    // Decided is decided.
    assert_eq!(clerk.post(&world, &refuse, &[("reason", "again")]).await.status, 409);
    let attest = format!("/console/requests/{id}/attest");
    assert_eq!(clerk.post(&world, &attest, &[("channel", "counter")]).await.status, 409);
}

#[tokio::test]
async fn two_clerks_at_once_decide_once() {
    let world = World::new().await;
    let citizen = Citizen::new(&world);
    let (id, _) = citizen.ask(&world).await;
    let (one, other) = (Clerk::sign_in(&world).await, Clerk::sign_in(&world).await);
    let path = format!("/console/requests/{id}/attest");
    let channel = [("channel", "counter")];
    let (first, second) = tokio::join!(one.post(&world, &path, &channel), other.post(&world, &path, &channel));
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 409]);
}

/// A PIN that was burnt, or an offer that ended, is not the end: the clerk makes a new one, and the old one is void.
#[tokio::test]
async fn a_new_code_replaces_the_old_one() {
    let world = World::new().await;
    let citizen = Citizen::new(&world);
    let (id, token) = citizen.ask(&world).await;
    let clerk = Clerk::sign_in(&world).await;
    let old_pin = clerk.attest(&world, &id).await;
    let offer_uri = async || {
        let state = world.get_as(&format!("/v1/attribute-requests/{id}"), &token).await.json();
        state["state"]["credential_offer_uri"].as_str().unwrap().trim_start_matches("http://127.0.0.1:7301").to_owned()
    };
    let old = offer_uri().await;
    let old_code = crate::support::wallet_tools::code(&world.get(&old).await.json());
    assert_eq!(clerk.post(&world, &format!("/console/requests/{id}/offer"), &[]).await.status, 303);
    let new = offer_uri().await;
    assert_ne!(old, new);
    assert_eq!(world.get(&old).await.status, 410);
    assert_eq!(world.token(&old_code, &old_pin).await.error(), "invalid_grant");
    let code = crate::support::wallet_tools::code(&world.get(&new).await.json());
    assert_eq!(world.token(&code, &clerk.pin(&world, &id).await).await.status, 200);
}

/// SEC-K1, SEC-D4: a wrong name and a wrong password look the same; five wrong ones lock the account from here for a while.
#[tokio::test]
async fn wrong_passwords_lock_the_account_for_a_while() {
    let world = World::new().await;
    let unknown = Clerk::try_sign_in(&world, "nobody", PASSWORD).await;
    let wrong = Clerk::try_sign_in(&world, "clerk", "wrong").await;
    assert_eq!((unknown.status, wrong.status), (401, 401));
    assert_eq!(text(&unknown.text(), ".alert"), text(&wrong.text(), ".alert"));
    for _ in 0..4 {
        assert_eq!(Clerk::try_sign_in(&world, "clerk", "wrong").await.status, 401);
    }
    assert_eq!(Clerk::try_sign_in(&world, "clerk", PASSWORD).await.status, 429);
    world.clock.advance(15 * 60);
    assert_eq!(Clerk::try_sign_in(&world, "clerk", PASSWORD).await.status, 303);
}

/// SEC-K2: a session ends when idle, when signed out, and when the clerk is no longer on the staff; its cookie is marked as it should.
#[tokio::test]
async fn sessions_end() {
    let world = World::new().await;
    let answer = Clerk::try_sign_in(&world, "clerk", PASSWORD).await;
    let cookie = answer.header("set-cookie");
    assert!(cookie.contains("HttpOnly; SameSite=Strict") && cookie.contains("Path=/"), "{cookie}");
    let clerk = Clerk::sign_in(&world).await;
    world.clock.advance(14 * 60);
    assert_eq!(clerk.get(&world, "/console").await.status, 200);
    world.clock.advance(15 * 60);
    assert_eq!(clerk.get(&world, "/console").await.header("location"), "/console/sign-in");

    let clerk = Clerk::sign_in(&world).await;
    assert_eq!(clerk.post(&world, "/console/sign-out", &[]).await.status, 303);
    assert_eq!(clerk.get(&world, "/console").await.header("location"), "/console/sign-in");
}

#[tokio::test]
async fn https_cookies_are_host_bound() {
    let world = World::with(|config| config.public_url = "https://police.example".to_owned()).await;
    let request = axum::http::Request::post("/console/sign-in")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("origin", "https://police.example")
        .body(axum::body::Body::from(crate::support::form(&[("name", "clerk"), ("password", PASSWORD)])))
        .unwrap();
    let answer = world.call(request).await;
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-yufu-console=") && cookie.contains("; Secure"), "{cookie}");
    assert_eq!(answer.header("strict-transport-security"), "max-age=31536000");
}

/// SEC-K2: forms of other sites and of other sessions do nothing.
#[tokio::test]
async fn forms_of_other_sites_and_sessions_do_nothing() {
    let world = World::new().await;
    let citizen = Citizen::new(&world);
    let (id, _) = citizen.ask(&world).await;
    let (clerk, other) = (Clerk::sign_in(&world).await, Clerk::sign_in(&world).await);
    let path = format!("/console/requests/{id}/attest");
    let (own, foreign) = (clerk.csrf(&world).await, other.csrf(&world).await);
    let here = "http://127.0.0.1:7301";
    for (origin, csrf) in [("https://evil.example", &own), ("null", &own), (here, &foreign), (here, &String::new())] {
        let fields = [("channel", "counter"), ("csrf", csrf.as_str())];
        assert_eq!(clerk.post_raw(&world, &path, origin, &fields).await.status, 403, "{origin}");
    }
    let evil = axum::http::Request::post("/console/sign-in")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("origin", "https://evil.example")
        .body(axum::body::Body::from(crate::support::form(&[("name", "clerk"), ("password", PASSWORD)])))
        .unwrap();
    assert_eq!(world.call(evil).await.status, 403);
}

#[tokio::test]
async fn nobody_sees_anything_without_signing_in() {
    let world = World::new().await;
    let citizen = Citizen::new(&world);
    let (id, _) = citizen.ask(&world).await;
    for path in [
        "/console".to_owned(),
        "/console/credentials".to_owned(),
        format!("/console/requests/{id}"),
        format!("/console/requests/{id}/portrait"),
        format!("/console/requests/{id}/offer.svg"),
    ] {
        let answer = world.get(&path).await;
        assert_eq!((answer.status, answer.header("location")), (303, "/console/sign-in"), "{path}");
    }
    let clerk = Clerk::sign_in(&world).await;
    for path in ["/console/requests/nothing-like-it", "/console/requests/%2e%2e%2fetc"] {
        assert_eq!(clerk.get(&world, path).await.status, 404, "{path}");
    }
}

/// Every page: no script, nothing inline, a policy that says so, and a language.
#[tokio::test]
async fn pages_have_nothing_inline_and_two_languages() {
    let world = World::new().await;
    let citizen = Citizen::new(&world);
    let (id, _) = citizen.ask(&world).await;
    let clerk = Clerk::sign_in(&world).await;
    clerk.attest(&world, &id).await;
    for path in [
        "/console/sign-in",
        "/console",
        "/console/credentials",
        &format!("/console/requests/{id}"),
        "/console/requests/unknown-1",
    ] {
        let page = clerk.get(&world, path).await;
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("script-src"));
        let html = page.text();
        assert_eq!(count(&html, "script, style, [style], [onclick], [onload]"), 0, "{path}");
        assert_eq!(attribute(&html, "html", "lang"), "zh-CN");
        let english = clerk.get(&world, &format!("{path}?lang=en")).await;
        assert_eq!(attribute(&english.text(), "html", "lang"), "en");
        assert_eq!(count(&html, "label:not([for]):not(.choice)"), 0);
        assert_eq!(count(&html, "img:not([alt])"), 0);
        assert!(count(&html, "main h1") == 1, "{path}");
    }
    let choice = clerk.get(&world, "/console?lang=en").await;
    assert!(choice.header("set-cookie").starts_with("yufu-lang=en"));
    assert_eq!(world.get("/console/assets/console.css").await.header("content-type"), "text/css; charset=utf-8");
    assert_eq!(world.get("/console/assets/../config.toml").await.status, 404);
}

/// What a citizen writes is text on the page, whatever it looks like.
#[tokio::test]
async fn declared_values_are_text_and_not_markup() {
    let world = World::new().await;
    let citizen = Citizen::new(&world);
    let mut declared = claims();
    declared.insert("family_name".to_owned(), "<script>alert(1)</script>".to_owned());
    declared.insert("given_name".to_owned(), "很长的名字".repeat(60));
    let (id, _) = citizen.ask_with(&world, &declared).await;
    let clerk = Clerk::sign_in(&world).await;
    let page = clerk.get(&world, &format!("/console/requests/{id}")).await.text();
    assert_eq!(count(&page, "script"), 0);
    assert!(page.contains("&#60;script&#62;alert(1)"));
}

/// REL-D7: without the ledger the document is not shown, and the page says why.
#[tokio::test]
async fn without_the_ledger_the_document_is_not_shown() {
    let world = World::new().await;
    let citizen = Citizen::new(&world);
    let (id, _) = citizen.ask(&world).await;
    let clerk = Clerk::sign_in(&world).await;
    world.ledger.away.store(true, std::sync::atomic::Ordering::SeqCst);
    let page = clerk.get(&world, &format!("/console/requests/{id}")).await;
    assert!(page.status == 200 && page.text().contains("账本暂时无法确认") && !page.text().contains("canary"));
    let attest = clerk.post(&world, &format!("/console/requests/{id}/attest"), &[("channel", "counter")]).await;
    assert_eq!(attest.status, 503);
    assert!(!attest.header("retry-after").is_empty());
}
