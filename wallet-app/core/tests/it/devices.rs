//! A second device, from its link to its end.

use std::sync::atomic::Ordering;

use identity::Did;
use identity::keys::PublicKey;
use ledger::receipt::{Outcome, Refusal};
use ledger::transaction::Sender;
use wallet_core::{Event, Wallet};

use crate::city::City;

/// The first device adds the second one, which joins.
async fn pair(first: &Wallet, second: &Wallet) {
    let shown = second.ask_to_join().unwrap();
    let invite = first.open_device_link(&shown.link).unwrap();
    assert!(invite.view.sentence.en.contains(&invite.view.key.to_string()));
    first.add_device(invite, &shown.code).await.unwrap();
    second.join(&first.welcome_link().unwrap()).await.unwrap();
}

fn keys(devices: &wallet_core::Devices) -> Vec<PublicKey> {
    devices.devices.iter().map(|device| device.key).collect()
}

fn events(wallet: &Wallet) -> Vec<Event> {
    wallet.history().unwrap().iter().map(|entry| entry.event).collect()
}

/// Hazard-10: link and code on the new device, consent on the first, and both agree on the document that the ledger proves.
#[tokio::test]
async fn a_second_device_joins_and_both_agree_on_the_document() {
    let city = City::new().await;
    let (first, second) = (city.create_wallet(), city.create_wallet_in("second"));
    let identity = first.create_identity().await.unwrap();
    pair(&first, &second).await;
    let joined = second.identity().unwrap().unwrap();
    assert_eq!((joined.did, joined.as_of.unwrap().height), (identity.did, 42));
    let (one, other) = (first.devices().await.unwrap(), second.devices().await.unwrap());
    assert_eq!(keys(&one), keys(&other));
    assert_eq!(keys(&one), [identity.device, joined.device]);
    assert!(one.devices[0].this_device && other.devices[1].this_device);
    assert_eq!(events(&first), [Event::IdentityCreated, Event::DeviceAdded]);
    assert_eq!(events(&second), [Event::JoinedIdentity]);
    // The new one acts for the identity by its own key.
    assert_eq!(second.recovery_words(wallet_core::Language::En).unwrap_err().slug(), "recovery-not-on-this-device");
    drop(second);
    let second = city.unlock_in("second");
    assert_eq!(second.identity().unwrap().unwrap().device, joined.device);
    assert_eq!(second.ask_to_join().unwrap_err().slug(), "identity-exists");
}

/// Whoever slips in another link has another code; nothing is added, and the first device never shows the code.
#[tokio::test]
async fn another_link_than_the_new_devices_adds_nothing() {
    let city = City::new().await;
    let (first, second, attacker) = (city.create_wallet(), city.create_wallet_in("second"), city.create_wallet_in("attacker"));
    first.create_identity().await.unwrap();
    let (shown, slipped_in) = (second.ask_to_join().unwrap(), attacker.ask_to_join().unwrap());
    let invite = first.open_device_link(&slipped_in.link).unwrap();
    assert!(!format!("{invite:?}").contains(&slipped_in.code));
    assert_eq!(first.add_device(invite, &shown.code).await.unwrap_err().slug(), "device-code-wrong");
    // The key exchanged in the right link.
    let own = first.open_device_link(&shown.link).unwrap().view.key.to_string();
    let other = first.open_device_link(&slipped_in.link).unwrap().view.key.to_string();
    let escaped = |key: &str| key.replace(':', "%3A");
    let changed = shown.link.replace(&escaped(&own), &escaped(&other));
    assert_ne!(changed, shown.link);
    let invite = first.open_device_link(&changed).unwrap();
    assert_eq!(first.add_device(invite, &shown.code).await.unwrap_err().slug(), "device-code-wrong");
    assert_eq!(city.ledger.transactions().len(), 1, "only the identity");
    assert_eq!(second.join(&first.welcome_link().unwrap()).await.unwrap_err().slug(), "device-not-added");
}

