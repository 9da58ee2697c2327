//! The refusals: what each wrong SD-JWT is, and the slug that it must give. `vectors.rs` keeps them as a file and runs them.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Sha256, Sha512};

use crate::forge::{
    Binding, HEADER, NOW, base64url, bindable, bound_request, digest, disclosure, ed25519, holder, issuer, joined, jwk, jws,
    request, sd_jwt, stranger,
};

/// One refusal: its name, the request, the slug.
pub(crate) type Refusal = (&'static str, Value, &'static str);

/// Every refusal that is kept in the file.
pub(crate) fn all() -> Vec<Refusal> {
    [
        form(),
        strictness(),
        signatures(),
        hashes(),
        disclosures(),
        places(),
        protected(),
        validity(),
        binding(),
        binding_tokens(),
        holder_keys(),
        unbound(),
    ]
    .concat()
}

fn given_name() -> String {
    disclosure(r#"["salt-salt-salt-salt-aa","given_name","Hua"]"#)
}

/// A payload whose `_sd` has the digests of the disclosures.
fn with_digests(disclosures: &[&String]) -> String {
    let digests: Vec<String> = disclosures.iter().map(|d| digest(d)).collect();
    json!({ "iss": "https://issuer.example", "_sd": digests }).to_string()
}

/// An SD-JWT whose only disclosure has this JSON, referenced from `_sd`.
fn disclosing(json: &str) -> Value {
    let d = disclosure(json);
    request(&sd_jwt(&with_digests(&[&d]), &[d]))
}

fn of_payload(payload: &str) -> Value {
    request(&sd_jwt(payload, &[]))
}

fn form() -> Vec<Refusal> {
    let d = given_name();
    let whole = sd_jwt(&with_digests(&[&d]), &[d]);
    let bare = whole.split('~').next().unwrap_or_default();
    let encoded = |suffix: &str| request(&format!("{bare}~{}{suffix}~", given_name()));
    vec![
        ("empty", request(""), "sd-jwt-missing-tilde"),
        ("jwt-without-tilde", request(bare), "sd-jwt-missing-tilde"),
        ("no-tilde-after-the-last-disclosure", request(whole.trim_end_matches('~')), "sd-jwt-missing-tilde"),
        ("empty-disclosure", request(&format!("{bare}~~")), "sd-jwt-empty-disclosure"),
        ("two-tildes-at-the-end", request(&format!("{whole}~")), "sd-jwt-empty-disclosure"),
        ("no-jwt", request(&format!("~{}~", given_name())), "issuer-jwt-malformed"),
        ("jwt-of-two-parts", request(&format!("{}~", bare.rsplit_once('.').unwrap_or_default().0)), "issuer-jwt-malformed"),
        ("jwt-of-four-parts", request(&format!("{bare}.AAAA~")), "issuer-jwt-malformed"),
        ("space-before", request(&format!(" {whole}")), "issuer-jwt-malformed"),
        ("newline-after", request(&format!("{whole}\n")), "sd-jwt-missing-tilde"),
        ("padded-disclosure", encoded("=="), "disclosure-encoding"),
        ("space-in-disclosure", encoded(" "), "disclosure-encoding"),
        ("base64-alphabet-in-disclosure", request(&format!("{bare}~WyI+Pz8/Il0~")), "disclosure-encoding"),
        ("bits-left-over-without-padding", request(&format!("{bare}~WyJ1IiwxXR~")), "disclosure-encoding"),
        ("disclosure-is-not-json", disclosing("given_name"), "json-malformed"),
        ("request-without-now", json!({ "sd_jwt": whole, "issuer_jwk": jwk(&issuer()) }), "request-malformed"),
        (
            "issuer-key-of-another-kind",
            json!({ "sd_jwt": whole, "issuer_jwk": { "kty": "oct", "k": "AAAA" }, "now": NOW }),
            "request-malformed",
        ),
    ]
}

fn strictness() -> Vec<Refusal> {
    vec![
        ("payload-is-an-array", of_payload("[]"), "json-not-an-object"),
        ("payload-name-twice", of_payload(r#"{"iss":"a","iss":"b"}"#), "json-duplicate-name"),
        ("payload-name-twice-nested", of_payload(r#"{"a":[{"b":{"c":1,"c":2}}]}"#), "json-duplicate-name"),
        ("payload-exp-twice-escaped", of_payload("{\"exp\":1,\"e\\u0078p\":9999999999}"), "json-duplicate-name"),
        ("payload-sd-twice", of_payload(r#"{"_sd":[],"_sd":[]}"#), "json-duplicate-name"),
        ("payload-lone-surrogate", of_payload(r#"{"a":"\ud83d"}"#), "json-malformed"),
        ("payload-nul-in-name", of_payload("{\"is\\u0000s\":1}"), "json-nul-in-name"),
        ("payload-1e400", of_payload(r#"{"a":1e400}"#), "json-malformed"),
        ("payload-negative-zero", of_payload(r#"{"a":-0}"#), "json-negative-zero"),
        ("payload-trailing-data", of_payload("{} {}"), "json-malformed"),
        ("payload-byte-order-mark", of_payload("\u{feff}{}"), "json-malformed"),
        ("disclosure-name-twice-in-value", disclosing(r#"["salt","a",{"b":1,"b":2}]"#), "json-duplicate-name"),
        ("disclosure-nul-in-claim-name", disclosing("[\"salt\",\"a\",{\"b\\u0000\":1}]"), "json-nul-in-name"),
        ("disclosure-lone-surrogate", disclosing(r#"["salt","a","\udc00"]"#), "json-malformed"),
        ("disclosure-trailing-data", disclosing(r#"["salt","a",1] "#.repeat(2).as_str()), "json-malformed"),
        ("header-name-twice", request(&header(r#"{"alg":"ES256","alg":"ES256"}"#)), "issuer-header"),
    ]
}

/// An SD-JWT of the usual issuer under another header.
fn header(header: &str) -> String {
    joined(&jws(header, "{}", &issuer()), &[])
}

/// Refusals of what is too large to be kept in a file.
pub(crate) fn bombs() -> Vec<Refusal> {
    let names: Vec<String> = (0..600).map(|i| format!("\"n{i}\":{i}")).collect();
    // Each disclosure holds the digest of the one before it: shallow texts, deep claims.
    let mut chain = vec![disclosure(r#"["salt","end",1]"#)];
    for number in 0..40 {
        let inner = chain.last().map(|d| digest(d)).unwrap_or_default();
        chain.push(disclosure(&format!(r#"["salt","level{number}",{{"_sd":["{inner}"]}}]"#)));
    }
    let outermost = chain.last().cloned().unwrap_or_default();
    let many: Vec<String> = (0..513).map(|i| disclosure(&format!(r#"["salt","n{i}",1]"#))).collect();
    vec![
        ("payload-depth", of_payload(&format!("{{\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000))), "json-too-deep"),
        ("payload-depth-33", of_payload(&format!("{{\"a\":{}{}}}", "[".repeat(32), "]".repeat(32))), "json-too-deep"),
        ("disclosure-depth", disclosing(&format!(r#"["salt","a",{}{}]"#, "[".repeat(64), "]".repeat(64))), "json-too-deep"),
        ("disclosures-in-disclosures", request(&sd_jwt(&with_digests(&[&outermost]), &chain)), "claims-too-deep"),
        ("payload-names", of_payload(&format!("{{{}}}", names.join(","))), "json-too-many-names"),
        ("payload-size", of_payload(&json!({ "a": "a".repeat(64 * 1024) }).to_string()), "json-too-long"),
        ("disclosure-size", disclosing(&format!(r#"["salt","a","{}"]"#, "a".repeat(64 * 1024))), "json-too-long"),
        ("whole-size", request(&format!("{}{}~", sd_jwt("{}", &[]), "A".repeat(256 * 1024))), "sd-jwt-too-long"),
        ("disclosure-count", request(&sd_jwt("{}", &many)), "sd-jwt-too-many-disclosures"),
    ]
}

fn signatures() -> Vec<Refusal> {
    let good = sd_jwt(r#"{"iss":"https://issuer.example"}"#, &[]);
    let (input, signature) = good.trim_end_matches('~').rsplit_once('.').unwrap_or_default();
    let unsigned = |header: &str, signature: &str| request(&format!("{}.{}.{signature}~", base64url(header), base64url("{}")));
    let hmac = {
        let input = format!("{}.{}", base64url(r#"{"alg":"HS256"}"#), base64url("{}"));
        let public = issuer().public_key();
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(public.as_bytes()).expect("any length");
        mac.update(input.as_bytes());
        format!("{input}.{}~", base64url(mac.finalize().into_bytes()))
    };
    let tampered = format!("{}.{}.{signature}~", base64url(HEADER), base64url(r#"{"iss":"https://issuer.examplf"}"#));
    let zeros = format!("{input}.{}~", base64url([0; 64]));
    let der = format!("{input}.{}~", base64url([&[0x30_u8, 0x44, 2, 32][..], &[1; 66][..]].concat()));
    vec![
        ("alg-none", unsigned(r#"{"alg":"none"}"#, ""), "issuer-alg"),
        ("alg-none-capital", unsigned(r#"{"alg":"NONE"}"#, ""), "issuer-alg"),
        ("alg-none-with-a-signature", request(&header(r#"{"alg":"none"}"#)), "issuer-alg"),
        ("alg-hs256-with-the-public-key", request(&hmac), "issuer-alg"),
        ("alg-rs256", request(&header(r#"{"alg":"RS256"}"#)), "issuer-alg"),
        ("alg-missing", request(&header(r#"{"typ":"example+sd-jwt"}"#)), "issuer-alg"),
        ("alg-of-another-key-type", request(&header(r#"{"alg":"EdDSA"}"#)), "issuer-alg"),
        ("crit", request(&header(r#"{"alg":"ES256","crit":["exp"],"exp":1}"#)), "issuer-header"),
        ("b64-false", request(&header(r#"{"alg":"ES256","b64":false,"crit":["b64"]}"#)), "issuer-header"),
        ("typ-of-key-binding", request(&header(r#"{"alg":"ES256","typ":"kb+jwt"}"#)), "issuer-typ"),
        ("typ-of-a-status-list", request(&header(r#"{"alg":"ES256","typ":"statuslist+jwt"}"#)), "issuer-typ"),
        ("typ-is-a-number", request(&header(r#"{"alg":"ES256","typ":1}"#)), "issuer-header"),
        ("payload-tampered", request(&tampered), "issuer-signature"),
        ("signature-of-a-stranger", request(&joined(&jws(HEADER, "{}", &stranger()), &[])), "issuer-signature"),
        ("signature-empty", request(&format!("{input}.~")), "issuer-signature"),
        ("signature-zero", request(&zeros), "issuer-signature"),
        ("signature-in-der", request(&der), "issuer-signature"),
        (
            "key-of-a-stranger-in-the-header",
            {
                let header = json!({ "alg": "ES256", "jwk": jwk(&stranger()) }).to_string();
                request(&joined(&jws(&header, "{}", &stranger()), &[]))
            },
            "issuer-signature",
        ),
        (
            "ed25519-signature-tampered",
            {
                let mut request = request(&joined(&jws(r#"{"alg":"EdDSA"}"#, r#"{"a":1}"#, &ed25519()), &[]));
                let text =
                    request["sd_jwt"].as_str().unwrap_or_default().replace(&base64url(r#"{"a":1}"#), &base64url(r#"{"a":2}"#));
                request["sd_jwt"] = text.into();
                request["issuer_jwk"] = jwk(&ed25519());
                request
            },
            "issuer-signature",
        ),
    ]
}

fn hashes() -> Vec<Refusal> {
    let with_alg = |alg: Value| of_payload(&json!({ "_sd_alg": alg }).to_string());
    let sha512 = {
        let d = given_name();
        let digest = base64url(<Sha512 as sha2::Digest>::digest(&d));
        request(&sd_jwt(&json!({ "_sd": [digest], "_sd_alg": "sha-256" }).to_string(), &[d]))
    };
    vec![
        ("hash-unknown", with_alg(json!("md5")), "hash-algorithm"),
        ("hash-truncated", with_alg(json!("sha-256-64")), "hash-algorithm"),
        ("hash-in-capitals", with_alg(json!("SHA-256")), "hash-algorithm"),
        ("hash-empty", with_alg(json!("")), "hash-algorithm"),
        ("hash-not-a-string", with_alg(json!(256)), "hash-algorithm"),
        ("hash-null", with_alg(Value::Null), "hash-algorithm"),
        ("hash-other-than-announced", sha512, "unreferenced-disclosure"),
        ("hash-named-below-the-top", of_payload(r#"{"a":{"_sd_alg":"sha-256"}}"#), "nested-hash-algorithm"),
        ("hash-named-in-an-array", of_payload(r#"{"a":[[{"_sd_alg":"sha-256"}]]}"#), "nested-hash-algorithm"),
        ("hash-named-in-a-disclosed-value", disclosing(r#"["salt","a",{"_sd_alg":"sha-256"}]"#), "nested-hash-algorithm"),
        ("hash-named-by-a-disclosure", disclosing(r#"["salt","_sd_alg","sha-512"]"#), "reserved-name"),
    ]
}

fn disclosures() -> Vec<Refusal> {
    vec![
        ("disclosure-of-one-element", disclosing(r#"["salt"]"#), "disclosure-arity"),
        ("disclosure-of-no-element", disclosing("[]"), "disclosure-arity"),
        ("disclosure-of-four-elements", disclosing(r#"["salt","a",1,2]"#), "disclosure-arity"),
        ("disclosure-is-an-object", disclosing(r#"{"salt":"salt","name":"a","value":1}"#), "disclosure-arity"),
        ("disclosure-is-a-string", disclosing(r#""salt""#), "disclosure-arity"),
        ("disclosure-salt-is-a-number", disclosing(r#"[1,"a",1]"#), "disclosure-salt"),
        ("disclosure-salt-is-null", disclosing(r#"[null,"a",1]"#), "disclosure-salt"),
        ("disclosure-name-is-a-number", disclosing(r#"["salt",1,1]"#), "disclosure-name"),
        ("disclosure-name-is-null", disclosing(r#"["salt",null,1]"#), "disclosure-name"),
        ("disclosure-named-sd", disclosing(r#"["salt","_sd",["x"]]"#), "reserved-name"),
        ("disclosure-named-ellipsis", disclosing(r#"["salt","...","x"]"#), "reserved-name"),
        ("two-elements-for-a-member", disclosing(r#"["salt","value"]"#), "disclosure-without-name"),
        (
            "three-elements-for-an-element",
            {
                let d = given_name();
                request(&sd_jwt(&json!({ "a": [{ "...": digest(&d) }] }).to_string(), &[d]))
            },
            "disclosure-with-name",
        ),
        (
            "element-that-stands-for-another",
            {
                let d = disclosure(r#"["salt",{"...":"bm90aGluZw"}]"#);
                request(&sd_jwt(&json!({ "a": [{ "...": digest(&d) }] }).to_string(), &[d]))
            },
            "malformed-ellipsis",
        ),
        ("name-of-a-plain-claim", disclosing(r#"["salt","iss","https://other.example"]"#), "selectively-disclosable"),
        (
            "name-of-another-plain-claim",
            {
                let d = given_name();
                request(&sd_jwt(&json!({ "given_name": "Li", "_sd": [digest(&d)] }).to_string(), &[d]))
            },
            "name-collision",
        ),
        (
            "name-of-another-disclosure",
            {
                let (a, b) = (given_name(), disclosure(r#"["salt-salt-salt-salt-bb","given_name","Li"]"#));
                request(&sd_jwt(&with_digests(&[&a, &b]), &[a, b]))
            },
            "name-collision",
        ),
        (
            "name-of-a-plain-claim-nested",
            {
                let d = disclosure(r#"["salt","city","Shenyang"]"#);
                request(&sd_jwt(&json!({ "address": { "city": "Dalian", "_sd": [digest(&d)] } }).to_string(), &[d]))
            },
            "name-collision",
        ),
        (
            "name-of-a-plain-claim-in-a-disclosed-value",
            {
                let city = disclosure(r#"["salt","city","Shenyang"]"#);
                let address = disclosure(&json!(["salt", "address", { "city": "Dalian", "_sd": [digest(&city)] }]).to_string());
                request(&sd_jwt(&with_digests(&[&address]), &[address, city]))
            },
            "name-collision",
        ),
    ]
}

fn places() -> Vec<Refusal> {
    let d = given_name();
    let hash = digest(&d);
    let tampered = disclosure(r#"["salt-salt-salt-salt-aa","given_name","Li"]"#);
    let payload = with_digests(&[&d]);
    let city = disclosure(r#"["salt","city","Shenyang"]"#);
    let address = disclosure(&json!(["salt", "address", { "_sd": [digest(&city)] }]).to_string());
    let element = disclosure(r#"["salt","US"]"#);
    let repeats = disclosure(&json!(["salt", "address", { "_sd": [hash] }]).to_string());
    let given = std::slice::from_ref(&d);
    vec![
        ("disclosure-tampered", request(&sd_jwt(&payload, &[tampered])), "unreferenced-disclosure"),
        (
            "disclosure-respelled",
            {
                let respelled = disclosure(r#"["salt-salt-salt-salt-aa", "given_name", "Hua"]"#);
                request(&sd_jwt(&payload, &[respelled]))
            },
            "unreferenced-disclosure",
        ),
        ("disclosure-unreferenced", request(&sd_jwt("{}", given)), "unreferenced-disclosure"),
        ("disclosure-without-its-parent", request(&sd_jwt(&with_digests(&[&address]), &[city])), "unreferenced-disclosure"),
        ("disclosure-twice", request(&sd_jwt(&payload, &[d.clone(), d.clone()])), "duplicate-disclosure"),
        (
            "disclosure-of-another-credential",
            request(&sd_jwt(&payload, &[d.clone(), element.clone()])),
            "unreferenced-disclosure",
        ),
        ("digest-twice-in-one-array", request(&sd_jwt(&json!({ "_sd": [hash, hash] }).to_string(), given)), "duplicate-digest"),
        ("digest-twice-undisclosed", of_payload(&json!({ "_sd": [hash, hash] }).to_string()), "duplicate-digest"),
        (
            "digest-at-two-levels",
            request(&sd_jwt(&json!({ "_sd": [hash], "a": { "_sd": [hash] } }).to_string(), given)),
            "duplicate-digest",
        ),
        (
            "digest-twice-in-a-list",
            {
                let stand_in = json!({ "...": digest(&element) });
                request(&sd_jwt(&json!({ "a": [stand_in, stand_in] }).to_string(), std::slice::from_ref(&element)))
            },
            "duplicate-digest",
        ),
        (
            "digest-in-sd-and-in-a-list",
            of_payload(&json!({ "_sd": [hash], "a": [{ "...": hash }] }).to_string()),
            "duplicate-digest",
        ),
        (
            "digest-in-payload-and-in-a-disclosure",
            request(&sd_jwt(&json!({ "_sd": [hash, digest(&repeats)] }).to_string(), &[repeats, d.clone()])),
            "duplicate-digest",
        ),
        ("sd-is-a-string", of_payload(&json!({ "_sd": hash }).to_string()), "malformed-digests"),
        ("sd-is-null", of_payload(r#"{"_sd":null}"#), "malformed-digests"),
        ("sd-holds-a-number", of_payload(r#"{"_sd":[1]}"#), "malformed-digests"),
        ("sd-is-an-object-below", of_payload(r#"{"a":{"_sd":{}}}"#), "malformed-digests"),
        ("ellipsis-as-a-member", of_payload(&json!({ "...": hash }).to_string()), "malformed-ellipsis"),
        ("ellipsis-below-as-a-member", of_payload(&json!({ "a": { "...": hash } }).to_string()), "malformed-ellipsis"),
        ("ellipsis-with-company", of_payload(&json!({ "a": [{ "...": hash, "b": 1 }] }).to_string()), "malformed-ellipsis"),
        ("ellipsis-of-a-number", of_payload(r#"{"a":[{"...":1}]}"#), "malformed-ellipsis"),
    ]
}

fn protected() -> Vec<Refusal> {
    let later = NOW + 1000;
    let without_iss = |json: &str| {
        let d = disclosure(json);
        request(&sd_jwt(&json!({ "_sd": [digest(&d)] }).to_string(), &[d]))
    };
    let holder_jwk = jwk(&holder());
    vec![
        ("exp-disclosed-and-past", without_iss(&json!(["salt", "exp", 1]).to_string()), "selectively-disclosable"),
        ("exp-disclosed-and-future", without_iss(&json!(["salt", "exp", later]).to_string()), "selectively-disclosable"),
        ("nbf-disclosed", without_iss(&json!(["salt", "nbf", later]).to_string()), "selectively-disclosable"),
        ("iss-disclosed", without_iss(r#"["salt","iss","https://issuer.example"]"#), "selectively-disclosable"),
        ("aud-disclosed", without_iss(r#"["salt","aud","x509_hash:verifier"]"#), "selectively-disclosable"),
        (
            "cnf-disclosed",
            {
                let d = disclosure(&json!(["salt", "cnf", { "jwk": holder_jwk }]).to_string());
                let text = sd_jwt(&json!({ "_sd": [digest(&d)] }).to_string(), &[d]);
                bound_request(&Binding::default().bind(&text))
            },
            "selectively-disclosable",
        ),
        (
            "jwk-in-cnf-disclosed",
            {
                let d = disclosure(&json!(["salt", "jwk", holder_jwk]).to_string());
                let text = sd_jwt(&json!({ "cnf": { "_sd": [digest(&d)] } }).to_string(), &[d]);
                bound_request(&Binding::default().bind(&text))
            },
            "selectively-disclosable",
        ),
        ("something-in-cnf-undisclosed", of_payload(r#"{"cnf":{"jwk":{"_sd":["eA"]}}}"#), "selectively-disclosable"),
    ]
}

fn validity() -> Vec<Refusal> {
    let named = |mut request: Value| {
        request["aud"] = json!("https://verifier.example");
        request["require_kb"] = json!(false);
        request
    };
    vec![
        ("expired", of_payload(&json!({ "exp": NOW - 1 }).to_string()), "expired"),
        ("expires-now", of_payload(&json!({ "exp": NOW }).to_string()), "expired"),
        ("expired-a-fraction-ago", of_payload(&format!(r#"{{"exp":{}.5}}"#, NOW - 1)), "expired"),
        ("not-valid-yet", of_payload(&json!({ "nbf": NOW + 1 }).to_string()), "not-yet-valid"),
        ("exp-is-text", of_payload(r#"{"exp":"9999999999"}"#), "malformed-claim"),
        ("exp-is-null", of_payload(r#"{"exp":null}"#), "malformed-claim"),
        ("nbf-is-an-array", of_payload(r#"{"nbf":[1]}"#), "malformed-claim"),
        ("iat-is-text", of_payload(r#"{"iat":"now"}"#), "malformed-claim"),
        ("iss-is-a-number", of_payload(r#"{"iss":1}"#), "malformed-claim"),
        ("cnf-is-text", of_payload(r#"{"cnf":"key"}"#), "malformed-claim"),
        ("aud-of-others", named(of_payload(r#"{"aud":["https://a.example","https://b.example"]}"#)), "wrong-audience"),
        ("aud-for-a-nameless-verifier", of_payload(r#"{"aud":"https://a.example"}"#), "wrong-audience"),
        ("aud-is-a-number", of_payload(r#"{"aud":1}"#), "malformed-claim"),
    ]
}

/// Key binding that is missing, or that belongs to another text.
fn binding() -> Vec<Refusal> {
    let (text, disclosures) = bindable();
    let bound = |binding: Binding| bound_request(&binding.bind(&text));
    let standard = Binding::default;
    let good = standard().bind(&text);
    let (_, key_binding) = good.rsplit_once('~').unwrap_or_default();
    let fewer = joined(text.split('~').next().unwrap_or_default(), &disclosures[..1]);
    let mut without_nonce = bound_request(&good);
    without_nonce["nonce"] = Value::Null;
    vec![
        ("kb-missing", bound_request(&text), "key-binding-missing"),
        (
            "kb-missing-where-only-a-nonce-is-named",
            {
                let mut request = bound_request(&text);
                request["require_kb"] = Value::Null;
                request
            },
            "key-binding-missing",
        ),
        ("kb-required-without-a-nonce", without_nonce, "key-binding-expectation"),
        ("kb-after-a-removed-disclosure", bound_request(&format!("{fewer}{key_binding}")), "key-binding-hash"),
        (
            "kb-of-an-added-disclosure",
            {
                let smaller = standard().bind(&fewer);
                let (_, key_binding) = smaller.rsplit_once('~').unwrap_or_default();
                bound_request(&format!("{text}{key_binding}"))
            },
            "key-binding-hash",
        ),
        (
            "kb-of-reordered-disclosures",
            {
                let mut other: Vec<String> = disclosures.clone();
                other.reverse();
                bound_request(&format!("{}{key_binding}", joined(text.split('~').next().unwrap_or_default(), &other)))
            },
            "key-binding-hash",
        ),
        (
            "kb-hash-without-the-last-tilde",
            { bound(Binding { sd_hash: Some(digest(text.trim_end_matches('~')).into()), ..standard() }) },
            "key-binding-hash",
        ),
        (
            "kb-hash-by-another-algorithm",
            { bound(Binding { sd_hash: Some(base64url(<Sha512 as sha2::Digest>::digest(&text)).into()), ..standard() }) },
            "key-binding-hash",
        ),
        ("kb-hash-missing", bound(Binding { sd_hash: Some(Value::Null), ..standard() }), "key-binding-claim"),
        ("kb-hash-is-a-number", bound(Binding { sd_hash: Some(json!(1)), ..standard() }), "key-binding-claim"),
    ]
}

/// Key binding JWTs with a wrong signature, header or claim.
fn binding_tokens() -> Vec<Refusal> {
    let (text, _) = bindable();
    let bound = |binding: Binding| bound_request(&binding.bind(&text));
    let standard = Binding::default;
    let header = |header: &str| bound(Binding { header: header.to_owned(), ..standard() });
    vec![
        ("kb-of-a-stranger", bound(Binding { key: stranger(), ..standard() }), "key-binding-signature"),
        ("kb-of-the-issuer", bound(Binding { key: issuer(), ..standard() }), "key-binding-signature"),
        ("kb-alg-none", header(r#"{"alg":"none","typ":"kb+jwt"}"#), "key-binding-alg"),
        ("kb-alg-hs256", header(r#"{"alg":"HS256","typ":"kb+jwt"}"#), "key-binding-alg"),
        ("kb-alg-of-another-key-type", header(r#"{"alg":"EdDSA","typ":"kb+jwt"}"#), "key-binding-alg"),
        ("kb-typ-missing", header(r#"{"alg":"ES256"}"#), "key-binding-typ"),
        ("kb-typ-jwt", header(r#"{"alg":"ES256","typ":"JWT"}"#), "key-binding-typ"),
        ("kb-typ-of-a-credential", header(r#"{"alg":"ES256","typ":"dc+sd-jwt"}"#), "key-binding-typ"),
        ("kb-crit", header(r#"{"alg":"ES256","typ":"kb+jwt","crit":["exp"]}"#), "key-binding-header"),
        (
            "kb-brings-its-own-key",
            header(&json!({ "alg": "ES256", "typ": "kb+jwt", "jwk": jwk(&stranger()) }).to_string()),
            "key-binding-header",
        ),
        ("kb-nonce-of-another-transaction", bound(Binding { nonce: json!("another"), ..standard() }), "key-binding-nonce"),
        ("kb-nonce-missing", bound(Binding { nonce: Value::Null, ..standard() }), "key-binding-claim"),
        ("kb-nonce-is-a-number", bound(Binding { nonce: json!(1), ..standard() }), "key-binding-claim"),
        ("kb-aud-of-another-verifier", bound(Binding { aud: json!("x509_hash:other"), ..standard() }), "key-binding-audience"),
        ("kb-aud-is-an-array", bound(Binding { aud: json!(["x509_hash:verifier"]), ..standard() }), "key-binding-claim"),
        ("kb-aud-missing", bound(Binding { aud: Value::Null, ..standard() }), "key-binding-claim"),
        ("kb-iat-missing", bound(Binding { iat: Value::Null, ..standard() }), "key-binding-claim"),
        ("kb-iat-is-text", bound(Binding { iat: json!(NOW.to_string()), ..standard() }), "key-binding-claim"),
        ("kb-of-an-hour-ago", bound(Binding { iat: json!(NOW - 3600), ..standard() }), "key-binding-too-old"),
        ("kb-from-the-future", bound(Binding { iat: json!(NOW + 3600), ..standard() }), "key-binding-from-future"),
        ("kb-expired", bound(Binding { extra: r#","exp":1763599999"#, ..standard() }), "key-binding-expired"),
        ("kb-not-valid-yet", bound(Binding { extra: r#","nbf":1763600100"#, ..standard() }), "key-binding-from-future"),
        ("kb-nonce-twice", bound(Binding { extra: r#","nonce":"n-0S6_WzA2Mj""#, ..standard() }), "key-binding-payload"),
        ("kb-is-not-a-jwt", bound_request(&format!("{text}a.b")), "key-binding-malformed"),
    ]
}

/// Holder keys that cannot be used.
fn holder_keys() -> Vec<Refusal> {
    let unnamed = |cnf: Value| bound_request(&Binding::default().bind(&sd_jwt(&json!({ "cnf": cnf }).to_string(), &[])));
    vec![
        ("kb-without-cnf", bound_request(&Binding::default().bind(&sd_jwt("{}", &[]))), "no-holder-key"),
        ("kb-with-a-key-by-name-only", unnamed(json!({ "kid": "key-1" })), "no-holder-key"),
        ("kb-with-a-symmetric-key", unnamed(json!({ "jwk": { "kty": "oct", "k": "AAAA" } })), "holder-key"),
        (
            "kb-with-a-point-off-the-curve",
            {
                let mut off = jwk(&holder());
                off["y"] = off["x"].clone();
                unnamed(json!({ "jwk": off }))
            },
            "holder-key",
        ),
        (
            "kb-with-a-private-key",
            {
                let mut private = jwk(&holder());
                private["d"] = base64url([9; 32]).into();
                unnamed(json!({ "jwk": private }))
            },
            "holder-key",
        ),
    ]
}

/// Key binding is not required, but what is there must hold.
fn unbound() -> Vec<Refusal> {
    let (text, _) = bindable();
    let bound = |binding: Binding| request(&binding.bind(&text));
    vec![
        ("optional-kb-of-a-stranger", bound(Binding { key: stranger(), ..Binding::default() }), "key-binding-signature"),
        ("optional-kb-of-others", bound(Binding { sd_hash: Some(json!("eA")), ..Binding::default() }), "key-binding-hash"),
        (
            "optional-kb-for-another-nonce",
            {
                let mut request = bound(Binding { nonce: json!("another"), ..Binding::default() });
                request["nonce"] = json!("expected");
                request
            },
            "key-binding-nonce",
        ),
    ]
}
