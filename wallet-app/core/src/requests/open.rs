//! Fetching a request and putting the checks together.

use clients::http::HttpError;
use clients::verifier::VerifierClient;
use identity::dcql::Query;
use identity::{Localized, UnixSeconds};
use ledger::records::{PartyRecord, Purpose};
use url::Url;
use wire::link::{Link, is_on_this_machine};

use super::object::{self, Expected};
use super::{Asker, Refusal, RequestError, RequestObject, client, dotted, party};
use crate::error::WalletError;
use crate::history::{Event, HistoryEntry};
use crate::labels::printable;
use crate::scan::{CameBy, LinkKind, ScanError};
use crate::wallet::Wallet;

/// Claims of a refused request that the history keeps, and characters of each of its texts.
const MAX_CLAIMS: usize = 64;
const MAX_CHARACTERS: usize = 200;

/// A request that may be made.
#[derive(Clone, Debug)]
pub(crate) struct OpenedRequest {
    pub(crate) object: RequestObject,
    pub(crate) asker: Asker,
    pub(crate) channel: CameBy,
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

/// What is known of a request while it is opened, so that every way in which that ends can be told of.
pub(crate) struct Asked {
    /// Who asks for what, as far as it was found.
    pub(crate) entry: HistoryEntry,
    /// Where the request was fetched.
    pub(crate) request_uri: Option<Url>,
    /// Where the site may be told that it was refused, with its state; since it was proven to be the address of who asks.
    answers_to: Option<(Url, Option<String>)>,
}

impl Asked {
    pub(crate) fn new(at: UnixSeconds) -> Self {
        Self { entry: HistoryEntry::new(at, Event::RequestRefused), request_uri: None, answers_to: None }
    }

    /// Where the request or its answer would be.
    fn is_at(&mut self, url: &Url) {
        self.entry.origin = Some(url.origin().ascii_serialization());
    }

    /// What is asked for.
    fn is_for(&mut self, query: &Query) {
        let claims = query.credentials.iter().flat_map(|credential| {
            let vct = printable(credential.types().next().unwrap_or_default(), MAX_CHARACTERS);
            credential.claims.iter().flatten().map(move |claim| (printable(&dotted(&claim.path), MAX_CHARACTERS), vct.clone()))
        });
        (self.entry.claims, self.entry.claim_types) = claims.take(MAX_CLAIMS).unzip();
    }

    pub(super) fn is_by(&mut self, party: &PartyRecord) {
        self.entry.other_side = Some(shown(&party.name));
        self.entry.origin = Some(party.origin.clone());
    }

    pub(super) fn has_purpose(&mut self, purpose: &Purpose) {
        self.entry.purpose = Some(shown(&purpose.text));
    }

    pub(super) fn may_be_told(&mut self, response_uri: Url, state: Option<String>) {
        self.answers_to = Some((response_uri, state));
    }

