//! Opening: the consent screen is put together from what was verified.

use std::collections::BTreeSet;
use std::sync::Arc;

use identity::{Localized, UnixSeconds, canonical};

use super::choose::{Choice, Showable, choose};
use super::{Chosen, ClaimToShow, Consent, ConsentRecord, ConsentView, HiddenCredential, LastTime, Selection, sentence};
use crate::error::{Side, WalletError};
use crate::history::{self, Event, HistoryEntry};
use crate::identity::IdentityError;
use crate::labels;
use crate::records::base64url;
use crate::requests::{Asked, Asker, OpenedRequest};
use crate::scan::CameBy;
use crate::vault::{Table, VaultError};
use crate::wallet::Wallet;

/// A block older than this is worth a warning. An idle ledger makes one every few seconds.
const OLD_LEDGER_SECONDS: u64 = 120;
/// A site that asks again for the same within so long, having not been given it, is worth a warning.
const AGAIN_SECONDS: i64 = 600;
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
    /// Opens the request of a link that was followed on this device: [`Self::open_from`] with [`CameBy::Link`].
    ///
    /// # Errors
    /// As [`Self::open_from`].
    pub async fn open(&self, link: &str) -> Result<Consent, WalletError> {
        self.open_from(link, CameBy::Link).await
    }

    /// Opens a request: fetches and verifies it, looks its party up on the ledger, chooses credentials, and gives what the citizen
    /// is to see. Nothing is sent but the fetching of the request. However it ends, the history has it.
    ///
    /// # Errors
    /// [`WalletError::Request`] with the reason for which the wallet refuses by itself, [`WalletError::Ledger`],
    /// [`WalletError::Scan`].
    pub async fn open_from(&self, link: &str, channel: CameBy) -> Result<Consent, WalletError> {
        let mut asked = Asked::new(self.now());
        match self.watched(Side::Website, Box::pin(self.open_story(link, channel, &mut asked))).await {
            Ok(consent) => Ok(consent),
            Err(error) => {
                let (entry, error) = asked.ended(error);
                if let Some(entry) = entry {
                    self.note(&entry)?;
                }
                Err(error)
            }
        }
    }

    async fn open_story(&self, link: &str, channel: CameBy, asked: &mut Asked) -> Result<Consent, WalletError> {
        self.answers.begin();
        let request = self.open_request(link, channel, asked).await?;
        self.check_this_device().await?;
        let consent = self.consent(&request).await?;
        self.answers.keep()?;
        self.note_request(&request, &consent.view)?;
        Ok(consent)
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
        let shown = about(request, view, self.now(), Event::Requested);
        self.vault.write(|batch| {
            let last: Vec<HistoryEntry> = self.vault.list(Table::History)?;
            let again = last.iter().any(|one| one.event == Event::Requested && one.consent == shown.consent);
            if again { Ok(()) } else { history::record(batch, &shown) }
        })
    }

    async fn consent(&self, request: &OpenedRequest) -> Result<Consent, WalletError> {
        let (candidates, hidden) = self.candidates(request).await?;
        self.with_selection(request.clone(), (candidates.into(), hidden), &Selection::default(), false)
    }

    /// The same request with what the citizen chose of [`ConsentView::questions`] and [`ConsentView::sets`]. Nothing is sent.
    ///
    /// # Errors
    /// [`crate::consent::ConsentError::Choice`] when the choice does not answer the request.
    pub fn select(&self, consent: &Consent, selection: &Selection) -> Result<Consent, WalletError> {
        let Consent { request, candidates, hidden, knows_unverified, .. } = consent;
        self.with_selection(request.clone(), (candidates.clone(), hidden.clone()), selection, *knows_unverified)
    }

    fn with_selection(
        &self,
        request: OpenedRequest,
        (candidates, hidden): (Arc<[Showable]>, Vec<HiddenCredential>),
        selection: &Selection,
        knows_unverified: bool,
    ) -> Result<Consent, WalletError> {
        let choice = choose(&request, (&candidates, &hidden), selection)?;
        let chosen = choice.chosen.clone();
        let view = ConsentView { hidden: hidden.clone(), ..self.consent_view(&request, choice)? };
        Ok(Consent { view, request, candidates, hidden, chosen, knows_unverified })
    }

    fn consent_view(&self, request: &OpenedRequest, choice: Choice) -> Result<ConsentView, WalletError> {
        let now = self.now();
        let OpenedRequest { object, asker, channel } = request;
        let Choice { chosen, claims, questions, sets } = choice;
        let origin = request.origin();
        let history: Vec<HistoryEntry> = self.vault.list(Table::History)?;
        let last_time = last_time(&history, &origin);
        let match_codes = object.registration.as_ref().map(|registration| registration.match_codes.clone()).unwrap_or_default();
        let who = who(asker);
        let seconds_ago = who.as_of.map_or(0, |as_of| as_of.seconds_ago(now));
        let id = id(&object.client_id, &object.nonce);
        let mut warnings = Vec::new();
        if self.vault.get::<ConsentRecord>(Table::Consents, &id)?.is_some() {
            warnings.push(sentence::answered_before());
        }
        warnings.extend(asked_before(&history, &id, &origin, &claims, now));
        warnings.extend(chosen.iter().filter_map(reused));
        if let Some((_, last)) = &last_time {
            let more: Vec<&ClaimToShow> = claims.iter().filter(|claim| !has_claim(last, claim)).collect();
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
            name: who.name.clone(),
            origin: labels::printable(&origin, 200),
            sponsor: who.sponsor,
            purpose: who.purpose,
            retention_days: who.retention_days,
            sentence: sentence::with_transactions(agreed, &transactions),
            other_device: sentence::elsewhere(*channel, &who.name, !match_codes.is_empty()),
            match_codes,
            last_time: last_time.map(|(view, _)| view),
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
}

/// What a site at this origin saw when something was last released to it.
fn last_time<'h>(history: &'h [HistoryEntry], origin: &str) -> Option<(LastTime, &'h HistoryEntry)> {
    let released = |entry: &&HistoryEntry| entry.event == Event::Released && entry.origin.as_deref() == Some(origin);
    history.iter().rev().find(released).map(|entry| {
        let sentence = sentence::last_time(entry.at, &entry.claims);
        (LastTime { at: entry.at, claims: entry.claims.clone(), sentence }, entry)
    })
}

