//! A department on loopback that lets citizens sign in, and is as strict as HAIP 1.0 allows: pushed requests, PKCE, tokens bound to a
//! key with server nonces, wallet and key attestation, encryption, deferred credentials, notifications. It can lie, too.

mod metadata;

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
use identity::jose::jwe::{ContentEncryption, DecryptionKey, Encrypted, Recipient};
use identity::jose::jwk::{Jwk, thumbprint_text};
use identity::jose::jws::{JwsAlg, Parsed, Policy, Presence, Typ};
use identity::keys::PublicKey;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::city::{MARITAL, VCT, p256};
use crate::issuer::Shared as Department;
use crate::provider::provider_key;

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
    /// What it accepts of attested keys.
    pub(crate) requires: Option<Value>,
    /// It takes keys by their attestation alone.
    pub(crate) by_attestation: bool,
    /// It reads locks where keys are attested alone.
    pub(crate) deaf_to_locks: bool,
    /// How many credentials of one kind the person has.
    pub(crate) datasets: usize,
    /// What the offer has instead of a sign-in: "pre", "both", "none".
    pub(crate) grants: &'static str,
    /// Tokens have no end that is told, and no successor.
    pub(crate) silent_of_tokens: bool,
    /// The nonce endpoint brings the nonce for the next proof of possession.
    pub(crate) nonce_brings: bool,
    /// Its authorization server is another: "named" by the offer, or found by the "grant" that it takes.
    pub(crate) elsewhere: &'static str,
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
    /// The keys of the wallet attestations, in their order.
    pub(crate) attested: Vec<String>,
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
    /// Another authorization server's.
    other: String,
}

const SERVER_NONCE: &str = "as-nonce-1";
const RESOURCE_NONCE: &str = "rs-nonce-1";
const C_NONCE: &str = "c-nonce-1";
const CODE: &str = "code-1";
const CHALLENGE: &str = "challenge-1";
const PRE_CODE: &str = "pre-1";
const PRE: &str = "urn:ietf:params:oauth:grant-type:pre-authorized_code";
pub(crate) const TX_CODE: &str = "1234";
/// HAIP 1.0 sections 4.4.1 and 4.5.1: both words of a provider bring their certificate.
const ATTESTATION: Policy = policy(&["oauth-client-attestation+jwt"], Presence::Required);
const POP: Policy = policy(&["oauth-client-attestation-pop+jwt"], Presence::Refused);
const KEY_ATTESTATION: Policy = policy(&["key-attestation+jwt"], Presence::Required);

const fn policy(typ: &'static [&'static str], x5c: Presence) -> Policy {
    Policy { typ: Typ::OneOf(typ), algs: &[JwsAlg::Es256], jwk: Presence::Refused, x5c, max_bytes: 16_384 }
}

fn issuer_key() -> DecryptionKey {
    DecryptionKey::from_bytes(&[42; 32]).unwrap()
}

