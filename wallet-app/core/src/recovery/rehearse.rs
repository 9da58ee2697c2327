//! A rehearsal: the words or cards, and the backup, are tried out in a throwaway vault and compared with this wallet and the ledger. Nothing
//! changes but that the wallet remembers it.

use std::path::{Path, PathBuf};

use identity::UnixSeconds;
use serde::Serialize;

use super::backup::Contents;
use super::{RecoveryError, RecoverySecret, prepared};
use crate::chain::{AsOf, LedgerError};
use crate::error::{Side, WalletError};
use crate::history::{self, Event, HistoryEntry};
use crate::identity::IdentityError;
use crate::issuance::{Credential, Moved};
use crate::receipts::Receipt;
use crate::vault::key::{Passphrase, Strength};
use crate::vault::{Table, Vault, VaultError};
use crate::wallet::Wallet;

/// The directory, in the wallet's own, in which a rehearsal takes place.
const STAGE: &str = "rehearsal";

/// What a rehearsal showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rehearsal {
    /// When it was.
    pub at: UnixSeconds,
    /// The identity that words or cards recover.
    pub did: String,
    /// The block that proved that the ledger takes this secret; `None` when the ledger could not be asked.
    pub as_of: Option<AsOf>,
    /// The backup, if there was one.
    pub backup: Option<RehearsedBackup>,
}

/// What the backup would bring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RehearsedBackup {
    /// When it was made.
    pub made_at: UnixSeconds,
    /// What it has.
    pub has: Counts,
    /// What this wallet has and the backup has not: what came later.
    pub lacks: Counts,
}

/// Numbers of things.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Credentials, to be asked for again.
    pub credentials: usize,
    /// Entries of the history.
    pub history: usize,
    /// Receipts.
    pub receipts: usize,
}

/// What a vault has of what moves.
struct Held {
    credentials: Vec<String>,
    history: Vec<HistoryEntry>,
    receipts: Vec<String>,
}

impl Wallet {
    /// Tries out what the citizen has: words or cards, and a backup file. An error says what would have gone wrong on the day of need.
    ///
    /// # Errors
    /// [`RecoveryError::Replaced`] when the secret is not the identity's, those of opening a backup, [`WalletError::Vault`].
    pub async fn rehearse(&self, secret: &RecoverySecret, file: Option<&[u8]>) -> Result<Rehearsal, WalletError> {
        self.watched(Side::Ledger, Box::pin(self.rehearse_story(secret, file))).await
    }

    pub(crate) async fn rehearse_story(&self, secret: &RecoverySecret, file: Option<&[u8]>) -> Result<Rehearsal, WalletError> {
        let keys = self.identity_keys()?;
        let as_of = match self.current_commitment().await {
            Ok((as_of, commitment)) if commitment == secret.commitment()? => Some(as_of),
            Ok(_) => return Err(RecoveryError::Replaced.into()),
            Err(WalletError::Ledger(error @ LedgerError::Unknown)) => return Err(error.into()),
            // Without the ledger the wallet's own secret is what there is to compare with.
            Err(WalletError::Ledger(_)) if self.recovery_secret()? == *secret => None,
            Err(WalletError::Ledger(_)) => return Err(RecoveryError::Replaced.into()),
            Err(error) => return Err(error),
        };
        let backup = match file {
            Some(file) => Some(self.rehearse_backup(file, secret)?),
            None => None,
        };
        let at = self.now();
        self.vault.write::<_, VaultError>(|batch| {
            prepared(batch, |state| state.rehearsed_at = Some(at))?;
            history::record(batch, &HistoryEntry::new(at, Event::RecoveryRehearsed))
        })?;
        Ok(Rehearsal { at, did: keys.inception.did().to_string(), as_of, backup })
    }

    async fn current_commitment(&self) -> Result<(AsOf, [u8; 32]), WalletError> {
        let id = self.identity_keys()?.inception.id();
        let (as_of, record) = self.identity_record(&id).await?.ok_or(IdentityError::NotCreated)?;
        Ok((as_of, self.recovery_commitment(&id, &record).await?))
    }

    fn rehearse_backup(&self, file: &[u8], secret: &RecoverySecret) -> Result<RehearsedBackup, WalletError> {
        let contents = Contents::open(file, secret)?;
        if contents.ledger != self.genesis || contents.inception != self.identity_keys()?.inception {
            return Err(RecoveryError::OtherLedger.into());
        }
        let stage = Stage::set(self.dir())?;
        let passphrase = Passphrase::new(self.environment.random.token());
        let first = ("rehearsal", &contents.made_at);
        let vault = Vault::create(&stage.0, &passphrase, Strength::throwaway(), &self.environment, first)?;
        vault.write::<_, VaultError>(|batch| contents.import(batch))?;
        drop(vault);
        // Read back from the disk, as a restored wallet would.
        let restored = held(&Vault::unlock(&stage.0, &passphrase, &self.environment)?).map_err(|error| match error {
            VaultError::Tampered(_) => WalletError::from(RecoveryError::Contents),
            error => error.into(),
        })?;
        let own = held(&self.vault)?;
        if !own.history.starts_with(&restored.history) {
            return Err(RecoveryError::Contents.into());
        }
        let later = |own: &[String], restored: &[String]| own.iter().filter(|one| !restored.contains(one)).count();
        Ok(RehearsedBackup {
            made_at: contents.made_at,
            has: Counts {
                credentials: restored.credentials.len(),
                history: restored.history.len(),
                receipts: restored.receipts.len(),
            },
            lacks: Counts {
                credentials: later(&own.credentials, &restored.credentials),
                history: own.history.len().saturating_sub(restored.history.len()),
                receipts: later(&own.receipts, &restored.receipts),
            },
        })
    }
}

fn held(vault: &Vault) -> Result<Held, VaultError> {
    let mut credentials: Vec<String> =
        vault.list::<Credential>(Table::Credentials)?.into_iter().map(|credential| credential.id).collect();
    credentials.extend(vault.list::<Moved>(Table::Moved)?.iter().map(|moved| moved.id().to_owned()));
    let receipts = vault.list::<Receipt>(Table::Receipts)?.into_iter().map(|receipt| receipt.consent).collect();
    Ok(Held { credentials, history: vault.list(Table::History)?, receipts })
}

/// A directory for the throwaway vault, taken away afterwards; what a killed wallet left there is taken away first.
struct Stage(PathBuf);

impl Stage {
    fn set(dir: &Path) -> Result<Self, VaultError> {
        let stage = dir.join(STAGE);
        match std::fs::remove_dir_all(&stage) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(VaultError::disk(error)),
            _ => Ok(Self(stage)),
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // It is sealed under a key that is gone; if it stays, the next rehearsal takes it away.
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}
