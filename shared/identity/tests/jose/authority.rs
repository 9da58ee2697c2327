//! A certificate authority for tests, by rcgen and ring: certificates made by code that shares nothing with ours.

use identity::jose::{Chain, TrustAnchors};
use identity::{Algorithm, PublicKey};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PublicKeyData, SignatureAlgorithm, date_time_ymd,
};

/// An authority and its certificate.
pub(crate) struct Authority {
    pub(crate) der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A root with a P-256 key.
    pub(crate) fn root(name: &str) -> Self {
        Self::root_with(name, &PKCS_ECDSA_P256_SHA256)
    }

    pub(crate) fn root_with(name: &str, algorithm: &'static SignatureAlgorithm) -> Self {
        Self::self_signed(authority_params(name), algorithm)
    }

    pub(crate) fn self_signed(params: CertificateParams, algorithm: &'static SignatureAlgorithm) -> Self {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Self { der, issuer: Issuer::new(params, key) }
    }

    /// A root with another curve than ours.
    pub(crate) fn p384_root(name: &str) -> Self {
        Self::root_with(name, &PKCS_ECDSA_P384_SHA384)
    }

    pub(crate) fn ed25519_root(name: &str) -> Self {
        Self::root_with(name, &PKCS_ED25519)
    }

    /// An authority below this one.
    pub(crate) fn intermediate(&self, name: &str) -> Self {
        self.intermediate_with(authority_params(name))
    }

    pub(crate) fn intermediate_with(&self, params: CertificateParams) -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let der = params.signed_by(&key, &self.issuer).unwrap().der().to_vec();
        Self { der, issuer: Issuer::new(params, key) }
    }

    /// A leaf for a key of ours.
    pub(crate) fn leaf(&self, key: PublicKey) -> Vec<u8> {
        self.leaf_with(leaf_params(), key)
    }

    pub(crate) fn leaf_with(&self, params: CertificateParams, key: PublicKey) -> Vec<u8> {
        params.signed_by(&Subject::new(key), &self.issuer).unwrap().der().to_vec()
    }

    /// What certificates below this authority say about its key: rcgen takes the first 20 bytes of a SHA-256 of the key.
    pub(crate) fn key_identifier(&self) -> Vec<u8> {
        CertificateParams::default().key_identifier(self.issuer.key())
    }

    pub(crate) fn anchors(&self) -> TrustAnchors {
        TrustAnchors::from_der([self.der.clone()]).unwrap()
    }
}

/// Parameters of an authority: 2020 to 2040, `keyCertSign`.
pub(crate) fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2040, 1, 1));
    params
}

/// Parameters of a leaf: 2026 to 2028, `digitalSignature`, one DNS name.
pub(crate) fn leaf_params() -> CertificateParams {
    let mut params = CertificateParams::new(vec!["login.city.example".to_owned()]).unwrap();
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, "市民服务网 Citizen services");
    params.distinguished_name.push(DnType::OrganizationName, "Civil Affairs");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2028, 1, 1));
    params
}

/// A chain of one leaf below a root.
pub(crate) fn short_chain(root: &Authority, key: PublicKey) -> Chain {
    Chain::from_der(vec![root.leaf(key)]).unwrap()
}

struct Subject {
    algorithm: &'static SignatureAlgorithm,
    bytes: Vec<u8>,
}

impl Subject {
    fn new(key: PublicKey) -> Self {
        match key.algorithm() {
            Algorithm::Ed25519 => Self { algorithm: &PKCS_ED25519, bytes: key.as_bytes().to_vec() },
            Algorithm::P256 => {
                let (x, y) = key.p256_coordinates().unwrap();
                Self { algorithm: &PKCS_ECDSA_P256_SHA256, bytes: [&[4][..], &x, &y].concat() }
            }
        }
    }
}

impl PublicKeyData for Subject {
    fn der_bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.algorithm
    }
}
