//! Blobs and envelopes: sealed, opened, and refused when anything was changed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use blobs::envelope::EnvelopeError;
use blobs::seal::{self, SealError};
use blobs::{BlobKey, Envelope, EnvelopeContents, ReaderPublicKey, ReaderSecretKey, Sealed};
use identity::CommitmentKey;
use proptest::prelude::*;

const PURPOSE: &str = "urn:yufu:vct:resident-identity:1";

fn sealed() -> Sealed {
    seal::seal(b"portrait of a citizen", [7; 32]).unwrap()
}

fn contents(sealed: &Sealed) -> EnvelopeContents {
    EnvelopeContents { blob_key: sealed.key.clone(), commitment_key: CommitmentKey::from_entropy([9; 32]) }
}

fn reader(seed: u8) -> ReaderSecretKey {
    ReaderSecretKey::from_entropy([seed; 32])
}

fn envelope(sealed: &Sealed, reader: &ReaderSecretKey) -> Envelope {
    Envelope::seal(&contents(sealed), sealed.cid, reader.public_key(), PURPOSE, [3; 32]).unwrap()
}

/// I007, N045: what is stored is ciphertext, in the age format.
#[test]
fn the_ciphertext_is_an_age_file_and_does_not_hold_the_plaintext() {
    let sealed = sealed();
    assert!(sealed.ciphertext.starts_with(b"age-encryption.org/v1\n-> yufu-blob-key-v1\n"));
    assert!(!sealed.ciphertext.windows(8).any(|window| window == b"portrait"));
}

#[test]
fn equal_documents_are_not_seen_to_be_equal() {
    let (one, two) = (sealed(), sealed());
    assert_ne!(one.cid, two.cid);
}

#[test]
fn another_key_opens_nothing() {
    let sealed = sealed();
    let refused = seal::open(&BlobKey::from_entropy([8; 32]), &sealed.ciphertext);
    assert!(matches!(refused, Err(SealError::Refused(_))));
}

/// I010 (integrity), X045, REL-D6: whichever bit of the ciphertext is flipped, nothing is decrypted and shown.
#[test]
fn every_flipped_bit_is_refused() {
    let sealed = sealed();
    for position in 0..sealed.ciphertext.len() {
        let mut changed = sealed.ciphertext.to_vec();
        changed[position] ^= 1 << (position % 8);
        assert!(seal::open(&sealed.key, &changed).is_err(), "byte {position}");
    }
}

#[test]
fn every_truncation_is_refused() {
    let sealed = seal::seal(&vec![1; 70_000], [7; 32]).unwrap();
    let interesting = (0..400).chain([65_535, 65_536, 65_900, sealed.ciphertext.len() - 17, sealed.ciphertext.len() - 1]);
    for length in interesting {
        assert!(seal::open(&sealed.key, &sealed.ciphertext[..length]).is_err(), "{length} bytes");
    }
    let mut longer = sealed.ciphertext.to_vec();
    longer.push(0);
    assert!(seal::open(&sealed.key, &longer).is_err());
}

/// SEC-F4: a header that never ends does not reach the parser, whose time grows with its square.
#[test]
fn an_endless_header_is_refused_at_once() {
    let mut bomb = b"age-encryption.org/v1\n".to_vec();
    for _ in 0..200_000 {
        bomb.extend_from_slice(b"-> x\n\n");
    }
    bomb.extend_from_slice(b"--- AAAA\n");
    assert!(matches!(seal::open(&BlobKey::from_entropy([0; 32]), &bomb), Err(SealError::NotSealed)));
}

#[test]
fn a_strangers_age_file_is_not_one_of_ours() {
    let stranger = age::x25519::Identity::generate();
    let file = age::encrypt(&stranger.to_public(), b"hello").unwrap();
    assert!(matches!(seal::open(&BlobKey::from_entropy([0; 32]), &file), Err(SealError::NotSealed)));
    assert!(matches!(seal::open(&BlobKey::from_entropy([0; 32]), b"plain"), Err(SealError::NotSealed)));
}

#[test]
fn a_document_over_the_limit_is_refused_and_one_at_the_limit_is_a_blob() {
    let large = vec![0; seal::MAX_PLAINTEXT_BYTES + 1];
    assert!(matches!(seal::seal(&large, [1; 32]), Err(SealError::TooLarge { .. })));
    let sealed = seal::seal(&large[1..], [1; 32]).unwrap();
    assert!(sealed.ciphertext.len() <= blobs::dag::MAX_BLOB_BYTES);
}

#[test]
fn an_envelope_opens_the_blob_for_its_reader() {
    let (sealed, reader) = (sealed(), reader(1));
    let envelope = envelope(&sealed, &reader);
    let wire: Envelope = serde_json::from_str(&serde_json::to_string(&envelope).unwrap()).unwrap();
    let opened = wire.open(&reader).unwrap();
    assert_eq!(opened, contents(&sealed));
    assert_eq!(seal::open(&opened.blob_key, &sealed.ciphertext).unwrap().as_slice(), b"portrait of a citizen");
}

/// X040: a reader is added by an envelope: the ciphertext and its CID stay as they are, and every other key stays shut out.
#[test]
fn a_reader_is_added_without_touching_the_blob_and_others_stay_out() {
    let sealed = sealed();
    let (first, second, stranger) = (reader(1), reader(2), reader(3));
    let (for_first, for_second) = (envelope(&sealed, &first), envelope(&sealed, &second));
    assert_eq!(for_first.cid, for_second.cid);
    assert_eq!(for_second.open(&second).unwrap(), contents(&sealed));
    let refused = EnvelopeError::OtherReader { sealed_to: first.id(), ours: stranger.id() };
    assert_eq!(for_first.open(&stranger).unwrap_err(), refused);
}

