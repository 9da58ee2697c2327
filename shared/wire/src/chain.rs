//! The ledger node's RPC.
//!
//! | route | body → answer |
//! |---|---|
//! | `POST /v1/transactions` | [`Submit`] → 202 [`Submitted`]; the same transaction again gives the same answer |
//! | `GET /v1/transactions/{id}/receipt?wait_ms=…` | waits (≤ 10 000 ms) → 200 [`ledger::receipt::Receipt`], or 404 while it is not final |
//! | `GET /v1/state/{key}` | key: base64url [`ledger::cell::StateKey`] → [`ProvenState`] |
//! | `GET /v1/genesis` | [`ledger::genesis::Genesis`] |
//! | `GET /v1/status` | [`Status`] |
//! | `GET /v1/blocks/{height}` | [`BlockAnswer`] |
//! | `GET /v1/events` | SSE: `finalized` events with [`Finalized`] |
//! | `GET /1.0/identifiers/{did}` | DID resolution result (DID Resolution, section 7.1 HTTPS binding) |

use ledger::transaction::TransactionId;
use serde::{Deserialize, Serialize};

/// A transaction to submit.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Submit {
    /// Borsh bytes of [`ledger::transaction::Transaction`], base64url.
    pub transaction: String,
}

/// The node has taken the transaction; it is not final yet.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Submitted {
    /// Its id, base64url.
    #[schema(value_type = String)]
    pub transaction: TransactionId,
}

/// What the state says under a key, with everything needed to check it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ProvenState {
    /// Borsh bytes of the [`ledger::block::Header`] whose state root the proof is against, base64url.
    pub header: String,
    /// Finality certificate of that header (commonware codec bytes of the simplex finalization), base64url.
    pub certificate: String,
    /// The 64 bytes of the [`ledger::cell::Cell`], base64url; absent when the key has no value.
    pub cell: Option<String>,
    /// The record that the cell's hash names, base64url; absent when there is no value.
    pub body: Option<String>,
    /// Inclusion proof of the cell, or exclusion proof (commonware codec bytes), base64url.
    pub proof: String,
}

/// How a node sees itself and the network.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Status {
    /// The network's name.
    pub network: String,
    /// Genesis hash, base64url.
    pub genesis: String,
    /// This validator's name.
    pub node: String,
    /// Height of the last finalized block.
    pub height: u64,
    /// Its timestamp, in milliseconds since the Unix epoch.
    pub finalized_at_ms: u64,
    /// Transactions waiting.
    pub pending_transactions: u64,
    /// Validators of the epoch.
    pub validators: Vec<ValidatorStatus>,
    /// Whether blocks are being finalized.
    pub progressing: bool,
}

/// A validator as one node sees it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ValidatorStatus {
    /// Its name.
    pub name: String,
    /// The authority that runs it.
    pub authority: String,
    /// Whether this node is connected to it, or is it; absent where the node cannot tell.
    pub connected: Option<bool>,
}

/// A block with its certificate, where this height has one of its own.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BlockAnswer {
    /// Borsh bytes of the [`ledger::block::Block`], base64url.
    pub block: String,
    /// Its finality certificate, base64url; absent when the block is final through a descendant.
    pub certificate: Option<String>,
}

/// A block was finalized.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Finalized {
    /// Height.
    pub height: u64,
    /// Timestamp, milliseconds since the Unix epoch.
    pub timestamp_ms: u64,
    /// Ids of its transactions.
    #[schema(value_type = Vec<String>)]
    pub transactions: Vec<TransactionId>,
}
