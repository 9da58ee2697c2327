//! The ledger's client. It believes no node: every answer is a state cell with its proof, the header that the proof is against and
//! the finality certificate of that header, and `ledger` checks all of it against the genesis file.
//!
//! Nodes are asked one after the other: the next at once when one fails or lies, and after [`HEDGE_DELAY`] when one is silent, so that
//! neither a dead node nor a slow one is waited for while another answers.
//!
//! What a proof cannot show is that it is the newest. So every answer says as of which block and time it holds ([`AsOf`]), an answer
//! older than one that this client has already seen, or than the owner's clock allows ([`ChainClient::with_clock`]), is taken only
//! when no node has a newer one, and whoever decides on an answer compares its time with their own clock ([`AsOf::age_ms`]).
//!
//! Validators change. A certificate of an epoch that is not known yet makes the client follow the changes up to it, each proved by the
//! validators before; see `ledger::trust` for what that can and cannot show, and [`ChainClient::with_keeper`] to keep what was learned.

mod ask;
mod directory;
mod epochs;
mod error;
mod governance;
mod kept;
mod submit;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use borsh::BorshDeserialize;
use identity::canonical;
use identity::did::IdentityId;
use ledger::TrustRoot;
use ledger::block::Header;
use ledger::cell::{Cell, Subject, body_hash};
use ledger::finality::FinalityError;
use ledger::governance::{AccreditationRecord, ValidatorSet};
use ledger::limits::MAX_RECORD_BYTES;
use ledger::proof::{AnswerError, Bundle, Proven, TransactionProof, TransactionProofError, verify_answer, verify_transaction};
use ledger::records::{
    AttestationRecord, AuthorityId, AuthorityRecord, BatchItemRecord, BatchRecord, IdentityRecord, PartyId, PartyRecord, RecordId,
};
use ledger::transaction::{Anchor, NewReceipt, Transaction, TransactionId};
use url::Url;
use wire::chain::{History, NotBase64, ProvenState, RecordVersion, TransactionAnswer, TransactionBytes};
use wire::problem::Slug;

use self::ask::Nodes;
pub use self::ask::{HEDGE_DELAY, NEWER_TIMEOUT};
pub use self::directory::{AuthorityEntry, Page, PartyEntry, TypeEntry};
pub use self::epochs::FOLLOW_TIMEOUT;
use self::epochs::Known;
pub use self::error::ChainError;
pub use self::submit::{EXPIRY_BLOCKS, FINALITY_TIMEOUT};
use crate::environment::{Clock, Random};
use crate::http;

/// A client of the ledger, cheap to clone. Clones share what they have learned.
#[derive(Clone)]
pub struct ChainClient {
    http: reqwest::Client,
    nodes: Arc<Nodes>,
    /// What the client was given.
    root: Arc<TrustRoot>,
    /// What it knows by now.
    known: Arc<Known>,
    random: Random,
    patience: Duration,
    freshness: Option<(Clock, u64)>,
}

/// A fact, and the block as of which it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AsOf<T> {
    /// Height of the block.
    pub height: u64,
    /// The block's time, in milliseconds since the Unix epoch.
    pub timestamp_ms: u64,
    /// The fact.
    pub value: T,
}

impl<T> AsOf<T> {
    /// How old the fact is by this clock, in milliseconds; 0 if the block is ahead of it.
    pub fn age_ms(&self, clock: &Clock) -> u64 {
        clock.now_ms().saturating_sub(self.timestamp_ms)
    }

    /// The same block, another fact.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> AsOf<U> {
        AsOf { height: self.height, timestamp_ms: self.timestamp_ms, value: f(self.value) }
    }
}

impl ChainClient {
    /// A client of these nodes, whose answers are checked against `root`. At least one node; more let it go on when one is away,
    /// behind or lying.
    pub fn new(http: reqwest::Client, nodes: Vec<Url>, root: TrustRoot, random: Random) -> Self {
        let root = Arc::new(root);
        let known = Arc::new(Known::new(Arc::clone(&root)));
        let nodes = Arc::new(Nodes::new(nodes));
        Self { http, nodes, root, known, random, patience: FINALITY_TIMEOUT, freshness: None }
    }

