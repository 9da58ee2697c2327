//! OpenID for Verifiable Credential Issuance 1.0: the messages of the pre-authorized code flow.

use serde::{Deserialize, Serialize};

/// Credential Offer (section 4.1.1).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CredentialOffer {
    /// Credential Issuer Identifier.
    pub credential_issuer: String,
    /// Which credentials.
    pub credential_configuration_ids: Vec<String>,
    /// Grants.
    #[serde(default)]
    pub grants: Grants,
}

/// The grants of an offer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Grants {
    /// The pre-authorized code grant.
    #[serde(rename = "urn:ietf:params:oauth:grant-type:pre-authorized_code", skip_serializing_if = "Option::is_none", default)]
    pub pre_authorized_code: Option<PreAuthorizedCode>,
}

/// The pre-authorized code grant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PreAuthorizedCode {
    /// The code.
    #[serde(rename = "pre-authorized_code")]
    pub code: String,
    /// Present when a transaction code (PIN) is needed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tx_code: Option<TxCode>,
}

/// How the transaction code looks.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TxCode {
    /// `numeric` or `text`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub input_mode: Option<String>,
    /// Its length.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub length: Option<u32>,
    /// Where the person gets it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub description: Option<String>,
}

/// Grant type of the token request (section 6.1).
pub const PRE_AUTHORIZED_CODE_GRANT: &str = "urn:ietf:params:oauth:grant-type:pre-authorized_code";

/// Token Request, form-encoded (section 6.1).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TokenRequest {
    /// [`PRE_AUTHORIZED_CODE_GRANT`].
    pub grant_type: String,
    /// The code of the offer.
    #[serde(rename = "pre-authorized_code")]
    pub code: String,
    /// The PIN.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tx_code: Option<String>,
}

/// Token Response (section 6.2).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TokenResponse {
    /// The access token.
    pub access_token: String,
    /// `Bearer`.
    pub token_type: String,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires_in: Option<u64>,
}

/// Nonce Response (section 7.2).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NonceResponse {
    /// The nonce for key proofs.
    pub c_nonce: String,
}

/// Credential Request (section 8.2).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CredentialRequest {
    /// Which credential.
    pub credential_configuration_id: String,
    /// Key proofs; one credential copy for each.
    pub proofs: Proofs,
}

/// Key proofs (section 8.2.1).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Proofs {
    /// Proof JWTs, `typ` `openid4vci-proof+jwt` (appendix F.1). Yufu's wallet adds the claim `yufu_lock` (base64url SHA-256).
    #[serde(default)]
    pub jwt: Vec<String>,
}

/// Credential Response (section 8.3).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CredentialResponse {
    /// The credentials, in the order of the proofs.
    pub credentials: Vec<IssuedCredential>,
    /// For the notification endpoint.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub notification_id: Option<String>,
}

/// One issued credential.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IssuedCredential {
    /// The SD-JWT VC.
    pub credential: String,
}

/// OAuth error body (RFC 6749 section 5.2; OpenID4VCI section 8.3.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OAuthError {
    /// The error code.
    pub error: String,
    /// For the developer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error_description: Option<String>,
}
