//! One small run for each fault, the sizes at which quorums are decided, and what happens beyond the model.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, in its helpers too, and says what it ran"
)]

mod beyond;
mod forgetful;
mod liars;
mod matrix;
mod members;
mod modes;
mod replay;
mod sizes;
mod speed;
mod weather;

use chain_simulation::{Outcome, Scenario, scenario::Fault};

/// Runs a scenario and prints what it was, for whoever sees it fail.
fn outcome(seed: u64, validators: usize, seconds: u64, faults: &[&str]) -> Outcome {
    run(Scenario { seed, validators, seconds, faults: parsed(faults), ..Scenario::default() })
}

fn parsed(faults: &[&str]) -> Vec<Fault> {
    faults.iter().map(|text| text.parse().unwrap()).collect()
}

fn run(scenario: Scenario) -> Outcome {
    scenario.check().unwrap();
    println!("{scenario}");
    let outcome = chain_simulation::run(&scenario, |_| ()).unwrap();
    println!("{outcome}");
    outcome
}

/// The same, and no rule is broken.
fn holds(seed: u64, validators: usize, seconds: u64, faults: &[&str]) -> Outcome {
    let outcome = outcome(seed, validators, seconds, faults);
    assert_eq!(outcome.violations(), Default::default(), "{}", outcome.scenario);
    outcome
}

/// Places of those that somebody cut off.
fn cut_off(outcome: &Outcome) -> Vec<usize> {
    let mut places: Vec<usize> = outcome.cut_off.iter().map(|(_, to)| *to).collect();
    places.sort_unstable();
    places.dedup();
    places
}
