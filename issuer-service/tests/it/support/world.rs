//! A department with everything but the network.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use blobs::{BlobStore, EmbeddedStore, ReaderSecretKey};
use clients::{Clock, Environment, Random};
use identity::jose::{Chain, TrustAnchors};
use identity::{Algorithm, Localized, SecretKey};
use issuer_service::anchoring::{self, Ledger};
use issuer_service::app::{self, Issuer, Keys, Parts};
use issuer_service::attestations::{Register, Registers};
use issuer_service::config::Config;
use issuer_service::database::Database;
use issuer_service::staff::password;
use ledger::genesis::{Genesis, Validator};
use ledger::records::AuthorityRecord;
use service_kit::Shutdown;
use tower::ServiceExt as _;

use super::ledger::FakeLedger;

/// 2026-11-21 02:00:00 UTC.
pub(crate) const NOW: i64 = 1_795_226_400;
pub(crate) const TYPE: &str = "urn:yufu:vct:resident-identity:1";
/// A type that the department offers and is not accredited for.
pub(crate) const CIVIL_TYPE: &str = "urn:yufu:vct:marital-status:1";
pub(crate) const PASSWORD: &str = "correct horse battery";

const CONFIG: &str = include_str!("../../../config.example.toml");

pub(crate) struct World {
    pub(crate) app: Arc<Issuer>,
    pub(crate) clock: Clock,
    pub(crate) ledger: Arc<FakeLedger>,
    pub(crate) anchors: TrustAnchors,
    pub(crate) directory: PathBuf,
    _temporary: tempfile::TempDir,
    database_url: String,
    config: Config,
    environment: Environment,
    credential_key: SecretKey,
    chain: Chain,
    shutdown: Shutdown,
    running: Vec<tokio::task::JoinHandle<()>>,
}

