//! What a site may be told whose request the wallet or the citizen refused (OpenID4VP 1.0 sections 8.2 and 8.5). The wallet tells nobody
//! anything by itself: an answer to every lie would be an oracle, and says that somebody was there.

use clients::verifier::VerifierClient;
use serde::Serialize;
use url::Url;
use wire::oid4vp::ErrorResponse;

use crate::error::{Side, WalletError};
use crate::history::{Event, HistoryEntry};
use crate::wallet::Wallet;

/// An error response that waits for the citizen's word.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub(crate) response_uri: Url,
    pub(crate) state: Option<String>,
    /// A code of section 8.5.
    pub(crate) code: &'static str,
    pub(crate) description: &'static str,
    /// The history's entry about it: [`Event::Declined`].
    pub(crate) entry: HistoryEntry,
}

impl Refusal {
    /// The error code that the site would be told.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// Where it would go, as the history has it.
    pub fn origin(&self) -> &str {
        self.entry.origin.as_deref().unwrap_or_default()
    }
}

/// What became of a refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Declined {
    /// Whether the site could be told.
    pub site_told: bool,
    /// Where a browser on this device goes on (section 8.2).
    pub redirect_uri: Option<String>,
}

impl Wallet {
    /// The citizen has a site told that its request was refused: the error code, and nothing of the citizen. See [`RequestError::refusal`].
    ///
    /// # Errors
    /// [`WalletError::Vault`]. That the site cannot be reached is no error.
    ///
    /// [`RequestError::refusal`]: super::RequestError::refusal
    pub async fn tell_site(&self, refusal: &Refusal) -> Result<Declined, WalletError> {
        let told = async {
            self.note(&HistoryEntry { at: self.now(), ..refusal.entry.clone() })?;
            self.send_refusal(refusal).await
        };
        self.watched(Side::Website, Box::pin(told)).await
    }

    /// Sends it. The history has that it was declined, and gets that the site did not hear of it.
    pub(crate) async fn send_refusal(&self, refusal: &Refusal) -> Result<Declined, WalletError> {
        let response = ErrorResponse {
            error: refusal.code.to_owned(),
            error_description: Some(refusal.description.to_owned()),
            state: refusal.state.clone().unwrap_or_default(),
        };
        match VerifierClient::new(self.http.clone()).refuse(&refusal.response_uri, &response).await {
            Ok(accepted) => {
                let redirect_uri = accepted.redirect_uri.filter(|uri| is_of_origin(uri, refusal.origin()));
                Ok(Declined { site_told: true, redirect_uri })
            }
            Err(error) => {
                let unheard = HistoryEntry { at: self.now(), event: Event::NotDelivered, ..refusal.entry.clone() };
                self.note(&HistoryEntry { reason: Some(error.slug().to_owned()), ..unheard })?;
                Ok(Declined { site_told: false, redirect_uri: None })
            }
        }
    }
}

/// A browser is only sent to the site that was answered.
pub(crate) fn is_of_origin(uri: &str, origin: &str) -> bool {
    let parsed = |text: &str| Url::parse(text).ok().map(|url| url.origin()).filter(url::Origin::is_tuple);
    parsed(uri).is_some() && parsed(uri) == parsed(origin)
}
