//! Looking back: everything that happened, for a file.

use serde_json::Value;
use wallet_core::{Event, Verdict, Wallet};

use crate::city::City;

/// A wallet that showed something; gives the consent.
pub(crate) async fn released(city: &City) -> (Wallet, String) {
    let wallet = city.wallet_with_credential().await;
    let consent = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
    let outcome = wallet.approve(&consent, None).await.unwrap();
    (wallet, outcome.consent)
}

/// X036, T008: requests, releases, refusals, failures, issuances, deletions: all of it, in order, by names and never by values.
#[tokio::test]
async fn everything_is_in_the_history_in_order() {
    let city = City::new().await;
    let (wallet, consent) = released(&city).await;
    // A refusal by the wallet, one by the citizen, a failure, a deletion.
    city.register_party(&city.party(&["birth_date"]));
    wallet.open(&city.site.ask(&["family_name"])).await.unwrap_err();
    let mut other = city.site.claims(&["birth_date"]);
    other["nonce"] = "another-nonce-another-nonce".into();
    let asked = wallet.open(&city.site.serve("2", crate::site::Served::Token(city.site.sign(&other)))).await.unwrap();
    wallet.decline(&asked).await.unwrap();
    wallet.receive(&crate::issuer::offer_link(&city.issuer.base(), "9"), Some("000000")).await.unwrap_err();
    wallet.request_deletion(&consent).await.unwrap();
    let export = wallet.export_history().unwrap();
    let events: Vec<Event> = export.entries.iter().map(|entry| entry.event).collect();
    assert_eq!(
        events,
        [
            Event::IdentityCreated,
            Event::CredentialReceived,
            Event::Requested,
            Event::Consented,
            Event::Released,
            Event::RequestRefused,
            Event::Requested,
            Event::Declined,
            Event::IssuanceFailed,
            Event::DeletionRequested,
            Event::StatementAcknowledged,
        ]
    );
    assert!(export.entries.is_sorted_by_key(|entry| entry.at));
    let text = serde_json::to_string_pretty(&export).unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((json["format"].as_str(), json["receipts"].as_array().unwrap().len()), (Some("yufu-wallet-history/1"), 1));
    assert_eq!(json["receipts"][0]["as_of"]["height"], 42);
    assert_eq!(json["proofs"][0]["receipt"], json["receipts"][0]["receipt"]);
    let did = wallet.identity().unwrap().unwrap().did.to_string();
    for secret in ["canary", "1990", "110101199003070011", &did] {
        assert!(!text.contains(secret), "{secret}");
    }
}

/// Receipts are checked by the answer that was kept, as of its block: without a ledger, after a restart, and whatever was believed before.
/// An answer that shows another record, or none, is no proof.
#[tokio::test]
async fn receipts_are_checked_without_a_ledger_by_what_it_answered() {
    let city = City::new().await;
    let (wallet, _) = released(&city).await;
    city.ledger.set_away(true);
    let wallet = city.reopen(wallet);
    for checked in [wallet.verify_receipts_offline().unwrap(), wallet.verify_receipts().await.unwrap()] {
        assert_eq!((checked[0].verdict, checked[0].as_of.unwrap().height), (Verdict::Verified, 42));
    }
    // The validators whose answer it was are not those that are known: nothing is claimed from memory.
    city.ledger.distrust_proofs(true);
    let checked = wallet.verify_receipts_offline().unwrap();
    assert_eq!((checked[0].verdict, checked[0].as_of), (Verdict::Unchecked, None));
}
