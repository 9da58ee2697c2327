//! A department's own API for wallets: attribute requests. (Credential issuance itself is OpenID4VCI, `oid4vci`.)
//!
//! | route | body → answer |
//! |---|---|
//! | `GET /v1/department` | [`Department`] |
//! | `PUT /blobs/{cid}` | ciphertext bytes, header `Authorization: Bearer <upload_token>` → 201 or 200; the CID must be the body's |
//! | `GET /ipfs/{cid}` | the trustless gateway |
//! | `POST /v1/uploads` | → [`UploadGrant`]; rate-limited |
//! | `POST /v1/attribute-requests` | a JWS ([`AttributeRequest`] as payload, `typ` [`ATTRIBUTE_REQUEST_TYPE`], `kid` = DID URL of the device) as `application/jwt` → 201 [`AttributeRequestState`] |
//! | `GET /v1/attribute-requests/{id}` | header `Authorization: Bearer <state_token>` → [`AttributeRequestState`] |

use identity::{Commitment, CommitmentKey, Did, Localized, UnixSeconds};
use ledger::records::{AuthorityId, RecordId};
use ledger::transaction::TransactionId;
use serde::{Deserialize, Serialize};

/// `typ` of the JWS that carries an attribute request.
pub const ATTRIBUTE_REQUEST_TYPE: &str = "yufu-attribute-request+jwt";

/// What a department attests and how to reach it. Its keys are on the ledger, not here.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Department {
    /// Its id on the ledger.
    pub authority: AuthorityId,
    /// Its name.
    pub name: Localized,
    /// OpenID4VCI credential issuer identifier.
    pub credential_issuer: String,
    /// What it attests.
    pub attestations: Vec<AttestationOffering>,
}

/// One attestation type and what a citizen has to declare for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AttestationOffering {
    /// The `vct` of the credential.
    pub attestation_type: String,
    /// The OpenID4VCI credential configuration id.
    pub configuration: String,
    /// Its name.
    pub name: Localized,
    /// The attributes to declare, by kind.
    pub needs: Vec<AttributeKind>,
}

/// A kind of declared attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttributeKind {
    /// A JSON document of the claims, an object of text values by claim name.
    Claims,
    /// A photo or scan (JPEG or PNG).
    Portrait,
}

/// A permission to upload, for a few minutes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UploadGrant {
    /// The bearer token.
    pub upload_token: String,
    /// When it ends.
    pub expires_at: UnixSeconds,
    /// Bytes allowed in all.
    pub bytes: u64,
}

/// A citizen asks a department to attest what they declared. The payload of the JWS that a device key signs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeRequest {
    /// The citizen's DID; the JWS `kid` is one of its devices' verification methods.
    pub iss: Did,
    /// The department's credential issuer identifier.
    pub aud: String,
    /// When it was signed; taken for 5 minutes.
    pub iat: UnixSeconds,
    /// Random, base64url: the same `jti` again gets the same answer.
    pub jti: String,
    /// The attestation type asked for.
    pub attestation_type: String,
    /// The declared attributes.
    pub attributes: Vec<DeclaredAttribute>,
}

/// One declared attribute: where its ciphertext is, its anchor, and the envelope that opens it for the department.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredAttribute {
    /// What it is.
    pub kind: AttributeKind,
    /// Media type of the plaintext.
    pub media_type: String,
    /// CID of the ciphertext.
    pub cid: String,
    /// Id of the anchor on the ledger.
    pub anchor: RecordId,
    /// The transaction that anchored it.
    pub transaction: TransactionId,
    /// `blobs::seal::Envelope` to the department's reader key, base64url: the blob key and the anchor's commitment key.
    pub envelope: String,
}

/// What an envelope holds (Borsh or JSON as `blobs::seal` defines), beside the blob key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AnchorOpening {
    /// The anchor's commitment key.
    pub commitment_key: CommitmentKey,
    /// The commitment, to compare.
    pub commitment: Commitment,
}

/// How an attribute request stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AttributeRequestState {
    /// The request's id.
    pub id: String,
    /// The token that reads this state; in the answer to the POST only.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub state_token: Option<String>,
    /// Pending, attested, refused.
    pub state: RequestState,
    /// When it last changed.
    pub changed_at: UnixSeconds,
}

/// The states of an attribute request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum RequestState {
    /// A clerk has not decided yet.
    Pending,
    /// Attested: the credential can be fetched. The PIN comes from the clerk, by another way.
    Attested {
        /// The OpenID4VCI credential offer, by reference.
        credential_offer_uri: String,
    },
    /// Refused, with the reason that the citizen reads.
    Refused {
        /// The clerk's words.
        reason: String,
    },
}
