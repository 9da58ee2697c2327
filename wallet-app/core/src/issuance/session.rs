//! What an issuance has at its authorization server: a session, a token, and new tokens when one is over.

use clients::http::HttpError;
use clients::issuer::metadata::ATTESTED_CLIENT;
use clients::issuer::{ClientAttestation, IssuerClient, ServerMetadata, Session};
use identity::keys::{Algorithm, SecretKey, SignError};
use url::Url;
use wire::oid4vci::{AuthorizationDetails, CREDENTIAL_DETAILS, TokenResponse};

use super::offer::{MAX_CREDENTIALS, Target};
use super::{CopyKeys, Issuance, IssuanceError, Token, attested};
use crate::error::WalletError;
use crate::records::Secret32;
use crate::vault::VaultError;
use crate::wallet::Wallet;

/// The client identifier of a wallet that no provider vouches for.
pub(super) const CLIENT_ID: &str = "urn:yufu:wallet";
/// A token is not used in its last seconds.
const TOKEN_MARGIN_SECONDS: i64 = 5;
/// How long a token without `expires_in` is tried.
const TOKEN_DEFAULT_SECONDS: u64 = 300;
/// A token that does not serve for what it was asked for.
pub(super) const NOT_GRANTED: IssuanceError = IssuanceError::Metadata("its token is for another credential");

/// A session with the client identifier that the wallet has in it.
pub(super) struct Access {
    pub(super) session: Session,
    /// The wallet provider's, where the wallet is attested.
    pub(super) attested_as: Option<String>,
}

impl Access {
    /// The name that a wallet has to give in any case.
    pub(super) fn client_id(&self) -> &str {
        self.attested_as.as_deref().unwrap_or(CLIENT_ID)
    }
}

impl Wallet {
    /// The authorization server for a grant.
    pub(super) async fn server(&self, target: &Target, named: Option<&str>, grant: &str) -> Result<ServerMetadata, WalletError> {
        let base = Url::parse(&target.issuer).map_err(|_| IssuanceError::Offer("its issuer has no address"))?;
        let client = IssuerClient::new(self.http.clone(), base);
        Ok(client.server(&target.metadata, named, grant).await.map_err(IssuanceError::Issuer)?)
    }

    /// Fresh keys of so many copies.
    pub(super) fn fresh_keys(&self, copies: usize) -> Result<Vec<CopyKeys>, SignError> {
        let environment = &self.environment;
        let fresh = || Ok(CopyKeys { key: self.fresh_device_key(Algorithm::P256)?, lock: Secret32::fresh(environment) });
        std::iter::repeat_with(fresh).take(copies).collect()
    }

    /// An issuance with fresh keys, for this server.
    pub(super) fn fresh_issuance(&self, id: String, target: &Target, server: &ServerMetadata) -> Result<Issuance, SignError> {
        let environment = &self.environment;
        let copies = super::BATCH.min(target.metadata.batch_size).max(1);
        Ok(Issuance {
            id,
            issuer: target.issuer.clone(),
            configuration: target.configuration.clone(),
            keys: self.fresh_keys(copies)?,
            token: None,
            started_at: self.now(),
            vct: Some(target.vct.clone()),
            server: Some(server.issuer.clone()),
            dpop: server.takes_dpop.then(|| Secret32::fresh_key(environment, Algorithm::P256)),
            attested: is_attested(server).then(|| Secret32::fresh_key(environment, Algorithm::P256)),
            authorization: None,
            deferred: None,
            declaration: target.declaration.as_ref().map(|declaration| declaration.id.clone()),
            renews: None,
        })
    }

    /// A session under the issuance's keys. Tokens that were bound to a key stay so, whatever the server says now.
    pub(super) async fn access(&self, issuance: &Issuance, server: ServerMetadata) -> Result<Access, WalletError> {
        let attestation = match &issuance.attested {
            Some(secret) if is_attested(&server) => Some(self.attestation(&key(secret)?).await?),
            _ if takes_unattested(&server) => None,
            _ => return Err(IssuanceError::ClientAuthentication.into()),
        };
        let dpop = issuance.dpop.as_ref().map(key).transpose()?;
        let session = Session::new(self.http.clone(), self.environment.clone(), server, dpop);
        let attested_as = attestation.as_ref().map(|attestation| attestation.client_id.clone());
        let session = match attestation {
            Some(attestation) => session.attested(attestation),
            None => session,
        };
        Ok(Access { session, attested_as })
    }

    /// The provider's word for a key. Without a provider an issuer that takes others gets none.
    async fn attestation(&self, key: &SecretKey) -> Result<ClientAttestation, IssuanceError> {
        let provider = self.provider.as_ref().ok_or(IssuanceError::ClientAuthentication)?;
        let attested = provider.attest(&key.public_key()).await.map_err(IssuanceError::Provider)?;
        attested::check_wallet(&attested, &key.public_key(), self.now()).map_err(IssuanceError::Provider)?;
        Ok(ClientAttestation { client_id: attested.client_id, jwt: attested.jwt, key: key.clone() })
    }

