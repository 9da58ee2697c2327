//! Documents beside the claims, and verification without a face.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identity::sd_jwt::Held;
use wire::issuer::{AttributeKind, AttributeRequest, MAX_DOCUMENT_BYTES};

use crate::support::{Answer, Citizen, Clerk, Declared, WalletKeys, World, attribute, claims, count, wallet_tools};

const PDF: &[u8] = b"%PDF-1.7\n1 0 obj << /Type /Catalog >> endobj canary-4715\ntrailer << /Root 1 0 R >>\n%%EOF\n";
const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n canary-4716 a page of a household register";

async fn declared(world: &World, citizen: &Citizen, papers: &[(AttributeKind, &str, &[u8])]) -> Vec<Declared> {
    let document = serde_json::to_vec(&claims()).unwrap();
    let mut all = vec![citizen.declare(world, AttributeKind::Claims, "application/json", &document)];
    all.extend(papers.iter().map(|(kind, media_type, bytes)| citizen.declare(world, *kind, media_type, bytes)));
    for one in &all {
        assert_eq!(citizen.upload(world, &one.sealed).await.status, 201);
    }
    all
}

async fn submit(world: &World, citizen: &Citizen, all: &[Declared]) -> Answer {
    citizen.submit(world, &citizen.sign(&citizen.request(all))).await
}

async fn ask(world: &World, citizen: &Citizen, papers: &[(AttributeKind, &str, &[u8])]) -> (String, String) {
    let answer = submit(world, citizen, &declared(world, citizen, papers).await).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let json = answer.json();
    (json["id"].as_str().unwrap().to_owned(), json["state_token"].as_str().unwrap().to_owned())
}

/// X034: documents of several kinds are taken, several of one kind too; the clerk sees pictures on the page and saves PDFs, whose type is
/// fixed and which can do nothing. Nothing of them is in the database or on the ledger.
#[tokio::test]
async fn a_clerk_sees_pictures_and_saves_pdfs_that_can_do_nothing() {
    let world = World::new().await;
    let citizen = Citizen::new(&world);
    let papers = [
        (AttributeKind::HouseholdRegister, "image/png", PICTURE),
        (AttributeKind::HouseholdRegister, "application/pdf", PDF),
        (AttributeKind::IdentityCard, "image/jpeg", b"\xff\xd8\xff\xe0 a card".as_slice()),
    ];
    let (id, _) = ask(&world, &citizen, &papers).await;
    let clerk = Clerk::sign_in(&world).await;
    let page = clerk.get(&world, &format!("/console/requests/{id}")).await.text();
    assert_eq!((count(&page, "img.paper"), count(&page, "a[download]"), count(&page, "img.portrait")), (2, 1, 0));
    assert!(page.contains("户口簿") && page.contains("居民身份证"));

    let picture = clerk.get(&world, &attribute(&page, "img.paper", "src")).await;
    assert_eq!((picture.header("content-type"), picture.body.as_slice()), ("image/png", PICTURE));
    assert!(picture.header("content-disposition").is_empty());
    let pdf = clerk.get(&world, &attribute(&page, "a[download]", "href")).await;
    assert_eq!((pdf.header("content-type"), pdf.body.as_slice()), ("application/pdf", PDF));
    assert_eq!(pdf.header("content-disposition"), "attachment; filename=\"household_register-2.pdf\"");
    for answer in [&picture, &pdf] {
        assert_eq!((answer.header("x-content-type-options"), answer.header("cache-control")), ("nosniff", "no-store"));
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("sandbox") && policy.contains("default-src 'none'") && !policy.contains("allow-"), "{policy}");
    }
    let page = clerk.get(&world, &format!("/console/requests/{id}")).await.text();
    assert_eq!(page.matches("· 查看材料").count(), 3, "X040: two looks at the page, and one PDF that was saved");
    let unknown = format!("/console/requests/{id}/papers/3");
    assert_eq!(clerk.get(&world, &unknown).await.status, 404);
    assert_eq!(world.get(&unknown).await.status, 303, "nobody sees a document without signing in");
}

/// X034: what a document is is found out from its bytes; what is not one, is not what it is said to be, is too large, or was not asked for
/// is refused.
#[tokio::test]
async fn a_file_that_is_no_document_is_refused() {
    let world = World::new().await;
    let citizen = Citizen::new(&world);
    let large = [PDF, &vec![b' '; MAX_DOCUMENT_BYTES], b"%%EOF"].concat();
    let register = AttributeKind::HouseholdRegister;
    let bad: [(AttributeKind, &str, &[u8]); 7] = [
        (register, "application/pdf", b"<html><script>alert(1)</script>"),
        (register, "application/pdf", PICTURE),
        (register, "image/png", PDF),
        (register, "application/pdf", b"%PDF-1.7 cut off"),
        (register, "image/svg+xml", b"<svg onload=alert(1)>"),
        (register, "application/pdf", &large),
        (AttributeKind::MarriageCertificate, "application/pdf", PDF),
    ];
    for one in bad {
        let answer = submit(&world, &citizen, &declared(&world, &citizen, &[one]).await).await;
        assert_eq!((answer.status, answer.error().as_str()), (422, "refused"), "{:?} {}", one.0, one.1);
    }
    let good = declared(&world, &citizen, &[(register, "application/pdf", PDF)]).await;
    let mut other = good.clone();
    other[1].attribute.kind = AttributeKind::OtherDocument;
    assert_eq!(submit(&world, &citizen, &other).await.status, 422, "this department did not ask for it");
    assert_eq!(submit(&world, &citizen, &good).await.status, 201);
}

