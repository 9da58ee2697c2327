//! SEC-P1: tokens that attack the reader, one fault each. Every one is refused for its own reason, and its twin without the
//! fault is accepted, so that nothing is refused by accident.

use data_encoding::{BASE64, BASE64URL_NOPAD};
use hmac::{Hmac, KeyInit, Mac};
use identity::jose::jws::{JwsError, Parsed, Policy, Verified};
use identity::jose::{Chain, Jwk, TrustAnchors};
use identity::{Algorithm, SecretKey};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::authority::{Authority, short_chain};
use crate::{NOW, secret};

const CLAIMS: &[u8] = br#"{"client_id":"x509_hash:abc","nonce":"n"}"#;

/// Signs any header bytes, however wrong.
pub(crate) fn sign_raw(signer: &SecretKey, header: &[u8], payload: &[u8]) -> String {
    let input = format!("{}.{}", BASE64URL_NOPAD.encode(header), BASE64URL_NOPAD.encode(payload));
    let signature = signer.sign(input.as_bytes());
    format!("{input}.{}", BASE64URL_NOPAD.encode(&signature.bytes))
}

fn hmac_token(header: &str, key: &[u8]) -> String {
    let input = format!("{}.{}", BASE64URL_NOPAD.encode(header.as_bytes()), BASE64URL_NOPAD.encode(CLAIMS));
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(input.as_bytes());
    format!("{input}.{}", BASE64URL_NOPAD.encode(&mac.finalize().into_bytes()))
}

/// A site that signs requests, and somebody who wants to pass for it.
struct Scene {
    site: SecretKey,
    mallory: SecretKey,
    anchors: TrustAnchors,
    chain: Chain,
    mallorys_chain: Chain,
}

impl Scene {
    fn new() -> Self {
        let (root, other) = (Authority::root("City root"), Authority::root("City root"));
        let (site, mallory) = (secret(Algorithm::P256, 5), secret(Algorithm::P256, 6));
        let chain = short_chain(&root, site.public_key());
        let mallorys_chain = short_chain(&other, mallory.public_key());
        Self { anchors: root.anchors(), site, mallory, chain, mallorys_chain }
    }

    fn header(&self, typ: &str) -> Value {
        json!({"alg": "ES256", "typ": typ, "x5c": self.chain.to_x5c()})
    }

    /// A request object, its header changed.
    fn request(&self, change: impl Fn(&mut Value)) -> String {
        let mut header = self.header("oauth-authz-req+jwt");
        change(&mut header);
        sign_raw(&self.site, header.to_string().as_bytes(), CLAIMS)
    }

    fn request_with(&self, name: &str, value: Value) -> String {
        self.request(|header| header[name] = value.clone())
    }

    fn request_without(&self, name: &str) -> String {
        self.request(|header| drop(header.as_object_mut().unwrap().remove(name)))
    }

    /// A key proof, its header changed.
    fn proof(&self, change: impl Fn(&mut Value)) -> String {
        let mut header = json!({"alg": "ES256", "typ": "openid4vci-proof+jwt", "jwk": self.jwk()});
        change(&mut header);
        sign_raw(&self.site, header.to_string().as_bytes(), CLAIMS)
    }

    fn jwk(&self) -> Value {
        Jwk::from(self.site.public_key()).to_value()
    }

    fn verify_request(&self, token: &str) -> Result<Verified, JwsError> {
        Ok(Parsed::parse(token, &Policy::REQUEST_OBJECT)?.verify_with_chain(&self.anchors, NOW)?.0)
    }

    fn verify_proof(&self, token: &str) -> Result<Verified, JwsError> {
        let (verified, jwk) = Parsed::parse(token, &Policy::KEY_PROOF)?.verify_with_embedded_key()?;
        assert_eq!(jwk.key, self.site.public_key());
        Ok(verified)
    }

    fn verify_binding(&self, token: &str) -> Result<Verified, JwsError> {
        Parsed::parse(token, &Policy::KEY_BINDING)?.verify(&self.site.public_key())
    }
}

