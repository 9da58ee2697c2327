//! A city for tests: a certificate authority, departments with a status list server, a ledger, and the service.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header;
use clients::{Clock, Environment, Random};
use identity::jose::jws::JwsHeader;
use identity::jose::{Chain, TrustAnchors, jwk};
use identity::keys::{Algorithm, PublicKey, SecretKey};
use identity::sd_jwt::{ClaimPath, Decoys};
use identity::sd_jwt_vc::{self, Credential};
use identity::status_list::{Bits, Status, StatusList, StatusListToken, StatusReference};
use identity::{CommitmentKey, Localized};
use ledger::records::{
    AllowedData, AttestationRecord, AuthorityRecord, CREDENTIAL_CONTEXT, HOLDER_KEY_CONTEXT, PartyRecord, Purpose, RecordId,
};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData,
    SignatureAlgorithm, date_time_ymd,
};
use serde_json::{Map, Value, json};
use service_kit::Shutdown;
use service_kit::fetch::Loopback;
use sha2::{Digest, Sha256};
use verifier_service::config::Config;
use verifier_service::logins::MatchCodePolicy;
use verifier_service::parties::Party;
use verifier_service::policies::Policy;
use verifier_service::sealing::StorageKey;
use verifier_service::{App, Parts, Shared, database};

use crate::ledger::Ledger;

pub(crate) const IDENTITY: &str = "urn:yufu:vct:resident-identity:1";
pub(crate) const GENESIS: [u8; 32] = [0x47; 32];
/// 2026-11-21.
pub(crate) const NOW: i64 = 1_795_219_200;
pub(crate) const PUBLIC_URL: &str = "http://127.0.0.1:7300";

/// A certificate authority.
pub(crate) struct Root {
    pub(crate) der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

impl Root {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = params(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Self { der, issuer: Issuer::new(params, key) }
    }

    pub(crate) fn chain(&self, name: &str, key: &SecretKey) -> Chain {
        let mut params = params(name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        Chain::from_der(vec![params.signed_by(&Subject::new(key.public_key()), &self.issuer).unwrap().der().to_vec()]).unwrap()
    }

    pub(crate) fn anchors(&self) -> TrustAnchors {
        TrustAnchors::from_der([self.der.clone()]).unwrap()
    }
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2028, 1, 1));
    params
}

struct Subject(Vec<u8>);

impl Subject {
    fn new(key: PublicKey) -> Self {
        let (x, y) = key.p256_coordinates().unwrap();
        Self([&[4][..], &x, &y].concat())
    }
}

