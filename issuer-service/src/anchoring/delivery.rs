//! Delivery: the task that submits what is in the outbox until it is settled.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use ledger::receipt::{Outcome, Refusal};
use ledger::records::{AttestationRecord, AttestationStatus, RecordId};
use ledger::transaction::{Body, NewAttestation, Transaction};
use service_kit::Shutdown;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::outbox::{self, Pending, Purpose};
use super::{Ledger, LedgerError};
use crate::app::Issuer;
use crate::credentials;

/// How often the outbox is looked at without being told to: another process may have put something in.
const INTERVAL: Duration = Duration::from_secs(1);
/// The pause of an entry that could not be delivered.
const PAUSE: Duration = Duration::from_millis(500);
/// Entries looked at in one round.
const BATCH: i64 = 128;
/// Entries under way at once.
const CONCURRENT: usize = 64;

/// Tells the task that something is in the outbox, and those who wait that something was settled.
#[derive(Debug)]
pub struct Bell {
    waiting: Notify,
    settled: watch::Sender<u64>,
}

impl Default for Bell {
    fn default() -> Self {
        Self { waiting: Notify::new(), settled: watch::channel(0).0 }
    }
}

impl Bell {
    /// Something is in the outbox.
    pub fn ring(&self) {
        self.waiting.notify_one();
    }

    /// A receiver that changes whenever something is settled by this process.
    pub fn settled(&self) -> watch::Receiver<u64> {
        self.settled.subscribe()
    }
}

