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
    /// The attributes that must be declared, by kind.
    pub needs: Vec<AttributeKind>,
    /// Those that may be declared beside.
    #[serde(default)]
    pub optional: Vec<AttributeKind>,
    /// How the department can verify the declaration; none of it needs a face.
    #[serde(default)]
    pub channels: Vec<Channel>,
}

/// Documents in one request at most.
pub const MAX_DOCUMENTS: usize = 8;
/// Bytes of one document at most.
pub const MAX_DOCUMENT_BYTES: usize = 8 * 1024 * 1024;

/// A kind of declared attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttributeKind {
    /// A JSON document of the claims, an object of text values by claim name.
    Claims,
    /// A photo of the person (JPEG or PNG). Never required: who has none, or wants to give none, is verified all the same.
    Portrait,
    /// An identity card (this and what follows: JPEG, PNG or PDF, one file for each side or page if need be).
    IdentityCard,
    /// A household registration book.
    HouseholdRegister,
    /// A marriage certificate.
    MarriageCertificate,
    /// Another document that supports the declaration.
    OtherDocument,
}

impl AttributeKind {
    /// Every kind of document.
    pub const DOCUMENTS: [Self; 4] =
        [Self::IdentityCard, Self::HouseholdRegister, Self::MarriageCertificate, Self::OtherDocument];

    /// The name, as it is in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Claims => "claims",
            Self::Portrait => "portrait",
            Self::IdentityCard => "identity_card",
            Self::HouseholdRegister => "household_register",
            Self::MarriageCertificate => "marriage_certificate",
            Self::OtherDocument => "other_document",
        }
    }

    /// Whether it is a document, of which there may be several files.
    pub fn is_document(self) -> bool {
        match self {
            Self::Claims | Self::Portrait => false,
            Self::IdentityCard | Self::HouseholdRegister | Self::MarriageCertificate | Self::OtherDocument => true,
        }
    }

    /// Media types of its plaintext.
    pub fn media_types(self) -> &'static [&'static str] {
        match self {
            Self::Claims => &["application/json"],
            Self::Portrait => &["image/jpeg", "image/png"],
            Self::IdentityCard | Self::HouseholdRegister | Self::MarriageCertificate | Self::OtherDocument => {
                &["image/jpeg", "image/png", "application/pdf"]
            }
        }
    }
}

/// Whether attributes of these kinds are what an offering asks for: all that it needs, nothing that it did not name, claims and portrait
/// once at most, and [`MAX_DOCUMENTS`]. A portrait is never needed, whatever the offering says.
pub fn fits(kinds: &[AttributeKind], needs: &[AttributeKind], optional: &[AttributeKind]) -> bool {
    let count = |kind: &AttributeKind| kinds.iter().filter(|one| *one == kind).count();
    let named = kinds.iter().all(|kind| needs.contains(kind) || optional.contains(kind));
    let all = needs.iter().all(|kind| *kind == AttributeKind::Portrait || count(kind) > 0);
    let once = count(&AttributeKind::Claims) <= 1 && count(&AttributeKind::Portrait) <= 1;
    named && all && once && kinds.iter().filter(|kind| kind.is_document()).count() <= MAX_DOCUMENTS
}

/// What kind of file a document is, by how it begins, and for a PDF by how it ends; `None` for anything that is not taken.
pub fn document_media_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [b'%', b'P', b'D', b'F', b'-', ..] => {
            // ISO 32000-2 section 7.5.5: the last line is %%EOF; readers look for it in the last 1024 bytes.
            let end = bytes.get(bytes.len().saturating_sub(1024)..).unwrap_or_default();
            end.windows(5).any(|window| window == b"%%EOF").then_some("application/pdf")
        }
        _ => None,
    }
}

/// The claim by which a credential says how its declaration was verified: the [`Channel`]'s name. Selectively disclosed.
pub const VERIFIED_BY_CLAIM: &str = "verified_by";

/// How a department verified a declaration. It says nothing about the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A clerk saw the person and the originals at the counter.
    Counter,
    /// The person's electronic identity card was read, and the person entered its PIN.
    Card,
    /// A person whom the department trusts came along and witnessed who this is.
    Witness,
    /// The department's register has the same, claim by claim.
    Register,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 4] = [Self::Counter, Self::Card, Self::Witness, Self::Register];
    /// Those that every department offers for everything: nobody depends on one of them alone, and none needs a face.
    pub const ALWAYS: [Self; 3] = [Self::Counter, Self::Card, Self::Witness];

    /// The name in JSON, forms, databases and credentials.
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Card => "card",
            Self::Witness => "witness",
            Self::Register => "register",
        }
    }

    /// From the name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.name() == name)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// X074: a portrait is never needed, not even where an offering says so. X034: documents of each kind, several of one.
    #[test]
    fn what_fits_an_offering() {
        use AttributeKind::{Claims, HouseholdRegister, IdentityCard, MarriageCertificate, Portrait};
        let needs = [Claims, HouseholdRegister];
        let optional = [Portrait, MarriageCertificate];
        let cases: [(&[AttributeKind], bool); 8] = [
            (&[Claims, HouseholdRegister], true),
            (&[Claims, HouseholdRegister, HouseholdRegister, MarriageCertificate, Portrait], true),
            (&[Claims], false),
            (&[HouseholdRegister], false),
            (&[Claims, HouseholdRegister, IdentityCard], false),
            (&[Claims, Claims, HouseholdRegister], false),
            (&[Claims, HouseholdRegister, Portrait, Portrait], false),
            (&[&[Claims][..], &[HouseholdRegister; MAX_DOCUMENTS + 1]].concat(), false),
        ];
        for (kinds, expected) in cases {
            assert_eq!(fits(kinds, &needs, &optional), expected, "{kinds:?}");
        }
        assert!(fits(&[Claims], &[Claims, Portrait], &[]), "an offering that insists on a face is not heard");
    }

    #[test]
    fn a_document_is_known_by_its_content() {
        assert_eq!(document_media_type(b"%PDF-1.7\n1 0 obj\ntrailer\n%%EOF\n"), Some("application/pdf"));
        assert_eq!(document_media_type(b"\xff\xd8\xff\xe0 jpeg"), Some("image/jpeg"));
        assert_eq!(document_media_type(b"\x89PNG\r\n\x1a\n png"), Some("image/png"));
        for bad in [&b"%PDF-1.7 cut off"[..], b"<svg onload=alert(1)>", b"<html>%PDF-1.7 %%EOF", b"PK\x03\x04", b"", b"MZ"] {
            assert_eq!(document_media_type(bad), None);
        }
    }

    #[test]
    fn names_are_those_of_the_json() {
        let mut kinds = vec![AttributeKind::Claims, AttributeKind::Portrait];
        kinds.extend(AttributeKind::DOCUMENTS);
        for kind in kinds {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
        for channel in Channel::ALL {
            assert_eq!(serde_json::to_value(channel).unwrap(), channel.name());
            assert_eq!(Channel::from_name(channel.name()), Some(channel));
        }
    }
}
