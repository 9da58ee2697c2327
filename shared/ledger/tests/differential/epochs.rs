//! Following the validators from epoch to epoch, and what retired ones can no longer say.

use commonware_consensus::simplex::types::Proposal;
use commonware_consensus::types::{Epoch, Round, View};
use commonware_cryptography::ed25519;
use identity::Localized;
use identity::keys::{Algorithm, PublicKey};
use ledger::block::{Context, Operations};
use ledger::genesis::Genesis;
use ledger::governance::{Fraction, Governance, Parameters, Placement, ValidatorSet};
use ledger::proof::Bundle;
use ledger::records::AuthorityRecord;
use ledger::trust::{Checkpoint, TRUST_PERIOD_MS, TrustError};
use ledger::{Hash, TrustRoot};

use super::*;

/// Blocks of an epoch here.
const LENGTH: u64 = 10;
/// Milliseconds between blocks here, and the time of the genesis.
const BLOCK_MS: u64 = 1_000;
const STARTED_AT: i64 = 1_700_000_000;

/// Validators with their secret keys in the order of the public ones.
#[derive(Clone)]
pub(crate) struct Members {
    pub(crate) set: ValidatorSet,
    pub(crate) keys: Vec<ed25519::PrivateKey>,
}

pub(crate) fn members(n: u8, seed: u8) -> Members {
    let (root, keys) = trust(n, seed);
    Members { set: ValidatorSet::new(root.genesis().validators.clone(), Vec::new()), keys }
}

pub(crate) fn governed(first: &Members) -> Genesis {
    let bureau = AuthorityRecord {
        id: "bureau".parse().unwrap(),
        name: Localized::new("某局", "A bureau"),
        ledger_keys: Vec::new(),
        credential_keys: Vec::new(),
        reader_key: None,
        issuer_url: None,
        accredited_types: Vec::new(),
        may_sponsor: false,
    };
    let approval = Fraction { numerator: 2, denominator: 3 };
    let parameters = Parameters { approval, voting_blocks: 10, notice_blocks: 2, placement: Placement::Advisory };
    Genesis {
        network: "test".parse().unwrap(),
        name: Localized::new("测试", "Test"),
        started_at: STARTED_AT,
        governance: Some(Governance { epoch_blocks: LENGTH, parameters }),
        validators: first.set.validators.clone(),
        authorities: vec![bureau],
    }
}

fn last_height(epoch: u64) -> u64 {
    (epoch + 1) * LENGTH - 1
}

fn time_of(height: u64) -> u64 {
    u64::try_from(STARTED_AT).unwrap() * 1_000 + height * BLOCK_MS
}

pub(crate) fn header_at(genesis: Hash, height: u64, state_root: Hash) -> Header {
    Header {
        genesis,
        height,
        parent: [3; 32],
        context: Context { epoch: height / LENGTH, view: height % LENGTH + 1, leader: [1; 32], parent_view: height % LENGTH },
        timestamp_ms: time_of(height),
        transactions_root: [4; 32],
        state_root,
        operations: Operations { root: [6; 32], start: 0, end: 10 },
    }
}

/// A certificate by the first `signers` of these validators.
pub(crate) fn signed(header: &Header, members: &Members, signers: usize) -> Vec<u8> {
    let numbers: Vec<usize> = (0..signers).collect();
    certificate(&namespace(&header.genesis), &members.keys, proposal(header), &numbers)
}

/// What a state says about the next validators: its root, and the parts of an answer.
#[derive(Clone)]
struct Named {
    root: Hash,
    cell: [u8; 64],
    body: Vec<u8>,
    proof: Vec<u8>,
}

async fn state_naming(context: &deterministic::Context, label: &'static str, body: Vec<u8>) -> Named {
    let cell = Cell { version: 1, status: 0, created_height: 1, updated_height: 1, body: body_hash(&body) }.to_bytes();
    let mut state = State::init(context.child(label), config(label), None).await.unwrap();
    let mut writes: Writes = (0..40_u8).map(|i| ([i; 32], Some([i; 64]))).collect();
    writes.push((Subject::Validators.key(), Some(cell)));
    state = write(state, &writes, false).await;
    let (_, proof) = inclusion(&state, &Subject::Validators.key()).await;
    Named { root: state.root().0, cell, body, proof }
}

fn bundle(header: &Header, certificate: Vec<u8>, named: &Named) -> Bundle {
    let (cell, body) = (Some(named.cell), Some(named.body.clone()));
    Bundle { header: encode(header), certificate, cell, body, proof: named.proof.clone() }
}

