//! Following the validators: a certificate of an epoch that the client does not know makes it fetch the changes of validators from the
//! nodes, one epoch after the other, each proved by the validators before it.
//!
//! Whoever has the keys of an old quorum can prove another history. So every change is also asked of a second node, where one answers:
//! two different ones are a fork, and nothing is learned.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ledger::TrustRoot;
use ledger::cell::Subject;
use ledger::finality::FinalityError;
use ledger::proof::{AnswerError, Bundle, Proven, verify_answer};
use ledger::trust::TrustError;
use tokio::time::{Instant, timeout};
use wire::chain::ProvenState;

use super::{ChainClient, ChainError, HEDGE_DELAY};
use crate::http::{self, HttpError};

/// How long one question may spend on following epochs. What was learned is kept, and the next question goes on from there.
pub const FOLLOW_TIMEOUT: Duration = Duration::from_secs(15);

type Keep = Box<dyn Fn(&TrustRoot) + Send + Sync>;

/// What the client knows of the validators.
pub(super) struct Known {
    root: RwLock<Arc<TrustRoot>>,
    /// One follows at a time.
    turn: tokio::sync::Mutex<()>,
    keep: RwLock<Option<Keep>>,
}

impl Known {
    pub(super) fn new(root: Arc<TrustRoot>) -> Self {
        Self { root: RwLock::new(root), turn: tokio::sync::Mutex::default(), keep: RwLock::default() }
    }

    pub(super) fn root(&self) -> Arc<TrustRoot> {
        Arc::clone(&self.root.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn learn(&self, root: TrustRoot) {
        *self.root.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(root);
    }

    pub(super) fn keep_with(&self, keep: impl Fn(&TrustRoot) + Send + Sync + 'static) {
        *self.keep.write().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(keep));
    }

    fn keep(&self) {
        if let Some(keep) = &*self.keep.read().unwrap_or_else(PoisonError::into_inner) {
            keep(&self.root());
        }
    }
}

impl ChainClient {
    /// Calls `keep` with the trust root whenever it has learned an epoch, so that its owner can write [`TrustRoot::to_bytes`] to a
    /// place of their own and begin with [`TrustRoot::from_bytes`] next time. It should be quick; what it does with a failure is
    /// its own.
    #[must_use]
    pub fn with_keeper(self, keep: impl Fn(&TrustRoot) + Send + Sync + 'static) -> Self {
        self.known.keep_with(keep);
        self
    }

    /// The trust root with every epoch that the client has followed.
    pub fn followed_root(&self) -> Arc<TrustRoot> {
        self.known.root()
    }

    /// Checks a node's answer; follows the epochs up to the answer's when they are not known yet.
    pub(super) async fn verify(&self, index: usize, subject: &Subject, bundle: &Bundle) -> Result<Proven, ChainError> {
        let unproven = |source| ChainError::Unproven { host: self.nodes.host(index).to_owned(), source };
        match verify_answer(&self.known.root(), subject, &bundle.answer()) {
            Err(AnswerError::Finality(FinalityError::UnknownEpoch(epoch))) if self.may_follow(epoch) => {
                self.follow_to(index, epoch).await?;
                verify_answer(&self.known.root(), subject, &bundle.answer()).map_err(unproven)
            }
            answered => answered.map_err(unproven),
        }
    }

    /// Whether an unknown epoch is one that following leads to: not one before all that are known.
    pub(super) fn may_follow(&self, epoch: u64) -> bool {
        let root = self.known.root();
        root.genesis().governance.is_some() && epoch > root.newest_epoch()
    }

    /// Follows until an epoch is known. The node that spoke of the epoch is asked first: it must know what it relies on.
    pub(super) async fn follow_to(&self, first: usize, epoch: u64) -> Result<(), ChainError> {
        let _turn = self.known.turn.lock().await;
        let begun = self.known.root().newest_epoch();
        let deadline = Instant::now() + FOLLOW_TIMEOUT;
        let mut silent = BTreeSet::new();
        let outcome = loop {
            let known = self.known.root().newest_epoch();
            if known >= epoch {
                break Ok(());
            }
            if Instant::now() >= deadline {
                break Err(ChainError::Following { known, wanted: epoch });
            }
            if let Err(error) = self.follow_one(first, known + 1, &mut silent).await {
                break Err(error);
            }
        };
        if self.known.root().newest_epoch() > begun {
            self.known.keep();
        }
        outcome
    }

    /// Learns one epoch. Who did not answer as a witness is in `silent`, and not asked as one again.
    async fn follow_one(&self, first: usize, epoch: u64, silent: &mut BTreeSet<usize>) -> Result<(), ChainError> {
        let mut failure = None;
        for index in self.nodes.from(first) {
            let witness = self.nodes.from(index + 1).find(|other| *other != index && !silent.contains(other));
            let (learned, seen) = futures::join!(self.change_from(index, epoch), self.change_by_witness(witness, epoch));
            match (learned, seen) {
                // Two proved histories: nobody can say which is true, and nothing more is believed.
                (Ok(root), Some((other, Ok(theirs)))) if theirs != root => {
                    return Err(ChainError::Forked { host: self.nodes.host(other).to_owned(), epoch: epoch.saturating_sub(1) });
                }
                (Ok(root), seen) => {
                    silent.extend(seen.and_then(|(other, theirs)| theirs.is_err().then_some(other)));
                    self.known.learn(root);
                    return Ok(());
                }
                (Err(error), _) => failure = failure.or(Some(error)),
            }
        }
        Err(failure.unwrap_or(ChainError::NoNodes))
    }

    async fn change_by_witness(&self, witness: Option<usize>, epoch: u64) -> Option<(usize, Result<TrustRoot, ChainError>)> {
        let index = witness?;
        let late = || HttpError::TimedOut { host: self.nodes.host(index).to_owned() }.into();
        let answered = timeout(HEDGE_DELAY, self.change_from(index, epoch)).await;
        Some((index, answered.unwrap_or_else(|_| Err(late()))))
    }

    /// The root that has learned this epoch from this node.
    async fn change_from(&self, index: usize, epoch: u64) -> Result<TrustRoot, ChainError> {
        let node = self.nodes.node(index)?;
        let url = node.path(&["v1", "epochs", &epoch.to_string()])?;
        let answer: ProvenState = http::json(&node.host, self.http.get(url), "a proved change of validators").await?;
        let bundle = answer.to_bundle().map_err(|e| self.undecodable(index, e))?;
        let mut root = TrustRoot::clone(&self.known.root());
        let unproven = |source| ChainError::UnprovenEpoch { host: node.host.clone(), epoch, source };
        match root.follow(&bundle.answer()) {
            Ok(learned) if learned == epoch => Ok(root),
            // A true change, of another epoch than was asked for.
            Ok(_) => Err(unproven(TrustError::NoSet)),
            Err(TrustError::Fork(epoch)) => Err(ChainError::Forked { host: node.host.clone(), epoch }),
            Err(source) => Err(unproven(source)),
        }
    }
}