impl PublicKeyData for Subject {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

pub(crate) fn p256(byte: u8) -> SecretKey {
    SecretKey::from_bytes(Algorithm::P256, &[byte; 32]).unwrap()
}

/// What the status list server answers, by path: media type and body.
pub(crate) type Answers = Arc<Mutex<HashMap<String, (&'static str, Vec<u8>)>>>;

/// A department that issues credentials.
pub(crate) struct Department {
    pub(crate) id: &'static str,
    pub(crate) key: SecretKey,
    pub(crate) chain: Chain,
    pub(crate) url: String,
    answers: Answers,
}

impl Department {
    async fn start(root: &Root, id: &'static str, byte: u8) -> Self {
        let answers = Answers::default();
        let routes = Router::new().route("/status-lists/{n}", axum::routing::get(status_list)).with_state(answers.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let key = p256(byte);
        Self { id, chain: root.chain(id, &key), key, url, answers }
    }

    pub(crate) fn record(&self, types: &[&str]) -> AuthorityRecord {
        AuthorityRecord {
            id: self.id.parse().unwrap(),
            name: Localized::new("滨河市公安局", "Riverside Public Security"),
            ledger_keys: vec![SecretKey::from_bytes(Algorithm::Ed25519, &[9; 32]).unwrap().public_key()],
            credential_keys: vec![self.key.public_key()],
            reader_key: None,
            issuer_url: Some(self.url.clone()),
            accredited_types: types.iter().map(|t| (*t).to_owned()).collect(),
            may_sponsor: false,
        }
    }

    pub(crate) fn status_uri(&self) -> String {
        format!("{}/status-lists/1", self.url)
    }

    /// Publishes the status list with this status for entry 7.
    pub(crate) fn publish(&self, status: Status, now: i64) {
        let token = self.list(status, now).sign(&self.header(), &self.key);
        self.serve("application/statuslist+jwt", token.into_bytes());
    }

    pub(crate) fn list(&self, status: Status, now: i64) -> StatusListToken {
        let mut list = StatusList::new(Bits::Two, 1000).unwrap();
        list.set(7, status).unwrap();
        StatusListToken { uri: self.status_uri(), issued_at: now, expires_at: Some(now + 3600), ttl_seconds: Some(60), list }
    }

    pub(crate) fn header(&self) -> JwsHeader {
        JwsHeader { x5c: Some(self.chain.clone()), ..JwsHeader::default() }
    }

    pub(crate) fn serve(&self, media_type: &'static str, body: Vec<u8>) {
        self.answers.lock().unwrap().insert("1".to_owned(), (media_type, body));
    }

    pub(crate) fn serve_nothing(&self) {
        self.answers.lock().unwrap().clear();
    }
}

async fn status_list(State(answers): State<Answers>, Path(n): Path<String>) -> axum::response::Response {
    use axum::response::IntoResponse as _;
    match answers.lock().unwrap().get(&n).cloned() {
        Some((media_type, body)) => ([(header::CONTENT_TYPE, media_type)], body).into_response(),
        None => axum::http::StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// A credential in a citizen's hands.
#[derive(Clone)]
pub(crate) struct Held {
    pub(crate) sd_jwt: String,
    pub(crate) key: SecretKey,
    pub(crate) record: RecordId,
}

/// How a credential differs from a good one.
pub(crate) struct Issue {
    pub(crate) vct: &'static str,
    pub(crate) genesis: [u8; 32],
    pub(crate) authority: &'static str,
    pub(crate) expires_at: i64,
    pub(crate) status_uri: Option<String>,
    pub(crate) ledger_claim: bool,
    pub(crate) issuer_url: Option<String>,
    pub(crate) on_ledger: bool,
    pub(crate) serial: u8,
}

impl Default for Issue {
    fn default() -> Self {
        Self {
            vct: IDENTITY,
            genesis: GENESIS,
            authority: "public-security",
            expires_at: NOW + 86_400 * 30,
            status_uri: None,
            ledger_claim: true,
            issuer_url: None,
            on_ledger: true,
            serial: 1,
        }
    }
}

/// What the citizen's credential says. The values are canaries: they must turn up nowhere but on the account page.
pub(crate) fn claims() -> Map<String, Value> {
    let claims = json!({
        "family_name": "canary-Zhang", "given_name": "canary-Mei", "id_number": "canary-110101199003070000",
        "birth_date": "canary-1990-03-07", "gender": "canary-female", "address": "canary-Riverside-Road",
    });
    claims.as_object().unwrap().clone()
}

/// The whole city.
pub(crate) struct City {
    pub(crate) root: Root,
    pub(crate) department: Department,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) clock: Clock,
    pub(crate) app: Shared,
    pub(crate) database_url: String,
    seed: u8,
    _directory: tempfile::TempDir,
}

impl City {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(edit: impl FnOnce(&mut Config)) -> Self {
        crate::privacy::log_everything();
        let root = Root::new("Riverside Root");
        let department = Department::start(&root, "public-security", 0x21).await;
        department.publish(Status::Valid, NOW);
        let directory = tempfile::tempdir().unwrap();
        let database_url = database_url(&directory).await;
        let ledger_key = SecretKey::from_bytes(Algorithm::Ed25519, &[0x31; 32]).unwrap();
        let ledger = Arc::new(Ledger::new(GENESIS, "tax-portal".parse().unwrap(), ledger_key));
        let clock = Clock::manual(NOW);
        let mut config = config();
        edit(&mut config);
        let app = start(&root, config, &ledger, &clock, &database_url, 1).await;
        let city = Self { root, department, ledger, clock, app, database_url, seed: 1, _directory: directory };
        let authority = city.department.record(&[IDENTITY]);
        let mut state = city.ledger.state.lock().unwrap();
        state.authorities.insert(authority.id, authority);
        state.party = Some(city.registration());
        drop(state);
        city
    }

    /// The process is killed and starts again on the same data.
    pub(crate) async fn restart(&mut self) {
        self.app.parts.database.close().await;
        self.seed += 1;
        let config = self.app.parts.config.clone();
        self.app = start(&self.root, config, &self.ledger, &self.clock, &self.database_url, self.seed).await;
    }

    /// A second replica beside the first, on the same database.
    pub(crate) async fn replica(&self) -> Shared {
        let config = self.app.parts.config.clone();
        start(&self.root, config, &self.ledger, &self.clock, &self.database_url, 0x77).await
    }

    pub(crate) fn registration(&self) -> PartyRecord {
        let claims = ["family_name", "given_name", "id_number"];
        PartyRecord {
            id: "tax-portal".parse().unwrap(),
            sponsor: "tax-bureau".parse().unwrap(),
            name: Localized::new("滨河市税务服务", "Riverside City Tax Services"),
            origin: PUBLIC_URL.to_owned(),
            client_id: self.app.parts.party.client_id.clone(),
            ledger_key: self.app.parts.party.ledger_public_key(),
            purposes: vec![Purpose {
                id: "tax-login".parse().unwrap(),
                text: Localized::new("登录并办理本人税务", "Log in and handle your own taxes"),
                data: vec![AllowedData {
                    attestation_type: IDENTITY.into(),
                    claims: claims.iter().map(|c| (*c).to_owned()).collect(),
                }],
                retention_days: 30,
            }],
        }
    }

    /// Issues a good credential to the wallet with this key.
    pub(crate) fn issue(&self, holder: &SecretKey) -> Held {
        self.issue_with(holder, &Issue::default(), &self.department)
    }

    pub(crate) fn issue_with(&self, holder: &SecretKey, issue: &Issue, by: &Department) -> Held {
        let commitment_key = CommitmentKey::from_entropy([issue.serial; 32]);
        let record = RecordId([issue.serial; 32]);
        let mut claims = claims();
        let disclosable = claims.keys().map(|name| ClaimPath::name(name)).collect();
        if issue.ledger_claim {
            let claim = json!({
                "authority": issue.authority,
                "genesis": base64(&issue.genesis),
                "record": base64(&record.0),
                "commitment_key": base64(commitment_key.as_bytes()),
            });
            claims.insert("yufu".to_owned(), claim);
        }
        let status_uri = issue.status_uri.clone().unwrap_or_else(|| by.status_uri());
        let credential = Credential {
            vct: issue.vct,
            issuer: issue.issuer_url.as_deref().unwrap_or(&by.url),
            chain: Some(by.chain.clone()),
            kid: None,
            issued_at: NOW - 3600,
            not_before: None,
            expires_at: Some(issue.expires_at),
            holder: Some(holder.public_key()),
            status: (status_uri != "none").then_some(StatusReference { uri: status_uri, index: 7 }),
            claims,
            disclosable,
            decoys: Decoys::default(),
        };
        let sd_jwt = sd_jwt_vc::issue(&credential, &[issue.serial; 32], &by.key).unwrap();
        if issue.on_ledger {
            let issuer_jwt: [u8; 32] = Sha256::digest(sd_jwt.split('~').next().unwrap()).into();
            self.ledger.attest(
                record,
                AttestationRecord {
                    issuer: "public-security".parse().unwrap(),
                    attestation_type: IDENTITY.to_owned(),
                    credential: commitment_key.commit(CREDENTIAL_CONTEXT, &issuer_jwt),
                    holder_key: commitment_key.commit(HOLDER_KEY_CONTEXT, &jwk::thumbprint(&holder.public_key())),
                    lock: [5; 32],
                    valid_from: NOW - 3600,
                    valid_until: NOW + 86_400 * 30,
                },
            );
        }
        Held { sd_jwt, key: holder.clone(), record }
    }

    /// Another department of the same city, known to the ledger for `types`.
    pub(crate) async fn department(&self, id: &'static str, byte: u8, types: &[&str]) -> Department {
        let department = Department::start(&self.root, id, byte).await;
        department.publish(Status::Valid, NOW);
        let record = department.record(types);
        self.ledger.state.lock().unwrap().authorities.insert(record.id, record);
        department
    }
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

fn config() -> Config {
    let text = include_str!("../../config.example.toml");
    let mut config: Config = service_kit::config::parse(std::path::Path::new("config.example.toml"), text).unwrap();
    config.public_url = PUBLIC_URL.parse().unwrap();
    config.loopback = Loopback::Allowed;
    config.match_code = MatchCodePolicy::WhenPresent;
    config
}

async fn start(root: &Root, config: Config, ledger: &Arc<Ledger>, clock: &Clock, url: &str, seed: u8) -> Shared {
    let certificate_key = p256(0x11);
    let chain = site_chain(root, &certificate_key);
    let ledger_key = SecretKey::from_bytes(Algorithm::Ed25519, &[0x31; 32]).unwrap();
    let party = Party::new("tax-portal".parse().unwrap(), ledger_key, chain, certificate_key).unwrap();
    App::new(Parts {
        storage_key: StorageKey::new(zeroize::Zeroizing::new([0x51; 32])),
        anchors: root.anchors(),
        genesis: GENESIS,
        party,
        policies: config.purposes.iter().map(|purpose| Policy::new(purpose).unwrap()).collect(),
        database: database::open(url).await.unwrap(),
        chain: ledger.clone(),
        environment: Environment { clock: clock.clone(), random: Random::from_os_seed([seed; 32]) },
        shutdown: Shutdown::default(),
        config,
    })
}

/// The same certificate for every start of one city: ECDSA signatures of rcgen are random, so it is made once a root.
fn site_chain(root: &Root, key: &SecretKey) -> Chain {
    static CHAINS: Mutex<Vec<(Vec<u8>, Chain)>> = Mutex::new(Vec::new());
    let mut chains = CHAINS.lock().unwrap();
    if let Some((_, chain)) = chains.iter().find(|(der, _)| *der == root.der) {
        return chain.clone();
    }
    let chain = root.chain("Riverside City Tax Services", key);
    chains.push((root.der.clone(), chain.clone()));
    chain
}

/// A SQLite file of its own; or with YUFU_TEST_POSTGRES a schema of its own.
async fn database_url(directory: &tempfile::TempDir) -> String {
    let Ok(server) = std::env::var("YUFU_TEST_POSTGRES") else {
        return format!("sqlite://{}?mode=rwc", directory.path().join("verifier.sqlite").display());
    };
    sqlx::any::install_default_drivers();
    let name = directory.path().file_name().unwrap().to_str().unwrap().replace('.', "t").to_ascii_lowercase();
    let schema = format!("verifier_{name}");
    let pool = sqlx::any::AnyPoolOptions::new().max_connections(1).connect(&server).await.unwrap();
    let statement = format!("CREATE SCHEMA \"{schema}\"");
    sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&pool).await.unwrap();
    pool.close().await;
    let separator = if server.contains('?') { '&' } else { '?' };
    format!("{server}{separator}options=-c%20search_path%3D{schema}")
}
