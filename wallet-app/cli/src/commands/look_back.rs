//! `history`, `receipts`, `unsent`.

use wallet_core::Wallet;

use crate::failure::Failure;
use crate::print::Printer;
use crate::show;

/// Prints what happened.
pub(crate) fn history(wallet: &Wallet, printer: &Printer) -> Result<(), Failure> {
    let history = wallet.history()?;
    printer.result(&history, || history.iter().map(|entry| show::entry(entry, printer)).collect());
    Ok(())
}

/// Checks and prints receipts.
pub(crate) async fn receipts(wallet: &Wallet, offline: bool, printer: &Printer) -> Result<(), Failure> {
    let receipts = if offline { wallet.receipts()? } else { wallet.verify_receipts().await? };
    printer.result(&receipts, || receipts.iter().flat_map(|receipt| show::receipt(receipt, printer)).collect());
    Ok(())
}

/// Prints what waits to be sent.
pub(crate) fn unsent(wallet: &Wallet, printer: &Printer) -> Result<(), Failure> {
    let unsent = wallet.unsent()?;
    printer.result(&unsent, || {
        unsent.iter().map(|one| format!("{}  {}  {}", one.consent, printer.of(&one.name), one.origin)).collect()
    });
    Ok(())
}