/// The declared claims that the register agrees with.
pub(crate) fn claims() -> BTreeMap<String, String> {
    let pairs = [
        ("family_name", "张"),
        ("given_name", "三丰-canary-4711"),
        ("id_number", "330102199001011234"),
        ("birth_date", "1990-01-01"),
        ("gender", "男"),
        ("address", "滨河市柳河路 18 号 canary-4712"),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON ({}): {}", self.status, self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The slug of a problem, or the code of an OAuth error.
    pub(crate) fn error(&self) -> String {
        let json = self.json();
        let kind = json["type"].as_str().map(|kind| kind.trim_start_matches("urn:yufu:problem:"));
        kind.or(json["error"].as_str()).unwrap_or_default().to_owned()
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A world whose configuration was changed first.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        super::log::catch();
        let temporary = tempfile::tempdir().unwrap();
        let directory = temporary.path().to_owned();
        let mut config: Config = service_kit::config::parse("config.example.toml".as_ref(), CONFIG).unwrap();
        config.public_gateway = false;
        let hash = password::hash(PASSWORD, [7; 16]).unwrap();
        config.staff.iter_mut().for_each(|member| member.password_hash.clone_from(&hash));
        let mut civil = config.attestations[0].clone();
        civil.attestation_type = CIVIL_TYPE.to_owned();
        civil.configuration = "marital-status".to_owned();
        civil.needs = vec![wire::issuer::AttributeKind::Claims, wire::issuer::AttributeKind::HouseholdRegister];
        civil.optional = vec![wire::issuer::AttributeKind::MarriageCertificate];
        config.attestations.push(civil);
        change(&mut config);

        let credential_key = SecretKey::from_bytes(Algorithm::P256, &[3; 32]).unwrap();
        let (anchors, chain) = certificates(&credential_key);
        let ledger_key = SecretKey::from_bytes(Algorithm::Ed25519, &[2; 32]).unwrap();
        let genesis = genesis(&config, &ledger_key, &credential_key);
        let ledger = Arc::new(FakeLedger::new(genesis, config.authority.id, ledger_key));
        let clock = Clock::manual(NOW);
        let environment = Environment { clock: clock.clone(), random: Random::from_os_seed([9; 32]) };
        let database_url = database_url(&directory).await;
        let database = Database::open(&database_url).await.unwrap();
        let blobs = Arc::new(EmbeddedStore::open(directory.join("blobs")).unwrap());
        let keys = keys(&credential_key, &chain);
        let mut world = Self {
            app: Issuer::new(parts(&config, &environment, database, &ledger, blobs, keys)),
            clock,
            ledger,
            anchors,
            directory,
            _temporary: temporary,
            database_url,
            config,
            environment,
            credential_key,
            chain,
            shutdown: Shutdown::default(),
            running: Vec::new(),
        };
        world.start();
        world
    }

    fn start(&mut self) {
        self.shutdown = Shutdown::default();
        self.running.push(tokio::spawn(anchoring::run(Arc::clone(&self.app), self.shutdown.clone())));
    }

    /// Ends the process as a crash would, and starts another one on the same data. Blobs have one owner at a time, so the store goes
    /// over; the database, the keys and the ledger are all that is left of the first.
    pub(crate) async fn restart(&mut self) {
        for task in self.running.drain(..) {
            task.abort();
            let _aborted = task.await;
        }
        let database = Database::open(&self.database_url).await.unwrap();
        let blobs = Arc::clone(&self.app.blobs);
        let keys = keys(&self.credential_key, &self.chain);
        self.app = Issuer::new(parts(&self.config, &self.environment, database, &self.ledger, blobs, keys));
        self.start();
    }

    pub(crate) fn router(&self) -> Router {
        app::router(&self.app)
    }

    pub(crate) async fn call(&self, request: Request<Body>) -> Answer {
        let response = self.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 64 * 1024 * 1024).await.unwrap().to_vec();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn get_as(&self, path: &str, token: &str) -> Answer {
        self.call(Request::get(path).header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, media_type: &str, body: impl Into<Body>) -> Answer {
        self.call(Request::post(path).header("content-type", media_type).body(body.into()).unwrap()).await
    }

    /// Waits, with a limit, until something is so.
    pub(crate) async fn until<F: Future<Output = bool>>(&self, what: &str, check: impl Fn() -> F) {
        for _ in 0..200 {
            if check().await {
                return;
            }
            self.app.bell.ring();
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("not within five seconds: {what}");
    }
}

/// A department's parts.
fn parts(
    config: &Config,
    environment: &Environment,
    database: Database,
    ledger: &Arc<FakeLedger>,
    blobs: Arc<dyn BlobStore>,
    keys: Keys,
) -> Parts {
    Parts {
        config: config.clone(),
        environment: environment.clone(),
        database,
        ledger: Arc::clone(ledger) as Arc<dyn Ledger>,
        blobs,
        keys,
        registers: registers(),
        patience: Duration::from_millis(400),
    }
}

fn keys(credential_key: &SecretKey, chain: &Chain) -> Keys {
    Keys { credential: credential_key.clone(), chain: chain.clone(), reader: ReaderSecretKey::from_entropy([4; 32]) }
}

fn registers() -> Registers {
    Registers::from([(TYPE.to_owned(), Register::new("id_number", vec![claims()]))])
}

/// SQLite in the world's directory, or a schema of its own on the server that the environment names.
pub(crate) async fn database_url(directory: &std::path::Path) -> String {
    let Ok(server) = std::env::var("YUFU_TEST_POSTGRES") else { return Database::sqlite_url(directory) };
    sqlx::any::install_default_drivers();
    let name = directory.file_name().unwrap().to_str().unwrap().trim_start_matches('.').to_ascii_lowercase();
    let schema = format!("test_{name}");
    let pool = sqlx::AnyPool::connect(&server).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).execute(&pool).await.unwrap();
    pool.close().await;
    let separator = if server.contains('?') { '&' } else { '?' };
    format!("{server}{separator}options=-c%20search_path%3D{schema}")
}

fn genesis(config: &Config, ledger_key: &SecretKey, credential_key: &SecretKey) -> Genesis {
    let validator = SecretKey::from_bytes(Algorithm::Ed25519, &[1; 32]).unwrap();
    Genesis {
        network: "riverside".parse().unwrap(),
        name: Localized::new("滨河", "Riverside"),
        started_at: NOW - 1000,
        governance: None,
        validators: vec![Validator {
            name: "one".to_owned(),
            authority: config.authority.id,
            key: validator.public_key(),
            cluster: "a".to_owned(),
            address: None,
        }],
        authorities: vec![AuthorityRecord {
            id: config.authority.id,
            name: config.authority.name.clone(),
            ledger_keys: vec![ledger_key.public_key()],
            credential_keys: vec![credential_key.public_key()],
            reader_key: Some(ReaderSecretKey::from_entropy([4; 32]).public_key().to_string()),
            issuer_url: Some(config.public_url.clone()),
            accredited_types: vec![TYPE.to_owned()],
            may_sponsor: false,
        }],
    }
}

/// A city root and the department's leaf, made by rcgen.
fn certificates(key: &SecretKey) -> (TrustAnchors, Chain) {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose, date_time_ymd};
    let root_key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let mut root = CertificateParams::default();
    root.distinguished_name.push(DnType::CommonName, "Riverside City root");
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    root.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    (root.not_before, root.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2040, 1, 1));
    let root_der = root.self_signed(&root_key).unwrap().der().to_vec();
    let root = rcgen::Issuer::new(root, root_key);
    let mut leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    leaf.distinguished_name.push(DnType::CommonName, "Public Security Bureau");
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    (leaf.not_before, leaf.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2040, 1, 1));
    let leaf = leaf.signed_by(&Subject(key.public_key()), &root).unwrap().der().to_vec();
    (TrustAnchors::from_der([root_der]).unwrap(), Chain::from_der(vec![leaf]).unwrap())
}

struct Subject(identity::PublicKey);

impl rcgen::PublicKeyData for Subject {
    fn der_bytes(&self) -> &[u8] {
        // The uncompressed point of the one test key, made once.
        static POINT: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        POINT.get_or_init(|| {
            let (x, y) = self.0.p256_coordinates().unwrap();
            [&[4][..], &x, &y].concat()
        })
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}
