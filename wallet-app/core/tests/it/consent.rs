//! The consent screen, approving, declining, delivering, receipts.

use identity::jose::jws::{Parsed, Policy};
use identity::sd_jwt::{Expected, KeyBindingPolicy, SdJwt};
use identity::sd_jwt_vc::{self, Demand};
use ledger::cell::Subject;
use ledger::records::AttestationStatus;
use serde_json::{Map, Value, json};
use wallet_core::{CameBy, Event, Selection, Verdict, Wallet, WalletError};

use crate::city::{City, only, p256};
use crate::issuer::PIN;
use crate::site::Served;

async fn city_and_wallet() -> (City, Wallet) {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    (city, wallet)
}

/// What the site got in its last response, verified as it would: the claims and the key binding.
fn received(city: &City) -> (Map<String, Value>, Map<String, Value>) {
    let response = city.site.seen(|seen| seen.responses.last().unwrap().clone());
    assert_eq!(response.state, "state-1");
    let presentation = response.vp_token["identity"][0].clone();
    let client_id = city.site.client_id();
    let expected = Expected { aud: &client_id, nonce: "nonce-nonce-nonce-nonce-1", max_age_seconds: 60 };
    let demand = Demand { now: city.clock.now(), leeway_seconds: 0, key_binding: KeyBindingPolicy::Required(expected) };
    let verified = sd_jwt_vc::verify(SdJwt::parse(&presentation).unwrap(), &p256(1).public_key(), &demand).unwrap();
    (verified.verified.claims, verified.verified.key_binding.unwrap())
}

/// X060, X061, SEC-W1, SEC-W4: name, origin, sponsor and purpose are the ledger's; the values are the citizen's; freshness is said.
#[tokio::test]
async fn the_consent_screen_shows_verified_facts_and_values() {
    let (city, wallet) = city_and_wallet().await;
    city.clock.advance(7);
    let view = wallet.open(&city.site.ask(&["family_name", "birth_date"])).await.unwrap().view;
    assert_eq!((view.name.zh.as_str(), view.origin.clone()), ("税务网", city.site.origin()));
    assert_eq!(
        (view.sponsor.en.as_str(), view.purpose.en.as_str(), view.retention_days),
        ("Public security", "Log in", Some(30))
    );
    let shown: Vec<_> = view.claims.iter().map(|claim| (claim.label.en.as_str(), claim.value.as_str())).collect();
    assert!(shown.contains(&("Family name", "李-canary-1")) && shown.contains(&("Date of birth", "1990-03-07")), "{shown:?}");
    assert_eq!(shown.len(), 2);
    assert_eq!((view.as_of.unwrap().height, view.seconds_ago), (42, 7));
    assert!(view.freshness.en.contains("block 42, 7 seconds ago"));
    for part in ["税务网", &city.site.origin(), "公安局", "登录", "姓", "出生日期", "30 天"] {
        assert!(view.sentence.zh.contains(part), "{part} is not in {}", view.sentence.zh);
    }
    for part in ["Tax portal", "Public security", "Log in", "Family name", "30 days"] {
        assert!(view.sentence.en.contains(part), "{part} is not in {}", view.sentence.en);
    }
    assert!(!view.sentence.zh.contains("canary"), "the sentence names claims, not values");
    assert!(view.match_codes.is_empty() && view.other_device.is_none() && view.last_time.is_none() && view.warnings.is_empty());
}

/// Opening a request sends nothing, and leaves in the history that it was asked, once.
#[tokio::test]
async fn opening_alone_releases_nothing() {
    let (city, wallet) = city_and_wallet().await;
    let before = wallet.history().unwrap();
    for _ in 0..2 {
        wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
    }
    assert_eq!(city.site.seen(|seen| seen.posted.len()), 0);
    let mut after = wallet.history().unwrap();
    let asked = after.pop().unwrap();
    assert_eq!((asked.event, asked.claims, after), (Event::Requested, vec!["family_name".to_owned()], before));
    assert_eq!(wallet.credentials().unwrap()[0].copies_left, 3);
}

