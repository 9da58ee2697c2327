//! What can go wrong with the identity and its devices.

use crate::error::{Explained, Side};

/// Why the identity cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
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
    /// The wallet has an identity already.
    #[error("the wallet has an identity already")]
    Exists,
    /// The wallet is recovering an identity.
    #[error("the wallet is recovering an identity")]
    Recovering,
    /// A link of another device, or the answer to one, that cannot be read.
    #[error("the device's link cannot be used: {0}")]
    Link(&'static str),
    /// The link is of another ledger.
    #[error("the link belongs to another ledger")]
    OtherLedger,
    /// The link's minutes are over.
    #[error("the device's link is too old")]
    LinkExpired,
    /// The code that was typed is not the link's: another device than the one at hand made it.
    #[error("the code is not the one of this link")]
    WrongCode,
    /// The ledger does not show this device in the identity.
    #[error("the identity does not have this device")]
    NotAdded,
    /// This wallet has shown no link.
    #[error("this wallet does not wait to be added")]
    NotJoining,
    /// The identity has no such device.
    #[error("the identity has no such device")]
    UnknownDevice,
    /// It is the only one.
    #[error("the identity's only device cannot be removed")]
    LastDevice,
    /// The identity has as many devices as it may have.
    #[error("the identity has as many devices as it may have")]
    TooManyDevices,
    /// A device's name that is too long, or has a character that is not shown.
    #[error("a device's name has at most 40 characters, and each is shown")]
    Name,
}

impl IdentityError {
    /// The error in words.
    pub fn explain(&self) -> Explained {
        let (slug, zh, en) = match self {
            Self::NotCreated
            | Self::Deactivated
            | Self::DeviceRemoved
            | Self::Exists
            | Self::Recovering
            | Self::UnknownDevice
            | Self::LastDevice
            | Self::TooManyDevices
            | Self::Name => self.explain_identity(),
            Self::Link(_) | Self::OtherLedger | Self::LinkExpired | Self::WrongCode | Self::NotAdded | Self::NotJoining => {
                self.explain_pairing()
            }
        };
        Explained::new(slug, Side::You, zh, en)
    }

    fn explain_identity(&self) -> (&'static str, String, String) {
        let (slug, zh, en) = match self {
            Self::Deactivated => (
                "identity-deactivated",
                "此数字身份已注销，不能再使用。如非您本人操作，请立即联系签发部门。",
                "This identity was deactivated and cannot be used. If that was not you, tell the issuing department at once.",
            ),
            Self::DeviceRemoved => (
                "device-removed",
                "此设备已从您的数字身份中移除。请使用您的其他设备，或重新添加此设备。",
                "This device was removed from your identity. Use another of your devices, or add this one again.",
            ),
            Self::Exists => (
                "identity-exists",
                "此钱包已有数字身份，未作任何更改。如需恢复或加入另一个身份，请在新目录中创建钱包。",
                "This wallet has an identity already; nothing was changed. To recover or join another, make a wallet in a new directory.",
            ),
            Self::Recovering => (
                "identity-recovering",
                "钱包正在恢复数字身份。请继续恢复（recover），操作会从中断处继续。",
                "This wallet is recovering an identity. Go on with the recovery; it continues where it stopped.",
            ),
            Self::UnknownDevice => (
                "device-unknown",
                "您的数字身份中没有这个设备。请查看设备列表。",
                "Your identity has no such device. Look at the list of devices.",
            ),
            Self::LastDevice => (
                "device-is-the-last",
                "这是唯一的设备，不能移除。请先添加另一个设备。",
                "This is your identity's only device and cannot be removed. Add another one first.",
            ),
            Self::TooManyDevices => (
                "too-many-devices",
                "设备数量已达上限。请先移除一个不再使用的设备。",
                "Your identity has as many devices as it may have. Remove one that you do not use first.",
            ),
            Self::Name => (
                "device-name-not-taken",
                "名称最多 40 个字，不能含有看不见的字符。",
                "A name has 40 characters at most, and none that cannot be seen.",
            ),
            _ => (
                "identity-not-created",
                "钱包中还没有数字身份。请先创建数字身份。",
                "This wallet has no identity yet. Create one first.",
            ),
        };
        (slug, zh.to_owned(), en.to_owned())
    }

    fn explain_pairing(&self) -> (&'static str, String, String) {
        let (slug, zh, en) = match self {
            Self::Link(what) => {
                return (
                    "device-link-malformed",
                    format!("设备链接无法使用（{what}）。请重新扫描或复制完整的链接。"),
                    format!("The device's link cannot be used: {what}. Scan it again, or copy the whole of it."),
                );
            }
            Self::OtherLedger => (
                "device-link-other-ledger",
                "这个链接属于另一个城市的账本。请检查新设备的钱包配置。",
                "This link belongs to another city's ledger. Check how the new device's wallet is set up.",
            ),
            Self::LinkExpired => (
                "device-link-expired",
                "设备链接已过期。请在新设备上重新显示。",
                "The device's link is too old. Show a new one on the new device.",
            ),
            Self::WrongCode => (
                "device-code-wrong",
                "核对码与链接不符，未添加任何设备。请确认链接来自您手中的新设备，在新设备上重新显示后再试。",
                "The code is not the one of this link, and no device was added. Make sure that the link is your new device's, show a new one there, and try again.",
            ),
            Self::NotAdded => (
                "device-not-added",
                "账本上的身份还没有此设备。请在您的另一设备上完成添加后重试。",
                "The identity on the ledger does not have this device. Finish adding it on your other device, then try again.",
            ),
            _ => (
                "device-not-joining",
                "此钱包没有等待加入。请先在此设备上显示加入链接。",
                "This wallet is not waiting to be added. Show its link first.",
            ),
        };
        (slug, zh.to_owned(), en.to_owned())
    }
}
