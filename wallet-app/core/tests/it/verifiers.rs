//! Verifiers of every kind that OpenID4VP 1.0 knows and this wallet takes, choices, transactions; and each kind posing as another.

use identity::did::{Did, Inception};
use identity::jose::jwk::thumbprint_text;
use identity::jose::jws::{self, JwsHeader};
use identity::keys::{PublicKey, SecretKey};
use identity::sd_jwt::{Expected, KeyBindingPolicy, SdJwt};
use identity::sd_jwt_vc::{self, Demand};
use ledger::cell::Subject;
use ledger::records::{IdentityRecord, PartyRecord};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use wallet_core::{Consent, Selection, Wallet, WalletError};

use crate::city::{City, VCT, only, p256};
use crate::issuer::{PIN, offer_link};
use crate::site::{Served, site_key};

fn link(parameters: &[(&str, &str)]) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("openid4vp://?{query}")
}

/// The form of the last response and its key binding, verified as the site would.
fn posted(city: &City, client_id: &str) -> (Map<String, Value>, Map<String, Value>) {
    let token = city.site.seen(|seen| match seen.posted.last().unwrap().get("vp_token") {
        Some(vp_token) => serde_json::from_str::<Value>(vp_token).unwrap(),
        None => json!(seen.responses.last().unwrap().vp_token),
    });
    let presentation = token["identity"][0].as_str().unwrap().to_owned();
    let expected = Expected { aud: client_id, nonce: "nonce-nonce-nonce-nonce-1", max_age_seconds: 60 };
    let demand = Demand { now: city.clock.now(), leeway_seconds: 0, key_binding: KeyBindingPolicy::Required(expected) };
    let verified = sd_jwt_vc::verify(SdJwt::parse(&presentation).unwrap(), &p256(1).public_key(), &demand).unwrap();
    (verified.verified.claims, verified.verified.key_binding.unwrap())
}

async fn opened(city: &City, wallet: &Wallet, claims: &Value) -> Result<Consent, WalletError> {
    wallet.open(&city.site.serve("1", Served::Token(city.site.sign(claims)))).await
}

/// RFC 9101 section 5.1: the signed request in the link itself, under every scheme and in pasted text.
#[tokio::test]
async fn a_signed_request_by_value_is_opened() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let token = city.site.sign(&city.site.claims(&["family_name"]));
    let by_value = link(&[("client_id", &city.site.client_id()), ("request", &token)]);
    for text in [
        by_value.clone(),
        by_value.replace("openid4vp://", "haip-vp://"),
        by_value.replace("openid4vp://", "https://wallet.example/"),
        format!("登录请打开 {by_value} 。"),
    ] {
        let found = Wallet::link_from_text(&text).unwrap();
        let consent = wallet.open(&found).await.unwrap();
        assert_eq!((consent.view.name.en.as_str(), consent.view.unverified.is_none()), ("Tax portal", true));
    }
    // The link's client must be the object's.
    let other = link(&[("client_id", "x509_hash:AAAA"), ("request", &token)]);
    assert_eq!(wallet.open(&other).await.unwrap_err().slug(), "request-client-id");
    assert_eq!(city.site.seen(|seen| seen.fetched), 0);
}

/// `direct_post`: the response goes in parts, and the citizen is told that only the connection protects it.
#[tokio::test]
async fn a_response_without_encryption_comes_with_a_warning() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let mut claims = city.site.claims(&["family_name"]);
    claims["response_mode"] = "direct_post".into();
    claims.as_object_mut().unwrap().remove("state");
    let consent = opened(&city, &wallet, &claims).await.unwrap();
    assert!(consent.view.warnings.iter().any(|warning| warning.en.contains("connection alone")));
    wallet.approve(&consent, None).await.unwrap();
    let (disclosed, _) = posted(&city, &city.site.client_id());
    assert_eq!(disclosed["family_name"], "李-canary-1");
    assert!(!city.site.seen(|seen| seen.posted[0].contains_key("state")));
}

