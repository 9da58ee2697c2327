//! `chain-node`: runs a validator of the ledger, makes its key, checks a genesis.

use anyhow::Context as _;
use chain_node::{
    config::{self, Config},
    engine::network,
    genesis, key,
    node::{self, Parts},
    rpc,
    store::Store,
};
use clap::{Parser, Subcommand};
use commonware_cryptography::{Signer as _, ed25519::PrivateKey};
use commonware_math::algebra::Random as _;
use commonware_runtime::{
    Clock as _, Runner as _, Spawner as _, Supervisor as _,
    tokio::{self as runtime, Context},
};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use service_kit::{
    Service,
    health::Check,
    layers::{self, Limits},
    telemetry,
};
use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

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
    /// Writes a new validator key to FILE (mode 0600) and prints the public key as JSON.
    Keygen {
        /// A file that does not exist yet.
        file: PathBuf,
    },
    /// Checks a genesis file and prints its hash.
    GenesisCheck {
        /// The genesis file (JSON).
        file: PathBuf,
    },
}

#[expect(clippy::print_stdout, reason = "the answer of a command belongs on standard output")]
fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Run { config } => run(config::load(&config)?),
        Command::Keygen { file } => {
            let key = PrivateKey::random(commonware_utils::sys_rng());
            let public = key::create(&file, &key)?;
            let bytes = HEXLOWER.decode(public.as_bytes())?;
            println!(
                "{}",
                serde_json::json!({
                    "hex": public,
                    "key": identity::PublicKey::from_bytes(identity::Algorithm::Ed25519, &bytes)?,
                })
            );
            Ok(())
        }
        Command::GenesisCheck { file } => {
            let checked = genesis::load(&file)?;
            let hash = BASE64URL_NOPAD.encode(&checked.genesis.hash());
            println!("{}", serde_json::json!({ "genesis": hash, "validators": checked.keys.len() }));
            Ok(())
        }
    }
}

fn run(config: Config) -> anyhow::Result<()> {
    telemetry::init();
    let genesis = genesis::load(&config.genesis)?;
    let key = key::load(&config.key_file)?;
    let settings = node::network_settings(&config, &genesis, &key.public_key())?;
    fs::create_dir_all(&config.data_dir)
        .with_context(|| format!("the data folder {} cannot be made", config.data_dir.display()))?;
    // First, because it refuses a second process on the same folder instead of waiting for the first to end.
    let store = Store::open(&config.data_dir.join("bodies.redb"))
        .with_context(|| format!("the data folder {} is in use or corrupt", config.data_dir.display()))?;
    let parts =
        Parts { genesis, key, store, consensus: config.consensus, mempool: config.mempool, partition: "chain".to_owned() };
    let runner = runtime::Runner::new(
        runtime::Config::new()
            .with_worker_threads(config.consensus.worker_threads)
            .with_storage_directory(config.data_dir.join("engine")),
    );
    runner.start(|context| Box::pin(serve(context, config, parts, settings)))
}

async fn serve(context: Context, config: Config, parts: Parts, settings: network::Settings) -> anyhow::Result<()> {
    let links = network::connect(&context, parts.key.clone(), settings);
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
    let service = Service::new("chain-node", url.as_str(), config.rpc.listen, config.rpc.admin_listen).check(progress);
    let shutdown = service.shutdown();
    let limits = rpc::Limits { requests_per_second: config.rpc.requests_per_second, event_streams: config.rpc.event_streams };
    let router = rpc::router(node.clone(), limits, shutdown.clone());
    let passage = Limits { trusted_proxies: config.rpc.trusted_proxies.clone(), ..Limits::default() };
    let router = layers::apply(router, &url, passage);
    let ended = Arc::new(AtomicBool::new(false));
    let end = ended.clone();
    context.child("consensus").spawn(move |_| async move {
        let result = consensus.await;
        if !shutdown.is_requested() {
            tracing::error!(?result, "consensus ended by itself");
            end.store(true, Ordering::Relaxed);
            shutdown.request();
        }
    });
    service.run(router).await?;
    anyhow::ensure!(!ended.load(Ordering::Relaxed), "consensus ended by itself; the log says why");
    context.stop(0, Some(Duration::from_secs(5))).await.context("the engine did not stop in time")
}
