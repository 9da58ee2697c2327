//! Receiving by signing in at the department (OpenID4VCI section 5, HAIP 1.0 section 4.3): the wallet hands out an address for a
//! browser, and later takes the address that the browser came back with.
//!
//! The request is pushed (RFC 9126) and bound to this wallet by PKCE (RFC 7636) and, where the server does that, by the token's key
//! (RFC 9449 section 10). The answer must carry the request's `state` and the server's name (RFC 9207): an answer of another server,
//! to another request, or with a code of somebody else is refused. What is under way is in the vault and survives a restart.

use std::collections::BTreeMap;

use identity::{Localized, UnixSeconds};
use serde::Serialize;
use sha2::{Digest, Sha256};
use url::Url;
use wire::oid4vci::{AuthorizationCode, AuthorizationDetails, CREDENTIAL_DETAILS};

use super::offer::{Target, usable};
use super::session::Access;
use super::{Authorization, CredentialView, Issuance, IssuanceError};
use crate::error::{Side, WalletError};
use crate::labels;
use crate::records::base64url;
use crate::vault::VaultError;
use crate::wallet::Wallet;

/// The grant (RFC 6749 section 4.1).
const GRANT: &str = "authorization_code";
/// Seconds that a pushed request is good for at most, whatever the server says.
const MAX_REQUEST_SECONDS: u64 = 3600;
/// Bytes of a code at most.
const MAX_CODE_BYTES: usize = 2048;
/// Bytes of the address that a browser comes back with.
const MAX_ANSWER_BYTES: usize = 8192;

/// An authorization request, for a browser to open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuthorizationView {
    /// The issuance's id in this wallet.
    pub id: String,
    /// The credential issuer identifier.
    pub issuer: String,
    /// Where the citizen signs in: this host is shown before the browser opens.
    pub sign_in_at: String,
    /// The names of the types that are received.
    pub type_names: Vec<Localized>,
    /// What the browser opens.
    pub url: Url,
    /// Until when.
    pub expires_at: UnixSeconds,
}

impl Wallet {
    /// Begins to receive what is offered by signing in. `redirect_uri` is where the browser comes back to: an address of this
    /// application. Nothing is sent to the department but the wish for these credentials.
    ///
    /// # Errors
    /// [`WalletError::Issuance`], [`WalletError::Scan`].
    pub async fn authorize(&self, link: &str, redirect_uri: &Url) -> Result<AuthorizationView, WalletError> {
        self.watched(Side::Department, Box::pin(self.authorize_story(link, redirect_uri))).await
    }

    pub(crate) async fn authorize_story(&self, link: &str, redirect_uri: &Url) -> Result<AuthorizationView, WalletError> {
        let offer = self.read_offer(link).await?;
        let has_other_grants = offer.grants.pre_authorized_code.is_some();
        let grant = match (offer.grants.authorization_code, has_other_grants) {
            (Some(grant), _) => grant,
            // Section 4.1.1: without grants, the server's metadata says what it takes.
            (None, false) => AuthorizationCode::default(),
            (None, true) => return Err(IssuanceError::Offer("it is to be received with a code, without signing in").into()),
        };
        self.push(&offer.targets, &grant, redirect_uri).await
    }

    /// The same without an offer: the citizen wants a credential of this type from this issuer.
    ///
    /// # Errors
    /// [`WalletError::Issuance`].
    pub async fn authorize_at(
        &self,
        issuer: &str,
        attestation_type: &str,
        redirect_uri: &Url,
    ) -> Result<AuthorizationView, WalletError> {
        self.watched(Side::Department, Box::pin(self.authorize_at_story(issuer, attestation_type, redirect_uri))).await
    }

    pub(crate) async fn authorize_at_story(
        &self,
        issuer: &str,
        attestation_type: &str,
        redirect_uri: &Url,
    ) -> Result<AuthorizationView, WalletError> {
        let metadata = self.issuer_metadata(issuer).await?;
        let of_type = metadata.configurations.iter().filter(|(_, one)| one.vct.as_deref() == Some(attestation_type));
        let ids: Vec<String> = of_type.map(|(id, _)| id.clone()).collect();
        let (configuration, vct) = usable(&ids, &metadata)
            .into_iter()
            .next()
            .ok_or(IssuanceError::Metadata("it describes no credential of this type that this wallet takes"))?;
        let target = Target { issuer: issuer.to_owned(), configuration, vct, metadata, declaration: None };
        self.push(&[target], &AuthorizationCode::default(), redirect_uri).await
    }