/// The end of an epoch: its validators name the next ones.
fn change(genesis: Hash, epoch: u64, by: &Members, named: &Named) -> Bundle {
    let header = header_at(genesis, last_height(epoch), named.root);
    bundle(&header, signed(&header, by, by.keys.len()), named)
}

/// Whether the engine's verifier for these validators finds the header final.
fn engine_says(members: &Members, header: &Header, certificate: &[u8]) -> bool {
    let keys = members.keys.iter().map(commonware_cryptography::Signer::public_key);
    let verifier = Scheme::verifier(&namespace(&header.genesis), commonware_utils::ordered::Set::from_iter_dedup(keys));
    Final::decode_cfg(certificate.to_vec(), &members.keys.len()).is_ok_and(|parsed| {
        parsed.proposal == proposal(header) && parsed.verify(&mut commonware_utils::test_rng(), &verifier, &Sequential)
    })
}

/// X005: the validators change in number and person, and every epoch's certificates are judged by that epoch's set, as the engine judges
/// them with a verifier of that set.
#[test]
fn validators_are_followed_from_epoch_to_epoch_and_judged_as_the_engine_judges_them() {
    deterministic::Runner::default().start(|context| async move {
        let labels = ["a", "b", "c", "d", "e", "f"];
        let terms: Vec<Members> = [4, 7, 22, 22, 1, 5].iter().zip(20..).map(|(n, seed)| members(*n, seed)).collect();
        let mut root = TrustRoot::from_genesis(governed(&terms[0])).unwrap();
        let genesis = *root.hash();
        let mut changes = Vec::new();
        for (epoch, label) in (0..5).zip(labels) {
            let named = state_naming(&context, label, encode(&terms[epoch + 1].set)).await;
            changes.push(change(genesis, epoch as u64, &terms[epoch], &named));
        }
        // The third cannot be understood before the second is known.
        let early = root.follow(&changes[1].answer()).unwrap_err();
        assert!(matches!(early, TrustError::Answer(AnswerError::Finality(FinalityError::UnknownEpoch(1)))), "{early}");
        for (change, epoch) in changes.iter().zip(1..) {
            assert_eq!(root.follow(&change.answer()).unwrap(), epoch);
            assert_eq!(root.follow(&change.answer()).unwrap(), epoch, "the same again changes nothing");
        }
        assert_eq!((root.known_epochs().collect::<Vec<_>>(), root.newest_epoch()), ((0..6).collect(), 5));
        for (epoch, of) in terms.iter().enumerate() {
            let header = header_at(genesis, epoch as u64 * LENGTH + 3, [9; 32]);
            for (other, by) in terms.iter().enumerate() {
                let made = signed(&header, by, by.keys.len());
                let we = ledger::finality::verify_certificate(&root, &header, &made);
                assert_eq!(we.is_ok(), engine_says(of, &header, &made), "{other} for {epoch}: {we:?}");
                assert_eq!(we.is_ok(), epoch == other);
            }
            let few = signed(&header, of, ledger::quorum::quorum(of.keys.len()) - 1);
            assert!(ledger::finality::verify_certificate(&root, &header, &few).is_err() && !engine_says(of, &header, &few));
        }
        let after = header_at(genesis, 6 * LENGTH, [9; 32]);
        let unknown = ledger::finality::verify_certificate(&root, &after, &signed(&after, &terms[5], 5));
        assert_eq!(unknown, Err(FinalityError::UnknownEpoch(6)));
    });
}

