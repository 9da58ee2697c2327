//! REL-E3 and the rule that nothing spins: clocks that jump, waits that end, and what is shown without a network.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use wallet_core::{Event, Patience, Side, Slow, Verdict, Wallet};

use crate::city::City;
use crate::issuer::PIN;

/// Small limits: what is tested is the order of things and not how long they take.
fn hasty() -> Patience {
    Patience { slow_after: Duration::from_millis(40), story: Duration::from_millis(400), ledger: Duration::from_millis(200) }
}

fn listening(wallet: Wallet, patience: Patience) -> (Wallet, Arc<Mutex<Vec<Slow>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ears = Arc::clone(&heard);
    let wallet =
        wallet.with_patience(patience).with_progress(Arc::new(move |slow: &Slow| ears.lock().unwrap().push(slow.clone())));
    (wallet, heard)
}

#[test]
fn the_wallet_says_so_after_ten_seconds() {
    let patience = Patience::default();
    assert_eq!(patience.slow_after, Duration::from_secs(10));
    assert!(patience.ledger < patience.story);
}

/// A ledger that is silent is said to be slow, by name, and given up with an error that loses nothing.
#[tokio::test]
async fn a_silent_ledger_is_named_and_given_up() {
    let city = City::new().await;
    let (wallet, heard) = listening(city.create_wallet(), hasty());
    city.ledger.silent.store(true, Ordering::SeqCst);
    let error = wallet.create_identity().await.unwrap_err();
    assert_eq!((error.slug(), error.side()), ("ledger-silent", Side::Ledger));
    let before = wallet.identity().unwrap().unwrap();
    let slow = heard.lock().unwrap().clone();
    assert!(slow.iter().all(|slow| slow.side == Side::Ledger) && !slow.is_empty(), "{slow:?}");
    assert!(slow[0].sentence.en.contains("the ledger") && slow[0].sentence.zh.contains("账本"));
    city.ledger.silent.store(false, Ordering::SeqCst);
    let identity = wallet.create_identity().await.unwrap();
    assert_eq!(identity.did, before.did, "it goes on with the same keys");
}

/// A department that takes its time is what is waited for, and the story ends with its name; called again, it goes on.
#[tokio::test]
async fn a_slow_department_is_named_and_given_up() {
    let city = City::new().await;
    let (wallet, heard) = listening(city.create_wallet(), hasty());
    city.issuer.behave(|behaviour| behaviour.not_yet = 1000);
    let link = city.issuer.offer_link();
    let error = wallet.receive(&link, Some(PIN)).await.unwrap_err();
    assert_eq!((error.slug(), error.side()), ("waited-too-long", Side::Department));
    assert!(heard.lock().unwrap().iter().any(|slow| slow.side == Side::Department));
    let last = wallet.history().unwrap().pop().unwrap();
    assert_eq!((last.event, last.reason.as_deref()), (Event::IssuanceFailed, Some("waited-too-long")));
    city.issuer.behave(|behaviour| behaviour.not_yet = 0);
    let wallet = wallet.with_patience(Patience::default());
    wallet.receive(&link, Some(PIN)).await.unwrap();
    assert_eq!(city.issuer.seen(|seen| seen.tokens), 1, "the token was kept");
}

/// What is quick says nothing.
#[tokio::test]
async fn what_is_quick_says_nothing() {
    let city = City::new().await;
    let long = Duration::from_secs(600);
    let (wallet, heard) = listening(city.create_wallet(), Patience { slow_after: long, story: 3 * long, ledger: long });
    wallet.create_identity().await.unwrap();
    wallet.receive(&city.issuer.offer_link(), Some(PIN)).await.unwrap();
    assert!(heard.lock().unwrap().is_empty());
}

