//! Stories: withdraw a consent, ask a site to delete what it got, report a site to the department that answers for it.
//!
//! A statement is kept and in the history before anything is sent; then it is sent once, because the citizen said so, and again only when they
//! say so again ([`Wallet::send_statement`]). What came of it is kept with it. It can always be exported and handed over.
//!
//! | | to | who the citizen is | signed by |
//! |---|---|---|---|
//! | withdrawal, deletion | the site, at its registered origin (`wire::rights`) | whoever holds the key of the copy that was shown | that key |
//! | report | the sponsoring department, at its `issuer_url` (`wire::reports`) | the DID, which departments know | this device's key |
//!
//! None has a value of a claim. A site learns nothing by them that it did not have, the DID least of all.

mod send;

use identity::jose::jwk::thumbprint_text;
use identity::jose::jws::{self, JwsHeader};
use identity::keys::Signer;
use identity::{Localized, UnixSeconds};
use ledger::cell::Subject;
use ledger::records::{AuthorityRecord, PartyId, PartyRecord};
use serde::{Deserialize, Serialize};
use wire::reports::{self, Report};

use crate::chain::{self, LedgerError};
use crate::consent::ConsentRecord;
use crate::error::{Explained, Side, WalletError};
use crate::history::{self, Event, HistoryEntry};
use crate::identity::IdentityKeys;
use crate::labels::{self, moment, printable};
use crate::receipts::Receipt;
use crate::records::{base64url, fresh_id};
use crate::vault::{Table, VaultError};
use crate::wallet::Wallet;

pub use wire::reports::{MAX_REASON_CHARACTERS, REPORT_TYPE};

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

/// What came of a statement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatementState {
    /// It is only kept: there is nobody that it could be sent to, or no key to sign it.
    #[default]
    Kept,
    /// It has not got there: it can be sent again.
    Waiting,
    /// The other side confirmed it.
    Acknowledged,
    /// The other side did not take it.
    Refused,
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
    /// The citizen's own words in a report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What came of it.
    #[serde(default)]
    pub state: StatementState,
    /// When the other side confirmed it, by its own clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<UnixSeconds>,
    /// What the other side confirmed it with: a site's signed acknowledgement (a JWS), a department's reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// What came of it in words, and what the citizen can do.
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
    /// The citizen takes a consent back: kept, and sent to the site. Called again, it is the same statement.
    ///
    /// # Errors
    /// [`StatementError::Unknown`], [`StatementError::NothingShown`]; [`WalletError::Hardware`] and [`WalletError::Waited`], after which
    /// it is kept and can be sent again.
    pub async fn withdraw_consent(&self, consent: &str) -> Result<Statement, WalletError> {
        let statement = self.to_the_site(StatementKind::Withdrawal, consent)?;
        self.send_statement(&statement.id).await
    }

    /// The citizen wants a site to delete what it was shown.
    ///
    /// # Errors
    /// As [`Self::withdraw_consent`].
    pub async fn request_deletion(&self, consent: &str) -> Result<Statement, WalletError> {
        let statement = self.to_the_site(StatementKind::Deletion, consent)?;
        self.send_statement(&statement.id).await
    }

    /// The citizen reports a site to the department that answers for it: by a consent, or by the site's origin as the history has it.
    ///
    /// # Errors
    /// [`StatementError::Unknown`], [`StatementError::NoReason`]; else as [`Self::withdraw_consent`].
    pub async fn report_site(&self, consent_or_origin: &str, reason: &str) -> Result<Statement, WalletError> {
        let reason = printable(reason.trim(), MAX_REASON_CHARACTERS - 1);
        if reason.is_empty() {
            return Err(StatementError::NoReason.into());
        }
        let about = self.about(consent_or_origin, false)?;
        let to = self.sponsor(about.party).await.ok().flatten().map_or_else(unknown_department, |sponsor| sponsor.name);
        let (zh, en) = about.in_words();
        let statement = Statement {
            text: Localized::new(
                format!("本人举报该网站：{zh}原因：{reason}"),
                format!("I report this site: {en}Reason: {reason}"),
            ),
            references: Vec::new(),
            reason: Some(reason),
            ..self.statement(StatementKind::Report, &about, to)
        };
        // As it would be handed over; it is signed anew for whom it is sent to.
        let signed = self.sign_report(&statement, &about, None)?;
        let statement = self.keep_statement(Statement { signed, ..statement }, &about)?;
        self.send_statement(&statement.id).await
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

    /// The statement of this kind about a consent: the one that was made before, or a new one, which is kept.
    fn to_the_site(&self, kind: StatementKind, consent: &str) -> Result<Statement, WalletError> {
        let about = self.about(consent, true)?;
        if about.consent.is_none() {
            return Err(StatementError::Unknown.into());
        }
        let before = self.statements()?.into_iter().rev().find(|one| one.kind == kind && one.consent == about.consent);
        if let Some(before) = before {
            return Ok(before);
        }
        let (zh, en) = about.in_words();
        let (wish_zh, wish_en) = match kind {
            StatementKind::Withdrawal => ("本人撤回对下列使用的同意：", "I withdraw my consent to this use: "),
            StatementKind::Deletion | StatementKind::Report => ("请删除下列信息：", "Please delete what you were shown: "),
        };
        let text = Localized::new(format!("{wish_zh}{zh}"), format!("{wish_en}{en}"));
        self.keep_statement(Statement { text, ..self.statement(kind, &about, about.site.clone()) }, &about)
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
            reason: None,
            state: StatementState::Waiting,
            answered_at: None,
            answer: None,
            sending: Localized::new("已保存，尚未送达。可以再次发送。", "Kept, and not delivered yet. Send it again."),
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

    /// The department that answers for a site, by the ledger.
    async fn sponsor(&self, party: Option<PartyId>) -> Result<Option<AuthorityRecord>, LedgerError> {
        let Some(party) = party else { return Ok(None) };
        let party = chain::find::<PartyRecord>(self.chain.as_ref(), &Subject::Party(party)).await?;
        let Some((_, party)) = party.record else { return Ok(None) };
        let sponsor = chain::find::<AuthorityRecord>(self.chain.as_ref(), &Subject::Authority(party.sponsor)).await?;
        Ok(sponsor.record.map(|(_, record)| record))
    }

    /// The report as this device signs it, for whom it is; without an identity there is none.
    fn sign_report(&self, statement: &Statement, about: &About, aud: Option<String>) -> Result<Option<String>, WalletError> {
        let keys: Option<IdentityKeys> = self.vault.get(Table::Identity, crate::identity::KEY)?;
        let Some(keys) = keys.filter(|keys| keys.confirmed.is_some()) else { return Ok(None) };
        let (did, device) = (keys.inception.did(), self.device_signer(&keys)?);
        let kid = format!("{did}#{}", thumbprint_text(&device.public_key()));
        let report = Report {
            iss: did,
            aud,
            iat: self.now(),
            jti: statement.id.clone(),
            party: about.party,
            origin: about.origin.clone(),
            shown_at: about.at,
            claims: about.claims.iter().take(reports::MAX_CLAIMS).cloned().collect(),
            receipt: statement.receipt.clone(),
            reason: statement.reason.clone().unwrap_or_default(),
        };
        let payload = serde_json::to_vec(&report).expect("a report is always JSON");
        let header = JwsHeader { kid: Some(kid), ..JwsHeader::typ(REPORT_TYPE) };
        Ok(Some(jws::sign_compact_with(&device, &header, &payload)?))
    }
}

fn unknown_department() -> Localized {
    Localized::new("该网站的主管部门", "the department that answers for the site")
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
