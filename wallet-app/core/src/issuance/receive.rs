//! Receiving with a code and PIN, and what all ways of receiving share: proofs, credentials or a promise of them, the checks.

use std::time::Duration;

use clients::http::HttpError;
use identity::jose::Jwk;
use identity::jose::jws::{self, JwsHeader};
use identity::keys::{Algorithm, PublicKey, SignError, Signer};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use wire::oid4vci::{
    CredentialRequest, CredentialResponse, NotificationEvent, PRE_AUTHORIZED_CODE_GRANT, PreAuthorizedCode, Proofs,
};

use super::check::Checked;
use super::offer::{ProofKind, Target};
use super::session::Access;
use super::{CopyKeys, CredentialCopy, CredentialView, Issuance, IssuanceError, KeyRequirements, Rejection, attested};
use crate::error::{Side, WalletError};
use crate::hardware::HeldSigner;
use crate::history::{Event, HistoryEntry};
use crate::records::base64url;
use crate::vault::{Table, VaultError};
use crate::wallet::Wallet;

/// How long the wallet asks again while the attestation is not final.
const PATIENCE: Duration = Duration::from_secs(45);
/// The shortest and longest pause between two tries.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));
/// `typ` of a key proof (OpenID4VCI appendix F.1).
const PROOF_TYPE: &str = "openid4vci-proof+jwt";
/// Claim of a key proof: SHA-256 of the lock secret, base64url.
const LOCK_CLAIM: &str = "yufu_lock";

impl Wallet {
    /// Receives every offered credential with the code in the offer. An error of one does not keep the others from being received; it
    /// is what the call ends with then. After an error or a crash the same call goes on with what was not received, with the same keys.
    /// Where the issuer takes longer, it ends with [`IssuanceError::Deferred`], and [`Self::poll_issuances`] goes on.
    ///
    /// # Errors
    /// [`WalletError::Issuance`], [`WalletError::Ledger`], [`WalletError::Scan`].
    pub async fn receive(&self, link: &str, pin: Option<&str>) -> Result<Vec<CredentialView>, WalletError> {
        let received = self.watched(Side::Department, Box::pin(self.receive_story(link, pin))).await;
        self.note_failed_issuance(received)
    }

    pub(crate) async fn receive_story(&self, link: &str, pin: Option<&str>) -> Result<Vec<CredentialView>, WalletError> {
        let _one = self.issuing.lock().await;
        let offer = self.read_offer(link).await?;
        let target = offer.targets.first().ok_or(IssuanceError::Offer("it offers nothing"))?;
        let grant = offer.grants.pre_authorized_code.as_ref().ok_or(IssuanceError::SignInNeeded)?;
        let server = self.server(target, grant.authorization_server.as_deref(), PRE_AUTHORIZED_CODE_GRANT).await?;
        let id = base64url(&Sha256::digest(grant.code.as_bytes()));
        let mut issuances = self.begin_offer(&id, self.fresh_issuances(&id, &offer.targets, &server)?)?;
        self.keep_offer(link, &offer.whole)?;
        let first = issuances.first().ok_or(VaultError::Tampered("issuances"))?;
        let access = self.access(first, server).await?;
        let without_token: Vec<Issuance> = issuances.iter().filter(|one| self.needs_code(one)).cloned().collect();
        if !without_token.is_empty() {
            self.take_code(&access, grant, &without_token, pin).await?;
            issuances = self.with_siblings(&id, issuances)?;
        }
        let received = self.obtain_all(&access, offer.targets, &issuances).await?;
        self.forget_offer(link)?;
        Ok(received)
    }

    /// Writes a failure into the history, unless it is there by a name of its own.
    pub(super) fn note_failed_issuance<T>(&self, received: Result<T, WalletError>) -> Result<T, WalletError> {
        if let Err(error) = &received {
            let is_noted = matches!(
                error,
                WalletError::Vault(_) | WalletError::Issuance(IssuanceError::Deferred { .. } | IssuanceError::Rejected(_))
            );
            if !is_noted && error.slug() != "credential-denied" {
                let reason = Some(error.slug().to_owned());
                self.note(&HistoryEntry { reason, ..HistoryEntry::new(self.now(), Event::IssuanceFailed) })?;
            }
        }
        received
    }

