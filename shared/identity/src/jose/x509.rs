//! X.509 certificate chains in the `x5c` header parameter (RFC 7515 section 4.1.6), as HAIP 1.0 uses them.
//!
//! A [`Chain`] is bounded when it is made: one to four certificates of at most 8 KiB, leaf first, each issued in the name of
//! the next. [`Chain::verify`] builds the path to a trust anchor with `rustls-webpki` (RFC 5280 section 6: signatures,
//! validity, CA flags, path lengths, name constraints, unknown critical extensions), over our own P-256 and Ed25519 code.
//!
//! Beyond RFC 5280 it refuses what HAIP 1.0 refuses (section 6.1.1 and the same words for requests): a self-signed leaf, and
//! a chain that carries the trust anchor itself. It also refuses certificates left over, names that would deceive a reader,
//! and anchors outside their validity. Revocation of certificates is not checked here: an authority that loses its key is
//! struck from the trust list or the ledger.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use p256::pkcs8::ObjectIdentifier;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm, TrustAnchor, UnixTime, alg_id,
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter};
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, KeyUsage};

use crate::UnixSeconds;
use crate::keys::{Algorithm, PublicKey, Signature};

/// Most certificates in a chain, the leaf included and the trust anchor not.
pub const MAX_CERTIFICATES: usize = 4;

/// Most bytes of one certificate in DER.
pub const MAX_CERTIFICATE_BYTES: usize = 8 * 1024;

/// Most trust anchors in a list.
pub const MAX_TRUST_ANCHORS: usize = 256;

/// Most characters of a name that is shown to a person.
const MAX_NAME_CHARS: usize = 128;

/// Why a chain is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum X509Error {
    /// `x5c` is not an array of strings.
    #[error("x5c is not an array of base64 texts")]
    NotAnArray,
    /// A chain, or a PEM file of anchors, without a certificate.
    #[error("there is no certificate")]
    Empty,
    /// More certificates than we look at.
    #[error("there are {count} certificates, more than the {limit} allowed")]
    TooMany {
        /// Certificates given.
        count: usize,
        /// Certificates allowed.
        limit: usize,
    },
    /// One certificate is longer than [`MAX_CERTIFICATE_BYTES`].
    #[error("certificate {index} is longer than 8192 bytes")]
    TooLarge {
        /// Position, the leaf being 0.
        index: usize,
    },
    /// An entry is not standard base64 with padding.
    #[error("certificate {index} is not base64")]
    NotBase64 {
        /// Position, the leaf being 0.
        index: usize,
    },
    /// The PEM text cannot be read.
    #[error("the PEM text is malformed")]
    Pem,
    /// An entry is not an X.509 version 3 certificate in DER.
    #[error("certificate {index} is not an X.509 v3 certificate")]
    NotACertificate {
        /// Position, the leaf being 0.
        index: usize,
    },
    /// A certificate is not issued in the name of the one after it.
    #[error("certificate {index} is not issued by the certificate after it")]
    OutOfOrder {
        /// Position, the leaf being 0.
        index: usize,
    },
    /// The leaf names itself as its issuer.
    #[error("the first certificate is self-signed")]
    SelfSigned,
    /// The trust anchor, or another self-issued certificate, is part of the chain.
    #[error("certificate {index} is self-issued: a trust anchor must not be part of the chain")]
    AnchorIncluded {
        /// Position, the leaf being 0.
        index: usize,
    },
    /// A certificate of the path has expired.
    #[error("a certificate expired at {not_after}")]
    Expired {
        /// End of its validity.
        not_after: UnixSeconds,
    },
    /// A certificate of the path, or the only fitting trust anchor, is not valid yet.
    #[error("a certificate is valid only from {not_before}")]
    NotYetValid {
        /// Start of its validity.
        not_before: UnixSeconds,
    },
    /// `now` is before 1970.
    #[error("the time of verification is before 1970")]
    Time,
    /// No path leads to a trust anchor.
    #[error("the chain does not lead to a trusted authority")]
    UntrustedIssuer,
    /// The first certificate is a CA's.
    #[error("the first certificate is an authority's, not a signer's")]
    AuthorityAsLeaf,
    /// A certificate that is no CA's has issued another.
    #[error("a certificate that is not an authority's has issued another")]
    LeafAsAuthority,
    /// A certificate's signature does not verify.
    #[error("the signature of a certificate does not verify")]
    BadSignature,
    /// The key usage extension forbids what the certificate is used for.
    #[error("the key usage of certificate {index} forbids its use")]
    KeyUsage {
        /// Position, the leaf being 0.
        index: usize,
    },
    /// The leaf's key is neither P-256 nor Ed25519, or not a valid point.
    #[error("the key of the certificate is not a valid P-256 or Ed25519 key")]
    Key,
    /// The subject's name has control or direction-changing characters, or is too long.
    #[error("the name in the certificate cannot be shown safely")]
    Name,
    /// Another rule of RFC 5280 is broken.
    #[error("the certificate path is not valid: {0}")]
    Path(String),
}

