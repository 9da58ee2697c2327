//! The vault: passphrase, back-off, tampering, one process at a time, no plaintext on the disk.

use std::path::Path;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use wallet_core::vault::key::MIN_PASSPHRASE_CHARACTERS;
use wallet_core::vault::{Table, Vault, VaultError};
use wallet_core::{Environment, Passphrase, Strength, WalletError};

use crate::city::{City, PASSPHRASE, all_bytes};

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned())
}

fn create(dir: &Path, environment: &Environment) -> Vault {
    let first = ("first", &"kept".to_owned());
    Vault::create(dir, &passphrase(PASSPHRASE), Strength::weak_for_tests(), environment, first).unwrap()
}

#[tokio::test]
async fn what_was_written_is_there_after_reopening() {
    let city = City::new().await;
    let dir = city.wallet_dir();
    let vault = create(&dir, &city.environment);
    vault.write::<_, VaultError>(|batch| batch.put(Table::History, "k", &7_u32)).unwrap();
    drop(vault);
    let vault = Vault::unlock(&dir, &passphrase(PASSPHRASE), &city.environment).unwrap();
    assert_eq!(vault.get::<u32>(Table::History, "k").unwrap(), Some(7));
    assert_eq!(vault.get::<String>(Table::Identity, "first").unwrap().as_deref(), Some("kept"));
    assert_eq!(vault.get::<u32>(Table::History, "other").unwrap(), None);
}

#[tokio::test]
async fn a_change_that_fails_changes_nothing() {
    let city = City::new().await;
    let vault = create(&city.wallet_dir(), &city.environment);
    let failed: Result<(), VaultError> = vault.write(|batch| {
        batch.put(Table::Credentials, "a", &1_u32)?;
        batch.remove(Table::Identity, "first")?;
        Err(VaultError::Header)
    });
    assert!(failed.is_err());
    assert_eq!(vault.get::<u32>(Table::Credentials, "a").unwrap(), None);
    assert!(vault.get::<String>(Table::Identity, "first").unwrap().is_some());
}

/// REL-A3: a wallet killed while its vault is made leaves an unfinished file, which is no wallet and does no harm.
#[tokio::test]
async fn an_unfinished_file_is_no_wallet_and_does_no_harm() {
    let city = City::new().await;
    let dir = city.wallet_dir();
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("vault.redb.unfinished"), b"half a file").unwrap();
    let missing = Vault::unlock(&dir, &passphrase(PASSPHRASE), &city.environment).unwrap_err();
    assert!(matches!(missing, VaultError::NotFound(_)));
    drop(create(&dir, &city.environment));
    Vault::unlock(&dir, &passphrase(PASSPHRASE), &city.environment).unwrap();
    assert!(!dir.join("vault.redb.unfinished").exists());
}

/// A damaged file is told from a wrong passphrase.
#[tokio::test]
async fn a_file_that_is_no_vault_is_not_opened() {
    let city = City::new().await;
    let dir = city.wallet_dir();
    std::fs::create_dir_all(&dir).unwrap();
    drop(Database::create(dir.join("vault.redb")).unwrap());
    let error = Vault::unlock(&dir, &passphrase(PASSPHRASE), &city.environment).unwrap_err();
    assert!(matches!(error, VaultError::Header), "{error}");
    std::fs::write(dir.join("vault.redb"), b"not a database").unwrap();
    let error = Vault::unlock(&dir, &passphrase(PASSPHRASE), &city.environment).unwrap_err();
    assert!(matches!(error, VaultError::Disk(_)), "{error}");
}

#[tokio::test]
async fn a_second_wallet_in_the_same_directory_is_refused_and_changes_nothing() {
    let city = City::new().await;
    drop(city.create_wallet());
    let again = wallet_core::Wallet::create(
        &city.wallet_dir(),
        &passphrase("another passphrase"),
        city.config(),
        Strength::weak_for_tests(),
        city.environment.clone(),
    );
    assert_eq!(again.unwrap_err().slug(), "wallet-exists");
    city.unlock(PASSPHRASE).unwrap();
}

#[tokio::test]
async fn a_second_process_gets_a_sentence() {
    let city = City::new().await;
    let wallet = city.create_wallet();
    let error = city.unlock(PASSPHRASE).unwrap_err();
    assert_eq!(error.slug(), "wallet-in-use");
    assert!(error.sentence().en.contains("another program") && error.sentence().zh.contains("另一个程序"));
    drop(wallet);
    city.unlock(PASSPHRASE).unwrap();
}

