//! The phone is gone: words, guardians' cards and a backup bring the identity to another one.

use identity::Did;
use ledger::cell::Subject;
use ledger::records::AttestationStatus;
use ledger::transaction::Body;
use wallet_core::recovery::RecoverySecret;
use wallet_core::{Event, GuardianCard, Language, MovedState, Wallet};

use crate::city::{City, all_bytes};
use crate::issuer::PIN;

fn words(wallet: &Wallet) -> RecoverySecret {
    RecoverySecret::from_words(&wallet.recovery_words(Language::En).unwrap()).unwrap()
}

fn events(wallet: &Wallet) -> Vec<Event> {
    wallet.history().unwrap().iter().map(|entry| entry.event).collect()
}

fn did(wallet: &Wallet) -> Did {
    wallet.identity().unwrap().unwrap().did
}

/// A wallet with an identity, a credential, and a release; its words and its backup.
async fn prepared(city: &City) -> (Wallet, RecoverySecret, Vec<u8>) {
    let wallet = city.wallet_with_credential().await;
    let consent = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
    wallet.approve(&consent, None).await.unwrap();
    let secret = words(&wallet);
    let backup = wallet.backup().unwrap();
    (wallet, secret, backup)
}

/// Hazard-10: on a new device the words and the backup take the identity over; every other device is dead; history and receipts came
/// along; the credential is asked for again.
#[tokio::test]
async fn words_and_a_backup_bring_everything_to_a_new_device() {
    let city = City::new().await;
    let (old, secret, backup) = prepared(&city).await;
    let (before, receipts) = (old.history().unwrap(), old.receipts().unwrap());
    let new = city.create_wallet_in("new");
    let restored = new.restore(&backup, &secret).unwrap();
    assert_eq!((restored.did, restored.credentials, restored.receipts), (did(&old).to_string(), 1, 1));
    // Nothing was sent yet, and a second identity cannot be made over it.
    assert_eq!(new.create_identity().await.unwrap_err().slug(), "identity-recovering");
    let recovered = new.recover().await.unwrap();
    assert_eq!(recovered.did, did(&old));
    assert_eq!(city.ledger.identity(recovered.did.id).devices, [recovered.device]);
    assert_ne!(recovered.device, old.identity().unwrap().unwrap().device);
    assert!(matches!(city.ledger.transactions().last().unwrap().unsigned.body, Body::Recover { .. }));
    // The lost device is dead.
    assert_eq!(old.open(&city.site.ask(&["family_name"])).await.unwrap_err().slug(), "device-removed");
    let after = new.history().unwrap();
    assert_eq!(after[..before.len()], before);
    assert_eq!(after.last().unwrap().event, Event::IdentityRecovered);
    assert_eq!(new.receipts().unwrap(), receipts);
    // The credential's keys stayed behind.
    assert!(new.credentials().unwrap().is_empty());
    let moved = new.moved_credentials().unwrap();
    assert_eq!((moved.len(), &moved[0].state), (1, &MovedState::AskAgain));
    // It goes on after restarts, and the identity is a whole one.
    drop(new);
    let new = city.unlock_in("new");
    assert!(new.devices().await.unwrap().devices[0].this_device);
    // Its new words are those that the ledger takes from now on.
    new.rehearse(&words(&new), None).await.unwrap();
    assert_eq!(new.recover().await.unwrap_err().slug(), "recovery-not-begun");
}

/// The department gives a new credential: the old copies, which the lost phone has, are killed with it.
#[tokio::test]
async fn what_is_received_anew_kills_the_old_copies() {
    let city = City::new().await;
    let (_old, secret, backup) = prepared(&city).await;
    let old_records = city.issuer.seen(|seen| seen.records.clone());
    let new = city.create_wallet_in("new");
    new.restore(&backup, &secret).unwrap();
    new.recover().await.unwrap();
    assert_eq!(new.rebind().await.unwrap()[0].state, MovedState::AskAgain);
    new.receive(&crate::issuer::offer_link(&city.issuer.base(), "again"), Some(PIN)).await.unwrap();
    assert_eq!(new.moved_credentials().unwrap()[0].state, MovedState::OldCopiesLeft);
    city.ledger.set_away(true);
    assert_eq!(new.rebind().await.unwrap()[0].state, MovedState::OldCopiesLeft);
    city.ledger.set_away(false);
    assert_eq!(new.rebind().await.unwrap()[0].state, MovedState::Done);
    assert!(new.moved_credentials().unwrap().is_empty() && new.rebind().await.unwrap().is_empty());
    for record in old_records {
        assert_eq!(city.ledger.status(&Subject::Attestation(record)), Some(AttestationStatus::BrokenByHolder as u8));
    }
    assert_eq!(events(&new).last(), Some(&Event::OldCopiesKilled));
    assert!(new.credentials().unwrap()[0].usable, "the new copies live");
}

