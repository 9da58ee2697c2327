//! `recovery …` and `recover`: words, cards, backup, rehearsal; and the day of need.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use wallet_core::labels::moment;
use wallet_core::recovery::backup::MAX_BACKUP_BYTES;
use wallet_core::recovery::rehearse::Rehearsal;
use wallet_core::{CardView, GuardianCard, Language, MovedState, MovedView, RecoverySecret, RecoveryStatus, Wallet, WalletError};

use super::identity::make_unless_there;
use crate::arguments::{Arguments, RecoverArguments, RecoveryCommand, SecretArguments};
use crate::ask;
use crate::failure::Failure;
use crate::print::{Printer, qr};

/// Bytes of a card's file at most.
const MAX_CARD_FILE_BYTES: u64 = 4096;

/// Runs a command about recovery in a wallet.
pub(crate) async fn run(wallet: &Wallet, command: &RecoveryCommand, printer: &Printer) -> Result<(), Failure> {
    match command {
        RecoveryCommand::Status => status(&wallet.recovery_status()?, printer),
        RecoveryCommand::Words => words(wallet, printer)?,
        RecoveryCommand::Cards => cards(wallet, printer)?,
        RecoveryCommand::Backup { file } => backup(wallet, file, printer)?,
        RecoveryCommand::Rehearse { secret, backup } => {
            let (_, secret) = read_secret(secret, printer)?;
            let file = backup.as_deref().map(read_backup).transpose()?;
            let rehearsal = wallet.rehearse(&secret, file.as_deref()).await?;
            printer.result(&rehearsal, || rehearsed(&rehearsal, printer));
        }
        RecoveryCommand::Rotate { yes } => rotate(wallet, *yes, printer).await?,
        RecoveryCommand::Moved => moved(&wallet.moved_credentials()?, printer),
        RecoveryCommand::Rebind => moved(&wallet.rebind().await?, printer),
        RecoveryCommand::KillOld { id, yes } => kill_old(wallet, id, *yes, printer).await?,
        RecoveryCommand::Forget { id } => {
            wallet.forget_moved(id)?;
            printer.result(&serde_json::json!({ "forgotten": id }), || vec![printer.say("已移除。", "Removed.").to_owned()]);
        }
    }
    Ok(())
}

/// Takes an identity over on this device: makes the wallet unless it is there, restores, recovers, and asks for credentials again.
pub(crate) async fn recover(arguments: &Arguments, recover: &RecoverArguments, printer: &Printer) -> Result<(), Failure> {
    let wallet = make_unless_there(arguments, &recover.create, printer)?;
    if wallet.identity()?.is_none() {
        let (of_cards, secret) = read_secret(&recover.secret, printer)?;
        match &recover.backup {
            Some(file) => {
                let restored = wallet.restore(&read_backup(file)?, &secret)?;
                let (history, made) = (restored.history, moment(restored.made_at));
                printer.lines(&[match printer.language {
                    Language::Zh => format!("已从 {made} 的备份恢复 {history} 条记录。"),
                    Language::En => format!("Restored {history} entries of the history from the backup of {made}."),
                }]);
            }
            None => {
                let did = recover.did.clone().or(of_cards).ok_or(Failure::NobodyNamed)?;
                wallet.begin_recovery(&did, &secret).await?;
            }
        }
    }
    let identity = wallet.recover().await?;
    let moved = wallet.rebind().await?;
    let result = serde_json::json!({ "identity": identity, "moved": moved });
    printer.result(&result, || {
        let mut lines = vec![
            format!("{}{}", printer.say("身份已恢复：", "Recovered: "), identity.did),
            printer
                .say(
                    "其他设备均已失效。请用 `recovery words` 抄写新的恢复词，并制作新的备份；旧的恢复词已作废。",
                    "All other devices are dead. Write down the new words (`recovery words`) and make a new backup; the old words are used up.",
                )
                .to_owned(),
        ];
        lines.extend(moved.iter().map(|one| moved_line(one, printer)));
        lines
    });
    Ok(())
}

