//! Each check of the list, failing alone. Every refusal ends the login, is told to the wallet by slug and to the citizen in words,
//! leaves no receipt and gives no session.

use std::sync::atomic::Ordering;

use identity::status_list::Status;
use ledger::records::{AttestationStatus, RecordId};
use serde_json::{Value, json};
use verifier_service::logins::MatchCodePolicy;
use verifier_service::presentations::Refusal;

use crate::browser::Browser;
use crate::city::{City, Held, IDENTITY, Issue, NOW, Root, base64, p256};
use crate::wallet::{self, Answering, Fetched};

/// A login that has begun, and the request that the wallet fetched.
pub(crate) struct Begun {
    pub(crate) browser: Browser,
    pub(crate) answer: Value,
    pub(crate) request: Fetched,
}

pub(crate) async fn begin(city: &City, link: &str) -> Begun {
    let mut browser = Browser::default();
    let answer = browser.get_json(&city.app, "/login").await.json();
    let request = wallet::fetch(&city.app, answer[link].as_str().unwrap(), &city.root.anchors()).await;
    Begun { browser, answer, request }
}

/// The answer is refused for this reason, everywhere.
async fn refused(city: &City, mut begun: Begun, form: String, refusal: Refusal) -> Value {
    let answer = begun.request.post(&city.app, form.clone()).await;
    let body = answer.json();
    assert_eq!((answer.status, body["yufu_reason"].as_str().unwrap()), (400, refusal.slug()), "{}", answer.body);
    assert!(matches!(body["error"].as_str(), Some("access_denied")), "{body}");
    let events = begun.browser.events(&city.app, begun.answer["events"].as_str().unwrap(), 1).await;
    assert_eq!((&events[0]["stage"], &events[0]["final"]), (&json!("failed"), &json!(true)));
    assert_eq!(events[0]["reason"], refusal.slug());
    assert_eq!(events[0]["sentence"], refusal.sentence().zh);
    assert!(city.ledger.receipts().is_empty(), "nothing was released, so there is no receipt");
    let complete = begun.browser.get(&city.app, begun.answer["complete"].as_str().unwrap()).await;
    assert_ne!(complete.location(), "/account");
    assert_eq!(begun.browser.get(&city.app, "/account").await.location(), "/login");
    let again = begun.request.post(&city.app, form).await;
    assert_eq!(again.status, 410, "a request is answered once");
    body
}

async fn refused_answer(city: &City, held: &Held, answering: &Answering, refusal: Refusal) -> Value {
    let begun = begin(city, "same_device_link").await;
    let form = begun.request.form(held, answering);
    refused(city, begun, form, refusal).await
}

async fn refused_credential(issue: Issue, refusal: Refusal) -> Value {
    let city = City::new().await;
    let held = city.issue_with(&p256(0x41), &issue, &city.department);
    refused_answer(&city, &held, &Answering::default(), refusal).await
}

/// SEC-P3: a key binding of another request.
#[tokio::test]
async fn another_nonce() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let answering = Answering { nonce: Some("an-earlier-nonce".into()), ..Answering::default() };
    refused_answer(&city, &held, &answering, Refusal::KeyBindingNonce).await;
}

/// SEC-P3: the very presentation that logged somebody in, answered to another request.
#[tokio::test]
async fn a_presentation_from_an_earlier_login() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let earlier = begin(&city, "same_device_link").await;
    let presented = earlier.request.present(&held, &Answering::default());
    let begun = begin(&city, "same_device_link").await;
    let vp_token = json!({ "identity": [presented] });
    let form = wallet::form(&[("response", &begun.request.encrypt(&vp_token, &Answering::default()))]);
    refused(&city, begun, form, Refusal::KeyBindingNonce).await;
}

/// SEC-P2: a key binding for another verifier.
#[tokio::test]
async fn another_audience() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let answering = Answering { aud: Some("x509_hash:another".into()), ..Answering::default() };
    refused_answer(&city, &held, &answering, Refusal::KeyBindingAudience).await;
}

