//! Records: the bodies that state cells commit to. A record's bytes are its Borsh encoding; the cell holds their hash.

use borsh::{BorshDeserialize, BorshSerialize};
use identity::did::Inception;
use identity::keys::PublicKey;
use identity::{Commitment, Localized, UnixSeconds};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::cell::Cell;

/// A random 32-byte id of an anchor, attestation or receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordId(#[serde(with = "identity::keys::base64url_array")] pub [u8; 32]);

/// The id of a department or another authority: 1 to 32 of `a`–`z`, `0`–`9`, `-`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name32 {
    length: u8,
    bytes: [u8; 32],
}

/// The id of an authority, such as `public-security`.
pub type AuthorityId = Name32;
/// The id of a registered website or counter, such as `tax-portal`.
pub type PartyId = Name32;

/// The text is not 1 to 32 of `a`–`z`, `0`–`9`, `-`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to 32 characters of a-z, 0-9 and '-'")]
pub struct NameError;

impl Name32 {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.length)).unwrap_or_default();
        std::str::from_utf8(bytes).expect("a name is ASCII")
    }
}

impl std::fmt::Debug for Name32 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::fmt::Display for Name32 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Name32 {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let length = u8::try_from(text.len()).map_err(|_| NameError)?;
        if length == 0 || length > 32 || !text.bytes().all(allowed) {
            return Err(NameError);
        }
        let mut bytes = [0; 32];
        bytes.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = from);
        Ok(Self { length, bytes })
    }
}

impl BorshSerialize for Name32 {
    fn serialize<W: std::io::Write>(&self, writer: &mut W) -> std::io::Result<()> {
        BorshSerialize::serialize(self.as_str(), writer)
    }
}

impl BorshDeserialize for Name32 {
    fn deserialize_reader<R: std::io::Read>(reader: &mut R) -> std::io::Result<Self> {
        let text = <String as BorshDeserialize>::deserialize_reader(reader)?;
        text.parse().map_err(|e: NameError| std::io::Error::new(std::io::ErrorKind::InvalidData, e))
    }
}

impl Serialize for Name32 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Name32 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str> as Deserialize>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// An identity as it stands. Its version number is the cell's.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct IdentityRecord {
    /// What it began as; its hash is the identity's id.
    pub inception: Inception,
    /// Keys of the live devices, oldest first. Empty once deactivated.
    pub devices: Vec<PublicKey>,
}

/// A department or another authority.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorityRecord {
    /// The id.
    pub id: AuthorityId,
    /// The name that people read.
    pub name: Localized,
    /// Keys that may send transactions for it.
    pub ledger_keys: Vec<PublicKey>,
    /// Keys that may sign credentials (SD-JWT VC) and status lists.
    pub credential_keys: Vec<PublicKey>,
    /// The HPKE X-Wing public key that citizens seal envelopes to, base64url; absent for authorities that read nothing.
    pub reader_key: Option<String>,
    /// Base URL of its issuer service, if it has one; the OpenID4VCI credential issuer identifier.
    pub issuer_url: Option<String>,
    /// Attestation types (`vct` values) that it is accredited for.
    pub accredited_types: Vec<String>,
    /// Whether it may register websites and counters.
    pub may_sponsor: bool,
}

/// How the type begins whose accreditation makes an authority a supervisor; the authority's id follows. It is given, suspended and
/// withdrawn by the same votes as any accreditation, or stands in the genesis. No credential is ever issued under it.
pub const SUPERVISOR_ROLE: &str = "urn:yufu:role:supervisor:";

impl AuthorityRecord {
    /// Whether it may watch over every node: it is accredited for [`SUPERVISOR_ROLE`] with its own id. A suspended authority does
    /// nothing, so ask [`Self::as_in_force`] for this.
    pub fn supervises(&self) -> bool {
        let own = |name: &String| name.strip_prefix(SUPERVISOR_ROLE) == Some(self.id.as_str());
        self.accredited_types.iter().any(own)
    }

