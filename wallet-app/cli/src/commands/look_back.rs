//! `history`, `receipts`, `unsent`, `withdraw`, `ask-deletion`, `report`, `send-statement`, `statements`.

use std::path::Path;

use wallet_core::labels::moment;
use wallet_core::{Statement, StatementState, Wallet};

use crate::failure::Failure;
use crate::print::Printer;
use crate::show;

/// Prints what happened, or writes it into a file.
pub(crate) fn history(wallet: &Wallet, export: Option<&Path>, printer: &Printer) -> Result<(), Failure> {
    if let Some(path) = export {
        let export = serde_json::to_vec_pretty(&wallet.export_history()?).expect("views are maps with text keys");
        std::fs::write(path, &export).map_err(|source| Failure::File { path: path.to_owned(), source })?;
        let said = printer.say("已导出到 ", "Exported to ");
        printer.result(&serde_json::json!({ "file": path }), || vec![format!("{said}{}", path.display())]);
        return Ok(());
    }
    let history = wallet.history()?;
    printer.result(&history, || history.iter().map(|entry| show::entry(entry, printer)).collect());
    Ok(())
}

/// Checks and prints receipts.
pub(crate) async fn receipts(wallet: &Wallet, offline: bool, printer: &Printer) -> Result<(), Failure> {
    let receipts = if offline { wallet.verify_receipts_offline()? } else { wallet.verify_receipts().await? };
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

/// Prints a statement that was made.
pub(crate) fn statement(statement: &Statement, printer: &Printer) {
    printer.result(statement, || statement_lines(statement, printer));
}

/// Lists statements.
pub(crate) fn statements(wallet: &Wallet, printer: &Printer) -> Result<(), Failure> {
    let statements = wallet.statements()?;
    printer.result(&statements, || statements.iter().flat_map(|one| statement_lines(one, printer)).collect());
    Ok(())
}

fn statement_lines(statement: &Statement, printer: &Printer) -> Vec<String> {
    let mut lines = vec![
        format!("{}  {}{}  {}", statement.id, printer.say("致 ", "to "), printer.of(&statement.to), moment(statement.at)),
        format!("    {}", printer.of(&statement.text)),
    ];
    let references = statement.references.iter().chain(&statement.receipt);
    lines.extend(references.map(|reference| format!("    {}{reference}", printer.say("编号 ", "reference "))));
    lines.extend(statement.signed.iter().map(|signed| format!("    {signed}")));
    lines.extend(statement.answer.iter().map(|answer| format!("    {}{answer}", printer.say("确认 ", "confirmation "))));
    let mark = if statement.state == StatementState::Acknowledged { "✓" } else { "!" };
    lines.push(format!("    {mark} {}", printer.of(&statement.sending)));
    lines
}
