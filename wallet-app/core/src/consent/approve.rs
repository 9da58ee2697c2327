//! Approving and declining.

use std::collections::BTreeMap;

use identity::jose::jwe::Recipient;
use identity::keys::Algorithm;
use identity::sd_jwt::{KeyBinding, PresentError};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use wire::oid4vp::{CONSENT_CLAIM, MATCH_CODE_CLAIM};

use super::deliver::{Digest32, Outgoing};
use super::open::about;
use super::{Chosen, Consent, ConsentError, ConsentRecord, Outcome, ShownBy};
use crate::error::{Side, WalletError};
use crate::history::{self, Event};
use crate::issuance::{Credential, CredentialCopy};
use crate::records::base64url;
use crate::requests::{Declined, Refusal, Transaction, sign};
use crate::vault::{Batch, Table, VaultError};
use crate::wallet::Wallet;

/// The presentations of one response, with the digests of their key binding JWTs.
struct Presented {
    vp_token: BTreeMap<String, Vec<String>>,
    key_bindings: Vec<Digest32>,
    /// The first one's key.
    shown_by: Option<ShownBy>,
}

impl Wallet {
    /// The citizen agrees: stores the consent with the sentence that was shown, then sends what was chosen, then checks the
    /// receipt. With match codes, `match_code` is the one that the citizen picked.
    ///
    /// # Errors
    /// [`WalletError::Consent`]. After [`ConsentError::NotDelivered`] the response is kept: see [`Self::resend`].
    pub async fn approve(&self, consent: &Consent, match_code: Option<&str>) -> Result<Outcome, WalletError> {
        self.watched(Side::Website, Box::pin(self.approve_story(consent, match_code))).await
    }

    pub(crate) async fn approve_story(&self, consent: &Consent, match_code: Option<&str>) -> Result<Outcome, WalletError> {
        let id = &consent.view.id;
        let kept: Option<ConsentRecord> = self.vault.get(Table::Consents, id)?;
        if kept.is_some() {
            // Agreed before: a response that was not acknowledged goes out again as it is; anything else is a repetition.
            let waiting: Option<Outgoing> = self.vault.get(Table::Outbox, id)?;
            let waiting = waiting.ok_or(ConsentError::AlreadyAnswered)?;
            return self.deliver(waiting, consent.view.warnings.clone()).await;
        }
        if self.now() >= consent.view.expires_at {
            return Err(ConsentError::Expired.into());
        }
        if consent.view.unverified.is_some() && !consent.knows_unverified {
            return Err(ConsentError::UnverifiedNotAccepted.into());
        }
        if consent.chosen.is_empty() {
            return Err(ConsentError::Choice("nothing is chosen to be shown").into());
        }
        let match_code = check_code(&consent.view.match_codes, match_code)?;
        let signs = |one: &Transaction| consent.chosen.iter().any(|chosen| one.credential_ids.contains(&chosen.query_id));
        if !consent.request.object.transactions.iter().all(signs) {
            return Err(ConsentError::Choice("nothing that is shown signs what is agreed to").into());
        }
        let record = self.consent_record(consent, match_code);
        let outgoing = self.vault.write(|batch| self.agree(batch, consent, &record))?;
        self.deliver(outgoing, consent.view.warnings.clone()).await
    }

    /// The citizen declines: the site is told that access was denied, and nothing else (section 8.5).
    ///
    /// # Errors
    /// [`WalletError::Vault`].
    pub async fn decline(&self, consent: &Consent) -> Result<Declined, WalletError> {
        self.watched(Side::Website, Box::pin(self.decline_story(consent))).await
    }

    async fn decline_story(&self, consent: &Consent) -> Result<Declined, WalletError> {
        let object = &consent.request.object;
        let refusal = Refusal {
            response_uri: object.response_uri.clone(),
            state: object.state.clone(),
            code: "access_denied",
            description: "The holder declined.",
            entry: about(&consent.request, &consent.view, self.now(), Event::Declined),
        };
        self.vault.write::<_, VaultError>(|batch| {
            batch.remove(Table::Outbox, &consent.view.id)?;
            history::record(batch, &refusal.entry)
        })?;
        self.send_refusal(&refusal).await
    }

    fn consent_record(&self, consent: &Consent, match_code: Option<String>) -> ConsentRecord {
        let language = self.language();
        let object = &consent.request.object;
        let claims = consent.view.claims.iter();
        ConsentRecord {
            salt: self.environment.entropy(),
            language: language.tag().to_owned(),
            sentence: language.of(&consent.view.sentence).to_owned(),
            party: consent.view.party,
            client_id: object.client_id.clone(),
            origin: consent.view.origin.clone(),
            purpose: object.registration.as_ref().map(|one| one.purpose.to_string()).unwrap_or_default(),
            claims: claims.map(|claim| (claim.attestation_type.clone(), claim.name.clone())).collect(),
            nonce: object.nonce.clone(),
            expires_at: object.expires_at,
            agreed_at: self.now(),
            match_code,
            transactions: object.transactions.iter().map(|one| one.hash.clone()).collect(),
        }
    }

