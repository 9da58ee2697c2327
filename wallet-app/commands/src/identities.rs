//! The commands about devices, taking an identity over, and credentials that another device had.

use serde::Serialize;
use wallet_core::identity::Devices;
use wallet_core::recovery::RecoveryError;
use wallet_core::{Explained, IdentityView, InviteView, JoinView, MovedView, RecoveryStatus, Restored, Side, WalletError};

use crate::failure::Failure;
use crate::inputs::{AddDevice, ById, NameDevice, Nothing, OfLink, Recover, RemoveDevice};
use crate::open::{Commands, blocking};
use crate::qr::Qr;

/// What a new device shows.
#[derive(Debug, Serialize)]
pub struct JoinShown {
    /// The link, the code and their end.
    #[serde(flatten)]
    pub join: JoinView,
    /// The link's QR code.
    pub qr: Option<Qr>,
}

/// A device was added.
#[derive(Debug, Serialize)]
pub struct DeviceAdded {
    /// The devices now.
    pub devices: Devices,
    /// The answer for the new device. It is no secret.
    pub welcome: String,
    /// Its QR code.
    pub qr: Option<Qr>,
}

/// An identity was taken over.
#[derive(Debug, Serialize)]
pub struct Recovered {
    /// The identity.
    pub identity: IdentityView,
    /// What the backup brought, where there was one.
    pub restored: Option<Restored>,
    /// Credentials of the other device.
    pub moved: Vec<MovedView>,
}

impl Commands {
    pub(crate) async fn known_devices(&self, _: Nothing) -> Result<Option<Devices>, Failure> {
        Ok(self.wallet()?.known_devices()?)
    }

    pub(crate) async fn name_device(&self, input: NameDevice) -> Result<Devices, Failure> {
        Ok(self.wallet()?.name_device(&input.key, &input.name)?)
    }

    pub(crate) async fn remove_device(&self, input: RemoveDevice) -> Result<Devices, Failure> {
        Ok(self.wallet()?.remove_device(&input.key).await?)
    }

    pub(crate) async fn ask_to_join(&self, _: Nothing) -> Result<JoinShown, Failure> {
        let wallet = self.wallet()?;
        let join = blocking(move || wallet.ask_to_join()).await?;
        Ok(JoinShown { qr: Qr::of(&join.link), join })
    }

    pub(crate) async fn open_device_link(&self, input: OfLink) -> Result<InviteView, Failure> {
        Ok(self.wallet()?.open_device_link(&input.link)?.view)
    }

    pub(crate) async fn add_device(&self, input: AddDevice) -> Result<DeviceAdded, Failure> {
        let wallet = self.wallet()?;
        let invite = wallet.open_device_link(&input.link)?;
        let devices = wallet.add_device(invite, &input.code).await?;
        let welcome = wallet.welcome_link()?;
        Ok(DeviceAdded { devices, qr: Qr::of(&welcome), welcome })
    }

    pub(crate) async fn join(&self, input: OfLink) -> Result<IdentityView, Failure> {
        Ok(self.wallet()?.join(&input.link).await?)
    }

    pub(crate) async fn recovery_status(&self, _: Nothing) -> Result<RecoveryStatus, Failure> {
        Ok(self.wallet()?.recovery_status()?)
    }

    pub(crate) async fn recover(&self, input: Recover) -> Result<Recovered, Failure> {
        let wallet = self.wallet()?;
        let mut restored = None;
        if let Some(given) = input.secret {
            let (of_cards, secret) = self.secret(given).await?;
            match input.backup {
                Some(file) => {
                    let (wallet, secret) = (wallet.clone(), secret.clone());
                    restored = Some(blocking(move || wallet.restore(&file.0, &secret)).await?);
                }
                None => {
                    let named = input.did.as_deref().map(str::trim).filter(|did| !did.is_empty());
                    let named = named.map(|did| did.parse().map_err(|_| WalletError::from(RecoveryError::UnknownIdentity)));
                    let did = named.transpose()?.or(of_cards).ok_or_else(nobody_named)?;
                    wallet.begin_recovery(&did, &secret).await?;
                }
            }
        }
        let identity = wallet.recover().await?;
        Ok(Recovered { identity, restored, moved: wallet.rebind().await? })
    }

    pub(crate) async fn rotate_recovery(&self, _: Nothing) -> Result<RecoveryStatus, Failure> {
        let wallet = self.wallet()?;
        wallet.rotate_recovery().await?;
        Ok(wallet.recovery_status()?)
    }

    pub(crate) async fn moved(&self, _: Nothing) -> Result<Vec<MovedView>, Failure> {
        Ok(self.wallet()?.moved_credentials()?)
    }

    pub(crate) async fn rebind(&self, _: Nothing) -> Result<Vec<MovedView>, Failure> {
        Ok(self.wallet()?.rebind().await?)
    }

    pub(crate) async fn kill_moved(&self, input: ById) -> Result<Vec<MovedView>, Failure> {
        let wallet = self.wallet()?;
        wallet.kill_moved(&input.id).await?;
        Ok(wallet.moved_credentials()?)
    }

    pub(crate) async fn forget_moved(&self, input: ById) -> Result<Vec<MovedView>, Failure> {
        let wallet = self.wallet()?;
        wallet.forget_moved(&input.id)?;
        Ok(wallet.moved_credentials()?)
    }
}

/// Words name nobody.
fn nobody_named() -> Failure {
    Explained::new(
        "recovery-names-nobody",
        Side::You,
        "恢复词不含身份标识。请选择备份文件，或填写身份标识（DID）；恢复卡上也印有它。",
        "Words do not say whose they are. Choose the backup file, or give the DID; guardians' cards have it on them.",
    )
    .into()
}
