//! A department on loopback that lets citizens sign in, and is as strict as HAIP 1.0 allows: pushed requests, PKCE, tokens bound to a
//! key with server nonces, wallet and key attestation, encryption, deferred credentials, notifications. It can lie, too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::future::BoxFuture;
use identity::jose::jwe::{ContentEncryption, DecryptionKey, Encrypted, Recipient};
use identity::jose::jwk::{Jwk, thumbprint_text};
use identity::jose::jws::{self, JwsAlg, JwsHeader, Parsed, Policy, Presence, Typ};
use identity::keys::{PublicKey, SecretKey};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use wallet_core::{ProviderError, WalletAttestation, WalletProvider};

use crate::city::{MARITAL, VCT, p256};
use crate::issuer::Shared as Department;

/// What is switched on, and what is a lie.
#[derive(Clone, Default)]
pub(crate) struct Behaviour {
    pub(crate) attested: bool,
    pub(crate) encrypted: bool,
    /// So many times the credential is not ready.
    pub(crate) deferred: u32,
    pub(crate) signed_metadata: bool,
    pub(crate) by_details: bool,
    pub(crate) token_seconds: Option<u64>,
    /// Another credential is offered too.
    pub(crate) second: bool,
    /// It is deferred like the first.
    pub(crate) defers_both: bool,
    /// A refresh token serves once.
    pub(crate) rotates: bool,
    /// The name of a lie.
    pub(crate) lie: &'static str,
}

#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) pushed: Vec<BTreeMap<String, String>>,
    pub(crate) tokens: Vec<BTreeMap<String, String>>,
    pub(crate) notified: Vec<Value>,
    pub(crate) asked: u32,
    pub(crate) deferred_asked: u32,
    pub(crate) encrypted_requests: u32,
    pub(crate) proofs_iss: Vec<Option<String>>,
    pub(crate) refused: Vec<&'static str>,
    /// Under which names credentials were asked for.
    pub(crate) asked_for: Vec<String>,
    rotations: u32,
    bound_to: BTreeMap<String, String>,
    jtis: BTreeSet<String>,
    /// The proofs of what is deferred, by transaction.
    waiting: BTreeMap<&'static str, Vec<(PublicKey, [u8; 32])>>,
}

pub(crate) struct Haip {
    pub(crate) behaviour: Mutex<Behaviour>,
    pub(crate) seen: Mutex<Seen>,
    department: Arc<Department>,
    base: String,
}

const SERVER_NONCE: &str = "as-nonce-1";
const RESOURCE_NONCE: &str = "rs-nonce-1";
const C_NONCE: &str = "c-nonce-1";
const CODE: &str = "code-1";
const CHALLENGE: &str = "challenge-1";
const ATTESTATION: Policy = policy(&["oauth-client-attestation+jwt"]);
const POP: Policy = policy(&["oauth-client-attestation-pop+jwt"]);
const KEY_ATTESTATION: Policy = policy(&["key-attestation+jwt"]);

const fn policy(typ: &'static [&'static str]) -> Policy {
    Policy { typ: Typ::OneOf(typ), algs: &[JwsAlg::Es256], jwk: Presence::Refused, x5c: Presence::Refused, max_bytes: 16_384 }
}

fn provider_key() -> SecretKey {
    p256(41)
}

fn issuer_key() -> DecryptionKey {
    DecryptionKey::from_bytes(&[42; 32]).unwrap()
}

/// A wallet provider.
pub(crate) struct Provider;

impl WalletProvider for Provider {
    fn attest<'a>(&'a self, key: &'a PublicKey) -> BoxFuture<'a, Result<WalletAttestation, ProviderError>> {
        let claims = json!({ "sub": "https://provider.example/wallet", "exp": 9_999_999_999_i64, "cnf": { "jwk": Jwk::from(*key).to_value() } });
        let header = JwsHeader::typ("oauth-client-attestation+jwt");
        let jwt = jws::sign_compact(&provider_key(), &header, claims.to_string().as_bytes());
        Box::pin(async move { Ok(WalletAttestation { client_id: "https://provider.example/wallet".to_owned(), jwt }) })
    }

