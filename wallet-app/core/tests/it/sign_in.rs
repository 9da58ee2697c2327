//! Receiving by signing in, from an issuer as strict as HAIP 1.0 allows: honest first, then lying.

use std::sync::Arc;

use ledger::cell::Subject;
use ledger::records::AttestationStatus;
use url::Url;
use wallet_core::recovery::RecoverySecret;
use wallet_core::{CredentialView, Event, Language, MovedState, PendingStage, Wallet, WalletError};

use crate::city::{City, VCT, only};
use crate::haip::Haip;
use crate::provider::Provider;

/// A city whose department lets citizens sign in.
pub(crate) async fn city() -> (City, Arc<Haip>) {
    let city = City::new().await;
    let haip = Haip::start(Arc::clone(&city.issuer.shared)).await;
    let mut record = city.issuer.record();
    record.issuer_url = Some(haip.base());
    city.ledger.put(&Subject::Authority(record.id), &record, 0);
    (city, haip)
}

pub(crate) fn back() -> Url {
    "yufu-wallet://signed-in".parse().unwrap()
}

async fn receive(wallet: &Wallet, haip: &Haip) -> Result<CredentialView, WalletError> {
    wallet.authorize(&haip.offer_link(), &back()).await?;
    wallet.authorized(haip.signed_in().as_str()).await.map(only)
}

/// X036: the whole of HAIP 1.0 section 4: pushed request, PKCE, bound tokens with the nonces of both servers, a batch of distinct keys,
/// and the issuer hears that the credential arrived.
#[tokio::test]
async fn a_credential_is_received_by_signing_in() {
    let (city, haip) = city().await;
    let wallet = city.create_wallet();
    let offer = wallet.review_offer(&haip.offer_link()).await.unwrap();
    assert_eq!((offer.needs_sign_in, offer.needs_pin), (true, false));
    assert_eq!(wallet.receive(&haip.offer_link(), None).await.unwrap_err().slug(), "sign-in-needed");
    let request = wallet.authorize(&haip.offer_link(), &back()).await.unwrap();
    assert!(request.url.as_str().starts_with(&format!("{}/authorize?client_id=", haip.base())), "{}", request.url);
    assert!(!request.url.as_str().contains("state") && request.url.as_str().contains("request_uri="), "{}", request.url);
    assert_eq!(wallet.pending_issuances().unwrap()[0].stage, PendingStage::SigningIn);
    let credential = only(wallet.authorized(haip.signed_in().as_str()).await.unwrap());
    assert_eq!((credential.copies, credential.usable), (2, true));
    haip.seen(|seen| {
        let pushed = &seen.pushed[0];
        assert_eq!((pushed["scope"].as_str(), pushed["issuer_state"].as_str()), ("resident", "is-1"));
        assert_eq!((pushed["response_type"].as_str(), pushed["code_challenge_method"].as_str()), ("code", "S256"));
        assert!(!pushed.contains_key("code_verifier") && !pushed.contains_key("authorization_details"));
        assert_eq!(seen.notified[0]["event"], "credential_accepted");
        // Each server asked for its nonce once.
        assert_eq!(seen.refused, ["use_dpop_nonce"; 3], "PAR, token (a new session), credential");
        assert_eq!(seen.proofs_iss, [None, None]);
    });
    assert!(wallet.pending_issuances().unwrap().is_empty());
}

/// The wallet is closed while the citizen signs in, and dies again before the credential is stored.
#[tokio::test]
async fn signing_in_survives_a_restart_at_every_wait() {
    for waits in 0..40 {
        let (city, haip) = city().await;
        let wallet = city.create_wallet();
        wallet.authorize(&haip.offer_link(), &back()).await.unwrap();
        let wallet = city.reopen(wallet);
        let answer = haip.signed_in();
        let done = crate::crash::killed_after(waits, wallet.authorized(answer.as_str())).await;
        let wallet = city.reopen(wallet);
        if done.is_some() {
            assert!(waits > 8, "only {waits} points were tried");
            return;
        }
        let kept = wallet.credentials().unwrap();
        if kept.is_empty() {
            wallet.authorized(answer.as_str()).await.unwrap();
        }
        assert_eq!(wallet.credentials().unwrap().len(), 1, "killed after {waits} waits");
        wallet.poll_issuances().await.unwrap();
        assert_eq!(haip.seen(|seen| seen.notified.len()), 1, "told once after {waits} waits");
        assert!(wallet.pending_issuances().unwrap().is_empty());
    }
}