/// The site with a certificate for the name `localhost`, registered with that origin; gives its address, claims and header.
fn named_site(city: &City) -> (String, Value, JwsHeader) {
    let origin = city.site.origin().replace("127.0.0.1", "localhost");
    let party = PartyRecord { origin: origin.clone(), ..city.party(&["family_name"]) };
    city.register_party(&party);
    let mut claims = city.site.claims(&["family_name"]);
    claims["client_id"] = "x509_san_dns:localhost".into();
    claims["response_uri"] = format!("{origin}/responses/1").into();
    let chain = city.ca.chain_for("Tax office", "localhost", site_key().public_key());
    (origin, claims, JwsHeader { x5c: Some(chain), ..JwsHeader::typ("oauth-authz-req+jwt") })
}

/// OpenID4VP section 5.9.3, `x509_san_dns`: the name in the certificate is the host of the response and of the registered origin.
#[tokio::test]
async fn a_site_is_known_by_the_name_in_its_certificate() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let (origin, claims, header) = named_site(&city);
    let open = |claims: &Value, client_id: &str| {
        let token = jws::sign_compact(&site_key(), &header, claims.to_string().as_bytes());
        link(&[("client_id", client_id), ("request", &token)])
    };
    let consent = wallet.open(&open(&claims, "x509_san_dns:localhost")).await.unwrap();
    assert_eq!((consent.view.name.en.as_str(), consent.view.origin.as_str()), ("Tax portal", origin.as_str()));
    wallet.approve(&consent, None).await.unwrap();
    posted(&city, "x509_san_dns:localhost");
    // SEC-P2: another name, a wildcard's, and an answer to another host.
    for (client_id, slug) in [
        ("x509_san_dns:evil.example", "request-client-id"),
        ("x509_san_dns:LOCALHOST", "request-client-id"),
        ("x509_san_dns:", "request-client-id"),
        ("x509_hash:localhost", "request-client-id"),
        ("x509_san_uri:localhost", "request-client-id"),
        ("verifier_attestation:localhost", "request-client-id"),
        ("openid_federation:https://localhost", "request-client-id"),
        ("origin:http://localhost", "request-client-id"),
        ("localhost", "request-client-id"),
    ] {
        let mut changed = claims.clone();
        changed["client_id"] = client_id.into();
        assert_eq!(wallet.open(&open(&changed, client_id)).await.unwrap_err().slug(), slug, "{client_id}");
    }
    let mut elsewhere = claims.clone();
    elsewhere["response_uri"] = format!("{}/responses/1", city.site.origin()).into();
    assert_eq!(wallet.open(&open(&elsewhere, "x509_san_dns:localhost")).await.unwrap_err().slug(), "request-client-id");
    // The name is proven, and the party that it claims to be is registered elsewhere.
    city.register_party(&city.party(&["family_name"]));
    assert_eq!(wallet.open(&open(&claims, "x509_san_dns:localhost")).await.unwrap_err().slug(), "party-unregistered");
}

/// An identity on the ledger, with its DID.
fn identity(city: &City, device: &PublicKey) -> Did {
    let inception = Inception { network: "test".parse().unwrap(), device: *device, recovery_commitment: [3; 32] };
    let did = inception.did();
    city.ledger.put(&Subject::Identity(did.id), &IdentityRecord { inception, devices: vec![*device] }, 0);
    did
}

fn signed_by_did(city: &City, did: &impl std::fmt::Display, device: &SecretKey, kid: &str) -> String {
    let client_id = format!("decentralized_identifier:{did}");
    let mut claims = city.site.claims(&["family_name"]);
    claims["client_id"] = client_id.clone().into();
    claims.as_object_mut().unwrap().remove("verifier_info");
    let header = JwsHeader { kid: Some(kid.to_owned()), ..JwsHeader::typ("oauth-authz-req+jwt") };
    let token = jws::sign_compact(device, &header, claims.to_string().as_bytes());
    link(&[("client_id", &client_id), ("request", &token)])
}

