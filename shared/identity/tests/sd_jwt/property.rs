//! Properties over random claims: what is issued comes back, what is not chosen stays hidden, nothing panics.

use std::collections::BTreeSet;

use identity::jose::jws::JwsHeader;
use identity::sd_jwt::{
    Audience, ClaimPath, Decoys, Expected, Held, KeyBinding, KeyBindingPolicy, PathPart, Policy, Profile, SdJwt, Template,
    holder_key_claim, issue, verify_request,
};
use identity::{dcql, json};
use proptest::collection::{btree_map, vec};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::Index;
use serde_json::{Map, Value};

use crate::forge::{AUD, NONCE, NOW, ed25519, holder};

/// Names that issuers use, and names that look like what SD-JWT reserves.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,6}",
        "\\PC{0,4}",
        Just("sd".to_owned()),
        Just("....".to_owned()),
        Just("_sd_".to_owned()),
        Just("exp_".to_owned()),
    ]
    .prop_filter("reserved", |name| {
        !["_sd", "...", "_sd_alg", "iss", "aud", "exp", "nbf", "iat", "cnf"].contains(&name.as_str()) && !name.contains('\0')
    })
}

fn claim() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON", |n| n.is_finite() && (*n != 0.0 || n.is_sign_positive())).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(name(), inner, 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn claims() -> impl Strategy<Value = Map<String, Value>> {
    btree_map(name(), claim(), 0..5).prop_map(|members| members.into_iter().collect())
}

/// The concrete paths of everything in the claims.
fn places(claims: &Map<String, Value>) -> Vec<ClaimPath> {
    fn walk(value: &Value, at: &[PathPart], found: &mut Vec<ClaimPath>) {
        let children: Vec<(PathPart, &Value)> = match value {
            Value::Object(members) => members.iter().map(|(name, value)| (PathPart::from(name.as_str()), value)).collect(),
            Value::Array(elements) => elements.iter().enumerate().map(|(i, value)| (PathPart::from(i), value)).collect(),
            _ => Vec::new(),
        };
        for (part, value) in children {
            let path = [at, &[part]].concat();
            found.push(ClaimPath::try_from(path.clone()).expect("short"));
            walk(value, &path, found);
        }
    }
    let mut found = Vec::new();
    walk(&Value::Object(claims.clone()), &[], &mut found);
    found
}

fn pick(from: &[ClaimPath], indices: &[Index]) -> Vec<ClaimPath> {
    if from.is_empty() { Vec::new() } else { indices.iter().map(|index| index.get(from).clone()).collect() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn what_is_issued_presented_and_verified_is_what_was_chosen(
        subject in claims(),
        hidden in vec(any::<Index>(), 0..6),
        chosen in vec(any::<Index>(), 0..4),
        decoys in (0_usize..3, 0_usize..3),
        entropy in any::<[u8; 32]>(),
    ) {
        let issuer = ed25519();
        let mut all = subject.clone();
        all.insert("cnf".to_owned(), holder_key_claim(&holder().public_key()));
        let places = places(&subject);
        let disclosable = pick(&places, &hidden);
        let header = JwsHeader::typ("example+sd-jwt");
        let decoys = Decoys { per_object: decoys.0, per_array: decoys.1 };
        let template = Template { header: &header, claims: &all, disclosable: &disclosable, decoys, protected: &[] };
        let text = issue(&template, &entropy, &issuer).expect("issued");

        let held = Held::open(&text).expect("what was issued opens");
        prop_assert_eq!(held.claims(), &all);
        let hidden: BTreeSet<&ClaimPath> = disclosable.iter().collect();
        prop_assert_eq!(held.disclosable().collect::<BTreeSet<_>>(), hidden.clone());

        let chosen = pick(&places, &chosen);
        let extra = Map::new();
        let binding = KeyBinding { aud: AUD, nonce: NONCE, issued_at: NOW, extra: &extra };
        let presented = held.present_bound(&chosen, &binding, &holder()).expect("presented");
        let expected = Expected { aud: AUD, nonce: NONCE, max_age_seconds: 60 };
        let policy = Policy {
            profile: Profile::Any,
            now: NOW,
            leeway_seconds: 0,
            audience: Audience::Nobody,
            required: &[],
            key_binding: KeyBindingPolicy::Required(expected),
        };
        let verified = SdJwt::parse(&presented).expect("parses").verify(&issuer.public_key(), &policy).expect("valid");
        for path in &chosen {
            let seen = path.select_with(&verified.claims, &verified.gaps).expect("what was chosen is there");
            prop_assert_eq!(seen[0].value(&verified.claims), path.value(&all));
        }
        let needed = |place: &ClaimPath| chosen.iter().any(|path| place.contains(path) || path.contains(place));
        prop_assert_eq!(verified.disclosed.len(), hidden.iter().filter(|place| needed(place)).count());
    }

    #[test]
    fn parsing_never_panics(text in any::<String>(), bytes in vec(any::<u8>(), 0..200)) {
        let _ = SdJwt::parse(&text);
        let _ = Held::open(&text);
        let _ = verify_request(&text);
        let _ = json::parse_strict(&bytes);
        let _ = dcql::Query::parse(&bytes);
    }

    #[test]
    fn what_looks_like_an_sd_jwt_never_panics(text in "[A-Za-z0-9_-]{0,8}\\.[A-Za-z0-9_-]{0,8}\\.[A-Za-z0-9_-]{0,8}(~[A-Za-z0-9_=-]{0,8}){0,4}~?") {
        let _ = SdJwt::parse(&text);
        let _ = Held::open(&text);
    }

    #[test]
    fn a_flipped_bit_anywhere_is_refused(at in any::<Index>(), bit in 0_u8..7) {
        let text = crate::forge::Binding::default().bind(&crate::forge::bindable().0);
        let mut bytes = text.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let flipped = String::from_utf8_lossy(&bytes);
        let request = crate::forge::bound_request(&flipped);
        prop_assert!(verify_request(&request.to_string()).is_err(), "byte {at}");
    }

    #[test]
    fn strict_json_gives_what_was_written(claims in claims()) {
        let text = serde_json::to_vec(&claims).expect("JSON");
        prop_assert_eq!(json::parse_object(&text).expect("strict"), claims);
    }
}
