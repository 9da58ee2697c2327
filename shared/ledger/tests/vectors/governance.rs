//! Golden vectors of governance, recovery, batches and evidence: `governance.txt`, computed outside of Rust.

use crate::{RESIDENT, Vectors, edwards, inception, p256};

use identity::{Algorithm, Localized, Signature};
use ledger::canonical;
use ledger::cell::Subject;
use ledger::evidence::{Evidence, Offence, SignedProposal};
use ledger::genesis::{Genesis, Validator};
use ledger::governance::{
    ADMISSION_CONTEXT, AccreditationRecord, Admission, Ballot, Change, ConsensusKeyRecord, Fraction, Governance, Parameters,
    Placement, ProposalRecord, Stage, ValidatorSet,
};
use ledger::receipt::Refusal;
use ledger::records::{AttestationStatus, AuthorityId, AuthorityRecord, BatchItemRecord, BatchKind, BatchRecord, RecordId};
use ledger::transaction::{Body, NewBatch, Sender, Transaction, TransactionId, Unsigned};

fn police() -> AuthorityId {
    "police".parse().unwrap()
}

fn authority(accredited_types: &[&str]) -> AuthorityRecord {
    AuthorityRecord {
        id: police(),
        name: Localized::new("公安局", "Public security"),
        ledger_keys: vec![p256()],
        credential_keys: vec![p256()],
        reader_key: None,
        issuer_url: Some("https://police.example.gov".to_owned()),
        accredited_types: accredited_types.iter().map(|name| (*name).to_owned()).collect(),
        may_sponsor: false,
    }
}

fn validator() -> Validator {
    Validator { name: "v1".to_owned(), authority: police(), key: edwards(), cluster: "a".to_owned(), address: None }
}

fn placed() -> Validator {
    Validator {
        name: "v2".to_owned(),
        authority: "tax".parse().unwrap(),
        key: edwards(),
        cluster: "b".to_owned(),
        address: Some("10.0.0.2:9000".to_owned()),
    }
}

fn parameters() -> Parameters {
    let approval = Fraction { numerator: 2, denominator: 3 };
    Parameters { approval, voting_blocks: 600, notice_blocks: 60, placement: Placement::Enforced }
}

