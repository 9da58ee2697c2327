//! Token Status List (draft-ietf-oauth-status-list): the status of many credentials in one signed, compressed list of bits.
//!
//! A [`StatusReference`] in a credential names a list and an index; a [`StatusListToken`] is the list, signed as a JWT. It is
//! believed only if its `sub` is the reference's URI and it is fresh. Decompression stops at the size that the caller
//! declares, so a small token cannot become a large list. Every failure is an error, so a verifier that fails closed only has
//! to pass it on. The CWT form is not supported: SD-JWT VC demands the JWT form.

use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::UnixSeconds;
use crate::jose::jws::{self, JwsError, JwsHeader};
use crate::json::{self as strict, JsonError, Limits};
use crate::keys::SecretKey;

/// The `typ` of a status list token (section 5.1).
pub const TYP: &str = "statuslist+jwt";

/// The media type under which it is served (section 8.2).
pub const MEDIA_TYPE: &str = "application/statuslist+jwt";

/// Most entries of a list that we make: 2²⁴.
pub const MAX_ENTRIES: u64 = 1 << 24;

/// Most bytes of the URI in a reference.
const MAX_URI_BYTES: usize = 2048;

/// The token's own JSON; its length is bounded by [`jws::Policy::STATUS_LIST`] too.
const TOKEN: Limits = Limits { bytes: 4 * 1024 * 1024, depth: 8, names: 64 };

/// Why a status is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatusListError {
    /// The `status` claim of the credential is not of the form of section 6.2.
    #[error("the status claim of the credential is malformed")]
    Reference,
    /// `bits` is not 1, 2, 4 or 8.
    #[error("the status list has a number of bits other than 1, 2, 4 or 8")]
    Bits,
    /// `lst` is not base64url, or not one whole ZLIB stream.
    #[error("the status list is not base64url of a ZLIB stream")]
    Encoding,
    /// The list is larger than the caller's limit.
    #[error("the status list has more than the {limit} entries allowed")]
    TooLarge {
        /// Entries allowed.
        limit: u64,
    },
    /// The index is beyond the end of the list (section 8.3: the credential must be rejected).
    #[error("the status list has no entry {index}")]
    OutOfRange {
        /// The index.
        index: u64,
    },
    /// The status does not fit into the bits of the list.
    #[error("the status does not fit into the bits of the list")]
    DoesNotFit,
    /// The token is malformed or its signature does not verify.
    #[error("the status list token is not accepted: {0}")]
    Token(JwsError),
    /// The payload is not strict JSON.
    #[error("the payload of the status list token is not accepted: {0}")]
    Payload(JsonError),
    /// A claim is missing or of a wrong type.
    #[error("the claim {0:?} of the status list token is missing or malformed")]
    Claim(&'static str),
    /// `sub` is not the URI that the credential refers to.
    #[error("the status list token is for another list")]
    OtherList,
    /// `exp` has passed, or without `exp` the token is older than the caller accepts.
    #[error("the status list token has expired")]
    Expired,
    /// `iat` or `nbf` is in the future.
    #[error("the status list token is from the future")]
    FromFuture,
}

impl StatusListError {
    /// The slug of this error, for machines.
    pub fn slug(&self) -> &'static str {
        match self {
            Self::Reference => "status-reference",
            Self::Bits => "status-bits",
            Self::Encoding => "status-encoding",
            Self::TooLarge { .. } => "status-too-large",
            Self::OutOfRange { .. } => "status-out-of-range",
            Self::DoesNotFit => "status-does-not-fit",
            Self::Token(_) => "status-token",
            Self::Payload(error) => error.slug(),
            Self::Claim(_) => "status-claim",
            Self::OtherList => "status-other-list",
            Self::Expired => "status-expired",
            Self::FromFuture => "status-from-future",
        }
    }
}

/// Where the status of a credential is (section 6.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusReference {
    /// The list's URI; the `sub` of its token.
    pub uri: String,
    /// The entry, from 0.
    pub index: u64,
}