/// A credential of which there will be no new one can be killed from the new phone alone.
#[tokio::test]
async fn a_lost_phones_credential_is_killed_without_a_new_one() {
    let city = City::new().await;
    let (_old, secret, backup) = prepared(&city).await;
    let new = city.create_wallet_in("new");
    new.restore(&backup, &secret).unwrap();
    let id = new.moved_credentials().unwrap()[0].id.clone();
    new.kill_moved(&id).await.unwrap();
    for record in city.issuer.seen(|seen| seen.records.clone()) {
        assert_eq!(city.ledger.status(&Subject::Attestation(record)), Some(AttestationStatus::BrokenByHolder as u8));
    }
    assert_eq!(new.kill_moved(&id).await.unwrap_err().slug(), "moved-credential-unknown");
    assert_eq!(new.forget_moved(&id).unwrap_err().slug(), "moved-credential-unknown");
}

/// Hazard-10: two of three guardians, any two, without a backup. Their cards go by QR code or by typing.
#[tokio::test]
async fn any_two_guardians_recover_the_identity() {
    for pair in [[0, 1], [0, 2], [2, 1]] {
        let city = City::new().await;
        let old = city.create_wallet();
        let identity = old.create_identity().await.unwrap();
        let cards: Vec<_> = old.guardian_cards().unwrap().iter().map(GuardianCard::view).collect();
        assert_eq!((cards.len(), cards[0].of, cards[0].needed, cards[2].number), (3, 3, 2, 3));
        let scanned = GuardianCard::parse(&cards[pair[0]].link).unwrap();
        let typed = GuardianCard::from_words(identity.did.clone(), &cards[pair[1]].words).unwrap();
        let (did, secret) = RecoverySecret::from_cards(&[scanned, typed]).unwrap();
        assert_eq!(did, identity.did);
        let new = city.create_wallet_in("new");
        new.begin_recovery(&did, &secret).await.unwrap();
        let recovered = new.recover().await.unwrap();
        assert_eq!(recovered.did, identity.did);
        assert_eq!(city.ledger.identity(did.id).devices, [recovered.device]);
        // The secret is used up.
        let third = city.create_wallet_in("third");
        assert_eq!(third.begin_recovery(&did, &secret).await.unwrap_err().slug(), "recovery-replaced");
        assert!(new.recovery_status().unwrap().advice.len() == 3, "everything is to be prepared anew");
    }
}

/// One card says nothing and does nothing; cards of different sets and identities do not mix.
#[tokio::test]
async fn one_guardian_alone_recovers_nothing() {
    let city = City::new().await;
    let (one, other) = (city.create_wallet(), city.create_wallet_in("other"));
    one.create_identity().await.unwrap();
    other.create_identity().await.unwrap();
    let (cards, later, others) = (one.guardian_cards().unwrap(), one.guardian_cards().unwrap(), other.guardian_cards().unwrap());
    let slug = |cards: &[GuardianCard]| RecoverySecret::from_cards(cards).unwrap_err().explain().slug;
    assert_eq!(slug(&cards[..1]), "recovery-card-refused");
    assert_eq!(slug(&[cards[0].clone(), cards[0].clone()]), "recovery-card-refused");
    assert_eq!(slug(&[cards[0].clone(), later[1].clone()]), "recovery-card-refused");
    assert_eq!(slug(&[cards[0].clone(), others[1].clone()]), "recovery-cards-differ");
    assert_eq!(slug(&[]), "recovery-card-malformed");
    // A card shows neither the words nor any key.
    let secret = one.recovery_words(Language::En).unwrap();
    assert!(cards.iter().all(|card| !card.view().link.contains(secret.as_str())));
    let said = RecoverySecret::from_cards(&cards[..1]).unwrap_err().explain();
    assert!(said.sentence.en.contains("1 of 2 cards") && said.sentence.zh.contains("需要 2 张"), "{}", said.sentence.en);
    for text in ["", "yufu-device://card?x=1", "yufu-guardian-card://card?did=x&words=y", &"x".repeat(5000)] {
        assert_eq!(GuardianCard::parse(text).unwrap_err().explain().slug, "recovery-card-malformed", "{text}");
    }
}

