//! Requests that a wallet must refuse before it asks the citizen. After each of them nothing was posted to anybody.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identity::jose::Jwk;
use identity::jose::jws::{self, JwsHeader};
use ledger::cell::Subject;
use ledger::records::PartyRecord;
use serde_json::{Value, json};
use wallet_core::{Event, Wallet};

use crate::city::{Ca, City, p256};
use crate::site::{Served, site_key};

/// A compact token with any header, signed with the site's key or not at all.
fn compact(header: &Value, payload: &Value, signed: bool) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let input = format!("{}.{}", encode(header), encode(payload));
    let signature = if signed { URL_SAFE_NO_PAD.encode(site_key().sign(input.as_bytes()).bytes) } else { String::new() };
    format!("{input}.{signature}")
}

fn honest_header(city: &City) -> Value {
    json!({ "alg": "ES256", "typ": "oauth-authz-req+jwt", "x5c": city.site.chain().to_x5c() })
}

async fn refused(city: &City, wallet: &Wallet, token: String) -> &'static str {
    let link = city.site.serve("1", Served::Token(token));
    let slug = wallet.open(&link).await.unwrap_err().slug();
    assert_eq!(city.site.seen(|seen| seen.posted.len()), 0);
    slug
}

/// The control of all tests here: the request that is changed below is accepted as it is.
#[tokio::test]
async fn the_honest_request_is_opened() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let token = compact(&honest_header(&city), &city.site.claims(&["family_name"]), true);
    let link = city.site.serve("1", Served::Token(token));
    wallet.open(&link).await.unwrap();
}

/// SEC-P1: algorithm confusion, keys from elsewhere, extensions, wrong types.
#[tokio::test]
async fn headers_outside_of_the_allow_list_are_refused() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let jwk = Jwk::from(site_key().public_key()).to_value();
    let changes = [
        ("alg none", json!({ "alg": "none" })),
        ("alg None", json!({ "alg": "None" })),
        ("alg HS256", json!({ "alg": "HS256" })),
        ("alg RS256", json!({ "alg": "RS256" })),
        ("alg ES384", json!({ "alg": "ES384" })),
        ("alg EdDSA with a P-256 key", json!({ "alg": "EdDSA" })),
        ("alg missing", json!({ "alg": null })),
        ("alg a number", json!({ "alg": 256 })),
        ("jwk", json!({ "jwk": jwk })),
        ("jku", json!({ "jku": "https://evil.example/keys" })),
        ("x5u", json!({ "x5u": "https://evil.example/chain" })),
        ("crit", json!({ "crit": ["exp"] })),
        ("b64", json!({ "b64": false })),
        ("b64 with crit", json!({ "b64": false, "crit": ["b64"] })),
        ("zip", json!({ "zip": "DEF" })),
        ("typ JWT", json!({ "typ": "JWT" })),
        ("typ of a key binding", json!({ "typ": "kb+jwt" })),
        ("typ in another case", json!({ "typ": "OAuth-Authz-Req+JWT" })),
        ("typ missing", json!({ "typ": null })),
        ("x5c missing", json!({ "x5c": null })),
        ("x5c empty", json!({ "x5c": [] })),
        ("x5c not base64", json!({ "x5c": ["%%%"] })),
        ("x5c a text", json!({ "x5c": "MII" })),
    ];
    for (name, change) in changes {
        let mut header = honest_header(&city);
        for (key, value) in change.as_object().unwrap() {
            if value.is_null() {
                header.as_object_mut().unwrap().remove(key);
            } else {
                header[key] = value.clone();
            }
        }
        let signed = !name.starts_with("alg none") && !name.starts_with("alg None");
        let token = compact(&header, &city.site.claims(&["family_name"]), signed);
        let slug = refused(&city, &wallet, token).await;
        assert!(["request-signature", "request-malformed", "request-certificate"].contains(&slug), "{name}: {slug}");
    }
}