type Row = (&'static str, String, &'static str);

fn algorithm_rows(scene: &Scene) -> Vec<Row> {
    let none = |alg: &str| {
        let signed = scene.request_with("alg", json!(alg));
        format!("{}.", signed.rsplit_once('.').unwrap().0)
    };
    let header = |alg: &str| {
        let mut header = scene.header("oauth-authz-req+jwt");
        header["alg"] = json!(alg);
        header.to_string()
    };
    let (x, y) = scene.site.public_key().p256_coordinates().unwrap();
    let sec1 = [&[4][..], &x, &y].concat();
    let mut rows = vec![
        ("none without a signature", none("none"), "jws-alg-unsupported"),
        ("None in another case", none("None"), "jws-alg-unsupported"),
        ("nOnE in another case", none("nOnE"), "jws-alg-unsupported"),
        ("none with a good ES256 signature", scene.request_with("alg", json!("none")), "jws-alg-unsupported"),
        ("empty alg", none(""), "jws-alg-unsupported"),
        ("HS256 keyed with the public point", hmac_token(&header("HS256"), &sec1), "jws-alg-unsupported"),
        (
            "HS256 keyed with the compressed point",
            hmac_token(&header("HS256"), scene.site.public_key().as_bytes()),
            "jws-alg-unsupported",
        ),
        ("HS256 keyed with the JWK", hmac_token(&header("HS256"), scene.jwk().to_string().as_bytes()), "jws-alg-unsupported"),
        ("HS256 keyed with the certificate", hmac_token(&header("HS256"), scene.chain.leaf_der()), "jws-alg-unsupported"),
        ("HS256 with an empty key", hmac_token(&header("HS256"), b""), "jws-alg-unsupported"),
        ("ES256 named, HMAC made", hmac_token(&header("ES256"), &sec1), "jws-signature-invalid"),
        ("EdDSA with a P-256 certificate", scene.request_with("alg", json!("EdDSA")), "jws-alg-key-mismatch"),
        ("Ed25519 with a P-256 certificate", scene.request_with("alg", json!("Ed25519")), "jws-alg-key-mismatch"),
        ("no alg", scene.request_without("alg"), "jws-header-missing"),
        ("alg a number", scene.request_with("alg", json!(-7)), "jws-header-malformed"),
        ("alg a list", scene.request_with("alg", json!(["ES256"])), "jws-header-malformed"),
        ("alg null", scene.request_with("alg", Value::Null), "jws-header-malformed"),
    ];
    for alg in ["HS384", "RS256", "PS256", "ES384", "ES512", "ES256K", "es256", "ES256 ", "ESP256", "Ed448", "RS1"] {
        rows.push(("another algorithm", scene.request_with("alg", json!(alg)), "jws-alg-unsupported"));
    }
    rows
}