/// `decentralized_identifier`: the key is a device of the identity by proof from the ledger; who it is nobody says, and the citizen must
/// accept that before anything is sent.
#[tokio::test]
async fn an_identity_may_ask_and_is_shown_as_unverified() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let device = p256(61);
    let did = identity(&city, &device.public_key());
    let kid = format!("{did}#{}", thumbprint_text(&device.public_key()));
    let mut consent = wallet.open(&signed_by_did(&city, &did, &device, &kid)).await.unwrap();
    let view = consent.view.clone();
    assert_eq!((view.party, view.name.en.clone(), view.as_of.is_some()), (None, did.to_string(), true));
    assert!(view.unverified.as_ref().unwrap().en.starts_with("UNVERIFIED"));
    assert!(view.sentence.en.contains("unverified") && view.sentence.zh.contains("未经证实"));
    assert_eq!(wallet.approve(&consent, None).await.unwrap_err().slug(), "unverified-not-accepted");
    assert_eq!(city.site.seen(|seen| seen.posted.len()), 0);
    consent.accept_unverified();
    city.site.behave(|behaviour| behaviour.no_receipt = true);
    let outcome = wallet.approve(&consent, None).await.unwrap();
    assert!(outcome.receipt.is_none() && outcome.warnings.is_empty());
    posted(&city, &format!("decentralized_identifier:{did}"));
    assert_eq!(wallet.history().unwrap().last().unwrap().other_side.as_ref().unwrap().en, did.to_string());
    // SEC-P2: another's device, a removed one, another identity, another network.
    let stranger = p256(62);
    let stranger_kid = format!("{did}#{}", thumbprint_text(&stranger.public_key()));
    let other_kid = format!("{}#{}", identity(&city, &stranger.public_key()), thumbprint_text(&stranger.public_key()));
    for (key, kid, slug) in [
        (&stranger, kid.as_str(), "request-signature"),
        (&stranger, stranger_kid.as_str(), "request-client-id"),
        (&stranger, other_kid.as_str(), "request-client-id"),
        (&device, did.to_string().as_str(), "request-client-id"),
    ] {
        assert_eq!(wallet.open(&signed_by_did(&city, &did, key, kid)).await.unwrap_err().slug(), slug, "{kid}");
    }
    city.ledger.remove(&Subject::Identity(did.id));
    assert_eq!(wallet.open(&signed_by_did(&city, &did, &device, &kid)).await.unwrap_err().slug(), "request-client-id");
}

/// SEC-F2: a DID of another method is neither fetched nor decoded nor followed, whatever hangs on it: a document on a server, ten thousand
/// keys or a controller of a controller in its own name. A link that is too long for a name is not read at all.
#[tokio::test]
async fn a_did_of_another_method_is_refused_without_looking_anywhere() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let device = p256(61);
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    server.set_nonblocking(true).unwrap();
    let port = server.local_addr().unwrap().port();
    let name = |value: Value| base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, value.to_string());
    let many_keys = name(json!({ "keys": vec!["k"; 500] }));
    let within = name(json!({ "controller": format!("did:jwk:{}", name(json!({ "controller": "did:jwk:e30" }))) }));
    for did in [
        format!("did:web:127.0.0.1%3A{port}"),
        format!("did:web:127.0.0.1%3A{port}:deep:er"),
        format!("did:webvh:abc:127.0.0.1%3A{port}"),
        format!("did:jwk:{many_keys}"),
        format!("did:peer:2.{within}"),
        "did:key:zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv".to_owned(),
        format!("did:yufu:test:{}", "a".repeat(2_000)),
    ] {
        let refused = wallet.open(&signed_by_did(&city, &did, &device, &format!("{did}#0"))).await.unwrap_err();
        assert_eq!(refused.slug(), "request-client-id", "{did}");
    }
    assert!(server.accept().is_err(), "nobody came for a document");
    let bomb = format!("did:jwk:{}", name(json!({ "keys": vec!["k"; 10_000] })));
    let refused = wallet.open(&signed_by_did(&city, &bomb, &device, &format!("{bomb}#0"))).await.unwrap_err();
    assert!(matches!(refused, WalletError::Scan(_)), "{refused:?}");
}

