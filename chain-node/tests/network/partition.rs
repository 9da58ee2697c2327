//! Validators in network namespaces of their own, between which single directions are cut while all processes go on (`ip` and `nft`; these
//! tests need root).

use crate::city::{City, digest, header};
use ledger::{receipt::Outcome, transaction::Transaction};
use std::{
    process::{self, Command},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{Mutex, MutexGuard},
    time::Instant,
};

/// Validators of each city here.
const VALIDATORS: usize = 4;
/// The benchmarking range of RFC 2544, which no network routes.
const NETWORK: &str = "198.18.77";
/// The last number of the test's own address.
const TEST: usize = 1;

/// A bridge with a leg for each validator, and one for the test. It goes with the test.
#[derive(Clone)]
struct Net(Arc<Wires>);

struct Wires {
    bridge: String,
    /// All of these networks have the same addresses: one at a time.
    _alone: MutexGuard<'static, ()>,
}

static ALONE: Mutex<()> = Mutex::const_new(());

fn must(words: &str) {
    let words: Vec<&str> = words.split(' ').collect();
    let output = Command::new(words[0]).args(&words[1..]).output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}; `cargo city-test` installs it", words[0]));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} failed (network namespaces need root): {said}", words.join(" "));
}

fn address(place: usize) -> String {
    format!("{NETWORK}.{}", 10 + place)
}

impl Net {
    async fn new() -> Self {
        let bridge = format!("yufu{}", process::id() % 100_000);
        let net = Self(Arc::new(Wires { bridge: bridge.clone(), _alone: ALONE.lock().await }));
        must(&format!("ip link add {bridge} type bridge"));
        must(&format!("ip address add {NETWORK}.{TEST}/24 dev {bridge}"));
        must(&format!("ip link set {bridge} up"));
        for place in 0..VALIDATORS {
            let (space, leg) = (net.space(place), format!("{bridge}v{place}"));
            must(&format!("ip netns add {space}"));
            must(&format!("ip link add {leg} type veth peer name eth0 netns {space}"));
            must(&format!("ip link set {leg} master {bridge} up"));
            must(&format!("ip -netns {space} address add {}/24 dev eth0", address(place)));
            must(&format!("ip -netns {space} link set lo up"));
            must(&format!("ip -netns {space} link set eth0 up"));
            must(&format!("ip netns exec {space} nft add table inet cut"));
            must(&format!("ip netns exec {space} nft add chain inet cut arriving {{ type filter hook input priority 0 ; }}"));
        }
        net
    }

    fn space(&self, place: usize) -> String {
        format!("{}n{place}", self.0.bridge)
    }

    /// What is sent from one to the other does not arrive.
    fn deafen(&self, hearer: usize, speaker: usize) {
        let rule = format!("nft add rule inet cut arriving ip saddr {} drop", address(speaker));
        must(&format!("ip netns exec {} {rule}", self.space(hearer)));
    }

    /// Nothing passes between these and the others, in either direction.
    fn split(&self, these: &[usize]) {
        for one in 0..VALIDATORS {
            for other in (0..VALIDATORS).filter(|other| these.contains(&one) != these.contains(other)) {
                self.deafen(one, other);
            }
        }
    }

    /// Of what the other validators send to this one, what `which` matches does not arrive.
    fn thin(&self, hearer: usize, which: &str) {
        let from = format!("ip saddr {}-{}", address(0), address(VALIDATORS - 1));
        must(&format!("ip netns exec {} nft add rule inet cut arriving {from} {which} drop", self.space(hearer)));
    }

    /// This one hears everybody again.
    fn heal_one(&self, place: usize) {
        must(&format!("ip netns exec {} nft flush chain inet cut arriving", self.space(place)));
    }

    fn heal(&self) {
        (0..VALIDATORS).for_each(|place| self.heal_one(place));
    }

