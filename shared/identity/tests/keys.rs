//! Keys and signatures: golden vectors of the RFCs, and SEC-C3: one key and one signature have one encoding, and nothing that
//! some verifiers accept and others refuse gets through.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, in its helpers too")]

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use identity::keys::KeyError;
use identity::{Algorithm, PublicKey, SecretKey, Signature, canonical};
use proptest::prelude::*;

/// The order of the P-256 group.
const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

fn hex<const N: usize>(text: &str) -> [u8; N] {
    HEXLOWER.decode(text.as_bytes()).unwrap().try_into().unwrap()
}

fn ed25519(text: &str) -> Result<PublicKey, KeyError> {
    PublicKey::from_bytes(Algorithm::Ed25519, &hex::<32>(text))
}

fn signature(algorithm: Algorithm, text: &str) -> Signature {
    Signature { algorithm, bytes: hex(text) }
}

/// RFC 8032 section 7.1, tests 1 to 3.
#[test]
fn ed25519_is_that_of_rfc_8032() {
    let vectors: [(&str, &str, &[u8], &str); 3] = [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            b"",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            b"\x72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            b"\xaf\x82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ];
    for (secret, public, message, expected) in vectors {
        let key = SecretKey::from_bytes(Algorithm::Ed25519, &hex(secret)).unwrap();
        assert_eq!(key.public_key().as_bytes(), hex::<32>(public));
        assert_eq!(key.sign(message), signature(Algorithm::Ed25519, expected));
        key.public_key().verify(message, &key.sign(message)).unwrap();
    }
}

/// RFC 6979 appendix A.2.5, SHA-256. The RFC's signature of `sample` has a high S; ours is its low twin, n − s.
#[test]
fn p256_is_that_of_rfc_6979_with_a_low_s() {
    let secret = hex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
    let key = SecretKey::from_bytes(Algorithm::P256, &secret).unwrap();
    let (x, y) = key.public_key().p256_coordinates().unwrap();
    assert_eq!(x, hex("60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"));
    assert_eq!(y, hex("7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"));

    let r = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716";
    let high = signature(Algorithm::P256, &format!("{r}f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"));
    let low = signature(Algorithm::P256, &format!("{r}0834e36ad29a83bf2bc9385e491d6099c8fdf9d1ed67aa7ea5f51f93782857a9"));
    assert_eq!(key.sign(b"sample"), low);
    key.public_key().verify(b"sample", &low).unwrap();
    assert_eq!(key.public_key().verify(b"sample", &high), Err(KeyError::Signature));
    key.public_key().verify_jose(b"sample", &low).unwrap();
    key.public_key().verify_jose(b"sample", &high).unwrap();

    let test = "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083";
    assert_eq!(key.sign(b"test"), signature(Algorithm::P256, test));
}

/// SEC-C3: a point of order 1, 2, 4 or 8 verifies signatures that nobody made, so none is a key, in any spelling.
#[test]
fn ed25519_keys_of_small_order_are_refused() {
    for key in [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        // The same points in encodings that are not canonical.
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ] {
        assert_eq!(ed25519(key), Err(KeyError::PublicKey), "{key}");
    }
}

/// SEC-C3: y = p + 3 … p + 18 are points of large order, spelled with a y that should have been reduced.
#[test]
fn ed25519_keys_in_another_spelling_are_refused() {
    for y in ["f0", "f1", "f2", "f3", "f6", "f7", "fb", "fc", "fd", "ff"] {
        for last in ["7f", "ff"] {
            let key = format!("{y}{}{last}", "ff".repeat(30));
            assert_eq!(ed25519(&key), Err(KeyError::PublicKey), "{key}");
        }
    }
    // y = 2 is on no point.
    assert_eq!(ed25519(&format!("02{}", "00".repeat(31))), Err(KeyError::PublicKey));
}

