//! What can go wrong with the vault.

use std::path::PathBuf;

use super::device::DeviceStoreError;
use super::key::{MIN_PASSPHRASE_CHARACTERS, MIN_PIN_CHARACTERS};
use super::{MAX_RECORD_BYTES, SCHEMA_VERSION};
use crate::error::{Explained, Side};

/// What is wrong with the vault.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The directory holds no wallet.
    #[error("there is no wallet in {0}")]
    NotFound(PathBuf),
    /// The directory holds one already.
    #[error("there is a wallet in {0} already")]
    Exists(PathBuf),
    /// Another process has it open.
    #[error("the wallet in {0} is open in another process")]
    InUse(PathBuf),
    /// The passphrase does not unwrap the data key.
    #[error("the passphrase is wrong; attempts left before a wait: {attempts_left}, seconds to wait now: {wait_seconds}")]
    WrongPassphrase {
        /// Further attempts before the wallet makes one wait.
        attempts_left: u32,
        /// Seconds until the next attempt is looked at.
        wait_seconds: u64,
    },
    /// Too many wrong attempts: this one was not looked at.
    #[error("too many wrong passphrases; wait {wait_seconds} seconds")]
    LockedOut {
        /// Seconds until the next attempt is looked at.
        wait_seconds: u64,
    },
    /// A new passphrase is too short.
    #[error("the passphrase has fewer than {} characters", MIN_PASSPHRASE_CHARACTERS)]
    PassphraseTooShort,
    /// The vault is bound to a device whose secret is not here.
    #[error("the vault is bound to another device, or the device's secret is gone")]
    DeviceSecretMissing,
    /// The operating system's key store cannot be used.
    #[error("the device's secret cannot be had")]
    Device(#[source] DeviceStoreError),
    /// Made by a newer version of this software.
    #[error("the vault has schema version {0}, this software knows {SCHEMA_VERSION}")]
    NewerSchema(u32),
    /// A record was changed, moved, or does not decode.
    #[error("a record of the table {0} was changed or is damaged")]
    Tampered(&'static str),
    /// The header is not one of ours.
    #[error("the vault's header is damaged")]
    Header,
    /// The key derivation failed: not enough memory, or parameters out of range.
    #[error("the key could not be derived from the passphrase")]
    Derivation,
    /// A record is larger than a vault takes.
    #[error("a record has {0} bytes, more than the {MAX_RECORD_BYTES} allowed")]
    TooLarge(usize),
    /// The file is damaged.
    #[error("the wallet's file {0} is damaged")]
    Damaged(PathBuf),
    /// The disk failed or is full.
    #[error("the wallet's file could not be read or written")]
    Disk(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl VaultError {
    pub(crate) fn disk(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Disk(error.into())
    }

    /// The error in words.
    pub fn explain(&self) -> Explained {
        match self {
            Self::NewerSchema(_)
            | Self::Damaged(_)
            | Self::Tampered(_)
            | Self::Header
            | Self::Derivation
            | Self::TooLarge(_)
            | Self::Disk(_) => self.explain_file(),
            Self::NotFound(_)
            | Self::Exists(_)
            | Self::InUse(_)
            | Self::WrongPassphrase { .. }
            | Self::LockedOut { .. }
            | Self::PassphraseTooShort => self.explain_opening(),
            Self::DeviceSecretMissing | Self::Device(_) => self.explain_device(),
        }
    }

    fn explain_opening(&self) -> Explained {
        let (slug, zh, en) = match self {
            Self::NotFound(dir) => (
                "wallet-not-found",
                format!("目录 {} 中没有钱包。请先创建钱包，或检查目录是否正确。", dir.display()),
                format!("There is no wallet in {}. Create one first, or check the directory.", dir.display()),
            ),
            Self::Exists(dir) => (
                "wallet-exists",
                format!("目录 {} 中已有钱包，未作任何更改。请打开它，或选择另一个目录。", dir.display()),
                format!(
                    "There is a wallet in {} already; nothing was changed. Open it, or choose another directory.",
                    dir.display()
                ),
            ),
            Self::WrongPassphrase { attempts_left: 0, wait_seconds } => (
                "wrong-passphrase",
                format!("口令不正确。请等待 {wait_seconds} 秒后再试。钱包内容不会被删除。"),
                format!("The passphrase is wrong. Wait {wait_seconds} seconds before the next try. Nothing is ever wiped."),
            ),
            Self::WrongPassphrase { attempts_left, .. } => (
                "wrong-passphrase",
                format!("口令不正确。还可尝试 {attempts_left} 次，之后每次都需要等待。钱包内容不会被删除。"),
                format!("The passphrase is wrong. {attempts_left} more tries before you have to wait. Nothing is ever wiped."),
            ),
            Self::LockedOut { wait_seconds } => (
                "wallet-locked-out",
                format!("口令错误次数过多，本次未作检查。请等待 {wait_seconds} 秒后再试。"),
                format!("Too many wrong passphrases; this one was not looked at. Wait {wait_seconds} seconds and try again."),
            ),
            Self::PassphraseTooShort => (
                "passphrase-too-short",
                format!(
                    "口令太短，请使用至少 {MIN_PASSPHRASE_CHARACTERS} 个字符；绑定本设备的 PIN 至少 {MIN_PIN_CHARACTERS} 位。"
                ),
                format!(
                    "The passphrase is too short. Use at least {MIN_PASSPHRASE_CHARACTERS} characters; a PIN of a wallet that is bound to this device has at least {MIN_PIN_CHARACTERS}."
                ),
            ),
            _ => (
                "wallet-in-use",
                "钱包正在被另一个程序使用。请先关闭那个程序，然后重试。".to_owned(),
                "The wallet is open in another program. Close that one, then try again.".to_owned(),
            ),
        };
        Explained::new(slug, Side::You, zh, en)
    }

    fn explain_device(&self) -> Explained {
        match self {
            Self::Device(error) => Explained::new(
                "device-key-store",
                Side::Wallet,
                format!("无法使用系统的密钥库（{error}）。请登录并解锁系统密钥库后重试；没有密钥库的设备请使用口令。"),
                format!(
                    "{error}. Sign in and unlock the system's key store, then try again; on a device without one use a passphrase."
                ),
            ),
            _ => Explained::new(
                "device-secret-missing",
                Side::You,
                "此钱包只能在创建它的设备上打开，而本机没有它的设备密钥。请在原设备上打开，或从备份恢复。",
                "This wallet opens only on the device that it was made on, and its device key is not here. Open it there, or restore a backup.",
            ),
        }
    }

    fn explain_file(&self) -> Explained {
        if let Self::Damaged(path) = self {
            let path = path.display();
            return Explained::new(
                "wallet-damaged",
                Side::Wallet,
                format!("钱包文件 {path} 已损坏，未使用其中任何内容。请保留该文件，另建钱包，用恢复词或恢复卡和备份恢复身份。"),
                format!(
                    "The wallet's file {path} is damaged, and nothing of it was used. Keep the file, make a new wallet, and restore your identity with your words or cards and the backup."
                ),
            );
        }
        let (slug, zh, en) = match self {
            Self::NewerSchema(_) => (
                "wallet-too-new",
                "此钱包由更新版本的软件创建。请更新软件后再打开。",
                "This wallet was made by a newer version of the software. Update, then open it.",
            ),
            Self::Derivation => (
                "wallet-derivation-failed",
                "无法由口令计算密钥，可能是内存不足。请关闭其他程序后重试。",
                "The key could not be computed from the passphrase, perhaps for lack of memory. Close other programs and try again.",
            ),
            Self::TooLarge(_) => (
                "wallet-record-too-large",
                "内容过大，钱包无法保存。请选择较小的文件。",
                "This is too large for the wallet to keep. Choose a smaller file.",
            ),
            Self::Disk(_) => (
                "wallet-disk",
                "无法读写钱包文件，刚才的操作未完成。请检查磁盘空间和权限后重试。",
                "The wallet's file could not be read or written; the last step did not happen. Check disk space and permissions, then try again.",
            ),
            _ => (
                "wallet-damaged",
                "钱包文件已损坏或被改动，相关内容未被使用。请从备份恢复。",
                "The wallet's file is damaged or was changed; the affected record was not used. Restore a backup.",
            ),
        };
        Explained::new(slug, Side::Wallet, zh, en)
    }
}
