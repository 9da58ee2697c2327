//! Credentials that take longer, while nobody asks: the open wallet asks when the issuer said, later and later where it is not heard, and
//! every promise ends.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use wallet_core::keeper::IDLE_SECONDS;
use wallet_core::{Event, IssuanceEnd, Keeper, PendingStage, Wallet, ask_when_due};

use crate::city::City;
use crate::haip::Haip;
use crate::sign_in::{back, city};

const LOOK: Duration = Duration::from_millis(5);

async fn promised(change: impl FnOnce(&mut crate::haip::Behaviour)) -> (City, Arc<Haip>, Wallet) {
    let (city, haip) = city().await;
    haip.behave(|behaviour| behaviour.deferred = 1);
    haip.behave(change);
    let wallet = city.create_wallet();
    wallet.authorize(&haip.offer_link(), &back()).await.unwrap();
    let error = wallet.authorized(haip.signed_in().as_str()).await.unwrap_err();
    assert_eq!(error.slug(), "issuance-deferred");
    (city, haip, wallet)
}

type Told = Arc<Mutex<Vec<IssuanceEnd>>>;

fn asking(keeper: &Keeper) -> (Told, tokio::task::JoinHandle<()>) {
    let told = Told::default();
    let hears = Arc::clone(&told);
    let task = tokio::spawn(ask_when_due(keeper.watch(), LOOK, move |end| hears.lock().unwrap().push(end)));
    (told, task)
}

async fn until(what: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(20), async {
        while !what() {
            tokio::time::sleep(LOOK).await;
        }
    });
    waited.await.expect("it happens");
}

/// REL-E2: nobody presses anything; the credential comes when it is due, no sooner, and is told once.
#[tokio::test]
async fn a_promise_is_asked_for_when_it_is_due_while_nobody_asks() {
    let (city, haip, wallet) = promised(|_| {}).await;
    assert_eq!(wallet.next_question().unwrap(), Some(city.clock.now() + 30));
    let keeper = Keeper::new(wallet, city.clock.clone(), IDLE_SECONDS);
    let (told, task) = asking(&keeper);
    city.clock.advance(29);
    tokio::time::sleep(LOOK * 20).await;
    assert_eq!(haip.seen(|seen| seen.deferred_asked), 0, "not before the issuer said");
    city.clock.advance(1);
    until(|| !told.lock().unwrap().is_empty()).await;
    tokio::time::sleep(LOOK * 20).await;
    assert_eq!(*told.lock().unwrap(), [IssuanceEnd::Ready]);
    let wallet = keeper.wallet().unwrap();
    assert_eq!((wallet.credentials().unwrap().len(), wallet.next_question().unwrap()), (1, None));
    drop(wallet);
    keeper.lock();
    task.await.unwrap();
}

#[tokio::test]
async fn a_refusal_while_nobody_asks_is_told_and_in_the_history() {
    let (city, _haip, wallet) = promised(|behaviour| behaviour.lie = "late denial").await;
    let keeper = Keeper::new(wallet, city.clock.clone(), IDLE_SECONDS);
    let (told, _task) = asking(&keeper);
    city.clock.advance(30);
    until(|| !told.lock().unwrap().is_empty()).await;
    assert_eq!(*told.lock().unwrap(), [IssuanceEnd::Refused]);
    let history = keeper.wallet().unwrap().history().unwrap();
    assert_eq!(history.last().unwrap().event, Event::IssuanceEnded);
}

/// Asking is no use: the wallet closes itself on time, and with it the asking ends.
#[tokio::test]
async fn asking_does_not_keep_a_wallet_open() {
    let (city, haip, wallet) = promised(|behaviour| behaviour.deferred = 100).await;
    let keeper = Keeper::new(wallet, city.clock.clone(), IDLE_SECONDS);
    let (told, task) = asking(&keeper);
    city.clock.advance(i64::from(IDLE_SECONDS) - 1);
    until(|| haip.seen(|seen| seen.deferred_asked) == 1).await;
    assert!(!keeper.tick());
    city.clock.advance(1);
    assert!(keeper.tick());
    task.await.unwrap();
    assert!(told.lock().unwrap().is_empty());
}

