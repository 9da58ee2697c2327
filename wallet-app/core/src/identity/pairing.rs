//! Story: add a device. The new one shows a link (as a QR code) and a code; the first one opens the link, the citizen types the
//! code that the new one shows and agrees, and the ledger's document has one key more. The new one then looks for itself there.
//!
//! The code is eight digits of Argon2id over the link, and good for [`PAIRING_SECONDS`]: whoever slips in another link would have to
//! find a key with the same code in that time, at a third of a second and 64 MiB a try. The first device never shows it, so that nobody
//! can agree without looking at the new one. Nothing secret is in the link, nor in the answer.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use borsh::BorshSerialize;
use identity::canonical::{self, Hash};
use identity::did::Network;
use identity::keys::PublicKey;
use identity::{Did, Localized, UnixSeconds};
use serde::{Deserialize, Serialize};
use url::Url;

use super::devices::Change;
use super::{DEVICE_ALGORITHM, Devices, IdentityError, IdentityKeys, IdentityView, KEY, public_key, view};
use crate::error::{Side, WalletError};
use crate::hardware::HeldKey;
use crate::history::{self, Event, HistoryEntry};
use crate::vault::{Table, VaultError};
use crate::wallet::Wallet;

/// For how long a device's link is good.
pub const PAIRING_SECONDS: i64 = 600;

/// The scheme of a device's link and of the answer to it.
pub(crate) const SCHEME: &str = "yufu-device";
/// Bytes of a link at most.
const MAX_LINK_BYTES: usize = 1024;
/// Context string of what the code is derived from.
const CODE_CONTEXT: &str = "yufu/wallet/device-code/v1";
/// What the code costs: 64 MiB and 4 passes (RFC 9106 section 4 asks for at least 3). Both devices must use the same.
const CODE_MEMORY_KIB: u32 = 64 * 1024;
const CODE_PASSES: u32 = 4;
/// The vault's record of a wallet that waits to be added.
const JOINING: &str = "joining";

/// What a new device shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JoinView {
    /// The link, also for a QR code.
    pub link: String,
    /// The code to type on the first device.
    pub code: String,
    /// When both are over.
    pub expires_at: UnixSeconds,
}

/// Another device's link, opened on the first device. It is used up by [`Wallet::add_device`], whatever the code is.
#[derive(Debug)]
pub struct DeviceInvite {
    /// What the citizen is to read.
    pub view: InviteView,
    offered: Offered,
}

/// What the citizen reads before a device is added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InviteView {
    /// The new device's key.
    pub key: PublicKey,
    /// When the link is over.
    pub expires_at: UnixSeconds,
    /// What it means to agree.
    pub sentence: Localized,
}

/// What a link says.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Offered {
    network: Network,
    #[serde(with = "identity::keys::base64url_array")]
    ledger: Hash,
    key: PublicKey,
    made_at: UnixSeconds,
    #[serde(with = "identity::keys::base64url_array")]
    nonce: [u8; 16],
}

/// A wallet that waits to be added: its key exists before anybody hears of it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Joining {
    device: HeldKey,
    offered: Offered,
}

impl Wallet {
    /// On a new device: the link and the code to show. The key stays the same until the wallet has joined; the code is a new one each
    /// time. Takes a third of a second.
    ///
    /// # Errors
    /// [`IdentityError::Exists`] when this wallet has an identity.
    pub fn ask_to_join(&self) -> Result<JoinView, WalletError> {
        let waiting: Option<Joining> = self.vault.get(Table::Identity, JOINING)?;
        let device = match waiting {
            Some(waiting) => waiting.device,
            None => self.fresh_device_key(DEVICE_ALGORITHM)?,
        };
        let offered = Offered {
            network: self.network.clone(),
            ledger: self.genesis,
            key: public_key(&device)?,
            made_at: self.now(),
            nonce: self.environment.random.bytes(),
        };
        let joining = Joining { device, offered };
        self.vault.write(|batch| match batch.get::<IdentityKeys>(Table::Identity, KEY)? {
            Some(_) => Err(WalletError::from(IdentityError::Exists)),
            None => Ok(batch.put(Table::Identity, JOINING, &joining)?),
        })?;
        let offered = &joining.offered;
        Ok(JoinView { link: offered.link(), code: offered.code()?, expires_at: offered.expires_at() })
    }

