//! Token Status List: the draft's own lists, and every reason not to believe one.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use identity::jose::jws::{self, JwsHeader};
use identity::status_list::{
    Bits, Demand, MAX_ENTRIES, Status, StatusList, StatusListError, StatusListToken, StatusReference, TYP,
};
use serde_json::{Value, json};

use crate::forge::{NOW, base64url, issuer, stranger};

const URI: &str = "https://police.example/status-lists/1";

/// The examples of section 4.1: statuses in order, bytes, and compressed bytes.
#[test]
fn the_examples_of_the_draft_come_out() {
    let one_bit = [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1];
    let two_bits = [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3];
    for (bits, statuses, bytes, compressed) in [
        (Bits::One, one_bit.as_slice(), &[0xb9, 0xa3][..], "eNrbuRgAAhcBXQ"),
        (Bits::Two, two_bits.as_slice(), &[0xc9, 0x44, 0xf9][..], "eNo76fITAAPfAgc"),
    ] {
        let entries = u64::try_from(statuses.len()).expect("few");
        let mut list = StatusList::new(bits, entries).expect("few");
        for (index, status) in (0..).zip(statuses) {
            list.set(index, Status::from(*status)).expect("in range");
        }
        assert_eq!(list.as_bytes(), bytes);
        let read =
            StatusList::from_value(&json!({ "bits": bits.count(), "lst": compressed }), entries).expect("the draft's list");
        assert_eq!(read, list);
        assert_eq!(StatusList::from_value(&list.to_value(), entries).expect("our list"), list);
        for (index, status) in (0..).zip(statuses) {
            assert_eq!(read.get(index), Ok(Status::from(*status)));
        }
        assert_eq!(read.get(entries), Err(StatusListError::OutOfRange { index: entries }));
    }
}

#[test]
fn every_width_keeps_every_value_apart() {
    for bits in [Bits::One, Bits::Two, Bits::Four, Bits::Eight] {
        let values = 1_u64 << bits.count();
        let mut list = StatusList::new(bits, 300).expect("few");
        for index in 0..300 {
            list.set(index, Status::from(u8::try_from(index % values).expect("fits"))).expect("in range");
        }
        for index in 0..300 {
            assert_eq!(u8::from(list.get(index).expect("in range")), u8::try_from(index % values).expect("fits"));
        }
        if bits != Bits::Eight {
            let too_much = Status::from(u8::try_from(values).expect("fits"));
            assert_eq!(list.set(0, too_much), Err(StatusListError::DoesNotFit));
        }
        assert!(list.len() >= 300 && list.len() < 308 && !list.is_empty());
    }
    assert_eq!(StatusList::new(Bits::One, MAX_ENTRIES + 1), Err(StatusListError::TooLarge { limit: MAX_ENTRIES }));
}

/// SEC-P6: an index beyond the list, up to the largest.
#[test]
fn an_index_out_of_range_is_refused() {
    let mut list = StatusList::new(Bits::Two, 8).expect("few");
    for index in [8, 9, u64::from(u32::MAX), u64::MAX / 2 + 1, u64::MAX] {
        assert_eq!(list.get(index), Err(StatusListError::OutOfRange { index }));
        assert_eq!(list.set(index, Status::Invalid), Err(StatusListError::OutOfRange { index }));
    }
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn read(bits: Value, lst: &[u8], max_entries: u64) -> Result<StatusList, StatusListError> {
    StatusList::from_value(&json!({ "bits": bits, "lst": base64url(lst) }), max_entries)
}

/// SEC-P6: a bomb is unpacked no further than the declared list.
#[test]
fn a_list_larger_than_declared_is_refused() {
    let bomb = compressed(&vec![0; 64 * 1024 * 1024]);
    assert!(bomb.len() < 100_000, "{} bytes stand for 64 MiB", bomb.len());
    assert_eq!(read(json!(1), &bomb, 1000), Err(StatusListError::TooLarge { limit: 1000 }));
    // Cut short far behind the limit: whoever unpacked that far would call it broken.
    let cut = bomb.get(..bomb.len() / 2).expect("half");
    assert_eq!(read(json!(1), cut, 1000), Err(StatusListError::TooLarge { limit: 1000 }));
    assert!(read(json!(1), &compressed(&[0; 125]), 1000).is_ok());
    assert_eq!(read(json!(1), &compressed(&[0; 126]), 1000), Err(StatusListError::TooLarge { limit: 1000 }));
}

#[test]
fn a_broken_list_is_refused() {
    let good = compressed(&[1, 2, 3, 4]);
    let mut checksum = good.clone();
    *checksum.last_mut().expect("bytes") ^= 1;
    for broken in [&good[..good.len() - 1], &[&good[..], &[0]].concat(), &checksum, &[], &[1, 2, 3]] {
        assert_eq!(read(json!(8), broken, 4), Err(StatusListError::Encoding));
    }
    for bits in [json!(0), json!(3), json!(16), json!("1"), json!(-1), json!(1.5), Value::Null] {
        assert_eq!(read(bits, &good, 4), Err(StatusListError::Bits));
    }
    for list in [json!({ "bits": 1 }), json!({ "bits": 1, "lst": 1 }), json!({ "bits": 1, "lst": "eNo=" })] {
        assert_eq!(StatusList::from_value(&list, 4), Err(StatusListError::Encoding));
    }
}

fn token() -> StatusListToken {
    let mut list = StatusList::new(Bits::One, 64).expect("few");
    list.set(7, Status::Invalid).expect("in range");
    StatusListToken { uri: URI.to_owned(), issued_at: NOW - 60, expires_at: Some(NOW + 60), ttl_seconds: Some(30), list }
}

fn demand() -> Demand<'static> {
    Demand { uri: URI, now: NOW, leeway_seconds: 0, max_age_seconds: 300, max_entries: 64 }
}

