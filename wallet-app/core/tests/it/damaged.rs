//! A vault's file that the disk damaged: torn, with flipped bits, with sectors of zeros or of something else.

use std::panic::{AssertUnwindSafe, catch_unwind};

use wallet_core::{CredentialView, HistoryEntry, Random, Wallet, WalletError};

use crate::city::{City, PASSPHRASE};

const SECTOR: usize = 512;

/// Everything that a person would look at.
fn contents(wallet: &Wallet) -> Result<(Vec<HistoryEntry>, Vec<CredentialView>), WalletError> {
    wallet.identity()?;
    wallet.receipts()?;
    wallet.statements()?;
    wallet.unsent()?;
    wallet.pending_issuances()?;
    wallet.requests()?;
    Ok((wallet.history()?, wallet.credentials()?))
}

fn below(random: &Random, bound: usize) -> usize {
    usize::try_from(u64::from_le_bytes(random.bytes()) % u64::try_from(bound).unwrap()).unwrap()
}

fn damage(bytes: &mut Vec<u8>, random: &Random) -> &'static str {
    let place = below(random, bytes.len());
    let start = place / SECTOR * SECTOR;
    let sector = start..(start + SECTOR).min(bytes.len());
    match below(random, 4) {
        0 => {
            bytes.truncate(place);
            "torn"
        }
        1 => {
            bytes[place] ^= 1 << below(random, 8);
            "a bit flipped"
        }
        2 => {
            bytes[sector].fill(0);
            "a sector of zeros"
        }
        _ => {
            bytes[sector].fill_with(|| random.bytes::<1>()[0]);
            "a sector of something else"
        }
    }
}

/// REL-D3: whatever is damaged, the wallet shows what it had, or an earlier state of it, or says in words that the file is damaged. It never
/// shows anything else, and never ends the program.
#[tokio::test]
async fn a_damaged_vault_is_as_it_was_or_refused_in_words() {
    let seed: u64 = std::env::var("YUFU_SEED").ok().map_or(1, |seed| seed.parse().unwrap());
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let consent = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
    wallet.approve(&consent, None).await.unwrap();
    let (history, credentials) = contents(&wallet).unwrap();
    drop(wallet);
    let file = city.wallet_dir().join("vault.redb");
    let whole = std::fs::read(&file).unwrap();
    let (mut same, mut earlier, mut refused) = (0, 0, 0);
    for round in 0..1000 {
        let mut entropy = [0; 32];
        entropy[..8].copy_from_slice(&(seed * 1_000_000 + round).to_le_bytes());
        let random = Random::from_os_seed(entropy);
        let mut bytes = whole.clone();
        let how = damage(&mut bytes, &random);
        std::fs::write(&file, &bytes).unwrap();
        let opened = catch_unwind(AssertUnwindSafe(|| contents(&city.unlock(PASSPHRASE)?)));
        match opened.unwrap_or_else(|_| panic!("round {round}, {how}: the program would have ended")) {
            Ok(found) if found == (history.clone(), credentials.clone()) => same += 1,
            Ok((found, _)) => {
                assert!(history.starts_with(&found), "round {round}, {how}: {found:?}");
                earlier += 1;
            }
            Err(error) => {
                let explained = error.explain();
                assert!(explained.sentence.en.contains('.') && !explained.sentence.zh.is_empty(), "round {round}, {how}");
                assert!(!explained.sentence.en.contains("canary"));
                refused += 1;
            }
        }
    }
    println!("seed {seed}: {same} as they were, {earlier} as they had been, {refused} refused");
    assert!(same > 0 && refused > 0);
    std::fs::write(&file, &whole).unwrap();
    assert_eq!(contents(&city.unlock(PASSPHRASE).unwrap()).unwrap(), (history, credentials));
}
