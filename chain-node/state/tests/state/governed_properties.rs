//! What holds on a governed ledger for every sequence of transactions, sensible or not.

use std::collections::BTreeMap;

use chain_state::touched;
use ledger::cell::Subject;
use ledger::governance::{AccreditationRecord, Change, Parameters, ProposalId};
use ledger::receipt::Outcome;
use ledger::records::AuthorityRecord;
use ledger::transaction::{Body, Transaction};
use proptest::prelude::*;

use crate::city::*;
use crate::ledger_in_memory::*;

/// One step: who acts, and at what. Proposals are named by their order.
#[derive(Clone, Debug)]
enum Step {
    Propose(u8, Box<Change>),
    Vote(u8, prop::sample::Index, bool),
    Enact(u8, prop::sample::Index),
    Withdraw(u8, prop::sample::Index),
    Leave(u8, u8),
    Attest(bool),
    Wait(u64),
}

fn change() -> impl Strategy<Value = Change> {
    let ledger = Ledger::governed(4);
    let id = || (0_u8..4).prop_map(|i| format!("m{i}").parse().unwrap());
    let kind = || prop_oneof![Just(RESIDENT.to_owned()), Just("urn:new".to_owned())];
    let issuer = prop_oneof![Just("police"), Just("civil")];
    let admission = (4_u8..7, 0_u8..4).prop_map(move |(i, by)| admit(&ledger, i, by, "c"));
    prop_oneof![
        3 => admission,
        2 => (0_u8..7).prop_map(|i| Change::RemoveValidator { name: format!("v{i}") }),
        2 => id().prop_map(Change::SuspendAuthority),
        1 => id().prop_map(Change::RestoreAuthority),
        2 => (issuer, kind()).prop_map(|(name, attestation_type)| Change::Accredit { authority: name.parse().unwrap(), attestation_type }),
        1 => kind().prop_map(Change::SuspendAccreditation),
        1 => kind().prop_map(Change::RestoreAccreditation),
        1 => kind().prop_map(Change::WithdrawAccreditation),
        1 => (1_u64..5).prop_map(|notice_blocks| Change::SetParameters(Parameters { notice_blocks, ..parameters() })),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let by = || 0_u8..4;
    let which = any::<prop::sample::Index>;
    prop_oneof![
        4 => (by(), change()).prop_map(|(by, change)| Step::Propose(by, Box::new(change))),
        8 => (by(), which(), prop::bool::weighted(0.85)).prop_map(|(by, which, approve)| Step::Vote(by, which, approve)),
        4 => (by(), which()).prop_map(|(by, which)| Step::Enact(by, which)),
        1 => (by(), which()).prop_map(|(by, which)| Step::Withdraw(by, which)),
        1 => (by(), 0_u8..7).prop_map(|(by, i)| Step::Leave(by, i)),
        1 => any::<bool>().prop_map(Step::Attest),
        2 => (1_u64..6).prop_map(Step::Wait),
    ]
}

/// The transaction of a step; `None` for a wait.
fn transaction(ledger: &mut Ledger, proposals: &[ProposalId], step: &Step) -> Option<Transaction> {
    let at = |which: &prop::sample::Index| {
        if proposals.is_empty() { ledger::transaction::TransactionId([0; 32]) } else { proposals[which.index(proposals.len())] }
    };
    let (by, body) = match step {
        Step::Propose(by, change) => (*by, Body::Propose((**change).clone())),
        Step::Vote(by, which, approve) => (*by, Body::Vote { proposal: at(which), approve: *approve }),
        Step::Enact(by, which) => (*by, Body::Enact { proposal: at(which) }),
        Step::Withdraw(by, which) => (*by, Body::Withdraw { proposal: at(which) }),
        Step::Leave(by, i) => (*by, Body::Leave { validator: format!("v{i}") }),
        Step::Attest(police_not_civil) => {
            let (name, key) = if *police_not_civil { ("police", POLICE) } else { ("civil", CIVIL) };
            let id = u8::try_from(ledger.height % 250).unwrap();
            let body = Body::RecordAttestations(vec![attestation(id, name, RESIDENT)]);
            return Some(ledger.transaction(from(name, key), key, body));
        }
        Step::Wait(blocks) => {
            ledger.height += blocks;
            return None;
        }
    };
    Some(ledger.transaction(member(by), member_key(by), body))
}

fn check(ledger: &Ledger) {
    let set = ledger.set();
    assert_eq!(set.check(), Ok(()), "the ledger has a set that works");
    assert!(ledger.record::<Parameters>(&Subject::Parameters).unwrap().1.check().is_ok());
    let in_set: Vec<u8> = (0..7).filter(|i| set.validators.iter().any(|validator| validator.key == public_of(*i))).collect();
    for i in 0..7 {
        let status = ledger.cells.get(&Subject::ConsensusKey(consensus_bytes(i)).key()).map(|(cell, _)| cell.status);
        assert_eq!(status == Some(0), in_set.contains(&i), "a key is in force exactly while it is of the set");
    }
    for name in [RESIDENT, MARITAL, "urn:new"] {
        let accredited = ledger.record::<AccreditationRecord>(&Subject::Accreditation(name.to_owned()));
        for id in ["police", "civil"] {
            let (_, record) = ledger.record::<AuthorityRecord>(&Subject::Authority(id.parse().unwrap())).unwrap();
            let in_force = accredited.as_ref().is_some_and(|(cell, it)| cell.status == 0 && it.authority.as_str() == id);
            assert_eq!(record.accredited_types.contains(&name.to_owned()), in_force, "{id}, {name}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    /// X008, I037: whatever the members do, the ledger is left with a configuration that works, and a refused transaction changes nothing;
    /// a node that reads only what it is asked to read has the state of one that has everything in memory.
    #[test]
    fn the_configuration_always_works_and_a_refused_transaction_changes_nothing(steps in prop::collection::vec(step(), 1..50)) {
        let mut ledger = Ledger::governed(4);
        let mut proposals = Vec::new();
        for step in &steps {
            let Some(transaction) = transaction(&mut ledger, &proposals, step) else { continue };
            let before: BTreeMap<_, _> = ledger.cells.clone();
            let mut everything = ledger.view(&before.keys().copied().collect::<Vec<_>>());
            let (expected, _) = ledger.apply(&mut everything, &ledger.context(), 0, &transaction);
            let mut narrow = ledger.view(&touched(&transaction));
            let (receipt, _) = ledger.apply(&mut narrow, &ledger.context(), 0, &transaction);
            prop_assert_eq!(&receipt, &expected);
            let writes = narrow.into_writes();
            prop_assert_eq!(&writes, &everything.into_writes());
            if receipt.outcome != Outcome::Applied {
                prop_assert_eq!(writes.len(), 1, "a refused transaction writes its receipt only");
            } else if matches!(transaction.unsigned.body, Body::Propose(_)) {
                proposals.push(transaction.id());
            }
            ledger.store(writes);
            ledger.height += 1;
            check(&ledger);
        }
    }
}
