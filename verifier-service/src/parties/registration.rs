//! The registration on the ledger: checked at the start, for every login, and again when a presentation is judged.

use std::sync::{Arc, Mutex, PoisonError};

use identity::UnixSeconds;
use ledger::records::PartyRecord;
use url::Url;

use super::Party;
use crate::chain::{Chain, ChainError};
use crate::policies::{NotRegistered, Policy};

/// Seconds that a registration is kept for the login page. Presentations are judged by a fresh one.
const KEEP_SECONDS: i64 = 5;

/// How the registration differs from this set-up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// The ledger has no such party.
    #[error("this site is not registered on the ledger; its sponsor must register it")]
    Unknown,
    /// Another certificate.
    #[error("the ledger has another client identifier for this site; register the certificate in use")]
    ClientId,
    /// Another ledger key.
    #[error("the ledger has another key for this site")]
    LedgerKey,
    /// Another origin.
    #[error("the ledger has another origin for this site than its public_url")]
    Origin,
    /// The purpose does not allow what is asked for.
    #[error(transparent)]
    Purpose(#[from] NotRegistered),
}

/// Compares the registration with this set-up.
///
/// # Errors
/// The first difference.
pub fn check<'r>(
    record: Option<&'r PartyRecord>,
    party: &Party,
    public_url: &Url,
    policies: &[Policy],
) -> Result<&'r PartyRecord, Mismatch> {
    let record = record.ok_or(Mismatch::Unknown)?;
    if record.client_id != party.client_id {
        return Err(Mismatch::ClientId);
    }
    if record.ledger_key != party.ledger_public_key() {
        return Err(Mismatch::LedgerKey);
    }
    if record.origin.trim_end_matches('/') != public_url.origin().ascii_serialization() {
        return Err(Mismatch::Origin);
    }
    policies.iter().try_for_each(|policy| policy.allowed_by(record).map(|_| ()))?;
    Ok(record)
}

/// The registration as the ledger last told it.
pub struct Registry {
    chain: Arc<dyn Chain>,
    kept: Mutex<Option<(UnixSeconds, Option<PartyRecord>)>>,
}

impl Registry {
    /// Nothing known yet.
    pub fn new(chain: Arc<dyn Chain>) -> Self {
        Self { chain, kept: Mutex::new(None) }
    }

    /// The registration, at most a few seconds old.
    ///
    /// # Errors
    /// [`ChainError::Away`].
    pub async fn recent(&self, now: UnixSeconds) -> Result<Option<PartyRecord>, ChainError> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match kept {
            Some((at, record)) if (at..at.saturating_add(KEEP_SECONDS)).contains(&now) => Ok(record),
            Some(_) | None => {
                let record = self.chain.party().await?;
                *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, record.clone()));
                Ok(record)
            }
        }
    }

    /// The registration as it was last told, for words on a page; nothing is decided by it.
    pub fn known(&self) -> Option<PartyRecord> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(|(_, record)| record.clone())
    }
}
