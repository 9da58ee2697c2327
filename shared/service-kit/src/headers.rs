//! Security headers of every response, and the Content-Security-Policy of pages.
//!
//! The referrer policy is `same-origin` and not `no-referrer`: under `no-referrer` browsers send `Origin: null` with the forms
//! of the very same site (Fetch, "append a request `Origin` header"), and the Origin check of `csrf` would be blind. No other
//! site learns anything either way.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// A Content-Security-Policy that begins with nothing allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Csp(BTreeMap<&'static str, Vec<String>>);

impl Default for Csp {
    fn default() -> Self {
        Self::strict()
    }
}

impl Csp {
    /// Own styles, own pictures and forms to oneself; no script, no frame, nothing inline.
    pub fn strict() -> Self {
        let none = |name| (name, vec!["'none'".to_owned()]);
        let own = |name| (name, vec!["'self'".to_owned()]);
        Self(BTreeMap::from([
            none("default-src"),
            none("base-uri"),
            none("frame-ancestors"),
            own("form-action"),
            own("img-src"),
            own("style-src"),
        ]))
    }

    /// Allows one more source for a directive: `'self'` for `script-src`, `data:` for `img-src`, ….
    #[must_use]
    pub fn allow(mut self, directive: &'static str, source: impl Into<String>) -> Self {
        let sources = self.0.entry(directive).or_default();
        sources.retain(|s| s != "'none'");
        sources.push(source.into());
        self
    }

    /// The header's value.
    pub fn value(&self) -> HeaderValue {
        let directives: Vec<String> = self.0.iter().map(|(name, sources)| format!("{name} {}", sources.join(" "))).collect();
        HeaderValue::try_from(directives.join("; ")).expect("directives and sources are visible ASCII")
    }
}

/// Sets the headers that a handler has not set itself.
pub(crate) fn set(headers: &mut HeaderMap, csp: &HeaderValue, https: bool) {
    let fixed: [(HeaderName, HeaderValue); 6] = [
        (header::CONTENT_SECURITY_POLICY, csp.clone()),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
        (HeaderName::from_static("permissions-policy"), HeaderValue::from_static("camera=(), geolocation=(), microphone=()")),
    ];
    for (name, value) in fixed {
        headers.entry(name).or_insert(value);
    }
    if https {
        let value = HeaderValue::from_static("max-age=31536000");
        headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert(value);
    }
    // What is not said to be cacheable is not kept.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strict_policy_has_no_inline_and_no_script() {
        let value = Csp::strict();
        let text = value.value().to_str().unwrap().to_owned();
        assert_eq!(
            text,
            "base-uri 'none'; default-src 'none'; form-action 'self'; frame-ancestors 'none'; img-src 'self'; style-src 'self'"
        );
        let wider = value.allow("img-src", "data:").allow("connect-src", "'self'");
        assert!(wider.value().to_str().unwrap().contains("connect-src 'self'"));
        assert!(wider.value().to_str().unwrap().contains("img-src 'self' data:"));
    }
}