/// HAIP 1.0 section 4.4.1: the wallet attestation goes to the authorization server with a proof for its challenge, another one for
/// every issuance; keys are attested in their proofs.
#[tokio::test]
async fn an_attested_wallet_is_let_in_and_another_is_told() {
    let (city, haip) = city().await;
    haip.behave(|behaviour| behaviour.attested = true);
    let wallet = city.create_wallet();
    let refused = wallet.authorize(&haip.offer_link(), &back()).await.unwrap_err();
    assert_eq!(refused.slug(), "wallet-attestation-needed");
    let wallet = wallet.with_provider(Arc::new(Provider));
    receive(&wallet, &haip).await.unwrap();
    haip.seen(|seen| {
        assert_eq!(seen.proofs_iss[0].as_deref(), Some("https://provider.example/wallet"));
        assert_eq!(seen.pushed[0]["client_id"], "https://provider.example/wallet");
    });
}

/// OpenID4VCI section 10: requests and responses are encrypted where the issuer demands it, deferred ones too.
#[tokio::test]
async fn requests_and_responses_are_encrypted_where_the_issuer_demands_it() {
    let (city, haip) = city().await;
    haip.behave(|behaviour| (behaviour.encrypted, behaviour.deferred) = (true, 1));
    let wallet = city.create_wallet();
    assert_eq!(receive(&wallet, &haip).await.unwrap_err().slug(), "issuance-deferred");
    city.clock.advance(31);
    let polled = wallet.poll_issuances().await.unwrap();
    assert!(matches!(polled[0].stage, PendingStage::Received(_)), "{polled:?}");
    assert_eq!(haip.seen(|seen| seen.encrypted_requests), 2);
}

/// REL-E2: a deferred credential outlives restarts: the same transaction, the same keys, no sooner than the issuer said, with a new
/// token when the old one is over.
#[tokio::test]
async fn a_deferred_credential_is_polled_and_survives_a_restart() {
    let (city, haip) = city().await;
    haip.behave(|behaviour| (behaviour.deferred, behaviour.token_seconds) = (2, Some(20)));
    let wallet = city.create_wallet();
    let error = receive(&wallet, &haip).await.unwrap_err();
    assert_eq!(error.slug(), "issuance-deferred");
    assert!(error.sentence().en.contains("30 seconds") && error.sentence().zh.contains("30 秒"));
    let wallet = city.reopen(wallet);
    assert!(matches!(wallet.poll_issuances().await.unwrap()[0].stage, PendingStage::Waiting { .. }));
    assert_eq!(haip.seen(|seen| seen.deferred_asked), 0, "not before the interval");
    city.clock.advance(31);
    assert!(matches!(wallet.poll_issuances().await.unwrap()[0].stage, PendingStage::Waiting { .. }));
    let wallet = city.reopen(wallet);
    city.clock.advance(31);
    let polled = wallet.poll_issuances().await.unwrap();
    assert!(matches!(&polled[0].stage, PendingStage::Received(credential) if credential.copies == 2), "{polled:?}");
    haip.seen(|seen| {
        assert_eq!((seen.asked, seen.deferred_asked, seen.notified.len()), (1, 2, 1));
        assert!(seen.tokens.iter().skip(1).all(|token| token["grant_type"] == "refresh_token"));
    });
    assert!(wallet.poll_issuances().await.unwrap().is_empty());
    let events: Vec<Event> = wallet.history().unwrap().iter().map(|entry| entry.event).collect();
    assert_eq!(events, [Event::IssuanceDeferred, Event::CredentialReceived]);
}

