//! All one's own data, department by department: data, business, security.

use ledger::cell::Subject;
use ledger::records::AttestationStatus;
use ledger::transaction::{Anchor, Body};
use serde_json::json;
use wallet_core::my_data::{EndingWay, Integrity};
use wallet_core::vault::{Table, Vault};
use wallet_core::{AttributeKind, DeclareFile, Event, Passphrase, RequestStage, Wallet};

use crate::attributes::{PDF, files, picture};
use crate::city::{City, MARITAL, PASSPHRASE, VCT};
use crate::issuer::{FakeIssuer, PIN, claims};

/// A wallet that declared to two departments, received from both, and logged in at a site.
async fn lived_in() -> (City, FakeIssuer, Wallet) {
    let city = City::new().await;
    let civil = FakeIssuer::second(&city).await;
    let wallet = city.create_wallet();
    wallet.create_identity().await.unwrap();
    for (department, vct) in [(&city.issuer, VCT), (&civil, MARITAL)] {
        department.behave(|behaviour| behaviour.attest = true);
        let mut chosen = files(&city);
        chosen.push(DeclareFile { kind: AttributeKind::HouseholdRegister, path: city.write_file("hukou.pdf", PDF) });
        let preview = wallet.declare(&department.base().parse().unwrap(), vct, chosen).await.unwrap();
        wallet.confirm_declaration(&preview.id).await.unwrap();
        let RequestStage::Attested { offer } = wallet.request_state(&preview.id).await.unwrap().stage else { panic!() };
        wallet.receive(&offer, Some(PIN)).await.unwrap();
        city.clock.advance(60);
    }
    let consent = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
    wallet.approve(&consent, None).await.unwrap();
    (city, civil, wallet)
}

/// X037, X073: everything that two departments have of a citizen is read in one place and without any network: what each was given and
/// issued, what that was used for, and how it is protected. T008: one entry, one form and one wallet for every department.
#[tokio::test]
async fn all_own_data_is_read_department_by_department_without_a_network() {
    let (city, civil, wallet) = lived_in().await;
    city.ledger.set_away(true);
    let wallet = city.reopen(wallet);
    let asked = city.issuer.seen(|seen| seen.bodies.len());
    let data = wallet.my_data().unwrap();
    let names: Vec<&str> = data.departments.iter().map(|one| one.name.en.as_str()).collect();
    assert_eq!(names, ["Public security", "Civil affairs"]);

    let (police, affairs) = (&data.departments[0], &data.departments[1]);
    for (department, vct) in [(police, VCT), (affairs, MARITAL)] {
        // Data.
        assert_eq!(department.given.len(), 1);
        let kinds: Vec<AttributeKind> = department.given[0].attributes.iter().map(|one| one.kind).collect();
        assert_eq!(kinds, [AttributeKind::Claims, AttributeKind::Portrait, AttributeKind::HouseholdRegister]);
        assert_eq!(department.given[0].attributes[0].claims, claims(), "with their values");
        assert_eq!((department.issued.len(), department.issued[0].attestation_type.as_str()), (1, vct));
        // Security.
        assert_eq!(department.security.sealed.len(), 3);
        for sealed in &department.security.sealed {
            assert_eq!((sealed.integrity, sealed.as_of, sealed.height), (Integrity::Unchecked, None, Some(42)));
            assert_eq!(sealed.store, department.issuer);
        }
        let all: String = department.security.sentences.iter().map(|sentence| sentence.en.clone() + &sentence.zh).collect();
        assert!(all.contains(&department.name.en) && all.contains("Only you and") && all.contains("密文"), "{all}");
    }
    // Business: the login is with the department whose credential was shown, and a login is one line.
    let events = |number: usize| data.departments[number].uses.iter().map(|entry| entry.event).collect::<Vec<_>>();
    let story = [Event::CredentialReceived, Event::Attested, Event::AttestationRequested, Event::Anchored, Event::Declared];
    assert_eq!(events(0), [&[Event::Released][..], &story].concat());
    assert_eq!(events(1), story);
    assert_eq!(police.uses[0].origin.as_deref(), Some(city.site.origin().as_str()));
    // What can be ended, and by whom.
    let ways = |number: usize| data.departments[number].security.endings.iter().map(|one| one.way).collect::<Vec<_>>();
    assert_eq!(ways(0), [EndingWay::Kill, EndingWay::Revoke, EndingWay::AskSite, EndingWay::AskDepartment]);
    assert_eq!(ways(1), [EndingWay::Kill, EndingWay::Revoke, EndingWay::AskDepartment]);
    assert_eq!((city.issuer.seen(|seen| seen.bodies.len()), civil.base()), (asked, affairs.issuer.clone()));
}

