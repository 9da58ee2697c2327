//! `issuer-service offer`: makes an offer of given claims directly in the database, beside a running service. For operators, and for
//! pointing wallets that nobody here wrote at a running city.

use serde_json::{Value, json};

use super::{Desk, link, store};
use crate::database::Database;
use crate::requests::opening;
use crate::secrets::SecretsError;

/// Why no offer was made.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The type is not in the configuration.
    #[error("the configuration has no attestation of type '{0}'")]
    UnknownType(String),
    /// The claims do not fit the type.
    #[error("the claims do not fit the type")]
    Claims(#[source] opening::OpenError),
    /// The claims could not be sealed.
    #[error("the claims could not be sealed")]
    Secrets(#[from] SecretsError),
    /// The database failed.
    #[error("the offer could not be stored")]
    Database(#[from] sqlx::Error),
}

/// Makes the offer. The answer is `{credential_offer, credential_offer_uri, link, tx_code, expires_at}`.
///
/// # Errors
/// [`CommandError`]; nothing was stored then.
pub async fn offer(desk: Desk<'_>, database: &Database, attestation_type: &str, claims: &[u8]) -> Result<Value, CommandError> {
    let attestation = desk.config.attestation(attestation_type);
    let attestation = attestation.ok_or_else(|| CommandError::UnknownType(attestation_type.to_owned()))?;
    let claims = opening::read_claims(claims, attestation).map_err(CommandError::Claims)?;
    let offer = desk.new_offer(None, attestation, &claims)?;
    let mut transaction = database.begin().await?;
    store::insert(&mut transaction, &offer).await?;
    transaction.commit().await?;
    let uri = desk.offer_uri(&offer.id);
    Ok(json!({
        "credential_offer": desk.credential_offer(&offer.id, attestation),
        "link": link(&uri),
        "credential_offer_uri": uri,
        "tx_code": desk.secrets.pin(&offer.id),
        "expires_at": offer.expires_at,
    }))
}
