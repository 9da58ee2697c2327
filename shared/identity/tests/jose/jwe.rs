//! Compact encryption: what must open, and what must not.

use data_encoding::BASE64URL_NOPAD;
use identity::Algorithm;
use identity::jose::Jwk;
use identity::jose::jwe::{ContentEncryption, DecryptionKey, Encrypted, JweError, MAX_JWE_BYTES, Recipient};
use serde_json::{Value, json};

use crate::secret;

fn reader() -> DecryptionKey {
    DecryptionKey::from_bytes(&[0x33; 32]).unwrap()
}

fn to(jwk: &Jwk, enc: ContentEncryption) -> Recipient<'_> {
    Recipient { jwk, enc, apu: b"", apv: b"" }
}

fn message(enc: ContentEncryption) -> String {
    to(&reader().to_jwk("k1"), enc).encrypt(b"{\"vp_token\":{}}", &[9; 32]).unwrap()
}

fn open(token: &str) -> Result<Vec<u8>, JweError> {
    Encrypted::parse(token)?.decrypt(&reader()).map(|plaintext| plaintext.to_vec())
}

/// The message with another header; the content no longer fits it, but reading fails before.
fn with_header(change: impl Fn(&mut Value)) -> String {
    let token = message(ContentEncryption::A256Gcm);
    let (header, rest) = token.split_once('.').unwrap();
    let mut header: Value = serde_json::from_slice(&BASE64URL_NOPAD.decode(header.as_bytes()).unwrap()).unwrap();
    change(&mut header);
    format!("{}.{rest}", BASE64URL_NOPAD.encode(header.to_string().as_bytes()))
}

fn with_parameter(name: &str, value: Value) -> JweError {
    open(&with_header(|header| header[name] = value.clone())).unwrap_err()
}

/// I007: what is sent is encrypted to the reader's public key.
#[test]
fn what_is_encrypted_to_a_key_opens_with_it_and_with_no_other() {
    for enc in ContentEncryption::ALL {
        let token = message(*enc);
        let parsed = Encrypted::parse(&token).unwrap();
        assert_eq!(parsed.header().kid.as_deref(), Some("k1"));
        assert_eq!(parsed.header().enc, *enc);
        assert_eq!(open(&token).unwrap(), b"{\"vp_token\":{}}");
        let other = DecryptionKey::from_bytes(&[0x34; 32]).unwrap();
        assert_eq!(parsed.decrypt(&other).unwrap_err(), JweError::Decryption);
    }
}

#[test]
fn party_information_travels_in_the_header_and_goes_into_the_key() {
    let jwk = reader().to_jwk("k1");
    let recipient = Recipient { apu: b"wallet", apv: b"nonce", ..to(&jwk, ContentEncryption::A128Gcm) };
    let token = recipient.encrypt(b"hello", &[1; 32]).unwrap();
    let parsed = Encrypted::parse(&token).unwrap();
    assert_eq!((&parsed.header().apu[..], &parsed.header().apv[..]), (&b"wallet"[..], &b"nonce"[..]));
    assert_eq!(open(&token).unwrap(), b"hello");
    let too_long = Recipient { apv: &[0; 513], ..recipient };
    assert_eq!(too_long.encrypt(b"hello", &[1; 32]), Err(JweError::Malformed("apv")));
}

#[test]
fn every_message_of_another_library_opens() {
    let theirs: Value = serde_json::from_str(include_str!("../../vectors/jose_theirs.json")).unwrap();
    let rows = theirs["encrypted"].as_array().unwrap();
    assert_eq!(rows.len(), 4);
    for row in rows {
        let token = row["token"].as_str().unwrap();
        let plaintext: Value = serde_json::from_slice(&open(token).unwrap()).unwrap();
        assert_eq!(plaintext["enc"], row["enc"]);
        assert_eq!(Encrypted::parse(token).unwrap().header().apu, row["apu"].as_str().unwrap().as_bytes());
    }
}