    /// The same client with another limit on the wait for finality than [`FINALITY_TIMEOUT`].
    #[must_use]
    pub fn with_finality_timeout(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The same client with a clock: an answer that is older than `max_age_ms` milliseconds makes it ask the other nodes for a newer one.
    #[must_use]
    pub fn with_clock(self, clock: Clock, max_age_ms: u64) -> Self {
        Self { freshness: Some((clock, max_age_ms)), ..self }
    }

    /// What the client was given to check against. Genesis and hash stay; the epochs that it has followed since are in
    /// [`Self::followed_root`].
    pub fn trust_root(&self) -> &TrustRoot {
        &self.root
    }

    /// What the state says about a subject, proved. Nodes are asked in turn until one gives a proof that is neither older than what
    /// was seen before nor than the clock allows; where none does, the newest of the old ones is given.
    ///
    /// # Errors
    /// [`ChainError::Unreachable`] when no node answers, [`ChainError::Unproven`] when none of the answers is proved.
    pub async fn get(&self, subject: &Subject) -> Result<Proven, ChainError> {
        self.get_with_proof(subject).await.map(|(proven, _)| proven)
    }

    /// As [`Self::get`], with the answer that proves it: [`Self::check`] checks it again when no node can be asked, and so can anybody who knows
    /// the validators ([`ledger::proof::verify_answer`]).
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn get_with_proof(&self, subject: &Subject) -> Result<(Proven, Bundle), ChainError> {
        let seen = self.nodes.seen();
        let fresh = |(proven, _): &(Proven, Bundle)| {
            let header = &proven.header;
            let in_time = |(clock, max_age_ms): &(Clock, u64)| clock.now_ms().saturating_sub(header.timestamp_ms) <= *max_age_ms;
            header.height >= seen && self.freshness.as_ref().is_none_or(in_time)
        };
        let asked = self.nodes.ask(|index| self.get_from(index, subject), fresh).await;
        let newest_old = || asked.others.into_iter().max_by_key(|(proven, _)| proven.header.height);
        asked.answer.or_else(newest_old).ok_or_else(|| asked.failure.unwrap_or(ChainError::NoNodes))
    }

    fn undecodable(&self, index: usize, error: NotBase64) -> ChainError {
        ChainError::Undecodable { host: self.nodes.host(index).to_owned(), field: error.0 }
    }

    /// Checks an answer that was kept, by what is known of the validators and without a node.
    ///
    /// # Errors
    /// [`AnswerError`].
    pub fn check(&self, subject: &Subject, kept: &Bundle) -> Result<Proven, AnswerError> {
        verify_answer(&self.known.root(), subject, &kept.answer())
    }

    async fn get_from(&self, index: usize, subject: &Subject) -> Result<(Proven, Bundle), ChainError> {
        let node = self.nodes.node(index)?;
        let key = URL_SAFE_NO_PAD.encode(subject.key());
        let url = node.path(&["v1", "state", &key])?;
        let answer: ProvenState = http::json(&node.host, self.http.get(url), "a proved state").await?;
        let bundle = answer.to_bundle().map_err(|error| self.undecodable(index, error))?;
        let proven = self.verify(index, subject, &bundle).await?;
        self.nodes.saw(proven.header.height);
        Ok((proven, bundle))
    }

    /// A transaction that is in a final block, with the block's header; `None` while it is in none that a node has. That it is in a
    /// block is proved; that it is in none is a node's word. What became of it is in its receipt ([`Self::receipt`]).
    ///
    /// # Errors
    /// As [`Self::get`]; [`ChainError::UnprovenTransaction`] when a node's proof does not hold; [`ChainError::Pruned`] when it is final and
    /// no node that answers keeps its block any more.
    pub async fn transaction(&self, id: &TransactionId) -> Result<Option<(Transaction, Header)>, ChainError> {
        let asked = self.nodes.ask(|index| self.transaction_from(index, id), Option::is_some).await;
        match (asked.answer, asked.failure) {
            (Some(found), _) => Ok(found),
            // One that knows of it is heard before those that do not.
            (None, Some(pruned @ ChainError::Pruned { .. })) => Err(pruned),
            (None, _) if !asked.others.is_empty() => Ok(None),
            (None, failure) => Err(failure.unwrap_or(ChainError::NoNodes)),
        }
    }

    async fn transaction_from(&self, index: usize, id: &TransactionId) -> Result<Option<(Transaction, Header)>, ChainError> {
        let node = self.nodes.node(index)?;
        let url = node.path(&["v1", "transactions", &URL_SAFE_NO_PAD.encode(id.0)])?;
        let answer = http::json::<TransactionAnswer>(&node.host, self.http.get(url), "a proved transaction").await;
        let answer = match answer {
            Err(error) if error.status() == Some(404) => return Ok(None),
            Err(error) if error.status() == Some(Slug::Pruned.status()) => {
                return Err(ChainError::Pruned { host: node.host.clone() });
            }
            answer => answer?,
        };
        let bytes = answer.to_bytes().map_err(|error| self.undecodable(index, error))?;
        let TransactionBytes { transaction, inclusion, header, links, certificate } = &bytes;
        let proof = TransactionProof { transaction, inclusion, header, links, certificate };
        let unproven = |source| ChainError::UnprovenTransaction { host: node.host.clone(), source };
        match verify_transaction(&self.known.root(), id, &proof) {
            Err(TransactionProofError::Finality(FinalityError::UnknownEpoch(epoch))) if self.may_follow(epoch) => {
                self.follow_to(index, epoch).await?;
                verify_transaction(&self.known.root(), id, &proof).map(Some).map_err(unproven)
            }
            verified => verified.map(Some).map_err(unproven),
        }
    }

    /// The newest version of a record, proved, and what a node tells of the versions before `before` (or of all), newest first, at most
    /// `limit`: at most 100. Only the newest can be proved: it must be there, and is held to the proof; an older one is the node's word. Whoever
    /// relies on one looks at the transactions that it names ([`Self::transaction`]): who wrote it, signed, in a final block. A node that
    /// prunes is passed over for one that has older versions; where there is none, the versions end early.
    ///
    /// # Errors
    /// As [`Self::get`]; [`ChainError::Undecodable`] when the versions contradict the proof or each other.
    pub async fn history(
        &self,
        subject: &Subject,
        before: Option<u32>,
        limit: u8,
    ) -> Result<AsOf<Option<(Cell, Vec<RecordVersion>)>>, ChainError> {
        let proven = self.get(subject).await?;
        let Some(cell) = proven.cell else { return Ok(as_of(&proven, None)) };
        let asked = self.nodes.ask(|index| self.history_from(index, subject, before, limit, &cell), |(_, pruned)| !pruned).await;
        let longest = || asked.others.into_iter().max_by_key(|(versions, _)| versions.len());
        let (versions, _) = asked.answer.or_else(longest).ok_or_else(|| asked.failure.unwrap_or(ChainError::NoNodes))?;
        Ok(as_of(&proven, Some((cell, versions))))
    }

    async fn history_from(
        &self,
        index: usize,
        subject: &Subject,
        before: Option<u32>,
        limit: u8,
        newest: &Cell,
    ) -> Result<(Vec<RecordVersion>, bool), ChainError> {
        let node = self.nodes.node(index)?;
        let mut url = node.path(&["v1", "history", &URL_SAFE_NO_PAD.encode(subject.key())])?;
        url.query_pairs_mut().append_pair("limit", &limit.to_string());
        if let Some(before) = before {
            url.query_pairs_mut().append_pair("before", &before.to_string());
        }
        let history: History = http::json(&node.host, self.http.get(url), "the history of a record").await?;
        // The newest version is proved, so a page that should have it and has neither it nor a newer one hides it or is behind.
        let newest_is_due = limit > 0 && before.is_none_or(|before| before > newest.version);
        let is_behind = newest_is_due && history.versions.iter().all(|version| version.version < newest.version);
        let descends = history.versions.is_sorted_by(|one, next| one.version > next.version);
        let in_bounds = |version: &RecordVersion| before.is_none_or(|before| version.version < before) && version.version > 0;
        let is_newest = |version: &RecordVersion| {
            let body = version.body.as_deref().map(|body| URL_SAFE_NO_PAD.decode(body).map(|body| body_hash(&body)));
            (version.status, version.created_height, version.updated_height)
                == (newest.status, newest.created_height, newest.updated_height)
                && body.is_none_or(|hash| hash.is_ok_and(|hash| hash == newest.body))
        };
        let fits = |version: &RecordVersion| {
            in_bounds(version)
                && version.created_height == newest.created_height
                && (version.version != newest.version || is_newest(version))
        };
        let hidden = is_behind && !history.pruned;
        if descends && !hidden && history.versions.len() <= usize::from(limit) && history.versions.iter().all(fits) {
            Ok((history.versions, history.pruned))
        } else {
            Err(ChainError::Undecodable { host: node.host.clone(), field: "history" })
        }
    }

    /// The newest block that can be proved now: whether the ledger is there, and how fresh it is.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn head(&self) -> Result<AsOf<()>, ChainError> {
        // Any subject will do: that there is no such transaction is proved against the newest state.
        let nothing = Subject::Transaction(TransactionId([0; 32]));
        self.get(&nothing).await.map(|proven| as_of(&proven, ()))
    }