impl X509Error {
    /// The slug of this error, for machines.
    pub fn slug(&self) -> &'static str {
        match self {
            Self::NotAnArray | Self::NotBase64 { .. } | Self::Pem | Self::NotACertificate { .. } => "x509-malformed",
            Self::Empty => "x509-empty",
            Self::TooMany { .. } | Self::TooLarge { .. } => "x509-too-long",
            Self::OutOfOrder { .. } => "x509-out-of-order",
            Self::SelfSigned => "x509-self-signed",
            Self::AnchorIncluded { .. } => "x509-anchor-included",
            Self::Expired { .. } => "x509-expired",
            Self::NotYetValid { .. } => "x509-not-yet-valid",
            Self::Time => "x509-time",
            Self::UntrustedIssuer => "x509-untrusted-issuer",
            Self::AuthorityAsLeaf | Self::LeafAsAuthority | Self::KeyUsage { .. } => "x509-wrong-use",
            Self::BadSignature => "x509-signature-invalid",
            Self::Key => "x509-key-unsupported",
            Self::Name => "x509-name-unsafe",
            Self::Path(_) => "x509-path-invalid",
        }
    }
}

/// A chain as it stands in `x5c`: leaf first, bounded, in order. Nothing in it is believed before [`Chain::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain(Vec<CertificateDer<'static>>);

impl Chain {
    /// Takes certificates in DER, the leaf first.
    pub fn from_der(certificates: Vec<Vec<u8>>) -> Result<Self, X509Error> {
        if certificates.is_empty() {
            return Err(X509Error::Empty);
        }
        check_count(certificates.len(), MAX_CERTIFICATES)?;
        if let Some(index) = certificates.iter().position(|der| der.len() > MAX_CERTIFICATE_BYTES) {
            return Err(X509Error::TooLarge { index });
        }
        let chain: Vec<_> = certificates.into_iter().map(CertificateDer::from).collect();
        check_order(&chain)?;
        Ok(Self(chain))
    }

