//! What a node says about governance: `GET /v1/governance?before=…&limit=…` → [`Governance`]. It is an overview and unproven; each part is
//! proved by asking for its subject at `/v1/state/{key}`.

use ledger::governance::{Parameters, ProposalId, ProposalRecord, ValidatorSet};
use serde::{Deserialize, Serialize};

/// Who decides, who will validate, and what is being decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Governance {
    /// The finalized height as of which all this holds.
    pub height: u64,
    /// Milliseconds from block to block, the mean of the last ones; absent on a young ledger.
    pub block_interval_ms: Option<u64>,
    /// The epoch of the newest block and the height of its last, after which `next` is in force; absent where the ledger is not governed.
    pub epoch: Option<Epoch>,
    /// The parameters in force; absent where the ledger is not governed.
    #[schema(value_type = Option<Object>)]
    pub parameters: Option<Parameters>,
    /// The validators and observers of the next epoch as they stand; absent where the ledger is not governed.
    #[schema(value_type = Option<Object>)]
    pub next: Option<ValidatorSet>,
    /// Proposals, newest first.
    pub proposals: Vec<Proposal>,
}

/// An epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Epoch {
    /// Its number.
    pub number: u64,
    /// The height of its last block.
    pub last_height: u64,
}

/// A proposal with its deadlines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Proposal {
    /// The proposal.
    #[schema(value_type = String)]
    pub id: ProposalId,
    /// What it is, and what became of it.
    #[schema(value_type = Object)]
    pub record: ProposalRecord,
    /// Whether its time is over without a decision, or without the enactment of one.
    pub expired: bool,
    /// The last height at which a ballot counts.
    pub last_vote: u64,
    /// The first height at which it may be enacted, once it is approved.
    pub first_enactment: Option<u64>,
    /// The last one.
    pub last_enactment: Option<u64>,
}
