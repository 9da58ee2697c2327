//! Issuing and presenting: what the issuer must not do, what the holder reveals and what it keeps.

use identity::jose::jws::JwsHeader;
use identity::sd_jwt::{
    Audience, ClaimPath, Decoys, Expected, Held, IssueError, KeyBinding, KeyBindingPolicy, PathError, Policy, PresentError,
    Profile, SdJwt, SdJwtError, Template, Verified, bind, holder_key_claim, issue,
};
use identity::{Algorithm, SecretKey};
use serde_json::{Map, Value, json};

use crate::forge::{AUD, NONCE, NOW, holder, issuer, stranger};

pub(crate) fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().expect("an object")
}

pub(crate) fn path(value: Value) -> ClaimPath {
    serde_json::from_value(value).expect("a path")
}

fn claims() -> Map<String, Value> {
    object(json!({
        "iss": "https://issuer.example",
        "cnf": holder_key_claim(&holder().public_key()),
        "name": "Hua",
        "address": { "city": "Shenyang", "street": { "name": "Qingnian Street", "number": 1 } },
        "nationalities": ["CN", "DE", "FR"],
        "degrees": [{ "title": "BSc", "year": 2001 }, { "title": "MSc", "year": 2003 }],
        "level": 3,
    }))
}

fn disclosable() -> Vec<ClaimPath> {
    [
        json!(["name"]),
        json!(["address"]),
        json!(["address", "city"]),
        json!(["address", "street", "number"]),
        json!(["nationalities", null]),
        json!(["degrees"]),
        json!(["degrees", null, "year"]),
    ]
    .map(path)
    .to_vec()
}

fn try_issue(claims: &Map<String, Value>, disclosable: &[ClaimPath], decoys: Decoys) -> Result<String, IssueError> {
    let header = JwsHeader::typ("example+sd-jwt");
    let template = Template { header: &header, claims, disclosable, decoys, protected: &[] };
    issue(&template, &[42; 32], &issuer())
}

fn issued(decoys: Decoys) -> String {
    try_issue(&claims(), &disclosable(), decoys).expect("issued")
}

fn expected() -> Expected<'static> {
    Expected { aud: AUD, nonce: NONCE, max_age_seconds: 60 }
}

fn policy(key_binding: KeyBindingPolicy<'static>) -> Policy<'static> {
    Policy { profile: Profile::Any, now: NOW, leeway_seconds: 5, audience: Audience::Nobody, required: &["iss"], key_binding }
}

fn verify(text: &str, key_binding: KeyBindingPolicy<'static>) -> Result<Verified, SdJwtError> {
    SdJwt::parse(text)?.verify(&issuer().public_key(), &policy(key_binding))
}

fn binding(extra: &Map<String, Value>) -> KeyBinding<'_> {
    KeyBinding { aud: AUD, nonce: NONCE, issued_at: NOW, extra }
}

#[test]
fn a_presentation_reveals_what_was_chosen_with_its_parents_and_nothing_else() {
    let held = Held::open(&issued(Decoys { per_object: 2, per_array: 2 })).expect("what was issued");
    assert_eq!(held.claims(), &claims());
    let chosen = [path(json!(["address", "city"])), path(json!(["nationalities", 1])), path(json!(["level"]))];
    let presented = held.present_bound(&chosen, &binding(&Map::new()), &holder()).expect("presented");
    let verified = verify(&presented, KeyBindingPolicy::Required(expected())).expect("valid");
    let mut shown = claims();
    shown.retain(|name, _| ["iss", "cnf", "level"].contains(&name.as_str()));
    shown.insert("address".to_owned(), json!({ "city": "Shenyang", "street": { "name": "Qingnian Street" } }));
    shown.insert("nationalities".to_owned(), json!(["DE"]));
    assert_eq!(verified.claims, shown);
    let mut disclosed = verified.disclosed.clone();
    disclosed.sort();
    assert_eq!(disclosed, [json!(["address"]), json!(["address", "city"]), json!(["nationalities", 0])].map(path));
    assert!(!presented.contains(&crate::forge::base64url("Hua")));
}

#[test]
fn choosing_a_whole_reveals_all_that_is_in_it() {
    let held = Held::open(&issued(Decoys::default())).expect("what was issued");
    let presented = held.present(&[path(json!(["degrees", 0])), path(json!(["address"]))]).expect("presented");
    let verified = verify(&presented, KeyBindingPolicy::Forbidden).expect("valid");
    assert_eq!(verified.claims["degrees"], json!([{ "title": "BSc", "year": 2001 }, { "title": "MSc" }]));
    assert_eq!(verified.claims["address"], claims()["address"]);
    let places = held.revealed(&[path(json!(["address"]))]).expect("there");
    assert_eq!(places.len(), 3);
}

