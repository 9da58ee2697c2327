//! Taking a consent back, asking for deletion, reporting a site: what is sent to whom, what comes of it, and what is kept.

use identity::jose::jws::Parsed;
use identity::keys::SignError;
use ledger::cell::Subject;
use serde_json::Value;
use wallet_core::{Event, HistoryEntry, Statement, StatementKind, StatementState, Wallet};
use wire::problem::Slug;
use wire::reports;
use wire::rights::{self, Right};

use crate::city::{City, NOW};
use crate::look_back::released;
use crate::site::Rights;

fn last(wallet: &Wallet, count: usize) -> Vec<Event> {
    let history = wallet.history().unwrap();
    history[history.len() - count..].iter().map(|entry| entry.event).collect()
}

fn last_entry(wallet: &Wallet) -> HistoryEntry {
    wallet.history().unwrap().pop().unwrap()
}

fn behave(city: &City, rights: Rights) {
    city.site.behave(|behaviour| behaviour.rights = rights);
}

/// It has not got there for this reason, is kept, and says so in both languages.
fn waits(wallet: &Wallet, statement: &Statement, reason: &str) {
    assert_eq!(statement.state, StatementState::Waiting, "{}", statement.sending.en);
    assert!(statement.sending.en.contains("The statement is kept: send it again"), "{}", statement.sending.en);
    assert!(statement.sending.zh.contains("声明已保存，可以再次发送"), "{}", statement.sending.zh);
    let entry = last_entry(wallet);
    assert_eq!((entry.event, entry.reason.as_deref()), (Event::StatementNotDelivered, Some(reason)));
    assert_eq!(wallet.statements().unwrap().last(), Some(statement));
}

/// Both are sent, signed by the key that showed the data; the site's signature is verified and kept. The site learns nothing that it did not
/// have.
#[tokio::test]
async fn a_consent_is_withdrawn_and_deletion_is_confirmed() {
    let city = City::new().await;
    let (wallet, consent) = released(&city).await;
    let did = wallet.identity().unwrap().unwrap().did.to_string();
    let withdrawn = wallet.withdraw_consent(&consent).await.unwrap();
    let deletion = wallet.request_deletion(&consent).await.unwrap();
    assert_eq!((withdrawn.kind, deletion.kind), (StatementKind::Withdrawal, StatementKind::Deletion));
    let asked = city.site.seen(|seen| seen.rights.clone());
    assert_eq!(asked.iter().map(|one| one.kind).collect::<Vec<_>>(), [Right::Withdrawal, Right::Deletion]);
    for (statement, asked) in [&withdrawn, &deletion].into_iter().zip(&asked) {
        assert_eq!((statement.state, statement.answered_at), (StatementState::Acknowledged, Some(NOW)));
        let words = &statement.sending.en;
        assert!(words.starts_with("The site confirmed at 2026-11-21 02:00 UTC, signed by its key on the ledger"), "{words}");
        assert!(words.contains("what you showed is deleted"), "{words}");
        assert!(words.contains("The evidence (because: The law\u{fffd} says so, until 2026-11-22 02:00 UTC)"), "{words}");
        assert!(statement.sending.zh.contains("所出示的信息已删除"), "{}", statement.sending.zh);
        let key = city.party(&["family_name"]).ledger_key;
        Parsed::parse(statement.answer.as_ref().unwrap(), &rights::ACKNOWLEDGEMENT).unwrap().verify(&key).unwrap();
        assert!(statement.text.en.contains("Family name") && statement.text.en.contains("Tax portal"), "{}", statement.text.en);
        let sent = serde_json::to_string(asked).unwrap() + &serde_json::to_string(statement).unwrap();
        assert!(!sent.contains(&did) && !sent.contains("canary"), "{sent}");
    }
    assert_eq!(
        last(&wallet, 4),
        [Event::ConsentWithdrawn, Event::StatementAcknowledged, Event::DeletionRequested, Event::StatementAcknowledged]
    );
    // Said again, it is the same statement, and nobody is asked.
    let wallet = city.reopen(wallet);
    assert_eq!(wallet.withdraw_consent(&consent).await.unwrap(), withdrawn);
    assert_eq!((wallet.statements().unwrap().len(), city.site.seen(|seen| seen.rights.len())), (2, 2));
    assert_eq!(wallet.withdraw_consent("nothing").await.unwrap_err().slug(), "statement-about-unknown");
    assert_eq!(wallet.withdraw_consent(&city.site.origin()).await.unwrap_err().slug(), "statement-about-unknown");
    assert_eq!(wallet.send_statement("nothing").await.unwrap_err().slug(), "statement-about-unknown");
}

