//! What a credential issuer says of itself (OpenID4VCI 1.0 section 12.2) and what its authorization server does (RFC 8414).
//!
//! Metadata must be about the identifier that was asked for, letter for letter. It may be signed (section 12.2.3): a signed form is
//! believed only by a certificate under the caller's anchors, and refused otherwise. Which of several authorization servers is used
//! follows from the offer or from the grants that they take.

use std::collections::BTreeMap;

use identity::UnixSeconds;
use identity::jose::jwe::ContentEncryption;
use identity::jose::jws::{JwsAlg, Parsed, Policy, Presence, Typ};
use identity::jose::{Jwk, TrustAnchors};
use identity::keys::Algorithm;
use reqwest::header::ACCEPT;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::{IssuerClient, usable, usable_for, well_known};
use crate::http::{self, HttpError};

/// Most authorization servers of one issuer that are looked at.
const MAX_SERVERS: usize = 5;
/// Most kinds of credentials of one issuer.
const MAX_CONFIGURATIONS: usize = 256;
/// Seconds by which the issuer's clock may be ahead.
const LEEWAY_SECONDS: i64 = 60;
/// The only key agreement that is done here.
const ECDH_ES: &str = "ECDH-ES";
/// Signed metadata (section 12.2.3).
const SIGNED: Policy = Policy {
    typ: Typ::OneOf(&["openidvci-issuer-metadata+jwt"]),
    algs: JwsAlg::ALL,
    jwk: Presence::Refused,
    x5c: Presence::Required,
    max_bytes: http::MAX_ANSWER_BYTES,
};

/// Whom signed metadata is believed by.
#[derive(Clone, Copy, Debug)]
pub struct MetadataTrust<'a> {
    /// The certificate authorities.
    pub anchors: &'a TrustAnchors,
    /// The time of the check.
    pub now: UnixSeconds,
}

/// What a wallet needs of a credential issuer's metadata.
#[derive(Clone, Debug)]
pub struct IssuerMetadata {
    /// The credential issuer identifier, as asked for.
    pub credential_issuer: String,
    /// Where credentials are.
    pub credential_endpoint: Url,
    /// Where nonces for key proofs are, if it wants nonces.
    pub nonce_endpoint: Option<Url>,
    /// Where credentials are that take longer.
    pub deferred_endpoint: Option<Url>,
    /// Where it hears what became of a credential.
    pub notification_endpoint: Option<Url>,
    /// Its authorization servers; empty when it is its own.
    pub authorization_servers: Vec<String>,
    /// What it issues, by configuration id.
    pub configurations: BTreeMap<String, CredentialConfiguration>,
    /// How many copies one request may ask for, at least 1.
    pub batch_size: usize,
    /// How credential requests and responses are encrypted.
    pub encryption: Encryption,
    /// The name in the certificate that signed the metadata, where they are signed.
    pub signed_by: Option<String>,
}

/// How credential requests and responses are encrypted on top of TLS (section 10): as far as both sides can.
#[derive(Clone, Debug, Default)]
pub struct Encryption {
    /// The issuer's key and the content encryption of requests.
    pub request: Option<(Jwk, ContentEncryption)>,
    /// The content encryption of responses; only where requests are encrypted, so that nobody exchanges the wallet's key.
    pub response: Option<ContentEncryption>,
}

/// One kind of credential that an issuer offers (section 12.2.4). Other members are ignored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CredentialConfiguration {
    /// `dc+sd-jwt` for ours.
    pub format: String,
    /// The credential's type, for `dc+sd-jwt`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub vct: Option<String>,
    /// The OAuth scope that asks for it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub scope: Option<String>,
    /// Which key proofs it takes, by proof type.
    #[serde(default)]
    pub proof_types_supported: BTreeMap<String, ProofType>,
}

/// What an issuer says of one proof type.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ProofType {
    /// JOSE names of algorithms.
    #[serde(default)]
    pub proof_signing_alg_values_supported: Vec<String>,
    /// Present where the key storage must be attested (appendix D).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub key_attestations_required: Option<KeyRequirements>,
}

