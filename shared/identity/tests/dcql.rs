//! DCQL through the public boundary: queries that are valid and not, what a wallet discloses, what a verifier accepts.

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking, in its helpers too")]

use identity::dcql::{
    Candidate, ClaimPath, ClaimQuery, CredentialQuery, Evaluation, Mismatch, Presented, Query, ResponseError, VpToken, check,
    evaluate,
};
use identity::jose::jws::JwsHeader;
use identity::sd_jwt::{
    Audience, Decoys, Held, KeyBindingPolicy, PathError, Policy, Profile, SdJwt, Template, Verified, holder_key_claim, issue,
};
use identity::{Algorithm, SecretKey};
use serde_json::{Map, Value, json};

const RESIDENT: &str = "urn:yufu:vct:resident-identity:1";
const MARITAL: &str = "urn:yufu:vct:marital-status:1";

fn path(value: Value) -> ClaimPath {
    serde_json::from_value(value).expect("a path")
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().expect("an object")
}

fn query(value: Value) -> Query {
    Query::from_value(value).expect("a valid query")
}

/// One Credential Query for a resident identity with these further members.
fn resident(members: Value) -> Value {
    let mut credential = json!({ "id": "id", "format": "dc+sd-jwt", "meta": { "vct_values": [RESIDENT] } });
    credential.as_object_mut().expect("an object").extend(object(members));
    json!({ "credentials": [credential] })
}

fn key(seed: u8) -> SecretKey {
    SecretKey::from_bytes(Algorithm::P256, &[seed; 32]).expect("in range")
}

/// A credential of this type whose claims are all disclosable, down to elements and members.
fn held(vct: &str, claims: Value) -> Held {
    let mut claims = object(claims);
    let mut disclosable: Vec<ClaimPath> = claims.keys().map(|name| ClaimPath::name(name)).collect();
    for (name, value) in &claims {
        let children: Vec<Value> = match value {
            Value::Array(elements) => (0..elements.len()).map(|index| json!([name, index])).collect(),
            Value::Object(members) => members.keys().map(|member| json!([name, member])).collect(),
            _ => Vec::new(),
        };
        disclosable.extend(children.into_iter().map(path));
    }
    claims.insert("vct".to_owned(), vct.into());
    claims.insert("cnf".to_owned(), holder_key_claim(&key(9).public_key()));
    let header = JwsHeader::typ("dc+sd-jwt");
    let decoys = Decoys { per_object: 1, per_array: 1 };
    let template = Template { header: &header, claims: &claims, disclosable: &disclosable, decoys, protected: &[] };
    Held::open(&issue(&template, &[3; 32], &key(7)).expect("issued")).expect("opens")
}

fn person() -> Held {
    held(
        RESIDENT,
        json!({
            "given_name": "Hua",
            "family_name": "Wang",
            "age": 36,
            "adult": true,
            "address": { "city": "Shenyang", "street": "Qingnian Street" },
            "nationalities": ["CN", "DE", "FR"],
            "degrees": [{ "type": "BSc", "year": 2001 }, { "type": "MSc", "year": 2003 }],
        }),
    )
}

/// What a verifier gets when the wallet presents these paths.
fn presented(held: &Held, disclose: &[ClaimPath]) -> Verified {
    let text = held.present(disclose).expect("presented");
    let policy = Policy {
        profile: Profile::Vc,
        now: 0,
        leeway_seconds: 0,
        audience: Audience::Nobody,
        required: &[],
        key_binding: KeyBindingPolicy::NotRequired { aud: None, nonce: None },
    };
    SdJwt::parse(&text).expect("parses").verify(&key(7).public_key(), &policy).expect("valid")
}

fn as_presented<'a>(query_id: &'a str, vct: &'a str, verified: &'a Verified) -> Presented<'a> {
    let candidate = Candidate {
        format: "dc+sd-jwt",
        vct,
        claims: &verified.claims,
        gaps: Some(&verified.gaps),
        holder_bound: true,
        authority_key_ids: &[],
    };
    Presented { query_id, candidate, disclosed: &verified.disclosed }
}