/// No address, an address elsewhere, no site, no ledger, an answer that anybody could have signed, one about something else: none counts, each
/// is kept and said, and the same statement is confirmed when the site answers.
#[tokio::test]
async fn what_does_not_get_there_is_kept_and_sent_again_when_the_citizen_says_so() {
    let city = City::new().await;
    let (wallet, consent) = released(&city).await;
    behave(&city, Rights { no_address: true, ..Rights::default() });
    let first = wallet.request_deletion(&consent).await.unwrap();
    waits(&wallet, &first, "no-address");
    assert_eq!(last(&wallet, 2), [Event::DeletionRequested, Event::StatementNotDelivered]);
    behave(&city, Rights { elsewhere: Some("http://127.0.0.1:9/rights".to_owned()), ..Rights::default() });
    waits(&wallet, &wallet.send_statement(&first.id).await.unwrap(), "bad-answer");
    assert!(city.site.seen(|seen| seen.rights.is_empty()), "nothing was sent");
    behave(&city, Rights { refuse: Some(Slug::Busy), ..Rights::default() });
    waits(&wallet, &wallet.send_statement(&first.id).await.unwrap(), "refused");
    behave(&city, Rights { other_key: true, ..Rights::default() });
    waits(&wallet, &wallet.send_statement(&first.id).await.unwrap(), "acknowledgement-not-signed");
    behave(&city, Rights { about_other: true, ..Rights::default() });
    waits(&wallet, &wallet.send_statement(&first.id).await.unwrap(), "acknowledgement-not-signed");
    behave(&city, Rights::default());
    city.ledger.set_away(true);
    waits(&wallet, &wallet.send_statement(&first.id).await.unwrap(), "ledger-unreachable");
    city.ledger.set_away(false);
    let away = ledger::records::PartyRecord { origin: "http://127.0.0.1:9".to_owned(), ..city.party(&["family_name"]) };
    city.ledger.put(&Subject::Party(away.id), &away, 0);
    waits(&wallet, &wallet.send_statement(&first.id).await.unwrap(), "unreachable");
    city.register_party(&city.party(&["family_name"]));

    let wallet = city.reopen(wallet);
    let confirmed = wallet.request_deletion(&consent).await.unwrap();
    assert_eq!((confirmed.id, confirmed.state), (first.id, StatementState::Acknowledged));
    let ids = city.site.seen(|seen| seen.rights.iter().map(|one| one.jti.clone()).collect::<Vec<_>>());
    assert!(ids.len() == 3 && ids.iter().all(|id| *id == ids[0]), "one statement has one jti: {ids:?}");
}

/// The site refuses: that is an answer, and it is told. The citizen can still ask again.
#[tokio::test]
async fn a_refusal_of_the_site_is_told() {
    let city = City::new().await;
    let (wallet, consent) = released(&city).await;
    for (slug, reason, words) in [
        (Slug::NotFound, "nothing-there", "keeps nothing of what you showed"),
        (Slug::Refused, "refused", "did not take the request"),
    ] {
        behave(&city, Rights { refuse: Some(slug), ..Rights::default() });
        let refused = wallet.withdraw_consent(&consent).await.unwrap();
        assert_eq!(refused.state, StatementState::Refused);
        assert!(refused.sending.en.contains(words), "{}", refused.sending.en);
        let entry = last_entry(&wallet);
        assert_eq!((entry.event, entry.reason.as_deref()), (Event::StatementRefused, Some(reason)));
    }
}

/// The credential was deleted meanwhile: the key that showed it is still there to ask with.
#[tokio::test]
async fn the_citizen_may_ask_after_the_credential_was_deleted() {
    let city = City::new().await;
    let (wallet, consent) = released(&city).await;
    for credential in wallet.credentials().unwrap() {
        wallet.delete_credential(&credential.id).await.unwrap();
    }
    let wallet = city.reopen(wallet);
    assert_eq!(wallet.request_deletion(&consent).await.unwrap().state, StatementState::Acknowledged);
}

/// What was only asked, and never shown, has nothing to withdraw.
#[tokio::test]
async fn nothing_shown_is_nothing_to_withdraw() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let asked = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
    assert_eq!(wallet.withdraw_consent(&asked.view.id).await.unwrap_err().slug(), "statement-nothing-shown");
}

