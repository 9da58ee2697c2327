//! A department on loopback: honest unless told otherwise.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use blobs::{Cid, Envelope, ReaderSecretKey};
use identity::jose::jwk::thumbprint;
use identity::jose::jws::{Parsed, Policy};
use identity::jose::{Chain, jws};
use identity::keys::PublicKey;
use identity::sd_jwt::{ClaimPath, Decoys};
use identity::sd_jwt_vc::{self, Credential};
use identity::{CommitmentKey, Localized};
use ledger::cell::Subject;
use ledger::records::{AttestationRecord, AuthorityRecord, CREDENTIAL_CONTEXT, HOLDER_KEY_CONTEXT, RecordId};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use wallet_core::{AttributeKind, Channel, Clock};
use wire::issuer::{AttestationOffering, AttributeRequest, Department};

use crate::city::{Ca, MARITAL, VCT, authority, p256};
use crate::ledger::FakeLedger;

pub(crate) const PIN: &str = "482913";

/// How the department behaves.
#[derive(Clone, Default)]
pub(crate) struct Behaviour {
    pub(crate) metadata_about: Option<String>,
    pub(crate) busy_with_reports: bool,
    pub(crate) bind_to: Option<PublicKey>,
    pub(crate) same_key_for_all: bool,
    pub(crate) no_record: bool,
    pub(crate) wrong_lock: bool,
    pub(crate) other_commitment: bool,
    pub(crate) record_of_type: Option<String>,
    pub(crate) record_issuer: Option<String>,
    pub(crate) record_expired: bool,
    pub(crate) revoked: bool,
    pub(crate) vct: Option<String>,
    pub(crate) iss: Option<String>,
    pub(crate) genesis: Option<[u8; 32]>,
    pub(crate) no_ledger_claim: bool,
    pub(crate) stranger_certificate: bool,
    pub(crate) other_key: bool,
    pub(crate) claims: Option<Map<String, Value>>,
    pub(crate) plain_claim: bool,
    /// So many credentials fewer than proofs.
    pub(crate) leaves_out: usize,
    pub(crate) one_too_many: bool,
    pub(crate) tampered: bool,
    /// The endpoint answers 503 so many times.
    pub(crate) not_yet: u32,
    /// The endpoint makes the credentials and then answers 500 so many times.
    pub(crate) lose_answers: u32,
    /// Nonces are refused so many times.
    pub(crate) refuse_nonces: u32,
    pub(crate) redirect_offer: bool,
    /// An offer is given until its code was used, as Yufu's own departments do.
    pub(crate) offers_once: bool,
    pub(crate) huge_offer: bool,
    pub(crate) store_other_bytes: bool,
    pub(crate) other_address: bool,
    pub(crate) refuse_request: Option<String>,
    pub(crate) attest: bool,
    /// What its offers have; nothing is one credential.
    pub(crate) offered: Vec<&'static str>,
    /// The configuration of which no credential comes.
    pub(crate) fails: Option<&'static str>,
    /// Tokens are given anew.
    pub(crate) refreshes: bool,
}

#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) blobs: BTreeMap<String, Vec<u8>>,
    pub(crate) uploads: u32,
    pub(crate) requests: Vec<AttributeRequest>,
    /// Everything that was sent to it, as it came.
    pub(crate) bodies: Vec<Vec<u8>>,
    /// Reports, as they were signed.
    pub(crate) reports: Vec<String>,
    pub(crate) tokens: u32,
    pub(crate) proven_keys: Vec<Vec<PublicKey>>,
    issued: BTreeMap<Vec<PublicKey>, Vec<String>>,
    pub(crate) records: Vec<RecordId>,
}

/// Which department it is.
#[derive(Clone, Copy)]
struct Who {
    id: &'static str,
    name: (&'static str, &'static str),
    vct: &'static str,
    /// Keeps its records apart from another's.
    number: u8,
}

