//! Public JSON Web Keys: P-256 (RFC 7517, RFC 7518 section 6.2) and Ed25519 (RFC 8037), and their thumbprints (RFC 7638).
//!
//! A [`Jwk`] holds a key that is valid by construction: right length, on the curve, canonical. Reading refuses private keys
//! (a member `d` or any other secret member), symmetric and RSA keys, other curves, and padded or non-canonical base64url.
//! Members that are not known are ignored, as RFC 7517 section 4 demands.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::keys::{Algorithm, PublicKey};

/// Members that only a private or symmetric key has (RFC 7518 sections 6.2.2, 6.3.2, 6.4; RFC 8037 section 2).
const SECRET_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Most bytes of a text member (`kid`, `alg`, `use`).
const MAX_TEXT_BYTES: usize = 512;

/// A public key with the hints that a JWK may carry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>", into = "Map<String, Value>")]
pub struct Jwk {
    /// The key.
    pub key: PublicKey,
    /// `kid`: a name for the key, of its owner's choice. At most 512 bytes.
    pub kid: Option<String>,
    /// `alg`: the only algorithm that the owner uses the key with, for example `ES256` or `ECDH-ES`.
    pub alg: Option<String>,
    /// `use`: `sig` or `enc` (RFC 7517 section 4.2).
    pub public_key_use: Option<String>,
}

/// Why a JSON value is not a public key that we use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwkError {
    /// The value is not a JSON object.
    #[error("the key is not a JSON object")]
    NotAnObject,
    /// A member of a private key is present where a public key belongs.
    #[error("the key carries the private member {0:?}; only a public key belongs here")]
    Private(&'static str),
    /// A member that must be there is not.
    #[error("the key has no member {0:?}")]
    Missing(&'static str),
    /// A member is not a string, is too long, or not canonical base64url.
    #[error("the member {0:?} of the key is malformed")]
    Malformed(&'static str),
    /// Neither EC with P-256 nor OKP with Ed25519.
    #[error("keys of kty {kty:?} and crv {crv:?} are not supported")]
    Unsupported {
        /// Key type of the JWK.
        kty: String,
        /// Curve of the JWK.
        crv: String,
    },
    /// The coordinates are not a valid point of the curve.
    #[error("the coordinates are not a valid public key of the curve")]
    NotOnCurve,
}

impl From<PublicKey> for Jwk {
    fn from(key: PublicKey) -> Self {
        Self { key, kid: None, alg: None, public_key_use: None }
    }
}

impl Jwk {
    /// Reads a JWK from a JSON value that was parsed strictly ([`crate::json`]).
    pub fn from_value(value: &Value) -> Result<Self, JwkError> {
        Self::from_map(value.as_object().ok_or(JwkError::NotAnObject)?)
    }

    fn from_map(map: &Map<String, Value>) -> Result<Self, JwkError> {
        if let Some(secret) = SECRET_MEMBERS.into_iter().find(|name| map.contains_key(*name)) {
            return Err(JwkError::Private(secret));
        }
        let kty = text(map, "kty")?.ok_or(JwkError::Missing("kty"))?;
        let crv = match text(map, "crv")? {
            Some(crv) => crv,
            // RSA and oct keys have no curve; say that they are unsupported rather than incomplete.
            None if kty == "EC" || kty == "OKP" => return Err(JwkError::Missing("crv")),
            None => String::new(),
        };
        let key = match (kty.as_str(), crv.as_str()) {
            ("EC", "P-256") => {
                let mut sec1 = [4_u8; 65];
                let (x, y) = (coordinate(map, "x")?, coordinate(map, "y")?);
                for (to, from) in sec1.iter_mut().skip(1).zip(x.into_iter().chain(y)) {
                    *to = from;
                }
                PublicKey::from_bytes(Algorithm::P256, &sec1)
            }
            ("OKP", "Ed25519") => PublicKey::from_bytes(Algorithm::Ed25519, &coordinate(map, "x")?),
            _ => return Err(JwkError::Unsupported { kty, crv }),
        };
        Ok(Self {
            key: key.map_err(|_| JwkError::NotOnCurve)?,
            kid: text(map, "kid")?,
            alg: text(map, "alg")?,
            public_key_use: text(map, "use")?,
        })
    }

    /// The JWK as a JSON object.
    pub fn to_map(&self) -> Map<String, Value> {
        let mut map = required_members(&self.key);
        for (name, value) in [("kid", &self.kid), ("alg", &self.alg), ("use", &self.public_key_use)] {
            if let Some(value) = value {
                map.insert(name.to_owned(), Value::String(value.clone()));
            }
        }
        map
    }

    /// The JWK as a JSON value.
    pub fn to_value(&self) -> Value {
        Value::Object(self.to_map())
    }

    /// SHA-256 thumbprint of the key (RFC 7638 section 3): the hash of its required members in lexicographic order.
    pub fn thumbprint(&self) -> [u8; 32] {
        thumbprint(&self.key)
    }
}

/// SHA-256 thumbprint of a key (RFC 7638; RFC 8037 section 2 for Ed25519).
pub fn thumbprint(key: &PublicKey) -> [u8; 32] {
    let members = required_members(key);
    let sorted: std::collections::BTreeMap<&String, &Value> = members.iter().collect();
    let text = serde_json::to_string(&sorted).expect("a map of strings is always JSON");
    Sha256::digest(text).into()
}

/// [`thumbprint`] as base64url text, the usual `kid`.
pub fn thumbprint_text(key: &PublicKey) -> String {
    URL_SAFE_NO_PAD.encode(thumbprint(key))
}

impl TryFrom<Map<String, Value>> for Jwk {
    type Error = JwkError;

    fn try_from(map: Map<String, Value>) -> Result<Self, JwkError> {
        Self::from_map(&map)
    }
}

impl From<Jwk> for Map<String, Value> {
    fn from(jwk: Jwk) -> Self {
        jwk.to_map()
    }
}

fn required_members(key: &PublicKey) -> Map<String, Value> {
    let base64url = |bytes: &[u8]| Value::String(URL_SAFE_NO_PAD.encode(bytes));
    let mut map = Map::new();
    match key.p256_coordinates() {
        Some((x, y)) => {
            map.insert("crv".to_owned(), Value::String("P-256".to_owned()));
            map.insert("kty".to_owned(), Value::String("EC".to_owned()));
            map.insert("x".to_owned(), base64url(&x));
            map.insert("y".to_owned(), base64url(&y));
        }
        None => {
            map.insert("crv".to_owned(), Value::String("Ed25519".to_owned()));
            map.insert("kty".to_owned(), Value::String("OKP".to_owned()));
            map.insert("x".to_owned(), base64url(key.as_bytes()));
        }
    }
    map
}

fn text(map: &Map<String, Value>, name: &'static str) -> Result<Option<String>, JwkError> {
    match map.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if text.len() <= MAX_TEXT_BYTES => Ok(Some(text.clone())),
        Some(_) => Err(JwkError::Malformed(name)),
    }
}

/// A coordinate: exactly 32 bytes, leading zeros kept (RFC 7518 section 6.2.1.2).
fn coordinate(map: &Map<String, Value>, name: &'static str) -> Result<[u8; 32], JwkError> {
    let text = text(map, name)?.ok_or(JwkError::Missing(name))?;
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| JwkError::Malformed(name))?;
    bytes.try_into().map_err(|_| JwkError::Malformed(name))
}