    async fn record<T: BorshDeserialize>(&self, subject: Subject) -> Result<AsOf<Option<(Cell, T)>>, ChainError> {
        let proven = self.get(&subject).await?;
        let value = match (proven.cell, &proven.body) {
            (Some(cell), Some(body)) => {
                let record = canonical::decode(body, MAX_RECORD_BYTES).map_err(ChainError::Unreadable)?;
                Some((cell, record))
            }
            (Some(_) | None, _) => None,
        };
        Ok(as_of(&proven, value))
    }

    /// An identity: its live devices.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn identity(&self, id: &IdentityId) -> Result<AsOf<Option<(Cell, IdentityRecord)>>, ChainError> {
        self.record(Subject::Identity(*id)).await
    }

    /// An authority: its keys and accreditations.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn authority(&self, id: &AuthorityId) -> Result<AsOf<Option<(Cell, AuthorityRecord)>>, ChainError> {
        self.record(Subject::Authority(*id)).await
    }

    /// A registered website: its key and purposes.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn party(&self, id: &PartyId) -> Result<AsOf<Option<(Cell, PartyRecord)>>, ChainError> {
        self.record(Subject::Party(*id)).await
    }

    /// The registered website that has this OpenID4VP client identifier. Two answers, each proved; the party's is the newer.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn party_by_client(&self, client_id: &str) -> Result<AsOf<Option<(Cell, PartyRecord)>>, ChainError> {
        let found = self.record::<PartyId>(Subject::Client(client_id.to_owned())).await?;
        match found.value {
            Some((_, id)) => {
                let party = self.party(&id).await?;
                // A party that has changed its client identifier since is not this client any more.
                Ok(party.map(|value| value.filter(|(_, record)| record.client_id == client_id)))
            }
            None => Ok(found.map(|_| None)),
        }
    }

    /// An attestation; its status is in the cell.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn attestation(&self, id: &RecordId) -> Result<AsOf<Option<(Cell, AttestationRecord)>>, ChainError> {
        self.record(Subject::Attestation(*id)).await
    }

    /// A consent or access receipt.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn receipt_record(&self, id: &RecordId) -> Result<AsOf<Option<(Cell, NewReceipt)>>, ChainError> {
        self.record(Subject::Receipt(*id)).await
    }

    /// A batch of receipts or attestations; its items are checked with `ledger::batch`.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn batch(&self, id: &RecordId) -> Result<AsOf<Option<(Cell, BatchRecord)>>, ChainError> {
        self.record(Subject::Batch(*id)).await
    }

    /// The cell of an item of a batch, if its status was ever set: `ledger::batch::item_status` reads it.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn batch_item(&self, batch: &RecordId, index: u32) -> Result<AsOf<Option<(Cell, BatchItemRecord)>>, ChainError> {
        self.record(Subject::BatchItem { batch: *batch, index }).await
    }

    /// The one authority that is accredited for an attestation type, on a ledger with governance. Whether the accreditation is in force
    /// is the cell's status.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn accreditation(&self, attestation_type: &str) -> Result<AsOf<Option<(Cell, AccreditationRecord)>>, ChainError> {
        self.record(Subject::Accreditation(attestation_type.to_owned())).await
    }

    /// The validators of the next epoch as they stand, on a ledger with governance.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn next_validators(&self) -> Result<AsOf<Option<(Cell, ValidatorSet)>>, ChainError> {
        self.record(Subject::Validators).await
    }

    /// An anchor.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn anchor(&self, id: &RecordId) -> Result<AsOf<Option<(Cell, Anchor)>>, ChainError> {
        self.record(Subject::Anchor(*id)).await
    }
}

fn as_of<T>(proven: &Proven, value: T) -> AsOf<T> {
    AsOf { height: proven.header.height, timestamp_ms: proven.header.timestamp_ms, value }
}