impl StatusReference {
    /// The value of the `status` claim.
    pub fn to_claim(&self) -> Value {
        json!({ "status_list": { "idx": self.index, "uri": self.uri } })
    }

    /// Reads the value of a `status` claim; `None` if it uses other mechanisms only.
    pub fn from_claim(status: &Value) -> Result<Option<Self>, StatusListError> {
        let mechanisms = status.as_object().filter(|m| !m.is_empty()).ok_or(StatusListError::Reference)?;
        let Some(list) = mechanisms.get("status_list") else { return Ok(None) };
        let index = list.get("idx").and_then(Value::as_u64).ok_or(StatusListError::Reference)?;
        let uri = list.get("uri").and_then(Value::as_str).ok_or(StatusListError::Reference)?;
        if uri.is_empty() || uri.len() > MAX_URI_BYTES {
            return Err(StatusListError::Reference);
        }
        Ok(Some(Self { uri: uri.to_owned(), index }))
    }
}

/// A status (section 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// 0: valid.
    Valid,
    /// 1: revoked for good.
    Invalid,
    /// 2: temporarily invalid.
    Suspended,
    /// Any other value: application specific or reserved. Nothing that a verifier may take for valid.
    Other(u8),
}

impl From<u8> for Status {
    fn from(value: u8) -> Self {
        match value {
            0 => Self::Valid,
            1 => Self::Invalid,
            2 => Self::Suspended,
            other => Self::Other(other),
        }
    }
}

impl From<Status> for u8 {
    fn from(status: Status) -> Self {
        match status {
            Status::Valid => 0,
            Status::Invalid => 1,
            Status::Suspended => 2,
            Status::Other(other) => other,
        }
    }
}

/// Bits of one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bits {
    /// Valid or not.
    One,
    /// Suspension too.
    Two,
    /// 16 values.
    Four,
    /// 256 values.
    Eight,
}

impl Bits {
    /// 1, 2, 4 or 8.
    pub fn count(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Four => 4,
            Self::Eight => 8,
        }
    }

    /// From 1, 2, 4 or 8.
    pub fn from_count(count: u64) -> Result<Self, StatusListError> {
        match count {
            1 => Ok(Self::One),
            2 => Ok(Self::Two),
            4 => Ok(Self::Four),
            8 => Ok(Self::Eight),
            _ => Err(StatusListError::Bits),
        }
    }

    fn mask(self) -> u8 {
        u8::MAX >> (8 - self.count())
    }

    /// Bytes of so many entries.
    fn bytes(self, entries: u64) -> Option<usize> {
        let bits = entries.checked_mul(u64::from(self.count()))?;
        usize::try_from(bits.div_ceil(8)).ok()
    }
}

/// A list of statuses (section 4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusList {
    bits: Bits,
    bytes: Vec<u8>,
}

impl StatusList {
    /// A list of at least so many entries, all valid; rounded up to whole bytes.
    pub fn new(bits: Bits, entries: u64) -> Result<Self, StatusListError> {
        let too_large = StatusListError::TooLarge { limit: MAX_ENTRIES };
        if entries > MAX_ENTRIES {
            return Err(too_large);
        }
        let bytes = bits.bytes(entries).ok_or(too_large)?;
        Ok(Self { bits, bytes: vec![0; bytes] })
    }

    /// A list from its bytes, as a database keeps them.
    pub fn from_bytes(bits: Bits, bytes: Vec<u8>) -> Self {
        Self { bits, bytes }
    }

    /// The bytes, for a database.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bits of one entry.
    pub fn bits(&self) -> Bits {
        self.bits
    }

