//! Stories: make sure that the identity survives the phone, and bring it to another one.
//!
//! | | |
//! |---|---|
//! | the secret, as 24 words or as the cards of three guardians | here, [`cards`] |
//! | a sealed file with what may leave the device | [`backup`] |
//! | an identity on a new device, a new secret in the place of the old one | [`restore`] |
//! | trying all of it out before it is needed | [`rehearse`] |
//!
//! **One secret of 32 bytes** is the seed of the Ed25519 recovery key, whose hash the identity began with. Everything else follows from it:
//! the words are its entropy (BIP-39, English or simplified Chinese, with its checksum; nothing is stretched, since nothing could be
//! guessed), the cards are shares of it (SLIP-0039, any 2 of 3), the file is sealed under a key derived from it. Once it was used, by
//! recovery or by [`Wallet::rotate_recovery`], the ledger knows another one, and old words and cards recover nothing.
//!
//! It may assume that whoever has the words, or two cards, may act for the citizen: nothing can tell them apart. It refuses a backup of
//! another ledger, one that was changed, and a secret that is not the ledger's any more, before anything is sent.
//!
//! [`Wallet::rotate_recovery`]: crate::Wallet::rotate_recovery

pub mod backup;
pub mod cards;
mod error;
pub mod rehearse;
pub mod restore;
pub mod slip39;

use bip39::Mnemonic;
use identity::keys::{Algorithm, PublicKey, SecretKey};
use identity::{Localized, UnixSeconds};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

pub use self::error::RecoveryError;
use crate::config::Language;
use crate::error::WalletError;
use crate::identity::IdentityKeys;
use crate::records::Secret32;
use crate::vault::{Batch, Table, VaultError};
use crate::wallet::Wallet;

/// How many words there are.
pub const WORDS: usize = 24;
/// Bytes of words that are looked at, at most.
const MAX_WORDS_BYTES: usize = 1024;
/// The vault's record of what was done for the day of need.
const STATE: &str = "recovery";
/// After so many seconds without a rehearsal the wallet asks for one.
const REHEARSAL_SECONDS: i64 = 365 * 24 * 3600;

/// What recovers an identity. Wiped when dropped, and shown by nobody but [`Self::words`].
#[derive(Clone, PartialEq, Eq)]
pub struct RecoverySecret(pub(crate) Secret32);

impl std::fmt::Debug for RecoverySecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecoverySecret(…)")
    }
}

impl RecoverySecret {
    /// Reads 24 words, English or simplified Chinese (these with or without spaces between them).
    ///
    /// # Errors
    /// [`RecoveryError::WordCount`], [`RecoveryError::UnknownWord`], [`RecoveryError::Checksum`].
    pub fn from_words(text: &str) -> Result<Self, RecoveryError> {
        if text.len() > MAX_WORDS_BYTES {
            return Err(RecoveryError::WordCount(text.split_whitespace().count()));
        }
        let is_chinese = text.chars().any(|c| !c.is_ascii() && !c.is_whitespace());
        let language = if is_chinese { bip39::Language::SimplifiedChinese } else { bip39::Language::English };
        let mut words = Zeroizing::new(String::with_capacity(2 * text.len()));
        for character in text.chars() {
            if is_chinese {
                words.push(' ');
            }
            words.push(character.to_ascii_lowercase());
        }
        let count = words.split_whitespace().count();
        if count != WORDS {
            return Err(RecoveryError::WordCount(count));
        }
        let mnemonic = Mnemonic::parse_in_normalized(language, &words).map_err(|error| match error {
            bip39::Error::UnknownWord(index) => RecoveryError::UnknownWord(index + 1),
            _ => RecoveryError::Checksum,
        })?;
        let (entropy, _) = mnemonic.to_entropy_array();
        let entropy = Zeroizing::new(entropy);
        let seed: &[u8; 32] = entropy.first_chunk().ok_or(RecoveryError::Checksum)?;
        Ok(Self(Secret32::from_bytes(*seed)))
    }

