//! Stories: withdraw a consent, ask a site to delete what it got, report a site to the department that answers for it.
//!
//! Neither OpenID4VP nor the ledger's registration names an address for any of these, so nothing is sent by itself: a statement is kept,
//! goes into the history, and is shown and exported for the citizen to hand over. Each says what is in it and to whom it may go:
//!
//! | | to | who the citizen is | signed |
//! |---|---|---|---|
//! | withdrawal, deletion | the site | the digests of the presentations, which only the site and this wallet know | no |
//! | report | the sponsoring department | the DID, which departments know | by this device's key |
//!
//! None has a value of a claim. A site never learns the DID by them.

use identity::jose::jwk::thumbprint_text;
use identity::jose::jws::{self, JwsHeader};
use identity::keys::Signer;
use identity::{Localized, UnixSeconds};
use ledger::cell::Subject;
use ledger::records::{AuthorityRecord, PartyId, PartyRecord};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::chain;
use crate::consent::ConsentRecord;
use crate::error::{Explained, Side, WalletError};
use crate::history::{self, Event, HistoryEntry};
use crate::identity::IdentityKeys;
use crate::labels::{self, moment, printable};
use crate::receipts::Receipt;
use crate::records::{base64url, fresh_id};
use crate::vault::{Table, VaultError};
use crate::wallet::Wallet;

/// `typ` of a signed report.
pub const REPORT_TYPE: &str = "yufu-report+jwt";
/// Characters of a report's reason at most.
pub const MAX_REASON_CHARACTERS: usize = 2000;

/// Why a statement was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// The history has no such consent, and nothing with such a site.
    #[error("the history knows no such consent or site")]
    Unknown,
    /// The consent never led to a release.
    #[error("nothing was shown by this consent")]
    NothingShown,
    /// A report without a reason.
    #[error("a report needs a reason")]
    NoReason,
}

impl StatementError {
    /// The error in words.
    pub fn explain(&self) -> Explained {
        let (slug, zh, en) = match self {
            Self::Unknown => (
                "statement-about-unknown",
                "记录中没有这个同意或网站。请在记录中查找。",
                "Your history knows no such consent or site. Look it up in the history.",
            ),
            Self::NothingShown => (
                "statement-nothing-shown",
                "这次同意没有向网站提供任何信息，无需撤回或删除。",
                "Nothing was shown by this consent, so there is nothing to withdraw or delete.",
            ),
            Self::NoReason => ("report-without-reason", "请写明举报的原因。", "Say why you report the site."),
        };
        Explained::new(slug, Side::You, zh, en)
    }
}

/// What a statement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatementKind {
    /// The citizen takes a consent back.
    Withdrawal,
    /// The citizen wants what was shown to be deleted.
    Deletion,
    /// The citizen reports a site.
    Report,
}

impl StatementKind {
    fn event(self) -> Event {
        match self {
            Self::Withdrawal => Event::ConsentWithdrawn,
            Self::Deletion => Event::DeletionRequested,
            Self::Report => Event::SiteReported,
        }
    }
}

/// A statement, as it is kept, shown and exported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// Its id in this wallet.
    pub id: String,
    /// What it is.
    pub kind: StatementKind,
    /// When it was made.
    pub at: UnixSeconds,
    /// Whom it is for, by name.
    pub to: Localized,
    /// The site that it is about.
    pub site: Localized,
    /// The site's origin.
    pub origin: String,
    /// The consent that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<String>,
    /// The statement in words, to be handed over.
    pub text: Localized,
    /// By what the site finds the presentations: their key binding JWTs' SHA-256, base64url.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
    /// The receipt on the ledger, base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
    /// A report as this device signed it: a JWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<String>,
    /// What was sent to whom, and what the citizen can do with it.
    pub sending: Localized,
}

/// What a statement is about.
struct About {
    consent: Option<String>,
    party: Option<PartyId>,
    site: Localized,
    origin: String,
    at: UnixSeconds,
    claims: Vec<String>,
    receipt: Option<Receipt>,
}

impl Wallet {
    /// The citizen takes a consent back.
    ///
    /// # Errors
    /// [`StatementError::Unknown`], [`StatementError::NothingShown`].
    pub fn withdraw_consent(&self, consent: &str) -> Result<Statement, WalletError> {
        self.to_the_site(StatementKind::Withdrawal, consent)
    }