#[tokio::test]
async fn old_foreign_and_malformed_links_are_refused() {
    let city = City::new().await;
    let (first, second) = (city.create_wallet(), city.create_wallet_in("second"));
    let shown = second.ask_to_join().unwrap();
    assert_eq!(first.open_device_link(&shown.link).unwrap_err().slug(), "identity-not-created");
    first.create_identity().await.unwrap();
    for (link, slug) in [
        ("", "device-link-malformed"),
        ("openid4vp://?client_id=x", "device-link-malformed"),
        ("yufu-device://add?network=test", "device-link-malformed"),
        (&format!("{}&key=ed25519%3AAAAA", shown.link), "device-link-malformed"),
        (&shown.link.replace("network=test", "network=other"), "device-link-other-ledger"),
        (&"y".repeat(2000), "device-link-malformed"),
    ] {
        assert_eq!(first.open_device_link(link).unwrap_err().slug(), slug, "{link}");
    }
    for welcome in ["", "yufu-device://welcome?did=x", "yufu-device://add?did=x"] {
        assert_eq!(second.join(welcome).await.unwrap_err().slug(), "device-link-malformed", "{welcome}");
    }
    city.clock.advance(601);
    assert_eq!(first.open_device_link(&shown.link).unwrap_err().slug(), "device-link-expired");
    // The key stays, the code and the time are new.
    let again = second.ask_to_join().unwrap();
    assert_ne!(again.code, shown.code);
    first.open_device_link(&again.link).unwrap();
}

/// X062: removed from another device, it is dead with the next block: the proven document lacks its key, the ledger
/// refuses what it signs, and its own wallet shows nothing any more.
#[tokio::test]
async fn a_lost_device_is_dead_within_a_block() {
    let city = City::new().await;
    let (first, lost) = (city.create_wallet(), city.create_wallet_in("lost"));
    let identity = first.create_identity().await.unwrap();
    pair(&first, &lost).await;
    lost.receive(&city.issuer.offer_link(), Some(crate::issuer::PIN)).await.unwrap();
    let lost_key = lost.identity().unwrap().unwrap().device;
    let devices = first.remove_device(&lost_key).await.unwrap();
    assert_eq!(keys(&devices), [identity.device]);
    assert_eq!(city.ledger.identity(identity.did.id).devices, [identity.device], "the document lacks it");
    assert_eq!(events(&first).last(), Some(&Event::DeviceRemoved));
    // A presentation is refused by the wallet itself,
    let link = city.site.ask(&["family_name"]);
    assert_eq!(lost.open(&link).await.unwrap_err().slug(), "device-removed");
    assert_eq!(city.site.seen(|seen| seen.posted.len()), 0);
    assert_eq!(lost.history().unwrap().last().unwrap().reason.as_deref(), Some("device-removed"));
    // and what its key signs by the ledger.
    let third = city.create_wallet_in("third");
    let shown = third.ask_to_join().unwrap();
    let before = city.ledger.transactions().len();
    let refused = lost.add_device(lost.open_device_link(&shown.link).unwrap(), &shown.code).await.unwrap_err();
    assert_eq!(refused.slug(), "device-removed");
    let signed = &city.ledger.transactions()[before];
    assert_eq!(signed.unsigned.sender, Sender::Device { identity: identity.did.id, key: lost_key });
    assert_eq!(city.ledger.outcome(signed), Outcome::Refused(Refusal::UnknownKey));
    assert_eq!(city.ledger.identity(identity.did.id).devices, [identity.device]);
}

#[tokio::test]
async fn the_only_device_stays_and_unknown_ones_are_told() {
    let city = City::new().await;
    let (first, second) = (city.create_wallet(), city.create_wallet_in("second"));
    let identity = first.create_identity().await.unwrap();
    assert_eq!(first.remove_device(&identity.device).await.unwrap_err().slug(), "device-is-the-last");
    pair(&first, &second).await;
    let stranger = crate::city::p256(50);
    let stranger = identity::keys::Signer::public_key(&stranger);
    assert_eq!(first.remove_device(&stranger).await.unwrap_err().slug(), "device-unknown");
    // A device may remove itself.
    let own = second.identity().unwrap().unwrap().device;
    second.remove_device(&own).await.unwrap();
    assert_eq!(second.open(&city.site.ask(&["family_name"])).await.unwrap_err().slug(), "device-removed");
}

