//! Links and QR codes: what a wallet can be handed. A link opens a screen; it never acts by itself.

use url::Url;

/// Longest link that is looked at, in bytes.
pub const MAX_LINK_BYTES: usize = 4096;

/// A link that a wallet understands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// `openid-credential-offer://…` or `haip-vci://…`: an offer by reference.
    CredentialOfferUri(Url),
    /// The same with the offer itself, as JSON text.
    CredentialOffer(String),
    /// `openid4vp://…` or `haip-vp://…`: a request by reference.
    PresentationRequest {
        /// The client identifier that the request object must have.
        client_id: String,
        /// Where the request object is.
        request_uri: Url,
        /// Whether the request object is fetched by POST (section 5.10 of OpenID4VP).
        post: bool,
    },
}

/// Why a link is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Longer than [`MAX_LINK_BYTES`].
    #[error("the link is longer than {MAX_LINK_BYTES} bytes")]
    TooLong,
    /// Not a URL.
    #[error("this is not a link")]
    NotALink,
    /// A scheme that no wallet handles.
    #[error("the wallet does not open links of the kind '{0}'")]
    Scheme(String),
    /// A parameter is missing, doubled or malformed.
    #[error("the link's parameter '{0}' is missing, doubled or malformed")]
    Parameter(&'static str),
}

impl std::str::FromStr for Link {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, LinkError> {
        if text.len() > MAX_LINK_BYTES {
            return Err(LinkError::TooLong);
        }
        let url = Url::parse(text.trim()).map_err(|_| LinkError::NotALink)?;
        match url.scheme() {
            "openid-credential-offer" | "haip-vci" => offer(&url),
            "openid4vp" | "haip-vp" => request(&url),
            other => Err(LinkError::Scheme(other.to_owned())),
        }
    }
}

fn offer(url: &Url) -> Result<Link, LinkError> {
    match (single(url, "credential_offer")?, single(url, "credential_offer_uri")?) {
        (Some(json), None) => Ok(Link::CredentialOffer(json)),
        (None, Some(uri)) => Ok(Link::CredentialOfferUri(http_url(&uri, "credential_offer_uri")?)),
        _ => Err(LinkError::Parameter("credential_offer")),
    }
}

fn request(url: &Url) -> Result<Link, LinkError> {
    let client_id = single(url, "client_id")?.ok_or(LinkError::Parameter("client_id"))?;
    let request_uri = single(url, "request_uri")?.ok_or(LinkError::Parameter("request_uri"))?;
    let post = match single(url, "request_uri_method")?.as_deref() {
        None | Some("get") => false,
        Some("post") => true,
        Some(_) => return Err(LinkError::Parameter("request_uri_method")),
    };
    Ok(Link::PresentationRequest { client_id, request_uri: http_url(&request_uri, "request_uri")?, post })
}

fn single(url: &Url, name: &'static str) -> Result<Option<String>, LinkError> {
    let mut values = url.query_pairs().filter(|(key, _)| key == name);
    let first = values.next().map(|(_, value)| value.into_owned());
    if values.next().is_some() { Err(LinkError::Parameter(name)) } else { Ok(first) }
}

/// https anywhere; http only on this machine, for the pilot city.
fn http_url(text: &str, name: &'static str) -> Result<Url, LinkError> {
    let url = Url::parse(text).map_err(|_| LinkError::Parameter(name))?;
    let loopback = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    if url.scheme() == "https" || (url.scheme() == "http" && loopback) { Ok(url) } else { Err(LinkError::Parameter(name)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_presentation_request_by_reference_is_read() {
        let link = "openid4vp://?client_id=x509_hash%3Aabc&request_uri=https%3A%2F%2Ftax.example%2Frequests%2F1";
        let Link::PresentationRequest { client_id, request_uri, post } = link.parse().unwrap() else { panic!() };
        assert_eq!((client_id.as_str(), request_uri.as_str(), post), ("x509_hash:abc", "https://tax.example/requests/1", false));
    }

    #[test]
    fn doubled_parameters_other_schemes_and_plain_http_are_refused() {
        let doubled = "openid4vp://?client_id=a&client_id=b&request_uri=https%3A%2F%2Fx.example";
        assert_eq!(doubled.parse::<Link>(), Err(LinkError::Parameter("client_id")));
        assert_eq!("javascript:alert(1)".parse::<Link>(), Err(LinkError::Scheme("javascript".into())));
        let plain = "openid4vp://?client_id=a&request_uri=http%3A%2F%2Fx.example";
        assert_eq!(plain.parse::<Link>(), Err(LinkError::Parameter("request_uri")));
        assert_eq!("x".repeat(5000).parse::<Link>(), Err(LinkError::TooLong));
    }
}