/// The file is noise to who has not the words, and notices every change.
#[tokio::test]
async fn a_backup_is_sealed() {
    let city = City::new().await;
    let (wallet, secret, backup) = prepared(&city).await;
    for canary in ["canary", "family_name", "Tax portal", "did:yufu", "history", "110101199003070011"] {
        assert!(!backup.windows(canary.len()).any(|window| window == canary.as_bytes()), "{canary}");
    }
    let new = city.create_wallet_in("new");
    let slug = |file: &[u8], secret: &RecoverySecret| new.restore(file, secret).unwrap_err().slug();
    let other = RecoverySecret::from_words(&format!("{}vote", "zoo ".repeat(23))).unwrap();
    assert_eq!(slug(&backup, &other), "backup-sealed");
    assert_eq!(slug(b"", &secret), "backup-unknown-file");
    assert_eq!(slug(&[0; 500], &secret), "backup-unknown-file");
    for at in [12, 40, 60, 70, backup.len() / 2, backup.len() - 1] {
        let mut changed = backup.clone();
        changed[at] ^= 1;
        assert_eq!(slug(&changed, &secret), "backup-sealed", "{at}");
    }
    let mut newer = backup.clone();
    newer[11] = 2;
    assert_eq!(slug(&newer, &secret), "backup-too-new");
    assert_eq!(slug(&backup[..backup.len() - 1], &secret), "backup-sealed");
    assert_eq!(new.identity().unwrap(), None, "nothing of it was taken");
    // Two backups of the same look nothing alike.
    let again = wallet.backup().unwrap();
    assert_ne!(again[12..100], backup[12..100]);
    // It is not taken into a wallet that has an identity.
    assert_eq!(wallet.restore(&backup, &secret).unwrap_err().slug(), "identity-exists");
}

/// No key of a credential's copy and no SD-JWT is in the backup, nor this device's key: what was restored has nothing to show with.
#[tokio::test]
async fn keys_of_copies_never_leave_the_device() {
    let city = City::new().await;
    let (old, secret, backup) = prepared(&city).await;
    let new = city.create_wallet_in("new");
    new.restore(&backup, &secret).unwrap();
    new.recover().await.unwrap();
    assert_ne!(new.identity().unwrap().unwrap().device, old.identity().unwrap().unwrap().device);
    assert!(new.credentials().unwrap().is_empty());
    let error = new.open(&city.site.ask(&["family_name"])).await.unwrap_err();
    assert_eq!(error.slug(), "no-credential");
}

