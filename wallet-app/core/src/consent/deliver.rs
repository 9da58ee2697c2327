//! Delivering a response: the same bytes until the site acknowledged them, and then the receipt.

use std::time::Duration;

use clients::http::HttpError;
use clients::verifier::VerifierClient;
use identity::{Localized, UnixSeconds};
use ledger::records::PartyId;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use url::Url;
use wire::oid4vp::ResponseAccepted;

use super::{ConsentError, Outcome};
use crate::error::{Side, WalletError};
use crate::history::{self, Event, HistoryEntry};
use crate::receipts::Receipt;
use crate::requests::is_of_origin;
use crate::vault::{Table, VaultError};
use crate::wallet::Wallet;

/// How long one call tries. A verifier that waits for the ledger answers 503 meanwhile.
const PATIENCE: Duration = Duration::from_secs(20);
/// The shortest and longest pause between two tries.
const PAUSE: (Duration, Duration) = (Duration::from_millis(400), Duration::from_secs(3));
/// Tries without any answer.
const UNANSWERED_TRIES: u32 = 3;

/// A SHA-256 digest in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Digest32(#[serde(with = "identity::keys::base64url_array")] pub(crate) [u8; 32]);

/// A response that the site has not acknowledged.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Outgoing {
    pub(super) consent: String,
    pub(super) response_uri: Url,
    /// The encrypted response; empty for `direct_post`.
    pub(super) jwe: String,
    /// For `direct_post`: the response's parts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) fields: Vec<(String, String)>,
    pub(super) expires_at: UnixSeconds,
    /// SHA-256 of each key binding JWT: what the receipt must commit to.
    pub(super) key_bindings: Vec<Digest32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) party: Option<PartyId>,
    pub(super) name: Localized,
    pub(super) origin: String,
    pub(super) purpose: Localized,
    pub(super) claims: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) claim_types: Vec<String>,
    /// A try ended without an answer: it may have got through.
    pub(super) unclear: bool,
}

/// A response that waits, as a person sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnsentView {
    /// The consent.
    pub consent: String,
    /// The site.
    pub name: Localized,
    /// Its origin.
    pub origin: String,
    /// When the request ends.
    pub expires_at: UnixSeconds,
}

impl Outgoing {
    pub(super) fn entry(&self, at: UnixSeconds, event: Event) -> HistoryEntry {
        HistoryEntry {
            other_side: Some(self.name.clone()),
            origin: Some(self.origin.clone()),
            purpose: Some(self.purpose.clone()),
            claims: self.claims.clone(),
            claim_types: self.claim_types.clone(),
            consent: Some(self.consent.clone()),
            ..HistoryEntry::new(at, event)
        }
    }
}

impl Wallet {
    /// Responses that no site has acknowledged, those of ended requests included.
    ///
    /// # Errors
    /// [`WalletError::Vault`].
    pub fn unsent(&self) -> Result<Vec<UnsentView>, WalletError> {
        let waiting: Vec<Outgoing> = self.vault.list(Table::Outbox)?;
        let view = |outgoing: Outgoing| UnsentView {
            consent: outgoing.consent,
            name: outgoing.name,
            origin: outgoing.origin,
            expires_at: outgoing.expires_at,
        };
        Ok(waiting.into_iter().map(view).collect())
    }

    /// Sends a response again that was not acknowledged: the same bytes.
    ///
    /// # Errors
    /// [`ConsentError::NothingToSend`], and as [`Self::approve`].
    pub async fn resend(&self, consent_id: &str) -> Result<Outcome, WalletError> {
        self.watched(Side::Website, Box::pin(self.resend_story(consent_id))).await
    }

    pub(crate) async fn resend_story(&self, consent_id: &str) -> Result<Outcome, WalletError> {
        let waiting: Option<Outgoing> = self.vault.get(Table::Outbox, consent_id)?;
        let waiting = waiting.ok_or_else(|| ConsentError::NothingToSend(consent_id.to_owned()))?;
        self.deliver(waiting, Vec::new()).await
    }