/// X061: exactly the asked claims are disclosed, bound to the site, the nonce and the consent.
#[tokio::test]
async fn approving_discloses_exactly_what_was_shown() {
    let (city, wallet) = city_and_wallet().await;
    let consent = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
    let outcome = wallet.approve(&consent, None).await.unwrap();
    let (claims, binding) = received(&city);
    assert_eq!(claims["family_name"], "李-canary-1");
    for hidden in ["given_name", "id_number", "birth_date"] {
        assert!(!claims.contains_key(hidden), "{hidden}");
    }
    assert_eq!(binding["yufu_consent"].as_str().unwrap().len(), 43);
    assert!(!binding.contains_key("yufu_match_code"));
    let receipt = outcome.receipt.unwrap();
    assert_eq!((receipt.verdict, receipt.as_of.unwrap().height), (Verdict::Verified, 42));
    assert!(outcome.warnings.is_empty());
    let events: Vec<Event> = wallet.history().unwrap().iter().rev().take(2).map(|entry| entry.event).collect();
    assert_eq!(events, [Event::Released, Event::Consented]);
}

/// The history knows claim names, never values.
#[tokio::test]
async fn the_history_has_names_and_no_values() {
    let (city, wallet) = city_and_wallet().await;
    let consent = wallet.open(&city.site.ask(&["family_name", "birth_date"])).await.unwrap();
    wallet.approve(&consent, None).await.unwrap();
    let text = serde_json::to_string(&wallet.history().unwrap()).unwrap();
    assert!(text.contains("family_name"));
    assert!(!text.contains("canary") && !text.contains("1990"), "{text}");
    let receipts = serde_json::to_string(&wallet.receipts().unwrap()).unwrap();
    assert!(!receipts.contains("canary") && !receipts.contains("1990"));
}

/// SEC-W1: with match codes the citizen is told about the other device and must pick a code; the pick is signed.
#[tokio::test]
async fn a_login_on_another_device_needs_a_match_code() {
    let (city, wallet) = city_and_wallet().await;
    let mut claims = city.site.claims(&["family_name"]);
    claims["verifier_info"][0]["data"]["match_codes"] = json!(["17", "42", "88"]);
    let link = city.site.serve("1", Served::Token(city.site.sign(&claims)));
    let consent = wallet.open(&link).await.unwrap();
    assert_eq!(consent.view.match_codes, ["17", "42", "88"]);
    let note = consent.view.other_device.clone().unwrap();
    assert!(note.en.contains("another device") && note.zh.contains("另一台设备"));
    assert_eq!(wallet.approve(&consent, None).await.unwrap_err().slug(), "match-code-needed");
    assert_eq!(wallet.approve(&consent, Some("99")).await.unwrap_err().slug(), "match-code-not-offered");
    assert_eq!(city.site.seen(|seen| seen.posted.len()), 0);
    wallet.approve(&consent, Some("42")).await.unwrap();
    assert_eq!(received(&city).1["yufu_match_code"], "42");
}

#[tokio::test]
async fn declining_tells_the_site_and_releases_nothing() {
    let (city, wallet) = city_and_wallet().await;
    let consent = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
    let done = format!("{}/declined?response_code=1", city.site.origin());
    city.site.behave(|behaviour| behaviour.redirect_uri = Some(done.clone()));
    let declined = wallet.decline(&consent).await.unwrap();
    // OpenID4VP section 8.2: the browser goes on where the site says.
    assert_eq!((declined.site_told, declined.redirect_uri), (true, Some(done)));
    let posted = city.site.seen(|seen| seen.posted[0].clone());
    assert_eq!((posted["error"].as_str(), posted["state"].as_str()), ("access_denied", "state-1"));
    assert!(!posted.contains_key("response"));
    assert_eq!(wallet.history().unwrap().last().unwrap().event, Event::Declined);
    assert_eq!(wallet.credentials().unwrap()[0].copies_left, 3);
}

#[tokio::test]
async fn a_request_that_ended_on_the_screen_is_not_answered() {
    let (city, wallet) = city_and_wallet().await;
    let consent = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
    city.clock.advance(120);
    assert_eq!(wallet.approve(&consent, None).await.unwrap_err().slug(), "request-expired");
    assert_eq!(city.site.seen(|seen| seen.posted.len()), 0);
}

