//! Keys in the device's secure hardware, which can use them and cannot give them away.
//!
//! Where there is such hardware ([`Wallet::with_hardware`]), the keys that speak for this device are made there: its own key in the
//! identity, and the key of every copy of a credential. They are P-256, because that is what the hardware of telephones has. A vault that
//! is copied to another device holds their names and public keys only, and can show nothing there.
//!
//! A key is made in the hardware first and written into the vault then; one whose vault never heard of it, because the wallet died in
//! between or dropped what it was for, is forgotten by [`Wallet::forget_unused_keys`].

use std::collections::BTreeSet;
use std::sync::Arc;

use clients::Environment;
pub use identity::keys::{Algorithm, PublicKey, SignError, Signature};
use identity::keys::{SecretKey, Signer};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Explained, Side, WalletError};
use crate::records::{Secret32, fresh_id};
use crate::vault::{Table, VaultError};
use crate::wallet::Wallet;

/// A store of P-256 keys that never leave it: a telephone's secure element, by name. One wallet has it to itself.
pub trait HardwareKeys: Send + Sync {
    /// Makes a key under a name that has none.
    ///
    /// # Errors
    /// [`SignError`].
    fn create(&self, name: &str) -> Result<PublicKey, SignError>;

    /// ECDSA with SHA-256 over the message, low-S.
    ///
    /// # Errors
    /// [`SignError::Gone`] when there is no key of this name; else as the hardware says.
    fn sign(&self, name: &str, message: &[u8]) -> Result<Signature, SignError>;

    /// The names of all keys.
    ///
    /// # Errors
    /// [`SignError`].
    fn names(&self) -> Result<Vec<String>, SignError>;

    /// Forgets a key; whether it was there does not matter.
    ///
    /// # Errors
    /// [`SignError`].
    fn forget(&self, name: &str) -> Result<(), SignError>;
}

/// A key as a record of the vault keeps it: the key itself, or where it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum HeldKey {
    /// 32 secret bytes.
    Software(Secret32),
    /// In this device's hardware.
    Hardware(HardwareKey),
}

/// Where a key is in the hardware, and which one it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HardwareKey {
    hardware: String,
    public: PublicKey,
}

impl HeldKey {
    /// The key that verifies; `None` when the record is damaged.
    pub(crate) fn public_key(&self, algorithm: Algorithm) -> Option<PublicKey> {
        match self {
            Self::Software(secret) => secret.key(algorithm).map(|key| key.public_key()),
            Self::Hardware(key) => Some(key.public),
        }
    }
}

/// What signs with a held key.
pub(crate) enum HeldSigner {
    Software(SecretKey),
    Hardware {
        /// `None` on a device that has no such hardware.
        keys: Option<Arc<dyn HardwareKeys>>,
        key: HardwareKey,
    },
}

impl Signer for HeldSigner {
    fn public_key(&self) -> PublicKey {
        match self {
            Self::Software(key) => key.public_key(),
            Self::Hardware { key, .. } => key.public,
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        match self {
            Self::Software(key) => Ok(key.sign(message)),
            Self::Hardware { keys: None, .. } => Err(SignError::Gone),
            Self::Hardware { keys: Some(keys), key } => {
                let signature = keys.sign(&key.hardware, message)?;
                // A name that another key has got, by a restored device for one, would sign what nobody accepts.
                key.public.verify(message, &signature).map_err(|_| SignError::Gone)?;
                Ok(signature)
            }
        }
    }
}

impl Wallet {
    /// Forgets the keys in the hardware that nothing in the vault names, and says how many. To be called when the wallet was opened, before
    /// any story: one under way has keys that the vault does not know yet.
    ///
    /// # Errors
    /// [`WalletError::Vault`]; [`WalletError::Hardware`], after which the next time does it.
    pub fn forget_unused_keys(&self) -> Result<usize, WalletError> {
        let Some(keys) = &self.hardware else { return Ok(0) };
        let mut named = BTreeSet::new();
        for table in [Table::Identity, Table::Issuances, Table::Credentials, Table::Shown] {
            self.vault.list::<Value>(table)?.iter().for_each(|record| collect_names(record, &mut named));
        }
        let unused: Vec<String> = keys.names()?.into_iter().filter(|name| !named.contains(name.as_str())).collect();
        for name in &unused {
            keys.forget(name)?;
        }
        Ok(unused.len())
    }

