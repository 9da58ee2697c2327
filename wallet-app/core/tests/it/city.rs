//! A city for one test: a ledger, a certificate authority, a department, a website, and a wallet in a directory of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use identity::jose::Chain as Certificates;
use identity::keys::{Algorithm, PublicKey, SecretKey};
use identity::{Localized, UnixSeconds};
use ledger::cell::Subject;
use ledger::genesis::{Genesis, Validator};
use ledger::records::{AllowedData, AuthorityRecord, PartyRecord, Purpose};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData,
    SignatureAlgorithm, date_time_ymd,
};
use wallet_core::chain::Chain;
use wallet_core::vault::Disk;
use wallet_core::{
    Clock, CredentialView, Environment, Language, Passphrase, Random, Secrets, Strength, Wallet, WalletConfig, WalletError,
};

use crate::issuer::FakeIssuer;
use crate::ledger::FakeLedger;
use crate::site::FakeSite;

/// 21 November 2026.
pub(crate) const NOW: UnixSeconds = 1_795_226_400;
pub(crate) const VCT: &str = "urn:yufu:vct:resident-identity:1";
pub(crate) const MARITAL: &str = "urn:yufu:vct:marital-status:1";
pub(crate) const PASSPHRASE: &str = "correct horse battery";

/// A certificate authority.
pub(crate) struct Ca {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Ca {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2040, 1, 1));
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    pub(crate) fn chain(&self, name: &str, key: PublicKey) -> Certificates {
        self.chain_for(name, "city.example", key)
    }

    pub(crate) fn chain_for(&self, name: &str, dns_name: &str, key: PublicKey) -> Certificates {
        let mut params = CertificateParams::new(vec![dns_name.to_owned()]).unwrap();
        params.use_authority_key_identifier_extension = true;
        params.distinguished_name.push(DnType::OrganizationName, name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2028, 1, 1));
        let leaf = params.signed_by(&Subject256(key), &self.issuer).unwrap();
        Certificates::from_der(vec![leaf.der().to_vec()]).unwrap()
    }
}

struct Subject256(PublicKey);

impl PublicKeyData for Subject256 {
    fn der_bytes(&self) -> &[u8] {
        self.0.sec1()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

/// The uncompressed point that a certificate holds.
trait Sec1 {
    fn sec1(&self) -> &[u8];
}

impl Sec1 for PublicKey {
    fn sec1(&self) -> &[u8] {
        let (x, y) = self.p256_coordinates().unwrap();
        // Leaked: rcgen wants a borrow, and a test makes a handful of keys.
        Box::leak([&[4][..], &x, &y].concat().into_boxed_slice())
    }
}

/// A P-256 key from a small number.
pub(crate) fn p256(number: u8) -> SecretKey {
    SecretKey::from_bytes(Algorithm::P256, &[number; 32]).unwrap()
}

pub(crate) struct City {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) clock: Clock,
    pub(crate) environment: Environment,
    pub(crate) ledger: Arc<FakeLedger>,
    pub(crate) issuer: FakeIssuer,
    pub(crate) site: FakeSite,
    pub(crate) ca: Ca,
    config: WalletConfig,
}

pub(crate) fn authority(id: &str, credential_key: PublicKey, reader: Option<String>, url: &str) -> AuthorityRecord {
    AuthorityRecord {
        id: id.parse().unwrap(),
        name: Localized::new("公安局", "Public security"),
        ledger_keys: vec![],
        credential_keys: vec![credential_key],
        reader_key: reader,
        issuer_url: Some(url.to_owned()),
        accredited_types: vec![VCT.to_owned(), MARITAL.to_owned()],
        may_sponsor: true,
    }
}

impl City {
    pub(crate) async fn new() -> Self {
        Self::at(Clock::manual(NOW)).await
    }

    pub(crate) async fn at(clock: Clock) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let now = clock.now();
        let environment = Environment { clock: clock.clone(), random: Random::from_os_seed([7; 32]) };
        let validator = SecretKey::from_bytes(Algorithm::Ed25519, &[9; 32]).unwrap().public_key();
        let genesis = Genesis {
            network: "test".parse().unwrap(),
            name: Localized::new("测试城", "Test city"),
            started_at: now - 1000,
            governance: None,
            validators: vec![Validator {
                name: "v1".to_owned(),
                authority: "public-security".parse().unwrap(),
                key: validator,
                cluster: "a".to_owned(),
                address: None,
            }],
            authorities: vec![],
        };
        let hash = genesis.hash();
        let ledger = Arc::new(FakeLedger::new(hash, now));
        let ca = Ca::new("City root");
        std::fs::write(dir.path().join("genesis.json"), serde_json::to_vec(&genesis).unwrap()).unwrap();
        std::fs::write(dir.path().join("root.pem"), &ca.pem).unwrap();
        let issuer = FakeIssuer::start(&ca, Arc::clone(&ledger), hash, clock.clone()).await;
        let site = FakeSite::start(&ca, Arc::clone(&ledger), clock.clone()).await;
        let config = WalletConfig {
            nodes: vec!["http://127.0.0.1:9".parse().unwrap()],
            genesis: dir.path().join("genesis.json"),
            trust_anchors: dir.path().join("root.pem"),
            language: Language::En,
        };
        let city = Self { dir, clock, environment, ledger, issuer, site, ca, config };
        city.register();
        city
    }

