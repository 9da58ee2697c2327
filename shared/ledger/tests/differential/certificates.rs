//! Finality certificates.

use commonware_codec::{Decode as _, DecodeExt as _, Encode as _, varint::UInt};
use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_consensus::simplex::types::{Finalize, Notarize, Proposal};
use commonware_consensus::types::{Epoch, Round, View};
use commonware_cryptography::{Hasher as _, Sha256, Signer as _, ed25519, sha256};
use commonware_parallel::Sequential;
use commonware_utils::{ordered::Set, test_rng};
use identity::keys::{Algorithm, PublicKey};
use identity::{Localized, SecretKey, Signature};
use ledger::TrustRoot;
use ledger::block::{Context, Header, Operations};
use ledger::finality::{FinalityError, namespace, verify_certificate};
use ledger::genesis::{Genesis, Validator};
use proptest::prelude::*;
use sha2::{Digest as _, Sha512};

use crate::{Digest, Final, Numbers};

/// A trust root of `n` validators with their secret keys in the order of the public ones.
pub(crate) fn trust(n: u8, seed: u8) -> (TrustRoot, Vec<ed25519::PrivateKey>) {
    let secrets: Vec<[u8; 32]> = (0..n).map(|i| Sha256::hash(&[&[seed, i]]).0).collect();
    let validator = |secret: &[u8; 32]| {
        let key: PublicKey = SecretKey::from_bytes(Algorithm::Ed25519, secret).unwrap().public_key();
        Validator { name: key.to_string(), authority: "bureau".parse().unwrap(), key, cluster: "a".to_owned(), address: None }
    };
    let genesis = Genesis {
        network: "test".parse().unwrap(),
        name: Localized::new("测试", "Test"),
        started_at: 1_700_000_000,
        governance: None,
        validators: secrets.iter().map(validator).collect(),
        authorities: Vec::new(),
    };
    let mut keys: Vec<_> = secrets.iter().map(|secret| ed25519::PrivateKey::decode(secret.to_vec()).unwrap()).collect();
    keys.sort_by_key(|key| key.public_key());
    (TrustRoot::from_genesis(genesis).unwrap(), keys)
}

pub(crate) fn header(root: &TrustRoot, epoch: u64, view: u64, parent_view: u64) -> Header {
    Header {
        genesis: *root.hash(),
        height: 9,
        parent: [3; 32],
        context: Context { epoch, view, leader: root.validators()[0], parent_view },
        timestamp_ms: 1_700_000_000_000,
        transactions_root: [4; 32],
        state_root: [5; 32],
        operations: Operations { root: [6; 32], start: 0, end: 10 },
    }
}

pub(crate) fn proposal(header: &Header) -> Proposal<Digest> {
    let round = Round::new(Epoch::new(header.context.epoch), View::new(header.context.view));
    Proposal::new(round, View::new(header.context.parent_view), sha256::Digest(header.digest()))
}

fn participants(keys: &[ed25519::PrivateKey]) -> Set<ed25519::PublicKey> {
    Set::from_iter_dedup(keys.iter().map(|key| key.public_key()))
}

/// A certificate by the validators with these numbers, whether or not they are a quorum.
pub(crate) fn certificate(base: &[u8], keys: &[ed25519::PrivateKey], proposal: Proposal<Digest>, signers: &[usize]) -> Vec<u8> {
    let message = proposal.encode();
    let sign = |number: &usize| (*number, keys[*number].sign(&[base, b"_FINALIZE"].concat(), &message).to_vec());
    assemble(&message, keys.len(), &signers.iter().map(sign).collect::<Vec<_>>())
}

/// The engine's wire form from its parts, right or wrong.
fn assemble(proposal: &[u8], validators: usize, signatures: &[(usize, Vec<u8>)]) -> Vec<u8> {
    let mut bitmap = vec![0; validators.div_ceil(8)];
    signatures.iter().for_each(|(number, _)| bitmap[number / 8] |= 1 << (number % 8));
    let mut bytes = [proposal, &(validators as u64).to_be_bytes(), &bitmap].concat();
    bytes.extend_from_slice(&UInt(u32::try_from(signatures.len()).unwrap()).encode());
    signatures.iter().for_each(|(_, signature)| bytes.extend_from_slice(signature));
    bytes
}

