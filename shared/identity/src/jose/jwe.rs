//! Compact JSON Web Encryption with `ECDH-ES` (direct key agreement over P-256) and AES-GCM: RFC 7516, RFC 7518 sections 4.6 and
//! 5.3. This is what HAIP 1.0 section 5 asks of encrypted authorization responses (`A128GCM` and `A256GCM`).
//!
//! Nothing else is accepted: no key wrapping, no other curve, no compression, no header parameter outside a short list. A
//! message is encrypted to a key that the caller took from a signed request; nothing here says who sent it.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes128Gcm, Aes256Gcm, KeyInit};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::jwk::{Jwk, JwkError};
use super::quote;
use crate::json::{self, JsonError};
use crate::keys::{Algorithm, KeyError, PublicKey};

/// Most bytes of a compact JWE that are read.
pub const MAX_JWE_BYTES: usize = 1024 * 1024;

/// Most bytes of its protected header, encoded.
pub const MAX_HEADER_BYTES: usize = 8 * 1024;

/// Most bytes of `apu` and of `apv`, decoded.
pub const MAX_PARTY_INFO_BYTES: usize = 512;

/// The only key agreement: the agreed key encrypts the content itself.
const ALG: &str = "ECDH-ES";

/// How the content is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentEncryption {
    /// AES-128 in Galois counter mode.
    A128Gcm,
    /// AES-256 in Galois counter mode.
    A256Gcm,
}

impl ContentEncryption {
    /// Both, the stronger first.
    pub const ALL: &[Self] = &[Self::A256Gcm, Self::A128Gcm];

    /// The name on the wire (`enc`).
    pub fn name(self) -> &'static str {
        match self {
            Self::A128Gcm => "A128GCM",
            Self::A256Gcm => "A256GCM",
        }
    }

    /// The algorithm of an `enc` value.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|enc| enc.name() == name)
    }

    fn key_bytes(self) -> u8 {
        match self {
            Self::A128Gcm => 16,
            Self::A256Gcm => 32,
        }
    }
}

/// Why a message cannot be encrypted or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JweError {
    /// Longer than the limit.
    #[error("the encrypted message is longer than {limit} bytes")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
    },
    /// Not five parts of base64url without padding, or the second part not empty.
    #[error("this is not a compact JWE with direct key agreement: five base64url parts, the second one empty")]
    NotCompact,
    /// The header is not a JSON object of the strict form.
    #[error("the header of the encrypted message is not a JSON object of the strict form")]
    Header(#[source] JsonError),
    /// A header parameter outside the list.
    #[error("the header parameter {0:?} is not accepted in an encrypted message")]
    Refused(String),
    /// A header parameter that must be there is not.
    #[error("the header parameter {0:?} of the encrypted message is missing")]
    Missing(&'static str),
    /// A header parameter is not of its type, or too long.
    #[error("the header parameter {0:?} of the encrypted message is malformed")]
    Malformed(&'static str),
    /// Another `alg` than ECDH-ES.
    #[error("the key agreement {0:?} is not supported, only ECDH-ES is")]
    UnsupportedAlg(String),
    /// Another `enc` than A128GCM and A256GCM.
    #[error("the content encryption {0:?} is not supported, only A128GCM and A256GCM are")]
    UnsupportedEnc(String),
    /// `epk` is not a public key.
    #[error("the ephemeral key is not accepted")]
    EphemeralKey(#[source] JwkError),
    /// A key that is not on P-256, or that its owner uses for something else.
    #[error("the key is not a P-256 key for ECDH-ES encryption")]
    Key,
    /// Wrong key, or the message was changed.
    #[error("the message was not encrypted to this key, or was changed")]
    Decryption,
}

impl JweError {
    /// The slug of this error, for machines.
    pub fn slug(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "jwe-too-long",
            Self::NotCompact => "jwe-not-compact",
            Self::Header(_) => "jwe-header-json",
            Self::Refused(_) => "jwe-header-refused",
            Self::Missing(_) => "jwe-header-missing",
            Self::Malformed(_) => "jwe-header-malformed",
            Self::UnsupportedAlg(_) => "jwe-alg-unsupported",
            Self::UnsupportedEnc(_) => "jwe-enc-unsupported",
            Self::EphemeralKey(_) => "jwe-epk-refused",
            Self::Key => "jwe-key-unfit",
            Self::Decryption => "jwe-decryption-failed",
        }
    }
}

/// A P-256 secret for decryption, wiped when dropped. Use a fresh one for every request.
#[derive(Clone)]
pub struct DecryptionKey(p256::SecretKey);

impl DecryptionKey {
    /// A key from 32 bytes of entropy or of storage: the scalar. A value out of range (chance 2⁻³²) is refused.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        p256::SecretKey::from_slice(bytes).map(Self).map_err(|_| KeyError::SecretKey)
    }

    /// The secret 32 bytes, to be stored sealed.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes().into())
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        public_key_of(&self.0)
    }

    /// The public half as a JWK to publish: with `alg`, `use` and the given `kid`.
    pub fn to_jwk(&self, kid: &str) -> Jwk {
        Jwk {
            key: self.public_key(),
            kid: Some(kid.to_owned()),
            alg: Some(ALG.to_owned()),
            public_key_use: Some("enc".to_owned()),
        }
    }
}

