//! Golden vectors of everything in this crate that is hashed or signed, computed by hand outside of Rust. A vector that changes
//! is a new format: every signature and id made before becomes worthless, so approve it, do not fix it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use data_encoding::HEXLOWER;
use identity::canonical::{self, DecodeError};
use identity::did::{DidError, IdentityId, Inception, Network};
use identity::{Algorithm, Commitment, CommitmentKey, Did, Localized, PublicKey, SecretKey, Signature};
use proptest::prelude::*;

const ED25519: &str = "01a09aa5f47a6759802ff955f8dc2d2a14a5c99d23be97f864127ff9383455a4f0";
const P256: &str = "02020217e617f0b6443928278f96999e69a23a4f2c152bdf6d6cdf66e5b80282d4ed";
const DID: &str = "did:yufu:pilot:unkzlpf3h7desdjapwm3cngackomtuqe2kbjbtlcnusnhoqfnf2q";

fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

fn encoded<T: borsh::BorshSerialize>(value: &T) -> String {
    hex(&canonical::encode(value))
}

fn edwards() -> PublicKey {
    SecretKey::from_bytes(Algorithm::Ed25519, &[0x22; 32]).unwrap().public_key()
}

fn p256() -> PublicKey {
    SecretKey::from_bytes(Algorithm::P256, &[0x11; 32]).unwrap().public_key()
}

fn inception(device: PublicKey) -> Inception {
    Inception { network: "pilot".parse().unwrap(), device, recovery_commitment: [0x44; 32] }
}

#[test]
fn keys_and_signatures_have_these_bytes() {
    assert_eq!(encoded(&edwards()), ED25519);
    assert_eq!(encoded(&p256()), P256);
    assert_eq!(hex(&edwards().fingerprint()), "123935f0245a3b4e7c1b0976dce1730768eb5d19d7088d20884935e1ff27d1c7");
    assert_eq!(hex(&p256().fingerprint()), "ebc56eb4b1abecfc2ef197fc7ab4394092cc1a4669e8790115ce730690c32b40");
    let signature = |algorithm| Signature { algorithm, bytes: [0x66; 64] };
    assert_eq!(encoded(&signature(Algorithm::Ed25519)), format!("01{}", "66".repeat(64)));
    assert_eq!(encoded(&signature(Algorithm::P256)), format!("02{}", "66".repeat(64)));
}

#[test]
fn an_identity_has_these_bytes_this_id_and_this_did() {
    let bytes = format!("0500000070696c6f74{ED25519}{}", "44".repeat(32));
    assert_eq!(encoded(&inception(edwards())), bytes);
    assert_eq!(hex(&inception(edwards()).id().0), "a35595bcbb3fc6490d207d99b134c0129cc9d204d28290cd626d24d3ba056975");
    assert_eq!(encoded(&inception(edwards()).id()), hex(&inception(edwards()).id().0));
    assert_eq!(inception(edwards()).did().to_string(), DID);
    let p256_did = "did:yufu:pilot:7u6plktfkrvmoqrko4hazlduuqv7576vm3wew2kmlsotalouvdsa";
    assert_eq!(inception(p256()).did().to_string(), p256_did);
}

#[test]
fn every_part_of_an_inception_changes_its_id() {
    let id = inception(edwards()).id();
    assert_ne!(inception(p256()).id(), id);
    assert_ne!(Inception { network: "pilot2".parse().unwrap(), ..inception(edwards()) }.id(), id);
    assert_ne!(Inception { recovery_commitment: [0x45; 32], ..inception(edwards()) }.id(), id);
}

#[test]
fn contexts_hashes_and_commitments_have_these_bytes() {
    let value = "鱼符".to_owned();
    let bytes = canonical::with_context("yufu/test/v1", &value);
    assert_eq!(hex(&bytes), "0c797566752f746573742f763106000000e9b1bce7aca6");
    let hash = "8eff9176d3595b70978c5e369d1c820afa894bab42cf349ed9d4ef1b1c582cb3";
    assert_eq!(hex(&canonical::hash("yufu/test/v1", &value)), hash);

    let key = CommitmentKey::from_entropy([0x55; 32]);
    let commitment = key.commit("yufu/test/v1", &value);
    assert_eq!(hex(&commitment.0), "1dbda2dca5afc062ba9a3c6e820f6745123609dc36c8829f79395688369e6665");
    let other = key.commit("yufu/test/v2", &value);
    assert_eq!(hex(&other.0), "b1e5fb8310146b118cead4f6447ba7d6aa0e70a038e21996d422333b4277184d");
    assert_eq!(encoded(&commitment), hex(&commitment.0));
    assert_eq!(encoded(&key), "55".repeat(32));
    assert_eq!(encoded(&Localized::new("鱼符", "tally")), "06000000e9b1bce7aca60500000074616c6c79");
}