    /// Pushes the request; what is needed for the answer is on the disk before the browser opens.
    async fn push(
        &self,
        targets: &[Target],
        grant: &AuthorizationCode,
        redirect_uri: &Url,
    ) -> Result<AuthorizationView, WalletError> {
        let refused = |why| WalletError::from(IssuanceError::Metadata(why));
        let target = targets.first().ok_or(IssuanceError::Offer("it offers nothing"))?;
        let server = self.server(target, grant.authorization_server.as_deref(), GRANT).await?;
        let endpoint = server.authorization_endpoint.clone().ok_or_else(|| refused("nobody can sign in there"))?;
        if server.pushed_endpoint.is_none() {
            return Err(refused("its authorization server takes no pushed requests (RFC 9126)"));
        }
        if !server.takes_pkce {
            return Err(refused("its authorization server does no PKCE with S256 (RFC 7636)"));
        }
        // HAIP 1.0 section 4: tokens are bound to a key. A stolen bearer token would fetch the credentials with the thief's keys.
        if !server.takes_dpop {
            return Err(refused("its authorization server binds no tokens to this wallet (DPoP with ES256, RFC 9449)"));
        }
        if !server.names_itself {
            return Err(refused("its authorization server does not name itself in its answers (RFC 9207)"));
        }
        let random = &self.environment.random;
        let (state, verifier) = (random.token(), random.token());
        let mut issuances = self.fresh_issuances(&issuance_id(&state), targets, &server)?;
        let first = issuances.first().ok_or(IssuanceError::Offer("it offers nothing"))?;
        let id = first.id.clone();
        let wish = wish(targets, server.takes_details)?;
        let access = self.access(first, server).await?;
        let parameters = parameters(&access, wish, grant, (&state, &verifier), redirect_uri);
        let borrowed: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let pushed = access.session.push(&borrowed).await.map_err(IssuanceError::Issuer)?;
        let lifetime = i64::try_from(pushed.expires_in.min(MAX_REQUEST_SECONDS)).unwrap_or_default();
        let expires_at = self.now().saturating_add(lifetime);
        let authorization = Authorization { state, verifier, redirect_uri: redirect_uri.clone(), expires_at };
        issuances.iter_mut().for_each(|issuance| issuance.authorization = Some(authorization.clone()));
        self.keep_issuances(&issuances)?;
        let mut url = endpoint;
        url.query_pairs_mut().append_pair("client_id", access.client_id()).append_pair("request_uri", &pushed.request_uri);
        Ok(AuthorizationView {
            id,
            issuer: target.issuer.clone(),
            sign_in_at: labels::printable(&url.origin().ascii_serialization(), 200),
            type_names: targets.iter().map(|target| labels::attestation_type(&target.vct)).collect(),
            url,
            expires_at,
        })
    }

    /// Takes the address that the browser came back with, and receives every credential that was asked for. After an error or a crash
    /// the same call goes on with what was not received, as long as the department's token lasts.
    ///
    /// # Errors
    /// [`WalletError::Issuance`], [`WalletError::Ledger`].
    pub async fn authorized(&self, answer: &str) -> Result<Vec<CredentialView>, WalletError> {
        let received = self.watched(Side::Department, Box::pin(self.authorized_story(answer))).await;
        self.note_failed_issuance(received)
    }

    pub(crate) async fn authorized_story(&self, answer: &str) -> Result<Vec<CredentialView>, WalletError> {
        let _one = self.issuing.lock().await;
        let answer = Answer::read(answer)?;
        let state = answer.parameters.get("state").ok_or(IssuanceError::UnknownAuthorization)?;
        let mut issuances = self.issuances_of(&issuance_id(state))?;
        let first = issuances.first().ok_or(IssuanceError::UnknownAuthorization)?;
        if let Some(authorization) = first.authorization.clone() {
            let server = first.server.clone().ok_or(VaultError::Tampered("issuances"))?;
            let code = match answer.code(&authorization, &server) {
                Ok(code) => code,
                Err(error) => {
                    // The server refused by its own word: this request is over.
                    if matches!(error, IssuanceError::Authorization { .. }) {
                        self.drop_issuances(&issuances)?;
                    }
                    return Err(error.into());
                }
            };
            self.redeem(&issuances, &authorization, &code).await?;
            issuances = self.with_siblings(&issuance_id(state), issuances)?;
        }
        self.resume_all(&issuances).await
    }

    /// Exchanges the code for a token (RFC 6749 section 4.1.3, RFC 7636 section 4.5).
    async fn redeem(&self, issuances: &[Issuance], authorization: &Authorization, code: &str) -> Result<(), WalletError> {
        let first = issuances.first().ok_or(IssuanceError::UnknownAuthorization)?;
        let target = self.target_of(first).await?;
        let server = self.server(&target, first.server.as_deref(), GRANT).await?;
        let access = self.access(first, server).await?;
        let parameters = [
            ("grant_type", GRANT),
            ("code", code),
            ("redirect_uri", authorization.redirect_uri.as_str()),
            ("code_verifier", authorization.verifier.as_str()),
            ("client_id", access.client_id()),
        ];
        self.take_token(&access, issuances, &parameters).await.map_err(|error| match &error {
            WalletError::Issuance(IssuanceError::Issuer(failed)) if failed.code() == Some("invalid_grant") => {
                IssuanceError::SignInAgain.into()
            }
            _ => error,
        })
    }
}

