//! Credentials that the issuer makes later (OpenID4VCI section 9): the promise is in the vault, and asked for until it is kept.

use clients::issuer::IssuerMetadata;
use identity::{Localized, UnixSeconds};
use serde::Serialize;
use wire::oid4vci::PRE_AUTHORIZED_CODE_GRANT;

use super::offer::Target;
use super::receive::entry;
use super::{CredentialView, Deferred, Issuance, IssuanceError};
use crate::attributes::Declaration;
use crate::error::{Explained, Side, WalletError};
use crate::history::{self, Event};
use crate::labels;
use crate::vault::{Table, VaultError};
use crate::wallet::Wallet;

/// The shortest and longest time between two questions, whatever the issuer says.
const INTERVAL_SECONDS: (i64, i64) = (1, 7 * 24 * 3600);
/// The time between two questions where the issuer does not say.
const DEFAULT_INTERVAL_SECONDS: u64 = 60;
/// The time until the next question to an issuer that could not be asked; it doubles each time, so many times at most.
const UNHEARD_SECONDS: i64 = 60;
const UNHEARD_DOUBLINGS: u32 = 6;
/// Bytes of a transaction's name at most.
const MAX_TRANSACTION_BYTES: usize = 2048;

/// An issuance that waits for the issuer or for the citizen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PendingIssuance {
    /// Its id in this wallet.
    pub id: String,
    /// The credential issuer identifier.
    pub issuer: String,
    /// The attestation type, where the wallet knows it.
    pub attestation_type: Option<String>,
    /// The type's name.
    pub type_name: Option<Localized>,
    /// When it began.
    pub started_at: UnixSeconds,
    /// How it stands.
    pub stage: PendingStage,
}

/// How an issuance stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum PendingStage {
    /// The citizen is to sign in with a browser.
    SigningIn,
    /// It was interrupted; the same link goes on.
    Interrupted,
    /// The issuer takes longer.
    Waiting {
        /// The next time that it is asked.
        not_before: UnixSeconds,
    },
    /// It was received when the wallet asked just now.
    Received(Box<CredentialView>),
    /// It ended without a credential when the wallet asked just now.
    Ended(Explained),
    /// The issuer could not be asked just now; the wallet asks again.
    Unheard(Explained),
}

impl Issuance {
    fn pending(&self) -> PendingIssuance {
        let stage = match (&self.deferred, &self.authorization) {
            (Some(deferred), _) => PendingStage::Waiting { not_before: deferred.not_before },
            (None, Some(_)) => PendingStage::SigningIn,
            (None, None) => PendingStage::Interrupted,
        };
        PendingIssuance {
            id: self.id.clone(),
            issuer: self.issuer.clone(),
            attestation_type: self.vct.clone(),
            type_name: self.vct.as_deref().map(labels::attestation_type),
            started_at: self.started_at,
            stage,
        }
    }
}

impl Wallet {
    /// The issuances that are not done, as the wallet last heard.
    ///
    /// # Errors
    /// [`WalletError::Vault`].
    pub fn pending_issuances(&self) -> Result<Vec<PendingIssuance>, WalletError> {
        let issuances: Vec<Issuance> = self.vault.list(Table::Issuances)?;
        Ok(issuances.iter().map(Issuance::pending).collect())
    }

    /// Asks every issuer that takes longer and whose time has come, and sends what issuers still have to hear. Gives how each
    /// issuance stands then, with those that ended now.
    ///
    /// # Errors
    /// [`WalletError::Vault`]; what an issuer answers is in the views.
    pub async fn poll_issuances(&self) -> Result<Vec<PendingIssuance>, WalletError> {
        self.watched(Side::Department, Box::pin(self.poll_issuances_story())).await
    }

    pub(crate) async fn poll_issuances_story(&self) -> Result<Vec<PendingIssuance>, WalletError> {
        let _one = self.issuing.lock().await;
        self.send_notices().await?;
        let issuances: Vec<Issuance> = self.vault.list(Table::Issuances)?;
        let mut views = Vec::new();
        for listed in issuances {
            // As it is now: one of the same offer may have brought a new token.
            let current: Option<Issuance> = self.vault.get(Table::Issuances, &listed.id)?;
            let Some(mut issuance) = current else { continue };
            let mut view = issuance.pending();
            let due = issuance.deferred.as_ref().is_some_and(|deferred| deferred.not_before <= self.now());
            if due {
                view.stage = self.poll(&mut issuance).await?;
            }
            views.push(view);
        }
        Ok(views)
    }

    async fn poll(&self, issuance: &mut Issuance) -> Result<PendingStage, WalletError> {
        let error = match self.resume(issuance).await {
            Ok(credential) => return Ok(PendingStage::Received(Box::new(credential))),
            Err(error) => error,
        };
        match &error {
            WalletError::Vault(_) => return Err(error),
            WalletError::Issuance(IssuanceError::Deferred { .. }) => {}
            _ => {
                let goes_on = self.postpone(&issuance.id)?;
                let explained = error.explain();
                return Ok(if goes_on { PendingStage::Unheard(explained) } else { PendingStage::Ended(explained) });
            }
        }
        Ok(issuance.pending().stage)
    }