/// SEC-C3: which keys were looked at before changes nothing: not even the sign bit of one is lent to another.
#[test]
fn a_key_is_judged_the_same_each_time_and_its_neighbours_by_themselves() {
    for seed in 0..64 {
        let key = SecretKey::from_bytes(Algorithm::Ed25519, &[seed; 32]).unwrap().public_key();
        let good: [u8; 32] = key.as_bytes().try_into().unwrap();
        let alone = |bytes: &[u8; 32]| ed25519_dalek::VerifyingKey::from_bytes(bytes).is_ok_and(|key| !key.is_weak());
        for _ in 0..2 {
            assert_eq!(PublicKey::from_bytes(Algorithm::Ed25519, &good), Ok(key));
            // All of these are looked up in the same place.
            for place in 2..32 {
                let mut other = good;
                other[place] ^= 1;
                assert_eq!(PublicKey::from_bytes(Algorithm::Ed25519, &other).is_ok(), alone(&other), "{seed} {place}");
            }
        }
    }
}

/// SEC-C3: what a cofactored or careless verifier accepts and `verify_strict` refuses; made with the secret key, by a script.
#[test]
fn ed25519_signatures_that_verifiers_disagree_about_are_refused() {
    let key = SecretKey::from_bytes(Algorithm::Ed25519, &[0x22; 32]).unwrap();
    let good = "ca21308de148aab0d33deb8b4f85bf2de843438f8755aaed1a560a4f330c48039f588721d88df6f6cd9531aaa42b75bfad1d97b66623e8e3eafee15c613c390b";
    assert_eq!(key.sign(b"message"), signature(Algorithm::Ed25519, good));
    for (fault, wrong) in [
        (
            "S + L",
            "ca21308de148aab0d33deb8b4f85bf2de843438f8755aaed1a560a4f330c48038c2c7d7ef2f0084fa432294d832554d4ad1d97b66623e8e3eafee15c613c391b",
        ),
        (
            "R the neutral element",
            "01000000000000000000000000000000000000000000000000000000000000008a16e90d30177eede87ec1d4bd99f09b51fe31dc047f6534fd327d183500dd06",
        ),
        (
            "R of order 8",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc056f3b40b9ae4f2a6f60178b26ec57afa0374d996a66b22873ee56718f8ace7400",
        ),
        (
            "R of mixed order",
            "a04ab47aac43f0d12d90984cfe7151ca9b5fecbc22942db3806f97d819ab2703f7d71b1f91475b63f2e8877e8c7f731d9b91d0929f90c44aac1c90c38d57fa0e",
        ),
    ] {
        let wrong = signature(Algorithm::Ed25519, wrong);
        assert_eq!(key.public_key().verify(b"message", &wrong), Err(KeyError::Signature), "{fault}");
        assert_eq!(key.public_key().verify_jose(b"message", &wrong), Err(KeyError::Signature), "{fault}");
    }
    let mixed = ed25519("11197e7ed49b921f30d7115d826f14b4144b4f97f2004362b6e340ef2a2b9d28").unwrap();
    let cofactored = "01e888794f90744d5440f719604e7dec576b635f2aa4ded2df137f84864b542f588afe0c9e1bdd4014d33e2b8567b6dfd904420ad51c93b8fbc922a56a7fc90b";
    assert_eq!(mixed.verify(b"message 0", &signature(Algorithm::Ed25519, cofactored)), Err(KeyError::Signature));
}

/// SEC-C3: n − s verifies as well as s, so the ledger takes only the lower one; ours always is.
#[test]
fn p256_signatures_are_made_low_and_their_high_twins_refused() {
    for number in 0_u8..64 {
        let key = SecretKey::from_bytes(Algorithm::P256, &[number + 1; 32]).unwrap();
        let low = key.sign(&[number]);
        let s = &low.bytes[32..];
        assert!(s <= &hex::<32>("7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8")[..]);
        let mut high = low;
        high.bytes[32..].copy_from_slice(&subtract(&hex(P256_ORDER), s));
        assert_eq!(key.public_key().verify(&[number], &low), Ok(()));
        assert_eq!(key.public_key().verify(&[number], &high), Err(KeyError::Signature));
        assert_eq!(key.public_key().verify_jose(&[number], &high), Ok(()));
    }
}

