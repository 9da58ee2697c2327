//! A vault that is bound to its device, a change of secrets, a vault of an earlier version, and auto-lock.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use redb::{Database, ReadableTable as _, TableDefinition};
use serde_json::Value;
use wallet_core::vault::device::{DeviceStore, DeviceStoreError, SECRET_BYTES};
use wallet_core::vault::{Secrets, Table, Vault, VaultError};
use wallet_core::{Keeper, Passphrase, Strength, Wallet};
use zeroize::Zeroizing;

use crate::city::{City, NOW, PASSPHRASE, all_bytes};

const PIN: &str = "482913";

/// A key store in memory.
#[derive(Default)]
struct Store {
    secrets: Mutex<BTreeMap<String, [u8; SECRET_BYTES]>>,
    away: bool,
}

impl Store {
    fn names(&self) -> Vec<String> {
        self.secrets.lock().unwrap().keys().cloned().collect()
    }

    fn check(&self) -> Result<(), DeviceStoreError> {
        if self.away { Err(DeviceStoreError("locked".to_owned())) } else { Ok(()) }
    }
}

impl DeviceStore for Store {
    fn load(&self, name: &str) -> Result<Option<Zeroizing<[u8; SECRET_BYTES]>>, DeviceStoreError> {
        self.check()?;
        Ok(self.secrets.lock().unwrap().get(name).copied().map(Zeroizing::new))
    }

    fn save(&self, name: &str, secret: &[u8; SECRET_BYTES]) -> Result<(), DeviceStoreError> {
        self.check()?;
        self.secrets.lock().unwrap().insert(name.to_owned(), *secret);
        Ok(())
    }

    fn forget(&self, name: &str) -> Result<(), DeviceStoreError> {
        self.check()?;
        self.secrets.lock().unwrap().remove(name);
        Ok(())
    }
}

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned())
}

fn create(dir: &Path, city: &City, secrets: Secrets<'_>) -> Result<Vault, VaultError> {
    Vault::create(dir, secrets, Strength::weak_for_tests(), &city.environment, ("first", &"kept".to_owned()))
}

fn opens(dir: &Path, city: &City, secrets: Secrets<'_>) -> Result<(), VaultError> {
    let vault = Vault::unlock(dir, secrets, &city.environment)?;
    assert_eq!(vault.get::<String>(Table::Identity, "first")?.as_deref(), Some("kept"));
    Ok(())
}

/// A short PIN is enough where the device has a part of the key, and is refused where it has none. Without the device's secret, with another
/// one, or while the key store is locked, the right PIN opens nothing, and no attempt is counted.
#[tokio::test]
async fn a_bound_vault_opens_with_pin_and_device_together() {
    let city = City::new().await;
    let dir = city.wallet_dir();
    let (pin, store) = (passphrase(PIN), Store::default());
    let bound = Secrets { passphrase: &pin, device: Some(&store) };
    let unbound = create(&dir, &city, Secrets::from(&pin)).unwrap_err();
    assert!(matches!(unbound, VaultError::PassphraseTooShort));
    let short = passphrase("12345");
    let too_short = create(&dir, &city, Secrets { passphrase: &short, device: Some(&store) }).unwrap_err();
    assert!(matches!(too_short, VaultError::PassphraseTooShort));
    let vault = create(&dir, &city, bound).unwrap();
    assert!(vault.is_bound().unwrap());
    drop(vault);
    opens(&dir, &city, bound).unwrap();
    assert!(matches!(opens(&dir, &city, Secrets::from(&pin)), Err(VaultError::DeviceSecretMissing)));
    let another_device = Store::default();
    let copied = Secrets { passphrase: &pin, device: Some(&another_device) };
    assert!(matches!(opens(&dir, &city, copied), Err(VaultError::DeviceSecretMissing)));
    for name in store.names() {
        another_device.save(&name, &[9; SECRET_BYTES]).unwrap();
    }
    assert!(matches!(opens(&dir, &city, copied), Err(VaultError::WrongPassphrase { attempts_left: 4, .. })));
    let locked = Store { away: true, ..Store::default() };
    let error = opens(&dir, &city, Secrets { passphrase: &pin, device: Some(&locked) }).unwrap_err();
    assert_eq!(error.explain().slug, "device-key-store");
    let wrong = passphrase("000000");
    let error = opens(&dir, &city, Secrets { passphrase: &wrong, device: Some(&store) }).unwrap_err();
    assert!(matches!(error, VaultError::WrongPassphrase { attempts_left: 3, .. }), "{error}");
    opens(&dir, &city, bound).unwrap();
    // The device's secret is not in the directory.
    let bytes = all_bytes(&dir);
    let secrets: Vec<[u8; SECRET_BYTES]> = store.secrets.lock().unwrap().values().copied().collect();
    assert!(secrets.iter().all(|secret| !bytes.windows(SECRET_BYTES).any(|window| window == secret)));
}

#[tokio::test]
async fn a_vault_is_not_made_while_the_key_store_is_away() {
    let city = City::new().await;
    let dir = city.wallet_dir();
    let (pin, store) = (passphrase(PIN), Store { away: true, ..Store::default() });
    let error = create(&dir, &city, Secrets { passphrase: &pin, device: Some(&store) }).unwrap_err();
    assert!(matches!(error, VaultError::Device(_)));
    assert!(!dir.join("vault.redb").exists());
}