/// Why an entry is not settled yet.
#[derive(Debug, thiserror::Error)]
enum DeliveryError {
    #[error("the ledger cannot take the transaction now")]
    Ledger(#[from] LedgerError),
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// Delivers until the service ends. Each entry is under way by itself: one that the ledger keeps waiting holds up no other.
pub async fn run(app: Arc<Issuer>, shutdown: Shutdown) {
    let mut tasks = JoinSet::new();
    let mut under_way = HashSet::new();
    loop {
        if let Err(error) = start_due(&app, &mut tasks, &mut under_way).await {
            tracing::error!(error = %service_kit::problem::chain(&error), "the outbox cannot be read");
        }
        tokio::select! {
            () = app.bell.waiting.notified() => {}
            () = tokio::time::sleep(INTERVAL) => {}
            Some(Ok(done)) = tasks.join_next() => {
                under_way.remove(&done);
            }
            () = shutdown.requested() => return,
        }
    }
}

/// Starts what is pending and not under way.
async fn start_due(app: &Arc<Issuer>, tasks: &mut JoinSet<String>, under_way: &mut HashSet<String>) -> sqlx::Result<()> {
    note_backlog(app).await?;
    for entry in outbox::pending(app.database.pool(), BATCH).await? {
        if tasks.len() >= CONCURRENT {
            return Ok(());
        }
        if under_way.insert(entry.id.clone()) {
            let app = Arc::clone(app);
            tasks.spawn(async move {
                if let Err(error) = deliver(&app, &entry).await {
                    let error = service_kit::problem::chain(&error);
                    tracing::warn!(entry = entry.id, error, "a transaction is not final yet; it is tried again");
                    tokio::time::sleep(PAUSE).await;
                }
                entry.id
            });
        }
    }
    Ok(())
}

async fn note_backlog(app: &Issuer) -> sqlx::Result<()> {
    let (backlog, oldest) = outbox::backlog(app.database.pool()).await?;
    let age = oldest.map_or(0, |at| app.environment.now().saturating_sub(at).max(0));
    metrics::gauge!("issuer_outbox_pending").set(f64::from(u32::try_from(backlog).unwrap_or(u32::MAX)));
    metrics::gauge!("issuer_outbox_oldest_seconds").set(f64::from(u32::try_from(age).unwrap_or(u32::MAX)));
    Ok(())
}

async fn deliver(app: &Issuer, entry: &Pending) -> Result<(), DeliveryError> {
    let outcome = match app.ledger.submit(&entry.transaction).await {
        Ok(outcome) => outcome,
        Err(unanswered) => {
            // The node may refuse what has expired without a block: then only the proven state tells whether it was applied.
            let known = app.ledger.outcome(entry.transaction.id()).await?;
            match known.receipt {
                Some(receipt) => receipt.outcome,
                None if known.height > entry.transaction.unsigned.expiry_height => return renew(app, entry).await,
                None => return Err(unanswered.into()),
            }
        }
    };
    match outcome {
        Outcome::Applied => settle(app, entry, None).await,
        Outcome::Refused(Refusal::Expired) => renew(app, entry).await,
        Outcome::Refused(refusal) if already_done(&*app.ledger, &entry.transaction, refusal).await? => {
            settle(app, entry, None).await
        }
        Outcome::Refused(Refusal::StatusFinal) => leave_out_final(app, entry).await,
        Outcome::Refused(refusal) => {
            tracing::error!(entry = entry.id, %refusal, "the ledger refuses a transaction of this department");
            settle(app, entry, Some(refusal)).await
        }
    }
}

/// Signs the same request again. Safe, because it is proven that no block up to the old one's expiry has it; and were it otherwise, the
/// ids of its records would be taken.
async fn renew(app: &Issuer, entry: &Pending) -> Result<(), DeliveryError> {
    let renewed = app.ledger.prepare(entry.transaction.unsigned.body.clone()).await?;
    if outbox::replace(app.database.pool(), entry, &renewed).await? {
        tracing::warn!(entry = entry.id, "a transaction expired before a block took it and was signed again");
        app.bell.ring();
    }
    Ok(())
}

/// A copy that its holder killed changes no more, and the ledger takes a change of status whole or not at all: signs it again for the
/// copies that can still change.
async fn leave_out_final(app: &Issuer, entry: &Pending) -> Result<(), DeliveryError> {
    let Body::SetAttestationStatus(changes) = &entry.transaction.unsigned.body else {
        return settle(app, entry, Some(Refusal::StatusFinal)).await;
    };
    let mut open = Vec::new();
    for change in changes {
        let status = app.ledger.attestation(change.record).await?.map(|(status, _)| status);
        if matches!(status, Some(AttestationStatus::Active | AttestationStatus::Suspended)) {
            open.push(*change);
        }
    }
    if open.is_empty() {
        return settle(app, entry, None).await;
    }
    let narrowed = app.ledger.prepare(Body::SetAttestationStatus(open)).await?;
    if outbox::replace(app.database.pool(), entry, &narrowed).await? {
        app.bell.ring();
    }
    Ok(())
}

/// Whether the ledger refuses because it has exactly this already.
async fn already_done(ledger: &dyn Ledger, transaction: &Transaction, refusal: Refusal) -> Result<bool, LedgerError> {
    match (&transaction.unsigned.body, refusal) {
        (Body::RecordAttestations(new), Refusal::AlreadyExists) => recorded(ledger, new).await,
        _ => Ok(false),
    }
}

async fn recorded(ledger: &dyn Ledger, new: &[NewAttestation]) -> Result<bool, LedgerError> {
    for NewAttestation { id, record } in new {
        if !is_recorded(ledger, *id, record).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn is_recorded(ledger: &dyn Ledger, id: RecordId, record: &AttestationRecord) -> Result<bool, LedgerError> {
    Ok(ledger.attestation(id).await?.is_some_and(|(_, there)| there == *record))
}

async fn settle(app: &Issuer, entry: &Pending, refusal: Option<Refusal>) -> Result<(), DeliveryError> {
    let now = app.environment.now();
    let mut transaction = app.database.begin().await?;
    if outbox::settle(&mut transaction, &entry.id, refusal, now).await? && entry.purpose == Purpose::Recording {
        credentials::store::settle(&mut transaction, &entry.issuance, refusal.is_none()).await?;
    }
    transaction.commit().await?;
    let outcome = if refusal.is_none() { "final" } else { "refused" };
    metrics::counter!("issuer_ledger_transactions_total", "outcome" => outcome).increment(1);
    app.bell.settled.send_modify(|count| *count = count.wrapping_add(1));
    Ok(())
}