/// What the wallet would disclose of one credential, or why it does not match.
fn answer(held: &Held, members: Value) -> Result<Vec<ClaimPath>, Mismatch> {
    let query = query(resident(members));
    let evaluation = evaluate(&query, &[Candidate::held(held, &[])]);
    let matches = &evaluation.credentials[0];
    match matches.matches.first() {
        Some(found) => Ok(found.disclose.clone()),
        None => Err(matches.mismatches[0].1.clone()),
    }
}

/// The example of section 7.3.
#[test]
fn paths_select_what_the_specification_says() {
    let claims = object(json!({
        "name": "Arthur Dent",
        "address": { "street_address": "42 Market Street", "locality": "Milliways", "postal_code": "12345" },
        "degrees": [
            { "type": "Bachelor of Science", "university": "University of Betelgeuse" },
            { "type": "Master of Science", "university": "University of Betelgeuse" },
        ],
        "nationalities": ["British", "Betelgeusian"],
    }));
    let select = |pointer: Value| -> Result<Vec<Value>, PathError> {
        let found = path(pointer).select(&claims)?;
        Ok(found.iter().map(|path| path.value(&claims).expect("selected").clone()).collect())
    };
    assert_eq!(select(json!(["name"])), Ok(vec![json!("Arthur Dent")]));
    assert_eq!(select(json!(["address"])), Ok(vec![claims["address"].clone()]));
    assert_eq!(select(json!(["address", "street_address"])), Ok(vec![json!("42 Market Street")]));
    assert_eq!(select(json!(["degrees", null, "type"])), Ok(vec![json!("Bachelor of Science"), json!("Master of Science")]));
    assert_eq!(select(json!(["nationalities", 1])), Ok(vec![json!("Betelgeusian")]));
    assert_eq!(select(json!(["nationalities", 2])), Err(PathError::NotFound));
    assert_eq!(select(json!(["nickname"])), Err(PathError::NotFound));
    assert_eq!(select(json!(["degrees", null, "grade"])), Err(PathError::NotFound));
    for structure in [json!(["name", 0]), json!(["name", "first"]), json!([0]), json!([null]), json!(["address", null])] {
        assert_eq!(select(structure), Err(PathError::Structure));
    }
}

