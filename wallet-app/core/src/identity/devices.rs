//! The identity's devices: as the ledger proves them, as they were last known, removing one, and what a citizen calls them.
//!
//! A change is in the vault before the ledger hears of it, and goes into the history when the ledger is seen to have it, also by a wallet
//! that died meanwhile. A removed device is dead from the next block on: the ledger refuses what it signs, and whoever looks at
//! the proven document does not find its key.

use std::collections::BTreeMap;

use identity::keys::{PublicKey, Signer};
use ledger::receipt::Refusal;
use ledger::records::IdentityRecord;
use ledger::transaction::{Body, Sender};
use serde::{Deserialize, Serialize};

use super::{IdentityError, IdentityKeys};
use crate::chain::{AsOf, LedgerError};
use crate::error::{Side, WalletError};
use crate::history::{self, Event, HistoryEntry};
use crate::labels;
use crate::vault::{Batch, Table, VaultError};
use crate::wallet::Wallet;

/// The vault's record of the devices as they were last proven.
const KNOWN: &str = "known-devices";
/// The vault's record of a change under way.
const CHANGE: &str = "device-change";
/// The vault's record of what the citizen calls the devices. The ledger, and who reads it, know of no name.
const NAMES: &str = "device-names";
/// Characters of a device's name at most.
const MAX_NAME: usize = 40;

/// The devices of the identity, as the ledger has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Devices {
    /// The devices, oldest first.
    pub devices: Vec<DeviceView>,
    /// The block that proved it.
    pub as_of: AsOf,
    /// How many seconds ago that block was made.
    pub seconds_ago: u64,
}

/// One device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeviceView {
    /// Its key.
    pub key: PublicKey,
    /// What the citizen calls it, on this device.
    pub name: Option<String>,
    /// Whether it is this one.
    pub this_device: bool,
}

/// The devices as they were last proven.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    devices: Vec<PublicKey>,
    as_of: AsOf,
}

/// What the citizen calls devices, by their keys.
type Names = BTreeMap<String, String>;

/// A change that the ledger was asked for, or will be.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Change {
    Add(PublicKey),
    Remove(PublicKey),
}

impl Change {
    fn is_done(self, devices: &[PublicKey]) -> bool {
        match self {
            Self::Add(key) => devices.contains(&key),
            Self::Remove(key) => !devices.contains(&key),
        }
    }

    fn event(self) -> Event {
        match self {
            Self::Add(_) => Event::DeviceAdded,
            Self::Remove(_) => Event::DeviceRemoved,
        }
    }

    fn body(self) -> Body {
        match self {
            Self::Add(key) => Body::AddDevice(key),
            Self::Remove(key) => Body::RemoveDevice(key),
        }
    }
}

impl Wallet {
    /// The identity's devices, as the ledger has them now.
    ///
    /// # Errors
    /// [`IdentityError::NotCreated`], [`IdentityError::Deactivated`], [`WalletError::Ledger`].
    pub async fn devices(&self) -> Result<Devices, WalletError> {
        self.watched(Side::Ledger, Box::pin(self.devices_story())).await
    }

    pub(crate) async fn devices_story(&self) -> Result<Devices, WalletError> {
        let keys = self.identity_keys()?;
        let (as_of, record) = self.identity_record(&keys.inception.id()).await?.ok_or(IdentityError::NotCreated)?;
        Ok(self.saw_devices(&keys, as_of, record)?)
    }

    /// The devices as they were last proven, without the ledger; `None` before that.
    ///
    /// # Errors
    /// [`IdentityError::NotCreated`].
    pub fn known_devices(&self) -> Result<Option<Devices>, WalletError> {
        let keys = self.identity_keys()?;
        let known: Option<Known> = self.vault.get(Table::Identity, KNOWN)?;
        Ok(known.map(|known| self.devices_view(&keys, known.as_of, known.devices)).transpose()?)
    }

    /// Calls a device by a name, on this device alone; an empty one takes the name away.
    ///
    /// # Errors
    /// [`IdentityError::NotCreated`], [`IdentityError::UnknownDevice`], [`IdentityError::Name`] of more than 40 characters, or with
    /// one that is not shown.
    pub fn name_device(&self, device: &PublicKey, name: &str) -> Result<Devices, WalletError> {
        let keys = self.identity_keys()?;
        let known: Option<Known> = self.vault.get(Table::Identity, KNOWN)?;
        let known = known.filter(|known| known.devices.contains(device)).ok_or(IdentityError::UnknownDevice)?;
        let name = name.trim();
        if labels::printable(name, MAX_NAME) != name {
            return Err(IdentityError::Name.into());
        }
        self.vault.write::<_, VaultError>(|batch| {
            let mut names: Names = batch.get(Table::Identity, NAMES)?.unwrap_or_default();
            if name.is_empty() {
                names.remove(&device.to_string());
            } else {
                names.insert(device.to_string(), name.to_owned());
            }
            batch.put(Table::Identity, NAMES, &names)
        })?;
        Ok(self.devices_view(&keys, known.as_of, known.devices)?)
    }

