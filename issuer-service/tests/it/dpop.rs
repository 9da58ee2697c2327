//! Tokens that are bound to a key: DPoP (RFC 9449) at the token, nonce and credential endpoints.

use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::wallet_tools::{code, code_form, credential_request, credentials};
use crate::support::{Answer, DpopWallet, WalletKeys, World};

const ALGORITHMS: &str = "algs=\"ES256 EdDSA Ed25519\"";

/// Refused at the token endpoint (RFC 9449 section 5).
#[track_caller]
fn refused(answer: &Answer, code: &str) {
    assert_eq!((answer.status, answer.error().as_str()), (400, code), "{}", answer.text());
    assert!(!answer.header("dpop-nonce").is_empty());
}

/// Refused at the credential endpoint (section 7.1).
#[track_caller]
fn refused_at_resource(answer: &Answer, code: &str) {
    assert_eq!((answer.status, answer.error().as_str()), (401, code), "{}", answer.text());
    let challenge = answer.header("www-authenticate");
    assert!(challenge.starts_with(&format!("DPoP error=\"{code}\"")) && challenge.ends_with(ALGORITHMS), "{challenge}");
    assert!(!answer.header("dpop-nonce").is_empty());
}

/// The header of a proof changed, and signed again, so that only the header is at fault.
fn with_header(wallet: &DpopWallet, claims: &Value, change: impl Fn(&mut Value)) -> String {
    let signed = wallet.sign(claims);
    let [header, payload, _] = signed.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let mut header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    change(&mut header);
    let input = format!("{}.{payload}", URL_SAFE_NO_PAD.encode(header.to_string()));
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(wallet.key.sign(input.as_bytes()).bytes))
}

/// SEC-P4: everything that section 4.3 asks of a proof, for the endpoint at `path`: what a proof must not be.
async fn bad_proofs(world: &World, wallet: &DpopWallet, path: &str, token: Option<&str>) -> Vec<(&'static str, String)> {
    let good = wallet.claims(world, path, token).await;
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        wallet.sign(&claims)
    };
    let without = |name: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(name);
        wallet.sign(&claims)
    };
    let now = world.clock.now();
    let other = if path == "/token" { "/credential" } else { "/token" };
    let mut cases = vec![
        ("another method", with("htm", json!("GET"))),
        ("no method", without("htm")),
        ("another endpoint", with("htu", json!(format!("http://127.0.0.1:7301{other}")))),
        ("another server", with("htu", json!(format!("http://127.0.0.1:7302{path}")))),
        ("no address", with("htu", json!("token"))),
        ("no htu", without("htu")),
        ("too old", with("iat", json!(now - 361))),
        ("from the future", with("iat", json!(now + 61))),
        ("no time", without("iat")),
        ("no jti", without("jti")),
        ("an empty jti", with("jti", json!(""))),
        ("another type", with_header(wallet, &good, |h| h["typ"] = json!("JWT"))),
        ("no signature algorithm", with_header(wallet, &good, |h| h["alg"] = json!("none"))),
        ("a symmetric algorithm", with_header(wallet, &good, |h| h["alg"] = json!("HS256"))),
        ("a private key", with_header(wallet, &good, |h| h["jwk"]["d"] = json!("AAAA"))),
        ("no key", with_header(wallet, &good, |h| drop(h.as_object_mut().unwrap().remove("jwk")))),
        ("no signature", format!("{}.AAAA", wallet.sign(&good).rsplit_once('.').unwrap().0)),
        ("nonsense", "nonsense".to_owned()),
    ];
    if token.is_some() {
        cases.push(("no ath", without("ath")));
        cases.push(("the hash of another token", with("ath", json!("AAAA"))));
    }
    cases
}

/// SEC-P4: at the token endpoint none of them counts, no try of the PIN is used up, and then a good one does.
#[tokio::test]
async fn a_token_is_given_for_a_proof_of_this_request_only() {
    let world = World::new().await;
    let wallet = DpopWallet::new(50);
    let (offer, pin) = world.offer().await;
    let code = code(&offer["credential_offer"]);
    let fields = code_form(&code, &pin);
    for (what, proof) in bad_proofs(&world, &wallet, "/token", None).await {
        let answer = world.bound_token(&[proof], &fields).await;
        assert_eq!(answer.error(), "invalid_dpop_proof", "{what}");
        refused(&answer, "invalid_dpop_proof");
    }
    let two = [wallet.proof(&world, "/token", None).await, wallet.proof(&world, "/token", None).await];
    refused(&world.bound_token(&two, &fields).await, "invalid_dpop_proof");
    // Query and fragment are ignored, and addresses are compared normalized.
    let mut claims = wallet.claims(&world, "/token", None).await;
    claims["htu"] = json!("HTTP://127.0.0.1:7301/./token?a=b#c");
    let answer = world.bound_token(&[wallet.sign(&claims)], &fields).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    insta::assert_json_snapshot!("bound_token", answer.json(), { ".access_token" => "[token]", ".refresh_token" => "[token]" });
}

/// SEC-P4: nor at the credential endpoint, where the proof is for the token too.
#[tokio::test]
async fn a_bound_token_counts_with_a_proof_for_it_only() {
    let world = World::new().await;
    let wallet = DpopWallet::new(50);
    let access = wallet.tokens(&world).await.access;
    let keys = WalletKeys::new(2);
    let request = credential_request(&keys.proofs(&world.nonce().await));
    for (what, proof) in bad_proofs(&world, &wallet, "/credential", Some(&access)).await {
        let answer = world.bound_credential(&access, &[proof], &request).await;
        assert_eq!(answer.error(), "invalid_dpop_proof", "{what}");
        refused_at_resource(&answer, "invalid_dpop_proof");
    }
    refused_at_resource(&world.bound_credential(&access, &[], &request).await, "invalid_dpop_proof");
    let answer = wallet.ask(&world, &access, &keys).await;
    assert_eq!((answer.status, credentials(&answer).len()), (200, 2), "{}", answer.text());
}

