//! What can go wrong with the ledger, told apart by what one does about it.

use std::time::Duration;

use identity::Localized;
use identity::canonical::DecodeError;
use identity::keys::SignError;
use ledger::proof::{AnswerError, TransactionProofError};
use ledger::receipt::Refusal;
use ledger::transaction::TransactionId;
use ledger::trust::TrustError;

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
    #[error("the answer of ledger node {host} is not proved and was not believed: its {} does not hold", .source.field())]
    Unproven {
        /// The node.
        host: String,
        /// What does not hold.
        #[source]
        source: AnswerError,
    },
    /// A part of a node's answer does not decode, or contradicts what is proved.
    #[error("the answer of ledger node {host} was not believed: its {field} is not what it can be")]
    Undecodable {
        /// The node.
        host: String,
        /// The part.
        field: &'static str,
    },
    /// A node's transaction is not proved to be in a final block.
    #[error("ledger node {host} does not prove that the transaction is in a final block")]
    UnprovenTransaction {
        /// The node.
        host: String,
        /// What does not hold.
        #[source]
        source: TransactionProofError,
    },
    /// It is final, and older than what this node keeps. An archive node has it.
    #[error("ledger node {host} keeps only the newest blocks and no longer has this one; no archive node was found")]
    Pruned {
        /// The node.
        host: String,
    },
    /// A node speaks of an epoch and does not prove who its validators are.
    #[error("ledger node {host} does not prove who validates in epoch {epoch}")]
    UnprovenEpoch {
        /// The node.
        host: String,
        /// The epoch.
        epoch: u64,
        /// What does not hold.
        #[source]
        source: TrustError,
    },
    /// A quorum of one epoch's validators signed two histories: this one and the one that was followed.
    #[error("ledger node {host} proves another history after epoch {epoch}: its validators signed two, or lost their keys")]
    Forked {
        /// The node.
        host: String,
        /// The epoch.
        epoch: u64,
    },
    /// There are more changes of validators than could be followed in time. What was learned is kept.
    #[error("the ledger's validators are followed up to epoch {known} of {wanted}; ask again to go on")]
    Following {
        /// The newest known epoch.
        known: u64,
        /// The epoch of the answer.
        wanted: u64,
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
    /// What holds the key did not sign.
    #[error("the transaction is not signed: {0}")]
    Signer(SignError),
}

impl ChainError {
    /// The machine's word for this error.
    pub fn slug(&self) -> &'static str {
        match self {
            Self::NoNodes => "ledger-not-configured",
            Self::Unreachable(_) => "ledger-unavailable",
            Self::Unproven { .. }
            | Self::Undecodable { .. }
            | Self::UnprovenTransaction { .. }
            | Self::UnprovenEpoch { .. }
            | Self::Unreadable(_) => "ledger-unproven",
            Self::Pruned { .. } => "ledger-pruned",
            Self::Forked { .. } => "ledger-forked",
            Self::Following { .. } => "ledger-following",
            Self::NotFinalized { .. } => "ledger-not-finalized",
            Self::Refused(_) => "ledger-refused",
            Self::WrongSigner => "ledger-wrong-signer",
            Self::Signer(_) => "ledger-not-signed",
        }
    }

    /// Whether the same can succeed later.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::NotFinalized { .. } | Self::Following { .. } => true,
            Self::NoNodes
            | Self::Unproven { .. }
            | Self::Undecodable { .. }
            | Self::UnprovenTransaction { .. }
            | Self::UnprovenEpoch { .. }
            | Self::Pruned { .. }
            | Self::Forked { .. }
            | Self::Unreadable(_)
            | Self::Refused(_)
            | Self::WrongSigner
            | Self::Signer(_) => false,
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
            Self::Unproven { .. } | Self::Undecodable { .. } | Self::UnprovenTransaction { .. } | Self::UnprovenEpoch { .. } => {
                Localized::new(
                    "账本节点的应答无法验证，未予采信。请稍后再试，并告知系统管理员。",
                    "A ledger node's answer could not be verified and was not believed. Try again later and tell the operator.",
                )
            }
            Self::Pruned { .. } => Localized::new(
                "所询问的账本节点只保留最近的区块。请添加一个归档节点，或联系系统管理员。",
                "The ledger nodes that were asked keep only the newest blocks. Add an archive node, or tell the operator.",
            ),
            Self::Forked { .. } => Localized::new(
                "账本节点出示了两份互相矛盾、均有签名的记录。请停止使用，并立即告知系统管理员。",
                "The ledger's validators signed two histories that contradict each other. Stop, and tell the operator at once.",
            ),
            Self::Following { .. } => Localized::new(
                "正在核对账本验证者的变更。请稍后重试。",
                "The changes of the ledger's validators are still being checked. Try again in a moment.",
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
            Self::Signer(_) => Localized::new(
                "保存密钥的设备未能签名，没有发送任何内容。请检查该设备后重试。",
                "What holds the key did not sign, and nothing was sent. Look at that device and try again.",
            ),
        }
    }
}