/// SEC-P2: a request that was answered is not answered again, opened anew or not.
#[tokio::test]
async fn a_request_is_answered_once() {
    let (city, wallet) = city_and_wallet().await;
    let link = city.site.ask(&["family_name"]);
    let consent = wallet.open(&link).await.unwrap();
    wallet.approve(&consent, None).await.unwrap();
    assert_eq!(wallet.approve(&consent, None).await.unwrap_err().slug(), "already-answered");
    let again = wallet.open(&link).await.unwrap();
    assert!(again.view.warnings[0].en.contains("answered this very request before"), "{:?}", again.view.warnings);
    assert_eq!(wallet.approve(&again, None).await.unwrap_err().slug(), "already-answered");
    assert_eq!(city.site.seen(|seen| seen.posted.len()), 1);
}

/// SEC-W1, SEC-W4: that the login is elsewhere follows from how the link came here, and not from what the site says: without codes the words
/// are only stronger. They stay when another credential is chosen.
#[tokio::test]
async fn what_was_scanned_is_a_login_elsewhere_whatever_the_site_says() {
    let (city, wallet) = city_and_wallet().await;
    let link = city.site.ask(&["family_name"]);
    let scanned = wallet.open_from(&link, CameBy::Scanned).await.unwrap();
    for consent in [&scanned, &wallet.select(&scanned, &Selection::default()).unwrap()] {
        let note = consent.view.other_device.clone().unwrap();
        assert!(note.en.starts_with("CAUTION: you are signing in to Tax portal in a browser on another device"), "{}", note.en);
        assert!(note.en.contains("nobody can check which browser") && note.zh.contains("另一台设备"));
    }
    let pasted = wallet.open_from(&link, CameBy::Pasted).await.unwrap().view.other_device.unwrap();
    assert!(pasted.en.contains("You pasted a link") && pasted.zh.contains("粘贴"));
    assert_eq!(wallet.open_from(&link, CameBy::Link).await.unwrap().view.other_device, None);
    let mut claims = city.site.claims(&["family_name"]);
    claims["verifier_info"][0]["data"]["match_codes"] = json!(["17", "42", "88"]);
    let link = city.site.serve("1", Served::Token(city.site.sign(&claims)));
    for channel in [CameBy::Scanned, CameBy::Pasted, CameBy::Link] {
        let note = wallet.open_from(&link, channel).await.unwrap().view.other_device.unwrap();
        assert!(note.en.contains("pick the code") && !note.en.contains("CAUTION"), "{}", note.en);
    }
}

/// A refusal that the site did not hear of is in the history as such.
#[tokio::test]
async fn a_decline_that_the_site_did_not_hear_is_kept() {
    let (city, wallet) = city_and_wallet().await;
    city.site.behave(|behaviour| behaviour.deaf = Some(500));
    let consent = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
    assert!(!wallet.decline(&consent).await.unwrap().site_told);
    let history = wallet.history().unwrap();
    let last: Vec<_> = history.iter().rev().take(2).map(|one| (one.event, one.consent.clone(), one.reason.clone())).collect();
    let id = Some(consent.view.id.clone());
    assert_eq!(last, [(Event::NotDelivered, id.clone(), Some("refused".to_owned())), (Event::Declined, id, None)]);
}

/// Requests that come again: the very one that was declined, and another for the same that was not given. One that was given is no reason.
#[tokio::test]
async fn a_request_that_comes_again_is_flagged() {
    let (city, wallet) = city_and_wallet().await;
    let ask = |number: u8, claims: &[&str]| {
        let mut claims = city.site.claims(claims);
        claims["nonce"] = format!("nonce-nonce-nonce-nonce-{number}").into();
        city.site.serve(&number.to_string(), Served::Token(city.site.sign(&claims)))
    };
    let first = ask(1, &["family_name"]);
    let consent = wallet.open(&first).await.unwrap();
    wallet.decline(&consent).await.unwrap();
    let again = wallet.open(&first).await.unwrap().view.warnings;
    assert!(again[0].en.contains("declined this very request before"), "{again:?}");
    city.clock.advance(119);
    let second = wallet.open(&ask(2, &["family_name"])).await.unwrap();
    assert!(second.view.warnings[0].en.contains("asked for the same 1 minute ago"), "{:?}", second.view.warnings);
    assert!(wallet.open(&ask(3, &["birth_date"])).await.unwrap().view.warnings.is_empty(), "for something else");
    city.clock.advance(700);
    let third = wallet.open(&ask(4, &["family_name"])).await.unwrap();
    assert!(third.view.warnings.iter().all(|one| !one.en.contains("asked for the same")), "long ago");
    wallet.approve(&third, None).await.unwrap();
    let fourth = wallet.open(&ask(5, &["family_name"])).await.unwrap();
    assert!(fourth.view.warnings.iter().all(|one| !one.en.contains("asked for the same")), "it was given");
}

