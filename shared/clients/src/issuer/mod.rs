//! A department as a wallet sees it: attribute requests (`wire::issuer`) and credential issuance (OpenID4VCI 1.0, HAIP 1.0).
//!
//! [`metadata`] reads what an issuer and its authorization servers say of themselves; a [`Session`] asks them for tokens and
//! credentials. Nothing here is believed because a department says so: its keys, its name and what it may attest are on the ledger,
//! and a credential is verified by whoever receives it. What is checked here is what OpenID4VCI asks of metadata: that it is about
//! the issuer that was asked for, at endpoints that are https (http only on this machine, and only where the issuer is there too).

pub mod metadata;
mod session;

use reqwest::header::CONTENT_TYPE;
use url::Url;
use wire::issuer::{AttributeRequestState, Department, UploadGrant};
use wire::oid4vci::CredentialOffer;
use wire::reports::ReportTaken;

pub use self::metadata::{CredentialConfiguration, Encryption, IssuerMetadata, KeyRequirements, MetadataTrust, ServerMetadata};
pub use self::session::{CREDENTIAL_TIMEOUT, ClientAttestation, Session};
use crate::http::{self, HttpError};

/// A client of one department.
#[derive(Clone, Debug)]
pub struct IssuerClient {
    http: reqwest::Client,
    base: Url,
    host: String,
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

    /// Sends a signed report (`wire::reports`). The same report again gets the same answer.
    ///
    /// # Errors
    /// An [`HttpError`].
    pub async fn report(&self, jws: &str) -> Result<ReportTaken, HttpError> {
        let request = self.http.post(self.url(&["v1", "reports"])?);
        let request = request.header(CONTENT_TYPE, "application/jwt").body(jws.to_owned());
        http::json(&self.host, request, "the reference of a report").await
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

/// As [`usable`], and only another's address where it is not this machine: a stranger must not send a wallet to what listens here.
pub(crate) fn usable_for(base: &Url, text: &str, said_by: &str) -> Result<Url, HttpError> {
    let url = usable(text, said_by)?;
    if is_loopback(&url) && !is_loopback(base) {
        return Err(HttpError::Malformed { host: said_by.to_owned(), expected: "an address outside of this machine" });
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback() || address.to_ipv4_mapped().is_some_and(|v4| v4.is_loopback()),
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// The well-known address of an issuer: the name goes between host and path (OpenID4VCI section 12.2.2, RFC 8414 section 3).
pub(crate) fn well_known(issuer: &Url, name: &str) -> Url {
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

    /// SEC-F1: an issuer elsewhere cannot name an address on this machine as its endpoint.
    #[test]
    fn a_stranger_cannot_name_an_address_on_this_machine() {
        let (there, here): (Url, Url) = ("https://a.example".parse().unwrap(), "http://127.0.0.1:1".parse().unwrap());
        for local in ["http://127.0.0.1:9/", "https://localhost/", "https://x.localhost/", "https://127.8.8.8/", "https://[::1]/"]
        {
            assert!(usable_for(&there, local, "test").is_err(), "{local}");
        }
        assert!(usable_for(&here, "http://127.0.0.1:9/", "test").is_ok());
        assert!(usable_for(&there, "https://b.example/", "test").is_ok());
    }

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
