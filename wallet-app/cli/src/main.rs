//! `yufu-wallet`: the citizen's wallet from a terminal. A thin face: it reads arguments, asks, prints; everything else is in
//! `wallet-core`.
//!
//! A secret never stands on the command line: the passphrase comes from a file or a prompt. A link or picture only opens a
//! screen; nothing is sent before the person agreed, or a script said `--yes`.

mod arguments;
mod ask;
mod commands;
mod failure;
mod my_data;
mod print;
mod show;

use std::process::ExitCode;

use clap::Parser as _;

use crate::arguments::{Arguments, Command, SdJwtCommand};
use crate::failure::Failure;
use crate::print::Printer;

fn main() -> ExitCode {
    wallet_core::forbid_core_dumps();
    let arguments = Arguments::parse();
    let printer = Printer::new(arguments.json, arguments.spoken_language());
    let done = match &arguments.command {
        // Needs no wallet.
        Command::SdJwt { command: SdJwtCommand::Verify { input } } => commands::sd_jwt::verify(input, &printer),
        _ => run(&arguments, &printer),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            printer.failure(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Terminal)?;
    runtime.block_on(commands::run(arguments, printer))
}