/// What an issuer accepts of attested keys (section 12.2.4, values of appendix D.2); nothing named is nothing demanded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRequirements {
    /// How the keys are stored.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub key_storage: Vec<String>,
    /// How the person is authenticated before they are used.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub user_authentication: Vec<String>,
}

/// What a wallet needs of an authorization server's metadata (RFC 8414).
#[derive(Clone, Debug)]
pub struct ServerMetadata {
    /// Its identifier.
    pub issuer: String,
    /// Where tokens are.
    pub token_endpoint: Url,
    /// Where the person goes with a browser.
    pub authorization_endpoint: Option<Url>,
    /// Where authorization requests are pushed (RFC 9126).
    pub pushed_endpoint: Option<Url>,
    /// Where challenges for wallet attestations are.
    pub challenge_endpoint: Option<Url>,
    /// Whether it binds tokens to keys of the kind that this wallet uses (RFC 9449).
    pub takes_dpop: bool,
    /// Whether it does PKCE with S256 (RFC 7636).
    pub takes_pkce: bool,
    /// Whether it names itself in authorization responses (RFC 9207).
    pub names_itself: bool,
    /// Whether it takes a pre-authorized code from a wallet without a name (OpenID4VCI section 12.3).
    pub takes_anonymous: bool,
    /// How clients authenticate; `None` where it says nothing.
    pub client_authentication: Option<Vec<String>>,
    /// Whether authorization details of credentials are understood.
    pub takes_details: bool,
}

/// The name of the wallet attestation among the ways in which clients authenticate.
pub const ATTESTED_CLIENT: &str = "attest_jwt_client_auth";

#[derive(Deserialize)]
struct CredentialIssuer {
    credential_issuer: String,
    credential_endpoint: String,
    nonce_endpoint: Option<String>,
    deferred_credential_endpoint: Option<String>,
    notification_endpoint: Option<String>,
    #[serde(default)]
    authorization_servers: Vec<String>,
    credential_configurations_supported: BTreeMap<String, CredentialConfiguration>,
    batch_credential_issuance: Option<Batch>,
    credential_request_encryption: Option<RequestSupport>,
    credential_response_encryption: Option<ResponseSupport>,
}

#[derive(Deserialize)]
struct Batch {
    batch_size: usize,
}

