//! Finality as a client sees it: four validators as processes on loopback, idle, under load, and with one of them dead.
//!
//! `cargo bench -p chain-node --bench finality`. Every transaction has its own key, so every signature is checked.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measurement ends by panicking, and its result is what it prints"
)]
#![expect(dead_code, reason = "the city is made for the tests")]

#[path = "../tests/network/city.rs"]
mod city;

use crate::city::City;
use ledger::transaction::Transaction;
use std::time::Duration;
use tokio::time::Instant;

const VALIDATORS: usize = 4;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(measure());
}

async fn measure() {
    let mut city = City::start(VALIDATORS).await;
    println!("resident memory after start: {:?} MiB", city.resident_mib());
    print("idle, one transaction at a time", one_by_one(&city, "idle", 100).await);
    let (rate, waits) = load(&city, 64, 40).await;
    print(&format!("64 clients at once, {rate:.0} transactions/s"), waits);
    println!("resident memory after load: {:?} MiB", city.resident_mib());
    city.kill(3).await;
    print("one validator killed a moment ago", one_by_one(&city, "first", 20).await);
    print("one validator dead for a while", one_by_one(&city, "then", 100).await);
}

/// Transactions one after the other, with pauses so that the ledger is idle in between.
async fn one_by_one(city: &City, word: &str, count: usize) -> Vec<Duration> {
    let mut waits = Vec::new();
    for number in 0..count {
        let (transaction, _) = city.new_identity(&format!("{word} {number}")).await;
        tokio::time::sleep(Duration::from_millis(100 + 37 * (u64::try_from(number).unwrap() % 11))).await;
        waits.push(finality(city, number % 3, &transaction).await);
    }
    waits
}

async fn load(city: &City, clients: usize, each: usize) -> (f64, Vec<Duration>) {
    let mut prepared = Vec::new();
    for client in 0..clients {
        let mut own = Vec::new();
        for number in 0..each {
            own.push(city.new_identity(&format!("load {client} {number}")).await.0);
        }
        prepared.push(own);
    }
    let started = Instant::now();
    let clients = prepared.iter().enumerate().map(async |(client, own)| {
        let mut waits = Vec::new();
        for transaction in own {
            waits.push(finality(city, client % VALIDATORS, transaction).await);
        }
        waits
    });
    let waits: Vec<Duration> = futures::future::join_all(clients).await.into_iter().flatten().collect();
    let count = u32::try_from(waits.len()).unwrap();
    (f64::from(count) / started.elapsed().as_secs_f64(), waits)
}

async fn finality(city: &City, place: usize, transaction: &Transaction) -> Duration {
    let started = Instant::now();
    city.finalize(place, transaction).await;
    started.elapsed()
}

fn print(what: &str, mut waits: Vec<Duration>) {
    waits.sort_unstable();
    let at = |percent: usize| waits[(waits.len() * percent / 100).min(waits.len() - 1)].as_millis();
    println!("{what}: p50 {} ms, p99 {} ms, longest {} ms", at(50), at(99), at(100));
}
