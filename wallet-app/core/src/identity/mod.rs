//! Stories: create a digital identity; its devices ([`Wallet::devices`] and what is beside it); the keys that recovery exchanges.
//!
//! The device's key never leaves the vault; the recovery key stays sealed, and only its hash is on the ledger. Keys are in the vault
//! before the first byte goes to the ledger, so a wallet that dies on the way goes on with the same identity. Creating it twice is
//! the same as once.
//!
//! [`Wallet::devices`]: crate::Wallet::devices

mod devices;
mod error;
mod pairing;

use identity::Did;
use identity::did::{IdentityId, Inception};
use identity::keys::{Algorithm, PublicKey, Signer};
use ledger::cell::Subject;
use ledger::receipt::{Outcome, Refusal};
use ledger::records::IdentityRecord;
use ledger::transaction::{Body, Sender};
use serde::{Deserialize, Serialize};

pub use self::devices::{DeviceView, Devices};
pub use self::error::IdentityError;
pub(crate) use self::pairing::SCHEME;
pub use self::pairing::{DeviceInvite, InviteView, JoinView, PAIRING_SECONDS};
use crate::chain::{self, AsOf, LedgerError};
use crate::error::{Side, WalletError};
use crate::hardware::{HeldKey, HeldSigner};
use crate::history::{self, Event, HistoryEntry};
use crate::records::Secret32;
use crate::recovery::RecoverySecret;
use crate::vault::{Table, VaultError};
use crate::wallet::Wallet;

/// The vault's record of the identity.
pub(crate) const KEY: &str = "identity";
/// What a device's key is where it is in the vault.
pub(crate) const DEVICE_ALGORITHM: Algorithm = Algorithm::Ed25519;

/// The identity as it is kept.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IdentityKeys {
    pub(crate) inception: Inception,
    pub(crate) device: HeldKey,
    /// The recovery key. A device that was added by another one has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) recovery: Option<Secret32>,
    /// The recovery key that takes its place: it is here before the ledger hears of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next_recovery: Option<Secret32>,
    /// Whether this device is to become the identity's only one by the recovery key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) recovering: bool,
    /// The block in which the ledger was first seen to have it.
    pub(crate) confirmed: Option<AsOf>,
}

impl IdentityKeys {
    /// This device's public key.
    pub(crate) fn device(&self) -> Result<PublicKey, VaultError> {
        public_key(&self.device)
    }
}

/// The public part of a device's key.
fn public_key(device: &HeldKey) -> Result<PublicKey, VaultError> {
    device.public_key(DEVICE_ALGORITHM).ok_or(VaultError::Tampered("identity"))
}

/// The identity as a person sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IdentityView {
    /// The DID.
    #[serde(serialize_with = "as_text")]
    pub did: Did,
    /// This device's key.
    pub device: PublicKey,
    /// The block that proved it; `None` while the ledger has not confirmed it.
    pub as_of: Option<AsOf>,
    /// Whether it is being taken over by the recovery secret, which [`Wallet::recover`] ends.
    pub recovering: bool,
}

fn as_text<S: serde::Serializer>(did: &Did, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(did)
}

impl Wallet {
    /// The identity, if the wallet has one.
    ///
    /// # Errors
    /// [`WalletError::Vault`].
    pub fn identity(&self) -> Result<Option<IdentityView>, WalletError> {
        let keys: Option<IdentityKeys> = self.vault.get(Table::Identity, KEY)?;
        Ok(keys.map(|keys| view(&keys)).transpose()?)
    }

    /// Creates the identity, or goes on where it stopped; gives it when the ledger has proven it.
    ///
    /// # Errors
    /// [`WalletError::Ledger`], after which the same call goes on; [`IdentityError::Deactivated`] or
    /// [`IdentityError::DeviceRemoved`] when it was ended meanwhile; [`IdentityError::Recovering`] when the wallet recovers another.
    pub async fn create_identity(&self) -> Result<IdentityView, WalletError> {
        self.watched(Side::Ledger, Box::pin(self.create_identity_story())).await
    }