    /// What the authority may do now, its cell considered: a suspended one is accredited for nothing and sponsors nobody.
    #[must_use]
    pub fn as_in_force(self, cell: &Cell) -> Self {
        if cell.is_in_force() { self } else { Self { accredited_types: Vec::new(), may_sponsor: false, ..self } }
    }
}

/// An attestation as the ledger holds it: nothing in it names a person or links two of them.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct AttestationRecord {
    /// Who attests.
    pub issuer: AuthorityId,
    /// The attestation type: the credential's `vct`.
    pub attestation_type: String,
    /// Commitment to the credential: context [`CREDENTIAL_CONTEXT`], value SHA-256 of the issuer-signed JWT.
    pub credential: Commitment,
    /// Commitment to the holder's key: context [`HOLDER_KEY_CONTEXT`], value the JWK SHA-256 thumbprint (RFC 7638) of `cnf`.
    pub holder_key: Commitment,
    /// SHA-256 of a secret that only the holder knows; revealing it kills the credential.
    pub lock: [u8; 32],
    /// Not valid before.
    pub valid_from: UnixSeconds,
    /// Not valid from this second on.
    pub valid_until: UnixSeconds,
}

impl AttestationRecord {
    /// The lock that a secret opens: its SHA-256.
    pub fn lock_of(secret: &[u8; 32]) -> [u8; 32] {
        Sha256::digest(secret).into()
    }
}

/// Context string of an attestation record's commitment to the issuer-signed JWT.
pub const CREDENTIAL_CONTEXT: &str = "yufu/attestation/credential/v1";
/// Context string of an attestation record's commitment to the holder's key.
pub const HOLDER_KEY_CONTEXT: &str = "yufu/attestation/holder-key/v1";

/// The status of an attestation. The numbers are the cell's `status` byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum AttestationStatus {
    /// In force.
    Active = 0,
    /// Not in force for now.
    Suspended = 1,
    /// Withdrawn by the issuer, for good.
    Revoked = 2,
    /// Replaced by a newer one, for good.
    Superseded = 3,
    /// Killed by its holder, for good.
    BrokenByHolder = 4,
}

/// A registered website or counter.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartyRecord {
    /// The id.
    pub id: PartyId,
    /// The authority that answers for it.
    pub sponsor: AuthorityId,
    /// The name that people read.
    pub name: Localized,
    /// Its web origin, such as `https://tax.example.gov`.
    pub origin: String,
    /// Its OpenID4VP client identifier, `x509_hash:…`.
    pub client_id: String,
    /// The key that may send its transactions.
    pub ledger_key: PublicKey,
    /// What it may ask for.
    pub purposes: Vec<Purpose>,
}

/// What a party may ask for, and why.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Purpose {
    /// Id within the party: 1 to 32 of `a`–`z`, `0`–`9`, `-`.
    pub id: Name32,
    /// The sentence that a citizen reads: what for.
    pub text: Localized,
    /// What may be asked for.
    pub data: Vec<AllowedData>,
    /// How long it keeps what it learned, in days.
    pub retention_days: u32,
}

/// Claims of one attestation type that a purpose allows.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllowedData {
    /// The `vct` of the credential.
    pub attestation_type: String,
    /// Claim paths, object keys joined by '.'.
    pub claims: Vec<String>,
}

/// A batch as the ledger holds it: the Merkle root stands for every item, and an item is shown with its path.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct BatchRecord {
    /// The authority that recorded it; `None` for receipts of a party or of a holder's fresh key.
    pub issuer: Option<AuthorityId>,
    /// What its items are.
    pub kind: BatchKind,
    /// The root of its items.
    pub root: [u8; 32],
    /// How many items it has.
    pub count: u32,
}

/// What the items of a batch are.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum BatchKind {
    /// Consent and access receipts.
    Receipts,
    /// Attestations of one type and period.
    Attestations {
        /// The attestation type.
        attestation_type: String,
        /// Not valid before.
        valid_from: UnixSeconds,
        /// Not valid from this second on.
        valid_until: UnixSeconds,
    },
}

/// An item of a batch whose status was set. The status is the cell's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct BatchItemRecord {
    /// The batch.
    pub batch: RecordId,
    /// The item's place, from 0.
    pub index: u32,
}
