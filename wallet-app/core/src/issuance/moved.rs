//! Credentials of another device, which a backup brought: asked for again from their issuers, all in one go; the rest is for the
//! departments' counters. The old copies are killed once new ones are here.

use identity::{Localized, UnixSeconds};
use ledger::records::{AttestationStatus, AuthorityId, RecordId};
use serde::{Deserialize, Serialize};

use super::{Credential, Grant, IssuanceError};
use crate::error::{Explained, Side, WalletError};
use crate::history::{self, Event, HistoryEntry};
use crate::labels;
use crate::records::Secret32;
use crate::recovery::RecoveryError;
use crate::vault::{Batch, Table, VaultError};
use crate::wallet::Wallet;

/// What moves of a credential. Its keys do not.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Moved {
    id: String,
    attestation_type: String,
    issuer: String,
    authority: AuthorityId,
    issuer_name: Localized,
    received_at: UnixSeconds,
    copies: Vec<MovedCopy>,
    /// How the issuer gives a new one without a new offer, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grant: Option<Grant>,
    /// A new one is here: the old copies are still to be killed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    replaced: bool,
}

/// What moves of a copy: enough to kill it, and nothing to show it with.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MovedCopy {
    record: RecordId,
    lock: Secret32,
    status: AttestationStatus,
}

impl From<&Credential> for Moved {
    fn from(credential: &Credential) -> Self {
        let copy = |copy: &super::CredentialCopy| MovedCopy { record: copy.record, lock: copy.lock.clone(), status: copy.status };
        Self {
            id: credential.id.clone(),
            attestation_type: credential.attestation_type.clone(),
            issuer: credential.issuer.clone(),
            authority: credential.authority,
            issuer_name: credential.issuer_name.clone(),
            received_at: credential.received_at,
            copies: credential.copies.iter().map(copy).collect(),
            // The wallet attestation's key belongs to the device that was attested.
            grant: credential.grant.clone().map(|grant| Grant { attested: None, ..grant }),
            replaced: false,
        }
    }
}

impl Moved {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Gives issuer and grant to `renew`.
    pub(super) fn renew_grant(&mut self, renew: impl FnOnce(&str, Option<&mut Grant>) -> bool) -> bool {
        renew(&self.issuer, self.grant.as_mut())
    }

    fn entry(&self, at: UnixSeconds, event: Event) -> HistoryEntry {
        HistoryEntry {
            other_side: Some(self.issuer_name.clone()),
            origin: Some(self.issuer.clone()),
            attestation_type: Some(self.attestation_type.clone()),
            ..HistoryEntry::new(at, event)
        }
    }

    fn view(&self, state: MovedState) -> MovedView {
        MovedView {
            id: self.id.clone(),
            attestation_type: self.attestation_type.clone(),
            type_name: labels::attestation_type(&self.attestation_type),
            issuer: self.issuer.clone(),
            issuer_name: self.issuer_name.clone(),
            state,
        }
    }

    fn state(&self) -> MovedState {
        match (&self.grant, self.replaced) {
            (_, true) => MovedState::OldCopiesLeft,
            (Some(grant), false) if grant.token.refresh.is_some() => MovedState::Renewable,
            (Some(_) | None, false) => MovedState::AskAgain,
        }
    }
}

/// A credential of another device, as a person sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MovedView {
    /// Its id, the same as on the other device.
    pub id: String,
    /// Its type.
    pub attestation_type: String,
    /// The type's name.
    pub type_name: Localized,
    /// The credential issuer identifier.
    pub issuer: String,
    /// The issuer's name on the ledger.
    pub issuer_name: Localized,
    /// How it stands.
    pub state: MovedState,
}

/// How the moving of a credential stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum MovedState {
    /// The issuer gives a new one without a new offer: [`Wallet::rebind`] asks for it.
    Renewable,
    /// Ask the department again: it gives a new one by a new offer only.
    AskAgain,
    /// A new one is here; the old copies are still to be killed on the ledger, which was away.
    OldCopiesLeft,
    /// A new one is here, and the old copies are dead.
    Done,
    /// The issuer did not give a new one just now.
    Failed(Explained),
}

impl Wallet {
    /// Credentials of another device that are still to be asked for again.
    ///
    /// # Errors
    /// [`WalletError::Vault`].
    pub fn moved_credentials(&self) -> Result<Vec<MovedView>, WalletError> {
        let moved: Vec<Moved> = self.vault.list(Table::Moved)?;
        Ok(moved.iter().map(|moved| moved.view(moved.state())).collect())
    }

    /// Asks every issuer that gives new credentials without a new offer for them, with new keys, and kills the old copies of what was
    /// received. After an error or a crash the same call goes on; what an issuer answers is in the views.
    ///
    /// # Errors
    /// [`WalletError::Vault`].
    pub async fn rebind(&self) -> Result<Vec<MovedView>, WalletError> {
        self.watched(Side::Department, Box::pin(self.rebind_story())).await
    }

    pub(crate) async fn rebind_story(&self) -> Result<Vec<MovedView>, WalletError> {
        let _one = self.issuing.lock().await;
        let mut views = Vec::new();
        for listed in self.vault.list::<Moved>(Table::Moved)? {
            // As it is now: one before it may have brought a new token.
            let Some(moved) = self.vault.get::<Moved>(Table::Moved, &listed.id)? else { continue };
            let state = self.rebind_one(&moved).await?;
            views.push(moved.view(state));
        }
        Ok(views)
    }

