//! Offers of several credentials (OpenID4VCI 1.0 section 4.1.1): shown whole and received whole, with one token; what fails by itself is
//! received by itself later.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use wallet_core::recovery::RecoverySecret;
use wallet_core::{CredentialView, Event, Language, MovedState, PendingStage, Wallet, WalletError};

use crate::city::{City, MARITAL, VCT};
use crate::crash::killed_after;
use crate::haip::Haip;
use crate::issuer::PIN;
use crate::provider::Provider;
use crate::sign_in::{back, city as signing_in};

/// A city whose department offers two credentials in one offer, and one of a kind that this wallet does not take.
async fn city() -> (City, String) {
    let city = City::new().await;
    city.issuer.behave(|behaviour| behaviour.offered = vec!["resident-identity", "mdoc", "marital-status"]);
    let link = city.issuer.offer_link();
    (city, link)
}

/// The same where the citizen signs in.
async fn haip_city() -> (City, Arc<Haip>) {
    let (city, haip) = signing_in().await;
    haip.behave(|behaviour| behaviour.second = true);
    (city, haip)
}

async fn receive(wallet: &Wallet, haip: &Haip) -> Result<Vec<CredentialView>, WalletError> {
    wallet.authorize(&haip.offer_link(), &back()).await?;
    wallet.authorized(haip.signed_in().as_str()).await
}

fn types(credentials: &[CredentialView]) -> Vec<&str> {
    credentials.iter().map(|credential| credential.attestation_type.as_str()).collect()
}

#[tokio::test]
async fn an_offer_of_two_is_shown_whole_and_received_whole() {
    let (city, link) = city().await;
    let wallet = city.create_wallet();
    let offer = wallet.review_offer(&link).await.unwrap();
    let shown: Vec<&str> = offer.credentials.iter().map(|one| one.attestation_type.as_str()).collect();
    assert_eq!((shown.as_slice(), offer.needs_pin, offer.expected()), ([VCT, MARITAL].as_slice(), true, false));
    assert_eq!(wallet.receive(&link, None).await.unwrap_err().slug(), "pin-needed");
    let received = wallet.receive(&link, Some(PIN)).await.unwrap();
    assert_eq!(types(&received), [VCT, MARITAL]);
    assert!(received.iter().all(|one| (one.copies, one.usable) == (3, true)));
    let (tokens, keys) = city.issuer.seen(|seen| (seen.tokens, seen.proven_keys.concat()));
    assert_eq!((tokens, keys.len()), (1, 6));
    assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), 6, "no two copies share a key");
    assert!(wallet.pending_issuances().unwrap().is_empty());
    let received = wallet.history().unwrap().iter().filter(|entry| entry.event == Event::CredentialReceived).count();
    assert_eq!(received, 2);
}

/// Whichever fails, the other one is received; the same link then brings what is missing, with its first keys and the token that the
/// wallet has, or a new one by the refresh token: never with the code again.
#[tokio::test]
async fn one_that_fails_is_received_later_by_itself() {
    let (first, second) = ("resident-identity", "marital-status");
    for (failing, missing, refreshes, tokens) in [(first, VCT, false, 1), (second, MARITAL, false, 1), (second, MARITAL, true, 2)]
    {
        let (city, link) = city().await;
        city.issuer.behave(|behaviour| (behaviour.fails, behaviour.refreshes) = (Some(failing), refreshes));
        let wallet = city.create_wallet();
        let error = wallet.receive(&link, Some(PIN)).await.unwrap_err();
        assert_eq!(error.slug(), "issuer-invalid-credential-request");
        let kept = wallet.credentials().unwrap();
        assert!(kept.len() == 1 && kept[0].attestation_type != missing, "{failing}");
        let wallet = city.reopen(wallet);
        let pending = wallet.pending_issuances().unwrap();
        assert_eq!((pending.len(), pending[0].attestation_type.as_deref()), (1, Some(missing)));
        city.issuer.behave(|behaviour| behaviour.fails = None);
        if refreshes {
            city.clock.advance(700);
        }
        let later = wallet.receive(&link, None).await.unwrap();
        assert_eq!((types(&later), wallet.credentials().unwrap().len()), (vec![missing], 2));
        let (asked, keys) = city.issuer.seen(|seen| (seen.tokens, seen.proven_keys.clone()));
        assert_eq!((asked, keys.len()), (tokens, 3), "{failing}");
        let failed = if failing == first { &keys[0] } else { &keys[1] };
        assert_eq!(*failed, keys[2], "the same keys are proven again");
    }
}

