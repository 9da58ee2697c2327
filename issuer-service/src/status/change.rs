//! A clerk revokes, suspends or resumes a credential, or ends its renewals.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ledger::records::{AttestationStatus, RecordId};
use ledger::transaction::{Body, StatusChange, Transaction};
use service_kit::{ApiError, Slug};

use super::store;
use crate::anchoring::outbox::{self, Purpose};
use crate::app::{Issuer, refuse};
use crate::credentials::store::{self as credentials, Issuance, Progress};
use crate::failure::Failure;
use crate::renewals::store as renewals;
use crate::staff::{self, Staff};

/// The name of [`end_renewals`] in forms and in the staff's log.
pub const END_RENEWALS: &str = "end-renewals";

/// The name of [`lost_phone`] in the staff's log.
const LOST_PHONE: &str = "lost-phone";

/// What a clerk does with a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// For good.
    Revoke,
    /// For now.
    Suspend,
    /// Ends a suspension.
    Resume,
}

impl Action {
    /// The name in forms and in the staff's log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Revoke => "revoke",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
        }
    }

    /// From the name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Revoke, Self::Suspend, Self::Resume].into_iter().find(|action| action.name() == name)
    }

    /// The status that the action leads to from another, in the database and on the ledger; `None` where it makes no sense.
    pub fn from_status(self, status: &str) -> Option<(&'static str, AttestationStatus)> {
        match (self, status) {
            (Self::Revoke, "active" | "suspended") => Some(("revoked", AttestationStatus::Revoked)),
            (Self::Suspend, "active") => Some(("suspended", AttestationStatus::Suspended)),
            (Self::Resume, "suspended") => Some(("active", AttestationStatus::Active)),
            (Self::Revoke | Self::Suspend | Self::Resume, _) => None,
        }
    }
}

/// Changes the status of a credential, in all its copies whenever they were issued: in the list at once, on the ledger through the outbox.
/// Revoking it ends its renewals.
///
/// # Errors
/// [`Failure`]; nothing was changed then.
#[tracing::instrument(name = "status.change", skip_all, fields(issuance = id, action = action.name()))]
pub async fn change(app: &Issuer, staff: &Staff, id: &str, action: Action) -> Result<(), Failure> {
    let issuance = credentials::load(app.database.pool(), id).await?.ok_or(Slug::NotFound)?;
    let batches = credentials::batches(app.database.pool(), &issuance).await?;
    if batches.iter().all(|batch| batch.progress != Progress::Recorded) {
        return Err(refuse(Slug::Conflict, "the credentials are not recorded on the ledger yet; try again in a moment"));
    }
    let Some((status, on_ledger)) = action.from_status(&issuance.status) else { return Err(changed_meanwhile()) };
    let mut prepared = Vec::with_capacity(batches.len());
    for batch in &batches {
        // Two changes under way could arrive in either order. Revocation need not wait: it is final, whatever comes after.
        if action != Action::Revoke && outbox::is_changing(app.database.pool(), &batch.id).await? {
            return Err(refuse(Slug::Conflict, "the last change is not final on the ledger yet; try again in a moment"));
        }
        prepared.push(prepare(app, batch, on_ledger).await?);
    }
    let now = app.now();

    let mut transaction = app.database.begin().await?;
    if let Some(grant) = &issuance.grant {
        // Alone with the grant: no renewal comes between.
        renewals::take_by_offer(&mut transaction, grant, now).await?;
        if credentials::batches(&mut *transaction, &issuance).await?.len() != batches.len() {
            return Err(changed_meanwhile());
        }
        if action == Action::Revoke {
            renewals::end(&mut transaction, grant, now).await?;
        }
    }
    let mut lists = BTreeSet::new();
    for change in &prepared {
        let batch = &change.issuance;
        if !credentials::set_status(&mut transaction, batch, (&issuance.status, status), &staff.name, now).await? {
            return Err(changed_meanwhile());
        }
        let entry = app.environment.random.token();
        outbox::insert(&mut transaction, &entry, Purpose::Status, batch, &change.to_send, now).await?;
        lists.extend(&change.lists);
    }
    for list in lists {
        store::changed(&mut transaction, list).await?;
    }
    let event = app.environment.random.token();
    staff::store::record(&mut transaction, &event, now, &staff.name, action.name(), id).await?;
    transaction.commit().await?;
    metrics::counter!("issuer_status_changes_total", "action" => action.name()).increment(1);
    tracing::info!(batches = batches.len(), "the status of a credential was changed");
    app.bell.ring();
    Ok(())
}

/// A person lost their phone and came to the counter: revokes every credential that this department issued to whoever made the request, in the lists
/// at once and on the ledger within a block or two. Gives how many; asked again it does the rest.
///
/// # Errors
/// [`Failure`] when one of them cannot be revoked yet; those before it are revoked then.
#[tracing::instrument(name = "status.lost_phone", skip_all, fields(request = request))]
pub async fn lost_phone(app: &Issuer, staff: &Staff, request: &str) -> Result<usize, Failure> {
    let live = credentials::live_of_holder(app.database.pool(), request).await?;
    let mut transaction = app.database.begin().await?;
    let event = app.environment.random.token();
    staff::store::record(&mut transaction, &event, app.now(), &staff.name, LOST_PHONE, request).await?;
    transaction.commit().await?;
    for issuance in &live {
        change(app, staff, &issuance.id, Action::Revoke).await?;
    }
    Ok(live.len())
}

/// Ends the renewals of a credential; its copies stay as they are.
///
/// # Errors
/// [`Failure`]; nothing was changed then.
#[tracing::instrument(name = "status.end_renewals", skip_all, fields(issuance = id))]
pub async fn end_renewals(app: &Issuer, staff: &Staff, id: &str) -> Result<(), Failure> {
    let issuance = credentials::load(app.database.pool(), id).await?.ok_or(Slug::NotFound)?;
    let grant = issuance.grant.ok_or_else(changed_meanwhile)?;
    let now = app.now();
    let mut transaction = app.database.begin().await?;
    if !renewals::end(&mut transaction, &grant, now).await? {
        return Err(changed_meanwhile());
    }
    let event = app.environment.random.token();
    staff::store::record(&mut transaction, &event, now, &staff.name, END_RENEWALS, id).await?;
    transaction.commit().await?;
    tracing::info!("the renewals of a credential were ended");
    Ok(())
}

fn changed_meanwhile() -> Failure {
    refuse(Slug::Conflict, "the status has changed meanwhile")
}

/// A change of one issuance's copies.
struct Change {
    issuance: String,
    lists: Vec<i64>,
    to_send: Transaction,
}

async fn prepare(app: &Issuer, batch: &Issuance, status: AttestationStatus) -> Result<Change, Failure> {
    let copies = credentials::copies(app.database.pool(), &batch.id).await?;
    let changes = copies.iter().map(|(record, ..)| read_record(record).map(|record| StatusChange { record, status }));
    let changes = changes.collect::<Option<Vec<_>>>().ok_or_else(|| ApiError::internal("a record id is malformed"))?;
    let to_send = app.ledger.prepare(Body::SetAttestationStatus(changes)).await?;
    Ok(Change { issuance: batch.id.clone(), lists: copies.into_iter().map(|(_, list, _)| list).collect(), to_send })
}

fn read_record(text: &str) -> Option<RecordId> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(RecordId)
}
