//! `did:yufu:<network>:<id>`: a DID whose id is the hash of the keys it began with.
//!
//! The method-specific id is the RFC 4648 base32 (lower case, no padding) of SHA-256 over the canonical bytes of the
//! [`Inception`], so that nobody can register somebody else's identity and a resolver cannot give a wrong first key unnoticed
//! (DID Core 1.0 sections 3.1 and 8).

use borsh::{BorshDeserialize, BorshSerialize};
use data_encoding::{Encoding, Specification};
use serde::{Deserialize, Serialize};

use crate::canonical;
use crate::keys::PublicKey;

/// Context string of the hash that makes an identity's id.
pub const INCEPTION_CONTEXT: &str = "yufu/identity/inception/v1";

/// Most devices an identity may have at a time.
pub const MAX_DEVICES: usize = 8;

/// The id of an identity: the hash of its inception.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdentityId(#[serde(with = "crate::keys::base64url_array")] pub [u8; 32]);

/// What an identity begins as. Its hash is the id, so nothing in it can be exchanged later.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inception {
    /// The name of the ledger network.
    pub network: Network,
    /// The first device's key; it signs the CreateIdentity transaction.
    pub device: PublicKey,
    /// SHA-256 of the recovery key's canonical bytes; that key is used once, for recovery, and named only then.
    #[serde(with = "crate::keys::base64url_array")]
    pub recovery_commitment: [u8; 32],
}

impl Inception {
    /// The id that this inception makes.
    pub fn id(&self) -> IdentityId {
        IdentityId(canonical::hash(INCEPTION_CONTEXT, self))
    }

    /// The DID that this inception makes.
    pub fn did(&self) -> Did {
        Did { network: self.network.clone(), id: self.id() }
    }
}

/// The name of a ledger network: 1 to 16 of `a`–`z`, `0`–`9`, `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, Serialize)]
#[serde(transparent)]
pub struct Network(String);

impl Network {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Network {
    type Err = DidError;

    fn from_str(text: &str) -> Result<Self, DidError> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if text.is_empty() || text.len() > 16 || !text.bytes().all(allowed) {
            return Err(DidError::Network);
        }
        Ok(Self(text.to_owned()))
    }
}

impl BorshDeserialize for Network {
    fn deserialize_reader<R: std::io::Read>(reader: &mut R) -> std::io::Result<Self> {
        let text = String::deserialize_reader(reader)?;
        text.parse().map_err(|e: DidError| std::io::Error::new(std::io::ErrorKind::InvalidData, e))
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str> as Deserialize>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A DID of this method.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Did {
    /// The ledger network.
    pub network: Network,
    /// The identity.
    pub id: IdentityId,
}

/// Why a text is not a `did:yufu`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DidError {
    /// It does not begin with `did:yufu:`.
    #[error("this is not a did:yufu identifier")]
    Method,
    /// The network's name is not 1 to 16 of a–z, 0–9, '-'.
    #[error("the network name of the DID is not 1 to 16 of a-z, 0-9 and '-'")]
    Network,
    /// The id is not 52 characters of lower-case base32.
    #[error("the id of the DID is not 52 characters of lower-case base32")]
    Id,
}

fn base32() -> &'static Encoding {
    static BASE32: std::sync::LazyLock<Encoding> = std::sync::LazyLock::new(|| {
        let mut specification = Specification::new();
        specification.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
        specification.encoding().expect("32 distinct symbols make a base32 encoding")
    });
    &BASE32
}

impl std::fmt::Display for Did {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "did:yufu:{}:{}", self.network.0, base32().encode(&self.id.0))
    }
}

impl std::str::FromStr for Did {
    type Err = DidError;

    fn from_str(text: &str) -> Result<Self, DidError> {
        let rest = text.strip_prefix("did:yufu:").ok_or(DidError::Method)?;
        let (network, id) = rest.split_once(':').ok_or(DidError::Id)?;
        let bytes = base32().decode(id.as_bytes()).map_err(|_| DidError::Id)?;
        let id = bytes.try_into().map_err(|_| DidError::Id)?;
        Ok(Self { network: network.parse()?, id: IdentityId(id) })
    }
}

impl Serialize for Did {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Did {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str> as Deserialize>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
