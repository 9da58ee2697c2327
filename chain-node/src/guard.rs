//! The vote guard: a validator's key never votes twice in a view, even when the engine's own journal of votes is gone.
//!
//! Two small files say how far this key may have voted: the *guard* outside the data folder, and the *token* inside it.
//! Both are advanced in steps ahead of the votes, so that they are not written per vote. A data folder whose token is as
//! new as the guard holds the journal of every vote, and votes go on. An older, restored, or empty one does not: then
//! this key signs nothing up to the guard's mark, which a running network passes by itself. When the guard is lost too,
//! nothing is signed until the other validators have said how far the ledger is. Refuses a guard of another key or ledger.

use crate::{
    durable::{self, FileError},
    kill_points::{self, Point},
};
use data_encoding::HEXLOWER;
use ledger::Hash;
use serde::{Deserialize, Serialize};
use std::{
    fmt::Debug,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Views that one step reserves ahead.
const STEP_VIEWS: u64 = 64;
/// The version of both files.
const FORMAT: u32 = 1;

/// A round of consensus: later epochs come after all views of earlier ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Round {
    /// The epoch.
    pub epoch: u64,
    /// The view in it.
    pub view: u64,
}

impl Round {
    /// This round and `views` more.
    #[must_use]
    pub fn plus(self, views: u64) -> Self {
        Self { view: self.view.saturating_add(views), ..self }
    }
}

/// What the guard and the token say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    format: u32,
    /// The key that votes, in hex.
    key: String,
    /// The genesis hash of the ledger that it voted for, in hex; none while it never voted.
    #[serde(default)]
    ledger: Option<String>,
    /// Counts the writings.
    #[serde(default)]
    step: u64,
    /// No vote was signed after this round.
    #[serde(default)]
    voted_through: Round,
    /// The journal beside the token knows the votes after this round only.
    #[serde(default)]
    journal_from: Round,
}

impl Record {
    fn new(key: &[u8]) -> Self {
        Self {
            format: FORMAT,
            key: HEXLOWER.encode(key),
            ledger: None,
            step: 0,
            voted_through: Round::default(),
            journal_from: Round::default(),
        }
    }

    /// No vote was signed after this round.
    pub fn voted_through(&self) -> Round {
        self.voted_through
    }
}

/// Why a guard is not used.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is not a guard.
    #[error("{} is not a vote guard that this version reads: {reason}; if it is damaged, remove it: the node then asks the network", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// It guards something else.
    #[error("{} guards another {what}; each validator key and ledger needs a guard file of its own", path.display())]
    Other {
        /// Which file.
        path: PathBuf,
        /// "key" or "ledger".
        what: &'static str,
    },
}

/// What was in the data folder when the node started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    /// Nothing: a new or wiped folder.
    Empty,
    /// Data of a version that had no guard. Its journal is believed, once.
    BeforeGuards,
    /// Data of this format.
    Current,
}

/// What the node may do when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Vote in every round after this one; the journal knows what was voted after it.
    After(Round),
    /// Vote for nothing until the other validators have said how far the ledger is.
    AskOthers,
}

/// The rule: what `guard` and the data folder's `token` allow.
pub fn decide(guard: Option<&Record>, token: Option<&Record>, data: Data) -> Start {
    match (guard, token) {
        // The folder was written no earlier than the guard: its journal is whole.
        (Some(guard), Some(token)) if guard.ledger.is_some() && token.step >= guard.step => Start::After(token.journal_from),
        (Some(guard), _) if guard.ledger.is_some() => match data {
            Data::Empty | Data::BeforeGuards | Data::Current => Start::After(guard.voted_through),
        },
        // Made with the key, and nothing here shows a vote.
        (Some(_), None) => Start::After(Round::default()),
        // A guard that knows no vote beside a folder that does.
        (Some(_), Some(_)) => Start::AskOthers,
        (None, _) => match data {
            Data::BeforeGuards => Start::After(Round::default()),
            Data::Empty | Data::Current => Start::AskOthers,
        },
    }
}

