//! Answers of the ledger that the wallet keeps of who asked it before, so that it can go on when no node can be asked.
//!
//! An answer proves what it says as of its block, and whoever decides sees how old that is. Older than [`MAX_AGE_SECONDS`] it serves for
//! nothing: a site that lost its registration since must not live on in a wallet that somebody keeps off the network.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clients::Clock;
use futures::future::BoxFuture;
use identity::UnixSeconds;
use identity::keys::Signer;
use ledger::cell::Subject;
use ledger::receipt::Receipt;
use ledger::transaction::{Body, Sender, Transaction};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::chain::{AsOf, Chain, Fact, LedgerError};
use crate::records::{base64url, base64url_bytes};
use crate::vault::{Table, Vault, VaultError};

/// How old an answer may be.
const MAX_AGE_SECONDS: u64 = 24 * 3600;
/// How long the ledger is waited for where there is an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Answers that are kept, of some two kilobytes each.
const MAX_ANSWERS: usize = 128;
/// The vault's record. One for all: a record's key is not sealed, and these would tell which sites were visited.
const RECORD: &str = "kept-answers";

/// The ledger, with what it answered before.
pub(crate) struct KeptAnswers {
    chain: Arc<dyn Chain>,
    vault: Arc<Vault>,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// `None` until it was read from the vault.
    answers: Option<BTreeMap<String, Answer>>,
    changed: bool,
    /// It was waited for in vain, and is not waited for again in this story.
    away: bool,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    heard_at: UnixSeconds,
    #[serde(with = "base64url_bytes")]
    proof: Vec<u8>,
}

/// Whether something that was proven then may be relied on without asking again.
pub(crate) fn is_recent(as_of: AsOf, now: UnixSeconds) -> bool {
    as_of.seconds_ago(now) <= MAX_AGE_SECONDS
}

/// Whether the ledger cannot be asked, which says nothing of what it would answer.
pub(crate) fn is_away(error: &LedgerError) -> bool {
    matches!(error, LedgerError::Unreachable | LedgerError::Silent { .. })
}

impl KeptAnswers {
    pub(crate) fn new(chain: Arc<dyn Chain>, vault: Arc<Vault>, clock: Clock) -> Self {
        Self { chain, vault, clock, state: Mutex::default() }
    }

    /// A story begins: the ledger is asked again, wherever it was before.
    pub(crate) fn begin(&self) {
        self.state().away = false;
    }

    /// Writes down what was heard, where it is news.
    pub(crate) fn keep(&self) -> Result<(), VaultError> {
        let mut state = self.state();
        if let Some(answers) = state.answers.as_ref().filter(|_| state.changed) {
            self.vault.write::<_, VaultError>(|batch| batch.put(Table::Identity, RECORD, answers))?;
            state.changed = false;
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The kept answer about a subject, if it still holds and is recent.
    fn kept(&self, subject: &Subject) -> Option<Fact> {
        let mut state = self.state();
        // A record that cannot be read is none: what it would have served for asks the ledger.
        let answers =
            state.answers.get_or_insert_with(|| self.vault.get(Table::Identity, RECORD).ok().flatten().unwrap_or_default());
        let proof = &answers.get(&base64url(&subject.key()))?.proof;
        self.chain.check(subject, proof).ok().filter(|fact| is_recent(fact.as_of, self.clock.now()))
    }

    fn remember(&self, subject: &Subject, fact: &Fact) {
        let mut state = self.state();
        let Some(answers) = state.answers.as_mut().filter(|_| fact.record.is_some()) else { return };
        answers.insert(base64url(&subject.key()), Answer { heard_at: self.clock.now(), proof: fact.proof.clone() });
        while answers.len() > MAX_ANSWERS {
            let oldest = answers.iter().min_by_key(|(_, answer)| answer.heard_at).map(|(key, _)| key.clone());
            oldest.and_then(|oldest| answers.remove(&oldest));
        }
        state.changed = true;
    }
}

impl Chain for KeptAnswers {
    fn read<'a>(&'a self, subject: &'a Subject) -> BoxFuture<'a, Result<Fact, LedgerError>> {
        Box::pin(async move {
            let Some(kept) = self.kept(subject) else {
                let fact = self.chain.read(subject).await?;
                self.remember(subject, &fact);
                return Ok(fact);
            };
            if self.state().away {
                return Ok(kept);
            }
            match timeout(PATIENCE, self.chain.read(subject)).await {
                Ok(Ok(fact)) => {
                    self.remember(subject, &fact);
                    Ok(fact)
                }
                Ok(Err(error)) if !is_away(&error) => Err(error),
                Ok(Err(_)) | Err(_) => {
                    self.state().away = true;
                    Ok(kept)
                }
            }
        })
    }

    fn check(&self, subject: &Subject, proof: &[u8]) -> Result<Fact, LedgerError> {
        self.chain.check(subject, proof)
    }

    fn prepare<'a>(
        &'a self,
        signer: &'a dyn Signer,
        sender: Sender,
        body: Body,
    ) -> BoxFuture<'a, Result<Transaction, LedgerError>> {
        self.chain.prepare(signer, sender, body)
    }

    fn submit<'a>(&'a self, transaction: &'a Transaction) -> BoxFuture<'a, Result<Receipt, LedgerError>> {
        self.chain.submit(transaction)
    }
}
