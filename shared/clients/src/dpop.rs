//! Proofs that a token's holder has the key that the token is bound to: DPoP (RFC 9449).
//!
//! A proof is made for one request and never again: its `jti` is random, and method and address are in it. Servers may ask for a
//! nonce in it; whoever sends remembers the last one of each server.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identity::jose::Jwk;
use identity::jose::jws::{self, JwsHeader};
use identity::keys::SecretKey;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use url::Url;

use crate::environment::Environment;

/// `typ` of a proof (section 4.2).
const TYPE: &str = "dpop+jwt";
/// The header that carries a proof.
pub const HEADER: &str = "DPoP";
/// The header in which a server gives a nonce (section 8).
pub const NONCE_HEADER: &str = "DPoP-Nonce";
/// The error by which a server asks for a nonce.
pub const USE_NONCE: &str = "use_dpop_nonce";
/// Bytes of a server's nonce at most.
const MAX_NONCE_BYTES: usize = 512;

/// What a proof is for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The HTTP method.
    pub method: &'a str,
    /// The address; query and fragment are left out of the proof.
    pub url: &'a Url,
    /// The access token that goes with it, at a resource.
    pub access_token: Option<&'a str>,
    /// The server's nonce.
    pub nonce: Option<&'a str>,
}

/// A proof for this request (section 4.2).
pub fn proof(key: &SecretKey, request: &Request<'_>, environment: &Environment) -> String {
    let mut address = request.url.clone();
    address.set_query(None);
    address.set_fragment(None);
    let mut claims = Map::new();
    let mut insert = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    insert("jti", environment.random.token().into());
    insert("htm", request.method.into());
    insert("htu", address.as_str().into());
    insert("iat", environment.now().into());
    if let Some(token) = request.access_token {
        insert("ath", URL_SAFE_NO_PAD.encode(Sha256::digest(token.as_bytes())).into());
    }
    if let Some(nonce) = request.nonce {
        insert("nonce", nonce.into());
    }
    let header = JwsHeader { jwk: Some(Jwk::from(key.public_key())), ..JwsHeader::typ(TYPE) };
    jws::sign_compact(key, &header, Value::Object(claims).to_string().as_bytes())
}

/// The nonce in an answer's header: printable ASCII without quotes, and not too long (section 8.1).
pub(crate) fn nonce_of(headers: &reqwest::header::HeaderMap) -> Option<String> {
    let nonce = headers.get(NONCE_HEADER)?.to_str().ok()?;
    let allowed = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
    (!nonce.is_empty() && nonce.len() <= MAX_NONCE_BYTES && nonce.bytes().all(allowed)).then(|| nonce.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::{Clock, Random};
    use identity::jose::jws::{Parsed, Policy};
    use identity::keys::Algorithm;

    /// SEC-P4: a proof names method, address without query, token and nonce, and no two proofs are the same.
    #[test]
    fn a_proof_is_for_one_request_of_one_token() {
        let environment = Environment { clock: Clock::manual(1000), random: Random::from_os_seed([1; 32]) };
        let key = SecretKey::from_bytes(Algorithm::P256, &[5; 32]).unwrap();
        let url: Url = "https://a.example/credential?x=1#y".parse().unwrap();
        let request = Request { method: "POST", url: &url, access_token: Some("token"), nonce: Some("n1") };
        let read = || {
            let proof = proof(&key, &request, &environment);
            let (verified, jwk) = Parsed::parse(&proof, &Policy::DPOP).unwrap().verify_with_embedded_key().unwrap();
            assert_eq!(jwk.key, key.public_key());
            verified.claims().unwrap()
        };
        let (first, second) = (read(), read());
        assert_ne!(first["jti"], second["jti"]);
        let expected = [
            ("htm", "POST".into()),
            ("htu", "https://a.example/credential".into()),
            ("iat", 1000.into()),
            // printf token | sha256sum, in base64url
            ("ath", "PEaenWxYddN6Q_NT1PiOYfz4EsZu7jRXRlpAsNpBU-A".into()),
            ("nonce", Value::from("n1")),
        ];
        for (name, value) in expected {
            assert_eq!(first[name], value, "{name}");
        }
    }
}
