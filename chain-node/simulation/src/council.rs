//! The members of a governed ledger: they propose, vote on and enact the changes that a scenario has.
//!
//! Each change is proposed by an authority at its time, or once its newcomer is admitted; all others vote; after the notice it is
//! enacted. Their transactions go the way of any client's, and are sent again when they are lost. What the ledger refuses breaks a rule.

use crate::{
    cast,
    clients::Clients,
    log::Rule,
    scenario::{Change, Moment, Scenario},
    world::{World, WorldError},
};
use ledger::{
    Hash,
    cell::Subject,
    governance::{ProposalRecord, Stage},
    limits::MAX_RECORD_BYTES,
    receipt::Outcome,
    records::AuthorityId,
    transaction::{Body, TransactionId},
};
use std::collections::BTreeSet;

/// Transactions of the council have numbers from here on: clients' stay below.
const FIRST_NUMBER: u64 = 1 << 40;

/// How far a change is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Its time has not come.
    Waiting,
    /// It is proposed, and others vote once that is final.
    Proposed(TransactionId),
    /// They vote.
    Voting(TransactionId),
    /// It is being put into effect.
    Enacting(TransactionId),
    /// It is in force from this epoch on.
    InForce(u64),
    /// The ledger refused it.
    Refused,
}

/// A change that was decided: in force from an epoch on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decided {
    /// What.
    pub change: Change,
    /// From which epoch on.
    pub epoch: u64,
}

/// Those who decide.
pub struct Council {
    genesis: Hash,
    scenario: Scenario,
    authorities: BTreeSet<AuthorityId>,
    /// One of those who stay.
    proposer: Option<AuthorityId>,
    cases: Vec<(Change, Step)>,
    next: u64,
}

impl Council {
    /// Nothing is decided yet.
    pub fn new(scenario: &Scenario, genesis: Hash) -> Self {
        let validators = cast::genesis(scenario).validators;
        let changes = scenario.changes();
        let removed = |place: usize| changes.iter().any(|change| change.place == place && change.successor.is_none());
        let proposer = validators.iter().enumerate().find(|(place, _)| !removed(*place)).map(|(_, stays)| stays.authority);
        Self {
            genesis,
            scenario: scenario.clone(),
            authorities: validators.iter().map(|validator| validator.authority).collect(),
            proposer,
            cases: changes.into_iter().map(|change| (change, Step::Waiting)).collect(),
            next: FIRST_NUMBER,
        }
    }

    /// Everything that was decided so far.
    pub fn decided(&self) -> Vec<Decided> {
        let decided = self.cases.iter().filter_map(|(change, step)| match step {
            Step::InForce(epoch) => Some(Decided { change: *change, epoch: *epoch }),
            Step::Waiting | Step::Proposed(_) | Step::Voting(_) | Step::Enacting(_) | Step::Refused => None,
        });
        decided.collect()
    }

    /// The changes that are not.
    pub fn undecided(&self) -> Vec<Change> {
        let open = self.cases.iter().filter(|(_, step)| !matches!(step, Step::InForce(_)));
        open.map(|(change, _)| *change).collect()
    }

    /// The epoch from which on every change is in force, once all are decided.
    pub fn settled_in(&self) -> Option<u64> {
        self.undecided().is_empty().then(|| self.decided().iter().map(|decided| decided.epoch).max().unwrap_or(0))
    }

    /// Whether something was sent to be put into effect, and is not seen to be.
    pub fn is_enacting(&self) -> bool {
        self.cases.iter().any(|(_, step)| matches!(step, Step::Enacting(_)))
    }

    /// Notes what has come into force, and does nothing more.
    pub async fn look(&mut self, world: &World) {
        for (change, step) in &mut self.cases {
            if let Step::Enacting(enactment) = *step {
                *step = enacted(world, change, enactment).await;
            }
        }
    }

    /// Goes one step further with every change that is due.
    ///
    /// # Errors
    /// When the simulated network is gone.
    pub async fn act(&mut self, world: &mut World, clients: &mut Clients, now: Moment) -> Result<(), WorldError> {
        for number in 0..self.cases.len() {
            let Some((change, step)) = self.cases.get(number).copied() else { continue };
            let after = self.step(world, clients, now, (change, step)).await?;
            if let Some((_, kept)) = self.cases.get_mut(number) {
                *kept = after;
            }
        }
        Ok(())
    }