/// REL-A3: killed at every wait, the wallet ends with both, each of them recorded once.
#[tokio::test]
async fn two_that_are_killed_at_any_wait_are_received_once_each() {
    let mut between = 0;
    for waits in 0.. {
        let (city, link) = city().await;
        let wallet = city.create_wallet();
        let done = killed_after(waits, wallet.receive(&link, Some(PIN))).await;
        let wallet = city.reopen(wallet);
        if let Some(done) = done {
            assert_eq!(done.unwrap().len(), 2);
            break;
        }
        let kept = wallet.credentials().unwrap().len();
        between += usize::from(kept == 1);
        // With a token no PIN is asked for again.
        let later = wallet.receive(&link, Some(PIN).filter(|_| kept == 0)).await.unwrap();
        assert_eq!(later.len(), 2 - kept, "killed after {waits} waits");
        let all = wallet.credentials().unwrap();
        assert_eq!(types(&all).into_iter().collect::<BTreeSet<_>>().len(), 2);
        let (keys, records) = city.issuer.seen(|seen| (seen.proven_keys.clone(), seen.records.len()));
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), 2, "the same keys after {waits} waits");
        assert_eq!(records, 6, "recorded once after {waits} waits");
        assert!(wallet.pending_issuances().unwrap().is_empty());
    }
    assert!(between > 1, "only {between} deaths were between the two");
}

#[tokio::test]
async fn an_offer_that_repeats_itself_or_is_too_long_is_refused() {
    let nine = vec!["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    for offered in [vec!["resident-identity", "resident-identity"], vec!["mdoc", "mdoc", "resident-identity"], nine] {
        let (city, link) = city().await;
        city.issuer.behave(|behaviour| behaviour.offered = offered.clone());
        let wallet = city.create_wallet();
        assert_eq!(wallet.review_offer(&link).await.unwrap_err().slug(), "offer-unusable", "{offered:?}");
        assert_eq!(wallet.receive(&link, Some(PIN)).await.unwrap_err().slug(), "offer-unusable");
        assert!(wallet.pending_issuances().unwrap().is_empty());
        assert_eq!(city.issuer.seen(|seen| seen.tokens), 0);
        let eight = offered.into_iter().collect::<BTreeSet<_>>().into_iter().take(8).collect();
        city.issuer.behave(|behaviour| behaviour.offered = eight);
        wallet.review_offer(&link).await.unwrap();
    }
}

/// One sign-in and one token for both, under one key and one wallet attestation; each is notified.
#[tokio::test]
async fn two_are_received_by_one_sign_in() {
    for attested in [false, true] {
        let (city, haip) = haip_city().await;
        haip.behave(|behaviour| behaviour.attested = attested);
        let wallet = city.create_wallet().with_provider(Arc::new(Provider));
        let request = wallet.authorize(&haip.offer_link(), &back()).await.unwrap();
        let names: Vec<&str> = request.type_names.iter().map(|name| name.en.as_str()).collect();
        assert_eq!(names, ["Resident identity", "Marital status"]);
        let pending = wallet.pending_issuances().unwrap();
        assert_eq!((pending.len(), &pending[0].id), (2, &request.id));
        assert!(pending.iter().all(|one| one.stage == PendingStage::SigningIn));
        let wallet = city.reopen(wallet).with_provider(Arc::new(Provider));
        let received = wallet.authorized(haip.signed_in().as_str()).await.unwrap();
        assert_eq!(types(&received), [VCT, MARITAL]);
        haip.seen(|seen| {
            assert_eq!((seen.pushed.len(), seen.pushed[0]["scope"].as_str()), (1, "marital resident"));
            assert_eq!((seen.tokens.len(), seen.notified.len()), (1, 2));
        });
        assert!(wallet.pending_issuances().unwrap().is_empty());
    }
}

