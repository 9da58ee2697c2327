//! Confirming a declaration, asking the department, and hearing from it.

use blobs::{Envelope, EnvelopeContents};
use clients::issuer::IssuerClient;
use identity::jose::jwk::thumbprint_text;
use identity::jose::jws::{self, JwsHeader};
use identity::keys::Signer;
use wire::issuer::{ATTRIBUTE_REQUEST_TYPE, AttributeRequest, AttributeRequestState, DeclaredAttribute, RequestState};
use wire::link::Link;

use super::declare::{Department, entry};
use super::{AttributeError, Declaration, Declared, Handle, RequestStage, RequestView, SentRequest};
use crate::error::{Side, WalletError};
use crate::history::{self, Event};
use crate::identity::IdentityKeys;
use crate::labels;
use crate::records::base64url;
use crate::vault::{Table, VaultError};
use crate::wallet::Wallet;

/// A signed request older than this is signed anew (the department takes it for 300 seconds).
const REQUEST_FRESH_SECONDS: i64 = 240;
/// Characters of a clerk's reason that are shown at most.
const MAX_REASON_CHARACTERS: usize = 500;

impl Wallet {
    /// The citizen confirms: uploads, anchors, and asks the department. After an error or a crash the same call goes on where it
    /// stopped; nothing is uploaded, anchored or asked twice.
    ///
    /// # Errors
    /// [`WalletError::Attributes`], [`WalletError::Ledger`], [`WalletError::Identity`].
    pub async fn confirm_declaration(&self, id: &str) -> Result<RequestView, WalletError> {
        self.watched(Side::Department, Box::pin(self.confirm_declaration_story(id))).await
    }

    pub(crate) async fn confirm_declaration_story(&self, id: &str) -> Result<RequestView, WalletError> {
        let identity = self.identity_keys()?;
        let mut declaration = self.declaration(id)?;
        match declaration.stage {
            RequestStage::Prepared | RequestStage::Confirmed => {}
            RequestStage::Pending | RequestStage::Attested { .. } | RequestStage::Refused { .. } | RequestStage::Received => {
                return Ok(declaration.view());
            }
        }
        if declaration.stage == RequestStage::Prepared {
            self.move_to(&mut declaration, RequestStage::Confirmed, None)?;
        }
        // Looked up again: the department may have lost its accreditation or changed its key since the preview.
        let department = self.find_department(&declaration.authority, &declaration.attestation_type).await?;
        if department.issuer != declaration.issuer {
            return Err(AttributeError::NotAccredited("its address on the ledger has changed").into());
        }
        self.upload(&mut declaration).await?;
        self.anchor(&mut declaration).await?;
        self.send_request(&mut declaration, &identity, &department).await?;
        Ok(declaration.view())
    }

    /// Asks the department how a request stands.
    ///
    /// # Errors
    /// [`AttributeError::UnknownDeclaration`], [`AttributeError::NotConfirmed`], and what the department's answer ends with.
    pub async fn request_state(&self, id: &str) -> Result<RequestView, WalletError> {
        self.watched(Side::Department, Box::pin(self.request_state_story(id))).await
    }

    pub(crate) async fn request_state_story(&self, id: &str) -> Result<RequestView, WalletError> {
        let mut declaration = self.declaration(id)?;
        match declaration.stage {
            RequestStage::Prepared => return Err(AttributeError::NotConfirmed.into()),
            RequestStage::Confirmed => return self.confirm_declaration_story(id).await,
            RequestStage::Refused { .. } | RequestStage::Received => return Ok(declaration.view()),
            RequestStage::Pending | RequestStage::Attested { .. } => {}
        }
        let handle = declaration.handle.clone().ok_or(VaultError::Tampered("declarations"))?;
        let client = IssuerClient::new(self.http.clone(), declaration.department_url.clone());
        let state = client.state(&handle.id, &handle.state_token).await.map_err(AttributeError::Department)?;
        self.take_state(&mut declaration, state.state)?;
        Ok(declaration.view())
    }

    /// All requests, as far as the wallet knows.
    ///
    /// # Errors
    /// [`WalletError::Vault`].
    pub fn requests(&self) -> Result<Vec<RequestView>, WalletError> {
        let mut declarations: Vec<Declaration> = self.vault.list(Table::Declarations)?;
        declarations.sort_by_key(|declaration| declaration.created_at);
        Ok(declarations.iter().map(Declaration::view).collect())
    }

    fn declaration(&self, id: &str) -> Result<Declaration, WalletError> {
        let declaration = self.vault.get(Table::Declarations, id)?;
        Ok(declaration.ok_or_else(|| AttributeError::UnknownDeclaration(id.to_owned()))?)
    }