/// What the engine says: the certificate decodes, verifies, and is for this header.
fn engine_finalizes(root: &TrustRoot, keys: &[ed25519::PrivateKey], header: &Header, certificate: &[u8]) -> bool {
    let verifier = Scheme::verifier(&namespace(root.hash()), participants(keys));
    Final::decode_cfg(certificate.to_vec(), &keys.len())
        .is_ok_and(|parsed| parsed.proposal == proposal(header) && parsed.verify(&mut test_rng(), &verifier, &Sequential))
}

fn both_finalize(expected: bool, root: &TrustRoot, keys: &[ed25519::PrivateKey], header: &Header, certificate: &[u8]) {
    let we = verify_certificate(root, header, certificate);
    assert_eq!(engine_finalizes(root, keys, header, certificate), we.is_ok(), "{we:?}");
    assert_eq!(we.is_ok(), expected, "{we:?}");
}

#[test]
fn certificates_that_the_engine_makes_are_accepted_for_every_number_of_validators() {
    for n in [1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 20, 22] {
        let (root, keys) = trust(n, 1);
        let base = namespace(root.hash());
        let header = header(&root, 0, 300 + u64::from(n), 299);
        let scheme = |key: &ed25519::PrivateKey| Scheme::signer(&base, participants(&keys), key.clone()).unwrap();
        let votes: Vec<_> =
            keys.iter().take(root.quorum()).map(|key| Finalize::sign(&scheme(key), proposal(&header)).unwrap()).collect();
        let made = Final::from_finalizes(&scheme(&keys[0]), commonware_utils::non_empty![@&votes], &Sequential).unwrap().encode();
        both_finalize(true, &root, &keys, &header, &made);
        // Our own assembly is the engine's, so that the forged ones below differ only where they mean to.
        let signers: Vec<usize> = (0..root.quorum()).collect();
        assert_eq!(certificate(&base, &keys, proposal(&header), &signers), made.to_vec());
        // Any quorum will do, and more than a quorum.
        let last: Vec<usize> = (keys.len() - root.quorum()..keys.len()).collect();
        both_finalize(true, &root, &keys, &header, &certificate(&base, &keys, proposal(&header), &last));
        let all: Vec<usize> = (0..keys.len()).collect();
        both_finalize(true, &root, &keys, &header, &certificate(&base, &keys, proposal(&header), &all));
    }
}

#[test]
fn every_changed_byte_of_a_certificate_is_refused_as_the_engine_refuses_it() {
    let mut numbers = Numbers(31);
    for n in [1, 4, 7, 22] {
        let (root, keys) = trust(n, 2);
        let header = header(&root, 0, 1_000_000, 999_999);
        let signers: Vec<usize> = (0..root.quorum()).collect();
        let made = certificate(&namespace(root.hash()), &keys, proposal(&header), &signers);
        both_finalize(true, &root, &keys, &header, &made);
        for place in 0..made.len() {
            let mut changed = made.clone();
            changed[place] ^= 1 << numbers.below(8);
            both_finalize(false, &root, &keys, &header, &changed);
            if place % 8 == 0 {
                both_finalize(false, &root, &keys, &header, &made[..place]);
            }
        }
        both_finalize(false, &root, &keys, &header, &[made.as_slice(), &[0]].concat());
    }
}