#[test]
fn a_commitment_opens_only_with_its_key_context_and_value() {
    let key = CommitmentKey::from_entropy([1; 32]);
    let commitment = key.commit("yufu/test/v1", &7_u64);
    assert!(key.verify("yufu/test/v1", &7_u64, &commitment));
    assert!(!key.verify("yufu/test/v1", &8_u64, &commitment));
    assert!(!key.verify("yufu/test/v2", &7_u64, &commitment));
    assert!(!CommitmentKey::from_entropy([2; 32]).verify("yufu/test/v1", &7_u64, &commitment));
    assert!(!key.verify("yufu/test/v1", &7_u64, &Commitment([0; 32])));
    assert_eq!(format!("{key:?}"), "CommitmentKey(…)");
}

#[test]
fn bytes_left_over_missing_or_too_many_are_refused() {
    let bytes = canonical::encode(&inception(edwards()));
    assert_eq!(canonical::decode::<Inception>(&bytes, bytes.len()).unwrap(), inception(edwards()));
    for length in 0..bytes.len() {
        assert!(matches!(canonical::decode::<Inception>(&bytes[..length], 1000), Err(DecodeError::Malformed(_))));
    }
    let longer = [&bytes[..], &[0]].concat();
    assert!(matches!(canonical::decode::<Inception>(&longer, 1000), Err(DecodeError::Malformed(_))));
    assert!(matches!(
        canonical::decode::<Inception>(&bytes, bytes.len() - 1),
        Err(DecodeError::TooLong { length: 74, limit: 73 })
    ));
    // A length that promises four gigabytes is refused, not allocated.
    assert!(canonical::decode::<Inception>(&[0xff; 74], 1000).is_err());
}

#[test]
fn a_network_name_is_refused_in_every_form_alike() {
    for name in ["", "a-name-of-17-long", "Pilot", "pi:lot", "pi lot", "鱼", "pilot\n"] {
        assert_eq!(name.parse::<Network>(), Err(DidError::Network), "{name:?}");
        assert!(serde_json::from_value::<Network>(name.into()).is_err());
        assert!(canonical::decode::<Network>(&canonical::encode(&name.to_owned()), 100).is_err());
        assert!(format!("did:yufu:{name}:{}", &DID[15..]).parse::<Did>().is_err());
    }
}

#[test]
fn a_did_has_one_text_and_others_are_refused_for_a_reason() {
    let did: Did = DID.parse().unwrap();
    assert_eq!(did, inception(edwards()).did());
    assert_eq!(did.to_string(), DID);
    assert_eq!(serde_json::to_value(&did).unwrap(), DID);
    let id = &DID[15..];
    let wrong = |text: &str| text.parse::<Did>().unwrap_err();
    for text in ["", "did:", "did:web:pilot", &DID.to_uppercase(), &DID.replace("yufu", "yufu2"), &format!(" {DID}")] {
        assert_eq!(wrong(text), DidError::Method, "{text}");
    }
    for text in [
        "did:yufu:pilot".to_owned(),
        "did:yufu:pilot:".to_owned(),
        DID[..66].to_owned(),
        format!("{DID}a"),
        format!("{DID}===="),
        format!("{DID}#key-1"),
        format!("{DID}?versionId=1"),
        format!("did:yufu:pilot:{}", id.to_uppercase()),
        format!("did:yufu:pilot:extra:{id}"),
        // The last character has four bits that belong to no byte; they must be zero.
        format!("did:yufu:pilot:{}r", &id[..51]),
        format!("did:yufu:pilot:{}1", &id[..51]),
    ] {
        assert_eq!(wrong(&text), DidError::Id, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_did_comes_back_from_its_text(id: [u8; 32], network in "[a-z0-9-]{1,16}") {
        let did = Did { network: network.parse().unwrap(), id: IdentityId(id) };
        prop_assert_eq!(did.to_string().parse::<Did>(), Ok(did.clone()));
        let json = serde_json::to_string(&did).unwrap();
        prop_assert_eq!(serde_json::from_str::<Did>(&json).unwrap(), did);
    }

    /// Whatever is read as a DID is written back letter for letter.
    #[test]
    fn texts_that_parse_are_the_only_text_of_their_did(position in 0_usize..67, letter in "[ -~]") {
        let mut text = DID.to_owned();
        text.replace_range(position..=position, &letter);
        if let Ok(did) = text.parse::<Did>() {
            prop_assert_eq!(did.to_string(), text);
        }
    }

    #[test]
    fn arbitrary_bytes_that_decode_are_written_back_alike(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        if let Ok(value) = canonical::decode::<Inception>(&bytes, 200) {
            prop_assert_eq!(canonical::encode(&value), &bytes[..]);
        }
        if let Ok(value) = canonical::decode::<Localized>(&bytes, 200) {
            prop_assert_eq!(canonical::encode(&value), &bytes[..]);
        }
    }
}