/// An issuer that cannot be asked is asked after a minute, two, four …, and every hour or so in the end; an answer begins anew.
#[tokio::test]
async fn an_issuer_that_is_not_heard_is_asked_later_and_later() {
    let (city, haip, wallet) = promised(|behaviour| behaviour.lie = "away").await;
    let mut wallet = wallet;
    city.clock.advance(30);
    for minutes in [1, 2, 4, 8, 16, 32, 64, 64] {
        let polled = wallet.poll_issuances().await.unwrap();
        assert!(matches!(polled[0].stage, PendingStage::Unheard(_)), "{polled:?}");
        assert_eq!(wallet.next_question().unwrap(), Some(city.clock.now() + minutes * 60));
        // Nothing is sent before, and a restart changes nothing.
        wallet = city.reopen(wallet);
        let asked = haip.seen(|seen| seen.deferred_asked);
        city.clock.advance(minutes * 60 - 1);
        assert!(matches!(wallet.poll_issuances().await.unwrap()[0].stage, PendingStage::Waiting { .. }));
        assert_eq!(haip.seen(|seen| seen.deferred_asked), asked);
        city.clock.advance(1);
    }
    haip.behave(|behaviour| (behaviour.lie, behaviour.deferred) = ("", 100));
    assert!(matches!(wallet.poll_issuances().await.unwrap()[0].stage, PendingStage::Waiting { .. }));
    city.clock.advance(30);
    haip.behave(|behaviour| behaviour.lie = "away");
    wallet.poll_issuances().await.unwrap();
    assert_eq!(wallet.next_question().unwrap(), Some(city.clock.now() + 60));
}

/// A token of which the issuer did not say when it ends may be good still: it is tried. When the issuer takes it no more, and there is
/// no other, the issuance is over, and the history says so.
#[tokio::test]
async fn a_promise_whose_token_has_no_successor_is_asked_for_or_ends() {
    for (lie, ended) in [("", false), ("token over", true)] {
        let (city, haip, wallet) = promised(|behaviour| behaviour.silent_of_tokens = true).await;
        haip.behave(|behaviour| behaviour.lie = lie);
        city.clock.advance(301);
        let polled = wallet.poll_issuances().await.unwrap();
        match &polled[0].stage {
            PendingStage::Received(_) if !ended => assert_eq!(wallet.credentials().unwrap().len(), 1),
            PendingStage::Ended(said) if ended => {
                assert_eq!(said.slug, "sign-in-again");
                let last = wallet.history().unwrap().pop().unwrap();
                assert_eq!((last.event, last.reason.as_deref()), (Event::IssuanceEnded, Some("sign-in-again")));
            }
            other => panic!("{lie}: {other:?}"),
        }
        assert!(wallet.pending_issuances().unwrap().is_empty());
        assert_eq!(haip.seen(|seen| (seen.deferred_asked, seen.tokens.len())), (1, 1), "asked once, with the only token");
    }
}

/// A refresh token that the server takes no more is no way to another token either.
#[tokio::test]
async fn a_promise_whose_refresh_token_is_void_ends_with_its_token() {
    let (city, haip, wallet) = promised(|behaviour| behaviour.rotates = true).await;
    haip.behave(|behaviour| behaviour.lie = "token over");
    // Somebody used the refresh token: the server has moved on.
    haip.use_refresh_token();
    city.clock.advance(700);
    let polled = wallet.poll_issuances().await.unwrap();
    assert!(matches!(&polled[0].stage, PendingStage::Ended(said) if said.slug == "sign-in-again"), "{polled:?}");
    assert_eq!(haip.seen(|seen| seen.deferred_asked), 1);
}