/// SEC-P1: forms that are not one compact signed token, and signatures that are not the certificate's.
#[tokio::test]
async fn broken_or_foreign_signatures_are_refused() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let claims = city.site.claims(&["family_name"]);
    let honest = city.site.sign(&claims);
    let header = JwsHeader { x5c: Some(city.site.chain().clone()), ..JwsHeader::typ("oauth-authz-req+jwt") };
    let other_key = jws::sign_compact(&p256(98), &header, claims.to_string().as_bytes());
    let mut parts: Vec<&str> = honest.split('.').collect();
    let changed_payload = URL_SAFE_NO_PAD.encode(city.site.claims(&["family_name", "id_number"]).to_string());
    let changed = [parts[0], &changed_payload, parts[2]].join(".");
    parts.pop();
    let duplicate = claims.to_string().replacen('{', r#"{"nonce":"nonce-nonce-nonce-nonce-9","#, 1);
    let duplicate = jws::sign_compact(&site_key(), &header, duplicate.as_bytes());
    let cases = [
        String::new(),
        "no token".to_owned(),
        parts.join("."),
        format!("{}.", parts.join(".")),
        format!("{honest}."),
        format!("{honest}="),
        changed,
        other_key,
        duplicate,
        jws::sign_compact(&site_key(), &header, b"[]"),
        jws::sign_compact(&site_key(), &header, b"not json"),
    ];
    for token in cases {
        assert_eq!(refused(&city, &wallet, token.clone()).await, "request-signature", "{token}");
    }
}

/// SEC-P2: the certificate is from elsewhere, or the client identifier is another's or of another kind.
#[tokio::test]
async fn another_partys_certificate_or_client_id_is_refused() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    // A certificate for the same key by a stranger, with a client identifier that fits it.
    let chain = Ca::new("Stranger").chain("Tax office", site_key().public_key());
    let stranger_id = format!("x509_hash:{}", URL_SAFE_NO_PAD.encode(chain.leaf_sha256()));
    let mut claims = city.site.claims(&["family_name"]);
    claims["client_id"] = stranger_id.clone().into();
    let header = JwsHeader { x5c: Some(chain), ..JwsHeader::typ("oauth-authz-req+jwt") };
    let token = jws::sign_compact(&site_key(), &header, claims.to_string().as_bytes());
    city.site.serve("1", Served::Token(token));
    let error = wallet.open(&city.site.link("1", &stranger_id)).await.unwrap_err();
    assert_eq!(error.slug(), "request-certificate");

    // In the object as in the link, but not the certificate's hash.
    for client_id in [
        "x509_hash:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        format!("redirect_uri:{}/responses/1", city.site.origin()),
        "x509_san_dns:city.example".to_owned(),
        "did:yufu:test:abc".to_owned(),
        city.site.origin(),
        city.site.client_id().replace("x509_hash:", "X509_HASH:"),
        city.site.client_id().replace("x509_hash:", ""),
        format!("{}=", city.site.client_id()),
    ] {
        let mut claims = city.site.claims(&["family_name"]);
        claims["client_id"] = client_id.clone().into();
        city.site.serve("1", Served::Token(city.site.sign(&claims)));
        let error = wallet.open(&city.site.link("1", &client_id)).await.unwrap_err();
        assert_eq!(error.slug(), "request-client-id", "{client_id}");
    }
    // The link names another party than the object.
    city.site.ask(&["family_name"]);
    let link = city.site.link("1", "x509_hash:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    assert_eq!(wallet.open(&link).await.unwrap_err().slug(), "request-client-id");
    assert_eq!(city.site.seen(|seen| seen.posted.len()), 0);
}

/// SEC-P2: every claim of the request object that must be as it must be.
#[tokio::test]
async fn claims_that_are_not_as_they_must_be_are_refused() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let now = city.clock.now();
    let origin = city.site.origin();
    let cases = [
        ("aud", json!("https://another-wallet.example"), "request-malformed"),
        ("aud", json!(null), "request-malformed"),
        ("response_type", json!("code"), "request-malformed"),
        ("response_mode", json!("fragment"), "request-malformed"),
        ("nonce", json!(null), "request-malformed"),
        ("nonce", json!("short"), "request-malformed"),
        ("nonce", json!("nonce nonce nonce nonce nonce"), "request-malformed"),
        ("state", json!(""), "request-malformed"),
        ("state", json!("x".repeat(600)), "request-malformed"),
        ("exp", json!(now), "request-expired"),
        ("exp", json!(now - 1), "request-expired"),
        ("exp", json!(null), "request-malformed"),
        ("exp", json!(now + 121), "request-time"),
        ("exp", json!("soon"), "request-malformed"),
        ("iat", json!(now + 60), "request-time"),
        ("iat", json!(null), "request-malformed"),
        ("nbf", json!(now + 60), "request-time"),
        ("response_uri", json!("https://evil.example/responses/1"), "response-address-foreign"),
        ("response_uri", json!("http://127.0.0.1:1/responses/1"), "response-address-foreign"),
        ("response_uri", json!(origin.replace("127.0.0.1", "localhost")), "response-address-foreign"),
        ("response_uri", json!(origin.replace("http://", "http://user:pass@")), "request-malformed"),
        ("response_uri", json!(format!("{origin}@evil.example/")), "request-malformed"),
        ("response_uri", json!("http://evil.example/responses/1"), "request-malformed"),
        ("response_uri", json!("javascript:alert(1)"), "request-malformed"),
        ("response_uri", json!(null), "request-malformed"),
        ("redirect_uri", json!(format!("{origin}/done")), "request-malformed"),
        ("transaction_data", json!(["e30"]), "request-transaction"),
        ("wallet_nonce", json!("not-sent"), "request-malformed"),
        ("client_metadata", json!(null), "request-malformed"),
        ("dcql_query", json!(null), "request-malformed"),
        ("dcql_query", json!({ "credentials": [] }), "request-query"),
        ("verifier_info", json!(null), "request-malformed"),
        ("verifier_info", json!([]), "request-malformed"),
    ];
    for (name, value, slug) in cases {
        let mut claims = city.site.claims(&["family_name"]);
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
        assert_eq!(refused(&city, &wallet, city.site.sign(&claims)).await, slug, "{name} = {value}");
    }
}