fn header_rows(scene: &Scene) -> Vec<Row> {
    let unencoded = {
        let mut header = scene.header("oauth-authz-req+jwt");
        (header["b64"], header["crit"]) = (json!(false), json!(["b64"]));
        let input = format!("{}.payload", BASE64URL_NOPAD.encode(header.to_string().as_bytes()));
        format!("{input}.{}", BASE64URL_NOPAD.encode(&scene.site.sign(input.as_bytes()).bytes))
    };
    let typ = |typ: Value| scene.request_with("typ", typ);
    vec![
        ("crit with a known name", scene.request_with("crit", json!(["exp"])), "jws-header-refused"),
        ("crit with an unknown name", scene.request_with("crit", json!(["urn:x"])), "jws-header-refused"),
        ("crit empty", scene.request_with("crit", json!([])), "jws-header-refused"),
        ("crit not a list", scene.request_with("crit", json!("b64")), "jws-header-refused"),
        ("b64 false with crit, unencoded", unencoded, "jws-header-refused"),
        ("b64 false without crit", scene.request_with("b64", json!(false)), "jws-header-refused"),
        ("b64 true", scene.request_with("b64", json!(true)), "jws-header-refused"),
        ("zip", scene.request_with("zip", json!("DEF")), "jws-header-refused"),
        ("jku", scene.request_with("jku", json!("https://mallory.example/jwks")), "jws-header-refused"),
        ("x5u", scene.request_with("x5u", json!("https://mallory.example/chain")), "jws-header-refused"),
        ("jwk beside x5c", scene.request_with("jwk", scene.jwk()), "jws-header-refused"),
        ("typ missing", scene.request_without("typ"), "jws-typ-wrong"),
        ("typ JWT", typ(json!("JWT")), "jws-typ-wrong"),
        ("typ of a key binding", typ(json!("kb+jwt")), "jws-typ-wrong"),
        ("typ of a credential", typ(json!("dc+sd-jwt")), "jws-typ-wrong"),
        ("typ with its prefix", typ(json!("application/oauth-authz-req+jwt")), "jws-typ-wrong"),
        ("typ in capitals", typ(json!("OAUTH-AUTHZ-REQ+JWT")), "jws-typ-wrong"),
        ("typ with a NUL", typ(json!("oauth-authz-req+jwt\0")), "jws-typ-wrong"),
        ("typ a list", typ(json!(["oauth-authz-req+jwt"])), "jws-header-malformed"),
        ("kid a number", scene.request_with("kid", json!(1)), "jws-header-malformed"),
    ]
}

fn chain_rows(scene: &Scene) -> Vec<Row> {
    let x5c = |value: Value| scene.request_with("x5c", value);
    let leaf = scene.chain.leaf_der();
    let mallorys = {
        let header = json!({"alg": "ES256", "typ": "oauth-authz-req+jwt", "x5c": scene.mallorys_chain.to_x5c()});
        sign_raw(&scene.mallory, header.to_string().as_bytes(), CLAIMS)
    };
    let signed_by_mallory = sign_raw(&scene.mallory, scene.header("oauth-authz-req+jwt").to_string().as_bytes(), CLAIMS);
    let self_signed = {
        let own = Authority::root("City root");
        x5c(json!([BASE64.encode(&own.der)]))
    };
    vec![
        ("x5c missing", scene.request_without("x5c"), "jws-header-missing"),
        ("x5c empty", x5c(json!([])), "x509-empty"),
        ("x5c a text", x5c(json!(BASE64.encode(leaf))), "x509-malformed"),
        (
            "x5c in base64url",
            x5c(json!([data_encoding::BASE64URL.encode(&[&[0xfb, 0xff][..], leaf].concat())])),
            "x509-malformed",
        ),
        ("x5c with one padding too many", x5c(json!([format!("{}=", BASE64.encode(leaf))])), "x509-malformed"),
        ("x5c of somebody else's root of the same name", mallorys, "x509-signature-invalid"),
        ("x5c of the site, signed by somebody else", signed_by_mallory, "jws-signature-invalid"),
        ("x5c self-signed", self_signed, "x509-self-signed"),
        ("x5c the same leaf twice", x5c(json!([scene.chain.to_x5c()[0], scene.chain.to_x5c()[0]])), "x509-out-of-order"),
        ("x5c of five", x5c(Value::Array(vec![scene.chain.to_x5c()[0].clone(); 5])), "x509-too-long"),
    ]
}

