//! New copies of a credential without a new offer (OpenID4VCI section 13.5), and letting one go.

use identity::UnixSeconds;
use sha2::{Digest, Sha256};
use wire::oid4vci::{NotificationEvent, PRE_AUTHORIZED_CODE_GRANT};

use super::offer::Target;
use super::{Credential, CredentialView, Grant, Issuance, IssuanceError};
use crate::error::{Side, WalletError};
use crate::history::{self, Event, HistoryEntry};
use crate::records::base64url;
use crate::vault::{Table, VaultError};
use crate::wallet::Wallet;

impl Wallet {
    /// Fetches new single-use copies, with new keys, in the place of the old ones. After an error or a crash the same call goes on.
    ///
    /// # Errors
    /// [`IssuanceError::RenewalNotOffered`] where the issuer gave no refresh token, and those of [`Self::receive`].
    pub async fn renew(&self, credential_id: &str) -> Result<CredentialView, WalletError> {
        let received = self.watched(Side::Department, Box::pin(self.renew_story(credential_id))).await;
        self.note_failed_issuance(received)
    }

    pub(crate) async fn renew_story(&self, credential_id: &str) -> Result<CredentialView, WalletError> {
        let _one = self.issuing.lock().await;
        let credential = self.kept(credential_id)?;
        let grant = credential.grant.as_ref().filter(|grant| grant.token.refresh.is_some());
        let grant = grant.ok_or(IssuanceError::RenewalNotOffered)?;
        self.renew_with(&credential.id, &credential.issuer, &credential.attestation_type, credential.received_at, grant).await
    }

    /// Asks for the copies of a credential anew, by its grant.
    pub(super) async fn renew_with(
        &self,
        credential_id: &str,
        issuer: &str,
        vct: &str,
        received_at: UnixSeconds,
        grant: &Grant,
    ) -> Result<CredentialView, WalletError> {
        let metadata = self.issuer_metadata(issuer).await?;
        let target = Target {
            issuer: issuer.to_owned(),
            configuration: grant.configuration.clone(),
            vct: vct.to_owned(),
            metadata,
            declaration: None,
        };
        let server = self.server(&target, grant.server.as_deref(), PRE_AUTHORIZED_CODE_GRANT).await?;
        // One renewal at a time of what the wallet holds now: the same call again finds the same keys.
        let id = base64url(&Sha256::digest(format!("renewal {credential_id} {received_at}").as_bytes()));
        let fresh = self.fresh_issuance(id, &target, &server)?;
        let fresh = Issuance {
            token: Some(grant.token.clone()),
            dpop: grant.dpop.clone(),
            // A grant that came with a backup has none.
            attested: grant.attested.clone().or_else(|| fresh.attested.clone()),
            renews: Some(credential_id.to_owned()),
            ..fresh
        };
        let mut issuance = self.begin(fresh)?;
        let access = self.access(&issuance, server).await?;
        self.obtain(&access, &target, &mut issuance).await
    }

    /// Removes a credential with its keys from this wallet, and tells the issuer where it wants to hear that. It stays in force on
    /// the ledger: [`Self::break_lock`] kills one.
    ///
    /// # Errors
    /// [`IssuanceError::UnknownCredential`].
    pub async fn delete_credential(&self, credential_id: &str) -> Result<(), WalletError> {
        self.watched(Side::Department, Box::pin(self.delete_credential_story(credential_id))).await
    }

    pub(crate) async fn delete_credential_story(&self, credential_id: &str) -> Result<(), WalletError> {
        let credential = self.kept(credential_id)?;
        let notice = credential.grant.as_ref().and_then(|grant| {
            let issuance = Issuance {
                id: String::new(),
                issuer: credential.issuer.clone(),
                configuration: grant.configuration.clone(),
                keys: Vec::new(),
                token: Some(grant.token.clone()),
                started_at: self.now(),
                vct: None,
                server: grant.server.clone(),
                dpop: grant.dpop.clone(),
                attested: None,
                authorization: None,
                deferred: None,
                declaration: None,
                renews: None,
            };
            self.unsaved_notice(&issuance, grant.notification_id.clone(), NotificationEvent::CredentialDeleted)
        });
        let entry = HistoryEntry {
            other_side: Some(credential.issuer_name.clone()),
            origin: Some(credential.issuer.clone()),
            attestation_type: Some(credential.attestation_type.clone()),
            ..HistoryEntry::new(self.now(), Event::CredentialDeleted)
        };
        self.vault.write::<_, VaultError>(|batch| {
            batch.remove(Table::Credentials, credential_id)?;
            if let Some(notice) = &notice {
                batch.put(Table::Notices, &notice.id, notice)?;
            }
            history::record(batch, &entry)
        })?;
        self.send_notices().await
    }

    fn kept(&self, credential_id: &str) -> Result<Credential, WalletError> {
        let credential: Option<Credential> = self.vault.get(Table::Credentials, credential_id)?;
        Ok(credential.ok_or_else(|| IssuanceError::UnknownCredential(credential_id.to_owned()))?)
    }
}
