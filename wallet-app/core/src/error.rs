//! Errors in words: what happened, on which side, and what to do, in Chinese and English, with a slug for programs.

use clients::http::HttpError;
use identity::Localized;
use identity::keys::SignError;
use serde::Serialize;

use crate::attributes::AttributeError;
use crate::chain::LedgerError;
use crate::config::ConfigError;
use crate::consent::ConsentError;
use crate::hardware::explain_unsigned;
use crate::identity::IdentityError;
use crate::issuance::IssuanceError;
use crate::labels::printable;
use crate::recovery::RecoveryError;
use crate::requests::RequestError;
use crate::scan::ScanError;
use crate::statements::StatementError;
use crate::vault::VaultError;
use crate::waits::Waited;

/// Whose side a failure is on: who can do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The person with the wallet.
    You,
    /// The wallet or the device that it runs on.
    Wallet,
    /// The department that attests and issues.
    Department,
    /// The website or counter that asks.
    Website,
    /// The ledger's nodes.
    Ledger,
}

impl Side {
    /// The side by name.
    pub fn name(self) -> Localized {
        match self {
            Self::You => Localized::new("您这边", "your side"),
            Self::Wallet => Localized::new("钱包", "this wallet"),
            Self::Department => Localized::new("部门", "the department"),
            Self::Website => Localized::new("网站", "the website"),
            Self::Ledger => Localized::new("账本", "the ledger"),
        }
    }
}

/// An error as a person and a program read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// What programs switch on.
    pub slug: &'static str,
    /// Whose side it is on.
    pub side: Side,
    /// What happened and what to do.
    pub sentence: Localized,
}

impl Explained {
    /// Puts the parts together.
    pub fn new(slug: &'static str, side: Side, zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self { slug, side, sentence: Localized::new(zh, en) }
    }
}

/// Anything that a story of the wallet can end with.
#[derive(Debug, thiserror::Error)]
pub enum WalletError {
    /// The vault.
    #[error("the vault cannot be used")]
    Vault(#[from] VaultError),
    /// The configuration.
    #[error("the wallet's configuration cannot be used")]
    Config(#[from] ConfigError),
    /// The ledger.
    #[error("the ledger could not be asked")]
    Ledger(#[from] LedgerError),
    /// The identity.
    #[error("the identity is not ready")]
    Identity(#[from] IdentityError),
    /// Declared attributes and requests for attestation.
    #[error("the attributes could not be declared")]
    Attributes(#[from] AttributeError),
    /// Receiving a credential.
    #[error("the credential was not received")]
    Issuance(#[from] IssuanceError),
    /// A link or picture.
    #[error("the link or picture cannot be read")]
    Scan(#[from] ScanError),
    /// A request for data.
    #[error("the request was refused")]
    Request(#[from] RequestError),
    /// Consenting, declining and sending.
    #[error("the response was not delivered")]
    Consent(#[from] ConsentError),
    /// Backups, words, cards and recovery.
    #[error("the recovery did not work")]
    Recovery(#[from] RecoveryError),
    /// Statements towards sites and departments.
    #[error("the statement was not made")]
    Statement(#[from] StatementError),
    /// The device's secure hardware, asked for something else than to sign a transaction.
    #[error("the device's secure hardware did not do it")]
    Hardware(#[from] SignError),
    /// A story that was waited for too long.
    #[error("it took too long")]
    Waited(#[from] Waited),
}

impl WalletError {
    /// The error in words.
    pub fn explain(&self) -> Explained {
        match self {
            Self::Vault(error) => error.explain(),
            Self::Config(error) => error.explain(),
            Self::Ledger(error) => error.explain(),
            Self::Identity(error) => error.explain(),
            Self::Attributes(error) => error.explain(),
            Self::Issuance(error) => error.explain(),
            Self::Scan(error) => error.explain(),
            Self::Request(error) => error.explain(),
            Self::Consent(error) => error.explain(),
            Self::Recovery(error) => error.explain(),
            Self::Statement(error) => error.explain(),
            Self::Hardware(error) => explain_unsigned(error),
            Self::Waited(error) => error.explain(),
        }
    }

    /// What programs switch on.
    pub fn slug(&self) -> &'static str {
        self.explain().slug
    }

    /// Whose side it is on.
    pub fn side(&self) -> Side {
        self.explain().side
    }

    /// What happened and what to do.
    pub fn sentence(&self) -> Localized {
        self.explain().sentence
    }
}

/// What an exchange with another side ended with, in words. `who` is that side as a person calls it.
pub(crate) fn explain_http(side: Side, error: &HttpError) -> Explained {
    let who = side.name();
    let (who_zh, who_en) = (who.zh, capitalized(&who.en));
    let host = error.host();
    let (slug, zh, en) = match error {
        HttpError::Unreachable { .. } => (
            "unreachable",
            format!("无法连接到{who_zh}（{host}）。请检查网络，稍后再试。"),
            format!("{who_en} ({host}) cannot be reached. Check the network and try again."),
        ),
        HttpError::TimedOut { .. } => (
            "timed-out",
            format!("{who_zh}（{host}）没有及时应答。请稍后再试。"),
            format!("{who_en} ({host}) did not answer in time. Try again in a moment."),
        ),
        HttpError::TooLong { .. } | HttpError::Malformed { .. } => (
            "bad-answer",
            format!("{who_zh}（{host}）的回答不符合规范（{error}），已被拒绝。请联系对方。"),
            format!("{who_en} ({host}) answered against the protocol and was refused: {error}. Tell them."),
        ),
        HttpError::Problem { problem, .. } => (
            "refused",
            format!("{who_zh}（{host}）未接受请求：{}", printable(&problem.title_zh, 200)),
            format!("{who_en} ({host}) did not take the request: {}", printable(&problem.title, 200)),
        ),
        HttpError::OAuth { error, .. } => {
            let code = printable(&error.error, 64);
            let description = error.error_description.as_deref().unwrap_or_default();
            // Yufu's services begin with a slug, which is of use in any language; the rest is in English.
            let slug = description.split_once(": ").map(|(slug, _)| slug).filter(|slug| is_slug(slug));
            let (said_zh, said_en) = match (slug, description) {
                (_, "") => (String::new(), String::new()),
                (Some(slug), said) => (format!("：{slug}"), format!(": {}", printable(said, 200))),
                (None, said) => (format!("：{}", printable(said, 200)), format!(": {}", printable(said, 200))),
            };
            (
                "refused",
                format!("{who_zh}（{host}）未接受请求（{code}{said_zh}）。请重新开始；如仍失败，请联系对方。"),
                format!("{who_en} ({host}) did not take the request ({code}{said_en}). Start again; if it persists, tell them."),
            )
        }
        HttpError::Status { status, .. } => (
            "refused",
            format!("{who_zh}（{host}）返回错误 {status}。请稍后再试。"),
            format!("{who_en} ({host}) answered with error {status}. Try again later."),
        ),
    };
    Explained::new(slug, side, zh, en)
}

fn is_slug(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}