/// SEC-P3, REL-E3: older than the request lives, or from the future, beyond what clocks may differ.
#[tokio::test]
async fn a_key_binding_of_another_time() {
    for issued_at in [NOW - 120 - 61, NOW + 61, NOW - 86_400, NOW + 86_400] {
        let city = City::new().await;
        let held = city.issue(&p256(0x41));
        refused_answer(&city, &held, &Answering { issued_at, ..Answering::default() }, Refusal::KeyBindingTime).await;
    }
    for issued_at in [NOW - 59, NOW + 59] {
        let city = City::new().await;
        let held = city.issue(&p256(0x41));
        let begun = begin(&city, "same_device_link").await;
        let answering = Answering { issued_at, ..Answering::default() };
        assert_eq!(begun.request.answer(&city.app, &held, &answering).await.status, 200, "clocks may differ by a minute");
    }
}

/// X062: another device's key.
#[tokio::test]
async fn another_devices_key() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let answering = Answering { signer: Some(p256(0x42)), ..Answering::default() };
    let body = refused_answer(&city, &held, &answering, Refusal::KeyBindingInvalid).await;
    assert!(body["error_description"].as_str().unwrap().starts_with("key-binding-signature"), "{body}");
}

/// X062: the record on the ledger is for another device than the credential names.
#[tokio::test]
async fn a_device_that_the_ledger_does_not_have() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let other = p256(0x42);
    let key = identity::CommitmentKey::from_entropy([1; 32]);
    let thumbprint = identity::jose::jwk::thumbprint(&identity::Signer::public_key(&other));
    city.ledger.edit_record(held.record, |record| {
        record.holder_key = key.commit(ledger::records::HOLDER_KEY_CONTEXT, &thumbprint);
    });
    refused_answer(&city, &held, &Answering::default(), Refusal::DeviceMismatch).await;
}

/// SEC-S4: the key binding is stripped.
#[tokio::test]
async fn no_key_binding() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let answering = Answering { key_binding: false, ..Answering::default() };
    refused_answer(&city, &held, &answering, Refusal::KeyBindingMissing).await;
}

/// SEC-S1: a disclosure is exchanged after the holder signed.
#[tokio::test]
async fn a_tampered_disclosure() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let begun = begin(&city, "same_device_link").await;
    let presented = begun.request.present(&held, &Answering::default());
    let mut parts: Vec<&str> = presented.split('~').collect();
    let forged = base64(json!(["c2FsdHNhbHRzYWx0c2FsdA", "family_name", "Emperor"]).to_string().as_bytes());
    parts[1] = &forged;
    let vp_token = json!({ "identity": [parts.join("~")] });
    let form = wallet::form(&[("response", &begun.request.encrypt(&vp_token, &Answering::default()))]);
    refused(&city, begun, form, Refusal::CredentialMalformed).await;
}

/// SEC-S4: one disclosure is taken away after the holder signed (`sd_hash`).
#[tokio::test]
async fn a_missing_disclosure() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let begun = begin(&city, "same_device_link").await;
    let presented = begun.request.present(&held, &Answering::default());
    let mut parts: Vec<&str> = presented.split('~').collect();
    parts.remove(1);
    let vp_token = json!({ "identity": [parts.join("~")] });
    let form = wallet::form(&[("response", &begun.request.encrypt(&vp_token, &Answering::default()))]);
    refused(&city, begun, form, Refusal::KeyBindingInvalid).await;
}

#[tokio::test]
async fn an_issuer_of_another_root() {
    let city = City::new().await;
    let mut other = city.department("public-security", 0x21, &[IDENTITY]).await;
    other.chain = Root::new("Elsewhere").chain("public-security", &other.key);
    let held = city.issue_with(&p256(0x41), &Issue::default(), &other);
    refused_answer(&city, &held, &Answering::default(), Refusal::IssuerUntrusted).await;
}

/// A department of the city whose key the ledger does not have for the authority that the credential names.
#[tokio::test]
async fn a_key_of_another_department() {
    let city = City::new().await;
    let other = city.department("civil-affairs", 0x22, &[IDENTITY]).await;
    let issue = Issue { issuer_url: Some(city.department.url.clone()), ..Issue::default() };
    let held = city.issue_with(&p256(0x41), &issue, &other);
    refused_answer(&city, &held, &Answering::default(), Refusal::IssuerKeyUnknown).await;
}

/// "One type of data, one authoritative department": accreditation is for a type.
#[tokio::test]
async fn an_issuer_that_is_not_accredited_for_the_type() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let record = city.department.record(&["urn:yufu:vct:marital-status:1"]);
    city.ledger.state.lock().unwrap().authorities.insert(record.id, record);
    refused_answer(&city, &held, &Answering::default(), Refusal::NotAccredited).await;
}

