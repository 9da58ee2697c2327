//! SD-JWT by RFC 9901: selective disclosure for JSON Web Tokens, in the compact serialization, with key binding.
//!
//! - [`issue`] makes an SD-JWT: object members, array elements, recursively, with decoys.
//! - [`Held`] is the holder's copy: which claims there are, and [`Held::present`] with only the chosen ones.
//! - [`bind`] adds the key binding JWT.
//! - [`SdJwt`] parses what a stranger sent; [`SdJwt::verify`] applies every rule of section 7 under a [`Policy`].
//! - [`verify_request`] is the same behind one JSON object, for vectors that strangers wrote.
//!
//! Refused, beyond what the RFC refuses: more than 256 KiB or 512 disclosures; signed JSON that is not strict
//! ([`crate::json`]); algorithms other than ES256 and EdDSA; hash algorithms other than SHA-256, SHA-384 and SHA-512; claims
//! that decide about validity as disclosures (section 9.7 tells issuers not to, and verifiers not to rely on it). The JWS JSON
//! serialization (section 8) is not supported: OpenID4VC and HAIP do not use it.

mod disclosure;
mod error;
mod issue;
mod key_binding;
mod path;
mod present;
mod process;
mod request;
mod verify;

pub use disclosure::HashAlgorithm;
pub use error::SdJwtError;
pub use issue::{Decoys, IssueError, Template, holder_key_claim, issue};
pub use key_binding::{Expected, KeyBinding, KeyBindingPolicy, bind, holder_key};
pub use path::{ClaimPath, MAX_COMPONENTS, MAX_SELECTED, PathError, PathPart};
pub use present::{Held, PresentError};
pub use process::{Gaps, PROTECTED};
pub use request::{DEFAULT_MAX_AGE_SECONDS, Request, verify_request};
pub use verify::{Audience, Policy, Profile, SdJwt, Verified};

/// Most bytes of an SD-JWT or presentation.
pub const MAX_BYTES: usize = 256 * 1024;

/// Most disclosures of an SD-JWT.
pub const MAX_DISCLOSURES: usize = 512;
