//! A department as a wallet sees it: attribute requests (`wire::issuer`) and credential issuance (OpenID4VCI 1.0, pre-authorized
//! code).
//!
//! Nothing here is believed because a department says so: its keys, its name and what it may attest are on the ledger, and a
//! credential is verified by whoever receives it. What is checked here is what OpenID4VCI asks of metadata: that it is about the
//! issuer that was asked for, at endpoints that are https (http only on this machine).

use std::collections::BTreeMap;

use reqwest::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};
use url::Url;
use wire::issuer::{AttributeRequestState, Department, UploadGrant};
use wire::oid4vci::{
    CredentialOffer, CredentialRequest, CredentialResponse, NonceResponse, PRE_AUTHORIZED_CODE_GRANT, TokenRequest, TokenResponse,
};

use crate::http::{self, HttpError};

/// How long the credential endpoint may take: it answers when the attestation is final on the ledger.
pub const CREDENTIAL_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(20);

/// A client of one department.
#[derive(Clone, Debug)]
pub struct IssuerClient {
    http: reqwest::Client,
    base: Url,
    host: String,
}

/// What a wallet needs of the metadata of a credential issuer (OpenID4VCI section 12.2) and of its authorization server (RFC 8414).
#[derive(Clone, Debug)]
pub struct IssuerMetadata {
    /// The credential issuer identifier, as asked for.
    pub credential_issuer: String,
    /// Where credentials are.
    pub credential_endpoint: Url,
    /// Where nonces for key proofs are, if it wants nonces.
    pub nonce_endpoint: Option<Url>,
    /// Where tokens are.
    pub token_endpoint: Url,
    /// What it issues, by configuration id.
    pub configurations: BTreeMap<String, CredentialConfiguration>,
    /// How many copies one request may ask for, at least 1.
    pub batch_size: usize,
}

/// One kind of credential that an issuer offers (section 12.2.4). Other members are ignored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CredentialConfiguration {
    /// `dc+sd-jwt` for ours.
    pub format: String,
    /// The credential's type, for `dc+sd-jwt`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub vct: Option<String>,
    /// Which key proofs it takes, by proof type.
    #[serde(default)]
    pub proof_types_supported: BTreeMap<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct CredentialIssuer {
    credential_issuer: String,
    credential_endpoint: String,
    nonce_endpoint: Option<String>,
    #[serde(default)]
    authorization_servers: Vec<String>,
    credential_configurations_supported: BTreeMap<String, CredentialConfiguration>,
    batch_credential_issuance: Option<Batch>,
}

#[derive(Deserialize)]
struct Batch {
    batch_size: usize,
}

#[derive(Deserialize)]
struct AuthorizationServer {
    issuer: String,
    token_endpoint: String,
}

impl IssuerClient {
    /// A client of the department at `base`.
    pub fn new(http: reqwest::Client, base: Url) -> Self {
        let host = http::host(&base);
        Self { http, base, host }
    }

    fn url(&self, segments: &[&str]) -> Result<Url, HttpError> {
        let mut url = usable(self.base.as_str(), &self.host)?;
        match url.path_segments_mut() {
            Ok(mut path) => {
                path.pop_if_empty().extend(segments);
            }
            Err(()) => return Err(HttpError::Malformed { host: self.host.clone(), expected: "at a web address" }),
        }
        Ok(url)
    }

    /// What the department attests.
    ///
    /// # Errors
    /// An [`HttpError`], as from every method here.
    pub async fn department(&self) -> Result<Department, HttpError> {
        http::json(&self.host, self.http.get(self.url(&["v1", "department"])?), "a department's description").await
    }

    /// Asks for permission to upload.
    ///
    /// # Errors
    /// An [`HttpError`].
    pub async fn grant_upload(&self) -> Result<UploadGrant, HttpError> {
        http::json(&self.host, self.http.post(self.url(&["v1", "uploads"])?), "an upload grant").await
    }

    /// Sends a signed attribute request. The same request again gets the same answer.
    ///
    /// # Errors
    /// An [`HttpError`].
    pub async fn submit_attribute_request(&self, jws: &str) -> Result<AttributeRequestState, HttpError> {
        let request = self.http.post(self.url(&["v1", "attribute-requests"])?);
        let request = request.header(CONTENT_TYPE, "application/jwt").body(jws.to_owned());
        http::json(&self.host, request, "the state of an attribute request").await
    }

    /// How an attribute request stands.
    ///
    /// # Errors
    /// An [`HttpError`].
    pub async fn state(&self, id: &str, state_token: &str) -> Result<AttributeRequestState, HttpError> {
        let request = self.http.get(self.url(&["v1", "attribute-requests", id])?).bearer_auth(state_token);
        http::json(&self.host, request, "the state of an attribute request").await
    }

    /// Fetches a credential offer by reference (section 4.1.3).
    ///
    /// # Errors
    /// An [`HttpError`].
    pub async fn offer(&self, uri: &Url) -> Result<CredentialOffer, HttpError> {
        http::json(&http::host(uri), self.http.get(usable(uri.as_str(), &self.host)?), "a credential offer").await
    }