    /// On the first device: opens a new device's link. Nothing happens by it.
    ///
    /// # Errors
    /// [`IdentityError::Link`], [`IdentityError::OtherLedger`], [`IdentityError::LinkExpired`], [`IdentityError::NotCreated`].
    pub fn open_device_link(&self, link: &str) -> Result<DeviceInvite, WalletError> {
        self.identity_keys()?;
        let offered = Offered::parse(link)?;
        if offered.network != self.network || offered.ledger != self.genesis {
            return Err(IdentityError::OtherLedger.into());
        }
        self.check_time(&offered)?;
        let sentence = Localized::new(
            format!(
                "您将把另一台设备（密钥 {}）加入您的数字身份。它能做本设备能做的一切，包括移除本设备。请确认新设备就在您手中。",
                offered.key
            ),
            format!(
                "You are about to add another device (key {}) to your identity. It can do all that this one can, removing this one included. Make sure that you hold the new device.",
                offered.key
            ),
        );
        let view = InviteView { key: offered.key, expires_at: offered.expires_at(), sentence };
        Ok(DeviceInvite { view, offered })
    }

    /// On the first device: the citizen agrees with the code that the new device shows. After an error of the ledger the same link and
    /// code go on while they are good; a wrong code adds nothing. Takes a third of a second before anything is sent.
    ///
    /// # Errors
    /// [`IdentityError::WrongCode`], [`IdentityError::LinkExpired`], [`IdentityError::TooManyDevices`],
    /// [`IdentityError::DeviceRemoved`] when this device may not any more, [`WalletError::Ledger`].
    pub async fn add_device(&self, invite: DeviceInvite, code: &str) -> Result<Devices, WalletError> {
        self.watched(Side::Ledger, Box::pin(self.add_device_story(invite, code))).await
    }

    pub(crate) async fn add_device_story(&self, invite: DeviceInvite, code: &str) -> Result<Devices, WalletError> {
        self.check_time(&invite.offered)?;
        let typed: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        let expected: String = invite.offered.code()?.chars().filter(|c| !c.is_whitespace()).collect();
        if typed != expected {
            return Err(IdentityError::WrongCode.into());
        }
        // What an earlier try did is settled by looking.
        let devices = self.devices_story().await?;
        if devices.devices.iter().any(|device| device.key == invite.offered.key) {
            return Ok(devices);
        }
        self.change_devices(Change::Add(invite.offered.key)).await
    }

    /// On the first device: what the new device is to be given once it was added. It names the identity and is no secret.
    ///
    /// # Errors
    /// [`IdentityError::NotCreated`].
    pub fn welcome_link(&self) -> Result<String, WalletError> {
        let did = self.identity_keys()?.inception.did();
        Ok(format!("{SCHEME}://welcome?did={did}"))
    }

    /// On the new device: joins the identity that it was added to, by the ledger's proof.
    ///
    /// # Errors
    /// [`IdentityError::NotJoining`], [`IdentityError::Link`], [`IdentityError::NotAdded`] while the ledger does not have it,
    /// [`IdentityError::Exists`], [`WalletError::Ledger`].
    pub async fn join(&self, welcome: &str) -> Result<IdentityView, WalletError> {
        self.watched(Side::Ledger, Box::pin(self.join_story(welcome))).await
    }

