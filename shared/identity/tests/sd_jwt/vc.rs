//! SD-JWT VC: what an issuer writes, and what holder and verifier refuse.

use identity::sd_jwt::{ClaimPath, Decoys, Expected, Held, IssueError, KeyBinding, KeyBindingPolicy, SdJwt, SdJwtError};
use identity::sd_jwt_vc::{self, Credential, Demand, VerifiedCredential};
use identity::status_list::StatusReference;
use serde_json::{Map, Value, json};

use crate::forge::{AUD, NONCE, NOW, digest, disclosure, holder, issuer, joined, jwk, jws, stranger};
use crate::present::{object, path};

const VCT: &str = "urn:yufu:vct:resident-identity:1";

fn credential() -> Credential<'static> {
    Credential {
        vct: VCT,
        issuer: "https://police.example",
        chain: None,
        kid: Some("key-1".to_owned()),
        issued_at: NOW - 60,
        not_before: None,
        expires_at: Some(NOW + 3600),
        holder: Some(holder().public_key()),
        status: Some(StatusReference { uri: "https://police.example/status-lists/1".to_owned(), index: 7 }),
        claims: object(json!({ "family_name": "Wang", "given_name": "Hua", "yufu": { "record": "AAAA" } })),
        disclosable: ["family_name", "given_name"].map(ClaimPath::name).to_vec(),
        decoys: Decoys::default(),
    }
}

fn issue(credential: &Credential<'_>) -> Result<String, IssueError> {
    sd_jwt_vc::issue(credential, &[21; 32], &issuer())
}

fn verify(text: &str, key_binding: KeyBindingPolicy<'_>) -> Result<VerifiedCredential, SdJwtError> {
    let demand = Demand { now: NOW, leeway_seconds: 0, key_binding };
    sd_jwt_vc::verify(SdJwt::parse(text)?, &issuer().public_key(), &demand)
}

fn required() -> KeyBindingPolicy<'static> {
    KeyBindingPolicy::Required(Expected { aud: AUD, nonce: NONCE, max_age_seconds: 60 })
}

#[test]
fn a_credential_goes_from_issuer_to_holder_to_verifier() {
    let text = issue(&credential()).expect("issued");
    let received = verify(&text, KeyBindingPolicy::Forbidden).expect("valid");
    assert_eq!(received.vct, VCT);
    assert_eq!(received.issuer.as_deref(), Some("https://police.example"));
    assert_eq!((received.issued_at, received.expires_at), (Some(NOW - 60), Some(NOW + 3600)));
    assert_eq!(received.holder, Some(holder().public_key()));
    assert_eq!(received.status, credential().status);
    assert_eq!(received.verified.header.typ.as_deref(), Some("dc+sd-jwt"));
    assert_eq!(received.verified.header.kid.as_deref(), Some("key-1"));
    assert_eq!(SdJwt::parse(&text).expect("parses").issuer_jwt(), text.split('~').next().expect("a part"));

    let held = Held::open(&text).expect("opens");
    let extra = Map::new();
    let binding = KeyBinding { aud: AUD, nonce: NONCE, issued_at: NOW, extra: &extra };
    let presented = held.present_bound(&[ClaimPath::name("given_name")], &binding, &holder()).expect("presented");
    let seen = verify(&presented, required()).expect("valid");
    assert_eq!(seen.verified.claims["given_name"], "Hua");
    assert!(!seen.verified.claims.contains_key("family_name"));
    assert_eq!(verify(&text, required()).expect_err("refused"), SdJwtError::KeyBindingMissing);
}

/// SEC-S3: section 2.2.2.3 lists what must not be in disclosures.
#[test]
fn an_issuer_refuses_to_hide_claims_that_decide_about_validity() {
    for name in ["iss", "exp", "cnf", "vct", "status"] {
        let refused = Credential { disclosable: vec![ClaimPath::name(name)], ..credential() };
        assert_eq!(issue(&refused), Err(IssueError::Protected(name)));
    }
    for path in [path(json!(["cnf", "jwk"])), path(json!(["status", "status_list", "idx"]))] {
        let refused = Credential { disclosable: vec![path], ..credential() };
        assert!(matches!(issue(&refused), Err(IssueError::Protected(_))));
    }
    let integrity = Credential {
        claims: object(json!({ "vct#integrity": "sha256-x" })),
        disclosable: vec![ClaimPath::name("vct#integrity")],
        ..credential()
    };
    assert_eq!(issue(&integrity), Err(IssueError::Protected("vct#integrity")));
}