/// OpenID4VP section 5: `iss` MAY be present, and the wallet MUST ignore it.
#[tokio::test]
async fn an_iss_in_the_request_is_ignored() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    for iss in [json!("https://another.example"), json!(7)] {
        let mut claims = city.site.claims(&["family_name"]);
        claims["iss"] = iss;
        let consent = wallet.open(&city.site.serve("1", Served::Token(city.site.sign(&claims)))).await.unwrap();
        assert_eq!(consent.view.name.en, "Tax portal");
    }
}

/// OpenID4VP section 15.8.2: the genuine request of a registered party, passed on from another address, is refused although its answer would
/// go to the party.
#[tokio::test]
async fn a_genuine_request_from_another_address_is_refused() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let genuine = city.site.ask(&["family_name"]);
    let relayed = genuine.replace("127.0.0.1", "localhost");
    assert_ne!(relayed, genuine);
    let error = wallet.open(&relayed).await.unwrap_err();
    assert_eq!(error.slug(), "request-address-foreign");
    assert!(error.sentence().en.contains("localhost") && error.sentence().en.contains(&city.site.origin()));
    wallet.open(&genuine).await.unwrap();
}

/// SEC-W5: in a city that is not on this machine, no link makes the wallet ask a service of this machine, neither for the request nor with
/// the answer.
#[tokio::test]
async fn no_link_makes_the_wallet_ask_a_service_of_this_machine() {
    let city = City::new().await;
    let config = wallet_core::WalletConfig { nodes: vec!["https://node.city.example".parse().unwrap()], ..city.config() };
    let wallet = city.create_wallet_with("citizen", config);
    let by_reference = city.site.ask(&["family_name"]);
    let token = city.site.sign(&city.site.claims(&["family_name"]));
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", &city.site.client_id())
        .append_pair("request", &token)
        .finish();
    for link in [
        by_reference.clone(),
        format!("{by_reference}&request_uri_method=post"),
        by_reference.replace("127.0.0.1", "127.1"),
        by_reference.replace("127.0.0.1", "localhost"),
        format!("openid4vp://?{query}"),
    ] {
        let error = wallet.open(&link).await.unwrap_err();
        assert_eq!(error.slug(), "request-address-local", "{link}");
    }
    assert_eq!(city.site.seen(|seen| (seen.fetched, seen.posted.len())), (0, 0));
    // Nor does an offer, by its own address or by its issuer's.
    let offer = serde_json::json!({ "credential_issuer": city.issuer.base(), "credential_configuration_ids": ["resident-identity"],
        "grants": { "urn:ietf:params:oauth:grant-type:pre-authorized_code": { "pre-authorized_code": "code-1" } } });
    let by_value =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("credential_offer", &offer.to_string()).finish();
    for link in [city.issuer.offer_link(), format!("openid-credential-offer://?{by_value}")] {
        assert_eq!(wallet.receive(&link, Some(crate::issuer::PIN)).await.unwrap_err().slug(), "request-address-local", "{link}");
    }
    assert_eq!(city.issuer.seen(|seen| seen.bodies.len()), 0);
}

/// OpenID4VP sections 14.7 and 8.2: a redirect of the response is not followed; whoever it leads to gets nothing.
#[tokio::test]
async fn a_redirected_response_goes_nowhere_else() {
    let (city, elsewhere) = (City::new().await, City::new().await);
    let wallet = city.wallet_with_credential().await;
    city.site.behave(|behaviour| behaviour.redirect_response = Some(format!("{}/responses/1", elsewhere.site.origin())));
    let consent = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
    assert_eq!(wallet.approve(&consent, None).await.unwrap_err().slug(), "refused");
    assert_eq!(city.site.seen(|seen| seen.posted.len()), 1);
    assert_eq!(elsewhere.site.seen(|seen| seen.posted.len()), 0);
    assert_eq!(wallet.history().unwrap().last().unwrap().event, Event::NotTaken);
}

