//! OpenID for Verifiable Presentations 1.0: the messages of a signed request and an encrypted response.

use identity::{Commitment, CommitmentKey};
use ledger::records::{Name32, PartyId, RecordId};
use ledger::transaction::TransactionId;
use serde::{Deserialize, Serialize};

/// `typ` of a request object (section 5).
pub const REQUEST_OBJECT_TYPE: &str = "oauth-authz-req+jwt";
/// `aud` of a request object without dynamic discovery (section 5.8).
pub const SELF_ISSUED_AUDIENCE: &str = "https://self-issued.me/v2";
/// The `format` of Yufu's entry in `verifier_info` (section 5.1).
pub const YUFU_REGISTRATION: &str = "yufu_registration";
/// Claim of the KB-JWT: SHA-256 of the consent record that the citizen read, base64url.
pub const CONSENT_CLAIM: &str = "yufu_consent";
/// Claim of the KB-JWT: the match code that the citizen picked.
pub const MATCH_CODE_CLAIM: &str = "yufu_match_code";

/// The type of the one kind of `transaction_data` that Yufu's wallet can put into words: `text` with `zh` and `en`.
pub const CONFIRMATION: &str = "urn:yufu:transaction:confirmation:1";

/// The claims of a request object (section 5).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RequestObject {
    /// `vp_token`.
    pub response_type: String,
    /// `direct_post.jwt`.
    pub response_mode: String,
    /// `x509_hash:…` (section 5.9.3).
    pub client_id: String,
    /// Where the response goes.
    pub response_uri: String,
    /// [`SELF_ISSUED_AUDIENCE`].
    pub aud: String,
    /// Fresh, at least 128 bits.
    pub nonce: String,
    /// Opaque to the wallet.
    pub state: String,
    /// When it was made.
    pub iat: i64,
    /// When it ends; at most 120 s later.
    pub exp: i64,
    /// What is asked for, `identity::dcql`.
    pub dcql_query: serde_json::Value,
    /// Encryption key and formats.
    pub client_metadata: ClientMetadata,
    /// Who asks and why: [`VerifierInfo`].
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub verifier_info: Vec<VerifierInfo>,
}

/// Client metadata (sections 5.1 and 11.1).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClientMetadata {
    /// JWK set with the response encryption key (`use` `enc`, `alg` `ECDH-ES`).
    pub jwks: serde_json::Value,
    /// `A128GCM`, `A256GCM`; where it is left out, `A128GCM`.
    #[serde(default)]
    pub encrypted_response_enc_values_supported: Vec<String>,
    /// Formats.
    #[serde(default)]
    pub vp_formats_supported: serde_json::Value,
}

/// One entry of `verifier_info`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VerifierInfo {
    /// [`YUFU_REGISTRATION`] for ours; others are ignored.
    pub format: String,
    /// For ours: [`Registration`].
    pub data: serde_json::Value,
}

/// Which registered party and purpose a request is for, and what the login page shows.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// The party on the ledger.
    pub party: PartyId,
    /// The purpose of the party.
    pub purpose: Name32,
    /// For a request scanned from another device: three two-digit codes, one of which the login page shows.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub match_codes: Vec<String>,
}

/// The encrypted payload of the response (section 8.1).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AuthorizationResponse {
    /// Presentations by DCQL credential query id.
    pub vp_token: std::collections::BTreeMap<String, Vec<String>>,
    /// The request's state.
    pub state: String,
}

/// A refusal by the citizen or wallet, sent to `response_uri` (section 8.5).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ErrorResponse {
    /// `access_denied`, `vp_formats_not_supported`, ….
    pub error: String,
    /// For the developer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error_description: Option<String>,
    /// The request's state.
    pub state: String,
}

/// What the verifier answers to the wallet (section 8.2), with the receipt of what was released.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ResponseAccepted {
    /// Where a same-device browser goes on, with the response code.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub redirect_uri: Option<String>,
    /// The receipt on the ledger.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub yufu_receipt: Option<ReceiptOpening>,
}

/// How to check a receipt: its id and the key of its commitment to the KB-JWT.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptOpening {
    /// The receipt's id on the ledger.
    pub id: RecordId,
    /// The transaction that recorded it.
    pub transaction: TransactionId,
    /// The commitment on the ledger: context `ledger::transaction::RECEIPT_CONTEXT`, value SHA-256 of the KB-JWT's ASCII bytes.
    pub commitment: Commitment,
    /// The commitment's key.
    pub commitment_key: CommitmentKey,
}
