//! Submitting a transaction and waiting for what became of it.

use super::{Node, Rpc, encode, hash};
use crate::{admission::AdmissionError, kinds, mempool::Refusal, node::SubmitError, progress::milliseconds};
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use commonware_runtime::Clock as _;
use data_encoding::BASE64URL_NOPAD;
use identity::canonical;
use ledger::{
    block::Header,
    limits::MAX_TRANSACTION_BYTES,
    merkle,
    proof::MAX_LINKS,
    receipt::Receipt,
    transaction::{Transaction, TransactionId},
};
use serde::Deserialize;
use service_kit::{
    ApiError, Slug,
    address::ClientAddress,
    extract::{JsonBody, QueryOf},
};
use std::time::Duration;
use wire::chain::{MAX_SUBMITTED, RefusedSubmission, Submit, SubmitBatch, Submitted, SubmittedBatch, TransactionAnswer};

/// How long a request for a receipt may wait, in milliseconds.
const MAX_WAIT_MS: u64 = 10_000;

impl From<SubmitError> for ApiError {
    fn from(error: SubmitError) -> Self {
        let slug = match &error {
            SubmitError::Admission(AdmissionError::TooLarge { .. }) => Slug::TooLarge,
            SubmitError::Admission(
                AdmissionError::OtherLedger
                | AdmissionError::ExpiryTooFar { .. }
                | AdmissionError::IllFormed(_)
                | AdmissionError::Signature(_),
            )
            | SubmitError::Mempool(Refusal::Expired { .. }) => Slug::Refused,
            SubmitError::Mempool(Refusal::Full) => Slug::Busy,
            SubmitError::NoSpace => Slug::StorageFull,
            SubmitError::Mempool(Refusal::SenderFull) => Slug::TooManyRequests,
        };
        Self::new(slug).detail(error.to_string())
    }
}

/// Takes a transaction. It is not final yet: ask for its receipt.
#[utoipa::path(
    post, path = "/v1/transactions", tag = "transactions", request_body = Submit,
    responses(
        (status = 202, body = Submitted, description = "taken; the same transaction again gives the same answer"),
        (status = 400, description = "not a transaction", body = wire::problem::Problem),
        (status = 413, description = "too large", body = wire::problem::Problem),
        (status = 422, description = "another ledger's, expired, or not signed by its sender", body = wire::problem::Problem),
        (status = 429, description = "too many requests or waiting transactions", body = wire::problem::Problem),
        (status = 503, description = "too many transactions wait", body = wire::problem::Problem),
        (status = 507, description = "this node's disk is almost full", body = wire::problem::Problem),
    )
)]
pub(super) async fn submit(
    State(rpc): State<Rpc>,
    JsonBody(submit): JsonBody<Submit>,
) -> Result<(StatusCode, Json<Submitted>), ApiError> {
    let transaction = take(&rpc.node, &submit.transaction).await?;
    Ok((StatusCode::ACCEPTED, Json(Submitted { transaction })))
}

/// Takes several transactions, each by itself: those that are refused do not keep the others out. None is final yet.
#[utoipa::path(
    post, path = "/v1/transactions/batch", tag = "transactions", request_body = SubmitBatch,
    responses(
        (status = 202, body = SubmittedBatch, description = "what was taken, and what was refused by its place"),
        (status = 400, description = "not a list of 1 to 100", body = wire::problem::Problem),
        (status = 413, description = "too large", body = wire::problem::Problem),
        (status = 429, description = "too many requests: each transaction counts as one", body = wire::problem::Problem),
    )
)]
pub(super) async fn submit_batch(
    State(rpc): State<Rpc>,
    client: ClientAddress,
    JsonBody(batch): JsonBody<SubmitBatch>,
) -> Result<(StatusCode, Json<SubmittedBatch>), ApiError> {
    let count = batch.transactions.len();
    let others =
        u32::try_from(count).ok().filter(|_| (1..=MAX_SUBMITTED).contains(&count)).and_then(|count| count.checked_sub(1));
    let others = others.ok_or_else(|| {
        ApiError::new(Slug::BadRequest).detail(format!("{count} transactions; a request has 1 to {MAX_SUBMITTED}"))
    })?;
    // The request itself has paid for one.
    rpc.limiter.take_many(&client, others, milliseconds(rpc.node.clock.current()))?;
    let mut answer = SubmittedBatch { transactions: Vec::with_capacity(count), refused: Vec::new() };
    for (place, text) in (0..).zip(&batch.transactions) {
        match take(&rpc.node, text).await {
            Ok(id) => answer.transactions.push(id),
            Err(error) => answer.refused.push(RefusedSubmission { place, problem: error.to_problem() }),
        }
        // A signature takes its time: the thread's other tasks have their turn between two of them.
        tokio::task::yield_now().await;
    }
    if !answer.refused.is_empty() {
        tracing::info!(
            refused = answer.refused.len(),
            taken = answer.transactions.len(),
            "transactions of a request were refused"
        );
    }
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

/// Takes a transaction as it comes: base64url of its Borsh bytes.
async fn take(node: &Node, text: &str) -> Result<TransactionId, ApiError> {
    let malformed = || ApiError::new(Slug::BadRequest).detail("the transaction is not base64url of a Borsh-encoded transaction");
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| malformed())?;
    if bytes.len() > MAX_TRANSACTION_BYTES {
        return Err(ApiError::new(Slug::TooLarge).detail("the transaction is longer than a transaction may be"));
    }
    let transaction: Transaction = canonical::decode(&bytes, MAX_TRANSACTION_BYTES).map_err(|_| malformed())?;
    Ok(node.submit(transaction).await?)
}