#[tokio::test]
async fn a_deferred_credential_that_will_never_come_ends_with_a_sentence() {
    for (lie, slug, ended) in [
        ("late denial", "credential-denied", true),
        ("forgets", "issuance-unknown", true),
        ("another transaction", "bad-answer", false),
    ] {
        let (city, haip) = city().await;
        haip.behave(|behaviour| behaviour.deferred = 1);
        let wallet = city.create_wallet();
        receive(&wallet, &haip).await.unwrap_err();
        haip.behave(|behaviour| behaviour.lie = lie);
        city.clock.advance(31);
        let polled = wallet.poll_issuances().await.unwrap();
        let said = match &polled[0].stage {
            PendingStage::Ended(said) if ended => said,
            PendingStage::Unheard(said) if !ended => said,
            other => panic!("{lie}: {other:?}"),
        };
        assert_eq!(said.slug, slug);
        assert_eq!(wallet.pending_issuances().unwrap().is_empty(), ended, "{lie}");
        if ended {
            assert_eq!(wallet.history().unwrap().last().unwrap().event, Event::IssuanceEnded);
        }
    }
}

/// A credential without a scope is asked for by authorization details, and then by the identifier that the token came with.
#[tokio::test]
async fn a_credential_without_a_scope_is_asked_for_by_details() {
    let (city, haip) = city().await;
    haip.behave(|behaviour| behaviour.by_details = true);
    let wallet = city.create_wallet();
    wallet.authorize_at(&haip.base(), VCT, &back()).await.unwrap();
    wallet.authorized(haip.signed_in().as_str()).await.unwrap();
    let pushed = haip.seen(|seen| seen.pushed[0].clone());
    let details: serde_json::Value = serde_json::from_str(&pushed["authorization_details"]).unwrap();
    assert_eq!(details[0]["credential_configuration_id"], "resident-identity");
    assert!(!pushed.contains_key("scope") && !pushed.contains_key("issuer_state"));
}

/// OpenID4VCI section 12.2.3: signed metadata is believed by the city's anchors, and by nobody else.
#[tokio::test]
async fn signed_metadata_is_believed_by_the_citys_anchors_only() {
    let (city, haip) = city().await;
    haip.behave(|behaviour| behaviour.signed_metadata = true);
    let wallet = city.create_wallet();
    receive(&wallet, &haip).await.unwrap();
    for lie in ["metadata by a stranger", "metadata of another"] {
        haip.behave(|behaviour| behaviour.lie = lie);
        assert_eq!(wallet.review_offer(&haip.offer_link()).await.unwrap_err().slug(), "bad-answer", "{lie}");
    }
}

/// New single-use copies with new keys for a refresh token; a deleted credential is told to the issuer.
#[tokio::test]
async fn copies_are_renewed_and_a_deleted_credential_is_told() {
    let (city, haip) = city().await;
    let wallet = city.create_wallet();
    let first = receive(&wallet, &haip).await.unwrap();
    city.clock.advance(700);
    let renewed = wallet.renew(&first.id).await.unwrap();
    assert_eq!((renewed.id.as_str(), renewed.copies_left), (first.id.as_str(), 2));
    assert_eq!(haip.seen(|seen| seen.tokens.last().unwrap()["grant_type"].clone()), "refresh_token");
    assert_eq!(wallet.credentials().unwrap().len(), 1);
    wallet.delete_credential(&first.id).await.unwrap();
    assert!(wallet.credentials().unwrap().is_empty());
    assert_eq!(haip.seen(|seen| seen.notified.last().unwrap()["event"].clone()), "credential_deleted");
    assert_eq!(wallet.renew(&first.id).await.unwrap_err().slug(), "credential-unknown");
    let from_code = city.wallet_credential_by_code(&wallet).await;
    assert_eq!(wallet.renew(&from_code).await.unwrap_err().slug(), "renewal-not-offered");
}

