//! A wallet's exchanges with one authorization server and the credential issuer behind it: pushed authorization, tokens, nonces,
//! credentials, deferred ones, notifications.
//!
//! Where the server binds tokens to keys, every request has a fresh proof (RFC 9449); where it asks for a nonce or a challenge, the
//! request is made once more with it. What the issuer wants encrypted is (OpenID4VCI 1.0 section 10). A token of another kind than
//! was asked for, an answer in the clear where an encrypted one was asked for, and an answer that is neither credentials nor a
//! promise of them are refused.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use identity::jose::jwe::{DecryptionKey, Encrypted, Recipient};
use identity::jose::jws::{self, JwsHeader};
use identity::keys::SecretKey;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{RequestBuilder, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;
use wire::oid4vci::{
    CredentialRequest, CredentialResponse, DeferredRequest, NonceResponse, Notification, PushedAuthorization, ResponseEncryption,
    TokenResponse,
};

use super::metadata::{IssuerMetadata, ServerMetadata};
use crate::dpop;
use crate::environment::Environment;
use crate::http::{self, HttpError};

/// How long the credential endpoint may take: it answers when the attestation is final on the ledger.
pub const CREDENTIAL_TIMEOUT: Duration = Duration::from_secs(20);

/// Bytes of a credential response at most.
const MAX_CREDENTIAL_BYTES: usize = 768 * 1024;
/// How often a request is made again because a server asked for a nonce or a challenge.
const REPETITIONS: u32 = 2;
/// `typ` of the proof that a wallet holds the key of its attestation (draft-ietf-oauth-attestation-based-client-auth section 5.2).
const POP_TYPE: &str = "oauth-client-attestation-pop+jwt";
const ATTESTATION_HEADER: &str = "OAuth-Client-Attestation";
const POP_HEADER: &str = "OAuth-Client-Attestation-PoP";
const CHALLENGE_HEADER: &str = "OAuth-Client-Attestation-Challenge";
const USE_CHALLENGE: &str = "use_attestation_challenge";

/// A wallet provider's word for a wallet, and the key that it is for (OpenID4VCI appendix E).
#[derive(Clone, Debug)]
pub struct ClientAttestation {
    /// The client identifier, `sub` of the attestation.
    pub client_id: String,
    /// The attestation.
    pub jwt: String,
    /// The key in its `cnf`.
    pub key: SecretKey,
}

/// A session. It remembers the nonces and challenges of the servers.
#[derive(Debug)]
pub struct Session {
    http: reqwest::Client,
    environment: Environment,
    server: ServerMetadata,
    dpop: Option<SecretKey>,
    attestation: Option<ClientAttestation>,
    /// The last DPoP nonce of each origin.
    nonces: Mutex<BTreeMap<String, String>>,
    challenge: Mutex<Option<String>>,
}

/// One request, to be made as often as need be.
struct Call<'a> {
    url: &'a Url,
    content: Content,
    /// Whether it goes to the authorization server, which the wallet authenticates to.
    to_server: bool,
    access_token: Option<&'a str>,
    timeout: Duration,
}

enum Content {
    Nothing,
    Form(String),
    Json(Vec<u8>),
    Encrypted(String),
}

impl Session {
    /// A session with this authorization server. With `dpop`, tokens are bound to that key.
    pub fn new(http: reqwest::Client, environment: Environment, server: ServerMetadata, dpop: Option<SecretKey>) -> Self {
        let (nonces, challenge) = (Mutex::default(), Mutex::default());
        Self { http, environment, server, dpop, attestation: None, nonces, challenge }
    }

    /// With the attestation of this wallet, which goes to the authorization server only.
    #[must_use]
    pub fn attested(self, attestation: ClientAttestation) -> Self {
        Self { attestation: Some(attestation), ..self }
    }

    /// The authorization server.
    pub fn server(&self) -> &ServerMetadata {
        &self.server
    }

    /// Pushes an authorization request (RFC 9126 section 2.1).
    ///
    /// # Errors
    /// An [`HttpError`], as from every method here.
    pub async fn push(&self, parameters: &[(&str, &str)]) -> Result<PushedAuthorization, HttpError> {
        let host = http::host(&self.server.token_endpoint);
        let expected = "an authorization server that takes pushed requests";
        let url = self.server.pushed_endpoint.as_ref().ok_or(HttpError::Malformed { host, expected })?;
        self.fetch_challenge().await?;
        self.json(&self.form(url, parameters), "an answer to a pushed request").await
    }

