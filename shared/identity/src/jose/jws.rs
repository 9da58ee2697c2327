//! Compact JSON Web Signatures (RFC 7515, RFC 7518 section 3.4, RFC 8037, RFC 9864) by an allow-list per message type.
//!
//! A [`Policy`] names what one message type may look like: its `typ`, its algorithms, whether the key may come in the header,
//! how long it may be. [`Parsed::parse`] refuses everything else before any key is looked at (RFC 8725 section 3); what it
//! gives is not to be believed before one of the `verify` methods. Never accepted: `none`, HMAC, RSA, `crit`, `b64`, `zip`,
//! `jku`, `x5u`, duplicate or unencoded members, padded or non-canonical base64url, detached or JSON serialization.
//!
//! ECDSA signatures of strangers may have a high S, as RFC 7518 allows; ours are low-S.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::jwk::{Jwk, JwkError};
use super::quote;
use super::x509::{Certificate, Chain, TrustAnchors, X509Error};
use crate::UnixSeconds;
use crate::json::{self, JsonError};
use crate::keys::{Algorithm, PublicKey, SecretKey, SignError, Signature, Signer};

/// Most bytes of a protected header, encoded. Four certificates of 8 KiB fit.
pub const MAX_HEADER_BYTES: usize = 64 * 1024;

/// A signature algorithm by its JOSE name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwsAlg {
    /// `ES256`: ECDSA over P-256 with SHA-256 (RFC 7518 section 3.4).
    Es256,
    /// `EdDSA` with Ed25519 (RFC 8037 section 3.1), what most libraries still write.
    EdDsa,
    /// `Ed25519`, the fully specified name (RFC 9864 section 2.2).
    Ed25519,
}

impl JwsAlg {
    /// Every algorithm that we verify.
    pub const ALL: &[Self] = &[Self::Es256, Self::EdDsa, Self::Ed25519];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Ed25519 => "Ed25519",
        }
    }

    /// The algorithm of the keys that it is for.
    pub fn key_algorithm(self) -> Algorithm {
        match self {
            Self::Es256 => Algorithm::P256,
            Self::EdDsa | Self::Ed25519 => Algorithm::Ed25519,
        }
    }

    /// The name under which a key of this algorithm signs: `ES256`, or `EdDSA` for the sake of older verifiers.
    pub fn for_key(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::P256 => Self::Es256,
            Algorithm::Ed25519 => Self::EdDsa,
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|alg| alg.name() == name)
    }
}

/// Which `typ` header values a message type has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typ {
    /// One of these, letter for letter.
    OneOf(&'static [&'static str]),
    /// Any or none. For examples of others' specifications; not for a message of ours.
    Any,
}

/// Whether a header parameter may be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Its presence is a reason to refuse.
    Refused,
    /// It may be there and is not read, only kept in [`JwsHeader::other`]: the key comes from elsewhere.
    Ignored,
    /// It may be there.
    Optional,
    /// Its absence is a reason to refuse.
    Required,
}

/// What one message type may look like.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Accepted `typ` values.
    pub typ: Typ,
    /// Accepted algorithms.
    pub algs: &'static [JwsAlg],
    /// Whether the header brings the key itself (`jwk`), as proofs of possession do.
    pub jwk: Presence,
    /// Whether the header brings a certificate chain (`x5c`).
    pub x5c: Presence,
    /// Most bytes of the whole token.
    pub max_bytes: usize,
}

impl Policy {
    /// A request object of OpenID4VP 1.0 (RFC 9101), signed with the key of its certificate (HAIP 1.0 section 5).
    pub const REQUEST_OBJECT: Self =
        Self::new(Typ::OneOf(&["oauth-authz-req+jwt"]), Presence::Refused, Presence::Required, 128 * 1024);
    /// A key proof of OpenID4VCI 1.0 (appendix F.1) that shows the key in `jwk`.
    pub const KEY_PROOF: Self =
        Self::new(Typ::OneOf(&["openid4vci-proof+jwt"]), Presence::Required, Presence::Refused, 64 * 1024);
    /// A DPoP proof (RFC 9449).
    pub const DPOP: Self = Self::new(Typ::OneOf(&["dpop+jwt"]), Presence::Required, Presence::Refused, 16 * 1024);
    /// The issuer-signed part of an SD-JWT VC.
    pub const SD_JWT_VC: Self = Self::new(Typ::OneOf(&["dc+sd-jwt"]), Presence::Refused, Presence::Optional, 512 * 1024);
    /// A key binding JWT (RFC 9901 section 4.3).
    pub const KEY_BINDING: Self = Self::new(Typ::OneOf(&["kb+jwt"]), Presence::Refused, Presence::Refused, 16 * 1024);
    /// A status list token.
    pub const STATUS_LIST: Self =
        Self::new(Typ::OneOf(&["statuslist+jwt"]), Presence::Refused, Presence::Optional, 4 * 1024 * 1024);

