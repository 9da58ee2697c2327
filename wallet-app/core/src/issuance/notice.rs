//! Telling the issuer what became of its credentials (OpenID4VCI section 11): kept until it took the word, or will never.

use clients::issuer::Session;
use serde::{Deserialize, Serialize};
use wire::oid4vci::{Notification, NotificationEvent, PRE_AUTHORIZED_CODE_GRANT};

use super::offer::Target;
use super::session::Access;
use super::{Issuance, Token};
use crate::error::WalletError;
use crate::records::{Secret32, fresh_id};
use crate::vault::{Table, VaultError};
use crate::wallet::Wallet;

/// A word to the issuer that it has not taken yet.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Notice {
    pub(super) id: String,
    issuer: String,
    server: Option<String>,
    token: Token,
    dpop: Option<Secret32>,
    notification: Notification,
}

impl Wallet {
    /// A word to the issuer, where it wants one.
    pub(super) fn unsaved_notice(&self, issuance: &Issuance, id: Option<String>, event: NotificationEvent) -> Option<Notice> {
        Some(Notice {
            id: fresh_id(&self.environment),
            issuer: issuance.issuer.clone(),
            server: issuance.server.clone(),
            token: issuance.token.clone()?,
            dpop: issuance.dpop.clone(),
            notification: Notification { notification_id: id?, event },
        })
    }

    /// The same, kept until it is sent.
    pub(super) fn notice(
        &self,
        issuance: &Issuance,
        id: Option<String>,
        event: NotificationEvent,
    ) -> Result<Option<Notice>, VaultError> {
        let notice = self.unsaved_notice(issuance, id, event);
        if let Some(notice) = &notice {
            self.vault.write::<_, VaultError>(|batch| batch.put(Table::Notices, &notice.id, notice))?;
        }
        Ok(notice)
    }

    /// Sends a word in the session that it is about. What cannot be sent now is sent when the wallet polls.
    pub(super) async fn tell(&self, access: &Access, target: &Target, notice: Option<Notice>) -> Result<(), VaultError> {
        let Some(notice) = notice else { return Ok(()) };
        self.send_notice(&access.session, target, &notice).await
    }

    async fn send_notice(&self, session: &Session, target: &Target, notice: &Notice) -> Result<(), VaultError> {
        match session.notify(&target.metadata, &notice.token.text, &notice.notification).await {
            Err(error) if error.is_temporary() => Ok(()),
            // Taken, or refused for good: the credential does not depend on it.
            Ok(()) | Err(_) => self.drop_notice(&notice.id),
        }
    }

    fn drop_notice(&self, id: &str) -> Result<(), VaultError> {
        self.vault.write::<_, VaultError>(|batch| batch.remove(Table::Notices, id).map(drop))
    }

    /// Sends what an earlier session could not.
    pub(super) async fn send_notices(&self) -> Result<(), WalletError> {
        let notices: Vec<Notice> = self.vault.list(Table::Notices)?;
        for notice in notices {
            if notice.token.expires_at <= self.now() {
                self.drop_notice(&notice.id)?;
                continue;
            }
            // An issuer that is away now is asked another time.
            if let Ok((session, target)) = self.notice_session(&notice).await {
                self.send_notice(&session, &target, &notice).await?;
            }
        }
        Ok(())
    }

    async fn notice_session(&self, notice: &Notice) -> Result<(Session, Target), WalletError> {
        let metadata = self.issuer_metadata(&notice.issuer).await?;
        let (issuer, none) = (notice.issuer.clone(), String::new());
        let target = Target { issuer, configuration: none.clone(), vct: none, metadata, declaration: None };
        let server = self.server(&target, notice.server.as_deref(), PRE_AUTHORIZED_CODE_GRANT).await?;
        let key = notice.dpop.as_ref().map(|secret| secret.key(identity::keys::Algorithm::P256));
        let key = key.map(|key| key.ok_or(VaultError::Tampered("notices"))).transpose()?;
        Ok((Session::new(self.http.clone(), self.environment.clone(), server, key), target))
    }
}