    pub(super) async fn deliver(&self, mut outgoing: Outgoing, warnings: Vec<Localized>) -> Result<Outcome, WalletError> {
        if self.now() >= outgoing.expires_at {
            self.give_up(&outgoing, "request-expired")?;
            return Err(ConsentError::Expired.into());
        }
        let client = VerifierClient::new(self.http.clone());
        let give_up = Instant::now() + PATIENCE;
        let mut unanswered = 0;
        let parts = outgoing.fields.clone();
        let jwe = outgoing.jwe.clone();
        let mut fields: Vec<(&str, &str)> = parts.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        if fields.is_empty() {
            fields.push(("response", &jwe));
        }
        loop {
            let error = match client.respond(&outgoing.response_uri, &fields).await {
                Ok(accepted) => return self.delivered(outgoing, accepted, warnings).await,
                Err(error) => error,
            };
            if !error.is_temporary() {
                return Err(self.not_taken(&outgoing, error)?.into());
            }
            let answered = error.status().is_some();
            outgoing.unclear |= !answered;
            unanswered += u32::from(!answered);
            self.vault.write::<_, VaultError>(|batch| batch.put(Table::Outbox, &outgoing.consent, &outgoing))?;
            let pause = error.retry_after().unwrap_or(PAUSE.0).clamp(PAUSE.0, PAUSE.1);
            if unanswered >= UNANSWERED_TRIES || Instant::now() + pause > give_up {
                let failed = outgoing.entry(self.now(), Event::NotDelivered);
                self.note(&HistoryEntry { reason: Some(error.slug().to_owned()), ..failed })?;
                return Err(ConsentError::NotDelivered { consent: outgoing.consent, source: error }.into());
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// The site took it: the receipt is kept in the same change in which the response stops waiting, and checked afterwards.
    async fn delivered(
        &self,
        outgoing: Outgoing,
        accepted: ResponseAccepted,
        mut warnings: Vec<Localized>,
    ) -> Result<Outcome, WalletError> {
        let now = self.now();
        let receipt = accepted.yufu_receipt.map(|opening| Receipt {
            consent: outgoing.consent.clone(),
            at: now,
            party: outgoing.party,
            name: outgoing.name.clone(),
            origin: outgoing.origin.clone(),
            purpose: outgoing.purpose.clone(),
            claims: outgoing.claims.clone(),
            opening,
            key_bindings: outgoing.key_bindings.clone(),
            checked: None,
            proof: None,
        });
        self.vault.write::<_, VaultError>(|batch| {
            batch.remove(Table::Outbox, &outgoing.consent)?;
            if let Some(receipt) = &receipt {
                batch.put(Table::Receipts, &receipt.consent, receipt)?;
            }
            history::record(batch, &outgoing.entry(now, Event::Released))
        })?;
        let receipt = match receipt {
            Some(receipt) => Some(self.check_receipt(receipt).await?),
            None => {
                // Who is not on the ledger records nothing there.
                warnings.extend(outgoing.party.map(|_| no_receipt()));
                None
            }
        };
        if let Some(warning) = receipt.as_ref().and_then(|receipt| receipt.verdict.warning()) {
            warnings.push(warning);
        }
        let redirect_uri = accepted.redirect_uri.filter(|uri| is_of_origin(uri, &outgoing.origin));
        Ok(Outcome { consent: outgoing.consent, redirect_uri, receipt, warnings })
    }

    fn not_taken(&self, outgoing: &Outgoing, error: HttpError) -> Result<ConsentError, VaultError> {
        let answered_before = outgoing.unclear && matches!(error.status(), Some(409 | 410));
        self.give_up(outgoing, if answered_before { "response-unclear" } else { "response-not-taken" })?;
        Ok(if answered_before {
            ConsentError::Unclear { party: outgoing.name.clone() }
        } else {
            ConsentError::NotTaken { party: outgoing.name.clone(), source: error }
        })
    }

    fn give_up(&self, outgoing: &Outgoing, reason: &str) -> Result<(), VaultError> {
        let entry = HistoryEntry { reason: Some(reason.to_owned()), ..outgoing.entry(self.now(), Event::NotTaken) };
        self.vault.write(|batch| {
            batch.remove(Table::Outbox, &outgoing.consent)?;
            history::record(batch, &entry)
        })
    }
}

fn no_receipt() -> Localized {
    Localized::new(
        "网站没有给出回执。您可以在记录中查看，并向其主管部门反映。",
        "The site gave no receipt. The release is in your history; you can report it to the site's sponsor.",
    )
}
