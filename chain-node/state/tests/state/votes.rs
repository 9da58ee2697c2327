//! Votes: who decides, how many it takes, and when.

use ledger::cell::Subject;
use ledger::governance::{
    AccreditationRecord, Change, ConsensusKeyRecord, Fraction, Parameters, Placement, ProposalRecord, Stage,
};
use ledger::receipt::{Outcome, Refusal};
use ledger::transaction::Body;

use crate::city::*;
use crate::ledger_in_memory::*;

fn admission() -> Change {
    Change::AdmitAuthority(authority("health", 90))
}

#[test]
fn a_governed_ledger_begins_with_its_set_parameters_accreditations_and_consensus_keys() {
    let ledger = Ledger::governed(4);
    assert_eq!(ledger.set(), ledger.genesis.validator_set());
    assert_eq!(ledger.record::<Parameters>(&Subject::Parameters).unwrap().1, parameters());
    let (cell, record) = ledger.record::<AccreditationRecord>(&Subject::Accreditation(RESIDENT.to_owned())).unwrap();
    assert_eq!((cell.status, record), (0, AccreditationRecord { authority: "police".parse().unwrap() }));
    let (cell, record) = ledger.record::<ConsensusKeyRecord>(&Subject::ConsensusKey(consensus_bytes(3))).unwrap();
    let expected = ConsensusKeyRecord { validator: "v3".to_owned(), authority: "m3".parse().unwrap() };
    assert_eq!((cell.status, cell.created_height, record), (0, 0, expected));
    // Seven authorities, four keys, two types, the set and the parameters.
    assert_eq!(ledger.cells.len(), 7 + 4 + 2 + 2);
}

/// Z013, N052, N053: m of n; a ledger with one member is approved by that one. For every number of voters up to 22, the ballot that reaches the share approves, and none before it.
#[test]
fn exactly_the_share_of_the_voters_approves() {
    for (numerator, denominator) in [(2, 3), (1, 1), (3, 4), (51, 100)] {
        let approval = Fraction { numerator, denominator };
        for voters in 1..=22_u8 {
            let mut ledger = Ledger::of(governed_genesis(voters, Parameters { approval, ..parameters() }));
            let proposal = ledger.propose(0, admission());
            let mut approvals = 1_u8;
            let enough =
                |approvals: u8| u16::from(approvals) * u16::from(denominator) >= u16::from(numerator) * u16::from(voters);
            while !enough(approvals) {
                assert_eq!(ledger.stage(proposal), Stage::Open, "{approvals} of {voters} approve with {approval:?}");
                assert_eq!(ledger.vote(approvals, proposal, true), Outcome::Applied);
                approvals += 1;
            }
            assert_eq!(
                ledger.stage(proposal),
                Stage::Approved { height: ledger.height },
                "{approvals} of {voters}: {approval:?}"
            );
        }
    }
}

/// Z013: a proposal that can no longer be approved is rejected at once, by every number of voters.
#[test]
fn as_many_refusals_as_make_approval_impossible_reject() {
    for voters in 2..=22_u8 {
        let mut ledger = Ledger::of(governed_genesis(voters, parameters()));
        let proposal = ledger.propose(0, admission());
        let needed = TWO_THIRDS.needed(usize::from(voters));
        for against in 1..=voters - 1 {
            if ledger.stage(proposal) != Stage::Open {
                break;
            }
            assert_eq!(ledger.vote(against, proposal, false), Outcome::Applied);
            let rejected = usize::from(voters - against) < needed;
            assert_eq!(ledger.stage(proposal) != Stage::Open, rejected, "{against} of {voters} are against");
        }
        assert!(matches!(ledger.stage(proposal), Stage::Rejected { .. }));
        assert_eq!(ledger.vote(voters - 1, proposal, true), Outcome::Refused(Refusal::ProposalClosed));
    }
}

