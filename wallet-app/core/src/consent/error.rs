//! What can go wrong between the consent screen and the site's acknowledgement.

use clients::http::HttpError;
use identity::Localized;

use crate::error::{Explained, Side, explain_http};

/// Why a response was not made or not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum ConsentError {
    /// The request ended while it was on the screen.
    #[error("the request is over")]
    Expired,
    /// The login page shows a code, and none was picked.
    #[error("a match code must be picked")]
    CodeNeeded(Vec<String>),
    /// The picked code is none of the offered ones.
    #[error("the picked code is not one of the offered ones")]
    CodeNotOffered(Vec<String>),
    /// Nobody vouches for who asks, and the citizen has not said that they know.
    #[error("nobody vouches for who asks, and that was not accepted")]
    UnverifiedNotAccepted,
    /// The choice is not one that the request and the wallet allow.
    #[error("the choice does not answer the request: {0}")]
    Choice(&'static str),
    /// The wallet has answered this request before.
    #[error("this request was answered already")]
    AlreadyAnswered,
    /// The credential is not usable any more.
    #[error("the credential to show is not in force any more")]
    CredentialGone,
    /// The presentation could not be made.
    #[error("the presentation could not be made: {0}")]
    Presentation(String),
    /// The site could not be reached. The response is kept and can be sent again.
    #[error("the response could not be delivered")]
    NotDelivered {
        /// The consent, to send again.
        consent: String,
        /// What happened.
        #[source]
        source: HttpError,
    },
    /// The site did not take the response.
    #[error("the site did not take the response")]
    NotTaken {
        /// The site.
        party: Localized,
        /// What it said.
        #[source]
        source: HttpError,
    },
    /// An earlier try may have got through, and the site now says that the request was answered.
    #[error("the site says that the request was answered; an earlier try may have got through")]
    Unclear {
        /// The site.
        party: Localized,
    },
    /// No response of this consent waits.
    #[error("there is no response {0} to send")]
    NothingToSend(String),
}

impl ConsentError {
    /// The error in words.
    pub fn explain(&self) -> Explained {
        match self {
            Self::Expired => Explained::new(
                "request-expired",
                Side::You,
                "请求已过期，未发送任何内容。请回到网站页面刷新，重新扫码。",
                "The request has expired and nothing was sent. Reload the site's page and scan again.",
            ),
            Self::CodeNeeded(codes) => Explained::new(
                "match-code-needed",
                Side::You,
                format!("请选择登录页面上显示的核对码（{}）。如果页面上没有核对码，请拒绝。", codes.join("、")),
                format!("Pick the code that the login page shows ({}). If it shows none, decline.", codes.join(", ")),
            ),
            Self::CodeNotOffered(codes) => Explained::new(
                "match-code-not-offered",
                Side::You,
                format!(
                    "这个核对码不在可选范围内（{}），未发送任何内容。如果页面上显示的不是其中之一，请拒绝。",
                    codes.join("、")
                ),
                format!(
                    "That code is not one of {}. Nothing was sent. If the login page shows none of them, decline.",
                    codes.join(", ")
                ),
            ),
            Self::UnverifiedNotAccepted => Explained::new(
                "unverified-not-accepted",
                Side::You,
                "没有人证实请求方的身份。如果您仍要继续，请先确认您知道这一点；否则请拒绝。未发送任何内容。",
                "Nobody has verified who asks. If you want to go on, say first that you know; otherwise decline. Nothing was sent.",
            ),
            Self::Choice(why) => Explained::new(
                "choice-not-possible",
                Side::You,
                format!("这个选择不符合请求（{why}），未发送任何内容。请重新选择。"),
                format!("This choice does not answer the request ({why}). Nothing was sent. Choose again."),
            ),
            Self::AlreadyAnswered => Explained::new(
                "already-answered",
                Side::You,
                "这个请求您已经答复过，未再次发送。如需重新登录，请刷新网站页面后扫码。",
                "You have answered this request before; nothing was sent again. To log in again, reload the site's page and scan.",
            ),
            Self::CredentialGone => Explained::new(
                "credential-not-in-force",
                Side::You,
                "要出示的凭证已失效，未发送任何内容。请向签发部门重新领取。",
                "The credential to show is not in force any more, and nothing was sent. Get a new one from its department.",
            ),
            Self::Presentation(_)
            | Self::NotDelivered { .. }
            | Self::NotTaken { .. }
            | Self::Unclear { .. }
            | Self::NothingToSend(_) => self.explain_delivery(),
        }
    }

    fn explain_delivery(&self) -> Explained {
        match self {
            Self::Presentation(why) => Explained::new(
                "presentation-failed",
                Side::Wallet,
                format!("无法生成要出示的内容（{why}），未发送任何内容。请更新钱包后重试。"),
                format!("The presentation could not be made ({why}), and nothing was sent. Update the wallet and try again."),
            ),
            Self::NotDelivered { consent, source } => {
                let inner = explain_http(Side::Website, source).sentence;
                Explained::new(
                    "response-not-delivered",
                    Side::Website,
                    format!("{}您的答复已保存（{consent}），请求过期前可以重新发送。", inner.zh),
                    format!("{} Your response is kept ({consent}) and can be sent again before the request ends.", inner.en),
                )
            }
            Self::NotTaken { source, .. } => explain_http(Side::Website, source),
            Self::Unclear { party } => Explained::new(
                "response-unclear",
                Side::Website,
                format!("“{}”表示此请求已被答复，您先前的答复可能已送达。请查看网站页面；若未登录，请刷新后重新扫码。", party.zh),
                format!(
                    "{} says that the request was answered, so your earlier try may have got through. Look at its page; if you are not logged in, reload and scan again.",
                    party.en
                ),
            ),
            _ => Explained::new(
                "nothing-to-send",
                Side::You,
                "没有等待发送的答复。",
                "There is no response that waits to be sent.",
            ),
        }
    }
}
