//! Submitting transactions: to one node, to the next when that one fails or is silent, and the same one again to every further node as
//! long as no receipt is proved. A transaction is applied once however often it is submitted.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::{StreamExt as _, stream};
use identity::canonical;
use identity::keys::Signer;
use ledger::cell::Subject;
use ledger::limits::MAX_RECORD_BYTES;
use ledger::receipt::{Outcome, Receipt};
use ledger::transaction::{Body, Sender, Transaction, TransactionId, Unsigned};
use tokio::time::{Instant, sleep, timeout_at};
use wire::chain::{MAX_SUBMITTED, Submit, SubmitBatch, Submitted, SubmittedBatch};

use super::{ChainClient, ChainError};
use crate::http;

/// How long a submission waits for finality, unless the client is told otherwise.
pub const FINALITY_TIMEOUT: Duration = Duration::from_secs(20);
/// For how many blocks a transaction is good. Replays are stopped by its id, so this only bounds how long an outbox may try.
pub const EXPIRY_BLOCKS: u64 = 10_000;
/// How long one node is asked to wait for a receipt before another one is asked.
const RECEIPT_WAIT: Duration = Duration::from_secs(2);
/// The pause after a round in which no node knew more.
const PAUSE: Duration = Duration::from_millis(150);

/// Receipts of a batch that are waited for at once.
const WAITED_FOR_AT_ONCE: usize = 16;

fn wire_form(transaction: &Transaction) -> Submit {
    Submit { transaction: URL_SAFE_NO_PAD.encode(canonical::encode(transaction)) }
}

impl ChainClient {
    /// Builds and signs a transaction that is good for the next [`EXPIRY_BLOCKS`] blocks. Store it before it is submitted, and the
    /// same one can be submitted again after a crash.
    ///
    /// # Errors
    /// [`ChainError::WrongSigner`] when the signer's key is not the sender's, [`ChainError::Signer`] when it does not sign; as [`ChainClient::get`] when no height is proved yet.
    pub async fn prepare(&self, signer: &dyn Signer, sender: Sender, body: Body) -> Result<Transaction, ChainError> {
        if *sender.key() != signer.public_key() {
            return Err(ChainError::WrongSigner);
        }
        let height = self.head().await?.height;
        let unsigned = Unsigned {
            genesis: *self.root.hash(),
            sender,
            sequence: u64::from_le_bytes(self.random.bytes()),
            expiry_height: height + EXPIRY_BLOCKS,
            body,
        };
        unsigned.sign_with(signer).map_err(ChainError::Signer)
    }

    /// Builds, signs and submits a transaction, and waits until it is final.
    ///
    /// # Errors
    /// As [`Self::prepare`] and [`Self::submit_prepared`].
    pub async fn submit(&self, signer: &dyn Signer, sender: Sender, body: Body) -> Result<Receipt, ChainError> {
        let transaction = self.prepare(signer, sender, body).await?;
        self.submit_prepared(&transaction).await
    }

    /// Submits a signed transaction and waits at most [`FINALITY_TIMEOUT`] until its receipt is proved. Submitting the same one again
    /// has no further effect and gives the same receipt.
    ///
    /// # Errors
    /// [`ChainError::Refused`] when it is final without effect, [`ChainError::NotFinalized`] when the time is up,
    /// [`ChainError::Unreachable`] when no node took it.
    pub async fn submit_prepared(&self, transaction: &Transaction) -> Result<Receipt, ChainError> {
        if transaction.unsigned.genesis != *self.root.hash() {
            return Err(ChainError::WrongSigner);
        }
        let deadline = Instant::now() + self.patience;
        let id = transaction.id();
        let submit = wire_form(transaction);
        let accepted_by = match timeout_at(deadline, self.offer(&submit)).await {
            Ok(accepted_by) => accepted_by?,
            Err(_) => return Err(ChainError::NotFinalized { transaction: id, waited: self.patience }),
        };
        self.outcome(id, &submit, accepted_by, deadline).await
    }

    /// Submits signed transactions together, [`MAX_SUBMITTED`] in a request, and waits for each as [`Self::submit_prepared`] does. Gives what
    /// became of each, in their order: they have nothing in common but the request.
    pub async fn submit_all_prepared(&self, transactions: &[Transaction]) -> Vec<Result<Receipt, ChainError>> {
        let mut outcomes = Vec::new();
        for chunk in transactions.chunks(MAX_SUBMITTED) {
            let deadline = Instant::now() + self.patience;
            let offered = timeout_at(deadline, self.offer_batch(chunk)).await;
            let (accepted_by, taken) = offered.ok().and_then(Result::ok).unwrap_or_default();
            let each = chunk.iter().map(|transaction| {
                let accepted_by = taken.contains(&transaction.id()).then_some(accepted_by);
                self.see_through(transaction, accepted_by, deadline)
            });
            outcomes.extend(stream::iter(each).buffered(WAITED_FOR_AT_ONCE).collect::<Vec<_>>().await);
        }
        outcomes
    }

    /// Waits for a transaction that a node took with others. One that none took goes alone, and finds out why.
    async fn see_through(
        &self,
        transaction: &Transaction,
        accepted_by: Option<usize>,
        deadline: Instant,
    ) -> Result<Receipt, ChainError> {
        let Some(accepted_by) = accepted_by else { return self.submit_prepared(transaction).await };
        self.outcome(transaction.id(), &wire_form(transaction), accepted_by, deadline).await
    }

