//! `declare`, `status` and `my-data`.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;
use wallet_core::{AttributeKind, DeclareFile, RequestStage, RequestView, Wallet};

use crate::arguments::DeclareArguments;
use crate::ask;
use crate::failure::Failure;
use crate::my_data;
use crate::print::Printer;
use crate::show;

/// The pause between two questions to a department.
const POLL: Duration = Duration::from_secs(1);

/// Shows what would be declared, asks, and declares.
pub(crate) async fn declare(wallet: &Wallet, arguments: &DeclareArguments, printer: &Printer) -> Result<(), Failure> {
    let claims = arguments.claims.iter().map(|path| (AttributeKind::Claims, path));
    let portrait = arguments.portrait.iter().map(|path| (AttributeKind::Portrait, path));
    let documents = arguments.documents.iter().map(|(kind, path)| (*kind, path));
    let files = claims.chain(portrait).chain(documents).map(|(kind, path)| DeclareFile { kind, path: path.clone() }).collect();
    let preview = wallet.declare(&arguments.department, &arguments.attestation_type, files).await?;
    printer.lines(&show::preview(&preview, printer));
    if !arguments.yes && !ask::yes(printer.say("确认吗？", "Do you confirm?"))? {
        return Err(Failure::Declined);
    }
    let request = wallet.confirm_declaration(&preview.id).await?;
    printer.result(&request, || show::request(&request, printer));
    Ok(())
}

/// Shows all own data, or saves one document.
pub(crate) async fn my_data(wallet: &Wallet, check: bool, save: Option<(&str, &Path)>, printer: &Printer) -> Result<(), Failure> {
    if let Some((cid, path)) = save {
        let document = wallet.my_document(cid)?;
        let written = File::create_new(path).and_then(|mut file| file.write_all(&document.bytes));
        written.map_err(|source| Failure::File { path: path.to_owned(), source })?;
        let said = printer.say("已解密保存到 ", "Saved, decrypted, as ");
        let result = serde_json::json!({ "file": path, "media_type": document.media_type });
        printer.result(&result, || vec![format!("{said}{}", path.display())]);
        return Ok(());
    }
    let data = if check { wallet.check_my_data().await? } else { wallet.my_data()? };
    printer.result(&data, || data.departments.iter().flat_map(|one| my_data::department(one, printer)).collect());
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