    /// Reads the value of an `x5c` header parameter: an array of base64 (not base64url) DER certificates.
    pub fn from_x5c(value: &Value) -> Result<Self, X509Error> {
        let entries = value.as_array().ok_or(X509Error::NotAnArray)?;
        check_count(entries.len(), MAX_CERTIFICATES)?;
        let mut certificates = Vec::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            let text = entry.as_str().ok_or(X509Error::NotAnArray)?;
            if text.len() > MAX_CERTIFICATE_BYTES * 2 {
                return Err(X509Error::TooLarge { index });
            }
            certificates.push(STANDARD.decode(text).map_err(|_| X509Error::NotBase64 { index })?);
        }
        Self::from_der(certificates)
    }

    /// Reads a PEM text with one certificate after the other, the leaf first.
    pub fn from_pem(pem: &str) -> Result<Self, X509Error> {
        let certificates = certificates_of_pem(pem, MAX_CERTIFICATES)?;
        Self::from_der(certificates.into_iter().map(|der| der.to_vec()).collect())
    }

    /// The value of an `x5c` header parameter.
    pub fn to_x5c(&self) -> Value {
        self.0.iter().map(|der| Value::String(STANDARD.encode(der))).collect()
    }

    /// The leaf in DER.
    pub fn leaf_der(&self) -> &[u8] {
        self.0.first().expect("a chain has at least its leaf")
    }

    /// SHA-256 of the leaf in DER, as the client identifier prefix `x509_hash` names it (OpenID4VP 1.0 section 5.9.3).
    pub fn leaf_sha256(&self) -> [u8; 32] {
        Sha256::digest(self.leaf_der()).into()
    }

    /// The key identifiers of the authorities above, leaf first: what a DCQL query of type `aki` names (OpenID4VP 1.0 section
    /// 6.1.1.1). Not verified; a certificate without the extension, or with a malformed one, gives none.
    pub fn authority_key_ids(&self) -> Vec<Vec<u8>> {
        let identifier = |der: &CertificateDer<'static>| {
            let certificate = parse(der, 0).ok()?;
            let (_, extension) = certificate.tbs_certificate().get_extension::<AuthorityKeyIdentifier>().ok()??;
            Some(extension.key_identifier?.into_bytes().into_vec())
        };
        self.0.iter().filter_map(identifier).collect()
    }

    /// Verifies the chain at `now` and gives what the leaf says.
    ///
    /// Every certificate of the chain must be part of the path; extended key usages are not looked at, key usages are:
    /// `digitalSignature` for the leaf and `keyCertSign` for the others, where the extension is present.
    pub fn verify(&self, anchors: &TrustAnchors, now: UnixSeconds) -> Result<Certificate, X509Error> {
        let time = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now).map_err(|_| X509Error::Time)?));
        let (leaf, intermediates) = self.0.split_first().expect("a chain has at least its leaf");
        if let Some(index) = self.0.iter().position(|der| anchors.0.iter().any(|anchor| anchor.der == *der)) {
            return Err(X509Error::AnchorIncluded { index });
        }
        let end_entity = EndEntityCert::try_from(leaf).map_err(|_| X509Error::NotACertificate { index: 0 })?;
        let valid: Vec<TrustAnchor<'static>> =
            anchors.0.iter().filter(|a| a.is_valid_at(now)).map(|a| a.anchor.clone()).collect();
        let path = end_entity
            .verify_for_usage(&[&EcdsaP256Sha256, &Ed25519], &valid, intermediates, time, AnyExtendedKeyUsage, None, None)
            .map_err(|error| path_error(&error))?;
        let mut used = path.intermediate_certificates().map(|certificate| certificate.der());
        if !intermediates.iter().all(|der| used.next().is_some_and(|u| u == *der)) {
            return Err(X509Error::OutOfOrder { index: 0 });
        }
        let dns_names = end_entity.valid_dns_names().map(str::to_owned).collect();
        self.describe(dns_names)
    }

    /// Reads the leaf without believing it: to say whose it claims to be when it is refused.
    pub fn unverified_leaf(&self) -> Result<Certificate, X509Error> {
        let leaf = self.0.first().expect("a chain has at least its leaf");
        let end_entity = EndEntityCert::try_from(leaf).map_err(|_| X509Error::NotACertificate { index: 0 })?;
        let dns_names = end_entity.valid_dns_names().map(str::to_owned).collect();
        self.describe(dns_names)
    }

    fn describe(&self, dns_names: Vec<String>) -> Result<Certificate, X509Error> {
        for (index, der) in self.0.iter().enumerate().skip(1) {
            let certificate = parse(der, index)?;
            check_key_usage(&certificate, index, KeyUsage::key_cert_sign)?;
        }
        let leaf = parse(self.leaf_der(), 0)?;
        check_key_usage(&leaf, 0, KeyUsage::digital_signature)?;
        let tbs = leaf.tbs_certificate();
        let malformed = |_| X509Error::NotACertificate { index: 0 };
        let common_name = tbs.subject().common_name().map_err(malformed)?;
        let organization = tbs.subject().organization().map_err(malformed)?;
        Ok(Certificate {
            public_key: public_key_of(&leaf)?,
            sha256: self.leaf_sha256(),
            common_name: common_name.map(|name| shown_name(&name.value())).transpose()?,
            organization: organization.map(|name| shown_name(&name.value())).transpose()?,
            dns_names,
            not_before: seconds(tbs.validity().not_before),
            not_after: seconds(tbs.validity().not_after),
        })
    }
}