/// The parameters of an honest request that nobody signed.
fn unsigned(city: &City) -> Vec<(&'static str, String)> {
    let claims = city.site.claims(&["family_name"]);
    let address = format!("{}/responses/1", city.site.origin());
    vec![
        ("client_id", format!("redirect_uri:{address}")),
        ("response_type", "vp_token".to_owned()),
        ("response_mode", "direct_post.jwt".to_owned()),
        ("response_uri", address),
        ("nonce", "nonce-nonce-nonce-nonce-1".to_owned()),
        ("state", "state-1".to_owned()),
        ("dcql_query", claims["dcql_query"].to_string()),
        ("client_metadata", claims["client_metadata"].to_string()),
    ]
}

fn as_link(parameters: &[(&'static str, String)]) -> String {
    let borrowed: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
    link(&borrowed)
}

/// `redirect_uri`: nobody signs, so nobody is known; the answer goes to the very address in the client identifier. SEC-P2: signed as this,
/// unsigned as another, a registration that nobody signed.
#[tokio::test]
async fn a_request_that_nobody_signed_is_shown_as_unverified() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let honest = unsigned(&city);
    let mut consent = wallet.open(&as_link(&honest)).await.unwrap();
    assert_eq!((consent.view.party, consent.view.origin.clone()), (None, city.site.origin()));
    assert!(consent.view.unverified.is_some() && consent.view.as_of.is_none());
    assert_eq!(wallet.approve(&consent, None).await.unwrap_err().slug(), "unverified-not-accepted");
    consent.accept_unverified();
    wallet.approve(&consent, None).await.unwrap();
    let registration = json!([{ "format": "yufu_registration", "data": { "party": "tax-portal", "purpose": "login" } }]);
    let changes: [(&'static str, String, &str); 8] = [
        ("response_uri", "https://evil.example/responses/1".to_owned(), "request-client-id"),
        ("client_id", city.site.client_id(), "request-client-id"),
        ("client_id", "x509_san_dns:localhost".to_owned(), "request-client-id"),
        ("client_id", "redirect_uri:https://evil.example/".to_owned(), "request-client-id"),
        ("verifier_info", registration.to_string(), "request-malformed"),
        ("redirect_uri", format!("{}/responses/1", city.site.origin()), "request-malformed"),
        ("nonce", "short".to_owned(), "request-malformed"),
        ("dcql_query", "{\"credentials\":[],\"credentials\":[]}".to_owned(), "request-malformed"),
    ];
    for (name, value, slug) in changes {
        let mut changed: Vec<_> = honest.iter().filter(|(known, _)| *known != name).cloned().collect();
        changed.push((name, value.clone()));
        assert_eq!(wallet.open(&as_link(&changed)).await.unwrap_err().slug(), slug, "{name} = {value}");
    }
}

/// Another credential of the same type; gives the ids, the newer first.
async fn two_credentials(city: &City, wallet: &Wallet) -> (String, String) {
    let older = wallet.credentials().unwrap()[0].id.clone();
    city.clock.advance(5);
    let newer = only(wallet.receive(&offer_link(&city.issuer.base(), "2"), Some(PIN)).await.unwrap()).id;
    (newer, older)
}

fn selection(query: &str, ids: &[&str]) -> Selection {
    let ids = ids.iter().map(|id| (*id).to_owned()).collect();
    Selection { credentials: [(query.to_owned(), ids)].into(), ..Selection::default() }
}

/// The citizen chooses among matching credentials; what does not answer the request cannot be chosen.
#[tokio::test]
async fn the_citizen_chooses_among_matching_credentials() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let (newer, older) = two_credentials(&city, &wallet).await;
    let consent = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
    let question = consent.view.questions[0].clone();
    let offered: Vec<&str> = question.options.iter().map(|option| option.credential.as_str()).collect();
    assert_eq!((offered, question.chosen.clone()), (vec![newer.as_str(), older.as_str()], vec![newer.clone()]));
    assert_eq!(question.options[1].claims[0].value, "李-canary-1");
    for (query, ids) in [
        ("identity", vec![]),
        ("identity", vec!["unknown"]),
        ("identity", vec![newer.as_str(), older.as_str()]),
        ("another", vec![older.as_str()]),
    ] {
        let error = wallet.select(&consent, &selection(query, &ids)).unwrap_err();
        assert_eq!(error.slug(), "choice-not-possible", "{query} {ids:?}");
    }
    let chosen = wallet.select(&consent, &selection("identity", &[&older])).unwrap();
    assert_eq!(chosen.view.questions[0].chosen, std::slice::from_ref(&older));
    wallet.approve(&chosen, None).await.unwrap();
    let left: Vec<_> = wallet.credentials().unwrap().iter().map(|one| (one.id.clone(), one.copies_left)).collect();
    assert_eq!(left, [(newer, 3), (older, 2)]);
}

/// `multiple`: several credentials for one question, each with its own copy's key.
#[tokio::test]
async fn several_credentials_are_shown_where_several_are_asked_for() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let (newer, older) = two_credentials(&city, &wallet).await;
    let mut claims = city.site.claims(&["family_name"]);
    claims["dcql_query"]["credentials"][0]["multiple"] = true.into();
    let consent = opened(&city, &wallet, &claims).await.unwrap();
    assert_eq!(consent.view.questions[0].chosen, std::slice::from_ref(&newer));
    let both = wallet.select(&consent, &selection("identity", &[&newer, &older])).unwrap();
    assert_eq!(both.view.claims.len(), 2);
    wallet.approve(&both, None).await.unwrap();
    assert_eq!(city.site.seen(|seen| seen.responses[0].vp_token["identity"].len()), 2);
}

