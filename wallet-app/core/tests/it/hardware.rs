//! Keys in secure hardware: a fake of it that holds P-256 keys by name, counts what it signs, and can refuse.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use identity::keys::{Algorithm, PublicKey, SecretKey, SignError, Signature};
use wallet_core::{Event, HardwareKeys, Wallet};

use crate::city::{City, PASSPHRASE, all_bytes, only, p256};
use crate::issuer::PIN;
use crate::site::Served;

#[derive(Default)]
pub(crate) struct Chip {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    keys: BTreeMap<String, SecretKey>,
    made: u8,
    signed: usize,
    refusing: Option<SignError>,
}

impl Chip {
    fn keys(&self) -> BTreeMap<String, SecretKey> {
        self.state.lock().unwrap().keys.clone()
    }

    fn signed(&self) -> usize {
        self.state.lock().unwrap().signed
    }

    pub(crate) fn refuse(&self, with: Option<SignError>) {
        self.state.lock().unwrap().refusing = with;
    }

    fn holds(&self, key: &PublicKey) -> bool {
        self.keys().values().any(|held| held.public_key() == *key)
    }
}

impl HardwareKeys for Chip {
    fn create(&self, name: &str) -> Result<PublicKey, SignError> {
        let mut state = self.state.lock().unwrap();
        state.refusing.clone().map_or(Ok(()), Err)?;
        state.made += 1;
        let key = p256(100 + state.made);
        assert!(state.keys.insert(name.to_owned(), key.clone()).is_none(), "a name is used once");
        Ok(key.public_key())
    }

    fn sign(&self, name: &str, message: &[u8]) -> Result<Signature, SignError> {
        let mut state = self.state.lock().unwrap();
        state.refusing.clone().map_or(Ok(()), Err)?;
        state.signed += 1;
        Ok(state.keys.get(name).ok_or(SignError::Gone)?.sign(message))
    }

    fn names(&self) -> Result<Vec<String>, SignError> {
        Ok(self.keys().into_keys().collect())
    }

    fn forget(&self, name: &str) -> Result<(), SignError> {
        self.state.lock().unwrap().keys.remove(name);
        Ok(())
    }
}

pub(crate) async fn wallet_on(city: &City, chip: &Arc<Chip>) -> Wallet {
    let wallet = city.create_wallet().with_hardware(Arc::clone(chip) as Arc<dyn HardwareKeys>);
    wallet.create_identity().await.unwrap();
    wallet.receive(&city.issuer.offer_link(), Some(PIN)).await.unwrap();
    wallet
}

