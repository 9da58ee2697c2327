//! Fetching a request and putting the checks together.

use clients::http::HttpError;
use clients::verifier::VerifierClient;
use url::Url;
use wire::link::Link;

use super::object::{self, Expected};
use super::{Asker, RequestError, RequestObject, client, party};
use crate::error::WalletError;
use crate::history::{Event, HistoryEntry};
use crate::scan::{LinkKind, ScanError};
use crate::wallet::Wallet;

/// A request that may be made.
#[derive(Clone, Debug)]
pub(crate) struct OpenedRequest {
    pub(crate) object: RequestObject,
    pub(crate) asker: Asker,
}

impl OpenedRequest {
    /// Where the answer goes: the registered origin, or, where there is none, that of the address.
    pub(crate) fn origin(&self) -> String {
        match self.asker.registered() {
            Some(party) => party.record.origin.clone(),
            None => self.object.response_uri.origin().ascii_serialization(),
        }
    }
}

impl Wallet {
    /// Fetches and checks the request behind a link. What the wallet refuses by itself goes into the history.
    pub(crate) async fn open_request(&self, link: &str) -> Result<OpenedRequest, WalletError> {
        let (opened, origin) = match link.parse::<Link>().map_err(ScanError::Link)? {
            Link::PresentationRequest { client_id, request_uri, post } => {
                let wallet_nonce = post.then(|| object::wallet_nonce(&self.environment));
                let token = self.fetch_request(&request_uri, post, wallet_nonce.as_deref()).await?;
                let expected = Expected { client_id: &client_id, wallet_nonce: wallet_nonce.as_deref(), now: self.now() };
                (self.check_signed(&token, &expected).await, Some(request_uri))
            }
            Link::SignedRequest { client_id, request } => {
                let expected = Expected { client_id: &client_id, wallet_nonce: None, now: self.now() };
                (self.check_signed(&request, &expected).await, None)
            }
            Link::UnsignedRequest { client_id, parameters } => {
                let read = object::unsigned(&client_id, &parameters, self.now()).map_err(WalletError::from);
                (read.map(unsigned), None)
            }
            Link::CredentialOfferUri(_) | Link::CredentialOffer(_) => {
                return Err(ScanError::OtherKind(LinkKind::Offer).into());
            }
        };
        if let Err(error @ WalletError::Request(_)) = &opened {
            let entry = HistoryEntry {
                origin: origin.map(|uri| uri.origin().ascii_serialization()),
                reason: Some(error.slug().to_owned()),
                ..HistoryEntry::new(self.now(), Event::RequestRefused)
            };
            self.note(&entry)?;
        }
        opened
    }

    async fn fetch_request(&self, uri: &Url, post: bool, wallet_nonce: Option<&str>) -> Result<String, WalletError> {
        let fetched = VerifierClient::new(self.http.clone()).fetch_request(uri, post, wallet_nonce).await;
        let failed = |error: HttpError| match error.status() {
            // The site says that there is no such request, or no longer.
            Some(404 | 410) => RequestError::Gone,
            _ => RequestError::Fetch(error),
        };
        Ok(fetched.map_err(failed)?)
    }

    async fn check_signed(&self, token: &str, expected: &Expected<'_>) -> Result<OpenedRequest, WalletError> {
        let trust = (&self.anchors, expected.now);
        let (claims, client) = client::verify(token, expected.client_id, trust, self.chain.as_ref()).await?;
        let object = object::signed(&claims, client, expected)?;
        let asker = party::find(self.chain.as_ref(), &object).await?;
        Ok(OpenedRequest { object, asker })
    }
}

/// A request that nobody signed is nobody's.
fn unsigned(object: RequestObject) -> OpenedRequest {
    let name = object.client.unverified_name(&object.response_uri.origin().ascii_serialization());
    OpenedRequest { object, asker: Asker::Unverified { name, as_of: None } }
}
