//! Certificate chains: what leads to a trusted authority, and what only looks like it.

use identity::jose::x509::{MAX_CERTIFICATE_BYTES, MAX_CERTIFICATES};
use identity::jose::{Certificate, Chain, TrustAnchors, X509Error};
use identity::{Algorithm, PublicKey};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyUsagePurpose,
    NameConstraints, PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use serde_json::json;

use crate::authority::{Authority, authority_params, leaf_params, short_chain};
use crate::{NOW, secret};

fn key() -> PublicKey {
    secret(Algorithm::P256, 5).public_key()
}

fn chain(certificates: &[&Vec<u8>]) -> Result<Chain, X509Error> {
    Chain::from_der(certificates.iter().map(|der| (*der).clone()).collect())
}

/// Verifies a leaf with these parameters below a root.
fn verify_leaf(params: CertificateParams) -> Result<Certificate, X509Error> {
    let root = Authority::root("Root");
    chain(&[&root.leaf_with(params, key())])?.verify(&root.anchors(), NOW)
}

#[test]
fn a_leaf_below_a_trusted_root_is_believed_and_described() {
    for root in [Authority::root("Root"), Authority::ed25519_root("Root")] {
        for key in [key(), secret(Algorithm::Ed25519, 5).public_key()] {
            let chain = short_chain(&root, key);
            let certificate = chain.verify(&root.anchors(), NOW).unwrap();
            assert_eq!(certificate.public_key, key);
            assert_eq!(certificate.sha256, chain.leaf_sha256());
            assert_eq!(certificate.common_name.as_deref(), Some("市民服务网 Citizen services"));
            assert_eq!(certificate.organization.as_deref(), Some("Civil Affairs"));
            assert_eq!(certificate.dns_names, ["login.city.example"]);
            assert_eq!((certificate.not_before, certificate.not_after), (1_767_225_600, 1_830_297_600));
            assert_eq!(certificate.x509_hash().len(), 43);
            assert_eq!(chain.unverified_leaf().unwrap(), certificate);
        }
    }
}

/// ring's ECDSA signatures have a high S half of the time; a chain must not depend on that coin.
#[test]
fn signatures_of_another_library_verify_whatever_their_s() {
    let root = Authority::root("Root");
    for _ in 0..16 {
        assert!(short_chain(&root, key()).verify(&root.anchors(), NOW).is_ok());
    }
}

#[test]
fn a_chain_of_four_is_followed_and_of_five_is_not_read() {
    let root = Authority::root("Root");
    let one = root.intermediate("One");
    let two = one.intermediate("Two");
    let three = two.intermediate("Three");
    let leaf = three.leaf(key());
    let four = chain(&[&leaf, &three.der, &two.der, &one.der]).unwrap();
    assert_eq!(four.verify(&root.anchors(), NOW).unwrap().public_key, key());
    let again = Chain::from_x5c(&four.to_x5c()).unwrap();
    assert_eq!(again, four);
    let five = chain(&[&leaf, &three.der, &two.der, &one.der, &root.der]);
    assert_eq!(five, Err(X509Error::TooMany { count: 5, limit: MAX_CERTIFICATES }));
}

#[test]
fn certificates_out_of_order_missing_or_left_over_are_refused() {
    let root = Authority::root("Root");
    let one = root.intermediate("One");
    let two = one.intermediate("Two");
    let leaf = two.leaf(key());
    assert_eq!(chain(&[&leaf, &one.der, &two.der]), Err(X509Error::OutOfOrder { index: 0 }));
    assert_eq!(chain(&[&two.der, &leaf]), Err(X509Error::OutOfOrder { index: 0 }));
    assert_eq!(chain(&[&leaf, &two.der, &two.der]), Err(X509Error::OutOfOrder { index: 1 }));
    let missing = chain(&[&leaf, &two.der]).unwrap();
    assert_eq!(missing.verify(&root.anchors(), NOW), Err(X509Error::UntrustedIssuer));
    // A path exists without the last certificate: it is left over.
    let long = chain(&[&leaf, &two.der, &one.der]).unwrap();
    assert_eq!(long.verify(&one.anchors(), NOW), Err(X509Error::AnchorIncluded { index: 2 }));
    let twin = root.intermediate("One");
    let crossed = chain(&[&leaf, &two.der, &twin.der]).unwrap();
    assert!(crossed.verify(&one.anchors(), NOW).is_err());
}

