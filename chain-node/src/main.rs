//! `chain-node`: runs a validator of the ledger, makes its key, checks a genesis.

use anyhow::Context as _;
use chain_node::{
    backup_socket,
    config::{self, Config, StateSync},
    console::{self, access},
    disk::{Condition, Disk},
    engine::{epochs::Epochs, network},
    folder::{self, DataFolder},
    fork::{self, Forks},
    genesis::{self, Checked},
    govern,
    guard::{self, VoteGuard},
    key, kill_points,
    node::{self, Parts, Protection},
    offline, rpc,
    store::Store,
    topology, upkeep,
};
use clap::{Parser, Subcommand};
use clients::{Clock, Environment};
use commonware_cryptography::{Signer as _, ed25519::PrivateKey};
use commonware_math::algebra::Random as _;
use commonware_runtime::{
    Clock as _, Runner as _, Spawner as _, Supervisor as _,
    tokio::{self as runtime, Context},
};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use mimalloc::MiMalloc;
use service_kit::{
    Service, Shutdown,
    health::Check,
    layers::{self, Limits},
    telemetry,
};
use std::{
    env,
    error::Error as _,
    ffi::OsString,
    os::unix::process::CommandExt as _,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process::{self, ExitCode},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use url::Url;

/// Blocks take and give back much memory at once; the system's allocator asks the kernel for it anew each time.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[derive(Parser)]
#[command(about = "A validator of the Yufu ledger", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the node.
    Run {
        /// The configuration file (TOML).
        #[arg(long)]
        config: PathBuf,
    },
    /// Says how far this key may have voted, and whether the node will vote.
    VoteGuard {
        /// The configuration file (TOML).
        #[arg(long)]
        config: PathBuf,
        /// Only when this is certainly so: the node will vote in every round that its data folder knows no vote of.
        #[arg(long)]
        this_key_has_not_voted_after_what_the_data_folder_knows: bool,
    },
    /// Checks a stopped node's data folder against itself and the genesis; names what is bad.
    Verify {
        /// The configuration file (TOML).
        #[arg(long)]
        config: PathBuf,
        /// Only the last thousand blocks and the state, not the records.
        #[arg(long)]
        quick: bool,
    },
    /// Backs up the blocks of a running or stopped node: no keys, no votes.
    Backup {
        /// The configuration file (TOML).
        #[arg(long)]
        config: PathBuf,
        /// A new or empty folder.
        #[arg(long)]
        to: PathBuf,
    },
    /// Checks a backup in full and puts it into an empty data folder; the node executes it when it starts.
    Restore {
        /// The configuration file (TOML).
        #[arg(long)]
        config: PathBuf,
        /// The folder of the backup.
        #[arg(long)]
        from: PathBuf,
    },
    /// Writes a new validator key to FILE (mode 0600) with its vote guard, and prints the public key as JSON.
    Keygen {
        /// A file that does not exist yet.
        file: PathBuf,
    },
    /// Proposes, votes and enacts for an authority, and shows what is decided.
    Govern(Box<govern::Arguments>),
    /// Prints the proof that a validator's key stands for a name and an authority, for `govern propose admit-validator`.
    AdmissionProof(govern::AdmissionProof),
    /// Answers the challenge of a console's login page with an authority's key; sends nothing.
    ConsoleLogin(Box<access::command::Arguments>),
    /// Checks a genesis file and prints its hash.
    GenesisCheck {
        /// The genesis file (JSON).
        file: PathBuf,
        /// A topology file (JSON): checks clusters and zones too.
        #[arg(long)]
        topology: Option<PathBuf>,
    },
    /// Runs validators, faults and liars in virtual time; `chain-node simulate --help` explains it.
    #[command(disable_help_flag = true)]
    Simulate {
        /// What `chain-node-simulate` is given.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

/// The program that simulates: apart, so that a validator does not carry the deterministic runtime.
const SIMULATOR: &str = "chain-node-simulate";

/// Becomes the simulator that lies beside this program.
fn simulate(arguments: &[OsString]) -> anyhow::Error {
    let path = match env::current_exe() {
        Ok(path) => path.with_file_name(SIMULATOR),
        Err(error) => return anyhow::Error::new(error).context("this program cannot tell where it is"),
    };
    if !path.exists() {
        return anyhow::anyhow!("{} is not there; build it with `cargo build -p chain-simulation`", path.display());
    }
    let error = process::Command::new(&path).args(arguments).exec();
    anyhow::Error::new(error).context(format!("{} does not start", path.display()))
}

/// The disk of the data folder is full or fails: make room or replace it, then start the node again (sysexits: EX_IOERR).
const EXIT_STORAGE: u8 = 74;
/// The machine's clock was set back: start the node again, so that its timers begin anew (sysexits: EX_TEMPFAIL).
const EXIT_CLOCK: u8 = 75;
/// The node stopped because its own data or the engine contradicts itself (sysexits: EX_SOFTWARE).
const EXIT_BROKEN: u8 = 70;

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Run { config } => return config::load(&config).map_err(Into::into).and_then(run).unwrap_or_else(failed),
        Command::VoteGuard { config, this_key_has_not_voted_after_what_the_data_folder_knows: trust } => {
            vote_guard(&config, trust)
        }
        Command::Verify { config, quick } => load(&config).and_then(|config| answer(&offline::verify(&config, quick, passed)?)),
        Command::Backup { config, to } => load(&config).and_then(|config| answer(&offline::backup(&config, &to)?)),
        Command::Restore { config, from } => load(&config).and_then(|config| answer(&offline::restore(&config, &from)?)),
        Command::Keygen { file } => keygen(&file),
        Command::Govern(arguments) => govern::run(&arguments).map_err(Into::into),
        Command::AdmissionProof(arguments) => govern::admission_proof(&arguments).map_err(Into::into),
        Command::ConsoleLogin(arguments) => access::command::run(&arguments, &Clock::system()).map_err(Into::into),
        Command::GenesisCheck { file, topology } => genesis_check(&file, topology.as_deref()),
        Command::Simulate { arguments } => Err(simulate(&arguments)),
    };
    result.map_or_else(failed, |answer| {
        print(&answer);
        ExitCode::SUCCESS
    })
}