/// What a leaf certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The key that the certificate binds to its subject.
    pub public_key: PublicKey,
    /// SHA-256 of the certificate in DER.
    pub sha256: [u8; 32],
    /// Subject common name; safe to show, at most 128 characters.
    pub common_name: Option<String>,
    /// Subject organization name; safe to show, at most 128 characters.
    pub organization: Option<String>,
    /// DNS names of the subject alternative name extension. A wildcard stays as it is written.
    pub dns_names: Vec<String>,
    /// Start of validity.
    pub not_before: UnixSeconds,
    /// End of validity.
    pub not_after: UnixSeconds,
}

impl Certificate {
    /// The value after `x509_hash:` in a client identifier (OpenID4VP 1.0 section 5.9.3).
    pub fn x509_hash(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.sha256)
    }
}

#[derive(Clone, Debug)]
struct Anchor {
    der: CertificateDer<'static>,
    anchor: TrustAnchor<'static>,
    not_before: UnixSeconds,
    not_after: UnixSeconds,
}

impl Anchor {
    fn is_valid_at(&self, now: UnixSeconds) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }
}

/// The authorities that a party trusts. The certificates are taken at their word: whoever makes the list vouches for it.
#[derive(Clone, Debug, Default)]
pub struct TrustAnchors(Vec<Anchor>);

impl TrustAnchors {
    /// Anchors from certificates in DER. An empty list trusts nobody.
    pub fn from_der<I: IntoIterator<Item = Vec<u8>>>(certificates: I) -> Result<Self, X509Error> {
        let mut anchors = Vec::new();
        for (index, der) in certificates.into_iter().enumerate() {
            check_count(index + 1, MAX_TRUST_ANCHORS)?;
            if der.len() > MAX_CERTIFICATE_BYTES {
                return Err(X509Error::TooLarge { index });
            }
            let der = CertificateDer::from(der);
            let certificate = parse(&der, index)?;
            let anchor = webpki::anchor_from_trusted_cert(&der).map_err(|_| X509Error::NotACertificate { index })?.to_owned();
            let validity = certificate.tbs_certificate().validity();
            let (not_before, not_after) = (seconds(validity.not_before), seconds(validity.not_after));
            anchors.push(Anchor { der, anchor, not_before, not_after });
        }
        Ok(Self(anchors))
    }

    /// Anchors from a PEM text with at least one certificate.
    pub fn from_pem(pem: &str) -> Result<Self, X509Error> {
        let certificates = certificates_of_pem(pem, MAX_TRUST_ANCHORS)?;
        Self::from_der(certificates.into_iter().map(|der| der.to_vec()))
    }

    /// Adds the anchors of another list.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// How many anchors there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nobody is trusted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn check_count(count: usize, limit: usize) -> Result<(), X509Error> {
    if count > limit { Err(X509Error::TooMany { count, limit }) } else { Ok(()) }
}

fn certificates_of_pem(pem: &str, limit: usize) -> Result<Vec<CertificateDer<'static>>, X509Error> {
    let mut certificates = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        certificates.push(certificate.map_err(|_| X509Error::Pem)?);
        check_count(certificates.len(), limit)?;
    }
    if certificates.is_empty() { Err(X509Error::Empty) } else { Ok(certificates) }
}