fn unlock_on(city: &City, chip: &Arc<Chip>) -> Wallet {
    city.unlock(PASSPHRASE).unwrap().with_hardware(Arc::clone(chip) as Arc<dyn HardwareKeys>)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// Z074: identity, credentials and a login with keys that never left the hardware; the ledger, the department and the site take them.
#[tokio::test]
async fn the_keys_of_device_and_copies_are_made_in_the_hardware_and_used_there() {
    let city = City::new().await;
    let chip = Arc::new(Chip::default());
    let wallet = wallet_on(&city, &chip).await;
    let device = wallet.identity().unwrap().unwrap().device;
    assert_eq!(device.algorithm(), Algorithm::P256);
    assert!(chip.holds(&device));
    let proven = city.issuer.seen(|seen| seen.proven_keys[0].clone());
    assert_eq!((chip.keys().len(), proven.len()), (4, 3), "the device's, and one for each copy");
    assert!(proven.iter().all(|key| chip.holds(key)));

    let wallet = {
        drop(wallet);
        unlock_on(&city, &chip)
    };
    let before = chip.signed();
    let consent = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
    assert_eq!(chip.signed(), before, "opening signs nothing");
    wallet.approve(&consent, None).await.unwrap();
    assert_eq!(chip.signed(), before + 1);
    let stored = all_bytes(&city.wallet_dir());
    for key in chip.keys().values() {
        assert!(!stored.windows(32).any(|bytes| bytes == key.to_bytes().as_slice()));
    }
}

/// X062, SEC-D2: the vault, its passphrase and all is copied to another device: it shows nothing there, and nothing is counted as shown.
#[tokio::test]
async fn a_copied_wallet_can_neither_show_nor_sign_on_another_device() {
    let city = City::new().await;
    let chip = Arc::new(Chip::default());
    drop(wallet_on(&city, &chip).await);
    let other_chip = Arc::new(Chip::default());
    for (name, hardware) in [("clone-1", None), ("clone-2", Some(other_chip))] {
        copy(&city.wallet_dir(), &city.dir.path().join(name));
        let clone = city.unlock_in(name);
        let clone = match hardware {
            Some(hardware) => clone.with_hardware(hardware as Arc<dyn HardwareKeys>),
            None => clone,
        };
        let consent = clone.open(&city.site.ask(&["family_name"])).await.unwrap();
        let error = clone.approve(&consent, None).await.unwrap_err();
        assert_eq!((error.slug(), error.side()), ("device-key-gone", wallet_core::Side::Wallet));
        assert!(error.sentence().en.contains("Restore your identity"), "{}", error.sentence().en);
        assert_eq!(clone.credentials().unwrap()[0].copies_left, 3);
        assert!(clone.history().unwrap().iter().all(|entry| entry.event != Event::Consented));
        assert!(clone.unsent().unwrap().is_empty());
        let second = city.create_wallet_in(&format!("second-of-{name}"));
        let shown = second.ask_to_join().unwrap();
        let invite = clone.open_device_link(&shown.link).unwrap();
        assert_eq!(clone.add_device(invite, &shown.code).await.unwrap_err().slug(), "device-key-gone");
    }
    assert_eq!(city.site.seen(|seen| seen.posted.len()), 0);
}

/// What the device asks the person can be cancelled, and the device can be locked: nothing is sent or counted, and the next try works.
#[tokio::test]
async fn a_refusal_of_the_hardware_sends_nothing_and_can_be_tried_again() {
    let city = City::new().await;
    let chip = Arc::new(Chip::default());
    let wallet = city.create_wallet().with_hardware(Arc::clone(&chip) as Arc<dyn HardwareKeys>);
    chip.refuse(Some(SignError::Locked));
    assert_eq!(wallet.create_identity().await.unwrap_err().slug(), "device-locked");
    assert!(wallet.identity().unwrap().is_none());
    chip.refuse(None);
    wallet.create_identity().await.unwrap();

    let link = city.issuer.offer_link();
    chip.refuse(Some(SignError::Failed("busy".to_owned())));
    let error = wallet.receive(&link, Some(PIN)).await.unwrap_err();
    assert!(error.slug() == "device-key-failed" && error.sentence().en.contains("busy"), "{}", error.sentence().en);
    chip.refuse(None);
    only(wallet.receive(&link, Some(PIN)).await.unwrap());

    let consent = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
    chip.refuse(Some(SignError::Cancelled));
    let error = wallet.approve(&consent, None).await.unwrap_err();
    assert_eq!((error.slug(), error.side()), ("signing-cancelled", wallet_core::Side::You));
    assert_eq!((city.site.seen(|seen| seen.posted.len()), wallet.credentials().unwrap()[0].copies_left), (0, 3));
    chip.refuse(None);
    wallet.approve(&consent, None).await.unwrap();
    assert_eq!(city.site.seen(|seen| seen.posted.len()), 1);
}

/// REL-A3: a key whose wallet died before the vault knew it is forgotten at the next start, and no other.
#[tokio::test]
async fn keys_that_no_record_names_are_forgotten() {
    let city = City::new().await;
    let chip = Arc::new(Chip::default());
    let wallet = wallet_on(&city, &chip).await;
    let kept = chip.keys().len();
    chip.create("of a story that died").unwrap();
    let wallet = {
        drop(wallet);
        unlock_on(&city, &chip)
    };
    assert_eq!(wallet.forget_unused_keys().unwrap(), 1);
    assert_eq!((chip.keys().len(), wallet.forget_unused_keys().unwrap()), (kept, 0));
    let consent = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
    wallet.approve(&consent, None).await.unwrap();
    // A wallet that waits to be added to an identity, and one with an issuance under way, name their keys too.
    let (joining, other) = (city.create_wallet_in("joining"), Arc::new(Chip::default()));
    let joining = joining.with_hardware(Arc::clone(&other) as Arc<dyn HardwareKeys>);
    joining.ask_to_join().unwrap();
    city.issuer.behave(|behaviour| behaviour.lose_answers = u32::MAX);
    drop(
        tokio::time::timeout(std::time::Duration::from_millis(300), joining.receive(&city.issuer.offer_link(), Some(PIN))).await,
    );
    assert_eq!((joining.forget_unused_keys().unwrap(), other.keys().len()), (0, 4));
}

/// A key of another device under the same name is not this one: what it would sign is not sent.
#[tokio::test]
async fn another_key_under_the_same_name_does_not_sign() {
    let city = City::new().await;
    let chip = Arc::new(Chip::default());
    let wallet = wallet_on(&city, &chip).await;
    chip.state.lock().unwrap().keys.values_mut().for_each(|key| *key = p256(99));
    let consent = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
    assert_eq!(wallet.approve(&consent, None).await.unwrap_err().slug(), "device-key-gone");
    assert_eq!(city.site.seen(|seen| seen.posted.len()), 0);
}

/// A wallet from before goes on with its keys in the vault; what it receives from now on is in the hardware.
#[tokio::test]
async fn a_wallet_that_was_made_without_hardware_goes_on() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let chip = Arc::new(Chip::default());
    let wallet = {
        drop(wallet);
        unlock_on(&city, &chip)
    };
    assert!(!chip.holds(&wallet.identity().unwrap().unwrap().device));
    let consent = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
    wallet.approve(&consent, None).await.unwrap();
    assert_eq!(chip.keys().len(), 0);
    city.clock.advance(1);
    city.wallet_credential_by_code(&wallet).await;
    assert_eq!(chip.keys().len(), 3);
    let mut claims = city.site.claims(&["family_name"]);
    claims["nonce"] = "another-nonce-for-another-login".into();
    let link = city.site.serve("second", Served::Token(city.site.sign(&claims)));
    let consent = wallet.open(&link).await.unwrap();
    wallet.approve(&consent, None).await.unwrap();
    assert_eq!(chip.signed(), 4, "three proofs, and the newer credential's presentation");
}