/// An envelope that is moved to another blob, purpose or reader does not open.
#[test]
fn envelopes_are_bound_to_blob_purpose_and_reader() {
    let (sealed, reader) = (sealed(), reader(1));
    let envelope = envelope(&sealed, &reader);
    let mut moved = envelope.clone();
    moved.cid = seal::seal(b"another", [1; 32]).unwrap().cid;
    assert_eq!(moved.open(&reader).unwrap_err(), EnvelopeError::Refused);
    let mut repurposed = envelope.clone();
    repurposed.purpose = "marketing".to_owned();
    assert_eq!(repurposed.open(&reader).unwrap_err(), EnvelopeError::Refused);
    let other = self::reader(2);
    let mut redirected = envelope;
    redirected.reader = other.id();
    assert_eq!(redirected.open(&other).unwrap_err(), EnvelopeError::Refused);
}

#[test]
fn a_changed_envelope_does_not_open() {
    let (sealed, reader) = (sealed(), reader(1));
    let json = serde_json::to_value(envelope(&sealed, &reader)).unwrap();
    for field in ["encapsulated_key", "ciphertext"] {
        let mut changed = json.clone();
        let text = changed[field].as_str().unwrap();
        let flipped = if text.starts_with('A') { "B" } else { "A" };
        changed[field] = format!("{flipped}{}", &text[1..]).into();
        let envelope: Envelope = serde_json::from_value(changed).unwrap();
        assert_eq!(envelope.open(&reader).unwrap_err(), EnvelopeError::Refused, "{field}");
    }
    let mut with_more = json.clone();
    with_more["note"] = "hello".into();
    assert!(serde_json::from_value::<Envelope>(with_more).is_err());
    let mut short = json;
    short["ciphertext"] = "AAAA".into();
    assert!(serde_json::from_value::<Envelope>(short).is_err());
}

#[test]
fn a_purpose_has_bounds() {
    let (sealed, reader) = (sealed(), reader(1));
    for purpose in [String::new(), "p".repeat(129)] {
        let refused = Envelope::seal(&contents(&sealed), sealed.cid, reader.public_key(), &purpose, [3; 32]);
        assert_eq!(refused.unwrap_err(), EnvelopeError::Purpose);
    }
}

#[test]
fn reader_keys_survive_text_and_bad_ones_are_refused() {
    let reader = reader(1);
    let text = reader.public_key().to_string();
    assert_eq!(text.len(), 1622);
    assert_eq!(text.parse::<ReaderPublicKey>().unwrap(), *reader.public_key());
    assert_eq!(ReaderSecretKey::from_entropy(*reader.to_bytes()).id(), reader.id());
    assert!(text[1..].parse::<ReaderPublicKey>().is_err());
    assert!("A".repeat(10_000_000).parse::<ReaderPublicKey>().is_err());
    // FIPS 203 section 7.2: a coefficient that is not below the modulus.
    assert!(ReaderPublicKey::from_bytes(&[0xff; ReaderPublicKey::BYTES]).is_err());
}

/// The wire form is pinned: the same keys and entropy give the same envelope. Changing this vector approves a new format.
#[test]
fn the_envelope_format_is_pinned() {
    use sha2::{Digest as _, Sha256};
    let cid = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e".parse().unwrap();
    let contents =
        EnvelopeContents { blob_key: BlobKey::from_entropy([5; 32]), commitment_key: CommitmentKey::from_entropy([6; 32]) };
    let reader = reader(1);
    let envelope = Envelope::seal(&contents, cid, reader.public_key(), PURPOSE, [3; 32]).unwrap();
    let digest: String = Sha256::digest(serde_json::to_vec(&envelope).unwrap()).iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(reader.id().to_string(), "83uZsttzKn31X2H6RCYGEzsa7qRi35-CJftcgmdFI9s");
    assert_eq!(digest, "e56714eeea39e4b893ddfc9a9a6f64a51ffeeafcf419e793a4fbd0390ca7f6e5");
}

#[test]
fn secrets_have_no_readable_debug_form() {
    let (sealed, reader) = (sealed(), reader(0x55));
    let shown = format!("{:?} {:?} {:?} {:?}", sealed, reader, contents(&sealed), sealed.key);
    assert!(!shown.contains("7, 7, 7") && !shown.contains("85, 85") && !shown.contains("BwcH"), "{shown}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any document round trips, and its name is that of its ciphertext.
    #[test]
    fn any_document_is_sealed_and_opened(document in prop::collection::vec(any::<u8>(), 0..200_000), entropy: [u8; 32]) {
        let sealed = seal::seal(&document, entropy).unwrap();
        let opened = seal::open(&sealed.key, &sealed.ciphertext).unwrap();
        prop_assert_eq!(opened.as_slice(), document.as_slice());
        prop_assert_eq!(blobs::dag::cid_of(&sealed.ciphertext).unwrap(), sealed.cid);
    }

    #[test]
    fn any_bytes_are_opened_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(seal::open(&BlobKey::from_entropy([0; 32]), &bytes).is_err());
        let mut with_header = b"age-encryption.org/v1\n-> yufu-blob-key-v1\n".to_vec();
        with_header.extend_from_slice(&bytes);
        prop_assert!(seal::open(&BlobKey::from_entropy([0; 32]), &with_header).is_err());
    }
}
