//! Stories: declare attributes, and ask a department to attest them.
//!
//! [`Wallet::declare`] reads and seals files and shows what would happen; nothing leaves the device. [`Wallet::confirm_declaration`]
//! uploads the ciphertexts, reads them back, anchors their commitments by a key made for this one act, and sends the request with
//! the envelopes. Each step is remembered when it is done, so that a wallet that dies on the way goes on where it was.
//!
//! A department is who the ledger says it is: its reader key, its address and what it may attest come from its proven record.
//!
//! [`Wallet::declare`]: crate::Wallet::declare
//! [`Wallet::confirm_declaration`]: crate::Wallet::confirm_declaration

mod anchor;
pub(crate) mod declare;
mod error;
pub mod files;
mod offerings;
mod request;

use blobs::{BlobKey, Cid};
use identity::{CommitmentKey, Localized, UnixSeconds};
use ledger::records::{AuthorityId, RecordId};
use ledger::transaction::TransactionId;
use serde::{Deserialize, Serialize};
use url::Url;
use wire::issuer::AttributeKind;

pub use self::error::AttributeError;
pub use self::files::{DeclareContents, DeclareFile};
pub use self::offerings::{ChannelView, DepartmentView, KindView, OfferingView};
use crate::chain::AsOf;
use crate::records::Secret32;

/// A declaration as it is kept.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Declaration {
    pub(crate) id: String,
    pub(crate) created_at: UnixSeconds,
    pub(crate) department_url: Url,
    authority: AuthorityId,
    pub(crate) department: Localized,
    /// The credential issuer identifier: the audience of the request.
    pub(crate) issuer: String,
    pub(crate) attestation_type: String,
    pub(crate) attributes: Vec<Declared>,
    /// The key that anchors, used for nothing else.
    anchor_key: Secret32,
    /// The prepared transaction, kept before it is submitted.
    #[serde(with = "optional_bytes", default, skip_serializing_if = "Option::is_none")]
    transaction: Option<Vec<u8>>,
    pub(crate) anchored: Option<Anchored>,
    /// The request's idempotency key.
    jti: String,
    sent: Option<SentRequest>,
    handle: Option<Handle>,
    pub(crate) stage: RequestStage,
    pub(crate) changed_at: UnixSeconds,
}

/// One attribute as it is kept. The plaintext is in the table of documents.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Declared {
    pub(crate) kind: AttributeKind,
    pub(crate) file_name: String,
    pub(crate) media_type: String,
    bytes: usize,
    /// SHA-256 of the plaintext.
    #[serde(with = "identity::keys::base64url_array")]
    pub(crate) sha256: [u8; 32],
    /// The claims, for a document.
    pub(crate) claims: serde_json::Map<String, serde_json::Value>,
    camera_data: bool,
    pub(crate) cid: Cid,
    blob_key: BlobKey,
    commitment_key: CommitmentKey,
    pub(crate) anchor: RecordId,
    uploaded: bool,
    /// What the ledger said of the anchor when it was last asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) proof: Option<AnchorProof>,
}

/// What the ledger said of an anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnchorProof {
    /// Whether it is there; if so, whether it is the one that this wallet wrote.
    pub(crate) found: Option<bool>,
    pub(crate) as_of: AsOf,
}

/// Where the anchors are.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Anchored {
    pub(crate) transaction: TransactionId,
    pub(crate) height: u64,
}

/// A request as it was sent, to be sent again as it is while it is fresh.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SentRequest {
    jws: String,
    issued_at: UnixSeconds,
}

/// How to ask the department about the request.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Handle {
    id: String,
    state_token: String,
}

/// How far a declaration is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum RequestStage {
    /// Sealed on this device; waits for the citizen's confirmation.
    Prepared,
    /// Confirmed; uploading, anchoring or sending may have to go on.
    Confirmed,
    /// The department has the request; a clerk has not decided.
    Pending,
    /// Attested: the credential can be received with the PIN that the clerk hands out.
    Attested {
        /// The link to receive it by.
        offer: String,
    },
    /// Refused.
    Refused {
        /// The clerk's words.
        reason: String,
    },
    /// The credential is in the wallet.
    Received,
}

/// What would be declared, for the citizen to confirm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeclarePreview {
    /// The declaration's id in this wallet.
    pub id: String,
    /// The department, by its name on the ledger.
    pub department: Localized,
    /// The attestation type.
    pub attestation_type: String,
    /// Its name.
    pub type_name: Localized,
    /// What would be sealed to the department.
    pub attributes: Vec<AttributeView>,
    /// What happens on confirmation.
    pub sentence: Localized,
    /// The block that the department's record was proven against.
    pub as_of: AsOf,
}

/// One attribute of a declaration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AttributeView {
    /// What it is.
    pub kind: AttributeKind,
    /// The same in words.
    pub name: Localized,
    /// The file's name.
    pub file: String,
    /// Its media type.
    pub media_type: String,
    /// Bytes of plaintext.
    pub bytes: usize,
    /// The claims of a document, with values: for the citizen's own eyes.
    pub claims: serde_json::Map<String, serde_json::Value>,
    /// The name that the ciphertext has on IPFS.
    pub cid: String,
    /// What the citizen should know before confirming.
    pub notes: Vec<Localized>,
}

/// A request for attestation as a person sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RequestView {
    /// Its id in this wallet.
    pub id: String,
    /// The department.
    pub department: Localized,
    /// The department's credential issuer identifier.
    pub issuer: String,
    /// The attestation type.
    pub attestation_type: String,
    /// Its name.
    pub type_name: Localized,
    /// How far it is.
    #[serde(flatten)]
    pub stage: RequestStage,
    /// When that changed.
    pub changed_at: UnixSeconds,
    /// The transaction that anchored the attributes, base64url.
    pub transaction: Option<String>,
    /// The height of its block.
    pub anchored_height: Option<u64>,
    /// The names of the ciphertexts on IPFS.
    pub cids: Vec<String>,
}

impl Declaration {
    pub(crate) fn view(&self) -> RequestView {
        RequestView {
            id: self.id.clone(),
            department: self.department.clone(),
            issuer: self.issuer.clone(),
            attestation_type: self.attestation_type.clone(),
            type_name: crate::labels::attestation_type(&self.attestation_type),
            stage: self.stage.clone(),
            changed_at: self.changed_at,
            transaction: self.anchored.map(|anchored| crate::records::base64url(&anchored.transaction.0)),
            anchored_height: self.anchored.map(|anchored| anchored.height),
            cids: self.attributes.iter().map(|attribute| attribute.cid.to_string()).collect(),
        }
    }

    pub(crate) fn department(&self) -> &Localized {
        &self.department
    }

    /// What was declared, with values: for the citizen's own eyes.
    pub(crate) fn attribute_views(&self) -> Vec<AttributeView> {
        self.attributes.iter().map(declare::attribute_view).collect()
    }
}

/// Serde form of bytes that may be absent.
mod optional_bytes {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(transparent)]
    struct Bytes(#[serde(with = "crate::records::base64url_bytes")] Vec<u8>);

    pub(super) fn serialize<S: Serializer>(bytes: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
        bytes.clone().map(Bytes).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
        Ok(Option::<Bytes>::deserialize(deserializer)?.map(|bytes| bytes.0))
    }
}