    pub(crate) async fn create_identity_story(&self) -> Result<IdentityView, WalletError> {
        let keys = match self.vault.get(Table::Identity, KEY)? {
            Some(keys) => keys,
            None => self.make_keys()?,
        };
        if keys.recovering {
            return Err(IdentityError::Recovering.into());
        }
        if keys.confirmed.is_some() {
            return Ok(view(&keys)?);
        }
        if let Some(as_of) = self.find_identity(&keys).await? {
            return self.confirm(keys, as_of);
        }
        let device = self.device_signer(&keys)?;
        let body = Body::CreateIdentity(keys.inception.clone());
        let transaction = self.chain.prepare(&device, Sender::Key(device.public_key()), body).await?;
        match self.chain.submit(&transaction).await {
            // Already there: an earlier try got through and its answer was lost.
            Ok(_) | Err(LedgerError::Refused(Refusal::AlreadyExists)) => {}
            Err(error) => return Err(error.into()),
        }
        match self.find_identity(&keys).await? {
            Some(as_of) => self.confirm(keys, as_of),
            None => Err(LedgerError::Unproven("the new identity is not in the state".to_owned()).into()),
        }
    }

    /// The keys of an identity that the ledger has confirmed.
    pub(crate) fn identity_keys(&self) -> Result<IdentityKeys, WalletError> {
        let keys: Option<IdentityKeys> = self.vault.get(Table::Identity, KEY)?;
        Ok(keys.filter(|keys| keys.confirmed.is_some()).ok_or(IdentityError::NotCreated)?)
    }

    /// What signs as this device.
    pub(crate) fn device_signer(&self, keys: &IdentityKeys) -> Result<HeldSigner, VaultError> {
        self.signer(&keys.device, DEVICE_ALGORITHM, "identity")
    }

    fn make_keys(&self) -> Result<IdentityKeys, WalletError> {
        let device = self.fresh_device_key(DEVICE_ALGORITHM)?;
        let recovery = Secret32::fresh_key(&self.environment, Algorithm::Ed25519);
        let inception = Inception {
            network: self.network.clone(),
            device: public_key(&device)?,
            recovery_commitment: RecoverySecret(recovery.clone()).commitment()?,
        };
        let recovery = Some(recovery);
        let keys = IdentityKeys { inception, device, recovery, next_recovery: None, recovering: false, confirmed: None };
        Ok(self.vault.write::<_, VaultError>(|batch| match batch.get(Table::Identity, KEY)? {
            Some(earlier) => Ok(earlier),
            None => batch.put(Table::Identity, KEY, &keys).map(|()| keys),
        })?)
    }

    /// Whether the ledger has the identity with this device.
    async fn find_identity(&self, keys: &IdentityKeys) -> Result<Option<AsOf>, WalletError> {
        let Some((as_of, record)) = self.identity_record(&keys.inception.id()).await? else { return Ok(None) };
        if record.inception != keys.inception || !record.devices.contains(&keys.device()?) {
            return Err(IdentityError::DeviceRemoved.into());
        }
        Ok(Some(as_of))
    }

    /// What the ledger has of an identity; one that was ended is an error.
    pub(crate) async fn identity_record(&self, id: &IdentityId) -> Result<Option<(AsOf, IdentityRecord)>, WalletError> {
        let found = chain::find::<IdentityRecord>(self.chain.as_ref(), &Subject::Identity(*id)).await?;
        let Some((_, record)) = found.record else { return Ok(None) };
        if record.devices.is_empty() {
            return Err(IdentityError::Deactivated.into());
        }
        Ok(Some((found.as_of, record)))
    }

    fn confirm(&self, mut keys: IdentityKeys, as_of: AsOf) -> Result<IdentityView, WalletError> {
        keys.confirmed = Some(as_of);
        self.vault.write::<_, VaultError>(|batch| {
            batch.put(Table::Identity, KEY, &keys)?;
            history::record(batch, &HistoryEntry::new(self.now(), Event::IdentityCreated))
        })?;
        Ok(view(&keys)?)
    }
}

/// The identity as a person sees it.
pub(crate) fn view(keys: &IdentityKeys) -> Result<IdentityView, VaultError> {
    Ok(IdentityView { did: keys.inception.did(), device: keys.device()?, as_of: keys.confirmed, recovering: keys.recovering })
}

/// An applied receipt, or the refusal as an error.
pub(crate) fn applied(outcome: Outcome) -> Result<(), LedgerError> {
    match outcome {
        Outcome::Applied => Ok(()),
        Outcome::Refused(refusal) => Err(LedgerError::Refused(refusal)),
    }
}
