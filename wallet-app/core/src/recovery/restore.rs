//! Recovering an identity on a new device, and replacing the recovery secret.
//!
//! A new device and the next recovery key are in the vault before the ledger hears of them; after a crash the same call goes on with the
//! same keys. When the ledger has the recovery, this is the identity's only device: every other one is dead from that block on.

use identity::Did;
use identity::UnixSeconds;
use identity::did::IdentityId;
use identity::keys::{Algorithm, SignError};
use ledger::cell::Subject;
use ledger::receipt::Refusal;
use ledger::records::IdentityRecord;
use ledger::transaction::{Body, Sender};
use serde::Serialize;

use super::backup::Contents;
use super::{RecoveryError, RecoverySecret, nothing_prepared};
use crate::chain::{self, LedgerError};
use crate::error::{Side, WalletError};
use crate::history::{self, Event, HistoryEntry};
use crate::identity::{DEVICE_ALGORITHM, IdentityError, IdentityKeys, IdentityView, KEY, view};
use crate::records::Secret32;
use crate::vault::{Batch, Table, VaultError};
use crate::wallet::Wallet;

/// What a backup brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// The identity that [`Wallet::recover`] takes over.
    pub did: String,
    /// When the backup was made.
    pub made_at: UnixSeconds,
    /// Credentials that are to be asked for again.
    pub credentials: usize,
    /// Entries of the history.
    pub history: usize,
    /// Receipts.
    pub receipts: usize,
}

impl Wallet {
    /// Takes everything that a backup holds into this wallet, which must have no identity yet; nothing is sent. [`Self::recover`] makes
    /// this device the identity's only one then.
    ///
    /// # Errors
    /// [`RecoveryError`] when the file does not open or is of another ledger, [`IdentityError::Exists`].
    pub fn restore(&self, file: &[u8], secret: &RecoverySecret) -> Result<Restored, WalletError> {
        let contents = Contents::open(file, secret)?;
        if contents.ledger != self.genesis || contents.inception.network != self.network {
            return Err(RecoveryError::OtherLedger.into());
        }
        let keys = self.recovering(secret, &contents.inception)?;
        self.vault.write(|batch| {
            if batch.get::<IdentityKeys>(Table::Identity, KEY)?.is_some() {
                return Err(WalletError::from(IdentityError::Exists));
            }
            batch.put(Table::Identity, KEY, &keys)?;
            Ok(contents.import(batch)?)
        })?;
        Ok(Restored {
            did: contents.inception.did().to_string(),
            made_at: contents.made_at,
            credentials: contents.credentials.len(),
            history: contents.count(Table::History),
            receipts: contents.count(Table::Receipts),
        })
    }

    /// The same without a backup: by the DID, which guardians' cards have on them. A recovery that was begun with a secret that was replaced
    /// meanwhile can be begun again with the newest one.
    ///
    /// # Errors
    /// [`RecoveryError::UnknownIdentity`], [`RecoveryError::OtherLedger`], [`RecoveryError::Replaced`], [`IdentityError::Exists`],
    /// [`WalletError::Ledger`].
    pub async fn begin_recovery(&self, did: &Did, secret: &RecoverySecret) -> Result<(), WalletError> {
        self.watched(Side::Ledger, Box::pin(self.begin_recovery_story(did, secret))).await
    }

    pub(crate) async fn begin_recovery_story(&self, did: &Did, secret: &RecoverySecret) -> Result<(), WalletError> {
        if did.network != self.network {
            return Err(RecoveryError::OtherLedger.into());
        }
        let (_, record) = self.identity_record(&did.id).await?.ok_or(RecoveryError::UnknownIdentity)?;
        if self.recovery_commitment(&did.id, &record).await? != secret.commitment()? {
            return Err(RecoveryError::Replaced.into());
        }
        let keys = self.recovering(secret, &record.inception)?;
        self.vault.write(|batch| {
            let earlier: Option<IdentityKeys> = batch.get(Table::Identity, KEY)?;
            let keys = match earlier {
                None => keys,
                Some(earlier) if earlier.recovering && earlier.inception == keys.inception => {
                    IdentityKeys { recovery: keys.recovery, ..earlier }
                }
                Some(_) => return Err(WalletError::from(IdentityError::Exists)),
            };
            Ok(batch.put(Table::Identity, KEY, &keys)?)
        })
    }

    /// Makes this device the identity's only one, by the recovery secret; gives the identity when the ledger has proven it. After an error
    /// or a crash the same call goes on. The secret is used up: make new words or cards and a new backup.
    ///
    /// # Errors
    /// [`RecoveryError::NotBegun`], [`RecoveryError::Replaced`], [`RecoveryError::UnknownIdentity`],
    /// [`IdentityError::Deactivated`], [`WalletError::Ledger`].
    pub async fn recover(&self) -> Result<IdentityView, WalletError> {
        self.watched(Side::Ledger, Box::pin(self.recover_story())).await
    }

    pub(crate) async fn recover_story(&self) -> Result<IdentityView, WalletError> {
        let keys: Option<IdentityKeys> = self.vault.get(Table::Identity, KEY)?;
        let keys = keys.filter(|keys| keys.recovering).ok_or(RecoveryError::NotBegun)?;
        let id = keys.inception.id();
        if let Some(recovered) = self.confirm_recovery(&keys).await? {
            return Ok(recovered);
        }
        let (secret, next) = both(&keys)?;
        let (_, record) = self.identity_record(&id).await?.ok_or(RecoveryError::UnknownIdentity)?;
        if self.recovery_commitment(&id, &record).await? != secret.commitment()? {
            return Err(RecoveryError::Replaced.into());
        }
        let body = Body::Recover { identity: id, device: keys.device()?, next_recovery: next.commitment()? };
        self.by_recovery_key(&secret, body).await?;
        let recovered = self.confirm_recovery(&keys).await?;
        Ok(recovered.ok_or_else(|| LedgerError::Unproven("the recovery is not in the state".to_owned()))?)
    }

