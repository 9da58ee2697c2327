//! Story: receive a credential by OpenID4VCI 1.0, pre-authorized code with PIN, several copies with a key each.
//!
//! Keys and lock secrets are in the vault before the issuer hears of them, under the offer's code: after a crash the same keys are
//! proven again, and a credential is stored together with its keys or not at all. Everything that an issuer sends is checked
//! against the ledger (`check`) before it is kept; an issuer that the ledger does not know is refused, whatever it signs.

mod check;
mod credential;
mod error;
mod offer;
mod receive;

use identity::{Localized, UnixSeconds};
use ledger::records::{AttestationStatus, AuthorityId, RecordId};
use serde::{Deserialize, Serialize};

pub(crate) use self::credential::value_text;
pub use self::credential::{CredentialClaim, CredentialView};
pub use self::error::{IssuanceError, Rejection};
pub use self::offer::OfferView;
use crate::chain::AsOf;
use crate::records::Secret32;

/// Copies of a credential that are asked for, if the issuer gives as many: each is shown once.
pub const BATCH: usize = 3;

/// An issuance under way: the keys of a credential that does not exist yet.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Issuance {
    /// SHA-256 of the offer's code, base64url: the record's key.
    id: String,
    issuer: String,
    configuration: String,
    keys: Vec<CopyKeys>,
    token: Option<Token>,
    started_at: UnixSeconds,
}

/// The secrets of one copy.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CopyKeys {
    /// The P-256 key that the copy is bound to.
    key: Secret32,
    /// Its hash is the lock in the attestation record; revealing it kills the copy.
    lock: Secret32,
}

/// An access token, kept so that a retry does not need the code again.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    text: String,
    expires_at: UnixSeconds,
}

/// A credential as it is kept: all its copies with their keys, in one record.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credential {
    pub(crate) id: String,
    pub(crate) attestation_type: String,
    pub(crate) issuer: String,
    pub(crate) authority: AuthorityId,
    pub(crate) issuer_name: Localized,
    pub(crate) received_at: UnixSeconds,
    pub(crate) copies: Vec<CredentialCopy>,
}

/// One copy of a credential.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CredentialCopy {
    /// The SD-JWT VC with all disclosures.
    pub(crate) sd_jwt: String,
    pub(crate) key: Secret32,
    pub(crate) lock: Secret32,
    /// The attestation record on the ledger.
    pub(crate) record: RecordId,
    pub(crate) valid_from: UnixSeconds,
    pub(crate) valid_until: UnixSeconds,
    /// How often it was shown.
    pub(crate) uses: u32,
    /// The status when the ledger was last asked.
    pub(crate) status: AttestationStatus,
    pub(crate) as_of: AsOf,
}

impl CredentialCopy {
    /// Whether it is in force by what the wallet last heard.
    pub(crate) fn is_live(&self, now: UnixSeconds) -> bool {
        self.status == AttestationStatus::Active && self.valid_from <= now && now < self.valid_until
    }
}
