//! `declare` and `status`.

use std::time::Duration;

use tokio::time::Instant;
use wallet_core::{AttributeKind, DeclareFile, RequestStage, RequestView, Wallet};

use crate::arguments::DeclareArguments;
use crate::ask;
use crate::failure::Failure;
use crate::print::Printer;
use crate::show;

/// The pause between two questions to a department.
const POLL: Duration = Duration::from_secs(1);

/// Shows what would be declared, asks, and declares.
pub(crate) async fn declare(wallet: &Wallet, arguments: &DeclareArguments, printer: &Printer) -> Result<(), Failure> {
    let claims = arguments.claims.iter().map(|path| (AttributeKind::Claims, path));
    let portrait = arguments.portrait.iter().map(|path| (AttributeKind::Portrait, path));
    let files = claims.chain(portrait).map(|(kind, path)| DeclareFile { kind, path: path.clone() }).collect();
    let preview = wallet.declare(&arguments.department, &arguments.attestation_type, files).await?;
    printer.lines(&show::preview(&preview, printer));
    if !arguments.yes && !ask::yes(printer.say("确认吗？", "Do you confirm?"))? {
        return Err(Failure::Declined);
    }
    let request = wallet.confirm_declaration(&preview.id).await?;
    printer.result(&request, || show::request(&request, printer));
    Ok(())
}

/// Asks departments how requests stand.
pub(crate) async fn status(wallet: &Wallet, id: Option<&str>, wait: u64, printer: &Printer) -> Result<(), Failure> {
    let give_up = Instant::now() + Duration::from_secs(wait.min(24 * 3600));
    loop {
        let ids: Vec<String> = match id {
            Some(id) => vec![id.to_owned()],
            None => {
                let sent = |request: &RequestView| request.stage != RequestStage::Prepared;
                wallet.requests()?.into_iter().filter(sent).map(|request| request.id).collect()
            }
        };
        let mut requests = Vec::new();
        for id in &ids {
            requests.push(wallet.request_state(id).await?);
        }
        let waiting = requests.iter().any(|request| request.stage == RequestStage::Pending);
        if !waiting || Instant::now() + POLL > give_up {
            printer.result(&requests, || requests.iter().flat_map(|request| show::request(request, printer)).collect());
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
}
