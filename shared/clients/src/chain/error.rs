//! What can go wrong with the ledger, told apart by what one does about it.

use std::time::Duration;

use identity::Localized;
use identity::canonical::DecodeError;
use ledger::proof::AnswerError;
use ledger::receipt::Refusal;
use ledger::transaction::TransactionId;

use crate::http::HttpError;

/// Why the ledger's client has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The client was given no node.
    #[error("no ledger node is configured")]
    NoNodes,
    /// No node could be talked to; this is the last one's failure.
    #[error("no ledger node gives an answer")]
    Unreachable(#[from] HttpError),
    /// A node's answer is not proved: a lie, a fault, or another ledger.
    #[error("the answer of ledger node {host} is not proved and was not believed")]
    Unproven {
        /// The node.
        host: String,
        /// What does not hold.
        #[source]
        source: AnswerError,
    },
    /// The record is proved but not of a form that this version knows.
    #[error("the ledger's record is of a form that this program does not know")]
    Unreadable(#[source] DecodeError),
    /// The transaction was not final in time. It may still become so: submit the same transaction again, or look later.
    #[error("the ledger did not finalize the transaction within {} seconds", .waited.as_secs())]
    NotFinalized {
        /// The transaction.
        transaction: TransactionId,
        /// How long was waited.
        waited: Duration,
    },
    /// The transaction is final and took no effect.
    #[error("the ledger refused the transaction: {0}")]
    Refused(Refusal),
    /// The signer's key is not the sender's, or the transaction is for another ledger.
    #[error("the transaction cannot be signed for this sender")]
    WrongSigner,
}

impl ChainError {
    /// The machine's word for this error.
    pub fn slug(&self) -> &'static str {
        match self {
            Self::NoNodes => "ledger-not-configured",
            Self::Unreachable(_) => "ledger-unavailable",
            Self::Unproven { .. } | Self::Unreadable(_) => "ledger-unproven",
            Self::NotFinalized { .. } => "ledger-not-finalized",
            Self::Refused(_) => "ledger-refused",
            Self::WrongSigner => "ledger-wrong-signer",
        }
    }

    /// Whether the same can succeed later.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::NotFinalized { .. } => true,
            Self::NoNodes | Self::Unproven { .. } | Self::Unreadable(_) | Self::Refused(_) | Self::WrongSigner => false,
        }
    }

    /// The person's sentence: what happened, whose side, what to do next.
    pub fn sentence(&self) -> Localized {
        match self {
            Self::NoNodes => {
                Localized::new("尚未配置账本节点。请联系系统管理员。", "No ledger node is configured. Tell the operator.")
            }
            Self::Unreachable(_) => Localized::new(
                "无法连接到账本节点。请检查网络，稍后再试。",
                "The ledger's nodes cannot be reached. Check the network and try again later.",
            ),
            Self::Unproven { .. } => Localized::new(
                "账本节点的应答无法验证，未予采信。请稍后再试，并告知系统管理员。",
                "A ledger node's answer could not be verified and was not believed. Try again later and tell the operator.",
            ),
            Self::Unreadable(_) => Localized::new(
                "账本记录的格式比本程序更新。请更新程序。",
                "The ledger's record is newer than this program. Update the program.",
            ),
            Self::NotFinalized { .. } => Localized::new(
                "账本未能及时确认。操作没有丢失，请稍候再查。",
                "The ledger did not confirm in time. Nothing is lost; look again in a moment.",
            ),
            Self::Refused(_) => {
                Localized::new("账本拒绝了此操作，未产生任何效果。", "The ledger refused this, and it had no effect.")
            }
            Self::WrongSigner => Localized::new(
                "签名密钥与发送方不符。这是本程序的错误。",
                "The signing key is not the sender's. This is this program's fault.",
            ),
        }
    }
}
