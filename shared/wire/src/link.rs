//! Links, pasted texts and QR codes: what a wallet can be handed. A link opens a screen; it never acts by itself.

use std::collections::BTreeMap;

use url::{Host, Url};

/// Longest link that is looked at, in bytes: a request by value has a chain of certificates in it.
pub const MAX_LINK_BYTES: usize = 16 * 1024;
/// Longest text in which a link is looked for, in bytes.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;
/// Most parameters of a request by value.
const MAX_PARAMETERS: usize = 32;

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
    /// The same with the signed request object itself (RFC 9101 section 5.1).
    SignedRequest {
        /// The client identifier that the request object must have.
        client_id: String,
        /// The request object.
        request: String,
    },
    /// The same with the parameters of a request that nobody signed.
    UnsignedRequest {
        /// The client identifier.
        client_id: String,
        /// All parameters, each once.
        parameters: BTreeMap<String, String>,
    },
}

/// Why a link is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Longer than [`MAX_LINK_BYTES`], or a text longer than [`MAX_TEXT_BYTES`].
    #[error("the link is longer than {MAX_LINK_BYTES} bytes")]
    TooLong,
    /// Not a URL.
    #[error("this is not a link")]
    NotALink,
    /// A text with several different links for a wallet.
    #[error("there are several different links")]
    Several,
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
        let has = |name: &str| url.query_pairs().any(|(key, _)| key == name);
        match url.scheme() {
            "openid-credential-offer" | "haip-vci" => offer(&url),
            "openid4vp" | "haip-vp" => request(&url),
            // A claimed web link: which of both it is, its parameters say.
            "https" if has("credential_offer") || has("credential_offer_uri") => offer(&url),
            "https" if has("client_id") => request(&url),
            other => Err(LinkError::Scheme(other.to_owned())),
        }
    }
}

impl Link {
    /// The one link for a wallet in a pasted text, as it stands there.
    ///
    /// # Errors
    /// [`LinkError`]; [`LinkError::Several`] when the text has different ones.
    pub fn in_text(text: &str) -> Result<String, LinkError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(LinkError::TooLong);
        }
        let whole = text.trim();
        let problem = match whole.parse::<Self>() {
            Ok(_) => return Ok(whole.to_owned()),
            Err(problem) => problem,
        };
        // What no URL holds unencoded ends a link: spaces, quotes, brackets, and the punctuation of Chinese texts.
        let ends = |c: char| c.is_whitespace() || !c.is_ascii() || matches!(c, '<' | '>' | '"' | '\'' | '(' | ')' | '`');
        let mut found: Option<(Self, String)> = None;
        for word in whole.split(ends).filter(|word| word.contains("://")) {
            let Ok(link) = word.parse::<Self>() else { continue };
            match &found {
                Some((first, _)) if *first != link => return Err(LinkError::Several),
                Some(_) => {}
                None => found = Some((link, word.to_owned())),
            }
        }
        found.map(|(_, word)| word).ok_or(problem)
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
    let post = match single(url, "request_uri_method")?.as_deref() {
        None | Some("get") => false,
        Some("post") => true,
        Some(_) => return Err(LinkError::Parameter("request_uri_method")),
    };
    match (single(url, "request_uri")?, single(url, "request")?) {
        (Some(uri), None) => Ok(Link::PresentationRequest { client_id, request_uri: http_url(&uri, "request_uri")?, post }),
        (None, Some(request)) => Ok(Link::SignedRequest { client_id, request }),
        (Some(_), Some(_)) => Err(LinkError::Parameter("request")),
        (None, None) => Ok(Link::UnsignedRequest { client_id, parameters: parameters(url)? }),
    }
}

/// The parameters of a request by value; one without a question is none.
fn parameters(url: &Url) -> Result<BTreeMap<String, String>, LinkError> {
    let mut parameters = BTreeMap::new();
    for (name, value) in url.query_pairs().into_owned() {
        if parameters.len() == MAX_PARAMETERS || parameters.insert(name, value).is_some() {
            return Err(LinkError::Parameter("client_id"));
        }
    }
    if parameters.contains_key("dcql_query") { Ok(parameters) } else { Err(LinkError::Parameter("request_uri")) }
}

fn single(url: &Url, name: &'static str) -> Result<Option<String>, LinkError> {
    let mut values = url.query_pairs().filter(|(key, _)| key == name);
    let first = values.next().map(|(_, value)| value.into_owned());
    if values.next().is_some() { Err(LinkError::Parameter(name)) } else { Ok(first) }
}

/// https anywhere; http only on this machine, for a pilot city: whether this is one is for the wallet to say ([`is_on_this_machine`]).
fn http_url(text: &str, name: &'static str) -> Result<Url, LinkError> {
    let url = Url::parse(text).map_err(|_| LinkError::Parameter(name))?;
    let secure = url.scheme() == "https" || (url.scheme() == "http" && is_on_this_machine(&url));
    if secure { Ok(url) } else { Err(LinkError::Parameter(name)) }
}

