//! OpenID for Verifiable Credential Issuance 1.0: the messages of both flows, as they go over the wire.

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
    /// The authorization code grant.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub authorization_code: Option<AuthorizationCode>,
    /// The pre-authorized code grant.
    #[serde(rename = "urn:ietf:params:oauth:grant-type:pre-authorized_code", skip_serializing_if = "Option::is_none", default)]
    pub pre_authorized_code: Option<PreAuthorizedCode>,
}

/// The authorization code grant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationCode {
    /// Repeated in the authorization request.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub issuer_state: Option<String>,
    /// Which of the issuer's authorization servers, if it has several.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub authorization_server: Option<String>,
}

/// The pre-authorized code grant.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PreAuthorizedCode {
    /// The code.
    #[serde(rename = "pre-authorized_code")]
    pub code: String,
    /// Present when a transaction code (PIN) is needed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tx_code: Option<TxCode>,
    /// Which of the issuer's authorization servers, if it has several.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub authorization_server: Option<String>,
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

/// Token Response (section 6.2).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TokenResponse {
    /// The access token.
    pub access_token: String,
    /// `Bearer`, or `DPoP` (RFC 9449 section 5).
    pub token_type: String,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires_in: Option<u64>,
    /// For further tokens.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub refresh_token: Option<String>,
    /// What was authorized, where the request had authorization details or the server says so by itself.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub authorization_details: Vec<AuthorizationDetails>,
}

/// An authorization details object (sections 5.1.1 and 6.2); those of other types have no configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationDetails {
    /// [`CREDENTIAL_DETAILS`] for credentials.
    #[serde(rename = "type")]
    pub kind: String,
    /// Which credential.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub credential_configuration_id: Option<String>,
    /// In a response: the names under which credentials are asked for.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub credential_identifiers: Vec<String>,
    /// In a request: the credential issuer, where the authorization server is another.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub locations: Vec<String>,
}

/// The type of authorization details that are about credentials.
pub const CREDENTIAL_DETAILS: &str = "openid_credential";

/// The answer to a pushed authorization request (RFC 9126 section 2.2).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PushedAuthorization {
    /// Names the request at the authorization endpoint.
    pub request_uri: String,
    /// Seconds.
    pub expires_in: u64,
}

/// Nonce Response (section 7.2).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NonceResponse {
    /// The nonce for key proofs.
    pub c_nonce: String,
}

/// Credential Request (section 8.2): exactly one of the two names.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CredentialRequest {
    /// Which credential, unless the token response gave identifiers.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub credential_configuration_id: Option<String>,
    /// Which credential, by an identifier of the token response.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub credential_identifier: Option<String>,
    /// Key proofs; one credential copy for each.
    pub proofs: Proofs,
    /// How the response is to be encrypted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub credential_response_encryption: Option<ResponseEncryption>,
    /// Yufu's own, which others ignore: with a key attestation, which has no proof of its own for each key, the locks (base64url
    /// SHA-256) of the attested keys in their order. A key proof has its lock as the claim `yufu_lock`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub yufu_locks: Vec<String>,
}

/// How a credential response is to be encrypted (section 8.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseEncryption {
    /// The wallet's public key.
    pub jwk: identity::jose::Jwk,
    /// The content encryption.
    pub enc: String,
}

/// Deferred Credential Request (section 9.1).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeferredRequest {
    /// Of the credential response.
    pub transaction_id: String,
    /// How the response is to be encrypted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub credential_response_encryption: Option<ResponseEncryption>,
}

/// Key proofs (section 8.2.1).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Proofs {
    /// Proof JWTs, `typ` `openid4vci-proof+jwt` (appendix F.1). Yufu's wallet adds the claim `yufu_lock` (base64url SHA-256).
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub jwt: Vec<String>,
    /// Instead: exactly one key attestation, of all keys (appendix F.3).
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub attestation: Vec<String>,
}

/// Credential Response (section 8.3) and Deferred Credential Response (section 9.2): credentials, or when to ask again.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CredentialResponse {
    /// The credentials, in the order of the proofs.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub credentials: Vec<IssuedCredential>,
    /// For the notification endpoint.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub notification_id: Option<String>,
    /// Instead of credentials: names the deferred issuance.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub transaction_id: Option<String>,
    /// With it: seconds to wait before asking.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub interval: Option<u64>,
}

/// Notification Request (section 11.1).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Notification {
    /// Of the credential response.
    pub notification_id: String,
    /// What became of the credentials.
    pub event: NotificationEvent,
}

/// What became of issued credentials (section 11.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotificationEvent {
    /// Stored in the wallet.
    CredentialAccepted,
    /// Not stored.
    CredentialFailure,
    /// Not kept, because the person said so.
    CredentialDeleted,
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
