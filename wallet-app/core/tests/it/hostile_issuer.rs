//! Departments that lie: each is refused with its reason, and nothing of theirs is kept.

use ledger::cell::Subject;
use ledger::records::AuthorityRecord;
use serde_json::json;
use wallet_core::{AttributeKind, DeclareFile, Event};

use crate::city::{City, VCT, p256};
use crate::issuer::{Behaviour, PIN, claims};

type Lie = (&'static str, fn(&mut Behaviour));

/// Every lie about a credential, and the slug of the refusal.
const LIES: [Lie; 21] = [
    ("credential-bound-to-another-key", |b| b.bind_to = Some(p256(99).public_key())),
    ("credential-bound-to-another-key", |b| b.same_key_for_all = true),
    ("attestation-missing", |b| b.no_record = true),
    ("attestation-differs", |b| b.wrong_lock = true),
    ("attestation-differs", |b| b.other_commitment = true),
    ("attestation-differs", |b| b.record_of_type = Some("other".to_owned())),
    ("attestation-differs", |b| b.record_issuer = Some("civil-affairs".to_owned())),
    ("credential-not-valid-now", |b| b.record_expired = true),
    ("attestation-not-active", |b| b.revoked = true),
    ("credential-of-another-type", |b| b.vct = Some("urn:yufu:vct:marital-status:1".to_owned())),
    ("credential-of-another-issuer", |b| b.iss = Some("https://elsewhere.example".to_owned())),
    ("credential-of-another-ledger", |b| b.genesis = Some([1; 32])),
    ("credential-without-ledger-claims", |b| b.no_ledger_claim = true),
    ("credential-certificate-untrusted", |b| b.stranger_certificate = true),
    ("issuer-key-unknown", |b| b.other_key = true),
    ("credential-count", |b| b.one_too_many = true),
    ("bad-answer", |b| b.leaves_out = 3),
    ("credential-does-not-verify", |b| b.tampered = true),
    ("credential-claim-always-plain", |b| b.plain_claim = true),
    ("bad-answer", |b| b.metadata_about = Some("https://elsewhere.example".to_owned())),
    ("bad-answer", |b| b.huge_offer = true),
];

/// SEC-S1, I4: no lie gets into the vault, and each has its own reason, in both languages.
#[tokio::test]
async fn every_lie_of_an_issuer_is_refused_and_nothing_is_kept() {
    for (slug, lie) in LIES {
        let city = City::new().await;
        let wallet = city.create_wallet();
        city.issuer.behave(lie);
        let error = wallet.receive(&city.issuer.offer_link(), Some(PIN)).await.unwrap_err();
        assert_eq!(error.slug(), slug, "{error:?}");
        assert!(!error.sentence().zh.is_empty() && !error.sentence().en.is_empty());
        assert!(wallet.credentials().unwrap().is_empty(), "{slug}");
        let rejected = wallet.history().unwrap();
        if slug != "bad-answer" {
            assert_eq!(
                rejected.last().map(|entry| (entry.event, entry.reason.as_deref())),
                Some((Event::CredentialRejected, Some(slug)))
            );
        }
    }
}

#[tokio::test]
async fn a_redirected_offer_is_not_followed() {
    let city = City::new().await;
    let wallet = city.create_wallet();
    city.issuer.behave(|behaviour| behaviour.redirect_offer = true);
    assert_eq!(wallet.review_offer(&city.issuer.offer_link()).await.unwrap_err().slug(), "refused");
}

/// "One type of data, one authoritative department": an issuer that the ledger does not know, does not accredit, or has elsewhere.
#[tokio::test]
async fn an_issuer_that_the_ledger_does_not_accredit_is_refused() {
    let honest = City::new().await.issuer.record();
    let cases: [(&str, Option<AuthorityRecord>); 3] = [
        ("issuer-unknown", None),
        ("issuer-not-accredited", Some(AuthorityRecord { accredited_types: vec!["other".to_owned()], ..honest.clone() })),
        ("issuer-address-differs", Some(AuthorityRecord { issuer_url: Some("https://a.example".to_owned()), ..honest })),
    ];
    for (slug, record) in cases {
        let city = City::new().await;
        let wallet = city.create_wallet();
        let subject = Subject::Authority("public-security".parse().unwrap());
        city.ledger.remove(&subject);
        if let Some(mut record) = record {
            if slug == "issuer-not-accredited" {
                record.issuer_url = Some(city.issuer.base());
            }
            city.ledger.put(&subject, &record, 0);
        }
        let error = wallet.receive(&city.issuer.offer_link(), Some(PIN)).await.unwrap_err();
        assert_eq!(error.slug(), slug);
        assert!(wallet.credentials().unwrap().is_empty());
    }
}

/// A suspended authority has keys and accreditations still; what it signs does not count until it is restored.
#[tokio::test]
async fn a_credential_of_a_suspended_authority_is_refused_until_it_is_restored() {
    let city = City::new().await;
    let wallet = city.create_wallet();
    let subject = Subject::Authority("public-security".parse().unwrap());
    city.ledger.put(&subject, &city.issuer.record(), 1);
    let error = wallet.receive(&city.issuer.offer_link(), Some(PIN)).await.unwrap_err();
    assert_eq!(error.slug(), "issuer-not-accredited");
    assert!(wallet.credentials().unwrap().is_empty());
    city.ledger.put(&subject, &city.issuer.record(), 0);
    wallet.receive(&city.issuer.offer_link(), Some(PIN)).await.unwrap();
    assert_eq!(wallet.credentials().unwrap().len(), 1);
}

/// What is attested is what was declared: a changed, added or missing claim is refused.
#[tokio::test]
async fn a_credential_that_says_something_else_than_was_declared_is_refused() {
    let changes: [fn(&mut serde_json::Map<String, serde_json::Value>); 4] = [
        |claims| drop(claims.insert("birth_date".to_owned(), json!("1980-01-01"))),
        |claims| drop(claims.insert("credit_score".to_owned(), json!("612"))),
        |claims| drop(claims.remove("id_number")),
        |claims| drop(claims.insert("portrait_sha256".to_owned(), json!("another picture"))),
    ];
    for change in changes {
        let city = City::new().await;
        let wallet = city.create_wallet();
        wallet.create_identity().await.unwrap();
        let mut picture = Vec::new();
        let pixels = image::GrayImage::new(8, 8);
        pixels.write_to(&mut std::io::Cursor::new(&mut picture), image::ImageFormat::Png).unwrap();
        let document = serde_json::to_vec(&claims()).unwrap();
        let files = vec![
            DeclareFile { kind: AttributeKind::Claims, path: city.write_file("claims.json", &document) },
            DeclareFile { kind: AttributeKind::Portrait, path: city.write_file("portrait.png", &picture) },
        ];
        let preview = wallet.declare(&city.issuer.base().parse().unwrap(), VCT, files).await.unwrap();
        wallet.confirm_declaration(&preview.id).await.unwrap();
        let mut attested = claims();
        change(&mut attested);
        city.issuer.behave(|behaviour| (behaviour.claims, behaviour.attest) = (Some(attested), true));
        let error = wallet.receive(&city.issuer.offer_link(), Some(PIN)).await.unwrap_err();
        assert_eq!(error.slug(), "credential-claim-differs");
        assert!(wallet.credentials().unwrap().is_empty());
    }
}

/// An offer that the department did not name for the request is one that nobody asked for, even of the same type.
#[tokio::test]
async fn another_offer_of_the_same_department_is_not_taken_for_the_answer() {
    let city = City::new().await;
    let wallet = city.create_wallet();
    wallet.create_identity().await.unwrap();
    let mut picture = Vec::new();
    image::GrayImage::new(8, 8).write_to(&mut std::io::Cursor::new(&mut picture), image::ImageFormat::Png).unwrap();
    let files = vec![
        DeclareFile { kind: AttributeKind::Claims, path: city.write_file("claims.json", br#"{"family_name":"Li"}"#) },
        DeclareFile { kind: AttributeKind::Portrait, path: city.write_file("portrait.png", &picture) },
    ];
    let preview = wallet.declare(&city.issuer.base().parse().unwrap(), VCT, files).await.unwrap();
    wallet.confirm_declaration(&preview.id).await.unwrap();
    let other = crate::issuer::offer_link(&city.issuer.base(), "2");
    assert!(!wallet.review_offer(&other).await.unwrap().expected());
    city.issuer.behave(|behaviour| behaviour.attest = true);
    assert!(!wallet.review_offer(&other).await.unwrap().expected());
    // The department is asked: offer 1 is the answer, and its claims must be the declared ones.
    assert!(wallet.review_offer(&city.issuer.offer_link()).await.unwrap().expected());
    let other_spelling = city.issuer.offer_link().replace("openid-credential-offer", "haip-vci");
    assert!(wallet.review_offer(&other_spelling).await.unwrap().expected());
    let error = wallet.receive(&other_spelling, Some(PIN)).await.unwrap_err();
    assert_eq!(error.slug(), "credential-claim-differs");
}

#[tokio::test]
async fn links_that_are_no_offers_are_refused() {
    let city = City::new().await;
    let wallet = city.create_wallet();
    let request = city.site.ask(&["family_name"]);
    assert_eq!(wallet.receive(&request, Some(PIN)).await.unwrap_err().slug(), "link-is-a-request");
    for link in
        ["", "https://example.com", "openid-credential-offer://?credential_offer=%7B%7D&credential_offer_uri=x", "javascript:1"]
    {
        assert_eq!(wallet.receive(link, Some(PIN)).await.unwrap_err().slug(), "link-not-understood", "{link}");
    }
    let unusable = "openid-credential-offer://?credential_offer=%7B%7D";
    assert_eq!(wallet.receive(unusable, Some(PIN)).await.unwrap_err().slug(), "offer-unusable");
}
