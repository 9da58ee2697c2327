//! Compact signatures that must verify, and the plain ways in which they must not.

use identity::Algorithm;
use identity::jose::jws::{JwsAlg, JwsError, JwsHeader, Parsed, Policy, Presence, Typ, sign_compact};
use identity::jose::{Jwk, jwk};
use serde_json::{Value, json};

use crate::authority::{Authority, short_chain};
use crate::{NOW, secret};

/// For the RFCs' own examples, which have no `typ`.
const ANY: Policy = Policy { typ: Typ::Any, algs: JwsAlg::ALL, jwk: Presence::Refused, x5c: Presence::Refused, max_bytes: 4096 };

fn key(value: Value) -> identity::PublicKey {
    Jwk::from_value(&value).unwrap().key
}

#[test]
fn the_es256_example_of_rfc_7515_verifies() {
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl\
                 fQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let key = key(json!({"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}));
    let verified = Parsed::parse(token, &ANY).unwrap().verify(&key).unwrap();
    assert_eq!(verified.alg, JwsAlg::Es256);
    assert_eq!(verified.claims().unwrap()["iss"], "joe");
}

#[test]
fn the_eddsa_example_of_rfc_8037_verifies_and_is_what_we_sign() {
    let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4i\
                 ylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let seed = [
        0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69,
        0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
    ];
    let signer = identity::SecretKey::from_bytes(Algorithm::Ed25519, &seed).unwrap();
    assert_eq!(sign_compact(&signer, &JwsHeader::default(), b"Example of Ed25519 signing"), token);
    let verified = Parsed::parse(token, &ANY).unwrap().verify(&signer.public_key()).unwrap();
    assert_eq!(verified.payload, b"Example of Ed25519 signing");
    assert_eq!(verified.claims().unwrap_err().slug(), "jws-payload-json");
}

#[test]
fn the_fully_specified_name_of_rfc_9864_is_the_same_algorithm() {
    let signer = secret(Algorithm::Ed25519, 9);
    let token = crate::hostile::sign_raw(&signer, br#"{"alg":"Ed25519","typ":"kb+jwt"}"#, b"{}");
    let parsed = Parsed::parse(&token, &Policy::KEY_BINDING).unwrap();
    assert_eq!(parsed.alg(), JwsAlg::Ed25519);
    assert!(parsed.verify(&signer.public_key()).is_ok());
}

/// Another library's signatures: ES256 ones have a high S half of the time, which RFC 7518 allows.
#[test]
fn every_token_of_another_library_verifies() {
    let theirs: Value = serde_json::from_str(include_str!("../../vectors/jose_theirs.json")).unwrap();
    let rows = theirs["signed"].as_array().unwrap();
    assert_eq!(rows.len(), 16);
    let mut strict = 0;
    for row in rows {
        let key = key(theirs["keys"][row["alg"].as_str().unwrap()]["jwk"].clone());
        let token = row["token"].as_str().unwrap();
        let parsed = Parsed::parse(token, &Policy::KEY_BINDING).unwrap();
        assert_eq!(parsed.header().kid.as_deref(), Some("theirs"));
        assert_eq!(parsed.verify(&key).unwrap().claims().unwrap()["number"], row["number"]);
        let (input, signature) = token.rsplit_once('.').unwrap();
        let bytes = data_encoding::BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap().try_into().unwrap();
        let signature = identity::Signature { algorithm: key.algorithm(), bytes };
        strict += usize::from(key.verify(input.as_bytes(), &signature).is_ok());
    }
    assert!(strict < 16, "no vector has a high S: write them anew");
}

/// What `vectors/jose_interop.py check` opens with jwcrypto is what we write today.
#[test]
fn our_tokens_are_those_that_another_library_was_shown() {
    let ours: Value = serde_json::from_str(include_str!("../../vectors/jose_ours.json")).unwrap();
    for row in ours["signed"].as_array().unwrap() {
        let signer = match row["alg"].as_str().unwrap() {
            "ES256" => secret(Algorithm::P256, 0x11),
            _ => secret(Algorithm::Ed25519, 0x22),
        };
        let header = JwsHeader { kid: Some(jwk::thumbprint_text(&signer.public_key())), ..JwsHeader::typ("kb+jwt") };
        let payload = row["payload"].as_str().unwrap();
        assert_eq!(sign_compact(&signer, &header, payload.as_bytes()), row["token"], "{payload}");
    }
}

#[test]
fn a_proof_verifies_with_the_key_that_it_brings() {
    for algorithm in [Algorithm::Ed25519, Algorithm::P256] {
        let signer = secret(algorithm, 5);
        let header = JwsHeader { jwk: Some(signer.public_key().into()), ..JwsHeader::typ("openid4vci-proof+jwt") };
        let token = sign_compact(&signer, &header, br#"{"aud":"issuer","nonce":"n"}"#);
        let parsed = Parsed::parse(&token, &Policy::KEY_PROOF).unwrap();
        assert_eq!(parsed.unverified_payload(), br#"{"aud":"issuer","nonce":"n"}"#);
        let (verified, jwk) = parsed.verify_with_embedded_key().unwrap();
        assert_eq!(jwk.key, signer.public_key());
        assert_eq!(verified.claims().unwrap()["nonce"], "n");
    }
}

#[test]
fn a_request_verifies_with_its_chain_and_not_for_those_who_do_not_trust_the_root() {
    let (root, stranger) = (Authority::root("City"), Authority::root("City"));
    let signer = secret(Algorithm::P256, 5);
    let chain = short_chain(&root, signer.public_key());
    let header = JwsHeader { x5c: Some(chain), ..JwsHeader::typ("oauth-authz-req+jwt") };
    let token = sign_compact(&signer, &header, b"{}");
    let parse = || Parsed::parse(&token, &Policy::REQUEST_OBJECT).unwrap();
    let (verified, certificate) = parse().verify_with_chain(&root.anchors(), NOW).unwrap();
    assert_eq!(certificate.public_key, signer.public_key());
    assert_eq!(verified.header.x5c.unwrap().leaf_sha256(), certificate.sha256);
    assert!(matches!(parse().verify_with_chain(&stranger.anchors(), NOW), Err(JwsError::Chain(_))));
    assert!(matches!(parse().verify_with_chain(&Default::default(), NOW), Err(JwsError::Chain(_))));
}

#[test]
fn ignored_keys_in_the_header_stay_unread_among_the_others() {
    let known = Policy { jwk: Presence::Ignored, x5c: Presence::Ignored, ..ANY };
    let signer = secret(Algorithm::P256, 5);
    let mut header = JwsHeader::default();
    header.other.insert("jwk".to_owned(), json!({"kty": "RSA"}));
    header.other.insert("x5c".to_owned(), json!(["not a certificate"]));
    let token = sign_compact(&signer, &header, b"{}");
    let parsed = Parsed::parse(&token, &known).unwrap();
    assert_eq!(parsed.header(), &header);
    assert_eq!(parsed.clone().verify_with_embedded_key().unwrap_err(), JwsError::Missing("jwk"));
    assert_eq!(parsed.clone().verify_with_chain(&Default::default(), NOW).unwrap_err(), JwsError::Missing("x5c"));
    assert!(parsed.verify(&signer.public_key()).is_ok());
}

#[test]
fn the_headers_own_members_win_over_others_of_the_same_name() {
    let signer = secret(Algorithm::P256, 5);
    let mut header = JwsHeader::typ("kb+jwt");
    header.other.insert("alg".to_owned(), json!("none"));
    header.other.insert("nonce".to_owned(), json!("n"));
    let token = sign_compact(&signer, &header, b"{}");
    let verified = Parsed::parse(&token, &Policy::KEY_BINDING).unwrap().verify(&signer.public_key()).unwrap();
    assert_eq!(verified.alg, JwsAlg::Es256);
    assert_eq!(verified.header.other, json!({"nonce": "n"}).as_object().unwrap().clone());
}

#[test]
fn a_wrong_key_and_a_key_of_another_kind_are_refused() {
    let signer = secret(Algorithm::P256, 5);
    let token = sign_compact(&signer, &JwsHeader::typ("kb+jwt"), b"{}");
    let verify = |key: identity::SecretKey| {
        Parsed::parse(&token, &Policy::KEY_BINDING).unwrap().verify(&key.public_key()).map(|_| ()).unwrap_err()
    };
    assert_eq!(verify(secret(Algorithm::P256, 6)), JwsError::BadSignature);
    assert_eq!(verify(secret(Algorithm::Ed25519, 5)), JwsError::AlgKeyMismatch);
}

#[test]
fn a_policy_that_names_fewer_algorithms_refuses_the_others() {
    let only_es256 = Policy { algs: &[JwsAlg::Es256], ..Policy::KEY_BINDING };
    let token = sign_compact(&secret(Algorithm::Ed25519, 5), &JwsHeader::typ("kb+jwt"), b"{}");
    assert_eq!(Parsed::parse(&token, &only_es256).unwrap_err(), JwsError::UnsupportedAlg("EdDSA".to_owned()));
}

#[test]
fn every_changed_byte_of_a_token_is_noticed() {
    let signer = secret(Algorithm::P256, 5);
    let token = sign_compact(&signer, &JwsHeader::typ("kb+jwt"), br#"{"nonce":"abc"}"#);
    for position in 0..token.len() {
        for with in [b'A', b'.', b'_', b'=', b'\n'] {
            let mut bytes = token.clone().into_bytes();
            if bytes[position] == with {
                continue;
            }
            bytes[position] = with;
            let changed = String::from_utf8(bytes).unwrap();
            let accepted = Parsed::parse(&changed, &Policy::KEY_BINDING).and_then(|p| p.verify(&signer.public_key()));
            assert!(accepted.is_err(), "{changed}");
        }
    }
}