#[expect(clippy::print_stdout, reason = "the answer of a command belongs on standard output")]
fn print(answer: &serde_json::Value) {
    println!("{answer}");
}

#[expect(clippy::print_stderr, clippy::needless_pass_by_value, reason = "a command that failed says why")]
fn failed(error: anyhow::Error) -> ExitCode {
    eprintln!("Error: {error:?}");
    ExitCode::FAILURE
}

fn load(config: &Path) -> anyhow::Result<Config> {
    Ok(config::load(config)?)
}

fn answer(value: &impl serde::Serialize) -> anyhow::Result<serde_json::Value> {
    Ok(serde_json::to_value(value)?)
}

#[expect(clippy::print_stderr, reason = "the progress of a long command")]
fn passed(height: u64) {
    eprintln!("checked up to height {height}");
}

fn keygen(file: &Path) -> anyhow::Result<serde_json::Value> {
    let key = PrivateKey::random(commonware_utils::sys_rng());
    let public = key::create(file, &key)?;
    let bytes = HEXLOWER.decode(public.as_bytes())?;
    guard::create(&config::guard_beside(file), &bytes)?;
    Ok(serde_json::json!({
        "hex": public,
        "key": identity::PublicKey::from_bytes(identity::Algorithm::Ed25519, &bytes)?,
    }))
}

fn genesis_check(file: &Path, placed: Option<&Path>) -> anyhow::Result<serde_json::Value> {
    let checked = genesis::load(file)?;
    if let Some(placed) = placed {
        topology::check(&topology::load(placed)?, &checked.genesis)?;
    }
    let hash = BASE64URL_NOPAD.encode(&checked.genesis.hash());
    Ok(serde_json::json!({ "genesis": hash, "validators": checked.keys.len() }))
}

fn vote_guard(config: &Path, trust: bool) -> anyhow::Result<serde_json::Value> {
    let config = config::load(config)?;
    let ledger = genesis::load(&config.genesis)?.genesis.hash();
    let public = key::load(&config.key_file)?.public_key();
    let data = DataFolder::open(&config.data_dir, &ledger, config.storage.items_per_file)?;
    let _key = folder::take_key(&config.key_file, &ledger, public.as_ref())?;
    let files = data.guard_files(&config.vote_guard());
    if trust {
        guard::trust_data(&files, &ledger, public.as_ref())?;
    }
    let guard = VoteGuard::open(files, &ledger, public.as_ref(), data.found())?;
    Ok(match guard.start() {
        guard::Start::After(from) => serde_json::json!({ "votes": "after", "epoch": from.epoch, "view": from.view }),
        guard::Start::AskOthers => serde_json::json!({ "votes": "after the other validators have said how far the ledger is" }),
    })
}