/// OpenID4VP sections 15.6 and 15.8: no request to a site names the software.
#[tokio::test]
async fn a_site_does_not_hear_which_software_asks() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let consent = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
    wallet.approve(&consent, None).await.unwrap();
    let (heard, agents) = city.site.seen(|seen| (seen.fetched as usize + seen.posted.len(), seen.user_agents.clone()));
    assert_eq!((heard, agents), (2, Vec::<String>::new()));
}

/// SEC-P2: the response is encrypted only to a key inside the signed request, and to one that can be used.
#[tokio::test]
async fn a_request_without_a_usable_encryption_key_is_refused() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let signing = json!({ "kty": "EC", "crv": "P-256", "use": "sig", "x": "AA", "y": "AA" });
    let mut for_signing = Jwk::from(p256(5).public_key());
    for_signing.public_key_use = Some("sig".to_owned());
    for keys in [json!([]), json!([signing]), json!([for_signing.to_value()]), json!("none")] {
        let mut claims = city.site.claims(&["family_name"]);
        claims["client_metadata"]["jwks"]["keys"] = keys;
        assert_eq!(refused(&city, &wallet, city.site.sign(&claims)).await, "request-encryption-key");
    }
    let mut claims = city.site.claims(&["family_name"]);
    claims["client_metadata"]["encrypted_response_enc_values_supported"] = json!(["A128CBC-HS256"]);
    assert_eq!(refused(&city, &wallet, city.site.sign(&claims)).await, "request-encryption-key");
}

/// SEC-P7: more than the registered purpose allows is refused as a whole, in whatever part of the query it stands.
#[tokio::test]
async fn over_asking_is_refused_by_the_wallet() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let credential =
        |claims: Value, vct: &str| json!({ "id": "b", "format": "dc+sd-jwt", "meta": { "vct_values": [vct] }, "claims": claims });
    let honest = city.site.claims(&["family_name"])["dcql_query"]["credentials"][0].clone();
    let more = credential(json!([{ "path": ["id_number"] }]), crate::city::VCT);
    let mut two_types = honest.clone();
    two_types["meta"]["vct_values"] = json!([crate::city::VCT, "urn:yufu:vct:marital-status:1"]);
    let queries = [
        json!({ "credentials": [more.clone()] }),
        json!({ "credentials": [honest.clone(), more.clone()] }),
        // Optional, but asked for all the same.
        json!({ "credentials": [honest.clone(), more], "credential_sets": [{ "options": [["identity"]] }] }),
        json!({ "credentials": [two_types] }),
        json!({ "credentials": [credential(json!([{ "path": ["marital_status"] }]), "urn:yufu:vct:marital-status:1")] }),
        json!({ "credentials": [credential(json!([{ "path": ["family_name.x"] }]), crate::city::VCT)] }),
    ];
    for query in queries {
        let mut claims = city.site.claims(&[]);
        claims["dcql_query"] = query.clone();
        assert_eq!(refused(&city, &wallet, city.site.sign(&claims)).await, "over-asking", "{query}");
    }
    let last = wallet.history().unwrap().pop().unwrap();
    assert_eq!((last.event, last.reason.as_deref()), (Event::RequestRefused, Some("over-asking")));
    assert_eq!((last.other_side.unwrap().en.as_str(), last.purpose.unwrap().en.as_str()), ("Tax portal", "Log in"));
    assert_eq!(last.claims, ["family_name.x"]);
}

#[tokio::test]
async fn an_unregistered_site_gets_a_sentence_and_no_data() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    city.ledger.remove(&Subject::Client(city.site.client_id()));
    let error = wallet.open(&city.site.ask(&["family_name"])).await.unwrap_err();
    assert_eq!(error.slug(), "party-unregistered");
    assert!(
        error.sentence().en.contains("not registered") && error.sentence().en.contains("Tax office"),
        "{}",
        error.sentence().en
    );
    assert!(error.sentence().zh.contains("没有登记"));
}

