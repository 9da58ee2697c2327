//! A governed ledger in memory: members `m0`, `m1`, … who run one validator each, and their ways to decide.

use identity::{Algorithm, Localized};
use identity::{PublicKey, SecretKey, Signature};
use ledger::cell::Subject;
use ledger::genesis::{Genesis, Validator};
use ledger::governance::{
    Admission, Change, Fraction, Governance, Parameters, Placement, ProposalId, ProposalRecord, Stage, ValidatorSet,
};
use ledger::receipt::{Outcome, Refusal};
use ledger::records::AuthorityRecord;
use ledger::transaction::{Body, Sender};

use crate::ledger_in_memory::*;

pub(crate) const TWO_THIRDS: Fraction = Fraction { numerator: 2, denominator: 3 };
pub(crate) const VOTING: u64 = 60;
pub(crate) const NOTICE: u64 = 3;

pub(crate) fn parameters() -> Parameters {
    Parameters { approval: TWO_THIRDS, voting_blocks: VOTING, notice_blocks: NOTICE, placement: Placement::Advisory }
}

/// The ledger key of member `i`.
pub(crate) fn member_key(i: u8) -> u8 {
    10 + i
}

pub(crate) fn member(i: u8) -> Sender {
    from(&format!("m{i}"), member_key(i))
}

/// The consensus key with this number.
pub(crate) fn consensus(i: u8) -> SecretKey {
    SecretKey::from_bytes(Algorithm::Ed25519, &[100 + i; 32]).unwrap()
}

pub(crate) fn consensus_bytes(i: u8) -> [u8; 32] {
    consensus(i).public_key().as_bytes().try_into().unwrap()
}

/// Validator `v{i}` of member `m{authority}` in a cluster, with the consensus key `i`.
pub(crate) fn validator(i: u8, authority: u8, cluster: &str) -> Validator {
    Validator {
        name: format!("v{i}"),
        authority: format!("m{authority}").parse().unwrap(),
        key: consensus(i).public_key(),
        cluster: cluster.to_owned(),
        address: Some(format!("10.0.0.{i}:9000")),
    }
}

pub(crate) fn authority(id: &str, key: u8) -> AuthorityRecord {
    AuthorityRecord {
        id: id.parse().unwrap(),
        name: Localized::new("某局", "A bureau"),
        ledger_keys: vec![public(key)],
        credential_keys: Vec::new(),
        reader_key: None,
        issuer_url: None,
        accredited_types: Vec::new(),
        may_sponsor: false,
    }
}

pub(crate) fn governed_genesis(members: u8, parameters: Parameters) -> Genesis {
    let mut authorities: Vec<AuthorityRecord> = (0..members).map(|i| authority(&format!("m{i}"), member_key(i))).collect();
    // Whoever is here besides: issuers and a sponsor that run no validator.
    authorities.extend(a_genesis("").authorities);
    Genesis {
        validators: (0..members).map(|i| validator(i, i, &format!("c{i}"))).collect(),
        authorities,
        governance: Some(Governance { epoch_blocks: 10, parameters }),
        ..a_genesis("Governed")
    }
}

/// What the key `i` signs to stand for the validator.
pub(crate) fn proof(ledger: &Ledger, validator: &Validator, key: u8) -> Signature {
    let admission = Admission { genesis: ledger.genesis.hash(), name: validator.name.clone(), authority: validator.authority };
    admission.sign(&consensus(key))
}

pub(crate) fn admit(ledger: &Ledger, i: u8, authority: u8, cluster: &str) -> Change {
    let validator = validator(i, authority, cluster);
    let proof = proof(ledger, &validator, i);
    Change::AdmitValidator { validator, proof }
}

pub(crate) fn public_of(i: u8) -> PublicKey {
    consensus(i).public_key()
}

impl Ledger {
    pub(crate) fn governed(members: u8) -> Self {
        Self::of(governed_genesis(members, parameters()))
    }

    pub(crate) fn propose(&mut self, by: u8, change: Change) -> ProposalId {
        let transaction = self.transaction(member(by), member_key(by), Body::Propose(change));
        assert_eq!(self.submit(&transaction).outcome, Outcome::Applied);
        transaction.id()
    }

    pub(crate) fn no_proposal(&mut self, change: Change) -> Refusal {
        self.refused(member(0), member_key(0), Body::Propose(change))
    }

    pub(crate) fn vote(&mut self, by: u8, proposal: ProposalId, approve: bool) -> Outcome {
        self.send(member(by), member_key(by), Body::Vote { proposal, approve })
    }

    pub(crate) fn stage(&self, proposal: ProposalId) -> Stage {
        self.record::<ProposalRecord>(&Subject::Proposal(proposal)).unwrap().1.stage
    }

    pub(crate) fn set(&self) -> ValidatorSet {
        self.record(&Subject::Validators).unwrap().1
    }

    /// Votes until the proposal is approved.
    pub(crate) fn approved(&mut self, change: Change) -> ProposalId {
        let proposal = self.propose(0, change);
        for voter in 1.. {
            if self.stage(proposal) != Stage::Open {
                break;
            }
            assert_eq!(self.vote(voter, proposal, true), Outcome::Applied);
        }
        proposal
    }

    /// Lets the notice pass, and enacts.
    pub(crate) fn enact(&mut self, proposal: ProposalId) -> Outcome {
        self.height += NOTICE;
        self.send(member(0), member_key(0), Body::Enact { proposal })
    }

    /// The members decide, and the change takes effect.
    pub(crate) fn decided(&mut self, change: Change) {
        let proposal = self.approved(change);
        assert_eq!(self.enact(proposal), Outcome::Applied);
    }
}