pub(crate) struct Shared {
    who: Who,
    pub(crate) behaviour: Mutex<Behaviour>,
    pub(crate) seen: Mutex<Seen>,
    ledger: Arc<FakeLedger>,
    genesis: [u8; 32],
    base: String,
    pub(crate) chain: Chain,
    pub(crate) stranger: Chain,
    other_chain: Chain,
    pub(crate) clock: Clock,
    reader: ReaderSecretKey,
}

pub(crate) struct FakeIssuer {
    pub(crate) shared: Arc<Shared>,
}

/// The claims that the honest department attests.
pub(crate) fn claims() -> Map<String, Value> {
    let text = r#"{"family_name":"李-canary-1","given_name":"华","id_number":"110101199003070011","birth_date":"1990-03-07"}"#;
    serde_json::from_str(text).unwrap()
}

impl FakeIssuer {
    pub(crate) async fn start(ca: &Ca, ledger: Arc<FakeLedger>, genesis: [u8; 32], clock: Clock) -> Self {
        let who = Who { id: "public-security", name: ("公安局", "Public security"), vct: VCT, number: 0 };
        Self::start_as(who, ca, ledger, genesis, clock).await
    }

    /// A second department, which attests marital status.
    pub(crate) async fn second(city: &crate::city::City) -> Self {
        let who = Who { id: "civil-affairs", name: ("民政局", "Civil affairs"), vct: MARITAL, number: 1 };
        let (ledger, genesis) = (Arc::clone(&city.ledger), city.issuer.shared.genesis);
        let department = Self::start_as(who, &city.ca, ledger, genesis, city.clock.clone()).await;
        department.behave(|behaviour| behaviour.offered = vec!["marital-status"]);
        city.ledger.put(&Subject::Authority(who.id.parse().unwrap()), &department.record(), 0);
        department
    }

    async fn start_as(who: Who, ca: &Ca, ledger: Arc<FakeLedger>, genesis: [u8; 32], clock: Clock) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            who,
            behaviour: Mutex::default(),
            seen: Mutex::default(),
            ledger,
            genesis,
            base,
            chain: ca.chain("Public security", p256(1).public_key()),
            stranger: Ca::new("Stranger").chain("Public security", p256(1).public_key()),
            other_chain: ca.chain("Public security", p256(2).public_key()),
            clock,
            reader: ReaderSecretKey::from_entropy([3; 32]),
        });
        let router = Router::new()
            .route("/v1/department", get(department))
            .route("/v1/uploads", post(upload_grant))
            .route("/blobs/{cid}", put(upload))
            .route("/ipfs/{cid}", get(download))
            .route("/v1/attribute-requests", post(attribute_request))
            .route("/v1/attribute-requests/{id}", get(state))
            .route("/v1/reports", post(report))
            .route("/offers/{id}", get(offer))
            .route("/.well-known/openid-credential-issuer", get(metadata))
            .route("/.well-known/oauth-authorization-server", get(server_metadata))
            .route("/token", post(token))
            .route("/nonce", post(nonce))
            .route("/credential", post(credential))
            .route("/mint", post(mint))
            .layer(axum::middleware::from_fn_with_state(Arc::clone(&shared), capture))
            .with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { shared }
    }

    pub(crate) fn base(&self) -> String {
        self.shared.base.clone()
    }

    pub(crate) fn record(&self) -> AuthorityRecord {
        let reader = self.shared.reader.public_key().to_string();
        let Who { id, name: (zh, en), .. } = self.shared.who;
        let record = authority(id, p256(1).public_key(), Some(reader), &self.shared.base);
        AuthorityRecord { name: Localized::new(zh, en), ..record }
    }

    pub(crate) fn offer_link(&self) -> String {
        offer_link(&self.shared.base, "1")
    }

    pub(crate) fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.shared.behaviour.lock().unwrap());
    }

    pub(crate) fn seen<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.shared.seen.lock().unwrap())
    }

    /// Opens what a citizen declared, as the department would: anchor by anchor.
    pub(crate) fn open_declared(&self, request: &AttributeRequest) -> Vec<Vec<u8>> {
        let open = |attribute: &wire::issuer::DeclaredAttribute| {
            let envelope = URL_SAFE_NO_PAD.decode(&attribute.envelope).unwrap();
            let envelope: Envelope = serde_json::from_slice(&envelope).unwrap();
            assert_eq!((envelope.cid.to_string(), envelope.purpose.as_str()), (attribute.cid.clone(), VCT));
            let contents = envelope.open(&self.shared.reader).unwrap();
            let ciphertext = self.seen(|seen| seen.blobs.get(&attribute.cid).cloned().unwrap());
            blobs::seal::open(&contents.blob_key, &ciphertext).unwrap().to_vec()
        };
        request.attributes.iter().map(open).collect()
    }
}

