//! The commands, by story.

mod attributes;
mod credentials;
mod identity;
mod look_back;
mod scan;
pub(crate) mod sd_jwt;

use wallet_core::{Environment, OsKeyStore, Secrets, Wallet};

use crate::arguments::{Arguments, Command};
use crate::ask;
use crate::failure::Failure;
use crate::print::Printer;

/// Runs the command in a wallet.
pub(crate) async fn run(arguments: &Arguments, printer: &Printer) -> Result<(), Failure> {
    if let Command::Create(create) = &arguments.command {
        return identity::create(arguments, create, printer).await;
    }
    let wallet = unlock(arguments, printer)?;
    match &arguments.command {
        Command::Create(_) | Command::SdJwt { .. } => Ok(()),
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
        Command::History => look_back::history(&wallet, printer),
        Command::Receipts { offline } => look_back::receipts(&wallet, *offline, printer).await,
        Command::Unsent => look_back::unsent(&wallet, printer),
        Command::Resend { consent } => scan::resend(&wallet, consent, printer).await,
        Command::Did => identity::did(&wallet, printer),
        Command::Devices => identity::devices(&wallet, printer).await,
    }
}

fn unlock(arguments: &Arguments, printer: &Printer) -> Result<Wallet, Failure> {
    let passphrase = ask::passphrase(arguments.passphrase_file.as_deref(), printer)?;
    // The key store is asked only by a wallet that is bound to this device.
    let secrets = Secrets { passphrase: &passphrase, device: Some(&OsKeyStore) };
    Ok(Wallet::unlock_bound(&arguments.dir, secrets, Environment::system())?)
}