/// The secret by words or cards; the DID that cards name.
fn read_secret(arguments: &SecretArguments, printer: &Printer) -> Result<(Option<identity::Did>, RecoverySecret), Failure> {
    if arguments.cards.is_empty() {
        let words = match &arguments.words_file {
            Some(path) => ask::small_file(path, MAX_CARD_FILE_BYTES)?,
            None => ask::words(printer)?,
        };
        return Ok((None, RecoverySecret::from_words(&words).map_err(WalletError::from)?));
    }
    let mut cards = Vec::new();
    for path in &arguments.cards {
        cards.push(read_card(path)?);
    }
    let (did, secret) = RecoverySecret::from_cards(&cards).map_err(WalletError::from)?;
    Ok((Some(did), secret))
}

/// A card: a file with the text of its QR code, or a picture of that.
fn read_card(path: &Path) -> Result<GuardianCard, Failure> {
    let is_picture =
        path.extension().is_some_and(|end| ["png", "jpg", "jpeg"].iter().any(|known| end.eq_ignore_ascii_case(known)));
    let text = if is_picture { Wallet::link_from_picture(path)?.into() } else { ask::small_file(path, MAX_CARD_FILE_BYTES)? };
    Ok(GuardianCard::parse(&text).map_err(WalletError::from)?)
}

fn read_backup(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |source| Failure::File { path: path.to_owned(), source };
    let bytes = std::fs::metadata(path).map_err(failed)?.len();
    if !usize::try_from(bytes).is_ok_and(|bytes| bytes <= MAX_BACKUP_BYTES) {
        return Err(WalletError::from(wallet_core::recovery::RecoveryError::TooLarge).into());
    }
    std::fs::read(path).map_err(failed)
}

fn status(status: &RecoveryStatus, printer: &Printer) {
    let at = |at: Option<i64>| at.map_or_else(|| printer.say("从未", "never").to_owned(), moment);
    printer.result(status, || {
        let mut lines = vec![
            format!("{}{}", printer.say("恢复词：", "Words on paper: "), at(status.words_at)),
            format!("{}{}", printer.say("恢复卡：", "Cards made: "), at(status.cards_at)),
            format!("{}{}", printer.say("备份：", "Backup made: "), at(status.backup_at)),
            format!("{}{}", printer.say("演练：", "Rehearsed: "), at(status.rehearsed_at)),
        ];
        lines.extend(status.advice.iter().map(|advice| format!("! {}", printer.of(advice))));
        lines
    });
}

fn words(wallet: &Wallet, printer: &Printer) -> Result<(), Failure> {
    let words = wallet.recovery_words(printer.language)?;
    let identity = wallet.identity()?.map(|identity| identity.did);
    printer.result(&serde_json::json!({ "words": words.as_str(), "did": identity }), || {
        let mut lines: Vec<String> = words.split(' ').enumerate().map(|(at, word)| format!("{:>2}  {word}", at + 1)).collect();
        lines.extend(identity.iter().map(|did| did.to_string()));
        lines.push(
            printer
                .say(
                    "请抄在纸上，不要拍照。谁有这些词，谁就能接管您的身份。",
                    "Write them on paper and take no picture. Whoever has them can take your identity over.",
                )
                .to_owned(),
        );
        lines
    });
    let written = printer.say("已全部抄在纸上了吗？", "Are all of them on paper?");
    if ask::can_ask() && !printer.json && ask::yes(written)? {
        wallet.words_are_written()?;
    }
    Ok(())
}

fn cards(wallet: &Wallet, printer: &Printer) -> Result<(), Failure> {
    let cards: Vec<CardView> = wallet.guardian_cards()?.iter().map(GuardianCard::view).collect();
    printer.result(&cards, || cards.iter().flat_map(|card| card_lines(card, printer)).collect());
    Ok(())
}

fn card_lines(card: &CardView, printer: &Printer) -> Vec<String> {
    let (number, of) = (card.number, card.of);
    let mut lines = vec![match printer.language {
        Language::Zh => format!("——— 恢复卡 {number}/{of} ———"),
        Language::En => format!("--- card {number} of {of} ---"),
    }];
    lines.extend(qr(&card.link));
    lines.push(card.did.clone());
    lines.push(card.words.clone());
    lines.push(card.link.clone());
    lines.push(printer.of(&card.sentence).to_owned());
    lines
}

