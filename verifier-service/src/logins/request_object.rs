//! The signed request object (OpenID4VP 1.0 section 5; HAIP 1.0 section 5.1): ES256, `x5c` without the trust anchor, client
//! identifier `x509_hash` (section 5.9.3), `direct_post.jwt` to a key of its own, DCQL.

use identity::dcql::Query;
use identity::jose::jwe::ContentEncryption;
use identity::jose::jws::{self, JwsHeader};
use identity::jose::{Chain, Jwk};
use identity::keys::SecretKey;
use serde_json::{Value, json};
use url::Url;
use wire::oid4vp::{
    ClientMetadata, REQUEST_OBJECT_TYPE, Registration, RequestObject, SELF_ISSUED_AUDIENCE, VerifierInfo, YUFU_REGISTRATION,
};

/// Longest nonce of a wallet, in bytes; ASCII URL-safe characters only.
const MAX_WALLET_NONCE_BYTES: usize = 256;

/// What the requests of one party have in common.
pub struct Signing<'a> {
    /// The key of the certificate; P-256.
    pub signer: &'a SecretKey,
    /// The certificate and its intermediates, without the trust anchor.
    pub chain: &'a Chain,
    /// `x509_hash:…`.
    pub client_id: &'a str,
}

/// One request.
pub struct Request<'a> {
    /// Where the answer goes.
    pub response_uri: &'a Url,
    /// Fresh.
    pub nonce: &'a str,
    /// Opaque to the wallet.
    pub state: &'a str,
    /// When it was made.
    pub issued_at: i64,
    /// When it ends.
    pub expires_at: i64,
    /// What is asked for.
    pub query: &'a Query,
    /// Where the answer is encrypted to.
    pub encryption_key: Jwk,
    /// Who asks and why, and the candidates of the match code.
    pub registration: Registration,
    /// The wallet's own nonce, to be repeated (section 5.10).
    pub wallet_nonce: Option<&'a str>,
}

/// Whether a wallet's nonce can be repeated in a request object.
pub fn is_wallet_nonce(nonce: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'=' | b'+' | b'/');
    !nonce.is_empty() && nonce.len() <= MAX_WALLET_NONCE_BYTES && nonce.bytes().all(allowed)
}

impl Request<'_> {
    /// The claims.
    pub fn claims(&self, client_id: &str) -> Value {
        let encryptions = ContentEncryption::ALL.iter().map(|enc| enc.name().to_owned()).collect();
        let object = RequestObject {
            response_type: "vp_token".to_owned(),
            response_mode: "direct_post.jwt".to_owned(),
            client_id: client_id.to_owned(),
            response_uri: self.response_uri.to_string(),
            aud: SELF_ISSUED_AUDIENCE.to_owned(),
            nonce: self.nonce.to_owned(),
            state: self.state.to_owned(),
            iat: self.issued_at,
            exp: self.expires_at,
            dcql_query: self.query.to_value(),
            client_metadata: ClientMetadata {
                jwks: json!({ "keys": [self.encryption_key.to_value()] }),
                encrypted_response_enc_values_supported: encryptions,
                // Issuers and holders may use EdDSA too; HAIP asks for ES256 (appendix B.3.4 of OpenID4VP for the names).
                vp_formats_supported: json!({
                    "dc+sd-jwt": { "sd-jwt_alg_values": ["ES256", "Ed25519"], "kb-jwt_alg_values": ["ES256", "Ed25519"] }
                }),
            },
            verifier_info: vec![VerifierInfo {
                format: YUFU_REGISTRATION.to_owned(),
                data: serde_json::to_value(&self.registration).expect("a registration is names and codes"),
            }],
        };
        let mut claims = serde_json::to_value(&object).expect("a request object is always JSON");
        if let (Some(nonce), Some(members)) = (self.wallet_nonce, claims.as_object_mut()) {
            members.insert("wallet_nonce".to_owned(), nonce.into());
        }
        claims
    }

    /// The signed request object.
    pub fn sign(&self, signing: &Signing<'_>) -> String {
        let header = JwsHeader { x5c: Some(signing.chain.clone()), ..JwsHeader::typ(REQUEST_OBJECT_TYPE) };
        let payload = serde_json::to_vec(&self.claims(signing.client_id)).expect("a JSON value is always JSON");
        jws::sign_compact(signing.signer, &header, &payload)
    }
}

/// The link that a wallet opens (section 5.4; `request_uri_method` of section 5.1). Wallets that do not know `post` use GET.
pub fn link(client_id: &str, request_uri: &Url) -> String {
    let mut link = Url::parse("openid4vp://").expect("a literal");
    link.query_pairs_mut()
        .append_pair("client_id", client_id)
        .append_pair("request_uri", request_uri.as_str())
        .append_pair("request_uri_method", "post");
    link.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_is_one_that_wallets_read() {
        let uri: Url = "https://tax.example/requests/abc".parse().unwrap();
        let text = link("x509_hash:abc", &uri);
        let parsed: wire::link::Link = text.parse().unwrap();
        let expected = wire::link::Link::PresentationRequest { client_id: "x509_hash:abc".into(), request_uri: uri, post: true };
        assert_eq!(parsed, expected, "{text}");
    }

    #[test]
    fn a_wallet_nonce_is_short_and_plain() {
        assert!(is_wallet_nonce("qPmxiNFCR3QTm19POc8u"));
        assert!(!is_wallet_nonce(""));
        assert!(!is_wallet_nonce("a b"));
        assert!(!is_wallet_nonce("\"}"));
        assert!(!is_wallet_nonce(&"a".repeat(257)));
    }
}
