//! The ledger node's RPC.
//!
//! | route | body → answer |
//! |---|---|
//! | `POST /v1/transactions` | [`Submit`] → 202 [`Submitted`]; the same transaction again gives the same answer |
//! | `POST /v1/transactions/batch` | [`SubmitBatch`] (1 to [`MAX_SUBMITTED`]) → 202 [`SubmittedBatch`]: each is taken or refused by itself |
//! | `GET /v1/transactions/{id}/receipt?wait_ms=…` | waits (≤ 10 000 ms) → 200 [`ledger::receipt::Receipt`], or 404 while it is not final |
//! | `GET /v1/state/{key}` | key: base64url [`ledger::cell::StateKey`] → [`ProvenState`] |
//! | `GET /v1/genesis` | [`ledger::genesis::Genesis`] |
//! | `GET /v1/status` | [`Status`] |
//! | `GET /v1/blocks/{height}` | [`BlockAnswer`] |
//! | `GET /v1/blocks?before=…&limit=…` | [`Blocks`], newest first |
//! | `GET /v1/transactions/{id}` | [`TransactionAnswer`]: the transaction, its place, its receipt and its proof of inclusion |
//! | `GET /v1/history/{key}?before=…&limit=…` | [`History`]: the versions of a record, newest first |
//! | `GET /v1/search?q=…` | [`SearchAnswer`]: what an id names; never by person or value |
//! | `GET /v1/statistics?blocks=…` | [`Statistics`], by kind and never by person |
//! | `GET /v1/epochs/{epoch}` | [`EpochChange`]: what introduced the epoch, from 1 |
//! | `GET /v1/evidence` | [`EvidenceList`]: recorded offences of validators |
//! | `GET /v1/findings` | [`Supervision`]: what this node found wrong with its own copy |
//! | `GET /v1/governance?before=…&limit=…` | [`crate::governance::Governance`]: parameters, next set, proposals newest first |
//! | `GET /v1/events` | SSE: `finalized` events with [`Finalized`] |
//! | `GET /1.0/identifiers/{did}` | DID resolution result (DID Resolution, section 7.1 HTTPS binding) |

use data_encoding::BASE64URL_NOPAD;
use ledger::proof::Bundle;
use ledger::transaction::TransactionId;
use serde::{Deserialize, Serialize};

use crate::problem::Problem;

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

/// Transactions in one request at most.
pub const MAX_SUBMITTED: usize = 100;

/// Transactions to submit in one request. They have nothing else in common: each is taken or refused as if it had come alone.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmitBatch {
    /// Borsh bytes of each [`ledger::transaction::Transaction`], base64url: 1 to [`MAX_SUBMITTED`].
    pub transactions: Vec<String>,
}

/// What became of the transactions of one request. None is final yet.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SubmittedBatch {
    /// The ids of those that the node has taken, in their order, base64url.
    #[schema(value_type = Vec<String>)]
    pub transactions: Vec<TransactionId>,
    /// Those that it has not taken, in their order; empty when it took all.
    pub refused: Vec<RefusedSubmission>,
}

/// A transaction of a request that was not taken.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RefusedSubmission {
    /// Its place in the request, from 0.
    pub place: u32,
    /// What it would have been answered alone.
    pub problem: Problem,
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

/// A part of an answer is not base64url without padding, or has a length that it cannot have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer's {0} is not base64url of what it should be")]
pub struct NotBase64(pub &'static str);

fn decode(text: &str, field: &'static str) -> Result<Vec<u8>, NotBase64> {
    BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| NotBase64(field))
}

impl ProvenState {
    /// The bytes, to be checked with `ledger::proof::verify_answer`.
    ///
    /// # Errors
    /// The field that is not base64url, or the cell when it has not its length.
    pub fn to_bundle(&self) -> Result<Bundle, NotBase64> {
        let cell = self.cell.as_deref().map(|cell| decode(cell, "cell")).transpose()?;
        Ok(Bundle {
            header: decode(&self.header, "header")?,
            certificate: decode(&self.certificate, "certificate")?,
            cell: cell.map(|cell| cell.try_into().map_err(|_| NotBase64("cell"))).transpose()?,
            body: self.body.as_deref().map(|body| decode(body, "body")).transpose()?,
            proof: decode(&self.proof, "proof")?,
        })
    }
}

impl From<&Bundle> for ProvenState {
    fn from(bundle: &Bundle) -> Self {
        let encode = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        Self {
            header: encode(&bundle.header),
            certificate: encode(&bundle.certificate),
            cell: bundle.cell.as_ref().map(|cell| encode(cell)),
            body: bundle.body.as_deref().map(encode),
            proof: encode(&bundle.proof),
        }
    }
}

/// What introduced an epoch: the set of its validators (`ledger::cell::Subject::Validators`) in the state of the last block of the epoch
/// before, proved like any other state.
pub type EpochChange = ProvenState;

