//! The ledger's client. It believes no node: every answer is a state cell with its proof, the header that the proof is against and
//! the finality certificate of that header, and `ledger` checks all of it against the genesis file.
//!
//! What a proof cannot show is that it is the newest. So every answer says as of which block and time it holds ([`AsOf`]), an answer
//! older than one that this client has already seen is taken only when no node has a newer one, and whoever decides on an
//! answer compares its time with their own clock ([`AsOf::age_ms`]).

mod error;
mod submit;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use borsh::BorshDeserialize;
use identity::canonical;
use identity::did::IdentityId;
use ledger::TrustRoot;
use ledger::cell::{Cell, Subject};
use ledger::limits::MAX_RECORD_BYTES;
use ledger::proof::{Answer, Proven, verify_answer};
use ledger::records::{AttestationRecord, AuthorityId, AuthorityRecord, IdentityRecord, PartyId, PartyRecord, RecordId};
use ledger::transaction::{Anchor, NewReceipt};
use url::Url;
use wire::chain::ProvenState;

pub use self::error::ChainError;
pub use self::submit::{EXPIRY_BLOCKS, FINALITY_TIMEOUT};
use crate::environment::{Clock, Random};
use crate::http::{self, HttpError};

/// A client of the ledger, cheap to clone.
#[derive(Clone)]
pub struct ChainClient {
    http: reqwest::Client,
    nodes: Arc<[Node]>,
    root: Arc<TrustRoot>,
    random: Random,
    seen: Arc<Seen>,
    patience: Duration,
}

struct Node {
    url: Url,
    host: String,
}

/// What the client has learned so far.
#[derive(Default)]
struct Seen {
    /// The greatest height with a certificate that was checked.
    height: AtomicU64,
    /// The node that answered last; it is asked first.
    node: AtomicUsize,
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
        let nodes = nodes.into_iter().map(|url| Node { host: http::host(&url), url }).collect();
        Self { http, nodes, root: Arc::new(root), random, seen: Arc::default(), patience: FINALITY_TIMEOUT }
    }

    /// The same client with another limit on the wait for finality than [`FINALITY_TIMEOUT`].
    pub fn with_finality_timeout(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// What the client checks against.
    pub fn trust_root(&self) -> &TrustRoot {
        &self.root
    }

    /// What the state says about a subject, proved. Nodes are asked in turn until one gives a proof that is not older than what
    /// was seen before.
    ///
    /// # Errors
    /// [`ChainError::Unreachable`] when no node answers, [`ChainError::Unproven`] when none of the answers is proved.
    pub async fn get(&self, subject: &Subject) -> Result<Proven, ChainError> {
        let mut older: Option<Proven> = None;
        let mut failure = None;
        let seen = self.seen.height.load(Ordering::Relaxed);
        for index in self.order() {
            match self.get_from(index, subject).await {
                Ok(proven) if proven.header.height >= seen => {
                    self.seen.node.store(index, Ordering::Relaxed);
                    return Ok(proven);
                }
                Ok(proven) => {
                    let newest = older.take().filter(|older| older.header.height >= proven.header.height);
                    older = Some(newest.unwrap_or(proven));
                }
                Err(e) => {
                    tracing::warn!(node = self.host(index), error = &e as &dyn std::error::Error, "a node gave no proof");
                    // A lie is worth more to whoever reads the error than a silence.
                    failure = match failure {
                        Some(kept @ ChainError::Unproven { .. }) => Some(kept),
                        Some(_) | None => Some(e),
                    };
                }
            }
        }
        older.ok_or_else(|| failure.unwrap_or(ChainError::NoNodes))
    }

    /// The nodes' indexes, the one that answered last first.
    fn order(&self) -> impl Iterator<Item = usize> + use<> {
        let count = self.nodes.len();
        let first = self.seen.node.load(Ordering::Relaxed);
        (0..count).map(move |offset| (first + offset) % count)
    }

    fn node(&self, index: usize) -> Result<&Node, ChainError> {
        self.nodes.get(index).ok_or(ChainError::NoNodes)
    }

    fn host(&self, index: usize) -> &str {
        self.nodes.get(index).map_or("?", |node| &node.host)
    }

    async fn get_from(&self, index: usize, subject: &Subject) -> Result<Proven, ChainError> {
        let node = self.node(index)?;
        let key = URL_SAFE_NO_PAD.encode(subject.key());
        let url = node.path(&["v1", "state", &key])?;
        let answer: ProvenState = http::json(&node.host, self.http.get(url), "a proved state").await?;
        let undecodable = || HttpError::Malformed { host: node.host.clone(), expected: "a proved state" };
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| undecodable());
        let (header, certificate, proof) = (decode(&answer.header)?, decode(&answer.certificate)?, decode(&answer.proof)?);
        let cell = answer.cell.as_deref().map(decode).transpose()?;
        let body = answer.body.as_deref().map(decode).transpose()?;
        let answer =
            Answer { header: &header, certificate: &certificate, cell: cell.as_deref(), body: body.as_deref(), proof: &proof };
        let proven = verify_answer(&self.root, subject, &answer)
            .map_err(|source| ChainError::Unproven { host: node.host.clone(), source })?;
        self.seen.height.fetch_max(proven.header.height, Ordering::Relaxed);
        Ok(proven)
    }

    /// The newest block that can be proved now: whether the ledger is there, and how fresh it is.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn head(&self) -> Result<AsOf<()>, ChainError> {
        // Any subject will do: that there is no such transaction is proved against the newest state.
        let nothing = Subject::Transaction(ledger::transaction::TransactionId([0; 32]));
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

impl Node {
    fn path(&self, segments: &[&str]) -> Result<Url, ChainError> {
        let mut url = self.url.clone();
        match url.path_segments_mut() {
            Ok(mut path) => {
                path.pop_if_empty().extend(segments);
            }
            Err(()) => {
                return Err(HttpError::Malformed { host: self.host.clone(), expected: "at a web address" }.into());
            }
        }
        Ok(url)
    }
}
