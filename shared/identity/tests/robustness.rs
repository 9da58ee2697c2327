//! No parser of this crate panics, hangs or recurses without end, whatever it is given: arbitrary bytes, arbitrary JSON with the
//! right names in it, and good messages with a few bytes changed. `PROPTEST_CASES=100000` looks longer.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::sync::LazyLock;

use data_encoding::BASE64URL_NOPAD;
use identity::jose::jwe::{ContentEncryption, DecryptionKey, Encrypted, Recipient};
use identity::jose::jws::{JwsAlg, JwsHeader, Parsed, Policy, Presence, Typ, sign_compact};
use identity::jose::{Chain, Jwk, TrustAnchors};
use identity::sd_jwt::{Held, SdJwt, verify_request};
use identity::status_list::{StatusList, StatusReference};
use identity::{Algorithm, Did, PublicKey, SecretKey, Signature, canonical, dcql, did, json};
use proptest::prelude::*;
use serde_json::{Map, Value};

/// Reads whatever has a header that fits at least here.
const LENIENT: Policy =
    Policy { typ: Typ::Any, algs: JwsAlg::ALL, jwk: Presence::Optional, x5c: Presence::Optional, max_bytes: 1 << 20 };

const POLICIES: [Policy; 7] = [
    LENIENT,
    Policy::REQUEST_OBJECT,
    Policy::KEY_PROOF,
    Policy::DPOP,
    Policy::SD_JWT_VC,
    Policy::KEY_BINDING,
    Policy::STATUS_LIST,
];

const NOW: i64 = 1_800_000_000;

fn signer() -> SecretKey {
    SecretKey::from_bytes(Algorithm::P256, &[3; 32]).unwrap()
}

struct Certificates {
    root: Vec<u8>,
    leaf: Vec<u8>,
}

static CERTIFICATES: LazyLock<Certificates> = LazyLock::new(|| {
    let (root_key, leaf_key) = (rcgen::KeyPair::generate().unwrap(), rcgen::KeyPair::generate().unwrap());
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root = params.self_signed(&root_key).unwrap().der().to_vec();
    let issuer = rcgen::Issuer::new(params, root_key);
    let mut params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, "Leaf");
    params.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    let leaf = params.signed_by(&leaf_key, &issuer).unwrap().der().to_vec();
    Certificates { root, leaf }
});

/// A name that some parser looks for, or any other.
fn name() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "alg",
        "typ",
        "kid",
        "jwk",
        "x5c",
        "crit",
        "kty",
        "crv",
        "x",
        "y",
        "d",
        "use",
        "enc",
        "epk",
        "apu",
        "apv",
        "_sd",
        "_sd_alg",
        "...",
        "cnf",
        "iss",
        "exp",
        "nbf",
        "iat",
        "nonce",
        "aud",
        "sd_hash",
        "status",
        "status_list",
        "idx",
        "uri",
        "bits",
        "lst",
        "credentials",
        "credential_sets",
        "id",
        "format",
        "meta",
        "vct_values",
        "claims",
        "path",
        "values",
        "options",
        "required",
        "claim_sets",
        "multiple",
        "trusted_authorities",
        "type",
        "sd_jwt",
        "issuer_jwk",
        "now",
        "require_kb",
    ]);
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => ".{0,8}"]
}

fn text() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "ES256",
        "EdDSA",
        "Ed25519",
        "none",
        "ECDH-ES",
        "A128GCM",
        "EC",
        "OKP",
        "P-256",
        "kb+jwt",
        "dc+sd-jwt",
        "sha-256",
        "sig",
        "enc",
        "oauth-authz-req+jwt",
        "AAAA",
        "eJwDAAAAAAE",
        "urn:example:vct",
        "aki",
    ]);
    prop_oneof![
        3 => known.prop_map(str::to_owned),
        1 => ".{0,40}",
        1 => prop::collection::vec(any::<u8>(), 0..64).prop_map(|bytes| BASE64URL_NOPAD.encode(&bytes)),
        1 => prop::collection::vec(any::<u8>(), 32).prop_map(|bytes| BASE64URL_NOPAD.encode(&bytes)),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0_u64..10).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::vec((name(), inner), 0..6).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn object() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::vec((name(), value()), 0..8).prop_map(|members| members.into_iter().collect())
}

/// Places to change and what to write there.
fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, Option<u8>)>> {
    prop::collection::vec((any::<prop::sample::Index>(), prop::option::of(any::<u8>())), 1..6)
}

/// Writes or removes single bytes.
fn changed(original: &[u8], changes: &[(prop::sample::Index, Option<u8>)]) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for (index, byte) in changes {
        if bytes.is_empty() {
            break;
        }
        let position = index.index(bytes.len());
        match (byte, bytes.get_mut(position)) {
            (Some(byte), Some(place)) => *place = *byte,
            (None, _) | (_, None) => drop(bytes.remove(position)),
        }
    }
    bytes
}

/// Offers a text to every parser of texts.
fn read_text(text: &str) {
    for policy in &POLICIES {
        if let Ok(parsed) = Parsed::parse(text, policy) {
            drop(parsed.clone().verify_with_chain(&TrustAnchors::default(), NOW));
            drop(parsed.verify_with_embedded_key());
        }
    }
    if let Ok(message) = Encrypted::parse(text) {
        drop(message.decrypt(&DecryptionKey::from_bytes(&[1; 32]).unwrap()));
    }
    if let Ok(held) = Held::open(text) {
        let paths: Vec<_> = held.disclosable().cloned().collect();
        drop(held.present(&paths));
    }
    drop(SdJwt::parse(text));
    drop(verify_request(text));
    drop(text.parse::<Did>());
    let _ = text.parse::<PublicKey>();
    drop(text.parse::<did::Network>());
    drop(Chain::from_pem(text));
    drop(TrustAnchors::from_pem(text));
    read_bytes(text.as_bytes());
}

