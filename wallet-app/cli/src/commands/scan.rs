//! `scan` and `resend`: a link opens a screen; the person answers.

use wallet_core::requests::RequestError;
use wallet_core::{Consent, Declined, Language, LinkKind, Outcome, Selection, Wallet, WalletError};

use super::credentials::{link_and_channel, receive};
use crate::arguments::ScanArguments;
use crate::ask;
use crate::failure::Failure;
use crate::print::Printer;
use crate::show;

/// What the person answered.
enum Answer {
    Agree { match_code: Option<String> },
    Decline,
}

/// Opens a link or picture, shows who asks for what, and does what the person says.
pub(crate) async fn scan(wallet: &Wallet, arguments: &ScanArguments, printer: &Printer) -> Result<(), Failure> {
    let (link, channel) = link_and_channel(&arguments.link)?;
    if Wallet::read_link(&link)? == LinkKind::Offer {
        return receive(wallet, Some(&link), arguments.pin.as_deref(), arguments.yes, printer).await;
    }
    let mut consent = match wallet.open_from(&link, channel).await {
        Ok(consent) => consent,
        Err(WalletError::Request(error)) if arguments.decline && error.refusal().is_some() => {
            return tell(wallet, &error, printer).await;
        }
        Err(error) => return Err(error.into()),
    };
    if !arguments.chosen.is_empty() {
        consent = wallet.select(&consent, &selection(arguments))?;
    }
    if arguments.show {
        printer.result(&consent.view, || show::consent(&consent.view, printer));
        return Ok(());
    }
    printer.lines(&show::consent(&consent.view, printer));
    match answer(arguments, &consent, printer)? {
        Answer::Agree { match_code } => {
            accept_unverified(arguments, &mut consent, printer)?;
            let outcome = wallet.approve(&consent, match_code.as_deref()).await?;
            print_outcome(&outcome, printer);
            Ok(())
        }
        Answer::Decline => {
            print_declined(&wallet.decline(&consent).await?, printer);
            if arguments.decline { Ok(()) } else { Err(Failure::Declined) }
        }
    }
}

/// The wallet refused the request by itself, and the person wants the site to hear of it.
async fn tell(wallet: &Wallet, error: &RequestError, printer: &Printer) -> Result<(), Failure> {
    printer.lines(&[printer.of(&error.explain().sentence).to_owned()]);
    if let Some(refusal) = error.refusal() {
        print_declined(&wallet.tell_site(refusal).await?, printer);
    }
    Ok(())
}

fn selection(arguments: &ScanArguments) -> Selection {
    let mut selection = Selection::default();
    for (question, credential) in &arguments.chosen {
        selection.credentials.entry(question.clone()).or_default().push(credential.clone());
    }
    selection
}

/// A second question, of its own, where nobody vouches for who asks; `--yes` alone does not answer it.
fn accept_unverified(arguments: &ScanArguments, consent: &mut Consent, printer: &Printer) -> Result<(), Failure> {
    if consent.view.unverified.is_none() {
        return Ok(());
    }
    let question = printer.say("没有人证实请求方的身份。仍要继续吗？", "Nobody has verified who asks. Go on all the same?");
    if arguments.accept_unverified || (!arguments.yes && ask::yes(question)?) {
        consent.accept_unverified();
    }
    Ok(())
}

/// Sends a response again.
pub(crate) async fn resend(wallet: &Wallet, consent: &str, printer: &Printer) -> Result<(), Failure> {
    let outcome = wallet.resend(consent).await?;
    print_outcome(&outcome, printer);
    Ok(())
}

fn print_outcome(outcome: &Outcome, printer: &Printer) {
    printer.result(outcome, || show::outcome(outcome, printer));
}

fn print_declined(declined: &Declined, printer: &Printer) {
    let Declined { site_told, redirect_uri } = declined;
    let result = serde_json::json!({ "declined": true, "site_told": site_told, "redirect_uri": redirect_uri });
    printer.result(&result, || std::iter::once(in_words(*site_told, printer)).chain(redirect_uri.clone()).collect());
}

fn in_words(told: bool, printer: &Printer) -> String {
    let text = if told {
        printer.say("已拒绝，并已告知网站。未提供任何信息。", "Declined, and the site was told. No data was released.")
    } else {
        printer.say("已拒绝，但未能告知网站。未提供任何信息。", "Declined; the site could not be told. No data was released.")
    };
    text.to_owned()
}

fn answer(arguments: &ScanArguments, consent: &Consent, printer: &Printer) -> Result<Answer, Failure> {
    if arguments.decline {
        return Ok(Answer::Decline);
    }
    if arguments.yes {
        return Ok(Answer::Agree { match_code: arguments.match_code.clone() });
    }
    let codes = &consent.view.match_codes;
    if codes.is_empty() || arguments.match_code.is_some() {
        let agreed = ask::yes(printer.say("同意吗？", "Do you agree?"))?;
        let match_code = arguments.match_code.clone();
        return Ok(if agreed { Answer::Agree { match_code } } else { Answer::Decline });
    }
    let codes = codes.join(" / ");
    let question = match printer.language {
        Language::Zh => format!("同意请输入登录页面上的核对码（{codes}），直接回车表示拒绝："),
        Language::En => format!("To agree, type the code that the login page shows ({codes}), or press Enter to decline: "),
    };
    Ok(match ask::answer(&question)? {
        Some(code) => Answer::Agree { match_code: Some(code) },
        None => Answer::Decline,
    })
}