/// What `vectors/jose_interop.py check` opens with jwcrypto is what we write today.
#[test]
fn our_messages_are_those_that_another_library_was_shown() {
    let ours: Value = serde_json::from_str(include_str!("../../vectors/jose_ours.json")).unwrap();
    let jwk = reader().to_jwk("reader");
    for row in ours["encrypted"].as_array().unwrap() {
        let bytes = |name: &str| row[name].as_str().unwrap().as_bytes();
        let enc = ContentEncryption::from_name(row["enc"].as_str().unwrap()).unwrap();
        let recipient = Recipient { jwk: &jwk, enc, apu: bytes("apu"), apv: bytes("apv") };
        assert_eq!(recipient.encrypt(bytes("plaintext"), &[7; 32]).unwrap(), row["token"]);
    }
}

#[test]
fn fresh_entropy_gives_another_key_and_nonce_for_the_same_text() {
    let jwk = reader().to_jwk("k1");
    let encrypt = |entropy: u8| to(&jwk, ContentEncryption::A256Gcm).encrypt(b"same", &[entropy; 32]).unwrap();
    let (one, two) = (encrypt(1), encrypt(2));
    for (index, (a, b)) in one.split('.').zip(two.split('.')).enumerate() {
        assert_eq!(a == b, index == 1, "part {index}");
    }
}

#[test]
fn every_changed_byte_of_a_message_is_noticed() {
    let token = message(ContentEncryption::A128Gcm);
    for position in 0..token.len() {
        for with in [b'A', b'Q', b'.', b'='] {
            let mut bytes = token.clone().into_bytes();
            if bytes[position] == with {
                continue;
            }
            bytes[position] = with;
            let changed = String::from_utf8(bytes).unwrap();
            assert!(open(&changed).is_err(), "{changed}");
        }
    }
}

/// SEC-P1: another key agreement or cipher than the two pairs of HAIP is refused by name.
#[test]
fn other_algorithms_are_refused() {
    for alg in
        ["none", "dir", "RSA-OAEP", "RSA1_5", "A128KW", "ECDH-ES+A128KW", "ECDH-ES+A256KW", "PBES2-HS256+A128KW", "ecdh-es"]
    {
        assert_eq!(with_parameter("alg", json!(alg)), JweError::UnsupportedAlg(alg.to_owned()));
    }
    for enc in ["A192GCM", "A128CBC-HS256", "A256CBC-HS512", "C20P", "a256gcm", ""] {
        assert_eq!(with_parameter("enc", json!(enc)), JweError::UnsupportedEnc(enc.to_owned()));
    }
    assert_eq!(with_parameter("alg", json!(1)), JweError::Malformed("alg"));
    for name in ["alg", "enc", "epk"] {
        let error = open(&with_header(|header| drop(header.as_object_mut().unwrap().remove(name)))).unwrap_err();
        assert_eq!(error, JweError::Missing(name));
    }
}