/// Z014, Z020: a department that the members have suspended: what it signed before does not count either, until they restore it.
#[tokio::test]
async fn an_issuer_that_is_suspended() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    city.ledger.state.lock().unwrap().suspended.insert("public-security".parse().unwrap());
    refused_answer(&city, &held, &Answering::default(), Refusal::IssuerSuspended).await;
    city.ledger.state.lock().unwrap().suspended.clear();
    let restored = begin(&city, "same_device_link").await;
    assert_eq!(restored.request.answer(&city.app, &held, &Answering::default()).await.status, 200);
}

#[tokio::test]
async fn an_authority_that_the_ledger_does_not_know() {
    refused_credential(Issue { authority: "ministry-of-magic", ..Issue::default() }, Refusal::AuthorityUnknown).await;
    refused_credential(Issue { authority: "NOT A NAME", ..Issue::default() }, Refusal::AuthorityUnknown).await;
}

#[tokio::test]
async fn a_credential_without_a_record() {
    refused_credential(Issue { ledger_claim: false, ..Issue::default() }, Refusal::NotOnLedger).await;
    refused_credential(Issue { on_ledger: false, ..Issue::default() }, Refusal::RecordUnknown).await;
}

/// SEC-C2: a record of another ledger.
#[tokio::test]
async fn a_credential_of_another_ledger() {
    refused_credential(Issue { genesis: [0; 32], ..Issue::default() }, Refusal::OtherLedger).await;
}

#[tokio::test]
async fn a_credential_that_has_expired() {
    refused_credential(Issue { expires_at: NOW - 61, ..Issue::default() }, Refusal::CredentialExpired).await;
}

/// The issuer that the credential names is not the one of the ledger.
#[tokio::test]
async fn another_issuer_url() {
    let issue = Issue { issuer_url: Some("https://evil.example".into()), ..Issue::default() };
    let body = refused_credential(issue, Refusal::RecordMismatch).await;
    assert!(body["error_description"].as_str().unwrap().starts_with("issuer-url"));
}

/// I5: revoked, suspended, superseded or killed a block ago, while the status list still says valid.
#[tokio::test]
async fn an_attestation_that_is_not_in_force() {
    for (status, refusal) in [
        (AttestationStatus::Suspended, Refusal::Suspended),
        (AttestationStatus::Revoked, Refusal::Revoked),
        (AttestationStatus::Superseded, Refusal::Superseded),
        (AttestationStatus::BrokenByHolder, Refusal::BrokenByHolder),
    ] {
        let city = City::new().await;
        let held = city.issue(&p256(0x41));
        let begun = begin(&city, "same_device_link").await;
        city.ledger.set_status(held.record, status);
        let form = begun.request.form(&held, &Answering::default());
        refused(&city, begun, form, refusal).await;
    }
}

/// Each commitment and field of the record, exchanged alone.
#[tokio::test]
async fn a_record_that_does_not_match() {
    type Edit = fn(&mut ledger::records::AttestationRecord);
    let edits: [(Edit, Refusal); 6] = [
        (|record| record.credential.0[0] ^= 1, Refusal::RecordMismatch),
        (|record| record.holder_key.0[0] ^= 1, Refusal::DeviceMismatch),
        (|record| record.issuer = "civil-affairs".parse().unwrap(), Refusal::RecordMismatch),
        (|record| record.attestation_type = "urn:other".into(), Refusal::RecordMismatch),
        (|record| record.valid_until = NOW, Refusal::RecordExpired),
        (|record| record.valid_from = NOW + 61, Refusal::RecordExpired),
    ];
    for (edit, refusal) in edits {
        let city = City::new().await;
        let held = city.issue(&p256(0x41));
        city.ledger.edit_record(held.record, edit);
        refused_answer(&city, &held, &Answering::default(), refusal).await;
    }
}

/// A record that exists, but is another citizen's.
#[tokio::test]
async fn a_record_of_another_credential() {
    let city = City::new().await;
    let mine = city.issue(&p256(0x41));
    let others = city.issue_with(&p256(0x42), &Issue { serial: 2, ..Issue::default() }, &city.department);
    let record = city.ledger.state.lock().unwrap().attestations[&others.record].record.clone();
    city.ledger.edit_record(mine.record, |mine| *mine = record);
    refused_answer(&city, &mine, &Answering::default(), Refusal::RecordMismatch).await;
    assert_eq!(others.record, RecordId([2; 32]));
}