/// How a node sees itself and the network.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Status {
    /// The network's name.
    pub network: String,
    /// Genesis hash, base64url.
    pub genesis: String,
    /// This node's name on the ledger, or the beginning of its key while the ledger does not name it.
    pub node: String,
    /// What this node is: `validator`, `observer`, or `standby` if the ledger, as far as this node knows, names it as neither.
    #[serde(default)]
    pub role: String,
    /// The epoch that this node is in.
    #[serde(default)]
    pub epoch: u64,
    /// Height of the last finalized block.
    pub height: u64,
    /// Its timestamp, in milliseconds since the Unix epoch.
    pub finalized_at_ms: u64,
    /// Transactions waiting.
    pub pending_transactions: u64,
    /// Validators of the epoch.
    pub validators: Vec<ValidatorStatus>,
    /// Observers of the epoch: they follow and serve, and do not vote.
    #[serde(default)]
    pub observers: Vec<ValidatorStatus>,
    /// Whether blocks are being finalized.
    pub progressing: bool,
    /// Height of the oldest block here from which on none is missing.
    #[serde(default)]
    pub oldest_height: u64,
    /// Whether this node has every block and every version of a record, and keeps them.
    #[serde(default)]
    pub archive: bool,
    /// Whether every record of the state is on this node's disk; after a state sync those that are not asked for come last.
    #[serde(default)]
    pub complete: bool,
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

/// A finalized block in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BlockSummary {
    /// Height.
    pub height: u64,
    /// Digest of its header, base64url.
    pub digest: String,
    /// Milliseconds since the Unix epoch by its leader's clock.
    pub timestamp_ms: u64,
    /// The epoch.
    pub epoch: u64,
    /// The view within the epoch.
    pub view: u64,
    /// The leader's name; its key in base64url if this node knows no name for it.
    pub leader: String,
    /// How many transactions it holds.
    pub transactions: u32,
}

/// A page of blocks, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Blocks {
    /// The blocks.
    pub blocks: Vec<BlockSummary>,
    /// `before` of the next page; absent on the last one.
    pub next: Option<u64>,
    /// Whether there are older blocks that this node does not have: an archive node has them.
    #[serde(default)]
    pub pruned: bool,
}

/// A finalized transaction with everything needed to check that it stands in its block.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TransactionAnswer {
    /// Borsh bytes of the [`ledger::transaction::Transaction`], base64url.
    pub transaction: String,
    /// What kind it is.
    pub kind: String,
    /// What became of it.
    #[schema(value_type = serde_json::Value)]
    pub receipt: ledger::receipt::Receipt,
    /// Borsh bytes of the header of its block, base64url.
    pub header: String,
    /// The headers after that, in order, up to the one that the certificate is for, base64url each. Empty when the block has a
    /// certificate of its own; otherwise it is final through that descendant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<String>,
    /// Finality certificate of the last header, base64url; absent when none is at hand.
    pub certificate: Option<String>,
    /// Encoded [`ledger::merkle::Inclusion`] of the transaction's leaf in the header's transactions root, base64url.
    pub inclusion: String,
}

/// The bytes of a [`TransactionAnswer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionBytes {
    /// The transaction.
    pub transaction: Vec<u8>,
    /// Its path.
    pub inclusion: Vec<u8>,
    /// Its block's header.
    pub header: Vec<u8>,
    /// The headers after that.
    pub links: Vec<Vec<u8>>,
    /// The certificate of the last; empty if the node has none at hand.
    pub certificate: Vec<u8>,
}

impl TransactionAnswer {
    /// The bytes, to be checked with `ledger::proof::verify_transaction`.
    ///
    /// # Errors
    /// The field that is not base64url.
    pub fn to_bytes(&self) -> Result<TransactionBytes, NotBase64> {
        Ok(TransactionBytes {
            transaction: decode(&self.transaction, "transaction")?,
            inclusion: decode(&self.inclusion, "inclusion")?,
            header: decode(&self.header, "header")?,
            links: self.links.iter().map(|link| decode(link, "links")).collect::<Result<_, _>>()?,
            certificate: self.certificate.as_deref().map(|text| decode(text, "certificate")).transpose()?.unwrap_or_default(),
        })
    }
}

/// A version of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RecordVersion {
    /// Its number, from 1.
    pub version: u32,
    /// The cell's status byte.
    pub status: u8,
    /// Height at which the record was created.
    pub created_height: u64,
    /// Height at which this version was written.
    pub updated_height: u64,
    /// The time of that block, in milliseconds since the Unix epoch; absent if this node no longer has the block.
    pub updated_at_ms: Option<u64>,
    /// The record's bytes, base64url; absent if this node no longer has them.
    pub body: Option<String>,
    /// The transactions of that block that touch the record, base64url: who changed it, and how. Empty if this node no longer has the
    /// block, or if the genesis wrote the record.
    #[schema(value_type = Vec<String>)]
    pub transactions: Vec<TransactionId>,
}

/// The versions of a record, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct History {
    /// The state key, base64url.
    pub key: String,
    /// The number of the newest version.
    pub latest_version: u32,
    /// The versions of this page.
    pub versions: Vec<RecordVersion>,
    /// `before` of the next page; absent on the last one.
    pub next: Option<u32>,
    /// Whether there are older versions that this node does not have: an archive node has them.
    #[serde(default)]
    pub pruned: bool,
}