/// An open wallet asks for the PIN again before it shows a secret: guesses there count and wait as those at the door do.
#[tokio::test]
async fn a_pin_that_is_asked_for_again_is_counted() {
    let city = City::new().await;
    let dir = city.wallet_dir();
    let (pin, wrong, store) = (passphrase(PIN), passphrase("000000"), Store::default());
    let bound = |passphrase| Secrets { passphrase, device: Some(&store as &dyn DeviceStore) };
    let vault = create(&dir, &city, bound(&pin)).unwrap();
    vault.confirm(bound(&pin), NOW).unwrap();
    for left in [4, 3, 2, 1, 0] {
        let error = vault.confirm(bound(&wrong), NOW).unwrap_err();
        assert!(matches!(error, VaultError::WrongPassphrase { attempts_left, .. } if attempts_left == left), "{error}");
    }
    let error = vault.confirm(bound(&pin), NOW).unwrap_err();
    assert!(matches!(error, VaultError::LockedOut { wait_seconds: 30 }), "{error}");
    let error = vault.rewrap(bound(&pin), bound(&pin), Strength::weak_for_tests(), NOW + 29).unwrap_err();
    assert!(matches!(error, VaultError::LockedOut { wait_seconds: 1 }), "{error}");
    vault.confirm(bound(&pin), NOW + 30).unwrap();
}

/// A passphrase becomes a PIN with the device and the other way round; records stay, the old secrets open nothing any more.
#[tokio::test]
async fn secrets_are_changed_and_the_records_stay() {
    let city = City::new().await;
    let dir = city.wallet_dir();
    let (long, pin, store) = (passphrase(PASSPHRASE), passphrase(PIN), Store::default());
    let (unbound, bound) = (Secrets::from(&long), Secrets { passphrase: &pin, device: Some(&store) });
    let vault = create(&dir, &city, unbound).unwrap();
    let wrong = passphrase("wrong passphrase");
    let error = vault.rewrap(Secrets::from(&wrong), bound, Strength::weak_for_tests(), NOW).unwrap_err();
    assert!(matches!(error, VaultError::WrongPassphrase { .. }));
    let error = vault.rewrap(unbound, Secrets::from(&pin), Strength::weak_for_tests(), NOW).unwrap_err();
    assert!(matches!(error, VaultError::PassphraseTooShort), "a PIN needs the device");
    vault.rewrap(unbound, bound, Strength::weak_for_tests(), NOW).unwrap();
    drop(vault);
    opens(&dir, &city, bound).unwrap();
    assert!(opens(&dir, &city, unbound).is_err());
    let vault = Vault::unlock(&dir, bound, &city.environment).unwrap();
    vault.rewrap(bound, unbound, Strength::weak_for_tests(), NOW).unwrap();
    drop(vault);
    opens(&dir, &city, unbound).unwrap();
    assert!(store.names().is_empty(), "the device forgot");
}

/// REL-E4: a vault of an earlier version opens: its header has no device, it lacks tables, its credentials know of no grant. Nobody
/// makes it newer than it must be: an unbound vault has the header that earlier versions read.
#[tokio::test]
async fn a_vault_of_an_earlier_version_opens() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let before = wallet.credentials().unwrap();
    drop(wallet);
    let vault = Vault::unlock(&city.wallet_dir(), &passphrase(PASSPHRASE), &city.environment).unwrap();
    let credentials: Vec<Value> = vault.list(Table::Credentials).unwrap();
    for mut credential in credentials {
        assert!(credential.as_object_mut().unwrap().remove("grant").is_some());
        let id = credential["id"].as_str().unwrap().to_owned();
        vault.write::<_, VaultError>(|batch| batch.put(Table::Credentials, &id, &credential)).unwrap();
    }
    drop(vault);
    let database = Database::open(city.wallet_dir().join("vault.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    let notices: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("notices");
    assert!(transaction.delete_table(notices).unwrap());
    let header: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("header");
    let key = transaction.open_table(header).unwrap().get("key").unwrap().unwrap().value().to_vec();
    let key: Value = serde_json::from_slice(&key).unwrap();
    let members: Vec<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["memory_kib", "nonce", "passes", "salt", "schema", "wrapped"]);
    assert_eq!(key["schema"], 1);
    transaction.commit().unwrap();
    drop(database);
    let wallet = city.unlock(PASSPHRASE).unwrap();
    assert_eq!(wallet.credentials().unwrap(), before);
    assert!(wallet.poll_issuances().await.unwrap().is_empty());
    let consent = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
    wallet.approve(&consent, None).await.unwrap();
}

/// The wallet closes when it was not used for a while, and then its directory is free and its passphrase is asked for again; a story that
/// is under way ends first.
#[tokio::test]
async fn an_idle_wallet_closes_itself() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let keeper = Keeper::new(wallet, city.clock.clone(), 300);
    city.clock.advance(299);
    assert!(!keeper.tick());
    keeper.touch();
    city.clock.advance(299);
    assert!(!keeper.tick(), "use counts");
    assert_eq!(keeper.closes_in(), Some(1));
    let story = keeper.wallet().unwrap();
    city.clock.advance(1);
    assert!(keeper.tick() && keeper.wallet().is_none(), "a story is no use: screens ask by themselves");
    keeper.touch();
    assert_eq!((keeper.tick(), keeper.closes_in()), (true, None), "it is not opened by use");
    assert_eq!(city.unlock(PASSPHRASE).unwrap_err().slug(), "wallet-in-use", "a story is under way");
    assert_eq!(story.credentials().unwrap().len(), 1);
    drop(story);
    let wallet: Wallet = city.unlock(PASSPHRASE).unwrap();
    let keeper = Keeper::new(wallet, city.clock.clone(), 300);
    city.clock.advance(-10);
    assert!(keeper.tick(), "a clock that was set back closes it");
    let keeper = Keeper::new(city.unlock(PASSPHRASE).unwrap(), city.clock.clone(), 300);
    keeper.lock();
    assert!(keeper.wallet().is_none());
}