/// SEC-P4: a token is worth nothing with another key, nor without one as a Bearer token; and a Bearer token does not become bound.
#[tokio::test]
async fn a_stolen_token_is_worth_nothing_with_another_key() {
    let world = World::new().await;
    let (wallet, thief) = (DpopWallet::new(50), DpopWallet::new(51));
    let access = wallet.tokens(&world).await.access;
    let keys = WalletKeys::new(1);
    refused_at_resource(&thief.ask(&world, &access, &keys).await, "invalid_token");
    let request = credential_request(&keys.proofs(&world.nonce().await));
    refused_at_resource(&world.credential(&access, &request).await, "invalid_token");
    let bearer = world.access_token().await;
    refused_at_resource(&thief.ask(&world, &bearer, &keys).await, "invalid_token");
    assert_eq!(wallet.ask(&world, &access, &keys).await.status, 200);
    // What a client without DPoP is told has both schemes.
    let none = world.post("/credential", "application/json", request.to_string()).await;
    let challenge = none.header("www-authenticate");
    assert!(challenge.starts_with("Bearer error=") && challenge.ends_with(&format!(", DPoP {ALGORITHMS}")), "{challenge}");
}

/// SEC-P4: a proof is used once, by whichever process it is seen first, also after the first use was refused; for as long as it is young.
#[tokio::test]
async fn a_proof_is_used_once_by_any_process() {
    let mut world = World::new().await;
    let wallet = DpopWallet::new(50);
    let access = wallet.tokens(&world).await.access;
    let keys = WalletKeys::new(1);
    let request = credential_request(&keys.proofs(&world.nonce().await));
    let proof = [wallet.proof(&world, "/credential", Some(&access)).await];
    let (one, other) =
        tokio::join!(world.bound_credential(&access, &proof, &request), world.bound_credential(&access, &proof, &request));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401], "{} {}", one.text(), other.text());
    world.restart().await;
    refused_at_resource(&world.bound_credential(&access, &proof, &request).await, "invalid_dpop_proof");

    let (offer, pin) = world.offer().await;
    let code = code(&offer["credential_offer"]);
    let wrong = if pin == "000000" { "000001" } else { "000000" };
    let proof = [wallet.proof(&world, "/token", None).await];
    refused(&world.bound_token(&proof, &code_form(&code, wrong)).await, "invalid_grant");
    let again = world.bound_token(&proof, &code_form(&code, &pin)).await;
    refused(&again, "invalid_dpop_proof");
    assert!(again.text().contains("used before"), "{}", again.text());
    // As long as nonce and age would let it pass, tidying does not forget it.
    world.clock.advance(299);
    issuer_service::app::tidy_once(&world.app).await.unwrap();
    refused(&world.bound_token(&proof, &code_form(&code, &pin)).await, "invalid_dpop_proof");
}

/// Sections 8 and 9: without a nonce of ours that is not over, a new one comes; no try of the PIN and no proof is used up by that.
#[tokio::test]
async fn proofs_need_a_nonce_that_every_answer_brings() {
    let world = World::new().await;
    let wallet = DpopWallet::new(50);
    let (offer, pin) = world.offer().await;
    let code = code(&offer["credential_offer"]);
    let old = wallet.claims(&world, "/token", None).await;
    world.clock.advance(300);
    for nonce in [Value::Null, json!("made-up"), json!(world.nonce().await), old["nonce"].clone()] {
        let mut claims = wallet.claims(&world, "/token", None).await;
        claims["nonce"] = nonce;
        for _ in 0..4 {
            let answer = world.bound_token(&[wallet.sign(&claims)], &code_form(&code, &pin)).await;
            refused(&answer, "use_dpop_nonce");
        }
        let answer = world.bound_token(&[wallet.sign(&claims)], &code_form(&code, &pin)).await;
        claims["nonce"] = answer.header("dpop-nonce").into();
        // The nonce is good: what is refused now is the offer's type of request.
        let answer = world.bound_token(&[wallet.sign(&claims)], &[("grant_type", "refresh_token"), ("refresh_token", "x")]).await;
        refused(&answer, "invalid_grant");
    }
    let answer = world.bound_token(&[wallet.proof(&world, "/token", None).await], &code_form(&code, &pin)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let access = answer.json()["access_token"].as_str().unwrap().to_owned();
    let request = credential_request(&WalletKeys::new(1).proofs(&world.nonce().await));
    let mut claims = wallet.claims(&world, "/credential", Some(&access)).await;
    let from_token = answer.header("dpop-nonce").to_owned();
    claims["nonce"] = Value::Null;
    refused_at_resource(&world.bound_credential(&access, &[wallet.sign(&claims)], &request).await, "use_dpop_nonce");
    claims["nonce"] = from_token.into();
    let answer = world.bound_credential(&access, &[wallet.sign(&claims)], &request).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(!answer.header("dpop-nonce").is_empty());
}

/// A wallet in a browser may read nonces and challenges (section 8.2).
#[tokio::test]
async fn a_browser_may_read_nonces() {
    let world = World::new().await;
    let answer =
        world.call(Request::post("/nonce").header("origin", "https://wallet.example").body(Body::empty()).unwrap()).await;
    assert_eq!(answer.header("access-control-expose-headers"), "dpop-nonce,www-authenticate");
}
