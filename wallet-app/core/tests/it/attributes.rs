//! Declaring attributes: nothing leaves before the confirmation, everything once, and only the department can read it.

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use ledger::cell::Subject;
use ledger::transaction::{Body, Sender};
use wallet_core::attributes::files::MAX_PICTURE_BYTES;
use wallet_core::{AttributeKind, DeclareContents, DeclareFile, Event, RequestStage, Wallet, WalletError};

use crate::city::{City, MARITAL, VCT, only};
use crate::issuer::{PIN, claims};

pub(crate) const PDF: &[u8] = b"%PDF-1.7\ncanary-9 household register\ntrailer\n%%EOF\n";

const PNG: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, b'I', b'H', b'D', b'R', 0, 0, 0, 2, 0, 0, 0, 2, 8, 0, 0, 0, 0,
    0x57, 0xdd, 0x52, 0xf8,
];

pub(crate) fn picture() -> Vec<u8> {
    let mut bytes = Vec::new();
    let picture = image::GrayImage::from_fn(32, 32, |x, y| image::Luma([u8::try_from(x * y % 256).unwrap()]));
    picture.write_to(&mut std::io::Cursor::new(&mut bytes), image::ImageFormat::Png).unwrap();
    bytes
}

pub(crate) fn files(city: &City) -> Vec<DeclareFile> {
    let document = serde_json::to_vec(&claims()).unwrap();
    vec![
        DeclareFile { kind: AttributeKind::Claims, path: city.write_file("claims.json", &document) },
        DeclareFile { kind: AttributeKind::Portrait, path: city.write_file("portrait.png", &picture()) },
    ]
}

async fn wallet(city: &City) -> Wallet {
    let wallet = city.create_wallet();
    wallet.create_identity().await.unwrap();
    wallet
}

async fn declare(city: &City, wallet: &Wallet, files: Vec<DeclareFile>) -> Result<String, WalletError> {
    let department = city.issuer.base().parse().unwrap();
    wallet.declare(&department, VCT, files).await.map(|preview| preview.id)
}

/// I035, I085, Hazard-12: nothing is uploaded, anchored or asked before the citizen confirmed. X055, X056, X057: then all of it is, once.
/// Hazard-3: a department is no exception: what it gets, it gets by the citizen's own act.
#[tokio::test]
async fn nothing_leaves_before_the_confirmation_and_everything_after_it() {
    let city = City::new().await;
    let wallet = wallet(&city).await;
    let department = city.issuer.base().parse().unwrap();
    let preview = wallet.declare(&department, VCT, files(&city)).await.unwrap();
    assert_eq!(preview.department.en, "Public security", "the ledger's name, not the department's own");
    assert_eq!(preview.attributes[0].claims, claims());
    assert!(preview.sentence.zh.contains("公安局") && preview.sentence.en.contains("Public security"));
    assert_eq!(city.issuer.seen(|seen| (seen.uploads, seen.requests.len())), (0, 0));
    assert_eq!(city.ledger.transactions().len(), 1, "only the identity");

    let request = wallet.confirm_declaration(&preview.id).await.unwrap();
    assert_eq!(request.stage, RequestStage::Pending);
    assert_eq!(city.issuer.seen(|seen| (seen.uploads, seen.requests.len())), (2, 1));
    let transactions = city.ledger.transactions();
    let Body::AnchorAttributes(anchors) = &transactions[1].unsigned.body else { panic!() };
    assert_eq!(anchors.len(), 2);
    // By a key that is used for nothing else: the anchor does not lead to the identity.
    let Sender::Key(anchor_key) = transactions[1].unsigned.sender else { panic!() };
    assert_ne!(anchor_key, *transactions[0].unsigned.sender.key());

    let sent = city.issuer.seen(|seen| seen.requests[0].clone());
    let opened = city.issuer.open_declared(&sent);
    assert_eq!(opened[0], serde_json::to_vec(&claims()).unwrap());
    assert_eq!(opened[1], picture());
    for (attribute, anchor) in sent.attributes.iter().zip(anchors) {
        assert_eq!((attribute.anchor, attribute.transaction), (anchor.id, transactions[1].id()));
    }
    let events: Vec<Event> = wallet.history().unwrap().iter().map(|entry| entry.event).collect();
    assert_eq!(events[1..], [Event::Declared, Event::Anchored, Event::AttestationRequested]);
}