    /// Asks an issuer that was not heard later and later; `false` where the issuance is over.
    fn postpone(&self, id: &str) -> Result<bool, VaultError> {
        self.vault.write(|batch| {
            let Some(mut issuance) = batch.get::<Issuance>(Table::Issuances, id)? else { return Ok(false) };
            if let Some(deferred) = &mut issuance.deferred {
                let pause = UNHEARD_SECONDS << deferred.unheard.min(UNHEARD_DOUBLINGS);
                deferred.not_before = self.now().saturating_add(pause);
                deferred.unheard = deferred.unheard.saturating_add(1);
            }
            batch.put(Table::Issuances, id, &issuance)?;
            Ok(true)
        })
    }

    /// When the next issuer that takes longer is to be asked by [`Self::poll_issuances`]; `None` while nothing is promised.
    ///
    /// # Errors
    /// [`WalletError::Vault`].
    pub fn next_question(&self) -> Result<Option<UnixSeconds>, WalletError> {
        let issuances: Vec<Issuance> = self.vault.list(Table::Issuances)?;
        Ok(issuances.iter().filter_map(|issuance| issuance.deferred.as_ref()).map(|deferred| deferred.not_before).min())
    }

    /// Goes on with a kept issuance that has a token.
    pub(super) async fn resume(&self, issuance: &mut Issuance) -> Result<CredentialView, WalletError> {
        let target = self.target_of(issuance).await?;
        let server = self.server(&target, issuance.server.as_deref(), PRE_AUTHORIZED_CODE_GRANT).await?;
        let access = self.access(issuance, server).await?;
        self.obtain(&access, &target, issuance).await
    }

    /// What a kept issuance is about.
    pub(super) async fn target_of(&self, issuance: &Issuance) -> Result<Target, WalletError> {
        let metadata = self.issuer_metadata(&issuance.issuer).await?;
        self.target_by(metadata, issuance)
    }

    /// The same by what the issuer says of itself.
    pub(super) fn target_by(&self, metadata: IssuerMetadata, issuance: &Issuance) -> Result<Target, WalletError> {
        let known = metadata.configurations.get(&issuance.configuration).and_then(|configuration| configuration.vct.clone());
        let vct = issuance.vct.clone().or(known);
        let vct = vct.ok_or(IssuanceError::Metadata("it describes the credential no longer"))?;
        let declaration = match &issuance.declaration {
            Some(id) => self.vault.get::<Declaration>(Table::Declarations, id)?,
            None => None,
        };
        let (issuer, configuration) = (issuance.issuer.clone(), issuance.configuration.clone());
        Ok(Target { issuer, configuration, vct, metadata, declaration })
    }

    /// Keeps the issuer's promise.
    pub(super) fn defer(
        &self,
        target: &Target,
        issuance: &mut Issuance,
        transaction_id: String,
        interval: Option<u64>,
    ) -> Result<IssuanceError, WalletError> {
        if transaction_id.is_empty() || transaction_id.len() > MAX_TRANSACTION_BYTES {
            return Err(IssuanceError::Metadata("its transaction has no usable name").into());
        }
        if target.metadata.deferred_endpoint.is_none() {
            return Err(IssuanceError::Metadata("it promises a credential and has no place to fetch it").into());
        }
        let now = self.now();
        let interval = i64::try_from(interval.unwrap_or(DEFAULT_INTERVAL_SECONDS)).unwrap_or(i64::MAX);
        let interval = interval.clamp(INTERVAL_SECONDS.0, INTERVAL_SECONDS.1);
        let since = issuance.deferred.as_ref().map_or(now, |deferred| deferred.since);
        let is_new = issuance.deferred.is_none();
        issuance.deferred = Some(Deferred { transaction_id, not_before: now.saturating_add(interval), since, unheard: 0 });
        self.vault.write::<_, VaultError>(|batch| {
            batch.put(Table::Issuances, &issuance.id, issuance)?;
            if is_new { history::record(batch, &entry(target, now, Event::IssuanceDeferred, None)) } else { Ok(()) }
        })?;
        Ok(IssuanceError::Deferred { wait_seconds: u64::try_from(interval).unwrap_or_default() })
    }

    /// What an issuer's refusal means for the issuance: some end it for good.
    pub(super) fn not_issued(&self, target: &Target, issuance: &Issuance, error: WalletError) -> Result<WalletError, VaultError> {
        let is_final = match &error {
            WalletError::Issuance(IssuanceError::Issuer(failed)) => match failed.code() {
                Some("credential_request_denied") => true,
                Some("invalid_transaction_id") => issuance.deferred.is_some(),
                Some(_) | None => false,
            },
            // No token is left to ask with, and none comes.
            WalletError::Issuance(IssuanceError::SignInAgain) => issuance.deferred.is_some(),
            _ => false,
        };
        if is_final {
            let entry = entry(target, self.now(), Event::IssuanceEnded, Some(error.slug()));
            self.vault.write::<_, VaultError>(|batch| {
                batch.remove(Table::Issuances, &issuance.id)?;
                history::record(batch, &entry)
            })?;
        }
        Ok(error)
    }

    /// Forgets an issuance that is not done, with its keys.
    ///
    /// # Errors
    /// [`IssuanceError::UnknownIssuance`].
    pub fn forget_issuance(&self, id: &str) -> Result<(), WalletError> {
        let removed = self.vault.write::<_, VaultError>(|batch| batch.remove(Table::Issuances, id))?;
        if removed { Ok(()) } else { Err(IssuanceError::UnknownIssuance.into()) }
    }
}