/// A new phone: the grant moved with the backup, so the issuer gives new copies with new keys in one batch and without a new offer, and the
/// old phone's copies are killed. Interrupted, it goes on.
#[tokio::test]
async fn a_new_phone_gets_its_credentials_again_by_their_grants() {
    let (city, haip) = city().await;
    let old = city.create_wallet();
    old.create_identity().await.unwrap();
    let first = receive(&old, &haip).await.unwrap();
    let old_records = city.issuer.seen(|seen| seen.records.clone());
    let secret = RecoverySecret::from_words(&old.recovery_words(Language::Zh).unwrap()).unwrap();
    let backup = old.backup().unwrap();
    let new = city.create_wallet_in("new");
    new.restore(&backup, &secret).unwrap();
    new.recover().await.unwrap();
    assert_eq!(new.moved_credentials().unwrap()[0].state, MovedState::Renewable);
    city.clock.advance(700);
    city.ledger.set_away(true);
    assert!(matches!(new.rebind().await.unwrap()[0].state, MovedState::Failed(_)));
    city.ledger.set_away(false);
    drop(new);
    let new = city.unlock_in("new");
    assert_eq!(new.rebind().await.unwrap()[0].state, MovedState::Done);
    assert_eq!(haip.seen(|seen| seen.tokens.last().unwrap()["grant_type"].clone()), "refresh_token");
    let credentials = new.credentials().unwrap();
    assert_eq!((credentials.len(), credentials[0].id.as_str(), credentials[0].copies_left), (1, first.id.as_str(), 2));
    for record in old_records {
        assert_eq!(city.ledger.status(&Subject::Attestation(record)), Some(AttestationStatus::BrokenByHolder as u8));
    }
    assert!(new.moved_credentials().unwrap().is_empty());
    // The old phone cannot show what it has.
    assert!(!old.refresh_credentials().await.unwrap()[0].usable);
}

/// An issuer that is deaf now hears later, once.
#[tokio::test]
async fn a_word_that_was_not_heard_is_sent_again() {
    let (city, haip) = city().await;
    haip.behave(|behaviour| behaviour.lie = "deaf");
    let wallet = city.create_wallet();
    receive(&wallet, &haip).await.unwrap();
    haip.behave(|behaviour| behaviour.lie = "");
    let wallet = city.reopen(wallet);
    wallet.poll_issuances().await.unwrap();
    wallet.poll_issuances().await.unwrap();
    assert_eq!(haip.seen(|seen| seen.notified.len()), 1);
}

/// SEC-P4: a server that weakens what protects code and token is not gone to at all: no PKCE, no pushed request, no bound tokens, no name in its
/// answers, endpoints elsewhere, an encryption that nobody does.
#[tokio::test]
async fn a_server_that_weakens_the_flow_is_refused_before_anything_is_sent() {
    for (lie, slug) in [
        ("no PKCE", "issuer-metadata"),
        ("no PAR", "issuer-metadata"),
        ("no DPoP", "issuer-metadata"),
        ("no iss", "issuer-metadata"),
        ("elsewhere", "bad-answer"),
        ("encryption nobody does", "bad-answer"),
    ] {
        let (city, haip) = city().await;
        haip.behave(|behaviour| behaviour.lie = lie);
        let wallet = city.create_wallet();
        let error = wallet.authorize(&haip.offer_link(), &back()).await.unwrap_err();
        assert_eq!(error.slug(), slug, "{lie}");
        assert!(haip.seen(|seen| seen.pushed.is_empty()) && wallet.pending_issuances().unwrap().is_empty());
    }
}