/// X041, X043: what lies in the department's store is ciphertext.
#[tokio::test]
async fn what_is_uploaded_is_ciphertext() {
    let city = City::new().await;
    let wallet = wallet(&city).await;
    let id = declare(&city, &wallet, files(&city)).await.unwrap();
    wallet.confirm_declaration(&id).await.unwrap();
    for blob in city.issuer.seen(|seen| seen.blobs.values().cloned().collect::<Vec<_>>()) {
        assert!(!blob.windows(6).any(|window| window == b"canary"));
        assert!(!blob.windows(4).any(|window| window == b"IHDR"));
    }
}

/// REL-E1, REL-A3: an answer is lost, the wallet dies after each step; in the end there is one upload each, one anchor, one request.
#[tokio::test]
async fn a_declaration_goes_on_after_every_kind_of_interruption() {
    let city = City::new().await;
    let mut wallet = wallet(&city).await;
    let id = declare(&city, &wallet, files(&city)).await.unwrap();
    wallet = city.reopen(wallet);
    city.ledger.set_away(true);
    assert_eq!(wallet.confirm_declaration(&id).await.unwrap_err().slug(), "ledger-unreachable");
    wallet = city.reopen(wallet);
    city.ledger.set_away(false);
    city.ledger.lose_answers.store(1, Ordering::SeqCst);
    assert_eq!(wallet.confirm_declaration(&id).await.unwrap_err().slug(), "ledger-not-final");
    wallet = city.reopen(wallet);
    let request = wallet.confirm_declaration(&id).await.unwrap();
    assert_eq!(request.stage, RequestStage::Pending);
    assert_eq!(city.issuer.seen(|seen| (seen.uploads, seen.requests.len())), (2, 1));
    let anchors: Vec<_> = city.ledger.transactions().into_iter().skip(1).map(|transaction| transaction.id()).collect();
    assert_eq!(anchors.len(), 2, "submitted twice");
    assert_eq!(anchors[0], anchors[1], "the same transaction");
    // Confirming again changes nothing.
    wallet.confirm_declaration(&id).await.unwrap();
    assert_eq!(city.issuer.seen(|seen| seen.requests.len()), 1);
}

#[tokio::test]
async fn an_anchor_that_expired_without_effect_is_made_anew_under_the_same_ids() {
    let city = City::new().await;
    let wallet = wallet(&city).await;
    let id = declare(&city, &wallet, files(&city)).await.unwrap();
    city.ledger.expire.store(1, Ordering::SeqCst);
    wallet.confirm_declaration(&id).await.unwrap();
    let ids = |number: usize| match &city.ledger.transactions()[number].unsigned.body {
        Body::AnchorAttributes(anchors) => anchors.iter().map(|anchor| anchor.id).collect::<Vec<_>>(),
        _ => panic!(),
    };
    assert_eq!(ids(1), ids(2));
}

/// The request is signed anew when it has become too old, under the same idempotency key.
#[tokio::test]
async fn a_request_that_was_answered_is_not_sent_again() {
    let city = City::new().await;
    let wallet = wallet(&city).await;
    let id = declare(&city, &wallet, files(&city)).await.unwrap();
    wallet.confirm_declaration(&id).await.unwrap();
    city.clock.advance(1000);
    assert_eq!(wallet.request_state(&id).await.unwrap().stage, RequestStage::Pending);
    assert_eq!(city.issuer.seen(|seen| seen.requests.len()), 1);
}

/// X058: the clerk's reason reaches the citizen.
#[tokio::test]
async fn a_refusal_comes_with_the_clerks_words() {
    let city = City::new().await;
    let wallet = wallet(&city).await;
    let id = declare(&city, &wallet, files(&city)).await.unwrap();
    wallet.confirm_declaration(&id).await.unwrap();
    city.issuer.behave(|behaviour| behaviour.refuse_request = Some("照片不清晰\u{202e}x".to_owned()));
    let request = wallet.request_state(&id).await.unwrap();
    assert_eq!(request.stage, RequestStage::Refused { reason: "照片不清晰\u{fffd}x".to_owned() });
    assert_eq!(wallet.requests().unwrap()[0].stage, request.stage);
}