/// Section 8.5: what is refused once it is known who asks is told to the site by the citizen's word only, with its code; what the site's own
/// address or word is wrong of is not.
#[tokio::test]
async fn a_site_is_told_why_by_the_citizens_word_only() {
    let (city, wallet) = city_and_wallet().await;
    let origin = city.site.origin();
    let done = format!("{origin}/refused");
    city.site.behave(|behaviour| behaviour.redirect_uri = Some(done.clone()));
    let unknown = crate::base64url(json!({ "type": "payment", "credential_ids": ["identity"] }).to_string().as_bytes());
    let cases = [
        ("redirect_uri", json!(format!("{origin}/done")), Some("invalid_request")),
        ("transaction_data", json!([unknown]), Some("invalid_transaction_data")),
        ("transaction_data", json!(["e30"]), Some("invalid_transaction_data")),
        ("dcql_query", json!(null), Some("invalid_request")),
        ("dcql_query", city.site.claims(&["id_number"])["dcql_query"].clone(), Some("access_denied")),
        ("response_uri", json!("https://evil.example/responses/1"), None),
        ("aud", json!("https://another-wallet.example"), None),
    ];
    for (name, value, code) in cases {
        let mut claims = city.site.claims(&["family_name"]);
        claims[name] = value.clone();
        let error = wallet.open(&city.site.serve("1", Served::Token(city.site.sign(&claims)))).await.unwrap_err();
        let WalletError::Request(error) = error else { panic!("{error:?}") };
        assert_eq!(error.refusal().map(|refusal| refusal.code()), code, "{name} = {value}");
        let before = city.site.seen(|seen| seen.posted.len());
        if let Some(refusal) = error.refusal() {
            assert_eq!((refusal.origin(), before), (origin.as_str(), city.site.seen(|seen| seen.posted.len())));
            let told = wallet.tell_site(refusal).await.unwrap();
            assert_eq!((told.site_told, told.redirect_uri.as_deref()), (true, Some(done.as_str())));
            let posted = city.site.seen(|seen| seen.posted[before].clone());
            assert_eq!((posted["error"].as_str(), posted["state"].as_str()), (code.unwrap(), "state-1"));
            assert_eq!(wallet.history().unwrap().last().unwrap().event, Event::Declined);
        }
    }
    assert_eq!(city.site.seen(|seen| seen.posted.len()), 5, "each once, and nothing before the citizen's word");
    // An address inside the request that is not the party's gets no answer, whatever else is wrong.
    let mut claims = city.site.claims(&["family_name"]);
    (claims["redirect_uri"], claims["response_uri"]) = (json!("https://a.example"), json!("https://evil.example/responses/1"));
    let error = wallet.open(&city.site.serve("1", Served::Token(city.site.sign(&claims)))).await.unwrap_err();
    assert!(matches!(error, WalletError::Request(error) if error.refusal().is_none()));
}

/// A wallet without the credential can say so: `access_denied`.
#[tokio::test]
async fn a_missing_credential_can_be_told() {
    let city = City::new().await;
    let wallet = city.create_wallet();
    let WalletError::Request(error) = wallet.open(&city.site.ask(&["family_name"])).await.unwrap_err() else { panic!() };
    assert_eq!((error.slug(), error.refusal().unwrap().code()), ("no-credential", "access_denied"));
}

/// However opening ends, the history says who asked for what, and why it ended.
#[tokio::test]
async fn every_end_of_opening_is_in_the_history() {
    let (city, wallet) = city_and_wallet().await;
    let last = |wallet: &Wallet| wallet.history().unwrap().pop().unwrap();
    for served in [Served::Status(410), Served::Status(500)] {
        wallet.open(&city.site.serve("1", served)).await.unwrap_err();
        let entry = last(&wallet);
        assert_eq!((entry.event, entry.origin), (Event::RequestFailed, Some(city.site.origin())));
    }
    // A request by value has no address but that in it.
    let token = city.site.sign(&city.site.claims(&["id_number"]));
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", &city.site.client_id())
        .append_pair("request", &token)
        .finish();
    wallet.open(&format!("openid4vp://?{query}")).await.unwrap_err();
    let entry = last(&wallet);
    assert_eq!((entry.event, entry.reason.as_deref()), (Event::RequestRefused, Some("over-asking")));
    assert_eq!((entry.origin, entry.claims), (Some(city.site.origin()), vec!["id_number".to_owned()]));
    assert_eq!(entry.claim_types, [crate::city::VCT]);
    wallet.report_site(&city.site.origin(), "It asks for more than it registered.").await.unwrap();
    city.ledger.set_away(true);
    wallet.open(&city.site.ask(&["family_name"])).await.unwrap_err();
    let entry = last(&wallet);
    assert_eq!((entry.event, entry.reason.as_deref()), (Event::RequestFailed, Some("ledger-unreachable")));
}

