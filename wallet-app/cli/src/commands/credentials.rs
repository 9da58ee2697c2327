//! `receive`, `credentials`, `kill`.

use std::path::Path;

use wallet_core::{RequestStage, Wallet};

use crate::ask;
use crate::failure::Failure;
use crate::print::Printer;
use crate::show;

/// Receives the credential of an offer: a link, a picture, or the one of an attested request.
pub(crate) async fn receive(
    wallet: &Wallet,
    link: Option<&str>,
    pin: Option<&str>,
    yes: bool,
    printer: &Printer,
) -> Result<(), Failure> {
    let link = match link {
        Some(link) => link_or_picture(link)?,
        None => offer_of_request(wallet).await?,
    };
    let offer = wallet.review_offer(&link).await?;
    printer.lines(&show::offer(&offer, printer));
    // What this wallet asked for needs no second question; what comes unasked does.
    if !yes && !offer.expected && !ask::yes(printer.say("领取吗？", "Receive it?"))? {
        return Err(Failure::Declined);
    }
    let asked = match pin {
        None if offer.needs_pin => Some(ask::pin(printer)?),
        _ => None,
    };
    let credential = wallet.receive(&link, pin.or(asked.as_deref())).await?;
    printer.result(&credential, || show::credential(&credential, printer));
    Ok(())
}

/// A link as it is; a path of a file as the link in its QR code.
pub(crate) fn link_or_picture(text: &str) -> Result<String, Failure> {
    let path = Path::new(text);
    if !text.contains("://") && path.is_file() { Ok(Wallet::link_from_picture(path)?) } else { Ok(text.to_owned()) }
}

async fn offer_of_request(wallet: &Wallet) -> Result<String, Failure> {
    for request in wallet.requests()?.into_iter().rev() {
        if matches!(request.stage, RequestStage::Pending | RequestStage::Attested { .. })
            && let RequestStage::Attested { offer } = wallet.request_state(&request.id).await?.stage
        {
            return Ok(offer);
        }
    }
    Err(Failure::NothingToReceive)
}

/// Lists credentials.
pub(crate) async fn list(wallet: &Wallet, refresh: bool, printer: &Printer) -> Result<(), Failure> {
    let credentials = if refresh { wallet.refresh_credentials().await? } else { wallet.credentials()? };
    printer.result(&credentials, || credentials.iter().flat_map(|one| show::credential(one, printer)).collect());
    Ok(())
}

/// Kills a credential.
pub(crate) async fn kill(wallet: &Wallet, id: &str, yes: bool, printer: &Printer) -> Result<(), Failure> {
    let question = printer.say(
        "作废后无法恢复，此凭证的所有副本都不能再使用。确定吗？",
        "This cannot be undone, and no copy of the credential can be used again. Are you sure?",
    );
    if !yes && !ask::yes(question)? {
        return Err(Failure::Declined);
    }
    let credential = wallet.break_lock(id).await?;
    printer.result(&credential, || show::credential(&credential, printer));
    Ok(())
}