/// SEC-P6: the list says no, whatever the ledger says.
#[tokio::test]
async fn a_status_list_that_says_no() {
    for (status, refusal) in
        [(Status::Invalid, Refusal::Revoked), (Status::Suspended, Refusal::Suspended), (Status::Other(3), Refusal::Suspended)]
    {
        let city = City::new().await;
        let held = city.issue(&p256(0x41));
        city.department.publish(status, NOW);
        refused_answer(&city, &held, &Answering::default(), refusal).await;
    }
}

/// SEC-P6: an old list, one from the future, one without an end that is old.
#[tokio::test]
async fn a_status_list_of_another_time() {
    for (issued_at, expires_at) in [(NOW - 7200, Some(NOW - 61)), (NOW + 61, Some(NOW + 3600)), (NOW - 3600 - 61, None)] {
        let city = City::new().await;
        let held = city.issue(&p256(0x41));
        let mut list = city.department.list(Status::Valid, issued_at);
        list.expires_at = expires_at;
        let token = list.sign(&city.department.header(), &city.department.key);
        city.department.serve("application/statuslist+jwt", token.into_bytes());
        refused_answer(&city, &held, &Answering::default(), Refusal::StatusOutdated).await;
    }
}

/// SEC-P6: a list signed by another department of the same city, or by nobody the city knows.
#[tokio::test]
async fn a_status_list_of_another_signer() {
    for own_root in [true, false] {
        let city = City::new().await;
        let held = city.issue(&p256(0x41));
        let mut other = city.department("civil-affairs", 0x22, &[IDENTITY]).await;
        if !own_root {
            other.chain = Root::new("Elsewhere").chain("civil-affairs", &other.key);
        }
        let list = city.department.list(Status::Valid, NOW);
        for header in [other.header(), identity::jose::jws::JwsHeader::default()] {
            let token = list.sign(&header, &other.key);
            city.department.serve("application/statuslist+jwt", token.into_bytes());
            refused_answer(&city, &held, &Answering::default(), Refusal::StatusUntrusted).await;
        }
    }
}

/// A list that was refused is not kept: the right one goes through at once.
#[tokio::test]
async fn a_refused_status_list_is_not_kept() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let other = city.department("civil-affairs", 0x22, &[IDENTITY]).await;
    let token = city.department.list(Status::Valid, NOW).sign(&other.header(), &other.key);
    city.department.serve("application/statuslist+jwt", token.into_bytes());
    refused_answer(&city, &held, &Answering::default(), Refusal::StatusUntrusted).await;
    city.department.publish(Status::Valid, NOW);
    let begun = begin(&city, "same_device_link").await;
    assert_eq!(begun.request.answer(&city.app, &held, &Answering::default()).await.status, 200);
}

/// SEC-D3: the authority drops the key that signed a list; the kept list is dropped with it.
#[tokio::test]
async fn a_kept_status_list_goes_with_its_key() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let second = city.department("public-security", 0x22, &[]).await;
    let token = city.department.list(Status::Valid, NOW).sign(&second.header(), &second.key);
    city.department.serve("application/statuslist+jwt", token.into_bytes());
    let mut record = city.department.record(&[IDENTITY]);
    let authorities = |record: &ledger::records::AuthorityRecord| {
        city.ledger.state.lock().unwrap().authorities.insert(record.id, record.clone());
    };
    record.credential_keys.push(identity::Signer::public_key(&second.key));
    authorities(&record);
    let begun = begin(&city, "same_device_link").await;
    assert_eq!(begun.request.answer(&city.app, &held, &Answering::default()).await.status, 200);
    record.credential_keys.pop();
    authorities(&record);
    let begun = begin(&city, "same_device_link").await;
    let answer = begun.request.answer(&city.app, &held, &Answering::default()).await;
    assert_eq!((answer.status, &answer.json()["yufu_reason"]), (400, &json!("status-list-untrusted")));
}

/// A list without a chain is believed by the ledger's key alone.
#[tokio::test]
async fn a_status_list_without_a_chain_is_believed_by_the_ledgers_key() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let list = city.department.list(Status::Valid, NOW);
    let token = list.sign(&identity::jose::jws::JwsHeader::default(), &city.department.key);
    city.department.serve("application/statuslist+jwt", token.into_bytes());
    let begun = begin(&city, "same_device_link").await;
    assert_eq!(begun.request.answer(&city.app, &held, &Answering::default()).await.status, 200);
}