    /// Removes a device of the identity: dead from the next block on. After an error or a crash the same call goes on.
    ///
    /// # Errors
    /// [`IdentityError::UnknownDevice`], [`IdentityError::LastDevice`], [`IdentityError::DeviceRemoved`] when this one may not any
    /// more, [`WalletError::Ledger`].
    pub async fn remove_device(&self, device: &PublicKey) -> Result<Devices, WalletError> {
        self.watched(Side::Ledger, Box::pin(self.remove_device_story(device))).await
    }

    pub(crate) async fn remove_device_story(&self, device: &PublicKey) -> Result<Devices, WalletError> {
        let removed_before = self.vault.get::<Change>(Table::Identity, CHANGE)? == Some(Change::Remove(*device));
        let devices = self.devices_story().await?;
        if !devices.devices.iter().any(|one| one.key == *device) {
            return if removed_before { Ok(devices) } else { Err(IdentityError::UnknownDevice.into()) };
        }
        if devices.devices.len() < 2 {
            return Err(IdentityError::LastDevice.into());
        }
        self.change_devices(Change::Remove(*device)).await
    }

    /// Asks the ledger for a change and gives the devices when it is proven.
    pub(super) async fn change_devices(&self, change: Change) -> Result<Devices, WalletError> {
        let keys = self.identity_keys()?;
        let device = self.device_signer(&keys)?;
        let sender = Sender::Device { identity: keys.inception.id(), key: device.public_key() };
        self.vault.write::<_, VaultError>(|batch| batch.put(Table::Identity, CHANGE, &change))?;
        let transaction = self.chain.prepare(&device, sender, change.body()).await?;
        match self.chain.submit(&transaction).await {
            // An earlier try got through and its answer was lost; the document shows it.
            Ok(_) | Err(LedgerError::Refused(Refusal::AlreadyExists | Refusal::NotFound)) => {}
            Err(error) => return Err(self.change_refused(error)?),
        }
        let devices = self.devices_story().await?;
        let keys: Vec<PublicKey> = devices.devices.iter().map(|device| device.key).collect();
        if change.is_done(&keys) {
            Ok(devices)
        } else {
            Err(LedgerError::Unproven("the change is not in the state".to_owned()).into())
        }
    }

    /// What a refusal means here; the change is given up with it.
    fn change_refused(&self, error: LedgerError) -> Result<WalletError, VaultError> {
        let meaning = match &error {
            LedgerError::Refused(Refusal::UnknownKey) => IdentityError::DeviceRemoved.into(),
            LedgerError::Refused(Refusal::Deactivated) => IdentityError::Deactivated.into(),
            LedgerError::Refused(Refusal::DeviceBound) => IdentityError::TooManyDevices.into(),
            LedgerError::Refused(_) => WalletError::Ledger(error),
            // It may be final yet, and is settled when the document is next seen.
            _ => return Ok(error.into()),
        };
        self.vault.write::<_, VaultError>(|batch| batch.remove(Table::Identity, CHANGE).map(drop))?;
        Ok(meaning)
    }

    /// Remembers a proven document, and what it says of a change under way.
    fn saw_devices(&self, keys: &IdentityKeys, as_of: AsOf, record: IdentityRecord) -> Result<Devices, VaultError> {
        let known = Known { devices: record.devices, as_of };
        self.vault.write::<_, VaultError>(|batch| {
            batch.put(Table::Identity, KNOWN, &known)?;
            if let Some(mut names) = batch.get::<Names>(Table::Identity, NAMES)? {
                names.retain(|key, _| known.devices.iter().any(|device| device.to_string() == *key));
                batch.put(Table::Identity, NAMES, &names)?;
            }
            let change: Option<Change> = batch.get(Table::Identity, CHANGE)?;
            match change.filter(|change| change.is_done(&known.devices)) {
                Some(change) => self.settle(batch, change),
                None => Ok(()),
            }
        })?;
        self.devices_view(keys, as_of, known.devices)
    }

    fn settle(&self, batch: &mut Batch<'_>, change: Change) -> Result<(), VaultError> {
        batch.remove(Table::Identity, CHANGE)?;
        history::record(batch, &HistoryEntry::new(self.now(), change.event()))
    }

    fn devices_view(&self, keys: &IdentityKeys, as_of: AsOf, devices: Vec<PublicKey>) -> Result<Devices, VaultError> {
        let own = keys.device()?;
        let mut names: Names = self.vault.get(Table::Identity, NAMES)?.unwrap_or_default();
        let view = |key: PublicKey| DeviceView { key, name: names.remove(&key.to_string()), this_device: key == own };
        let devices = devices.into_iter().map(view).collect();
        Ok(Devices { devices, as_of, seconds_ago: as_of.seconds_ago(self.now()) })
    }
}