/// X036: attested, received, and the credential's claims are what was declared.
#[tokio::test]
async fn an_attested_request_leads_to_its_credential() {
    let city = City::new().await;
    let wallet = wallet(&city).await;
    let id = declare(&city, &wallet, files(&city)).await.unwrap();
    wallet.confirm_declaration(&id).await.unwrap();
    city.issuer.behave(|behaviour| behaviour.attest = true);
    let RequestStage::Attested { offer } = wallet.request_state(&id).await.unwrap().stage else { panic!() };
    assert!(wallet.review_offer(&offer).await.unwrap().expected());
    let credential = only(wallet.receive(&offer, Some(PIN)).await.unwrap());
    assert_eq!(credential.claims.len(), claims().len());
    assert_eq!(wallet.requests().unwrap()[0].stage, RequestStage::Received);
}

/// What nobody asked for is not slipped in beside what was.
#[tokio::test]
async fn an_offer_of_more_than_was_asked_for_is_not_expected() {
    let city = City::new().await;
    let wallet = wallet(&city).await;
    let id = declare(&city, &wallet, files(&city)).await.unwrap();
    wallet.confirm_declaration(&id).await.unwrap();
    city.issuer.behave(|behaviour| (behaviour.attest, behaviour.offered) = (true, vec!["marital-status", "resident-identity"]));
    let RequestStage::Attested { offer } = wallet.request_state(&id).await.unwrap().stage else { panic!() };
    let offer = wallet.review_offer(&offer).await.unwrap();
    let shown: Vec<_> = offer.credentials.iter().map(|one| (one.attestation_type.as_str(), one.expected)).collect();
    assert_eq!((shown.as_slice(), offer.expected()), ([(MARITAL, false), (VCT, true)].as_slice(), false));
    assert!(offer.credentials[0].department.is_none() && offer.credentials[1].department.is_some());
}

#[tokio::test]
async fn a_store_that_keeps_other_bytes_is_noticed_before_anything_is_anchored() {
    let city = City::new().await;
    let wallet = wallet(&city).await;
    let id = declare(&city, &wallet, files(&city)).await.unwrap();
    city.issuer.behave(|behaviour| behaviour.store_other_bytes = true);
    assert_eq!(wallet.confirm_declaration(&id).await.unwrap_err().slug(), "blob-bad");
    assert_eq!(city.ledger.transactions().len(), 1);
}

/// A department that the ledger does not confirm gets nothing: unknown, not accredited, suspended, without a reader key, or elsewhere.
#[tokio::test]
async fn a_department_that_the_ledger_does_not_confirm_gets_nothing() {
    let city = City::new().await;
    let wallet = wallet(&city).await;
    let record = city.issuer.record();
    let subject = Subject::Authority(record.id);
    let unaccredited = ledger::records::AuthorityRecord { accredited_types: vec![], ..record.clone() };
    let keyless = ledger::records::AuthorityRecord { reader_key: None, ..record.clone() };
    let elsewhere = ledger::records::AuthorityRecord { issuer_url: Some("http://127.0.0.1:1".to_owned()), ..record.clone() };
    for bad in [unaccredited, keyless, elsewhere] {
        city.ledger.put(&subject, &bad, 0);
        let error = declare(&city, &wallet, files(&city)).await.unwrap_err();
        assert_eq!(error.slug(), "department-not-accredited");
    }
    city.ledger.put(&subject, &record, 1);
    let suspended = declare(&city, &wallet, files(&city)).await.unwrap_err();
    assert_eq!(suspended.slug(), "department-not-accredited");
    city.ledger.remove(&subject);
    assert_eq!(declare(&city, &wallet, files(&city)).await.unwrap_err().slug(), "department-not-accredited");
    city.ledger.put(&subject, &record, 0);
    city.issuer.behave(|behaviour| behaviour.other_address = true);
    assert_eq!(declare(&city, &wallet, files(&city)).await.unwrap_err().slug(), "department-not-accredited");
    assert_eq!(city.issuer.seen(|seen| (seen.uploads, seen.requests.len())), (0, 0));
}