fn changes() -> [(&'static str, Change); 15] {
    let proof = Signature { algorithm: Algorithm::Ed25519, bytes: [0xee; 64] };
    let name = |name: &str| name.to_owned();
    let kind = || RESIDENT.to_owned();
    [
        ("admit_validator", Change::AdmitValidator { validator: placed(), proof }),
        ("remove_validator", Change::RemoveValidator { name: name("v1") }),
        ("rotate_validator_key", Change::RotateValidatorKey { name: name("v1"), key: edwards(), proof }),
        ("admit_observer", Change::AdmitObserver { observer: placed(), proof }),
        ("remove_observer", Change::RemoveObserver { name: name("v2") }),
        ("admit_authority", Change::AdmitAuthority(authority(&[]))),
        (
            "replace_authority_keys",
            Change::ReplaceAuthorityKeys { authority: police(), ledger_keys: vec![p256()], credential_keys: vec![] },
        ),
        ("suspend_authority", Change::SuspendAuthority(police())),
        ("restore_authority", Change::RestoreAuthority(police())),
        ("accredit", Change::Accredit { authority: police(), attestation_type: kind() }),
        ("suspend_accreditation", Change::SuspendAccreditation(kind())),
        ("restore_accreditation", Change::RestoreAccreditation(kind())),
        ("withdraw_accreditation", Change::WithdrawAccreditation(kind())),
        ("allow_sponsoring", Change::AllowSponsoring { authority: police(), allowed: true }),
        ("set_parameters", Change::SetParameters(parameters())),
    ]
}

fn signed(payload: u8) -> SignedProposal {
    SignedProposal { parent_view: 4, payload: [payload; 32], signature: [payload + 0x10; 64] }
}

fn evidence() -> [(&'static str, Evidence); 3] {
    let of = |offence| Evidence { validator: [0x41; 32], epoch: 2, view: 5, offence };
    [
        ("two_notarizes", of(Offence::two_notarizes(signed(2), signed(1)))),
        ("two_finalizes", of(Offence::two_finalizes(signed(1), signed(2)))),
        ("nullify_and_finalize", of(Offence::NullifyAndFinalize { nullify: [0x13; 64], finalize: signed(1) })),
    ]
}

fn attestations() -> BatchKind {
    BatchKind::Attestations { attestation_type: RESIDENT.to_owned(), valid_from: 1_700_000_000, valid_until: 1_800_000_000 }
}

const PROPOSAL: TransactionId = TransactionId([0x21; 32]);
const BATCH: RecordId = RecordId([0x31; 32]);

/// Every kind of transaction that came with governance, and who sends it.
fn kinds() -> Vec<(String, Sender, Body)> {
    let anybody = Sender::Key(edwards());
    let member = Sender::Authority { authority: police(), key: p256() };
    let (identity, next_recovery) = (inception().id(), [0x45; 32]);
    let batch = |kind| Body::RecordBatch(NewBatch { id: BATCH, kind, root: [0x32; 32], count: 1_000 });
    let mut kinds = vec![
        ("recover", anybody, Body::Recover { identity, device: p256(), next_recovery }),
        ("rotate_recovery", anybody, Body::RotateRecovery { identity, next_recovery }),
        ("vote", member, Body::Vote { proposal: PROPOSAL, approve: true }),
        ("enact", member, Body::Enact { proposal: PROPOSAL }),
        ("withdraw", member, Body::Withdraw { proposal: PROPOSAL }),
        ("leave", member, Body::Leave { validator: "v1".to_owned() }),
        ("set_party_status", member, Body::SetPartyStatus { party: "portal".parse().unwrap(), suspended: true }),
        ("record_batch receipts", anybody, batch(BatchKind::Receipts)),
        ("record_batch attestations", member, batch(attestations())),
        (
            "set_batch_item_status",
            member,
            Body::SetBatchItemStatus { batch: BATCH, changes: vec![(7, AttestationStatus::Revoked)] },
        ),
    ]
    .into_iter()
    .map(|(name, sender, body)| (name.to_owned(), sender, body))
    .collect::<Vec<_>>();
    kinds.extend(changes().map(|(name, change)| (format!("propose {name}"), member, Body::Propose(change))));
    kinds.extend(evidence().map(|(name, evidence)| (format!("record_evidence {name}"), anybody, Body::RecordEvidence(evidence))));
    kinds
}

fn records(vectors: &mut Vectors) {
    vectors.value("body of validator set", &ValidatorSet { validators: vec![validator()], observers: vec![placed()] });
    vectors.value("body of parameters", &parameters());
    let ballot = |authority: &str, approve, height| Ballot { authority: authority.parse().unwrap(), approve, height };
    let stages = [
        ("open", Stage::Open),
        ("approved", Stage::Approved { height: 9 }),
        ("rejected", Stage::Rejected { height: 9 }),
        ("withdrawn", Stage::Withdrawn { height: 9 }),
        ("enacted", Stage::Enacted { height: 9 }),
    ];
    for (name, stage) in stages {
        let record = ProposalRecord {
            proposer: police(),
            change: Change::RemoveValidator { name: "v1".to_owned() },
            proposed_at: 7,
            ballots: vec![ballot("police", true, 7), ballot("tax", false, 8)],
            stage,
        };
        vectors.value(&format!("body of proposal record {name}"), &record);
    }
    vectors.value("body of accreditation record", &AccreditationRecord { authority: police() });
    vectors.value("body of consensus key record", &ConsensusKeyRecord { validator: "v1".to_owned(), authority: police() });
    let batch = BatchRecord { issuer: Some(police()), kind: attestations(), root: [0x32; 32], count: 1_000 };
    vectors.value("body of batch record", &batch);
    vectors.value("body of batch item record", &BatchItemRecord { batch: BATCH, index: 7 });
    let admission = Admission { genesis: [0x77; 32], name: "v2".to_owned(), authority: "tax".parse().unwrap() };
    vectors.bytes("admission signed", &canonical::with_context(ADMISSION_CONTEXT, &admission));
}

fn refusals(vectors: &mut Vectors) {
    let refusals = [
        Refusal::NotGoverned,
        Refusal::NotAVoter,
        Refusal::AlreadyVoted,
        Refusal::ProposalClosed,
        Refusal::NoticeNotOver,
        Refusal::BadConfiguration,
        Refusal::AccreditedElsewhere,
        Refusal::Suspended,
        Refusal::BadEvidence,
        Refusal::WrongRecoveryKey,
        Refusal::KeyNotProven,
        Refusal::KeyUsed,
        Refusal::PlacementBroken,
        Refusal::LastValidator,
    ];
    for refusal in refusals {
        let name = serde_json::to_value(refusal).unwrap();
        vectors.value(&format!("refusal {}", name.as_str().unwrap()), &refusal);
    }
}

#[test]
fn everything_hashed_or_signed_for_governance_has_these_bytes() {
    let mut vectors = Vectors::of(include_str!("governance.txt"));
    for (name, sender, body) in kinds() {
        vectors.value(&format!("body {name}"), &body);
        let unsigned = Unsigned { genesis: [0x77; 32], sender, sequence: 0x0102_0304_0506_0708, expiry_height: 20_000, body };
        let transaction = Transaction { unsigned, signature: Signature { algorithm: Algorithm::P256, bytes: [0xcc; 64] } };
        assert_eq!(transaction.check_bounds(), Ok(()), "{name}");
        vectors.bytes(&format!("id {name}"), &transaction.id().0);
        vectors.bytes(&format!("leaf {name}"), &transaction.leaf());
    }
    for (name, evidence) in evidence() {
        vectors.bytes(&format!("evidence id {name}"), &evidence.id().0);
    }
    let [(_, first), ..] = evidence();
    let subjects = [
        ("validators", Subject::Validators),
        ("parameters", Subject::Parameters),
        ("proposal", Subject::Proposal(PROPOSAL)),
        ("accreditation", Subject::Accreditation(RESIDENT.to_owned())),
        ("consensus_key", Subject::ConsensusKey([0x41; 32])),
        ("recovery", Subject::Recovery(inception().id())),
        ("batch", Subject::Batch(BATCH)),
        ("batch_item", Subject::BatchItem { batch: BATCH, index: 7 }),
        ("evidence", Subject::Evidence(first.id())),
    ];
    for (name, subject) in subjects {
        vectors.bytes(&format!("subject {name}"), &subject.key());
    }
    records(&mut vectors);
    refusals(&mut vectors);
    let genesis = Genesis {
        network: "pilot".parse().unwrap(),
        name: Localized::new("试点城市", "Pilot city"),
        started_at: 1_700_000_000,
        validators: vec![Validator { address: Some("10.0.0.1:9000".to_owned()), ..validator() }],
        authorities: vec![authority(&[RESIDENT])],
        governance: Some(Governance { epoch_blocks: 60, parameters: parameters() }),
    };
    let json = String::from_utf8(serde_json_canonicalizer::to_vec(&genesis).unwrap()).unwrap();
    assert_eq!(json, vectors.take("governed genesis json"));
    vectors.bytes("governed genesis hash", &genesis.hash());
    assert_eq!(vectors.0, std::collections::BTreeMap::new(), "vectors that nothing was checked against");
}
