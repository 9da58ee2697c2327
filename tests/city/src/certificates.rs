//! The city's certificate authority and the leaf certificates that issuers and verifiers sign with.

use std::path::Path;

use anyhow::{Context, Result};
use identity::keys::{Algorithm, PublicKey, SecretKey};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256};
use sha2::{Digest, Sha256};

/// The certificate authority: the trust root that wallets and verifiers are given.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root_pem: String,
}

/// A leaf: the key (PKCS #8 PEM) and the certificate (PEM, without the root).
pub struct Leaf {
    /// Private key.
    pub key_pem: String,
    /// Certificate.
    pub certificate_pem: String,
    /// The certificate's public key.
    pub public_key: PublicKey,
    /// SHA-256 of the certificate's DER, for the `x509_hash` client identifier.
    pub certificate_sha256: [u8; 32],
}

impl Authority {
    /// A new authority under a name.
    pub fn new(name: &str) -> Result<Self> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = params(name)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let root_pem = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), root_pem })
    }

    /// The root certificate.
    pub fn root_pem(&self) -> &str {
        &self.root_pem
    }

    /// Issues a leaf for a service.
    pub fn leaf(&self, name: &str) -> Result<Leaf> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = params(name)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Leaf {
            key_pem: key.serialize_pem(),
            certificate_pem: certificate.pem(),
            public_key: PublicKey::from_bytes(Algorithm::P256, key.public_key_raw())?,
            certificate_sha256: Sha256::digest(certificate.der()).into(),
        })
    }
}

impl Leaf {
    /// Writes `<stem>.key.pem` (readable by the owner only) and `<stem>.cert.pem`.
    pub fn write(&self, directory: &Path, stem: &str) -> Result<()> {
        crate::plan::write_secret(&directory.join(format!("{stem}.key.pem")), &self.key_pem)?;
        std::fs::write(directory.join(format!("{stem}.cert.pem")), &self.certificate_pem).context("writing a certificate")
    }
}

/// Reads a P-256 key that [`Leaf::write`] wrote.
pub fn read_key(path: &Path) -> Result<SecretKey> {
    use p256::pkcs8::DecodePrivateKey as _;
    let pem = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let key = p256::SecretKey::from_pkcs8_pem(&pem).context("the file is not a P-256 key in PKCS #8 PEM")?;
    Ok(SecretKey::from_bytes(Algorithm::P256, &key.to_bytes().into())?)
}

fn params(name: &str) -> Result<CertificateParams> {
    // The name is a person-readable subject; services on loopback are told apart by key, not by DNS name.
    let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.distinguished_name.push(DnType::OrganizationName, "Yufu pilot city");
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}
