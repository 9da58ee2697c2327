//! The refresh token at the token endpoint (RFC 6749 section 6, RFC 9449 section 5), and the grant that a first token comes with.

use service_kit::session::Token;
use sqlx::{Any, Transaction};
use wire::oid4vci::TokenResponse;

use super::store::{self, Grant};
use super::{MAX_GRANT_SECONDS, invalid_grant, is_open};
use crate::app::Issuer;
use crate::credentials::issue;
use crate::offers::store::Offer;
use crate::offers::{OAuthFailure, TOKEN_SECONDS};

/// Makes the grant of an offer that is redeemed with a DPoP proof; gives the refresh token. `None` when the department does not attest
/// the type any more.
pub(crate) async fn grant(
    app: &Issuer,
    transaction: &mut Transaction<'_, Any>,
    offer: &Offer,
    dpop_key: &str,
    client: Option<&str>,
) -> sqlx::Result<Option<Token>> {
    let Some(attestation) = app.config.attestation(&offer.attestation_type) else { return Ok(None) };
    let now = app.now();
    let (_, valid_until) = issue::validity(now, attestation.validity_days);
    let refresh = Token::from_entropy(app.environment.entropy());
    let grant = Grant {
        offer: offer.id.clone(),
        dpop_key: dpop_key.to_owned(),
        client: client.map(str::to_owned),
        valid_until,
        expires_at: valid_until.min(now.saturating_add(MAX_GRANT_SECONDS)),
        ended_at: None,
    };
    store::insert(transaction, &grant, &refresh.hash(), now).await?;
    Ok(Some(refresh))
}

/// A new access token for a refresh token. The refresh token stays as it is: it is bound to the key.
pub(crate) async fn refresh(
    app: &Issuer,
    token: &str,
    dpop_key: Option<String>,
    client: Option<&str>,
) -> Result<TokenResponse, OAuthFailure> {
    let unknown = || OAuthFailure::bad("invalid_grant", "the refresh token is unknown, or of another key or client");
    let key = dpop_key.ok_or_else(|| OAuthFailure::bad("invalid_dpop_proof", "a refresh token goes with a DPoP proof"))?;
    let token = Token::presented(token).ok_or_else(unknown)?;
    let now = app.now();

    let mut transaction = app.database.begin().await?;
    let grant = store::take_by_token(&mut transaction, &token.hash(), now).await?.ok_or_else(unknown)?;
    // An anonymous client may have found a name since; the key says that it is the same.
    if grant.dpop_key != key || grant.client.as_deref().is_some_and(|name| client != Some(name)) {
        return Err(unknown());
    }
    is_open(&grant, now).map_err(invalid_grant)?;
    let access = Token::from_entropy(app.environment.entropy());
    let id = app.environment.random.token();
    store::give_token(&mut transaction, &grant, &id, (&access.hash(), now + TOKEN_SECONDS), now).await?;
    transaction.commit().await?;
    metrics::counter!("issuer_tokens_total", "outcome" => "refreshed").increment(1);
    Ok(TokenResponse {
        access_token: access.secret().to_owned(),
        token_type: "DPoP".to_owned(),
        expires_in: u64::try_from(TOKEN_SECONDS).ok(),
        ..TokenResponse::default()
    })
}
