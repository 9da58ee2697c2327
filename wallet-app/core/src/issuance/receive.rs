//! Receiving: keys first, then token, nonce, proofs and credentials; then the checks; then all of it into the vault at once.

use std::time::Duration;

use clients::http::HttpError;
use clients::issuer::IssuerClient;
use identity::jose::Jwk;
use identity::jose::jws::{self, JwsHeader};
use identity::keys::{Algorithm, Signer};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use url::Url;
use wire::oid4vci::{CredentialRequest, CredentialResponse, Proofs};

use super::check::Checked;
use super::offer::Offer;
use super::{BATCH, CopyKeys, Credential, CredentialCopy, CredentialView, Issuance, IssuanceError, Rejection, Token};
use crate::attributes::RequestStage;
use crate::error::WalletError;
use crate::history::{self, Event, HistoryEntry};
use crate::records::{Secret32, base64url, fresh_id};
use crate::vault::{Table, VaultError};
use crate::wallet::Wallet;

/// How long the wallet asks again while the attestation is not final.
const PATIENCE: Duration = Duration::from_secs(45);
/// The shortest and longest pause between two tries.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));
/// A token is not used in its last seconds.
const TOKEN_MARGIN_SECONDS: i64 = 5;
/// How long a token without `expires_in` is tried.
const TOKEN_DEFAULT_SECONDS: u64 = 300;
/// `typ` of a key proof (OpenID4VCI appendix F.1).
const PROOF_TYPE: &str = "openid4vci-proof+jwt";
/// Claim of a key proof: SHA-256 of the lock secret, base64url.
const LOCK_CLAIM: &str = "yufu_lock";

impl Wallet {
    /// Receives the offered credential. After an error or a crash the same call goes on with the same keys.
    ///
    /// # Errors
    /// [`WalletError::Issuance`], [`WalletError::Ledger`], [`WalletError::Scan`].
    pub async fn receive(&self, link: &str, pin: Option<&str>) -> Result<CredentialView, WalletError> {
        let offer = self.read_offer(link).await?;
        let mut issuance = self.begin(&offer)?;
        let base = Url::parse(&offer.issuer).map_err(|_| IssuanceError::Offer("its issuer has no address"))?;
        let client = IssuerClient::new(self.http.clone(), base);
        let token = self.token(&client, &offer, &mut issuance, pin).await?;
        let response = self.fetch(&client, &offer, &issuance, &token).await?;
        match self.check_credentials(&offer, &issuance, response).await {
            Ok(checked) => self.store(&offer, &issuance, checked),
            Err(error) => {
                if let WalletError::Issuance(IssuanceError::Rejected(rejection)) = &error {
                    self.note(&entry(&offer, self.now(), Event::CredentialRejected, Some(rejection.slug())))?;
                }
                Err(error)
            }
        }
    }

    /// The issuance under way for this offer, or a new one with fresh keys, which are on the disk when this returns.
    fn begin(&self, offer: &Offer) -> Result<Issuance, VaultError> {
        let id = base64url(&Sha256::digest(offer.grant.code.as_bytes()));
        let copies = BATCH.min(offer.metadata.batch_size).max(1);
        let fresh = || CopyKeys {
            key: Secret32::fresh_key(&self.environment, Algorithm::P256),
            lock: Secret32::fresh(&self.environment),
        };
        self.vault.write(|batch| {
            let earlier: Option<Issuance> = batch.get(Table::Issuances, &id)?;
            if let Some(earlier) = earlier.filter(|e| e.issuer == offer.issuer && e.configuration == offer.configuration) {
                return Ok(earlier);
            }
            let issuance = Issuance {
                id: id.clone(),
                issuer: offer.issuer.clone(),
                configuration: offer.configuration.clone(),
                keys: std::iter::repeat_with(fresh).take(copies).collect(),
                token: None,
                started_at: self.now(),
            };
            batch.put(Table::Issuances, &id, &issuance)?;
            Ok(issuance)
        })
    }

    /// The access token: the one of an earlier try while it lasts, else for the code and PIN.
    async fn token(
        &self,
        client: &IssuerClient,
        offer: &Offer,
        issuance: &mut Issuance,
        pin: Option<&str>,
    ) -> Result<String, WalletError> {
        let usable_until = self.now().saturating_add(TOKEN_MARGIN_SECONDS);
        if let Some(token) = issuance.token.as_ref().filter(|token| token.expires_at > usable_until) {
            return Ok(token.text.clone());
        }
        if offer.grant.tx_code.is_some() && pin.is_none() {
            return Err(IssuanceError::PinNeeded.into());
        }
        let pin = pin.filter(|_| offer.grant.tx_code.is_some());
        let answer = client.token(&offer.metadata, &offer.grant.code, pin).await.map_err(|error| match &error {
            HttpError::OAuth { error: oauth, .. } if oauth.error == "invalid_grant" => IssuanceError::PinOrOffer,
            _ => IssuanceError::Issuer(error),
        })?;
        if !answer.token_type.eq_ignore_ascii_case("bearer") {
            return Err(IssuanceError::Metadata("its token is of a kind that this wallet does not use").into());
        }
        let lifetime = i64::try_from(answer.expires_in.unwrap_or(TOKEN_DEFAULT_SECONDS)).unwrap_or(i64::MAX);
        let token = Token { text: answer.access_token, expires_at: self.now().saturating_add(lifetime) };
        issuance.token = Some(token.clone());
        self.vault.write::<_, VaultError>(|batch| batch.put(Table::Issuances, &issuance.id, issuance))?;
        Ok(token.text)
    }