/// SEC-D1: no value gets into what is printed of a consent, of its view, or of a refusal.
#[tokio::test]
async fn no_value_is_printed_for_a_log() {
    let (city, wallet) = city_and_wallet().await;
    let consent = wallet.open(&city.site.ask(&["family_name", "birth_date"])).await.unwrap();
    assert!(consent.view.claims.iter().any(|claim| claim.value == "李-canary-1"));
    let mut claims = city.site.claims(&["family_name"]);
    claims["dcql_query"]["credentials"][0]["claims"][0]["values"] = json!(["another"]);
    let refused = wallet.open(&city.site.serve("2", Served::Token(city.site.sign(&claims)))).await.unwrap_err();
    let choice = Selection { sets: [(3, None)].into(), ..Selection::default() };
    let unchosen = wallet.select(&consent, &choice).unwrap_err();
    let printed = format!("{consent:?} {:?} {refused:?} {refused} {unchosen:?}", consent.view);
    assert!(printed.contains("family_name"), "{printed}");
    assert!(!printed.contains("canary") && !printed.contains("1990"), "{printed}");
}

/// Each copy is shown once; when all were, the last one is shown again, with a warning.
#[tokio::test]
async fn every_login_shows_another_copy_until_there_are_none() {
    let (city, wallet) = city_and_wallet().await;
    let mut keys = Vec::new();
    for number in 0..4 {
        let mut claims = city.site.claims(&["family_name"]);
        claims["nonce"] = format!("nonce-nonce-nonce-nonce-{number}").into();
        let link = city.site.serve("1", Served::Token(city.site.sign(&claims)));
        let consent = wallet.open(&link).await.unwrap();
        assert_eq!(consent.view.warnings.len(), usize::from(number == 3), "{:?}", consent.view.warnings);
        wallet.approve(&consent, None).await.unwrap();
        let response = city.site.seen(|seen| seen.responses.last().unwrap().clone());
        let presentation = response.vp_token["identity"][0].clone();
        let jwt = presentation.split('~').next().unwrap().to_owned();
        let payload = Parsed::parse(&jwt, &Policy::SD_JWT_VC).unwrap().unverified_payload().to_vec();
        keys.push(serde_json::from_slice::<Value>(&payload).unwrap()["cnf"]["jwk"]["x"].clone());
    }
    assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2]);
    assert_eq!(keys[2], keys[3]);
    assert_eq!(wallet.credentials().unwrap()[0].copies_left, 0);
}

/// What the site saw last time is shown, and what it asks for beyond that.
#[tokio::test]
async fn the_second_request_says_what_the_site_saw_before() {
    let (city, wallet) = city_and_wallet().await;
    let consent = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
    wallet.approve(&consent, None).await.unwrap();
    let mut claims = city.site.claims(&["family_name", "birth_date"]);
    claims["nonce"] = "nonce-nonce-nonce-nonce-2".into();
    let link = city.site.serve("1", Served::Token(city.site.sign(&claims)));
    let view = wallet.open(&link).await.unwrap().view;
    assert_eq!(view.last_time.unwrap().claims, ["family_name"]);
    assert!(view.warnings[0].en.contains("more than last time: Date of birth"), "{:?}", view.warnings);
}