/// Where one has no scope, all are asked for by authorization details, and each by the name that the token came with for it.
#[tokio::test]
async fn two_without_a_scope_are_asked_for_by_details() {
    let (city, haip) = haip_city().await;
    haip.behave(|behaviour| behaviour.by_details = true);
    receive(&city.create_wallet(), &haip).await.unwrap();
    haip.seen(|seen| {
        assert_eq!(
            (seen.asked_for.as_slice(), seen.tokens.len()),
            (["dataset-resident-identity", "dataset-marital-status"].map(String::from).as_slice(), 1)
        );
    });
    let (city, haip) = haip_city().await;
    haip.behave(|behaviour| behaviour.lie = "no second scope");
    receive(&city.create_wallet(), &haip).await.unwrap();
    let pushed = haip.seen(|seen| seen.pushed[0].clone());
    let details: Value = serde_json::from_str(&pushed["authorization_details"]).unwrap();
    let asked: Vec<&Value> = details.as_array().unwrap().iter().map(|one| &one["credential_configuration_id"]).collect();
    assert_eq!(asked, ["resident-identity", "marital-status"]);
    assert!(!pushed.contains_key("scope"));
}

/// A department may grant less than was asked for: the rest is over, and said.
#[tokio::test]
async fn what_the_token_is_not_for_is_over_and_the_other_is_received() {
    let (city, haip) = haip_city().await;
    haip.behave(|behaviour| (behaviour.by_details, behaviour.lie) = (true, "token for the second"));
    let wallet = city.create_wallet();
    assert_eq!(receive(&wallet, &haip).await.unwrap_err().slug(), "issuer-metadata");
    assert_eq!(types(&wallet.credentials().unwrap()), [MARITAL]);
    assert!(wallet.pending_issuances().unwrap().is_empty());
    let ended = wallet.history().unwrap().into_iter().find(|entry| entry.event == Event::IssuanceEnded);
    assert_eq!(ended.unwrap().attestation_type.as_deref(), Some(VCT));
}

/// REL-E2: one that takes longer keeps nobody waiting. It comes when the wallet asks.
#[tokio::test]
async fn a_deferred_one_does_not_keep_the_other_back() {
    let (city, haip) = haip_city().await;
    haip.behave(|behaviour| behaviour.deferred = 1);
    let wallet = city.create_wallet();
    assert_eq!(receive(&wallet, &haip).await.unwrap_err().slug(), "issuance-deferred");
    assert_eq!(types(&wallet.credentials().unwrap()), [MARITAL]);
    city.clock.advance(31);
    let polled = wallet.poll_issuances().await.unwrap();
    assert!(matches!(&polled[0].stage, PendingStage::Received(one) if one.attestation_type == VCT), "{polled:?}");
    assert_eq!((wallet.credentials().unwrap().len(), wallet.pending_issuances().unwrap().len()), (2, 0));
}

/// Both take longer, and the token that they share is over meanwhile.
#[tokio::test]
async fn two_deferred_ones_share_each_new_token() {
    let (city, haip) = haip_city().await;
    haip.behave(|behaviour| (behaviour.deferred, behaviour.defers_both, behaviour.rotates) = (1, true, true));
    let wallet = city.create_wallet();
    assert_eq!(receive(&wallet, &haip).await.unwrap_err().slug(), "issuance-deferred");
    assert_eq!(wallet.pending_issuances().unwrap().len(), 2);
    city.clock.advance(700);
    haip.behave(|behaviour| behaviour.token_seconds = Some(3));
    let polled = wallet.poll_issuances().await.unwrap();
    assert!(polled.iter().all(|one| matches!(one.stage, PendingStage::Received(_))), "{polled:?}");
    assert_eq!((polled.len(), wallet.credentials().unwrap().len()), (2, 2));
}

/// RFC 9700 section 4.14.2: a refresh token that serves once is shared by what was received with it, wherever that is now.
#[tokio::test]
async fn a_rotated_refresh_token_strands_nobody() {
    let (city, haip) = haip_city().await;
    // A token that is over at once: each of the two needs a new one to be received at all.
    haip.behave(|behaviour| (behaviour.rotates, behaviour.by_details, behaviour.token_seconds) = (true, true, Some(3)));
    let old = city.create_wallet();
    old.create_identity().await.unwrap();
    let received = receive(&old, &haip).await.unwrap();
    for credential in received.iter().chain(received.iter().rev()) {
        old.renew(&credential.id).await.unwrap();
    }
    haip.seen(|seen| {
        let refreshed: Vec<&str> = seen.tokens.iter().skip(1).map(|token| token["refresh_token"].as_str()).collect();
        assert_eq!(refreshed, ["rt-1", "rt-2", "rt-3", "rt-4", "rt-5", "rt-6"]);
        assert_eq!(seen.asked_for.len(), 6);
        assert_eq!(seen.asked_for.iter().filter(|name| *name == "dataset-marital-status").count(), 3, "each by its own name");
    });
    // And by what a backup brings to another device.
    let secret = RecoverySecret::from_words(&old.recovery_words(Language::Zh).unwrap()).unwrap();
    let new = city.create_wallet_in("new");
    new.restore(&old.backup().unwrap(), &secret).unwrap();
    new.recover().await.unwrap();
    let moved = new.rebind().await.unwrap();
    assert!(moved.len() == 2 && moved.iter().all(|one| one.state == MovedState::Done), "{moved:?}");
}