    /// The department and the site on the ledger, with a purpose that allows name and birth date.
    fn register(&self) {
        let department = self.issuer.record();
        self.ledger.put(&Subject::Authority(department.id), &department, 0);
        self.register_party(&self.party(&["family_name", "birth_date"]));
    }

    pub(crate) fn party(&self, claims: &[&str]) -> PartyRecord {
        PartyRecord {
            id: "tax-portal".parse().unwrap(),
            sponsor: "public-security".parse().unwrap(),
            name: Localized::new("税务网", "Tax portal"),
            origin: self.site.origin(),
            client_id: self.site.client_id(),
            ledger_key: p256(77).public_key(),
            purposes: vec![Purpose {
                id: "login".parse().unwrap(),
                text: Localized::new("登录", "Log in"),
                data: vec![AllowedData {
                    attestation_type: VCT.to_owned(),
                    claims: claims.iter().map(|claim| (*claim).to_owned()).collect(),
                }],
                retention_days: 30,
            }],
        }
    }

    pub(crate) fn register_party(&self, party: &PartyRecord) {
        self.ledger.put(&Subject::Party(party.id), party, 0);
        self.ledger.put(&Subject::Client(party.client_id.clone()), &party.id, 0);
    }

    pub(crate) fn wallet_dir(&self) -> PathBuf {
        self.dir.path().join("wallet")
    }

    pub(crate) fn config(&self) -> WalletConfig {
        self.config.clone()
    }

    fn chain(&self) -> Option<Arc<dyn Chain>> {
        Some(Arc::clone(&self.ledger) as Arc<dyn Chain>)
    }

    pub(crate) fn create_wallet(&self) -> Wallet {
        self.create_wallet_in("wallet")
    }

    /// A wallet on another device: in a directory of this name.
    pub(crate) fn create_wallet_in(&self, name: &str) -> Wallet {
        self.create_wallet_with(name, self.config())
    }

    /// A wallet with another configuration.
    pub(crate) fn create_wallet_with(&self, name: &str, config: WalletConfig) -> Wallet {
        let passphrase = Passphrase::new(PASSPHRASE.to_owned());
        let (strength, environment) = (Strength::weak_for_tests(), self.environment.clone());
        Wallet::create_with(&self.dir.path().join(name), &passphrase, config, strength, environment, self.chain()).unwrap()
    }

    /// Opens the wallet in this directory.
    pub(crate) fn unlock_in(&self, name: &str) -> Wallet {
        let passphrase = Passphrase::new(PASSPHRASE.to_owned());
        let unlock = || Wallet::unlock_with(&self.dir.path().join(name), &passphrase, self.environment.clone(), self.chain());
        // A child process of another test holds every lock of this one from its fork to its exec.
        let is_held = |result: &Result<Wallet, WalletError>| result.as_ref().is_err_and(|error| error.slug() == "wallet-in-use");
        (0..1_000_000).map(|_| unlock()).find(|result| !is_held(result)).unwrap().unwrap()
    }

    /// Opens the wallet in this directory on another disk.
    pub(crate) fn unlock_on(&self, name: &str, disk: &Disk) -> Result<Wallet, wallet_core::WalletError> {
        let passphrase = Passphrase::new(PASSPHRASE.to_owned());
        let secrets = Secrets::from(&passphrase);
        Wallet::unlock_on(&self.dir.path().join(name), secrets, self.environment.clone(), self.chain(), Some(disk))
    }

    pub(crate) fn unlock(&self, passphrase: &str) -> Result<Wallet, wallet_core::WalletError> {
        let passphrase = Passphrase::new(passphrase.to_owned());
        Wallet::unlock_with(&self.wallet_dir(), &passphrase, self.environment.clone(), self.chain())
    }

    pub(crate) fn reopen(&self, wallet: Wallet) -> Wallet {
        drop(wallet);
        self.unlock(PASSPHRASE).unwrap()
    }

    /// A wallet with an identity and one credential.
    pub(crate) async fn wallet_with_credential(&self) -> Wallet {
        let wallet = self.create_wallet();
        wallet.create_identity().await.unwrap();
        wallet.receive(&self.issuer.offer_link(), Some(crate::issuer::PIN)).await.unwrap();
        wallet
    }

    /// Another credential, by a code; gives its id. The department is put back at its own address on the ledger for it.
    pub(crate) async fn wallet_credential_by_code(&self, wallet: &Wallet) -> String {
        let department = self.issuer.record();
        self.ledger.put(&Subject::Authority(department.id), &department, 0);
        only(wallet.receive(&self.issuer.offer_link(), Some(crate::issuer::PIN)).await.unwrap()).id
    }

    pub(crate) fn write_file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

/// The credential of an offer that has one.
pub(crate) fn only(received: Vec<CredentialView>) -> CredentialView {
    let [only] = <[CredentialView; 1]>::try_from(received).unwrap();
    only
}

/// All bytes below a directory.
pub(crate) fn all_bytes(dir: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        bytes.extend(if path.is_dir() { all_bytes(&path) } else { std::fs::read(&path).unwrap() });
    }
    bytes
}