#[test]
fn a_change_of_validators_that_is_not_the_epochs_own_end_is_refused_and_changes_nothing() {
    deterministic::Runner::default().start(|context| async move {
        let (now, next) = (members(4, 30), members(7, 31));
        let mut root = TrustRoot::from_genesis(governed(&now)).unwrap();
        let genesis = *root.hash();
        let named = state_naming(&context, "next", encode(&next.set)).await;
        let true_end = header_at(genesis, last_height(0), named.root);
        let made = |header: &Header| bundle(header, signed(header, &now, 3), &named);
        // A block before the last: the set could still change.
        let early = header_at(genesis, last_height(0) - 1, named.root);
        let error = root.follow(&made(&early).answer()).unwrap_err();
        assert!(matches!(error, TrustError::NotTheLastBlock { height: 8, epoch: 0 }), "{error}");
        // Two of four signed; the next validators signed for themselves.
        for certificate in [signed(&true_end, &now, 2), signed(&true_end, &next, 7)] {
            let error = root.follow(&bundle(&true_end, certificate, &named).answer()).unwrap_err();
            assert!(matches!(error, TrustError::Answer(AnswerError::Finality(_))), "{error}");
        }
        // Another set than the state's, and none at all.
        let others = Bundle { body: Some(encode(&members(7, 32).set)), ..made(&true_end) };
        assert!(matches!(root.follow(&others.answer()), Err(TrustError::Answer(AnswerError::Body))));
        let hidden = Bundle { cell: None, body: None, ..made(&true_end) };
        assert!(matches!(root.follow(&hidden.answer()), Err(TrustError::Answer(AnswerError::Proof(_)))));
        // A set that the ledger would never have; something that is no set.
        let doubled = ValidatorSet { validators: [&next.set.validators[..], &next.set.validators].concat(), observers: vec![] };
        for (label, body) in
            [("doubled", encode(&doubled)), ("empty", encode(&ValidatorSet { validators: vec![], observers: vec![] }))]
        {
            let named = state_naming(&context, label, body).await;
            assert!(matches!(root.follow(&change(genesis, 0, &now, &named).answer()), Err(TrustError::Set(_))), "{label}");
        }
        let noise = state_naming(&context, "noise", b"no set".to_vec()).await;
        assert!(matches!(root.follow(&change(genesis, 0, &now, &noise).answer()), Err(TrustError::NoSet)));
        // A ledger without governance has no other epoch.
        let (mut fixed, _) = trust(4, 30);
        let header = Header { genesis: *fixed.hash(), ..true_end.clone() };
        let foreign = bundle(&header, signed(&header, &now, 3), &named);
        assert!(matches!(fixed.follow(&foreign.answer()), Err(TrustError::NotGoverned)));
        assert_eq!(root, TrustRoot::from_genesis(governed(&now)).unwrap());
        assert_eq!(root.follow(&made(&true_end).answer()).unwrap(), 1);
    });
}

/// SEC-C4: an attacker has the keys of a quorum of an epoch long past. Who has followed the ledger since takes nothing from them about
/// today, sees the fork when it is shown one, and does not lose what it knew. Who begins with the genesis only cannot tell, which is
/// what a checkpoint is for.
#[test]
fn old_keys_cannot_speak_of_today_to_whoever_has_followed() {
    deterministic::Runner::default().start(|context| async move {
        let (old, next, captured) = (members(4, 40), members(7, 41), members(4, 42));
        let genesis = governed(&old);
        let mut root = TrustRoot::from_genesis(genesis.clone()).unwrap();
        let hash = *root.hash();
        let (true_next, forged_next) = (
            state_naming(&context, "true", encode(&next.set)).await,
            state_naming(&context, "forged", encode(&captured.set)).await,
        );
        let true_end = change(hash, 0, &old, &true_next);
        root.follow(&true_end.answer()).unwrap();
        let verify = |header: &Header| ledger::finality::verify_certificate(&root, header, &signed(header, &old, 3));

        // "Now", by the old set: with its own heights and today's time, or today's height in its own epoch, or today's epoch.
        let today = time_of(last_height(0)) + 1;
        let dated = Header { timestamp_ms: today, ..header_at(hash, 5, [9; 32]) };
        assert_eq!(verify(&dated), Err(FinalityError::OutsideItsEpoch { timestamp_ms: today, epoch: 0 }));
        let mut high = header_at(hash, 15, [9; 32]);
        high.context.epoch = 0;
        assert_eq!(verify(&high), Err(FinalityError::OtherEpoch { height: 15, epoch: 0 }));
        assert!(matches!(verify(&header_at(hash, 15, [9; 32])), Err(FinalityError::Committee)));
        // What they truly said in their time stands.
        assert_eq!(verify(&header_at(hash, 5, [9; 32])), Ok(()));
        // The new ones cannot speak of a time before their own.
        let before = Header { timestamp_ms: today - 2, ..header_at(hash, 15, [9; 32]) };
        let by_next = ledger::finality::verify_certificate(&root, &before, &signed(&before, &next, 5));
        assert_eq!(by_next, Err(FinalityError::OutsideItsEpoch { timestamp_ms: today - 2, epoch: 1 }));

        // Another end of epoch 0, with successors of the attacker's.
        let forged_end = change(hash, 0, &old, &forged_next);
        let kept = root.clone();
        assert!(matches!(root.follow(&forged_end.answer()), Err(TrustError::Fork(0))));
        assert_eq!(root, kept);
        let mut newcomer = TrustRoot::from_genesis(genesis.clone()).unwrap();
        assert_eq!(newcomer.follow(&forged_end.answer()).unwrap(), 1, "no signature tells the forged history from the true one");
        // A checkpoint from somebody whom the newcomer trusts does, and takes nothing from the time before it.
        let with_checkpoint = TrustRoot::from_checkpoint(genesis, &kept.checkpoint()).unwrap();
        let header = header_at(hash, 15, [9; 32]);
        assert!(ledger::finality::verify_certificate(&with_checkpoint, &header, &signed(&header, &next, 5)).is_ok());
        assert!(ledger::finality::verify_certificate(&with_checkpoint, &header, &signed(&header, &captured, 4)).is_err());
        let past = header_at(hash, 5, [9; 32]);
        let of_the_past = ledger::finality::verify_certificate(&with_checkpoint, &past, &signed(&past, &old, 4));
        assert_eq!(of_the_past, Err(FinalityError::UnknownEpoch(0)));
        // Whoever has not followed for the trust period says so.
        let since = time_of(last_height(0));
        assert!(!with_checkpoint.needs_checkpoint(since + TRUST_PERIOD_MS));
        assert!(with_checkpoint.needs_checkpoint(since + TRUST_PERIOD_MS + 1));
        assert!(!trust(4, 40).0.needs_checkpoint(u64::MAX), "without governance nobody retires");
    });
}