/// HAIP 1.0: the trust anchor is not in the chain, and the leaf is not self-signed.
#[test]
fn a_self_signed_leaf_and_an_included_root_are_refused() {
    let root = Authority::root("Root");
    assert_eq!(chain(&[&root.der]), Err(X509Error::SelfSigned));
    let lonely = Authority::self_signed(leaf_params(), &PKCS_ECDSA_P256_SHA256);
    assert_eq!(chain(&[&lonely.der]), Err(X509Error::SelfSigned));
    assert_eq!(chain(&[&root.leaf(key()), &root.der]), Err(X509Error::AnchorIncluded { index: 1 }));
    // Not even when the leaf itself is on the list of anchors.
    let leaf = root.leaf(key());
    let pinned = TrustAnchors::from_der([leaf.clone()]).unwrap();
    assert_eq!(chain(&[&leaf]).unwrap().verify(&pinned, NOW), Err(X509Error::AnchorIncluded { index: 0 }));
}

#[test]
fn expired_and_future_certificates_are_refused_with_their_dates() {
    let mut params = leaf_params();
    params.not_after = date_time_ymd(2026, 6, 1);
    assert_eq!(verify_leaf(params), Err(X509Error::Expired { not_after: 1_780_272_000 }));
    let mut params = leaf_params();
    params.not_before = date_time_ymd(2027, 6, 1);
    assert_eq!(verify_leaf(params), Err(X509Error::NotYetValid { not_before: 1_811_808_000 }));

    let root = Authority::root("Root");
    let mut params = authority_params("One");
    params.not_after = date_time_ymd(2026, 6, 1);
    let one = root.intermediate_with(params);
    let expired = chain(&[&one.leaf(key()), &one.der]).unwrap();
    assert_eq!(expired.verify(&root.anchors(), NOW), Err(X509Error::Expired { not_after: 1_780_272_000 }));

    let mut params = authority_params("Root");
    params.not_after = date_time_ymd(2026, 6, 1);
    let old = Authority::self_signed(params, &PKCS_ECDSA_P256_SHA256);
    assert_eq!(short_chain(&old, key()).verify(&old.anchors(), NOW), Err(X509Error::UntrustedIssuer));
    assert!(short_chain(&old, key()).verify(&old.anchors(), 1_780_000_000).is_ok());
    assert_eq!(short_chain(&root, key()).verify(&root.anchors(), -1), Err(X509Error::Time));
}

#[test]
fn the_edges_of_validity_belong_to_it() {
    let root = Authority::root("Root");
    let chain = short_chain(&root, key());
    let at = |now| chain.verify(&root.anchors(), now);
    assert!(at(1_767_225_600).is_ok() && at(1_830_297_600).is_ok());
    assert!(matches!(at(1_767_225_599), Err(X509Error::NotYetValid { .. })));
    assert!(matches!(at(1_830_297_601), Err(X509Error::Expired { .. })));
}

#[test]
fn an_authority_of_the_same_name_but_another_key_is_not_believed() {
    let (root, stranger) = (Authority::root("Root"), Authority::root("Root"));
    assert_eq!(short_chain(&root, key()).verify(&stranger.anchors(), NOW), Err(X509Error::BadSignature));
    let other = Authority::root("Other");
    assert_eq!(short_chain(&root, key()).verify(&other.anchors(), NOW), Err(X509Error::UntrustedIssuer));
    assert_eq!(short_chain(&root, key()).verify(&TrustAnchors::default(), NOW), Err(X509Error::UntrustedIssuer));
    let mut both = stranger.anchors();
    both.extend(root.anchors());
    assert!(short_chain(&root, key()).verify(&both, NOW).is_ok());
}

