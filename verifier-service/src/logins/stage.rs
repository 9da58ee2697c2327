//! Where a login stands: what the database keeps, and what a person is told of it.

use identity::{Localized, UnixSeconds};

use super::store::{Login, WITHDRAWN};
use super::{Channel, GRACE_SECONDS};
use crate::presentations::Refusal;

/// The state in the database. Each change is one conditional update, so of two that race one wins, over replicas and restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Waits for an answer.
    Open,
    /// An answer was accepted; its receipt is on the way to the ledger.
    Recording,
    /// The receipt is final; the browser may take its session.
    Released,
    /// The browser has its session.
    Completed,
    /// The citizen or the wallet said no.
    Declined,
    /// An answer did not pass a check.
    Failed,
}

impl State {
    const ALL: [Self; 6] = [Self::Open, Self::Recording, Self::Released, Self::Completed, Self::Declined, Self::Failed];

    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Recording => "recording",
            Self::Released => "released",
            Self::Completed => "completed",
            Self::Declined => "declined",
            Self::Failed => "failed",
        }
    }

    /// From the name in the database.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// What a person is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nobody has scanned or opened it.
    Waiting,
    /// A wallet has fetched the request.
    Opened,
    /// The answer was checked and is being recorded.
    Recording,
    /// This browser can go on.
    Ready,
    /// The wallet's redirect goes on, in this browser.
    ReadyInRedirect,
    /// Done.
    Completed,
    /// The citizen or the wallet said no.
    Declined,
    /// A check failed.
    Failed,
    /// Too late.
    Expired,
}

impl Stage {
    /// The word for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Opened => "opened",
            Self::Recording => "recording",
            Self::Ready => "ready",
            Self::ReadyInRedirect => "ready-in-redirect",
            Self::Completed => "completed",
            Self::Declined => "declined",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }

    /// Whether nothing more will happen.
    pub fn is_final(self) -> bool {
        match self {
            Self::Completed | Self::Declined | Self::Failed | Self::Expired => true,
            Self::Waiting | Self::Opened | Self::Recording | Self::Ready | Self::ReadyInRedirect => false,
        }
    }
}

impl Login {
    /// The stage at `now`.
    pub fn stage(&self, now: UnixSeconds) -> Stage {
        let late = now >= self.expires_at;
        let too_late = now >= self.expires_at.saturating_add(GRACE_SECONDS);
        match self.state {
            State::Open if late => Stage::Expired,
            State::Open if self.opened_at > 0 => Stage::Opened,
            State::Open => Stage::Waiting,
            State::Recording | State::Released if too_late => Stage::Expired,
            State::Recording => Stage::Recording,
            State::Released => match self.answered_channel {
                Some(Channel::SameDevice) => Stage::ReadyInRedirect,
                Some(Channel::CrossDevice) | None => Stage::Ready,
            },
            State::Completed => Stage::Completed,
            State::Declined => Stage::Declined,
            State::Failed => Stage::Failed,
        }
    }

    /// The sentence for the login page.
    pub fn sentence(&self, now: UnixSeconds) -> Localized {
        let (zh, en) = match self.stage(now) {
            Stage::Waiting => {
                ("等待您用钱包扫码或打开链接。", "Waiting for you to scan the code or open the link with your wallet.")
            }
            Stage::Opened => (
                "您的钱包已打开请求。请在钱包中核对网站、用途和核对码，然后确认。",
                "Your wallet has opened the request. Check website, purpose and match code in the wallet, then confirm.",
            ),
            Stage::Recording => (
                "已收到并核验您的凭证，正在账本上登记回执。",
                "Your credential was received and checked. The receipt is being recorded on the ledger.",
            ),
            Stage::Ready => ("登录成功，正在进入。", "You are logged in. One moment."),
            Stage::ReadyInRedirect => {
                ("已通过核验。请在钱包为您打开的页面中继续。", "Checked. Go on in the page that your wallet opened for you.")
            }
            Stage::Completed => ("您已登录。", "You are logged in."),
            Stage::Declined => return declined(&self.failure),
            Stage::Failed => return failed(&self.failure),
            Stage::Expired => {
                ("登录请求已过期，未读取任何信息。请重新开始。", "The login request has expired. Nothing was read. Start again.")
            }
        };
        Localized::new(zh, en)
    }
}

fn failed(slug: &str) -> Localized {
    match Refusal::from_slug(slug) {
        Some(refusal) => refusal.sentence(),
        None => Localized::new("登录未成功。请重新开始。", "The login did not succeed. Start again."),
    }
}

/// A sentence for each of `presentations::answer::WALLET_ERRORS`, and for a wish that came before the session.
fn declined(code: &str) -> Localized {
    let (zh, en) = match code {
        "access_denied" => (
            "钱包未提供信息：您选择了拒绝，或钱包中没有所需凭证。本站没有得到任何信息。",
            "The wallet gave nothing: you declined, or it does not hold the credential. This website learned nothing.",
        ),
        "vp_formats_not_supported" => (
            "您的钱包不支持本站所需的凭证格式。请换用或更新钱包。",
            "Your wallet does not support the credential format. Update it or use another one.",
        ),
        "wallet_unavailable" => ("钱包暂不可用。请打开钱包后重新开始。", "The wallet is not available. Open it and start again."),
        "invalid_request" | "invalid_client" | "invalid_scope" | "invalid_request_uri_method" | "invalid_transaction_data" => (
            "钱包认为本站的请求有误，未提供信息。请重新开始；如仍失败请联系网站。",
            "The wallet found the website's request faulty and gave nothing. Start again; if it persists, contact the website.",
        ),
        WITHDRAWN => (
            "您已撤回同意或要求删除，本站已删除所得到的信息，没有登录。",
            "You took your consent back or asked for deletion. This website deleted what it got, and nobody is logged in.",
        ),
        _ => ("钱包未提供信息。请重新开始。", "The wallet gave nothing. Start again."),
    };
    Localized::new(zh, en)
}