#[derive(Deserialize)]
struct RequestSupport {
    jwks: Keys,
    enc_values_supported: Vec<String>,
    encryption_required: bool,
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct ResponseSupport {
    alg_values_supported: Vec<String>,
    enc_values_supported: Vec<String>,
    encryption_required: bool,
}

#[derive(Deserialize)]
struct AuthorizationServer {
    issuer: String,
    token_endpoint: String,
    authorization_endpoint: Option<String>,
    pushed_authorization_request_endpoint: Option<String>,
    challenge_endpoint: Option<String>,
    grant_types_supported: Option<Vec<String>>,
    #[serde(default)]
    dpop_signing_alg_values_supported: Vec<String>,
    #[serde(default)]
    code_challenge_methods_supported: Vec<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    #[serde(rename = "pre-authorized_grant_anonymous_access_supported", default)]
    anonymous: bool,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_details_types_supported: Vec<String>,
}

impl IssuerClient {
    /// The metadata of the credential issuer with this identifier, which is compared as text. Without trust, none that are signed.
    ///
    /// # Errors
    /// [`HttpError::Malformed`] when the metadata is about another issuer, names endpoints that are not https, demands an
    /// encryption that is not done here, or is signed by nobody who is trusted.
    pub async fn metadata(&self, issuer: &str, trust: Option<MetadataTrust<'_>>) -> Result<IssuerMetadata, HttpError> {
        let base = usable(issuer, &self.host)?;
        let url = well_known(&base, "openid-credential-issuer");
        let host = http::host(&url);
        let malformed = |expected| HttpError::Malformed { host: host.clone(), expected };
        let accept = if trust.is_some() { "application/json, application/jwt;q=0.9" } else { "application/json" };
        let response = http::send(&host, self.http.get(url).header(ACCEPT, accept)).await?;
        let is_signed = http::has_media_type(&response, "application/jwt");
        let body = http::read(&host, response, http::MAX_ANSWER_BYTES).await?;
        let (body, signed_by) = match (is_signed, trust) {
            (false, _) => (serde_json::from_slice(&body).map_err(|_| malformed("credential issuer metadata"))?, None),
            (true, Some(trust)) => read_signed(&body, issuer, &trust).map_err(malformed)?,
            (true, None) => return Err(malformed("unsigned metadata, as was asked for")),
        };
        let metadata: CredentialIssuer = serde_json::from_value(body).map_err(|_| malformed("credential issuer metadata"))?;
        if metadata.credential_issuer != issuer {
            return Err(malformed("the metadata of the issuer that was asked for"));
        }
        if metadata.credential_configurations_supported.len() > MAX_CONFIGURATIONS {
            return Err(malformed("metadata of a reasonable size"));
        }
        let encryption = encryption(&metadata).map_err(malformed)?;
        let optional = |endpoint: Option<String>| endpoint.map(|text| usable_for(&base, &text, &host)).transpose();
        Ok(IssuerMetadata {
            credential_endpoint: usable_for(&base, &metadata.credential_endpoint, &host)?,
            nonce_endpoint: optional(metadata.nonce_endpoint)?,
            deferred_endpoint: optional(metadata.deferred_credential_endpoint)?,
            notification_endpoint: optional(metadata.notification_endpoint)?,
            credential_issuer: metadata.credential_issuer,
            authorization_servers: metadata.authorization_servers,
            configurations: metadata.credential_configurations_supported,
            batch_size: metadata.batch_credential_issuance.map_or(1, |batch| batch.batch_size.max(1)),
            encryption,
            signed_by,
        })
    }

    /// The authorization server for a grant (section 12.2.4): the one that the offer names, which must be one of the issuer's, or the
    /// first that takes the grant.
    ///
    /// # Errors
    /// [`HttpError::Malformed`] when the offer names a server that is none of the issuer's, when the metadata is about another
    /// server, or when none takes the grant.
    pub async fn server(&self, metadata: &IssuerMetadata, named: Option<&str>, grant: &str) -> Result<ServerMetadata, HttpError> {
        let malformed = |expected| HttpError::Malformed { host: self.host.clone(), expected };
        let own = std::slice::from_ref(&metadata.credential_issuer);
        let all = if metadata.authorization_servers.is_empty() { own } else { metadata.authorization_servers.as_slice() };
        let candidates: Vec<&String> = match named {
            Some(named) => all.iter().filter(|server| server.as_str() == named).take(1).collect(),
            None => all.iter().take(MAX_SERVERS).collect(),
        };
        if candidates.is_empty() {
            return Err(malformed("an offer that names one of the issuer's authorization servers"));
        }
        let only = candidates.len() == 1;
        let base = usable(&metadata.credential_issuer, &self.host)?;
        for server in candidates {
            let (found, grants) = self.server_metadata(&base, server).await?;
            // With several servers the one is taken that says that it takes the grant; an only one is asked in any case.
            if only || grants.is_some_and(|grants| grants.iter().any(|taken| taken == grant)) {
                return Ok(found);
            }
        }
        Err(malformed("an issuer with an authorization server that takes this kind of offer"))
    }