/// A panic was about the disk.
static STORAGE_FAILED: AtomicBool = AtomicBool::new(false);
/// What the engine and the body store say when the system refuses a write or a read: ENOSPC, EIO, EDQUOT.
const STORAGE_WORDS: [&str; 8] =
    ["code: 28", "code: 5,", "code: 122", "os error 28", "os error 5)", "os error 122", "write failed", "WriteFailed"];

/// What the engine says when a fork is shown to it in a way that `engine::lineage` does not see first: a node that began with a state from
/// others has no block before its first one.
const FORK_WORDS: [&str; 2] = ["finalized block does not extend the applied tip", "received conflicting finalized block"];

/// Notes panics about the disk: by the time the process ends there may be room again for a small file.
fn note_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload_as_str().is_some_and(|text| STORAGE_WORDS.iter().any(|word| text.contains(word))) {
            STORAGE_FAILED.store(true, Ordering::Relaxed);
        }
        if panic.payload_as_str().is_some_and(|text| FORK_WORDS.iter().any(|word| text.contains(word))) {
            tracing::error!(
                "the ledger is forked: this node was shown a final block that does not build on what it had made final; the members must \
                 decide which history holds, and bring every node onto it with `chain-node restore`"
            );
        }
        before(panic);
    }));
}

fn run(config: Config) -> anyhow::Result<ExitCode> {
    telemetry::init();
    note_panics();
    kill_points::announce()?;
    let genesis = genesis::load(&config.genesis)?;
    let ledger = genesis.genesis.hash();
    let key = key::load(&config.key_file)?;
    let public = key.public_key();
    // First, because these refuse a second process instead of waiting for the first to end.
    let data = DataFolder::open(&config.data_dir, &ledger, config.storage.items_per_file)?;
    let _key = folder::take_key(&config.key_file, &ledger, public.as_ref())?;
    if let Some(proof) = fork::left_in(data.path())? {
        let file = proof.display();
        tracing::error!(
            code = EXIT_BROKEN,
            "the ledger is forked: {file} proves it, and this node does not start before the members have decided"
        );
        return Ok(ExitCode::from(EXIT_BROKEN));
    }
    let keep_blocks = keep_blocks(&config.storage, &genesis)?;
    let disk = Arc::new(Disk::new(config.data_dir.clone(), config.storage.low_free_mib, config.storage.stop_free_mib));
    if let Condition::Exhausted { .. } = disk.look() {
        return Ok(ExitCode::from(EXIT_STORAGE));
    }
    let guard = VoteGuard::open(data.guard_files(&config.vote_guard()), &ledger, public.as_ref(), data.found())?;
    data.mark()?;
    let mut store = Store::open(&data.bodies()).with_context(|| format!("{} is in use or corrupt", data.bodies().display()))?;
    if let Some((before, after)) = store.compact_if_worth(&data.bodies())? {
        tracing::info!(before, after, "the file of bodies was compacted after pruning; bytes");
    }
    let sync_patience = sync_patience(&config.storage, data.found(), &guard);
    let (store, guard) = (Arc::new(store), Some(Arc::new(guard)));
    let settings = node::network_settings(&config, &Epochs::open(&genesis, key.clone(), store.clone(), guard.clone()))?;
    let protection = Protection {
        sync_patience,
        guard,
        margin_views: config.storage.vote_guard_margin_views,
        disk: Some(disk.clone()),
        supervision: Some(config.supervision),
        keep_blocks,
        forks: Forks::in_folder(data.path()),
    };
    let files = data.files();
    let parts = Parts { genesis, key, store, consensus: config.consensus, mempool: config.mempool, files, protection };
    let runner = runtime::Runner::new(
        runtime::Config::new().with_worker_threads(config.consensus.worker_threads).with_storage_directory(data.engine()),
    );
    let store = parts.store.clone();
    // The engine panics when it cannot write or read: the process must end, and its code must say why.
    let ended = catch_unwind(AssertUnwindSafe(|| runner.start(|context| Box::pin(serve(context, config, parts, settings)))));
    Ok(ExitCode::from(match ended {
        Ok(Ok(())) => {
            store.settle().context("the body store could not be settled; its journal has everything")?;
            return Ok(ExitCode::SUCCESS);
        }
        Ok(Err(error)) => match error.downcast::<Stopped>() {
            Ok(Stopped::Disk) => EXIT_STORAGE,
            Ok(Stopped::Clock) => EXIT_CLOCK,
            Ok(Stopped::Consensus) => exit_code(&disk),
            Err(other) => return Err(other),
        },
        Err(_panic) => exit_code(&disk),
    }))
}

