//! The issuer service's binary.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use clients::Environment;
use issuer_service::{staff, start};

/// Claims files are small.
const MAX_CLAIMS_BYTES: u64 = 64 * 1024;

#[derive(Parser)]
#[command(name = "issuer-service", version, about = "A department's issuer service")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until SIGTERM.
    Run {
        /// The configuration file.
        #[arg(long)]
        config: PathBuf,
    },
    /// Read the configuration and every file that it names, and say what is wrong.
    CheckConfig {
        /// The configuration file.
        config: PathBuf,
    },
    /// Read a password (from the terminal, or a line on standard input) and print its hash for the configuration.
    HashPassword,
    /// Make a credential offer of given claims, beside a running service, and print it as JSON.
    Offer {
        /// The configuration file.
        #[arg(long)]
        config: PathBuf,
        /// A JSON file: an object of texts with the claims of the type.
        #[arg(long)]
        claims: PathBuf,
        /// The credential's type (vct).
        #[arg(long = "type")]
        attestation_type: String,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _closed = writeln!(std::io::stderr(), "issuer-service: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Run { config } => {
            service_kit::telemetry::init();
            Ok(start::run(&config, Environment::system()).await?)
        }
        Command::CheckConfig { config } => {
            start::check(&config)?;
            say(&format!("{} is good", config.display()))
        }
        Command::HashPassword => {
            let password = read_password()?;
            let salt = Environment::system().random.bytes();
            say(&staff::password::hash(&password, salt)?)
        }
        Command::Offer { config, claims, attestation_type } => {
            let length = std::fs::metadata(&claims).with_context(|| format!("reading {}", claims.display()))?.len();
            anyhow::ensure!(length <= MAX_CLAIMS_BYTES, "{} is too large to be claims", claims.display());
            let claims = std::fs::read(&claims).with_context(|| format!("reading {}", claims.display()))?;
            let offer = start::offer(&config, Environment::system(), &attestation_type, &claims).await??;
            say(&serde_json::to_string_pretty(&offer)?)
        }
    }
}

fn read_password() -> anyhow::Result<String> {
    use std::io::IsTerminal as _;
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password("Password: ").context("reading the password");
    }
    let mut line = String::new();
    std::io::stdin().take(1024).read_to_string(&mut line).context("reading the password")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn say(line: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{line}").context("writing to standard output")
}