/// X034: a document that a department needs must be there. T008: the same wallet asks every department in the same form.
#[tokio::test]
async fn a_document_that_is_needed_must_be_there() {
    let world = World::new().await;
    let citizen = Citizen::new(&world);
    let department = world.get("/v1/department").await.json();
    let civil = &department["attestations"][1];
    assert_eq!((&civil["needs"][1], &civil["optional"][0]), (&"household_register".into(), &"marriage_certificate".into()));
    let civil_type = crate::support::CIVIL_TYPE;
    let document = serde_json::to_vec(&claims()).unwrap();
    let of = |kind, media_type, bytes: &[u8]| citizen.declare_for(&world, kind, media_type, bytes, civil_type);
    let all =
        [of(AttributeKind::Claims, "application/json", &document), of(AttributeKind::HouseholdRegister, "application/pdf", PDF)];
    for one in &all {
        citizen.upload(&world, &one.sealed).await;
    }
    let request = |declared: &[Declared]| {
        let request = citizen.request(declared);
        citizen.sign(&AttributeRequest { attestation_type: civil_type.to_owned(), ..request })
    };
    assert_eq!(citizen.submit(&world, &request(&all[..1])).await.status, 422);
    assert_eq!(citizen.submit(&world, &request(&all)).await.status, 201);
}

/// X074: no portrait, no register: by the original document, by card and PIN, or by a trusted person, everybody gets the credential, which
/// says by which of them and nothing about the person. Who witnessed is noted sealed.
#[tokio::test]
async fn every_way_leads_to_the_credential_without_a_face() {
    let world = World::new().await;
    let offering = world.get("/v1/department").await.json()["attestations"][0].clone();
    let channels: Vec<&str> = offering["channels"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    assert_eq!(channels, ["counter", "card", "witness", "register"]);
    assert!(!offering["needs"].to_string().contains("portrait"));
    for (seed, (channel, reference)) in
        [("counter", ""), ("card", "E-card 4718"), ("witness", "见证人 canary-4717")].iter().enumerate()
    {
        let citizen = Citizen::with_device(&world, 60 + u8::try_from(seed).unwrap());
        let (id, token) = ask(&world, &citizen, &[]).await;
        let clerk = Clerk::sign_in(&world).await;
        let path = format!("/console/requests/{id}");
        assert_eq!(count(&clerk.get(&world, &path).await.text(), "img.portrait"), 0);
        let attest = format!("{path}/attest");
        if !reference.is_empty() {
            assert_eq!(clerk.post(&world, &attest, &[("channel", channel)]).await.status, 422, "the clerk must say which");
        }
        let fields = [("channel", *channel), ("reference", *reference)];
        assert_eq!(clerk.post(&world, &attest, &fields).await.status, 303);
        assert!(clerk.get(&world, &path).await.text().contains(reference));

        let state = world.get_as(&format!("/v1/attribute-requests/{id}"), &token).await.json();
        assert_eq!(state["state"]["state"], "attested");
        assert!(!state.to_string().contains("canary"), "the citizen's wallet is not told who witnessed");
        let pin = clerk.pin(&world, &id).await;
        for copy in receive(&world, &state, &pin).await {
            let all = Held::open(&copy).unwrap().claims().clone();
            assert_eq!(all["verified_by"], *channel);
            assert!(!all.contains_key("portrait_sha256"));
            assert!(!serde_json::to_string(&all).unwrap().contains("canary-4717"));
            // The citizen may show how it was verified, or keep it.
            let plain = URL_SAFE_NO_PAD.decode(copy.split('.').nth(1).unwrap()).unwrap();
            assert!(!String::from_utf8(plain).unwrap().contains("verified_by"));
        }
    }
}

/// The copies of an attested request.
async fn receive(world: &World, state: &serde_json::Value, pin: &str) -> Vec<String> {
    let offer = state["state"]["credential_offer_uri"].as_str().unwrap();
    let offer = world.get(offer.trim_start_matches(wallet_tools::ISSUER)).await.json();
    let token = world.token(&wallet_tools::code(&offer), pin).await.json();
    let proofs = WalletKeys::new(2).proofs(&world.nonce().await);
    let request = wallet_tools::credential_request(&proofs);
    let answer = world.credential_in_the_end(token["access_token"].as_str().unwrap(), &request).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    wallet_tools::credentials(&answer)
}
