//! Credentials in the vault: what a person sees of them, their status on the ledger, and how to kill one.

use identity::keys::Algorithm;
use identity::sd_jwt::Held;
use identity::{Localized, UnixSeconds};
use ledger::cell::{Cell, Subject};
use ledger::receipt::Refusal;
use ledger::records::{AttestationRecord, AttestationStatus, RecordId};
use ledger::transaction::{Body, Sender};
use serde::Serialize;
use serde_json::Value;

use super::{Credential, CredentialCopy, IssuanceError};
use crate::chain::{self, AsOf, LedgerError};
use crate::error::{Side, WalletError};
use crate::history::{self, Event, HistoryEntry};
use crate::identity::applied;
use crate::labels;
use crate::records::Secret32;
use crate::vault::{Table, VaultError};
use crate::wallet::Wallet;

/// Claims that say something about the credential and not about the citizen.
const TECHNICAL: [&str; 9] = ["iss", "iat", "nbf", "exp", "vct", "cnf", "status", "yufu", "_sd_alg"];

/// Whether a claim is about the credential itself.
pub(super) fn is_technical(name: &str) -> bool {
    TECHNICAL.contains(&name) || name == "vct#integrity"
}

/// A credential as a person sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CredentialView {
    /// Its id in this wallet.
    pub id: String,
    /// Its type.
    pub attestation_type: String,
    /// The type's name.
    pub type_name: Localized,
    /// The credential issuer identifier.
    pub issuer: String,
    /// The issuer's name on the ledger.
    pub issuer_name: Localized,
    /// When it was received.
    pub received_at: UnixSeconds,
    /// When it ends.
    pub valid_until: UnixSeconds,
    /// What it says about the citizen.
    pub claims: Vec<CredentialClaim>,
    /// How many copies there are.
    pub copies: usize,
    /// How many of them are in force and were never shown.
    pub copies_left: usize,
    /// Whether it can be shown now.
    pub usable: bool,
    /// Whether the issuer gives new copies without a new offer: [`Wallet::renew`].
    pub renewable: bool,
    /// The status of its first copy that is in force, or else of the first.
    pub status: AttestationStatus,
    /// The block that proved the status.
    pub as_of: Option<AsOf>,
    /// How old that is, in words.
    pub freshness: Option<Localized>,
}

/// One claim of a credential.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct CredentialClaim {
    /// Its name.
    pub name: String,
    /// Its label.
    pub label: Localized,
    /// Its value.
    pub value: String,
}

/// Without the value, which is in no log and no panic.
impl std::fmt::Debug for CredentialClaim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CredentialClaim").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A claim's value as text.
pub(crate) fn value_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The status in an attestation's cell.
pub(crate) fn status(cell: &Cell) -> Option<AttestationStatus> {
    let all = [
        AttestationStatus::Active,
        AttestationStatus::Suspended,
        AttestationStatus::Revoked,
        AttestationStatus::Superseded,
        AttestationStatus::BrokenByHolder,
    ];
    all.into_iter().find(|status| *status as u8 == cell.status)
}

impl Credential {
    pub(crate) fn view(&self, now: UnixSeconds) -> Result<CredentialView, VaultError> {
        let shown = self.copies.iter().find(|copy| copy.is_live(now)).or(self.copies.first());
        let shown = shown.ok_or(VaultError::Tampered("credentials"))?;
        let held = shown.open()?;
        let claims = held.claims().iter().filter(|(name, _)| !is_technical(name)).map(|(name, value)| CredentialClaim {
            name: name.clone(),
            label: labels::claim(name),
            value: value_text(value),
        });
        let mut claims: Vec<CredentialClaim> = claims.collect();
        claims.sort_by_key(|claim| labels::rank(&claim.name));
        Ok(CredentialView {
            id: self.id.clone(),
            attestation_type: self.attestation_type.clone(),
            type_name: labels::attestation_type(&self.attestation_type),
            issuer: self.issuer.clone(),
            issuer_name: self.issuer_name.clone(),
            received_at: self.received_at,
            valid_until: shown.valid_until,
            claims,
            copies: self.copies.len(),
            copies_left: self.copies.iter().filter(|copy| copy.is_live(now) && copy.uses == 0).count(),
            usable: shown.is_live(now),
            renewable: self.grant.as_ref().is_some_and(|grant| grant.token.refresh.is_some()),
            status: shown.status,
            as_of: Some(shown.as_of),
            freshness: Some(shown.as_of.freshness(now)),
        })
    }

    /// The copy to show next: one that was never shown; when there is none left, the last one that is in force.
    pub(crate) fn next_copy(&self, now: UnixSeconds) -> Option<usize> {
        let live = || self.copies.iter().enumerate().filter(|(_, copy)| copy.is_live(now));
        let unused = live().find(|(_, copy)| copy.uses == 0);
        unused.or_else(|| live().next_back()).map(|(number, _)| number)
    }
}