    /// The citizen wants a site to delete what it was shown.
    ///
    /// # Errors
    /// As [`Self::withdraw_consent`].
    pub fn request_deletion(&self, consent: &str) -> Result<Statement, WalletError> {
        self.to_the_site(StatementKind::Deletion, consent)
    }

    /// The citizen reports a site to the department that answers for it: by a consent, or by the site's origin as the history has it.
    ///
    /// # Errors
    /// [`StatementError::Unknown`], [`StatementError::NoReason`].
    pub async fn report_site(&self, consent_or_origin: &str, reason: &str) -> Result<Statement, WalletError> {
        let reason = printable(reason.trim(), MAX_REASON_CHARACTERS);
        if reason.is_empty() {
            return Err(StatementError::NoReason.into());
        }
        let about = self.about(consent_or_origin, false)?;
        let to = self.sponsor(&about).await;
        let signed = self.sign_report(&about, &reason)?;
        let (zh, en) = about.in_words();
        let identity = if signed.is_some() { ("，并包含您的身份标识（DID）", " and your DID") } else { ("", "") };
        let statement = Statement {
            text: Localized::new(
                format!("本人举报该网站：{zh}原因：{reason}"),
                format!("I report this site: {en}Reason: {reason}"),
            ),
            sending: Localized::new(
                format!(
                    "没有自动发送。举报中有网站、时间、信息名称（没有内容）和您写的原因{}。请导出后自行交给“{}”。",
                    identity.0, to.zh
                ),
                format!(
                    "Nothing was sent. The report names the site, the time, the names of claims (no values), your reason{}. Export it and hand it to {} yourself.",
                    identity.1, to.en
                ),
            ),
            ..self.statement(StatementKind::Report, &about, to)
        };
        self.keep_statement(Statement { signed, references: Vec::new(), ..statement }, &about)
    }

    /// All statements, oldest first.
    ///
    /// # Errors
    /// [`WalletError::Vault`].
    pub fn statements(&self) -> Result<Vec<Statement>, WalletError> {
        let mut statements: Vec<Statement> = self.vault.list(Table::Statements)?;
        statements.sort_by_key(|statement| statement.at);
        Ok(statements)
    }

    fn to_the_site(&self, kind: StatementKind, consent: &str) -> Result<Statement, WalletError> {
        let about = self.about(consent, true)?;
        if about.consent.is_none() {
            return Err(StatementError::Unknown.into());
        }
        let (zh, en) = about.in_words();
        let (wish_zh, wish_en) = match kind {
            StatementKind::Withdrawal => ("本人撤回对下列使用的同意：", "I withdraw my consent to this use: "),
            StatementKind::Deletion | StatementKind::Report => ("请删除下列信息：", "Please delete what you were shown: "),
        };
        let statement = Statement {
            text: Localized::new(format!("{wish_zh}{zh}"), format!("{wish_en}{en}")),
            sending: Localized::new(
                format!(
                    "没有自动发送：网站没有登记接收地址。请通过网站（{}）自行提出；其中没有您的姓名和身份标识，网站可凭编号找到那次出示。",
                    about.origin
                ),
                format!(
                    "Nothing was sent: the site has registered no address for this. Hand it in at {} yourself. It has neither your name nor your DID; the site finds what you showed by the references.",
                    about.origin
                ),
            ),
            ..self.statement(kind, &about, about.site.clone())
        };
        self.keep_statement(statement, &about)
    }

    fn statement(&self, kind: StatementKind, about: &About, to: Localized) -> Statement {
        let digests = about.receipt.iter().flat_map(|receipt| &receipt.key_bindings);
        Statement {
            id: fresh_id(&self.environment),
            kind,
            at: self.now(),
            to,
            site: about.site.clone(),
            origin: about.origin.clone(),
            consent: about.consent.clone(),
            text: Localized::new("", ""),
            references: digests.map(|digest| base64url(&digest.0)).collect(),
            receipt: about.receipt.as_ref().map(|receipt| base64url(&receipt.opening.id.0)),
            signed: None,
            sending: Localized::new("", ""),
        }
    }

    fn keep_statement(&self, statement: Statement, about: &About) -> Result<Statement, WalletError> {
        let entry = HistoryEntry {
            other_side: Some(statement.to.clone()),
            origin: Some(about.origin.clone()),
            claims: about.claims.clone(),
            consent: about.consent.clone(),
            ..HistoryEntry::new(statement.at, statement.kind.event())
        };
        self.vault.write::<_, VaultError>(|batch| {
            batch.put(Table::Statements, &statement.id, &statement)?;
            history::record(batch, &entry)
        })?;
        Ok(statement)
    }