/// A copy that the ledger says is revoked is not shown; when all are, the request is refused with the reason.
#[tokio::test]
async fn revoked_copies_are_not_shown() {
    let (city, wallet) = city_and_wallet().await;
    let records = city.issuer.seen(|seen| seen.records.clone());
    city.ledger.set_status(&Subject::Attestation(records[0]), AttestationStatus::Revoked);
    let link = city.site.ask(&["family_name"]);
    let consent = wallet.open(&link).await.unwrap();
    wallet.approve(&consent, None).await.unwrap();
    let (claims, _) = received(&city);
    let encoded = serde_json::to_value(records[1]).unwrap();
    assert_eq!(claims["yufu"]["record"], encoded);
    for record in records {
        city.ledger.set_status(&Subject::Attestation(record), AttestationStatus::Revoked);
    }
    let mut claims = city.site.claims(&["family_name"]);
    claims["nonce"] = "nonce-nonce-nonce-nonce-3".into();
    let link = city.site.serve("2", Served::Token(city.site.sign(&claims)));
    let error = wallet.open(&link).await.unwrap_err();
    assert_eq!(error.slug(), "no-credential");
    assert!(error.sentence().en.contains("Resident identity (revoked)"), "{}", error.sentence().en);
    assert!(error.sentence().zh.contains("居民身份"), "{}", error.sentence().zh);
}

/// A card that is not in force cannot be chosen, and the screen says which one and why; the other answers.
#[tokio::test]
async fn a_revoked_credential_is_named_with_the_reason() {
    let (city, wallet) = city_and_wallet().await;
    let first = wallet.credentials().unwrap()[0].id.clone();
    let records = city.issuer.seen(|seen| seen.records.clone());
    let second = city.wallet_credential_by_code(&wallet).await;
    for record in records {
        city.ledger.set_status(&Subject::Attestation(record), AttestationStatus::Revoked);
    }
    let view = wallet.open(&city.site.ask(&["family_name"])).await.unwrap().view;
    assert_eq!(view.questions[0].options.len(), 1);
    assert_eq!(view.questions[0].chosen, [second]);
    let hidden: Vec<(&str, &str)> = view.hidden.iter().map(|one| (one.credential.as_str(), one.reason.en.as_str())).collect();
    assert_eq!(hidden, [(first.as_str(), "revoked")]);
}

/// INV-I6: the exact sentence that was on the screen is kept, with the hash that the site's key binding carries.
#[tokio::test]
async fn the_sentence_that_was_agreed_to_is_kept_word_for_word() {
    let (city, wallet) = city_and_wallet().await;
    let consent = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
    let id = consent.view.id.clone();
    assert_eq!(wallet.agreed(&id).unwrap(), None);
    wallet.approve(&consent, None).await.unwrap();
    let agreed = wallet.agreed(&id).unwrap().unwrap();
    assert_eq!(agreed.sentence, wallet.language().of(&consent.view.sentence));
    assert_eq!(agreed.agreed_at, city.clock.now());
    let (_, key_binding) = received(&city);
    assert!(key_binding.values().any(|value| value == agreed.hash.as_str()), "{key_binding:?}");
}

/// REL-E1: a busy site and a lost answer get the same bytes again.
#[tokio::test]
async fn a_lost_answer_is_asked_for_with_the_same_bytes() {
    let (city, wallet) = city_and_wallet().await;
    city.site.behave(|behaviour| (behaviour.busy, behaviour.lose_answers) = (1, 1));
    let consent = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
    wallet.approve(&consent, None).await.unwrap();
    let posted = city.site.seen(|seen| seen.posted.clone());
    assert_eq!(posted.len(), 3);
    assert!(posted.iter().all(|body| body["response"] == posted[0]["response"]));
    assert!(wallet.unsent().unwrap().is_empty());
}

#[tokio::test]
async fn a_site_that_refuses_is_named_and_the_refusal_is_kept() {
    let (city, wallet) = city_and_wallet().await;
    city.site.behave(|behaviour| behaviour.refuse = Some((400, "invalid_request".to_owned())));
    let consent = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
    let error = wallet.approve(&consent, None).await.unwrap_err();
    assert_eq!((error.slug(), error.side()), ("refused", wallet_core::Side::Website));
    assert_eq!(wallet.history().unwrap().last().unwrap().event, Event::NotTaken);
    assert!(wallet.unsent().unwrap().is_empty());
}