    fn attest_keys<'a>(&'a self, keys: &'a [PublicKey], nonce: Option<&'a str>) -> BoxFuture<'a, Result<String, ProviderError>> {
        let keys: Vec<Value> = keys.iter().map(|key| Jwk::from(*key).to_value()).collect();
        let claims = json!({ "iat": 1, "exp": 9_999_999_999_i64, "attested_keys": keys, "nonce": nonce });
        let header = JwsHeader::typ("key-attestation+jwt");
        let jwt = jws::sign_compact(&provider_key(), &header, claims.to_string().as_bytes());
        Box::pin(async move { Ok(jwt) })
    }
}

impl Haip {
    pub(crate) async fn start(department: Arc<Department>) -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let haip = Arc::new(Self { behaviour: Mutex::default(), seen: Mutex::default(), department, base });
        let router = Router::new()
            .route("/.well-known/openid-credential-issuer", get(metadata))
            .route("/.well-known/oauth-authorization-server", get(server_metadata))
            .route("/challenge", post(|| async { Json(json!({ "attestation_challenge": CHALLENGE })) }))
            .route("/par", post(pushed))
            .route("/token", post(token))
            .route("/nonce", post(nonce))
            .route("/credential", post(credential))
            .route("/deferred", post(deferred))
            .route("/notify", post(notified))
            .with_state(Arc::clone(&haip));
        tokio::spawn(async move { axum::serve(listener, router).await });
        haip
    }

    pub(crate) fn base(&self) -> String {
        self.base.clone()
    }

    pub(crate) fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.behaviour.lock().unwrap());
    }

    pub(crate) fn seen<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.seen.lock().unwrap())
    }

    pub(crate) fn offer_link(&self) -> String {
        let offer = json!({
            "credential_issuer": self.base,
            "credential_configuration_ids": self.offered(),
            "grants": { "authorization_code": { "issuer_state": "is-1" } },
        });
        let query =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("credential_offer", &offer.to_string()).finish();
        format!("haip-vci://?{query}")
    }

    fn offered(&self) -> Vec<&'static str> {
        if self.behaviour().second { vec!["resident-identity", "marital-status"] } else { vec!["resident-identity"] }
    }

    /// Where the browser comes back to after the citizen signed in for the last pushed request.
    pub(crate) fn signed_in(&self) -> url::Url {
        let pushed = self.seen(|seen| seen.pushed.last().cloned().unwrap());
        let mut url: url::Url = pushed["redirect_uri"].parse().unwrap();
        url.query_pairs_mut().append_pair("code", CODE).append_pair("state", &pushed["state"]).append_pair("iss", &self.base);
        url
    }

    fn behaviour(&self) -> Behaviour {
        self.behaviour.lock().unwrap().clone()
    }

    fn lies(&self, name: &str) -> bool {
        self.behaviour().lie == name
    }

    /// A proof of possession for this request, by RFC 9449 section 4.3; gives the key's thumbprint.
    fn check_dpop(&self, headers: &HeaderMap, path: &str, token: Option<&str>, nonce: &str) -> Result<String, &'static str> {
        let proofs: Vec<_> = headers.get_all("dpop").iter().collect();
        let [proof] = proofs.as_slice() else { return Err("not one DPoP proof") };
        let parsed = Parsed::parse(proof.to_str().unwrap(), &Policy::DPOP).map_err(|_| "malformed proof")?;
        let (verified, jwk) = parsed.verify_with_embedded_key().map_err(|_| "unsigned proof")?;
        let claims = verified.claims().unwrap();
        if claims["htm"] != "POST" || claims["htu"] != format!("{}{path}", self.base) {
            return Err("proof of another request");
        }
        if claims.get("nonce").and_then(Value::as_str) != Some(nonce) {
            return Err("use_dpop_nonce");
        }
        let hash = token.map(|token| Value::from(URL_SAFE_NO_PAD.encode(Sha256::digest(token))));
        if claims.get("ath") != hash.as_ref() {
            return Err("proof of another token");
        }
        if !self.seen.lock().unwrap().jtis.insert(claims["jti"].as_str().unwrap().to_owned()) {
            return Err("proof was used");
        }
        Ok(thumbprint_text(&jwk.key))
    }

    /// The wallet attestation, by draft-ietf-oauth-attestation-based-client-auth; gives the client.
    fn check_attestation(&self, headers: &HeaderMap, form: &BTreeMap<String, String>) -> Result<(), &'static str> {
        if !self.behaviour().attested {
            return Ok(());
        }
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).ok_or("no attestation");
        let attestation = Parsed::parse(text("oauth-client-attestation")?, &ATTESTATION).map_err(|_| "malformed attestation")?;
        let attestation = attestation.verify(&provider_key().public_key()).map_err(|_| "forged attestation")?.claims().unwrap();
        let key = Jwk::from_value(&attestation["cnf"]["jwk"]).unwrap().key;
        let pop = Parsed::parse(text("oauth-client-attestation-pop")?, &POP).map_err(|_| "malformed pop")?;
        let pop = pop.verify(&key).map_err(|_| "pop of another key")?.claims().unwrap();
        if pop["aud"] != self.base.as_str() || pop.get("challenge").and_then(Value::as_str) != Some(CHALLENGE) {
            return Err("pop for another server or challenge");
        }
        let client = attestation["sub"].as_str().unwrap();
        if form.get("client_id").map(String::as_str) == Some(client) { Ok(()) } else { Err("another client") }
    }

    fn refuse(&self, why: &'static str, nonce: &str, status: StatusCode) -> Response {
        self.seen.lock().unwrap().refused.push(why);
        let code = match why {
            "use_dpop_nonce" => why,
            why if why.contains("proof") => "invalid_dpop_proof",
            why if why.contains("attestation") || why.contains("pop") => "invalid_client_attestation",
            why if why.contains("code") => "invalid_grant",
            _ => "invalid_request",
        };
        if status == StatusCode::UNAUTHORIZED {
            let challenge = format!("DPoP error=\"{code}\", algs=\"ES256\"");
            return (status, [(header::WWW_AUTHENTICATE.as_str(), challenge.as_str()), ("dpop-nonce", nonce)]).into_response();
        }
        (status, [("dpop-nonce", nonce)], Json(json!({ "error": code }))).into_response()
    }

    fn check_resource(&self, headers: &HeaderMap, path: &str) -> Result<(), Box<Response>> {
        let refuse = |why| Box::new(self.refuse(why, RESOURCE_NONCE, StatusCode::UNAUTHORIZED));
        let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("DPoP "));
        let token = token.ok_or_else(|| refuse("no bound token"))?;
        let expected = if self.lies("endless nonces") { "never" } else { RESOURCE_NONCE };
        let key = self.check_dpop(headers, path, Some(token), expected).map_err(refuse)?;
        let known = self.seen(|seen| seen.bound_to.get(token).cloned());
        if known == Some(key) { Ok(()) } else { Err(refuse("token of another key: proof")) }
    }

    /// The body of a request that is encrypted where that is switched on, and how the answer is to be.
    fn read(&self, headers: &HeaderMap, body: &Bytes) -> (Value, Option<Jwk>) {
        let request = match headers[header::CONTENT_TYPE].to_str().unwrap() {
            "application/jwt" => {
                self.seen.lock().unwrap().encrypted_requests += 1;
                let message = Encrypted::parse(std::str::from_utf8(body).unwrap()).unwrap();
                assert_eq!(message.header().kid.as_deref(), Some("issuer-1"));
                serde_json::from_slice(&message.decrypt(&issuer_key()).unwrap()).unwrap()
            }
            _ => serde_json::from_slice::<Value>(body).unwrap(),
        };
        let key = request.get("credential_response_encryption").map(|asked| Jwk::from_value(&asked["jwk"]).unwrap());
        (request, key)
    }

    fn refresh_token(&self) -> String {
        format!("rt-{}", self.seen(|seen| seen.rotations) + 1)
    }

    fn answer(&self, status: StatusCode, body: &Value, key: Option<Jwk>) -> Response {
        let key = match (key, self.behaviour().lie) {
            (Some(_), "answers in the clear") => None,
            (Some(_), "encrypts to another key") => Some(Jwk::from(p256(5).public_key())),
            (key, _) => key,
        };
        let Some(jwk) = key else { return (status, Json(body)).into_response() };
        let recipient = Recipient { jwk: &jwk, enc: ContentEncryption::A256Gcm, apu: &[], apv: &[] };
        let token = recipient.encrypt(body.to_string().as_bytes(), &[7; 32]).unwrap();
        (status, [(header::CONTENT_TYPE, "application/jwt")], token).into_response()
    }

    fn issue(&self, proofs: &[(PublicKey, [u8; 32])], vct: &str) -> Value {
        let behaviour = crate::issuer::Behaviour {
            iss: Some(self.base.clone()),
            vct: Some(vct.to_owned()),
            ..self.department.behaviour.lock().unwrap().clone()
        };
        let issued = proofs.iter().map(|(key, lock)| json!({ "credential": self.department.issue(&behaviour, key, *lock) }));
        json!({ "credentials": issued.collect::<Vec<_>>(), "notification_id": "note-1" })
    }

    fn read_proof(&self, proof: &str) -> (PublicKey, [u8; 32]) {
        let (verified, jwk) = Parsed::parse(proof, &Policy::KEY_PROOF).unwrap().verify_with_embedded_key().unwrap();
        let claims = verified.claims().unwrap();
        assert_eq!((claims["aud"].as_str(), claims["nonce"].as_str()), (Some(self.base.as_str()), Some(C_NONCE)));
        self.seen.lock().unwrap().proofs_iss.push(claims.get("iss").and_then(Value::as_str).map(str::to_owned));
        if self.behaviour().attested {
            let attestation = verified.header.other["key_attestation"].as_str().unwrap();
            let attestation = Parsed::parse(attestation, &KEY_ATTESTATION).unwrap().verify(&provider_key().public_key()).unwrap();
            let attestation = attestation.claims().unwrap();
            assert_eq!(attestation["nonce"], C_NONCE);
            assert_eq!(Jwk::from_value(&attestation["attested_keys"][0]).unwrap().key, jwk.key);
        }
        let lock = URL_SAFE_NO_PAD.decode(claims["yufu_lock"].as_str().unwrap()).unwrap();
        (jwk.key, lock.try_into().unwrap())
    }
}