#[test]
fn a_path_is_strings_nulls_and_non_negative_integers() {
    for refused in
        [json!([]), json!(["a", -1]), json!(["a", 1.5]), json!(["a", true]), json!(["a", ["b"]]), json!("a"), json!(null)]
    {
        assert!(serde_json::from_value::<ClaimPath>(refused.clone()).is_err(), "{refused}");
    }
    assert!(serde_json::from_value::<ClaimPath>(json!(vec!["a"; 33])).is_err());
    let kept = json!(["a", 0, null, ""]);
    assert_eq!(serde_json::to_value(path(kept.clone())).expect("JSON"), kept);
    assert_eq!(path(kept).to_string(), r#"["a",0,null,""]"#);
}

#[test]
fn a_query_survives_reading_and_writing() {
    let full = json!({
        "credentials": [
            {
                "id": "a_B-1",
                "format": "dc+sd-jwt",
                "multiple": true,
                "meta": { "vct_values": [RESIDENT, MARITAL] },
                "trusted_authorities": [{ "type": "aki", "values": ["s9tIpPmhxdiuNkHMEWNpYim8S8Y"] }],
                "require_cryptographic_holder_binding": false,
                "claims": [{ "id": "x", "path": ["a", null, 0], "values": ["v", 1, true] }],
                "claim_sets": [["x"]],
            },
            { "id": "b", "format": "mso_mdoc", "meta": { "doctype_value": "org.iso.7367.1.mVRC" } },
        ],
        "credential_sets": [{ "options": [["a_B-1"], ["b"]] }, { "options": [["b"]], "required": false }],
    });
    assert_eq!(query(full.clone()).to_value(), full);
    let built = CredentialQuery::sd_jwt_vc("id", &[RESIDENT], vec![ClaimQuery::new(ClaimPath::name("given_name"))]);
    let built = Query { credentials: vec![built], credential_sets: None };
    assert_eq!(built.to_value(), resident(json!({ "claims": [{ "path": ["given_name"] }] })));
    assert_eq!(built.validate(), Ok(()));
}

/// Section 6: unknown properties are ignored, at every level.
#[test]
fn unknown_members_of_a_query_are_ignored() {
    let mut query_value = resident(json!({ "claims": [{ "path": ["given_name"], "new": 1 }], "new": {} }));
    query_value["new"] = json!([]);
    assert_eq!(query(query_value).to_value(), resident(json!({ "claims": [{ "path": ["given_name"] }] })));
}

#[test]
fn an_invalid_query_is_refused_for_its_reason() {
    let slug = |value: Value| Query::from_value(value).expect_err("refused").slug();
    let with = |members: Value| slug(resident(members));
    assert_eq!(slug(json!({})), "query-malformed");
    assert_eq!(slug(json!([])), "query-malformed");
    assert_eq!(slug(json!({ "credentials": [] })), "query-empty");
    assert_eq!(slug(json!({ "credentials": {} })), "query-malformed");
    assert_eq!(slug(json!({ "credentials": [{ "id": "a", "format": "dc+sd-jwt" }] })), "query-malformed");
    assert_eq!(slug(json!({ "credentials": [{ "id": "a", "format": "dc+sd-jwt", "meta": {} }] })), "query-types");
    for types in [json!([]), json!("x"), json!([1]), json!([""])] {
        assert_eq!(with(json!({ "meta": { "vct_values": types } })), "query-types");
    }
    for id in ["", "a b", "ä", "a.b", &"a".repeat(129)] {
        assert_eq!(with(json!({ "id": id })), "query-id");
        assert_eq!(with(json!({ "claims": [{ "id": id, "path": ["a"] }] })), "query-id");
    }
    let one = resident(json!({}))["credentials"][0].clone();
    assert_eq!(slug(json!({ "credentials": [one, one] })), "query-duplicate-id");
    assert_eq!(with(json!({ "claims": [{ "id": "x", "path": ["a"] }, { "id": "x", "path": ["b"] }] })), "query-duplicate-id");
    for empty in ["claims", "trusted_authorities"] {
        assert_eq!(with(json!({ empty: [] })), "query-empty");
        assert_eq!(with(json!({ empty: null })), "query-malformed");
    }
    assert_eq!(with(json!({ "trusted_authorities": [{ "type": "aki", "values": [] }] })), "query-empty");
    assert_eq!(with(json!({ "multiple": "yes" })), "query-malformed");
    assert_eq!(with(json!({ "claims": [{ "path": [] }] })), "query-malformed");
    assert_eq!(with(json!({ "claims": [{ "path": ["a", -1] }] })), "query-malformed");
    assert_eq!(with(json!({ "claims": [{ "path": ["a"], "values": [] }] })), "query-empty");
    for value in [json!(null), json!(1.5), json!({}), json!([])] {
        assert_eq!(with(json!({ "claims": [{ "path": ["a"], "values": ["ok", value] }] })), "query-value");
    }
    let claims = json!([{ "id": "x", "path": ["a"] }, { "path": ["b"] }]);
    assert_eq!(with(json!({ "claim_sets": [["x"]] })), "query-claim-sets-without-ids");
    assert_eq!(with(json!({ "claims": claims, "claim_sets": [["x"]] })), "query-claim-sets-without-ids");
    let claims = json!([{ "id": "x", "path": ["a"] }]);
    assert_eq!(with(json!({ "claims": claims, "claim_sets": [] })), "query-empty");
    assert_eq!(with(json!({ "claims": claims, "claim_sets": [[]] })), "query-empty");
    assert_eq!(with(json!({ "claims": claims, "claim_sets": [["y"]] })), "query-unknown-id");
    for (sets, reason) in [
        (json!([]), "query-empty"),
        (json!([{ "options": [] }]), "query-empty"),
        (json!([{ "options": [[]] }]), "query-empty"),
        (json!([{ "options": [["other"]] }]), "query-unknown-id"),
        (json!([{}]), "query-malformed"),
        (json!(vec![json!({ "options": [["id"]] }); 17]), "query-too-many"),
    ] {
        let mut value = resident(json!({}));
        value["credential_sets"] = sets;
        assert_eq!(slug(value), reason);
    }
    assert_eq!(with(json!({ "claims": vec![json!({ "path": ["a"] }); 65] })), "query-too-many");
    assert_eq!(Query::parse(br#"{"credentials":[],"credentials":[]}"#).expect_err("refused").slug(), "json-duplicate-name");
}

#[test]
fn a_wallet_discloses_the_claims_that_are_asked_for_and_no_others() {
    let person = person();
    assert_eq!(answer(&person, json!({})), Ok(Vec::new()));
    let disclose = answer(&person, json!({ "claims": [{ "path": ["given_name"] }, { "path": ["address", "city"] }] }));
    let disclose = disclose.expect("matches");
    assert_eq!(disclose, [json!(["given_name"]), json!(["address", "city"])].map(path));
    let seen = presented(&person, &disclose);
    assert_eq!(seen.claims["given_name"], "Hua");
    assert_eq!(seen.claims["address"], json!({ "city": "Shenyang" }));
    assert!(!seen.claims.contains_key("family_name") && !seen.claims.contains_key("age"));
    let twice = answer(&person, json!({ "claims": [{ "path": ["age"] }, { "path": ["age"] }] }));
    assert_eq!(twice, Ok(vec![path(json!(["age"]))]));
}

#[test]
fn a_wallet_says_why_a_credential_does_not_match() {
    let person = person();
    let claim = json!([{ "path": ["given_name"] }, { "path": ["driving_licence"] }]);
    assert_eq!(answer(&person, json!({ "claims": claim })), Err(Mismatch::Claim(path(json!(["driving_licence"])))));
    assert_eq!(answer(&person, json!({ "meta": { "vct_values": [MARITAL] } })), Err(Mismatch::Type));
    assert_eq!(answer(&person, json!({ "meta": { "vct_values": [MARITAL, RESIDENT] } })), Ok(Vec::new()));
    assert_eq!(answer(&person, json!({ "format": "mso_mdoc", "meta": {} })), Err(Mismatch::Format));
    let unbound = |needed: bool| {
        let query = query(resident(json!({ "require_cryptographic_holder_binding": needed })));
        let candidate = Candidate { holder_bound: false, ..Candidate::held(&person, &[]) };
        evaluate(&query, &[candidate]).credentials[0].mismatches.first().map(|(_, reason)| reason.clone())
    };
    assert_eq!(unbound(true), Some(Mismatch::HolderBinding));
    assert_eq!(unbound(false), None);
}

/// Section 6.4.1: type and value match exactly, else the claim counts as not there.
#[test]
fn a_wallet_matches_values_exactly() {
    let person = person();
    let asked = |pointer: Value, values: Value| answer(&person, json!({ "claims": [{ "path": pointer, "values": values }] }));
    assert!(asked(json!(["given_name"]), json!(["Li", "Hua"])).is_ok());
    assert!(asked(json!(["age"]), json!([36])).is_ok());
    assert!(asked(json!(["adult"]), json!([true])).is_ok());
    for (pointer, values) in [
        (json!(["given_name"]), json!(["hua"])),
        (json!(["age"]), json!(["36"])),
        (json!(["age"]), json!([35, 37])),
        (json!(["adult"]), json!(["true", 1, false])),
        (json!(["address"]), json!(["Shenyang"])),
    ] {
        assert_eq!(asked(pointer.clone(), values), Err(Mismatch::Value(path(pointer))));
    }
    assert_eq!(asked(json!(["nationalities", null]), json!(["DE", "US"])), Ok(vec![path(json!(["nationalities", 1]))]));
}

#[test]
fn a_wallet_answers_the_first_claim_set_that_it_can() {
    let person = person();
    let claims = json!([
        { "id": "licence", "path": ["driving_licence"] },
        { "id": "name", "path": ["given_name"] },
        { "id": "age", "path": ["age"] },
        { "id": "city", "path": ["address", "city"] },
    ]);
    let sets = |sets: Value| {
        let query = query(resident(json!({ "claims": claims, "claim_sets": sets })));
        let evaluation = evaluate(&query, &[Candidate::held(&person, &[])]);
        evaluation.credentials[0].matches.first().map(|found| (found.claim_set, found.disclose.len()))
    };
    assert_eq!(sets(json!([["licence"], ["name", "age"], ["city"]])), Some((Some(1), 2)));
    assert_eq!(sets(json!([["city"], ["name", "age"]])), Some((Some(0), 1)));
    assert_eq!(sets(json!([["licence"], ["name", "licence"]])), None);
}

#[test]
fn a_wallet_matches_authorities_by_key_identifier_only() {
    let person = person();
    let ids = [vec![1, 2, 3], vec![4, 5, 6]];
    let matches = |authorities: Value| {
        let query = query(resident(json!({ "trusted_authorities": authorities })));
        !evaluate(&query, &[Candidate::held(&person, &ids)]).credentials[0].matches.is_empty()
    };
    assert!(matches(json!([{ "type": "aki", "values": ["AAAA", "BAUG"] }])));
    assert!(matches(json!([{ "type": "etsi_tl", "values": ["https://lotl.example"] }, { "type": "aki", "values": ["AQID"] }])));
    assert!(!matches(json!([{ "type": "aki", "values": ["AAAA", "", "not base64url!"] }])));
    assert!(!matches(json!([{ "type": "etsi_tl", "values": ["AQID"] }])));
    assert!(!matches(json!([{ "type": "openid_federation", "values": ["https://trust.example"] }])));
}

fn two(sets: Option<Value>) -> Query {
    let credential = |id: &str, vct: &str| json!({ "id": id, "format": "dc+sd-jwt", "meta": { "vct_values": [vct] } });
    let mut value =
        json!({ "credentials": [credential("id", RESIDENT), credential("marital", MARITAL), credential("x", "urn:x")] });
    if let Some(sets) = sets {
        value["credential_sets"] = sets;
    }
    query(value)
}

fn chosen(evaluation: &Evaluation<'_>, optional: &[usize]) -> Result<Vec<(String, usize)>, Vec<String>> {
    match evaluation.choose(optional) {
        Ok(choices) => Ok(choices.iter().map(|choice| (choice.query.id.clone(), choice.chosen.candidate)).collect()),
        Err(unsatisfied) => {
            assert!(!unsatisfied.explain().zh.is_empty());
            Err(unsatisfied.missing)
        }
    }
}

#[test]
fn a_wallet_presents_all_that_is_required_or_nothing() {
    let (marital, person) = (held(MARITAL, json!({ "marital_status": "married" })), person());
    let wallet = [Candidate::held(&marital, &[]), Candidate::held(&person, &[])];
    let pair = |id: &str, candidate: usize| (id.to_owned(), candidate);
    let all = two(None);
    assert_eq!(chosen(&evaluate(&all, &wallet), &[]), Err(vec!["x".to_owned()]));
    assert_eq!(chosen(&evaluate(&all, &[]), &[]), Err(["id", "marital", "x"].map(str::to_owned).to_vec()));

    let either = two(Some(json!([{ "options": [["x"], ["id", "x"], ["marital"], ["id"]] }])));
    assert_eq!(chosen(&evaluate(&either, &wallet), &[]), Ok(vec![pair("marital", 0)]));

    let optional = two(Some(json!([
        { "options": [["id"]] },
        { "options": [["marital"]], "required": false },
        { "options": [["x"]], "required": false },
    ])));
    let evaluation = evaluate(&optional, &wallet);
    assert_eq!(chosen(&evaluation, &[]), Ok(vec![pair("id", 1)]));
    assert_eq!(chosen(&evaluation, &[1, 2, 9]), Ok(vec![pair("id", 1), pair("marital", 0)]));
    let options: Vec<(bool, usize)> = evaluation.sets.iter().flatten().map(|set| (set.required, set.options.len())).collect();
    assert_eq!(options, [(true, 1), (false, 1), (false, 0)]);

    let impossible = two(Some(json!([{ "options": [["id"]] }, { "options": [["x"], ["x", "marital"]] }])));
    assert_eq!(chosen(&evaluate(&impossible, &wallet), &[]), Err(vec!["x".to_owned()]));
}

#[test]
fn a_verifier_accepts_what_its_query_asks_for() {
    let person = person();
    let query = query(resident(json!({ "claims": [
        { "path": ["given_name"] }, { "path": ["address", "city"] }, { "path": ["nationalities", 2] }, { "path": ["degrees", null, "type"] },
    ] })));
    let evaluation = evaluate(&query, &[Candidate::held(&person, &[])]);
    let choice = evaluation.choose(&[]).expect("matches").remove(0);
    let seen = presented(&person, &choice.chosen.disclose);
    assert_eq!(seen.claims["nationalities"], json!(["FR"]));
    assert_eq!(check(&query, &[as_presented("id", RESIDENT, &seen)]), Ok(Vec::new()));
}

#[test]
fn a_verifier_refuses_what_does_not_answer_its_query() {
    let person = person();
    let asked = query(resident(json!({ "claims": [{ "path": ["given_name"] }, { "path": ["age"], "values": [36] }] })));
    let everything = presented(&person, &["given_name", "age"].map(ClaimPath::name));
    let good = as_presented("id", RESIDENT, &everything);
    assert_eq!(check(&asked, &[good]), Ok(Vec::new()));
    let slug = |presented: &[Presented<'_>]| check(&asked, presented).expect_err("refused").slug();
    assert_eq!(slug(&[]), "presentation-missing");
    assert_eq!(slug(&[Presented { query_id: "other", ..good }]), "vp-token-unknown-id");
    assert_eq!(slug(&[good, good]), "vp-token-not-multiple");
    assert_eq!(slug(&[as_presented("id", MARITAL, &everything)]), "presentation-type");
    let unbound = Candidate { holder_bound: false, ..good.candidate };
    assert_eq!(slug(&[Presented { candidate: unbound, ..good }]), "presentation-holder-binding");
    let other_format = Candidate { format: "jwt_vc_json", ..good.candidate };
    assert_eq!(slug(&[Presented { candidate: other_format, ..good }]), "presentation-format");
    let less = presented(&person, &[ClaimPath::name("given_name")]);
    assert_eq!(slug(&[as_presented("id", RESIDENT, &less)]), "presentation-claim-missing");
    let other_age = held(RESIDENT, json!({ "given_name": "Hua", "age": 17 }));
    let wrong = presented(&other_age, &["given_name", "age"].map(ClaimPath::name));
    assert_eq!(slug(&[as_presented("id", RESIDENT, &wrong)]), "presentation-value");
    let elsewhere = query(resident(json!({ "trusted_authorities": [{ "type": "aki", "values": ["AQID"] }] })));
    let error = check(&elsewhere, &[good]).expect_err("refused");
    assert_eq!(error.slug(), "presentation-authority");
}

/// SEC-P7: what was disclosed beyond the query is named, so that it is not kept.
#[test]
fn a_verifier_sees_what_was_disclosed_beyond_its_query() {
    let person = person();
    let asked = query(resident(json!({ "claims": [{ "path": ["given_name"] }] })));
    let more = presented(&person, &["given_name", "age"].map(ClaimPath::name));
    let surplus = check(&asked, &[as_presented("id", RESIDENT, &more)]).expect("answers");
    assert_eq!(surplus.len(), 1);
    assert_eq!(surplus[0].paths, [ClaimPath::name("age")]);
    let nothing = query(resident(json!({})));
    let surplus = check(&nothing, &[as_presented("id", RESIDENT, &more)]).expect("answers");
    assert_eq!(surplus[0].paths.len(), 2);
    // The other claim is asked for by another Credential Query of the same request.
    let mut value = resident(json!({ "claims": [{ "path": ["given_name"] }] }));
    let mut second = resident(json!({ "id": "second", "claims": [{ "path": ["age"] }] }))["credentials"][0].clone();
    second["id"] = json!("second");
    value["credentials"].as_array_mut().expect("an array").push(second);
    let both = [as_presented("id", RESIDENT, &more), as_presented("second", RESIDENT, &more)];
    assert_eq!(check(&query(value), &both), Ok(Vec::new()));
}

#[test]
fn a_verifier_counts_the_claim_set_that_fits_best() {
    let person = person();
    let claims = json!([{ "id": "name", "path": ["given_name"] }, { "id": "age", "path": ["age"] }]);
    let asked = query(resident(json!({ "claims": claims, "claim_sets": [["name"], ["name", "age"]] })));
    let both = presented(&person, &["given_name", "age"].map(ClaimPath::name));
    assert_eq!(check(&asked, &[as_presented("id", RESIDENT, &both)]), Ok(Vec::new()));
    let either = query(resident(json!({ "claims": claims, "claim_sets": [["name"], ["age"]] })));
    let surplus = check(&either, &[as_presented("id", RESIDENT, &both)]).expect("answers");
    assert_eq!(surplus[0].paths.len(), 1);
}

#[test]
fn a_verifier_counts_the_sets() {
    let (person, marital) = (person(), held(MARITAL, json!({ "marital_status": "married" })));
    let (person, marital) = (presented(&person, &[]), presented(&marital, &[]));
    let (person, marital) = (as_presented("id", RESIDENT, &person), as_presented("marital", MARITAL, &marital));
    let sets = two(Some(json!([{ "options": [["id", "marital"], ["x"]] }, { "options": [["x"]], "required": false }])));
    assert_eq!(check(&sets, &[person, marital]), Ok(Vec::new()));
    assert_eq!(check(&sets, &[person]), Err(ResponseError::SetUnsatisfied(0)));
    assert_eq!(check(&two(None), &[person, marital]), Err(ResponseError::Missing("x".to_owned())));
    let many = query(resident(json!({ "multiple": true })));
    assert_eq!(check(&many, &[person, person]), Ok(Vec::new()));
}

#[test]
fn a_vp_token_is_an_object_of_arrays_of_presentations() {
    let value = json!({ "id": ["a", "b"], "marital": ["c"] });
    let token = VpToken::from_value(&value).expect("a VP token");
    assert_eq!(token.0["id"], ["a", "b"]);
    assert_eq!(token.to_value(), value);
    for malformed in
        [json!({}), json!([]), json!("a"), json!({ "id": "a" }), json!({ "id": [] }), json!({ "id": [1] }), json!({ "id": null })]
    {
        assert_eq!(VpToken::from_value(&malformed), Err(ResponseError::Malformed), "{malformed}");
    }
}
