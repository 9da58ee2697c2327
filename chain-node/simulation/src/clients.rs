//! The clients of a simulated ledger: each sends a transaction to one validator, waits until that validator has it final, and
//! after a while asks another one.

use crate::{
    cast,
    scenario::{Moment, Scenario},
    world::World,
};
use ledger::{
    Hash,
    transaction::{Transaction, TransactionId},
};
use std::collections::BTreeMap;

/// After how long a client gives its transaction to another validator.
const PATIENCE: Moment = Moment::seconds(5);

struct Sent {
    transaction: Transaction,
    sent_at: Moment,
    asked: Vec<(usize, Moment)>,
    /// Height and latency, once a validator that was asked has it.
    done: Option<(u64, Moment)>,
}

/// All clients of a run.
pub struct Clients {
    genesis: Hash,
    scenario: Scenario,
    sent: BTreeMap<u64, Sent>,
    next: u64,
}

impl Clients {
    /// Nobody has sent anything.
    pub fn new(scenario: &Scenario, genesis: Hash) -> Self {
        Self { genesis, scenario: scenario.clone(), sent: BTreeMap::new(), next: 0 }
    }

    /// Sends what is due at `now`, looks what is final, and asks again.
    pub async fn act(&mut self, world: &World, now: Moment) {
        while self.next * 1_000 < now.0 * self.scenario.rate {
            let number = self.next;
            self.next += 1;
            if let Some(place) = self.choose(world, now, number) {
                self.send(world, number, place, now).await;
            }
        }
        self.remind(world, now).await;
    }

    /// Brings somebody's transaction; the same again is the same.
    pub async fn bring(&mut self, world: &World, number: u64, transaction: Transaction, now: Moment) {
        self.sent.entry(number).or_insert(Sent { transaction, sent_at: now, asked: Vec::new(), done: None });
        if let Some(place) = self.choose(world, now, number) {
            self.ask(world, number, place, now).await;
        }
    }

    /// Looks what is final, and gives what is not to another validator after a while.
    pub async fn remind(&mut self, world: &World, now: Moment) {
        self.look(world);
        let waiting: Vec<u64> = self.sent.iter().filter(|(_, sent)| sent.is_due(now)).map(|(number, _)| *number).collect();
        for number in waiting {
            if let Some(place) = self.choose(world, now, number + now.0 / PATIENCE.0) {
                self.ask(world, number, place, now).await;
            }
        }
    }

    /// A client knows a validator that runs and is not cut off from the world; it does not know which ones lie.
    fn choose(&self, world: &World, now: Moment, number: u64) -> Option<usize> {
        let away = self.scenario.away(now);
        let there = (0..world.places()).filter(|place| !away.contains(place) && world.serves(*place));
        let there: Vec<usize> = there.collect();
        let choice = usize::try_from(number).ok()?.checked_rem(there.len())?;
        there.get(choice).copied()
    }

    async fn send(&mut self, world: &World, number: u64, place: usize, now: Moment) {
        let transaction = cast::create_identity(self.genesis, number);
        self.sent.insert(number, Sent { transaction, sent_at: now, asked: Vec::new(), done: None });
        self.ask(world, number, place, now).await;
    }

    async fn ask(&mut self, world: &World, number: u64, place: usize, now: Moment) {
        let (Some(sent), Some(node)) = (self.sent.get_mut(&number), world.node(place)) else { return };
        // A full pool is asked again later, as any other silence.
        let _ = node.submit(sent.transaction.clone()).await;
        sent.asked.push((place, now));
    }

    /// Notes what is final where its client asked.
    pub fn look(&mut self, world: &World) {
        for sent in self.sent.values_mut().filter(|sent| sent.done.is_none()) {
            let Some((height, by)) = world.log().finals(&sent.transaction.id().0) else { continue };
            let first = sent.asked.iter().filter_map(|(place, _)| by.get(place)).min();
            if let Some(at) = first {
                sent.done = Some((height, Moment(at.saturating_sub(sent.sent_at.0))));
            }
        }
    }

    /// Sends one more transaction to the first of these validators that is there.
    pub async fn probe(&mut self, world: &World, places: &[usize]) -> Option<Hash> {
        let place = places.iter().copied().find(|place| world.serves(*place))?;
        let number = u64::MAX;
        let (transaction, now) = (cast::create_identity(self.genesis, number), world.now());
        let id = transaction.id().0;
        self.sent.insert(number, Sent { transaction, sent_at: now, asked: Vec::new(), done: None });
        self.ask(world, number, place, now).await;
        Some(id)
    }

    /// How many were sent, and how many of them are final.
    pub fn counts(&self) -> (usize, usize) {
        (self.sent.len(), self.sent.values().filter(|sent| sent.done.is_some()).count())
    }

    /// What clients saw final, with its height.
    pub fn acknowledged(&self) -> Vec<(TransactionId, u64)> {
        self.sent.values().filter_map(|sent| Some((sent.transaction.id(), sent.done?.0))).collect()
    }

    /// From sending to final, for everything that became final, shortest first.
    pub fn latencies(&self) -> Vec<Moment> {
        let mut latencies: Vec<Moment> = self.sent.values().filter_map(|sent| Some(sent.done?.1)).collect();
        latencies.sort_unstable();
        latencies
    }
}

impl Sent {
    fn is_due(&self, now: Moment) -> bool {
        let asked = self.asked.last().map_or(self.sent_at, |(_, at)| *at);
        self.done.is_none() && now.0 >= asked.0 + PATIENCE.0
    }
}