    /// The history's entry of an end without a consent, and the error with what the site can be told; no entry where nobody asked.
    pub(crate) fn ended(self, error: WalletError) -> (Option<HistoryEntry>, WalletError) {
        let event = match &error {
            WalletError::Request(RequestError::Fetch(_) | RequestError::Gone)
            | WalletError::Ledger(_)
            | WalletError::Waited(_) => Event::RequestFailed,
            WalletError::Request(_) | WalletError::Identity(_) => Event::RequestRefused,
            WalletError::Scan(_)
            | WalletError::Vault(_)
            | WalletError::Config(_)
            | WalletError::Attributes(_)
            | WalletError::Issuance(_)
            | WalletError::Consent(_)
            | WalletError::Recovery(_)
            | WalletError::Statement(_)
            | WalletError::Hardware(_) => return (None, error),
        };
        let entry = HistoryEntry { event, reason: Some(error.slug().to_owned()), ..self.entry };
        let error = match (error, self.answers_to) {
            (WalletError::Request(why), Some((response_uri, state))) => match why.code() {
                Some(code) => {
                    let entry = HistoryEntry { event: Event::Declined, ..entry.clone() };
                    let description = "The wallet refused the request.";
                    let refusal = Box::new(Refusal { response_uri, state, code, description, entry });
                    RequestError::Answerable { why: Box::new(why), refusal }.into()
                }
                None => why.into(),
            },
            (error, _) => error,
        };
        (Some(entry), error)
    }
}

fn shown(text: &Localized) -> Localized {
    Localized::new(printable(&text.zh, MAX_CHARACTERS), printable(&text.en, MAX_CHARACTERS))
}

impl Wallet {
    /// Fetches and checks the request behind a link. What is found of it on the way is noted in `asked`.
    pub(crate) async fn open_request(
        &self,
        link: &str,
        channel: CameBy,
        asked: &mut Asked,
    ) -> Result<OpenedRequest, WalletError> {
        let (object, asker) = match link.parse::<Link>().map_err(ScanError::Link)? {
            Link::PresentationRequest { client_id, request_uri, post } => {
                asked.is_at(&request_uri);
                self.check_machine(&request_uri)?;
                asked.request_uri = Some(request_uri.clone());
                let wallet_nonce = post.then(|| object::wallet_nonce(&self.environment));
                let token = self.fetch_request(&request_uri, post, wallet_nonce.as_deref()).await?;
                let expected = Expected { client_id: &client_id, wallet_nonce: wallet_nonce.as_deref(), now: self.now() };
                self.check_signed(&token, &expected, asked).await?
            }
            Link::SignedRequest { client_id, request } => {
                let expected = Expected { client_id: &client_id, wallet_nonce: None, now: self.now() };
                self.check_signed(&request, &expected, asked).await?
            }
            Link::UnsignedRequest { client_id, parameters } => {
                let object = object::unsigned(&client_id, &parameters, self.now())?;
                asked.is_at(&object.response_uri);
                asked.is_for(&object.query);
                self.check_machine(&object.response_uri)?;
                // What nobody signed is nobody's.
                let name = object.client.unverified_name(&object.response_uri.origin().ascii_serialization());
                (object, Asker::Unverified { name, as_of: None })
            }
            Link::CredentialOfferUri(_) | Link::CredentialOffer(_) => {
                return Err(ScanError::OtherKind(LinkKind::Offer).into());
            }
        };
        Ok(OpenedRequest { object, asker, channel })
    }

    /// No request makes a wallet ask a service of the citizen's own machine, unless the whole city is there.
    pub(crate) fn check_machine(&self, url: &Url) -> Result<(), RequestError> {
        if self.is_in_a_pilot_city() || !is_on_this_machine(url) {
            return Ok(());
        }
        Err(RequestError::ThisMachine { found: url.origin().ascii_serialization() })
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

    async fn check_signed(
        &self,
        token: &str,
        expected: &Expected<'_>,
        asked: &mut Asked,
    ) -> Result<(RequestObject, Asker), WalletError> {
        let trust = (&self.anchors, expected.now);
        let (claims, client) = client::verify(token, expected.client_id, trust, &self.answers).await?;
        if let Ok(address) = object::response_uri(&claims) {
            asked.is_at(&address);
            self.check_machine(&address)?;
        }
        let object = match object::signed(&claims, client.clone(), expected) {
            Ok(object) => object,
            Err(error) => {
                // Proven is who asks, and not yet that the address is theirs.
                if let (Ok(address), Ok(state)) = (object::response_uri(&claims), object::state(&claims))
                    && party::answers_at(&self.answers, expected.client_id, &client, &address).await
                {
                    asked.may_be_told(address, state);
                }
                return Err(error.into());
            }
        };
        asked.is_for(&object.query);
        let asker = party::find(&self.answers, &object, asked).await?;
        Ok((object, asker))
    }
}
