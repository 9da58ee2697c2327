//! What a command ends with when it does not end well: a slug for programs, a sentence for people in both languages, whose side.

use identity::Localized;
use serde::Serialize;
use wallet_core::vault::VaultError;
use wallet_core::{Explained, Side, WalletError};

/// A failure, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// What programs switch on.
    pub slug: &'static str,
    /// Whose side it is on.
    pub side: Side,
    /// What happened and what to do.
    pub sentence: Localized,
    /// After a wrong PIN: how many are left before a wait.
    pub attempts_left: Option<u32>,
    /// Seconds until the next PIN is looked at.
    pub wait_seconds: Option<u64>,
    /// A request was refused, and `tell_site` would tell its site so.
    pub site_can_be_told: bool,
}

impl Failure {
    /// The wallet is closed.
    pub fn locked() -> Self {
        Explained::new(
            "wallet-locked",
            Side::You,
            "钱包已锁定。请输入 PIN 打开后继续。",
            "The wallet is locked. Enter your PIN to go on.",
        )
        .into()
    }

    pub(crate) fn malformed(why: &str) -> Self {
        Explained::new(
            "command-malformed",
            Side::Wallet,
            format!("界面与钱包不匹配（{why}）。请重新打开钱包；如仍如此，请更新软件。"),
            format!("The screen and the wallet do not fit together: {why}. Open the wallet again; if it persists, update it."),
        )
        .into()
    }

    pub(crate) fn took_too_long() -> Self {
        Explained::new(
            "took-too-long",
            Side::Wallet,
            "等待时间过长，已停止。已完成的步骤不会丢失，请稍后重试。",
            "This took too long and was stopped. What was done is kept; try again in a moment.",
        )
        .into()
    }

    /// The request that is to be answered is not on the screen any more.
    pub(crate) fn not_on_screen() -> Self {
        Explained::new(
            "request-not-open",
            Side::You,
            "这个请求已不在屏幕上，未发送任何内容。请重新扫码。",
            "This request is not on the screen any more, and nothing was sent. Scan it again.",
        )
        .into()
    }
}

impl From<Explained> for Failure {
    fn from(explained: Explained) -> Self {
        let Explained { slug, side, sentence } = explained;
        Self { slug, side, sentence, attempts_left: None, wait_seconds: None, site_can_be_told: false }
    }
}

impl From<WalletError> for Failure {
    fn from(error: WalletError) -> Self {
        let failure = Self::from(error.explain());
        match error {
            WalletError::Vault(VaultError::WrongPassphrase { attempts_left, wait_seconds }) => {
                Self { attempts_left: Some(attempts_left), wait_seconds: (wait_seconds > 0).then_some(wait_seconds), ..failure }
            }
            WalletError::Vault(VaultError::LockedOut { wait_seconds }) => {
                Self { attempts_left: Some(0), wait_seconds: Some(wait_seconds), ..failure }
            }
            WalletError::Request(error) => Self { site_can_be_told: error.refusal().is_some(), ..failure },
            _ => failure,
        }
    }
}
