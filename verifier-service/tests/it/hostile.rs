//! SEC-P1: messages of other algorithms, types and forms, where a wallet's answer belongs. All are refused, none logs anybody in.

use identity::jose::jws::{self, JwsHeader};
use serde_json::{Value, json};
use verifier_service::presentations::Refusal;

use crate::city::{City, base64, p256};
use crate::refusals::begin;
use crate::wallet::{self, Answering};

fn part(value: &Value) -> String {
    base64(value.to_string().as_bytes())
}

/// Header, payload and signature of the issuer's JWT, and the rest of the presentation.
fn taken_apart(presented: &str) -> (Vec<String>, String) {
    let (jwt, rest) = presented.split_once('~').unwrap();
    (jwt.split('.').map(str::to_owned).collect(), rest.to_owned())
}

fn decoded(part: &str) -> Value {
    use base64::Engine as _;
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test]
async fn other_headers_of_the_credential_are_refused() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let mut edits: Vec<(&str, Value)> = vec![
        ("alg", json!("none")),
        ("alg", json!("None")),
        ("alg", json!("HS256")),
        ("alg", json!("RS256")),
        ("alg", json!("ES384")),
        ("alg", json!("EdDSA")),
        ("alg", Value::Null),
        ("typ", json!("JWT")),
        ("typ", json!("kb+jwt")),
        ("typ", json!("oauth-authz-req+jwt")),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("jku", json!("https://evil.example/jwks")),
        ("x5u", json!("https://evil.example/chain")),
        ("x5c", json!([])),
        ("x5c", json!(["AAAA"])),
    ];
    let root = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(&city.root.der)
    };
    edits.push(("x5c", json!([root])));
    for (name, value) in edits {
        let begun = begin(&city, "same_device_link").await;
        let presented = begun.request.present(&held, &Answering::default());
        let (mut jwt, rest) = taken_apart(&presented);
        let mut header = decoded(&jwt[0]);
        header[name] = value.clone();
        jwt[0] = part(&header);
        let vp_token = json!({ "identity": [format!("{}~{rest}", jwt.join("."))] });
        let form = wallet::form(&[("response", &begun.request.encrypt(&vp_token, &Answering::default()))]);
        let answer = begun.request.post(&city.app, form).await;
        assert_eq!(answer.status, 400, "{name} {value}");
        let reason = answer.json()["yufu_reason"].as_str().unwrap().to_owned();
        let reasons = [Refusal::CredentialMalformed, Refusal::SignatureInvalid, Refusal::IssuerUntrusted].map(Refusal::slug);
        assert!(reasons.contains(&reason.as_str()), "{name} {value}: {reason}");
    }
    assert!(city.ledger.receipts().is_empty());
}

#[tokio::test]
async fn other_headers_of_the_key_binding_are_refused() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    for (name, value) in [
        ("alg", json!("none")),
        ("alg", json!("HS256")),
        ("typ", json!("JWT")),
        ("typ", json!("dc+sd-jwt")),
        ("crit", json!(["nonce"])),
        ("b64", json!(false)),
        ("jwk", identity::jose::Jwk::from(identity::Signer::public_key(&p256(0x42))).to_value()),
        ("x5c", json!([])),
    ] {
        let begun = begin(&city, "same_device_link").await;
        let presented = begun.request.present(&held, &Answering::default());
        let (bound, jwt) = presented.rsplit_once('~').unwrap();
        let mut jwt: Vec<String> = jwt.split('.').map(str::to_owned).collect();
        let mut header = decoded(&jwt[0]);
        header[name] = value.clone();
        jwt[0] = part(&header);
        let vp_token = json!({ "identity": [format!("{bound}~{}", jwt.join("."))] });
        let form = wallet::form(&[("response", &begun.request.encrypt(&vp_token, &Answering::default()))]);
        let answer = begun.request.post(&city.app, form).await;
        assert_eq!(
            (answer.status, answer.json()["yufu_reason"].as_str().unwrap()),
            (400, "key-binding-invalid"),
            "{name} {value}"
        );
    }
}

/// A JWT that the citizen signed for another purpose is no key binding.
#[tokio::test]
async fn another_message_of_the_same_key_is_no_key_binding() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let begun = begin(&city, "same_device_link").await;
    let presented = begun.request.present(&held, &Answering::default());
    let (bound, jwt) = presented.rsplit_once('~').unwrap();
    let payload = decoded(jwt.split('.').nth(1).unwrap()).to_string();
    let proof = jws::sign_compact(&held.key, &JwsHeader::typ("openid4vci-proof+jwt"), payload.as_bytes());
    let vp_token = json!({ "identity": [format!("{bound}~{proof}")] });
    let form = wallet::form(&[("response", &begun.request.encrypt(&vp_token, &Answering::default()))]);
    let answer = begun.request.post(&city.app, form).await;
    assert_eq!((answer.status, answer.json()["yufu_reason"].as_str().unwrap()), (400, "key-binding-invalid"));
}

/// Headers of the encryption: key wrapping, other algorithms, compression, another key, missing parts.
#[tokio::test]
async fn other_encryptions_are_refused_and_use_nothing_up() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let mut begun = begin(&city, "same_device_link").await;
    let jwe = begun
        .request
        .encrypt(&json!({ "identity": [begun.request.present(&held, &Answering::default())] }), &Answering::default());
    for (number, (name, value)) in [
        ("alg", json!("dir")),
        ("alg", json!("ECDH-ES+A128KW")),
        ("alg", json!("none")),
        ("alg", json!("RSA-OAEP")),
        ("enc", json!("A128CBC-HS256")),
        ("enc", json!("none")),
        ("zip", json!("DEF")),
        ("crit", json!(["alg"])),
        ("p2c", json!(1_000_000)),
        ("epk", json!({ "kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA" })),
        ("epk", Value::Null),
        ("apu", json!("AAAA")),
    ]
    .into_iter()
    .enumerate()
    {
        if number % 6 == 5 {
            begun = begin(&city, "same_device_link").await;
        }
        let mut parts: Vec<String> = jwe.split('.').map(str::to_owned).collect();
        let mut header = decoded(&parts[0]);
        header[name] = value.clone();
        parts[0] = part(&header);
        let answer = begun.request.post(&city.app, wallet::form(&[("response", &parts.join("."))])).await;
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_request")), "{name} {value}");
    }
    let fresh = begin(&city, "same_device_link").await;
    assert_eq!(fresh.request.answer(&city.app, &held, &Answering::default()).await.status, 200);
}

/// Decrypted payloads that are no answer: duplicate members, deep nesting, other types. They are bounded and refused.
#[tokio::test]
async fn payloads_that_are_no_answer_are_refused() {
    let city = City::new().await;
    let mut begun = begin(&city, "same_device_link").await;
    let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    for (number, payload) in [
        "".to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        r#"{"vp_token":{},"vp_token":{},"state":"x"}"#.to_owned(),
        r#"{"vp_token":{"identity":["x"]},"state":7}"#.to_owned(),
        format!(r#"{{"vp_token":{deep},"state":"x"}}"#),
        format!(r#"{{"error":"{}","state":"x"}}"#, "e".repeat(10_000)),
    ]
    .into_iter()
    .enumerate()
    {
        if number == 6 {
            begun = begin(&city, "same_device_link").await;
        }
        let jwe = begun.request.encrypt_text(&payload, &Answering::default());
        let answer = begun.request.post(&city.app, wallet::form(&[("response", &jwe)])).await;
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_request")), "{number}");
    }
}
