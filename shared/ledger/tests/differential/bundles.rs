//! How large a whole answer is, and that it is as good without the signatures beyond a quorum.

use identity::did::Inception;
use identity::{Algorithm, Commitment, SecretKey};
use ledger::TrustRoot;
use ledger::finality::{trim_certificate, verify_certificate};
use ledger::proof::{Bundle, MAX_BUNDLE_BYTES, verify_version};
use ledger::records::{AttestationRecord, IdentityRecord, RecordId};

use super::epochs::{governed, header_at, members, signed};
use super::*;

/// What a bundle may have at 22 validators.
const GOAL_BYTES: usize = 2_500;
const ENTRIES: usize = 100_000;

fn identity_record() -> IdentityRecord {
    let key = |seed| SecretKey::from_bytes(Algorithm::P256, &[seed; 32]).unwrap().public_key();
    let inception = Inception { network: "pilot".parse().unwrap(), device: key(1), recovery_commitment: [4; 32] };
    IdentityRecord { inception, devices: vec![key(1), key(2)] }
}

fn attestation_record() -> AttestationRecord {
    AttestationRecord {
        issuer: "public-security".parse().unwrap(),
        attestation_type: "urn:yufu:vct:resident-identity:1".to_owned(),
        credential: Commitment([5; 32]),
        holder_key: Commitment([6; 32]),
        lock: [7; 32],
        valid_from: 1_700_000_000,
        valid_until: 1_800_000_000,
    }
}

/// I063: whoever holds data can check later, offline, what the ledger says of it: header, certificate, cell, body and proof at 22
/// validators and a state of 100,000 entries.
#[test]
fn a_bundle_at_22_validators_and_100_000_entries_has_at_most_2_500_bytes() {
    deterministic::Runner::default().start(|context| async move {
        let of = members(22, 90);
        let root = TrustRoot::from_genesis(governed(&of)).unwrap();
        let mut numbers = Numbers(91);
        let (identity, attestation) = (encode(&identity_record()), encode(&attestation_record()));
        let subjects = [
            ("identity", Subject::Identity(identity_record().inception.id()), Some(identity)),
            ("attestation", Subject::Attestation(RecordId([4; 32])), Some(attestation)),
            ("nothing", Subject::Attestation(RecordId([5; 32])), None),
        ];
        let cell =
            |body: &[u8]| Cell { version: 3, status: 0, created_height: 1, updated_height: 1, body: body_hash(body) }.to_bytes();
        let mut state = State::init(context.child("city"), config("city"), None).await.unwrap();
        let mut first: Writes = subjects.iter().filter_map(|(_, s, body)| Some((s.key(), Some(cell(body.as_ref()?))))).collect();
        first.extend((0..ENTRIES / 10 - first.len()).map(|_| (numbers.array(), Some(numbers.array()))));
        state = write(state, &first, false).await;
        for _ in 1..10 {
            let writes: Writes = (0..ENTRIES / 10).map(|_| (numbers.array(), Some(numbers.array()))).collect();
            state = write(state, &writes, false).await;
        }
        let header = header_at(*root.hash(), 5, state.root().0);
        for (name, subject, body) in subjects {
            let (proof, cell) = match &body {
                Some(_) => {
                    let (cell, proof) = inclusion(&state, &subject.key()).await;
                    (proof, Some(cell))
                }
                None => (exclusion(&state, &subject.key()).await, None),
            };
            let with = |signers| Bundle {
                header: encode(&header),
                certificate: signed(&header, &of, signers),
                cell,
                body: body.clone(),
                proof: proof.clone(),
            };
            let (quorum, all) = (with(15), with(22));
            let parts =
                [quorum.header.len(), quorum.certificate.len(), 64, body.as_ref().map_or(0, Vec::len), quorum.proof.len()];
            eprintln!(
                "{name}: header, certificate, cell, body, proof {parts:?}; {} bytes, {} with all 22 signatures",
                quorum.to_bytes().len(),
                all.to_bytes().len()
            );
            assert!(quorum.to_bytes().len() <= GOAL_BYTES, "{name}: {}", quorum.to_bytes().len());
            // A certificate may come with more signatures than a quorum needs; they can be left out.
            assert_eq!(all.clone().trimmed(&root).unwrap(), quorum);
            for bundle in [&quorum, &all] {
                let proven = verify_answer(&root, &subject, &bundle.answer()).unwrap();
                assert_eq!((proven.header, proven.body), (header.clone(), body.clone()));
                assert_eq!(&Bundle::from_bytes(&bundle.to_bytes()).unwrap(), bundle);
                assert!(Bundle::from_bytes(&bundle.to_bytes()[1..]).is_err());
            }
            // The version is the one asked for, or the answer says which there is.
            let version = verify_version(&root, &subject, 3, &quorum.answer());
            assert_eq!(version.is_ok(), body.is_some());
            let other = verify_version(&root, &subject, 2, &quorum.answer()).unwrap_err();
            assert!(matches!(other, AnswerError::OtherVersion { found } if found == body.as_ref().map(|_| 3)), "{other}");
        }
        assert!(Bundle::from_bytes(&vec![0; MAX_BUNDLE_BYTES + 1]).is_err());
    });
}

/// What is signed is the header in its round, not who else signed: any quorum of a certificate's signatures is a certificate, to the
/// engine too.
#[test]
fn a_certificate_is_trimmed_to_a_quorum_and_not_below() {
    for n in [1, 4, 7, 8, 9, 22] {
        let of = members(n, 95);
        let root = TrustRoot::from_genesis(governed(&of)).unwrap();
        let header = header_at(*root.hash(), 5, [9; 32]);
        let (all, quorum) = (usize::from(n), ledger::quorum::quorum(usize::from(n)));
        let trimmed = trim_certificate(&root, &header, &signed(&header, &of, all)).unwrap();
        assert_eq!(trimmed, signed(&header, &of, quorum));
        assert_eq!(verify_certificate(&root, &header, &trimmed), Ok(()));
        let keys = of.keys.iter().map(commonware_cryptography::Signer::public_key);
        let verifier = Scheme::verifier(&namespace(root.hash()), commonware_utils::ordered::Set::from_iter_dedup(keys));
        let parsed = Final::decode_cfg(trimmed.clone(), &all).unwrap();
        assert!(parsed.verify(&mut commonware_utils::test_rng(), &verifier, &Sequential));
        assert_eq!(trim_certificate(&root, &header, &trimmed).unwrap(), trimmed);
        let few = trim_certificate(&root, &header, &signed(&header, &of, quorum - 1));
        assert_eq!(few, Err(FinalityError::NoQuorum { signers: quorum - 1, quorum }));
    }
}
