//! The example of RFC 9901 sections 4.2, 5.1 and 5.2: the values that the RFC prints, with the keys of its appendix A.5.

use identity::sd_jwt::{ClaimPath, HashAlgorithm, Held, verify_request};
use serde_json::{Value, json};

use crate::forge::{base64url, disclosure};

/// `iat` of the RFC's key binding JWT.
const PRESENTED_AT: i64 = 1_748_537_244;

fn issuer_jwk() -> Value {
    json!({
        "kty": "EC",
        "crv": "P-256",
        "x": "b28d4MwZMjw8-00CG4xfnn9SLMVMM19SlqZpVb_uNtQ",
        "y": "Xv5zWwuoaTgdS6hV43yI6gBwTnjukmFQQnJ_kCxzqk8",
    })
}

fn holder_jwk() -> Value {
    json!({
        "kty": "EC",
        "crv": "P-256",
        "x": "TCAER19Zvu3OHF4j4W4vfSVoHIP1ILilDls7vCeGemc",
        "y": "ZxjiWWbZMQGHVWKVQ4hbSIirsVfuecCE6t4jT9F2HZQ",
    })
}

/// The issuer-signed JWT of section 5.1.
fn issuer_jwt() -> String {
    let payload = concat!(
        r#"{"_sd": ["CrQe7S5kqBAHt-nMYXgc6bdt2SH5aTY1sU_M-PgkjPI", "JzYjH4svliH0R3PyEMfeZu6Jt69u5qehZo7F7EPYlSE", "#,
        r#""PorFbpKuVu6xymJagvkFsFXAbRoc2JGlAUA2BA4o7cI", "TGf4oLbgwd5JQaHyKVQZU9UdGE0w5rtDsrZzfUaomLo", "#,
        r#""XQ_3kPKt1XyX7KANkqVR6yZ2Va5NrPIvPYbyMvRKBMM", "XzFrzwscM6Gn6CJDc6vVK8BkMnfG8vOSKfpPIZdAfdE", "#,
        r#""gbOsI4Edq2x2Kw-w5wPEzakob9hV1cRD0ATN3oQL9JM", "jsu9yVulwQQlhFlM_3JlzMaSFzglhQG0DpfayQwLUK4"], "#,
        r#""iss": "https://issuer.example.com", "iat": 1683000000, "exp": 1883000000, "sub": "user_42", "#,
        r#""nationalities": [{"...": "pFndjkZ_VCzmyTa6UjlZo3dh-ko8aIKQc9DlGzhaVYo"}, "#,
        r#"{"...": "7Cf6JkPudry3lcbwHgeZ8khAv1U1OSlerP0VkBJrWZ0"}], "_sd_alg": "sha-256", "#,
        r#""cnf": {"jwk": {"kty": "EC", "crv": "P-256", "x": "TCAER19Zvu3OHF4j4W4vfSVoHIP1ILilDls7vCeGemc", "#,
        r#""y": "ZxjiWWbZMQGHVWKVQ4hbSIirsVfuecCE6t4jT9F2HZQ"}}}"#,
    );
    let header = r#"{"alg": "ES256", "typ": "example+sd-jwt"}"#;
    let signature = "MczwjBFGtzf-6WMT-hIvYbkb11NrV1WMO-jTijpMPNbswNzZ87wY2uHz-CXo6R04b7jYrpj9mNRAvVssXou1iw";
    format!("{}.{}.{signature}", base64url(header), base64url(payload))
}

/// The disclosures of section 5.1 in the RFC's order.
fn disclosures() -> Vec<String> {
    [
        r#"["2GLC42sKQveCfGfryNRN9w", "given_name", "John"]"#,
        r#"["eluV5Og3gSNII8EYnsxA_A", "family_name", "Doe"]"#,
        r#"["6Ij7tM-a5iVPGboS5tmvVA", "email", "johndoe@example.com"]"#,
        r#"["eI8ZWm9QnKPpNPeNenHdhQ", "phone_number", "+1-202-555-0101"]"#,
        r#"["Qg_O64zqAxe412a108iroA", "phone_number_verified", true]"#,
        r#"["AJx-095VPrpTtN4QMOqROA", "address", {"street_address": "123 Main St", "locality": "Anytown", "region": "Anystate", "country": "US"}]"#,
        r#"["Pc33JM2LchcU_lHggv_ufQ", "birthdate", "1940-01-01"]"#,
        r#"["G02NSrQfjFXQ7Io09syajA", "updated_at", 1570000000]"#,
        r#"["lklxF5jMYlGTPUovMNIvCA", "US"]"#,
        r#"["nPuoQnkRFq3BIeAm7AnXFA", "DE"]"#,
    ]
    .map(disclosure)
    .to_vec()
}

fn issued() -> String {
    crate::forge::joined(&issuer_jwt(), &disclosures())
}