/// How many blocks this node keeps; none is all of them.
fn keep_blocks(storage: &config::Storage, genesis: &Checked) -> anyhow::Result<Option<u64>> {
    let keep_blocks = Some(storage.keep_blocks).filter(|keep_blocks| *keep_blocks > 0);
    let epoch_blocks = genesis.genesis.governance.as_ref().map_or(0, |governance| governance.epoch_blocks);
    anyhow::ensure!(
        keep_blocks.is_none_or(|keep_blocks| keep_blocks >= epoch_blocks),
        "storage.keep_blocks is less than the {epoch_blocks} blocks of an epoch of this ledger: a node needs the block that its epoch \
         began with; set it to {epoch_blocks} or more, or to 0 to keep every block"
    );
    Ok(keep_blocks)
}

/// How long this node asks for a state to begin with: not at all when it has data, or when its key was just made.
fn sync_patience(storage: &config::Storage, found: guard::Data, guard: &VoteGuard) -> Option<Duration> {
    let patience = Some(Duration::from_millis(storage.state_sync_patience_ms));
    let new_key = guard.start() == guard::Start::After(guard::Round::default());
    match (found, storage.state_sync) {
        (guard::Data::BeforeGuards | guard::Data::Current, _) | (guard::Data::Empty, StateSync::Never) => None,
        (guard::Data::Empty, StateSync::Always) => patience,
        (guard::Data::Empty, StateSync::Wiped) => patience.filter(|_| !new_key),
    }
}

/// Whether the disk is to blame: it takes a small file, or it does not.
fn exit_code(disk: &Disk) -> u8 {
    match (disk.test(), disk.look()) {
        (Ok(()), _) if STORAGE_FAILED.load(Ordering::Relaxed) => {
            tracing::error!(code = EXIT_STORAGE, "the node stopped because its disk refused a write; see above");
            EXIT_STORAGE
        }
        (Ok(()), Condition::Fine | Condition::Low { .. }) => {
            tracing::error!(code = EXIT_BROKEN, "the node stopped because its data or the engine contradicts itself; see above");
            EXIT_BROKEN
        }
        (Ok(()), Condition::Exhausted { .. } | Condition::Failing(_)) => {
            tracing::error!(code = EXIT_STORAGE, "the node stopped because its disk is full or fails");
            EXIT_STORAGE
        }
        (Err(error), _) => {
            tracing::error!(code = EXIT_STORAGE, %error, cause = %error.source, "the node stopped because its disk is full or fails");
            EXIT_STORAGE
        }
    }
}

/// The node stopped by itself.
#[derive(Debug, Clone, Copy, thiserror::Error)]
enum Stopped {
    #[error("the disk of the data folder is full")]
    Disk,
    #[error("this machine's clock was set back")]
    Clock,
    #[error("consensus ended by itself; the log says why")]
    Consensus,
}

/// The console: behind a login on an address of its own, or else on the operators' socket.
fn with_console(service: Service, config: &Config, node: &Arc<rpc::Node>, url: &Url) -> anyhow::Result<Service> {
    let shutdown = service.shutdown();
    let Some(own) = &config.console else {
        return Ok(service.operators(console::router(node.clone(), shutdown, url)));
    };
    let url = own.url().context("the console's address makes no URL")?;
    let routes = console::guarded(node.clone(), shutdown, &url, &config.rpc.trusted_proxies, Environment::system());
    Ok(service.listener("console", own.listen, routes))
}