/// X001: proof of authority with PBFT's two phases: only validators that the ledger names count, only a quorum of them decides, and only by
/// votes of the second phase. C8, B5: what a lying node might show.
#[test]
fn forged_certificates_are_refused_and_the_error_says_why() {
    let (root, keys) = trust(7, 3);
    let base = namespace(root.hash());
    let header_9 = header(&root, 0, 12, 11);
    let make = |base: &[u8], header: &Header, signers: &[usize]| certificate(base, &keys, proposal(header), signers);
    let refused = |header: &Header, bytes: &[u8]| {
        both_finalize(false, &root, &keys, header, bytes);
        verify_certificate(&root, header, bytes).unwrap_err()
    };
    // One vote short of a quorum of 5.
    assert_eq!(refused(&header_9, &make(&base, &header_9, &[0, 1, 2, 3])), FinalityError::NoQuorum { signers: 4, quorum: 5 });
    // One signature counted twice, under another's number, or twice under the same.
    let message = proposal(&header_9).encode();
    let sign = |number: usize| keys[number].sign(&[&base[..], b"_FINALIZE"].concat(), &message).to_vec();
    let mut votes: Vec<_> = (0..4).map(|number| (number, sign(number))).collect();
    votes.push((4, sign(3)));
    assert_eq!(refused(&header_9, &assemble(&message, 7, &votes)), FinalityError::Signature(4));
    votes[4] = (3, sign(3));
    assert_eq!(refused(&header_9, &assemble(&message, 7, &votes)), FinalityError::Committee);
    // A bit for an eighth validator of seven; a set of eight.
    let five: Vec<_> = (0..5).map(|number| (number, sign(number))).collect();
    let mut spare = assemble(&message, 7, &five);
    spare[message.len() + 8] |= 0x80;
    assert_eq!(refused(&header_9, &spare), FinalityError::Malformed(ledger::Malformed("signers")));
    assert_eq!(refused(&header_9, &assemble(&message, 8, &five)), FinalityError::Committee);
    // Signatures in another order than their signers.
    let mut swapped = assemble(&message, 7, &five);
    let (a, b) = (swapped.len() - 128, swapped.len() - 64);
    swapped[a..].rotate_left(b - a);
    assert!(matches!(refused(&header_9, &swapped), FinalityError::Signature(_)));
    // Votes for another ledger with the same validators; votes that notarize only.
    let other = [ledger::finality::NAMESPACE, &[0; 32]].concat();
    assert_eq!(refused(&header_9, &make(&other, &header_9, &[0, 1, 2, 3, 4])), FinalityError::Signature(0));
    let scheme = |key: &ed25519::PrivateKey| Scheme::signer(&base, participants(&keys), key.clone()).unwrap();
    let notarize = |number: usize| Notarize::sign(&scheme(&keys[number]), proposal(&header_9)).unwrap().attestation.signature;
    let notarized: Vec<_> = (0..5).map(|number| (number, notarize(number).get().unwrap().to_vec())).collect();
    assert_eq!(refused(&header_9, &assemble(&message, 7, &notarized)), FinalityError::Signature(0));
    // The certificate of another header, of the same header in another round, of an epoch that is not known.
    let five = [0, 1, 2, 3, 4];
    let another = Header { height: 10, ..header_9.clone() };
    assert_eq!(refused(&header_9, &make(&base, &another, &five)), FinalityError::OtherHeader);
    let digest = sha256::Digest(header_9.digest());
    let elsewhere = Proposal::new(Round::new(Epoch::new(0), View::new(13)), View::new(11), digest);
    assert_eq!(refused(&header_9, &certificate(&base, &keys, elsewhere, &five)), FinalityError::OtherRound);
    let orphan = Proposal::new(Round::new(Epoch::new(0), View::new(12)), View::new(10), digest);
    assert_eq!(refused(&header_9, &certificate(&base, &keys, orphan, &five)), FinalityError::OtherRound);
    let later = header(&root, 1, 12, 11);
    let of_later = make(&base, &later, &five);
    assert_eq!(verify_certificate(&root, &later, &of_later), Err(FinalityError::UnknownEpoch(1)));
    assert_eq!(refused(&header_9, &of_later), FinalityError::OtherHeader);
    // A header of another ledger, and validators that nobody named.
    let foreign = Header { genesis: [1; 32], ..header_9.clone() };
    assert_eq!(verify_certificate(&root, &foreign, &make(&base, &foreign, &five)), Err(FinalityError::OtherLedger));
    let (_, strangers) = trust(7, 99);
    let by_strangers = certificate(&base, &strangers, proposal(&header_9), &five);
    assert_eq!(refused(&header_9, &by_strangers), FinalityError::Signature(0));
    // Too long to look at.
    assert_eq!(refused(&header_9, &[0; 20_000]), FinalityError::TooLong(20_000));
}

/// Arithmetic modulo the order of the curve's group, only as fast as a test needs: four words, lowest first.
mod scalar {
    pub(super) type Scalar = [u64; 4];

    pub(super) const ORDER: Scalar = [0x5812_631a_5cf5_d3ed, 0x14de_f9de_a2f7_9cd6, 0, 0x1000_0000_0000_0000];

    /// `a + b` and whether a bit was carried out; with `invert`, `a - b` and whether one was borrowed.
    fn step(a: &Scalar, b: &Scalar, invert: bool) -> (Scalar, bool) {
        let mut carry = false;
        let words = std::array::from_fn(|i| {
            let apply = |x: u64, y: u64| if invert { x.overflowing_sub(y) } else { x.overflowing_add(y) };
            let (word, first) = apply(a[i], b[i]);
            let (word, second) = apply(word, u64::from(carry));
            carry = first | second;
            word
        });
        (words, carry)
    }