    async fn step(
        &mut self,
        world: &mut World,
        clients: &mut Clients,
        now: Moment,
        (change, step): (Change, Step),
    ) -> Result<Step, WorldError> {
        Ok(match step {
            Step::Waiting if now < change.at || !self.may_propose(&change) => step,
            Step::Waiting => {
                if let Some(newcomer) = change.newcomer() {
                    world.bear(newcomer).await?;
                }
                let body = Body::Propose(cast::change(&self.scenario, self.genesis, &change));
                let Some(proposer) = self.proposer else { return Ok(Step::Refused) };
                Step::Proposed(self.send(world, clients, (proposer, body), now).await)
            }
            Step::Proposed(proposal) => match outcome(world, &proposal).await {
                None => step,
                Some((_, Outcome::Applied)) => {
                    for voter in self.authorities.clone() {
                        if Some(voter) != self.proposer {
                            // A ballot that comes when it is decided is refused, as it should be.
                            self.send(world, clients, (voter, Body::Vote { proposal, approve: true }), now).await;
                        }
                    }
                    Step::Voting(proposal)
                }
                Some((_, refused)) => refuse(world, &change, &refused),
            },
            Step::Voting(proposal) => match approved_at(world, &proposal).await {
                Some(height) if world.height() >= height + cast::NOTICE_BLOCKS => {
                    let Some(proposer) = self.proposer else { return Ok(Step::Refused) };
                    Step::Enacting(self.send(world, clients, (proposer, Body::Enact { proposal }), now).await)
                }
                Some(_) | None => step,
            },
            Step::Enacting(enactment) => enacted(world, &change, enactment).await,
            Step::InForce(_) | Step::Refused => step,
        })
    }

    /// Who is not admitted yet cannot go.
    fn may_propose(&self, change: &Change) -> bool {
        change.newcomer() == Some(change.place)
            || self.cases.iter().all(|(other, step)| other.newcomer() != Some(change.place) || matches!(step, Step::InForce(_)))
    }

    async fn send(
        &mut self,
        world: &World,
        clients: &mut Clients,
        (authority, body): (AuthorityId, Body),
        now: Moment,
    ) -> TransactionId {
        let number = self.next;
        self.next += 1;
        let transaction = cast::act(self.genesis, authority, number, body);
        let id = transaction.id();
        clients.bring(world, number, transaction, now).await;
        id
    }
}

async fn enacted(world: &World, change: &Change, enactment: TransactionId) -> Step {
    match outcome(world, &enactment).await {
        None => Step::Enacting(enactment),
        Some((height, Outcome::Applied)) => Step::InForce(world.epoch_of(height) + 1),
        Some((_, refused)) => refuse(world, change, &refused),
    }
}

fn refuse(world: &World, change: &Change, outcome: &Outcome) -> Step {
    let what = format!("the ledger refused to {} validator {}: {outcome:?}", change.kind, change.place);
    world.log().breaks(Rule::Members, what);
    Step::Refused
}

/// Height and outcome of a final transaction, as the validator that is ahead has it.
async fn outcome(world: &World, id: &TransactionId) -> Option<(u64, Outcome)> {
    let receipt = world.foremost()?.receipt(id).await?;
    Some((receipt.height, receipt.outcome))
}

/// The height at which a proposal was approved, if it was.
async fn approved_at(world: &World, proposal: &TransactionId) -> Option<u64> {
    let node = world.foremost()?;
    let cell = node.cell(&Subject::Proposal(*proposal)).await?;
    let body = node.body(&cell).await;
    let record: ProposalRecord = ledger::canonical::decode(&body, MAX_RECORD_BYTES).ok()?;
    match record.stage {
        Stage::Approved { height } => Some(height),
        Stage::Open | Stage::Rejected { .. } | Stage::Withdrawn { .. } | Stage::Enacted { .. } => None,
    }
}