/// SEC-P4: a token that is not bound although the server said so, nonces without end, an answer in the clear or to another key, both
/// or neither of credentials and a promise, a promise without a place: refused, and nothing is kept.
#[tokio::test]
async fn an_issuer_that_lies_after_the_sign_in_is_refused() {
    for (lie, slug) in [
        ("bearer token", "bad-answer"),
        ("endless nonces", "issuer-nonce-loop"),
        ("answers in the clear", "bad-answer"),
        ("encrypts to another key", "bad-answer"),
        ("both", "bad-answer"),
        ("neither", "bad-answer"),
        ("no deferred endpoint", "issuer-metadata"),
        ("token for another credential", "issuer-metadata"),
        ("denied", "credential-denied"),
    ] {
        let (city, haip) = city().await;
        haip.behave(|behaviour| {
            behaviour.lie = lie;
            behaviour.encrypted = lie.contains("clear") || lie.contains("another key");
            behaviour.by_details = lie == "token for another credential";
        });
        let wallet = city.create_wallet();
        let error = receive(&wallet, &haip).await.unwrap_err();
        assert_eq!(error.slug(), slug, "{lie}: {error:?}");
        assert!(wallet.credentials().unwrap().is_empty());
        assert!(haip.seen(|seen| seen.asked) <= 1, "{lie}");
    }
}

/// SEC-P4, RFC 9207: what a browser brings back is refused unless it is this server's answer to this request; after each refusal the
/// honest answer still works, and works once.
#[tokio::test]
async fn an_answer_that_is_not_the_servers_to_this_request_is_refused() {
    let (city, haip) = city().await;
    let wallet = city.create_wallet();
    wallet.authorize(&haip.offer_link(), &back()).await.unwrap();
    let honest = haip.signed_in().to_string();
    let cases = [
        ("", "sign-in-unknown"),
        ("yufu-wallet://signed-in?code=x", "sign-in-unknown"),
        ("yufu-wallet://signed-in?code=x&state=of-nobody", "sign-in-unknown"),
        (&honest.replace("iss=", "iss=https%3A%2F%2Fevil.example%2F"), "sign-in-answer-refused"),
        (honest.split("&iss=").next().unwrap(), "sign-in-answer-refused"),
        (&honest.replace("yufu-wallet://signed-in", "https://evil.example/signed-in"), "sign-in-answer-refused"),
        (&format!("{honest}&state=other"), "sign-in-answer-refused"),
        (&format!("{honest}&code=other"), "sign-in-answer-refused"),
        (&honest.replace("code=code-1&", ""), "sign-in-answer-refused"),
        // Somebody else's code under this request's state: PKCE's part.
        (&honest.replace("code-1", "code-2"), "sign-in-again"),
    ];
    for (answer, slug) in cases {
        let error = wallet.authorized(answer).await.unwrap_err();
        assert_eq!(error.slug(), slug, "{answer}");
        assert!(!error.sentence().zh.is_empty());
    }
    wallet.authorized(&honest).await.unwrap();
    assert_eq!(wallet.authorized(&honest).await.unwrap_err().slug(), "sign-in-unknown");
}

#[tokio::test]
async fn a_sign_in_that_the_citizen_ends_says_so_and_is_over() {
    let (city, haip) = city().await;
    let wallet = city.create_wallet();
    wallet.authorize(&haip.offer_link(), &back()).await.unwrap();
    let answer = haip.signed_in().to_string().replace("code=code-1", "error=access_denied");
    assert_eq!(wallet.authorized(&answer).await.unwrap_err().slug(), "sign-in-declined");
    assert!(wallet.pending_issuances().unwrap().is_empty());
}

#[tokio::test]
async fn an_issuance_can_be_forgotten() {
    let (city, haip) = city().await;
    let wallet = city.create_wallet();
    let request = wallet.authorize(&haip.offer_link(), &back()).await.unwrap();
    wallet.forget_issuance(&request.id).unwrap();
    assert_eq!(wallet.forget_issuance(&request.id).unwrap_err().slug(), "issuance-unknown-here");
    assert_eq!(wallet.authorized(haip.signed_in().as_str()).await.unwrap_err().slug(), "sign-in-unknown");
}