#[tokio::test]
async fn a_short_passphrase_is_refused() {
    let city = City::new().await;
    let short = "x".repeat(MIN_PASSPHRASE_CHARACTERS - 1);
    let first = ("first", &1_u32);
    let made = Vault::create(&city.wallet_dir(), &passphrase(&short), Strength::weak_for_tests(), &city.environment, first);
    assert!(matches!(made, Err(VaultError::PassphraseTooShort)));
}

/// A wrong passphrase says how many tries are left, then how long to wait; the count survives restarts, and nothing is wiped.
#[tokio::test]
async fn wrong_passphrases_count_down_and_then_wait() {
    let city = City::new().await;
    drop(city.create_wallet());
    for left in [4, 3, 2, 1, 0] {
        match city.unlock("wrong passphrase").unwrap_err() {
            WalletError::Vault(VaultError::WrongPassphrase { attempts_left, wait_seconds }) => {
                assert_eq!((attempts_left, wait_seconds), (left, if left == 0 { 30 } else { 0 }));
            }
            other => panic!("{other}"),
        }
    }
    // Even the right one is not looked at now.
    let locked = city.unlock(PASSPHRASE).unwrap_err();
    assert_eq!(locked.slug(), "wallet-locked-out");
    assert!(locked.sentence().en.contains("30 seconds"), "{}", locked.sentence().en);
    city.clock.advance(31);
    city.unlock(PASSPHRASE).unwrap();
    // The right one cleared the count.
    let error = city.unlock("wrong passphrase").unwrap_err();
    assert!(error.sentence().en.contains("4 more tries"), "{}", error.sentence().en);
}

#[tokio::test]
async fn setting_the_clock_back_does_not_shorten_the_wait() {
    let city = City::new().await;
    drop(city.create_wallet());
    for _ in 0..5 {
        assert_eq!(city.unlock("wrong passphrase").unwrap_err().slug(), "wrong-passphrase");
    }
    city.clock.advance(-100_000);
    assert_eq!(city.unlock(PASSPHRASE).unwrap_err().slug(), "wallet-locked-out");
    city.clock.advance(29);
    assert_eq!(city.unlock(PASSPHRASE).unwrap_err().slug(), "wallet-locked-out");
    city.clock.advance(1);
    city.unlock(PASSPHRASE).unwrap();
}

const ROWS: [&str; 2] = ["identity", "history"];

/// Applies a change to the raw, sealed bytes of the file.
fn with_raw(dir: &Path, table: &'static str, change: impl Fn(&str, Vec<u8>) -> (String, Vec<u8>)) {
    let database = Database::open(dir.join("vault.redb")).unwrap();
    let definition: TableDefinition<'_, &str, &[u8]> = TableDefinition::new(table);
    let rows: Vec<(String, Vec<u8>)> = {
        let transaction = database.begin_read().unwrap();
        let rows = transaction.open_table(definition).unwrap();
        rows.iter().unwrap().map(|row| row.map(|(k, v)| (k.value().to_owned(), v.value().to_vec())).unwrap()).collect()
    };
    let transaction = database.begin_write().unwrap();
    {
        let mut table = transaction.open_table(definition).unwrap();
        for (key, value) in rows {
            let (new_key, new_value) = change(&key, value);
            table.remove(key.as_str()).unwrap();
            table.insert(new_key.as_str(), new_value.as_slice()).unwrap();
        }
    }
    transaction.commit().unwrap();
}

#[tokio::test]
async fn a_flipped_bit_in_any_record_is_noticed() {
    let city = City::new().await;
    for table in ROWS {
        let dir = city.dir.path().join(table);
        let vault = create(&dir, &city.environment);
        vault.write::<_, VaultError>(|batch| batch.put(Table::History, "k", &7_u32)).unwrap();
        drop(vault);
        with_raw(&dir, table, |key, mut value| {
            *value.last_mut().unwrap() ^= 1;
            (key.to_owned(), value)
        });
        let vault = Vault::unlock(&dir, &passphrase(PASSPHRASE), &city.environment).unwrap();
        let error = match table {
            "identity" => vault.get::<String>(Table::Identity, "first").unwrap_err(),
            _ => vault.list::<u32>(Table::History).unwrap_err(),
        };
        assert!(matches!(error, VaultError::Tampered(_)), "{table}");
    }
}

