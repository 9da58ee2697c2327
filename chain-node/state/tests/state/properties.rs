//! What holds for every sequence of transactions, sensible or not.

use std::collections::BTreeMap;

use chain_state::touched;
use ledger::canonical::{self, Hash};
use ledger::cell::{Cell, Subject};
use ledger::limits::MAX_TRANSACTION_BYTES;
use ledger::receipt::Outcome;
use ledger::records::{AttestationRecord, AttestationStatus, AuthorityRecord, IdentityRecord};
use ledger::transaction::{Body, Sender, StatusChange, Transaction, Unsigned};
use proptest::prelude::*;

use crate::ledger_in_memory::*;

/// Few keys, ids and parties, so that transactions meet each other.
fn sender() -> impl Strategy<Value = (Sender, u8)> {
    let keys = || prop_oneof![1_u8..4, Just(POLICE), Just(CIVIL), Just(TAX), Just(PORTAL)];
    prop_oneof![
        keys().prop_map(|seed| (Sender::Key(public(seed)), seed)),
        (1_u8..4, 1_u8..4).prop_map(|(identity, seed)| (device(inception(identity).id(), seed), seed)),
        prop_oneof![
            Just(("police", POLICE)),
            Just(("civil", CIVIL)),
            Just(("tax", TAX)),
            Just(("tax", POLICE)),
            Just(("nobody", TAX))
        ]
        .prop_map(|(name, seed)| (from(name, seed), seed)),
        keys().prop_map(|seed| (Sender::Party { party: "portal".parse().unwrap(), key: public(seed) }, seed)),
    ]
}

fn body() -> impl Strategy<Value = Body> {
    let ids = || prop::collection::vec(0_u8..5, 0..4);
    let issuer = prop_oneof![Just("police"), Just("civil")];
    let types = prop_oneof![Just(RESIDENT), Just(MARITAL)];
    let statuses = prop_oneof![
        Just(AttestationStatus::Active),
        Just(AttestationStatus::Suspended),
        Just(AttestationStatus::Revoked),
        Just(AttestationStatus::Superseded),
        Just(AttestationStatus::BrokenByHolder),
    ];
    prop_oneof![
        (1_u8..4).prop_map(|seed| Body::CreateIdentity(inception(seed))),
        (1_u8..4).prop_map(|seed| Body::AddDevice(public(seed))),
        (1_u8..4).prop_map(|seed| Body::RemoveDevice(public(seed))),
        Just(Body::Deactivate),
        ids().prop_map(|ids| Body::AnchorAttributes(ids.into_iter().map(anchor).collect())),
        (ids(), issuer, types).prop_map(|(ids, issuer, name)| Body::RecordAttestations(
            ids.into_iter().map(|id| attestation(id, issuer, name)).collect()
        )),
        (ids(), statuses).prop_map(|(ids, status)| Body::SetAttestationStatus(
            ids.into_iter().map(|id| StatusChange { record: record_id(id), status }).collect()
        )),
        (0_u8..5, any::<bool>())
            .prop_map(|(id, knows)| Body::BreakLock { record: record_id(id), preimage: if knows { SECRET } else { [0; 32] } }),
        ids().prop_map(|ids| Body::RecordReceipts(ids.into_iter().map(new_receipt).collect())),
        (0_u8..2, 0_u8..2).prop_map(|(id, letter)| Body::RegisterParty(party(
            if id == 0 { "portal" } else { "other" },
            if letter == 0 { 'a' } else { 'b' }
        ))),
        prop_oneof![Just("portal"), Just("other")]
            .prop_map(|id| Body::SetPurposes { party: id.parse().unwrap(), purposes: vec![purpose("x")] }),
    ]
}

/// Signed for this ledger, mostly in time; few sequence numbers, so that some come twice.
fn transaction() -> impl Strategy<Value = Transaction> {
    (sender(), body(), 0_u64..3, prop_oneof![9 => Just(1_000_u64), 1 => 0_u64..40]).prop_map(
        |((sender, by), body, sequence, expiry_height)| {
            Unsigned { genesis: a_genesis("Test").hash(), sender, sequence, expiry_height, body }.sign(&key(by))
        },
    )
}

/// Blocks of several transactions on a ledger, each block in one view of all that it touches.
fn run(blocks: &[Vec<Transaction>], everything_in_view: bool) -> (Ledger, Vec<ledger::receipt::Receipt>) {
    let mut ledger = Ledger::new();
    let mut receipts = Vec::new();
    for block in blocks {
        let keys: Vec<Hash> =
            if everything_in_view { ledger.cells.keys().copied().collect() } else { block.iter().flat_map(touched).collect() };
        let mut view = ledger.view(&keys);
        let context = ledger.context();
        receipts.extend((0..).zip(block).map(|(index, transaction)| ledger.apply(&mut view, &context, index, transaction).0));
        ledger.store(view.into_writes());
        ledger.height += 1;
    }
    (ledger, receipts)
}

type Cells = BTreeMap<Hash, (Cell, Vec<u8>)>;