#[test]
fn what_was_followed_is_kept_and_read_back_for_its_own_genesis_only() {
    deterministic::Runner::default().start(|context| async move {
        let (first, second) = (members(4, 50), members(7, 51));
        let genesis = governed(&first);
        let mut root = TrustRoot::from_genesis(genesis.clone()).unwrap();
        let hash = *root.hash();
        assert_eq!(TrustRoot::from_bytes(genesis.clone(), &root.to_bytes()).unwrap(), root);
        let named = state_naming(&context, "kept", encode(&second.set)).await;
        root.follow(&change(hash, 0, &first, &named).answer()).unwrap();
        root.follow(&change(hash, 1, &second, &named).answer()).unwrap();
        let bytes = root.to_bytes();
        assert_eq!(TrustRoot::from_bytes(genesis.clone(), &bytes).unwrap(), root);
        // Equal sets are kept once: the third epoch costs its number, its time and a place.
        assert_eq!(bytes.len(), 1 + 32 + 4 + (4 + 4 * 32) + (4 + 7 * 32) + 4 + 3 * 18);
        let other = Genesis { started_at: 1, ..genesis.clone() };
        assert!(matches!(TrustRoot::from_bytes(other.clone(), &bytes), Err(TrustError::OtherLedger)));
        assert!(matches!(TrustRoot::from_checkpoint(other, &root.checkpoint()), Err(TrustError::OtherLedger)));
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            let read = TrustRoot::from_bytes(genesis.clone(), &changed);
            assert!(read.is_err() || read.unwrap() != root, "{place}");
            assert!(TrustRoot::from_bytes(genesis.clone(), &bytes[..place]).is_err());
        }
        // A checkpoint is JSON that a person can hand on.
        let checkpoint = root.checkpoint();
        let json = serde_json::to_string(&checkpoint).unwrap();
        assert_eq!(serde_json::from_str::<Checkpoint>(&json).unwrap(), checkpoint);
        let begun = TrustRoot::from_checkpoint(genesis.clone(), &checkpoint).unwrap();
        assert_eq!((begun.newest_epoch(), begun.validators(), begun.quorum()), (2, root.validators(), 5));
        assert_eq!(begun.known_epochs().collect::<Vec<_>>(), [2]);
        // No validators, one twice, one with a key that cannot be a validator's; epoch 0 with others than the genesis's.
        let p256 = identity::SecretKey::from_bytes(Algorithm::P256, &[7; 32]).unwrap();
        let twice: Vec<PublicKey> = [checkpoint.validators[0]; 2].to_vec();
        for validators in [Vec::new(), twice, vec![identity::Signer::public_key(&p256)]] {
            let broken = Checkpoint { validators, ..checkpoint.clone() };
            assert!(matches!(TrustRoot::from_checkpoint(genesis.clone(), &broken), Err(TrustError::Malformed)));
        }
        let usurped = Checkpoint { epoch: 0, since_ms: 0, ..checkpoint };
        assert!(matches!(TrustRoot::from_checkpoint(genesis, &usurped), Err(TrustError::Malformed)));
    });
}

fn as_json(bundle: &Bundle) -> serde_json::Value {
    let text = |bytes: &[u8]| data_encoding::BASE64URL_NOPAD.encode(bytes);
    serde_json::json!({
        "header": text(&bundle.header), "certificate": text(&bundle.certificate), "proof": text(&bundle.proof),
        "cell": bundle.cell.as_ref().map(|cell| text(cell)), "body": bundle.body.as_deref().map(text),
    })
}