    /// A city whose validators are in their namespaces, with a first block on all.
    async fn city(&self) -> City {
        let mut city = City::prepare_on((0..VALIDATORS).map(address).collect()).await;
        for place in 0..VALIDATORS {
            let space = self.space(place);
            city.spawn_under(place, &["ip", "netns", "exec", &space]).await;
        }
        for place in 0..VALIDATORS {
            city.wait_until("a first block", async |city| city.height(place).await >= 1).await;
        }
        city
    }
}

impl Drop for Wires {
    fn drop(&mut self) {
        for place in 0..VALIDATORS {
            // The leg by its name: with its namespace it would go some time later, and the next network's legs have the same names.
            let _ = Command::new("ip").args(["link", "delete", &format!("{}v{place}", self.bridge)]).status();
            let _ = Command::new("ip").args(["netns", "delete", &format!("{}n{place}", self.bridge)]).status();
        }
        let _ = Command::new("ip").args(["link", "delete", &self.bridge]).status();
    }
}

/// What was acknowledged so far.
#[derive(Default)]
struct Book(Vec<Transaction>);

impl Book {
    async fn finalize(&mut self, city: &City, place: usize, word: &str) {
        let (transaction, _) = city.new_identity(word).await;
        assert_eq!(city.finalize(place, &transaction).await.outcome, Outcome::Applied);
        self.0.push(transaction);
    }

    /// All have everything that was acknowledged, and the same blocks.
    async fn stands(&self, city: &City) {
        let tip = city.height(0).await;
        for place in 0..VALIDATORS {
            city.wait_until("the tip", async |city| city.height(place).await >= tip).await;
            for transaction in &self.0 {
                city.wait_until("acknowledged transaction", async |city| city.receipt(place, transaction, 1_000).await.is_ok())
                    .await;
            }
        }
        for height in 1..=tip {
            let first = digest(&city.block(0, height).await);
            for place in 1..VALIDATORS {
                assert_eq!(digest(&city.block(place, height).await), first, "different blocks at height {height}");
            }
        }
    }
}

async fn names_the_missing_quorum(city: &City, place: usize) {
    city.wait_until("readiness that names the missing quorum", async |city| {
        let (_, body) = city.readyz(place).await;
        body["checks"]["consensus"].as_str().unwrap_or_default().contains("quorum away")
    })
    .await;
}