    /// Within one change of the vault: the copies are used, the consent is kept, and the response waits to be sent.
    fn agree(&self, batch: &mut Batch<'_>, consent: &Consent, record: &ConsentRecord) -> Result<Outgoing, WalletError> {
        let presented = self.present(batch, consent, record)?;
        let id = &consent.view.id;
        let object = &consent.request.object;
        let (jwe, fields) = self.response(consent, &presented)?;
        let outgoing = Outgoing {
            consent: id.clone(),
            response_uri: object.response_uri.clone(),
            jwe,
            fields,
            expires_at: object.expires_at,
            key_bindings: presented.key_bindings,
            party: consent.view.party,
            name: consent.view.name.clone(),
            origin: consent.request.origin(),
            purpose: consent.view.purpose.clone(),
            claims: consent.view.claims.iter().map(|claim| claim.name.clone()).collect(),
            claim_types: consent.view.claims.iter().map(|claim| claim.attestation_type.clone()).collect(),
            unclear: false,
        };
        batch.put(Table::Consents, id, record)?;
        // Who is not on the ledger can be asked for nothing later.
        if let (Some(_), Some(shown_by)) = (&consent.view.party, &presented.shown_by) {
            batch.put(Table::Shown, id, shown_by)?;
        }
        batch.put(Table::Outbox, id, &outgoing)?;
        history::record(batch, &outgoing.entry(self.now(), Event::Consented))?;
        Ok(outgoing)
    }

    /// The response: encrypted, or, where the site wants that, its parts.
    fn response(&self, consent: &Consent, presented: &Presented) -> Result<(String, Vec<(String, String)>), ConsentError> {
        let object = &consent.request.object;
        let vp_token = json!(presented.vp_token);
        let Some((jwk, enc)) = &object.encryption else {
            let state = object.state.clone().map(|state| ("state".to_owned(), state));
            let vp_token = ("vp_token".to_owned(), vp_token.to_string());
            return Ok((String::new(), std::iter::once(vp_token).chain(state).collect()));
        };
        let mut response = json!({ "vp_token": vp_token });
        if let (Some(state), Some(members)) = (&object.state, response.as_object_mut()) {
            members.insert("state".to_owned(), state.as_str().into());
        }
        let recipient = Recipient { jwk, enc: *enc, apu: &[], apv: &[] };
        let jwe = recipient.encrypt(response.to_string().as_bytes(), &self.environment.entropy());
        jwe.map(|jwe| (jwe, Vec::new())).map_err(|error| ConsentError::Presentation(error.to_string()))
    }

    fn present(&self, batch: &mut Batch<'_>, consent: &Consent, record: &ConsentRecord) -> Result<Presented, WalletError> {
        let mut extra = Map::new();
        extra.insert(CONSENT_CLAIM.to_owned(), Value::String(base64url(&record.hash())));
        if let Some(code) = &record.match_code {
            extra.insert(MATCH_CODE_CLAIM.to_owned(), Value::String(code.clone()));
        }
        let mut presented = Presented { vp_token: BTreeMap::new(), key_bindings: Vec::new(), shown_by: None };
        for (number, chosen) in consent.chosen.iter().enumerate() {
            let copy = self.use_copy(batch, chosen)?;
            let mut extra = extra.clone();
            sign(&signed_by(consent, number), &mut extra);
            let binding = KeyBinding {
                aud: &consent.request.object.client_id,
                nonce: &consent.request.object.nonce,
                issued_at: self.now(),
                extra: &extra,
            };
            let key = self.signer(&copy.key, Algorithm::P256, "credentials")?;
            let presentation = copy.open()?.present_bound(&chosen.paths, &binding, &key);
            let presentation = presentation.map_err(|error| match error {
                PresentError::Signer(error) => WalletError::Hardware(error),
                other => ConsentError::Presentation(other.to_string()).into(),
            })?;
            let key_binding = presentation.rsplit('~').next().unwrap_or_default();
            let digest = Digest32(Sha256::digest(key_binding.as_bytes()).into());
            presented.key_bindings.push(digest);
            presented.shown_by.get_or_insert(ShownBy { digest, key: copy.key.clone() });
            presented.vp_token.entry(chosen.query_id.clone()).or_default().push(presentation);
        }
        Ok(presented)
    }

    /// Counts the use of a copy: the one that was checked when the request was opened, or the next one if that was shown
    /// meanwhile.
    fn use_copy(&self, batch: &mut Batch<'_>, chosen: &Chosen) -> Result<CredentialCopy, WalletError> {
        let credential: Option<Credential> = batch.get(Table::Credentials, &chosen.credential.id)?;
        let mut credential = credential.ok_or(ConsentError::CredentialGone)?;
        let seen = chosen.credential.copies.get(chosen.copy).map_or(0, |copy| copy.uses);
        let unchanged = credential.copies.get(chosen.copy).is_some_and(|copy| copy.is_live(self.now()) && copy.uses == seen);
        let number = if unchanged { Some(chosen.copy) } else { credential.next_copy(self.now()) };
        let copy = number.and_then(|number| credential.copies.get_mut(number)).ok_or(ConsentError::CredentialGone)?;
        copy.uses = copy.uses.saturating_add(1);
        let copy = copy.clone();
        batch.put(Table::Credentials, &credential.id, &credential)?;
        Ok(copy)
    }
}

/// The transactions that a chosen credential signs: each is signed by the first that it names (OpenID4VP section 5.1).
fn signed_by(consent: &Consent, number: usize) -> Vec<&Transaction> {
    let first = |one: &&Transaction| consent.chosen.iter().position(|chosen| one.credential_ids.contains(&chosen.query_id));
    consent.request.object.transactions.iter().filter(|one| first(one) == Some(number)).collect()
}

fn check_code(offered: &[String], picked: Option<&str>) -> Result<Option<String>, ConsentError> {
    match picked {
        _ if offered.is_empty() => Ok(None),
        None => Err(ConsentError::CodeNeeded(offered.to_vec())),
        Some(code) if offered.iter().any(|offered| offered == code) => Ok(Some(code.to_owned())),
        Some(_) => Err(ConsentError::CodeNotOffered(offered.to_vec())),
    }
}