async fn serve(context: Context, config: Config, parts: Parts, settings: network::Settings) -> anyhow::Result<()> {
    let links = network::connect(&context, parts.key.clone(), settings);
    let checked = parts.genesis.clone();
    let (node, consensus) = node::start(context.child("node"), parts, links).await?;
    let url = match &config.rpc.public_url {
        Some(url) => url.clone(),
        None => format!("http://{}/", config.rpc.listen).parse().context("the RPC's address makes no URL")?,
    };
    let progress = {
        let node = node.clone();
        Check::new("consensus", move || {
            let result = node.progress.check(node.clock.current()).map_err(|stall| stall.to_string());
            async move { result }
        })
    };
    let disk = node.protection.disk.clone().context("a node that runs has a disk")?;
    let storage = {
        let disk = disk.clone();
        Check::new("storage", move || {
            let result = disk.seen().check();
            async move { result }
        })
    };
    let service = Service::new("chain-node", url.as_str(), config.rpc.listen, config.rpc.admin_listen);
    let service = service.check(progress).check(storage);
    let shutdown = service.shutdown();
    let service = with_console(service, &config, &node, &url)?;
    let backups = backup_socket::serve(node.clone(), checked, backup_socket::path(&config.data_dir));
    context.child("backups").spawn(|_| async move {
        if let Err(error) = backups.await {
            tracing::warn!(%error, cause = %error.source, "this node cannot be backed up while it runs");
        }
    });
    let stopped: Arc<OnceLock<Stopped>> = Arc::default();
    watch_machine(&context, disk, &shutdown, &stopped);
    settle(&context, node.store.clone(), &shutdown, &stopped);
    let limits = rpc::Limits { requests_per_second: config.rpc.requests_per_second, event_streams: config.rpc.event_streams };
    let router = rpc::router(node.clone(), limits, shutdown.clone());
    let passage = Limits { trusted_proxies: config.rpc.trusted_proxies.clone(), ..Limits::default() };
    let router = layers::apply(router, &url, passage);
    let end = stopped.clone();
    context.child("consensus").spawn(move |_| async move {
        let result = consensus.await;
        if !shutdown.is_requested() {
            tracing::error!(?result, "consensus ended by itself");
            let _ = end.set(Stopped::Consensus);
            shutdown.request();
        }
    });
    service.run(router).await?;
    if let Some(Stopped::Consensus) = stopped.get() {
        return Err(Stopped::Consensus.into());
    }
    context.stop(0, Some(Duration::from_secs(5))).await.context("the engine did not stop in time")?;
    stopped.get().map_or(Ok(()), |why| Err((*why).into()))
}

/// How much less of a processor the tables of the body store get than consensus does.
const SETTLING_NICE: i32 = 10;

/// Lets a thread of low priority bring what the body store's journal has into its tables: a block never waits for that.
fn settle(context: &Context, store: Arc<Store>, shutdown: &Shutdown, stopped: &Arc<OnceLock<Stopped>>) {
    let (stop, why) = (shutdown.clone(), stopped.clone());
    context.child("settling").dedicated().spawn(move |context| async move {
        if let Err(error) = rustix::process::setpriority_process(None, SETTLING_NICE) {
            tracing::warn!(%error, "the thread that settles the body store keeps its priority");
        }
        if let Err(error) = upkeep::settle(context, store).await {
            STORAGE_FAILED.store(true, Ordering::Relaxed);
            tracing::error!(%error, cause = ?error.source(), "the body store cannot be written");
            let _ = why.set(Stopped::Disk);
            stop.request();
        }
    });
}

/// Stops the node in order when its disk is full, or its clock was set back.
fn watch_machine(context: &Context, disk: Arc<Disk>, shutdown: &Shutdown, stopped: &Arc<OnceLock<Stopped>>) {
    let (stop, why) = (shutdown.clone(), stopped.clone());
    context.child("disk").spawn(move |context| async move {
        upkeep::watch_disk(context, disk).await;
        let _ = why.set(Stopped::Disk);
        stop.request();
    });
    let (stop, why) = (shutdown.clone(), stopped.clone());
    context.child("clock").spawn(move |context| async move {
        upkeep::watch_clock(context).await;
        let _ = why.set(Stopped::Clock);
        stop.request();
    });
}