/// How long to wait.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Wait {
    /// Milliseconds to wait for the transaction to become final; at most 10 000.
    #[serde(default)]
    wait_ms: u64,
}

/// The receipt of a finalized transaction: it is on this node's disk when this answers.
#[utoipa::path(
    get, path = "/v1/transactions/{id}/receipt", tag = "transactions",
    params(("id" = String, Path, description = "transaction id, base64url"), Wait),
    responses(
        (status = 200, description = "what became of the transaction (ledger::receipt::Receipt)", body = serde_json::Value),
        (status = 404, description = "not final; the detail says whether the ledger moves", body = wire::problem::Problem),
    )
)]
pub(super) async fn receipt(
    State(rpc): State<Rpc>,
    Path(id): Path<String>,
    QueryOf(wait): QueryOf<Wait>,
) -> Result<Json<Receipt>, ApiError> {
    let id = TransactionId(hash(&id)?);
    let node = &rpc.node;
    let deadline = node.clock.current() + Duration::from_millis(wait.wait_ms.min(MAX_WAIT_MS));
    let mut tip = node.head.tip();
    loop {
        tip.mark_unchanged();
        if let Some(receipt) = node.receipt(&id).await {
            return Ok(Json(receipt));
        }
        let stopping = tokio::select! {
            changed = tip.changed() => changed.is_err(),
            () = node.clock.sleep_until(deadline) => true,
            () = rpc.shutdown.requested() => true,
        };
        if stopping {
            break;
        }
    }
    let why = match node.progress.check(node.clock.current()) {
        Ok(()) if node.mempool.knows(&id.0) => "the transaction waits for a block".to_owned(),
        Ok(()) => "this node does not know the transaction; submit it again".to_owned(),
        Err(stall) => format!("the transaction is not final: {stall}"),
    };
    Err(ApiError::new(Slug::NotFound).detail(why))
}

/// A finalized transaction with its place, its receipt, and the proof that it stands in its block.
#[utoipa::path(
    get, path = "/v1/transactions/{id}", tag = "transactions",
    params(("id" = String, Path, description = "transaction id, base64url")),
    responses(
        (status = 200, body = TransactionAnswer),
        (status = 400, description = "not an id", body = wire::problem::Problem),
        (status = 404, description = "not final, or in a block that this node no longer has", body = wire::problem::Problem),
    )
)]
pub(super) async fn transaction(State(rpc): State<Rpc>, Path(id): Path<String>) -> Result<Json<TransactionAnswer>, ApiError> {
    let id = TransactionId(hash(&id)?);
    let found = find(&rpc.node, &id).await;
    found.map(Json).ok_or_else(|| ApiError::new(Slug::NotFound).detail("this node has no final block with this transaction"))
}

/// A finalized transaction, if this node has its block.
pub(crate) async fn find(node: &Node, id: &TransactionId) -> Option<TransactionAnswer> {
    let receipt = node.receipt(id).await?;
    let block = node.reads.block(receipt.height).await?;
    let block = block.inner();
    let index = usize::try_from(receipt.index).ok()?;
    let transaction = block.transactions().get(index).filter(|_| block.transaction_ids().get(index) == Some(&id.0))?;
    let (links, certificate) = certified(node, block.header()).await;
    Some(TransactionAnswer {
        transaction: encode(&canonical::encode(transaction)),
        kind: kinds::name(&transaction.unsigned.body).to_owned(),
        receipt,
        header: encode(&canonical::encode(block.header())),
        links,
        certificate,
        inclusion: encode(&merkle::prove(block.transaction_leaves(), index)?.to_bytes()),
    })
}

/// What makes a header final: its own certificate, or the headers after it up to the next one that has a certificate.
async fn certified(node: &Node, header: &Header) -> (Vec<String>, Option<String>) {
    if let Some(certificate) = node.reads.certificate(header).await {
        return (Vec::new(), Some(encode(&certificate)));
    }
    let mut links = Vec::new();
    for height in (header.height.saturating_add(1)..).take(MAX_LINKS) {
        let Some(next) = node.reads.block(height).await else { break };
        links.push(encode(&canonical::encode(next.inner().header())));
        if let Some(certificate) = node.reads.certificate(next.inner().header()).await {
            return (links, Some(encode(&certificate)));
        }
    }
    (Vec::new(), None)
}