/// `credential_sets`: the most wanted combination is proposed; an optional one only where the citizen wants it.
#[tokio::test]
async fn combinations_are_chosen_and_optional_ones_are_left_out() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let mut claims = city.site.claims(&["family_name"]);
    let of = |id: &str, claim: &str| json!({ "id": id, "format": "dc+sd-jwt", "meta": { "vct_values": [VCT] }, "claims": [{ "path": [claim] }] });
    let mut nobody_has = of("none", "birth_date");
    nobody_has["claims"][0]["values"] = json!(["1900-01-01"]);
    claims["dcql_query"] = json!({
        "credentials": [of("name", "family_name"), of("birth", "birth_date"), nobody_has],
        "credential_sets": [{ "options": [["none"], ["name"], ["birth"]] }, { "options": [["birth"]], "required": false }],
    });
    let consent = opened(&city, &wallet, &claims).await.unwrap();
    let names = |consent: &Consent| consent.view.claims.iter().map(|claim| claim.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&consent), ["family_name"]);
    assert_eq!(consent.view.sets[0].options, [vec!["name".to_owned()], vec!["birth".to_owned()]], "what can be answered");
    assert_eq!((consent.view.sets[0].chosen, consent.view.sets[1].chosen), (Some(0), None));
    let both = wallet.select(&consent, &Selection { sets: [(1, Some(0))].into(), ..Selection::default() }).unwrap();
    assert_eq!(names(&both), ["family_name", "birth_date"]);
    let other = wallet.select(&consent, &Selection { sets: [(0, Some(1))].into(), ..Selection::default() }).unwrap();
    assert_eq!(names(&other), ["birth_date"]);
    for sets in [[(0, None)], [(0, Some(9))], [(7, None)]] {
        let error = wallet.select(&consent, &Selection { sets: sets.into(), ..Selection::default() }).unwrap_err();
        assert_eq!(error.slug(), "choice-not-possible");
    }
}