/// REL-A3: the answer is lost, or the wallet dies: the change happens once, and is in the history once.
#[tokio::test]
async fn a_change_whose_answer_was_lost_is_settled_later() {
    let city = City::new().await;
    let (first, second) = (city.create_wallet(), city.create_wallet_in("second"));
    first.create_identity().await.unwrap();
    let shown = second.ask_to_join().unwrap();
    city.ledger.lose_answers.store(1, Ordering::SeqCst);
    let lost = first.add_device(first.open_device_link(&shown.link).unwrap(), &shown.code).await.unwrap_err();
    assert_eq!(lost.slug(), "ledger-not-final");
    let first = city.reopen(first);
    assert_eq!(events(&first), [Event::IdentityCreated]);
    first.devices().await.unwrap();
    assert_eq!(events(&first), [Event::IdentityCreated, Event::DeviceAdded]);
    // The same again adds nothing twice.
    let again = first.add_device(first.open_device_link(&shown.link).unwrap(), &shown.code).await.unwrap();
    assert_eq!(again.devices.len(), 2);
    second.join(&first.welcome_link().unwrap()).await.unwrap();
    let key = second.identity().unwrap().unwrap().device;
    city.ledger.lose_answers.store(1, Ordering::SeqCst);
    assert_eq!(first.remove_device(&key).await.unwrap_err().slug(), "ledger-not-final");
    let first = city.reopen(first);
    assert_eq!(first.remove_device(&key).await.unwrap().devices.len(), 1);
    let removed = events(&first).iter().filter(|event| **event == Event::DeviceRemoved).count();
    assert_eq!(removed, 1);
}

/// Without the ledger the devices are shown as they were last proven, with their age.
#[tokio::test]
async fn devices_are_shown_offline_with_their_age() {
    let city = City::new().await;
    let wallet = city.create_wallet();
    wallet.create_identity().await.unwrap();
    assert_eq!(wallet.known_devices().unwrap(), None);
    let proven = wallet.devices().await.unwrap();
    city.ledger.set_away(true);
    city.clock.advance(720);
    let wallet = city.reopen(wallet);
    assert_eq!(wallet.devices().await.unwrap_err().slug(), "ledger-unreachable");
    let known = wallet.known_devices().unwrap().unwrap();
    assert_eq!((known.as_of, known.seconds_ago), (proven.as_of, 720));
    assert_eq!(keys(&known), keys(&proven));
}

/// An identity on the ledger that somebody else added this device to is joined only by its own name, and never in place of another.
#[tokio::test]
async fn a_wrong_welcome_joins_nothing() {
    let city = City::new().await;
    let (first, second) = (city.create_wallet(), city.create_wallet_in("second"));
    let did: Did = first.create_identity().await.unwrap().did;
    second.ask_to_join().unwrap();
    let other_network = format!("yufu-device://welcome?did={}", did.to_string().replace(":test:", ":other:"));
    assert_eq!(second.join(&other_network).await.unwrap_err().slug(), "device-link-other-ledger");
    assert_eq!(second.join(&first.welcome_link().unwrap()).await.unwrap_err().slug(), "device-not-added");
    assert_eq!(second.identity().unwrap(), None);
    let third = city.create_wallet_in("third");
    assert_eq!(third.join(&first.welcome_link().unwrap()).await.unwrap_err().slug(), "device-not-joining");
}

/// A citizen's names for devices are this device's alone; they outlast a lock, and go with the device.
#[tokio::test]
async fn a_device_has_the_name_that_its_citizen_gives_it() {
    let city = City::new().await;
    let (first, second) = (city.create_wallet(), city.create_wallet_in("second"));
    let own = first.create_identity().await.unwrap().device;
    assert_eq!(first.name_device(&own, "x").unwrap_err().slug(), "device-unknown", "before the ledger was seen to have it");
    pair(&first, &second).await;
    let other = second.identity().unwrap().unwrap().device;
    first.name_device(&own, "书房的电脑").unwrap();
    first.name_device(&other, "  Old phone ").unwrap();
    let names =
        |devices: &wallet_core::Devices| -> Vec<Option<String>> { devices.devices.iter().map(|one| one.name.clone()).collect() };
    let both = [Some("书房的电脑".to_owned()), Some("Old phone".to_owned())];
    assert_eq!(names(&first.devices().await.unwrap()), both);
    assert_eq!(names(&second.devices().await.unwrap()), [None, None]);
    for refused in ["n".repeat(41).as_str(), "a\u{202e}b", "a\nb"] {
        assert_eq!(first.name_device(&own, refused).unwrap_err().slug(), "device-name-not-taken", "{refused:?}");
    }
    drop(first);
    let first = city.unlock_in("wallet");
    assert_eq!(names(&first.known_devices().unwrap().unwrap()), both);
    assert_eq!(names(&first.name_device(&own, " ").unwrap()), [None, both[1].clone()]);
    assert_eq!(names(&first.remove_device(&other).await.unwrap()), [None]);
    assert_eq!(first.name_device(&other, "x").unwrap_err().slug(), "device-unknown");
}