/// The issuance's id follows from the request's `state`, which only its answer has.
fn issuance_id(state: &str) -> String {
    base64url(&Sha256::digest(state.as_bytes()))
}

fn details(target: &Target) -> AuthorizationDetails {
    let elsewhere = !target.metadata.authorization_servers.is_empty();
    AuthorizationDetails {
        kind: CREDENTIAL_DETAILS.to_owned(),
        credential_configuration_id: Some(target.configuration.clone()),
        credential_identifiers: Vec::new(),
        locations: if elsewhere { vec![target.issuer.clone()] } else { Vec::new() },
    }
}

/// What is asked for. HAIP 1.0 section 4.3: by scope; authorization details only where a credential has no scope.
fn wish(targets: &[Target], takes_details: bool) -> Result<Vec<(&'static str, String)>, IssuanceError> {
    let scope = |target: &Target| target.metadata.configurations.get(&target.configuration).and_then(|one| one.scope.clone());
    if let Some(mut scopes) = targets.iter().map(scope).collect::<Option<Vec<String>>>() {
        scopes.sort_unstable();
        scopes.dedup();
        let mut wish = vec![("scope", scopes.join(" "))];
        // Section 5.1.2: which issuer the scopes are about (RFC 8707).
        let elsewhere = targets.iter().find(|target| !target.metadata.authorization_servers.is_empty());
        wish.extend(elsewhere.map(|target| ("resource", target.issuer.clone())));
        return Ok(wish);
    }
    if !takes_details {
        return Err(IssuanceError::Metadata("the credential has neither a scope nor authorization details"));
    }
    let details: Vec<AuthorizationDetails> = targets.iter().map(details).collect();
    let details = serde_json::to_string(&details).map_err(|_| IssuanceError::Metadata("it has no usable name"))?;
    Ok(vec![("authorization_details", details)])
}

/// The pushed request.
fn parameters(
    access: &Access,
    wish: Vec<(&'static str, String)>,
    grant: &AuthorizationCode,
    (state, verifier): (&str, &str),
    redirect_uri: &Url,
) -> Vec<(&'static str, String)> {
    let mut parameters = vec![
        ("response_type", "code".to_owned()),
        ("client_id", access.client_id().to_owned()),
        ("redirect_uri", redirect_uri.to_string()),
        ("state", state.to_owned()),
        ("code_challenge", base64url(&Sha256::digest(verifier.as_bytes()))),
        ("code_challenge_method", "S256".to_owned()),
    ];
    parameters.extend(wish);
    parameters.extend(grant.issuer_state.clone().map(|state| ("issuer_state", state)));
    parameters
}

/// The address that a browser came back with.
struct Answer {
    url: Url,
    parameters: BTreeMap<String, String>,
}

impl Answer {
    fn read(text: &str) -> Result<Self, IssuanceError> {
        let text = text.trim();
        let url = Url::parse(text).ok().filter(|_| text.len() <= MAX_ANSWER_BYTES);
        let url = url.ok_or(IssuanceError::UnknownAuthorization)?;
        let mut parameters = BTreeMap::new();
        for (name, value) in url.query_pairs().into_owned() {
            if parameters.insert(name, value).is_some() {
                return Err(IssuanceError::AuthorizationAnswer("a parameter is there twice"));
            }
        }
        Ok(Self { url, parameters })
    }

    /// The code, where this is the answer of this server to this request.
    fn code(&self, authorization: &Authorization, server: &str) -> Result<String, IssuanceError> {
        let refused = |why| Err(IssuanceError::AuthorizationAnswer(why));
        let place = |url: &Url| (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port(), url.path().to_owned());
        if place(&self.url) != place(&authorization.redirect_uri) {
            return refused("it came to another address");
        }
        if self.parameters.get("state") != Some(&authorization.state) {
            return refused("it is about another request");
        }
        match self.parameters.get("iss") {
            Some(issuer) if issuer == server => {}
            Some(_) => return refused("it is of another authorization server"),
            None => return refused("it does not say which authorization server it is of"),
        }
        if let Some(error) = self.parameters.get("error") {
            return Err(IssuanceError::Authorization { code: labels::printable(error, 64) });
        }
        match self.parameters.get("code") {
            Some(code) if !code.is_empty() && code.len() <= MAX_CODE_BYTES => Ok(code.clone()),
            _ => refused("it has no code"),
        }
    }
}