    /// The metadata of the credential issuer with this identifier, which is compared as text.
    ///
    /// # Errors
    /// [`HttpError::Malformed`] when the metadata is about another issuer or names endpoints that are not https.
    pub async fn metadata(&self, issuer: &str) -> Result<IssuerMetadata, HttpError> {
        let url = well_known(&usable(issuer, &self.host)?, "openid-credential-issuer");
        let host = http::host(&url);
        let malformed = |expected| HttpError::Malformed { host: host.clone(), expected };
        let metadata: CredentialIssuer = http::json(&host, self.http.get(url), "credential issuer metadata").await?;
        if metadata.credential_issuer != issuer {
            return Err(malformed("the metadata of the issuer that was asked for"));
        }
        let server = metadata.authorization_servers.into_iter().next().unwrap_or_else(|| issuer.to_owned());
        let url = well_known(&usable(&server, &host)?, "oauth-authorization-server");
        let expected = "authorization server metadata";
        let authorization: AuthorizationServer = http::json(&http::host(&url), self.http.get(url), expected).await?;
        if authorization.issuer != server {
            return Err(malformed("the metadata of the authorization server that was asked for"));
        }
        Ok(IssuerMetadata {
            credential_issuer: metadata.credential_issuer,
            credential_endpoint: usable(&metadata.credential_endpoint, &host)?,
            nonce_endpoint: metadata.nonce_endpoint.map(|endpoint| usable(&endpoint, &host)).transpose()?,
            token_endpoint: usable(&authorization.token_endpoint, &host)?,
            configurations: metadata.credential_configurations_supported,
            batch_size: metadata.batch_credential_issuance.map_or(1, |batch| batch.batch_size.max(1)),
        })
    }

    /// Exchanges an offer's code and PIN for an access token (section 6). A wrong PIN is [`HttpError::OAuth`] `invalid_grant`.
    ///
    /// # Errors
    /// An [`HttpError`].
    pub async fn token(&self, metadata: &IssuerMetadata, code: &str, pin: Option<&str>) -> Result<TokenResponse, HttpError> {
        let form = TokenRequest {
            grant_type: PRE_AUTHORIZED_CODE_GRANT.to_owned(),
            code: code.to_owned(),
            tx_code: pin.map(str::to_owned),
        };
        let mut fields = vec![("grant_type", form.grant_type.as_str()), ("pre-authorized_code", form.code.as_str())];
        fields.extend(form.tx_code.as_deref().map(|pin| ("tx_code", pin)));
        let url = metadata.token_endpoint.clone();
        http::json(&http::host(&url), form_post(&self.http, url, &fields), "a token response").await
    }

    /// A nonce for key proofs (section 7); `None` when the issuer wants none.
    ///
    /// # Errors
    /// An [`HttpError`].
    pub async fn nonce(&self, metadata: &IssuerMetadata) -> Result<Option<String>, HttpError> {
        let Some(url) = metadata.nonce_endpoint.clone() else { return Ok(None) };
        let answer: NonceResponse = http::json(&http::host(&url), self.http.post(url), "a nonce response").await?;
        Ok(Some(answer.c_nonce))
    }

    /// Fetches credentials (section 8). The same token and proofs again get the same credentials. While the attestation is not
    /// final on the ledger the answer is an error with status 503 and [`HttpError::retry_after`].
    ///
    /// # Errors
    /// An [`HttpError`].
    pub async fn credential(
        &self,
        metadata: &IssuerMetadata,
        access_token: &str,
        request: &CredentialRequest,
    ) -> Result<CredentialResponse, HttpError> {
        let url = metadata.credential_endpoint.clone();
        let host = http::host(&url);
        let request = self.http.post(url).timeout(CREDENTIAL_TIMEOUT).bearer_auth(access_token).json(request);
        http::json(&host, request, "a credential response").await
    }
}

/// A form-encoded POST.
pub(crate) fn form_post(http: &reqwest::Client, url: Url, fields: &[(&str, &str)]) -> reqwest::RequestBuilder {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    http.post(url).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body)
}

/// An address that a wallet may be sent to: https, or http on this machine for the pilot city.
pub(crate) fn usable(text: &str, said_by: &str) -> Result<Url, HttpError> {
    let url = Url::parse(text).ok().filter(|url| {
        let loopback = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        let plain = url.username().is_empty() && url.password().is_none();
        plain && url.has_host() && (url.scheme() == "https" || (url.scheme() == "http" && loopback))
    });
    url.ok_or_else(|| HttpError::Malformed { host: said_by.to_owned(), expected: "an https address without credentials" })
}

/// The well-known address of an issuer: the name goes between host and path (OpenID4VCI section 12.2.2, RFC 8414 section 3).
fn well_known(issuer: &Url, name: &str) -> Url {
    let mut url = issuer.clone();
    let path = issuer.path().trim_end_matches('/');
    url.set_path(&format!("/.well-known/{name}{path}"));
    url.set_query(None);
    url.set_fragment(None);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_goes_between_host_and_path() {
        let of = |issuer: &str| well_known(&issuer.parse().unwrap(), "openid-credential-issuer").to_string();
        assert_eq!(of("https://a.example"), "https://a.example/.well-known/openid-credential-issuer");
        assert_eq!(of("https://a.example/t/1"), "https://a.example/.well-known/openid-credential-issuer/t/1");
        assert_eq!(of("http://127.0.0.1:4000/"), "http://127.0.0.1:4000/.well-known/openid-credential-issuer");
    }

    /// SEC-F1: plain http elsewhere, credentials in addresses and other schemes are refused.
    #[test]
    fn only_https_and_loopback_addresses_are_usable() {
        for good in ["https://a.example/x", "http://127.0.0.1:9/", "http://localhost:9/", "http://[::1]:9/"] {
            assert!(usable(good, "test").is_ok(), "{good}");
        }
        for bad in [
            "http://a.example/",
            "http://127.0.0.1@a.example/",
            "https://user@a.example/",
            "file:///etc/passwd",
            "data:,x",
            "http://127.0.0.1.example/",
            "ftp://localhost/",
            "not a url",
        ] {
            assert!(usable(bad, "test").is_err(), "{bad}");
        }
    }
}
