//! What happened, in order: claim names and never values.
//!
//! An entry is written in the same change of the vault as what it tells of.

use identity::{Localized, UnixSeconds};
use serde::{Deserialize, Serialize};

use crate::error::WalletError;
use crate::receipts::{ReceiptProof, ReceiptView};
use crate::records::base64url;
use crate::statements::Statement;
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
    /// A request could not be opened: the site or the ledger gave no answer.
    RequestFailed,
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
    /// A site's request was shown to the citizen.
    Requested,
    /// A credential was not received now.
    IssuanceFailed,
    /// A response could not be delivered now.
    NotDelivered,
    /// A device was added to the identity.
    DeviceAdded,
    /// A device was removed from the identity.
    DeviceRemoved,
    /// This device was added to an identity by another one.
    JoinedIdentity,
    /// A backup was made.
    BackupMade,
    /// Cards were made for guardians.
    GuardianCardsMade,
    /// Words or cards, and a backup, were tried out.
    RecoveryRehearsed,
    /// This device took the identity over by the recovery secret.
    IdentityRecovered,
    /// The recovery secret was replaced.
    RecoveryRotated,
    /// Copies of a credential on another device were killed.
    OldCopiesKilled,
    /// The citizen took a consent back.
    ConsentWithdrawn,
    /// The citizen wants a site to delete what it was shown.
    DeletionRequested,
    /// The citizen reported a site.
    SiteReported,
    /// Site or department confirmed what the citizen stated.
    StatementAcknowledged,
    /// What the citizen stated could not be delivered now.
    StatementNotDelivered,
    /// Site or department refused what the citizen stated.
    StatementRefused,
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
            Self::RequestFailed => ("请求未能打开", "Request could not be opened"),
            Self::Consented => ("您已同意", "You consented"),
            Self::Released => ("信息已提供", "Data released"),
            Self::NotTaken => ("对方未接收", "Not taken by the site"),
            Self::Declined => ("您已拒绝", "You declined"),
            Self::CredentialKilled => ("凭证已由您作废", "Credential killed by you"),
            Self::CredentialDeleted => ("凭证已从钱包删除", "Credential removed from the wallet"),
            Self::Requested => ("网站请求信息", "Data asked for by a site"),
            Self::IssuanceFailed => ("暂未领取凭证", "Credential not received"),
            Self::NotDelivered => ("暂未送达网站", "Response not delivered"),
            Self::DeviceAdded => ("已添加设备", "Device added"),
            Self::DeviceRemoved => ("已移除设备", "Device removed"),
            Self::JoinedIdentity => ("此设备已加入数字身份", "This device joined the identity"),
            Self::BackupMade => ("已制作备份", "Backup made"),
            Self::GuardianCardsMade => ("已制作恢复卡", "Guardians' cards made"),
            Self::RecoveryRehearsed => ("已演练恢复", "Recovery rehearsed"),
            Self::IdentityRecovered => ("身份已恢复到此设备，其他设备已失效", "Identity recovered here; other devices are dead"),
            Self::RecoveryRotated => ("恢复密钥已更换", "Recovery secret replaced"),
            Self::OldCopiesKilled => ("另一设备上的凭证副本已作废", "Another device's copies killed"),
            Self::ConsentWithdrawn => ("您已撤回同意", "You withdrew your consent"),
            Self::DeletionRequested => ("您要求网站删除信息", "You asked for deletion"),
            Self::SiteReported => ("您举报了网站", "You reported a site"),
            Self::StatementAcknowledged => ("对方已确认您的声明", "Your statement was acknowledged"),
            Self::StatementNotDelivered => ("您的声明暂未送达", "Your statement was not delivered"),
            Self::StatementRefused => ("对方未接受您的声明", "Your statement was not accepted"),
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
    /// The attestation type of each of these claims; empty in entries that were written before it was kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claim_types: Vec<String>,
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
            claim_types: Vec::new(),
            purpose: None,
            consent: None,
            reason: None,
        }
    }
}

/// Everything to look back on, for a file of the citizen's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HistoryExport {
    /// [`EXPORT_FORMAT`].
    pub format: &'static str,
    /// When it was made.
    pub made_at: UnixSeconds,
    /// The ledger's network.
    pub network: String,
    /// The ledger's genesis, SHA-256, base64url: what receipts are checked against.
    pub ledger: String,
    /// What happened, oldest first.
    pub entries: Vec<HistoryEntry>,
    /// Receipts as they were last checked.
    pub receipts: Vec<ReceiptView>,
    /// What proves them to others.
    pub proofs: Vec<ReceiptProof>,
    /// What the citizen stated.
    pub statements: Vec<Statement>,
}

/// The format of an export.
pub const EXPORT_FORMAT: &str = "yufu-wallet-history/1";

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

    /// History, receipts and statements for a file: names of claims and never values, no key, and not the DID but in reports.
    ///
    /// # Errors
    /// [`WalletError::Vault`].
    pub fn export_history(&self) -> Result<HistoryExport, WalletError> {
        Ok(HistoryExport {
            format: EXPORT_FORMAT,
            made_at: self.now(),
            network: self.network.as_str().to_owned(),
            ledger: base64url(&self.genesis),
            entries: self.history()?,
            receipts: self.receipts()?,
            proofs: self.receipt_proofs()?,
            statements: self.statements()?,
        })
    }

    /// Adds an entry by itself.
    pub(crate) fn note(&self, entry: &HistoryEntry) -> Result<(), VaultError> {
        self.vault.write(|batch| record(batch, entry))
    }
}
