//! Opening a declared document: anchor, envelope, blob, commitment, content. Nothing is shown or attested that did not pass all of it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use blobs::envelope::EnvelopeError;
use blobs::seal::{self, SealError};
use blobs::{Cid, Envelope, StoreError};
use identity::json::{self, Limits};
use ledger::transaction::ANCHOR_CONTEXT;
use serde_json::Value;
use service_kit::{ApiError, Slug};
use sha2::{Digest, Sha256};
use wire::issuer::{
    AttributeKind, AttributeRequest, Channel, DeclaredAttribute, MAX_DOCUMENT_BYTES, VERIFIED_BY_CLAIM, document_media_type,
};
use zeroize::Zeroizing;

use crate::app::Issuer;
use crate::config::{AttestationConfig, PORTRAIT_CLAIM};
use crate::failure::Failure;

/// The longest claims document.
const CLAIMS: Limits = Limits { bytes: 32 * 1024, depth: 1, names: 64 };
/// The longest value of a claim, in characters.
const MAX_VALUE_CHARS: usize = 512;
/// The largest portrait.
const MAX_PORTRAIT_BYTES: usize = 8 * 1024 * 1024;
/// The longest envelope, encoded.
const MAX_ENVELOPE_BYTES: usize = 8 * 1024;

/// A document that is what the citizen anchored.
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    /// The declared claims.
    pub claims: BTreeMap<String, String>,
    /// The portrait, if one was declared.
    pub portrait: Option<Portrait>,
    /// Other documents, as they were declared.
    pub papers: Vec<Paper>,
}

/// A picture.
#[derive(Clone, PartialEq, Eq)]
pub struct Portrait {
    /// `image/jpeg` or `image/png`, as the bytes begin.
    pub media_type: &'static str,
    /// The file.
    pub bytes: Vec<u8>,
}

/// A document beside the claims.
#[derive(Clone, PartialEq, Eq)]
pub struct Paper {
    /// What it is.
    pub kind: AttributeKind,
    /// `image/jpeg`, `image/png` or `application/pdf`, as the bytes say.
    pub media_type: &'static str,
    /// The file.
    pub bytes: Vec<u8>,
}

/// Says nothing of its content.
impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Document of {} claims", self.claims.len())
    }
}

impl Document {
    /// The claims of the credential: what was declared, the portrait's hash, and how it was verified.
    pub fn credential_claims(&self, channel: Channel) -> BTreeMap<String, String> {
        let mut claims = self.claims.clone();
        claims.insert(VERIFIED_BY_CLAIM.to_owned(), channel.name().to_owned());
        if let Some(portrait) = &self.portrait {
            claims.insert(PORTRAIT_CLAIM.to_owned(), URL_SAFE_NO_PAD.encode(Sha256::digest(&portrait.bytes)));
        }
        claims
    }
}

/// What opening a request gives.
#[derive(Debug)]
pub enum Opening {
    /// The whole document.
    Whole(Document),
    /// A blob has not arrived yet: "pending blob".
    Waiting,
}

/// Why a document is not what was anchored.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The CID of an attribute is not one.
    #[error("an attribute's CID is malformed")]
    Cid,
    /// The ledger has no such anchor.
    #[error("an attribute's anchor is not on the ledger")]
    NoAnchor,
    /// The anchor is of another blob.
    #[error("an attribute's anchor on the ledger is for another blob")]
    OtherBlob,
    /// The envelope cannot be read, or is for another blob or purpose.
    #[error("an attribute's envelope is malformed or made for something else")]
    Envelope,
    /// The envelope does not open.
    #[error("an attribute's envelope does not open")]
    EnvelopeRefused(#[from] EnvelopeError),
    /// The bytes in the store are not what the CID names.
    #[error("an attribute's blob was damaged or exchanged")]
    Damaged,
    /// The ciphertext does not open.
    #[error("an attribute's blob does not decrypt")]
    Sealed(#[from] SealError),
    /// The plaintext is not what was anchored.
    #[error("an attribute's content is not what was anchored")]
    Commitment,
    /// Not an object of short texts with the names of the type.
    #[error(
        "the claims document must be a JSON object with exactly the claims of the type, each a text of 1 to {MAX_VALUE_CHARS} characters"
    )]
    Claims,
    /// Not a JPEG or PNG of the declared kind and allowed size.
    #[error("the portrait must be a JPEG or PNG picture of at most {MAX_PORTRAIT_BYTES} bytes")]
    Portrait,
    /// Not a picture or PDF of the declared kind and allowed size.
    #[error("a document must be a JPEG or PNG picture or a whole PDF, as declared, of at most {MAX_DOCUMENT_BYTES} bytes")]
    Paper,
}

/// An opening that failed: because of the document, or because something is away.
#[derive(Debug)]
pub enum NotOpened {
    /// The document is refused.
    Refused(OpenError),
    /// It cannot be told now.
    Failed(Failure),
}

impl From<OpenError> for NotOpened {
    fn from(error: OpenError) -> Self {
        Self::Refused(error)
    }
}

