//! Public keys as JSON.

use identity::Algorithm;
use identity::jose::{Jwk, JwkError, jwk};
use serde_json::{Value, json};

use crate::secret;

fn read(value: &Value) -> Result<Jwk, JwkError> {
    Jwk::from_value(value)
}

fn p256() -> Value {
    Jwk::from(secret(Algorithm::P256, 0x11).public_key()).to_value()
}

fn with(mut value: Value, name: &str, member: Value) -> Value {
    value.as_object_mut().unwrap().insert(name.to_owned(), member);
    value
}

#[test]
fn a_key_comes_back_from_its_json_with_its_hints() {
    for algorithm in [Algorithm::Ed25519, Algorithm::P256] {
        let mut jwk = Jwk::from(secret(algorithm, 7).public_key());
        assert_eq!(read(&jwk.to_value()).unwrap(), jwk);
        jwk.kid = Some("name".to_owned());
        jwk.alg = Some("ES256".to_owned());
        jwk.public_key_use = Some("sig".to_owned());
        let text = serde_json::to_string(&jwk).unwrap();
        assert_eq!(serde_json::from_str::<Jwk>(&text).unwrap(), jwk);
    }
}

#[test]
fn thumbprints_are_those_of_rfc_8037_and_of_another_library() {
    let rfc = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    assert_eq!(jwk::thumbprint_text(&read(&rfc).unwrap().key), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");

    let theirs: Value = serde_json::from_str(include_str!("../../vectors/jose_theirs.json")).unwrap();
    for (name, row) in theirs["keys"].as_object().unwrap() {
        let key = read(&row["jwk"]).unwrap().key;
        assert_eq!(jwk::thumbprint_text(&key), row["thumbprint"], "{name}");
    }
    assert_eq!(read(&theirs["keys"]["ES256"]["jwk"]).unwrap().key, secret(Algorithm::P256, 0x11).public_key());
    assert_eq!(read(&theirs["keys"]["EdDSA"]["jwk"]).unwrap().key, secret(Algorithm::Ed25519, 0x22).public_key());
}

/// A private key that somebody publishes by mistake is refused, not stored.
#[test]
fn a_private_or_symmetric_key_is_refused_where_a_public_key_belongs() {
    let d = json!("ERERERERERERERERERERERERERERERERERERERERERE");
    assert_eq!(read(&with(p256(), "d", d)), Err(JwkError::Private("d")));
    assert_eq!(read(&json!({"kty": "oct", "k": "AAAA"})), Err(JwkError::Private("k")));
    assert_eq!(read(&with(p256(), "d", Value::Null)), Err(JwkError::Private("d")));
}

#[test]
fn other_key_types_and_curves_are_refused_by_name() {
    let unsupported = |value: Value| matches!(read(&value), Err(JwkError::Unsupported { .. }));
    assert!(unsupported(json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"})));
    assert!(unsupported(with(p256(), "crv", json!("P-384"))));
    assert!(unsupported(with(p256(), "crv", json!("secp256k1"))));
    assert!(unsupported(with(p256(), "crv", json!("p-256"))));
    assert!(unsupported(with(p256(), "kty", json!("OKP"))));
    assert!(unsupported(json!({"kty": "OKP", "crv": "X25519", "x": "hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo"})));
    assert!(unsupported(json!({"kty": "OKP", "crv": "Ed448", "x": "AA"})));
}

#[test]
fn missing_and_malformed_members_are_named() {
    assert_eq!(read(&json!("key")), Err(JwkError::NotAnObject));
    assert_eq!(read(&json!({})), Err(JwkError::Missing("kty")));
    assert_eq!(read(&json!({"kty": "EC"})), Err(JwkError::Missing("crv")));
    assert_eq!(read(&json!({"kty": "EC", "crv": "P-256"})), Err(JwkError::Missing("x")));
    assert_eq!(read(&with(p256(), "kty", json!(1))), Err(JwkError::Malformed("kty")));
    assert_eq!(read(&with(p256(), "kid", json!("k".repeat(513)))), Err(JwkError::Malformed("kid")));
    let x = p256()["x"].as_str().unwrap().to_owned();
    for wrong in [format!("{x}="), format!("{x}AA"), x[..40].to_owned(), format!(" {x}"), format!("AA{x}")] {
        assert_eq!(read(&with(p256(), "x", json!(wrong))), Err(JwkError::Malformed("x")), "{wrong}");
    }
    // The last character holds two unused bits; a second spelling of the same bytes is refused.
    let mut respelled = x.clone();
    let last = respelled.pop().unwrap();
    respelled.push(char::from(last as u8 + 1));
    assert_eq!(read(&with(p256(), "x", json!(respelled))), Err(JwkError::Malformed("x")));
}

#[test]
fn points_off_the_curve_are_refused() {
    let other = Jwk::from(secret(Algorithm::P256, 0x33).public_key()).to_value();
    assert_eq!(read(&with(p256(), "y", other["y"].clone())), Err(JwkError::NotOnCurve));
    let zeros = "A".repeat(43);
    let origin = json!({"kty": "EC", "crv": "P-256", "x": zeros, "y": zeros});
    assert_eq!(read(&origin), Err(JwkError::NotOnCurve));
    // x = p, which is 0 in another spelling.
    let over = with(p256(), "x", json!("_____wAAAAEAAAAAAAAAAAAAAAD_______________8"));
    assert_eq!(read(&over), Err(JwkError::NotOnCurve));
    // Ed25519: the neutral element and y = 2, which is on no point.
    for x in ["AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        let key = json!({"kty": "OKP", "crv": "Ed25519", "x": x});
        assert_eq!(read(&key), Err(JwkError::NotOnCurve), "{x}");
    }
}

#[test]
fn unknown_members_are_ignored_and_not_kept() {
    let jwk = read(&with(p256(), "x5t#S256", json!("whatever"))).unwrap();
    assert_eq!(jwk.to_value(), p256());
}
