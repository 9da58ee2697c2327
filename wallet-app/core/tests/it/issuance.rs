//! Receiving credentials from an honest department, and what retries look like to it.

use std::collections::BTreeSet;

use ledger::cell::Subject;
use ledger::records::AttestationStatus;
use ledger::transaction::{Body, Sender};
use wallet_core::{Event, PendingStage};

use crate::city::{City, VCT, only};
use crate::issuer::{PIN, claims};

/// X036, X072: three copies, each bound to a key of its own that never left the vault.
#[tokio::test]
async fn a_credential_is_received_in_copies_with_keys_of_their_own() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let credentials = wallet.credentials().unwrap();
    let credential = &credentials[0];
    assert_eq!((credential.copies, credential.copies_left, credential.usable), (3, 3, true));
    assert_eq!((credential.attestation_type.as_str(), credential.type_name.en.as_str()), (VCT, "Resident identity"));
    assert_eq!(credential.issuer_name.en, "Public security");
    let names: BTreeSet<&str> = credential.claims.iter().map(|claim| claim.name.as_str()).collect();
    assert_eq!(names, claims().keys().map(String::as_str).collect());
    let keys = city.issuer.seen(|seen| seen.proven_keys[0].clone());
    assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), 3);
    assert_eq!(wallet.history().unwrap().last().unwrap().event, Event::CredentialReceived);
}

#[tokio::test]
async fn an_offer_can_be_looked_at_without_taking_it() {
    let city = City::new().await;
    let wallet = city.create_wallet();
    let offer = wallet.review_offer(&city.issuer.offer_link()).await.unwrap();
    assert_eq!((offer.credentials[0].attestation_type.as_str(), offer.credentials.len()), (VCT, 1));
    assert_eq!((offer.needs_pin, offer.expected()), (true, false));
    assert_eq!(city.issuer.seen(|seen| seen.tokens), 0);
}

#[tokio::test]
async fn a_missing_or_wrong_pin_says_so() {
    let city = City::new().await;
    let wallet = city.create_wallet();
    let link = city.issuer.offer_link();
    assert_eq!(wallet.receive(&link, None).await.unwrap_err().slug(), "pin-needed");
    assert_eq!(city.issuer.seen(|seen| seen.tokens), 0);
    assert_eq!(wallet.receive(&link, Some("000000")).await.unwrap_err().slug(), "pin-or-offer-refused");
    assert!(wallet.pending_issuances().unwrap().is_empty(), "no keys are left of a code that may be void");
    wallet.receive(&link, Some(PIN)).await.unwrap();
}

/// REL-E1: the answer with the credentials is lost and the wallet dies; the retry proves the same keys, needs no PIN again, and
/// gets the same credentials: one attestation record per copy.
#[tokio::test]
async fn a_lost_answer_is_asked_for_again_with_the_same_keys() {
    let city = City::new().await;
    let wallet = city.create_wallet();
    city.issuer.behave(|behaviour| behaviour.lose_answers = 1);
    let credential = only(wallet.receive(&city.issuer.offer_link(), Some(PIN)).await.unwrap());
    assert_eq!(credential.copies, 3);
    let (keys, records) = city.issuer.seen(|seen| (seen.proven_keys.clone(), seen.records.len()));
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1]);
    assert_eq!(records, 3);
}

/// REL-A3: a department gives an offer until its code was used. A wallet that died then goes on with what it kept, without the PIN; one that never
/// began it is told that it is gone; and nothing of it is kept once all was received.
#[tokio::test]
async fn an_offer_that_is_given_once_is_gone_on_with() {
    let city = City::new().await;
    let wallet = city.create_wallet();
    city.issuer.behave(|behaviour| (behaviour.offers_once, behaviour.lose_answers) = (true, 1000));
    let link = city.issuer.offer_link();
    let died = std::time::Duration::from_millis(400);
    assert!(tokio::time::timeout(died, wallet.receive(&link, Some(PIN))).await.is_err());
    assert_eq!(city.issuer.seen(|seen| seen.tokens), 1);
    let stranger = city.create_wallet_in("stranger");
    assert_eq!(stranger.receive(&link, Some(PIN)).await.unwrap_err().slug(), "refused");

    city.issuer.behave(|behaviour| behaviour.lose_answers = 0);
    let wallet = city.reopen(wallet);
    assert_eq!(only(wallet.receive(&link, None).await.unwrap()).copies, 3);
    assert_eq!(city.issuer.seen(|seen| seen.tokens), 1);
    assert_eq!(wallet.receive(&link, Some(PIN)).await.unwrap_err().slug(), "refused");
}