/// Whether an address leads back to the machine that asks for it.
pub fn is_on_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_unspecified(),
        Some(Host::Ipv6(address)) => {
            let within = address.to_ipv4_mapped().is_some_and(|address| address.is_loopback() || address.is_unspecified());
            address.is_loopback() || address.is_unspecified() || within
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = "openid4vp://?client_id=x509_hash%3Aabc&request_uri=https%3A%2F%2Ftax.example%2Frequests%2F1";

    #[test]
    fn a_presentation_request_by_reference_is_read() {
        let Link::PresentationRequest { client_id, request_uri, post } = REQUEST.parse().unwrap() else { panic!() };
        assert_eq!((client_id.as_str(), request_uri.as_str(), post), ("x509_hash:abc", "https://tax.example/requests/1", false));
        let web = REQUEST.replace("openid4vp://", "https://wallet.example/open");
        assert_eq!(web.parse::<Link>(), REQUEST.parse());
    }

    #[test]
    fn a_request_by_value_is_signed_or_not() {
        let signed = "haip-vp://?client_id=x&request=a.b.c".parse::<Link>().unwrap();
        assert_eq!(signed, Link::SignedRequest { client_id: "x".to_owned(), request: "a.b.c".to_owned() });
        let unsigned = "openid4vp://?client_id=x&dcql_query=%7B%7D&nonce=1".parse::<Link>().unwrap();
        assert!(matches!(unsigned, Link::UnsignedRequest { parameters, .. } if parameters["nonce"] == "1"));
        for bad in ["openid4vp://?client_id=x&nonce=1", "openid4vp://?client_id=x&dcql_query=1&nonce=1&nonce=2"] {
            assert!(matches!(bad.parse::<Link>(), Err(LinkError::Parameter(_))), "{bad}");
        }
        let both = format!("{REQUEST}&request=a.b.c");
        assert_eq!(both.parse::<Link>(), Err(LinkError::Parameter("request")));
    }

    /// SEC-W5: what no wallet handles, is doubled, in the clear or endless is no link.
    #[test]
    fn doubled_parameters_other_schemes_and_plain_http_are_refused() {
        let doubled = "openid4vp://?client_id=a&client_id=b&request_uri=https%3A%2F%2Fx.example";
        assert_eq!(doubled.parse::<Link>(), Err(LinkError::Parameter("client_id")));
        for scheme in
            ["javascript:alert(1)", "file:///etc/passwd?client_id=x", "https://a.example/", "http://a.example/?client_id=x"]
        {
            assert!(matches!(scheme.parse::<Link>(), Err(LinkError::Scheme(_))), "{scheme}");
        }
        let plain = "openid4vp://?client_id=a&request_uri=http%3A%2F%2Fx.example";
        assert_eq!(plain.parse::<Link>(), Err(LinkError::Parameter("request_uri")));
        assert_eq!("x".repeat(MAX_LINK_BYTES + 1).parse::<Link>(), Err(LinkError::TooLong));
    }

    /// SEC-W5: every way to write this machine is known as such, and no name that only looks like it.
    #[test]
    fn addresses_of_this_machine_are_known() {
        let here = [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0.0.0.0",
            "localhost",
            "LOCALHOST.",
            "a.localhost",
            "[::1]",
            "[::ffff:127.0.0.1]",
        ];
        for host in here {
            assert!(is_on_this_machine(&Url::parse(&format!("https://{host}:8080/")).unwrap()), "{host}");
        }
        for host in ["tax.example", "localhost.example", "127.0.0.1.example", "10.0.0.1", "[2001:db8::1]"] {
            assert!(!is_on_this_machine(&Url::parse(&format!("https://{host}/")).unwrap()), "{host}");
        }
    }

    #[test]
    fn a_link_is_found_in_a_pasted_text() {
        assert_eq!(Link::in_text(&format!("  {REQUEST}\n")).unwrap(), REQUEST);
        for text in [
            format!("请打开：{REQUEST}。谢谢"),
            format!("Dear citizen,\nopen <{REQUEST}> (see https://tax.example/help). Again: {REQUEST}"),
        ] {
            assert_eq!(Link::in_text(&text).unwrap(), REQUEST, "{text}");
        }
        let two = format!("{REQUEST} {}", REQUEST.replace("abc", "abd"));
        assert_eq!(Link::in_text(&two), Err(LinkError::Several));
        assert_eq!(Link::in_text("no link here"), Err(LinkError::NotALink));
        assert_eq!(Link::in_text(&"x ".repeat(MAX_TEXT_BYTES)), Err(LinkError::TooLong));
    }
}
