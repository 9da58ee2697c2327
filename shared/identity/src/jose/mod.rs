//! JOSE as OpenID4VC and HAIP 1.0 need it, and no more: public keys ([`jwk`]), compact signatures ([`jws`]), compact encryption
//! ([`jwe`]) and certificate chains ([`x509`]).
//!
//! Everything parsed here comes from strangers: it is bounded by bytes first, read by the strict JSON reader
//! ([`crate::json`]), and refused when it asks for a feature that is not on the list of its message type. There is no
//! `none`, no HMAC, no compression, no `crit`, no remote key.

pub mod jwe;
pub mod jwk;
pub mod jws;
pub mod x509;

pub use jwk::{Jwk, JwkError};
pub use x509::{Certificate, Chain, TrustAnchors, X509Error};

/// Most characters of a stranger's text that an error repeats.
const MAX_QUOTED_CHARS: usize = 48;

/// The beginning of a stranger's text, printable, for an error message.
fn quote(text: &str) -> String {
    text.chars().take(MAX_QUOTED_CHARS).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