pub(crate) fn offer_link(base: &str, id: &str) -> String {
    let uri = format!("{base}/offers/{id}");
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("credential_offer_uri", &uri).finish();
    format!("openid-credential-offer://?{query}")
}

type Issuer = State<Arc<Shared>>;

/// What leaves the wallet, as somebody on the wire would see it.
async fn capture(State(issuer): Issuer, request: axum::extract::Request, next: axum::middleware::Next) -> Response {
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, 64 << 20).await.unwrap();
    issuer.seen.lock().unwrap().bodies.push(bytes.to_vec());
    next.run(axum::extract::Request::from_parts(parts, bytes.into())).await
}

/// Takes reports, unless it is busy.
async fn report(State(issuer): State<Arc<Shared>>, body: String) -> Response {
    if issuer.behaviour.lock().unwrap().busy_with_reports {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    issuer.seen.lock().unwrap().reports.push(body);
    (StatusCode::CREATED, Json(json!({ "id": "r-17", "received_at": issuer.clock.now() }))).into_response()
}

async fn department(State(issuer): Issuer) -> Json<Department> {
    let other = issuer.behaviour.lock().unwrap().other_address;
    Json(Department {
        authority: issuer.who.id.parse().unwrap(),
        name: Localized::new("自称", "Self-styled"),
        credential_issuer: if other { "http://127.0.0.1:1".to_owned() } else { issuer.base.clone() },
        attestations: vec![AttestationOffering {
            attestation_type: issuer.who.vct.to_owned(),
            configuration: "resident-identity".to_owned(),
            name: Localized::new("居民身份", "Resident identity"),
            // It insists on a face, which no wallet hears.
            needs: vec![AttributeKind::Claims, AttributeKind::Portrait],
            optional: vec![AttributeKind::IdentityCard, AttributeKind::HouseholdRegister],
            channels: Channel::ALWAYS.to_vec(),
        }],
    })
}

async fn upload_grant() -> Json<Value> {
    Json(json!({ "upload_token": "up-token", "expires_at": 9_999_999_999_i64, "bytes": 10_000_000 }))
}

async fn upload(State(issuer): Issuer, Path(cid): Path<String>, headers: HeaderMap, body: Bytes) -> StatusCode {
    assert_eq!(headers.get(header::AUTHORIZATION).unwrap(), "Bearer up-token");
    let mut seen = issuer.seen.lock().unwrap();
    seen.uploads += 1;
    let change = issuer.behaviour.lock().unwrap().store_other_bytes;
    seen.blobs.insert(cid, if change { b"other".to_vec() } else { body.to_vec() });
    StatusCode::CREATED
}

async fn download(State(issuer): Issuer, Path(cid): Path<String>) -> Response {
    let cid: Cid = cid.parse().unwrap();
    let blob = issuer.seen.lock().unwrap().blobs.get(&cid.to_string()).cloned();
    match blob {
        Some(bytes) => ([(header::CONTENT_TYPE, "application/vnd.ipld.raw")], bytes).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn attribute_request(State(issuer): Issuer, body: String) -> (StatusCode, Json<Value>) {
    // The device's key is on the ledger; here only the form is of interest.
    let policy = Policy {
        typ: jws::Typ::OneOf(&["yufu-attribute-request+jwt"]),
        algs: jws::JwsAlg::ALL,
        jwk: jws::Presence::Refused,
        x5c: jws::Presence::Refused,
        max_bytes: 100_000,
    };
    let parsed = Parsed::parse(&body, &policy).unwrap();
    let kid = parsed.header().kid.clone().unwrap();
    let request: AttributeRequest = serde_json::from_slice(parsed.unverified_payload()).unwrap();
    assert!(kid.starts_with(&format!("{}#", request.iss)), "{kid}");
    assert_eq!(request.aud, issuer.base);
    issuer.seen.lock().unwrap().requests.push(request);
    let state = json!({ "id": "r1", "state_token": "st", "state": { "state": "pending" }, "changed_at": 1 });
    (StatusCode::CREATED, Json(state))
}

async fn state(State(issuer): Issuer, headers: HeaderMap) -> Json<Value> {
    assert_eq!(headers.get(header::AUTHORIZATION).unwrap(), "Bearer st");
    let behaviour = issuer.behaviour.lock().unwrap().clone();
    let state = match behaviour.refuse_request {
        Some(reason) => json!({ "state": "refused", "reason": reason }),
        None if behaviour.attest => {
            json!({ "state": "attested", "credential_offer_uri": format!("{}/offers/1", issuer.base) })
        }
        None => json!({ "state": "pending" }),
    };
    Json(json!({ "id": "r1", "state": state, "changed_at": 2 }))
}

async fn offer(State(issuer): Issuer, Path(id): Path<String>) -> Response {
    let behaviour = issuer.behaviour.lock().unwrap().clone();
    if behaviour.redirect_offer {
        return (StatusCode::FOUND, [(header::LOCATION, format!("{}/offers/2", issuer.base))]).into_response();
    }
    if behaviour.huge_offer {
        return vec![b' '; 3_000_000].into_response();
    }
    if behaviour.offers_once && issuer.seen.lock().unwrap().tokens > 0 {
        return StatusCode::GONE.into_response();
    }
    let grant = json!({ "pre-authorized_code": format!("code-{id}"), "tx_code": { "input_mode": "numeric", "length": 6 } });
    let offer = json!({
        "credential_issuer": issuer.base,
        "credential_configuration_ids": if behaviour.offered.is_empty() { vec!["resident-identity"] } else { behaviour.offered },
        "grants": { "urn:ietf:params:oauth:grant-type:pre-authorized_code": grant },
    });
    Json(offer).into_response()
}

async fn metadata(State(issuer): Issuer) -> Json<Value> {
    let behaviour = issuer.behaviour.lock().unwrap().clone();
    let about = behaviour.metadata_about.unwrap_or_else(|| issuer.base.clone());
    let configuration = |vct: &str| {
        json!({
            "format": "dc+sd-jwt",
            "vct": vct,
            "proof_types_supported": { "jwt": { "proof_signing_alg_values_supported": ["ES256"] } },
        })
    };
    let mut configurations = Map::new();
    configurations.extend(behaviour.offered.iter().map(|id| ((*id).to_owned(), configuration(id))));
    configurations.insert("resident-identity".to_owned(), configuration(VCT));
    configurations.insert("marital-status".to_owned(), configuration(MARITAL));
    configurations.insert("mdoc".to_owned(), json!({ "format": "mso_mdoc" }));
    Json(json!({
        "credential_issuer": about,
        "credential_endpoint": format!("{}/credential", issuer.base),
        "nonce_endpoint": format!("{}/nonce", issuer.base),
        "batch_credential_issuance": { "batch_size": 10 },
        "credential_configurations_supported": configurations,
    }))
}

async fn server_metadata(State(issuer): Issuer) -> Json<Value> {
    Json(json!({ "issuer": issuer.base, "token_endpoint": format!("{}/token", issuer.base) }))
}

async fn token(State(issuer): Issuer, body: String) -> (StatusCode, Json<Value>) {
    let fields: BTreeMap<_, _> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    issuer.seen.lock().unwrap().tokens += 1;
    let refreshes = issuer.behaviour.lock().unwrap().refreshes;
    let is_refresh = refreshes && fields.get("refresh_token").map(String::as_str) == Some("rt");
    if !is_refresh && fields.get("tx_code").map(String::as_str) != Some(PIN) {
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant" })));
    }
    let refresh = refreshes.then_some("rt");
    let answer = json!({ "access_token": "at", "token_type": "Bearer", "expires_in": 600, "refresh_token": refresh });
    (StatusCode::OK, Json(answer))
}

async fn nonce() -> Json<Value> {
    Json(json!({ "c_nonce": "n-0123456789" }))
}

async fn credential(State(issuer): Issuer, headers: HeaderMap, Json(request): Json<Value>) -> Response {
    assert_eq!(headers.get(header::AUTHORIZATION).unwrap(), "Bearer at");
    let mut behaviour = {
        let mut behaviour = issuer.behaviour.lock().unwrap();
        let before = behaviour.clone();
        behaviour.not_yet = behaviour.not_yet.saturating_sub(1);
        behaviour.refuse_nonces = behaviour.refuse_nonces.saturating_sub(1);
        before
    };
    if behaviour.refuse_nonces > 0 {
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_nonce" }))).into_response();
    }
    let proofs = request["proofs"]["jwt"].as_array().unwrap();
    let proofs: Vec<(PublicKey, [u8; 32])> = proofs.iter().map(|proof| read_proof(&issuer, proof.as_str().unwrap())).collect();
    let keys: Vec<PublicKey> = proofs.iter().map(|(key, _)| *key).collect();
    issuer.seen.lock().unwrap().proven_keys.push(keys.clone());
    let configuration = request["credential_configuration_id"].as_str().unwrap();
    if behaviour.fails == Some(configuration) {
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_credential_request" }))).into_response();
    }
    if configuration == "marital-status" {
        behaviour.vct.get_or_insert_with(|| MARITAL.to_owned());
    }
    if behaviour.not_yet > 0 {
        let body = Json(json!({ "error": "temporarily_unavailable" }));
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "0")], body).into_response();
    }
    let known = issuer.seen.lock().unwrap().issued.get(&keys).cloned();
    let mut credentials = known.unwrap_or_else(|| {
        proofs
            .iter()
            .map(|(key, lock)| issuer.issue(&behaviour, if behaviour.same_key_for_all { &keys[0] } else { key }, *lock))
            .collect()
    });
    issuer.seen.lock().unwrap().issued.insert(keys, credentials.clone());
    if behaviour.lose_answers > 0 {
        issuer.behaviour.lock().unwrap().lose_answers -= 1;
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    credentials.drain(..behaviour.leaves_out);
    if behaviour.one_too_many {
        credentials.push(credentials[0].clone());
    }
    let credentials: Vec<Value> = credentials.into_iter().map(|text| json!({ "credential": text })).collect();
    Json(json!({ "credentials": credentials })).into_response()
}

/// Credentials in the name of a stranger's issuer, which has checked the proofs of these keys.
async fn mint(State(issuer): Issuer, Json(asked): Json<Value>) -> Json<Vec<String>> {
    let behaviour =
        Behaviour { iss: Some(asked["iss"].as_str().unwrap().to_owned()), ..issuer.behaviour.lock().unwrap().clone() };
    let made = asked["keys"].as_array().unwrap().iter().map(|proven| {
        let key = identity::jose::Jwk::from_value(&proven["jwk"]).unwrap().key;
        let lock = URL_SAFE_NO_PAD.decode(proven["lock"].as_str().unwrap()).unwrap();
        issuer.issue(&behaviour, &key, lock.try_into().unwrap())
    });
    Json(made.collect())
}

fn read_proof(issuer: &Shared, proof: &str) -> (PublicKey, [u8; 32]) {
    let (verified, jwk) = Parsed::parse(proof, &Policy::KEY_PROOF).unwrap().verify_with_embedded_key().unwrap();
    let claims = verified.claims().unwrap();
    assert_eq!((claims["aud"].as_str().unwrap(), &claims["nonce"]), (issuer.base.as_str(), &json!("n-0123456789")));
    assert!(!claims.contains_key("iss"), "an anonymous wallet does not name itself");
    let lock = URL_SAFE_NO_PAD.decode(claims["yufu_lock"].as_str().unwrap()).unwrap();
    (jwk.key, lock.try_into().unwrap())
}

impl Shared {
    pub(crate) fn issue(&self, behaviour: &Behaviour, key: &PublicKey, lock: [u8; 32]) -> String {
        let now = self.clock.now();
        let numbered = |kind: u8| {
            let mut bytes = [kind; 32];
            bytes[..8].copy_from_slice(&self.seen.lock().unwrap().records.len().to_be_bytes());
            bytes
        };
        let (record, entropy, salts) =
            (RecordId(numbered(100 + self.who.number)), numbered(50 + self.who.number), numbered(60 + self.who.number));
        self.seen.lock().unwrap().records.push(record);
        let commitment_key = CommitmentKey::from_entropy(entropy);
        let mut claims = behaviour.claims.clone().unwrap_or_else(claims);
        let mut disclosable: Vec<ClaimPath> = claims.keys().map(|name| ClaimPath::name(name)).collect();
        if behaviour.plain_claim {
            disclosable.pop();
        }
        let vct = behaviour.vct.as_deref().unwrap_or(VCT);
        if !behaviour.no_ledger_claim {
            let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
            claims.insert(
                "yufu".to_owned(),
                json!({
                    "authority": self.who.id,
                    "genesis": encode(&behaviour.genesis.unwrap_or(self.genesis)),
                    "record": encode(&record.0),
                    "commitment_key": encode(commitment_key.as_bytes()),
                }),
            );
        }
        let holder = behaviour.bind_to.unwrap_or(*key);
        let (chain, signer) = match behaviour {
            Behaviour { stranger_certificate: true, .. } => (&self.stranger, p256(1)),
            Behaviour { other_key: true, .. } => (&self.other_chain, p256(2)),
            _ => (&self.chain, p256(1)),
        };
        let credential = Credential {
            vct,
            issuer: behaviour.iss.as_deref().unwrap_or(&self.base),
            chain: Some(chain.clone()),
            kid: None,
            issued_at: now,
            not_before: None,
            expires_at: Some(now + 86_400),
            holder: Some(holder),
            status: None,
            claims,
            disclosable,
            decoys: Decoys::default(),
        };
        let mut text = sd_jwt_vc::issue(&credential, &salts, &signer).unwrap();
        let jwt = text.split('~').next().unwrap().to_owned();
        let digest: [u8; 32] = Sha256::digest(if behaviour.other_commitment { b"another" } else { jwt.as_bytes() }).into();
        let attestation = AttestationRecord {
            issuer: behaviour.record_issuer.as_deref().unwrap_or(self.who.id).parse().unwrap(),
            attestation_type: behaviour.record_of_type.clone().unwrap_or_else(|| vct.to_owned()),
            credential: commitment_key.commit(CREDENTIAL_CONTEXT, &digest),
            holder_key: commitment_key.commit(HOLDER_KEY_CONTEXT, &thumbprint(&holder)),
            lock: if behaviour.wrong_lock { [0; 32] } else { lock },
            valid_from: now,
            valid_until: if behaviour.record_expired { now } else { now + 86_400 },
        };
        if !behaviour.no_record {
            self.ledger.put(&Subject::Attestation(record), &attestation, if behaviour.revoked { 2 } else { 0 });
        }
        if behaviour.tampered {
            // Another value in the last disclosure: its digest is nowhere in the signed JWT.
            let mut parts: Vec<String> = text.split('~').map(str::to_owned).collect();
            let last = parts.len() - 2;
            parts[last] = URL_SAFE_NO_PAD.encode(br#"["c2FsdHNhbHRzYWx0c2FsdA","id_number","999"]"#);
            text = parts.join("~");
        }
        text
    }
}