type Issuer = State<Arc<Haip>>;

fn form(body: &str) -> BTreeMap<String, String> {
    let mut form = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(body.as_bytes()).into_owned() {
        assert!(form.insert(name, value).is_none(), "a parameter is sent once");
    }
    form
}

async fn metadata(State(haip): Issuer, headers: HeaderMap) -> Response {
    let behaviour = haip.behaviour();
    let base = &haip.base;
    let mut configuration = json!({
        "format": "dc+sd-jwt",
        "vct": VCT,
        "scope": "resident",
        "proof_types_supported": { "jwt": { "proof_signing_alg_values_supported": ["ES256"] } },
    });
    if behaviour.attested {
        configuration["proof_types_supported"]["jwt"]["key_attestations_required"] = json!({});
    }
    if behaviour.by_details {
        configuration.as_object_mut().unwrap().remove("scope");
    }
    let mut configurations = json!({ "resident-identity": configuration });
    if behaviour.second {
        (configuration["vct"], configuration["scope"]) = (json!(MARITAL), json!("marital"));
        if behaviour.by_details || behaviour.lie == "no second scope" {
            configuration.as_object_mut().unwrap().remove("scope");
        }
        configurations["marital-status"] = configuration;
    }
    let mut metadata = json!({
        "credential_issuer": base,
        "credential_endpoint": format!("{base}/credential"),
        "nonce_endpoint": format!("{base}/nonce"),
        "deferred_credential_endpoint": format!("{base}/deferred"),
        "notification_endpoint": format!("{base}/notify"),
        "batch_credential_issuance": { "batch_size": 2 },
        "credential_configurations_supported": configurations,
    });
    if behaviour.encrypted {
        let key = issuer_key().to_jwk("issuer-1").to_value();
        metadata["credential_request_encryption"] =
            json!({ "jwks": { "keys": [key] }, "enc_values_supported": ["A256GCM"], "encryption_required": true });
        metadata["credential_response_encryption"] =
            json!({ "alg_values_supported": ["ECDH-ES"], "enc_values_supported": ["A256GCM"], "encryption_required": true });
    }
    if behaviour.lie == "encryption nobody does" {
        metadata["credential_response_encryption"] =
            json!({ "alg_values_supported": ["RSA-OAEP"], "enc_values_supported": ["A256GCM"], "encryption_required": true });
    }
    if behaviour.lie == "no deferred endpoint" {
        metadata.as_object_mut().unwrap().remove("deferred_credential_endpoint");
    }
    if !behaviour.signed_metadata {
        return Json(metadata).into_response();
    }
    assert!(headers[header::ACCEPT].to_str().unwrap().contains("application/jwt"));
    metadata["sub"] = if behaviour.lie == "metadata of another" { json!("https://other.example") } else { json!(base) };
    metadata["iat"] = json!(haip.department.clock.now());
    let chain = if behaviour.lie == "metadata by a stranger" { &haip.department.stranger } else { &haip.department.chain };
    let header = JwsHeader { x5c: Some(chain.clone()), ..JwsHeader::typ("openidvci-issuer-metadata+jwt") };
    let signed = jws::sign_compact(&p256(1), &header, metadata.to_string().as_bytes());
    ([(header::CONTENT_TYPE, "application/jwt")], signed).into_response()
}