    /// A new key that speaks for this device: P-256 in the hardware, or else of this algorithm in the vault.
    pub(crate) fn fresh_device_key(&self, algorithm: Algorithm) -> Result<HeldKey, SignError> {
        fresh(self.hardware.as_deref(), &self.environment, algorithm)
    }

    /// What signs with a key in one of the vault's tables.
    pub(crate) fn signer(&self, key: &HeldKey, algorithm: Algorithm, table: &'static str) -> Result<HeldSigner, VaultError> {
        match key {
            HeldKey::Software(secret) => secret.key(algorithm).map(HeldSigner::Software).ok_or(VaultError::Tampered(table)),
            HeldKey::Hardware(key) => Ok(HeldSigner::Hardware { keys: self.hardware.clone(), key: key.clone() }),
        }
    }
}

fn fresh(hardware: Option<&dyn HardwareKeys>, environment: &Environment, algorithm: Algorithm) -> Result<HeldKey, SignError> {
    let Some(keys) = hardware else { return Ok(HeldKey::Software(Secret32::fresh_key(environment, algorithm))) };
    let name = fresh_id(environment);
    let public = keys.create(&name)?;
    if public.algorithm() == Algorithm::P256 {
        Ok(HeldKey::Hardware(HardwareKey { hardware: name, public }))
    } else {
        Err(SignError::Failed("it made another kind of key".to_owned()))
    }
}

/// The names of hardware keys anywhere in a record.
fn collect_names(record: &Value, named: &mut BTreeSet<String>) {
    match record {
        Value::Object(members) => {
            named.extend(members.get("hardware").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|value| collect_names(value, named));
        }
        Value::Array(elements) => elements.iter().for_each(|value| collect_names(value, named)),
        _ => {}
    }
}

/// What did not sign, in words.
pub(crate) fn explain_unsigned(error: &SignError) -> Explained {
    let (slug, side, zh, en) = match error {
        SignError::Cancelled => (
            "signing-cancelled",
            Side::You,
            "您取消了本次签名，未发送任何内容。如要继续，请重试并在系统提示时确认。".to_owned(),
            "You cancelled the signature and nothing was sent. To go on, try again and agree when the device asks.".to_owned(),
        ),
        SignError::Locked => (
            "device-locked",
            Side::You,
            "设备已锁定，无法使用其中的密钥，未发送任何内容。请解锁设备后重试。".to_owned(),
            "The device is locked, so its keys cannot be used and nothing was sent. Unlock it and try again.".to_owned(),
        ),
        SignError::Gone => (
            "device-key-gone",
            Side::Wallet,
            "所需的密钥不在这台设备的安全芯片里：钱包可能是从别的设备复制来的，或者设备被重置过。未发送任何内容。请用恢复词或恢复卡恢复身份。"
                .to_owned(),
            "The key is not in this device's secure hardware: the wallet was copied from another device, or the device was reset. Nothing was sent. Restore your identity with your words or guardians' cards."
                .to_owned(),
        ),
        SignError::Failed(why) => (
            "device-key-failed",
            Side::Wallet,
            format!("这台设备的安全芯片未能完成操作（{why}），未发送任何内容。请重试；如仍失败，请重启设备。"),
            format!("This device's secure hardware did not do it ({why}). Nothing was sent. Try again; if it persists, restart the device."),
        ),
    };
    Explained::new(slug, side, zh, en)
}
