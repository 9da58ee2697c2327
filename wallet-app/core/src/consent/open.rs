//! Opening: the consent screen is put together from what was verified.

use std::collections::BTreeSet;

use identity::Localized;
use identity::canonical;

use super::choose::{Choice, Showable, choose};
use super::{Chosen, ClaimToShow, Consent, ConsentRecord, ConsentView, HiddenCredential, LastTime, Selection, sentence};
use crate::error::{Side, WalletError};
use crate::history::{self, Event, HistoryEntry};
use crate::identity::IdentityError;
use crate::labels;
use crate::records::base64url;
use crate::requests::{Asker, OpenedRequest};
use crate::vault::{Table, VaultError};
use crate::wallet::Wallet;

/// A block older than this is worth a warning. An idle ledger makes one every few seconds.
const OLD_LEDGER_SECONDS: u64 = 120;
/// Context string of a consent's id.
const ID_CONTEXT: &str = "yufu/consent/id/v1";

/// What the screen says of who asks.
struct Who {
    name: Localized,
    sponsor: Localized,
    purpose: Localized,
    retention_days: Option<u32>,
    as_of: Option<crate::chain::AsOf>,
}

impl Wallet {
    /// Opens a request: fetches and verifies it, looks its party up on the ledger, chooses credentials, and gives what the citizen
    /// is to see. Nothing is sent but the fetching of the request.
    ///
    /// # Errors
    /// [`WalletError::Request`] with the reason for which the wallet refuses by itself, [`WalletError::Ledger`],
    /// [`WalletError::Scan`].
    pub async fn open(&self, link: &str) -> Result<Consent, WalletError> {
        self.watched(Side::Website, Box::pin(self.open_story(link))).await
    }

    pub(crate) async fn open_story(&self, link: &str) -> Result<Consent, WalletError> {
        let request = self.open_request(link).await?;
        if let Err(error) = self.check_this_device().await {
            self.note(&refusal(&request, self.now(), error.slug()))?;
            return Err(error);
        }
        match self.consent(&request).await {
            Ok(consent) => {
                self.note_request(&request, &consent.view)?;
                Ok(consent)
            }
            Err(error) => {
                if let WalletError::Request(_) = &error {
                    self.note(&refusal(&request, self.now(), error.slug()))?;
                }
                Err(error)
            }
        }
    }

