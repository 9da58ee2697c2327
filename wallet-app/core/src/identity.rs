//! Story: create a digital identity. The device's key never leaves the vault; the recovery key stays sealed, and only its hash
//! is in the inception.
//!
//! The keys are in the vault before the first byte goes to the ledger, so a wallet that dies on the way goes on with the same
//! identity. Creating it twice is the same as once.

use identity::Did;
use identity::did::Inception;
use identity::keys::{Algorithm, PublicKey, SecretKey, Signer};
use ledger::cell::Subject;
use ledger::receipt::{Outcome, Refusal};
use ledger::records::IdentityRecord;
use ledger::transaction::{Body, Sender};
use serde::{Deserialize, Serialize};

use crate::chain::{self, AsOf, LedgerError};
use crate::error::{Explained, Side, WalletError};
use crate::history::{self, Event, HistoryEntry};
use crate::records::Secret32;
use crate::vault::{Table, VaultError};
use crate::wallet::Wallet;

/// The vault's record of the identity.
const KEY: &str = "identity";

/// Why the identity cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// It was not created yet.
    #[error("the wallet has no identity yet")]
    NotCreated,
    /// It was ended, here or from another device.
    #[error("the identity is deactivated")]
    Deactivated,
    /// This device was removed from it.
    #[error("this device does not belong to the identity any more")]
    DeviceRemoved,
}

impl IdentityError {
    /// The error in words.
    pub fn explain(&self) -> Explained {
        match self {
            Self::NotCreated => Explained::new(
                "identity-not-created",
                Side::You,
                "钱包中还没有数字身份。请先创建数字身份。",
                "This wallet has no identity yet. Create one first.",
            ),
            Self::Deactivated => Explained::new(
                "identity-deactivated",
                Side::You,
                "此数字身份已注销，不能再使用。如非您本人操作，请立即联系签发部门。",
                "This identity was deactivated and cannot be used. If that was not you, tell the issuing department at once.",
            ),
            Self::DeviceRemoved => Explained::new(
                "device-removed",
                Side::You,
                "此设备已从您的数字身份中移除。请使用您的其他设备，或重新添加此设备。",
                "This device was removed from your identity. Use another of your devices, or add this one again.",
            ),
        }
    }
}

/// The identity as it is kept.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IdentityKeys {
    pub(crate) inception: Inception,
    device: Secret32,
    recovery: Secret32,
    /// The block in which the ledger was first seen to have it.
    confirmed: Option<AsOf>,
}

impl IdentityKeys {
    pub(crate) fn device_key(&self) -> Result<SecretKey, VaultError> {
        self.device.key(Algorithm::Ed25519).ok_or(VaultError::Tampered("identity"))
    }
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
}

fn as_text<S: serde::Serializer>(did: &Did, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(did)
}

/// The devices of the identity, as the ledger has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Devices {
    /// The devices, oldest first.
    pub devices: Vec<DeviceView>,
    /// The block that proved it.
    pub as_of: AsOf,
}

/// One device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DeviceView {
    /// Its key.
    pub key: PublicKey,
    /// Whether it is this one.
    pub this_device: bool,
}

impl Wallet {
    /// The identity, if the wallet has one.
    ///
    /// # Errors
    /// [`WalletError::Vault`].
    pub fn identity(&self) -> Result<Option<IdentityView>, WalletError> {
        let keys: Option<IdentityKeys> = self.vault.get(Table::Identity, KEY)?;
        Ok(keys.map(|keys| view(&keys)))
    }

