//! Reports: a citizen tells the department that sponsors a website what was wrong there.
//!
//! | route, at the sponsoring authority's `issuer_url` | body → answer |
//! |---|---|
//! | `POST /v1/reports` | a JWS ([`Report`] as payload, `typ` [`REPORT_TYPE`], `kid` = DID URL of the device) as `application/jwt` → 201 [`ReportTaken`]; rate-limited |

use identity::jose::jws::{JwsAlg, Policy, Presence, Typ};
use identity::{Did, UnixSeconds};
use ledger::records::PartyId;
use serde::{Deserialize, Serialize};

/// `typ` of a signed report.
pub const REPORT_TYPE: &str = "yufu-report+jwt";
/// How long after `iat` a report is taken, and by how much clocks may differ, in seconds.
pub const FRESH_SECONDS: i64 = 300;
/// See [`FRESH_SECONDS`].
pub const SKEW_SECONDS: i64 = 60;
/// Characters of a reason at most.
pub const MAX_REASON_CHARACTERS: usize = 2000;
/// Bytes of an origin, of a receipt's id and of a claim's name at most.
pub const MAX_NAME_BYTES: usize = 512;
/// Names of claims at most.
pub const MAX_CLAIMS: usize = 64;

/// What a report must look like.
pub const REPORT: Policy = Policy {
    typ: Typ::OneOf(&[REPORT_TYPE]),
    algs: JwsAlg::ALL,
    jwk: Presence::Refused,
    x5c: Presence::Refused,
    max_bytes: 64 * 1024,
};

/// A report: the payload of the JWS that a device key signs. It has names of claims and never values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The citizen's DID; the JWS `kid` is one of its devices' verification methods.
    pub iss: Did,
    /// The department's `issuer_url`; absent in a report that is handed over because nobody could be asked who that is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub aud: Option<String>,
    /// When it was signed; taken for [`FRESH_SECONDS`].
    pub iat: UnixSeconds,
    /// Random, base64url: the same `jti` again gets the same answer.
    pub jti: String,
    /// The party on the ledger, if it is one.
    pub party: Option<PartyId>,
    /// The site's origin.
    pub origin: String,
    /// When it asked, or was shown something.
    pub shown_at: UnixSeconds,
    /// Names of the claims.
    pub claims: Vec<String>,
    /// The receipt on the ledger, base64url.
    pub receipt: Option<String>,
    /// The citizen's words.
    pub reason: String,
}

/// A report is with the department.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportTaken {
    /// The department's reference.
    pub id: String,
    /// When it was taken.
    pub received_at: UnixSeconds,
}
