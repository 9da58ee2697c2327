//! What a citizen may ask of a website afterwards: that a consent is taken back, and that what was shown is deleted.
//!
//! No standard of OpenID4VP names an address for this, and the ledger's registration needs no field for one: the site says it in a
//! well-known document (RFC 8615) at its registered origin, which the wallet knows by proof.
//!
//! | route, at the party's registered origin | body → answer |
//! |---|---|
//! | `GET /.well-known/yufu-rights` ([`WELL_KNOWN_PATH`]) | [`RightsMetadata`]; `rights_endpoint` has the same origin |
//! | `POST` to `rights_endpoint` | a JWS ([`RightsRequest`], `typ` [`RIGHTS_REQUEST_TYPE`], `jwk` in its header) as `application/jwt` → 200, a JWS ([`Acknowledgement`], `typ` [`ACKNOWLEDGEMENT_TYPE`]) as `application/jwt` |
//!
//! **Who may ask**: whoever holds the key of the credential copy that was shown. The request is signed by that key and names the SHA-256 of
//! the key binding JWT, which the site keeps as its evidence; the site checks that this very key signed both. It learns nothing by it that it
//! did not have. A site that has no such presentation and one where somebody else's key asks answer the same, 404.
//!
//! **The answer** is signed by the key that the ledger has for the party (`PartyRecord::ledger_key`), so the citizen holds the site to it.
//! The same presentation and kind get the same answer for ever, byte for byte: sending again is how a lost answer is asked for.

use identity::jose::jws::{JwsAlg, Policy, Presence, Typ};
use identity::{Localized, UnixSeconds};
use serde::{Deserialize, Serialize};

/// Where a site says how to reach it, below its registered origin (RFC 8615).
pub const WELL_KNOWN_PATH: &str = "/.well-known/yufu-rights";
/// `typ` of a request.
pub const RIGHTS_REQUEST_TYPE: &str = "yufu-rights-request+jwt";
/// `typ` of an acknowledgement.
pub const ACKNOWLEDGEMENT_TYPE: &str = "yufu-rights-acknowledgement+jwt";
/// How long after `iat` a request is taken, and by how much clocks may differ, in seconds.
pub const FRESH_SECONDS: i64 = 300;
/// See [`FRESH_SECONDS`].
pub const SKEW_SECONDS: i64 = 60;
/// Characters of a `jti`.
pub const JTI_CHARACTERS: std::ops::RangeInclusive<usize> = 16..=64;
/// Bytes of a request at most.
pub const MAX_REQUEST_BYTES: usize = 4 * 1024;
/// Bytes of an acknowledgement at most.
pub const MAX_ACKNOWLEDGEMENT_BYTES: usize = 16 * 1024;

/// What a request must look like: it shows its key, which says nothing by itself.
pub const REQUEST: Policy = Policy {
    typ: Typ::OneOf(&[RIGHTS_REQUEST_TYPE]),
    algs: JwsAlg::ALL,
    jwk: Presence::Required,
    x5c: Presence::Refused,
    max_bytes: MAX_REQUEST_BYTES,
};

/// What an acknowledgement must look like: the key comes from the ledger.
pub const ACKNOWLEDGEMENT: Policy = Policy {
    typ: Typ::OneOf(&[ACKNOWLEDGEMENT_TYPE]),
    algs: JwsAlg::ALL,
    jwk: Presence::Refused,
    x5c: Presence::Refused,
    max_bytes: MAX_ACKNOWLEDGEMENT_BYTES,
};

/// The well-known document. Members that are not listed here are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RightsMetadata {
    /// Where requests are posted.
    pub rights_endpoint: String,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// The consent is taken back: no further use of what was shown.
    Withdrawal,
    /// What was shown is deleted.
    Deletion,
}

impl Right {
    /// The word in the JWS, and in databases.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Withdrawal => "withdrawal",
            Self::Deletion => "deletion",
        }
    }
}

/// SHA-256 of a key binding JWT's ASCII bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PresentationDigest(#[serde(with = "identity::keys::base64url_array")] pub [u8; 32]);

/// A request: the payload of the JWS that the key of the shown copy signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RightsRequest {
    /// The site's client identifier, as the ledger has it now.
    pub aud: String,
    /// When it was signed; taken for [`FRESH_SECONDS`].
    pub iat: UnixSeconds,
    /// Random, base64url. A request that is signed anew because it grew old keeps it.
    pub jti: String,
    /// What is asked for.
    pub kind: Right,
    /// Which presentation it is about.
    pub presentation: PresentationDigest,
}

/// What a site did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Done {
    /// It is noted that the consent does not hold any more.
    ConsentMarkedWithdrawn,
    /// Sessions that the presentation opened are over.
    SessionsEnded,
    /// No disclosed value is kept any more.
    AttributesDeleted,
}

/// What a site keeps, and why, in its own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// What.
    pub what: Localized,
    /// Why.
    pub why: Localized,
    /// Until when; for ever without it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub until: Option<UnixSeconds>,
}

/// What a site answers: the payload of the JWS that its ledger key signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledgement {
    /// The site's client identifier.
    pub iss: String,
    /// When it was done.
    pub iat: UnixSeconds,
    /// What was asked for.
    pub kind: Right,
    /// Of which presentation.
    pub presentation: PresentationDigest,
    /// What was done.
    pub done: Vec<Done>,
    /// What is kept.
    pub kept: Vec<Kept>,
}