#[test]
fn an_issuer_refuses_claims_that_it_writes_itself() {
    for name in ["iss", "iat", "nbf", "exp", "vct", "cnf", "status"] {
        let mut claims = Map::new();
        claims.insert(name.to_owned(), Value::from(1));
        let refused = Credential { claims, disclosable: Vec::new(), ..credential() };
        assert_eq!(issue(&refused), Err(IssueError::Claim(name)));
    }
    assert_eq!(issue(&Credential { vct: "", ..credential() }), Err(IssueError::Claim("vct")));
}

/// A credential of the usual issuer from raw texts.
fn forged(header: &str, payload: &Value, disclosures: &[String]) -> String {
    joined(&jws(header, &payload.to_string(), &issuer()), disclosures)
}

const HEADER: &str = r#"{"alg":"ES256","typ":"dc+sd-jwt"}"#;

#[test]
fn a_verifier_refuses_what_is_no_credential() {
    let forbidden = || KeyBindingPolicy::Forbidden;
    let slug = |text: &str| verify(text, forbidden()).expect_err("refused").slug();
    let good = json!({ "vct": VCT });
    assert!(verify(&forged(HEADER, &good, &[]), forbidden()).is_ok());
    assert!(verify(&forged(r#"{"alg":"ES256","typ":"vc+sd-jwt"}"#, &good, &[]), forbidden()).is_ok());
    for header in [r#"{"alg":"ES256"}"#, r#"{"alg":"ES256","typ":"JWT"}"#, r#"{"alg":"ES256","typ":"example+sd-jwt"}"#] {
        assert_eq!(slug(&forged(header, &good, &[])), "issuer-typ");
    }
    assert_eq!(slug(&forged(HEADER, &json!({}), &[])), "missing-claim");
    assert_eq!(slug(&forged(HEADER, &json!({ "vct": 1 }), &[])), "malformed-claim");
    assert_eq!(slug(&forged(HEADER, &json!({ "vct": "" }), &[])), "malformed-claim");
    for status in
        [json!({}), json!(1), json!({ "status_list": { "idx": -1, "uri": "u" } }), json!({ "status_list": { "idx": 1 } })]
    {
        assert_eq!(slug(&forged(HEADER, &json!({ "vct": VCT, "status": status }), &[])), "malformed-claim");
    }
    let other = verify(&forged(HEADER, &json!({ "vct": VCT, "status": { "other": {} } }), &[]), forbidden()).expect("valid");
    assert_eq!(other.status, None);
    let wrong_key = sd_jwt_vc::verify(
        SdJwt::parse(&forged(HEADER, &good, &[])).expect("parses"),
        &stranger().public_key(),
        &Demand { now: NOW, leeway_seconds: 0, key_binding: forbidden() },
    );
    assert_eq!(wrong_key.expect_err("refused").slug(), "issuer-signature");
}

/// SEC-S3: a holder cannot hide the type, the status or its integrity, even if an issuer let it.
#[test]
fn a_verifier_refuses_a_credential_whose_validity_can_be_hidden() {
    for (name, value) in [
        ("vct", json!(VCT)),
        ("vct#integrity", json!("sha256-x")),
        ("aka_vcts", json!(["urn:other"])),
        ("status", json!({ "status_list": { "idx": 1, "uri": "https://police.example/1" } })),
        ("exp", json!(NOW + 1)),
        ("cnf", json!({ "jwk": jwk(&holder()) })),
    ] {
        let d = disclosure(&json!(["salt", name, value]).to_string());
        let mut payload = json!({ "vct": VCT, "_sd": [digest(&d)] });
        if name == "vct" {
            payload.as_object_mut().expect("an object").remove("vct");
        }
        let error = verify(&forged(HEADER, &payload, &[d]), KeyBindingPolicy::Forbidden).expect_err("refused");
        assert_eq!(error, SdJwtError::SelectivelyDisclosable(name));
    }
    let d = disclosure(r#"["salt","uri","https://elsewhere.example"]"#);
    let payload = json!({ "vct": VCT, "status": { "status_list": { "idx": 1, "_sd": [digest(&d)] } } });
    let error = verify(&forged(HEADER, &payload, &[]), KeyBindingPolicy::Forbidden).expect_err("refused");
    assert_eq!(error, SdJwtError::SelectivelyDisclosable("status"));
}

#[test]
fn a_verifier_that_needs_key_binding_refuses_a_credential_without_a_holder() {
    let text = issue(&Credential { holder: None, ..credential() }).expect("issued");
    let held = Held::open(&text).expect("opens");
    assert_eq!(held.holder_key(), None);
    let bound = crate::forge::Binding::default().bind(&text);
    assert_eq!(verify(&bound, required()).expect_err("refused"), SdJwtError::MissingClaim("cnf"));
}
