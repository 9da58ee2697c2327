//! Fetching a URL that somebody else chose, such as the status list of a credential (FAULTS F1).
//!
//! https only, to public addresses only, resolved once and pinned, no redirects, no proxy of the environment, a limit on size and time,
//! the media type that was asked for. The pilot city on one machine may allow http and https to loopback addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header;
use reqwest::redirect;
use url::{Host, Url};

/// Whether addresses of this very machine may be fetched from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loopback {
    /// Never: production.
    #[default]
    Refused,
    /// http and https to 127.0.0.0/8 and ::1: the pilot city.
    Allowed,
}

/// Why nothing was fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Not https, credentials or a fragment in it, or no host.
    #[error("the URL is not one that is fetched from: {0}")]
    Url(&'static str),
    /// The name does not resolve.
    #[error("the host name does not resolve")]
    Unresolved(#[source] std::io::Error),
    /// The host is this machine or in a private network.
    #[error("the host is not on the public internet")]
    PrivateAddress,
    /// No answer in time, or none at all.
    #[error("the host does not answer")]
    Unreachable(#[source] reqwest::Error),
    /// Another status than 200. Redirects are such.
    #[error("the host answered with status {0}")]
    Status(u16),
    /// Another media type than the one asked for.
    #[error("the answer is not of the media type {0}")]
    MediaType(&'static str),
    /// The answer is longer than allowed.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
}

/// What was fetched.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The body.
    pub body: Vec<u8>,
    /// The headers, for `Cache-Control` and the like.
    pub headers: HeaderMap,
}

/// The limits of one fetch.
#[derive(Clone, Copy, Debug)]
pub struct Want {
    /// The media type, sent as `Accept` and demanded of the answer.
    pub media_type: &'static str,
    /// Bytes at most.
    pub max_bytes: usize,
    /// Time in all.
    pub timeout: Duration,
}

impl Want {
    /// 64 KiB within 3 s.
    pub fn of(media_type: &'static str) -> Self {
        Self { media_type, max_bytes: 64 * 1024, timeout: Duration::from_secs(3) }
    }
}

/// Fetches.
#[derive(Clone, Debug)]
pub struct Fetcher {
    loopback: Loopback,
}

impl Fetcher {
    /// A fetcher; `loopback` comes from the configuration.
    pub fn new(loopback: Loopback) -> Self {
        Self { loopback }
    }

    /// Fetches a URL with GET.
    ///
    /// # Errors
    /// [`FetchError`]; its text quotes nothing of the URL or the answer.
    pub async fn get(&self, url: &Url, want: Want) -> Result<Fetched, FetchError> {
        let deadline = tokio::time::Instant::now() + want.timeout;
        let (host, addresses) = self.resolve(url, want.timeout).await?;
        // One client per fetch: the addresses that were checked are pinned in it.
        let client = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .resolve_to_addrs(&host, &addresses)
            .connect_timeout(want.timeout)
            .timeout(deadline.saturating_duration_since(tokio::time::Instant::now()))
            .build()
            .map_err(FetchError::Unreachable)?;
        let request = client.get(url.clone()).header(header::ACCEPT, want.media_type);
        let mut response = request.send().await.map_err(|e| FetchError::Unreachable(e.without_url()))?;
        if response.status() != 200 {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let media_type = response.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case(want.media_type) {
            return Err(FetchError::MediaType(want.media_type));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| FetchError::Unreachable(e.without_url()))? {
            if body.len().saturating_add(chunk.len()) > want.max_bytes {
                return Err(FetchError::TooLong(want.max_bytes));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Fetched { body, headers: response.headers().clone() })
    }

    /// The host and its addresses, every one of them allowed.
    async fn resolve(&self, url: &Url, timeout: Duration) -> Result<(String, Vec<SocketAddr>), FetchError> {
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(FetchError::Url("it has credentials or a fragment"));
        }
        let plain = match url.scheme() {
            "https" => false,
            "http" if self.loopback == Loopback::Allowed => true,
            _ => return Err(FetchError::Url("it is not https")),
        };
        let port = url.port_or_known_default().ok_or(FetchError::Url("it has no port"))?;
        let host = url.host().ok_or(FetchError::Url("it has no host"))?;
        let addresses: Vec<SocketAddr> = match host {
            Host::Ipv4(address) => vec![SocketAddr::new(address.into(), port)],
            Host::Ipv6(address) => vec![SocketAddr::new(address.into(), port)],
            Host::Domain(name) => {
                let lookup = tokio::time::timeout(timeout, tokio::net::lookup_host((name, port))).await;
                let lookup = lookup.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
                lookup.map_err(FetchError::Unresolved)?.collect()
            }
        };
        // One bad address among good ones is a trick, so all must be good.
        let allowed = |address: &SocketAddr| {
            let ip = address.ip().to_canonical();
            if ip.is_loopback() { self.loopback == Loopback::Allowed } else { !plain && is_public(ip) }
        };
        if addresses.is_empty() || !addresses.iter().all(allowed) {
            return Err(FetchError::PrivateAddress);
        }
        Ok((host.to_string(), addresses))
    }
}

/// Whether an address is one of the public internet: not of this host, a private or shared network, a link, a tunnel into IPv4, a
/// documentation range, multicast or reserved (IANA special-purpose address registries).
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = a == 0
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19));
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    // Only 2000::/3 is allocated; of it, Teredo and other protocol assignments, documentation and 6to4 (which embeds IPv4) are not
    // public. 64:ff9b::/96 (NAT64), fc00::/7, fe80::/10 and multicast lie outside.
    let global = (a & 0xe000) == 0x2000;
    global && !(a == 0x2001 && (b < 0x0200 || b == 0x0db8)) && a != 0x2002 && a != 0x3fff
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::response::Redirect;
    use axum::routing::get;

    use super::*;

    async fn error(loopback: Loopback, url: &str) -> FetchError {
        Fetcher::new(loopback).get(&url.parse().unwrap(), Want::of("application/json")).await.unwrap_err()
    }

    /// SEC-F1: every spelling of a private address is refused before a connection is made.
    #[tokio::test]
    async fn private_addresses_are_refused_in_every_spelling() {
        for host in [
            "127.0.0.1",
            "0x7f.1",
            "2130706433",
            "0177.0.0.1",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "localhost",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "[fe80::1]",
            "[fc00::1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[2001::1]",
            "[ff02::1]",
            "[::]",
            "192.0.0.8",
            "255.255.255.255",
        ] {
            let refused = error(Loopback::Refused, &format!("https://{host}/x")).await;
            assert!(matches!(refused, FetchError::PrivateAddress), "{host}: {refused}");
        }
        let private = error(Loopback::Allowed, "http://10.1.2.3/").await;
        assert!(matches!(private, FetchError::PrivateAddress));
        let plain = error(Loopback::Allowed, "http://8.8.8.8/").await;
        assert!(matches!(plain, FetchError::PrivateAddress), "plain http leaves this machine never");
    }

    #[tokio::test]
    async fn other_schemes_and_credentials_are_refused() {
        for url in [
            "http://example.com/",
            "ftp://example.com/",
            "file:///etc/passwd",
            "https://a@example.com/",
            "https://example.com/#x",
        ] {
            assert!(matches!(error(Loopback::Refused, url).await, FetchError::Url(_)), "{url}");
        }
    }

    #[test]
    fn public_addresses_are_public() {
        for address in ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "2400:3200::1"] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[tokio::test]
    async fn redirects_long_answers_and_other_media_types_are_refused() {
        let routes = Router::new()
            .route("/ok", get(|| async { axum::Json(1) }))
            .route("/redirect", get(|| async { Redirect::temporary("/ok") }))
            .route("/text", get(|| async { "1" }))
            .route("/long", get(|| async { axum::Json("x".repeat(70_000)) }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let fetcher = Fetcher::new(Loopback::Allowed);
        let ok = fetcher.get(&format!("{base}/ok").parse().unwrap(), Want::of("application/json")).await.unwrap();
        assert_eq!(ok.body, b"1");
        assert!(matches!(error(Loopback::Allowed, &format!("{base}/redirect")).await, FetchError::Status(307)));
        assert!(matches!(error(Loopback::Allowed, &format!("{base}/text")).await, FetchError::MediaType(_)));
        assert!(matches!(error(Loopback::Allowed, &format!("{base}/long")).await, FetchError::TooLong(_)));
        assert!(matches!(error(Loopback::Refused, &format!("{base}/ok")).await, FetchError::Url(_)));
    }
}