/// The issuer chooses the texts of its tokens: two offers' are not mixed up, because they are bound to other keys.
#[tokio::test]
async fn the_token_of_another_offer_is_left_alone() {
    let (city, haip) = haip_city().await;
    let wallet = city.create_wallet();
    let first = receive(&wallet, &haip).await.unwrap();
    let other = receive(&wallet, &haip).await.unwrap();
    city.clock.advance(700);
    wallet.renew(&first[0].id).await.unwrap();
    wallet.renew(&other[0].id).await.unwrap();
}

#[tokio::test]
async fn one_of_two_can_be_forgotten_and_a_declined_sign_in_ends_both() {
    let (city, haip) = haip_city().await;
    let wallet = city.create_wallet();
    let request = wallet.authorize(&haip.offer_link(), &back()).await.unwrap();
    wallet.forget_issuance(&request.id).unwrap();
    let received = wallet.authorized(haip.signed_in().as_str()).await.unwrap();
    assert_eq!(types(&received), [MARITAL]);
    wallet.authorize(&haip.offer_link(), &back()).await.unwrap();
    let declined = haip.signed_in().to_string().replace("code=code-1", "error=access_denied");
    assert_eq!(wallet.authorized(&declined).await.unwrap_err().slug(), "sign-in-declined");
    assert!(wallet.pending_issuances().unwrap().is_empty());
}

/// Section 6.2: each identifier of the token response is of another credential. All are received, each by its name and with keys of its own,
/// and renewed by the same name.
#[tokio::test]
async fn every_credential_that_a_token_names_is_received() {
    let (city, haip) = signing_in().await;
    haip.behave(|behaviour| (behaviour.by_details, behaviour.datasets) = (true, 3));
    let wallet = city.create_wallet();
    let received = receive(&wallet, &haip).await.unwrap();
    assert_eq!((types(&received), wallet.credentials().unwrap().len()), (vec![VCT; 3], 3));
    let names = ["dataset-resident-identity", "1-dataset-resident-identity", "2-dataset-resident-identity"];
    assert_eq!(haip.seen(|seen| seen.asked_for.clone()), names);
    assert!(wallet.pending_issuances().unwrap().is_empty());
    wallet.renew(&received[2].id).await.unwrap();
    assert_eq!(haip.seen(|seen| seen.asked_for.last().cloned().unwrap()), names[2]);
    // Nobody's list fills the vault.
    haip.behave(|behaviour| behaviour.datasets = 50);
    assert_eq!(receive(&wallet, &haip).await.unwrap().len(), 8);
}

/// Killed at every wait, each is there once.
#[tokio::test]
async fn several_under_one_name_are_received_once_each_whenever_the_wallet_dies() {
    for waits in (0..).step_by(3) {
        let (city, haip) = signing_in().await;
        haip.behave(|behaviour| (behaviour.by_details, behaviour.datasets) = (true, 2));
        let wallet = city.create_wallet();
        wallet.authorize(&haip.offer_link(), &back()).await.unwrap();
        let done = killed_after(waits, wallet.authorized(haip.signed_in().as_str())).await;
        let wallet = city.reopen(wallet);
        if wallet.credentials().unwrap().len() < 2 {
            wallet.authorized(haip.signed_in().as_str()).await.unwrap();
        }
        assert_eq!((wallet.credentials().unwrap().len(), wallet.pending_issuances().unwrap().len()), (2, 0), "{waits}");
        if done.is_some() {
            assert!(waits > 8, "only {waits} points were tried");
            return;
        }
    }
}