/// The key is in secure hardware: it signs there, also when the credential is gone; a refusal of it sends nothing and keeps the statement.
#[tokio::test]
async fn a_key_in_secure_hardware_signs_and_is_not_forgotten() {
    let city = City::new().await;
    let chip = std::sync::Arc::new(crate::hardware::Chip::default());
    let wallet = crate::hardware::wallet_on(&city, &chip).await;
    let consent = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
    let consent = wallet.approve(&consent, None).await.unwrap().consent;
    for credential in wallet.credentials().unwrap() {
        wallet.delete_credential(&credential.id).await.unwrap();
    }
    wallet.forget_unused_keys().unwrap();
    chip.refuse(Some(SignError::Cancelled));
    assert_eq!(wallet.withdraw_consent(&consent).await.unwrap_err().slug(), "signing-cancelled");
    let kept = wallet.statements().unwrap().pop().unwrap();
    assert_eq!((kept.state, city.site.seen(|seen| seen.rights.len())), (StatementState::Waiting, 0));
    chip.refuse(None);
    assert_eq!(wallet.send_statement(&kept.id).await.unwrap().state, StatementState::Acknowledged);
}

fn reported(city: &City) -> Vec<String> {
    city.issuer.shared.seen.lock().unwrap().reports.clone()
}

/// A report goes to the department that answers for the site, signed by this device for that department; a site that the wallet refused can be
/// reported by its origin.
#[tokio::test]
async fn a_site_is_reported_to_its_sponsor() {
    let city = City::new().await;
    let (wallet, consent) = released(&city).await;
    assert_eq!(wallet.report_site(&consent, "  ").await.unwrap_err().slug(), "report-without-reason");
    let report = wallet.report_site(&consent, "It asked for more than it needs.").await.unwrap();
    assert_eq!((report.to.en.as_str(), report.state), ("Public security", StatementState::Acknowledged));
    assert!(report.sending.en.contains("as number r-17") && report.sending.en.contains("your DID"), "{}", report.sending.en);
    assert_eq!((report.answer.as_deref(), report.answered_at), (Some("r-17"), Some(NOW)));
    let [sent] = <[String; 1]>::try_from(reported(&city)).unwrap();
    assert_eq!(report.signed, Some(sent.clone()));
    let parsed = Parsed::parse(&sent, &reports::REPORT).unwrap();
    let identity = wallet.identity().unwrap().unwrap();
    assert!(parsed.header().kid.as_ref().unwrap().starts_with(&format!("{}#", identity.did)));
    let payload: Value = parsed.verify(&identity.device).unwrap().claims().unwrap().into();
    assert_eq!(payload["reason"], "It asked for more than it needs.");
    assert_eq!((&payload["aud"], &payload["jti"]), (&city.issuer.base().into(), &report.id.clone().into()));
    let (party, iss) = (payload["party"].as_str(), payload["iss"].as_str());
    assert_eq!((party, iss), (Some("tax-portal"), Some(identity.did.to_string().as_str())));
    assert!(!payload.to_string().contains("canary"));
    assert_eq!(last(&wallet, 2), [Event::SiteReported, Event::StatementAcknowledged]);
}

/// A department that is busy, no ledger, nobody who answers for the site: kept, said, and sent again under the same `jti`.
#[tokio::test]
async fn a_report_that_nobody_took_is_kept() {
    let city = City::new().await;
    let (wallet, consent) = released(&city).await;
    city.issuer.behave(|behaviour| behaviour.busy_with_reports = true);
    let report = wallet.report_site(&consent, "It asked for more than it needs.").await.unwrap();
    waits(&wallet, &report, "refused");
    city.ledger.set_away(true);
    waits(&wallet, &wallet.send_statement(&report.id).await.unwrap(), "ledger-unreachable");
    city.ledger.set_away(false);
    city.issuer.behave(|behaviour| behaviour.busy_with_reports = false);
    city.clock.advance(86_400);
    let sent = wallet.send_statement(&report.id).await.unwrap();
    assert_eq!((sent.state, reported(&city).len()), (StatementState::Acknowledged, 1));
    let payload: reports::Report =
        serde_json::from_slice(Parsed::parse(&reported(&city)[0], &reports::REPORT).unwrap().unverified_payload()).unwrap();
    assert_eq!((payload.jti, payload.iat), (report.id, NOW + 86_400));
    // By the origin alone nobody knows the party, and so no department.
    let report = wallet.report_site(&city.site.origin(), "Again.").await.unwrap();
    assert_eq!((report.consent, report.to.en.as_str()), (None, "the department that answers for the site"));
    assert!(report.state == StatementState::Kept && report.sending.en.starts_with("Nothing was sent"), "{}", report.sending.en);
    assert!(report.signed.is_some(), "it can be handed over");
    assert_eq!(last(&wallet, 1), [Event::SiteReported]);
}