    /// A device that was removed from the identity shows nothing: where the ledger can be asked, and the wallet has an identity.
    async fn check_this_device(&self) -> Result<(), WalletError> {
        match self.devices_story().await {
            Ok(devices) if devices.devices.iter().any(|device| device.this_device) => Ok(()),
            Ok(_) => Err(IdentityError::DeviceRemoved.into()),
            Err(WalletError::Identity(IdentityError::NotCreated) | WalletError::Ledger(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// That the request was shown, once.
    fn note_request(&self, request: &OpenedRequest, view: &ConsentView) -> Result<(), VaultError> {
        let shown = HistoryEntry {
            claims: view.claims.iter().map(|claim| claim.name.clone()).collect(),
            consent: Some(view.id.clone()),
            ..entry(request, self.now(), Event::Requested)
        };
        self.vault.write(|batch| {
            let last: Vec<HistoryEntry> = self.vault.list(Table::History)?;
            let again = last.iter().any(|one| one.event == Event::Requested && one.consent == shown.consent);
            if again { Ok(()) } else { history::record(batch, &shown) }
        })
    }

    async fn consent(&self, request: &OpenedRequest) -> Result<Consent, WalletError> {
        let (candidates, hidden) = self.candidates(request).await?;
        self.with_selection(request.clone(), (candidates, hidden), &Selection::default(), false)
    }

    /// The same request with what the citizen chose of [`ConsentView::questions`] and [`ConsentView::sets`]. Nothing is sent.
    ///
    /// # Errors
    /// [`crate::consent::ConsentError::Choice`] when the choice does not answer the request.
    pub fn select(&self, consent: &Consent, selection: &Selection) -> Result<Consent, WalletError> {
        let Consent { request, candidates, hidden, knows_unverified, .. } = consent.clone();
        self.with_selection(request, (candidates, hidden), selection, knows_unverified)
    }

    fn with_selection(
        &self,
        request: OpenedRequest,
        (candidates, hidden): (Vec<Showable>, Vec<HiddenCredential>),
        selection: &Selection,
        knows_unverified: bool,
    ) -> Result<Consent, WalletError> {
        let choice = choose(&request, &candidates, selection)?;
        let chosen = choice.chosen.clone();
        let view = ConsentView { hidden: hidden.clone(), ..self.consent_view(&request, choice)? };
        Ok(Consent { view, request, candidates, hidden, chosen, knows_unverified })
    }

    fn consent_view(&self, request: &OpenedRequest, choice: Choice) -> Result<ConsentView, WalletError> {
        let now = self.now();
        let OpenedRequest { object, asker } = request;
        let Choice { chosen, claims, questions, sets } = choice;
        let origin = request.origin();
        let last_time = self.last_time(&origin)?;
        let match_codes = object.registration.as_ref().map(|registration| registration.match_codes.clone()).unwrap_or_default();
        let who = who(asker);
        let seconds_ago = who.as_of.map_or(0, |as_of| as_of.seconds_ago(now));
        let id = id(&object.client_id, &object.nonce);
        let mut warnings = Vec::new();
        if self.vault.get::<ConsentRecord>(Table::Consents, &id)?.is_some() {
            warnings.push(sentence::answered_before());
        }
        warnings.extend(chosen.iter().filter_map(reused));
        if let Some(last) = &last_time {
            let more: Vec<&ClaimToShow> = claims.iter().filter(|claim| !last.claims.contains(&claim.name)).collect();
            if !more.is_empty() {
                warnings.push(sentence::more_than_last_time(&more));
            }
        }
        if object.encryption.is_none() {
            warnings.push(sentence::not_encrypted());
        }
        if seconds_ago > OLD_LEDGER_SECONDS {
            warnings.push(sentence::ledger_is_old(seconds_ago));
        }
        let types: BTreeSet<&str> = chosen.iter().map(|chosen| chosen.credential.attestation_type.as_str()).collect();
        let types: Vec<Localized> = types.into_iter().map(labels::attestation_type).collect();
        let transactions: Vec<Localized> = object.transactions.iter().map(|one| one.text.clone()).collect();
        let agreed = match asker {
            Asker::Registered(party) => sentence::consent(party, &claims, &types),
            Asker::Unverified { name, .. } => sentence::unverified_consent(name, &origin, &claims, &types),
        };
        let registered = asker.registered();
        Ok(ConsentView {
            id,
            party: registered.map(|party| party.record.id),
            unverified: registered.is_none().then(|| sentence::unverified(&origin)),
            name: who.name,
            origin: labels::printable(&origin, 200),
            sponsor: who.sponsor,
            purpose: who.purpose,
            retention_days: who.retention_days,
            sentence: sentence::with_transactions(agreed, &transactions),
            other_device: registered.filter(|_| !match_codes.is_empty()).map(sentence::other_device),
            match_codes,
            last_time,
            warnings,
            expires_at: object.expires_at,
            as_of: who.as_of,
            seconds_ago,
            freshness: who.as_of.map_or_else(sentence::nobody, |as_of| as_of.freshness(now)),
            claims,
            questions,
            sets,
            hidden: Vec::new(),
            transactions,
        })
    }

    /// What a site at this origin saw when something was last released to it.
    fn last_time(&self, origin: &str) -> Result<Option<LastTime>, WalletError> {
        let history: Vec<HistoryEntry> = self.vault.list(Table::History)?;
        let released = |entry: &&HistoryEntry| entry.event == Event::Released && entry.origin.as_deref() == Some(origin);
        Ok(history.iter().rev().find(released).map(|entry| LastTime {
            at: entry.at,
            claims: entry.claims.clone(),
            sentence: sentence::last_time(entry.at, &entry.claims),
        }))
    }
}

fn who(asker: &Asker) -> Who {
    match asker {
        Asker::Registered(party) => Who {
            name: sentence::shown(&party.record.name),
            sponsor: sentence::shown(&party.sponsor),
            purpose: sentence::shown(&party.purpose.text),
            retention_days: Some(party.purpose.retention_days),
            as_of: Some(party.as_of),
        },
        Asker::Unverified { name, as_of } => Who {
            name: sentence::shown(name),
            sponsor: sentence::nobody(),
            purpose: sentence::no_purpose(),
            retention_days: None,
            as_of: *as_of,
        },
    }
}

/// The consent's id follows from the request, so that answering it twice is noticed.
fn id(client_id: &str, nonce: &str) -> String {
    let hash = canonical::hash(ID_CONTEXT, &(client_id, nonce));
    base64url(hash.first_chunk::<16>().expect("a SHA-256 hash is longer than 16 bytes"))
}

fn reused(chosen: &Chosen) -> Option<Localized> {
    let copy = chosen.credential.copies.get(chosen.copy)?;
    let name = labels::attestation_type(&chosen.credential.attestation_type);
    (copy.uses > 0).then(|| sentence::copy_reused(&name))
}

/// A history entry about a request, by the party's verified name where it has one.
pub(super) fn entry(request: &OpenedRequest, at: identity::UnixSeconds, event: Event) -> HistoryEntry {
    let registered = request.asker.registered();
    HistoryEntry {
        other_side: registered.map(|party| sentence::shown(&party.record.name)),
        origin: Some(request.origin()),
        purpose: registered.map(|party| sentence::shown(&party.purpose.text)),
        ..HistoryEntry::new(at, event)
    }
}

fn refusal(request: &OpenedRequest, at: identity::UnixSeconds, slug: &str) -> HistoryEntry {
    HistoryEntry { reason: Some(slug.to_owned()), ..entry(request, at, Event::RequestRefused) }
}