/// Accreditation lost between preview and confirmation: nothing is sent.
#[tokio::test]
async fn a_department_that_lost_its_accreditation_since_the_preview_gets_nothing() {
    let city = City::new().await;
    let wallet = wallet(&city).await;
    let id = declare(&city, &wallet, files(&city)).await.unwrap();
    let record = ledger::records::AuthorityRecord { accredited_types: vec![], ..city.issuer.record() };
    city.ledger.put(&Subject::Authority(record.id), &record, 0);
    assert_eq!(wallet.confirm_declaration(&id).await.unwrap_err().slug(), "department-not-accredited");
    assert_eq!(city.issuer.seen(|seen| seen.uploads), 0);
}

/// I035: what is not in the specified format, or not asked for, is refused before anything is sealed.
#[tokio::test]
async fn files_that_do_not_fit_are_refused_with_the_reason() {
    let city = City::new().await;
    let wallet = wallet(&city).await;
    let good = files(&city);
    let number = std::cell::Cell::new(0);
    let fresh = |bytes: &[u8]| {
        number.set(number.get() + 1);
        city.write_file(&format!("other-{}", number.get()), bytes)
    };
    let with_claims = |bytes: &[u8]| {
        let path = fresh(bytes);
        vec![DeclareFile { kind: AttributeKind::Claims, path }, good[1].clone()]
    };
    let with_portrait = |bytes: &[u8]| {
        let path = fresh(bytes);
        vec![good[0].clone(), DeclareFile { kind: AttributeKind::Portrait, path }]
    };
    let missing = vec![good[0].clone(), DeclareFile { kind: AttributeKind::Portrait, path: PathBuf::from("/nowhere.png") }];
    let cases = [
        (vec![good[1].clone()], "files-do-not-fit"),
        (vec![good[0].clone(), good[0].clone()], "files-do-not-fit"),
        (with_claims(br#"{"a":1}"#), "claims-malformed"),
        (with_claims(br#"{"a":"1","a":"2"}"#), "claims-malformed"),
        (with_claims(&vec![b' '; 70_000]), "file-too-large"),
        (with_portrait(b"GIF89a"), "picture-refused"),
        (with_portrait(PNG.get(..20).unwrap()), "picture-refused"),
        (with_portrait(&vec![0; MAX_PICTURE_BYTES + 1]), "file-too-large"),
        (missing, "file-unreadable"),
    ];
    for (files, slug) in cases {
        assert_eq!(declare(&city, &wallet, files).await.unwrap_err().slug(), slug);
    }
    let other = city.issuer.base().parse().unwrap();
    let error = wallet.declare(&other, "urn:yufu:vct:marital-status:1", good).await.unwrap_err();
    assert_eq!(error.slug(), "type-not-offered");
}

#[tokio::test]
async fn a_picture_with_camera_data_comes_with_a_note() {
    let city = City::new().await;
    let wallet = wallet(&city).await;
    let mut bytes = picture();
    // An eXIf chunk after IHDR (8 bytes of signature, 25 of IHDR); its checksum is not looked at.
    bytes.splice(33..33, [&[0, 0, 0, 2][..], b"eXIf", b"II", &[0; 4]].concat());
    let mut files = files(&city);
    files[1].path = city.write_file("exif.png", &bytes);
    let department = city.issuer.base().parse().unwrap();
    let preview = wallet.declare(&department, VCT, files).await.unwrap();
    assert!(preview.attributes[1].notes[0].en.contains("camera"));
    assert!(preview.attributes[0].notes.is_empty());
}

/// X034: documents are declared as pictures and PDF, several in one declaration, from files (a computer's terminal) and from memory (a
/// window on a telephone or a computer, and a page): each is encrypted, anchored and sealed to the department like the rest.
#[tokio::test]
async fn documents_are_declared_like_the_rest() {
    let city = City::new().await;
    let wallet = wallet(&city).await;
    let mut chosen = files(&city);
    for (kind, name, bytes) in [
        (AttributeKind::HouseholdRegister, "hukou.pdf", PDF),
        (AttributeKind::HouseholdRegister, "page-2.png", &picture()),
        (AttributeKind::IdentityCard, "card.png", &picture()),
    ] {
        chosen.push(DeclareFile { kind, path: city.write_file(name, bytes) });
    }
    let contents = |file: &DeclareFile| DeclareContents {
        kind: file.kind,
        name: "a name that says nothing".to_owned(),
        bytes: std::fs::read(&file.path).unwrap().into(),
    };
    let department = city.issuer.base().parse().unwrap();
    let in_memory = wallet.declare_contents(&department, VCT, chosen.iter().map(contents).collect()).await.unwrap();
    let preview = wallet.declare(&department, VCT, chosen).await.unwrap();
    let types: Vec<&str> = preview.attributes.iter().map(|attribute| attribute.media_type.as_str()).collect();
    assert_eq!(types, ["application/json", "image/png", "application/pdf", "image/png", "image/png"]);
    assert_eq!(preview.attributes[2].name.zh, "户口簿");
    assert_eq!(in_memory.attributes[2].media_type, "application/pdf", "what is in it counts, and not its name");

    wallet.confirm_declaration(&preview.id).await.unwrap();
    let sent = city.issuer.seen(|seen| seen.requests[0].clone());
    let opened = city.issuer.open_declared(&sent);
    assert_eq!((opened.len(), opened[2].as_slice(), opened[4].as_slice()), (5, PDF, picture().as_slice()));
    let Body::AnchorAttributes(anchors) = &city.ledger.transactions()[1].unsigned.body else { panic!() };
    assert_eq!(anchors.len(), 5, "one transaction for all");
    assert_eq!(city.issuer.seen(|seen| seen.uploads), 5);
    for blob in city.issuer.seen(|seen| seen.blobs.values().cloned().collect::<Vec<_>>()) {
        assert!(!blob.windows(8).any(|window| window == b"canary-9" || window == b"%PDF-1.7"));
    }
}

/// X034: what is no document, too large, or not asked for by this department is refused, in words, before anything is sealed.
#[tokio::test]
async fn documents_that_do_not_fit_are_refused_with_the_reason() {
    let city = City::new().await;
    let wallet = wallet(&city).await;
    let claims = files(&city)[0].clone();
    let with = |kind: AttributeKind, name: &str, bytes: &[u8]| {
        vec![claims.clone(), DeclareFile { kind, path: city.write_file(name, bytes) }]
    };
    let register = AttributeKind::HouseholdRegister;
    let large = |bytes: usize| [PDF, &vec![b' '; bytes], b"%%EOF"].concat();
    let mut many = vec![claims.clone()];
    many.extend((0..9).map(|page| DeclareFile { kind: register, path: city.write_file(&format!("{page}.pdf"), PDF) }));
    let mut heavy = vec![claims.clone()];
    heavy.extend(
        (0..4).map(|page| DeclareFile { kind: register, path: city.write_file(&format!("h{page}.pdf"), &large(7 << 20)) }),
    );
    let cases = [
        (with(register, "a.pdf", b"<html>not a pdf</html>"), "document-refused"),
        (with(register, "b.pdf", b"%PDF-1.7 cut off"), "document-refused"),
        (with(register, "c.svg", b"<svg onload=alert(1)>"), "document-refused"),
        (with(register, "d.png", PNG.get(..20).unwrap()), "document-refused"),
        (with(register, "e.pdf", &large(8 << 20)), "file-too-large"),
        (with(AttributeKind::MarriageCertificate, "f.pdf", PDF), "files-do-not-fit"),
        (many, "files-do-not-fit"),
        (heavy, "files-too-large"),
    ];
    for (files, slug) in cases {
        let error = declare(&city, &wallet, files).await.unwrap_err();
        assert_eq!(error.slug(), slug);
        let said = error.explain();
        if slug == "file-too-large" {
            assert!(said.sentence.zh.contains("8 MiB") && said.sentence.en.contains("8 MiB"), "{said:?}");
        }
        if slug == "files-do-not-fit" {
            assert!(said.sentence.en.contains("household register") && said.sentence.zh.contains("照片从不必需"), "{said:?}");
        }
    }
    assert!(wallet.requests().unwrap().is_empty(), "nothing was sealed");
}

#[tokio::test]
async fn declaring_needs_an_identity_first() {
    let city = City::new().await;
    let wallet = city.create_wallet();
    assert_eq!(declare(&city, &wallet, files(&city)).await.unwrap_err().slug(), "identity-not-created");
}
