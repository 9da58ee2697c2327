//! A verifier as a wallet sees it: the signed request is fetched, the encrypted response is posted (OpenID4VP 1.0).
//!
//! A request object is text here: who signed it and what it asks for is for the wallet to verify before a person sees it.

use reqwest::header::CONTENT_TYPE;
use url::Url;
use wire::oid4vp::{ErrorResponse, REQUEST_OBJECT_TYPE, ResponseAccepted};
use wire::rights::{self, RightsMetadata};

use crate::http::{self, HttpError};
use crate::issuer::{form_post, usable};

/// The media type of signed requests and acknowledgements.
const JWT: &str = "application/jwt";
/// The most bytes of a request object.
pub const MAX_REQUEST_BYTES: usize = 64 * 1024;

/// A client of verifiers. One serves for all of them.
#[derive(Clone, Debug)]
pub struct VerifierClient {
    http: reqwest::Client,
}

impl VerifierClient {
    /// A client on an HTTP client that follows no redirects, such as [`http::client`]'s.
    pub fn new(http: reqwest::Client) -> Self {
        Self { http }
    }

    /// Fetches a request object: by GET (RFC 9101 section 5.2.3), or by POST with the wallet's nonce (OpenID4VP section 5.10), which
    /// the request object must then repeat.
    ///
    /// # Errors
    /// An [`HttpError`]; [`HttpError::Malformed`] when the answer is not of type `application/oauth-authz-req+jwt`.
    pub async fn fetch_request(&self, request_uri: &Url, post: bool, wallet_nonce: Option<&str>) -> Result<String, HttpError> {
        let host = http::host(request_uri);
        let url = usable(request_uri.as_str(), &host)?;
        let media_type = format!("application/{REQUEST_OBJECT_TYPE}");
        let request = if post {
            let fields: Vec<_> = wallet_nonce.map(|nonce| ("wallet_nonce", nonce)).into_iter().collect();
            form_post(&self.http, url, &fields)
        } else {
            self.http.get(url)
        };
        let response = http::send(&host, request.header(reqwest::header::ACCEPT, &media_type)).await?;
        let malformed = || HttpError::Malformed { host: host.clone(), expected: "a signed request object" };
        if !http::has_media_type(&response, &media_type) {
            return Err(malformed());
        }
        let body = http::read(&host, response, MAX_REQUEST_BYTES).await?;
        String::from_utf8(body).map(|text| text.trim().to_owned()).map_err(|_| malformed())
    }

    /// Posts the response: `response` with the encrypted one (`direct_post.jwt`, section 8.3), or its parts (`direct_post`, section
    /// 8.2).
    ///
    /// # Errors
    /// An [`HttpError`]; the verifier's reason is in it.
    pub async fn respond(&self, response_uri: &Url, fields: &[(&str, &str)]) -> Result<ResponseAccepted, HttpError> {
        self.post(response_uri, fields).await
    }

    /// Tells the verifier that there will be no presentation (section 8.5).
    ///
    /// # Errors
    /// An [`HttpError`].
    pub async fn refuse(&self, response_uri: &Url, refusal: &ErrorResponse) -> Result<ResponseAccepted, HttpError> {
        let mut fields = vec![("error", refusal.error.as_str())];
        fields.extend(Some(("state", refusal.state.as_str())).filter(|(_, state)| !state.is_empty()));
        fields.extend(refusal.error_description.as_deref().map(|description| ("error_description", description)));
        self.post(response_uri, &fields).await
    }

    /// Where a site takes withdrawals and wishes for deletion (`wire::rights`): at its registered origin and nowhere else.
    ///
    /// # Errors
    /// An [`HttpError`].
    pub async fn rights_endpoint(&self, origin: &Url) -> Result<Url, HttpError> {
        let host = http::host(origin);
        let mut url = usable(origin.as_str(), &host)?;
        url.set_path(rights::WELL_KNOWN_PATH);
        let metadata: RightsMetadata = http::json(&host, self.http.get(url.clone()), "where to ask for one's rights").await?;
        let endpoint = usable(&metadata.rights_endpoint, &host)?;
        let elsewhere = HttpError::Malformed { host, expected: "an address of the site itself" };
        if endpoint.origin() == url.origin() { Ok(endpoint) } else { Err(elsewhere) }
    }

    /// Posts a signed request (`wire::rights::RightsRequest`); gives the acknowledgement as it was signed, which the caller verifies.
    ///
    /// # Errors
    /// An [`HttpError`].
    pub async fn exercise(&self, endpoint: &Url, jws: &str) -> Result<String, HttpError> {
        let host = http::host(endpoint);
        let request = self.http.post(usable(endpoint.as_str(), &host)?).header(CONTENT_TYPE, JWT).body(jws.to_owned());
        let response = http::send(&host, request).await?;
        let malformed = || HttpError::Malformed { host: host.clone(), expected: "a signed acknowledgement" };
        if !http::has_media_type(&response, JWT) {
            return Err(malformed());
        }
        let body = http::read(&host, response, rights::MAX_ACKNOWLEDGEMENT_BYTES).await?;
        String::from_utf8(body).map(|text| text.trim().to_owned()).map_err(|_| malformed())
    }

    async fn post(&self, response_uri: &Url, fields: &[(&str, &str)]) -> Result<ResponseAccepted, HttpError> {
        let host = http::host(response_uri);
        let url = usable(response_uri.as_str(), &host)?;
        let request = form_post(&self.http, url, fields).timeout(RESPONSE_TIMEOUT);
        http::json(&host, request, "an answer to a presentation").await
    }
}

/// How long a verifier may take to check a presentation and have its receipt finalized.
pub const RESPONSE_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);