    /// The issuance under way of this id, or the fresh one, whose keys are on the disk when this returns.
    pub(super) fn begin(&self, fresh: Issuance) -> Result<Issuance, VaultError> {
        self.vault.write(|batch| {
            let earlier: Option<Issuance> = batch.get(Table::Issuances, &fresh.id)?;
            let same = |earlier: &Issuance| earlier.issuer == fresh.issuer && earlier.configuration == fresh.configuration;
            if let Some(earlier) = earlier.filter(same) {
                return Ok(earlier);
            }
            batch.put(Table::Issuances, &fresh.id, &fresh)?;
            Ok(fresh)
        })
    }

    /// A token for the offer's code and PIN (section 6.1).
    async fn take_code(
        &self,
        access: &Access,
        grant: &PreAuthorizedCode,
        issuances: &[Issuance],
        pin: Option<&str>,
    ) -> Result<(), WalletError> {
        if grant.tx_code.is_some() && pin.is_none() {
            return Err(IssuanceError::PinNeeded.into());
        }
        let mut parameters = vec![("grant_type", PRE_AUTHORIZED_CODE_GRANT), ("pre-authorized_code", grant.code.as_str())];
        parameters.extend(pin.filter(|_| grant.tx_code.is_some()).map(|pin| ("tx_code", pin)));
        if access.attested_as.is_some() || !access.session.server().takes_anonymous {
            parameters.push(("client_id", access.client_id()));
        }
        let Err(error) = self.take_token(access, issuances, &parameters).await else { return Ok(()) };
        match &error {
            WalletError::Issuance(IssuanceError::Issuer(failed)) if failed.code() == Some("invalid_grant") => {
                // No issuer heard of these keys, and none will if the code is void: another try makes its own.
                self.drop_issuances(issuances)?;
                Err(IssuanceError::PinOrOffer.into())
            }
            _ => Err(error),
        }
    }

    /// Asks for the credentials, or for what was promised; checks what comes, and stores all of it or nothing.
    pub(super) async fn obtain(
        &self,
        access: &Access,
        target: &Target,
        issuance: &mut Issuance,
    ) -> Result<CredentialView, WalletError> {
        let response = match self.ask_with_token(access, target, issuance).await {
            Ok(response) => response,
            Err(error) => return Err(self.not_issued(target, issuance, error)?),
        };
        if let Some(transaction) = response.transaction_id {
            return Err(self.defer(target, issuance, transaction, response.interval)?.into());
        }
        let notification = response.notification_id.clone();
        match self.check_credentials(target, issuance, response).await {
            Ok(checked) => {
                let (view, notice) = self.store(target, issuance, checked, notification)?;
                self.tell(access, target, notice).await?;
                Ok(view)
            }
            Err(error) => {
                if let WalletError::Issuance(IssuanceError::Rejected(rejection)) = &error {
                    self.note(&entry(target, self.now(), Event::CredentialRejected, Some(rejection.slug())))?;
                    let notice = self.notice(issuance, notification, NotificationEvent::CredentialFailure)?;
                    self.tell(access, target, notice).await?;
                }
                Err(error)
            }
        }
    }

