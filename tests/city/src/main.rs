//! `cargo city`: starts the pilot city, walks its story, hands out offers and requests, and runs every test.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use city::browser_wallet::{self, BrowserWallet};
use city::plan::{Plan, Size};
use city::world::World;
use city::{application, build, checks, control, front, package, tour};
use clap::{Parser, Subcommand};

/// Validators of a city on a laptop.
const DEFAULT_VALIDATORS: usize = 4;
/// Blocks of an epoch: a minute under load, half an hour when nothing happens.
const EPOCH_BLOCKS: u64 = 600;
/// The first port of the city on a laptop.
const FIRST_PORT: u16 = 7400;

#[derive(Parser)]
#[command(name = "cargo city", about = "The pilot city of Yufu on this machine")]
struct Arguments {
    /// Where the city keeps its keys and data.
    #[arg(long, default_value = ".city", global = true)]
    directory: PathBuf,
    /// Validators of a new city: 1 for development, 4 on a laptop, 22 for the reference city of three clusters and a witness.
    #[arg(long, default_value_t = DEFAULT_VALIDATORS)]
    validators: usize,
    /// Blocks of an epoch of a new city, after which what the members decided takes effect; 0: nothing can be decided.
    #[arg(long, default_value_t = EPOCH_BLOCKS)]
    epoch_blocks: u64,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Starts the city and keeps it running (the default).
    Start,
    /// Walks the first login on a running city, a step a line.
    Tour,
    /// Prints a credential offer and its PIN, for any wallet.
    Offer,
    /// Prints an authorization request and the path of the trust root, for any wallet.
    Request,
    /// Opens the wallet's application beside a running city.
    Wallet,
    /// Builds the wallet's package for Debian, checks it, and says how large it is.
    Package,
    /// Installs what the tests need.
    SetUp,
    /// Sets up and runs every test.
    Test,
    /// Measures the city and prints the figures.
    Bench,
    /// Measures the ledger alone at several numbers of validators: throughput, finality, faults, memory, and the engine without us.
    BenchLedger(city::ledger_bench::Bench),
    /// Kills validators at moments that a seed decides, while clients write, and checks after each round.
    Soak(city::soak::Soak),
    /// Rehearses a bad day on a running city; ends with 1 when something else was seen than expected.
    #[command(subcommand)]
    Drill(city::drills::Drill),
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match arguments.command.unwrap_or(Command::Start) {
        Command::Start => start(&arguments.directory, arguments.validators, arguments.epoch_blocks).await,
        Command::Tour => tour::run(&running(&arguments.directory)?).await,
        Command::Offer => city::strangers::offer(&running(&arguments.directory)?).await,
        Command::Request => city::strangers::request(&running(&arguments.directory)?).await,
        Command::Wallet => application::open(&running(&arguments.directory)?, say).await,
        Command::Package => package::build(say),
        Command::SetUp => checks::set_up(),
        Command::Test => checks::run(),
        Command::Bench => city::bench::run().await,
        Command::BenchLedger(bench) => city::ledger_bench::run(&bench).await,
        Command::Soak(soak) => city::soak::run(&soak, &say).await,
        Command::Drill(drill) => city::drills::run(&running(&arguments.directory)?, &drill, &say).await,
    }
}

async fn start(directory: &std::path::Path, validators: usize, epoch_blocks: u64) -> Result<()> {
    say("Building the city's programs (cargo shows what it does) …");
    build::binaries()?;
    let interface = browser_wallet::interface(say);
    let plan = Plan::open_or_create(
        directory,
        Size { validators, first_port: Some(FIRST_PORT), epoch_blocks: (epoch_blocks > 0).then_some(epoch_blocks) },
        now()?,
    )?;
    say(&format!("Starting the city in {} …", plan.directory().display()));
    if plan.validators.len() != validators && validators != DEFAULT_VALIDATORS {
        bail!(
            "the city in {} has {} validators; start one of {validators} in another directory (--directory)",
            plan.directory().display(),
            plan.validators.len()
        );
    }
    let started = city::observe::now();
    let mut world = World::start_with(plan, |step| say(&format!("  {step}"))).await?;
    let plan = world.plan().clone();
    let took = started.elapsed().as_secs_f64();
    say(&format!(
        "\nThe city is ready after {took:.1} s.\n\n  front page   {}\n  sample site  {}",
        plan.front_url(),
        plan.site_url()
    ));
    for issuer in &plan.issuers {
        say(&format!("  console      {}/console   ({})", plan.issuer_url(issuer), issuer.name.en));
    }
    say(&format!("  clerk        {} / {}", city::plan::CLERK, plan.clerk_password));
    if let Some(console) = plan.validators.first().and_then(|first| plan.console_url(first)) {
        say(&format!("  ledger       {console}   (a node's console; the front page says how to log in)"));
    }
    // The city lives without it: whoever has no Node has the wallet in a terminal.
    let wallet = match interface {
        Ok(interface) => BrowserWallet::open(&plan, &interface).await.map_err(|why| format!("{why:#}")),
        Err(why) => Err(format!("{why:#}")),
    };
    let door = wallet.as_ref().map(BrowserWallet::door).map_err(String::clone);
    match &door {
        Ok(door) => say(&format!("  wallet       {}   (this link works once; the front page has more)", door.link())),
        Err(why) => say(&format!("  wallet       not in a browser: {why}")),
    }
    say("\nNext: `cargo city tour` in another terminal. Ctrl-C stops the city; its data stay.");
    let stopped = tokio::select! {
        served = front::serve(plan, door) => served,
        served = serve_wallet(wallet.ok()) => served,
        obeyed = control::serve(&mut world) => obeyed,
        signal = tokio::signal::ctrl_c() => signal.context("waiting for Ctrl-C"),
        ended = terminated() => ended,
    };
    say("\nStopping the city …");
    world.stop().await?;
    stopped
}

/// Serves the wallet, where there is one.
async fn serve_wallet(wallet: Option<BrowserWallet>) -> Result<()> {
    match wallet {
        Some(wallet) => wallet.serve().await,
        None => std::future::pending().await,
    }
}

async fn terminated() -> Result<()> {
    let mut signal = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    signal.recv().await;
    Ok(())
}

fn running(directory: &std::path::Path) -> Result<Plan> {
    let plan = Plan::open(directory)?;
    plan.with_context(|| format!("there is no city in {}; start one with `cargo city`", directory.display()))
}

fn now() -> Result<i64> {
    #[expect(clippy::disallowed_methods, reason = "the program's one look at the clock")]
    let now = SystemTime::now();
    Ok(i64::try_from(now.duration_since(UNIX_EPOCH)?.as_secs())?)
}

#[expect(clippy::print_stdout, reason = "this program's output is for the person at the terminal")]
fn say(text: &str) {
    println!("{text}");
}