async fn server_metadata(State(haip): Issuer) -> Json<Value> {
    let (base, behaviour) = (&haip.base, haip.behaviour());
    let mut metadata = json!({
        "issuer": base,
        "authorization_endpoint": format!("{base}/authorize"),
        "pushed_authorization_request_endpoint": format!("{base}/par"),
        "require_pushed_authorization_requests": true,
        "token_endpoint": format!("{base}/token"),
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "dpop_signing_alg_values_supported": ["ES256"],
        "authorization_response_iss_parameter_supported": true,
        "authorization_details_types_supported": ["openid_credential"],
        "token_endpoint_auth_methods_supported": [if behaviour.attested { "attest_jwt_client_auth" } else { "none" }],
    });
    let members = metadata.as_object_mut().unwrap();
    if behaviour.attested {
        members.insert("challenge_endpoint".to_owned(), format!("{base}/challenge").into());
    }
    match behaviour.lie {
        "no PKCE" => drop(members.insert("code_challenge_methods_supported".to_owned(), json!(["plain"]))),
        "no PAR" => drop(members.remove("pushed_authorization_request_endpoint")),
        "no iss" => drop(members.remove("authorization_response_iss_parameter_supported")),
        "elsewhere" => drop(members.insert("token_endpoint".to_owned(), json!("http://evil.example/token"))),
        _ => {}
    }
    Json(metadata)
}