impl Haip {
    pub(crate) async fn start(department: Arc<Department>) -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let second = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = |listener: &tokio::net::TcpListener| format!("http://{}", listener.local_addr().unwrap());
        let (base, other) = (address(&listener), address(&second));
        let haip = Arc::new(Self { behaviour: Mutex::default(), seen: Mutex::default(), department, base, other });
        let router = Router::new()
            .route("/.well-known/openid-credential-issuer", get(metadata::issuer))
            .route("/.well-known/oauth-authorization-server", get(metadata::server))
            .route("/challenge", post(|| async { Json(json!({ "attestation_challenge": CHALLENGE })) }))
            .route("/par", post(pushed))
            .route("/token", post(token))
            .route("/nonce", post(nonce))
            .route("/credential", post(credential))
            .route("/deferred", post(deferred))
            .route("/notify", post(notified))
            .with_state(Arc::clone(&haip));
        let again = router.clone();
        tokio::spawn(async move { axum::serve(second, again).await });
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
        let mut sign_in = json!({ "issuer_state": "is-1" });
        match (self.behaviour().elsewhere, self.behaviour().lie) {
            ("named", "server of nobody") => sign_in["authorization_server"] = json!("http://127.0.0.1:9"),
            ("named", _) => sign_in["authorization_server"] = json!(self.other),
            _ => {}
        }
        let code = json!({ "pre-authorized_code": PRE_CODE, "tx_code": { "length": 4 } });
        let grants = match self.behaviour().grants {
            "pre" => json!({ PRE: code }),
            "both" => json!({ PRE: code, "authorization_code": sign_in }),
            "none" => json!({}),
            _ => json!({ "authorization_code": sign_in }),
        };
        let offer = json!({
            "credential_issuer": self.base,
            "credential_configuration_ids": self.offered(),
            "grants": grants,
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
        url.query_pairs_mut().append_pair("code", CODE).append_pair("state", &pushed["state"]).append_pair("iss", self.server());
        url
    }

    /// The authorization server.
    pub(crate) fn server(&self) -> &str {
        if self.behaviour().elsewhere.is_empty() { &self.base } else { &self.other }
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
        let at = if matches!(path, "/par" | "/token") { self.server() } else { &self.base };
        if claims["htm"] != "POST" || claims["htu"] != format!("{at}{path}") {
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
        self.seen.lock().unwrap().attested.push(thumbprint_text(&key));
        let pop = Parsed::parse(text("oauth-client-attestation-pop")?, &POP).map_err(|_| "malformed pop")?;
        let pop = pop.verify(&key).map_err(|_| "pop of another key")?.claims().unwrap();
        if pop["aud"] != self.server() || pop.get("challenge").and_then(Value::as_str) != Some(CHALLENGE) {
            return Err("pop for another server or challenge");
        }
        let client = attestation["sub"].as_str().unwrap();
        if form.get("client_id").map(String::as_str) == Some(client) { Ok(()) } else { Err("another client") }
    }

    fn refuse(&self, why: &'static str, nonce: &str, status: StatusCode) -> Response {
        self.seen.lock().unwrap().refused.push(why);
        let code = match why {
            "use_dpop_nonce" => why,
            "the token is over" => "invalid_token",
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

    /// Somebody takes the next token.
    pub(crate) fn use_refresh_token(&self) {
        self.seen.lock().unwrap().rotations += 1;
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

    /// Section 8.2.1, appendix F.3: one attestation, of every key; the locks are beside it.
    fn read_attestation(&self, request: &Value) -> Vec<(PublicKey, [u8; 32])> {
        let proofs = request["proofs"].as_object().unwrap();
        assert_eq!((proofs.len(), proofs["attestation"].as_array().unwrap().len()), (1, 1), "{request}");
        let attestation = Parsed::parse(proofs["attestation"][0].as_str().unwrap(), &KEY_ATTESTATION).unwrap();
        let claims = attestation.verify(&provider_key().public_key()).unwrap().claims().unwrap();
        assert_eq!(claims["nonce"], C_NONCE);
        let keys = claims["attested_keys"].as_array().unwrap();
        let locks = request["yufu_locks"].as_array().unwrap();
        assert_eq!(keys.len(), locks.len());
        let deaf = self.behaviour().deaf_to_locks;
        let lock = |text: &Value| {
            if deaf { [0; 32] } else { URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap().try_into().unwrap() }
        };
        keys.iter().zip(locks).map(|(key, text)| (Jwk::from_value(key).unwrap().key, lock(text))).collect()
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
    } else if form["grant_type"] == PRE {
        if form["pre-authorized_code"] != PRE_CODE || form.get("tx_code").map(String::as_str) != Some(TX_CODE) {
            return haip.refuse("code or PIN", SERVER_NONCE, StatusCode::BAD_REQUEST);
        }
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
    if behaviour.silent_of_tokens {
        answer.as_object_mut().unwrap().retain(|name, _| !matches!(name.as_str(), "expires_in" | "refresh_token"));
    }
    // The names stay those of the first answer.
    if behaviour.by_details && !refreshing {
        let granted = match behaviour.lie {
            "token for another credential" => vec!["other"],
            "token for the second" => vec!["marital-status"],
            _ => haip.offered(),
        };
        let details = granted.iter().map(|id| {
            let names: Vec<String> = (0..behaviour.datasets.max(1))
                .map(|number| match number {
                    0 => format!("dataset-{id}"),
                    number => format!("{number}-dataset-{id}"),
                })
                .collect();
            json!({ "type": "openid_credential", "credential_configuration_id": id, "credential_identifiers": names })
        });
        answer["authorization_details"] = details.collect();
    }
    ([("dpop-nonce", SERVER_NONCE)], Json(answer)).into_response()
}

async fn nonce(State(haip): Issuer) -> Response {
    let answer = Json(json!({ "c_nonce": C_NONCE }));
    if haip.behaviour().nonce_brings {
        ([("dpop-nonce", RESOURCE_NONCE)], answer).into_response()
    } else {
        answer.into_response()
    }
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
    let proofs: Vec<_> = if behaviour.by_attestation {
        haip.read_attestation(&request)
    } else {
        let proofs = request["proofs"]["jwt"].as_array().unwrap();
        assert!(request.get("yufu_locks").is_none(), "each proof has its lock");
        proofs.iter().map(|proof| haip.read_proof(proof.as_str().unwrap())).collect()
    };
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
        "token over" => return haip.refuse("the token is over", RESOURCE_NONCE, StatusCode::UNAUTHORIZED),
        "away" => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
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
    let proofs = haip.seen.lock().unwrap().waiting[transaction].clone();
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