/// Z013: two phases: nothing takes effect before it is approved, nor before its notice is over, and nothing twice.
#[test]
fn an_approved_proposal_takes_effect_after_its_notice_and_once() {
    let mut ledger = Ledger::governed(4);
    let health = Subject::Authority("health".parse().unwrap());
    let proposal = ledger.propose(0, admission());
    let enact = || Body::Enact { proposal };
    assert_eq!(ledger.refused(member(0), member_key(0), enact()), Refusal::ProposalClosed);
    ledger.vote(1, proposal, true);
    ledger.vote(2, proposal, true);
    let approved_at = ledger.height;
    assert_eq!(ledger.stage(proposal), Stage::Approved { height: approved_at });
    while ledger.height + 1 < approved_at + NOTICE {
        assert_eq!(ledger.refused(member(3), member_key(3), enact()), Refusal::NoticeNotOver);
        assert!(!ledger.cells.contains_key(&health.key()));
    }
    // Whoever is an authority may enact: the members have decided.
    ledger.applied(police(), POLICE, enact());
    assert_eq!(ledger.stage(proposal), Stage::Enacted { height: ledger.height });
    assert_eq!(ledger.height, approved_at + NOTICE);
    assert!(ledger.cells.contains_key(&health.key()));
    assert_eq!(ledger.refused(member(0), member_key(0), enact()), Refusal::ProposalClosed);
}

#[test]
fn a_proposal_that_nobody_decides_or_enacts_in_time_is_over() {
    let mut ledger = Ledger::governed(4);
    let open = ledger.propose(0, admission());
    let proposed_at = ledger.height;
    ledger.height = proposed_at + VOTING - 1;
    assert_eq!(ledger.clone().vote(1, open, true), Outcome::Applied, "the last block for a ballot");
    ledger.height += 1;
    assert_eq!(ledger.vote(1, open, true), Outcome::Refused(Refusal::ProposalClosed));

    let approved = ledger.approved(admission());
    ledger.height += NOTICE + VOTING - 1;
    assert_eq!(ledger.clone().send(member(0), member_key(0), Body::Enact { proposal: approved }), Outcome::Applied);
    ledger.height += 1;
    let late = ledger.refused(member(0), member_key(0), Body::Enact { proposal: approved });
    assert_eq!(late, Refusal::ProposalClosed);
}

/// Z013: one ballot each, for good; only who runs a validator has one.
#[test]
fn a_ballot_is_cast_once_and_only_by_who_runs_a_validator() {
    let mut ledger = Ledger::governed(4);
    let proposal = ledger.propose(0, admission());
    assert_eq!(ledger.refused(police(), POLICE, Body::Propose(admission())), Refusal::NotAVoter);
    assert_eq!(ledger.refused(police(), POLICE, Body::Vote { proposal, approve: true }), Refusal::NotAVoter);
    for approve in [true, false] {
        let again = Body::Vote { proposal, approve };
        assert_eq!(ledger.refused(member(0), member_key(0), again), Refusal::AlreadyVoted, "the proposal was the ballot");
    }
    ledger.vote(1, proposal, false);
    assert_eq!(ledger.vote(1, proposal, true), Outcome::Refused(Refusal::AlreadyVoted));
    let unknown = Body::Vote { proposal: ledger::transaction::TransactionId([9; 32]), approve: true };
    assert_eq!(ledger.refused(member(1), member_key(1), unknown), Refusal::NotFound);
    let (_, record) = ledger.record::<ProposalRecord>(&Subject::Proposal(proposal)).unwrap();
    let cast: Vec<_> = record.ballots.iter().map(|ballot| (ballot.authority.to_string(), ballot.approve)).collect();
    assert_eq!(cast, [("m0".to_owned(), true), ("m1".to_owned(), false)], "recorded, in order");
}