    async fn rebind_one(&self, moved: &Moved) -> Result<MovedState, WalletError> {
        if moved.state() == MovedState::Renewable
            && let Some(grant) = &moved.grant
        {
            let renewed = self.renew_with(&moved.id, &moved.issuer, &moved.attestation_type, moved.received_at, grant).await;
            match renewed {
                Ok(_) => {}
                Err(error @ WalletError::Vault(_)) => return Err(error),
                Err(WalletError::Issuance(IssuanceError::SignInAgain | IssuanceError::ClientAuthentication)) => {
                    return Ok(MovedState::AskAgain);
                }
                Err(error) => return Ok(MovedState::Failed(error.explain())),
            }
        } else if !moved.replaced {
            return Ok(MovedState::AskAgain);
        }
        match self.kill_old_copies(moved).await {
            Ok(()) => Ok(MovedState::Done),
            Err(error @ WalletError::Vault(_)) => Err(error),
            Err(_) => Ok(MovedState::OldCopiesLeft),
        }
    }

    /// Kills the old copies of a credential of which there is no new one: the other device is lost, and the department is asked later.
    ///
    /// # Errors
    /// [`RecoveryError::UnknownCredential`], [`WalletError::Ledger`]; after an error the same call goes on.
    pub async fn kill_moved(&self, id: &str) -> Result<(), WalletError> {
        self.watched(Side::Ledger, Box::pin(self.kill_moved_story(id))).await
    }

    pub(crate) async fn kill_moved_story(&self, id: &str) -> Result<(), WalletError> {
        let moved: Option<Moved> = self.vault.get(Table::Moved, id)?;
        self.kill_old_copies(&moved.ok_or(RecoveryError::UnknownCredential)?).await
    }

    /// Forgets a credential of another device. Its copies stay in force.
    ///
    /// # Errors
    /// [`RecoveryError::UnknownCredential`].
    pub fn forget_moved(&self, id: &str) -> Result<(), WalletError> {
        let removed = self.vault.write::<_, VaultError>(|batch| batch.remove(Table::Moved, id))?;
        if removed { Ok(()) } else { Err(RecoveryError::UnknownCredential.into()) }
    }

    async fn kill_old_copies(&self, moved: &Moved) -> Result<(), WalletError> {
        for copy in &moved.copies {
            if matches!(copy.status, AttestationStatus::Active | AttestationStatus::Suspended) {
                self.break_one(copy.record, &copy.lock).await?;
            }
        }
        Ok(self.vault.write::<_, VaultError>(|batch| {
            batch.remove(Table::Moved, &moved.id)?;
            history::record(batch, &moved.entry(self.now(), Event::OldCopiesKilled))
        })?)
    }
}

/// A credential was received: what it replaces of another device's is marked, so that the old copies are killed.
pub(super) fn mark_replaced(batch: &mut Batch<'_>, moved: Vec<Moved>, credential: &Credential) -> Result<(), VaultError> {
    let replaces = |moved: &Moved| {
        let same = moved.issuer == credential.issuer && moved.attestation_type == credential.attestation_type;
        moved.id == credential.id || same
    };
    for moved in moved.into_iter().filter(replaces) {
        batch.put(Table::Moved, &moved.id.clone(), &Moved { replaced: true, ..moved })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clients::{Clock, Environment, Random};
    use identity::keys::Algorithm;

    use super::super::{CredentialCopy, Token};
    use super::*;
    use crate::chain::AsOf;
    use crate::hardware::HeldKey;
    use crate::records::base64url;

    /// What moves of a credential can kill its copies and renew it, and cannot show it: neither a copy's key nor its SD-JWT is in it, nor
    /// the key of the wallet attestation.
    #[test]
    fn no_key_of_a_copy_moves() {
        let environment = Environment { clock: Clock::manual(0), random: Random::from_os_seed([1; 32]) };
        let fresh = || Secret32::fresh_key(&environment, Algorithm::P256);
        let copy = |_| CredentialCopy {
            sd_jwt: "the-sd-jwt".to_owned(),
            key: HeldKey::Software(fresh()),
            lock: fresh(),
            record: RecordId([7; 32]),
            valid_from: 0,
            valid_until: 1,
            uses: 0,
            status: AttestationStatus::Active,
            as_of: AsOf { height: 1, timestamp_ms: 1 },
        };
        let (dpop, attested) = (fresh(), fresh());
        let token = Token { text: "at".to_owned(), expires_at: 1, refresh: Some("the-refresh".to_owned()), identifier: None };
        let grant = Grant {
            configuration: "c".to_owned(),
            server: None,
            token,
            dpop: Some(dpop.clone()),
            attested: Some(attested.clone()),
            notification_id: None,
        };
        let credential = Credential {
            id: "id".to_owned(),
            attestation_type: "t".to_owned(),
            issuer: "https://issuer.example".to_owned(),
            authority: "a".parse().unwrap(),
            issuer_name: Localized::new("甲", "A"),
            received_at: 0,
            copies: (0..3).map(copy).collect(),
            grant: Some(grant),
        };
        let moved = serde_json::to_string(&Moved::from(&credential)).unwrap();
        let holds = |secret: &Secret32| moved.contains(&base64url(secret.as_bytes()));
        assert!(
            credential.copies.iter().all(|copy| !moved.contains(&serde_json::to_string(&copy.key).unwrap()) && holds(&copy.lock))
        );
        assert!(!moved.contains("the-sd-jwt") && !holds(&attested));
        assert!(moved.contains("the-refresh") && holds(&dpop));
    }
}