    /// Asks for a token (RFC 6749 sections 4.1.3 and 6, OpenID4VCI section 6.1). A wrong PIN is [`HttpError::OAuth`] `invalid_grant`.
    ///
    /// # Errors
    /// An [`HttpError`]; [`HttpError::Malformed`] when the token is not bound to the key although the server said that it does that.
    pub async fn token(&self, parameters: &[(&str, &str)]) -> Result<TokenResponse, HttpError> {
        let url = &self.server.token_endpoint;
        self.fetch_challenge().await?;
        let answer: TokenResponse = self.json(&self.form(url, parameters), "a token response").await?;
        let wanted = if self.dpop.is_some() { "DPoP" } else { "Bearer" };
        let is_token = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        if answer.token_type.eq_ignore_ascii_case(wanted) && is_token(&answer.access_token) {
            return Ok(answer);
        }
        Err(HttpError::Malformed { host: http::host(url), expected: "a token of the kind that was asked for" })
    }

    /// A nonce for key proofs (section 7); `None` when the issuer wants none.
    ///
    /// # Errors
    /// An [`HttpError`].
    pub async fn nonce(&self, metadata: &IssuerMetadata) -> Result<Option<String>, HttpError> {
        let Some(url) = &metadata.nonce_endpoint else { return Ok(None) };
        let call = Call { url, content: Content::Nothing, to_server: false, access_token: None, timeout: http::TOTAL_TIMEOUT };
        let answer: NonceResponse = self.json(&call, "a nonce response").await?;
        Ok(Some(answer.c_nonce))
    }

    /// Asks for credentials (section 8). The same token and proofs again get the same credentials from Yufu's issuers; while the
    /// attestation is not final on the ledger, they answer with status 503 and [`HttpError::retry_after`].
    ///
    /// # Errors
    /// An [`HttpError`].
    pub async fn credential(
        &self,
        metadata: &IssuerMetadata,
        access_token: &str,
        mut request: CredentialRequest,
    ) -> Result<CredentialResponse, HttpError> {
        let key = self.response_key(metadata);
        request.credential_response_encryption = key.as_ref().map(|(_, asked)| asked.clone());
        let content = self.content(metadata, &request)?;
        let url = &metadata.credential_endpoint;
        let call = Call { url, content, to_server: false, access_token: Some(access_token), timeout: CREDENTIAL_TIMEOUT };
        self.issued(&call, key.map(|(key, _)| key).as_ref()).await
    }

    /// Asks for deferred credentials (section 9).
    ///
    /// # Errors
    /// An [`HttpError`]; [`HttpError::Malformed`] when the issuer goes on under another transaction.
    pub async fn deferred(
        &self,
        metadata: &IssuerMetadata,
        access_token: &str,
        transaction_id: &str,
    ) -> Result<CredentialResponse, HttpError> {
        let host = http::host(&metadata.credential_endpoint);
        let malformed = |expected| HttpError::Malformed { host: host.clone(), expected };
        let url = metadata.deferred_endpoint.as_ref().ok_or_else(|| malformed("an issuer with deferred credentials"))?;
        let key = self.response_key(metadata);
        let credential_response_encryption = key.as_ref().map(|(_, asked)| asked.clone());
        let request = DeferredRequest { transaction_id: transaction_id.to_owned(), credential_response_encryption };
        let content = self.content(metadata, &request)?;
        let call = Call { url, content, to_server: false, access_token: Some(access_token), timeout: CREDENTIAL_TIMEOUT };
        let answer = self.issued(&call, key.map(|(key, _)| key).as_ref()).await?;
        match &answer.transaction_id {
            Some(other) if other != transaction_id => Err(malformed("an answer about the same deferred credential")),
            _ => Ok(answer),
        }
    }

