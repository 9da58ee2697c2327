//! Who is at the other end of the connection, for rate limits.
//!
//! Behind a reverse proxy every peer is the proxy: a proxy that the configuration names is believed about the last address of its
//! `X-Forwarded-For`, and nobody else is.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;

/// The addresses of reverse proxies; a request extension.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(pub Arc<[IpAddr]>);

/// The client's address as a key for limits: an IPv4 address, or the /64 of an IPv6 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// The key for an address.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(IpAddr::V4(v4)),
            IpAddr::V6(v6) => Self(IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)))),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical());
        // Only a test calls a router without a connection.
        let Some(peer) = peer else { return Ok(Self(IpAddr::V6(Ipv6Addr::UNSPECIFIED))) };
        let proxied = parts.extensions.get::<TrustedProxies>().is_some_and(|proxies| proxies.0.contains(&peer));
        let forwarded = parts.headers.get_all("x-forwarded-for").iter().next_back().filter(|_| proxied);
        let address = forwarded
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.rsplit(',').next())
            .and_then(|address| address.trim().parse().ok());
        Ok(Self::of(address.unwrap_or(peer)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn seen(peer: &str, proxies: &[&str], forwarded: &str) -> String {
        let request = axum::http::Request::builder().header("x-forwarded-for", forwarded).body(()).unwrap();
        let mut parts = request.into_parts().0;
        parts.extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1)));
        parts.extensions.insert(TrustedProxies(proxies.iter().map(|p| p.parse().unwrap()).collect()));
        ClientAddress::from_request_parts(&mut parts, &()).await.unwrap().0.to_string()
    }

    #[tokio::test]
    async fn only_a_named_proxy_is_believed_and_only_about_its_last_hop() {
        assert_eq!(seen("203.0.113.9", &[], "198.51.100.1").await, "203.0.113.9");
        assert_eq!(seen("203.0.113.9", &["203.0.113.9"], "6.6.6.6, 198.51.100.1").await, "198.51.100.1");
        assert_eq!(seen("203.0.113.9", &["203.0.113.9"], "nonsense").await, "203.0.113.9");
    }

    #[tokio::test]
    async fn an_ipv6_client_is_its_64() {
        assert_eq!(seen("2001:db8:1:2:3:4:5:6", &[], "").await, "2001:db8:1:2::");
        assert_eq!(seen("::ffff:192.0.2.1", &[], "").await, "192.0.2.1");
    }
}