    /// How many entries there are.
    pub fn len(&self) -> u64 {
        let bits = self.bytes.len().saturating_mul(8) / usize::from(self.bits.count());
        u64::try_from(bits).unwrap_or(u64::MAX)
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The status of an entry.
    pub fn get(&self, index: u64) -> Result<Status, StatusListError> {
        let (byte, shift) = self.locate(index)?;
        let byte = self.bytes.get(byte).ok_or(StatusListError::OutOfRange { index })?;
        Ok(Status::from((byte >> shift) & self.bits.mask()))
    }

    /// Sets the status of an entry.
    pub fn set(&mut self, index: u64, status: Status) -> Result<(), StatusListError> {
        let (value, mask) = (u8::from(status), self.bits.mask());
        if value > mask {
            return Err(StatusListError::DoesNotFit);
        }
        let (byte, shift) = self.locate(index)?;
        let byte = self.bytes.get_mut(byte).ok_or(StatusListError::OutOfRange { index })?;
        *byte = (*byte & !(mask << shift)) | (value << shift);
        Ok(())
    }

    /// The byte of an entry and how far it is shifted: entries fill a byte from its least significant bit.
    fn locate(&self, index: u64) -> Result<(usize, u32), StatusListError> {
        let out_of_range = StatusListError::OutOfRange { index };
        let bit = index.checked_mul(u64::from(self.bits.count())).ok_or_else(|| out_of_range.clone())?;
        let byte = usize::try_from(bit / 8).map_err(|_| out_of_range.clone())?;
        Ok((byte, u32::try_from(bit % 8).map_err(|_| out_of_range)?))
    }

    /// The JSON form (section 4.2): `bits` and `lst`.
    pub fn to_value(&self) -> Value {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&self.bytes).expect("writing to memory does not fail");
        let compressed = encoder.finish().expect("writing to memory does not fail");
        json!({ "bits": self.bits.count(), "lst": URL_SAFE_NO_PAD.encode(compressed) })
    }

    /// Reads the JSON form. A list of more than `max_entries`, rounded up to whole bytes, is refused before it is unpacked
    /// further.
    pub fn from_value(value: &Value, max_entries: u64) -> Result<Self, StatusListError> {
        let bits = value.get("bits").and_then(Value::as_u64).ok_or(StatusListError::Bits)?;
        let bits = Bits::from_count(bits)?;
        let lst = value.get("lst").and_then(Value::as_str).ok_or(StatusListError::Encoding)?;
        let compressed = URL_SAFE_NO_PAD.decode(lst).map_err(|_| StatusListError::Encoding)?;
        let too_large = StatusListError::TooLarge { limit: max_entries };
        let limit = bits.bytes(max_entries.min(MAX_ENTRIES)).ok_or(too_large.clone())?;
        let bytes = inflate(&compressed, limit).ok_or(StatusListError::Encoding)?;
        if bytes.len() > limit { Err(too_large) } else { Ok(Self { bits, bytes }) }
    }
}

/// At most one byte more than the limit of a ZLIB stream; `None` if it is broken, cut short or followed by other bytes.
fn inflate(compressed: &[u8], limit: usize) -> Option<Vec<u8>> {
    let mut decoder = ZlibDecoder::new(compressed);
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).ok()?.checked_add(1)?;
    decoder.by_ref().take(most).read_to_end(&mut bytes).ok()?;
    let consumed = usize::try_from(decoder.total_in()).ok()?;
    (bytes.len() > limit || consumed == compressed.len()).then_some(bytes)
}

/// A status list token in its JWT form (section 5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusListToken {
    /// `sub`: the URI of the list.
    pub uri: String,
    /// `iat`.
    pub issued_at: UnixSeconds,
    /// `exp`.
    pub expires_at: Option<UnixSeconds>,
    /// `ttl`: seconds that a copy may be kept.
    pub ttl_seconds: Option<u64>,
    /// The list.
    pub list: StatusList,
}