/// Section 6.4.2: where everything is optional, the request opens with nothing chosen, and is approved once something is.
#[tokio::test]
async fn a_request_of_optional_parts_opens_with_nothing_chosen() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let mut claims = city.site.claims(&["family_name"]);
    claims["dcql_query"]["credential_sets"] = json!([{ "options": [["identity"]], "required": false }]);
    let consent = opened(&city, &wallet, &claims).await.unwrap();
    assert!(consent.view.claims.is_empty() && consent.view.sentence.en.contains("nothing yet"), "{}", consent.view.sentence.en);
    assert_eq!(wallet.approve(&consent, None).await.unwrap_err().slug(), "choice-not-possible");
    assert_eq!(city.site.seen(|seen| seen.posted.len()), 0);
    let chosen = wallet.select(&consent, &Selection { sets: [(0, Some(0))].into(), ..Selection::default() }).unwrap();
    wallet.approve(&chosen, None).await.unwrap();
    assert_eq!(posted(&city, &city.site.client_id()).0["family_name"], "李-canary-1");
}

/// OpenID4VP demands neither `iat` nor `exp`: of who is not the city's party, what is there must hold, and the wallet's own limit ends the
/// request. Who says that it is a party must do as parties do.
#[tokio::test]
async fn a_stranger_needs_no_times_and_the_consent_ends_all_the_same() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let device = p256(61);
    let did = identity(&city, &device.public_key());
    let kid = format!("{did}#{}", thumbprint_text(&device.public_key()));
    let now = city.clock.now();
    let signed = |change: Value| {
        let client_id = format!("decentralized_identifier:{did}");
        let mut claims = city.site.claims(&["family_name"]);
        claims["client_id"] = client_id.clone().into();
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let header = JwsHeader { kid: Some(kid.clone()), ..JwsHeader::typ("oauth-authz-req+jwt") };
        let token = jws::sign_compact(&device, &header, claims.to_string().as_bytes());
        link(&[("client_id", &client_id), ("request", &token)])
    };
    for (change, ends) in [
        (json!({ "verifier_info": null, "iat": null, "exp": null }), now + 120),
        (json!({ "verifier_info": null, "exp": now + 3600 }), now + 120),
        (json!({ "verifier_info": null, "exp": now + 7 }), now + 7),
    ] {
        assert_eq!(wallet.open(&signed(change.clone())).await.unwrap().view.expires_at, ends, "{change}");
    }
    for (change, slug) in [
        (json!({ "verifier_info": null, "iat": null, "exp": now }), "request-expired"),
        (json!({ "verifier_info": null, "iat": now + 60, "exp": null }), "request-time"),
        (json!({ "verifier_info": null, "nbf": now + 60, "exp": null }), "request-time"),
        (json!({ "verifier_info": null, "exp": "soon" }), "request-malformed"),
        (json!({ "exp": null }), "request-malformed"),
        (json!({ "exp": now + 121 }), "request-time"),
    ] {
        assert_eq!(wallet.open(&signed(change.clone())).await.unwrap_err().slug(), slug, "{change}");
    }
}

/// `claim_sets`, `values` and `trusted_authorities` of type `aki`.
#[tokio::test]
async fn values_claim_sets_and_authorities_decide_what_answers() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let chain = city.issuer.shared.chain.clone();
    let aki = chain.authority_key_ids().first().map(|id| crate::base64url(id)).unwrap();
    let ask = |change: Value| {
        let mut claims = city.site.claims(&["family_name"]);
        let credential = claims["dcql_query"]["credentials"][0].as_object_mut().unwrap();
        credential.extend(change.as_object().unwrap().clone());
        claims
    };
    let answered = [
        json!({ "trusted_authorities": [{ "type": "aki", "values": ["AAAA", aki] }] }),
        json!({ "claims": [{ "path": ["family_name"], "values": ["李-canary-1"] }] }),
        json!({ "claims": [{ "id": "a", "path": ["absent"] }, { "id": "b", "path": ["birth_date"] }], "claim_sets": [["a"], ["b"]] }),
    ];
    for change in answered {
        // A claim that the purpose does not allow would be over-asking.
        let mut party = city.party(&["family_name", "birth_date", "absent"]);
        party.client_id = city.site.client_id();
        city.register_party(&party);
        opened(&city, &wallet, &ask(change.clone())).await.unwrap_or_else(|error| panic!("{change}: {error:?}"));
    }
    let unanswered = [
        json!({ "trusted_authorities": [{ "type": "aki", "values": ["AAAA"] }] }),
        json!({ "trusted_authorities": [{ "type": "openid_federation", "values": [aki] }] }),
        json!({ "claims": [{ "path": ["family_name"], "values": ["other"] }] }),
    ];
    for change in unanswered {
        let error = opened(&city, &wallet, &ask(change.clone())).await.unwrap_err();
        assert_eq!(error.slug(), "no-credential", "{change}");
    }
}

