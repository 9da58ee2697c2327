//! A scenario drawn from a seed: the same one for the same seed, whatever the machine.
//!
//! Assumes nothing about the seed. What is drawn can happen, and promises what its mode says.

use crate::scenario::{Fault, Kind, Mode, Moment, Scenario};
use std::collections::BTreeSet;

/// The sizes that matter: one validator, n = 3f + 1 for small f and the reference city, and the two sizes above 3f + 1 at which a
/// literal 2f + 1 would let two quorums share liars only.
pub const SIZES: [usize; 7] = [1, 4, 7, 13, 20, 21, 22];

/// Numbers from a seed (SplitMix64: short, and the same everywhere).
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    /// The dice of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `low` to `high`, both possible.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.roll() % (high.saturating_sub(low) + 1)
    }

    /// So many of the places 0 … `of` − 1.
    pub fn some(&mut self, count: usize, of: usize) -> BTreeSet<usize> {
        let mut left: Vec<usize> = (0..of).collect();
        let mut chosen = BTreeSet::new();
        while chosen.len() < count && !left.is_empty() {
            let place = usize::try_from(self.roll()).unwrap_or(usize::MAX) % left.len();
            chosen.insert(left.swap_remove(place));
        }
        chosen
    }
}

/// The scenario of a seed, with at most `largest` validators.
pub fn scenario(seed: u64, largest: usize, mode: Mode) -> Scenario {
    let mut scenario = match mode {
        Mode::Liveness => lively(seed, largest),
        Mode::Safety => harsh(seed, largest),
    };
    // Dice of their own: the other faults of a seed are what they were before there were such changes.
    let mut dice = Dice::new(!seed);
    if dice.between(0, 2) == 0 {
        change_members(&mut dice, &mut scenario);
    }
    scenario
}

/// How many kinds there are beside the members' decisions, which are drawn apart.
const FAULTS: u64 = 19;

fn number(roll: u64, of: usize) -> usize {
    usize::try_from(roll).unwrap_or(usize::MAX) % of.max(1)
}

/// One main fault on at most f validators, and often a second one on the same, so that the whole stays within the model.
fn lively(seed: u64, largest: usize) -> Scenario {
    let mut dice = Dice::new(seed);
    let number = usize::try_from(seed % FAULTS).unwrap_or(0);
    let kind = Kind::ALL.get(number).copied().unwrap_or(Kind::Crash);
    // A lone validator has nobody to lie to, and nothing but its machine can fail.
    let smallest = if matches!(kind, Kind::Crash | Kind::SlowDisk | Kind::Clock) { 1 } else { 4 };
    let sizes: Vec<usize> = SIZES.into_iter().filter(|size| (smallest..=largest.max(4)).contains(size)).collect();
    let place = usize::try_from(dice.roll()).unwrap_or(usize::MAX) % sizes.len().max(1);
    let validators = sizes.get(place).copied().unwrap_or(4);
    let seconds = dice.between(12, 24);
    let mut scenario = Scenario {
        seed,
        validators,
        seconds,
        rate: dice.between(1, 4),
        mode: Mode::Liveness,
        latency_ms: dice.between(1, 60),
        jitter_ms: dice.between(0, 15),
        loss_percent: if dice.between(0, 3) == 0 { dice.between(1, 3) } else { 0 },
        guarded: true,
        epoch_blocks: None,
        faults: Vec::new(),
    };
    let tolerated = scenario.tolerated();
    let count = usize::try_from(dice.between(1, u64::try_from(tolerated.max(1)).unwrap_or(1))).unwrap_or(1);
    let who = dice.some(count, validators);
    scenario.faults.push(fault(&mut dice, kind, &who, seconds));
    if dice.between(0, 2) == 0 {
        let second = usize::try_from(dice.roll() % FAULTS).unwrap_or(0);
        let second = Kind::ALL.get(second).copied().unwrap_or(Kind::Crash);
        if second != kind && tolerated > 0 {
            scenario.faults.push(fault(&mut dice, second, &who, seconds));
        }
    }
    scenario
}