/// Writes the backup beside the file, then puts it in its place: an earlier backup is there until the new one is whole.
fn backup(wallet: &Wallet, file: &Path, printer: &Printer) -> Result<(), Failure> {
    let bytes = wallet.backup()?;
    let failed = |source| Failure::File { path: file.to_owned(), source };
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".unfinished");
    let beside = file.with_file_name(name);
    let written = OpenOptions::new().create(true).truncate(true).write(true).open(&beside).and_then(|mut to| {
        to.write_all(&bytes)?;
        to.sync_all()
    });
    written.and_then(|()| std::fs::rename(&beside, file)).map_err(failed)?;
    let result = serde_json::json!({ "file": file, "bytes": bytes.len() });
    printer.result(&result, || {
        let said = printer.say("备份已写入 ", "The backup is in ");
        let seal = printer.say("（已用恢复词加密，可存放在任何地方）", " (sealed under your words; it may lie anywhere)");
        vec![format!("{said}{}{seal}", file.display())]
    });
    Ok(())
}

fn rehearsed(rehearsal: &Rehearsal, printer: &Printer) -> Vec<String> {
    let mut lines = vec![match (printer.language, &rehearsal.as_of) {
        (Language::Zh, Some(as_of)) => {
            format!("演练成功：它们能恢复 {}，账本已核实（第 {} 个区块）。", rehearsal.did, as_of.height)
        }
        (Language::En, Some(as_of)) => {
            format!("It works: they recover {}, confirmed on the ledger as of block {}.", rehearsal.did, as_of.height)
        }
        (Language::Zh, None) => format!("它们与本机的恢复密钥一致（{}）；账本暂时无法核实。", rehearsal.did),
        (Language::En, None) => format!("They are this device's secret for {}; the ledger could not be asked.", rehearsal.did),
    }];
    if let Some(backup) = &rehearsal.backup {
        let (has, lacks, made) = (backup.has, backup.lacks, moment(backup.made_at));
        lines.push(match printer.language {
            Language::Zh => format!(
                "备份（{made}）：{} 个凭证、{} 条记录、{} 份回执；此后新增 {} 个凭证、{} 条记录、{} 份回执。",
                has.credentials, has.history, has.receipts, lacks.credentials, lacks.history, lacks.receipts
            ),
            Language::En => format!(
                "The backup of {made} has {} credentials, {} entries, {} receipts; later ones: {}, {}, {}.",
                has.credentials, has.history, has.receipts, lacks.credentials, lacks.history, lacks.receipts
            ),
        });
    }
    lines
}

async fn rotate(wallet: &Wallet, yes: bool, printer: &Printer) -> Result<(), Failure> {
    let question = printer.say(
        "更换后，旧的恢复词、恢复卡和备份都不能再恢复身份。确定吗？",
        "Afterwards old words, cards and backups recover nothing any more. Are you sure?",
    );
    if !yes && !ask::yes(question)? {
        return Err(Failure::Declined);
    }
    wallet.rotate_recovery().await?;
    let done = printer.say(
        "已更换。请立即抄写新的恢复词（recovery words），并制作新的备份。",
        "Replaced. Write down the new words now (`recovery words`), and make a new backup.",
    );
    printer.result(&serde_json::json!({ "rotated": true }), || vec![done.to_owned()]);
    Ok(())
}

async fn kill_old(wallet: &Wallet, id: &str, yes: bool, printer: &Printer) -> Result<(), Failure> {
    let question =
        printer.say("丢失设备上的凭证副本将永久作废。确定吗？", "The copies on the lost device end for good. Are you sure?");
    if !yes && !ask::yes(question)? {
        return Err(Failure::Declined);
    }
    wallet.kill_moved(id).await?;
    printer.result(&serde_json::json!({ "killed": id }), || vec![printer.say("已作废。", "Killed.").to_owned()]);
    Ok(())
}

fn moved(views: &[MovedView], printer: &Printer) {
    printer.result(&views, || views.iter().map(|one| moved_line(one, printer)).collect());
}

fn moved_line(moved: &MovedView, printer: &Printer) -> String {
    let state = match &moved.state {
        MovedState::Renewable => printer.say("可重新领取（recovery rebind）", "can be had again (recovery rebind)"),
        MovedState::AskAgain => printer.say("请向部门重新申请", "ask the department again"),
        MovedState::OldCopiesLeft => {
            printer.say("已重新领取；旧副本待作废", "received anew; the old copies are still to be killed")
        }
        MovedState::Done => printer.say("已重新领取，旧副本已作废", "received anew; the old copies are dead"),
        MovedState::Failed(why) => printer.of(&why.sentence),
    };
    format!("{}  {}  {}  {state}", moved.id, printer.of(&moved.type_name), printer.of(&moved.issuer_name))
}