    /// Tells the issuer what became of its credentials (section 11). Nothing is sent where it wants to hear nothing.
    ///
    /// # Errors
    /// An [`HttpError`].
    pub async fn notify(&self, metadata: &IssuerMetadata, access_token: &str, notice: &Notification) -> Result<(), HttpError> {
        let Some(url) = &metadata.notification_endpoint else { return Ok(()) };
        let content = Content::Json(encoded(notice));
        let timeout = http::TOTAL_TIMEOUT;
        let call = Call { url, content, to_server: false, access_token: Some(access_token), timeout };
        self.send(&call).await.map(drop)
    }

    /// A challenge for the proof of the wallet attestation, where the server hands them out.
    async fn fetch_challenge(&self) -> Result<(), HttpError> {
        let Some(url) = self.server.challenge_endpoint.as_ref().filter(|_| self.attestation.is_some()) else { return Ok(()) };
        let timeout = http::TOTAL_TIMEOUT;
        let call = Call { url, content: Content::Nothing, to_server: false, access_token: None, timeout };
        let answer: Challenge = self.json(&call, "a challenge").await?;
        *self.challenge.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer.attestation_challenge);
        Ok(())
    }

    fn form<'a>(&self, url: &'a Url, parameters: &[(&str, &str)]) -> Call<'a> {
        let content = Content::Form(url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish());
        Call { url, content, to_server: true, access_token: None, timeout: http::TOTAL_TIMEOUT }
    }

    /// A fresh key for an encrypted response, where there is to be one.
    fn response_key(&self, metadata: &IssuerMetadata) -> Option<(DecryptionKey, ResponseEncryption)> {
        let enc = metadata.encryption.response?;
        let key = std::iter::repeat_with(|| self.environment.entropy()).find_map(|e| DecryptionKey::from_bytes(&e).ok())?;
        let asked = ResponseEncryption { jwk: key.to_jwk("1"), enc: enc.name().to_owned() };
        Some((key, asked))
    }

    /// The request in the clear, or encrypted where the issuer has a key for that.
    fn content<T: Serialize>(&self, metadata: &IssuerMetadata, request: &T) -> Result<Content, HttpError> {
        let json = encoded(request);
        let Some((jwk, enc)) = &metadata.encryption.request else { return Ok(Content::Json(json)) };
        let recipient = Recipient { jwk, enc: *enc, apu: &[], apv: &[] };
        let host = http::host(&metadata.credential_endpoint);
        let unfit = |_| HttpError::Malformed { host, expected: "a key to encrypt requests to" };
        recipient.encrypt(&json, &self.environment.entropy()).map(Content::Encrypted).map_err(unfit)
    }

    async fn issued(&self, call: &Call<'_>, key: Option<&DecryptionKey>) -> Result<CredentialResponse, HttpError> {
        let host = http::host(call.url);
        let malformed = |expected| HttpError::Malformed { host: host.clone(), expected };
        let response = self.send(call).await?;
        let is_encrypted = http::has_media_type(&response, "application/jwt");
        let body = http::read(&host, response, MAX_CREDENTIAL_BYTES).await?;
        let body = match (key, is_encrypted) {
            (None, _) => body,
            (Some(_), false) => return Err(malformed("an encrypted credential response, as was asked for")),
            (Some(key), true) => {
                let token = std::str::from_utf8(&body).map_err(|_| malformed("an encrypted credential response"))?;
                let opened = Encrypted::parse(token.trim()).and_then(|message| message.decrypt(key));
                opened.map_err(|_| malformed("a credential response encrypted to this wallet"))?.to_vec()
            }
        };
        let answer: CredentialResponse = serde_json::from_slice(&body).map_err(|_| malformed("a credential response"))?;
        // Section 8.3: credentials or a transaction, never both, never neither.
        if answer.credentials.is_empty() != answer.transaction_id.is_some() {
            return Err(malformed("a credential response with credentials or a transaction"));
        }
        Ok(answer)
    }

    async fn json<T: DeserializeOwned>(&self, call: &Call<'_>, expected: &'static str) -> Result<T, HttpError> {
        let host = http::host(call.url);
        let response = self.send(call).await?;
        let body = http::read(&host, response, http::MAX_ANSWER_BYTES).await?;
        serde_json::from_slice(&body).map_err(|_| HttpError::Malformed { host, expected })
    }

    /// Sends, and once more for each thing that the server asks for first: a DPoP nonce (RFC 9449 sections 8 and 9), a challenge.
    async fn send(&self, call: &Call<'_>) -> Result<Response, HttpError> {
        let host = http::host(call.url);
        let mut repetitions = 0;
        loop {
            let response = self.request(call).send().await.map_err(|error| http::failed(&host, error))?;
            let brought = self.remember(call, &response);
            if response.status().is_success() {
                return Ok(response);
            }
            let error = http::refusal(&host, response).await;
            let again = match error.code() {
                Some(dpop::USE_NONCE) => brought.nonce && self.dpop.is_some(),
                Some(USE_CHALLENGE) => brought.challenge && self.attestation.is_some(),
                Some(_) | None => false,
            };
            if !again || repetitions == REPETITIONS {
                return Err(error);
            }
            repetitions += 1;
        }
    }

    /// Keeps the nonce and challenge that an answer brought; says which.
    fn remember(&self, call: &Call<'_>, response: &Response) -> Brought {
        let nonce = dpop::nonce_of(response.headers());
        let challenge = response.headers().get(CHALLENGE_HEADER).and_then(|value| value.to_str().ok());
        let brought = Brought { nonce: nonce.is_some(), challenge: challenge.is_some() };
        if let Some(nonce) = nonce {
            let mut nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
            nonces.insert(call.url.origin().ascii_serialization(), nonce);
        }
        if let Some(challenge) = challenge.filter(|_| call.to_server) {
            *self.challenge.lock().unwrap_or_else(PoisonError::into_inner) = Some(challenge.to_owned());
        }
        brought
    }

    fn request(&self, call: &Call<'_>) -> RequestBuilder {
        let request = self.http.post(call.url.clone()).timeout(call.timeout);
        let mut request = match &call.content {
            Content::Nothing => request.body(String::new()),
            Content::Form(form) => request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.clone()),
            Content::Json(json) => request.header(CONTENT_TYPE, "application/json").body(json.clone()),
            Content::Encrypted(token) => request.header(CONTENT_TYPE, "application/jwt").body(token.clone()),
        };
        if let Some(key) = self.dpop.as_ref().filter(|_| call.to_server || call.access_token.is_some()) {
            let nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
            let nonce = nonces.get(&call.url.origin().ascii_serialization()).map(String::as_str);
            let proof = dpop::Request { method: "POST", url: call.url, access_token: call.access_token, nonce };
            request = request.header(dpop::HEADER, dpop::proof(key, &proof, &self.environment));
        }
        if let Some(token) = call.access_token {
            let scheme = if self.dpop.is_some() { "DPoP" } else { "Bearer" };
            // A token that no header can hold is refused by the issuer; it is never logged.
            if let Ok(mut value) = HeaderValue::from_str(&format!("{scheme} {token}")) {
                value.set_sensitive(true);
                request = request.header(AUTHORIZATION, value);
            }
        }
        match self.attestation.as_ref().filter(|_| call.to_server) {
            None => request,
            Some(attestation) => {
                let pop = self.proof_of_attestation(attestation);
                request.header(ATTESTATION_HEADER, &attestation.jwt).header(POP_HEADER, pop)
            }
        }
    }

    fn proof_of_attestation(&self, attestation: &ClientAttestation) -> String {
        let mut claims = json!({
            "iss": attestation.client_id,
            "aud": self.server.issuer,
            "jti": self.environment.random.token(),
            "iat": self.environment.now(),
        });
        let challenge = self.challenge.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let (Some(challenge), Some(claims)) = (challenge, claims.as_object_mut()) {
            claims.insert("challenge".to_owned(), challenge.into());
        }
        jws::sign_compact(&attestation.key, &JwsHeader::typ(POP_TYPE), claims.to_string().as_bytes())
    }
}

/// The answer of a challenge endpoint.
#[derive(Deserialize)]
struct Challenge {
    attestation_challenge: String,
}

/// What an answer brought for the next request.
struct Brought {
    nonce: bool,
    challenge: bool,
}

fn encoded<T: Serialize>(message: &T) -> Vec<u8> {
    serde_json::to_vec(message).expect("messages are maps with text keys")
}
