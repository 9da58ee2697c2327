//! Authorization servers beside the issuer (OpenID4VCI section 12.2.4), the grants of offers (section 4.1.1), and the pre-authorized code
//! under everything that HAIP 1.0 adds.

use std::sync::Arc;

use wallet_core::{Event, PendingStage};

use crate::city::{VCT, only};
use crate::haip::TX_CODE;
use crate::provider::Provider;
use crate::sign_in::{back, city};

/// The offer names the server, or it is the one that takes the grant; either way scopes and details say which issuer they are about.
#[tokio::test]
async fn a_server_elsewhere_is_found_and_told_which_issuer_is_meant() {
    for elsewhere in ["named", "grant"] {
        for by_details in [false, true] {
            let (city, haip) = city().await;
            haip.behave(|behaviour| (behaviour.elsewhere, behaviour.by_details) = (elsewhere, by_details));
            let wallet = city.create_wallet();
            let request = wallet.authorize(&haip.offer_link(), &back()).await.unwrap();
            assert!(request.url.as_str().starts_with(haip.server()) && haip.server() != haip.base());
            wallet.authorized(haip.signed_in().as_str()).await.unwrap();
            let pushed = haip.seen(|seen| seen.pushed[0].clone());
            if by_details {
                let details: serde_json::Value = serde_json::from_str(&pushed["authorization_details"]).unwrap();
                assert_eq!(details[0]["locations"], serde_json::json!([haip.base()]));
                assert!(!pushed.contains_key("resource"));
            } else {
                assert_eq!(pushed["resource"], haip.base());
            }
        }
    }
}

#[tokio::test]
async fn a_server_that_is_none_of_the_issuers_is_refused() {
    let (city, haip) = city().await;
    haip.behave(|behaviour| (behaviour.elsewhere, behaviour.lie) = ("named", "server of nobody"));
    let wallet = city.create_wallet();
    assert_eq!(wallet.authorize(&haip.offer_link(), &back()).await.unwrap_err().slug(), "bad-answer");
    assert!(haip.seen(|seen| seen.pushed.is_empty()));
}

/// With both grants the citizen needs no browser, and may use one; without any, the server's metadata says what it takes.
#[tokio::test]
async fn an_offer_has_both_grants_or_none() {
    for (grants, needs_sign_in) in [("both", false), ("none", true), ("pre", false)] {
        let (city, haip) = city().await;
        haip.behave(|behaviour| behaviour.grants = grants);
        let wallet = city.create_wallet();
        let offer = wallet.review_offer(&haip.offer_link()).await.unwrap();
        assert_eq!((offer.needs_sign_in, offer.needs_pin), (needs_sign_in, !needs_sign_in), "{grants}");
        match wallet.authorize(&haip.offer_link(), &back()).await {
            Ok(_) => {
                wallet.authorized(haip.signed_in().as_str()).await.unwrap();
                let state = haip.seen(|seen| seen.pushed[0].get("issuer_state").cloned());
                assert_eq!(state.is_some(), grants == "both", "only the offer's own state is repeated");
            }
            Err(error) => assert_eq!((grants, error.slug()), ("pre", "offer-unusable")),
        }
        let by_code = wallet.receive(&haip.offer_link(), Some(TX_CODE)).await;
        assert_eq!(by_code.err().map(|error| error.slug()), needs_sign_in.then_some("sign-in-needed"));
    }
}

/// A code and PIN with bound tokens, both attestations, encryption and a promise at once.
#[tokio::test]
async fn a_pre_authorized_code_goes_with_all_that_haip_adds() {
    let (city, haip) = city().await;
    haip.behave(|behaviour| {
        (behaviour.grants, behaviour.attested, behaviour.encrypted, behaviour.deferred) = ("pre", true, true, 1);
    });
    let wallet = city.create_wallet().with_provider(Arc::new(Provider));
    assert_eq!(wallet.receive(&haip.offer_link(), Some("0000")).await.unwrap_err().slug(), "pin-or-offer-refused");
    assert_eq!(wallet.receive(&haip.offer_link(), Some(TX_CODE)).await.unwrap_err().slug(), "issuance-deferred");
    city.clock.advance(30);
    let polled = wallet.poll_issuances().await.unwrap();
    assert!(matches!(polled[0].stage, PendingStage::Received(_)), "{polled:?}");
    haip.seen(|seen| {
        assert_eq!((seen.encrypted_requests, seen.tokens.len(), seen.pushed.len()), (2, 1, 0));
        assert_eq!(seen.tokens[0]["client_id"], "https://provider.example/wallet");
        assert_eq!(seen.attested.len(), 4, "a wrong PIN and a right one, each after the server's nonce");
    });
}

/// HAIP 1.0 section 4: the nonce endpoint may bring the nonce of the next proof of possession, which then costs no second request.
#[tokio::test]
async fn the_nonce_endpoints_dpop_nonce_is_used() {
    for (nonce_brings, refused) in [(false, 3), (true, 2)] {
        let (city, haip) = city().await;
        haip.behave(|behaviour| behaviour.nonce_brings = nonce_brings);
        let wallet = city.create_wallet();
        wallet.authorize_at(&haip.base(), VCT, &back()).await.unwrap();
        only(wallet.authorized(haip.signed_in().as_str()).await.unwrap());
        assert_eq!(haip.seen(|seen| seen.refused.clone()), vec!["use_dpop_nonce"; refused]);
    }
}

/// Section 11: the issuer hears that its credential was not taken.
#[tokio::test]
async fn an_issuer_is_told_that_its_credential_was_refused() {
    let (city, haip) = city().await;
    city.issuer.behave(|behaviour| behaviour.tampered = true);
    let wallet = city.create_wallet();
    wallet.authorize(&haip.offer_link(), &back()).await.unwrap();
    let error = wallet.authorized(haip.signed_in().as_str()).await.unwrap_err();
    assert_eq!(error.slug(), "credential-does-not-verify");
    let notified = haip.seen(|seen| seen.notified.clone());
    assert_eq!((notified.len(), notified[0]["event"].as_str()), (1, Some("credential_failure")));
    assert_eq!(notified[0]["notification_id"], "note-1");
    assert_eq!(wallet.history().unwrap().last().unwrap().event, Event::CredentialRejected);
}