    /// What a token response has for one of the issuances that it was asked for: a token for each credential that it names (section 6.2:
    /// each identifier is of another one), one where it names none.
    pub(super) fn read_tokens(
        &self,
        answer: &TokenResponse,
        configuration: &str,
        earlier: Option<&Token>,
    ) -> Result<Vec<Token>, IssuanceError> {
        let token = self.read_token(answer, configuration, earlier)?;
        if earlier.is_some_and(|earlier| earlier.identifier.is_some()) {
            return Ok(vec![token]);
        }
        let of_ours = answer.authorization_details.iter().filter(|one| is_of(one, configuration));
        let mut identifiers: Vec<&String> = Vec::new();
        for identifier in of_ours.flat_map(|one| &one.credential_identifiers) {
            if !identifiers.contains(&identifier) {
                identifiers.push(identifier);
            }
        }
        if identifiers.is_empty() {
            return Ok(vec![token]);
        }
        let named = |identifier: &&String| Token { identifier: Some((*identifier).clone()), ..token.clone() };
        Ok(identifiers.iter().take(MAX_CREDENTIALS).map(named).collect())
    }

    /// The same of a response that is about one credential.
    fn read_token(&self, answer: &TokenResponse, configuration: &str, earlier: Option<&Token>) -> Result<Token, IssuanceError> {
        let lifetime = i64::try_from(answer.expires_in.unwrap_or(TOKEN_DEFAULT_SECONDS)).unwrap_or(i64::MAX);
        let details: Vec<_> = answer.authorization_details.iter().filter(|one| one.kind == CREDENTIAL_DETAILS).collect();
        let ours = details.iter().find(|one| is_of(one, configuration));
        if !details.is_empty() && ours.is_none() {
            return Err(NOT_GRANTED);
        }
        // A credential keeps its name: the others of a new token's answer are other credentials.
        let identifier = earlier.and_then(|token| token.identifier.clone());
        Ok(Token {
            text: answer.access_token.clone(),
            expires_at: self.now().saturating_add(lifetime),
            refresh: answer.refresh_token.clone().or_else(|| earlier.and_then(|token| token.refresh.clone())),
            identifier: identifier.or_else(|| ours.and_then(|one| one.credential_identifiers.first().cloned())),
        })
    }

    /// Whether the issuance has a token that is not over.
    pub(super) fn has_token(&self, issuance: &Issuance) -> bool {
        let usable_until = self.now().saturating_add(TOKEN_MARGIN_SECONDS);
        issuance.token.as_ref().is_some_and(|token| token.expires_at > usable_until)
    }

    /// Whether the offer's code has to be used: there is no token, nor one by which the next is had.
    pub(super) fn needs_code(&self, issuance: &Issuance) -> bool {
        let renewable = issuance.token.as_ref().is_some_and(|token| token.refresh.is_some());
        issuance.deferred.is_none() && !renewable && !self.has_token(issuance)
    }

    /// A new token for a refresh token (RFC 6749 section 6), for everything that had the old one.
    pub(super) async fn refresh(&self, access: &Access, issuance: &mut Issuance) -> Result<(), WalletError> {
        let refresh = issuance.token.as_ref().and_then(|token| token.refresh.clone()).ok_or(IssuanceError::SignInAgain)?;
        let mut parameters = vec![("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
        parameters.push(("client_id", access.client_id()));
        let answer = access.session.token(&parameters).await.map_err(|error| match &error {
            HttpError::OAuth { error, .. } if error.error == "invalid_grant" => IssuanceError::SignInAgain,
            _ => IssuanceError::Issuer(error),
        })?;
        issuance.token = Some(self.read_token(&answer, &issuance.configuration, issuance.token.as_ref())?);
        Ok(self.share_token(issuance, &refresh)?)
    }
}

/// Whether authorization details are about credentials of this configuration.
fn is_of(details: &AuthorizationDetails, configuration: &str) -> bool {
    details.kind == CREDENTIAL_DETAILS && details.credential_configuration_id.as_deref().is_none_or(|id| id == configuration)
}

fn key(secret: &Secret32) -> Result<SecretKey, VaultError> {
    secret.key(Algorithm::P256).ok_or(VaultError::Tampered("issuances"))
}

/// Whether the server takes wallets that a provider vouches for.
fn is_attested(server: &ServerMetadata) -> bool {
    server.client_authentication.as_ref().is_some_and(|methods| methods.iter().any(|method| method == ATTESTED_CLIENT))
}

/// Whether the server takes wallets that nobody vouches for. RFC 8414's default, a client secret, no wallet has.
fn takes_unattested(server: &ServerMetadata) -> bool {
    server.client_authentication.as_ref().is_none_or(|methods| methods.iter().any(|method| method == "none"))
}