/// The presentation of section 5.2, with its key binding JWT.
fn presentation() -> String {
    let all = disclosures();
    let chosen: Vec<String> = [1, 5, 0, 8].into_iter().map(|number: usize| all[number].clone()).collect();
    let payload = concat!(
        r#"{"nonce": "1234567890", "aud": "https://verifier.example.org", "iat": 1748537244, "#,
        r#""sd_hash": "0_Af-2B-EhLWX5ydh_w2xzwmO6iM66B_2QCEanI4fUY"}"#,
    );
    let header = r#"{"alg": "ES256", "typ": "kb+jwt"}"#;
    let signature = "T3SIus2OidNl41nmVkTZVCKKhOAX97aOldMyHFiYjHm261eLiJ1YiuONFiMN8QlCmYzDlBLAdPvrXh52KaLgUQ";
    let sd_jwt = crate::forge::joined(&issuer_jwt(), &chosen);
    format!("{sd_jwt}{}.{}.{signature}", base64url(header), base64url(payload))
}

fn address() -> Value {
    json!({ "street_address": "123 Main St", "locality": "Anytown", "region": "Anystate", "country": "US" })
}

#[test]
fn the_digests_of_section_4_2_come_out() {
    let digest = |encoded: &str| HashAlgorithm::Sha256.digest(encoded);
    let name = disclosure(r#"["_26bc4LT-ac6q2KI6cBW5es", "family_name", "Möbius"]"#);
    assert_eq!(name, "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0");
    assert_eq!(digest(&name), "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0");
    assert_eq!(digest("WyJsa2x4RjVqTVlsR1RQVW92TU5JdkNBIiwgIkZSIl0"), "w0I8EKcdCtUPkGCNUrfwVp2xEgNjtoIDlOxc9-PlOhs");
}

#[test]
fn the_issued_example_gives_all_claims() {
    let request = json!({ "sd_jwt": issued(), "issuer_jwk": issuer_jwk(), "now": PRESENTED_AT, "require_kb": false });
    let claims = verify_request(&request.to_string()).expect("the RFC's own example");
    let expected = json!({
        "iss": "https://issuer.example.com", "iat": 1_683_000_000, "exp": 1_883_000_000, "sub": "user_42",
        "given_name": "John", "family_name": "Doe", "email": "johndoe@example.com", "phone_number": "+1-202-555-0101",
        "phone_number_verified": true, "address": address(), "birthdate": "1940-01-01", "updated_at": 1_570_000_000,
        "nationalities": ["US", "DE"], "cnf": { "jwk": holder_jwk() },
    });
    assert_eq!(claims, expected);
}

#[test]
fn the_presented_example_verifies_with_its_key_binding() {
    let mut request = json!({
        "sd_jwt": presentation(), "issuer_jwk": issuer_jwk(), "now": PRESENTED_AT + 5, "require_kb": true,
        "nonce": "1234567890", "aud": "https://verifier.example.org",
    });
    let claims = verify_request(&request.to_string()).expect("the RFC's own example");
    let expected = json!({
        "iss": "https://issuer.example.com", "iat": 1_683_000_000, "exp": 1_883_000_000, "sub": "user_42",
        "given_name": "John", "family_name": "Doe", "address": address(), "nationalities": ["US"],
        "cnf": { "jwk": holder_jwk() },
    });
    assert_eq!(claims, expected);

    for (member, value, slug) in [
        ("now", json!(PRESENTED_AT + 301), "key-binding-too-old"),
        ("now", json!(PRESENTED_AT - 1), "key-binding-from-future"),
        ("now", json!(1_883_000_000), "expired"),
        ("nonce", json!("1234567891"), "key-binding-nonce"),
        ("aud", json!("https://verifier.example.com"), "key-binding-audience"),
        ("issuer_jwk", holder_jwk(), "issuer-signature"),
    ] {
        let good = std::mem::replace(&mut request[member], value);
        assert_eq!(verify_request(&request.to_string()).expect_err("refused").slug(), slug);
        request[member] = good;
    }
}

#[test]
fn a_holder_of_the_example_presents_what_the_rfc_presents() {
    let held = Held::open(&issued()).expect("the RFC's own example");
    let paths: Vec<ClaimPath> = ["family_name", "address", "given_name"].map(ClaimPath::name).to_vec();
    let us: ClaimPath = serde_json::from_value(json!(["nationalities", 0])).expect("a path");
    let presented = held.present(&[paths, vec![us]].concat()).expect("the claims are there");
    // The same disclosures; their order is the issuer's here, and the holder's in the RFC.
    let parts = |text: &str| {
        let mut parts: Vec<String> = text.split('~').map(str::to_owned).collect();
        parts.pop();
        parts.sort();
        parts
    };
    assert_eq!(parts(&presented), parts(&presentation()));
    assert_eq!(Held::open(&presentation()).expect_err("refused").slug(), "key-binding-unexpected");
}