async fn pushed(State(haip): Issuer, headers: HeaderMap, body: String) -> Response {
    let form = form(&body);
    if let Err(why) = haip.check_attestation(&headers, &form) {
        return haip.refuse(why, SERVER_NONCE, StatusCode::BAD_REQUEST);
    }
    if let Err(why) = haip.check_dpop(&headers, "/par", None, SERVER_NONCE) {
        return haip.refuse(why, SERVER_NONCE, StatusCode::BAD_REQUEST);
    }
    haip.seen.lock().unwrap().pushed.push(form);
    let answer = json!({ "request_uri": "urn:ietf:params:oauth:request_uri:1", "expires_in": 60 });
    (StatusCode::CREATED, Json(answer)).into_response()
}

async fn token(State(haip): Issuer, headers: HeaderMap, body: String) -> Response {
    let form = form(&body);
    if let Err(why) = haip.check_attestation(&headers, &form) {
        return haip.refuse(why, SERVER_NONCE, StatusCode::BAD_REQUEST);
    }
    let key = match haip.check_dpop(&headers, "/token", None, SERVER_NONCE) {
        Ok(key) => key,
        Err(why) => return haip.refuse(why, SERVER_NONCE, StatusCode::BAD_REQUEST),
    };
    let refreshing = form["grant_type"] == "refresh_token";
    if refreshing {
        if form["refresh_token"] != haip.refresh_token() {
            return haip.refuse("refresh code unknown", SERVER_NONCE, StatusCode::BAD_REQUEST);
        }
        haip.seen.lock().unwrap().rotations += u32::from(haip.behaviour().rotates);
    } else {
        let pushed = haip.seen(|seen| seen.pushed.last().cloned().unwrap());
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(form["code_verifier"].as_bytes()));
        let fits = pushed["code_challenge"] == challenge
            && pushed["code_challenge_method"] == "S256"
            && pushed["redirect_uri"] == form["redirect_uri"]
            && pushed["client_id"] == form["client_id"];
        if form["code"] != CODE || !fits {
            return haip.refuse("code or verifier", SERVER_NONCE, StatusCode::BAD_REQUEST);
        }
    }
    let mut seen = haip.seen.lock().unwrap();
    let text = format!("at-{}", seen.tokens.len());
    seen.tokens.push(form);
    seen.bound_to.insert(text.clone(), key);
    drop(seen);
    let behaviour = haip.behaviour();
    let kind = if behaviour.lie == "bearer token" { "Bearer" } else { "DPoP" };
    let seconds = behaviour.token_seconds.unwrap_or(600);
    let refresh = haip.refresh_token();
    let mut answer = json!({ "access_token": text, "token_type": kind, "expires_in": seconds, "refresh_token": refresh });
    // The names stay those of the first answer.
    if behaviour.by_details && !refreshing {
        let granted = match behaviour.lie {
            "token for another credential" => vec!["other"],
            "token for the second" => vec!["marital-status"],
            _ => haip.offered(),
        };
        let details = granted.iter().map(|id| {
            let name = format!("dataset-{id}");
            json!({ "type": "openid_credential", "credential_configuration_id": id, "credential_identifiers": [name] })
        });
        answer["authorization_details"] = details.collect();
    }
    ([("dpop-nonce", SERVER_NONCE)], Json(answer)).into_response()
}