fn encoding_rows(scene: &Scene) -> Vec<Row> {
    let good = scene.request(|_| ());
    let (input, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = input.split_once('.').unwrap();
    let text = scene.header("oauth-authz-req+jwt").to_string();
    let inner = text.strip_prefix('{').unwrap();
    let raw = |header: &str| sign_raw(&scene.site, header.as_bytes(), CLAIMS);
    let respelled = {
        // 64 bytes end in a character with four unused bits.
        let last = signature.bytes().last().unwrap();
        format!("{}{}", &good[..good.len() - 1], char::from(last + 1))
    };
    let der = p256::ecdsa::Signature::from_slice(&BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap()).unwrap().to_der();
    let bytes = |bytes: &[u8]| format!("{input}.{}", BASE64URL_NOPAD.encode(bytes));
    let order =
        [&[0xff_u8; 4][..], &[0; 4], &[0xff; 8], b"\xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51"].concat();
    let other_claims = BASE64URL_NOPAD.encode(br#"{"client_id":"x509_hash:mallory","nonce":"n"}"#);
    vec![
        ("alg twice, none last", raw(&format!(r#"{{{},"alg":"none"}}"#, inner.strip_suffix('}').unwrap())), "jws-header-json"),
        ("alg twice, none first", raw(&format!(r#"{{"alg":"none",{inner}"#)), "jws-header-json"),
        ("alg twice, once escaped", raw(&format!(r#"{{"\u0061lg":"none",{inner}"#)), "jws-header-json"),
        ("header a list", raw(&format!("[{text}]")), "jws-header-json"),
        ("header a text", raw("\"ES256\""), "jws-header-json"),
        ("header followed by more", raw(&format!("{text}{{}}")), "jws-header-json"),
        ("header after a byte order mark", raw(&format!("\u{feff}{text}")), "jws-header-json"),
        ("header not UTF-8", sign_raw(&scene.site, b"{\"alg\":\"ES256\xff\"}", CLAIMS), "jws-header-json"),
        ("header nested deep", raw(&format!(r#"{{"x":{}{},{inner}"#, "[".repeat(500), "]".repeat(500))), "jws-header-json"),
        ("header empty", raw(""), "jws-header-json"),
        ("header padded", format!("{header}=.{payload}.{signature}"), "jws-not-compact"),
        ("signature padded", format!("{good}=="), "jws-not-compact"),
        ("signature in another spelling", respelled, "jws-not-compact"),
        ("a line break inside", format!("{header}\n.{payload}.{signature}"), "jws-not-compact"),
        ("space around", format!(" {good} "), "jws-not-compact"),
        ("standard base64 letters", format!("{header}+/.{payload}.{signature}"), "jws-not-compact"),
        ("two parts", input.to_owned(), "jws-not-compact"),
        ("four parts", format!("{good}.AAAA"), "jws-not-compact"),
        ("one part", header.to_owned(), "jws-not-compact"),
        ("nothing", String::new(), "jws-not-compact"),
        (
            "JSON serialization",
            json!({"protected": header, "payload": payload, "signature": signature}).to_string(),
            "jws-not-compact",
        ),
        ("detached payload", format!("{header}..{signature}"), "jws-signature-invalid"),
        ("no signature", format!("{input}."), "jws-signature-invalid"),
        ("signature in DER", bytes(der.as_bytes()), "jws-signature-invalid"),
        ("signature of zeros", bytes(&[0; 64]), "jws-signature-invalid"),
        ("signature r = 0, s = 1", bytes(&[&[0_u8; 63][..], &[1]].concat()), "jws-signature-invalid"),
        ("signature r = s = n", bytes(&[&order[..], &order].concat()), "jws-signature-invalid"),
        ("signature a byte short", bytes(&[1; 63]), "jws-signature-invalid"),
        ("signature a byte long", bytes(&[1; 65]), "jws-signature-invalid"),
        ("another payload", format!("{header}.{other_claims}.{signature}"), "jws-signature-invalid"),
        ("a megabyte", "A".repeat(1 << 20), "jws-too-long"),
        ("a long header", format!("{}.{payload}.{signature}", "A".repeat(65 * 1024)), "jws-too-long"),
    ]
}

fn proof_rows(scene: &Scene) -> Vec<Row> {
    let jwk = |value: Value| scene.proof(|header| header["jwk"] = value.clone());
    let with = |name: &str, value: Value| {
        let mut key = scene.jwk();
        key[name] = value;
        jwk(key)
    };
    let secret_text = BASE64URL_NOPAD.encode(&[5; 32]);
    let symmetric = json!({"alg": "HS256", "typ": "openid4vci-proof+jwt", "jwk": {"kty": "oct", "k": "AAAA"}}).to_string();
    let other = Jwk::from(scene.mallory.public_key()).to_value();
    let edwards = Jwk::from(secret(Algorithm::Ed25519, 1).public_key()).to_value();
    vec![
        ("proof without a key", scene.proof(|h| drop(h.as_object_mut().unwrap().remove("jwk"))), "jws-header-missing"),
        ("proof with its private key", with("d", json!(secret_text)), "jws-jwk-refused"),
        ("proof with a point off the curve", with("y", json!(secret_text)), "jws-jwk-refused"),
        ("proof with another curve", with("crv", json!("P-384")), "jws-jwk-refused"),
        ("proof with a symmetric key", hmac_token(&symmetric, &[0, 0, 0]), "jws-alg-unsupported"),
        ("proof with an RSA key", jwk(json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"})), "jws-jwk-refused"),
        ("proof with a key that is a text", jwk(json!("key")), "jws-jwk-refused"),
        ("proof with another's key", jwk(other), "jws-signature-invalid"),
        ("proof with a key of another kind", jwk(edwards), "jws-alg-key-mismatch"),
        ("proof with jwk and kid", scene.proof(|h| h["kid"] = json!("k")), "jws-header-refused"),
        ("proof with jwk and x5c", scene.proof(|h| h["x5c"] = scene.chain.to_x5c()), "jws-header-refused"),
        ("request passed off as a proof", scene.request(|_| ()), "jws-typ-wrong"),
        ("proof with jku", scene.proof(|h| h["jku"] = json!("https://mallory.example")), "jws-header-refused"),
    ]
}

fn binding_rows(scene: &Scene) -> Vec<Row> {
    let with = |name: &str, value: Value| {
        let mut header = json!({"alg": "ES256", "typ": "kb+jwt"});
        header[name] = value;
        sign_raw(&scene.mallory, header.to_string().as_bytes(), CLAIMS)
    };
    vec![
        ("binding that brings its own key", with("jwk", Jwk::from(scene.mallory.public_key()).to_value()), "jws-header-refused"),
        ("binding that brings its own chain", with("x5c", scene.mallorys_chain.to_x5c()), "jws-header-refused"),
        ("binding signed by somebody else", with("kid", json!("site")), "jws-signature-invalid"),
        ("proof passed off as a binding", scene.proof(|_| ()), "jws-typ-wrong"),
    ]
}

fn refuse_all(rows: &[Row], verify: impl Fn(&str) -> Result<Verified, JwsError>) {
    for (name, token, slug) in rows {
        match verify(token) {
            Ok(_) => panic!("accepted: {name}"),
            Err(error) => assert_eq!(error.slug(), *slug, "{name}: {error:?}"),
        }
    }
}

/// SEC-P1: alg confusion, key injection, `crit`, `b64`, wrong `typ`, and how tokens can be spelled: all refused.
#[test]
fn a_hundred_hostile_tokens_are_refused_each_for_its_own_fault() {
    let scene = Scene::new();
    let requests = [algorithm_rows(&scene), header_rows(&scene), chain_rows(&scene), encoding_rows(&scene)].concat();
    let (proofs, bindings) = (proof_rows(&scene), binding_rows(&scene));
    refuse_all(&requests, |token| scene.verify_request(token));
    refuse_all(&proofs, |token| scene.verify_proof(token));
    refuse_all(&bindings, |token| scene.verify_binding(token));
    assert!(requests.len() + proofs.len() + bindings.len() >= 100);
}

#[test]
fn the_same_tokens_without_the_fault_are_accepted() {
    let scene = Scene::new();
    assert!(scene.verify_request(&scene.request(|_| ())).is_ok());
    assert!(scene.verify_request(&scene.request_with("kid", json!("k"))).is_ok());
    assert!(scene.verify_request(&scene.request_with("unknown", json!({"ignored": true}))).is_ok());
    assert!(scene.verify_proof(&scene.proof(|_| ())).is_ok());
    let binding = sign_raw(&scene.site, br#"{"alg":"ES256","typ":"kb+jwt"}"#, CLAIMS);
    assert!(scene.verify_binding(&binding).is_ok());
}
