//! The backup: one file, sealed under a key that follows from the recovery secret.
//!
//! ```text
//! "yufu-backup" ‖ version (1 byte, 1) ‖ salt (32) ‖ nonce (24) ‖ XChaCha20-Poly1305 of the contents (JSON)
//! key = HKDF-SHA256(salt, recovery secret, "yufu/backup/key/v1"); associated data = everything before the ciphertext
//! ```
//!
//! **What moves**: the identity's inception, history, receipts, consents with their sentences, declarations and the citizen's own copies of
//! declared documents, statements; of each credential its type and issuer, the grant by which the issuer gives a new one, and the
//! secrets that *kill* its copies. **What never leaves the device**: the keys of credential copies and their SD-JWTs (a copy is
//! bound to one key in one place, and shown once), by which keys something was shown, the device's own key, keys of issuances under way, the key of the wallet
//! attestation, responses on their way. So a stolen backup with its words shows what the citizen did and kills credentials; it can
//! show none.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use identity::UnixSeconds;
use identity::canonical::Hash;
use identity::did::Inception;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{RecoveryError, RecoverySecret, prepared};
use crate::error::WalletError;
use crate::history::{self, Event, HistoryEntry};
use crate::issuance::{Credential, Moved};
use crate::vault::{Batch, Table, Vault, VaultError};
use crate::wallet::Wallet;

/// Bytes of a backup file at most.
pub const MAX_BACKUP_BYTES: usize = 256 * 1024 * 1024;

const MAGIC: &[u8; 11] = b"yufu-backup";
const VERSION: u8 = 1;
const SALT_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
const HEADER_BYTES: usize = MAGIC.len() + 1 + SALT_BYTES + NONCE_BYTES;
/// The name of the key's derivation.
const KEY_CONTEXT: &[u8] = b"yufu/backup/key/v1";

/// The tables whose records move as they are.
const TABLES: [Table; 6] =
    [Table::Declarations, Table::Documents, Table::Consents, Table::Receipts, Table::Statements, Table::History];

/// What is in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Contents {
    pub(super) made_at: UnixSeconds,
    #[serde(with = "identity::keys::base64url_array")]
    pub(super) ledger: Hash,
    pub(super) inception: Inception,
    pub(super) credentials: Vec<Moved>,
    /// Records with their keys, by table.
    tables: Vec<(String, Vec<(String, Value)>)>,
}

impl Contents {
    /// How many records of a table there are.
    pub(super) fn count(&self, table: Table) -> usize {
        self.tables.iter().filter(|(name, _)| name == table.name()).map(|(_, records)| records.len()).sum()
    }

    /// Writes everything but the identity.
    pub(super) fn import(&self, batch: &mut Batch<'_>) -> Result<(), VaultError> {
        for table in TABLES {
            let records = self.tables.iter().filter(|(name, _)| name == table.name()).flat_map(|(_, records)| records);
            for (key, record) in records {
                match table {
                    // The order is kept; its numbers are this vault's.
                    Table::History => batch.append(table, record).map(drop)?,
                    _ => batch.put(table, key, record)?,
                }
            }
        }
        for moved in &self.credentials {
            batch.put(Table::Moved, moved.id(), moved)?;
        }
        Ok(())
    }

    /// Everything of a vault that may leave the device.
    fn collect(vault: &Vault, ledger: Hash, inception: Inception, made_at: UnixSeconds) -> Result<Self, VaultError> {
        let mut credentials: Vec<Moved> = vault.list(Table::Moved)?;
        for credential in vault.list::<Credential>(Table::Credentials)? {
            // What this device received itself is newer than what an earlier backup brought.
            credentials.retain(|moved| moved.id() != credential.id);
            credentials.push(Moved::from(&credential));
        }
        let mut tables = Vec::new();
        for table in TABLES {
            tables.push((table.name().to_owned(), vault.entries(table)?));
        }
        Ok(Self { made_at, ledger, inception, credentials, tables })
    }

    fn seal(&self, secret: &RecoverySecret, salt: [u8; SALT_BYTES], nonce: [u8; NONCE_BYTES]) -> Result<Vec<u8>, RecoveryError> {
        let plaintext = Zeroizing::new(serde_json::to_vec(self).expect("records are maps with text keys"));
        let mut file = [MAGIC.as_slice(), &[VERSION], &salt, &nonce].concat();
        let message = Payload { msg: &plaintext, aad: &file };
        let sealed = cipher(secret, &salt).encrypt(&XNonce::from(nonce), message).map_err(|_| RecoveryError::TooLarge)?;
        file.extend_from_slice(&sealed);
        if file.len() > MAX_BACKUP_BYTES { Err(RecoveryError::TooLarge) } else { Ok(file) }
    }

    /// Opens a file.
    pub(super) fn open(file: &[u8], secret: &RecoverySecret) -> Result<Self, RecoveryError> {
        if file.len() > MAX_BACKUP_BYTES {
            return Err(RecoveryError::TooLarge);
        }
        let (header, sealed) = file.split_at_checked(HEADER_BYTES).ok_or(RecoveryError::NotABackup)?;
        let rest = header.strip_prefix(MAGIC.as_slice()).ok_or(RecoveryError::NotABackup)?;
        let (version, rest) = rest.split_first().ok_or(RecoveryError::NotABackup)?;
        if *version != VERSION {
            return Err(RecoveryError::NewerBackup(*version));
        }
        let (salt, rest) = rest.split_first_chunk::<SALT_BYTES>().ok_or(RecoveryError::NotABackup)?;
        let nonce: [u8; NONCE_BYTES] = rest.try_into().map_err(|_| RecoveryError::NotABackup)?;
        let message = Payload { msg: sealed, aad: header };
        let opened = cipher(secret, salt).decrypt(&XNonce::from(nonce), message).map_err(|_| RecoveryError::Sealed)?;
        serde_json::from_slice(&Zeroizing::new(opened)).map_err(|_| RecoveryError::Contents)
    }
}

fn cipher(secret: &RecoverySecret, salt: &[u8; SALT_BYTES]) -> XChaCha20Poly1305 {
    let mut key = Zeroizing::new([0; 32]);
    let derivation = Hkdf::<Sha256>::new(Some(salt), secret.0.as_bytes());
    derivation.expand(KEY_CONTEXT, key.as_mut()).expect("HKDF gives 32 bytes");
    XChaCha20Poly1305::new((&*key).into())
}

impl Wallet {
    /// The backup as it is to be kept in a file: sealed, so that it may lie anywhere. It opens by the words or by two guardians' cards.
    ///
    /// # Errors
    /// [`RecoveryError::NoSecret`] on a device that was added by another one, [`RecoveryError::TooLarge`].
    pub fn backup(&self) -> Result<Vec<u8>, WalletError> {
        let secret = self.recovery_secret()?;
        let now = self.now();
        // Before it is collected: the backup says of itself that it was made.
        self.vault.write::<_, VaultError>(|batch| {
            prepared(batch, |state| state.backup_at = Some(now))?;
            history::record(batch, &HistoryEntry::new(now, Event::BackupMade))
        })?;
        let contents = Contents::collect(&self.vault, self.genesis, self.identity_keys()?.inception, now)?;
        let random = &self.environment.random;
        Ok(contents.seal(&secret, random.entropy(), random.bytes())?)
    }
}
