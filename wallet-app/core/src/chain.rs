//! The ledger as the wallet sees it: facts that came with a proof, and transactions.
//!
//! [`Chain`] is the seam at the network's edge: [`ChainClient`] stands behind it, and in tests a map of real records. Whatever
//! implements it has verified proof and finality certificate before it answers.

use borsh::BorshDeserialize;
use clients::chain::{ChainClient, ChainError};
use futures::future::BoxFuture;
use identity::canonical;
use identity::keys::{SignError, Signer};
use identity::{Localized, UnixSeconds};
use ledger::cell::{Cell, Subject};
use ledger::limits::MAX_RECORD_BYTES;
use ledger::proof::{Bundle, Proven};
use ledger::receipt::{Receipt, Refusal};
use ledger::transaction::{Body, Sender, Transaction};
use serde::{Deserialize, Serialize};

use crate::error::{Explained, Side};
use crate::hardware::explain_unsigned;

/// The block that a fact was proven against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsOf {
    /// Its height.
    pub height: u64,
    /// Its time by its leader's clock, milliseconds since the Unix epoch.
    pub timestamp_ms: u64,
}

impl AsOf {
    /// How many seconds ago the block was made; 0 for a block from a clock that is ahead.
    pub fn seconds_ago(&self, now: UnixSeconds) -> u64 {
        u64::try_from(now).unwrap_or(0).saturating_sub(self.timestamp_ms / 1000)
    }

    /// How old that makes an answer, in words.
    pub fn freshness(&self, now: UnixSeconds) -> Localized {
        let (height, seconds) = (self.height, self.seconds_ago(now));
        let unit = if seconds == 1 { "second" } else { "seconds" };
        Localized::new(
            format!("账本核实：截至第 {height} 个区块，{seconds} 秒前。"),
            format!("Confirmed on the ledger as of block {height}, {seconds} {unit} ago."),
        )
    }

    /// The older of two.
    pub(crate) fn older(self, other: Self) -> Self {
        if other.height < self.height { other } else { self }
    }
}

/// What the state says under a subject, verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Which block said so.
    pub as_of: AsOf,
    /// The cell and the canonical bytes of its record; `None` when the ledger has no such thing.
    pub record: Option<(Cell, Vec<u8>)>,
    /// What proves it, to be kept: [`Chain::check`] checks it again, as does anybody who knows the ledger's validators. The encoding of
    /// [`ledger::proof::Bundle`].
    pub proof: Vec<u8>,
}

/// Reads and writes of the ledger.
pub trait Chain: Send + Sync + 'static {
    /// What the latest state says about the subject.
    fn read<'a>(&'a self, subject: &'a Subject) -> BoxFuture<'a, Result<Fact, LedgerError>>;

    /// What was proven when a proof was kept, checked again without a network.
    ///
    /// # Errors
    /// [`LedgerError::Unproven`] when it does not prove anything about the subject.
    fn check(&self, subject: &Subject, proof: &[u8]) -> Result<Fact, LedgerError>;

    /// A signed transaction, to be remembered before it is submitted.
    fn prepare<'a>(
        &'a self,
        signer: &'a dyn Signer,
        sender: Sender,
        body: Body,
    ) -> BoxFuture<'a, Result<Transaction, LedgerError>>;

    /// Submits and waits until it is final, with a limit. The same transaction again gives the same receipt.
    fn submit<'a>(&'a self, transaction: &'a Transaction) -> BoxFuture<'a, Result<Receipt, LedgerError>>;
}

impl Chain for ChainClient {
    fn read<'a>(&'a self, subject: &'a Subject) -> BoxFuture<'a, Result<Fact, LedgerError>> {
        Box::pin(async move {
            let (proven, bundle) = self.get_with_proof(subject).await?;
            fact(proven, bundle.to_bytes())
        })
    }

    fn check(&self, subject: &Subject, proof: &[u8]) -> Result<Fact, LedgerError> {
        let unproven = |why: String| LedgerError::Unproven(why);
        let bundle = Bundle::from_bytes(proof).map_err(|error| unproven(error.to_string()))?;
        let proven = ChainClient::check(self, subject, &bundle).map_err(|error| unproven(error.to_string()))?;
        fact(proven, proof.to_vec())
    }

    fn prepare<'a>(
        &'a self,
        signer: &'a dyn Signer,
        sender: Sender,
        body: Body,
    ) -> BoxFuture<'a, Result<Transaction, LedgerError>> {
        Box::pin(async move { Ok(ChainClient::prepare(self, signer, sender, body).await?) })
    }

    fn submit<'a>(&'a self, transaction: &'a Transaction) -> BoxFuture<'a, Result<Receipt, LedgerError>> {
        Box::pin(async move { Ok(self.submit_prepared(transaction).await?) })
    }
}

fn fact(proven: Proven, proof: Vec<u8>) -> Result<Fact, LedgerError> {
    let as_of = AsOf { height: proven.header.height, timestamp_ms: proven.header.timestamp_ms };
    let record = match (proven.cell, proven.body) {
        (Some(cell), Some(body)) => Some((cell, body)),
        (Some(_), None) => return Err(LedgerError::Unproven("the record is missing".to_owned())),
        (None, _) => None,
    };
    Ok(Fact { as_of, record, proof })
}

