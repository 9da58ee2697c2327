//! Story: receive a credential by OpenID4VCI 1.0 as HAIP 1.0 profiles it: with a code and PIN from the department, or by signing in
//! there; several copies with a key each; at once or later.
//!
//! Keys and lock secrets are in the vault before the issuer hears of them: after a crash the same keys are proven again, and a
//! credential is stored together with its keys or not at all. Everything that an issuer sends is checked against the ledger
//! (`check`) before it is kept; an issuer that the ledger does not know is refused, whatever it signs.

mod asking;
mod attested;
mod authorize;
mod begun;
mod check;
mod codes;
mod credential;
mod deferred;
mod error;
mod moved;
mod notice;
mod offer;
mod provider;
mod receive;
mod renew;
mod session;
mod store;
mod together;

use identity::{Localized, UnixSeconds};
use ledger::records::{AttestationStatus, AuthorityId, RecordId};
use serde::{Deserialize, Serialize};
use url::Url;

pub use self::asking::{IssuanceEnd, ask_when_due};
pub use self::authorize::AuthorizationView;
pub(crate) use self::credential::value_text;
pub use self::credential::{CredentialClaim, CredentialView};
pub use self::deferred::{PendingIssuance, PendingStage};
pub use self::error::{IssuanceError, Rejection};
pub(crate) use self::moved::Moved;
pub use self::moved::{MovedState, MovedView};
pub use self::offer::{OfferView, OfferedCredential, PinHint};
pub use self::provider::{KeyRequirements, ProviderError, WalletAttestation, WalletProvider};
use crate::chain::AsOf;
use crate::hardware::HeldKey;
use crate::records::Secret32;

/// Copies of a credential that are asked for, if the issuer gives as many: each is shown once.
pub const BATCH: usize = 3;

/// An issuance under way: the keys of a credential that does not exist yet.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Issuance {
    /// SHA-256 of the offer's code or of the request's `state`, base64url, and a number after the first of an offer: the record's
    /// key, which is not sealed.
    id: String,
    issuer: String,
    configuration: String,
    keys: Vec<CopyKeys>,
    token: Option<Token>,
    started_at: UnixSeconds,
    /// The type; issuances of earlier versions learn it from the offer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vct: Option<String>,
    /// The authorization server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    server: Option<String>,
    /// The key that tokens are bound to, where the server does that: one for all of an offer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dpop: Option<Secret32>,
    /// The key of the wallet attestation: another one for every offer, so that issuers cannot join them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attested: Option<Secret32>,
    /// The request that the person signs in for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    authorization: Option<Authorization>,
    /// The issuer's promise, where it takes longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deferred: Option<Deferred>,
    /// The declaration that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    declaration: Option<String>,
    /// The credential whose copies it replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    renews: Option<String>,
}

/// An authorization request that went out (RFC 6749 section 4.1, RFC 7636).
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Authorization {
    state: String,
    verifier: String,
    redirect_uri: Url,
    expires_at: UnixSeconds,
}

/// A credential that the issuer makes later (section 9).
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Deferred {
    transaction_id: String,
    /// Not asked for before.
    not_before: UnixSeconds,
    since: UnixSeconds,
    /// How often the issuer could not be asked since it last answered.
    #[serde(default)]
    unheard: u32,
}

/// The secrets of one copy.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CopyKeys {
    /// The P-256 key that the copy is bound to.
    key: HeldKey,
    /// Its hash is the lock in the attestation record; revealing it kills the copy.
    lock: Secret32,
}

/// An access token, kept so that a retry does not need the code again.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    text: String,
    expires_at: UnixSeconds,
    /// For the next one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh: Option<String>,
    /// The name under which the credential is asked for, where the token response gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identifier: Option<String>,
}

/// What is kept of an issuance: for new copies, and to tell the issuer what became of the old ones.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Grant {
    configuration: String,
    server: Option<String>,
    token: Token,
    dpop: Option<Secret32>,
    attested: Option<Secret32>,
    notification_id: Option<String>,
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
    /// Credentials of earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) grant: Option<Grant>,
}

/// One copy of a credential.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CredentialCopy {
    /// The SD-JWT VC with all disclosures.
    pub(crate) sd_jwt: String,
    pub(crate) key: HeldKey,
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