    fn move_to(&self, declaration: &mut Declaration, stage: RequestStage, event: Option<Event>) -> Result<(), VaultError> {
        declaration.stage = stage;
        declaration.changed_at = self.now();
        self.vault.write(|batch| {
            batch.put(Table::Declarations, &declaration.id, declaration)?;
            event.map_or(Ok(()), |event| history::record(batch, &entry(declaration, self.now(), event)))
        })
    }

    async fn send_request(
        &self,
        declaration: &mut Declaration,
        identity: &IdentityKeys,
        department: &Department,
    ) -> Result<(), WalletError> {
        let fresh_since = self.now().saturating_sub(REQUEST_FRESH_SECONDS);
        let sent = match declaration.sent.clone().filter(|sent| sent.issued_at >= fresh_since) {
            Some(sent) => sent,
            None => {
                let sent = SentRequest { jws: self.sign_request(declaration, identity, department)?, issued_at: self.now() };
                declaration.sent = Some(sent.clone());
                self.vault.write::<_, VaultError>(|batch| batch.put(Table::Declarations, &declaration.id, declaration))?;
                sent
            }
        };
        let client = IssuerClient::new(self.http.clone(), declaration.department_url.clone());
        let state = client.submit_attribute_request(&sent.jws).await.map_err(AttributeError::Department)?;
        let AttributeRequestState { id, state_token, state, .. } = state;
        let state_token = state_token.ok_or(AttributeError::Department(clients::http::HttpError::Malformed {
            host: declaration.department_url.host_str().unwrap_or_default().to_owned(),
            expected: "a state with its token",
        }))?;
        declaration.handle = Some(Handle { id, state_token });
        self.move_to(declaration, RequestStage::Pending, Some(Event::AttestationRequested))?;
        Ok(self.take_state(declaration, state)?)
    }

    fn sign_request(
        &self,
        declaration: &Declaration,
        identity: &IdentityKeys,
        department: &Department,
    ) -> Result<String, WalletError> {
        let anchored = declaration.anchored.ok_or(VaultError::Tampered("declarations"))?;
        let mut attributes = Vec::new();
        for attribute in &declaration.attributes {
            attributes.push(DeclaredAttribute {
                kind: attribute.kind,
                media_type: attribute.media_type.clone(),
                cid: attribute.cid.to_string(),
                anchor: attribute.anchor,
                transaction: anchored.transaction,
                envelope: self.envelope(attribute, department, &declaration.attestation_type)?,
            });
        }
        let did = identity.inception.did();
        let device = self.device_signer(identity)?;
        let kid = format!("{did}#{}", thumbprint_text(&device.public_key()));
        let request = AttributeRequest {
            iss: did,
            aud: declaration.issuer.clone(),
            iat: self.now(),
            jti: declaration.jti.clone(),
            attestation_type: declaration.attestation_type.clone(),
            attributes,
        };
        let header = JwsHeader { kid: Some(kid), ..JwsHeader::typ(ATTRIBUTE_REQUEST_TYPE) };
        let payload = serde_json::to_vec(&request).expect("a request of texts is always JSON");
        Ok(jws::sign_compact_with(&device, &header, &payload)?)
    }

    /// The keys of one attribute, sealed to the department's reader key from the ledger, for this attestation type only.
    fn envelope(&self, attribute: &Declared, department: &Department, purpose: &str) -> Result<String, AttributeError> {
        let contents =
            EnvelopeContents { blob_key: attribute.blob_key.clone(), commitment_key: attribute.commitment_key.clone() };
        let sealed = Envelope::seal(&contents, attribute.cid, &department.reader, purpose, self.environment.entropy());
        let sealed = sealed.map_err(|error| AttributeError::Seal(error.into()))?;
        Ok(base64url(&serde_json::to_vec(&sealed).expect("an envelope is always JSON")))
    }

    fn take_state(&self, declaration: &mut Declaration, state: RequestState) -> Result<(), VaultError> {
        match state {
            RequestState::Pending => Ok(()),
            RequestState::Attested { credential_offer_uri } => {
                let offer = offer_link(&credential_offer_uri);
                let first = !matches!(declaration.stage, RequestStage::Attested { .. });
                self.move_to(declaration, RequestStage::Attested { offer }, first.then_some(Event::Attested))
            }
            RequestState::Refused { reason } => {
                let reason = labels::printable(&reason, MAX_REASON_CHARACTERS);
                self.move_to(declaration, RequestStage::Refused { reason }, Some(Event::AttestationRefused))
            }
        }
    }
}

/// The offer as a link that a wallet opens (OpenID4VCI section 4.1.3).
fn offer_link(uri: &str) -> String {
    if uri.parse::<Link>().is_ok() {
        return uri.to_owned();
    }
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("credential_offer_uri", uri).finish();
    format!("openid-credential-offer://?{query}")
}
