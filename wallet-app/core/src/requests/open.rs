//! Fetching a request and putting the checks together.

use clients::http::HttpError;
use clients::verifier::VerifierClient;
use wire::link::Link;

use super::object::{self, Expected};
use super::{RegisteredParty, RequestError, RequestObject, party};
use crate::error::WalletError;
use crate::history::{Event, HistoryEntry};
use crate::scan::{LinkKind, ScanError};
use crate::wallet::Wallet;

/// A request that a registered party may make.
#[derive(Clone, Debug)]
pub(crate) struct OpenedRequest {
    pub(crate) object: RequestObject,
    pub(crate) party: RegisteredParty,
}

impl Wallet {
    /// Fetches and checks the request behind a link. What the wallet refuses by itself goes into the history.
    pub(crate) async fn open_request(&self, link: &str) -> Result<OpenedRequest, WalletError> {
        let Link::PresentationRequest { client_id, request_uri, post } = link.parse::<Link>().map_err(ScanError::Link)? else {
            return Err(ScanError::OtherKind(LinkKind::Offer).into());
        };
        let wallet_nonce = post.then(|| object::wallet_nonce(&self.environment));
        let fetched = VerifierClient::new(self.http.clone()).fetch_request(&request_uri, post, wallet_nonce.as_deref()).await;
        let token = fetched.map_err(|error| match error {
            HttpError::Problem { .. } | HttpError::OAuth { .. } | HttpError::Status { .. } if is_gone(&error) => {
                RequestError::Gone
            }
            _ => RequestError::Fetch(error),
        })?;
        let expected =
            Expected { client_id: &client_id, wallet_nonce: wallet_nonce.as_deref(), anchors: &self.anchors, now: self.now() };
        let opened = self.check_request(&token, &expected).await;
        if let Err(error @ WalletError::Request(_)) = &opened {
            let entry = HistoryEntry {
                origin: Some(request_uri.origin().ascii_serialization()),
                reason: Some(error.slug().to_owned()),
                ..HistoryEntry::new(self.now(), Event::RequestRefused)
            };
            self.note(&entry)?;
        }
        opened
    }

    async fn check_request(&self, token: &str, expected: &Expected<'_>) -> Result<OpenedRequest, WalletError> {
        let object = object::verify(token, expected)?;
        let party = party::find(self.chain.as_ref(), &object).await?;
        Ok(OpenedRequest { object, party })
    }
}

/// The site says that there is no such request, or no longer.
fn is_gone(error: &HttpError) -> bool {
    matches!(error.status(), Some(404 | 410))
}