#[test]
fn a_leaf_that_signs_and_an_authority_that_presents_are_refused() {
    let root = Authority::root("Root");
    let mut params = leaf_params();
    params.distinguished_name.push(DnType::CommonName, "Not an authority");
    let not_an_authority = root.intermediate_with(params);
    let issued = chain(&[&not_an_authority.leaf(key()), &not_an_authority.der]).unwrap();
    assert_eq!(issued.verify(&root.anchors(), NOW), Err(X509Error::LeafAsAuthority));
    let one = root.intermediate("One");
    assert_eq!(chain(&[&one.der]).unwrap().verify(&root.anchors(), NOW), Err(X509Error::AuthorityAsLeaf));
}

#[test]
fn key_usages_that_forbid_the_use_are_refused_and_extended_ones_are_not_looked_at() {
    let mut params = leaf_params();
    params.key_usages = vec![KeyUsagePurpose::KeyAgreement];
    assert_eq!(verify_leaf(params), Err(X509Error::KeyUsage { index: 0 }));
    let mut params = leaf_params();
    params.key_usages = Vec::new();
    assert!(verify_leaf(params).is_ok());
    let mut params = leaf_params();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::EmailProtection];
    assert!(verify_leaf(params).is_ok());

    let root = Authority::root("Root");
    let mut params = authority_params("One");
    params.key_usages = vec![KeyUsagePurpose::CrlSign];
    let one = root.intermediate_with(params);
    let issued = chain(&[&one.leaf(key()), &one.der]).unwrap();
    assert_eq!(issued.verify(&root.anchors(), NOW), Err(X509Error::KeyUsage { index: 1 }));
}

#[test]
fn path_lengths_name_constraints_and_critical_extensions_are_kept() {
    let root = Authority::root("Root");
    let mut params = authority_params("One");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let one = root.intermediate_with(params);
    let two = one.intermediate("Two");
    let long = chain(&[&two.leaf(key()), &two.der, &one.der]).unwrap();
    assert!(matches!(long.verify(&root.anchors(), NOW), Err(X509Error::Path(_))));
    assert!(chain(&[&one.leaf(key()), &one.der]).unwrap().verify(&root.anchors(), NOW).is_ok());

    let mut params = authority_params("Elsewhere");
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName("other.example".to_owned())],
        excluded_subtrees: Vec::new(),
    });
    let elsewhere = root.intermediate_with(params);
    let outside = chain(&[&elsewhere.leaf(key()), &elsewhere.der]).unwrap();
    assert!(matches!(outside.verify(&root.anchors(), NOW), Err(X509Error::Path(_))));

    let mut params = leaf_params();
    let mut unknown = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 1], vec![5, 0]);
    unknown.set_criticality(true);
    params.custom_extensions = vec![unknown];
    assert!(matches!(verify_leaf(params), Err(X509Error::Path(_) | X509Error::NotACertificate { .. })));
}

#[test]
fn a_chain_signed_with_another_curve_is_refused() {
    let root = Authority::p384_root("Root");
    let result = short_chain(&root, key()).verify(&root.anchors(), NOW);
    assert!(matches!(result, Err(X509Error::Path(_) | X509Error::BadSignature)), "{result:?}");
}

#[test]
fn every_changed_byte_of_a_leaf_is_noticed() {
    let root = Authority::root("Root");
    let leaf = root.leaf(key());
    for position in 0..leaf.len() {
        let mut changed = leaf.clone();
        changed[position] ^= 0x01;
        let result = chain(&[&changed]).and_then(|chain| chain.verify(&root.anchors(), NOW));
        assert!(result.is_err(), "byte {position}");
    }
    for length in 0..leaf.len() {
        assert!(chain(&[&leaf[..length].to_vec()]).is_err());
    }
    let longer = [&leaf[..], &[0]].concat();
    assert!(chain(&[&longer]).is_err());
}

