//! The commands, by story.

mod attributes;
mod credentials;
mod devices;
mod identity;
mod look_back;
mod recovery;
mod scan;
pub(crate) mod sd_jwt;

use std::path::Path;
use std::sync::Arc;

use wallet_core::{Environment, OsKeyStore, Secrets, Wallet};

use crate::arguments::{Arguments, Command};
use crate::ask;
use crate::failure::Failure;
use crate::print::Printer;

/// Runs the command in a wallet.
pub(crate) async fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Failure> {
    // These make the wallet unless it is there.
    match &arguments.command {
        Command::Create(create) => return identity::create(arguments, create, printer).await,
        Command::Join(join) => return devices::join(arguments, join, printer).await,
        Command::Recover(recover) => return recovery::recover(arguments, recover, printer).await,
        _ => {}
    }
    let wallet = unlock(arguments, printer)?;
    match &arguments.command {
        Command::Create(_) | Command::Join(_) | Command::Recover(_) | Command::SdJwt { .. } => Ok(()),
        Command::Declare(declare) => attributes::declare(&wallet, declare, printer).await,
        Command::Status { id, wait } => attributes::status(&wallet, id.as_deref(), *wait, printer).await,
        Command::Receive { link, pin, yes } => {
            credentials::receive(&wallet, link.as_deref(), pin.as_deref(), *yes, printer).await
        }
        Command::SignIn { link, issuer, attestation_type, redirect_uri } => {
            let issuer = issuer.as_deref().zip(attestation_type.as_deref());
            credentials::sign_in(&wallet, link.as_deref(), issuer, redirect_uri, printer).await
        }
        Command::SignedIn { address } => credentials::signed_in(&wallet, address.as_deref(), printer).await,
        Command::Pending { poll, forget } => credentials::pending(&wallet, *poll, forget.as_deref(), printer).await,
        Command::Renew { id } => credentials::renew(&wallet, id, printer).await,
        Command::Delete { id, yes } => credentials::delete(&wallet, id, *yes, printer).await,
        Command::Scan(scan) => scan::scan(&wallet, scan, printer).await,
        Command::Credentials { refresh } => credentials::list(&wallet, *refresh, printer).await,
        Command::Kill { id, yes } => credentials::kill(&wallet, id, *yes, printer).await,
        Command::History { export } => look_back::history(&wallet, export.as_deref(), printer),
        Command::MyData { check, save, to } => {
            attributes::my_data(&wallet, *check, save.as_deref().zip(to.as_deref()), printer).await
        }
        Command::Withdraw { consent } => {
            look_back::statement(&wallet.withdraw_consent(consent).await?, printer);
            Ok(())
        }
        Command::AskDeletion { consent } => {
            look_back::statement(&wallet.request_deletion(consent).await?, printer);
            Ok(())
        }
        Command::Report { about, reason } => {
            look_back::statement(&wallet.report_site(about, reason).await?, printer);
            Ok(())
        }
        Command::SendStatement { id } => {
            look_back::statement(&wallet.send_statement(id).await?, printer);
            Ok(())
        }
        Command::Statements => look_back::statements(&wallet, printer),
        Command::Receipts { offline } => look_back::receipts(&wallet, *offline, printer).await,
        Command::Unsent => look_back::unsent(&wallet, printer),
        Command::Resend { consent } => scan::resend(&wallet, consent, printer).await,
        Command::Did => identity::did(&wallet, printer),
        Command::Devices { offline } => devices::list(&wallet, *offline, printer).await,
        Command::AddDevice { link, code } => devices::add(&wallet, link, code.as_deref(), printer).await,
        Command::NameDevice { key, name } => devices::name(&wallet, key, name, printer),
        Command::RemoveDevice { key, yes } => devices::remove(&wallet, key, *yes, printer).await,
        Command::Recovery { command } => recovery::run(&wallet, command, printer).await,
    }
}

fn unlock(arguments: &Arguments, printer: &Printer) -> Result<Wallet, Failure> {
    let passphrase = ask::passphrase(arguments.passphrase_file.as_deref(), printer)?;
    // The key store is asked only by a wallet that is bound to this device.
    let secrets = Secrets { passphrase: &passphrase, device: Some(&OsKeyStore) };
    Ok(with_progress(Wallet::unlock_bound(&arguments.dir, secrets, Environment::system())?, printer))
}

/// The wallet, saying on stderr when something takes longer than usual.
fn with_progress(wallet: Wallet, printer: &Printer) -> Wallet {
    let printer = *printer;
    wallet.with_progress(Arc::new(move |slow| printer.slow(slow)))
}

/// A link of another wallet: as text, or in a picture's QR code.
fn own_link(text: &str) -> Result<String, Failure> {
    let path = Path::new(text);
    if !text.contains("://") && path.is_file() { Ok(Wallet::link_from_picture(path)?) } else { Ok(text.to_owned()) }
}