/// REL-A1 seen from the wallet: "not yet" is waited for, an old nonce is replaced.
#[tokio::test]
async fn not_yet_is_waited_for_and_an_old_nonce_is_replaced() {
    let city = City::new().await;
    let wallet = city.create_wallet();
    city.issuer.behave(|behaviour| (behaviour.not_yet, behaviour.refuse_nonces) = (2, 1));
    wallet.receive(&city.issuer.offer_link(), Some(PIN)).await.unwrap();
    assert_eq!(city.issuer.seen(|seen| seen.tokens), 1);
}

#[tokio::test]
async fn the_ledgers_status_is_shown_when_asked_for() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    for record in city.issuer.seen(|seen| seen.records.clone()) {
        city.ledger.set_status(&Subject::Attestation(record), AttestationStatus::Revoked);
    }
    assert!(wallet.credentials().unwrap()[0].usable, "not asked yet");
    let refreshed = wallet.refresh_credentials().await.unwrap();
    assert_eq!((refreshed[0].usable, refreshed[0].status), (false, AttestationStatus::Revoked));
    let wallet = city.reopen(wallet);
    assert!(!wallet.credentials().unwrap()[0].usable, "remembered");
}

/// The holder kills a credential: every copy, each by a key of its own, without the issuer.
#[tokio::test]
async fn a_holder_kills_a_credential_without_linking_its_copies() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let id = wallet.credentials().unwrap()[0].id.clone();
    let killed = wallet.break_lock(&id).await.unwrap();
    assert_eq!((killed.usable, killed.status), (false, AttestationStatus::BrokenByHolder));
    let transactions = city.ledger.transactions();
    let breaks: Vec<_> = transactions.iter().filter(|t| matches!(t.unsigned.body, Body::BreakLock { .. })).collect();
    let senders: BTreeSet<_> = breaks.iter().map(|transaction| *transaction.unsigned.sender.key()).collect();
    assert_eq!((breaks.len(), senders.len()), (3, 3));
    assert!(breaks.iter().all(|transaction| matches!(transaction.unsigned.sender, Sender::Key(_))));
    assert_eq!(wallet.history().unwrap().last().unwrap().event, Event::CredentialKilled);
    // Again is harmless, and an unknown one is told.
    wallet.break_lock(&id).await.unwrap();
    assert_eq!(city.ledger.transactions().len(), transactions.len());
    assert_eq!(wallet.break_lock("nothing").await.unwrap_err().slug(), "credential-unknown");
}

/// Section 8.3: an issuer may issue fewer than was asked for. Each is matched with its key; the keys of the others are gone.
#[tokio::test]
async fn fewer_credentials_than_keys_are_taken() {
    for (leaves_out, copies) in [(1, 2), (2, 1)] {
        let city = City::new().await;
        let wallet = city.create_wallet();
        city.issuer.behave(|behaviour| behaviour.leaves_out = leaves_out);
        let credential = only(wallet.receive(&city.issuer.offer_link(), Some(PIN)).await.unwrap());
        assert_eq!((credential.copies, credential.copies_left), (copies, copies));
        assert!(wallet.pending_issuances().unwrap().is_empty());
        // It was kept with its own key, which is none of the first: the site takes it.
        let consent = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
        wallet.approve(&consent, None).await.unwrap();
        assert_eq!(wallet.credentials().unwrap()[0].copies_left, copies - 1);
    }
}

/// What a log or a panic would print of a credential has none of its values.
#[tokio::test]
async fn no_view_of_a_credential_prints_its_values() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let credentials = wallet.credentials().unwrap();
    let stage = PendingStage::Received(Box::new(credentials[0].clone()));
    let printed = format!("{credentials:?} {stage:?} {:?}", credentials[0].claims);
    assert!(printed.contains("family_name"));
    for (name, value) in claims() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        assert!(credentials[0].claims.iter().any(|claim| claim.value == value), "{name}");
        assert!(!printed.contains(&format!("\"{value}\"")), "{name}: {printed}");
    }
}