    /// The 24 words, with spaces between them.
    ///
    /// # Panics
    /// Never: 32 bytes make 24 words.
    pub fn words(&self, language: Language) -> Zeroizing<String> {
        let language = match language {
            Language::Zh => bip39::Language::SimplifiedChinese,
            Language::En => bip39::Language::English,
        };
        let mnemonic = Mnemonic::from_entropy_in(language, self.0.as_bytes()).expect("32 bytes make 24 words");
        let mut text = Zeroizing::new(String::with_capacity(WORDS * 9));
        for word in mnemonic.words() {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(word);
        }
        text
    }

    pub(crate) fn key(&self) -> Result<SecretKey, VaultError> {
        self.0.key(Algorithm::Ed25519).ok_or(VaultError::Tampered("identity"))
    }

    pub(crate) fn public_key(&self) -> Result<PublicKey, VaultError> {
        Ok(self.key()?.public_key())
    }

    /// What the ledger has of it.
    pub(crate) fn commitment(&self) -> Result<[u8; 32], VaultError> {
        Ok(self.public_key()?.fingerprint())
    }
}

/// What was done for the day of need, as it is kept. All of it is about the secret as it is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Prepared {
    words_at: Option<UnixSeconds>,
    cards_at: Option<UnixSeconds>,
    backup_at: Option<UnixSeconds>,
    rehearsed_at: Option<UnixSeconds>,
}

/// How well the identity would survive the phone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecoveryStatus {
    /// Whether this device has the recovery secret. A device that was added by another one has not.
    pub has_secret: bool,
    /// When the citizen last had the words on paper.
    pub words_at: Option<UnixSeconds>,
    /// When guardians' cards were made last.
    pub cards_at: Option<UnixSeconds>,
    /// When the last backup was made.
    pub backup_at: Option<UnixSeconds>,
    /// When it was last tried out.
    pub rehearsed_at: Option<UnixSeconds>,
    /// What is still to be done, in words; empty when nothing is.
    pub advice: Vec<Localized>,
}

impl Wallet {
    /// How well the identity would survive the phone.
    ///
    /// # Errors
    /// [`WalletError::Identity`] without an identity.
    pub fn recovery_status(&self) -> Result<RecoveryStatus, WalletError> {
        let has_secret = self.identity_keys()?.recovery.is_some();
        let prepared: Prepared = self.vault.get(Table::Identity, STATE)?.unwrap_or_default();
        let Prepared { words_at, cards_at, backup_at, rehearsed_at } = prepared;
        let advice = if has_secret { advice(&prepared, self.now()) } else { vec![elsewhere()] };
        Ok(RecoveryStatus { has_secret, words_at, cards_at, backup_at, rehearsed_at, advice })
    }

    /// The 24 words, to be written down on paper. [`Self::words_are_written`] is to be called once they are.
    ///
    /// # Errors
    /// [`RecoveryError::NoSecret`] on a device that was added by another one.
    pub fn recovery_words(&self, language: Language) -> Result<Zeroizing<String>, WalletError> {
        Ok(self.recovery_secret()?.words(language))
    }

    /// Remembers that the citizen showed, or at least said, that the words are on paper.
    ///
    /// # Errors
    /// [`RecoveryError::NoSecret`] on a device that was added by another one, [`WalletError::Vault`].
    pub fn words_are_written(&self) -> Result<(), WalletError> {
        self.recovery_secret()?;
        let now = self.now();
        Ok(self.vault.write::<_, VaultError>(|batch| prepared(batch, |state| state.words_at = Some(now)))?)
    }

    /// The secret of the identity as it is now.
    pub(crate) fn recovery_secret(&self) -> Result<RecoverySecret, WalletError> {
        Ok(secret_of(&self.identity_keys()?)?)
    }
}

fn secret_of(keys: &IdentityKeys) -> Result<RecoverySecret, RecoveryError> {
    // Which of the two the ledger has is not known.
    if keys.next_recovery.is_some() {
        return Err(RecoveryError::Rotating);
    }
    keys.recovery.clone().map(RecoverySecret).ok_or(RecoveryError::NoSecret)
}

/// Remembers that something was done.
fn prepared(batch: &mut Batch<'_>, change: impl FnOnce(&mut Prepared)) -> Result<(), VaultError> {
    let mut state: Prepared = batch.get(Table::Identity, STATE)?.unwrap_or_default();
    change(&mut state);
    batch.put(Table::Identity, STATE, &state)
}