/// What one transaction may have done to the state at all.
fn check_step(before: &Cells, after: &Cells, transaction: &Transaction, applied: bool, height: u64) {
    let keys = touched(transaction);
    let own = Subject::Transaction(transaction.id()).key();
    for (key, (cell, body)) in after {
        let Some((was, was_body)) = before.get(key) else {
            assert!(keys.contains(key), "wrote a key that it does not touch");
            assert!(applied || *key == own, "a refused transaction wrote");
            assert_eq!((cell.version, cell.created_height, cell.updated_height), (1, height, height));
            continue;
        };
        if (cell, body) == (was, was_body) {
            continue;
        }
        assert!(applied && keys.contains(key) && *key != own, "changed what it may not");
        assert_eq!((cell.version, cell.created_height, cell.updated_height), (was.version + 1, was.created_height, height));
    }
    assert!(before.keys().all(|key| after.contains_key(key)), "nothing is ever deleted");
    for id in 0..5 {
        let [anchor, receipt] = [Subject::Anchor(record_id(id)), Subject::Receipt(record_id(id))].map(|subject| subject.key());
        assert!(before.get(&anchor).is_none_or(|was| after.get(&anchor) == Some(was)), "an anchor changed");
        assert!(before.get(&receipt).is_none_or(|was| after.get(&receipt) == Some(was)), "a receipt changed");
        let attestation = Subject::Attestation(record_id(id)).key();
        if let Some((was, body)) = before.get(&attestation) {
            let (now, now_body) = &after[&attestation];
            assert_eq!(body, now_body, "an attestation's record changed");
            assert!(was.status < AttestationStatus::Revoked as u8 || now.status == was.status, "a final status changed");
        }
    }
}

/// What holds of a state whatever happened.
fn check_state(ledger: &Ledger) {
    for id in 0..5 {
        let subject = Subject::Attestation(record_id(id));
        if let Some((_, record)) = ledger.record::<AttestationRecord>(&subject) {
            let (_, issuer) = ledger.record::<AuthorityRecord>(&Subject::Authority(record.issuer)).unwrap();
            assert!(issuer.accredited_types.contains(&record.attestation_type));
        }
    }
    for seed in 1..4 {
        if let Some((cell, record)) = ledger.record::<IdentityRecord>(&Subject::Identity(inception(seed).id())) {
            assert_eq!(record.inception, inception(seed));
            assert_eq!(record.devices.is_empty(), cell.status == 1);
            let mut devices = record.devices.clone();
            devices.sort();
            devices.dedup();
            assert_eq!(devices.len(), record.devices.len());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Z079, N003, I057, SEC-C5 among others: nobody changes or deletes what is not theirs to change: see `check_step`.
    #[test]
    fn a_transaction_changes_only_what_it_touches_and_a_refused_one_nothing(
        transactions in prop::collection::vec(transaction(), 1..40)
    ) {
        let mut ledger = Ledger::new();
        for transaction in &transactions {
            let before = ledger.cells.clone();
            let height = ledger.height + 1;
            let receipt = ledger.submit(transaction);
            let replayed = before.contains_key(&Subject::Transaction(transaction.id()).key());
            if replayed {
                prop_assert_eq!(&ledger.cells, &before);
                prop_assert!(receipt.height < height);
            } else {
                prop_assert_eq!(receipt.height, height);
                check_step(&before, &ledger.cells, transaction, receipt.outcome == Outcome::Applied, height);
            }
            check_state(&ledger);
        }
    }

    /// The keys that a transaction says it touches are all that matter: a node that loads only those has the state of one that has
    /// everything in memory.
    #[test]
    fn the_same_blocks_give_the_same_state_and_receipts(
        blocks in prop::collection::vec(prop::collection::vec(transaction(), 0..8), 1..8)
    ) {
        let (ledger, receipts) = run(&blocks, false);
        prop_assert_eq!(&run(&blocks, false), &(ledger.clone(), receipts.clone()));
        prop_assert_eq!(&run(&blocks, true), &(ledger, receipts));
    }

    #[test]
    fn decoding_never_panics_and_what_decodes_encodes_to_the_same_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(transaction) = canonical::decode::<Transaction>(&bytes, MAX_TRANSACTION_BYTES) {
            prop_assert_eq!(canonical::encode(&transaction), bytes);
        }
    }

    /// A changed byte of a real transaction: still one encoding, another id or another signature, and no panic in the state machine.
    #[test]
    fn a_changed_byte_never_panics_and_never_gives_a_second_encoding(
        transaction in transaction(), place: prop::sample::Index, bit in 0_u8..8, cut: bool
    ) {
        let mut bytes = canonical::encode(&transaction);
        let place = place.index(bytes.len());
        if cut { bytes.truncate(place) } else { bytes[place] ^= 1 << bit }
        if let Ok(changed) = canonical::decode::<Transaction>(&bytes, MAX_TRANSACTION_BYTES) {
            prop_assert!(!cut);
            prop_assert_eq!(&canonical::encode(&changed), &bytes);
            prop_assert!(changed.verify_signature().is_err());
            Ledger::new().submit(&changed);
        }
    }
}