/// What an id may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FoundKind {
    /// A finalized block.
    Block,
    /// A finalized transaction.
    Transaction,
    /// An identity.
    Identity,
    /// An anchor.
    Anchor,
    /// An attestation.
    Attestation,
    /// A consent or access receipt.
    Receipt,
    /// An authority.
    Authority,
    /// A registered website or counter.
    Party,
    /// A batch of receipts or attestations.
    Batch,
    /// A proposal of governance.
    Proposal,
    /// Evidence against a validator.
    Evidence,
    /// A record known by its state key alone.
    Record,
}

/// Something that an id names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Found {
    /// What it is.
    pub kind: FoundKind,
    /// Its id as text: what was asked for, in its usual form.
    pub id: String,
    /// Its state key, base64url; absent for a block.
    pub key: Option<String>,
    /// Height of the block, or of the block that created the record.
    pub height: u64,
    /// Where it is read: a path of this API.
    pub path: String,
}

/// What an id names: nothing, one thing, or, as ids of records are random bytes that different kinds may share, several.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SearchAnswer {
    /// What was found.
    pub found: Vec<Found>,
}

/// Transactions of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct KindCount {
    /// The kind.
    pub kind: String,
    /// How many.
    pub transactions: u64,
}

/// What one validator did in the blocks counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LeaderCount {
    /// The validator's name.
    pub validator: String,
    /// Blocks that it led.
    pub blocks: u64,
    /// Turns that passed without a final block of its own.
    pub missed_turns: u64,
}

/// A distribution of durations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Durations {
    /// How many were measured.
    pub count: u64,
    /// Half of them were at most this long, in milliseconds.
    pub p50_ms: u64,
    /// 99 of 100 were at most this long, in milliseconds.
    pub p99_ms: u64,
}

/// How the ledger is used and how quick it is, as one node sees it. Nothing here is by person.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Statistics {
    /// The first block counted.
    pub from_height: u64,
    /// The last block counted.
    pub to_height: u64,
    /// Blocks counted.
    pub blocks: u64,
    /// Their transactions by kind, most first.
    pub kinds: Vec<KindCount>,
    /// From first seen here to final here, of recent transactions; absent before the first.
    pub finality: Option<Durations>,
    /// Between the times of consecutive blocks; absent with fewer than two blocks.
    pub block_interval: Option<Durations>,
    /// What each validator did, in the order of their names.
    pub leaders: Vec<LeaderCount>,
    /// Views that ended without a final block.
    pub skipped_views: u64,
    /// What transactions cost this node; absent before there were enough of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
}

/// What 1,000 transactions cost one node, all that it did since it started shared among them. Every validator pays it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Cost {
    /// The transactions that it was taken from: those that became final since the node started.
    pub transactions: u64,
    /// Processor time for 1,000, in milliseconds.
    pub cpu_ms: u64,
    /// Growth of the data folder for 1,000, in bytes.
    pub disk_bytes: u64,
    /// Energy for 1,000, in millionths of a watt-hour: an estimate, `cpu_ms` at `assumed_watts` for a busy core.
    pub energy_uwh: u64,
    /// The watts that a busy core is assumed to take, with its share of memory, power supply and cooling. Nothing was measured.
    pub assumed_watts: u64,
}

/// Recorded evidence that a validator broke the protocol.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EvidenceEntry {
    /// Its state key, base64url: `/v1/state/{key}` has it with proof.
    pub key: String,
    /// The accused validator's name, or its key if this node knows no name.
    pub validator: String,
    /// The epoch.
    pub epoch: u64,
    /// The view.
    pub view: u64,
    /// What was done: `two_notarizes`, `two_finalizes` or `nullify_and_finalize`.
    pub offence: String,
    /// Height at which it was recorded.
    pub height: u64,
    /// Borsh bytes of the evidence, base64url: it proves itself.
    pub evidence: String,
}

/// Recorded evidence, in the order of recording; at most 1,000 offences.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EvidenceList {
    /// The entries.
    pub evidence: Vec<EvidenceEntry>,
}

/// Something wrong with what a node keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Finding {
    /// The block, or the block that wrote the record.
    pub height: u64,
    /// What is concerned: `block`, `transaction <id>` or `record <state key>`.
    pub subject: String,
    /// What is wrong, as a slug.
    pub what: String,
    /// What is wrong, as a sentence.
    pub detail: String,
    /// When it was first found, in milliseconds since the Unix epoch.
    pub since_ms: u64,
    /// When it was last seen to be so.
    pub seen_ms: u64,
    /// When the copy was found right again; absent while the finding holds.
    pub cleared_ms: Option<u64>,
}

/// How far the continuous re-verification of a node's own copy is, and what it found.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Supervision {
    /// Whether it runs on this node.
    pub running: bool,
    /// Rounds from the genesis to the tip that were completed since the node started.
    pub rounds: u64,
    /// The height up to which this round has checked the blocks.
    pub height: u64,
    /// Records checked in this round.
    pub records: u64,
    /// What is wrong, oldest first, then what was wrong and is right again; at most 1,000.
    pub findings: Vec<Finding>,
}