#[test]
fn nothing_chosen_reveals_nothing() {
    let held = Held::open(&issued(Decoys::default())).expect("what was issued");
    let verified = verify(&held.present(&[]).expect("presented"), KeyBindingPolicy::Forbidden).expect("valid");
    let names: Vec<&String> = verified.claims.keys().collect();
    assert_eq!(names, ["cnf", "iss", "level", "nationalities"]);
    assert_eq!(verified.claims["nationalities"], json!([]));
}

#[test]
fn the_verifier_knows_the_indices_that_the_holder_knew() {
    let held = Held::open(&issued(Decoys { per_object: 0, per_array: 3 })).expect("what was issued");
    let presented = held.present(&[path(json!(["nationalities", 2]))]).expect("presented");
    let verified = verify(&presented, KeyBindingPolicy::Forbidden).expect("valid");
    let third = path(json!(["nationalities", 2])).select_with(&verified.claims, &verified.gaps).expect("disclosed");
    assert_eq!(third, [path(json!(["nationalities", 0]))]);
    assert_eq!(third[0].value(&verified.claims), Some(&json!("FR")));
    let first = path(json!(["nationalities", 0])).select_with(&verified.claims, &verified.gaps);
    assert_eq!(first, Err(PathError::NotFound));
}

/// SEC-S3: the issuer does not make claims disclosable that decide about validity.
#[test]
fn an_issuer_refuses_to_hide_what_decides_about_validity() {
    let claims = object(json!({
        "iss": "https://issuer.example", "aud": ["https://a.example"], "exp": NOW + 1, "nbf": NOW, "cnf": { "jwk": {} }, "name": "Hua",
    }));
    for refused in [json!(["iss"]), json!(["aud"]), json!(["exp"]), json!(["nbf"]), json!(["cnf"]), json!(["cnf", "jwk"])] {
        let error = try_issue(&claims, &[path(json!(["name"])), path(refused.clone())], Decoys::default());
        assert!(matches!(error, Err(IssueError::Protected(_))), "{refused}");
    }
    assert!(try_issue(&claims, &[path(json!(["aud", 0]))], Decoys::default()).is_ok());
}

/// SEC-S2: reserved names do not get into a credential.
#[test]
fn an_issuer_refuses_reserved_names_and_paths_to_nothing() {
    for claims in [json!({ "_sd": [] }), json!({ "a": [{ "...": "x" }] }), json!({ "a": { "_sd_alg": "sha-256" } })] {
        let error = try_issue(&object(claims), &[], Decoys::default());
        assert!(matches!(error, Err(IssueError::ReservedName(_))));
    }
    for missing in [json!(["nickname"]), json!(["nationalities", 3]), json!(["name", "first"]), json!(["level", null])] {
        let error = try_issue(&claims(), &[path(missing)], Decoys::default());
        assert!(matches!(error, Err(IssueError::Path { .. })));
    }
}

#[test]
fn an_issuer_refuses_what_verifiers_would_refuse_for_its_size() {
    let large = object(json!({ "portrait": "a".repeat(65 * 1024) }));
    for disclosable in [vec![], vec![path(json!(["portrait"]))]] {
        let error = try_issue(&large, &disclosable, Decoys::default());
        assert!(matches!(error, Err(IssueError::Refused(_))));
    }
    let many = object(json!({ "list": vec![0; 600] }));
    assert_eq!(try_issue(&many, &[path(json!(["list", null]))], Decoys::default()), Err(IssueError::TooLarge));
}

/// SEC-S4: 128 bits of salt, and none used twice.
#[test]
fn every_salt_is_long_and_new() {
    let salts = |text: &str| -> Vec<String> {
        use base64::Engine as _;
        let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let parts = text.split('~').skip(1).filter(|part| !part.is_empty());
        let read = |part| -> Vec<Value> { serde_json::from_slice(&engine.decode(part).expect("base64url")).expect("JSON") };
        parts.map(|part| read(part)[0].as_str().expect("a string").to_owned()).collect()
    };
    let salts = salts(&issued(Decoys { per_object: 1, per_array: 1 }));
    assert_eq!(salts.len(), 10);
    assert!(salts.iter().all(|salt| salt.len() == 22), "22 characters of base64url are 128 bits");
    assert_eq!(salts.iter().collect::<std::collections::BTreeSet<_>>().len(), salts.len());
}

