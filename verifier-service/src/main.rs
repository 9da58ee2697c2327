//! The binary: `verifier-service run | check-config | request`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use verifier_service::command;
use verifier_service::logins::Channel;

/// Logs citizens in at a government website.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves the website until SIGTERM.
    Run {
        /// The configuration file.
        #[arg(long)]
        config: PathBuf,
    },
    /// Reads the configuration and every file that it names, and says what is wrong.
    CheckConfig {
        /// The configuration file.
        file: PathBuf,
    },
    /// Makes an open login request beside the running service and prints it as JSON.
    Request {
        /// The configuration file.
        #[arg(long)]
        config: PathBuf,
        /// For a wallet on the browser's device; else as a QR code from another device.
        #[arg(long)]
        same_device: bool,
        /// A purpose's id; the first purpose without it.
        #[arg(long)]
        purpose: Option<String>,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    service_kit::telemetry::init();
    match execute(Arguments::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

async fn execute(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Run { config } => command::run(&config).await?,
        Command::CheckConfig { file } => print(&command::check_config(&file)?),
        Command::Request { config, same_device, purpose } => {
            let channel = if same_device { Channel::SameDevice } else { Channel::CrossDevice };
            let request = command::request(&config, channel, purpose.as_deref()).await?;
            print(&serde_json::to_string_pretty(&request)?);
        }
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a command's answer goes to standard output")]
fn print(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "why a command failed is for the person at the terminal")]
fn complain(error: &anyhow::Error) {
    eprintln!("verifier-service: {error:#}");
}