/// REL-C1, INV-I1, INV-I9: a validator that is cut off stops and says why while the others go on; when two face two nobody goes on and
/// nothing is lost; a line that comes and goes every two seconds forks nothing. Each time all go on after it is healed.
#[tokio::test(flavor = "multi_thread")]
async fn a_split_network_never_forks_and_goes_on_when_it_is_healed() {
    let net = Net::new().await;
    let city = net.city().await;
    let mut book = Book::default();
    book.finalize(&city, 0, "before").await;

    net.split(&[3]);
    names_the_missing_quorum(&city, 3).await;
    let alone = city.height(3).await;
    for number in 0..3 {
        book.finalize(&city, number, &format!("with the majority {number}")).await;
    }
    assert_eq!(city.height(3).await, alone, "the minority finalizes nothing");
    net.heal();
    book.finalize(&city, 3, "on the one that was cut off").await;
    book.stands(&city).await;

    net.split(&[0, 1]);
    for place in 0..VALIDATORS {
        names_the_missing_quorum(&city, place).await;
    }
    let (here, there) = (city.height(0).await, city.height(2).await);
    let (one, _) = city.new_identity("on one side").await;
    let (other, _) = city.new_identity("on the other side").await;
    city.submit(0, &one).await;
    city.submit(2, &other).await;
    assert!(city.receipt(0, &one, 3_000).await.is_err() && city.receipt(2, &other, 3_000).await.is_err());
    assert!(city.height(0).await == here && city.height(2).await == there, "no side finalizes anything");
    net.heal();
    for transaction in [one, other] {
        city.wait_until("what waited", async |city| city.receipt(1, &transaction, 1_000).await.is_ok()).await;
        book.0.push(transaction);
    }
    book.stands(&city).await;

    for _ in 0..3 {
        net.split(&[0, 1]);
        tokio::time::sleep(Duration::from_secs(2)).await;
        net.heal();
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    book.finalize(&city, 1, "after the flapping").await;
    book.stands(&city).await;
}

/// REL-C2, INV-I1, INV-I9: a validator that is not heard, or hears nobody, or hears one only, is no more than one that fails: the others go
/// on while it lasts. All go on after all were cut off one by one and came back in another order.
#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_cut_in_one_direction_stops_nobody_else() {
    let net = Net::new().await;
    let city = net.city().await;
    let mut book = Book::default();
    let others = [0, 1, 2];
    let cuts: [(&str, &[(usize, usize)]); 3] = [
        ("is not heard", &[(0, 3), (1, 3), (2, 3)]),
        ("hears nobody", &[(3, 0), (3, 1), (3, 2)]),
        ("hears one and is heard by another", &[(3, 1), (3, 2), (0, 3), (2, 3)]),
    ];
    for (what, deaf) in cuts {
        deaf.iter().for_each(|(hearer, speaker)| net.deafen(*hearer, *speaker));
        let started = Instant::now();
        for place in others {
            book.finalize(&city, place, &format!("while it {what} {place}")).await;
        }
        let took = started.elapsed();
        net.heal();
        book.finalize(&city, 3, &format!("after it {what}, which cost {took:?}")).await;
        book.stands(&city).await;
    }
    for (place, from) in [(2, 0), (0, 1), (3, 2), (1, 3)] {
        net.deafen(place, from);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    for place in [3, 0, 1, 2] {
        net.heal_one(place);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    book.finalize(&city, 2, "after all lines came back").await;
    book.stands(&city).await;
}

/// Views that were given up between two heights.
async fn given_up(city: &City, from: u64, to: u64) -> u64 {
    let mut skipped = 0;
    for height in from + 1..=to {
        let context = header(&city.block(0, height).await).context;
        skipped += context.view.saturating_sub(context.parent_view + 1);
    }
    skipped
}

/// REL-C3, INV-I1: five packets of a hundred are lost on every line: views are given up for at most a tenth of the blocks.
#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_loses_packets_costs_few_turns() {
    let net = Net::new().await;
    let city = net.city().await;
    let mut book = Book::default();
    book.finalize(&city, 0, "before").await;
    (0..VALIDATORS).for_each(|place| net.thin(place, "numgen random mod 100 < 5"));
    let from = city.height(0).await;
    for number in 0..40 {
        book.finalize(&city, number % VALIDATORS, &format!("with loss {number}")).await;
    }
    let to = city.height(0).await;
    let skipped = given_up(&city, from, to).await;
    assert!(skipped * 10 <= to - from, "{skipped} views were given up for {} blocks", to - from);
    net.heal();
    book.stands(&city).await;
}

/// REL-C4, INV-I9: a validator that takes in a kilobyte a second delays nobody else, and what is meant for it does not pile up in the others.
#[tokio::test(flavor = "multi_thread")]
async fn a_validator_that_takes_in_almost_nothing_fills_nobody_elses_memory() {
    let net = Net::new().await;
    let city = net.city().await;
    let mut book = Book::default();
    for number in 0..10 {
        book.finalize(&city, number % VALIDATORS, &format!("before {number}")).await;
    }
    let before = city.resident_mib();
    net.thin(3, "limit rate over 1 kbytes/second");
    for number in 0..40 {
        book.finalize(&city, number % 3, &format!("beside the slow one {number}")).await;
    }
    for (place, (before, after)) in before.into_iter().zip(city.resident_mib()).enumerate() {
        assert!(after <= before + 64, "validator {place} grew from {before} to {after} MiB");
    }
    net.heal();
    book.stands(&city).await;
}
