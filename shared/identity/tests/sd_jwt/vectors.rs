//! The files in `vectors/`: each request goes through `verify_request`, the boundary that strangers use.
//!
//! `YUFU_WRITE_VECTORS=1` writes the files anew; a changed file approves a changed format.

use std::path::PathBuf;

use identity::sd_jwt::verify_request;
use serde_json::{Value, json};

use crate::forge::{
    Binding, HEADER, base64url, bindable, bound_request, digest, disclosure, ed25519, holder, issuer, joined, jwk, jws, request,
    sd_jwt,
};
use crate::refused;

/// The vectors in a file; first compared with, or replaced by, what the code makes.
fn kept(name: &str, made: Vec<Value>) -> Vec<Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name);
    let made = Value::from(made);
    if std::env::var_os("YUFU_WRITE_VECTORS").is_some() {
        let text = serde_json::to_string_pretty(&made).expect("JSON");
        std::fs::write(&path, text + "\n").expect("the vectors are writable");
    }
    let text = std::fs::read_to_string(&path).expect("the vectors are there");
    let kept: Value = serde_json::from_str(&text).expect("the vectors are JSON");
    assert_eq!(kept, made, "{name} is what the code makes");
    kept.as_array().cloned().expect("the vectors are an array")
}

/// SEC-S1, SEC-S2, SEC-S3, SEC-S4, SEC-S5: every wrong SD-JWT is refused, for the right reason.
#[test]
fn every_refused_vector_is_refused_for_its_reason() {
    let made = refused::all();
    let made = made.into_iter().map(|(name, request, error)| json!({ "name": name, "request": request, "error": error }));
    let vectors = kept("sd_jwt_refused.json", made.collect());
    let mut names = std::collections::BTreeSet::new();
    for vector in &vectors {
        let (name, error) = (vector["name"].as_str().expect("a name"), vector["error"].as_str().expect("a slug"));
        assert!(names.insert(name), "the name {name} is used twice");
        assert_refused(name, &vector["request"], error);
    }
    assert!(vectors.len() >= 100, "{} refusals", vectors.len());
    println!("{} vectors were refused, each for its reason", vectors.len());
}

/// SEC-S5: what is too deep, too long or too much is refused before it costs anything.
#[test]
fn every_bomb_is_refused_for_its_reason() {
    for (name, request, error) in refused::bombs() {
        assert_refused(name, &request, error);
    }
}

fn assert_refused(name: &str, request: &Value, slug: &str) {
    match verify_request(&request.to_string()) {
        Ok(claims) => panic!("{name} was accepted: {claims}"),
        Err(error) => {
            assert_eq!(error.slug(), slug, "{name}: {error}");
            let explained = error.explain();
            assert!(!explained.zh.is_empty() && !explained.en.is_empty());
        }
    }
}

/// What looks unusual and is right: a verifier that refuses these refuses its citizens.
#[test]
fn every_accepted_vector_gives_its_claims() {
    let vectors = kept("sd_jwt_accepted.json", accepted());
    for vector in &vectors {
        let claims = verify_request(&vector["request"].to_string());
        let claims = claims.unwrap_or_else(|error| panic!("{} was refused: {error}", vector["name"]));
        assert_eq!(claims, vector["claims"], "{}", vector["name"]);
    }
    println!("{} vectors were accepted, each with its claims", vectors.len());
}

fn accepted() -> Vec<Value> {
    let vector = |(name, request, claims): (&str, Value, Value)| json!({ "name": name, "request": request, "claims": claims });
    [plain(), disclosed(), bound()].concat().into_iter().map(vector).collect()
}

