//! Cookies of a service: `HttpOnly`, scoped to the whole host, and under https `Secure` with the `__Host-` prefix (RFC 6265bis
//! section 4.1.3.2), which no other host and no plain connection can set. The pilot city on loopback speaks http and has plain names.

use axum::http::{HeaderMap, HeaderValue, header};
use url::Url;

/// `SameSite`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Sent only with requests that begin on this site.
    Strict,
    /// Sent with top-level navigations from other sites too: what a wallet's redirect needs.
    Lax,
}

/// How cookies of a service at one public URL are named and marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cookies {
    secure: bool,
}

impl Cookies {
    /// For the service at this URL.
    pub fn for_url(public_url: &Url) -> Self {
        Self { secure: public_url.scheme() == "https" }
    }

    /// The name on the wire.
    pub fn name(self, name: &str) -> String {
        if self.secure { format!("__Host-{name}") } else { name.to_owned() }
    }

    /// The `Set-Cookie` value. `value` is a token: base64url characters only. Without `max_age_seconds` the cookie ends with the browser.
    pub fn set(self, name: &str, value: &str, same_site: SameSite, max_age_seconds: Option<u32>) -> HeaderValue {
        let same_site = match same_site {
            SameSite::Strict => "Strict",
            SameSite::Lax => "Lax",
        };
        let mut cookie = format!("{}={value}; Path=/; HttpOnly; SameSite={same_site}", self.name(name));
        if self.secure {
            cookie.push_str("; Secure");
        }
        if let Some(seconds) = max_age_seconds {
            cookie.push_str(&format!("; Max-Age={seconds}"));
        }
        HeaderValue::try_from(cookie).expect("names and tokens are visible ASCII")
    }

    /// The `Set-Cookie` value that removes the cookie.
    pub fn clear(self, name: &str) -> HeaderValue {
        self.set(name, "", SameSite::Strict, Some(0))
    }

    /// The cookie's value, if the request has it exactly once.
    pub fn read(self, headers: &HeaderMap, name: &str) -> Option<String> {
        let wanted = self.name(name);
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut values = pairs.filter(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned());
        let first = values.next()?;
        values.next().is_none().then_some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookies(url: &str) -> Cookies {
        Cookies::for_url(&url.parse().unwrap())
    }

    #[test]
    fn under_https_a_cookie_is_host_bound_and_secure() {
        let value = cookies("https://police.example").set("console", "abc", SameSite::Strict, Some(60));
        assert_eq!(value, "__Host-console=abc; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=60");
        let value = cookies("http://127.0.0.1:8080").set("console", "abc", SameSite::Lax, None);
        assert_eq!(value, "console=abc; Path=/; HttpOnly; SameSite=Lax");
    }

    #[test]
    fn a_doubled_cookie_is_nobody() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=1; console=x".parse().unwrap());
        assert_eq!(cookies("http://localhost").read(&headers, "console").as_deref(), Some("x"));
        assert_eq!(cookies("https://localhost").read(&headers, "console"), None);
        headers.append(header::COOKIE, "console=y".parse().unwrap());
        assert_eq!(cookies("http://localhost").read(&headers, "console"), None);
    }
}