/// REL-A3: the ledger is away, the answer is lost, the wallet dies: one recovery, with the same keys.
#[tokio::test]
async fn a_recovery_that_was_interrupted_goes_on() {
    let city = City::new().await;
    let (_old, secret, backup) = prepared(&city).await;
    let new = city.create_wallet_in("new");
    new.restore(&backup, &secret).unwrap();
    city.ledger.set_away(true);
    assert_eq!(new.recover().await.unwrap_err().slug(), "ledger-unreachable");
    drop(new);
    let new = city.unlock_in("new");
    city.ledger.set_away(false);
    city.ledger.lose_answers.store(1, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(new.recover().await.unwrap_err().slug(), "ledger-not-final");
    drop(new);
    let new = city.unlock_in("new");
    let recovered = new.recover().await.unwrap();
    assert_eq!(city.ledger.identity(recovered.did.id).devices, [recovered.device]);
    let sent = city.ledger.transactions();
    assert_eq!(sent.iter().filter(|one| matches!(one.unsigned.body, Body::Recover { .. })).count(), 1);
}

/// After a rotation the old words, cards and backup recover nothing, and the new words do.
#[tokio::test]
async fn a_rotation_ends_old_words_and_cards() {
    let city = City::new().await;
    let (wallet, old_secret, old_backup) = prepared(&city).await;
    let identity = did(&wallet);
    city.ledger.lose_answers.store(1, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(wallet.rotate_recovery().await.unwrap_err().slug(), "ledger-not-final");
    assert_eq!(wallet.recovery_words(Language::En).unwrap_err().slug(), "recovery-rotating");
    let wallet = city.reopen(wallet);
    wallet.rotate_recovery().await.unwrap();
    let new_secret = words(&wallet);
    assert!(new_secret != old_secret);
    assert_eq!(events(&wallet).iter().filter(|event| **event == Event::RecoveryRotated).count(), 1);
    let new = city.create_wallet_in("new");
    assert_eq!(new.begin_recovery(&identity, &old_secret).await.unwrap_err().slug(), "recovery-replaced");
    // The old backup still opens by the old words; the identity needs the new ones.
    new.restore(&old_backup, &old_secret).unwrap();
    assert_eq!(new.recover().await.unwrap_err().slug(), "recovery-replaced");
    new.begin_recovery(&identity, &new_secret).await.unwrap();
    new.recover().await.unwrap();
    assert_eq!(new.receipts().unwrap().len(), 1, "what the backup brought is there");
}

/// The rehearsal: what the citizen has is tried out, against this wallet and the ledger; what came later is told; nothing changes but that
/// it is remembered.
#[tokio::test]
async fn a_rehearsal_tells_whether_it_would_work() {
    let city = City::new().await;
    let (wallet, secret, backup) = prepared(&city).await;
    // Words that were only looked at are on no paper.
    wallet.recovery_words(Language::En).unwrap();
    assert_eq!(wallet.recovery_status().unwrap().words_at, None);
    wallet.words_are_written().unwrap();
    assert_eq!(wallet.recovery_status().unwrap().words_at, Some(city.clock.now()));
    assert!(wallet.recovery_status().unwrap().rehearsed_at.is_none());
    city.wallet_credential_by_code(&wallet).await;
    let rehearsal = wallet.rehearse(&secret, Some(&backup)).await.unwrap();
    let tried = rehearsal.backup.unwrap();
    assert_eq!((tried.has.credentials, tried.has.receipts, tried.lacks.credentials, tried.lacks.receipts), (1, 1, 1, 0));
    assert_eq!((tried.lacks.history, rehearsal.as_of.unwrap().height), (1, 42));
    let status = wallet.recovery_status().unwrap();
    assert_eq!((status.rehearsed_at, status.advice.len()), (Some(city.clock.now()), 0));
    let wallet = city.reopen(wallet);
    assert_eq!(wallet.recovery_status().unwrap(), status, "it is remembered");
    city.clock.advance(366 * 24 * 3600);
    assert_eq!(wallet.recovery_status().unwrap().advice.len(), 1);
    // Nothing is left of it, and nothing was sent.
    assert!(!city.wallet_dir().join("rehearsal").exists());
    assert!(city.ledger.transactions().iter().all(|one| !matches!(one.unsigned.body, Body::Recover { .. })));
    // By cards, and without the ledger.
    let cards = wallet.guardian_cards().unwrap();
    let (_, by_cards) = RecoverySecret::from_cards(&cards[1..]).unwrap();
    city.ledger.set_away(true);
    assert_eq!(wallet.rehearse(&by_cards, None).await.unwrap().as_of, None);
}

/// A rehearsal fails where the day of need would: wrong words, another identity's backup, a damaged file.
#[tokio::test]
async fn a_rehearsal_fails_where_recovery_would() {
    let city = City::new().await;
    let (wallet, secret, backup) = prepared(&city).await;
    let other = city.create_wallet_in("other");
    other.create_identity().await.unwrap();
    let (others_secret, others_backup) = (words(&other), other.backup().unwrap());
    assert_eq!(wallet.rehearse(&others_secret, None).await.unwrap_err().slug(), "recovery-replaced");
    assert_eq!(wallet.rehearse(&secret, Some(&others_backup)).await.unwrap_err().slug(), "backup-sealed");
    assert_eq!(wallet.rehearse(&secret, Some(&backup[..200])).await.unwrap_err().slug(), "backup-sealed");
    assert!(wallet.recovery_status().unwrap().rehearsed_at.is_none());
}

/// INV-I8: neither the words nor anything of the backup is in the wallet's directory in the clear.
#[tokio::test]
async fn no_word_is_on_the_disk() {
    let city = City::new().await;
    let (wallet, secret, backup) = prepared(&city).await;
    wallet.rehearse(&secret, Some(&backup)).await.unwrap();
    let words = wallet.recovery_words(Language::En).unwrap();
    drop(wallet);
    let bytes = all_bytes(&city.wallet_dir());
    let some: String = words.split(' ').take(3).collect::<Vec<_>>().join(" ");
    for canary in [some.as_str(), "identity_recovered", "recovery_rehearsed", "canary"] {
        assert!(!bytes.windows(canary.len()).any(|window| window == canary.as_bytes()), "{canary}");
    }
}