    pub(crate) async fn join_story(&self, welcome: &str) -> Result<IdentityView, WalletError> {
        if self.identity()?.is_some() {
            return Err(IdentityError::Exists.into());
        }
        let joining: Option<Joining> = self.vault.get(Table::Identity, JOINING)?;
        let Joining { device, .. } = joining.ok_or(IdentityError::NotJoining)?;
        let did = parse_welcome(welcome)?;
        if did.network != self.network {
            return Err(IdentityError::OtherLedger.into());
        }
        let own = public_key(&device)?;
        let found = self.identity_record(&did.id).await?;
        let found = found.filter(|(_, record)| record.devices.contains(&own) && record.inception.id() == did.id);
        let (as_of, record) = found.ok_or(IdentityError::NotAdded)?;
        let keys = IdentityKeys {
            inception: record.inception,
            device,
            recovery: None,
            next_recovery: None,
            recovering: false,
            confirmed: Some(as_of),
        };
        self.vault.write(|batch| {
            if batch.get::<IdentityKeys>(Table::Identity, KEY)?.is_some() {
                return Err(WalletError::from(IdentityError::Exists));
            }
            batch.put(Table::Identity, KEY, &keys)?;
            batch.remove(Table::Identity, JOINING)?;
            Ok(history::record(batch, &HistoryEntry::new(self.now(), Event::JoinedIdentity))?)
        })?;
        Ok(view(&keys)?)
    }

    fn check_time(&self, offered: &Offered) -> Result<(), IdentityError> {
        // A device whose clock is a little ahead is no attack.
        let in_time = offered.made_at.saturating_sub(self.now()) <= PAIRING_SECONDS && self.now() < offered.expires_at();
        if in_time { Ok(()) } else { Err(IdentityError::LinkExpired) }
    }
}

impl Offered {
    fn expires_at(&self) -> UnixSeconds {
        self.made_at.saturating_add(PAIRING_SECONDS)
    }

    fn link(&self) -> String {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("network", self.network.as_str())
            .append_pair("ledger", &URL_SAFE_NO_PAD.encode(self.ledger))
            .append_pair("key", &self.key.to_string())
            .append_pair("made", &self.made_at.to_string())
            .append_pair("nonce", &URL_SAFE_NO_PAD.encode(self.nonce))
            .finish();
        format!("{SCHEME}://add?{query}")
    }

    fn parse(link: &str) -> Result<Self, IdentityError> {
        let url = parse_link(link, "add")?;
        let one = |name: &'static str| parameter(&url, name);
        let malformed = IdentityError::Link;
        let bytes = |name: &'static str| URL_SAFE_NO_PAD.decode(one(name)?).map_err(|_| malformed(name));
        Ok(Self {
            network: one("network")?.parse().map_err(|_| malformed("network"))?,
            ledger: bytes("ledger")?.try_into().map_err(|_| malformed("ledger"))?,
            key: one("key")?.parse().map_err(|_| malformed("key"))?,
            made_at: one("made")?.parse().map_err(|_| malformed("made"))?,
            nonce: bytes("nonce")?.try_into().map_err(|_| malformed("nonce"))?,
        })
    }

    /// The code: eight digits in two groups.
    fn code(&self) -> Result<String, VaultError> {
        let derivation = |_| VaultError::Derivation;
        let parameters = Params::new(CODE_MEMORY_KIB, CODE_PASSES, 1, Some(8)).map_err(derivation)?;
        let salt = canonical::hash(CODE_CONTEXT, self);
        let mut out = [0; 8];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
        argon2.hash_password_into(&canonical::with_context(CODE_CONTEXT, self), &salt, &mut out).map_err(derivation)?;
        let number = u64::from_be_bytes(out) % 100_000_000;
        Ok(format!("{:04} {:04}", number / 10_000, number % 10_000))
    }
}

fn parse_welcome(link: &str) -> Result<Did, IdentityError> {
    let url = parse_link(link, "welcome")?;
    parameter(&url, "did")?.parse().map_err(|_| IdentityError::Link("did"))
}

fn parse_link(link: &str, host: &str) -> Result<Url, IdentityError> {
    if link.len() > MAX_LINK_BYTES {
        return Err(IdentityError::Link("it is too long"));
    }
    let url = Url::parse(link.trim()).map_err(|_| IdentityError::Link("it is no link"))?;
    if url.scheme() == SCHEME && url.host_str() == Some(host) {
        Ok(url)
    } else {
        Err(IdentityError::Link("it is another kind of link"))
    }
}

/// A parameter that is there once.
fn parameter(url: &Url, name: &'static str) -> Result<String, IdentityError> {
    let mut found = url.query_pairs().filter(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    match (found.next(), found.next()) {
        (Some(value), None) => Ok(value),
        (None, _) | (Some(_), Some(_)) => Err(IdentityError::Link(name)),
    }
}