    /// Asks for the credentials: again after a pause while the issuer says "not yet", and once more when a nonce was too old.
    async fn fetch(
        &self,
        client: &IssuerClient,
        offer: &Offer,
        issuance: &Issuance,
        token: &str,
    ) -> Result<CredentialResponse, WalletError> {
        let give_up = Instant::now() + PATIENCE;
        let mut nonces = 0;
        loop {
            let nonce = client.nonce(&offer.metadata).await.map_err(IssuanceError::Issuer)?;
            let request = CredentialRequest {
                credential_configuration_id: offer.configuration.clone(),
                proofs: Proofs { jwt: self.proofs(issuance, nonce.as_deref())? },
            };
            let error = match client.credential(&offer.metadata, token, &request).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            match &error {
                HttpError::OAuth { error: oauth, .. } if oauth.error == "invalid_nonce" && nonces < 2 => nonces += 1,
                _ if error.is_temporary() => {
                    let pause = error.retry_after().unwrap_or(PAUSE.0).clamp(PAUSE.0, PAUSE.1);
                    if Instant::now() + pause > give_up {
                        let not_yet = error.status() == Some(503);
                        return Err(if not_yet { IssuanceError::NotYet } else { IssuanceError::Issuer(error) }.into());
                    }
                    tokio::time::sleep(pause).await;
                }
                _ => return Err(IssuanceError::Issuer(error).into()),
            }
        }
    }

    /// A proof for each key (OpenID4VCI appendix F.1), with the lock that the attestation record will have.
    fn proofs(&self, issuance: &Issuance, nonce: Option<&str>) -> Result<Vec<String>, VaultError> {
        let proof = |keys: &CopyKeys| {
            let key = keys.key.key(Algorithm::P256).ok_or(VaultError::Tampered("issuances"))?;
            let mut claims = json!({
                "aud": issuance.issuer,
                "iat": self.now(),
                LOCK_CLAIM: base64url(&Sha256::digest(keys.lock.as_bytes())),
            });
            if let (Some(nonce), Some(claims)) = (nonce, claims.as_object_mut()) {
                claims.insert("nonce".to_owned(), nonce.into());
            }
            let header = JwsHeader { jwk: Some(Jwk::from(key.public_key())), ..JwsHeader::typ(PROOF_TYPE) };
            Ok(jws::sign_compact(&key, &header, claims.to_string().as_bytes()))
        };
        issuance.keys.iter().map(proof).collect()
    }

    async fn check_credentials(
        &self,
        offer: &Offer,
        issuance: &Issuance,
        response: CredentialResponse,
    ) -> Result<Vec<(Checked, CredentialCopy)>, WalletError> {
        let rejected = |rejection| WalletError::from(IssuanceError::Rejected(rejection));
        if response.credentials.len() != issuance.keys.len() {
            return Err(rejected(Rejection::Count));
        }
        let mut left = issuance.keys.clone();
        let mut copies = Vec::new();
        for issued in response.credentials {
            let (checked, keys) = self.check_credential(offer, &issued.credential, &mut left).await?;
            let copy = CredentialCopy {
                sd_jwt: issued.credential,
                key: keys.key,
                lock: keys.lock,
                record: checked.record,
                valid_from: checked.valid_from,
                valid_until: checked.valid_until,
                uses: 0,
                status: ledger::records::AttestationStatus::Active,
                as_of: checked.as_of,
            };
            copies.push((checked, copy));
        }
        Ok(copies)
    }

    /// Credential, keys, history and the declaration's end: all or nothing.
    fn store(
        &self,
        offer: &Offer,
        issuance: &Issuance,
        checked: Vec<(Checked, CredentialCopy)>,
    ) -> Result<CredentialView, WalletError> {
        let now = self.now();
        let (first, _) = checked.first().ok_or(IssuanceError::Rejected(Rejection::Count))?;
        let credential = Credential {
            id: fresh_id(&self.environment),
            attestation_type: offer.vct.clone(),
            issuer: offer.issuer.clone(),
            authority: first.authority,
            issuer_name: first.issuer_name.clone(),
            received_at: now,
            copies: checked.into_iter().map(|(_, copy)| copy).collect(),
        };
        let view = credential.view(now)?;
        let entry = HistoryEntry {
            other_side: Some(credential.issuer_name.clone()),
            claims: view.claims.iter().map(|claim| claim.name.clone()).collect(),
            ..entry(offer, now, Event::CredentialReceived, None)
        };
        self.vault.write::<_, VaultError>(|batch| {
            batch.put(Table::Credentials, &credential.id, &credential)?;
            batch.remove(Table::Issuances, &issuance.id)?;
            if let Some(mut declaration) = offer.declaration.clone() {
                declaration.stage = RequestStage::Received;
                declaration.changed_at = now;
                batch.put(Table::Declarations, &declaration.id.clone(), &declaration)?;
            }
            history::record(batch, &entry)
        })?;
        Ok(view)
    }
}

fn entry(offer: &Offer, at: identity::UnixSeconds, event: Event, reason: Option<&str>) -> HistoryEntry {
    HistoryEntry {
        other_side: offer.declaration.as_ref().map(|declaration| declaration.department().clone()),
        origin: Some(offer.issuer.clone()),
        attestation_type: Some(offer.vct.clone()),
        reason: reason.map(str::to_owned),
        ..HistoryEntry::new(at, event)
    }
}
