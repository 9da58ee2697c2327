//! How long a person waits for the wallet itself: opening it, the home with a thousand credentials, what answers a request, and what the
//! wallet adds to a login. Against the tests' city, whose ledger is a map and whose site and department are on loopback: so what is
//! measured is the wallet and not the network.
//!
//! `cargo bench -p wallet-core --bench speed`. `YUFU_CREDENTIALS=N` takes another number of credentials.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench may panic, and prints what it measured"
)]

#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../tests/it/city.rs"]
mod city;
#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../tests/it/issuer.rs"]
mod issuer;
#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../tests/it/ledger.rs"]
mod ledger;
#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../tests/it/site.rs"]
mod site;

use std::time::Duration;

use tokio::time::Instant;
use wallet_core::{Environment, Passphrase, Selection, Strength, Wallet};

use crate::city::{City, PASSPHRASE};
use crate::issuer::PIN;
use crate::site::Served;

const TIMES: usize = 20;

/// Prints the median of some times, and the longest.
fn tell(what: &str, limit: &str, mut times: Vec<Duration>) {
    times.sort();
    let (median, longest) = (times[times.len() / 2], times[times.len() - 1]);
    println!("{what}: {:.1} ms, at most {:.1} ms (limit: {limit})", 1e3 * median.as_secs_f64(), 1e3 * longest.as_secs_f64());
}

/// A request that was not answered before.
fn request(city: &City, number: usize) -> String {
    let mut claims = city.site.claims(&["family_name", "birth_date"]);
    claims["nonce"] = format!("nonce-nonce-nonce-nonce-{number:04}").into();
    city.site.serve(&number.to_string(), Served::Token(city.site.sign(&claims)))
}

async fn login(city: &City, wallet: &Wallet, number: usize) -> Duration {
    let link = request(city, number);
    let begun = Instant::now();
    let consent = wallet.open(&link).await.unwrap();
    wallet.approve(&consent, None).await.unwrap();
    begun.elapsed()
}

#[tokio::main]
async fn main() {
    let many = std::env::var("YUFU_CREDENTIALS").ok().and_then(|text| text.parse().ok()).unwrap_or(1000);
    let city = City::new().await;

    let passphrase = Passphrase::new(PASSPHRASE.to_owned());
    // By the system's clock: the city's stands still.
    let (dir, strength) = (city.dir.path().join("calibrated"), Strength::calibrated(&Environment::system()));
    println!("measured for this machine: {strength:?}");
    drop(Wallet::create(&dir, &passphrase, city.config(), strength, city.environment.clone()).unwrap());
    let unlock = |_| {
        let begun = Instant::now();
        drop(Wallet::unlock(&dir, &passphrase, city.environment.clone()).unwrap());
        begun.elapsed()
    };
    tell("opening the wallet", "300 to 1000 ms", (0..5).map(unlock).collect());

    let wallet = city.wallet_with_credential().await;
    let mut times = Vec::new();
    for number in 0..TIMES {
        times.push(login(&city, &wallet, number).await);
    }
    tell("a login with one credential, loopback and disk included", "50 ms for the wallet", times);

    for _ in 1..many {
        wallet.receive(&city.issuer.offer_link(), Some(PIN)).await.unwrap();
    }
    let home = |_| {
        let begun = Instant::now();
        assert_eq!(wallet.credentials().unwrap().len(), many);
        begun.elapsed()
    };
    tell(&format!("the home with {many} credentials"), "100 ms", (0..TIMES).map(home).collect());

    let link = request(&city, TIMES);
    let begun = Instant::now();
    let consent = wallet.open(&link).await.unwrap();
    let opened = begun.elapsed();
    assert_eq!(consent.view.questions[0].options.len(), many);
    println!("a request that all {many} answer, opened: {:.1} ms (each is looked up on the ledger)", 1e3 * opened.as_secs_f64());
    let choose = |_| {
        let begun = Instant::now();
        wallet.select(&consent, &Selection::default()).unwrap();
        begun.elapsed()
    };
    tell(&format!("matching it with {many} credentials that all answer"), "20 ms", (0..TIMES).map(choose).collect());
}