    /// What the history knows of a consent, by which something was shown or not, or of a site by its origin.
    fn about(&self, consent_or_origin: &str, must_be_shown: bool) -> Result<About, WalletError> {
        let history: Vec<HistoryEntry> = self.vault.list(Table::History)?;
        let by_consent: Vec<&HistoryEntry> =
            history.iter().filter(|entry| entry.consent.as_deref() == Some(consent_or_origin)).collect();
        let (entry, consent) = if by_consent.is_empty() {
            let with_site = history.iter().rev().find(|entry| entry.origin.as_deref() == Some(consent_or_origin));
            (with_site.ok_or(StatementError::Unknown)?, None)
        } else {
            let shown = by_consent.iter().find(|entry| entry.event == Event::Released);
            let asked = by_consent.last().filter(|_| !must_be_shown);
            (*shown.or(asked).ok_or(StatementError::NothingShown)?, Some(consent_or_origin.to_owned()))
        };
        let record: Option<ConsentRecord> = match &consent {
            Some(id) => self.vault.get(Table::Consents, id)?,
            None => None,
        };
        let receipt: Option<Receipt> = match &consent {
            Some(id) => self.vault.get(Table::Receipts, id)?,
            None => None,
        };
        let origin = entry.origin.clone().unwrap_or_default();
        Ok(About {
            consent,
            party: record.and_then(|record| record.party()),
            site: entry.other_side.clone().unwrap_or_else(|| Localized::new(origin.clone(), origin.clone())),
            origin,
            at: entry.at,
            claims: entry.claims.clone(),
            receipt,
        })
    }

    /// The department that answers for the site, by the ledger; or words for nobody known.
    async fn sponsor(&self, about: &About) -> Localized {
        let found = async {
            let party = chain::find::<PartyRecord>(self.chain.as_ref(), &Subject::Party(about.party?)).await.ok()?;
            let sponsor = Subject::Authority(party.record?.1.sponsor);
            let sponsor = chain::find::<AuthorityRecord>(self.chain.as_ref(), &sponsor).await.ok()?;
            sponsor.record.map(|(_, record)| record.name)
        };
        found.await.unwrap_or_else(|| Localized::new("该网站的主管部门", "the department that answers for the site"))
    }

    /// The report as this device signs it; without an identity there is none.
    fn sign_report(&self, about: &About, reason: &str) -> Result<Option<String>, WalletError> {
        let keys: Option<IdentityKeys> = self.vault.get(Table::Identity, crate::identity::KEY)?;
        let Some(keys) = keys.filter(|keys| keys.confirmed.is_some()) else { return Ok(None) };
        let (did, device) = (keys.inception.did(), self.device_signer(&keys)?);
        let kid = format!("{did}#{}", thumbprint_text(&device.public_key()));
        let payload = json!({
            "iss": did,
            "iat": self.now(),
            "jti": fresh_id(&self.environment),
            "party": about.party,
            "origin": about.origin,
            "shown_at": about.at,
            "claims": about.claims,
            "receipt": about.receipt.as_ref().map(|receipt| base64url(&receipt.opening.id.0)),
            "reason": reason,
        });
        let header = JwsHeader { kid: Some(kid), ..JwsHeader::typ(REPORT_TYPE) };
        Ok(Some(jws::sign_compact_with(&device, &header, payload.to_string().as_bytes())?))
    }
}

impl About {
    /// Site, time and names of claims.
    fn in_words(&self) -> (String, String) {
        let names: Vec<Localized> = self.claims.iter().map(|claim| labels::claim(claim)).collect();
        let zh: Vec<&str> = names.iter().map(|name| name.zh.as_str()).collect();
        let en: Vec<&str> = names.iter().map(|name| name.en.as_str()).collect();
        let (origin, at) = (&self.origin, moment(self.at));
        let (what_zh, what_en) = if names.is_empty() {
            (String::new(), String::new())
        } else {
            (format!("：{}", zh.join("、")), format!(": {}", en.join(", ")))
        };
        (format!("“{}”（{origin}），{at}{what_zh}。", self.site.zh), format!("{} ({origin}), {at}{what_en}. ", self.site.en))
    }
}