/// X036: without any network the wallet shows what it has, each answer with its age, and tells what it cannot do now.
#[tokio::test]
async fn everything_is_shown_without_a_network_with_its_age() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let consent = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
    wallet.approve(&consent, None).await.unwrap();
    city.ledger.set_away(true);
    city.clock.advance(720);
    let wallet = city.reopen(wallet);
    let credentials = wallet.credentials().unwrap();
    assert_eq!(credentials[0].freshness.as_ref().unwrap().en, "Confirmed on the ledger as of block 42, 720 seconds ago.");
    let receipts = wallet.verify_receipts().await.unwrap();
    assert_eq!((receipts[0].verdict, receipts[0].as_of.unwrap().height), (Verdict::Verified, 42));
    assert!(receipts[0].freshness.as_ref().unwrap().zh.contains("720 秒前"));
    assert!(wallet.history().unwrap().iter().any(|entry| entry.event == Event::Released));
    assert!(wallet.identity().unwrap().unwrap().as_of.is_some());
}

/// Without the ledger a site that asked before is known as of its block, and is shown what it may be shown, with a warning that says how old
/// that is. After a day that is too old, and who never asked is not known at all.
#[tokio::test]
async fn a_known_site_is_shown_without_a_ledger_for_a_day() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let login = |number: u32| {
        let mut claims = city.site.claims(&["family_name"]);
        claims["nonce"] = format!("nonce-of-the-login-number-{number}").into();
        city.site.serve(&number.to_string(), crate::site::Served::Token(city.site.sign(&claims)))
    };
    city.ledger.set_away(true);
    let error = wallet.open(&login(1)).await.unwrap_err();
    assert_eq!(error.slug(), "ledger-unreachable", "it never asked");
    assert!(error.sentence().en.contains("Nothing is lost"));
    city.ledger.set_away(false);
    let consent = wallet.open(&login(2)).await.unwrap();
    assert!(consent.view.warnings.is_empty(), "{:?}", consent.view.warnings);

    city.ledger.set_away(true);
    let wallet = city.reopen(wallet);
    city.clock.advance(3 * 3600);
    let consent = wallet.open(&login(3)).await.unwrap();
    assert_eq!((consent.view.as_of.unwrap().height, consent.view.seconds_ago), (42, 3 * 3600));
    assert!(consent.view.warnings.iter().any(|warning| warning.en.contains("3 hours old")), "{:?}", consent.view.warnings);
    let outcome = wallet.approve(&consent, None).await.unwrap();
    assert_eq!(outcome.receipt.unwrap().verdict, Verdict::Unchecked);
    assert_eq!(city.site.seen(|seen| seen.posted.len()), 1);
    // The other side of the day.
    city.clock.advance(21 * 3600 + 1);
    assert_eq!(wallet.open(&login(4)).await.unwrap_err().slug(), "ledger-unreachable");
    // Kept answers that do not hold any more are none, however young.
    city.clock.advance(-21 * 3600);
    city.ledger.distrust_proofs(true);
    assert_eq!(wallet.open(&login(5)).await.unwrap_err().slug(), "ledger-unreachable");
    city.ledger.distrust_proofs(false);
    // What the ledger says now counts, and not what it said.
    city.ledger.set_away(false);
    city.register_party(&city.party(&["birth_date"]));
    assert_eq!(wallet.open(&login(6)).await.unwrap_err().slug(), "over-asking");
}

/// REL-E3: five minutes and a day, forwards and back. Nothing that is over is accepted, and nothing is lost.
#[tokio::test]
async fn a_clock_that_jumps_accepts_nothing_wrong() {
    for jump in [300, -300, 86_400, -86_400] {
        let city = City::new().await;
        let wallet = city.wallet_with_credential().await;
        let token = city.site.claims(&["family_name"]);
        let link = city.site.serve("1", crate::site::Served::Token(city.site.sign(&token)));
        city.clock.advance(jump);
        let refused = wallet.open(&link).await.unwrap_err();
        assert_eq!(refused.slug(), if jump > 0 { "request-expired" } else { "request-time" }, "{jump}");
        assert_eq!(city.site.seen(|seen| seen.posted.len()), 0);
        // Back to the right time everything goes on.
        city.clock.advance(-jump);
        let consent = wallet.open(&link).await.unwrap();
        wallet.approve(&consent, None).await.unwrap();
    }
}