impl std::fmt::Debug for DecryptionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DecryptionKey of {}", self.public_key())
    }
}

/// To whom and how a message is encrypted.
#[derive(Clone, Copy, Debug)]
pub struct Recipient<'a> {
    /// The reader's public key: P-256; its `alg` and `use`, where present, `ECDH-ES` and `enc`. Its `kid` goes into the header.
    pub jwk: &'a Jwk,
    /// How the content is encrypted: one that the reader supports.
    pub enc: ContentEncryption,
    /// `apu`: agreement information about the sender; may be empty.
    pub apu: &'a [u8],
    /// `apv`: agreement information about the reader; may be empty.
    pub apv: &'a [u8],
}

impl Recipient<'_> {
    /// Encrypts. `entropy` must be fresh: the ephemeral key and the nonce follow from it.
    pub fn encrypt(&self, plaintext: &[u8], entropy: &[u8; 32]) -> Result<String, JweError> {
        let usable = |value: &Option<String>, wanted: &str| value.as_deref().is_none_or(|v| v == wanted);
        if !usable(&self.jwk.alg, ALG) || !usable(&self.jwk.public_key_use, "enc") {
            return Err(JweError::Key);
        }
        if self.apu.len() > MAX_PARTY_INFO_BYTES || self.apv.len() > MAX_PARTY_INFO_BYTES {
            return Err(JweError::Malformed(if self.apu.len() > MAX_PARTY_INFO_BYTES { "apu" } else { "apv" }));
        }
        self.encrypt_with(plaintext, &ephemeral_secret(entropy), &nonce(entropy))
    }

    fn encrypt_with(&self, plaintext: &[u8], ephemeral: &p256::SecretKey, iv: &[u8; 12]) -> Result<String, JweError> {
        let header = serde_json::to_vec(&self.header(&public_key_of(ephemeral))).expect("a JSON map is always JSON");
        let mut token = URL_SAFE_NO_PAD.encode(header);
        let key = agree(ephemeral, &self.jwk.key, self.enc, self.apu, self.apv)?;
        let message = Payload { msg: plaintext, aad: token.as_bytes() };
        let sealed = match self.enc {
            ContentEncryption::A128Gcm => cipher::<Aes128Gcm>(&key).encrypt(iv.into(), message),
            ContentEncryption::A256Gcm => cipher::<Aes256Gcm>(&key).encrypt(iv.into(), message),
        };
        let sealed = sealed.map_err(|_| JweError::TooLong { limit: MAX_JWE_BYTES })?;
        let (ciphertext, tag) = sealed.split_last_chunk::<16>().expect("AES-GCM appends a tag of 16 bytes");
        // The encrypted key, between the two dots, is empty: the agreed key is used directly.
        token.push('.');
        for part in [iv.as_slice(), ciphertext, tag] {
            token.push('.');
            URL_SAFE_NO_PAD.encode_string(part, &mut token);
        }
        if token.len() > MAX_JWE_BYTES {
            return Err(JweError::TooLong { limit: MAX_JWE_BYTES });
        }
        Ok(token)
    }

    fn header(&self, ephemeral: &PublicKey) -> Map<String, Value> {
        let mut map = Map::new();
        map.insert("alg".to_owned(), Value::String(ALG.to_owned()));
        map.insert("enc".to_owned(), Value::String(self.enc.name().to_owned()));
        if let Some(kid) = &self.jwk.kid {
            map.insert("kid".to_owned(), Value::String(kid.clone()));
        }
        map.insert("epk".to_owned(), Jwk::from(*ephemeral).to_value());
        for (name, value) in [("apu", self.apu), ("apv", self.apv)] {
            if !value.is_empty() {
                map.insert(name.to_owned(), Value::String(URL_SAFE_NO_PAD.encode(value)));
            }
        }
        map
    }
}

/// The protected header of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JweHeader {
    /// How the content is encrypted.
    pub enc: ContentEncryption,
    /// The sender's ephemeral P-256 key.
    pub epk: PublicKey,
    /// Which of the reader's keys it is encrypted to.
    pub kid: Option<String>,
    /// Agreement information about the sender, decoded.
    pub apu: Vec<u8>,
    /// Agreement information about the reader, decoded.
    pub apv: Vec<u8>,
}

