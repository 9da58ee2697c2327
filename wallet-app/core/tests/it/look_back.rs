//! Looking back: everything that happened, for a file; taking a consent back, asking for deletion, reporting a site.

use identity::jose::jws::{self, Parsed, Policy};
use serde_json::Value;
use wallet_core::{Event, StatementKind, Verdict, Wallet};

use crate::city::City;

/// A wallet that showed something; gives the consent.
async fn released(city: &City) -> (Wallet, String) {
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
    wallet.request_deletion(&consent).unwrap();
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

/// Taking back and asking for deletion: kept, in the history, and said plainly that nothing was sent. Neither tells the site who it is.
#[tokio::test]
async fn a_consent_is_withdrawn_and_deletion_is_asked_for() {
    let city = City::new().await;
    let (wallet, consent) = released(&city).await;
    let posted = city.site.seen(|seen| seen.posted.len());
    let did = wallet.identity().unwrap().unwrap().did.to_string();
    let withdrawn = wallet.withdraw_consent(&consent).unwrap();
    let deletion = wallet.request_deletion(&consent).unwrap();
    assert_eq!((withdrawn.kind, deletion.kind), (StatementKind::Withdrawal, StatementKind::Deletion));
    for statement in [&withdrawn, &deletion] {
        assert!(statement.sending.en.starts_with("Nothing was sent") && statement.sending.zh.starts_with("没有自动发送"));
        assert!(statement.text.en.contains("Family name") && statement.text.en.contains("Tax portal"), "{}", statement.text.en);
        assert_eq!((statement.references.len(), statement.receipt.is_some(), statement.signed.is_some()), (1, true, false));
        assert!(!serde_json::to_string(statement).unwrap().contains(&did));
    }
    assert_eq!(city.site.seen(|seen| seen.posted.len()), posted, "nothing was sent");
    let wallet = city.reopen(wallet);
    assert_eq!(wallet.statements().unwrap().len(), 2);
    let last: Vec<Event> = wallet.history().unwrap().iter().rev().take(2).map(|entry| entry.event).collect();
    assert_eq!(last, [Event::DeletionRequested, Event::ConsentWithdrawn]);
    assert_eq!(wallet.withdraw_consent("nothing").unwrap_err().slug(), "statement-about-unknown");
    assert_eq!(wallet.withdraw_consent(&city.site.origin()).unwrap_err().slug(), "statement-about-unknown");
}

/// What was only asked, and never shown, has nothing to withdraw.
#[tokio::test]
async fn nothing_shown_is_nothing_to_withdraw() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let asked = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
    assert_eq!(wallet.withdraw_consent(&asked.view.id).unwrap_err().slug(), "statement-nothing-shown");
}

/// A report goes to the department that answers for the site, by name, signed by this device; a site that the wallet refused can be reported
/// by its origin.
#[tokio::test]
async fn a_site_is_reported_to_its_sponsor() {
    let city = City::new().await;
    let (wallet, consent) = released(&city).await;
    assert_eq!(wallet.report_site(&consent, "  ").await.unwrap_err().slug(), "report-without-reason");
    let report = wallet.report_site(&consent, "It asked for more than it needs.").await.unwrap();
    assert_eq!(report.to.en, "Public security");
    assert!(report.sending.en.contains("Nothing was sent") && report.sending.en.contains("your DID"), "{}", report.sending.en);
    let policy = Policy {
        typ: jws::Typ::OneOf(&["yufu-report+jwt"]),
        algs: jws::JwsAlg::ALL,
        jwk: jws::Presence::Refused,
        x5c: jws::Presence::Refused,
        max_bytes: 100_000,
    };
    let signed = report.signed.unwrap();
    let parsed = Parsed::parse(&signed, &policy).unwrap();
    let identity = wallet.identity().unwrap().unwrap();
    assert!(parsed.header().kid.as_ref().unwrap().starts_with(&format!("{}#", identity.did)));
    let payload: Value = parsed.verify(&identity.device).unwrap().claims().unwrap().into();
    assert_eq!(payload["reason"], "It asked for more than it needs.");
    assert_eq!(
        (payload["party"].as_str(), payload["iss"].as_str()),
        (Some("tax-portal"), Some(identity.did.to_string().as_str()))
    );
    assert!(!payload.to_string().contains("canary"));
    // By the origin alone, without the ledger.
    city.ledger.set_away(true);
    let report = wallet.report_site(&city.site.origin(), "Again.").await.unwrap();
    assert_eq!((report.consent, report.to.en.as_str()), (None, "the department that answers for the site"));
    assert_eq!(wallet.history().unwrap().last().unwrap().event, Event::SiteReported);
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
