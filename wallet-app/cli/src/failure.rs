//! What ends a command early, and the exit code that says so.

use std::path::PathBuf;

use wallet_core::error::Explained;
use wallet_core::vault::VaultError;
use wallet_core::{Side, WalletError};

/// Why a command ends early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A story of the wallet.
    Wallet(WalletError),
    /// The person said no.
    Declined,
    /// A question, and nobody to ask: no terminal and no `--yes`.
    NobodyToAsk,
    /// The passphrase file cannot be read.
    PassphraseFile(std::io::Error),
    /// A file cannot be read or written.
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Words alone do not say which identity they recover.
    NobodyNamed,
    /// The two passphrases differ.
    PassphrasesDiffer,
    /// There is neither `wallet.toml` nor the arguments that make one.
    NoConfiguration,
    /// There is no attested request whose offer could be received.
    NothingToReceive,
    /// An SD-JWT or the request around it; the reason.
    SdJwt(String),
    /// The terminal or its streams.
    Terminal(std::io::Error),
}

impl From<WalletError> for Failure {
    fn from(error: WalletError) -> Self {
        Self::Wallet(error)
    }
}

/// Slugs of failures after which the same command may succeed.
const AWAY: [&str; 12] = [
    "unreachable",
    "timed-out",
    "ledger-unreachable",
    "ledger-not-final",
    "ledger-silent",
    "ledger-following",
    "waited-too-long",
    "attestation-not-final",
    "response-not-delivered",
    "blob-store-unavailable",
    "request-not-fetched",
    "wallet-in-use",
];

impl Failure {
    /// The documented exit code.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Declined | Self::NobodyToAsk => 3,
            Self::Wallet(WalletError::Vault(VaultError::WrongPassphrase { .. } | VaultError::LockedOut { .. })) => 4,
            Self::Wallet(error) if AWAY.contains(&error.slug()) => 5,
            Self::Wallet(_)
            | Self::PassphraseFile(_)
            | Self::File { .. }
            | Self::NobodyNamed
            | Self::PassphrasesDiffer
            | Self::NoConfiguration
            | Self::NothingToReceive
            | Self::SdJwt(_)
            | Self::Terminal(_) => 1,
        }
    }

    /// The failure in words.
    pub(crate) fn explain(&self) -> Explained {
        let (slug, zh, en) = match self {
            Self::Wallet(error) => return error.explain(),
            Self::SdJwt(reason) => return Explained::new("sd-jwt-refused", Side::You, reason.clone(), reason.clone()),
            Self::Declined => ("declined", "已取消，未发送任何内容。".to_owned(), "Stopped; nothing was sent.".to_owned()),
            Self::NobodyToAsk => (
                "nobody-to-ask",
                "需要您确认，但没有可用的终端。请在终端中运行，或使用 --yes（登录请求还需 --match-code）。".to_owned(),
                "This needs your consent and there is no terminal to ask. Run it in one, or use --yes (and --match-code for a login).".to_owned(),
            ),
            Self::PassphraseFile(error) => (
                "passphrase-file",
                format!("无法读取口令文件（{error}）。请检查路径和权限。"),
                format!("The passphrase file cannot be read ({error}). Check its path and permissions."),
            ),
            Self::File { path, source } => (
                "file",
                format!("无法读写文件 {}（{source}）。请检查路径、权限和磁盘空间。", path.display()),
                format!("The file {} cannot be read or written ({source}). Check path, permissions and disk space.", path.display()),
            ),
            Self::NobodyNamed => (
                "identity-not-named",
                "只有恢复词时，还需要身份标识（--did）或备份文件（--backup）。身份标识抄在恢复词旁边，恢复卡上也有。".to_owned(),
                "Words alone do not say which identity they recover. Give --did or --backup; the DID stands beside the words and on every card.".to_owned(),
            ),
            Self::PassphrasesDiffer => (
                "passphrases-differ",
                "两次输入的口令不同，未创建钱包。请重试。".to_owned(),
                "The two passphrases differ; no wallet was created. Try again.".to_owned(),
            ),
            Self::NoConfiguration => (
                "configuration-missing",
                "缺少账本配置。请提供 --node、--genesis 和 --trust-anchors，或在目录中放置 wallet.toml。".to_owned(),
                "The ledger is not configured. Give --node, --genesis and --trust-anchors, or put a wallet.toml into the directory.".to_owned(),
            ),
            Self::NothingToReceive => (
                "nothing-to-receive",
                "没有可领取的凭证。请提供领取链接，或先查询申请状态（status）。".to_owned(),
                "There is no credential to receive. Give the offer's link, or ask for the state first (status).".to_owned(),
            ),
            Self::Terminal(error) => (
                "terminal",
                format!("无法使用终端（{error}）。"),
                format!("The terminal cannot be used ({error})."),
            ),
        };
        Explained::new(slug, Side::You, zh, en)
    }
}