/// A message that was read and not decrypted yet.
#[derive(Clone, Debug)]
pub struct Encrypted {
    header: JweHeader,
    protected: String,
    iv: [u8; 12],
    sealed: Vec<u8>,
}

impl Encrypted {
    /// Reads a compact JWE.
    pub fn parse(token: &str) -> Result<Self, JweError> {
        if token.len() > MAX_JWE_BYTES {
            return Err(JweError::TooLong { limit: MAX_JWE_BYTES });
        }
        let mut parts = token.split('.');
        let mut next = || parts.next().ok_or(JweError::NotCompact);
        let (protected, encrypted_key, iv, ciphertext, tag) = (next()?, next()?, next()?, next()?, next()?);
        if parts.next().is_some() {
            return Err(JweError::NotCompact);
        }
        if protected.len() > MAX_HEADER_BYTES {
            return Err(JweError::TooLong { limit: MAX_HEADER_BYTES });
        }
        let header = read_header(&decode(protected)?)?;
        if !encrypted_key.is_empty() {
            return Err(JweError::NotCompact);
        }
        let iv = decode(iv)?.try_into().map_err(|_| JweError::NotCompact)?;
        let mut sealed = decode(ciphertext)?;
        let tag: [u8; 16] = decode(tag)?.try_into().map_err(|_| JweError::NotCompact)?;
        sealed.extend_from_slice(&tag);
        Ok(Self { header, protected: protected.to_owned(), iv, sealed })
    }

    /// The header: to find the key by `kid`. Changed headers are noticed by [`Self::decrypt`].
    pub fn header(&self) -> &JweHeader {
        &self.header
    }

    /// Decrypts the content.
    pub fn decrypt(&self, key: &DecryptionKey) -> Result<Zeroizing<Vec<u8>>, JweError> {
        let JweHeader { enc, epk, apu, apv, .. } = &self.header;
        let agreed = agree(&key.0, epk, *enc, apu, apv)?;
        let message = Payload { msg: &self.sealed, aad: self.protected.as_bytes() };
        let iv = &self.iv;
        let opened = match enc {
            ContentEncryption::A128Gcm => cipher::<Aes128Gcm>(&agreed).decrypt(iv.into(), message),
            ContentEncryption::A256Gcm => cipher::<Aes256Gcm>(&agreed).decrypt(iv.into(), message),
        };
        opened.map(Zeroizing::new).map_err(|_| JweError::Decryption)
    }
}

fn decode(part: &str) -> Result<Vec<u8>, JweError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| JweError::NotCompact)
}

fn read_header(bytes: &[u8]) -> Result<JweHeader, JweError> {
    const ACCEPTED: [&str; 8] = ["alg", "enc", "epk", "kid", "apu", "apv", "typ", "cty"];

    let map = &json::parse_object(bytes).map_err(JweError::Header)?;
    if let Some(name) = map.keys().find(|name| !ACCEPTED.contains(&name.as_str())) {
        return Err(JweError::Refused(quote(name)));
    }
    let alg = text(map, "alg")?.ok_or(JweError::Missing("alg"))?;
    if alg != ALG {
        return Err(JweError::UnsupportedAlg(quote(alg)));
    }
    let enc = text(map, "enc")?.ok_or(JweError::Missing("enc"))?;
    let enc = ContentEncryption::from_name(enc).ok_or_else(|| JweError::UnsupportedEnc(quote(enc)))?;
    let epk = Jwk::from_value(map.get("epk").ok_or(JweError::Missing("epk"))?).map_err(JweError::EphemeralKey)?;
    if epk.key.algorithm() != Algorithm::P256 {
        return Err(JweError::Key);
    }
    text(map, "typ")?;
    text(map, "cty")?;
    Ok(JweHeader {
        enc,
        epk: epk.key,
        kid: text(map, "kid")?.map(str::to_owned),
        apu: party_info(map, "apu")?,
        apv: party_info(map, "apv")?,
    })
}

fn text<'a>(map: &'a Map<String, Value>, name: &'static str) -> Result<Option<&'a str>, JweError> {
    match map.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(JweError::Malformed(name)),
    }
}

fn party_info(map: &Map<String, Value>, name: &'static str) -> Result<Vec<u8>, JweError> {
    let Some(text) = text(map, name)? else { return Ok(Vec::new()) };
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| JweError::Malformed(name))?;
    if bytes.len() > MAX_PARTY_INFO_BYTES { Err(JweError::Malformed(name)) } else { Ok(bytes) }
}