impl From<NotOpened> for Failure {
    fn from(error: NotOpened) -> Self {
        match error {
            NotOpened::Refused(error) => Self::Api(ApiError::new(Slug::Refused).detail(service_kit::problem::chain(&error))),
            NotOpened::Failed(failure) => failure,
        }
    }
}

/// Opens all attributes of a request.
///
/// # Errors
/// [`NotOpened::Refused`] when anything is not what was anchored; [`NotOpened::Failed`] when ledger or blob store are away.
pub async fn open(app: &Issuer, attestation: &AttestationConfig, request: &AttributeRequest) -> Result<Opening, NotOpened> {
    let mut claims = BTreeMap::new();
    let mut portrait = None;
    let mut papers = Vec::new();
    let mut waiting = false;
    for attribute in &request.attributes {
        let Some(plaintext) = open_attribute(app, request, attribute).await? else {
            waiting = true;
            continue;
        };
        match attribute.kind {
            AttributeKind::Claims => claims = read_claims(&plaintext, attestation)?,
            AttributeKind::Portrait => portrait = Some(read_portrait(&plaintext, &attribute.media_type)?),
            AttributeKind::IdentityCard
            | AttributeKind::HouseholdRegister
            | AttributeKind::MarriageCertificate
            | AttributeKind::OtherDocument => papers.push(read_paper(attribute.kind, &plaintext, &attribute.media_type)?),
        }
    }
    Ok(if waiting { Opening::Waiting } else { Opening::Whole(Document { claims, portrait, papers }) })
}

async fn open_attribute(
    app: &Issuer,
    request: &AttributeRequest,
    attribute: &DeclaredAttribute,
) -> Result<Option<Zeroizing<Vec<u8>>>, NotOpened> {
    let cid: Cid = attribute.cid.parse().map_err(|_| OpenError::Cid)?;
    let anchor = app.ledger.anchor(attribute.anchor).await.map_err(|e| NotOpened::Failed(e.into()))?;
    let anchor = anchor.ok_or(OpenError::NoAnchor)?;
    if anchor.cid != cid.to_bytes() {
        return Err(OpenError::OtherBlob.into());
    }
    let envelope = read_envelope(&attribute.envelope)?;
    if envelope.cid != cid || envelope.purpose != request.attestation_type {
        return Err(OpenError::Envelope.into());
    }
    let contents = envelope.open(&app.keys.reader).map_err(OpenError::from)?;
    let ciphertext = match app.blobs.get(cid).await {
        Ok(ciphertext) => ciphertext,
        Err(StoreError::Missing { .. }) => return Ok(None),
        Err(StoreError::Bad { .. }) => return Err(OpenError::Damaged.into()),
        Err(error) => return Err(NotOpened::Failed(error.into())),
    };
    let plaintext = seal::open(&contents.blob_key, &ciphertext).map_err(OpenError::from)?;
    let digest: [u8; 32] = Sha256::digest(&*plaintext).into();
    if !contents.commitment_key.verify(ANCHOR_CONTEXT, &digest, &anchor.commitment) {
        return Err(OpenError::Commitment.into());
    }
    Ok(Some(plaintext))
}

fn read_envelope(text: &str) -> Result<Envelope, OpenError> {
    if text.len() > MAX_ENVELOPE_BYTES {
        return Err(OpenError::Envelope);
    }
    let json = URL_SAFE_NO_PAD.decode(text).map_err(|_| OpenError::Envelope)?;
    serde_json::from_slice(&json).map_err(|_| OpenError::Envelope)
}

/// An object of texts with exactly the names that the type has.
pub fn read_claims(json: &[u8], attestation: &AttestationConfig) -> Result<BTreeMap<String, String>, OpenError> {
    let Ok(Value::Object(object)) = json::parse_within(json, &CLAIMS) else { return Err(OpenError::Claims) };
    let mut claims = BTreeMap::new();
    for (name, value) in object {
        let Value::String(value) = value else { return Err(OpenError::Claims) };
        let length = value.chars().count();
        let known = attestation.claims.iter().any(|claim| claim.name == name);
        if !known || length == 0 || length > MAX_VALUE_CHARS || value.chars().any(char::is_control) {
            return Err(OpenError::Claims);
        }
        claims.insert(name, value);
    }
    if claims.len() == attestation.claims.len() { Ok(claims) } else { Err(OpenError::Claims) }
}

fn read_portrait(bytes: &[u8], declared: &str) -> Result<Portrait, OpenError> {
    let media_type = document_media_type(bytes).filter(|media_type| media_type.starts_with("image/"));
    let media_type = media_type.filter(|media_type| *media_type == declared && bytes.len() <= MAX_PORTRAIT_BYTES);
    Ok(Portrait { media_type: media_type.ok_or(OpenError::Portrait)?, bytes: bytes.to_vec() })
}

fn read_paper(kind: AttributeKind, bytes: &[u8], declared: &str) -> Result<Paper, OpenError> {
    let media_type = document_media_type(bytes);
    let media_type = media_type.filter(|media_type| *media_type == declared && bytes.len() <= MAX_DOCUMENT_BYTES);
    Ok(Paper { kind, media_type: media_type.ok_or(OpenError::Paper)?, bytes: bytes.to_vec() })
}