/// Why the ledger gave no answer that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// No node answered.
    #[error("no node of the ledger can be reached")]
    Unreachable,
    /// The transaction was taken and is not final yet.
    #[error("the transaction was not final after {waited_seconds} seconds")]
    NotFinal {
        /// How long it was waited for.
        waited_seconds: u64,
    },
    /// Nodes are there and did not finish an answer in time.
    #[error("the ledger did not answer within {waited_seconds} seconds")]
    Silent {
        /// How long it was waited for.
        waited_seconds: u64,
    },
    /// The ledger refused the transaction.
    #[error("the ledger refused the transaction: {0}")]
    Refused(Refusal),
    /// The changes of the ledger's validators since the wallet was last used are still being checked.
    #[error("{epochs_left} changes of the ledger's validators are still to be checked")]
    Following {
        /// How many are left.
        epochs_left: u64,
    },
    /// What is asked for is older than what the nodes that answer keep.
    #[error("the nodes that answer keep only the newest blocks")]
    Pruned,
    /// Answers came without a proof that holds.
    #[error("no node proved its answer: {0}")]
    Unproven(String),
    /// A proven record is not one that this software understands.
    #[error("a record of the ledger is not understood")]
    Unknown,
    /// What holds the key did not sign, so nothing was sent.
    #[error("the transaction was not signed: {0}")]
    NotSigned(SignError),
}

impl From<ChainError> for LedgerError {
    fn from(error: ChainError) -> Self {
        match error {
            ChainError::Unreachable(_) | ChainError::NoNodes => Self::Unreachable,
            ChainError::NotFinalized { waited, .. } => Self::NotFinal { waited_seconds: waited.as_secs() },
            ChainError::Refused(refusal) => Self::Refused(refusal),
            ChainError::Unreadable(_) => Self::Unknown,
            ChainError::Following { known, wanted } => Self::Following { epochs_left: wanted.saturating_sub(known) },
            ChainError::Pruned { .. } => Self::Pruned,
            ChainError::Signer(error) => Self::NotSigned(error),
            ChainError::Unproven { .. }
            | ChainError::Undecodable { .. }
            | ChainError::UnprovenTransaction { .. }
            | ChainError::UnprovenEpoch { .. }
            | ChainError::Forked { .. }
            | ChainError::WrongSigner => Self::Unproven(error.to_string()),
        }
    }
}

impl LedgerError {
    /// The error in words.
    pub fn explain(&self) -> Explained {
        let (slug, zh, en) = match self {
            Self::Unreachable => (
                "ledger-unreachable",
                "无法连接到账本的任何节点。您的操作没有丢失，请检查网络后重试。".to_owned(),
                "No node of the ledger can be reached. Nothing is lost; check the network and try again.".to_owned(),
            ),
            Self::NotFinal { waited_seconds } => (
                "ledger-not-final",
                format!("已等待 {waited_seconds} 秒，账本仍未确认。操作已保存，稍后重试即可，不会重复。"),
                format!("The ledger has not confirmed after {waited_seconds} seconds. The step is kept; try again later, it will not happen twice."),
            ),
            Self::Silent { waited_seconds } => (
                "ledger-silent",
                format!("已等待 {waited_seconds} 秒，账本没有应答。您的操作没有丢失，请检查网络后重试。"),
                format!("The ledger gave no answer within {waited_seconds} seconds. Nothing is lost; check the network and try again."),
            ),
            Self::Pruned => (
                "ledger-pruned",
                "所连接的账本节点只保留最近的区块，查不到这么早的记录。请更换为归档节点，或稍后再试。".to_owned(),
                "The ledger's nodes that answer keep only the newest blocks and no longer have this. Use an archive node, or try again later.".to_owned(),
            ),
            Self::Following { epochs_left } => (
                "ledger-following",
                format!("正在核对账本验证者的变更，还剩 {epochs_left} 次。请稍后重试，会从这里继续。"),
                format!("The changes of the ledger's validators are being checked; {epochs_left} are left. Try again in a moment; it goes on from here."),
            ),
            Self::Refused(refusal) => (
                "ledger-refused",
                format!("账本拒绝了这项操作（{refusal}）。请更新钱包后重试；如仍失败，请联系部门。"),
                format!("The ledger refused this: {refusal}. Update the wallet and try again; if it persists, ask the department."),
            ),
            Self::Unproven(_) => (
                "ledger-unproven",
                "账本节点的回答无法证明，已被拒绝。请稍后重试，或更换节点。".to_owned(),
                "The ledger's nodes answered without a valid proof; the answers were refused. Try again later, or use other nodes.".to_owned(),
            ),
            Self::Unknown => (
                "ledger-record-unknown",
                "账本中的一条记录无法识别。请更新钱包软件。".to_owned(),
                "A record on the ledger is not understood. Update the wallet.".to_owned(),
            ),
            Self::NotSigned(error) => return explain_unsigned(error),
        };
        Explained::new(slug, Side::Ledger, zh, en)
    }
}

/// A record of the ledger with its cell and the block that it was proven against.
pub(crate) struct Found<T> {
    pub(crate) as_of: AsOf,
    pub(crate) record: Option<(Cell, T)>,
    pub(crate) proof: Vec<u8>,
}

/// Reads a record of a known type.
pub(crate) async fn find<T: BorshDeserialize>(chain: &dyn Chain, subject: &Subject) -> Result<Found<T>, LedgerError> {
    read(chain.read(subject).await?)
}

/// What a kept proof shows of a record of a known type.
pub(crate) fn find_again<T: BorshDeserialize>(
    chain: &dyn Chain,
    subject: &Subject,
    proof: &[u8],
) -> Result<Found<T>, LedgerError> {
    read(chain.check(subject, proof)?)
}

fn read<T: BorshDeserialize>(fact: Fact) -> Result<Found<T>, LedgerError> {
    let Fact { as_of, record, proof } = fact;
    let record = match record {
        None => None,
        Some((cell, body)) => Some((cell, canonical::decode(&body, MAX_RECORD_BYTES).map_err(|_| LedgerError::Unknown)?)),
    };
    Ok(Found { as_of, record, proof })
}