#[test]
fn decoys_cannot_be_told_from_digests_and_change_no_claim() {
    let (plain, padded) = (issued(Decoys::default()), issued(Decoys { per_object: 3, per_array: 2 }));
    let digests = |text: &str| {
        let parsed = SdJwt::parse(text).expect("parses");
        let payload = Value::Object(parsed.unverified_claims().clone());
        let own = payload["_sd"].as_array().expect("digests").clone();
        assert!(own.iter().all(|digest| digest.as_str().is_some_and(|digest| digest.len() == 43)));
        let mut sorted = own.clone();
        sorted.sort_by_key(|digest| digest.as_str().map(str::to_owned));
        assert_eq!(own, sorted, "the order tells nothing");
        (own.len(), payload["nationalities"].as_array().expect("digests").len())
    };
    assert_eq!((digests(&plain), digests(&padded)), ((3, 3), (6, 5)));
    assert_eq!(Held::open(&plain).expect("opens").claims(), Held::open(&padded).expect("opens").claims());
}

#[test]
fn a_holder_binds_with_its_own_key_only() {
    let text = issued(Decoys::default());
    let held = Held::open(&text).expect("opens");
    assert_eq!(held.holder_key(), Some(holder().public_key()));
    let extra = object(json!({ "transaction_data_hashes": ["x"], "nonce": "not this one" }));
    assert_eq!(held.present_bound(&[], &binding(&extra), &stranger()), Err(PresentError::HolderKey));
    assert_eq!(bind(&text, &binding(&extra), &stranger()), Err(SdJwtError::NoHolderKey));
    let bound = bind(&text, &binding(&extra), &holder()).expect("bound");
    assert_eq!(bind(&bound, &binding(&extra), &holder()), Err(SdJwtError::KeyBindingUnexpected));
    let verified = verify(&bound, KeyBindingPolicy::Required(expected())).expect("valid");
    let binding = verified.key_binding.expect("there is one");
    assert_eq!(binding["transaction_data_hashes"], json!(["x"]));
    assert_eq!(binding["nonce"], NONCE);
}

/// SEC-S4: an SD-JWT+KB is not what an issuer hands out.
#[test]
fn a_presentation_is_not_taken_for_a_credential() {
    let held = Held::open(&issued(Decoys::default())).expect("opens");
    let bound = held.present_bound(&[], &binding(&Map::new()), &holder()).expect("bound");
    assert_eq!(verify(&bound, KeyBindingPolicy::Forbidden).expect_err("refused"), SdJwtError::KeyBindingUnexpected);
    assert_eq!(Held::open(&bound).expect_err("refused"), SdJwtError::KeyBindingUnexpected);
}

#[test]
fn a_verifier_gets_the_claims_that_it_needs_or_refuses() {
    let text = try_issue(&object(json!({ "name": "Hua" })), &[], Decoys::default()).expect("issued");
    assert_eq!(verify(&text, KeyBindingPolicy::Forbidden).expect_err("refused"), SdJwtError::MissingClaim("iss"));
}

/// SEC-P3: the window of `iat` and of `exp`, to the second, with the leeway.
#[test]
fn time_is_checked_to_the_second() {
    let held = Held::open(&issued(Decoys::default())).expect("opens");
    let extra = Map::new();
    let at = |issued_at| {
        let binding = KeyBinding { issued_at, ..binding(&extra) };
        let text = held.present_bound(&[], &binding, &holder()).expect("bound");
        verify(&text, KeyBindingPolicy::Required(expected())).map(|_| ())
    };
    assert_eq!(at(NOW - 65), Ok(()));
    assert_eq!(at(NOW - 66), Err(SdJwtError::KeyBindingTooOld));
    assert_eq!(at(NOW + 5), Ok(()));
    assert_eq!(at(NOW + 6), Err(SdJwtError::KeyBindingFromFuture));
    assert_eq!(at(i64::MAX), Err(SdJwtError::KeyBindingFromFuture));
    assert_eq!(at(i64::MIN), Err(SdJwtError::KeyBindingTooOld));
}

#[test]
fn issuing_again_with_the_same_entropy_gives_the_same_bytes() {
    let ed25519 = SecretKey::from_bytes(Algorithm::Ed25519, &[1; 32]).expect("a key");
    let header = JwsHeader::typ("example+sd-jwt");
    let claims = claims();
    let disclosable = disclosable();
    let template =
        Template { header: &header, claims: &claims, disclosable: &disclosable, decoys: Decoys::default(), protected: &[] };
    let make = |entropy: u8| issue(&template, &[entropy; 32], &ed25519).expect("issued");
    assert_eq!(make(1), make(1));
    let (first, second) = (make(1), make(2));
    let shared = first.split('~').skip(1).filter(|part| !part.is_empty() && second.contains(part)).count();
    assert_eq!(shared, 0, "other entropy, other salts");
}