    pub(super) fn plain_sum(a: &Scalar, b: &Scalar) -> Scalar {
        step(a, b, false).0
    }

    fn sum(a: &Scalar, b: &Scalar) -> Scalar {
        let sum = plain_sum(a, b);
        let (less, borrowed) = step(&sum, &ORDER, true);
        if borrowed { sum } else { less }
    }

    /// The number of these little-endian bytes times `b`, which is below the order.
    pub(super) fn times(bytes: &[u8], b: &Scalar) -> Scalar {
        let bits = bytes.iter().rev().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1));
        bits.fold([0; 4], |product, bit| {
            let doubled = sum(&product, &product);
            if bit { sum(&doubled, b) } else { doubled }
        })
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Scalar {
        std::array::from_fn(|i| u64::from_le_bytes(bytes[8 * i..8 * i + 8].try_into().unwrap()))
    }

    pub(super) fn to_bytes(scalar: &Scalar) -> Vec<u8> {
        scalar.iter().flat_map(|word| word.to_le_bytes()).collect()
    }
}

/// SEC-C3: signatures are judged by ZIP-215, as the engine judges them: what it accepts and strict rules refuse is still a vote to everybody.
#[test]
fn a_signature_is_judged_by_the_engines_rule_and_not_by_a_stricter_one() {
    let (root, keys) = trust(1, 5);
    let header = header(&root, 0, 1, 0);
    let proposed = proposal(&header).encode();
    let base = namespace(root.hash());
    let made = certificate(&base, &keys, proposal(&header), &[0]);
    let (start, message) = (made.len() - 64, commonware_utils::union_unique(&[&base[..], b"_FINALIZE"].concat(), &proposed));

    // R of order two, and S = k · a: the equation holds only after multiplication by the cofactor.
    let small: [u8; 32] = std::array::from_fn(|place| [0xec, 0xff, 0x7f][usize::from(place > 0) + usize::from(place == 31)]);
    let expanded = Sha512::digest(Sha256::hash(&[&[5, 0]]).0);
    let mut clamped: [u8; 32] = expanded[..32].try_into().unwrap();
    clamped[0] &= 0xf8;
    clamped[31] = clamped[31] & 0x7f | 0x40;
    let secret = scalar::times(&clamped, &[1, 0, 0, 0]);
    let challenge = Sha512::new().chain_update(small).chain_update(root.validators()[0]).chain_update(&message).finalize();
    let challenge = scalar::to_bytes(&scalar::times(&challenge, &[1, 0, 0, 0]));
    let signature = [&small[..], &scalar::to_bytes(&scalar::times(&challenge, &secret))].concat();
    let strict = Signature { algorithm: Algorithm::Ed25519, bytes: signature.clone().try_into().unwrap() };
    assert!(root.genesis().validators[0].key.verify(&message, &strict).is_err());
    both_finalize(true, &root, &keys, &header, &assemble(&proposed, 1, &[(0, signature)]));

    // S plus the order of the group is the same number written otherwise: refused.
    let larger = scalar::plain_sum(&scalar::from_bytes(&made[start + 32..]), &scalar::ORDER);
    both_finalize(false, &root, &keys, &header, &[&made[..start + 32], &scalar::to_bytes(&larger)].concat());
    both_finalize(true, &root, &keys, &header, &made);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// The epoch is a varint and a certificate's first field: what the engine reads there, we read, of any length and value.
    #[test]
    fn varints_are_read_as_the_engine_reads_them(
        bytes in prop::collection::vec(prop_oneof![Just(0_u8), Just(0x80), Just(0xff), Just(1), any::<u8>()], 1..11)
    ) {
        let (root, keys) = trust(1, 1);
        let header = header(&root, 0, 1, 0);
        let made = certificate(&namespace(root.hash()), &keys, proposal(&header), &[0]);
        let changed = [&bytes, &made[1..]].concat();
        let engine = Final::decode_cfg(changed.clone(), &1).is_ok();
        let refused = matches!(
            verify_certificate(&root, &header, &changed),
            Err(FinalityError::Malformed(_) | FinalityError::Committee)
        );
        prop_assert_eq!(engine, !refused);
    }
}
