//! Makes SD-JWTs from raw JSON text, so that wrong ones can be made too. It shares no code with the issuer under test but
//! keys and base64url.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identity::jose::Jwk;
use identity::{Algorithm, SecretKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The time of the checks: 2025-11-20.
pub(crate) const NOW: i64 = 1_763_600_000;
pub(crate) const NONCE: &str = "n-0S6_WzA2Mj";
pub(crate) const AUD: &str = "x509_hash:verifier";

pub(crate) fn issuer() -> SecretKey {
    SecretKey::from_bytes(Algorithm::P256, &[7; 32]).expect("in range")
}

pub(crate) fn holder() -> SecretKey {
    SecretKey::from_bytes(Algorithm::P256, &[9; 32]).expect("in range")
}

pub(crate) fn stranger() -> SecretKey {
    SecretKey::from_bytes(Algorithm::P256, &[11; 32]).expect("in range")
}

pub(crate) fn ed25519() -> SecretKey {
    SecretKey::from_bytes(Algorithm::Ed25519, &[13; 32]).expect("any bytes are a key")
}

pub(crate) fn jwk(key: &SecretKey) -> Value {
    Jwk::from(key.public_key()).to_value()
}

pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A disclosure from the text of its JSON.
pub(crate) fn disclosure(json: &str) -> String {
    base64url(json)
}

pub(crate) fn digest(disclosure: &str) -> String {
    base64url(Sha256::digest(disclosure))
}

/// A compact JWS over raw texts.
pub(crate) fn jws(header: &str, payload: &str, key: &SecretKey) -> String {
    let input = format!("{}.{}", base64url(header), base64url(payload));
    let signature = key.sign(input.as_bytes());
    format!("{input}.{}", base64url(signature.bytes))
}

pub(crate) const HEADER: &str = r#"{"alg":"ES256","typ":"example+sd-jwt"}"#;

/// An SD-JWT of the usual issuer from the texts of its payload and of its encoded disclosures.
pub(crate) fn sd_jwt(payload: &str, disclosures: &[String]) -> String {
    joined(&jws(HEADER, payload, &issuer()), disclosures)
}

pub(crate) fn joined(jwt: &str, disclosures: &[String]) -> String {
    let mut text = format!("{jwt}~");
    for disclosure in disclosures {
        text.push_str(disclosure);
        text.push('~');
    }
    text
}

/// A request for an SD-JWT without key binding.
pub(crate) fn request(sd_jwt: &str) -> Value {
    json!({ "sd_jwt": sd_jwt, "issuer_jwk": jwk(&issuer()), "now": NOW, "require_kb": false, "nonce": null, "aud": null })
}

/// A request for a presentation with key binding.
pub(crate) fn bound_request(presentation: &str) -> Value {
    json!({ "sd_jwt": presentation, "issuer_jwk": jwk(&issuer()), "now": NOW, "require_kb": true, "nonce": NONCE, "aud": AUD })
}

/// What a key binding JWT is made of; the defaults are right.
pub(crate) struct Binding {
    pub(crate) header: String,
    pub(crate) iat: Value,
    pub(crate) aud: Value,
    pub(crate) nonce: Value,
    pub(crate) sd_hash: Option<Value>,
    pub(crate) key: SecretKey,
    pub(crate) extra: &'static str,
}

impl Default for Binding {
    fn default() -> Self {
        Self {
            header: r#"{"alg":"ES256","typ":"kb+jwt"}"#.to_owned(),
            iat: json!(NOW - 2),
            aud: json!(AUD),
            nonce: json!(NONCE),
            sd_hash: None,
            key: holder(),
            extra: "",
        }
    }
}

impl Binding {
    /// The SD-JWT with the key binding JWT. A claim that is null is left out.
    pub(crate) fn bind(&self, sd_jwt: &str) -> String {
        let sd_hash = self.sd_hash.clone().unwrap_or_else(|| digest(sd_jwt).into());
        let claims = [("iat", &self.iat), ("aud", &self.aud), ("nonce", &self.nonce), ("sd_hash", &sd_hash)];
        let members: Vec<String> =
            claims.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| format!("\"{name}\":{value}")).collect();
        let payload = format!("{{{}{}}}", members.join(","), self.extra);
        format!("{sd_jwt}{}", jws(&self.header, &payload, &self.key))
    }
}

/// A plain SD-JWT with one disclosure, bound to the holder's key.
pub(crate) fn bindable() -> (String, Vec<String>) {
    let name = disclosure(r#"["salt-salt-salt-salt-aa","given_name","Hua"]"#);
    let age = disclosure(r#"["salt-salt-salt-salt-bb","age",36]"#);
    let payload = json!({
        "iss": "https://issuer.example",
        "exp": NOW + 1000,
        "cnf": { "jwk": jwk(&holder()) },
        "_sd": [digest(&name), digest(&age)],
    });
    let disclosures = vec![name, age];
    (sd_jwt(&payload.to_string(), &disclosures), disclosures)
}