fn public_key_of(secret: &p256::SecretKey) -> PublicKey {
    PublicKey::from_bytes(Algorithm::P256, &secret.public_key().to_sec1_bytes())
        .expect("the public half of a secret key is on the curve")
}

/// A scalar from the entropy by rejection: the first hash in range. One try nearly always does.
fn ephemeral_secret(entropy: &[u8; 32]) -> p256::SecretKey {
    (0_u8..=u8::MAX)
        .find_map(|counter| {
            let scalar: Zeroizing<[u8; 32]> = Zeroizing::new(derive(b"yufu/jwe/ephemeral/v1", counter, entropy));
            p256::SecretKey::from_slice(scalar.as_slice()).ok()
        })
        .expect("a hash is out of range with chance 2^-32, 256 hashes never are")
}

fn nonce(entropy: &[u8; 32]) -> [u8; 12] {
    let hash = derive(b"yufu/jwe/nonce/v1", 0, entropy);
    *hash.first_chunk().expect("a SHA-256 hash is longer than a nonce")
}

fn derive(context: &[u8], counter: u8, entropy: &[u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update(context).chain_update([counter]).chain_update(entropy).finalize().into()
}

fn cipher<C: KeyInit>(key: &[u8]) -> C {
    C::new_from_slice(key).expect("the key has the length that its algorithm demands")
}

/// ECDH over P-256, then the Concat KDF.
fn agree(
    secret: &p256::SecretKey,
    public: &PublicKey,
    enc: ContentEncryption,
    apu: &[u8],
    apv: &[u8],
) -> Result<Zeroizing<Vec<u8>>, JweError> {
    if public.algorithm() != Algorithm::P256 {
        return Err(JweError::Key);
    }
    let public = p256::PublicKey::from_sec1_bytes(public.as_bytes()).map_err(|_| JweError::Key)?;
    let shared = secret.diffie_hellman(&public);
    Ok(concat_kdf(shared.raw_secret_bytes(), enc, apu, apv))
}

/// The Concat KDF of NIST SP 800-56A as RFC 7518 section 4.6.2 uses it for direct agreement: one round of SHA-256, since no
/// key is longer than its output.
fn concat_kdf(shared: &[u8], enc: ContentEncryption, apu: &[u8], apv: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut hash = Sha256::new();
    hash.update(1_u32.to_be_bytes());
    hash.update(shared);
    for field in [enc.name().as_bytes(), apu, apv] {
        let length = u32::try_from(field.len()).expect("bounded by MAX_PARTY_INFO_BYTES");
        hash.update(length.to_be_bytes());
        hash.update(field);
    }
    hash.update((u32::from(enc.key_bytes()) * 8).to_be_bytes());
    let mut key = Zeroizing::new(hash.finalize().to_vec());
    key.truncate(enc.key_bytes().into());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coordinates(x: &str, y: &str) -> PublicKey {
        Jwk::from_value(&serde_json::json!({"kty": "EC", "crv": "P-256", "x": x, "y": y})).unwrap().key
    }

    fn secret(d: &str) -> p256::SecretKey {
        p256::SecretKey::from_slice(&URL_SAFE_NO_PAD.decode(d).unwrap()).unwrap()
    }

    /// RFC 7518 appendix C: Alice's ephemeral key, Bob's key, the derived key, from both sides.
    #[test]
    fn agrees_on_the_key_of_rfc_7518() {
        let alice = secret("0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo");
        let bob = secret("VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw");
        let alices = coordinates("gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0", "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps");
        let bobs = coordinates("weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ", "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck");
        assert_eq!((public_key_of(&alice), public_key_of(&bob)), (alices, bobs));
        for (secret, public) in [(alice, bobs), (bob, alices)] {
            let key = agree(&secret, &public, ContentEncryption::A128Gcm, b"Alice", b"Bob").unwrap();
            assert_eq!(URL_SAFE_NO_PAD.encode(key.as_slice()), "VqqN6vgjbSBcIijNcacQGg");
        }
    }

    #[test]
    fn the_agreed_key_depends_on_every_input() {
        let derive = |shared: u8, enc, apu: &[u8], apv: &[u8]| concat_kdf(&[shared; 32], enc, apu, apv).to_vec();
        let enc = ContentEncryption::A256Gcm;
        let key = derive(1, enc, b"ab", b"c");
        assert_eq!(key.len(), 32);
        assert_ne!(key, derive(2, enc, b"ab", b"c"));
        assert_ne!(key, derive(1, enc, b"a", b"bc"));
        assert_ne!(key.get(..16), Some(&derive(1, ContentEncryption::A128Gcm, b"ab", b"c")[..]));
    }
}
