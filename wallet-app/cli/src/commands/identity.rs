//! `create` and `did`.

use std::path::{Path, PathBuf};

use wallet_core::identity::IdentityError;
use wallet_core::{DeviceStore, Environment, Language, OsKeyStore, Secrets, Strength, Wallet, WalletConfig, WalletError};

use super::{unlock, with_progress};
use crate::arguments::{Arguments, CreateArguments};
use crate::ask;
use crate::failure::Failure;
use crate::print::Printer;

/// Creates the wallet, unless it is there, and the identity, unless it is there.
pub(crate) async fn create(arguments: &Arguments, create: &CreateArguments, printer: &Printer) -> Result<(), Failure> {
    let wallet = make_unless_there(arguments, create, printer)?;
    printer.lines(&[printer.say("正在账本上创建数字身份……", "Creating the identity on the ledger …").to_owned()]);
    let identity = wallet.create_identity().await?;
    printer.result(&identity, || {
        let block = identity.as_of.map_or(0, |as_of| as_of.height);
        vec![
            format!("{}{}", printer.say("数字身份：", "Identity: "), identity.did),
            format!("{}{}", printer.say("本机密钥：", "This device's key: "), identity.device),
            match printer.language {
                Language::Zh => format!("已由账本证明，截至第 {block} 个区块。"),
                Language::En => format!("Proven by the ledger as of block {block}."),
            },
        ]
    });
    Ok(())
}

/// The wallet in the directory; made now if there is none.
pub(crate) fn make_unless_there(arguments: &Arguments, create: &CreateArguments, printer: &Printer) -> Result<Wallet, Failure> {
    if arguments.dir.join(wallet_core::vault::FILE).is_file() {
        unlock(arguments, printer)
    } else {
        Ok(with_progress(make(arguments, create, printer)?, printer))
    }
}

fn make(arguments: &Arguments, create: &CreateArguments, printer: &Printer) -> Result<Wallet, Failure> {
    let config = config(arguments, create)?;
    let passphrase = ask::new_passphrase(arguments.passphrase_file.as_deref(), printer)?;
    let environment = Environment::system();
    let strength = Strength::calibrated(&environment);
    let device: Option<&dyn DeviceStore> = if create.bind_to_device { Some(&OsKeyStore) } else { None };
    let secrets = Secrets { passphrase: &passphrase, device };
    Ok(Wallet::create_bound(&arguments.dir, secrets, config, strength, environment)?)
}

fn config(arguments: &Arguments, create: &CreateArguments) -> Result<WalletConfig, Failure> {
    match (&create.genesis, &create.trust_anchors) {
        (Some(genesis), Some(trust_anchors)) => Ok(WalletConfig {
            nodes: create.nodes.clone(),
            genesis: absolute(genesis)?,
            trust_anchors: absolute(trust_anchors)?,
            language: arguments.language.map(Language::from).unwrap_or_default(),
        }),
        _ if arguments.dir.join(wallet_core::config::FILE).is_file() => {
            Ok(WalletConfig::load(&arguments.dir).map_err(WalletError::from)?)
        }
        _ => Err(Failure::NoConfiguration),
    }
}

/// Paths on the command line are relative to where it was typed, in the file to the wallet.
fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(Failure::Terminal)
}

/// Prints the DID.
pub(crate) fn did(wallet: &Wallet, printer: &Printer) -> Result<(), Failure> {
    let identity = wallet.identity()?.ok_or(WalletError::from(IdentityError::NotCreated))?;
    printer.result(&identity, || vec![identity.did.to_string()]);
    Ok(())
}
