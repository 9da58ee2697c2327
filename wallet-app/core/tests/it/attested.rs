//! What a wallet provider says of this wallet and its keys (OpenID4VCI appendices D, E and F.3; HAIP 1.0 sections 4.4.1 and 4.5.1), and
//! what the wallet looks at before an issuer sees it.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;
use wallet_core::{CredentialView, Wallet, WalletError};

use crate::city::{City, only};
use crate::haip::Haip;
use crate::provider::{Liar, Provider};
use crate::sign_in::{back, city as signing_in};

async fn city() -> (City, Arc<Haip>) {
    let (city, haip) = signing_in().await;
    haip.behave(|behaviour| behaviour.attested = true);
    (city, haip)
}

async fn receive(wallet: &Wallet, haip: &Haip) -> Result<CredentialView, WalletError> {
    wallet.authorize(&haip.offer_link(), &back()).await?;
    wallet.authorized(haip.signed_in().as_str()).await.map(only)
}

/// "Another one for every issuance": two issuers, or one asked twice, cannot join them by the key.
#[tokio::test]
async fn each_issuance_has_a_wallet_attestation_of_its_own() {
    let (city, haip) = city().await;
    let wallet = city.create_wallet().with_provider(Arc::new(Provider));
    receive(&wallet, &haip).await.unwrap();
    let first: BTreeSet<String> = haip.seen(|seen| seen.attested.iter().cloned().collect());
    receive(&wallet, &haip).await.unwrap();
    let both: BTreeSet<String> = haip.seen(|seen| seen.attested.iter().cloned().collect());
    assert_eq!((first.len(), both.len()), (1, 2), "PAR and token of one issuance have one key, another issuance another");
}

/// A word that is for another key or client, over, forged or without its certificate goes to nobody.
#[tokio::test]
async fn a_providers_wrong_word_for_the_wallet_is_not_sent() {
    for lie in ["another key", "another client", "over", "forged", "no certificate"] {
        let (city, haip) = city().await;
        let wallet = city.create_wallet().with_provider(Arc::new(Liar(lie)));
        let error = wallet.authorize(&haip.offer_link(), &back()).await.unwrap_err();
        assert_eq!(error.slug(), "wallet-provider", "{lie}");
        assert!(haip.seen(|seen| seen.attested.is_empty() && seen.pushed.is_empty()), "{lie}");
    }
}

/// The same of keys; and a word that does not say what the issuer demands is not sent either.
#[tokio::test]
async fn a_providers_wrong_word_for_keys_is_not_sent() {
    for (lie, slug) in [
        ("other keys", "wallet-provider"),
        ("keys over", "wallet-provider"),
        ("another nonce", "wallet-provider"),
        ("silent of storage", "key-attestation-needed"),
        ("silent of the person", "key-attestation-needed"),
    ] {
        for by_attestation in [false, true] {
            let (city, haip) = city().await;
            haip.behave(|behaviour| {
                behaviour.requires = Some(json!({
                    "key_storage": ["iso_18045_moderate", "iso_18045_high"],
                    "user_authentication": ["iso_18045_high"],
                }));
                behaviour.by_attestation = by_attestation;
            });
            let wallet = city.create_wallet().with_provider(Arc::new(Liar(lie)));
            assert_eq!(receive(&wallet, &haip).await.unwrap_err().slug(), slug, "{lie}");
            assert_eq!(haip.seen(|seen| seen.asked), 0, "{lie}");
        }
    }
}

#[tokio::test]
async fn what_the_issuer_demands_of_keys_reaches_the_provider() {
    for (level, slug) in [("iso_18045_high", None), ("iso_18045_basic", Some("key-attestation-needed"))] {
        let (city, haip) = city().await;
        haip.behave(|behaviour| behaviour.requires = Some(json!({ "key_storage": [level] })));
        let wallet = city.create_wallet().with_provider(Arc::new(Provider));
        assert_eq!(receive(&wallet, &haip).await.err().map(|error| error.slug()), slug, "{level}");
    }
}

/// Appendix F.3: an issuer that takes keys by their attestation alone gets one of all keys, and the locks beside it.
#[tokio::test]
async fn keys_are_attested_without_a_proof_where_the_issuer_takes_only_that() {
    let (city, haip) = city().await;
    haip.behave(|behaviour| behaviour.by_attestation = true);
    let wallet = city.create_wallet();
    assert_eq!(wallet.authorize(&haip.offer_link(), &back()).await.unwrap_err().slug(), "wallet-attestation-needed");
    let wallet = wallet.with_provider(Arc::new(Provider));
    let credential = receive(&wallet, &haip).await.unwrap();
    assert_eq!(credential.copies, 2);
    // The locks are on the ledger: the kill works.
    assert!(!wallet.break_lock(&credential.id).await.unwrap().usable);
}

/// An issuer that does not read the locks records none that the wallet can open: no kill is promised that cannot be had.
#[tokio::test]
async fn a_credential_whose_lock_the_issuer_did_not_take_is_refused() {
    let (city, haip) = city().await;
    haip.behave(|behaviour| (behaviour.by_attestation, behaviour.deaf_to_locks) = (true, true));
    let wallet = city.create_wallet().with_provider(Arc::new(Provider));
    assert_eq!(receive(&wallet, &haip).await.unwrap_err().slug(), "attestation-differs");
    assert!(wallet.credentials().unwrap().is_empty());
}
