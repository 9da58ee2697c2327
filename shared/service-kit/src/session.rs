//! Opaque tokens: sessions, access tokens, grants. The bearer has the token, the database has its hash, so that a copy of the
//! database opens no session.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// A secret token of 256 bits. It is not `Debug` with its value.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A token from 32 bytes of fresh entropy.
    pub fn from_entropy(entropy: [u8; 32]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(entropy))
    }

    /// A token that somebody presents; `None` when it cannot be one of ours.
    pub fn presented(text: &str) -> Option<Self> {
        let fits = text.len() == 43 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        fits.then(|| Self(text.to_owned()))
    }

    /// The token of an `Authorization: Bearer` header (RFC 6750 section 2.1).
    pub fn bearer(headers: &axum::http::HeaderMap) -> Option<Self> {
        Self::of_scheme(headers, "Bearer")
    }

    /// The token of an `Authorization` header with this scheme.
    pub fn of_scheme(headers: &axum::http::HeaderMap, wanted: &str) -> Option<Self> {
        let mut values = headers.get_all(axum::http::header::AUTHORIZATION).iter();
        let value = values.next()?.to_str().ok()?;
        let (scheme, token) = value.split_once(' ')?;
        if values.next().is_some() || !scheme.eq_ignore_ascii_case(wanted) {
            return None;
        }
        Self::presented(token.trim())
    }

    /// The text to hand out.
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// What the database keeps: base64url of the SHA-256. Looking a token up by its hash leaks nothing through timing.
    pub fn hash(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.0.as_bytes()))
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}