    /// The proved receipt of a transaction, if it is final: what became of it, applied or refused.
    ///
    /// # Errors
    /// As [`ChainClient::get`].
    pub async fn receipt(&self, id: TransactionId) -> Result<Option<Receipt>, ChainError> {
        let proven = self.get(&Subject::Transaction(id)).await?;
        proven.body.map(|body| canonical::decode(&body, MAX_RECORD_BYTES).map_err(ChainError::Unreadable)).transpose()
    }

    /// Offers the transaction to one node, and to the next when that one refuses, fails or is silent. Gives the first that took it.
    async fn offer(&self, submit: &Submit) -> Result<usize, ChainError> {
        let asked = self.nodes.ask(|index| async move { self.send_to(index, submit).await.map(|_| index) }, |_| true).await;
        asked.answer.ok_or_else(|| asked.failure.unwrap_or(ChainError::NoNodes))
    }

    async fn send_to(&self, index: usize, submit: &Submit) -> Result<Submitted, ChainError> {
        let node = self.nodes.node(index)?;
        let request = self.http.post(node.path(&["v1", "transactions"])?).json(submit);
        Ok(http::json(&node.host, request, "the id of a submitted transaction").await?)
    }

    /// Offers several to one node, and to the next when that one fails or is silent. Gives the node and what it took.
    async fn offer_batch(&self, transactions: &[Transaction]) -> Result<(usize, Vec<TransactionId>), ChainError> {
        let texts = transactions.iter().map(|transaction| wire_form(transaction).transaction);
        let batch = SubmitBatch { transactions: texts.collect() };
        let asked = self.nodes.ask(|index| self.send_batch_to(index, &batch), |_| true).await;
        asked.answer.ok_or_else(|| asked.failure.unwrap_or(ChainError::NoNodes))
    }

    async fn send_batch_to(&self, index: usize, batch: &SubmitBatch) -> Result<(usize, Vec<TransactionId>), ChainError> {
        let node = self.nodes.node(index)?;
        let request = self.http.post(node.path(&["v1", "transactions", "batch"])?).json(batch);
        let answer: SubmittedBatch = http::json(&node.host, request, "the ids of submitted transactions").await?;
        Ok((index, answer.transactions))
    }

    /// Waits for the proved receipt; one without effect is an error.
    async fn outcome(&self, id: TransactionId, submit: &Submit, first: usize, deadline: Instant) -> Result<Receipt, ChainError> {
        let receipt = self.wait(id, submit, first, deadline).await?;
        match receipt.outcome {
            Outcome::Applied => Ok(receipt),
            Outcome::Refused(refusal) => Err(ChainError::Refused(refusal)),
        }
    }

    /// Waits on one node after the other, beginning with the one that took the transaction, and believes the proof only. Every
    /// further node is given the transaction again: the one that took it may be gone.
    async fn wait(&self, id: TransactionId, submit: &Submit, first: usize, deadline: Instant) -> Result<Receipt, ChainError> {
        let waiting = async {
            for turn in first.. {
                let index = turn % self.nodes.count();
                if turn > first {
                    // Whether it took it shows in its receipt.
                    drop(self.send_to(index, submit).await);
                }
                let hint = self.wait_at(index, id).await;
                let proved = match hint {
                    Ok(true) => self.receipt_from(index, id).await,
                    Ok(false) => Ok(None),
                    Err(e) => Err(e),
                };
                match proved {
                    Ok(Some(receipt)) => return Ok(receipt),
                    // Not final yet, or it says so and proves otherwise: it is a block behind itself, or it lies.
                    Ok(None) => sleep(PAUSE).await,
                    Err(e @ ChainError::Unreadable(_)) => return Err(e),
                    Err(e) => {
                        tracing::warn!(
                            node = self.nodes.host(index),
                            error = &e as &dyn std::error::Error,
                            "a node gave no receipt"
                        );
                        sleep(PAUSE).await;
                    }
                }
            }
            Err(ChainError::NoNodes)
        };
        let result = timeout_at(deadline, waiting).await;
        result.unwrap_or(Err(ChainError::NotFinalized { transaction: id, waited: self.patience }))
    }

    /// Whether this node says that it has the receipt. Its word only says when to ask for the proof.
    async fn wait_at(&self, index: usize, id: TransactionId) -> Result<bool, ChainError> {
        let node = self.nodes.node(index)?;
        let text = URL_SAFE_NO_PAD.encode(id.0);
        let mut url = node.path(&["v1", "transactions", &text, "receipt"])?;
        url.query_pairs_mut().append_pair("wait_ms", &RECEIPT_WAIT.as_millis().to_string());
        match http::send(&node.host, self.http.get(url)).await {
            Ok(_) => Ok(true),
            Err(e) if e.status() == Some(404) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    async fn receipt_from(&self, index: usize, id: TransactionId) -> Result<Option<Receipt>, ChainError> {
        let (proven, _) = self.get_from(index, &Subject::Transaction(id)).await?;
        let Some(body) = proven.body else { return Ok(None) };
        let receipt: Receipt = canonical::decode(&body, MAX_RECORD_BYTES).map_err(ChainError::Unreadable)?;
        Ok((receipt.transaction == id).then_some(receipt))
    }
}