/// Nothing is prepared for a new secret.
fn nothing_prepared(batch: &mut Batch<'_>) -> Result<(), VaultError> {
    batch.put(Table::Identity, STATE, &Prepared::default())
}

fn advice(state: &Prepared, now: UnixSeconds) -> Vec<Localized> {
    let mut advice = Vec::new();
    if state.words_at.is_none() && state.cards_at.is_none() && state.rehearsed_at.is_none() {
        advice.push(Localized::new(
            "请抄写 24 个恢复词，或把恢复卡交给三位您信任的人。否则手机丢失后，身份将无法恢复。",
            "Write down the 24 words, or give cards to three people you trust. Without that the identity is lost with the phone.",
        ));
    }
    if state.backup_at.is_none() {
        advice.push(Localized::new(
            "请制作备份文件，以便记录、回执和凭证清单一同恢复。",
            "Make a backup file, so that history, receipts and the list of credentials come along.",
        ));
    }
    let is_due = |at: UnixSeconds| now.saturating_sub(at) > REHEARSAL_SECONDS;
    if state.rehearsed_at.is_none_or(is_due) {
        advice.push(Localized::new(
            "请做一次恢复演练：用恢复词或恢复卡试一次，确认它们有效。不会改变任何内容。",
            "Rehearse the recovery: try your words or cards once, so that you know that they work. It changes nothing.",
        ));
    }
    advice
}

fn elsewhere() -> Localized {
    Localized::new(
        "恢复词在您的第一台设备上。请在那台设备上备份。",
        "The recovery words are on your first device. Make backups there.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use clients::Random;

    /// The vectors of BIP-39's reference implementation with 32 bytes, by their words.
    #[test]
    fn words_are_those_of_bip_39() {
        let cases = [
            ([0; 32], format!("{}art", "abandon ".repeat(23))),
            ([0xff; 32], format!("{}vote", "zoo ".repeat(23))),
            (
                [0x7f; 32],
                "legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth title".to_owned(),
            ),
        ];
        for (entropy, words) in cases {
            let secret = RecoverySecret(Secret32::from_bytes(entropy));
            assert_eq!(*secret.words(Language::En), words);
            assert!(RecoverySecret::from_words(&words.to_uppercase()).unwrap() == secret);
        }
    }

    #[test]
    fn chinese_words_need_no_spaces() {
        let secret = RecoverySecret(Secret32::from_bytes(Random::from_os_seed([1; 32]).entropy()));
        let words = secret.words(Language::Zh);
        assert_eq!(words.split_whitespace().count(), WORDS);
        assert!(RecoverySecret::from_words(&words).unwrap() == secret);
        assert!(RecoverySecret::from_words(&words.replace(' ', "")).unwrap() == secret);
    }

    #[test]
    fn wrong_words_are_told_apart() {
        let secret = RecoverySecret(Secret32::from_bytes([9; 32]));
        let words = secret.words(Language::En);
        let mut list: Vec<&str> = words.split(' ').collect();
        assert_eq!(RecoverySecret::from_words(&list[..23].join(" ")).unwrap_err(), RecoveryError::WordCount(23));
        list[4] = "fish-tally";
        assert_eq!(RecoverySecret::from_words(&list.join(" ")).unwrap_err(), RecoveryError::UnknownWord(5));
        let mut list: Vec<&str> = words.split(' ').collect();
        list[0] = if list[0] == "zoo" { "zone" } else { "zoo" };
        assert_eq!(RecoverySecret::from_words(&list.join(" ")).unwrap_err(), RecoveryError::Checksum);
    }

    #[test]
    fn a_year_without_a_rehearsal_is_told() {
        let all = Prepared { words_at: Some(1), cards_at: None, backup_at: Some(1), rehearsed_at: Some(1) };
        assert!(advice(&all, 1).is_empty());
        assert_eq!(advice(&all, 2 + REHEARSAL_SECONDS).len(), 1);
        assert_eq!(advice(&Prepared::default(), 1).len(), 3);
    }
}