fn check(text: &str, demand: &Demand<'_>) -> Result<StatusListToken, StatusListError> {
    let parsed = jws::Parsed::parse(text, &jws::Policy::STATUS_LIST).map_err(StatusListError::Token)?;
    let verified = parsed.verify(&issuer().public_key()).map_err(StatusListError::Token)?;
    StatusListToken::from_verified(&verified, demand)
}

#[test]
fn a_token_tells_the_status_of_a_credential() {
    let text = token().sign(&JwsHeader::default(), &issuer());
    let read = check(&text, &demand()).expect("valid");
    assert_eq!(read, token());
    assert_eq!(read.list.get(7), Ok(Status::Invalid));
    assert_eq!(read.list.get(8), Ok(Status::Valid));
    assert_eq!(read.keep_until(NOW), NOW + 30);
    assert_eq!(read.keep_until(NOW + 50), NOW + 60);
    assert_eq!(StatusListToken { ttl_seconds: None, ..token() }.keep_until(NOW), NOW + 60);
    assert_eq!(StatusListToken { ttl_seconds: None, expires_at: None, ..token() }.keep_until(NOW), NOW);
}

/// SEC-P6: an old list, another issuer's, another list.
#[test]
fn a_token_that_is_old_or_of_others_is_refused() {
    let text = |token: StatusListToken| token.sign(&JwsHeader::default(), &issuer());
    let good = text(token());
    let at = |now| check(&good, &Demand { now, ..demand() }).map(|_| ());
    assert_eq!(at(NOW + 59), Ok(()));
    assert_eq!(at(NOW + 60), Err(StatusListError::Expired));
    assert_eq!(at(NOW - 60), Ok(()));
    assert_eq!(at(NOW - 61), Err(StatusListError::FromFuture));
    let without_end = text(StatusListToken { expires_at: None, ..token() });
    assert!(check(&without_end, &Demand { now: NOW + 239, ..demand() }).is_ok());
    assert_eq!(check(&without_end, &Demand { now: NOW + 240, ..demand() }), Err(StatusListError::Expired));
    let elsewhere = Demand { uri: "https://police.example/status-lists/2", ..demand() };
    assert_eq!(check(&good, &elsewhere), Err(StatusListError::OtherList));
    let forged = token().sign(&JwsHeader::default(), &stranger());
    assert_eq!(check(&forged, &demand()).expect_err("refused").slug(), "status-token");
}

#[test]
fn a_token_with_a_claim_missing_or_malformed_is_refused() {
    let sign = |claims: &Value, typ: &str| jws::sign_compact(&issuer(), &JwsHeader::typ(typ), claims.to_string().as_bytes());
    let good = json!({ "sub": URI, "iat": NOW, "exp": NOW + 1, "ttl": 5, "status_list": token().list.to_value() });
    assert!(check(&sign(&good, TYP), &demand()).is_ok());
    assert_eq!(check(&sign(&good, "JWT"), &demand()).expect_err("refused").slug(), "status-token");
    for (name, value, slug) in [
        ("sub", Value::Null, "status-claim"),
        ("iat", Value::Null, "status-claim"),
        ("iat", json!("now"), "status-claim"),
        ("exp", json!("never"), "status-claim"),
        ("ttl", json!(0), "status-claim"),
        ("ttl", json!(-5), "status-claim"),
        ("status_list", json!([]), "status-bits"),
    ] {
        let mut claims = good.clone();
        claims[name] = value;
        assert_eq!(check(&sign(&claims, TYP), &demand()).expect_err("refused").slug(), slug, "{name}");
    }
    let twice = format!(r#"{{"sub":"{URI}","sub":"{URI}"}}"#);
    let twice = jws::sign_compact(&issuer(), &JwsHeader::typ(TYP), twice.as_bytes());
    assert_eq!(check(&twice, &demand()).expect_err("refused").slug(), "json-duplicate-name");
}

#[test]
fn a_reference_is_read_as_it_is_written() {
    let reference = StatusReference { uri: URI.to_owned(), index: 42 };
    assert_eq!(StatusReference::from_claim(&reference.to_claim()), Ok(Some(reference)));
    assert_eq!(StatusReference::from_claim(&json!({ "other": {} })), Ok(None));
    for malformed in [
        json!({}),
        json!("x"),
        json!({ "status_list": {} }),
        json!({ "status_list": { "idx": "1", "uri": URI } }),
        json!({ "status_list": { "idx": 1.0, "uri": URI } }),
        json!({ "status_list": { "idx": 1, "uri": "" } }),
        json!({ "status_list": { "idx": 1, "uri": "u".repeat(2049) } }),
    ] {
        assert_eq!(StatusReference::from_claim(&malformed), Err(StatusListError::Reference));
    }
}