    async fn server_metadata(&self, base: &Url, server: &str) -> Result<(ServerMetadata, Option<Vec<String>>), HttpError> {
        let url = well_known(&usable_for(base, server, &self.host)?, "oauth-authorization-server");
        let host = http::host(&url);
        let expected = "authorization server metadata";
        let found: AuthorizationServer = http::json(&host, self.http.get(url), expected).await?;
        if found.issuer != server {
            let expected = "the metadata of the authorization server that was asked for";
            return Err(HttpError::Malformed { host, expected });
        }
        let optional = |endpoint: Option<String>| endpoint.map(|text| usable_for(base, &text, &host)).transpose();
        let has = |list: &[String], name: &str| list.iter().any(|one| one == name);
        let metadata = ServerMetadata {
            token_endpoint: usable_for(base, &found.token_endpoint, &host)?,
            authorization_endpoint: optional(found.authorization_endpoint)?,
            pushed_endpoint: optional(found.pushed_authorization_request_endpoint)?,
            challenge_endpoint: optional(found.challenge_endpoint)?,
            takes_dpop: has(&found.dpop_signing_alg_values_supported, JwsAlg::Es256.name()),
            takes_pkce: has(&found.code_challenge_methods_supported, "S256"),
            names_itself: found.authorization_response_iss_parameter_supported,
            takes_anonymous: found.anonymous,
            client_authentication: found.token_endpoint_auth_methods_supported,
            takes_details: has(&found.authorization_details_types_supported, wire::oid4vci::CREDENTIAL_DETAILS),
            issuer: found.issuer,
        };
        Ok((metadata, found.grant_types_supported))
    }
}

/// Signed metadata (section 12.2.3): the claims, and the name of who signed.
fn read_signed(body: &[u8], issuer: &str, trust: &MetadataTrust<'_>) -> Result<(Value, Option<String>), &'static str> {
    const UNTRUSTED: &str = "metadata signed by somebody who is trusted";

    let token = std::str::from_utf8(body).map_err(|_| UNTRUSTED)?;
    let parsed = Parsed::parse(token.trim(), &SIGNED).map_err(|_| UNTRUSTED)?;
    let (verified, certificate) = parsed.verify_with_chain(trust.anchors, trust.now).map_err(|_| UNTRUSTED)?;
    let claims = verified.claims().map_err(|_| UNTRUSTED)?;
    if claims.get("sub").and_then(Value::as_str) != Some(issuer) {
        return Err("signed metadata of the issuer that was asked for");
    }
    let issued_at = claims.get("iat").and_then(Value::as_i64).ok_or("signed metadata with a time")?;
    let is_over = claims.get("exp").is_some_and(|exp| exp.as_i64().is_none_or(|exp| exp <= trust.now));
    if issued_at > trust.now.saturating_add(LEEWAY_SECONDS) || is_over {
        return Err("signed metadata of now");
    }
    Ok((Value::Object(claims), certificate.organization.or(certificate.common_name)))
}

/// What both sides can do; an error where the issuer demands what cannot be done here.
fn encryption(metadata: &CredentialIssuer) -> Result<Encryption, &'static str> {
    let first = |names: &[String]| ContentEncryption::ALL.iter().copied().find(|enc| names.iter().any(|name| name == enc.name()));
    let request = metadata.credential_request_encryption.as_ref();
    let usable = request.and_then(|support| {
        let keys = support.jwks.keys.iter().take(16).filter_map(|key| Jwk::from_value(key).ok());
        let mut fitting = keys.filter(|jwk| {
            jwk.key.algorithm() == Algorithm::P256
                && jwk.alg.as_deref() == Some(ECDH_ES)
                && jwk.kid.is_some()
                && jwk.public_key_use.as_deref().is_none_or(|used_for| used_for == "enc")
        });
        Some((fitting.next()?, first(&support.enc_values_supported)?))
    });
    if request.is_some_and(|support| support.encryption_required) && usable.is_none() {
        return Err("an encryption of requests that this wallet does");
    }
    let response = metadata.credential_response_encryption.as_ref();
    let enc = response
        .filter(|support| support.alg_values_supported.iter().any(|alg| alg == ECDH_ES))
        .and_then(|support| first(&support.enc_values_supported))
        .filter(|_| usable.is_some());
    if response.is_some_and(|support| support.encryption_required) && enc.is_none() {
        return Err("an encryption of responses that this wallet does");
    }
    Ok(Encryption { request: usable, response: enc })
}