#[test]
fn huge_empty_and_malformed_chains_are_refused_before_they_are_parsed() {
    assert_eq!(Chain::from_der(Vec::new()), Err(X509Error::Empty));
    assert_eq!(Chain::from_der(vec![vec![0; MAX_CERTIFICATE_BYTES + 1]]), Err(X509Error::TooLarge { index: 0 }));
    let mut params = leaf_params();
    params.custom_extensions = vec![CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 2], vec![0; 9000])];
    assert_eq!(verify_leaf(params), Err(X509Error::TooLarge { index: 0 }));
    assert_eq!(Chain::from_x5c(&json!(["A".repeat(64 * 1024)])), Err(X509Error::TooLarge { index: 0 }));
    assert_eq!(Chain::from_x5c(&json!(vec!["AAAA"; 1000])), Err(X509Error::TooMany { count: 1000, limit: 4 }));
    assert_eq!(Chain::from_x5c(&json!([1])), Err(X509Error::NotAnArray));
    assert_eq!(Chain::from_x5c(&json!({})), Err(X509Error::NotAnArray));
    assert_eq!(Chain::from_x5c(&json!(["!"])), Err(X509Error::NotBase64 { index: 0 }));
    assert_eq!(Chain::from_x5c(&json!([""])), Err(X509Error::NotACertificate { index: 0 }));
    assert_eq!(Chain::from_x5c(&json!(["AAAA"])), Err(X509Error::NotACertificate { index: 0 }));
}

/// The name is shown on a consent screen: it must not turn around, hide or overflow.
#[test]
fn names_that_would_deceive_a_reader_are_refused() {
    for name in ["Tax office\u{202e}eciffo", "City\u{200b} Hall", "a\nb", "   ", &"x".repeat(129)] {
        let mut params = leaf_params();
        params.distinguished_name.push(DnType::CommonName, name);
        assert_eq!(verify_leaf(params), Err(X509Error::Name), "{name:?}");
    }
    let mut params = leaf_params();
    params.distinguished_name = rcgen::DistinguishedName::new();
    let nameless = verify_leaf(params).unwrap();
    assert_eq!((nameless.common_name, nameless.organization), (None, None));
}

#[test]
fn the_key_identifiers_of_the_authorities_above_are_found() {
    let root = Authority::root("Root");
    let mut params = authority_params("One");
    params.use_authority_key_identifier_extension = true;
    let one = root.intermediate_with(params);
    let mut params = leaf_params();
    params.use_authority_key_identifier_extension = true;
    let leaf = one.leaf_with(params, key());
    assert_eq!(chain(&[&leaf, &one.der]).unwrap().authority_key_ids(), [one.key_identifier(), root.key_identifier()]);
    assert!(short_chain(&root, key()).authority_key_ids().is_empty());
}

#[test]
fn anchors_and_chains_are_read_from_pem() {
    let (root, other) = (Authority::root("Root"), Authority::root("Other"));
    let one = root.intermediate("One");
    let pem = |der: &[u8]| {
        let text = data_encoding::BASE64.encode(der);
        let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    };
    let anchors = TrustAnchors::from_pem(&format!("# city\n{}{}", pem(&other.der), pem(&root.der))).unwrap();
    assert_eq!((anchors.len(), anchors.is_empty()), (2, false));
    let chain = Chain::from_pem(&format!("{}{}", pem(&one.leaf(key())), pem(&one.der))).unwrap();
    assert!(chain.verify(&anchors, NOW).is_ok());
    assert!(matches!(TrustAnchors::from_pem(""), Err(X509Error::Empty)));
    assert!(matches!(TrustAnchors::from_pem("-----BEGIN CERTIFICATE-----\n!!!"), Err(X509Error::Pem)));
    assert!(matches!(TrustAnchors::from_der([vec![1, 2, 3]]), Err(X509Error::NotACertificate { index: 0 })));
}
