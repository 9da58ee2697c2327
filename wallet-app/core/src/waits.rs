//! Waiting in words: after some seconds the wallet says that it is slower than usual and what it waits for; after a limit a story ends with
//! a sentence, and nothing of it is lost.
//!
//! Every single exchange has a limit of its own further down (`clients::http`, [`clients::chain::FINALITY_TIMEOUT`]). Here is the story's:
//! its steps are remembered when they are done, so that one that is given up goes on when it is called again. While the ledger is
//! asked within a story, the ledger is what is waited for.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use identity::Localized;
use identity::keys::Signer;
use ledger::cell::Subject;
use ledger::receipt::Receipt;
use ledger::transaction::{Body, Sender, Transaction};
use serde::Serialize;
use tokio::time::{Instant, timeout, timeout_at};

use crate::chain::{Chain, Fact, LedgerError};
use crate::error::{Explained, Side, WalletError};
use crate::wallet::Wallet;

/// How long the wallet waits, and when it says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// After so long it says "slower than usual", and again each time as long.
    pub slow_after: Duration,
    /// A story is given up after so long.
    pub story: Duration,
    /// One question to the ledger is given up after so long.
    pub ledger: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { slow_after: Duration::from_secs(10), story: Duration::from_secs(180), ledger: Duration::from_secs(45) }
    }
}

/// Something that takes longer than usual.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Slow {
    /// What is waited for.
    pub side: Side,
    /// Seconds since the story began.
    pub seconds: u64,
    /// When it is given up, in seconds since the story began.
    pub limit_seconds: u64,
    /// The same in words.
    pub sentence: Localized,
}

/// Hears of what takes longer than usual. It is called from within the story, and must not block.
pub type ProgressSink = Arc<dyn Fn(&Slow) + Send + Sync>;

/// A story was given up. It goes on when it is called again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("given up after {seconds} seconds")]
pub struct Waited {
    /// What was waited for.
    pub side: Side,
    /// How long.
    pub seconds: u64,
}

impl Waited {
    /// The error in words.
    pub fn explain(&self) -> Explained {
        let (who, seconds) = (self.side.name(), self.seconds);
        Explained::new(
            "waited-too-long",
            self.side,
            format!(
                "已等待 {seconds} 秒，{}仍未完成，已停止等待。已完成的步骤都已保存，请稍后重试，操作会从中断处继续。",
                who.zh
            ),
            format!(
                "The wallet waited {seconds} seconds for {} and gave up. What was done is kept; try again later, it goes on where it stopped.",
                who.en
            ),
        )
    }
}

/// What the stories of a wallet share about waiting.
#[derive(Default)]
pub(crate) struct Waits {
    patience: Mutex<Patience>,
    sink: Mutex<Option<ProgressSink>>,
    /// Questions to the ledger that are under way.
    at_the_ledger: AtomicU32,
}

impl Waits {
    fn patience(&self) -> Patience {
        *self.patience.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, slow: &Slow) {
        let sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(sink) = sink {
            sink(slow);
        }
    }

    /// What is waited for now, in a story with this side.
    fn side(&self, of_the_story: Side) -> Side {
        if self.at_the_ledger.load(Ordering::SeqCst) > 0 { Side::Ledger } else { of_the_story }
    }
}

/// Counts a question to the ledger while it lives.
struct AtTheLedger<'w>(&'w Waits);

impl<'w> AtTheLedger<'w> {
    fn enter(waits: &'w Waits) -> Self {
        waits.at_the_ledger.fetch_add(1, Ordering::SeqCst);
        Self(waits)
    }
}

impl Drop for AtTheLedger<'_> {
    fn drop(&mut self) {
        self.0.at_the_ledger.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The ledger, with a limit on each question.
pub(crate) struct PatientChain {
    inner: Arc<dyn Chain>,
    waits: Arc<Waits>,
}

impl PatientChain {
    pub(crate) fn new(inner: Arc<dyn Chain>, waits: Arc<Waits>) -> Self {
        Self { inner, waits }
    }

    async fn within<T>(
        &self,
        question: BoxFuture<'_, Result<T, LedgerError>>,
        too_late: fn(u64) -> LedgerError,
    ) -> Result<T, LedgerError> {
        let limit = self.waits.patience().ledger;
        let _asking = AtTheLedger::enter(&self.waits);
        timeout(limit, question).await.unwrap_or_else(|_| Err(too_late(limit.as_secs())))
    }
}

fn silent(waited_seconds: u64) -> LedgerError {
    LedgerError::Silent { waited_seconds }
}

fn not_final(waited_seconds: u64) -> LedgerError {
    LedgerError::NotFinal { waited_seconds }
}

impl Chain for PatientChain {
    fn read<'a>(&'a self, subject: &'a Subject) -> BoxFuture<'a, Result<Fact, LedgerError>> {
        Box::pin(self.within(self.inner.read(subject), silent))
    }

    fn check(&self, subject: &Subject, proof: &[u8]) -> Result<Fact, LedgerError> {
        self.inner.check(subject, proof)
    }

    fn prepare<'a>(
        &'a self,
        signer: &'a dyn Signer,
        sender: Sender,
        body: Body,
    ) -> BoxFuture<'a, Result<Transaction, LedgerError>> {
        Box::pin(self.within(self.inner.prepare(signer, sender, body), silent))
    }

    fn submit<'a>(&'a self, transaction: &'a Transaction) -> BoxFuture<'a, Result<Receipt, LedgerError>> {
        Box::pin(self.within(self.inner.submit(transaction), not_final))
    }
}

impl Wallet {
    /// With somebody who hears of what takes longer than usual.
    #[must_use]
    pub fn with_progress(self, sink: ProgressSink) -> Self {
        *self.waits.sink.lock().unwrap_or_else(PoisonError::into_inner) = Some(sink);
        self
    }

    /// With other limits than the default ones.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        *self.waits.patience.lock().unwrap_or_else(PoisonError::into_inner) = patience;
        self
    }

    /// Waits for a story: says when it is slow, and gives it up after the limit.
    pub(crate) async fn watched<T>(
        &self,
        side: Side,
        mut story: BoxFuture<'_, Result<T, WalletError>>,
    ) -> Result<T, WalletError> {
        let Patience { slow_after, story: limit, .. } = self.waits.patience();
        let started = Instant::now();
        let mut next = started + slow_after;
        loop {
            match timeout_at(next.min(started + limit), &mut story).await {
                Ok(ended) => return ended,
                Err(_) if Instant::now() >= started + limit => {
                    return Err(Waited { side: self.waits.side(side), seconds: limit.as_secs() }.into());
                }
                Err(_) => self.waits.say(&slow(self.waits.side(side), started.elapsed(), limit)),
            }
            next += slow_after;
        }
    }
}

fn slow(side: Side, elapsed: Duration, limit: Duration) -> Slow {
    let who = side.name();
    let (seconds, limit_seconds) = (elapsed.as_secs(), limit.as_secs());
    Slow {
        side,
        seconds,
        limit_seconds,
        sentence: Localized::new(
            format!("比平时慢：正在等待{}（已 {seconds} 秒，最多 {limit_seconds} 秒）。", who.zh),
            format!("Slower than usual: waiting for {} ({seconds} seconds so far, at most {limit_seconds}).", who.en),
        ),
    }
}