/// X037: the citizen's own copies are opened in full, each under a name that fits what is in it.
#[tokio::test]
async fn documents_are_opened_from_the_own_sealed_copies() {
    let (city, _, wallet) = lived_in().await;
    city.ledger.set_away(true);
    let data = wallet.my_data().unwrap();
    let attributes = &data.departments[0].given[0].attributes;
    let open = |number: usize| wallet.my_document(&attributes[number].cid).unwrap();
    assert_eq!(open(0).bytes.as_slice(), serde_json::to_vec(&claims()).unwrap());
    assert_eq!((open(1).file.as_str(), open(1).bytes.as_slice()), ("portrait.png", picture().as_slice()));
    let register = open(2);
    assert_eq!((register.file.as_str(), register.media_type.as_str()), ("hukou.pdf", "application/pdf"));
    assert_eq!(register.bytes.as_slice(), PDF);
    assert!(!format!("{register:?}").contains("canary"));
    assert_eq!(wallet.my_document("bafkunknown").unwrap_err().slug(), "document-unknown");
}

/// X073: the ledger is asked for every anchor and every status; what it said is remembered with its block, also when it says something bad.
#[tokio::test]
async fn anchors_and_copies_are_checked_against_the_ledger() {
    let (city, _, wallet) = lived_in().await;
    let data = wallet.check_my_data().await.unwrap();
    for sealed in data.departments.iter().flat_map(|one| &one.security.sealed) {
        assert_eq!((sealed.integrity, sealed.as_of.unwrap().height), (Integrity::Confirmed, 42));
    }
    // What was found stays, as of that block, without the ledger.
    city.ledger.set_away(true);
    assert_eq!(wallet.check_my_data().await.unwrap_err().slug(), "ledger-unreachable");
    assert_eq!(wallet.my_data().unwrap(), data);
    city.ledger.set_away(false);

    let Body::AnchorAttributes(anchors) = city.ledger.transactions()[1].unsigned.body.clone() else { panic!() };
    city.ledger.put(&Subject::Anchor(anchors[0].id), &Anchor { cid: anchors[1].cid.clone(), ..anchors[0].clone() }, 0);
    city.ledger.remove(&Subject::Anchor(anchors[1].id));
    let record = city.issuer.seen(|seen| seen.records[0]);
    city.ledger.set_status(&Subject::Attestation(record), AttestationStatus::Revoked);
    let data = wallet.check_my_data().await.unwrap();
    let found: Vec<Integrity> = data.departments[0].security.sealed.iter().map(|sealed| sealed.integrity).collect();
    assert_eq!(found, [Integrity::AnchorDiffers, Integrity::NotOnLedger, Integrity::Confirmed]);
    assert!(data.departments[1].security.sealed.iter().all(|sealed| sealed.integrity == Integrity::Confirmed));
}

/// X073: a copy that is not what was declared any more, or is gone, is said and not shown.
#[tokio::test]
async fn a_copy_that_does_not_fit_its_commitment_is_said_and_not_shown() {
    let (city, _, wallet) = lived_in().await;
    let cids: Vec<String> = wallet.my_data().unwrap().departments[0].security.sealed.iter().map(|one| one.cid.clone()).collect();
    drop(wallet);
    let vault = Vault::unlock(&city.wallet_dir(), &Passphrase::new(PASSPHRASE.to_owned()), &city.environment).unwrap();
    vault
        .write::<_, wallet_core::vault::VaultError>(|batch| {
            let other = json!({ "media_type": "image/png", "bytes": "AAAA" });
            batch.put(Table::Documents, &cids[1], &other)?;
            batch.remove(Table::Documents, &cids[2]).map(drop)
        })
        .unwrap();
    drop(vault);
    let wallet = city.unlock(PASSPHRASE).unwrap();
    let data = wallet.check_my_data().await.unwrap();
    let found: Vec<Integrity> = data.departments[0].security.sealed.iter().map(|sealed| sealed.integrity).collect();
    assert_eq!(found, [Integrity::Confirmed, Integrity::CopyDiffers, Integrity::CopyMissing]);
    assert_eq!(wallet.my_document(&cids[1]).unwrap_err().slug(), "wallet-damaged");
    assert_eq!(wallet.my_document(&cids[2]).unwrap_err().slug(), "document-unknown");
}

/// What was prepared and not confirmed is there too, and said to have stayed.
#[tokio::test]
async fn what_was_not_confirmed_has_not_left() {
    let city = City::new().await;
    let wallet = city.create_wallet();
    wallet.create_identity().await.unwrap();
    assert!(wallet.my_data().unwrap().departments.is_empty());
    wallet.declare(&city.issuer.base().parse().unwrap(), VCT, files(&city)).await.unwrap();
    let data = wallet.check_my_data().await.unwrap();
    let security = &data.departments[0].security;
    assert!(security.sealed.iter().all(|sealed| sealed.integrity == Integrity::NotSent));
    assert!(security.sentences.is_empty() && security.endings.is_empty());
}
