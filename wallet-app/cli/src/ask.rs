//! Asking the person: passphrase, PIN, yes or no, a match code. Questions go to the terminal only.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

use wallet_core::Passphrase;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::print::Printer;

/// Bytes of a passphrase file that are read at most.
const MAX_PASSPHRASE_FILE_BYTES: u64 = 4096;

/// Whether a person can be asked.
pub(crate) fn can_ask() -> bool {
    std::io::stdin().is_terminal()
}

/// The passphrase of an existing wallet: the first line of the file, or by prompt.
pub(crate) fn passphrase(file: Option<&Path>, printer: &Printer) -> Result<Passphrase, Failure> {
    match file {
        Some(file) => from_file(file),
        None => hidden(printer.say("口令：", "Passphrase: ")).map(Passphrase::new),
    }
}

/// The passphrase of a new wallet: from the file, or twice by prompt.
pub(crate) fn new_passphrase(file: Option<&Path>, printer: &Printer) -> Result<Passphrase, Failure> {
    let Some(file) = file else {
        let first = hidden(printer.say("新口令（至少 8 个字符）：", "New passphrase (at least 8 characters): "))?;
        let second = hidden(printer.say("再次输入口令：", "The same again: "))?;
        return if first == second { Ok(Passphrase::new(first)) } else { Err(Failure::PassphrasesDiffer) };
    };
    from_file(file)
}

/// A PIN by prompt.
pub(crate) fn pin(printer: &Printer) -> Result<String, Failure> {
    hidden(printer.say("办事人员给您的 PIN：", "The PIN from the clerk: ")).map(|pin| pin.trim().to_owned())
}

/// The 24 words by prompt.
pub(crate) fn words(printer: &Printer) -> Result<Zeroizing<String>, Failure> {
    hidden(printer.say("24 个恢复词：", "The 24 words: ")).map(Zeroizing::new)
}

/// A small text file.
pub(crate) fn small_file(path: &Path, max_bytes: u64) -> Result<Zeroizing<String>, Failure> {
    let failed = |source| Failure::File { path: path.to_owned(), source };
    let mut text = Zeroizing::new(String::new());
    let file = std::fs::File::open(path).map_err(failed)?;
    std::io::Read::read_to_string(&mut std::io::Read::take(file, max_bytes), &mut text).map_err(failed)?;
    Ok(text)
}

/// A question with yes or no; no is what an empty line says.
pub(crate) fn yes(question: &str) -> Result<bool, Failure> {
    let answer = visible(&format!("{question} [y/N] "))?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes" | "是" | "好"))
}

/// An open question; an empty line is no answer.
pub(crate) fn answer(question: &str) -> Result<Option<String>, Failure> {
    let answer = visible(question)?;
    Ok(Some(answer.trim().to_owned()).filter(|answer| !answer.is_empty()))
}

fn from_file(path: &Path) -> Result<Passphrase, Failure> {
    let file = std::fs::File::open(path).map_err(Failure::PassphraseFile)?;
    let mut text = String::new();
    let mut reader = std::io::BufReader::new(std::io::Read::take(file, MAX_PASSPHRASE_FILE_BYTES));
    reader.read_line(&mut text).map_err(Failure::PassphraseFile)?;
    let length = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(length);
    Ok(Passphrase::new(text))
}

fn hidden(question: &str) -> Result<String, Failure> {
    if !can_ask() {
        return Err(Failure::NobodyToAsk);
    }
    rpassword::prompt_password(question).map_err(Failure::Terminal)
}

fn visible(question: &str) -> Result<String, Failure> {
    if !can_ask() {
        return Err(Failure::NobodyToAsk);
    }
    let mut terminal = std::io::stderr();
    write!(terminal, "{question}").and_then(|()| terminal.flush()).map_err(Failure::Terminal)?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(Failure::Terminal)?;
    Ok(line)
}