/// Whether an entry has this claim of this type.
fn has_claim(entry: &HistoryEntry, claim: &ClaimToShow) -> bool {
    let types = entry.claim_types.iter().map(Some).chain(std::iter::repeat(None));
    // Older entries have no types.
    let is =
        |(name, vct): (&String, Option<&String>)| *name == claim.name && vct.is_none_or(|vct| *vct == claim.attestation_type);
    entry.claims.iter().zip(types).any(is)
}

/// That the citizen declined this very request, or that the site asks again for what it was not given: somebody may hope that the citizen
/// gives way.
fn asked_before(history: &[HistoryEntry], id: &str, origin: &str, claims: &[ClaimToShow], now: UnixSeconds) -> Option<Localized> {
    let is_this = |entry: &HistoryEntry| entry.consent.as_deref() == Some(id);
    if history.iter().any(|entry| entry.event == Event::Declined && is_this(entry)) {
        return Some(sentence::declined_before());
    }
    let was_given =
        |asked: &HistoryEntry| history.iter().any(|entry| entry.event == Event::Released && entry.consent == asked.consent);
    let is_the_same = |entry: &HistoryEntry| {
        let same_claims = entry.claims.len() == claims.len() && claims.iter().all(|claim| has_claim(entry, claim));
        entry.event == Event::Requested && entry.origin.as_deref() == Some(origin) && same_claims && !is_this(entry)
    };
    let recent = history.iter().rev().take_while(|entry| now.saturating_sub(entry.at) <= AGAIN_SECONDS);
    let last = recent.filter(|entry| is_the_same(entry)).find(|entry| !was_given(entry))?;
    Some(sentence::asked_again(now.saturating_sub(last.at)))
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
fn entry(request: &OpenedRequest, at: UnixSeconds, event: Event) -> HistoryEntry {
    let registered = request.asker.registered();
    HistoryEntry {
        other_side: registered.map(|party| sentence::shown(&party.record.name)),
        origin: Some(request.origin()),
        purpose: registered.map(|party| sentence::shown(&party.purpose.text)),
        ..HistoryEntry::new(at, event)
    }
}

/// The same with what would be shown.
pub(super) fn about(request: &OpenedRequest, view: &ConsentView, at: UnixSeconds, event: Event) -> HistoryEntry {
    HistoryEntry {
        claims: view.claims.iter().map(|claim| claim.name.clone()).collect(),
        claim_types: view.claims.iter().map(|claim| claim.attestation_type.clone()).collect(),
        consent: Some(view.id.clone()),
        ..entry(request, at, event)
    }
}