/// Two to five faults. Liars and the wiped are at most f, always the same ones; half of everything else happens to at most f, too, and half to
/// any number of validators; a third of it begins in the second half of the run and does not end.
fn harsh(seed: u64, largest: usize) -> Scenario {
    let mut dice = Dice::new(seed.rotate_left(32) ^ seed);
    // There is little to contradict in a ledger of one.
    let smallest = if dice.between(0, 7) == 0 { 1 } else { 4 };
    let sizes: Vec<usize> = SIZES.into_iter().filter(|size| (smallest..=largest.max(4)).contains(size)).collect();
    let validators = sizes.get(number(dice.roll(), sizes.len())).copied().unwrap_or(4);
    let seconds = dice.between(8, 20);
    let mut scenario = Scenario {
        seed,
        validators,
        seconds,
        rate: dice.between(1, 6),
        mode: Mode::Safety,
        latency_ms: dice.between(1, 120),
        jitter_ms: dice.between(0, 40),
        loss_percent: if dice.between(0, 2) == 0 { dice.between(1, 5) } else { 0 },
        guarded: true,
        epoch_blocks: None,
        faults: Vec::new(),
    };
    let liars = dice.some(scenario.tolerated(), validators);
    for place in 0..dice.between(2, 5) {
        let roll = if place == 0 { seed } else { dice.roll() };
        let kind = Kind::ALL.get(number(roll % FAULTS, Kind::ALL.len())).copied().unwrap_or(Kind::Crash);
        let who = if kind.is_byzantine() || kind == Kind::Wipe {
            liars.clone()
        } else {
            let most = if dice.between(0, 1) == 0 { scenario.tolerated().max(1) } else { validators };
            let count = number(dice.roll(), most) + 1;
            dice.some(count, validators)
        };
        if who.is_empty() {
            continue;
        }
        let mut fault = fault(&mut dice, kind, &who, seconds);
        if fault.until.is_some() && dice.between(0, 2) == 0 {
            fault.from = Moment(dice.between(seconds * 500, seconds * 1_000 - 500));
            fault.until = None;
        }
        scenario.faults.push(fault);
    }
    scenario
}

/// One to three members come, go or change keys in short epochs, often while a fault is on, and as often with one more around it: as long
/// as what the scenario promises stays promised.
fn change_members(dice: &mut Dice, scenario: &mut Scenario) {
    let (validators, end) = (scenario.validators, Moment::seconds(scenario.seconds).0);
    let faulty = scenario.unsafe_validators();
    scenario.epoch_blocks = Some(dice.between(4, 14));
    let mut newcomers = 0;
    for _ in 0..dice.between(1, 3) {
        let place = number(dice.roll(), validators);
        let (kind, place) = match dice.between(0, 3) {
            0 => (Kind::Remove, place),
            1 => (Kind::Rotate, place),
            // Rather somebody wicked: that is what members are removed for.
            2 => (Kind::Remove, faulty.first().copied().unwrap_or(place)),
            _ => (Kind::Admit, validators + newcomers),
        };
        let from = Moment(dice.between(500, end * 2 / 3));
        let amount = if kind == Kind::Admit { 0 } else { i64::from(dice.between(0, 1) == 0) };
        let who = BTreeSet::from([place]);
        if add(scenario, Fault { kind, who: who.clone(), from, until: None, amount }) {
            newcomers += usize::from(kind == Kind::Admit);
            if dice.between(0, 1) == 0 {
                // Whoever comes or goes fails about when it does.
                let kinds = [Kind::Crash, Kind::Wipe, Kind::Partition, Kind::Deaf, Kind::Silent, Kind::Far];
                let kind = kinds.get(number(dice.roll(), kinds.len())).copied().unwrap_or(Kind::Crash);
                let from = Moment(from.0 + dice.between(0, 3_000).min(end - from.0 - 1));
                let until = Some(Moment(from.0 + dice.between(200, 4_000)));
                add(scenario, Fault { kind, who, from, until, amount: kind.usual_amount() });
            }
        }
    }
}

/// Adds it, unless it could not happen or would take back what is promised.
fn add(scenario: &mut Scenario, fault: Fault) -> bool {
    scenario.faults.push(fault);
    let lively = || scenario.away_at_the_end().len() <= scenario.tolerated_at_the_end();
    let fits = scenario.check().is_ok() && scenario.is_safe() && (scenario.mode == Mode::Safety || lively());
    if !fits {
        scenario.faults.pop();
    }
    fits
}

fn fault(dice: &mut Dice, kind: Kind, who: &BTreeSet<usize>, seconds: u64) -> Fault {
    let end = Moment::seconds(seconds).0;
    let from = Moment(if kind.is_byzantine() { 0 } else { dice.between(1_000, end / 2) });
    let until = (!kind.is_byzantine()).then(|| Moment(dice.between(from.0 + 500, end)));
    let amount = match kind {
        Kind::Clock => i64::try_from(dice.between(1, 118)).unwrap_or(59) - 59,
        Kind::Lossy => i64::try_from(dice.between(1, 30)).unwrap_or(5),
        Kind::Far => i64::try_from(dice.between(50, 300)).unwrap_or(125),
        Kind::SlowDisk => i64::try_from(dice.between(1, 30)).unwrap_or(20),
        // In half of them the guard is lost too; without a roll, so that the other faults of a seed stay what they were.
        Kind::Wipe => i64::try_from(from.0 % 2).unwrap_or(0),
        Kind::Late => i64::try_from(dice.between(200, 5_000)).unwrap_or(2_500),
        kind => kind.usual_amount(),
    };
    Fault { kind, who: who.clone(), from, until, amount }
}