#[tokio::test]
async fn receipts_are_checked_and_what_does_not_fit_is_said() {
    type Change = fn(&mut crate::site::Behaviour);
    let changes: [(Verdict, Change); 2] = [
        (Verdict::NotOnLedger, |b| b.receipt_not_on_ledger = true),
        (Verdict::AboutSomethingElse, |b| b.receipt_about_other = true),
    ];
    for (verdict, change) in changes {
        let (city, wallet) = city_and_wallet().await;
        city.site.behave(change);
        let consent = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
        let outcome = wallet.approve(&consent, None).await.unwrap();
        assert_eq!(outcome.receipt.unwrap().verdict, verdict);
        assert_eq!(outcome.warnings.len(), 1);
        assert_eq!(wallet.verify_receipts().await.unwrap()[0].verdict, verdict);
    }
    let (city, wallet) = city_and_wallet().await;
    city.site.behave(|behaviour| behaviour.no_receipt = true);
    let consent = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
    let outcome = wallet.approve(&consent, None).await.unwrap();
    assert!(outcome.receipt.is_none() && outcome.warnings[0].en.contains("no receipt"));
}

/// Receipts are checked again later; while the ledger is away the last verdict stands.
#[tokio::test]
async fn a_receipt_keeps_its_verdict_while_the_ledger_is_away() {
    let (city, wallet) = city_and_wallet().await;
    let consent = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
    wallet.approve(&consent, None).await.unwrap();
    city.ledger.set_away(true);
    let wallet = city.reopen(wallet);
    let receipts = wallet.verify_receipts().await.unwrap();
    assert_eq!((receipts[0].verdict, receipts[0].as_of.unwrap().height), (Verdict::Verified, 42));
}

/// A browser is sent nowhere but to the site that was consented to.
#[tokio::test]
async fn a_redirect_to_elsewhere_is_dropped() {
    for (uri, kept) in [("/done?response_code=1", true), ("https://evil.example/", false)] {
        let (city, wallet) = city_and_wallet().await;
        let uri = if kept { format!("{}{uri}", city.site.origin()) } else { uri.to_owned() };
        city.site.behave(|behaviour| behaviour.redirect_uri = Some(uri.clone()));
        let consent = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
        let outcome = wallet.approve(&consent, None).await.unwrap();
        assert_eq!(outcome.redirect_uri, kept.then_some(uri));
    }
}

#[tokio::test]
async fn an_old_ledger_comes_with_a_warning() {
    let (city, wallet) = city_and_wallet().await;
    city.clock.advance(600);
    let view = wallet.open(&city.site.ask(&["family_name"])).await.unwrap().view;
    assert!(view.warnings[0].en.contains("10 minutes old"), "{:?}", view.warnings);
}

/// A name on the ledger cannot break the screen.
#[tokio::test]
async fn hidden_characters_in_registered_names_are_shown_as_such() {
    let (city, wallet) = city_and_wallet().await;
    let mut party = city.party(&["family_name"]);
    party.name = identity::Localized::new("税务\u{202e}网", "Tax\nportal");
    city.register_party(&party);
    let view = wallet.open(&city.site.ask(&["family_name"])).await.unwrap().view;
    assert_eq!((view.name.zh.as_str(), view.name.en.as_str()), ("税务\u{fffd}网", "Tax\u{fffd}portal"));
    assert!(!view.sentence.en.contains('\n'));
}

/// A query for possession alone shows no claims and says so.
#[tokio::test]
async fn a_query_without_claims_shows_possession_only() {
    let (city, wallet) = city_and_wallet().await;
    let mut claims = city.site.claims(&[]);
    claims["dcql_query"]["credentials"][0].as_object_mut().unwrap().remove("claims");
    let link = city.site.serve("1", Served::Token(city.site.sign(&claims)));
    let consent = wallet.open(&link).await.unwrap();
    assert!(consent.view.claims.is_empty() && consent.view.sentence.en.contains("nothing else"));
    wallet.approve(&consent, None).await.unwrap();
    assert!(!received(&city).0.contains_key("family_name"));
}

/// Two credentials of a type: the newer one is shown.
#[tokio::test]
async fn the_newest_credential_answers() {
    let (city, wallet) = city_and_wallet().await;
    city.clock.advance(10);
    let newer = crate::issuer::offer_link(&city.issuer.base(), "2");
    let newer = only(wallet.receive(&newer, Some(PIN)).await.unwrap());
    let consent = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
    wallet.approve(&consent, None).await.unwrap();
    let left: Vec<_> = wallet.credentials().unwrap().iter().map(|one| (one.id == newer.id, one.copies_left)).collect();
    assert_eq!(left, [(true, 2), (false, 3)]);
}