/// SEC-S5: no decompression, nothing fetched, nothing critical; unknown parameters are not guessed at.
#[test]
fn header_parameters_outside_the_list_are_refused() {
    for name in ["zip", "crit", "jku", "jwk", "x5u", "x5c", "x5t", "b64", "p2c", "iv", "tag", "foo"] {
        assert_eq!(with_parameter(name, json!("DEF")), JweError::Refused(name.to_owned()));
    }
    let token = message(ContentEncryption::A256Gcm);
    let (header, rest) = token.split_once('.').unwrap();
    let header = String::from_utf8(BASE64URL_NOPAD.decode(header.as_bytes()).unwrap()).unwrap();
    let twice = header.replacen('{', r#"{"alg":"dir","#, 1);
    let token = format!("{}.{rest}", BASE64URL_NOPAD.encode(twice.as_bytes()));
    assert!(matches!(open(&token), Err(JweError::Header(_))));
}

/// The invalid-curve attack: points that are not on P-256 would leak the reader's key bit by bit.
#[test]
fn ephemeral_keys_off_the_curve_or_of_another_curve_are_refused() {
    let point = Jwk::from(secret(Algorithm::P256, 0x11).public_key()).to_value();
    let other = Jwk::from(secret(Algorithm::P256, 0x12).public_key()).to_value();
    let mut mixed = point.clone();
    mixed["y"] = other["y"].clone();
    assert!(matches!(with_parameter("epk", mixed), JweError::EphemeralKey(_)));
    let mut private = point;
    private["d"] = json!("EREREREREREREREREREREREREREREREREREREREREQ");
    assert!(matches!(with_parameter("epk", private), JweError::EphemeralKey(_)));
    let edwards = Jwk::from(secret(Algorithm::Ed25519, 1).public_key()).to_value();
    let foreign = with_header(|header| header["epk"] = edwards.clone());
    assert_eq!(Encrypted::parse(&foreign).unwrap_err(), JweError::Key);
    assert!(matches!(with_parameter("epk", json!("key")), JweError::EphemeralKey(_)));
}

#[test]
fn another_shape_than_five_parts_with_an_empty_second_is_refused() {
    let token = message(ContentEncryption::A256Gcm);
    let parts: Vec<&str> = token.split('.').collect();
    let shapes = [
        String::new(),
        "....".to_owned(),
        parts[..4].join("."),
        format!("{token}."),
        format!("{}.AAAA.{}", parts[0], parts[2..].join(".")),
        format!("{}..AAAA.{}.{}", parts[0], parts[3], parts[4]),
        format!("{}..{}.{}.AAAA", parts[0], parts[2], parts[3]),
        format!("{}=..{}", parts[0], parts[2..].join(".")),
    ];
    for shape in shapes {
        let error = open(&shape).unwrap_err();
        assert!(matches!(error, JweError::NotCompact | JweError::Header(_)), "{shape}: {error:?}");
    }
    // A tag of four bytes is not a shorter kind of authentication.
    assert!(open(&format!("{}..{}.{}.AAAAAA", parts[0], parts[2], parts[3])).is_err());
}

#[test]
fn messages_and_headers_over_the_limit_are_refused() {
    let limit = MAX_JWE_BYTES;
    assert_eq!(open(&"A".repeat(limit + 1)).unwrap_err(), JweError::TooLong { limit });
    let long = format!("{}....", "A".repeat(8 * 1024 + 1));
    assert_eq!(open(&long).unwrap_err(), JweError::TooLong { limit: 8 * 1024 });
    let jwk = reader().to_jwk("k1");
    let too_much = to(&jwk, ContentEncryption::A128Gcm).encrypt(&vec![0; limit], &[1; 32]);
    assert_eq!(too_much, Err(JweError::TooLong { limit }));
}

#[test]
fn a_key_that_its_owner_uses_for_something_else_is_not_encrypted_to() {
    let refused = |change: &dyn Fn(&mut Jwk)| {
        let mut jwk = reader().to_jwk("k1");
        change(&mut jwk);
        let result = to(&jwk, ContentEncryption::A128Gcm).encrypt(b"x", &[1; 32]);
        result == Err(JweError::Key)
    };
    assert!(refused(&|jwk| jwk.public_key_use = Some("sig".to_owned())));
    assert!(refused(&|jwk| jwk.alg = Some("ES256".to_owned())));
    assert!(refused(&|jwk| jwk.key = secret(Algorithm::Ed25519, 1).public_key()));
    assert!(!refused(&|jwk| (jwk.alg, jwk.public_key_use, jwk.kid) = (None, None, None)));
}

#[test]
fn a_decryption_key_is_stored_and_read_back_and_never_shown() {
    let key = reader();
    assert_eq!(DecryptionKey::from_bytes(&key.to_bytes()).unwrap().public_key(), key.public_key());
    assert!(DecryptionKey::from_bytes(&[0; 32]).is_err());
    assert!(DecryptionKey::from_bytes(&[0xff; 32]).is_err());
    assert_eq!(format!("{key:?}"), format!("DecryptionKey of {}", key.public_key()));
}
