//! `receive`, `sign-in`, `signed-in`, `pending`, `credentials`, `renew`, `delete`, `kill`.

use std::path::Path;

use url::Url;
use wallet_core::{CameBy, RequestStage, Wallet};

use crate::ask;
use crate::failure::Failure;
use crate::print::Printer;
use crate::show;

/// Receives the credentials of an offer: a link, a picture, or the one of an attested request.
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
    if !yes && !offer.expected() && !ask::yes(printer.say("领取吗？", "Receive it?"))? {
        return Err(Failure::Declined);
    }
    let asked = match pin {
        None if offer.needs_pin => Some(ask::pin(printer)?),
        _ => None,
    };
    let received = wallet.receive(&link, pin.or(asked.as_deref())).await?;
    printer.result(&received, || received.iter().flat_map(|one| show::credential(one, printer)).collect());
    Ok(())
}

/// A link, alone or in a text; a path of a file as the link in its QR code.
pub(crate) fn link_or_picture(text: &str) -> Result<String, Failure> {
    Ok(link_and_channel(text)?.0)
}

/// The same with how it came here.
pub(crate) fn link_and_channel(text: &str) -> Result<(String, CameBy), Failure> {
    let path = Path::new(text);
    if !text.contains("://") && path.is_file() {
        return Ok((Wallet::link_from_picture(path)?, CameBy::Scanned));
    }
    Ok((Wallet::link_from_text(text)?, CameBy::Pasted))
}

/// Begins to receive by signing in: an offer, or a type of an issuer.
pub(crate) async fn sign_in(
    wallet: &Wallet,
    link: Option<&str>,
    issuer: Option<(&str, &str)>,
    redirect_uri: &Url,
    printer: &Printer,
) -> Result<(), Failure> {
    let request = match (link, issuer) {
        (Some(link), _) => wallet.authorize(&link_or_picture(link)?, redirect_uri).await?,
        (None, Some((issuer, attestation_type))) => wallet.authorize_at(issuer, attestation_type, redirect_uri).await?,
        (None, None) => return Err(Failure::NothingToReceive),
    };
    printer.result(&request, || show::sign_in(&request, printer));
    Ok(())
}

/// Goes on after signing in.
pub(crate) async fn signed_in(wallet: &Wallet, address: Option<&str>, printer: &Printer) -> Result<(), Failure> {
    let question = printer.say("浏览器跳转到的地址：", "The address that the browser came back to: ");
    let address = match address {
        Some(address) => address.to_owned(),
        None => ask::answer(question)?.ok_or(Failure::Declined)?,
    };
    let received = wallet.authorized(&address).await?;
    printer.result(&received, || received.iter().flat_map(|one| show::credential(one, printer)).collect());
    Ok(())
}

/// Lists issuances that are not done; asks the issuers, or forgets one.
pub(crate) async fn pending(wallet: &Wallet, poll: bool, forget: Option<&str>, printer: &Printer) -> Result<(), Failure> {
    if let Some(id) = forget {
        wallet.forget_issuance(id)?;
    }
    let pending = if poll { wallet.poll_issuances().await? } else { wallet.pending_issuances()? };
    printer.result(&pending, || pending.iter().flat_map(|one| show::pending(one, printer)).collect());
    Ok(())
}

/// Fetches new copies.
pub(crate) async fn renew(wallet: &Wallet, id: &str, printer: &Printer) -> Result<(), Failure> {
    let credential = wallet.renew(id).await?;
    printer.result(&credential, || show::credential(&credential, printer));
    Ok(())
}

/// Removes a credential from the wallet.
pub(crate) async fn delete(wallet: &Wallet, id: &str, yes: bool, printer: &Printer) -> Result<(), Failure> {
    let question = printer.say(
        "凭证将从此钱包删除，但在账本上仍然有效（要使其失效请用 kill）。确定吗？",
        "It is removed from this wallet and stays in force on the ledger (use kill to end that). Are you sure?",
    );
    if !yes && !ask::yes(question)? {
        return Err(Failure::Declined);
    }
    wallet.delete_credential(id).await?;
    printer.result(&serde_json::json!({ "deleted": id }), || vec![printer.say("已删除。", "Removed.").to_owned()]);
    Ok(())
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