impl CredentialCopy {
    /// The holder's view. It was verified when it was received.
    pub(crate) fn open(&self) -> Result<Held, VaultError> {
        Held::open(&self.sd_jwt).map_err(|_| VaultError::Tampered("credentials"))
    }
}

impl Wallet {
    /// All credentials, newest first, with the status that the wallet last heard.
    ///
    /// # Errors
    /// [`WalletError::Vault`].
    pub fn credentials(&self) -> Result<Vec<CredentialView>, WalletError> {
        let mut credentials: Vec<Credential> = self.vault.list(Table::Credentials)?;
        credentials.sort_by_key(|credential| std::cmp::Reverse(credential.received_at));
        let now = self.now();
        credentials.iter().map(|credential| Ok(credential.view(now)?)).collect()
    }

    /// Asks the ledger for the status of every copy, and gives all credentials.
    ///
    /// # Errors
    /// [`WalletError::Ledger`], [`WalletError::Vault`].
    pub async fn refresh_credentials(&self) -> Result<Vec<CredentialView>, WalletError> {
        self.watched(Side::Ledger, Box::pin(self.refresh_credentials_story())).await
    }

    pub(crate) async fn refresh_credentials_story(&self) -> Result<Vec<CredentialView>, WalletError> {
        let credentials: Vec<Credential> = self.vault.list(Table::Credentials)?;
        for credential in credentials {
            let all: Vec<usize> = (0..credential.copies.len()).collect();
            self.refresh_copies(&credential, &all).await?;
        }
        self.credentials()
    }

    /// Asks the ledger for the status of some copies, remembers it, and gives the credential as it is then.
    pub(crate) async fn refresh_copies(&self, credential: &Credential, copies: &[usize]) -> Result<Credential, WalletError> {
        let mut heard = Vec::new();
        for number in copies {
            let Some(copy) = credential.copies.get(*number) else { continue };
            let found = chain::find::<AttestationRecord>(self.chain.as_ref(), &Subject::Attestation(copy.record)).await?;
            let status = found.record.as_ref().and_then(|(cell, _)| status(cell)).ok_or(LedgerError::Unknown)?;
            heard.push((*number, status, found.as_of));
        }
        let refreshed = self.vault.write::<_, VaultError>(|batch| {
            let current: Option<Credential> = batch.get(Table::Credentials, &credential.id)?;
            let mut current = current.ok_or(VaultError::Tampered("credentials"))?;
            for (number, status, as_of) in heard {
                if let Some(copy) = current.copies.get_mut(number) {
                    (copy.status, copy.as_of) = (status, as_of);
                }
            }
            batch.put(Table::Credentials, &current.id, &current)?;
            Ok(current)
        })?;
        Ok(refreshed)
    }

    /// Kills a credential for good: reveals the secret of each copy's lock on the ledger, by keys made for this one act, so that
    /// nothing links them to the citizen or to one another.
    ///
    /// # Errors
    /// [`IssuanceError::UnknownCredential`], [`WalletError::Ledger`]; after an error the same call goes on.
    pub async fn break_lock(&self, credential_id: &str) -> Result<CredentialView, WalletError> {
        self.watched(Side::Ledger, Box::pin(self.break_lock_story(credential_id))).await
    }

    pub(crate) async fn break_lock_story(&self, credential_id: &str) -> Result<CredentialView, WalletError> {
        let credential: Option<Credential> = self.vault.get(Table::Credentials, credential_id)?;
        let credential = credential.ok_or_else(|| IssuanceError::UnknownCredential(credential_id.to_owned()))?;
        let mut numbers = Vec::new();
        for (number, copy) in credential.copies.iter().enumerate() {
            numbers.push(number);
            if matches!(copy.status, AttestationStatus::Active | AttestationStatus::Suspended) {
                self.break_one(copy.record, &copy.lock).await?;
            }
        }
        let killed = self.refresh_copies(&credential, &numbers).await?;
        let entry = HistoryEntry {
            other_side: Some(killed.issuer_name.clone()),
            origin: Some(killed.issuer.clone()),
            attestation_type: Some(killed.attestation_type.clone()),
            ..HistoryEntry::new(self.now(), Event::CredentialKilled)
        };
        self.vault.write::<_, VaultError>(|batch| history::record(batch, &entry))?;
        Ok(killed.view(self.now())?)
    }

    /// Reveals the secret of one copy's lock.
    pub(super) async fn break_one(&self, record: RecordId, lock: &Secret32) -> Result<(), WalletError> {
        let once = Secret32::fresh_key(&self.environment, Algorithm::Ed25519);
        let once = once.key(Algorithm::Ed25519).expect("fresh_key gives keys of the algorithm");
        let body = Body::BreakLock { record, preimage: *lock.as_bytes() };
        let transaction = self.chain.prepare(&once, Sender::Key(once.public_key()), body).await?;
        match self.chain.submit(&transaction).await.and_then(|receipt| applied(receipt.outcome)) {
            // Revoked meanwhile, or killed by an earlier try.
            Ok(()) | Err(LedgerError::Refused(Refusal::StatusFinal)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