/// One of the two records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The guard, outside the data folder.
    Guard,
    /// The token, inside.
    Token,
}

/// Where the two records are kept: a node's files, or the virtual disks of a simulation.
pub trait Keep: Debug + Send + Sync {
    /// What a person finds it under.
    fn path(&self, which: Which) -> &Path;

    /// The record, or `None` when there is none.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    fn read(&self, which: Which) -> Result<Option<Vec<u8>>, FileError>;

    /// Replaces the record; when this returns the new one survives a power cut.
    ///
    /// # Errors
    /// When it cannot be written; then the old one is still there.
    fn replace(&self, which: Which, content: &[u8]) -> Result<(), FileError>;
}

/// Where the two files are.
#[derive(Debug, Clone)]
pub struct Files {
    /// The guard, outside the data folder.
    pub guard: PathBuf,
    /// The token, inside.
    pub token: PathBuf,
}

impl Keep for Files {
    fn path(&self, which: Which) -> &Path {
        match which {
            Which::Guard => &self.guard,
            Which::Token => &self.token,
        }
    }

    fn read(&self, which: Which) -> Result<Option<Vec<u8>>, FileError> {
        durable::read(self.path(which))
    }

    fn replace(&self, which: Which, content: &[u8]) -> Result<(), FileError> {
        durable::replace(self.path(which), content)
    }
}

/// Why this node does not vote now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Abstention {
    /// Guard and journal are gone, and too few validators have said how far the ledger is.
    #[error("the vote guard is lost: this node votes for nothing until the other validators have said how far the ledger is")]
    AskingOthers,
    /// The guard cannot be written.
    #[error("the vote guard cannot be advanced: {0}")]
    Unwritable(String),
    /// The operator or the node stopped voting.
    #[error("voting was stopped: {0}")]
    Stopped(String),
}

#[derive(Debug)]
struct State {
    guard: Record,
    start: Start,
    /// Votes up to here need no writing.
    reserved: Option<Round>,
    abstention: Option<Abstention>,
}

/// Decides for every signature whether it may be made.
#[derive(Debug)]
pub struct VoteGuard {
    records: Box<dyn Keep>,
    state: Mutex<State>,
}

