//! What happened, in order: claim names and never values.
//!
//! An entry is written in the same change of the vault as what it tells of.

use identity::{Localized, UnixSeconds};
use serde::{Deserialize, Serialize};

use crate::error::WalletError;
use crate::vault::{Batch, Table, VaultError};
use crate::wallet::Wallet;

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The identity is on the ledger.
    IdentityCreated,
    /// Attributes were prepared for a department; nothing left the device.
    Declared,
    /// Their commitments are on the ledger.
    Anchored,
    /// A department was asked to attest them.
    AttestationRequested,
    /// The department attested them.
    Attested,
    /// The department refused.
    AttestationRefused,
    /// A credential was received.
    CredentialReceived,
    /// New copies of a credential were received in place of the old ones.
    CredentialRenewed,
    /// An issuer makes the credential later.
    IssuanceDeferred,
    /// An issuance ended without a credential, by the issuer's word.
    IssuanceEnded,
    /// What an issuer sent was not accepted.
    CredentialRejected,
    /// A site asked for something that the wallet refused by itself.
    RequestRefused,
    /// The citizen consented; the response is on its way.
    Consented,
    /// The site took the response.
    Released,
    /// The site did not take the response.
    NotTaken,
    /// The citizen declined.
    Declined,
    /// The citizen killed a credential.
    CredentialKilled,
    /// The citizen removed a credential from this wallet.
    CredentialDeleted,
}

impl Event {
    /// The event in words.
    pub fn name(self) -> Localized {
        let (zh, en) = match self {
            Self::IdentityCreated => ("数字身份已创建", "Identity created"),
            Self::Declared => ("属性已准备（尚未离开设备）", "Attributes prepared (still on this device)"),
            Self::Anchored => ("属性指纹已上链", "Fingerprints anchored on the ledger"),
            Self::AttestationRequested => ("已向部门申请认证", "Attestation asked for"),
            Self::Attested => ("部门已认证", "Attested by the department"),
            Self::AttestationRefused => ("部门拒绝认证", "Refused by the department"),
            Self::CredentialReceived => ("凭证已接收", "Credential received"),
            Self::CredentialRenewed => ("凭证副本已更新", "Credential renewed"),
            Self::IssuanceDeferred => ("部门将稍后签发", "Credential promised for later"),
            Self::IssuanceEnded => ("部门未签发凭证", "Not issued by the department"),
            Self::CredentialRejected => ("凭证未被接受", "Credential not accepted"),
            Self::RequestRefused => ("钱包拒绝了请求", "Request refused by the wallet"),
            Self::Consented => ("您已同意", "You consented"),
            Self::Released => ("信息已提供", "Data released"),
            Self::NotTaken => ("对方未接收", "Not taken by the site"),
            Self::Declined => ("您已拒绝", "You declined"),
            Self::CredentialKilled => ("凭证已由您作废", "Credential killed by you"),
            Self::CredentialDeleted => ("凭证已从钱包删除", "Credential removed from the wallet"),
        };
        Localized::new(zh, en)
    }
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryEntry {
    /// When.
    pub at: UnixSeconds,
    /// What.
    pub event: Event,
    /// The other side's name, if it is known by a verified one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_side: Option<Localized>,
    /// The other side's origin or address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// The attestation type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attestation_type: Option<String>,
    /// Names of claims, never values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<String>,
    /// The purpose, for a release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Localized>,
    /// The consent that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<String>,
    /// The reason of a refusal or failure: a slug.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl HistoryEntry {
    /// An entry that says only what and when.
    pub(crate) fn new(at: UnixSeconds, event: Event) -> Self {
        Self {
            at,
            event,
            other_side: None,
            origin: None,
            attestation_type: None,
            claims: Vec::new(),
            purpose: None,
            consent: None,
            reason: None,
        }
    }
}

/// Adds an entry within a change.
pub(crate) fn record(batch: &mut Batch<'_>, entry: &HistoryEntry) -> Result<(), VaultError> {
    batch.append(Table::History, entry).map(drop)
}

impl Wallet {
    /// Everything that happened, oldest first.
    ///
    /// # Errors
    /// [`WalletError::Vault`].
    pub fn history(&self) -> Result<Vec<HistoryEntry>, WalletError> {
        Ok(self.vault.list(Table::History)?)
    }

    /// Adds an entry by itself.
    pub(crate) fn note(&self, entry: &HistoryEntry) -> Result<(), VaultError> {
        self.vault.write(|batch| record(batch, entry))
    }
}