/// SEC-P6: a bomb, a list for another URI, a list that is too short, other bytes, another media type, a long body.
#[tokio::test]
async fn a_status_list_that_cannot_be_used() {
    use identity::status_list::{Bits, StatusList};
    let city = City::new().await;
    let department = &city.department;
    let sign = |list: &identity::status_list::StatusListToken| list.sign(&department.header(), &department.key).into_bytes();
    let mut bomb = department.list(Status::Valid, NOW);
    bomb.list = StatusList::new(Bits::Eight, 1 << 24).unwrap();
    let mut elsewhere = department.list(Status::Valid, NOW);
    elsewhere.uri = format!("{}/status-lists/2", department.url);
    let mut short = department.list(Status::Valid, NOW);
    short.list = StatusList::new(Bits::Two, 4).unwrap();
    let good = department.list(Status::Valid, NOW);
    for (media_type, body) in [
        ("application/statuslist+jwt", sign(&bomb)),
        ("application/statuslist+jwt", sign(&elsewhere)),
        ("application/statuslist+jwt", sign(&short)),
        ("text/html", sign(&good)),
        ("application/statuslist+jwt", vec![b'a'; 600 * 1024]),
        ("application/statuslist+jwt", vec![0xff; 100]),
    ] {
        let held = city.issue_with(&p256(0x41), &Issue { on_ledger: false, ..Issue::default() }, department);
        city.ledger.state.lock().unwrap().attestations.clear();
        let held_again = city.issue(&held.key);
        department.serve(media_type, body);
        refused_answer(&city, &held_again, &Answering::default(), Refusal::StatusUnusable).await;
    }
}

/// SEC-F1: a status list is asked for at the authority's own address and nowhere else.
#[tokio::test]
async fn a_status_list_elsewhere() {
    for uri in ["http://127.0.0.1:1/status-lists/1", "https://evil.example/status-lists/1", "http://169.254.169.254/latest"] {
        refused_credential(Issue { status_uri: Some(uri.into()), ..Issue::default() }, Refusal::StatusElsewhere).await;
    }
    let city = City::new().await;
    // A host that only begins with the authority's address.
    let uri = format!("{}.evil.example/status-lists/1", city.department.url);
    let held = city.issue_with(&p256(0x41), &Issue { status_uri: Some(uri), ..Issue::default() }, &city.department);
    refused_answer(&city, &held, &Answering::default(), Refusal::StatusElsewhere).await;
    refused_credential(Issue { status_uri: Some("none".into()), ..Issue::default() }, Refusal::StatusMissing).await;
}

/// SEC-P6: a kept list is not believed longer than its ttl, and one that is kept needs no fetch.
#[tokio::test]
async fn a_kept_status_list_is_fetched_again_after_its_ttl() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let begun = begin(&city, "same_device_link").await;
    assert_eq!(begun.request.answer(&city.app, &held, &Answering::default()).await.status, 200);
    city.department.publish(Status::Invalid, NOW);
    let begun = begin(&city, "same_device_link").await;
    let answer = begun.request.answer(&city.app, &held, &Answering::default()).await;
    assert_eq!(answer.status, 200, "within the ttl the ledger is what is always fresh: {}", answer.body);
    city.clock.advance(60);
    let begun = begin(&city, "same_device_link").await;
    let answering = Answering { issued_at: NOW + 60, ..Answering::default() };
    let answer = begun.request.answer(&city.app, &held, &answering).await;
    assert_eq!((answer.status, &answer.json()["yufu_reason"]), (400, &json!("attestation-revoked")));
}

/// DCQL: a claim that was asked for is missing.
#[tokio::test]
async fn less_than_was_asked_for() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let answering = Answering { claims: vec!["family_name", "given_name"], ..Answering::default() };
    let body = refused_answer(&city, &held, &answering, Refusal::QueryUnsatisfied).await;
    assert!(body["error_description"].as_str().unwrap().starts_with("presentation-claim-missing"));
}

/// Minimal data: a wallet that discloses more is refused, and nothing is kept.
#[tokio::test]
async fn more_than_was_asked_for() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let claims = vec!["family_name", "given_name", "id_number", "address"];
    refused_answer(&city, &held, &Answering { claims, ..Answering::default() }, Refusal::OverDisclosed).await;
}