    /// Puts a fresh recovery secret in the place of the one that there is: earlier words, cards and backups recover nothing from then on.
    /// After an error or a crash the same call goes on with the same secret.
    ///
    /// # Errors
    /// [`RecoveryError::NoSecret`], [`RecoveryError::Replaced`], [`WalletError::Ledger`].
    pub async fn rotate_recovery(&self) -> Result<(), WalletError> {
        self.watched(Side::Ledger, Box::pin(self.rotate_recovery_story())).await
    }

    pub(crate) async fn rotate_recovery_story(&self) -> Result<(), WalletError> {
        let keys = self.vault.write(|batch| {
            let keys: Option<IdentityKeys> = batch.get(Table::Identity, KEY)?;
            let mut keys = keys.filter(|keys| keys.confirmed.is_some()).ok_or(IdentityError::NotCreated)?;
            if keys.recovery.is_none() {
                return Err(WalletError::from(RecoveryError::NoSecret));
            }
            keys.next_recovery.get_or_insert_with(|| Secret32::fresh_key(&self.environment, Algorithm::Ed25519));
            batch.put(Table::Identity, KEY, &keys)?;
            Ok(keys)
        })?;
        let id = keys.inception.id();
        let (secret, next) = both(&keys)?;
        let (_, record) = self.identity_record(&id).await?.ok_or(IdentityError::NotCreated)?;
        let known = self.recovery_commitment(&id, &record).await?;
        if known != next.commitment()? {
            if known != secret.commitment()? {
                return Err(RecoveryError::Replaced.into());
            }
            self.by_recovery_key(&secret, Body::RotateRecovery { identity: id, next_recovery: next.commitment()? }).await?;
            if self.recovery_commitment(&id, &record).await? != next.commitment()? {
                return Err(LedgerError::Unproven("the new recovery key is not in the state".to_owned()).into());
            }
        }
        let keys = IdentityKeys { recovery: keys.next_recovery.clone(), next_recovery: None, ..keys };
        Ok(self.vault.write::<_, VaultError>(|batch| {
            batch.put(Table::Identity, KEY, &keys)?;
            nothing_prepared(batch)?;
            history::record(batch, &HistoryEntry::new(self.now(), Event::RecoveryRotated))
        })?)
    }

    /// Keys for taking an identity over.
    fn recovering(&self, secret: &RecoverySecret, inception: &identity::did::Inception) -> Result<IdentityKeys, SignError> {
        Ok(IdentityKeys {
            inception: inception.clone(),
            device: self.fresh_device_key(DEVICE_ALGORITHM)?,
            recovery: Some(secret.0.clone()),
            next_recovery: Some(Secret32::fresh_key(&self.environment, Algorithm::Ed25519)),
            recovering: true,
            confirmed: None,
        })
    }

    /// Whether the ledger has the recovery; then the wallet is done with it.
    async fn confirm_recovery(&self, keys: &IdentityKeys) -> Result<Option<IdentityView>, WalletError> {
        let found = self.identity_record(&keys.inception.id()).await?;
        let (as_of, record) = found.ok_or(RecoveryError::UnknownIdentity)?;
        if record.inception != keys.inception || !record.devices.contains(&keys.device()?) {
            return Ok(None);
        }
        let recovery = keys.next_recovery.clone();
        let done = IdentityKeys { recovery, next_recovery: None, recovering: false, confirmed: Some(as_of), ..keys.clone() };
        self.vault.write::<_, VaultError>(|batch: &mut Batch<'_>| {
            batch.put(Table::Identity, KEY, &done)?;
            nothing_prepared(batch)?;
            history::record(batch, &HistoryEntry::new(self.now(), Event::IdentityRecovered))
        })?;
        Ok(Some(view(&done)?))
    }

    /// Sends what the recovery key signs.
    async fn by_recovery_key(&self, secret: &RecoverySecret, body: Body) -> Result<(), WalletError> {
        let key = secret.key()?;
        let transaction = self.chain.prepare(&key, Sender::Key(key.public_key()), body).await?;
        match self.chain.submit(&transaction).await {
            Ok(_) => Ok(()),
            // An earlier try may have got through: what the state says then decides.
            Err(LedgerError::Refused(Refusal::WrongRecoveryKey)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The hash of the recovery key that the identity has now.
    pub(super) async fn recovery_commitment(&self, id: &IdentityId, record: &IdentityRecord) -> Result<[u8; 32], WalletError> {
        let newest = chain::find::<[u8; 32]>(self.chain.as_ref(), &Subject::Recovery(*id)).await?;
        Ok(newest.record.map_or(record.inception.recovery_commitment, |(_, commitment)| commitment))
    }
}

/// The secret and the one that takes its place.
fn both(keys: &IdentityKeys) -> Result<(RecoverySecret, RecoverySecret), VaultError> {
    let both = keys.recovery.clone().zip(keys.next_recovery.clone());
    let (secret, next) = both.ok_or(VaultError::Tampered("identity"))?;
    Ok((RecoverySecret(secret), RecoverySecret(next)))
}