fn subtract(a: &[u8; 32], b: &[u8]) -> [u8; 32] {
    let mut difference = [0; 32];
    let mut borrow = false;
    for index in (0..32).rev() {
        let (first, under) = a[index].overflowing_sub(b[index]);
        let (second, under_again) = first.overflowing_sub(u8::from(borrow));
        (difference[index], borrow) = (second, under || under_again);
    }
    difference
}

#[test]
fn p256_scalars_out_of_range_are_refused_everywhere() {
    let key = SecretKey::from_bytes(Algorithm::P256, &[1; 32]).unwrap().public_key();
    let (zero, one, order) = ("00".repeat(32), format!("{}01", "00".repeat(31)), P256_ORDER);
    for (r, s) in [(&zero, &one), (&one, &zero), (&zero, &zero), (&order.to_owned(), &one), (&one, &order.to_owned())] {
        let wrong = signature(Algorithm::P256, &format!("{r}{s}"));
        assert_eq!(key.verify(b"", &wrong), Err(KeyError::Signature));
        assert_eq!(key.verify_jose(b"", &wrong), Err(KeyError::Signature));
    }
    for secret in [zero.as_str(), order, &"ff".repeat(32)] {
        assert!(matches!(SecretKey::from_bytes(Algorithm::P256, &hex(secret)), Err(KeyError::SecretKey)));
    }
}

/// SEC-C3: only the two SEC 1 forms of a finite point on the curve.
#[test]
fn p256_keys_in_other_forms_or_off_the_curve_are_refused() {
    let key = SecretKey::from_bytes(Algorithm::P256, &[0x11; 32]).unwrap().public_key();
    let (x, y) = key.p256_coordinates().unwrap();
    let read = |bytes: &[u8]| PublicKey::from_bytes(Algorithm::P256, bytes);
    assert_eq!(read(key.as_bytes()), Ok(key));
    assert_eq!(read(&[&[4][..], &x, &y].concat()), Ok(key));
    for tag in 0..=u8::MAX {
        if tag != key.as_bytes()[0] {
            assert_ne!(read(&[&[tag][..], &x].concat()), Ok(key), "compressed with tag {tag}");
        }
        if tag != 4 {
            assert_eq!(read(&[&[tag][..], &x, &y].concat()), Err(KeyError::PublicKey), "uncompressed with tag {tag}");
        }
        if ![2, 3].contains(&tag) {
            assert_eq!(read(&[&[tag][..], &x].concat()), Err(KeyError::PublicKey), "compressed with tag {tag}");
        }
    }
    assert_eq!(read(&[&[4][..], &x, &x].concat()), Err(KeyError::PublicKey));
    assert_eq!(read(&[0]), Err(KeyError::PublicKey));
    assert_eq!(read(&[]), Err(KeyError::PublicKey));
    assert_eq!(read(&[&[2][..], &[0xff; 32]].concat()), Err(KeyError::PublicKey));
    assert_eq!(PublicKey::from_bytes(Algorithm::Ed25519, key.as_bytes()), Err(KeyError::PublicKey));
}

#[test]
fn a_signature_of_the_other_algorithm_is_refused_as_such() {
    let (one, two) = (Algorithm::Ed25519, Algorithm::P256);
    let keys = [one, two].map(|algorithm| SecretKey::from_bytes(algorithm, &[7; 32]).unwrap());
    for (key, other) in [(&keys[0], &keys[1]), (&keys[1], &keys[0])] {
        assert_eq!(key.public_key().verify(b"m", &other.sign(b"m")), Err(KeyError::Algorithm));
        assert_eq!(key.public_key().verify_jose(b"m", &other.sign(b"m")), Err(KeyError::Algorithm));
    }
}