/// Each certificate names the next as its issuer, and none names itself.
fn check_order(chain: &[CertificateDer<'static>]) -> Result<(), X509Error> {
    let mut parsed = Vec::with_capacity(chain.len());
    for (index, der) in chain.iter().enumerate() {
        parsed.push(EndEntityCert::try_from(der).map_err(|_| X509Error::NotACertificate { index })?);
    }
    for (index, certificate) in parsed.iter().enumerate() {
        if certificate.issuer() == certificate.subject() {
            return Err(if index == 0 { X509Error::SelfSigned } else { X509Error::AnchorIncluded { index } });
        }
        if parsed.get(index + 1).is_some_and(|next| certificate.issuer() != next.subject()) {
            return Err(X509Error::OutOfOrder { index });
        }
    }
    Ok(())
}

fn parse(der: &[u8], index: usize) -> Result<x509_cert::Certificate, X509Error> {
    x509_cert::Certificate::from_der(der).map_err(|_| X509Error::NotACertificate { index })
}

fn check_key_usage(
    certificate: &x509_cert::Certificate,
    index: usize,
    allows: impl Fn(&KeyUsage) -> bool,
) -> Result<(), X509Error> {
    match certificate.tbs_certificate().get_extension::<KeyUsage>() {
        Ok(None) => Ok(()),
        Ok(Some((_, usage))) if allows(&usage) => Ok(()),
        Ok(Some(_)) => Err(X509Error::KeyUsage { index }),
        Err(_) => Err(X509Error::NotACertificate { index }),
    }
}

fn public_key_of(certificate: &x509_cert::Certificate) -> Result<PublicKey, X509Error> {
    const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
    const PRIME256V1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
    const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

    let info = certificate.tbs_certificate().subject_public_key_info();
    let bytes = info.subject_public_key.as_bytes().ok_or(X509Error::Key)?;
    let algorithm = match (info.algorithm.oid, &info.algorithm.parameters) {
        (EC_PUBLIC_KEY, Some(parameters)) if parameters.decode_as() == Ok(PRIME256V1) => Algorithm::P256,
        (ED25519, None) => Algorithm::Ed25519,
        _ => return Err(X509Error::Key),
    };
    PublicKey::from_bytes(algorithm, bytes).map_err(|_| X509Error::Key)
}

/// A certificate's name ends up on a consent screen, so it must read the way it is written.
fn shown_name(name: &str) -> Result<String, X509Error> {
    let deceives = |c: char| {
        c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    if name.trim().is_empty() || name.chars().count() > MAX_NAME_CHARS || name.chars().any(deceives) {
        return Err(X509Error::Name);
    }
    Ok(name.to_owned())
}

fn seconds(time: x509_cert::time::Time) -> UnixSeconds {
    UnixSeconds::try_from(time.to_unix_duration().as_secs()).unwrap_or(UnixSeconds::MAX)
}

fn path_error(error: &webpki::Error) -> X509Error {
    let at = |time: &UnixTime| UnixSeconds::try_from(time.as_secs()).unwrap_or(UnixSeconds::MAX);
    match error {
        webpki::Error::CertExpired { not_after, .. } => X509Error::Expired { not_after: at(not_after) },
        webpki::Error::CertNotValidYet { not_before, .. } => X509Error::NotYetValid { not_before: at(not_before) },
        webpki::Error::UnknownIssuer => X509Error::UntrustedIssuer,
        webpki::Error::CaUsedAsEndEntity => X509Error::AuthorityAsLeaf,
        webpki::Error::EndEntityUsedAsCa => X509Error::LeafAsAuthority,
        webpki::Error::InvalidSignatureForPublicKey | webpki::Error::SignatureAlgorithmMismatch => X509Error::BadSignature,
        other => X509Error::Path(other.to_string()),
    }
}

/// HAIP 1.0 sets no extended key usage; what a certificate may sign for is decided by the trust list it leads to.
struct AnyExtendedKeyUsage;

impl ExtendedKeyUsageValidator for AnyExtendedKeyUsage {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        for purpose in purposes {
            purpose?;
        }
        Ok(())
    }
}

/// `ecdsa-with-SHA256` over P-256 (RFC 5758 section 3.2).
#[derive(Debug)]
struct EcdsaP256Sha256;

impl SignatureVerificationAlgorithm for EcdsaP256Sha256 {
    fn verify_signature(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let signature = p256::ecdsa::Signature::from_der(signature).map_err(|_| InvalidSignature)?;
        verify_certificate(Algorithm::P256, public_key, message, signature.to_bytes().into())
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P256
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_SHA256
    }
}

/// Ed25519 (RFC 8410).
#[derive(Debug)]
struct Ed25519;

impl SignatureVerificationAlgorithm for Ed25519 {
    fn verify_signature(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let bytes = signature.try_into().map_err(|_| InvalidSignature)?;
        verify_certificate(Algorithm::Ed25519, public_key, message, bytes)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ED25519
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ED25519
    }
}

fn verify_certificate(
    algorithm: Algorithm,
    public_key: &[u8],
    message: &[u8],
    signature: [u8; 64],
) -> Result<(), InvalidSignature> {
    let key = PublicKey::from_bytes(algorithm, public_key).map_err(|_| InvalidSignature)?;
    key.verify_jose(message, &Signature { algorithm, bytes: signature }).map_err(|_| InvalidSignature)
}