    /// Creates the identity, or goes on where it stopped; gives it when the ledger has proven it.
    ///
    /// # Errors
    /// [`WalletError::Ledger`], after which the same call goes on; [`IdentityError::Deactivated`] or
    /// [`IdentityError::DeviceRemoved`] when it was ended meanwhile.
    pub async fn create_identity(&self) -> Result<IdentityView, WalletError> {
        let keys = match self.vault.get(Table::Identity, KEY)? {
            Some(keys) => keys,
            None => self.make_keys()?,
        };
        if keys.confirmed.is_some() {
            return Ok(view(&keys));
        }
        if let Some(as_of) = self.find_identity(&keys).await? {
            return self.confirm(keys, as_of);
        }
        let device = keys.device_key()?;
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

    /// The identity's devices, as the ledger has them now.
    ///
    /// # Errors
    /// [`IdentityError::NotCreated`], [`IdentityError::Deactivated`], [`WalletError::Ledger`].
    pub async fn devices(&self) -> Result<Devices, WalletError> {
        let keys = self.identity_keys()?;
        let found = chain::find::<IdentityRecord>(self.chain.as_ref(), &Subject::Identity(keys.inception.id())).await?;
        let (_, record) = found.record.ok_or(IdentityError::NotCreated)?;
        if record.devices.is_empty() {
            return Err(IdentityError::Deactivated.into());
        }
        let own = keys.inception.device;
        let devices = record.devices.into_iter().map(|key| DeviceView { key, this_device: key == own }).collect();
        Ok(Devices { devices, as_of: found.as_of })
    }

    /// The keys of an identity that the ledger has confirmed.
    pub(crate) fn identity_keys(&self) -> Result<IdentityKeys, WalletError> {
        let keys: Option<IdentityKeys> = self.vault.get(Table::Identity, KEY)?;
        Ok(keys.filter(|keys| keys.confirmed.is_some()).ok_or(IdentityError::NotCreated)?)
    }

    fn make_keys(&self) -> Result<IdentityKeys, VaultError> {
        let device = Secret32::fresh_key(&self.environment, Algorithm::Ed25519);
        let recovery = Secret32::fresh_key(&self.environment, Algorithm::Ed25519);
        let public = |secret: &Secret32| {
            secret.key(Algorithm::Ed25519).map(|key| key.public_key()).expect("fresh_key gives keys of the algorithm")
        };
        let inception = Inception {
            network: self.network.clone(),
            device: public(&device),
            recovery_commitment: public(&recovery).fingerprint(),
        };
        let keys = IdentityKeys { inception, device, recovery, confirmed: None };
        self.vault.write(|batch| match batch.get(Table::Identity, KEY)? {
            Some(earlier) => Ok(earlier),
            None => batch.put(Table::Identity, KEY, &keys).map(|()| keys),
        })
    }

    /// Whether the ledger has the identity with this device.
    async fn find_identity(&self, keys: &IdentityKeys) -> Result<Option<AsOf>, WalletError> {
        let found = chain::find::<IdentityRecord>(self.chain.as_ref(), &Subject::Identity(keys.inception.id())).await?;
        let Some((_, record)) = found.record else { return Ok(None) };
        if record.devices.is_empty() {
            return Err(IdentityError::Deactivated.into());
        }
        if record.inception != keys.inception || !record.devices.contains(&keys.inception.device) {
            return Err(IdentityError::DeviceRemoved.into());
        }
        Ok(Some(found.as_of))
    }

    fn confirm(&self, mut keys: IdentityKeys, as_of: AsOf) -> Result<IdentityView, WalletError> {
        keys.confirmed = Some(as_of);
        self.vault.write::<_, VaultError>(|batch| {
            batch.put(Table::Identity, KEY, &keys)?;
            history::record(batch, &HistoryEntry::new(self.now(), Event::IdentityCreated))
        })?;
        Ok(view(&keys))
    }
}

fn view(keys: &IdentityKeys) -> IdentityView {
    IdentityView { did: keys.inception.did(), device: keys.inception.device, as_of: keys.confirmed }
}

/// An applied receipt, or the refusal as an error.
pub(crate) fn applied(outcome: Outcome) -> Result<(), LedgerError> {
    match outcome {
        Outcome::Applied => Ok(()),
        Outcome::Refused(refusal) => Err(LedgerError::Refused(refusal)),
    }
}