#[test]
fn only_its_proposer_withdraws_a_proposal_and_only_before_it_took_effect() {
    let mut ledger = Ledger::governed(4);
    let proposal = ledger.approved(admission());
    let withdraw = || Body::Withdraw { proposal };
    assert_eq!(ledger.refused(member(1), member_key(1), withdraw()), Refusal::NotOwner);
    let mut enacted = ledger.clone();
    assert_eq!(enacted.enact(proposal), Outcome::Applied);
    assert_eq!(enacted.refused(member(0), member_key(0), withdraw()), Refusal::ProposalClosed);
    ledger.applied(member(0), member_key(0), withdraw());
    assert_eq!(ledger.refused(member(0), member_key(0), withdraw()), Refusal::ProposalClosed);
    assert_eq!(ledger.enact(proposal), Outcome::Refused(Refusal::ProposalClosed));
}

/// A ballot counts while its authority runs a validator.
#[test]
fn the_ballot_of_a_member_that_left_does_not_count() {
    let mut ledger = Ledger::governed(4);
    let proposal = ledger.propose(0, admission());
    ledger.vote(1, proposal, true);
    ledger.applied(member(1), member_key(1), Body::Leave { validator: "v1".to_owned() });
    // Two of the three that are left: v1's ballot is one of none.
    assert_eq!(ledger.vote(2, proposal, true), Outcome::Applied);
    assert!(matches!(ledger.stage(proposal), Stage::Approved { .. }));
    let (_, record) = ledger.record::<ProposalRecord>(&Subject::Proposal(proposal)).unwrap();
    assert_eq!(record.ballots.len(), 3);
    let mut other = Ledger::governed(4);
    let proposal = other.propose(0, admission());
    other.applied(member(0), member_key(0), Body::Leave { validator: "v0".to_owned() });
    other.vote(1, proposal, true);
    assert_eq!(other.stage(proposal), Stage::Open, "one of three counts, not two");
}

/// N019, I037, I054, Z018: parameters change by a vote; what no ledger could work with is refused when it is proposed.
#[test]
fn parameters_change_by_a_vote_and_hold_from_then_on() {
    let mut ledger = Ledger::governed(3);
    let all = Parameters { approval: Fraction { numerator: 1, denominator: 1 }, notice_blocks: 1, ..parameters() };
    assert_eq!(ledger.no_proposal(Change::SetParameters(parameters())), Refusal::BadConfiguration, "nothing would change");
    let bad: [fn(&mut Parameters); 7] = [
        |p| p.approval = Fraction { numerator: 1, denominator: 2 },
        |p| p.approval = Fraction { numerator: 3, denominator: 2 },
        |p| p.approval = Fraction { numerator: 0, denominator: 0 },
        |p| p.voting_blocks = 0,
        |p| p.notice_blocks = 0,
        |p| p.voting_blocks = 1_000_001,
        |p| p.notice_blocks = u64::MAX,
    ];
    for change in bad {
        let mut parameters = parameters();
        change(&mut parameters);
        assert_eq!(ledger.no_proposal(Change::SetParameters(parameters)), Refusal::Malformed);
    }
    ledger.decided(Change::SetParameters(all.clone()));
    assert_eq!(ledger.record::<Parameters>(&Subject::Parameters).unwrap().1, all);
    let proposal = ledger.propose(0, admission());
    ledger.vote(1, proposal, true);
    assert_eq!(ledger.stage(proposal), Stage::Open, "two of three are no longer enough");
    ledger.vote(2, proposal, true);
    ledger.applied(member(0), member_key(0), Body::Enact { proposal });
    // Three validators tolerate none: no cluster may hold even one.
    let enforced = Parameters { placement: Placement::Enforced, ..all };
    assert_eq!(ledger.no_proposal(Change::SetParameters(enforced)), Refusal::PlacementBroken);
}

/// A ledger without governance stays as its genesis made it.
#[test]
fn a_ledger_without_governance_refuses_every_kind_of_it() {
    let mut ledger = Ledger::new();
    let proposal = ledger::transaction::TransactionId([9; 32]);
    let bodies = [
        Body::Propose(Change::SetParameters(parameters())),
        Body::Vote { proposal, approve: true },
        Body::Enact { proposal },
        Body::Withdraw { proposal },
        Body::Leave { validator: "one".to_owned() },
    ];
    for body in bodies {
        assert_eq!(ledger.refused(tax(), TAX, body), Refusal::NotGoverned);
    }
}