/// What a verifier demands of a status list token.
#[derive(Clone, Copy, Debug)]
pub struct Demand<'a> {
    /// The URI in the credential's reference.
    pub uri: &'a str,
    /// The time of the check.
    pub now: UnixSeconds,
    /// Seconds by which clocks may differ.
    pub leeway_seconds: u32,
    /// Seconds that a token without `exp` may be old.
    pub max_age_seconds: u32,
    /// Most entries; the list is unpacked no further. At most [`MAX_ENTRIES`].
    pub max_entries: u64,
}

impl StatusListToken {
    /// Signs the token. The header says how to find the key; its `typ` is set here.
    pub fn sign(&self, header: &JwsHeader, signer: &SecretKey) -> String {
        let mut claims = Map::new();
        claims.insert("sub".to_owned(), self.uri.as_str().into());
        claims.insert("iat".to_owned(), self.issued_at.into());
        if let Some(expires_at) = self.expires_at {
            claims.insert("exp".to_owned(), expires_at.into());
        }
        if let Some(ttl) = self.ttl_seconds {
            claims.insert("ttl".to_owned(), ttl.into());
        }
        claims.insert("status_list".to_owned(), self.list.to_value());
        let payload = serde_json::to_vec(&claims).expect("a JSON map is always JSON");
        let header = JwsHeader { typ: Some(TYP.to_owned()), ..header.clone() };
        jws::sign_compact(signer, &header, &payload)
    }

    /// Checks a token whose signature was verified ([`jws::Policy::STATUS_LIST`]) with a key that the caller holds for that
    /// of the list's issuer (section 8.3).
    pub fn from_verified(token: &jws::Verified, demand: &Demand<'_>) -> Result<Self, StatusListError> {
        if token.header.typ.as_deref() != Some(TYP) {
            return Err(StatusListError::Token(JwsError::WrongTyp { found: None }));
        }
        let claims = strict::parse_within(&token.payload, &TOKEN).map_err(StatusListError::Payload)?;
        if claims.get("sub").and_then(Value::as_str).ok_or(StatusListError::Claim("sub"))? != demand.uri {
            return Err(StatusListError::OtherList);
        }
        let issued_at = seconds(&claims, "iat")?.ok_or(StatusListError::Claim("iat"))?;
        let expires_at = seconds(&claims, "exp")?;
        let leeway = UnixSeconds::from(demand.leeway_seconds);
        let latest = demand.now.saturating_add(leeway);
        if issued_at > latest || seconds(&claims, "nbf")?.is_some_and(|nbf| nbf > latest) {
            return Err(StatusListError::FromFuture);
        }
        let end = expires_at.unwrap_or(issued_at.saturating_add(UnixSeconds::from(demand.max_age_seconds)));
        if demand.now >= end.saturating_add(leeway) {
            return Err(StatusListError::Expired);
        }
        let ttl_seconds = match claims.get("ttl") {
            None => None,
            Some(ttl) => Some(ttl.as_u64().filter(|ttl| *ttl > 0).ok_or(StatusListError::Claim("ttl"))?),
        };
        let list = claims.get("status_list").ok_or(StatusListError::Claim("status_list"))?;
        let list = StatusList::from_value(list, demand.max_entries)?;
        Ok(Self { uri: demand.uri.to_owned(), issued_at, expires_at, ttl_seconds, list })
    }

    /// When a copy fetched at `fetched_at` must be replaced: after `ttl`, at `exp` at the latest (section 13.7). A token with
    /// neither must be fetched each time.
    pub fn keep_until(&self, fetched_at: UnixSeconds) -> UnixSeconds {
        let ttl = self.ttl_seconds.map(|ttl| fetched_at.saturating_add_unsigned(ttl));
        match (ttl, self.expires_at) {
            (Some(ttl), Some(expires_at)) => ttl.min(expires_at),
            (Some(end), None) | (None, Some(end)) => end,
            (None, None) => fetched_at,
        }
    }
}

fn seconds(claims: &Value, name: &'static str) -> Result<Option<UnixSeconds>, StatusListError> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => value.as_i64().map(Some).ok_or(StatusListError::Claim(name)),
    }
}
