//! Validators whose clocks are wrong or step while they run (libfaketime, which shows one process another time; `cargo city-test`
//! installs it).

use crate::city::{City, header};
use ledger::receipt::Outcome;
use std::{
    fs,
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

/// How far ahead of the time a block may be: a clock that is allowed to be wrong by a minute, and the time that it takes to look.
const AHEAD_MS: u64 = 65_000;
/// From here on the shipped alert rule speaks (`monitoring/alerts.yaml`).
const ALERT_SECONDS: f64 = 30.0;
/// The validator whose clock is wrong.
const WRONG: usize = 3;

/// What libfaketime shows a process; it looks at the file again every second.
struct WrongClock {
    file: PathBuf,
    environment: Vec<String>,
}

impl WrongClock {
    fn of(city: &City) -> Self {
        let file = city.folder(WRONG).join("clock");
        let environment = vec![
            "env".to_owned(),
            format!("LD_PRELOAD={}", library().display()),
            format!("FAKETIME_TIMESTAMP_FILE={}", file.display()),
            "FAKETIME_CACHE_DURATION=1".to_owned(),
            "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
            "NO_FAKE_STAT=1".to_owned(),
        ];
        Self { file, environment }
    }

    /// The clock is so many seconds ahead from now on.
    fn set(&self, seconds: i64) {
        let beside = self.file.with_extension("new");
        fs::write(&beside, format!("{seconds:+}s\n")).unwrap();
        fs::rename(&beside, &self.file).unwrap();
    }

    fn program(&self) -> Vec<&str> {
        self.environment.iter().map(String::as_str).collect()
    }
}

fn library() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").unwrap();
    let mut paths = folders.map(|folder| folder.unwrap().path().join("faketime/libfaketimeMT.so.1"));
    paths.find(|path| path.is_file()).expect("libfaketime is installed (apt-get install libfaketime; `cargo city-test` does it)")
}

/// Validators of which the last one's clock is wrong by so many seconds.
async fn city_with_a_clock_off_by(seconds: i64) -> (City, WrongClock) {
    let mut city = City::prepare(4).await;
    let clock = WrongClock::of(&city);
    clock.set(seconds);
    for place in 0..WRONG {
        city.spawn(place).await;
    }
    city.spawn_under(WRONG, &clock.program()).await;
    for place in 0..4 {
        city.wait_until("a first block", async |city| city.height(place).await >= 1).await;
    }
    (city, clock)
}

/// Block times do not go back, and none is further ahead than a clock may be.
async fn check_times(city: &City) {
    #[expect(clippy::disallowed_methods, reason = "the times of blocks are compared with the right time")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let latest = u64::try_from(now.as_millis()).unwrap() + AHEAD_MS;
    let mut before = 0;
    for height in 1..=city.height(0).await {
        let time = header(&city.block(0, height).await).timestamp_ms;
        assert!(time >= before, "the time of block {height} is before its parent's");
        assert!(time <= latest, "block {height} is {} ms too far ahead", time - latest);
        before = time;
    }
}

/// What a node says about its clock: seconds that the last leader's is ahead.
async fn skew(city: &City, place: usize) -> f64 {
    let metrics = city.metrics(place).await;
    let line = metrics.lines().find_map(|line| line.strip_prefix("ledger_clock_skew_seconds "));
    line.map_or(0.0, |value| value.parse().unwrap())
}

async fn finalize_some(city: &City, word: &str, count: usize) {
    for number in 0..count {
        let (transaction, _) = city.new_identity(&format!("{word} {number}")).await;
        assert_eq!(city.finalize(0, &transaction).await.outcome, Outcome::Applied);
    }
}

/// The last validator's vote counts: without it there is no quorum when another is away.
async fn its_vote_counts(city: &mut City, word: &str) {
    city.kill(2).await;
    finalize_some(city, word, 2).await;
    city.spawn(2).await;
}

/// The node ends by itself, says why, and is started again.
async fn was_set_back(city: &mut City, clock: &WrongClock) {
    assert_eq!(city.ended(WRONG).await, EXIT_CLOCK, "{}", city.log(WRONG));
    assert!(city.log(WRONG).contains("clock was set back"));
    city.spawn_under(WRONG, &clock.program()).await;
}

/// Whether the last validator leads, within the next blocks.
async fn leads(city: &City) -> bool {
    let key = city.validator_key(WRONG);
    let from = city.height(0).await;
    for height in from.saturating_sub(12).max(1)..=from {
        if header(&city.block(0, height).await).context.leader == *key.public_key().as_bytes() {
            return true;
        }
    }
    false
}

/// REL-E3: a validator whose clock is a minute off in either direction votes and leads like any other; how far it is off shows on its own
/// gauge or on the others', from where the shipped rule alerts.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_a_minute_off_serves_and_shows() {
    for seconds in [58, -58] {
        let (mut city, _clock) = city_with_a_clock_off_by(seconds).await;
        its_vote_counts(&mut city, "with its vote").await;
        city.wait_until("a block of the one with the wrong clock", async |city| leads(city).await).await;
        let who = if seconds > 0 { 0 } else { WRONG };
        city.wait_until("an alert", async |city| skew(city, who).await > ALERT_SECONDS).await;
        check_times(&city).await;
    }
}

/// The code of a node whose machine's clock was set back: whoever watches over it starts it again.
const EXIT_CLOCK: Option<i32> = Some(75);

/// REL-E3, INV-I9, INV-I10: a clock that steps by minutes or a day while the node runs, either way, is an alert on that node and harms nobody
/// else: no block has a time of its, and the others go on. A clock that is set back ends the node, which says so, because its timers
/// would wait for as long; started again, and with the right time, it is a validator like any other.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_steps_far_harms_nobody_and_the_node_heals_when_it_is_right() {
    let (mut city, clock) = city_with_a_clock_off_by(0).await;
    finalize_some(&city, "while all is right", 2).await;
    assert!(skew(&city, WRONG).await.abs() < ALERT_SECONDS);
    for seconds in [300, -300, 86_400, -86_400] {
        clock.set(seconds);
        if seconds < 0 {
            was_set_back(&mut city, &clock).await;
        }
        finalize_some(&city, &format!("at {seconds}"), 3).await;
        // It sees that its clock and the ledger's are apart, or that it is alone.
        city.wait_until("an alert on the one with the wrong clock", async |city| {
            skew(city, WRONG).await.abs() > ALERT_SECONDS || !city.readyz(WRONG).await.0.is_success()
        })
        .await;
        check_times(&city).await;
        clock.set(0);
        if seconds > 0 {
            was_set_back(&mut city, &clock).await;
        }
        finalize_some(&city, &format!("after {seconds}"), 1).await;
        let tip = city.height(0).await;
        city.wait_until("the tip on the one whose clock is right again", async |city| {
            city.height(WRONG).await >= tip && city.readyz(WRONG).await.0.is_success()
        })
        .await;
        its_vote_counts(&mut city, &format!("healed of {seconds}")).await;
    }
    check_times(&city).await;
}