    /// Asks with the token, or with the next one where it is over. A promise whose token has no successor is asked for with the old
    /// one: the end of a token without `expires_in` is this wallet's guess, and its issuer knows better. Refused too, that is the end.
    async fn ask_with_token(
        &self,
        access: &Access,
        target: &Target,
        issuance: &mut Issuance,
    ) -> Result<CredentialResponse, WalletError> {
        let mut has_successor = true;
        if !self.has_token(issuance) {
            has_successor = self.refresh_or_not(access, issuance).await?;
        }
        let answer = self.ask(access, target, issuance).await;
        let is_refused =
            matches!(&answer, Err(WalletError::Issuance(IssuanceError::Issuer(error))) if error.code() == Some("invalid_token"));
        if !is_refused {
            return answer;
        }
        // A token that ended early; once, because a server may refuse every token.
        if has_successor && self.refresh_or_not(access, issuance).await? {
            return self.ask(access, target, issuance).await;
        }
        if issuance.deferred.is_some() { Err(IssuanceError::SignInAgain.into()) } else { answer }
    }

    /// Gets the next token; `false` where there is none and the old one may do.
    async fn refresh_or_not(&self, access: &Access, issuance: &mut Issuance) -> Result<bool, WalletError> {
        match self.refresh(access, issuance).await {
            Ok(()) => Ok(true),
            Err(WalletError::Issuance(IssuanceError::SignInAgain)) if issuance.deferred.is_some() => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn ask(&self, access: &Access, target: &Target, issuance: &Issuance) -> Result<CredentialResponse, WalletError> {
        let token = issuance.token.as_ref().ok_or(IssuanceError::SignInAgain)?;
        match &issuance.deferred {
            None => self.fetch(access, target, issuance).await,
            Some(deferred) => {
                let answer = access.session.deferred(&target.metadata, &token.text, &deferred.transaction_id).await;
                Ok(answer.map_err(IssuanceError::Issuer)?)
            }
        }
    }

    /// Asks for the credentials: again after a pause while the issuer says "not yet", and once more when a nonce was too old.
    async fn fetch(&self, access: &Access, target: &Target, issuance: &Issuance) -> Result<CredentialResponse, WalletError> {
        let (session, metadata) = (&access.session, &target.metadata);
        let token = issuance.token.as_ref().ok_or(IssuanceError::SignInAgain)?;
        let give_up = Instant::now() + PATIENCE;
        let mut nonces = 0;
        loop {
            let nonce = session.nonce(metadata).await.map_err(IssuanceError::Issuer)?;
            let by_identifier = token.identifier.is_some();
            let request = CredentialRequest {
                credential_configuration_id: (!by_identifier).then(|| target.configuration.clone()),
                credential_identifier: token.identifier.clone(),
                ..self.proven(access, target, issuance, nonce.as_deref()).await?
            };
            let error = match session.credential(metadata, &token.text, request).await {
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

    /// A request with what proves the keys.
    async fn proven(
        &self,
        access: &Access,
        target: &Target,
        issuance: &Issuance,
        nonce: Option<&str>,
    ) -> Result<CredentialRequest, WalletError> {
        let configuration = target.metadata.configurations.get(&target.configuration);
        let kind = configuration.and_then(ProofKind::of).unwrap_or(ProofKind::Jwt);
        let proof_type = configuration.and_then(|one| one.proof_types_supported.get(kind.name()));
        let required = proof_type.and_then(|one| one.key_attestations_required.as_ref());
        if kind == ProofKind::Jwt {
            let proofs = Proofs { jwt: self.proofs(access, required, issuance, nonce).await?, ..Proofs::default() };
            return Ok(CredentialRequest { proofs, ..CredentialRequest::default() });
        }
        let mut keys = Vec::new();
        for one in &issuance.keys {
            keys.push(one.key.public_key(Algorithm::P256).ok_or(VaultError::Tampered("issuances"))?);
        }
        let required = required.cloned().unwrap_or_default();
        let proofs = Proofs { attestation: vec![self.attest_keys(&keys, nonce, &required).await?], ..Proofs::default() };
        // No proof carries the locks. An issuer that does not read them here records none that this wallet can open: what it issues is
        // refused as any other is, and no kill is promised that cannot be had.
        Ok(CredentialRequest { proofs, yufu_locks: issuance.keys.iter().map(lock).collect(), ..CredentialRequest::default() })
    }

    /// A proof for each key (OpenID4VCI appendix F.1), with the lock that the attestation record will have, and with an attestation
    /// of the key where the issuer asks for one (appendix D).
    async fn proofs(
        &self,
        access: &Access,
        required: Option<&KeyRequirements>,
        issuance: &Issuance,
        nonce: Option<&str>,
    ) -> Result<Vec<String>, WalletError> {
        let mut proofs = Vec::new();
        for keys in &issuance.keys {
            let key = self.signer(&keys.key, Algorithm::P256, "issuances")?;
            // One key at a time, where an attestation of all of them would let issuer and provider join the copies.
            let attestation = match required {
                Some(required) => Some(self.attest_keys(&[key.public_key()], nonce, required).await?),
                None => None,
            };
            proofs.push(self.proof(access, issuance, (&key, keys), nonce, attestation)?);
        }
        Ok(proofs)
    }

    fn proof(
        &self,
        access: &Access,
        issuance: &Issuance,
        (key, keys): (&HeldSigner, &CopyKeys),
        nonce: Option<&str>,
        attestation: Option<String>,
    ) -> Result<String, SignError> {
        let mut claims = json!({
            "aud": issuance.issuer,
            "iat": self.now(),
            LOCK_CLAIM: lock(keys),
        });
        if let Some(claims) = claims.as_object_mut() {
            claims.extend(nonce.map(|nonce| ("nonce".to_owned(), nonce.into())));
            // Never in the anonymous flow; optional in the others.
            claims.extend(access.attested_as.as_ref().map(|client| ("iss".to_owned(), client.as_str().into())));
        }
        let mut header = JwsHeader { jwk: Some(Jwk::from(key.public_key())), ..JwsHeader::typ(PROOF_TYPE) };
        header.other.extend(attestation.map(|attestation| ("key_attestation".to_owned(), attestation.into())));
        jws::sign_compact_with(key, &header, claims.to_string().as_bytes())
    }

    /// The provider's word for these keys, which says what the issuer demands.
    async fn attest_keys(
        &self,
        keys: &[PublicKey],
        nonce: Option<&str>,
        required: &KeyRequirements,
    ) -> Result<String, IssuanceError> {
        let provider = self.provider.as_ref().ok_or(IssuanceError::KeyAttestation)?;
        let attestation = provider.attest_keys(keys, nonce, required).await.map_err(IssuanceError::Provider)?;
        attested::check_keys(&attestation, keys, nonce, required, self.now())?;
        Ok(attestation)
    }

    /// Section 8.3: the issuer may issue fewer than there are keys, and binds each key to one at most. What it left out is dropped with
    /// the issuance.
    async fn check_credentials(
        &self,
        target: &Target,
        issuance: &Issuance,
        response: CredentialResponse,
    ) -> Result<Vec<(Checked, CredentialCopy)>, WalletError> {
        let rejected = |rejection| WalletError::from(IssuanceError::Rejected(rejection));
        if response.credentials.is_empty() || response.credentials.len() > issuance.keys.len() {
            return Err(rejected(Rejection::Count));
        }
        let mut left = issuance.keys.clone();
        let mut copies = Vec::new();
        for issued in response.credentials {
            let (checked, keys) = self.check_credential(target, &issued.credential, &mut left).await?;
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
}

/// What the attestation record holds of a copy's lock.
fn lock(keys: &CopyKeys) -> String {
    base64url(&Sha256::digest(keys.lock.as_bytes()))
}

/// A history entry about an issuance.
pub(super) fn entry(target: &Target, at: identity::UnixSeconds, event: Event, reason: Option<&str>) -> HistoryEntry {
    HistoryEntry {
        other_side: target.declaration.as_ref().map(|declaration| declaration.department().clone()),
        origin: Some(target.issuer.clone()),
        attestation_type: Some(target.vct.clone()),
        reason: reason.map(str::to_owned),
        ..HistoryEntry::new(at, event)
    }
}
