//! Token Status Lists: fetched safely, verified, kept no longer than they allow (P6).
//!
//! A list is believed when its signer is a credential key of the authority that the ledger names for the credential. It fails
//! closed: a list that cannot be fetched or believed is never "valid".

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use identity::jose::jws;
use identity::jose::{TrustAnchors, X509Error};
use identity::status_list::{self, Status, StatusListError, StatusListToken, StatusReference};
use identity::{PublicKey, UnixSeconds};
use ledger::records::AuthorityRecord;
use service_kit::fetch::{FetchError, Fetcher, Want};
use url::Url;

use super::refusal::{Refusal, Refused};
use super::rules::LEEWAY_SECONDS;

/// Most entries of a list: it is unpacked to 128 KiB with one bit each, and no further.
pub const MAX_ENTRIES: u64 = 1 << 20;
/// Most bytes of a status list token.
const MAX_TOKEN_BYTES: usize = 512 * 1024;
/// Seconds that a token without `exp` may be old.
const MAX_AGE_SECONDS: u32 = 3600;
/// Most lists that are kept.
const MAX_LISTS: usize = 64;

/// Why a status is not known.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// The list's server cannot be reached now: try again later.
    #[error("the status list cannot be fetched now")]
    Away(#[source] FetchError),
    /// The list is not acceptable.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// A list that was verified, with the key that signed it.
#[derive(Clone, Debug)]
struct Kept {
    token: Arc<StatusListToken>,
    signer: PublicKey,
    until: UnixSeconds,
}

/// Fetches and keeps status lists.
pub struct StatusLists {
    fetcher: Fetcher,
    kept: Mutex<HashMap<String, Kept>>,
}

impl StatusLists {
    /// Nothing kept yet.
    pub fn new(fetcher: Fetcher) -> Self {
        Self { fetcher, kept: Mutex::default() }
    }

    /// The status of an entry, from a kept list while it may be kept, else from a fresh one.
    pub async fn status(
        &self,
        reference: &StatusReference,
        authority: &AuthorityRecord,
        anchors: &TrustAnchors,
        now: UnixSeconds,
    ) -> Result<Status, StatusError> {
        if let Some(kept) = self.kept(&reference.uri, now) {
            return Ok(entry(&kept, reference, authority)?);
        }
        let url: Url = reference.uri.parse().map_err(|_| Refusal::StatusUnusable.because("status-uri"))?;
        let want = Want { media_type: status_list::MEDIA_TYPE, max_bytes: MAX_TOKEN_BYTES, timeout: Duration::from_secs(3) };
        let fetched = self.fetcher.get(&url, want).await.map_err(unfetched)?;
        let text = std::str::from_utf8(&fetched.body).map_err(|_| Refusal::StatusUnusable.because("status-encoding"))?;
        let (token, signer) = verify(text.trim(), &reference.uri, authority, anchors, now)?;
        let until = token.keep_until(now);
        let kept = Kept { token: Arc::new(token), signer, until };
        let status = entry(&kept, reference, authority)?;
        self.keep(reference.uri.clone(), kept, now);
        Ok(status)
    }

    fn kept(&self, uri: &str, now: UnixSeconds) -> Option<Kept> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(uri).filter(|kept| now < kept.until && kept.token.issued_at <= now + UnixSeconds::from(LEEWAY_SECONDS)).cloned()
    }

    fn keep(&self, uri: String, list: Kept, now: UnixSeconds) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MAX_LISTS {
            kept.retain(|_, list| now < list.until);
        }
        if kept.len() >= MAX_LISTS {
            kept.clear();
        }
        kept.insert(uri, list);
    }
}

/// Reads a list's token: signed by its chain's key, the right list, fresh, no larger than it may be. Whether that key is the
/// authority's is for [`entry`] to say, each time.
fn verify(
    text: &str,
    uri: &str,
    authority: &AuthorityRecord,
    anchors: &TrustAnchors,
    now: UnixSeconds,
) -> Result<(StatusListToken, PublicKey), Refused> {
    let untrusted = |error: jws::JwsError| Refusal::StatusUntrusted.because(error.slug());
    let parsed = jws::Parsed::parse(text, &jws::Policy::STATUS_LIST).map_err(untrusted)?;
    let (verified, signer) = match &parsed.header().x5c {
        Some(chain) => {
            let chain_error = |error: X509Error| Refusal::StatusUntrusted.because(error.slug());
            let certificate = chain.verify(anchors, now).map_err(chain_error)?;
            (parsed.verify(&certificate.public_key).map_err(untrusted)?, certificate.public_key)
        }
        // Without a chain the ledger alone says whose key it is.
        None => {
            let found = authority.credential_keys.iter().find_map(|key| Some((parsed.clone().verify(key).ok()?, *key)));
            found.ok_or(Refusal::StatusUntrusted.because("no-key-of-the-authority"))?
        }
    };
    let demand = status_list::Demand {
        uri,
        now,
        leeway_seconds: LEEWAY_SECONDS,
        max_age_seconds: MAX_AGE_SECONDS,
        max_entries: MAX_ENTRIES,
    };
    let token = StatusListToken::from_verified(&verified, &demand).map_err(|error| refused(&error))?;
    Ok((token, signer))
}

/// The entry of a list that was verified, if its signer is a key of the authority now: it may have dropped the key since.
fn entry(kept: &Kept, reference: &StatusReference, authority: &AuthorityRecord) -> Result<Status, Refused> {
    if !authority.credential_keys.contains(&kept.signer) {
        return Err(Refusal::StatusUntrusted.because("signer-of-another-authority"));
    }
    kept.token.list.get(reference.index).map_err(|error| refused(&error))
}

fn refused(error: &StatusListError) -> Refused {
    let refusal = match error {
        StatusListError::Expired | StatusListError::FromFuture => Refusal::StatusOutdated,
        StatusListError::Token(_) => Refusal::StatusUntrusted,
        StatusListError::Reference
        | StatusListError::Bits
        | StatusListError::Encoding
        | StatusListError::TooLarge { .. }
        | StatusListError::OutOfRange { .. }
        | StatusListError::DoesNotFit
        | StatusListError::Payload(_)
        | StatusListError::Claim(_)
        | StatusListError::OtherList => Refusal::StatusUnusable,
    };
    refusal.because(error.slug())
}

fn unfetched(error: FetchError) -> StatusError {
    match error {
        FetchError::Unresolved(_) | FetchError::Unreachable(_) | FetchError::Status(_) => StatusError::Away(error),
        FetchError::Url(_) | FetchError::PrivateAddress => Refusal::StatusElsewhere.because("status-address").into_status(),
        FetchError::MediaType(_) => Refusal::StatusUnusable.because("status-media-type").into_status(),
        FetchError::TooLong(_) => Refusal::StatusUnusable.because("status-too-long").into_status(),
    }
}

impl Refused {
    fn into_status(self) -> StatusError {
        StatusError::Refused(self)
    }
}