type Acceptance = (&'static str, Value, Value);

fn under(header: &str) -> Value {
    request(&joined(&jws(header, r#"{"a":1}"#, &issuer()), &[]))
}

fn plain() -> Vec<Acceptance> {
    let ed25519 = |header: &str| {
        let mut request = request(&joined(&jws(header, r#"{"a":1}"#, &ed25519()), &[]));
        request["issuer_jwk"] = jwk(&ed25519());
        request
    };
    let mut private = request(&sd_jwt(r#"{"a":1}"#, &[]));
    private["issuer_jwk"]["d"] = base64url([7; 32]).into();
    private["issuer_jwk"]["kid"] = "key-1".into();
    let mut terse = request(&sd_jwt(r#"{"a":1}"#, &[]));
    for absent in ["require_kb", "nonce", "aud"] {
        terse.as_object_mut().expect("an object").remove(absent);
    }
    let one = || json!({ "a": 1 });
    vec![
        ("no-typ", under(r#"{"alg":"ES256"}"#), one()),
        ("typ-jwt", under(r#"{"alg":"ES256","typ":"JWT"}"#), one()),
        ("typ-dc", under(r#"{"alg":"ES256","typ":"dc+sd-jwt"}"#), one()),
        ("typ-vc", under(r#"{"alg":"ES256","typ":"vc+sd-jwt"}"#), one()),
        ("typ-with-application", under(r#"{"alg":"ES256","typ":"application/example+sd-jwt"}"#), one()),
        ("unknown-header-parameters", under(r#"{"alg":"ES256","kid":"key-1","x":{"y":[1]}}"#), one()),
        ("alg-eddsa", ed25519(r#"{"alg":"EdDSA"}"#), one()),
        ("alg-ed25519", ed25519(r#"{"alg":"Ed25519"}"#), one()),
        ("issuer-key-with-its-private-part", private, one()),
        ("request-without-key-binding-members", terse, one()),
        ("signature-with-high-s", request(&high_s(r#"{"a":1}"#)), one()),
        ("no-claims", request(&sd_jwt("{}", &[])), json!({})),
        ("empty-sd", request(&sd_jwt(r#"{"_sd":[],"a":{"_sd":[]}}"#, &[])), json!({ "a": {} })),
        ("sd-alg-named", request(&sd_jwt(r#"{"_sd_alg":"sha-256"}"#, &[])), json!({})),
        ("dates-with-fractions", request(&sd_jwt(r#"{"exp":1.9e9,"nbf":1.5}"#, &[])), json!({ "exp": 1.9e9, "nbf": 1.5 })),
        ("valid-from-now", request(&sd_jwt(r#"{"nbf":1763600000}"#, &[])), json!({ "nbf": 1_763_600_000 })),
        (
            "unusual-names",
            request(&sd_jwt(r#"{"":1,"sd":2,"…":3,"__proto__":4}"#, &[])),
            json!({ "": 1, "sd": 2, "…": 3, "__proto__": 4 }),
        ),
    ]
}

/// The same signature with `n - s` for `s`, which is as valid in a JWS.
fn high_s(payload: &str) -> String {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
        0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];

    let input = format!("{}.{}", base64url(HEADER), base64url(payload));
    let mut signature = issuer().sign(input.as_bytes()).bytes;
    let mut borrow = 0;
    for (s, n) in signature[32..].iter_mut().rev().zip(ORDER.into_iter().rev()) {
        let difference = i16::from(n) - i16::from(*s) - borrow;
        borrow = i16::from(difference < 0);
        *s = u8::try_from(difference.rem_euclid(256)).expect("below 256");
    }
    format!("{input}.{}~", base64url(signature))
}

fn disclosed() -> Vec<Acceptance> {
    let name = disclosure(r#"["salt", "given_name", "Hua"]"#);
    let respelled = disclosure("[\n\"salt\" ,\"name\",\"M\\u00f6bius\" ]");
    let null = disclosure(r#"["","none",null]"#);
    let us = disclosure(r#"["salt","US"]"#);
    let city = disclosure(r#"["salt","city","Shenyang"]"#);
    let nested =
        disclosure(&json!(["salt", "address", { "_sd": [digest(&city)], "list": [{ "...": digest(&us) }, 1] }]).to_string());
    let with = |payload: Value, disclosures: &[&String]| {
        let disclosures: Vec<String> = disclosures.iter().map(|d| (*d).clone()).collect();
        request(&sd_jwt(&payload.to_string(), &disclosures))
    };
    let sha = |alg: &str, digest: String| json!({ "_sd_alg": alg, "_sd": [digest] });
    let sha384 = base64url(<sha2::Sha384 as sha2::Digest>::digest(&name));
    let sha512 = base64url(<sha2::Sha512 as sha2::Digest>::digest(&name));
    let given = || json!({ "given_name": "Hua" });
    vec![
        ("undisclosed", with(json!({ "_sd": [digest(&name)] }), &[]), json!({})),
        ("disclosed", with(json!({ "_sd": [digest(&name)] }), &[&name]), given()),
        (
            "decoys",
            with(json!({ "_sd": ["bm90aGluZw", digest(&name)], "a": [{ "...": "ZGVjb3k" }] }), &[&name]),
            json!({ "given_name": "Hua", "a": [] }),
        ),
        ("sha-384", with(sha("sha-384", sha384), &[&name]), given()),
        ("sha-512", with(sha("sha-512", sha512), &[&name]), given()),
        (
            "json-spelled-with-spaces-and-escapes",
            with(json!({ "_sd": [digest(&respelled)] }), &[&respelled]),
            json!({ "name": "Möbius" }),
        ),
        ("null-with-an-empty-salt", with(json!({ "_sd": [digest(&null)] }), &[&null]), json!({ "none": null })),
        ("element", with(json!({ "n": ["DE", { "...": digest(&us) }, "FR"] }), &[&us]), json!({ "n": ["DE", "US", "FR"] })),
        ("element-undisclosed", with(json!({ "n": ["DE", { "...": digest(&us) }, "FR"] }), &[]), json!({ "n": ["DE", "FR"] })),
        ("element-of-nested-arrays", with(json!({ "n": [[{ "...": digest(&us) }], []] }), &[&us]), json!({ "n": [["US"], []] })),
        (
            "recursive",
            with(json!({ "_sd": [digest(&nested)] }), &[&us, &city, &nested]),
            json!({ "address": { "city": "Shenyang", "list": ["US", 1] } }),
        ),
        ("recursive-in-part", with(json!({ "_sd": [digest(&nested)] }), &[&nested]), json!({ "address": { "list": [1] } })),
        (
            "same-name-at-two-levels",
            {
                let inner = disclosure(r#"["other","given_name","Li"]"#);
                with(json!({ "_sd": [digest(&name)], "mother": { "_sd": [digest(&inner)] } }), &[&name, &inner])
            },
            json!({ "given_name": "Hua", "mother": { "given_name": "Li" } }),
        ),
        (
            "exp-below-the-top-is-a-claim-like-others",
            {
                let exp = disclosure(r#"["salt","exp",1]"#);
                with(json!({ "passport": { "_sd": [digest(&exp)] } }), &[&exp])
            },
            json!({ "passport": { "exp": 1 } }),
        ),
        (
            "one-audience-disclosed",
            {
                let me = disclosure(r#"["salt","https://me.example"]"#);
                let mut request = with(json!({ "aud": [{ "...": digest(&me) }, { "...": "b3RoZXI" }] }), &[&me]);
                request["aud"] = "https://me.example".into();
                request
            },
            json!({ "aud": ["https://me.example"] }),
        ),
    ]
}

fn bound() -> Vec<Acceptance> {
    let (text, _) = bindable();
    let claims = || {
        json!({
            "iss": "https://issuer.example",
            "exp": crate::forge::NOW + 1000,
            "cnf": { "jwk": jwk(&holder()) },
            "given_name": "Hua",
            "age": 36,
        })
    };
    let eddsa = {
        let payload = json!({ "cnf": { "jwk": jwk(&ed25519()) } });
        let header = r#"{"alg":"EdDSA","typ":"kb+jwt"}"#.to_owned();
        Binding { header, key: ed25519(), ..Binding::default() }.bind(&sd_jwt(&payload.to_string(), &[]))
    };
    let mut implied = bound_request(&Binding::default().bind(&text));
    implied["require_kb"] = Value::Null;
    let mut old = bound_request(&Binding { iat: json!(crate::forge::NOW - 3600), ..Binding::default() }.bind(&text));
    old["max_kb_age"] = json!(7200);
    vec![
        ("bound", bound_request(&Binding::default().bind(&text)), claims()),
        ("bound-where-only-nonce-and-aud-are-named", implied, claims()),
        ("bound-and-not-required", request(&Binding::default().bind(&text)), claims()),
        ("bound-long-ago-and-not-required", request(&Binding { iat: json!(1), ..Binding::default() }.bind(&text)), claims()),
        ("bound-an-hour-ago-as-allowed", old, claims()),
        (
            "bound-with-more-claims",
            bound_request(&Binding { extra: r#","exp":1763600300,"x":{}"#, ..Binding::default() }.bind(&text)),
            claims(),
        ),
        ("bound-by-ed25519", bound_request(&eddsa), json!({ "cnf": { "jwk": jwk(&ed25519()) } })),
        ("bindable-and-not-bound", request(&text), claims()),
    ]
}