impl VoteGuard {
    /// Reads both records.
    ///
    /// # Errors
    /// When one cannot be read, is no guard, or is of another key or ledger.
    pub fn open(records: impl Keep + 'static, ledger: &Hash, key: &[u8], data: Data) -> Result<Self, GuardError> {
        let guard = load(&records, Which::Guard, ledger, key)?;
        let token = load(&records, Which::Token, ledger, key)?;
        let start = decide(guard.as_ref(), token.as_ref(), data);
        let mut record = guard.unwrap_or_else(|| Record::new(key));
        if let Some(token) = token {
            record.step = record.step.max(token.step);
            record.voted_through = record.voted_through.max(token.voted_through);
        }
        record.ledger = Some(HEXLOWER.encode(ledger));
        let abstention = (start == Start::AskOthers).then_some(Abstention::AskingOthers);
        Ok(Self { records: Box::new(records), state: Mutex::new(State { guard: record, start, reserved: None, abstention }) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the node was allowed when it started, or since the others have answered.
    pub fn start(&self) -> Start {
        self.state().start
    }

    /// Why this node votes for nothing at all, if so.
    pub fn abstention(&self) -> Option<Abstention> {
        self.state().abstention.clone()
    }

    /// Whether a vote was allowed since the start.
    pub fn has_voted(&self) -> bool {
        self.state().reserved.is_some()
    }

    /// Whether this key may sign a vote of this round. When it may, both files say so before this returns.
    pub fn may_vote(&self, round: Round) -> bool {
        let mut state = self.state();
        let Start::After(from) = state.start else { return false };
        if round <= from || matches!(state.abstention, Some(Abstention::Stopped(_))) {
            return false;
        }
        if state.reserved.is_some_and(|reserved| round <= reserved) {
            return true;
        }
        let mut next = state.guard.clone();
        next.step += 1;
        next.voted_through = next.voted_through.max(round.plus(STEP_VIEWS));
        next.journal_from = from;
        // The token first: a folder that is ahead of the guard by an unused step is whole, one that is behind is not.
        let json = json(&next);
        let written = self.records.replace(Which::Token, &json).and_then(|()| {
            kill_points::reach(Point::GuardHalfWritten);
            self.records.replace(Which::Guard, &json)
        });
        kill_points::reach(Point::GuardWritten);
        match written {
            Ok(()) => {
                if state.reserved.is_none() {
                    tracing::info!(epoch = round.epoch, view = round.view, "this validator votes");
                }
                state.reserved = Some(next.voted_through);
                state.guard = next;
                state.abstention = None;
                true
            }
            Err(error) => {
                let text = format!("{error}: {}", error.source);
                if state.abstention.is_none() {
                    tracing::error!(cause = %text, "not voting: the vote guard cannot be advanced");
                }
                state.abstention = Some(Abstention::Unwritable(text));
                false
            }
        }
    }

    /// The others have answered: `highest` is the latest round that any of them proved, none if the ledger has no block yet.
    /// Only a node that asked is changed.
    pub fn answered(&self, highest: Option<Round>, margin_views: u64) {
        let mut state = self.state();
        if state.start == Start::AskOthers {
            let through = state.guard.voted_through;
            let from = highest.map_or(through, |highest| highest.plus(margin_views).max(through));
            tracing::warn!(epoch = from.epoch, view = from.view, "the vote guard was lost: voting begins after this round");
            state.start = Start::After(from);
            state.abstention = None;
        }
    }

    /// Stops voting for good, until the process ends.
    pub fn stop(&self, why: &str) {
        tracing::error!(why, "this validator stops voting");
        self.state().abstention = Some(Abstention::Stopped(why.to_owned()));
    }
}

fn load(records: &impl Keep, which: Which, ledger: &Hash, key: &[u8]) -> Result<Option<Record>, GuardError> {
    let Some(content) = records.read(which)? else { return Ok(None) };
    let path = records.path(which);
    let malformed = |reason: String| GuardError::Malformed { path: path.to_owned(), reason };
    let record: Record = serde_json::from_slice(&content).map_err(|error| malformed(error.to_string()))?;
    if record.format != FORMAT {
        return Err(malformed(format!("its format is {}", record.format)));
    }
    let other = |what| GuardError::Other { path: path.to_owned(), what };
    if record.key != HEXLOWER.encode(key) {
        return Err(other("key"));
    }
    if record.ledger.as_ref().is_some_and(|of| *of != HEXLOWER.encode(ledger)) {
        return Err(other("ledger"));
    }
    Ok(Some(record))
}

fn json(record: &Record) -> Vec<u8> {
    serde_json::to_vec_pretty(record).expect("a record is JSON")
}

/// The guard of a key that has never voted.
pub fn unused(key: &[u8]) -> Vec<u8> {
    json(&Record::new(key))
}

/// Writes the guard of a key that has never voted.
///
/// # Errors
/// When the file cannot be written.
pub fn create(path: &Path, key: &[u8]) -> Result<(), FileError> {
    durable::replace(path, &unused(key))
}

/// The operator's word that this key has not voted after what the data folder's journal knows: both files are made to agree.
///
/// # Errors
/// When a file cannot be read or written, or is of another key or ledger.
pub fn trust_data(files: &Files, ledger: &Hash, key: &[u8]) -> Result<Record, GuardError> {
    let guard = load(files, Which::Guard, ledger, key)?;
    let token = load(files, Which::Token, ledger, key)?;
    let known = [guard.as_ref(), token.as_ref()].into_iter().flatten();
    let mut record = Record::new(key);
    record.ledger = Some(HEXLOWER.encode(ledger));
    record.step = known.map(|record| record.step).max().unwrap_or(0) + 1;
    files.replace(Which::Token, &json(&record))?;
    files.replace(Which::Guard, &json(&record))?;
    Ok(record)
}
