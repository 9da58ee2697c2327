//! Storing what was received: credential, keys, history, the declaration's end and the word to the issuer, all or nothing.

use wire::oid4vci::NotificationEvent;

use super::check::Checked;
use super::moved::mark_replaced;
use super::notice::Notice;
use super::offer::Target;
use super::receive::entry;
use super::{Credential, CredentialCopy, CredentialView, Grant, Issuance, IssuanceError, Rejection};
use crate::attributes::RequestStage;
use crate::error::WalletError;
use crate::history::{self, Event, HistoryEntry};
use crate::records::fresh_id;
use crate::vault::{Table, VaultError};
use crate::wallet::Wallet;

impl Wallet {
    /// Stores a checked credential; gives the word to the issuer that is still to be sent.
    pub(super) fn store(
        &self,
        target: &Target,
        issuance: &Issuance,
        checked: Vec<(Checked, CredentialCopy)>,
        notification_id: Option<String>,
    ) -> Result<(CredentialView, Option<Notice>), WalletError> {
        let now = self.now();
        let (first, _) = checked.first().ok_or(IssuanceError::Rejected(Rejection::Count))?;
        let grant = issuance.token.clone().map(|token| Grant {
            configuration: issuance.configuration.clone(),
            server: issuance.server.clone(),
            token,
            dpop: issuance.dpop.clone(),
            attested: issuance.attested.clone(),
            notification_id: notification_id.clone(),
        });
        let credential = Credential {
            id: issuance.renews.clone().unwrap_or_else(|| fresh_id(&self.environment)),
            attestation_type: target.vct.clone(),
            issuer: target.issuer.clone(),
            authority: first.authority,
            issuer_name: first.issuer_name.clone(),
            received_at: now,
            copies: checked.into_iter().map(|(_, copy)| copy).collect(),
            grant,
        };
        let view = credential.view(now)?;
        let event = if issuance.renews.is_some() { Event::CredentialRenewed } else { Event::CredentialReceived };
        let entry = HistoryEntry {
            other_side: Some(credential.issuer_name.clone()),
            claims: view.claims.iter().map(|claim| claim.name.clone()).collect(),
            ..entry(target, now, event, None)
        };
        let notice = self.unsaved_notice(issuance, notification_id, NotificationEvent::CredentialAccepted);
        let moved = self.vault.list(Table::Moved)?;
        self.vault.write::<_, VaultError>(|batch| {
            mark_replaced(batch, moved, &credential)?;
            batch.put(Table::Credentials, &credential.id, &credential)?;
            batch.remove(Table::Issuances, &issuance.id)?;
            if let Some(mut declaration) = target.declaration.clone() {
                declaration.stage = RequestStage::Received;
                declaration.changed_at = now;
                batch.put(Table::Declarations, &declaration.id.clone(), &declaration)?;
            }
            if let Some(notice) = &notice {
                batch.put(Table::Notices, &notice.id, notice)?;
            }
            history::record(batch, &entry)
        })?;
        Ok((view, notice))
    }
}
