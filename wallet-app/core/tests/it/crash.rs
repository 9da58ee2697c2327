//! REL-A3: the wallet dies at any moment. A story is dropped at its n-th wait, as a killed process would drop it, and the wallet is
//! opened again from its disk.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use wallet_core::{Event, Wallet};

use crate::city::{City, only};
use crate::issuer::PIN;

/// Runs a future until it has waited `waits` times, then drops it; `Some` if it ended before.
struct KilledAfter<F> {
    story: Pin<Box<F>>,
    waits: u32,
}

impl<F: Future> Future for KilledAfter<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.story.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if self.waits == 0 => Poll::Ready(None),
            Poll::Pending => {
                self.waits -= 1;
                Poll::Pending
            }
        }
    }
}

pub(crate) async fn killed_after<F: Future>(waits: u32, story: F) -> Option<F::Output> {
    KilledAfter { story: Box::pin(story), waits }.await
}

/// Killed at every wait of an issuance: key and credential both or neither, and the retry ends with one credential whose copies
/// were recorded once.
#[tokio::test]
async fn an_issuance_killed_at_any_wait_leaves_no_orphan() {
    let mut deaths = 0;
    for waits in 0.. {
        let city = City::new().await;
        let wallet = city.create_wallet();
        let link = city.issuer.offer_link();
        let done = killed_after(waits, wallet.receive(&link, Some(PIN))).await;
        let wallet = city.reopen(wallet);
        if let Some(done) = done {
            done.unwrap();
            assert_eq!(wallet.credentials().unwrap().len(), 1);
            break;
        }
        deaths += 1;
        assert!(wallet.credentials().unwrap().is_empty(), "killed after {waits} waits");
        let credential = only(wallet.receive(&link, Some(PIN)).await.unwrap());
        assert_eq!((credential.copies_left, wallet.credentials().unwrap().len()), (3, 1));
        let (keys, records) = city.issuer.seen(|seen| (seen.proven_keys.clone(), seen.records.len()));
        assert!(keys.iter().all(|proven| *proven == keys[0]), "the same keys after {waits} waits");
        assert_eq!(records, 3, "recorded once after {waits} waits");
        // The credential can be shown: its keys are there.
        let consent = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
        wallet.approve(&consent, None).await.unwrap();
    }
    assert!(deaths > 4, "only {deaths} points were tried");
}

/// INV-I6: killed at every wait of an approval: nothing was posted without a kept consent; the consent is shown again; the same
/// bytes go out; a delivered response is never posted as another one.
#[tokio::test]
async fn a_presentation_killed_at_any_wait_has_its_consent_and_is_shown_again() {
    let mut deaths = 0;
    for waits in 0.. {
        let city = City::new().await;
        let wallet = city.wallet_with_credential().await;
        let link = city.site.ask(&["family_name"]);
        let consent = wallet.open(&link).await.unwrap();
        let done = killed_after(waits, wallet.approve(&consent, None)).await;
        let wallet = city.reopen(wallet);
        let consented = |wallet: &Wallet| wallet.history().unwrap().iter().any(|entry| entry.event == Event::Consented);
        let posted = || city.site.seen(|seen| seen.posted.clone());
        assert!(posted().is_empty() || consented(&wallet), "killed after {waits} waits");
        if done.is_some() {
            break;
        }
        deaths += 1;
        let again = wallet.open(&link).await.unwrap();
        match wallet.approve(&again, None).await {
            Ok(_) => {}
            // It was delivered, and the answer was stored before the wallet died.
            Err(error) => {
                assert_eq!(error.slug(), "already-answered");
                assert!(wallet.history().unwrap().iter().any(|entry| entry.event == Event::Released), "after {waits} waits");
            }
        }
        assert!(posted().iter().all(|body| body["response"] == posted()[0]["response"]), "killed after {waits} waits");
        assert_eq!(wallet.credentials().unwrap()[0].copies_left, 2, "one copy was used");
        assert!(wallet.unsent().unwrap().is_empty());
    }
    assert!(deaths > 0);
}

/// Killed at every wait of making an identity: one identity, the first keys.
#[tokio::test]
async fn an_identity_killed_at_any_wait_is_created_once() {
    for waits in 0..6 {
        let city = City::new().await;
        let wallet = city.create_wallet();
        let done = killed_after(waits, wallet.create_identity()).await;
        let before = wallet.identity().unwrap();
        let wallet = city.reopen(wallet);
        let identity = wallet.create_identity().await.unwrap();
        assert!(before.is_none_or(|before| before.did == identity.did));
        assert_eq!(city.ledger.transactions().len(), 1);
        if done.is_some() {
            break;
        }
    }
}
