//! Opening: the consent screen is put together from what was verified.

use std::collections::BTreeSet;

use identity::Localized;
use identity::canonical;

use super::{Chosen, ClaimToShow, Consent, ConsentView, LastTime, sentence};
use crate::error::WalletError;
use crate::history::{Event, HistoryEntry};
use crate::labels;
use crate::records::base64url;
use crate::requests::OpenedRequest;
use crate::vault::Table;
use crate::wallet::Wallet;

/// A block older than this is worth a warning. An idle ledger makes one every few seconds.
const OLD_LEDGER_SECONDS: u64 = 120;
/// Context string of a consent's id.
const ID_CONTEXT: &str = "yufu/consent/id/v1";

impl Wallet {
    /// Opens a request: fetches and verifies it, looks its party up on the ledger, chooses credentials, and gives what the citizen
    /// is to see. Nothing is sent but the fetching of the request.
    ///
    /// # Errors
    /// [`WalletError::Request`] with the reason for which the wallet refuses by itself, [`WalletError::Ledger`],
    /// [`WalletError::Scan`].
    pub async fn open(&self, link: &str) -> Result<Consent, WalletError> {
        let request = self.open_request(link).await?;
        let (chosen, claims) = match self.choose(&request).await {
            Ok(chosen) => chosen,
            Err(error) => {
                if let WalletError::Request(_) = &error {
                    self.note(&refusal(&request, self.now(), error.slug()))?;
                }
                return Err(error);
            }
        };
        let view = self.consent_view(&request, &chosen, claims)?;
        Ok(Consent { view, request, chosen })
    }

    fn consent_view(
        &self,
        request: &OpenedRequest,
        chosen: &[Chosen],
        claims: Vec<ClaimToShow>,
    ) -> Result<ConsentView, WalletError> {
        let now = self.now();
        let OpenedRequest { object, party } = request;
        let last_time = self.last_time(&party.record.origin)?;
        let match_codes = object.registration.match_codes.clone();
        let seconds_ago = party.as_of.seconds_ago(now);
        let mut warnings: Vec<Localized> = chosen.iter().filter_map(reused).collect();
        if let Some(last) = &last_time {
            let more: Vec<&ClaimToShow> = claims.iter().filter(|claim| !last.claims.contains(&claim.name)).collect();
            if !more.is_empty() {
                warnings.push(sentence::more_than_last_time(&more));
            }
        }
        if seconds_ago > OLD_LEDGER_SECONDS {
            warnings.push(sentence::ledger_is_old(seconds_ago));
        }
        let types: BTreeSet<&str> = chosen.iter().map(|chosen| chosen.credential.attestation_type.as_str()).collect();
        let types: Vec<Localized> = types.into_iter().map(labels::attestation_type).collect();
        Ok(ConsentView {
            id: id(&object.client_id, &object.nonce),
            party: party.record.id,
            name: sentence::shown(&party.record.name),
            origin: labels::printable(&party.record.origin, 200),
            sponsor: sentence::shown(&party.sponsor),
            purpose: sentence::shown(&party.purpose.text),
            retention_days: party.purpose.retention_days,
            sentence: sentence::consent(party, &claims, &types),
            other_device: (!match_codes.is_empty()).then(|| sentence::other_device(party)),
            match_codes,
            last_time,
            warnings,
            expires_at: object.expires_at,
            as_of: party.as_of,
            seconds_ago,
            freshness: sentence::freshness(&party.as_of, now),
            claims,
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

/// A history entry about a request, by the party's verified name.
pub(super) fn entry(request: &OpenedRequest, at: identity::UnixSeconds, event: Event) -> HistoryEntry {
    HistoryEntry {
        other_side: Some(sentence::shown(&request.party.record.name)),
        origin: Some(request.party.record.origin.clone()),
        purpose: Some(sentence::shown(&request.party.purpose.text)),
        ..HistoryEntry::new(at, event)
    }
}

fn refusal(request: &OpenedRequest, at: identity::UnixSeconds, slug: &str) -> HistoryEntry {
    HistoryEntry { reason: Some(slug.to_owned()), ..entry(request, at, Event::RequestRefused) }
}