/// DCQL: another id, several presentations where one was asked for, none at all.
#[tokio::test]
async fn a_vp_token_of_another_shape() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    for (shape, refusal) in [
        ("unknown", Refusal::QueryUnsatisfied),
        ("twice", Refusal::QueryUnsatisfied),
        ("empty", Refusal::AnswerMalformed),
        ("text", Refusal::AnswerMalformed),
        ("garbage", Refusal::CredentialMalformed),
    ] {
        let begun = begin(&city, "same_device_link").await;
        let presented = begun.request.present(&held, &Answering::default());
        let vp_token = match shape {
            "unknown" => json!({ "other": [presented] }),
            "twice" => json!({ "identity": [presented, presented] }),
            "empty" => json!({}),
            "text" => json!(presented),
            _ => json!({ "identity": ["a.b.c~"] }),
        };
        let form = wallet::form(&[("response", &begun.request.encrypt(&vp_token, &Answering::default()))]);
        refused(&city, begun, form, refusal).await;
    }
}

/// I059, SEC-P7: the sponsor narrows the purpose while the request is open.
#[tokio::test]
async fn a_purpose_that_is_no_longer_registered() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let begun = begin(&city, "same_device_link").await;
    let mut party = city.registration();
    party.purposes[0].data[0].claims.retain(|claim| claim != "id_number");
    city.ledger.state.lock().unwrap().party = Some(party);
    let form = begun.request.form(&held, &Answering::default());
    refused(&city, begun, form, Refusal::PurposeNotRegistered).await;
}

/// SEC-W1: the citizen picked another code than the page shows; one guess only.
#[tokio::test]
async fn another_match_code() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let begun = begin(&city, "cross_device_link").await;
    let shown = begun.answer["match_code"].as_str().unwrap().to_owned();
    let codes = begun.request.claims["verifier_info"][0]["data"]["match_codes"].as_array().unwrap().clone();
    let wrong = codes.iter().filter_map(Value::as_str).find(|code| *code != shown).unwrap();
    let form = begun.request.form(&held, &Answering::with_match_code(wrong));
    refused(&city, begun, form, Refusal::MatchCodeWrong).await;
}

/// A match code where the request had none is not waved through.
#[tokio::test]
async fn a_match_code_on_the_same_device() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    refused_answer(&city, &held, &Answering::with_match_code("42"), Refusal::MatchCodeWrong).await;
}

/// SEC-W1: by policy a wallet that gives no match code is refused, and the link on the same device still needs none.
#[tokio::test]
async fn no_match_code_where_one_is_required() {
    let city = City::with(|config| config.match_code = MatchCodePolicy::Required).await;
    let held = city.issue(&p256(0x41));
    let begun = begin(&city, "cross_device_link").await;
    let form = begun.request.form(&held, &Answering::default());
    refused(&city, begun, form, Refusal::MatchCodeMissing).await;
    let begun = begin(&city, "same_device_link").await;
    assert_eq!(begun.request.answer(&city.app, &held, &Answering::default()).await.status, 200);
}

/// REL-D5, REL-D7: the ledger or the status list is away: nothing is used up, and the same answer goes through later.
#[tokio::test]
async fn while_ledger_or_status_list_are_away_the_login_stays_open() {
    for what in ["reads", "status list", "writes"] {
        let city = City::new().await;
        let held = city.issue(&p256(0x41));
        let mut begun = begin(&city, "same_device_link").await;
        let form = begun.request.form(&held, &Answering::default());
        match what {
            "reads" => city.ledger.away.store(true, Ordering::SeqCst),
            "writes" => city.ledger.stalled.store(true, Ordering::SeqCst),
            _ => city.department.serve_nothing(),
        }
        for _ in 0..2 {
            let answer = begun.request.post(&city.app, form.clone()).await;
            assert_eq!((answer.status, answer.headers["retry-after"].to_str().unwrap()), (503, "2"), "{what}: {}", answer.body);
            assert_eq!(answer.json()["error"], "temporarily_unavailable");
        }
        let complete = begun.browser.get(&city.app, begun.answer["complete"].as_str().unwrap()).await;
        assert_ne!(complete.location(), "/account", "no session before the receipt is final");
        city.ledger.away.store(false, Ordering::SeqCst);
        city.ledger.stalled.store(false, Ordering::SeqCst);
        city.department.publish(Status::Valid, NOW);
        let answer = begun.request.post(&city.app, form).await;
        assert_eq!(answer.status, 200, "{what}: {}", answer.body);
        assert_eq!(city.ledger.receipts().len(), 1);
    }
}