fn transaction(change: &Value) -> String {
    let mut data = json!({
        "type": "urn:yufu:transaction:confirmation:1",
        "credential_ids": ["identity"],
        "text": { "zh": "缴纳税款 120 元", "en": "Pay 120 yuan of tax" },
    });
    data.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    crate::base64url(data.to_string().as_bytes())
}

/// `transaction_data`: what is agreed to is in the sentence and signed by its hash; what cannot be shown is refused.
#[tokio::test]
async fn a_transaction_is_shown_and_signed_or_refused() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let mut claims = city.site.claims(&["family_name"]);
    let encoded = transaction(&json!({ "transaction_data_hashes_alg": ["sha-256"] }));
    claims["transaction_data"] = json!([encoded]);
    let consent = opened(&city, &wallet, &claims).await.unwrap();
    assert_eq!(consent.view.transactions[0].en, "Pay 120 yuan of tax");
    assert!(consent.view.sentence.en.contains("Pay 120 yuan") && consent.view.sentence.zh.contains("120 元"));
    wallet.approve(&consent, None).await.unwrap();
    let (_, binding) = posted(&city, &city.site.client_id());
    assert_eq!(binding["transaction_data_hashes"], json!([crate::base64url(&Sha256::digest(encoded))]));
    assert_eq!(binding["transaction_data_hashes_alg"], "sha-256");
    let long = "x".repeat(500);
    for (data, slug) in [
        (json!([]), "request-malformed"),
        (json!("e30"), "request-malformed"),
        (json!(["%%"]), "request-malformed"),
        (json!([transaction(&json!({ "credential_ids": ["other"] }))]), "request-malformed"),
        (json!([transaction(&json!({ "credential_ids": [] }))]), "request-malformed"),
        (json!([transaction(&json!({ "type": "payment" }))]), "request-transaction"),
        // Section 8.5: what is not shown is not signed.
        (json!([transaction(&json!({ "amount": 9000 }))]), "request-transaction"),
        (json!([transaction(&json!({ "text": { "zh": "a", "en": "b", "fr": "9000" } }))]), "request-transaction"),
        (json!([transaction(&json!({ "text": null }))]), "request-transaction"),
        (json!([transaction(&json!({ "transaction_data_hashes_alg": ["sha-1"] }))]), "request-transaction"),
        (json!([transaction(&json!({ "text": { "zh": "a", "en": long } }))]), "request-transaction"),
        (json!([transaction(&json!({ "text": { "zh": "a\u{202e}b", "en": "b" } }))]), "request-transaction"),
        (json!([transaction(&json!({})), transaction(&json!({ "type": "payment" }))]), "request-transaction"),
    ] {
        claims["transaction_data"] = data.clone();
        assert_eq!(opened(&city, &wallet, &claims).await.unwrap_err().slug(), slug, "{data}");
    }
    // Appendix B.3.3: nobody would sign it.
    claims["transaction_data"] = json!([transaction(&json!({}))]);
    claims["dcql_query"]["credentials"][0]["require_cryptographic_holder_binding"] = false.into();
    assert_eq!(opened(&city, &wallet, &claims).await.unwrap_err().slug(), "request-transaction");
}