/// Offers bytes to every parser of bytes.
fn read_bytes(bytes: &[u8]) {
    drop(json::parse_strict(bytes));
    drop(dcql::Query::parse(bytes));
    drop(canonical::decode::<did::Inception>(bytes, 1 << 16));
    drop(canonical::decode::<identity::Localized>(bytes, 1 << 16));
    drop(canonical::decode::<Signature>(bytes, 1 << 16));
    let _ = PublicKey::from_bytes(Algorithm::P256, bytes);
    let _ = PublicKey::from_bytes(Algorithm::Ed25519, bytes);
    read_certificate(bytes);
}

fn read_certificate(der: &[u8]) {
    if let Ok(chain) = Chain::from_der(vec![der.to_vec()]) {
        drop(chain.unverified_leaf());
        drop(chain.authority_key_ids());
        drop(chain.verify(&TrustAnchors::from_der([CERTIFICATES.root.clone()]).unwrap(), NOW));
    }
    if let Ok(anchors) = TrustAnchors::from_der([der.to_vec()]) {
        drop(Chain::from_der(vec![CERTIFICATES.leaf.clone()]).unwrap().verify(&anchors, NOW));
    }
}

/// Offers a JSON value to every reader of values.
fn read_value(value: &Value) {
    drop(Jwk::from_value(value));
    drop(Chain::from_x5c(value));
    drop(StatusReference::from_claim(value));
    drop(StatusList::from_value(value, 1 << 20));
    drop(dcql::VpToken::from_value(value));
    drop(dcql::Query::from_value(value.clone()));
    drop(serde_json::from_value::<Jwk>(value.clone()));
    drop(serde_json::from_value::<Signature>(value.clone()));
}

proptest! {
    #[test]
    fn arbitrary_texts_and_bytes_never_panic(text in ".{0,300}", bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read_text(&text);
        read_bytes(&bytes);
    }

    #[test]
    fn texts_of_the_letters_of_tokens_never_panic(text in "[A-Za-z0-9_.~-]{0,200}", json in "[\\[\\]{}\",:a-e0-9.\\\\-]{0,100}") {
        read_text(&text);
        read_text(&json);
    }

    #[test]
    fn arbitrary_json_never_panics(value in value(), object in object()) {
        read_value(&value);
        read_value(&Value::Object(object));
        read_text(&value.to_string());
    }

    /// Headers and payloads of any shape, truly signed, so that the code behind the signature check is reached.
    #[test]
    fn signed_tokens_of_any_shape_never_panic(header in object(), payload in object(), disclosures in prop::collection::vec(value(), 0..4)) {
        let header = JwsHeader { typ: Some("kb+jwt".to_owned()), other: header, ..JwsHeader::default() };
        let token = sign_compact(&signer(), &header, Value::Object(payload).to_string().as_bytes());
        read_text(&token);
        let disclosures: Vec<String> = disclosures.iter().map(|d| BASE64URL_NOPAD.encode(d.to_string().as_bytes())).collect();
        let sd_jwt = format!("{token}~{}~", disclosures.join("~"));
        read_text(&sd_jwt);
        read_text(&format!("{sd_jwt}{token}"));
        let jwk = Jwk::from(signer().public_key()).to_value();
        read_text(&serde_json::json!({"sd_jwt": sd_jwt, "issuer_jwk": jwk, "now": NOW}).to_string());
    }

    #[test]
    fn encrypted_messages_with_any_header_never_panic(header in object(), text in "[A-Za-z0-9_-]{0,60}") {
        let header = BASE64URL_NOPAD.encode(Value::Object(header).to_string().as_bytes());
        read_text(&format!("{header}..AAAAAAAAAAAAAAAA.{text}.AAAAAAAAAAAAAAAAAAAAAA"));
    }

    #[test]
    fn good_tokens_with_changed_bytes_never_panic(changes in changes()) {
        let header = JwsHeader { jwk: Some(signer().public_key().into()), ..JwsHeader::typ("openid4vci-proof+jwt") };
        let token = sign_compact(&signer(), &header, br#"{"aud":"a","_sd":["x"],"cnf":{"jwk":{}}}"#);
        let reader = DecryptionKey::from_bytes(&[1; 32]).unwrap().to_jwk("k");
        let recipient = Recipient { jwk: &reader, enc: ContentEncryption::A128Gcm, apu: b"a", apv: b"b" };
        let message = recipient.encrypt(b"text", &[5; 32]).unwrap();
        for original in [token, message] {
            read_text(&String::from_utf8_lossy(&changed(original.as_bytes(), &changes)));
        }
    }

    #[test]
    fn certificates_with_changed_bytes_never_panic(changes in changes(), end in any::<prop::sample::Index>()) {
        for original in [&CERTIFICATES.leaf, &CERTIFICATES.root] {
            let changed = changed(original, &changes);
            read_certificate(&changed);
            read_certificate(changed.get(..end.index(changed.len())).unwrap_or_default());
        }
    }
}

#[test]
fn deep_and_long_input_is_refused_at_once() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("{\"_sd\":[", "]}")] {
        for depth in [50, 10_000, 200_000] {
            let text = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            read_text(&text);
            let token = format!("{}.{}.{}", BASE64URL_NOPAD.encode(text.as_bytes()), "e30", "A".repeat(86));
            read_text(&token);
            read_text(&format!("{token}~{}~", BASE64URL_NOPAD.encode(text.as_bytes())));
        }
    }
    for separator in [".", "~", ":", ",", "[", "-----BEGIN CERTIFICATE-----\n"] {
        read_text(&separator.repeat(100_000));
    }
}