/// A ledger's validators over four epochs, its answers, and a fork: what clients and wallets are tested with, and what others can test
/// theirs with. `YUFU_WRITE_VECTORS=1` writes it anew.
#[test]
fn the_recorded_epochs_are_these() {
    deterministic::Runner::default().start(|context| async move {
        let terms: Vec<Members> = [4, 5, 4, 7].iter().zip(110..).map(|(n, seed)| members(*n, seed)).collect();
        let genesis = governed(&terms[0]);
        let hash = genesis.hash();
        let mut changes = Vec::new();
        for (epoch, label) in (0..3).zip(["r0", "r1", "r2"]) {
            let named = state_naming(&context, label, encode(&terms[epoch + 1].set)).await;
            changes.push(as_json(&change(hash, epoch as u64, &terms[epoch], &named)));
        }
        let captured = state_naming(&context, "captured", encode(&members(4, 120).set)).await;
        let fork = change(hash, 0, &terms[0], &captured);
        // That there is no such transaction, as of the first epoch and as of the last.
        let nothing = Subject::Transaction(ledger::transaction::TransactionId([0; 32])).key();
        let state = State::init(context.child("head"), config("head"), None).await.unwrap();
        let state = write(state, &(1..30_u8).map(|i| ([i; 32], Some([i; 64]))).collect(), false).await;
        let proof = exclusion(&state, &nothing).await;
        let head = |height, by: &Members| {
            let header = header_at(hash, height, state.root().0);
            let certificate = signed(&header, by, by.keys.len());
            as_json(&Bundle { header: encode(&header), certificate, cell: None, body: None, proof: proof.clone() })
        };
        let recording = serde_json::json!({
            "genesis": genesis, "epochs": changes, "fork": as_json(&fork), "first": head(5, &terms[0]), "last": head(33, &terms[3]),
            "forged": head(34, &members(7, 121)),
        });
        let text = serde_json::to_string_pretty(&recording).unwrap() + "\n";
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/epochs.json");
        if std::env::var_os("YUFU_WRITE_VECTORS").is_some() {
            std::fs::write(path, &text).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), text);
    });
}

/// One epoch after the other with one validator: the oldest is forgotten when there are too many, and the rest is kept.
#[test]
fn the_number_of_known_epochs_is_bounded() {
    deterministic::Runner::default().start(|context| async move {
        let one = members(1, 60);
        let genesis = governed(&one);
        let mut root = TrustRoot::from_genesis(genesis.clone()).unwrap();
        let named = state_naming(&context, "one", encode(&one.set)).await;
        let last = ledger::trust::MAX_EPOCHS as u64 + 4;
        for epoch in 0..last {
            root.follow(&change(*root.hash(), epoch, &one, &named).answer()).unwrap();
        }
        assert_eq!(root.known_epochs().count(), ledger::trust::MAX_EPOCHS);
        assert_eq!(root.known_epochs().next(), Some(5));
        let bytes = root.to_bytes();
        assert!(bytes.len() <= ledger::trust::MAX_ROOT_BYTES);
        assert_eq!(TrustRoot::from_bytes(genesis, &bytes).unwrap(), root);
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_no_kept_root(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let genesis = governed(&members(1, 80));
        prop_assert!(TrustRoot::from_bytes(genesis, &bytes).is_err());
    }
}

/// The engine proposes the last block of an epoch again until it is final, so its certificate may be of a later view; no other block's.
#[test]
fn only_the_last_block_of_an_epoch_may_be_certified_in_a_later_view() {
    let now = members(4, 40);
    let root = TrustRoot::from_genesis(governed(&now)).unwrap();
    let in_view = |header: &Header, epoch: u64, view: u64| {
        let proposal =
            Proposal { round: Round::new(Epoch::new(epoch), View::new(view)), parent: View::new(view - 1), ..proposal(header) };
        let made = certificate(&namespace(&header.genesis), &now.keys, proposal, &[0, 1, 2]);
        ledger::finality::verify_certificate(&root, header, &made)
    };
    let last = header_at(*root.hash(), last_height(0), [9; 32]);
    let own = last.context.view;
    assert_eq!(in_view(&last, 0, own), Ok(()));
    assert_eq!(in_view(&last, 0, own + 1), Ok(()));
    assert_eq!(in_view(&last, 0, own - 1), Err(FinalityError::OtherRound), "an earlier view than it was proposed in");
    assert_eq!(in_view(&last, 1, own + 1), Err(FinalityError::OtherRound), "another epoch");
    let before = header_at(*root.hash(), last_height(0) - 1, [9; 32]);
    let own = before.context.view;
    assert_eq!(in_view(&before, 0, own), Ok(()));
    assert_eq!(in_view(&before, 0, own + 1), Err(FinalityError::OtherRound));
}