    const fn new(typ: Typ, jwk: Presence, x5c: Presence, max_bytes: usize) -> Self {
        Self { typ, algs: JwsAlg::ALL, jwk, x5c, max_bytes }
    }
}

/// The header parameters that we write and read, beside `alg`, which follows from the key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JwsHeader {
    /// `typ`: the media type of the whole token, without `application/`.
    pub typ: Option<String>,
    /// `kid`: which key signed.
    pub kid: Option<String>,
    /// `jwk`: the public key that signed.
    pub jwk: Option<Jwk>,
    /// `x5c`: the certificate chain of the key that signed.
    pub x5c: Option<Chain>,
    /// Other parameters, which do not change what the signature means.
    pub other: Map<String, Value>,
}

impl JwsHeader {
    /// A header with only a `typ`.
    pub fn typ(typ: &str) -> Self {
        Self { typ: Some(typ.to_owned()), ..Self::default() }
    }

    fn to_map(&self, alg: JwsAlg) -> Map<String, Value> {
        let mut map = self.other.clone();
        map.insert("alg".to_owned(), Value::String(alg.name().to_owned()));
        for (name, value) in [("typ", &self.typ), ("kid", &self.kid)] {
            if let Some(value) = value {
                map.insert(name.to_owned(), Value::String(value.clone()));
            }
        }
        if let Some(jwk) = &self.jwk {
            map.insert("jwk".to_owned(), jwk.to_value());
        }
        if let Some(chain) = &self.x5c {
            map.insert("x5c".to_owned(), chain.to_x5c());
        }
        map
    }
}