/// A suspended site gets nothing, nor does one whose department is suspended; the sentence says which side it is on.
#[tokio::test]
async fn a_suspended_site_gets_a_sentence_and_no_data() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let (party, sponsor) = (city.party(&["family_name", "birth_date"]), city.issuer.record());
    city.ledger.put(&Subject::Party(party.id), &party, 1);
    let error = wallet.open(&city.site.ask(&["family_name"])).await.unwrap_err();
    assert_eq!(error.slug(), "party-suspended");
    assert!(error.sentence().en.contains("suspended") && error.sentence().zh.contains("暂停"));
    city.ledger.put(&Subject::Party(party.id), &party, 0);
    city.ledger.put(&Subject::Authority(sponsor.id), &sponsor, 1);
    assert_eq!(wallet.open(&city.site.ask(&["family_name"])).await.unwrap_err().slug(), "party-suspended");
    city.ledger.put(&Subject::Authority(sponsor.id), &sponsor, 0);
    wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
}

/// SEC-P2: a registered party under another's name, with another purpose, or with a registration that does not fit its certificate.
#[tokio::test]
async fn a_registered_party_cannot_speak_for_another() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let with = |data: Value| {
        let mut claims = city.site.claims(&["family_name"]);
        claims["verifier_info"][0]["data"] = data;
        city.site.sign(&claims)
    };
    let cases = [
        (json!({ "party": "other-portal", "purpose": "login" }), "party-differs"),
        (json!({ "party": "tax-portal", "purpose": "marketing" }), "purpose-unregistered"),
        (json!({ "party": "Tax Portal", "purpose": "login" }), "request-malformed"),
        (json!({ "party": "tax-portal", "purpose": "login", "name": "Ministry" }), "request-malformed"),
        (json!({ "party": "tax-portal", "purpose": "login", "match_codes": ["12"] }), "request-malformed"),
        (json!({ "party": "tax-portal", "purpose": "login", "match_codes": ["12", "12", "34"] }), "request-malformed"),
        (json!({ "party": "tax-portal", "purpose": "login", "match_codes": ["12", "34", "5x"] }), "request-malformed"),
    ];
    for (data, slug) in cases {
        assert_eq!(refused(&city, &wallet, with(data.clone())).await, slug, "{data}");
    }
    let honest = city.party(&["family_name"]);
    city.ledger.put(&Subject::Party(honest.id), &PartyRecord { client_id: "x509_hash:other".to_owned(), ..honest }, 0);
    assert_eq!(refused(&city, &wallet, city.site.sign(&city.site.claims(&["family_name"]))).await, "party-unregistered");
}

#[tokio::test]
async fn redirects_huge_bodies_and_other_types_are_refused() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let token = city.site.sign(&city.site.claims(&["family_name"]));
    city.site.serve("honest", Served::Token(token.clone()));
    let cases = [
        (Served::Redirect(format!("{}/requests/honest", city.site.origin())), "refused"),
        (Served::Huge, "bad-answer"),
        (Served::OtherType(token), "bad-answer"),
        (Served::Status(500), "refused"),
        (Served::Status(404), "request-gone"),
        (Served::Status(410), "request-gone"),
    ];
    for (served, slug) in cases {
        let link = city.site.serve("1", served);
        assert_eq!(wallet.open(&link).await.unwrap_err().slug(), slug);
    }
    // The redirect was not followed: only the six requests above arrived.
    assert_eq!(city.site.seen(|seen| seen.fetched), 6);
}

#[tokio::test]
async fn a_site_that_is_away_is_named() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let query = "client_id=x509_hash%3Aabc&request_uri=http%3A%2F%2F127.0.0.1%3A1%2Frequests%2F1";
    let error = wallet.open(&format!("openid4vp://?{query}")).await.unwrap_err();
    assert_eq!(error.slug(), "unreachable");
    assert!(error.sentence().en.contains("127.0.0.1:1"), "{}", error.sentence().en);
}

/// A request fetched by POST must repeat the wallet's nonce (OpenID4VP section 5.10).
#[tokio::test]
async fn a_request_by_post_repeats_the_wallets_nonce() {
    let city = City::new().await;
    let wallet = city.wallet_with_credential().await;
    let link = |id: &str| format!("{}&request_uri_method=post", city.site.link(id, &city.site.client_id()));
    wallet.open(&link("good")).await.unwrap();
    assert_eq!(wallet.open(&link("forgetful")).await.unwrap_err().slug(), "request-malformed");
}

#[tokio::test]
async fn a_wallet_without_the_credential_says_so() {
    let city = City::new().await;
    let wallet = city.create_wallet();
    let error = wallet.open(&city.site.ask(&["family_name"])).await.unwrap_err();
    assert_eq!(error.slug(), "no-credential");
    assert!(error.sentence().en.contains("Resident identity"));
}