#[test]
fn a_key_has_one_text_and_nothing_else_is_read_as_it() {
    let edwards = SecretKey::from_bytes(Algorithm::Ed25519, &[0x22; 32]).unwrap().public_key();
    assert_eq!(edwards.to_string(), "ed25519:oJql9HpnWYAv-VX43C0qFKXJnSO-l_hkEn_5ODRVpPA");
    let p256 = SecretKey::from_bytes(Algorithm::P256, &[0x11; 32]).unwrap().public_key();
    for key in [edwards, p256] {
        let text = key.to_string();
        assert_eq!(text.parse(), Ok(key));
        assert_eq!(serde_json::from_str::<PublicKey>(&format!("\"{text}\"")).unwrap(), key);
        for wrong in [format!("{text}="), format!(" {text}"), text.replace(':', ";"), text.to_uppercase(), format!("{text}A")] {
            assert_eq!(wrong.parse::<PublicKey>(), Err(KeyError::PublicKey), "{wrong}");
        }
    }
    let (x, y) = p256.p256_coordinates().unwrap();
    let long = format!("p256:{}", BASE64URL_NOPAD.encode(&[&[4][..], &x, &y].concat()));
    assert_eq!(long.parse::<PublicKey>(), Err(KeyError::PublicKey));
}

#[test]
fn secrets_are_stored_and_read_back_and_never_shown() {
    for algorithm in [Algorithm::Ed25519, Algorithm::P256] {
        let key = SecretKey::from_bytes(algorithm, &[0x42; 32]).unwrap();
        assert_eq!(*key.to_bytes(), [0x42; 32]);
        assert_eq!(format!("{key:?}"), format!("SecretKey of {}", key.public_key()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn keys_and_signatures_come_back_from_every_encoding(seed in 1_u8..=254, message: Vec<u8>, p256: bool) {
        let algorithm = if p256 { Algorithm::P256 } else { Algorithm::Ed25519 };
        let secret = SecretKey::from_bytes(algorithm, &[seed; 32]).unwrap();
        let (key, signature) = (secret.public_key(), secret.sign(&message));
        prop_assert_eq!(PublicKey::from_bytes(algorithm, key.as_bytes()), Ok(key));
        prop_assert_eq!(canonical::decode::<PublicKey>(&canonical::encode(&key), 64).unwrap(), key);
        prop_assert_eq!(canonical::decode::<Signature>(&canonical::encode(&signature), 65).unwrap(), signature);
        let json = serde_json::to_string(&signature).unwrap();
        prop_assert_eq!(serde_json::from_str::<Signature>(&json).unwrap(), signature);
        prop_assert_eq!(key.verify(&message, &signature), Ok(()));
    }

    /// I007, I010 (non-repudiation): a signature is its key's over this very message, and nobody else could have made it.
    #[test]
    fn a_signature_of_another_message_or_with_a_flipped_bit_is_refused(bit in 0_usize..512, p256: bool) {
        let algorithm = if p256 { Algorithm::P256 } else { Algorithm::Ed25519 };
        let secret = SecretKey::from_bytes(algorithm, &[9; 32]).unwrap();
        let mut signature = secret.sign(b"message");
        prop_assert_eq!(secret.public_key().verify(b"another", &signature), Err(KeyError::Signature));
        signature.bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(secret.public_key().verify(b"message", &signature).is_err());
        prop_assert!(secret.public_key().verify_jose(b"message", &signature).is_err());
    }

    /// SEC-C3: whatever decodes is written back byte for byte; there is no second encoding of any key.
    #[test]
    fn bytes_that_decode_to_a_key_are_its_only_encoding(tag in 0_u8..4, bytes in proptest::collection::vec(any::<u8>(), 30..36)) {
        let encoded = [&[tag][..], &bytes].concat();
        if let Ok(key) = canonical::decode::<PublicKey>(&encoded, 64) {
            prop_assert_eq!(canonical::encode(&key), encoded);
        }
    }
}