/// Why a token is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Longer than the policy, or its header longer than [`MAX_HEADER_BYTES`].
    #[error("the token is longer than {limit} bytes")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
    },
    /// Not three parts of base64url without padding, separated by dots.
    #[error("the token is not a compact JWS: three base64url parts")]
    NotCompact,
    /// The header is not a JSON object, or not strict JSON.
    #[error("the header of the token is not a JSON object of the strict form")]
    Header(#[source] JsonError),
    /// The payload is not a JSON object, or not strict JSON.
    #[error("the payload of the token is not a JSON object of the strict form")]
    Payload(#[source] JsonError),
    /// A parameter is not of the type that it must have.
    #[error("the header parameter {0:?} is malformed")]
    Malformed(&'static str),
    /// `alg` is missing, or one that no policy accepts.
    #[error("the signature algorithm {0:?} is not accepted")]
    UnsupportedAlg(String),
    /// The key is of another kind than `alg`.
    #[error("the algorithm of the token does not fit the key")]
    AlgKeyMismatch,
    /// `typ` is missing or another one than this message has.
    #[error("the type {found:?} is not the one this message must have")]
    WrongTyp {
        /// What the token says.
        found: Option<String>,
    },
    /// The header asks for something that this message must not have.
    #[error("the header parameter {0:?} is not accepted in this message")]
    Refused(&'static str),
    /// The header lacks what this message must have.
    #[error("the header parameter {0:?} is missing")]
    Missing(&'static str),
    /// `jwk` is not a public key.
    #[error("the key in the header is not accepted")]
    Jwk(#[from] JwkError),
    /// `x5c` is not a chain, or not believed.
    #[error("the certificate chain in the header is not accepted")]
    Chain(#[from] X509Error),
    /// The signature does not verify.
    #[error("the signature of the token does not verify")]
    BadSignature,
}

impl JwsError {
    /// The slug of this error, for machines.
    pub fn slug(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "jws-too-long",
            Self::NotCompact => "jws-not-compact",
            Self::Header(_) => "jws-header-json",
            Self::Payload(_) => "jws-payload-json",
            Self::Malformed(_) => "jws-header-malformed",
            Self::UnsupportedAlg(_) => "jws-alg-unsupported",
            Self::AlgKeyMismatch => "jws-alg-key-mismatch",
            Self::WrongTyp { .. } => "jws-typ-wrong",
            Self::Refused(_) => "jws-header-refused",
            Self::Missing(_) => "jws-header-missing",
            Self::Jwk(_) => "jws-jwk-refused",
            Self::Chain(error) => error.slug(),
            Self::BadSignature => "jws-signature-invalid",
        }
    }
}

/// Signs a payload. `alg` follows from the key; the header's own members win over `other`.
pub fn sign_compact(key: &SecretKey, header: &JwsHeader, payload: &[u8]) -> String {
    let input = signing_input(key.public_key().algorithm(), header, payload);
    let signature = key.sign(input.as_bytes());
    signed(input, &signature)
}

/// As [`sign_compact`], by something that holds the key.
///
/// # Errors
/// When it does not sign.
pub fn sign_compact_with(signer: &dyn Signer, header: &JwsHeader, payload: &[u8]) -> Result<String, SignError> {
    let input = signing_input(signer.public_key().algorithm(), header, payload);
    let signature = signer.sign(input.as_bytes())?;
    Ok(signed(input, &signature))
}

fn signing_input(algorithm: Algorithm, header: &JwsHeader, payload: &[u8]) -> String {
    let header = serde_json::to_vec(&header.to_map(JwsAlg::for_key(algorithm))).expect("a JSON map is always JSON");
    let mut token = URL_SAFE_NO_PAD.encode(header);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut token);
    token
}

fn signed(mut token: String, signature: &Signature) -> String {
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature.bytes, &mut token);
    token
}

/// A token that fits its policy. Its signature is not checked yet.
#[derive(Clone, Debug)]
pub struct Parsed {
    header: JwsHeader,
    alg: JwsAlg,
    signing_input: String,
    payload: Vec<u8>,
    signature: [u8; 64],
    max_bytes: usize,
}

impl Parsed {
    /// Reads a compact token as a message of the policy's type.
    pub fn parse(token: &str, policy: &Policy) -> Result<Self, JwsError> {
        if token.len() > policy.max_bytes {
            return Err(JwsError::TooLong { limit: policy.max_bytes });
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(JwsError::NotCompact)?;
        let (header, payload) = signing_input.split_once('.').ok_or(JwsError::NotCompact)?;
        if header.len() > MAX_HEADER_BYTES {
            return Err(JwsError::TooLong { limit: MAX_HEADER_BYTES });
        }
        // A fourth part would leave a dot in `payload`, which is not base64url.
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| JwsError::NotCompact);
        let (alg, header) = read_header(&decode(header)?, policy)?;
        let payload = decode(payload)?;
        let signature = decode(signature)?.try_into().map_err(|_| JwsError::BadSignature)?;
        let (signing_input, max_bytes) = (signing_input.to_owned(), policy.max_bytes);
        Ok(Self { header, alg, signing_input, payload, signature, max_bytes })
    }

    /// The header. Not verified: use it to find the key.
    pub fn header(&self) -> &JwsHeader {
        &self.header
    }

    /// The algorithm that the header names.
    pub fn alg(&self) -> JwsAlg {
        self.alg
    }

    /// The payload, not verified: use it only to find the key, such as by `iss`.
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// Checks the signature with a key that the caller trusts for this message.
    pub fn verify(self, key: &PublicKey) -> Result<Verified, JwsError> {
        if self.alg.key_algorithm() != key.algorithm() {
            return Err(JwsError::AlgKeyMismatch);
        }
        let signature = Signature { algorithm: key.algorithm(), bytes: self.signature };
        key.verify_jose(self.signing_input.as_bytes(), &signature).map_err(|_| JwsError::BadSignature)?;
        Ok(Verified { header: self.header, alg: self.alg, payload: self.payload, max_bytes: self.max_bytes })
    }

    /// Checks the signature with the key in the header: a proof that the sender holds that key, and nothing about who it is.
    pub fn verify_with_embedded_key(self) -> Result<(Verified, Jwk), JwsError> {
        let jwk = self.header.jwk.clone().ok_or(JwsError::Missing("jwk"))?;
        Ok((self.verify(&jwk.key)?, jwk))
    }

    /// Checks the chain in the header against the anchors at `now`, and the signature with the leaf's key.
    pub fn verify_with_chain(self, anchors: &TrustAnchors, now: UnixSeconds) -> Result<(Verified, Certificate), JwsError> {
        let chain = self.header.x5c.as_ref().ok_or(JwsError::Missing("x5c"))?;
        let certificate = chain.verify(anchors, now)?;
        Ok((self.verify(&certificate.public_key)?, certificate))
    }
}

/// A token whose signature was checked.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The header.
    pub header: JwsHeader,
    /// The algorithm.
    pub alg: JwsAlg,
    /// The payload's bytes.
    pub payload: Vec<u8>,
    max_bytes: usize,
}

impl Verified {
    /// The payload as a JSON object, read strictly.
    pub fn claims(&self) -> Result<Map<String, Value>, JwsError> {
        let limits = json::Limits { bytes: self.max_bytes, ..json::SIGNED };
        match json::parse_within(&self.payload, &limits).map_err(JwsError::Payload)? {
            Value::Object(map) => Ok(map),
            _ => Err(JwsError::Payload(JsonError::NotAnObject)),
        }
    }
}

/// Parameters that no message may have: they switch on extensions, or fetch keys from where the sender likes.
const NEVER: [&str; 5] = ["crit", "b64", "zip", "jku", "x5u"];

fn read_header(bytes: &[u8], policy: &Policy) -> Result<(JwsAlg, JwsHeader), JwsError> {
    let mut map = json::parse_object(bytes).map_err(JwsError::Header)?;
    if let Some(name) = NEVER.into_iter().find(|name| map.contains_key(*name)) {
        return Err(JwsError::Refused(name));
    }
    let alg = take_text(&mut map, "alg")?.ok_or(JwsError::Missing("alg"))?;
    let alg =
        JwsAlg::from_name(&alg).filter(|alg| policy.algs.contains(alg)).ok_or_else(|| JwsError::UnsupportedAlg(quote(&alg)))?;
    let typ = take_text(&mut map, "typ")?;
    check_typ(policy.typ, typ.as_deref())?;
    check_presence(policy.jwk, "jwk", &map)?;
    check_presence(policy.x5c, "x5c", &map)?;
    let kid = take_text(&mut map, "kid")?;
    let mut take = |presence, name| if presence == Presence::Ignored { None } else { map.remove(name) };
    let jwk = take(policy.jwk, "jwk").map(|value| Jwk::from_value(&value)).transpose()?;
    let x5c = take(policy.x5c, "x5c").map(|value| Chain::from_x5c(&value)).transpose()?;
    // OpenID4VCI 1.0 appendix F.1: jwk, x5c and kid exclude each other where the key comes with the message.
    if jwk.is_some() && (kid.is_some() || x5c.is_some()) {
        return Err(JwsError::Refused(if kid.is_some() { "kid" } else { "x5c" }));
    }
    if jwk.as_ref().is_some_and(|jwk| jwk.key.algorithm() != alg.key_algorithm()) {
        return Err(JwsError::AlgKeyMismatch);
    }
    Ok((alg, JwsHeader { typ, kid, jwk, x5c, other: map }))
}

fn take_text(map: &mut Map<String, Value>, name: &'static str) -> Result<Option<String>, JwsError> {
    match map.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(JwsError::Malformed(name)),
    }
}

fn check_typ(accepted: Typ, found: Option<&str>) -> Result<(), JwsError> {
    match accepted {
        Typ::Any => Ok(()),
        Typ::OneOf(list) if found.is_some_and(|found| list.contains(&found)) => Ok(()),
        Typ::OneOf(_) => Err(JwsError::WrongTyp { found: found.map(quote) }),
    }
}

fn check_presence(presence: Presence, name: &'static str, map: &Map<String, Value>) -> Result<(), JwsError> {
    match (presence, map.contains_key(name)) {
        (Presence::Refused, true) => Err(JwsError::Refused(name)),
        (Presence::Required, false) => Err(JwsError::Missing(name)),
        (Presence::Refused, false) | (Presence::Ignored | Presence::Optional, _) | (Presence::Required, true) => Ok(()),
    }
}
