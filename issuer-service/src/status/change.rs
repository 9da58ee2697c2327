//! A clerk revokes, suspends or resumes the credentials of an issuance.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ledger::records::{AttestationStatus, RecordId};
use ledger::transaction::{Body, StatusChange};
use service_kit::{ApiError, Slug};

use super::store;
use crate::anchoring::outbox::{self, Purpose};
use crate::app::{Issuer, refuse};
use crate::credentials::store::{self as credentials, Progress};
use crate::failure::Failure;
use crate::staff::{self, Staff};

/// What a clerk does with the credentials of an issuance.
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

/// Changes the status: in the list at once, on the ledger through the outbox.
///
/// # Errors
/// [`Failure`]; nothing was changed then.
#[tracing::instrument(name = "status.change", skip_all, fields(issuance = id, action = action.name()))]
pub async fn change(app: &Issuer, staff: &Staff, id: &str, action: Action) -> Result<(), Failure> {
    let issuance = credentials::load(app.database.pool(), id).await?.ok_or(Slug::NotFound)?;
    if issuance.progress != Progress::Recorded {
        return Err(refuse(Slug::Conflict, "the credentials are not recorded on the ledger yet; try again in a moment"));
    }
    let Some((status, on_ledger)) = action.from_status(&issuance.status) else {
        return Err(refuse(Slug::Conflict, "the status has changed meanwhile"));
    };
    // Two changes under way could arrive in either order. Revocation need not wait: it is final, whatever comes after.
    if action != Action::Revoke && outbox::is_changing(app.database.pool(), id).await? {
        return Err(refuse(Slug::Conflict, "the last change is not final on the ledger yet; try again in a moment"));
    }
    let copies = credentials::copies(app.database.pool(), id).await?;
    let changes = copies.iter().map(|(record, ..)| read_record(record).map(|record| StatusChange { record, status: on_ledger }));
    let changes = changes.collect::<Option<Vec<_>>>().ok_or_else(|| ApiError::internal("a record id is malformed"))?;
    let to_send = app.ledger.prepare(Body::SetAttestationStatus(changes)).await?;
    let now = app.now();

    let mut transaction = app.database.begin().await?;
    if !credentials::set_status(&mut transaction, id, (&issuance.status, status), &staff.name, now).await? {
        return Err(refuse(Slug::Conflict, "the status has changed meanwhile"));
    }
    let mut lists: Vec<i64> = copies.iter().map(|(_, list, _)| *list).collect();
    lists.sort_unstable();
    lists.dedup();
    for list in lists {
        store::changed(&mut transaction, list).await?;
    }
    let (entry, event) = (app.environment.random.token(), app.environment.random.token());
    outbox::insert(&mut transaction, &entry, Purpose::Status, id, &to_send, now).await?;
    staff::store::record(&mut transaction, &event, now, &staff.name, action.name(), id).await?;
    transaction.commit().await?;
    metrics::counter!("issuer_status_changes_total", "action" => action.name()).increment(1);
    tracing::info!("the status of an issuance was changed");
    app.bell.ring();
    Ok(())
}

fn read_record(text: &str) -> Option<RecordId> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(RecordId)
}