#[tokio::test]
async fn a_record_moved_to_another_key_does_not_open() {
    let city = City::new().await;
    let dir = city.wallet_dir();
    let vault = create(&dir, &city.environment);
    vault.write::<_, VaultError>(|batch| batch.put(Table::Credentials, "revoked", &7_u32)).unwrap();
    drop(vault);
    with_raw(&dir, "credentials", |_, value| ("live".to_owned(), value));
    let vault = Vault::unlock(&dir, &passphrase(PASSPHRASE), &city.environment).unwrap();
    assert!(matches!(vault.get::<u32>(Table::Credentials, "live"), Err(VaultError::Tampered("credentials"))));
}

/// A file that asks for less work than it was made with does not open with the right passphrase either.
#[tokio::test]
async fn weakened_or_absurd_derivation_parameters_are_refused() {
    for (from, to) in [("\"passes\":1", "\"passes\":2"), ("\"memory_kib\":64", "\"memory_kib\":4000000000")] {
        let city = City::new().await;
        let dir = city.wallet_dir();
        drop(create(&dir, &city.environment));
        with_raw(&dir, "header", |key, value| {
            let text = String::from_utf8(value).unwrap().replace(from, to);
            (key.to_owned(), text.into_bytes())
        });
        let error = Vault::unlock(&dir, &passphrase(PASSPHRASE), &city.environment).unwrap_err();
        assert!(matches!(error, VaultError::WrongPassphrase { .. } | VaultError::Derivation), "{error}");
    }
}

#[tokio::test]
async fn a_newer_vault_is_not_touched() {
    let city = City::new().await;
    let dir = city.wallet_dir();
    drop(create(&dir, &city.environment));
    with_raw(&dir, "header", |key, value| {
        (key.to_owned(), String::from_utf8(value).unwrap().replace("\"schema\":1", "\"schema\":3,\"unheard_of\":1").into_bytes())
    });
    let error = Vault::unlock(&dir, &passphrase(PASSPHRASE), &city.environment).unwrap_err();
    assert!(matches!(error, VaultError::NewerSchema(3)));
}

/// An exchanged genesis or list of trust anchors is noticed before anything is believed.
#[tokio::test]
async fn an_exchanged_trust_root_is_refused() {
    for file in ["root.pem", "genesis.json"] {
        let city = City::new().await;
        drop(city.create_wallet());
        let path = city.dir.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        let other = City::new().await;
        let exchanged = if file == "root.pem" {
            std::fs::read_to_string(other.dir.path().join(file)).unwrap()
        } else {
            text.replace("Test city", "Best city")
        };
        std::fs::write(&path, exchanged).unwrap();
        assert_eq!(city.unlock(PASSPHRASE).unwrap_err().slug(), "trust-root-exchanged", "{file}");
        std::fs::write(&path, text).unwrap();
        city.unlock(PASSPHRASE).unwrap();
    }
}

/// INV-I8, SEC-D2: names, numbers, keys and links are nowhere in the wallet's directory in the clear.
#[tokio::test]
async fn no_plaintext_is_on_the_disk() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let consent = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
    wallet.approve(&consent, None).await.unwrap();
    drop(wallet);
    let bytes = all_bytes(&city.wallet_dir());
    for canary in [
        "canary",
        "110101199003070011",
        "1990-03-07",
        "family_name",
        "Tax portal",
        "税务",
        "nonce-nonce",
        "dc+sd-jwt",
        PASSPHRASE,
    ] {
        let found = bytes.windows(canary.len()).any(|window| window == canary.as_bytes());
        assert!(!found, "{canary} is in the wallet's directory");
    }
}

/// A wrong passphrase costs as much time as a right one: some tenths of a second, on whatever machine.
#[tokio::test]
async fn a_guess_costs_time() {
    let city = City::new().await;
    let first = ("first", &1_u32);
    for (name, strength) in [("fixed", Strength::normal()), ("measured", Strength::calibrated(&Environment::system()))] {
        let dir = city.dir.path().join(name);
        drop(Vault::create(&dir, &passphrase(PASSPHRASE), strength, &city.environment, first).unwrap());
        let started = tokio::time::Instant::now();
        assert!(Vault::unlock(&dir, &passphrase("wrong passphrase"), &city.environment).is_err());
        let wrong = started.elapsed();
        println!("a wrong passphrase takes {wrong:?} at {name} strength: {strength:?}");
        assert!(wrong.as_millis() >= 150, "{wrong:?}");
    }
}