async fn nonce() -> Response {
    Json(json!({ "c_nonce": C_NONCE })).into_response()
}

async fn credential(State(haip): Issuer, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(refused) = haip.check_resource(&headers, "/credential") {
        return *refused;
    }
    haip.seen.lock().unwrap().asked += 1;
    let (request, key) = haip.read(&headers, &body);
    let behaviour = haip.behaviour();
    let named = if behaviour.by_details { "credential_identifier" } else { "credential_configuration_id" };
    let both = request.get("credential_identifier").is_some() && request.get("credential_configuration_id").is_some();
    assert!(request.get(named).is_some() && !both, "{request}");
    let name = request[named].as_str().unwrap().to_owned();
    let vct = if name.ends_with("marital-status") { MARITAL } else { VCT };
    haip.seen.lock().unwrap().asked_for.push(name);
    let proofs = request["proofs"]["jwt"].as_array().unwrap();
    let proofs: Vec<_> = proofs.iter().map(|proof| haip.read_proof(proof.as_str().unwrap())).collect();
    match behaviour.lie {
        "denied" => return (StatusCode::BAD_REQUEST, Json(json!({ "error": "credential_request_denied" }))).into_response(),
        "both" => {
            let mut both = haip.issue(&proofs, vct);
            (both["transaction_id"], both["interval"]) = (json!("tx-1"), json!(1));
            return haip.answer(StatusCode::OK, &both, key);
        }
        "neither" => return haip.answer(StatusCode::OK, &json!({}), key),
        _ => {}
    }
    let is_deferred = behaviour.deferred > 0 && (vct == VCT || behaviour.defers_both);
    if is_deferred || behaviour.lie == "no deferred endpoint" {
        let transaction = if vct == VCT { "tx-1" } else { "tx-marital" };
        haip.seen.lock().unwrap().waiting.insert(transaction, proofs);
        return haip.answer(StatusCode::ACCEPTED, &json!({ "transaction_id": transaction, "interval": 30 }), key);
    }
    haip.answer(StatusCode::OK, &haip.issue(&proofs, vct), key)
}

async fn deferred(State(haip): Issuer, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(refused) = haip.check_resource(&headers, "/deferred") {
        return *refused;
    }
    let (request, key) = haip.read(&headers, &body);
    let transaction = request["transaction_id"].as_str().unwrap();
    assert!(haip.seen(|seen| seen.waiting.contains_key(transaction)), "{transaction}");
    let waited = {
        let mut seen = haip.seen.lock().unwrap();
        seen.deferred_asked += 1;
        seen.deferred_asked
    };
    let behaviour = haip.behaviour();
    match behaviour.lie {
        "another transaction" => {
            return haip.answer(StatusCode::ACCEPTED, &json!({ "transaction_id": "tx-2", "interval": 1 }), key);
        }
        "forgets" => return (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_transaction_id" }))).into_response(),
        "late denial" => return (StatusCode::BAD_REQUEST, Json(json!({ "error": "credential_request_denied" }))).into_response(),
        _ => {}
    }
    if waited < behaviour.deferred {
        return haip.answer(StatusCode::ACCEPTED, &json!({ "transaction_id": "tx-1", "interval": 30 }), key);
    }
    let proofs = haip.seen.lock().unwrap().waiting.remove(transaction).unwrap();
    haip.answer(StatusCode::OK, &haip.issue(&proofs, if transaction == "tx-1" { VCT } else { MARITAL }), key)
}

async fn notified(State(haip): Issuer, headers: HeaderMap, Json(notice): Json<Map<String, Value>>) -> Response {
    if haip.lies("deaf") {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if let Err(refused) = haip.check_resource(&headers, "/notify") {
        return *refused;
    }
    haip.seen.lock().unwrap().notified.push(Value::Object(notice));
    StatusCode::NO_CONTENT.into_response()
}
